package directory

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// ChangePolicy stores what an organisation, by id or code, decides itself; what is nil in settings is left to the
// organisation above. The version is that of the settings that the change was made from ([WhatIf.Version]), or empty to overwrite whatever
// is there: ErrExpired when somebody has changed them since. What cannot work, what is locked above, and what would leave no operator who
// can act is refused.
func (d *Directory) ChangePolicy(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, version string, settings staffkey.PolicySettings, consent Consent) error {
	err := d.changePolicy(ctx, actor, organisation, consent, func(current *staffkey.PolicySettings) error {
		if v, err := policyVersion(*current); err != nil || version != "" && v != version {
			return errors.Join(err, staffkey.Expired("rules_changed", "rules.changed"))
		}
		*current = settings
		return nil
	})
	if err != nil {
		return fmt.Errorf("change policy of %s: %w", organisation, err)
	}
	return nil
}

// policyVersion names settings by what they say, so that a change that somebody else made meanwhile shows.
func policyVersion(s staffkey.PolicySettings) (string, error) {
	text, err := json.Marshal(s) // maps come in order
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), err
}

// changePolicy changes the settings of an organisation by a function, in one change. The same settings once more change nothing.
func (d *Directory) changePolicy(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, consent Consent, change func(*staffkey.PolicySettings) error) error {
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
		was, err := tx.FindPolicySettings(o.ID)
		if err != nil {
			return err
		}
		settings := was
		before, err := json.Marshal(was)
		if err != nil {
			return err
		}
		if err := change(&settings); err != nil {
			return err
		}
		if err := checkPolicy(tx, o, was, settings); err != nil {
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
		c, err := d.policyChange(tx, o.ID, settings)
		if err != nil {
			return err
		}
		if err := c.allow(actor, consent); err != nil {
			return err
		}
		return tx.PutPolicySettings(o.ID, settings)
	})
}

// checkPolicy refuses what an organisation wants to decide when it cannot work there, is weaker than what is locked above, or would make
// what an organisation below has decided unworkable.
func checkPolicy(tx *store.Tx, o staffkey.Organisation, was, settings staffkey.PolicySettings) error {
	ancestors, err := tx.ListAncestors(o.ID)
	if err != nil {
		return err
	}
	var above []policy.Decided
	for _, id := range ancestors[1:] {
		s, err := tx.FindPolicySettings(id)
		if err != nil {
			return err
		}
		a, err := tx.FindOrganisation(id)
		if err != nil {
			return err
		}
		above = append(above, policy.Decided{Code: a.Code, Name: a.Name, Settings: s})
	}
	if err := policy.Check(was, settings, above); err != nil {
		return err
	}
	below, err := tx.ListDecided(o.ID)
	if err != nil {
		return err
	}
	rules := newRulebook(tx, o.ID, &settings)
	for _, id := range below {
		both, err := rules.of(id)
		if err != nil {
			return err
		}
		if policy.Workable(both.after) != nil && policy.Workable(both.before) == nil {
			b, err := tx.FindOrganisation(id)
			if err != nil {
				return err
			}
			return staffkey.Invalid("below", "policy.below", "Name", b.Name, "Code", b.Code)
		}
	}
	return nil
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
