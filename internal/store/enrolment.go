package store

import (
	"database/sql"
	"errors"
	"time"

	"staffkey"
)

const enrolmentColumns = "id, person_id, method, state, version, created_at, last_used_at, failures, disabled_at, changed_at, lineage"

// InsertEnrolment stores a method that a person has set up, with its state sealed. A second one of the same kind is
// ErrConflict.
func (tx *Tx) InsertEnrolment(e staffkey.Enrolment) error {
	sealed, err := tx.sealer.Seal("enrolments/"+string(e.ID), e.State)
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO enrolments (id, person_id, method, state, version, created_at, last_used_at, changed_at, lineage) VALUES "+placeholders(1, 9),
		e.ID, e.Person, e.Method, sealed, 1, instant(e.CreatedAt), nullTime(e.LastUsedAt), tx.Now, e.Lineage.String())
}

// UseEnrolment replaces the state that was verified with what its right answer makes of it, and forgets the wrong answers before.
// ErrConflict says that somebody was faster: look again, and do not count the answer twice.
func (tx *Tx) UseEnrolment(e staffkey.Enrolment, state []byte) error {
	return tx.replaceState(e, state, "last_used_at = $3, failures = 0, own_failures = 0 WHERE disabled_at IS NULL AND", tx.Now)
}

// NoteEnrolment replaces the state that was seen by another that proves nothing yet: a code that is being sent. ErrConflict as
// UseEnrolment.
func (tx *Tx) NoteEnrolment(e staffkey.Enrolment, state []byte) error {
	return tx.replaceState(e, state, "last_used_at = $3 WHERE", nullTime(e.LastUsedAt))
}

// RenewEnrolment replaces the state that was seen because the method was set up anew: it is switched on again. ErrConflict as
// UseEnrolment.
func (tx *Tx) RenewEnrolment(e staffkey.Enrolment, state []byte, lineage staffkey.Lineage) error {
	return tx.replaceState(e, state, "changed_at = $3, failures = 0, own_failures = 0, disabled_at = NULL, lineage = $5 WHERE", tx.Now, lineage.String())
}

// PutEnrolment stores the state of a method, in the place of what was seen of it before, if anything was. ErrConflict: somebody was
// faster.
func (tx *Tx) PutEnrolment(before *staffkey.Enrolment, e staffkey.Enrolment) error {
	if before != nil {
		return tx.RenewEnrolment(*before, e.State, e.Lineage)
	}
	e.ID, e.CreatedAt = NewID[staffkey.EnrolmentID](), tx.Now
	return tx.InsertEnrolment(e)
}

func (tx *Tx) replaceState(e staffkey.Enrolment, state []byte, rest string, arg any, more ...any) error {
	sealed, err := tx.sealer.Seal("enrolments/"+string(e.ID), state)
	if err != nil {
		return err
	}
	return tx.one(staffkey.ErrConflict, "UPDATE enrolments SET state = $1, version = version + 1, "+rest+" id = $2 AND version = $4", append([]any{sealed, e.ID, arg, e.Version}, more...)...)
}

// CountedAnswers are the wrong answers in a row to a method, with the one that was just counted.
type CountedAnswers struct {
	// There is false when the person has no such method: nothing was counted.
	There bool
	// Strangers were given where anybody can, Own in places of the person's own.
	Strangers, Own int
	// HasKey says that the person has a key in use, and so may have places of their own.
	HasKey bool
	// Off says that the method was switched off before.
	Off bool
}

// CountAnswer counts an answer to a method before it is looked at, so that of many at once none goes uncounted; a right one forgets
// the count. What the count means is for the caller to say, in the same change.
func (tx *Tx) CountAnswer(person staffkey.PersonID, method staffkey.MethodKind, own bool) (CountedAnswers, error) {
	column := failuresColumn(own)
	c := CountedAnswers{There: true}
	err := tx.q.queryRow("UPDATE enrolments SET "+column+" = "+column+` + 1 WHERE person_id = $1 AND method = $2
		RETURNING failures, own_failures, disabled_at IS NOT NULL,
			EXISTS (SELECT 1 FROM security_keys k WHERE k.person_id = enrolments.person_id AND k.state = $3)`, person, method, staffkey.SecurityKeyActive).
		Scan(&c.Strangers, &c.Own, &c.Off, &c.HasKey)
	if errors.Is(err, sql.ErrNoRows) {
		return CountedAnswers{}, nil
	}
	return c, err
}

