package store

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
)

// What differs between the engines is in three files: here the error codes and what both use, in engine_sqlite.go and engine_postgres.go the
// data source, the pool, and how a change becomes durable. Everything else is the same text for both.

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

// maxTries bounds how often a change is run again after a serialization failure.
const maxTries = 30

// retryPause is a random time that grows with the tries, so that those who met do not meet again.
func retryPause(try int) time.Duration {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return time.Duration(binary.NativeEndian.Uint64(b[:]) % uint64(min(try+1, 10)*int(2*time.Millisecond)))
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
