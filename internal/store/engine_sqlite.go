package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"
)

// minimumSQLite is the first version without the write-ahead log bug that can corrupt a database when a checkpoint
// meets a writer that starts over (fixed in 3.51.3).
const minimumSQLite = "3.51.3"

// defaultReaders is the number of concurrent readers of SQLite.
const defaultReaders = 4

// sqliteEngine has a pool of readers, a few connections for surveys and one writer, all with their statements prepared once per connection.
type sqliteEngine struct {
	pool      *sql.DB
	readers   chan *preparedConn
	surveyors chan *preparedConn // as many as there are surveys at once
	changes   *groupWriter
	conns     []*preparedConn
	first     bool // nobody else had it open
}

func openSQLite(ctx context.Context, path string, readers int) (engine, error) {
	if err := foreignLog(path); err != nil {
		return nil, err
	}
	log, err := os.Stat(path + "-wal")
	first := err != nil || log.Size() == 0
	// A file that cannot be created gives SQLite's "unable to open database file"; the system says why.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	// No mmap_size: after each commit every reader would unmap and map the file anew, which cost a seventh of a sign-in, and
	// a failing disk would end the process by a signal instead of an error.
	query := url.Values{
		"_pragma": {
			"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)",
			"temp_store(MEMORY)", "cache_size(-1000)", "trusted_schema(OFF)",
			"wal_autocheckpoint(2000)",
		},
		"_txlock": {"immediate"}, "_time_format": {"sqlite"},
	}
	pool, err := sql.Open("sqlite", "file:"+escapePath(path)+"?"+query.Encode())
	if err != nil {
		return nil, err
	}
	if readers <= 0 {
		readers = defaultReaders
	}
	e := &sqliteEngine{pool: pool, readers: make(chan *preparedConn, readers), surveyors: make(chan *preparedConn, surveysAtOnce), first: first}
	for i := range readers + surveysAtOnce + 1 {
		conn, err := connect(ctx, pool)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), e.close())
		}
		c := &preparedConn{conn: conn, stmts: make(map[string]*sql.Stmt)}
		e.conns = append(e.conns, c)
		switch {
		case i < readers:
			e.readers <- c
		case i < readers+surveysAtOnce:
			e.surveyors <- c
		}
	}
	var version string
	if err := e.conns[0].queryRow("SELECT sqlite_version()").Scan(&version); err != nil {
		return nil, errors.Join(err, e.close())
	}
	if versionLess(version, minimumSQLite) {
		return nil, errors.Join(fmt.Errorf("SQLite %s can corrupt its write-ahead log; %s or later is needed", version, minimumSQLite), e.close())
	}
	e.changes = newGroupWriter(sqliteGroups{e.conns[readers+surveysAtOnce]}.commit, 0)
	return e, nil
}

