package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"staffkey"

	"github.com/jackc/pgx/v5"
)

// groupLimit bounds the statements of a group: they belong to several requests, so they end with none of them.
const groupLimit = answerWithin

// groupPatience is how long a group may take on PostgreSQL before the next begins on a connection of its own: many times what a commit takes, also on a
// slow disk, so that in normal times there is one transaction of this node at a time and nothing for it to be in conflict with. What takes longer (many
// rows, a lock of another node) then has nobody else wait behind it.
const groupPatience = 250 * time.Millisecond

// beginChange begins a transaction of changes.
const beginChange = "BEGIN ISOLATION LEVEL SERIALIZABLE"

// commitGroup makes a group of changes and sets the error of each. As on SQLite they run in one transaction without savepoints, and again
// in savepoints when one of them fails. What another node's transaction was in conflict with runs again as well.
func (e *postgresEngine) commitGroup(group []*groupedChange) {
	ctx, alone := group[0].ctx, len(group) == 1
	if !alone {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), groupLimit)
		defer cancel()
	}
	savepoints := false
	var err error
	for try := 0; try < maxTries; {
		for _, c := range group {
			c.err = nil
		}
		err = e.transact(ctx, group, savepoints)
		switch {
		case err == nil:
			return
		case errors.Is(err, errAgain) && !savepoints:
			savepoints = true
			continue
		case !isRetryable(err):
			failAll(group, err)
			return
		}
		e.changes.runAgain.Add(1)
		select {
		case <-time.After(retryPause(try)):
		case <-ctx.Done():
			failAll(group, ctx.Err())
			return
		}
		try++
	}
	failAll(group, fmt.Errorf("given up after %d tries: %w", maxTries, err))
}

// transact runs a group in one transaction. An error is one of the whole group, of which nothing was made, or, of a commit whose answer is lost, it
// is not known: errAgain asks to run it in savepoints.
func (e *postgresEngine) transact(ctx context.Context, group []*groupedChange, savepoints bool) error {
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var cause error
	defer func() { dropReadOnly(e.pool, conn, cause) }() // after the transaction has ended
	return onPgx(conn, func(c *pgx.Conn) error {
		p := &pipeline{ctx: ctx, conn: c}
		defer func() {
			p.rollback()
			cause = p.cause
		}()
		p.later(beginChange)
		run, kept := p.plain, 0
		if savepoints {
			run = p.inSavepoint
		}
		for _, change := range group {
			if change.err = change.ctx.Err(); change.err != nil {
				continue
			}
			change.err = run(change)
			switch {
			case change.err == nil:
				kept++
			case p.over():
				return change.err
			case !savepoints && len(group) > 1:
				return errAgain
			}
		}
		if kept == 0 {
			return nil
		}
		err := p.commit()
		switch {
		case err == nil || p.over() || savepoints || errors.Is(err, staffkey.ErrUnknownOutcome):
			return err
		case len(group) > 1:
			return errAgain
		}
		group[0].err = err
		return nil
	})
}

// plain runs one change of a group, without a savepoint.
func (p *pipeline) plain(c *groupedChange) error {
	p.by = c
	err := p.told(guarded(c.fn, p))
	if over := p.ctx.Err(); over != nil {
		// The driver closes a connection whose statement was broken off; the next statement then tells of the connection only.
		return errors.Join(over, err)
	}
	return err
}

// inSavepoint runs one change in a savepoint, so that its failure takes back its own statements only.
func (p *pipeline) inSavepoint(c *groupedChange) error {
	p.by = nil
	p.later("SAVEPOINT change_")
	if err := p.settle(); err != nil {
		return err
	}
	p.by = c
	err := p.told(guarded(c.fn, p))
	if err == nil {
		err = p.settle()
	}
	if err != nil {
		if p.over() {
			return err
		}
		p.by, p.failure, p.failedBy, p.pending = nil, nil, nil, p.pending[:0]
		if _, undo := p.exec("ROLLBACK TO SAVEPOINT change_"); undo != nil {
			return errors.Join(err, undo)
		}
	}
	p.by = nil
	p.later("RELEASE SAVEPOINT change_")
	return err
}
