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

// KeyRules returns what an organisation, by id or code, decides itself about keys, nil when nothing, with a version for
// [Directory.ChangeKeyRules], and what holds there. ErrNotFound: there is no such organisation where the actor sees.
func (d *Directory) KeyRules(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID) (own *staffkey.KeyRules, version string, holds staffkey.KeyRules, err error) {
	err = d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeBelow(tx, may, organisation)
		if err != nil {
			return err
		}
		if len(scope) != 1 {
			return staffkey.ErrNotFound
		}
		settings, err := tx.FindPolicySettings(scope[0])
		if err != nil {
			return err
		}
		p, err := effectivePolicy(tx, scope[0])
		own, holds = settings.Keys, p.Keys
		return err
	})
	if err == nil {
		version, err = keyRulesVersion(own)
	}
	if err != nil {
		return nil, "", staffkey.KeyRules{}, fmt.Errorf("rules for keys of %s: %w", organisation, err)
	}
	return own, version, holds, nil
}

// KeyRulesAbove returns the rules that would hold in an organisation, by id or code, if it had decided nothing itself. ErrNotFound: there is no
// such organisation where the actor sees.
func (d *Directory) KeyRulesAbove(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID) (staffkey.KeyRules, error) {
	var chain []staffkey.PolicySettings
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		chain = nil
		scope, err := scopeBelow(tx, may, organisation)
		if err != nil {
			return err
		}
		if len(scope) != 1 {
			return staffkey.ErrNotFound
		}
		o, err := tx.FindOrganisation(scope[0])
		if err != nil || o.Parent == "" {
			return err
		}
		chain, err = tx.ListPolicyChain(o.Parent)
		return err
	})
	if err != nil {
		return staffkey.KeyRules{}, fmt.Errorf("rules for keys above %s: %w", organisation, err)
	}
	return policy.Effective(chain).Keys, nil
}

// keyRulesVersion is [policyVersion] of rules for keys alone.
func keyRulesVersion(r *staffkey.KeyRules) (string, error) {
	text, err := json.Marshal(r) // maps come in order
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), err
}

// withKeys lays other rules for keys over what an organisation has decided.
func withKeys(rules *staffkey.KeyRules) func(staffkey.PolicySettings) staffkey.PolicySettings {
	return func(was staffkey.PolicySettings) staffkey.PolicySettings {
		was.Keys = rules
		return was
	}
}

// PreviewKeyRules is [Directory.PreviewPolicy] for the rules for keys, with the rest of what the organisation has decided as it is.
func (d *Directory) PreviewKeyRules(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, rules *staffkey.KeyRules) (WhatIf, error) {
	var w WhatIf
	err := d.surveyPolicy(ctx, actor, organisation, withKeys(rules), func(c *change, o staffkey.Organisation, version string) error {
		var err error
		w, err = c.whatIf(o, actor)
		w.Version = version
		return err
	})
	if err != nil {
		return WhatIf{}, fmt.Errorf("preview rules for keys of %s: %w", organisation, err)
	}
	return w, nil
}

// ChangeKeyRules stores what an organisation, by id or code, decides itself about keys, nil for nothing; its other settings stay. The version is
// that of the rules that the change was made from: ErrExpired when somebody has changed them since. It refuses what
// [Directory.ChangePolicy] refuses.
func (d *Directory) ChangeKeyRules(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, version string, rules *staffkey.KeyRules, consent Consent) error {
	err := d.changePolicy(ctx, actor, organisation, consent, func(current *staffkey.PolicySettings) error {
		if v, err := keyRulesVersion(current.Keys); err != nil || v != version {
			return errors.Join(err, staffkey.Expired("rules_changed", "rules.changed"))
		}
		current.Keys = rules
		return nil
	})
	if err != nil {
		return fmt.Errorf("change rules for keys of %s: %w", organisation, err)
	}
	return nil
}
