package directory

import (
	"context"
	"fmt"

	"staffkey"
	"staffkey/internal/store"
)

// KeysOf returns the keys on the list of somebody whom the actor sees, oldest first, with what their attestation says of them: serial
// number, firmware, and how far that can be believed (F81). ErrNotFound: there is no such person, or not for this actor.
func (d *Directory) KeysOf(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID) ([]staffkey.SecurityKey, error) {
	var keys []staffkey.SecurityKey
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		if err := hideUnlessSeen(tx, may, p); err != nil {
			return err
		}
		keys, err = tx.ListSecurityKeys(person, inUse...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("keys of a person: %w", err)
	}
	return keys, nil
}
