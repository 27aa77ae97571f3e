package directory

import (
	"context"
	"encoding/json"
	"fmt"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// ChangePolicy stores what an organisation, by id or code, decides itself; what is nil in settings is left to the
// organisation above.
func (d *Directory) ChangePolicy(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, settings staffkey.PolicySettings) error {
	err := d.changePolicy(ctx, actor, organisation, func(current *staffkey.PolicySettings) error {
		*current = settings
		return nil
	})
	if err != nil {
		return fmt.Errorf("change policy of %s: %w", organisation, err)
	}
	return nil
}

// changePolicy changes the settings of an organisation by a function, in one change. The same settings once more change nothing.
func (d *Directory) changePolicy(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, change func(*staffkey.PolicySettings) error) error {
	return d.change(ctx, actor, staffkey.Event(staffkey.EventPolicyChanged, actor), func(tx *store.Tx, may staffkey.Authority) error {
		o, err := organisationByReference(tx, "organisation", organisation)
		if err != nil {
			return err
		}
		tx.Event.Organisation, tx.Event.Subject, tx.Event.SubjectName = o.ID, string(o.ID), o.Name
		chain, err := chainOf(tx, o.ID)
		if err != nil {
			return err
		}
		if err := policy.MayChangePolicy(may, chain); err != nil {
			return err
		}
		settings, err := tx.FindPolicySettings(o.ID)
		if err != nil {
			return err
		}
		before, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		if err := change(&settings); err != nil {
			return err
		}
		if err := policy.CheckSettings(settings); err != nil {
			return err
		}
		after, err := json.Marshal(settings)
		if err != nil {
			return err
		}
		if string(before) == string(after) {
			return errUnchanged
		}
		tx.Event.Detail = map[string]string{"settings": string(after)}
		return tx.PutPolicySettings(o.ID, settings)
	})
}

// PolicySettings returns what an organisation, by id or code, has decided itself. ErrNotFound: there is no such
// organisation where the actor sees.
func (d *Directory) PolicySettings(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID) (staffkey.PolicySettings, error) {
	var settings staffkey.PolicySettings
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeBelow(tx, may, organisation)
		if err != nil {
			return err
		}
		if len(scope) != 1 {
			return staffkey.ErrNotFound
		}
		settings, err = tx.FindPolicySettings(scope[0])
		return err
	})
	if err != nil {
		return staffkey.PolicySettings{}, fmt.Errorf("policy of %s: %w", organisation, err)
	}
	return settings, nil
}

// EffectivePolicy returns what holds for the people of an organisation: its settings and those of all above it.
func (d *Directory) EffectivePolicy(ctx context.Context, organisation staffkey.OrganisationID) (staffkey.Policy, error) {
	var p staffkey.Policy
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p, err = effectivePolicy(tx, organisation)
		return err
	})
	if err != nil {
		return staffkey.Policy{}, fmt.Errorf("effective policy of %s: %w", organisation, err)
	}
	return p, nil
}

func effectivePolicy(tx *store.Tx, organisation staffkey.OrganisationID) (staffkey.Policy, error) {
	chain, err := tx.ListPolicyChain(organisation)
	return policy.Effective(chain), err
}
