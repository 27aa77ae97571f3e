package storetest

import (
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// Move puts a person into a state from whichever they are in, as of now.
func Move(tx *store.Tx, person staffkey.PersonID, to staffkey.PersonState) error {
	seen, err := tx.FindPerson(person)
	if err != nil {
		return err
	}
	next := seen
	next.State, next.FrozenAt = to, time.Time{}
	if to == staffkey.PersonFrozen {
		next.FrozenAt = tx.Now
	}
	return tx.PutPersonState(seen, next)
}
