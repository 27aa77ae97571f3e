package store

import (
	"database/sql"
	"errors"
	"time"
)

// Throttle is how often something was tried in vain.
type Throttle struct {
	Failures     int
	BlockedUntil time.Time
	// ForgetAt is when the failures are forgotten; for a counter of [Tx.CountWithin], when it starts over.
	ForgetAt time.Time
}

// longestBlock is longer than anything is kept from being tried. Whatever lasts longer was written by a clock that was wrong, and is nobody's
// fault: it must not last as long as the clock was wrong.
const longestBlock = 25 * time.Hour

// FindThrottle returns the failed tries on a subject; none when it is not known or long ago.
func (tx *Tx) FindThrottle(subject string) (Throttle, error) {
	var t Throttle
	err := tx.q.queryRow("SELECT failures, blocked_until, forget_at FROM throttles WHERE subject = $1 AND forget_at > $2", subject, tx.Now).
		Scan(&t.Failures, &t.BlockedUntil, &t.ForgetAt)
	if errors.Is(err, sql.ErrNoRows) {
		return Throttle{}, nil
	}
	t.BlockedUntil, t.ForgetAt = t.BlockedUntil.UTC(), t.ForgetAt.UTC()
	if t.BlockedUntil.After(tx.Now.Add(longestBlock)) {
		t.BlockedUntil = time.Time{}
	}
	return t, err
}

// CountFailure adds a failed try on a subject and returns how many there are; an old record starts over.
func (tx *Tx) CountFailure(subject string, forgetAt time.Time) (int, error) {
	var n int
	err := tx.q.queryRow(`INSERT INTO throttles (subject, failures, blocked_until, forget_at) VALUES ($1, 1, $2, $3)
		ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN throttles.forget_at > $2 THEN throttles.failures + 1 ELSE 1 END, forget_at = $3
		RETURNING failures`, subject, tx.Now, instant(forgetAt)).Scan(&n)
	return n, err
}

// BlockUntil keeps a subject from being tried before an instant; its failures are remembered at least that long.
func (tx *Tx) BlockUntil(subject string, until time.Time) error {
	return tx.exec(`UPDATE throttles SET blocked_until = $1, forget_at = CASE WHEN forget_at < $1 THEN $1 ELSE forget_at END
		WHERE subject = $2`, instant(until), subject)
}

// ReturnTry takes back a try that CountFailure counted and that never happened, with the block that it brought.
func (tx *Tx) ReturnTry(subject string) error {
	return tx.exec("UPDATE throttles SET failures = failures - 1, blocked_until = $1 WHERE subject = $2 AND failures > 0", tx.Now, subject)
}

// UndoTry takes back a try that CountFailure counted as the nth, as if it had never been; if others came after it, their blocks stay.
func (tx *Tx) UndoTry(subject string, n int, before Throttle) error {
	return tx.exec(`UPDATE throttles SET failures = failures - 1, blocked_until = CASE WHEN failures = $1 THEN $2 ELSE blocked_until END,
		forget_at = CASE WHEN failures = $1 THEN $3 ELSE forget_at END WHERE subject = $4 AND failures > 0`,
		n, instant(before.BlockedUntil), instant(before.ForgetAt), subject)
}

// ForgetFailures clears a subject after a success.
func (tx *Tx) ForgetFailures(subject string) error {
	return tx.exec("DELETE FROM throttles WHERE subject = $1", subject)
}

// TakeBack clears a subject and reports whether there was anything to clear.
func (tx *Tx) TakeBack(subject string) (bool, error) {
	n, err := tx.affected("DELETE FROM throttles WHERE subject = $1 AND forget_at > $2", subject, tx.Now)
	return n == 1, err
}

// CountWithin adds one to a counter and reports whether it was still below its limit; at the limit nothing is added. The first
// one says when the counter starts over; one that starts over much later (farOf) was begun by a clock that was wrong, and is not counted.
func (tx *Tx) CountWithin(subject string, limit int, forgetAt time.Time) (bool, error) {
	if limit <= 0 {
		return false, nil
	}
	n, err := tx.affected(`INSERT INTO throttles (subject, failures, blocked_until, forget_at) VALUES ($1, 1, $2, $3)
		ON CONFLICT (subject) DO UPDATE SET failures = CASE WHEN throttles.forget_at > $2 AND throttles.forget_at <= $5 THEN throttles.failures + 1 ELSE 1 END,
			forget_at = CASE WHEN throttles.forget_at > $2 AND throttles.forget_at <= $5 THEN throttles.forget_at ELSE $3 END
		WHERE throttles.failures < $4 OR throttles.forget_at <= $2 OR throttles.forget_at > $5`, subject, tx.Now, instant(forgetAt), limit, instant(farOf(tx.Now, forgetAt)))
	return n == 1, err
}

// farOf is twice as far away as an instant, and at least a day more: no counter of the same kind starts over later.
func farOf(now, at time.Time) time.Time {
	return at.Add(at.Sub(now)).Add(24 * time.Hour)
}

// FindCount returns a counter of CountWithin.
func (tx *Tx) FindCount(subject string) (int, error) {
	t, err := tx.FindThrottle(subject)
	return t.Failures, err
}
