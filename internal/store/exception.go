package store

import (
	"staffkey"
)

// InsertException stores an exception from policy for one person.
func (tx *Tx) InsertException(e staffkey.Exception) error {
	return tx.exec("INSERT INTO policy_exceptions (id, person_id, reason, owner_id, owner_name, granted_at, expires_at) VALUES "+placeholders(1, 7),
		e.ID, e.Person, staffkey.TidyText(e.Reason), e.Owner, text(e.OwnerName), instant(e.GrantedAt), instant(e.ExpiresAt))
}

// ListExceptions returns the exceptions that count for a person at the transaction's instant.
func (tx *Tx) ListExceptions(person staffkey.PersonID) ([]staffkey.Exception, error) {
	var list []staffkey.Exception
	err := tx.rows(func(r scanner) error {
		var e staffkey.Exception
		err := r.Scan(&e.ID, &e.Person, &e.Reason, &e.Owner, &e.OwnerName, &e.GrantedAt, &e.ExpiresAt)
		e.GrantedAt, e.ExpiresAt = e.GrantedAt.UTC(), e.ExpiresAt.UTC()
		list = append(list, e)
		return err
	}, `SELECT id, person_id, reason, owner_id, owner_name, granted_at, expires_at FROM policy_exceptions
		WHERE person_id = $1 AND expires_at > $2 ORDER BY expires_at DESC, id`, person, tx.Now)
	return list, err
}

// EndExceptions ends a person's exceptions now, and returns how many counted.
func (tx *Tx) EndExceptions(person staffkey.PersonID) (int64, error) {
	return tx.affected("UPDATE policy_exceptions SET expires_at = $1 WHERE person_id = $2 AND expires_at > $1", tx.Now, person)
}
