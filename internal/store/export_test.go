package store

import (
	"context"

	"staffkey"
)

// RawEnrolmentState returns the bytes that a row holds, for a test of what a thief of the database would find.
func RawEnrolmentState(tx *Tx, id staffkey.EnrolmentID) (raw []byte, err error) {
	err = tx.q.queryRow("SELECT state FROM enrolments WHERE id = $1", id).Scan(&raw)
	return raw, err
}

// SpoilPayload makes what a row of the outbox holds of its message unreadable.
func SpoilPayload(tx *Tx, id staffkey.OutgoingID) error {
	return tx.exec("UPDATE outbox SET payload = $1 WHERE id = $2", []byte("spoilt"), id)
}

// RawPayload returns what a row of the outbox holds of its message.
func RawPayload(tx *Tx, id staffkey.OutgoingID) (raw []byte, err error) {
	err = tx.q.queryRow("SELECT payload FROM outbox WHERE id = $1", id).Scan(&raw)
	return raw, err
}

// RawLogin returns what the row of a reset request holds of the name that was typed.
func RawLogin(tx *Tx, id string) (raw []byte, err error) {
	err = tx.q.queryRow("SELECT login FROM reset_requests WHERE id = $1", id).Scan(&raw)
	return raw, err
}

// MigrateTo brings the schema to that of an earlier release.
func MigrateTo(ctx context.Context, s *Store, version int64) error {
	p, err := s.migrator()
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return err
}

// Exec runs a statement of an earlier release.
func Exec(tx *Tx, query string, args ...any) error { return tx.exec(query, args...) }

// CountTo has the database count to n, in one statement of one row.
func CountTo(tx *Tx, n int64) (counted int64, err error) {
	err = tx.q.queryRow("WITH RECURSIVE c (n) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT n + 1 FROM c WHERE n < CAST($1 AS BIGINT)) SELECT COUNT(*) FROM c", n).Scan(&counted)
	return counted, err
}

// CountSessions returns how many rows of sessions a person has.
func CountSessions(tx *Tx, person string) (n int, err error) {
	err = tx.q.queryRow("SELECT COUNT(*) FROM sessions WHERE person_id = $1", person).Scan(&n)
	return n, err
}

// ScanRow reads one row as it lies there.
func ScanRow(tx *Tx, query string, into ...any) error { return tx.q.queryRow(query).Scan(into...) }

// ForeignLog looks at the files of a database as Open does first.
func ForeignLog(path string) error { return foreignLog(path) }

// GenerationSteps are the statements by which a start gives a database its generation.
func GenerationSteps(before, next int32) []string { return generationSteps(before, next) }

// Waiting is how many changes wait for their turn.
func Waiting(s *Store) int {
	w := s.engine.writer()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}

// Defaults are what [postgresConfig] adds to a URL.
type Defaults struct {
	ConnectTimeout string
	OnlyPrimary    bool
}

// DefaultsOf reads a URL as Open does.
func DefaultsOf(dsn string) (Defaults, error) {
	cfg, err := postgresConfig(dsn)
	if err != nil {
		return Defaults{}, err
	}
	return Defaults{cfg.ConnectTimeout.String(), cfg.ValidateConnect != nil}, nil
}
