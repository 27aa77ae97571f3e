package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"staffkey"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// pipeline runs statements on a connection to PostgreSQL in as few round trips as there are answers that somebody waits for. It speaks to the
// driver by batches, which it has for each of its modes, so that a pooler between may be one that keeps no prepared statements. Reads use it
// without a transaction, and then nothing is ever pending.
type pipeline struct {
	ctx     context.Context
	conn    *pgx.Conn
	pending []pendingStatement
	// by is the change that runs.
	by *groupedChange
	// failure is the first failure of a statement, and failedBy the change whose it was; nil is the transaction itself. After one, PostgreSQL
	// takes no more statements.
	failure  error
	failedBy *groupedChange
	// early says that it was a statement that had been pending, of which the change that ran on knew nothing.
	early bool
	// cause is what the database or the driver said, before anybody made something else of it.
	cause error
}

type pendingStatement struct {
	later
	by *groupedChange
	// merged are the statements that it stands for, if they are several.
	merged []pendingStatement
}

// onPgx runs fn on the driver's own connection.
func onPgx(conn *sql.Conn, fn func(*pgx.Conn) error) error {
	return conn.Raw(func(c any) error { return fn(c.(*stdlib.Conn).Conn()) })
}

// later adds a statement of the transaction itself.
func (p *pipeline) later(query string) {
	outcome := func(_ int64, _ scanner, err error) error { return err }
	p.pending = append(p.pending, pendingStatement{later: later{query: query, sure: true, outcome: outcome}})
}

func (p *pipeline) soon(s later) error {
	if p.failure != nil {
		return p.failure
	}
	p.pending = append(p.pending, pendingStatement{later: s, by: p.by})
	return nil
}

// told is the error of the change that has just run, by what its function returned and what became of its statements: what happened first
// counts.
func (p *pipeline) told(err error) error {
	if err != nil && p.failure == nil {
		_ = p.settle() // it sets the failure
	}
	if p.failure != nil && (err == nil || p.early || p.failedBy != p.by || p.over()) {
		return p.failure
	}
	return err
}

// over reports that the transaction failed, and not one of its changes: the same may succeed in another.
func (p *pipeline) over() bool {
	return p.failure != nil && (p.failedBy == nil || isRetryable(p.cause)) || p.conn.IsClosed()
}

// fail notes a failure. Cause is what the database or the driver said, if it did.
func (p *pipeline) fail(by *groupedChange, err, cause error, early bool) error {
	if p.failure == nil {
		p.failure, p.failedBy, p.cause, p.early = err, by, cause, early
	}
	return err
}

// flush runs what is pending, and tells its outcomes, and then a statement whose answer the caller reads.
func (p *pipeline) flush(query string, args []any) (pgx.BatchResults, error) {
	if p.failure != nil {
		return nil, p.failure
	}
	p.pending = together(p.pending)
	batch := &pgx.Batch{}
	for _, s := range p.pending {
		batch.Queue(s.query, s.args...)
	}
	if query != "" {
		batch.Queue(query, args...)
	}
	results := p.conn.SendBatch(p.ctx, batch)
	for _, s := range p.pending {
		cause, err := s.tell(results)
		if err == nil {
			continue
		}
		by := s.by
		if pgCode(cause) == "" && cause != nil && !p.conn.IsClosed() {
			by = p.by // the driver could not send the batch, which it says at the first statement
		}
		_ = p.fail(by, err, cause, true)
		_ = results.Close() // it has failed already
		p.pending = p.pending[:0]
		return nil, err
	}
	p.pending = p.pending[:0]
	return results, nil
}

// together makes one statement of inserts of one row that several changes have waiting. They go where the first of them is: nothing between
// them reads what they write.
func together(pending []pendingStatement) []pendingStatement {
	if len(pending) < 3 { // one change
		return pending
	}
	kept := pending[:0]
	first := make(map[string]int, 2)
	for _, s := range pending {
		if s.rows == "" {
			kept = append(kept, s)
			continue
		}
		at, ok := first[s.rows]
		if !ok || len(kept[at].merged) == maxTogether {
			first[s.rows] = len(kept)
			kept = append(kept, s)
			continue
		}
		into := &kept[at]
		if into.merged == nil {
			into.merged = append(into.merged, *into)
		}
		into.merged = append(into.merged, s)
	}
	for i := range kept {
		kept[i].merge()
	}
	return kept
}

// maxTogether bounds the rows of such a statement, and with it how many texts there are of it: each is prepared on each connection.
const maxTogether = 4

// merge makes the statement one of all rows.
func (s *pendingStatement) merge() {
	n := len(s.merged)
	if n < 2 {
		return
	}
	width := len(s.args)
	args := make([]any, 0, n*width)
	for _, m := range s.merged {
		args = append(args, m.args...)
	}
	merged := s.merged
	s.query, s.args = s.rows+placeholders(n, width)+s.rest, args
	s.outcome = func(inserted int64, _ scanner, err error) error {
		each := int64(1)
		if inserted != int64(n) {
			each = 0 // which of them was not, nobody knows; in savepoints each is alone
		}
		var first error
		for _, m := range merged {
			if told := m.outcome(each, nil, err); told != nil && first == nil {
				first = told
			}
		}
		return first
	}
}

