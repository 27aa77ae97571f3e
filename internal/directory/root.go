package directory

import (
	"context"
	"errors"
	"fmt"

	"staffkey"
	"staffkey/internal/store"
)

// Helpdesk returns the nearest organisation, at or above one, that publishes the number of a helpdesk, which everybody may call; without an
// organisation, the one above all if it does. It is empty when there is none.
func (d *Directory) Helpdesk(ctx context.Context, organisation staffkey.OrganisationID) (staffkey.Organisation, error) {
	var found staffkey.Organisation
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		chain := []staffkey.OrganisationID{}
		if organisation != "" {
			var err error
			if chain, err = tx.ListAncestors(organisation); err != nil {
				return err
			}
		} else {
			root, err := tx.FindRootOrganisation()
			if errors.Is(err, staffkey.ErrNotFound) {
				return nil
			}
			if err != nil {
				return err
			}
			chain = append(chain, root.ID)
		}
		for _, id := range chain {
			o, err := tx.FindOrganisation(id)
			if err != nil {
				return err
			}
			if o.Phone != "" {
				found = o
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return staffkey.Organisation{}, fmt.Errorf("helpdesk of %q: %w", organisation, err)
	}
	return found, nil
}

// RootName returns the name of the organisation above all, which everybody may see. ErrNotFound: there is none yet.
func (d *Directory) RootName(ctx context.Context) (string, error) {
	var name string
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		o, err := tx.FindRootOrganisation()
		name = o.Name
		return err
	})
	if err != nil {
		return "", fmt.Errorf("name of the root organisation: %w", err)
	}
	return name, nil
}
