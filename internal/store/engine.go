package store

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"
)

// This file holds what differs between the engines: the data source, the pool, error codes, and how a change becomes
// durable. Everything else is the same text for both.

// minimumSQLite is the first version without the write-ahead log bug that can corrupt a database when a checkpoint
// meets a writer that starts over (fixed in 3.51.3).
const minimumSQLite = "3.51.3"

// Result codes of SQLite (sqlite.org/rescode.html) and SQLSTATEs of PostgreSQL (Appendix A).
const (
	sqliteBusy       = 5
	sqliteLocked     = 6
	sqliteUnique     = 2067
	sqlitePrimaryKey = 1555
	sqliteForeignKey = 787

	pgUnique        = "23505"
	pgForeignKey    = "23503"
	pgSerialization = "40001"
	pgDeadlock      = "40P01"
)

func isUnique(err error) bool {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return e.Code() == sqliteUnique || e.Code() == sqlitePrimaryKey
	}
	return pgCode(err) == pgUnique
}

func isForeignKey(err error) bool {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		return e.Code() == sqliteForeignKey
	}
	return pgCode(err) == pgForeignKey
}

// isRetryable reports that the same transaction may succeed when it is run again.
func isRetryable(err error) bool {
	if e := (*sqlite.Error)(nil); errors.As(err, &e) {
		code := e.Code() & 0xff // extended codes keep the primary code in the low byte
		return code == sqliteBusy || code == sqliteLocked
	}
	code := pgCode(err)
	return code == pgSerialization || code == pgDeadlock
}