func failuresColumn(own bool) string {
	if own {
		return "own_failures"
	}
	return "failures"
}

// SwitchOff switches a method off after too many wrong answers, until it is set up anew.
func (tx *Tx) SwitchOff(person staffkey.PersonID, method staffkey.MethodKind) error {
	return tx.exec("UPDATE enrolments SET disabled_at = $1 WHERE person_id = $2 AND method = $3 AND disabled_at IS NULL", tx.Now, person, method)
}

// ForgiveAnswers forgets the wrong answers before a right one.
func (tx *Tx) ForgiveAnswers(person staffkey.PersonID, method staffkey.MethodKind) error {
	return tx.exec(`UPDATE enrolments SET failures = 0, own_failures = 0
		WHERE person_id = $1 AND method = $2 AND disabled_at IS NULL AND (failures > 0 OR own_failures > 0)`, person, method)
}

// ReturnAnswer takes back an answer that CountAnswer counted and that was not looked at.
func (tx *Tx) ReturnAnswer(person staffkey.PersonID, method staffkey.MethodKind, own bool) error {
	column := failuresColumn(own)
	return tx.exec("UPDATE enrolments SET "+column+" = "+column+" - 1 WHERE person_id = $1 AND method = $2 AND disabled_at IS NULL AND "+column+" > 0", person, method)
}

// DisableEnrolment switches a method off until it is set up anew; nothing happens when it is not there.
func (tx *Tx) DisableEnrolment(person staffkey.PersonID, method staffkey.MethodKind) error {
	return tx.exec("UPDATE enrolments SET failures = $1, disabled_at = $2, version = version + 1 WHERE person_id = $3 AND method = $4", staffkey.MaxFailures+1, tx.Now, person, method)
}

// DeleteEnrolment removes a method that a person has set up, or returns ErrNotFound.
func (tx *Tx) DeleteEnrolment(person staffkey.PersonID, method staffkey.MethodKind) error {
	return tx.one(staffkey.ErrNotFound, "DELETE FROM enrolments WHERE person_id = $1 AND method = $2", person, method)
}

// DeleteEnrolmentsChangedSince removes what a person has set up or changed since an instant, except one method, and returns how
// many there were.
func (tx *Tx) DeleteEnrolmentsChangedSince(person staffkey.PersonID, since time.Time, except staffkey.MethodKind) (int64, error) {
	return tx.affected("DELETE FROM enrolments WHERE person_id = $1 AND changed_at >= $2 AND method <> $3", person, instant(since), except)
}

// ListEnrolments returns the methods that a person has set up, with their states opened.
func (tx *Tx) ListEnrolments(person staffkey.PersonID) ([]staffkey.Enrolment, error) {
	var list []staffkey.Enrolment
	err := tx.rows(func(r scanner) error {
		e, err := tx.scanEnrolment(r)
		list = append(list, e)
		return err
	}, "SELECT "+enrolmentColumns+" FROM enrolments WHERE person_id = $1 ORDER BY method", person)
	return list, err
}

// FindEnrolment returns the method of that kind that a person has set up.
func (tx *Tx) FindEnrolment(person staffkey.PersonID, method staffkey.MethodKind) (staffkey.Enrolment, error) {
	return tx.scanEnrolment(tx.q.queryRow("SELECT "+enrolmentColumns+" FROM enrolments WHERE person_id = $1 AND method = $2", person, method))
}

func (tx *Tx) scanEnrolment(row scanner) (staffkey.Enrolment, error) {
	var e staffkey.Enrolment
	var sealed []byte
	var last, disabled, changed sql.NullTime
	var lineage string
	if err := row.Scan(&e.ID, &e.Person, &e.Method, &sealed, &e.Version, &e.CreatedAt, &last, &e.Failures, &disabled, &changed, &lineage); err != nil {
		return e, found(err)
	}
	e.CreatedAt, e.LastUsedAt, e.DisabledAt, e.ChangedAt = e.CreatedAt.UTC(), utc(last), utc(disabled), utc(changed)
	e.Lineage = staffkey.ParseLineage(lineage)
	var err error
	e.State, err = tx.sealer.Open("enrolments/"+string(e.ID), sealed)
	return e, err
}
