package store

import (
	"time"

	"staffkey"
)

// InUse is a key or a method that comes into use, and what that brings with it whoever does it and why: from then on no password alone
// opens anything for its owner, sessions that were opened with less end, and the owner is told.
type InUse struct {
	Owner staffkey.Person
	// Keep is a session that goes on however weak it is: the owner's own, in which they do it.
	Keep staffkey.SessionID
	// Notice tells the owner, with Args, by e-mail; and at Number, when that is not empty, by text message. Without a notice nobody is told.
	Notice string
	Args   map[string]string
	Number string
}

// arrived does what goes with everything that comes into use.
func (tx *Tx) arrived(u InUse) error {
	if err := tx.exec("UPDATE people SET set_up_at = $1 WHERE id = $2 AND set_up_at IS NULL", tx.Now, u.Owner.ID); err != nil {
		return err
	}
	if err := tx.EndWeakSessions(u.Owner.ID, u.Keep); err != nil {
		return err
	}
	if u.Notice == "" {
		return nil
	}
	if err := tx.InsertNotice(u.Notice, u.Owner, u.Args); err != nil || u.Number == "" {
		return err
	}
	return tx.InsertAlert(u.Notice, u.Owner, u.Number)
}

// NameKey puts a key in use that waits for its nickname. ErrNotFound: it does not wait any more; ErrConflict: the nickname is taken.
func (tx *Tx) NameKey(u InUse, id staffkey.SecurityKeyID, nickname string) error {
	return tx.putKeyInUse(u, id, "nickname = $4, nickname_folded = $5", "state = 'pending'", staffkey.ErrNotFound, staffkey.TidyText(nickname), Fold(nickname))
}

// ResumeKey puts a key back in use that is on hold. ErrNotFound: it is not.
func (tx *Tx) ResumeKey(u InUse, id staffkey.SecurityKeyID) error {
	return tx.putKeyInUse(u, id, "stopped_at = NULL, stop_reason = ''", "state = 'suspended'", staffkey.ErrNotFound)
}

// ResumeTwins puts other entries of a key back in use that was put back in use by u, which tells of all of them.
func (tx *Tx) ResumeTwins(u InUse, twins []staffkey.SecurityKey) error {
	u.Notice = ""
	for _, k := range twins {
		if err := tx.ResumeKey(u, k.ID); err != nil {
			return err
		}
	}
	return nil
}

// RestoreKey undoes the removal, made since an instant, of a key that was in use. ErrExpired: it was earlier, or the key was on hold, which
// [Tx.RestoreStoppedKey] undoes; ErrConflict: another key has the nickname now.
func (tx *Tx) RestoreKey(u InUse, id staffkey.SecurityKeyID, since time.Time) error {
	return tx.putKeyInUse(u, id, "state_before = '', removed_at = NULL", "state = 'removed' AND state_before = 'active' AND removed_at >= $4", staffkey.ErrExpired, instant(since))
}

// putKeyInUse is the one place where a key becomes active.
func (tx *Tx) putKeyInUse(u InUse, id staffkey.SecurityKeyID, set, from string, missing error, args ...any) error {
	err := tx.one(missing, "UPDATE security_keys SET state = $1, "+set+" WHERE id = $2 AND person_id = $3 AND "+from,
		append([]any{staffkey.SecurityKeyActive, id, u.Owner.ID}, args...)...)
	if err != nil {
		return err
	}
	return tx.arrived(u)
}

// PutMethodInUse stores a method that has proved something: a new one, or in the place of what was seen of it before, which turns it on
// again. ErrConflict: somebody was faster.
func (tx *Tx) PutMethodInUse(u InUse, before *staffkey.Enrolment, e staffkey.Enrolment) error {
	if err := tx.PutEnrolment(before, e); err != nil {
		return err
	}
	return tx.arrived(u)
}

// HoldNewKey names a key that waits for its nickname and puts it on hold at once: it has to be reviewed before it is ever in use.
// ErrNotFound and ErrConflict as NameKey.
func (tx *Tx) HoldNewKey(person staffkey.PersonID, id staffkey.SecurityKeyID, nickname string) error {
	return tx.one(staffkey.ErrNotFound, `UPDATE security_keys SET nickname = $1, nickname_folded = $2, state = 'suspended', stopped_at = $3, stop_reason = $4
		WHERE id = $5 AND person_id = $6 AND state = 'pending'`, staffkey.TidyText(nickname), Fold(nickname), tx.Now, staffkey.StopReview, id, person)
}

// RestoreStoppedKey undoes the removal, made since an instant, of a key that was on hold: it is on hold again. ErrExpired and ErrConflict as
// RestoreKey.
func (tx *Tx) RestoreStoppedKey(person staffkey.PersonID, id staffkey.SecurityKeyID, since time.Time) error {
	return tx.one(staffkey.ErrExpired, `UPDATE security_keys SET state = state_before, state_before = '', removed_at = NULL
		WHERE id = $1 AND person_id = $2 AND state = 'removed' AND state_before = 'suspended' AND removed_at >= $3`, id, person, instant(since))
}

// RefuseReviewedKey removes a key that waits for a review, for good. ErrNotFound: it does not wait any more.
func (tx *Tx) RefuseReviewedKey(person staffkey.PersonID, id staffkey.SecurityKeyID) error {
	return tx.one(staffkey.ErrNotFound, `UPDATE security_keys SET state = 'removed', state_before = '', removed_at = $1, stop_reason = $2
		WHERE id = $3 AND person_id = $4 AND state = 'suspended' AND stop_reason = $5`, tx.Now, staffkey.StopRefused, id, person, staffkey.StopReview)
}

// RenameRemovedKey changes the nickname of a removed key, so that it can be restored beside one that took its name.
func (tx *Tx) RenameRemovedKey(person staffkey.PersonID, id staffkey.SecurityKeyID, nickname string) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE security_keys SET nickname = $1, nickname_folded = $2 WHERE id = $3 AND person_id = $4 AND state = $5",
		staffkey.TidyText(nickname), Fold(nickname), id, person, staffkey.SecurityKeyRemoved)
}