func pgCode(err error) string {
	if e := (*pgconn.PgError)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// Rows of one insert. SQLite looks numbered parameters up one by one, so its cost grows with the square of their number;
// PostgreSQL pays per round trip (measured on 100,000 people: 20 rows are 2.6 times as fast as 200 on SQLite, and a tenth
// as fast on PostgreSQL).
const (
	sqliteBatch   = 20
	postgresBatch = 200
)

// defaultReaders is the number of concurrent readers of SQLite.
const defaultReaders = 4

// sqliteEngine has a pool of readers, a few connections for surveys and one writer, all with their statements prepared once per connection.
type sqliteEngine struct {
	pool      *sql.DB
	readers   chan *preparedConn
	surveyors chan *preparedConn // as many as there are surveys at once
	writer    *groupWriter
	conns     []*preparedConn
}

func openSQLite(ctx context.Context, path string, readers int) (engine, error) {
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
			"temp_store(MEMORY)", "cache_size(-2000)", "trusted_schema(OFF)",
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
	e := &sqliteEngine{pool: pool, readers: make(chan *preparedConn, readers), surveyors: make(chan *preparedConn, surveysAtOnce)}
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
	e.writer = newGroupWriter(e.conns[readers+surveysAtOnce])
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
	return e.writer.do(ctx, fn)
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
	if e.writer != nil {
		e.writer.stop()
	}
	var errs []error
	for _, c := range e.conns {
		errs = append(errs, c.conn.Close())
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

func (c *preparedConn) exec(query string, args ...any) (sql.Result, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.ExecContext(context.Background(), args...)
}

func (c *preparedConn) query(query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(context.Background(), args...)
}

func (c *preparedConn) queryRow(query string, args ...any) *sql.Row {
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

func (c boundConn) query(query string, args ...any) (*sql.Rows, error) {
	s, err := c.prepare(query)
	if err != nil {
		return nil, err
	}
	return s.QueryContext(c.ctx, args...)
}

func (c boundConn) queryRow(query string, args ...any) *sql.Row {
	s, err := c.prepare(query)
	if err != nil { // an unprepared query reports the same error through Row
		return c.conn.QueryRowContext(c.ctx, query, args...)
	}
	return s.QueryRowContext(c.ctx, args...)
}

// postgresEngine uses the pool of database/sql over pgx, which prepares each statement once per connection.
type postgresEngine struct{ pool *sql.DB }

func openPostgreSQL(ctx context.Context, dsn string, connections int) (engine, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The driver masks a password only where it can tell what the password is, so its error is not shown.
		return nil, errors.New("the PostgreSQL URL cannot be read (expected postgres://user:password@host:5432/database, with %, # and / of a password written as %25, %23 and %2F)")
	}
	pool := stdlib.OpenDB(*cfg)
	if connections <= 0 {
		connections = 16
	}
	// Surveys come on top, so that however many there are, the others have theirs.
	pool.SetMaxOpenConns(connections + surveysAtOnce)
	pool.SetMaxIdleConns(connections + surveysAtOnce)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pingCtx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := pool.PingContext(pingCtx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return &postgresEngine{pool: pool}, nil
}

func (e *postgresEngine) db() *sql.DB { return e.pool }

func (e *postgresEngine) close() error { return e.pool.Close() }

func (e *postgresEngine) health(ctx context.Context) error { return e.pool.PingContext(ctx) }

func (e *postgresEngine) integrity(ctx context.Context) error { return e.health(ctx) }

func (e *postgresEngine) read(ctx context.Context, fn func(querier) error) error {
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return fn(poolQuerier{ctx: ctx, q: conn})
}

// surveyTimeout ends a statement of a survey on the server. The driver asks the server to end it when its ctx is over, which comes too
// early for one that has hardly begun; then nobody waits for it any more, and this is its end.
const surveyTimeout = 5 * time.Minute

// survey has its turn already. It takes its connection from the pool of all; that no more than a few do leaves the others theirs.
func (e *postgresEngine) survey(ctx context.Context, fn func(querier) error) error {
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // ending a transaction that only read has nothing to lose
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("SET LOCAL statement_timeout = %d", surveyTimeout.Milliseconds())); err != nil {
		return err
	}
	return fn(poolQuerier{ctx: ctx, q: tx})
}

// maxTries bounds how often a change is run again after a serialization failure.
const maxTries = 30

func (e *postgresEngine) change(ctx context.Context, fn func(querier) error) error {
	var err error
	for try := range maxTries {
		if err = e.changeOnce(ctx, fn); !isRetryable(err) {
			return err
		}
		select {
		case <-time.After(retryPause(try)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return fmt.Errorf("given up after %d tries: %w", maxTries, err)
}

// retryPause is a random time that grows with the tries, so that those who met do not meet again.
func retryPause(try int) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return time.Duration(binary.NativeEndian.Uint64(b[:]) % uint64(min(try+1, 10)*int(2*time.Millisecond)))
}

func (e *postgresEngine) changeOnce(ctx context.Context, fn func(querier) error) error {
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer func() { dropReadOnly(e.pool, conn, err) }() // after the transaction has ended
	// The statements end with ctx, the commit does not: broken off on its way, it may have happened and be reported as not.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), &sql.TxOptions{Isolation: sql.LevelSerializable})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing; before, the first error is the one that tells
	err = guarded(fn, poolQuerier{ctx: ctx, q: tx})
	if over := ctx.Err(); over != nil {
		// The driver closes a connection whose statement was broken off; the next statement then tells of the connection only.
		return errors.Join(over, err)
	}
	if err != nil {
		return err
	}
	return tx.Commit()
}

// guarded runs the function of a change and turns a panic into an error: on SQLite it would end the writer of everybody,
// and what one engine survives the other has to survive as well.
func guarded(fn func(querier) error, q querier) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("change panicked: %v", p)
		}
	}()
	return fn(q)
}

type poolQuerier struct {
	ctx context.Context
	q   interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}
}

func (p poolQuerier) exec(query string, args ...any) (sql.Result, error) {
	return p.q.ExecContext(p.ctx, query, args...)
}

func (p poolQuerier) query(query string, args ...any) (*sql.Rows, error) {
	return p.q.QueryContext(p.ctx, query, args...)
}

func (p poolQuerier) queryRow(query string, args ...any) *sql.Row {
	return p.q.QueryRowContext(p.ctx, query, args...)
}

// placeholders writes "($1,$2),($3,$4)" for rows of width columns; the texts are few and kept.
func placeholders(rows, columns int) string {
	key := [2]int{rows, columns}
	if s, ok := placeholderTexts.Load(key); ok {
		return s.(string)
	}
	var b strings.Builder
	for n := range rows * columns {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%columns == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "$%d", n+1)
	}
	b.WriteByte(')')
	placeholderTexts.Store(key, b.String())
	return b.String()
}

var placeholderTexts sync.Map
