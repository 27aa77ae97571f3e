package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// openWithin bounds the wait for the first connection: time for each of some hosts that say nothing.
const openWithin = 15 * time.Second

// postgresEngine uses the pool of database/sql over pgx, which prepares each statement once per connection.
type postgresEngine struct {
	pool    *sql.DB
	changes *groupWriter
}

func openPostgreSQL(ctx context.Context, dsn string, connections int) (engine, error) {
	cfg, err := postgresConfig(dsn)
	if err != nil {
		return nil, err
	}
	pool := stdlib.OpenDB(*cfg)
	if connections <= 0 {
		connections = 16
	}
	// Surveys come on top, so that however many there are, the others have theirs.
	pool.SetMaxOpenConns(connections + surveysAtOnce)
	pool.SetMaxIdleConns(connections + surveysAtOnce)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	e := &postgresEngine{pool: pool}
	openCtx, cancel := context.WithTimeout(ctx, openWithin)
	defer cancel()
	if err := e.fit(openCtx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	e.changes = newGroupWriter(e.commitGroup, groupPatience)
	return e, nil
}

func (e *postgresEngine) writer() *groupWriter { return e.changes }

func (e *postgresEngine) db() *sql.DB { return e.pool }

func (e *postgresEngine) begin(context.Context) error { return nil }

func (e *postgresEngine) close() error {
	e.changes.stop()
	return e.pool.Close()
}

func (e *postgresEngine) health(ctx context.Context) error { return e.pool.PingContext(ctx) }

func (e *postgresEngine) integrity(ctx context.Context) error { return e.health(ctx) }

func (e *postgresEngine) read(ctx context.Context, fn func(querier) error) error {
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return onPgx(conn, func(c *pgx.Conn) error { return fn(&pipeline{ctx: ctx, conn: c}) })
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

func (e *postgresEngine) change(ctx context.Context, fn func(querier) error) error {
	return e.changes.do(ctx, fn)
}

type poolQuerier struct {
	ctx context.Context
	q   interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
		QueryContext(context.Context, string, ...any) (*sql.Rows, error)
		QueryRowContext(context.Context, string, ...any) *sql.Row
	}
}

func (p poolQuerier) exec(query string, args ...any) (int64, error) {
	return touched(p.q.ExecContext(p.ctx, query, args...))
}

func (p poolQuerier) query(query string, args ...any) (cursor, error) {
	return rowsOf(p.q.QueryContext(p.ctx, query, args...))
}

func (p poolQuerier) queryRow(query string, args ...any) scanner {
	return p.q.QueryRowContext(p.ctx, query, args...)
}

func (p poolQuerier) soon(s later) error { return atOnce(p, s) }