// tell reads what became of a statement. Whatever is made of an error, there is one: it has ended the transaction.
func (s pendingStatement) tell(results pgx.BatchResults) (cause, err error) {
	if s.row {
		row := &rowOnce{rows: queryOf(results)}
		err = s.outcome(0, row, nil)
		cause = row.rows.Err()
	} else {
		var tag pgconn.CommandTag
		tag, cause = results.Exec()
		err = s.outcome(tag.RowsAffected(), nil, cause)
	}
	if err == nil {
		err = cause
	}
	return cause, err
}

func queryOf(results pgx.BatchResults) pgx.Rows {
	rows, _ := results.Query() // its error is that of the rows
	return rows
}

// settle runs what is pending.
func (p *pipeline) settle() error {
	if len(p.pending) == 0 {
		return p.failure
	}
	results, err := p.flush("", nil)
	if err != nil {
		return err
	}
	if err := results.Close(); err != nil {
		return p.fail(nil, err, err, false)
	}
	return nil
}

func (p *pipeline) exec(query string, args ...any) (int64, error) {
	tag, err := p.execTag(query, args)
	return tag.RowsAffected(), err
}

func (p *pipeline) execTag(query string, args []any) (pgconn.CommandTag, error) {
	var tag pgconn.CommandTag
	var err error
	if len(p.pending) == 0 {
		if p.failure != nil {
			return tag, p.failure
		}
		tag, err = p.conn.Exec(p.ctx, query, args...)
	} else {
		results, failed := p.flush(query, args)
		if failed != nil {
			return tag, failed
		}
		tag, err = results.Exec()
		err = errors.Join(err, results.Close())
	}
	if err != nil {
		return tag, p.fail(p.by, err, err, false)
	}
	return tag, nil
}

func (p *pipeline) query(query string, args ...any) (cursor, error) {
	c := &pgxCursor{p: p}
	if len(p.pending) == 0 {
		if p.failure != nil {
			return nil, p.failure
		}
		c.Rows, _ = p.conn.Query(p.ctx, query, args...) // its error is that of the rows
	} else {
		results, err := p.flush(query, args)
		if err != nil {
			return nil, err
		}
		c.Rows, c.results = queryOf(results), results
	}
	return c, nil
}

func (p *pipeline) queryRow(query string, args ...any) scanner {
	c, err := p.query(query, args...)
	return &pgxRow{c, err}
}

// commit makes the changes of the transaction last. Where no outcome can keep it from that, it goes with what is pending.
func (p *pipeline) commit() error {
	for _, s := range p.pending {
		if s.sure {
			continue
		}
		if err := p.settle(); err != nil {
			return err
		}
		break
	}
	if err := p.ctx.Err(); err != nil {
		return p.fail(nil, err, err, false)
	}
	if p.failure != nil {
		return p.failure
	}
	// Broken off on its way, it may have happened and be reported as not: it does not end with the request, and has a limit of its own.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), commitWithin)
	defer cancel()
	p.ctx, p.by = ctx, nil
	tag, err := p.execTag("COMMIT", nil)
	if err != nil && isLost(p.cause) {
		return fmt.Errorf("%w: %w", staffkey.ErrUnknownOutcome, err)
	}
	if err == nil && tag.String() != "COMMIT" {
		err = p.fail(nil, fmt.Errorf("the transaction was not committed: %s", tag), nil, false)
	}
	return err
}

// rollbackLimit bounds the wait for a transaction to be taken back; a connection that does not answer is closed instead.
const rollbackLimit = 2 * time.Second

// rollback takes a transaction back that has not been committed.
func (p *pipeline) rollback() {
	if p.conn.IsClosed() || p.conn.PgConn().TxStatus() == 'I' {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), rollbackLimit)
	defer cancel()
	if _, err := p.conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = p.conn.Close(ctx) // the server takes it back when the connection has gone
	}
}

// pgxCursor is the rows of a statement, at the end of a batch if there are results.
type pgxCursor struct {
	pgx.Rows
	p       *pipeline
	results pgx.BatchResults
}

func (c *pgxCursor) Err() error {
	err := c.Rows.Err()
	if err != nil {
		return c.p.fail(c.p.by, err, err, false)
	}
	return nil
}

func (c *pgxCursor) Close() error {
	c.Rows.Close()
	if c.results != nil {
		_ = c.results.Close() // its error is that of the rows
		c.results = nil
	}
	return c.Err()
}

// pgxRow is the only row of a statement.
type pgxRow struct {
	cursor
	err error
}

func (r *pgxRow) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.cursor.Close()
	row := rowOnce{rows: r.cursor.(*pgxCursor).Rows}
	if err := row.Scan(into...); errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return r.cursor.Close()
}

// rowOnce reads one row of those that a statement returns.
type rowOnce struct{ rows pgx.Rows }

func (r rowOnce) Scan(into ...any) error {
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := r.rows.Scan(into...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
