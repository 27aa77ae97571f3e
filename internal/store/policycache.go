package store

import (
	"sync"

	"staffkey"
)

// policyChains keeps the settings that count in each organisation, for as long as nobody has changed any: a sign-in reads which generation of all
// settings is in force, and only once for each of them the settings themselves. They are shared, so nobody may change them.
//
// What is kept under a generation is never older than it, because it is read after it. It may be newer, when somebody changes a policy between
// the two. Then the change of a sign-in that was decided by it finds another generation than it had read ([Tx.UseSecurityKey]), and
// looks again.
type policyChains struct {
	mu         sync.RWMutex
	generation string
	chains     map[staffkey.OrganisationID][]staffkey.PolicySettings
	// distinct holds each chain once, by its text: most organisations have nothing of their own.
	distinct map[string][]staffkey.PolicySettings
}

// Limits of what is kept; when one is reached, all of it is read anew. An entry takes about 100 bytes, and a chain a kilobyte.
const (
	mostOrganisations  = 50_000
	mostDistinctChains = 1000
)

// find returns the chain of an organisation in a generation.
func (c *policyChains) find(generation string, id staffkey.OrganisationID) ([]staffkey.PolicySettings, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.generation != generation {
		return nil, false
	}
	chain, ok := c.chains[id]
	return chain, ok
}

// keep keeps a chain, and returns the one that is kept of that text.
func (c *policyChains) keep(generation string, id staffkey.OrganisationID, text string, chain []staffkey.PolicySettings) []staffkey.PolicySettings {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.chains == nil || c.generation != generation || len(c.chains) >= mostOrganisations || len(c.distinct) >= mostDistinctChains {
		c.generation, c.chains, c.distinct = generation, make(map[staffkey.OrganisationID][]staffkey.PolicySettings), make(map[string][]staffkey.PolicySettings)
	}
	if same, ok := c.distinct[text]; ok {
		chain = same
	} else {
		c.distinct[text] = chain
	}
	c.chains[id] = chain
	return chain
}

// keptPolicyChain returns the settings that count for an organisation in a generation that was read before, nearest first.
func (tx *Tx) keptPolicyChain(generation string, id staffkey.OrganisationID) ([]staffkey.PolicySettings, error) {
	if chain, ok := tx.policies.find(generation, id); ok {
		return chain, nil
	}
	chain, text, err := tx.policyChain(id)
	if err != nil {
		return nil, err
	}
	return tx.policies.keep(generation, id, text, chain), nil
}
