package directory

import (
	"context"
	"fmt"

	"staffkey/internal/store"
)

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
