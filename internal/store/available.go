package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"staffkey"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// Result codes of SQLite that say that the database cannot be used now, whatever is asked of it.
const (
	sqliteReadOnly = 8
	sqliteIOError  = 10
	sqliteFull     = 13
	sqliteCantOpen = 14
)

// pgReadOnly is the SQLSTATE of a change on a server that takes none, as one that follows another does after a failover.
const pgReadOnly = "25006"

// isUnavailable reports an error that says nothing about what was asked: the database does not answer, has no room, or takes no changes.
func isUnavailable(err error) bool {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		switch e.Code() & 0xff { // extended codes keep the primary code in the low byte
		case sqliteBusy, sqliteLocked, sqliteReadOnly, sqliteIOError, sqliteFull, sqliteCantOpen:
			return true
		}
		return false
	}
	if code := pgCode(err); code != "" {
		// Classes 08 connection exception, 53 insufficient resources, 57P operator intervention such as a shutdown, 58 system error.
		return follows(err) || isRetryable(err) || strings.HasPrefix(code, "08") || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "57P") ||
			strings.HasPrefix(code, "58")
	}
	var connecting *pgconn.ConnectError
	var network *net.OpError
	return errors.As(err, &connecting) || errors.As(err, &network) || pgconn.SafeToRetry(err) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, errClosed)
}

// takesNoChanges reports an error that the next change would meet too, whatever it is: no room, or no right to write. Others are told by
// asking, for a connection may break without a word about the rest.
func takesNoChanges(err error) bool {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return isUnavailable(err) && !isRetryable(err)
	}
	code := pgCode(err)
	return follows(err) || strings.HasPrefix(code, "53") || strings.HasPrefix(code, "58")
}

// dropReadOnly closes a connection whose server takes no changes any more, has ended it or does not answer, and those that wait beside it: after
// a failover they all lead to a server that follows or is gone, and new ones to the one that leads.
func dropReadOnly(pool *sql.DB, conn *sql.Conn, err error) {
	code := pgCode(err)
	if err == nil || !follows(err) && !strings.HasPrefix(code, "57P") && (code != "" || !errors.Is(err, context.DeadlineExceeded) && !isUnavailable(err)) {
		return
	}
	dropIdle(pool)
	_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // says so, and closes it
}

// dropIdle closes the connections that nobody uses at the moment.
func dropIdle(pool *sql.DB) {
	most := pool.Stats().MaxOpenConnections
	pool.SetMaxIdleConns(0)
	pool.SetMaxIdleConns(most)
}

// answerWithin bounds what somebody waits for from PostgreSQL: a server that is frozen or cut off says nothing at all. SQLite has limits of its own,
// and nobody in between. Whoever gives a deadline that is further away than longWork means it: what they do takes long.
const (
	answerWithin = 8 * time.Second
	longWork     = time.Minute
)

// commitWithin bounds the wait for the answer to a commit, which is not broken off with its request.
const commitWithin = 8 * time.Second

// isLost reports an error of a commit after which nobody knows whether it happened. The server says what it has not done by a SQLSTATE; without
// one, and when it was shut down meanwhile (its change may be on its disk then, and not on that of the server that follows), the answer is lost.
func isLost(err error) bool {
	code := pgCode(err)
	return err != nil && (code == "" || strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08")) && !pgconn.SafeToRetry(err)
}

// probeEvery is how often at most a database that takes changes is asked whether it still does.
const probeEvery = 10 * time.Second

// watchedEngine marks what an unavailable database answers as [staffkey.ErrUnavailable], and knows whether it takes changes.
type watchedEngine struct {
	engine
	now func() time.Time
	// patience is how long a call without a deadline waits; 0 is for ever.
	patience time.Duration

	mu       sync.Mutex
	problem  error     // why it takes no changes, as far as is known
	probedAt time.Time // of the latest change that told one or the other
	probing  chan struct{}
	turn     int
}

func watch(e engine, now func() time.Time, patience time.Duration) *watchedEngine {
	return &watchedEngine{engine: e, now: now, patience: patience}
}

// bounded gives a ctx the deadline of a call.
func (w *watchedEngine) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); w.patience <= 0 || ok && time.Until(deadline) > longWork {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, w.patience)
}

func (w *watchedEngine) read(ctx context.Context, fn func(querier) error) error {
	limited, cancel := w.bounded(ctx)
	defer cancel()
	err := marked(ctx, w.engine.read(limited, fn))
	if w.patience > 0 && errors.Is(err, staffkey.ErrUnavailable) {
		dropIdle(w.engine.db())
	}
	return err
}

func (w *watchedEngine) survey(ctx context.Context, fn func(querier) error) error {
	return marked(ctx, w.engine.survey(ctx, fn))
}

func (w *watchedEngine) change(ctx context.Context, fn func(querier) error) error {
	limited, cancel := w.bounded(ctx)
	defer cancel()
	err := marked(ctx, w.engine.change(limited, fn))
	if errors.Is(err, staffkey.ErrUnavailable) && takesNoChanges(err) {
		w.note(err)
	}
	return err
}

// marked gives an error its kind. When the caller has gone, that is the reason; when the time is over, it is the database.
func marked(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, staffkey.ErrUnavailable), errors.Is(ctx.Err(), context.Canceled):
		return err
	case isPooled(err):
		return fmt.Errorf("%w: %w", ErrPooled, err)
	case isUnavailable(err), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", staffkey.ErrUnavailable, err)
	}
	return err
}

func (w *watchedEngine) note(problem error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.problem, w.probedAt = problem, w.now()
}

// health reports whether the database answers and takes changes. A change that fails for want of room or of the right to write tells that at
// once; otherwise one is tried now and then.
func (w *watchedEngine) health(ctx context.Context) error {
	if err := marked(ctx, w.engine.health(ctx)); err != nil {
		return err
	}
	w.mu.Lock()
	if w.now().Sub(w.probedAt) < probeEvery {
		defer w.mu.Unlock()
		return w.problem
	}
	done := w.probing
	if done == nil {
		done = make(chan struct{})
		w.probing = done
		go w.probe(context.WithoutCancel(ctx), done)
	}
	w.mu.Unlock()
	select {
	case <-done:
	case <-ctx.Done(): // it goes on: a change that waits for the disk cannot be broken off
		return fmt.Errorf("%w: a change is not finished in time: %w", staffkey.ErrUnavailable, ctx.Err())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.problem
}

// probeSize is more than a page of either database holds, so that the probe needs room as a sign-in does.
const probeSize = 16 << 10

// probe makes a change that needs room. The row before goes only afterwards, so that its room is not used again.
func (w *watchedEngine) probe(ctx context.Context, done chan struct{}) {
	value := make([]byte, probeSize)
	_, _ = rand.Read(value) // never fails; noise, so that nobody compresses it
	w.mu.Lock()
	w.turn = 1 - w.turn
	name, before := fmt.Sprintf("write_probe/%d", w.turn), fmt.Sprintf("write_probe/%d", 1-w.turn)
	w.mu.Unlock()
	limited, cancel := w.bounded(ctx)
	defer cancel()
	err := marked(ctx, w.engine.change(limited, func(q querier) error {
		if _, err := q.exec("INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2", name, value); err != nil {
			return err
		}
		_, err := q.exec("DELETE FROM installation WHERE name = $1", before)
		return err
	}))
	w.mu.Lock()
	w.problem, w.probing = err, nil
	if err == nil || errors.Is(err, staffkey.ErrUnavailable) { // of anything else, nothing is known
		w.probedAt = w.now()
	}
	w.mu.Unlock()
	close(done)
}
