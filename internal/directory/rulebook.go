package directory

import (
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// rulebook keeps what holds in each organisation, before and after one decides otherwise. Most have decided nothing, so they share the few
// policies that there are.
type rulebook struct {
	tx *store.Tx
	at staffkey.OrganisationID
	// own is what would be decided there; nil changes nothing.
	own      *staffkey.PolicySettings
	chains   map[staffkey.OrganisationID][]staffkey.OrganisationID
	settings map[staffkey.OrganisationID]staffkey.PolicySettings
	known    map[string]beforeAfter
}

// beforeAfter is what holds in an organisation, and what would.
type beforeAfter struct{ before, after staffkey.Policy }

func newRulebook(tx *store.Tx, at staffkey.OrganisationID, own *staffkey.PolicySettings) *rulebook {
	return &rulebook{
		tx: tx, at: at, own: own, chains: make(map[staffkey.OrganisationID][]staffkey.OrganisationID),
		settings: make(map[staffkey.OrganisationID]staffkey.PolicySettings), known: make(map[string]beforeAfter),
	}
}

// readBelow reads who decides for the organisation and all below it, in one statement.
func (b *rulebook) readBelow() error {
	return b.tx.EachPolicyChain(b.at, func(id staffkey.OrganisationID, chain []staffkey.OrganisationID) error {
		b.chains[id] = chain
		return nil
	})
}

func (b *rulebook) of(id staffkey.OrganisationID) (beforeAfter, error) {
	chain, ok := b.chains[id]
	if !ok {
		var err error
		if chain, err = b.tx.ListAncestors(id); err != nil {
			return beforeAfter{}, err
		}
		b.chains[id] = chain
	}
	var name strings.Builder
	for _, a := range chain {
		name.WriteString(string(a) + " ")
	}
	rules, ok := b.known[name.String()]
	if ok {
		return rules, nil
	}
	var before, after []staffkey.PolicySettings
	for _, a := range chain {
		s, ok := b.settings[a]
		if !ok {
			var err error
			if s, err = b.tx.FindPolicySettings(a); err != nil {
				return rules, err
			}
			b.settings[a] = s
		}
		before = append(before, s)
		if a == b.at && b.own != nil {
			s = *b.own
		}
		after = append(after, s)
	}
	rules = beforeAfter{policy.Effective(before), policy.Effective(after)}
	b.known[name.String()] = rules
	return rules, nil
}
