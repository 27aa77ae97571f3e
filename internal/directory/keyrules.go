package directory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// KeyRulesEffect is what other rules for keys would change for the people of an organisation, or of all together.
type KeyRulesEffect struct {
	Organisation staffkey.Organisation
	// Refused are people who have a key that is taken now and would not be any more; Stranded those of them who would have no other
	// key that is. Freed are people who have a key that is refused now and would be taken.
	Refused, Stranded, Freed int
}

// KeyRulesPreview is what a change of an organisation's rules for keys would do (F68, F82).
type KeyRulesPreview struct {
	Where staffkey.Organisation
	// Before and After are the rules that hold for people of the organisation itself.
	Before, After staffkey.KeyRules
	// Total counts everybody there and below; Organisations has those where somebody is concerned, most refused first. People is how many
	// have a key at all.
	Total         KeyRulesEffect
	People        int
	Organisations []KeyRulesEffect
}

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

// keyRulesVersion names rules by what they say, so that a change that somebody else made meanwhile shows.
func keyRulesVersion(r *staffkey.KeyRules) (string, error) {
	text, err := json.Marshal(r) // maps come in order
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8]), err
}

// PreviewKeyRules says what rules for keys would do to the keys that people of an organisation, given by id or code, and of all below it
// have, and changes nothing. Each key is judged by the function that judges it at a sign-in, once with the rules that hold and
// once with these; only where an organisation below decides itself, its decision stays.
func (d *Directory) PreviewKeyRules(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, rules *staffkey.KeyRules) (KeyRulesPreview, error) {
	if err := policy.CheckSettings(staffkey.PolicySettings{Keys: rules}); err != nil {
		return KeyRulesPreview{}, err
	}
	var preview KeyRulesPreview
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		o, err := organisationByReference(tx, "organisation", organisation)
		if err != nil {
			return err
		}
		chain, err := chainOf(tx, o.ID)
		if err != nil {
			return err
		}
		if err := policy.MayChangePolicy(may, chain); err != nil {
			return err
		}
		both, err := keyRulesBelow(tx, o.ID, rules)
		if err != nil {
			return err
		}
		preview = KeyRulesPreview{Where: o, Before: both[o.ID].before, After: both[o.ID].after}
		return d.weighKeyRules(tx, &preview, both)
	})
	if err != nil {
		return KeyRulesPreview{}, fmt.Errorf("preview rules for keys of %s: %w", organisation, err)
	}
	return preview, nil
}

// beforeAfter are the rules that hold in an organisation, and those that would.
type beforeAfter struct{ before, after staffkey.KeyRules }

// keyRulesBelow returns the rules of an organisation and of each below it, as they are and as they would be with other rules at the
// organisation. Most have decided nothing, so they share the few there are.
func keyRulesBelow(tx *store.Tx, at staffkey.OrganisationID, rules *staffkey.KeyRules) (map[staffkey.OrganisationID]beforeAfter, error) {
	chains := make(map[staffkey.OrganisationID][]staffkey.OrganisationID)
	err := tx.EachPolicyChain(at, func(id staffkey.OrganisationID, chain []staffkey.OrganisationID) error {
		chains[id] = chain
		return nil
	})
	if err != nil {
		return nil, err
	}
	settings := make(map[staffkey.OrganisationID]staffkey.PolicySettings)
	known := make(map[string]beforeAfter)
	both := make(map[staffkey.OrganisationID]beforeAfter, len(chains))
	for id, chain := range chains {
		var name strings.Builder
		for _, a := range chain {
			name.WriteString(string(a) + " ")
		}
		rulesOf, ok := known[name.String()]
		if !ok {
			var before, after []staffkey.PolicySettings
			for _, a := range chain {
				s, ok := settings[a]
				if !ok {
					if s, err = tx.FindPolicySettings(a); err != nil {
						return nil, err
					}
					settings[a] = s
				}
				before = append(before, s)
				if a == at {
					s.Keys = rules
				}
				after = append(after, s)
			}
			rulesOf = beforeAfter{policy.Effective(before).Keys, policy.Effective(after).Keys}
			known[name.String()] = rulesOf
		}
		both[id] = rulesOf
	}
	return both, nil
}

// weighKeyRules judges every key in use twice, a person after the other, so that it needs memory for organisations and not for people.
// The bytes of registrations are not read: a finding that concerns some certificates of a model counts for all its keys here.
func (d *Directory) weighKeyRules(tx *store.Tx, p *KeyRulesPreview, both map[staffkey.OrganisationID]beforeAfter) error {
	var person staffkey.PersonID
	var where staffkey.OrganisationID
	var refused, freed, kept bool
	finish := func() {
		if person == "" {
			return
		}
		p.People++
		if !refused && !freed {
			return
		}
		if n := len(p.Organisations); n == 0 || p.Organisations[n-1].Organisation.ID != where {
			p.Organisations = append(p.Organisations, KeyRulesEffect{Organisation: staffkey.Organisation{ID: where}})
		}
		for _, e := range []*KeyRulesEffect{&p.Organisations[len(p.Organisations)-1], &p.Total} {
			e.add(refused, refused && !kept, freed)
		}
	}
	err := tx.EachKeyInUse(p.Where.ID, func(organisation staffkey.OrganisationID, k staffkey.SecurityKey) error {
		if k.Person != person {
			finish()
			person, where, refused, freed, kept = k.Person, organisation, false, false, false
		}
		rules, ok := both[organisation]
		if !ok { // added since the rules were read
			return nil
		}
		facts := d.models.Facts(k)
		before := policy.JudgeKey(rules.before, k, facts, false).Answer != policy.Refuse
		after := policy.JudgeKey(rules.after, k, facts, false).Answer != policy.Refuse
		refused, freed, kept = refused || before && !after, freed || after && !before, kept || after
		return nil
	})
	finish()
	if err != nil {
		return err
	}
	for i := range p.Organisations {
		o := &p.Organisations[i].Organisation
		if *o, err = tx.FindOrganisation(o.ID); err != nil {
			return err
		}
	}
	slices.SortFunc(p.Organisations, func(a, b KeyRulesEffect) int {
		return cmp.Or(b.Refused-a.Refused, b.Freed-a.Freed, cmp.Compare(a.Organisation.Name, b.Organisation.Name))
	})
	return nil
}

func (e *KeyRulesEffect) add(refused, stranded, freed bool) {
	for _, c := range []struct {
		count *int
		one   bool
	}{{&e.Refused, refused}, {&e.Stranded, stranded}, {&e.Freed, freed}} {
		if c.one {
			*c.count++
		}
	}
}

// ChangeKeyRules stores what an organisation, by id or code, decides itself about keys, nil for nothing; its other settings stay. The version is
// that of the rules that the change was made from: ErrExpired when somebody has changed them since.
func (d *Directory) ChangeKeyRules(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, version string, rules *staffkey.KeyRules) error {
	err := d.changePolicy(ctx, actor, organisation, func(current *staffkey.PolicySettings) error {
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