// connect opens a connection. Those that are the first of a new database turn its write-ahead log on, and SQLite does not wait there for
// somebody who does the same (it answers SQLITE_BUSY at once, whatever the busy_timeout): they try again.
func connect(ctx context.Context, pool *sql.DB) (*sql.Conn, error) {
	for try := 0; ; try++ {
		conn, err := pool.Conn(ctx)
		if err == nil || !isRetryable(err) || try == maxTries {
			return conn, err
		}
		select {
		case <-time.After(retryPause(try)):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// escapePath keeps ? # and % of a file name out of the URI that SQLite reads.
func escapePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

func versionLess(a, b string) bool {
	var x, y [3]int
	_, _ = fmt.Sscanf(a, "%d.%d.%d", &x[0], &x[1], &x[2])
	_, _ = fmt.Sscanf(b, "%d.%d.%d", &y[0], &y[1], &y[2])
	for i := range x {
		if x[i] != y[i] {
			return x[i] < y[i]
		}
	}
	return false
}

func (e *sqliteEngine) writer() *groupWriter { return e.changes }

func (e *sqliteEngine) db() *sql.DB { return e.pool }

func (e *sqliteEngine) read(ctx context.Context, fn func(querier) error) error {
	if err := ctx.Err(); err != nil { // as the other engine does; select would choose either
		return err
	}
	var c *preparedConn
	select {
	case c = <-e.readers:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { e.readers <- c }()
	return c.look(func() error { return fn(c) })
}

// survey has its turn already, so there is a connection.
func (e *sqliteEngine) survey(ctx context.Context, fn func(querier) error) error {
	c := <-e.surveyors
	defer func() { e.surveyors <- c }()
	return c.look(func() error { return fn(boundConn{c, ctx}) })
}

func (e *sqliteEngine) change(ctx context.Context, fn func(querier) error) error {
	return e.changes.do(ctx, fn)
}

func (e *sqliteEngine) health(ctx context.Context) error {
	return e.read(ctx, func(q querier) error {
		var n int
		return q.queryRow("SELECT COUNT(*) FROM installation").Scan(&n)
	})
}

func (e *sqliteEngine) integrity(ctx context.Context) error {
	return e.survey(ctx, func(q querier) error {
		var damage []string
		// One row "ok", or one row for each thing that is wrong (sqlite.org/pragma.html#pragma_integrity_check).
		rows, err := q.query("PRAGMA integrity_check")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var line string
			if err := rows.Scan(&line); err != nil {
				return err
			}
			if line != "ok" {
				damage = append(damage, line)
			}
		}
		if err := rows.Err(); err != nil || len(damage) == 0 {
			return err
		}
		return fmt.Errorf("the database is damaged: %s", strings.Join(damage, "; "))
	})
}

func (e *sqliteEngine) close() error {
	if e.changes != nil {
		e.changes.stop()
	}
	var errs []error
	for _, c := range e.conns {
		errs = append(errs, c.close())
	}
	return errors.Join(append(errs, e.pool.Close())...)
}

// preparedConn is one connection whose statements are prepared once. Statements run without the caller's context: an
// interrupted statement would take down the whole group of changes, and each takes microseconds. Those of surveys take
// seconds; see [boundConn].
type preparedConn struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// close finalizes the statements first. SQLite keeps a connection alive that has some, so the last one would never end, and with it the
// write-ahead log would stay: a database whose data is in staffkey.db-wal, which a copy of staffkey.db does not have (sqlite.org/c3ref/close.html).
func (c *preparedConn) close() error {
	var errs []error
	for _, s := range c.stmts {
		errs = append(errs, s.Close())
	}
	clear(c.stmts)
	return errors.Join(append(errs, c.conn.Close())...)
}

func (c *preparedConn) prepare(query string) (*sql.Stmt, error) {
	if s, ok := c.stmts[query]; ok {
		return s, nil
	}
	s, err := c.conn.PrepareContext(context.Background(), query)
	if err == nil {
		c.stmts[query] = s
	}
	return s, err
}

func (c *preparedConn) exec(query string, args ...any) (int64, error) {
	s, err := c.prepare(query)
	if err != nil {
		return 0, err
	}
	return touched(s.ExecContext(context.Background(), args...))
}

func (c *preparedConn) query(query string, args ...any) (cursor, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return rowsOf(s.QueryContext(context.Background(), args...))
}

func (c *preparedConn) queryRow(query string, args ...any) scanner {
	s, err := c.prepare(query)
	if err != nil { // an unprepared query reports the same error through Row
		return c.conn.QueryRowContext(context.Background(), query, args...)
	}
	return s.QueryRowContext(context.Background(), args...)
}

// look runs fn in a transaction that only reads.
func (c *preparedConn) look(fn func() error) error {
	if _, err := c.exec("BEGIN DEFERRED"); err != nil {
		return err
	}
	// Ended in a defer, so that a panic in fn cannot hand the next reader a transaction that is still open.
	defer c.exec("COMMIT") //nolint:errcheck // ending a transaction that only read has nothing to lose
	return fn()
}

// boundConn runs statements that end with a context: the driver interrupts the one that runs (sqlite.org/c3ref/interrupt.html). It does so
// until the first row, which in a statement that sorts or groups is all the work; between rows [Tx.rows] looks. An interrupted statement
// takes back nothing in a transaction that only reads, and both it and the connection are as good as before.
type boundConn struct {
	*preparedConn
	ctx context.Context
}

func (c boundConn) query(query string, args ...any) (cursor, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return rowsOf(s.QueryContext(c.ctx, args...))
}

func (c boundConn) queryRow(query string, args ...any) scanner {
	s, err := c.prepare(query)
	if err != nil { // an unprepared query reports the same error through Row
		return c.conn.QueryRowContext(c.ctx, query, args...)
	}
	return s.QueryRowContext(c.ctx, args...)
}

// soon runs a statement at once: it takes no round trip.
func (c *preparedConn) soon(s later) error { return atOnce(c, s) }
