package directory

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Whatever could take a key or a method from many people (rules for keys, policy, new metadata) is asked first what it would do, by one
// function, which judges as a sign-in does; and is refused in the change itself when no operator could act after it.

// Effect is what a change would do to the people of an organisation, or of all together. Each count is of people.
type Effect struct {
	Organisation staffkey.Organisation
	// Refused have a key that is taken now and would not be any more; Stranded those of them who would have no other key that is. Freed
	// have a key that is refused now and would be taken.
	Refused, Stranded, Freed int
	// Lost would lose a method that lets them in now; ShutOut would have nothing left that does. Asked would have to set something up who
	// have now all that is asked for.
	Lost, ShutOut, Asked int
}

// Takes reports whether somebody would lose something.
func (e Effect) Takes() bool { return e.Refused+e.Lost+e.ShutOut > 0 }

func (e *Effect) add(s policy.Shift) {
	for _, c := range []struct {
		count *int
		one   bool
	}{
		{&e.Refused, len(s.Refused) > 0}, {&e.Stranded, s.Stranded}, {&e.Freed, len(s.Freed) > 0},
		{&e.Lost, len(s.Lost) > 0}, {&e.ShutOut, s.ShutOut}, {&e.Asked, s.Asked},
	} {
		if c.one {
			*c.count++
		}
	}
}

// WhatIf is what a change would do (F68, F82).
type WhatIf struct {
	Where staffkey.Organisation
	// Before and After are what holds for people of the organisation itself.
	Before, After staffkey.Policy
	// People is how many have a key in use there and below.
	People int
	// Total counts everybody there and below; Organisations has those where somebody is concerned, most refused first.
	Total         Effect
	Organisations []Effect
	Own           OwnEffect
	// Operators is how many could act now, OperatorsLeft how many after.
	Operators, OperatorsLeft int
	// Version is that of the settings which the change was asked for.
	Version string
}

// OwnEffect is what a change would do to the one who asks.
type OwnEffect struct {
	// Refused are the nicknames of their keys that would be refused; Left says that they would have another that is taken.
	Refused []string
	Left    bool
}

// Consent is what the actor knows about a change and wants all the same.
type Consent struct {
	// OwnKey: a key of theirs will be refused.
	OwnKey bool
	// NoOperator: no operator will be able to act. It counts at the console only, which needs no key.
	NoOperator bool
}

// Concern is one person whom a change concerns.
type Concern struct {
	store.Holder
	policy.Shift
	// Keys are the nicknames of the keys that would be refused, or taken again.
	Keys []string
	// hasKey: there is a key in use.
	hasKey        bool
	before, after policy.Standing
	lost          []lostKey
}

// change is something that is asked about: how keys and methods are judged before and after it.
type change struct {
	d     *Directory
	tx    *store.Tx
	rules *rulebook
	// before and after tell what is known of a key.
	before, after func(staffkey.SecurityKey) (staffkey.KeyFacts, error)
	// methods: policy about what is no key differs, so that what people have besides keys is looked at for everybody.
	methods bool
	// over says which keys would be refused because a recall of them has ended; nil for none.
	over   func(policy.Chain, staffkey.SecurityKey) bool
	chains map[staffkey.OrganisationID]policy.Chain
}

// known is what the catalogue knows of a key now.
func (c *change) known(k staffkey.SecurityKey) (staffkey.KeyFacts, error) {
	k, err := c.withRegistration(k, c.d.models.NeedsRegistration)
	return c.d.models.Facts(k), err
}

func (c *change) withRegistration(k staffkey.SecurityKey, needs func(staffkey.SecurityKey) bool) (staffkey.SecurityKey, error) {
	var err error
	if needs(k) && len(k.AttestationObject) == 0 {
		k.AttestationObject, k.ClientDataJSON, err = c.tx.FindRegistration(k.ID)
	}
	return k, err
}

// policyChange is a change of what an organisation decides.
func (d *Directory) policyChange(tx *store.Tx, at staffkey.OrganisationID, own staffkey.PolicySettings) (*change, error) {
	c := &change{d: d, tx: tx, rules: newRulebook(tx, at, &own), chains: make(map[staffkey.OrganisationID]policy.Chain)}
	c.before, c.after = c.known, c.known
	was, err := tx.FindPolicySettings(at)
	if err != nil {
		return nil, err
	}
	c.methods = !policy.SameButKeys(was, own)
	return c, nil
}

// recall tells how far a recall has come for a key.
func (c *change) recall(organisation staffkey.OrganisationID, k staffkey.SecurityKey) (policy.RecallPhase, error) {
	recalls := c.d.models.RecallsOf(k)
	if len(recalls) == 0 {
		return policy.NotRecalled, nil
	}
	chain, err := c.chain(organisation)
	_, phase := policy.RecallOf(recalls, chain, k, c.tx.Now)
	return phase, err
}

func (c *change) chain(organisation staffkey.OrganisationID) (policy.Chain, error) {
	chain, ok := c.chains[organisation]
	if !ok {
		var err error
		if chain, err = chainOf(c.tx, organisation); err != nil {
			return nil, err
		}
		c.chains[organisation] = chain
	}
	return chain, nil
}

// weigh tells what the change does to some people. Who is not concerned is told of too.
func (c *change) weigh(holders []store.Holder) ([]Concern, error) {
	ids := make([]staffkey.PersonID, len(holders))
	for i, h := range holders {
		ids[i] = h.Person
	}
	all, err := c.tx.ListKeysToWeigh(ids)
	if err != nil {
		return nil, err
	}
	keys := make(map[staffkey.PersonID][]staffkey.SecurityKey, len(holders))
	for _, k := range all {
		keys[k.Person] = append(keys[k.Person], k)
	}
	concerns := make([]Concern, len(holders))
	var further []staffkey.PersonID // whose other methods matter
	for i, h := range holders {
		if err := c.tx.Left(); err != nil {
			return nil, err
		}
		if concerns[i], err = c.stand(h, keys[h.Person], nil, policy.Holder{}); err != nil {
			return nil, err
		}
		if c.methods || concerns[i].Concerned() {
			further = append(further, h.Person)
		}
	}
	if len(further) == 0 {
		return concerns, nil
	}
	others, who, err := c.besides(further)
	if err != nil {
		return nil, err
	}
	for i, h := range holders {
		if w, ok := who[h.Person]; ok {
			if concerns[i], err = c.stand(h, keys[h.Person], others[h.Person], w); err != nil {
				return nil, err
			}
		}
	}
	return concerns, nil
}

// besides reads what some people have besides keys, and what else decides about them.
func (c *change) besides(people []staffkey.PersonID) (map[staffkey.PersonID][]staffkey.MethodKind, map[staffkey.PersonID]policy.Holder, error) {
	enrolments, err := c.tx.ListEnrolmentsOf(people)
	if err != nil {
		return nil, nil, err
	}
	privileged, err := c.tx.ListPrivileged(people)
	if err != nil {
		return nil, nil, err
	}
	excepted, err := c.tx.ListExcepted(people)
	if err != nil {
		return nil, nil, err
	}
	others := make(map[staffkey.PersonID][]staffkey.MethodKind)
	for _, e := range enrolments {
		if c.d.usable(e) {
			others[e.Person] = append(others[e.Person], e.Method)
		}
	}
	who := make(map[staffkey.PersonID]policy.Holder, len(people))
	for _, id := range people {
		who[id] = policy.Holder{Privileged: privileged[id], Excepted: excepted[id]}
	}
	return others, who, nil
}

// stand compares how somebody stands before and after.
func (c *change) stand(h store.Holder, keys []staffkey.SecurityKey, others []staffkey.MethodKind, who policy.Holder) (Concern, error) {
	rules, err := c.rules.of(h.Organisation)
	if err != nil {
		return Concern{}, err
	}
	concern := Concern{Holder: h}
	before, after := make([]policy.JudgedKey, len(keys)), make([]policy.JudgedKey, len(keys))
	for i, k := range keys {
		concern.hasKey = concern.hasKey || k.State == staffkey.SecurityKeyActive
		phase, err := c.recall(h.Organisation, k)
		if err != nil {
			return concern, err
		}
		was, err := c.before(k)
		if err != nil {
			return concern, err
		}
		is, err := c.after(k)
		if err != nil {
			return concern, err
		}
		ended := phase
		if c.over != nil {
			chain, err := c.chain(h.Organisation)
			if err != nil {
				return concern, err
			}
			if c.over(chain, k) {
				ended = policy.RecallOver
			}
		}
		before[i], after[i] = policy.JudgedKey{Key: k, Facts: was, Recall: phase}, policy.JudgedKey{Key: k, Facts: is, Recall: ended}
	}
	concern.before, concern.after = policy.StandingOf(rules.before, before, others, who), policy.StandingOf(rules.after, after, others, who)
	concern.Shift = policy.ShiftOf(concern.before, concern.after)
	for i, k := range keys {
		refused := slices.Contains(concern.Refused, k.ID)
		if refused || slices.Contains(concern.Freed, k.ID) {
			concern.Keys = append(concern.Keys, k.Nickname)
		}
		if refused {
			concern.lost = append(concern.lost, lostKey{k, before[i].Facts, after[i].Facts, rules.after.Keys})
		}
	}
	return concern, nil
}

// holdersPage is how many people are looked at between two reads.
const holdersPage = 500

// each calls fn for everybody at and below an organisation who has something that the change is about, after one in the order of
// organisation and name.
func (c *change) each(below staffkey.OrganisationID, after store.Holder, fn func(Concern) error) error {
	for {
		holders, err := c.tx.ListHolders(below, after, holdersPage)
		if err != nil || len(holders) == 0 {
			return err
		}
		concerns, err := c.weigh(holders)
		if err != nil {
			return err
		}
		for _, concern := range concerns {
			if err := fn(concern); err != nil {
				return err
			}
		}
		after = holders[len(holders)-1]
	}
}

// own tells what the change does to the actor themselves; nothing to the console.
func (c *change) own(actor staffkey.Actor) (Concern, error) {
	if actor.Person == "" {
		return Concern{}, nil
	}
	h, err := c.tx.FindHolder(actor.Person)
	if err != nil {
		return Concern{}, err
	}
	list, err := c.weigh([]store.Holder{h})
	if err != nil {
		return Concern{}, err
	}
	return list[0], nil
}

// operators counts those who can act now, and after the change.
func (c *change) operators() (able, left int, err error) {
	holders, err := c.tx.ListOperators()
	if err != nil {
		return 0, 0, err
	}
	concerns, err := c.weigh(holders)
	for _, o := range concerns {
		if o.before.Strong {
			able++
		}
		if o.after.Strong {
			left++
		}
	}
	return able, left, err
}

// allow refuses the change when no operator could act after it, or when a key of the actor's own would be refused and they have not said
// that they know. It is asked in the change itself.
func (c *change) allow(actor staffkey.Actor, consent Consent) error {
	able, left, err := c.operators()
	if err != nil {
		return err
	}
	if err := policy.ShutsOutOperators(able, left, actor.Console && consent.NoOperator); err != nil {
		return err
	}
	if able > 0 && left == 0 {
		c.tx.Event.Detail["no_operator"] = "known"
	}
	own, err := c.own(actor)
	if err != nil {
		return err
	}
	return policy.TakesOwnKey(own.Shift, consent.OwnKey)
}

// whatIf counts, a page of people after the other, so that it needs memory for organisations and not for people.
func (c *change) whatIf(o staffkey.Organisation, actor staffkey.Actor) (WhatIf, error) {
	w := WhatIf{Where: o}
	rules, err := c.rules.of(o.ID)
	if err != nil {
		return w, err
	}
	w.Before, w.After = rules.before, rules.after
	err = c.each(o.ID, store.Holder{}, func(concern Concern) error {
		if concern.hasKey {
			w.People++
		}
		if !concern.Concerned() {
			return nil
		}
		if n := len(w.Organisations); n == 0 || w.Organisations[n-1].Organisation.ID != concern.Organisation {
			w.Organisations = append(w.Organisations, Effect{Organisation: staffkey.Organisation{ID: concern.Organisation}})
		}
		w.Organisations[len(w.Organisations)-1].add(concern.Shift)
		w.Total.add(concern.Shift)
		return nil
	})
	if err != nil {
		return w, err
	}
	for i := range w.Organisations {
		o := &w.Organisations[i].Organisation
		if *o, err = c.tx.FindOrganisation(o.ID); err != nil {
			return w, err
		}
	}
	slices.SortFunc(w.Organisations, func(a, b Effect) int {
		return cmp.Or(b.ShutOut-a.ShutOut, b.Refused-a.Refused, b.Lost-a.Lost, b.Freed-a.Freed, cmp.Compare(a.Organisation.Name, b.Organisation.Name))
	})
	own, err := c.own(actor)
	if err != nil {
		return w, err
	}
	if len(own.Refused) > 0 {
		w.Own = OwnEffect{Refused: own.Keys, Left: len(own.after.Taken) > 0}
	}
	w.Operators, w.OperatorsLeft, err = c.operators()
	return w, err
}

// PreviewPolicy says what other settings of an organisation, given by id or code, would do to the people there and below, and changes nothing;
// where an organisation below decides itself, its decision stays. It asks what [Directory.ChangePolicy] asks.
func (d *Directory) PreviewPolicy(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, settings staffkey.PolicySettings) (WhatIf, error) {
	var w WhatIf
	err := d.surveyPolicy(ctx, actor, organisation, func(staffkey.PolicySettings) staffkey.PolicySettings { return settings }, func(c *change, o staffkey.Organisation, version string) error {
		var err error
		w, err = c.whatIf(o, actor)
		w.Version = version
		return err
	})
	if err != nil {
		return WhatIf{}, fmt.Errorf("preview policy of %s: %w", organisation, err)
	}
	return w, nil
}

// surveyPolicy asks whether the actor may make a change of settings and whether it can work, and then calls fn with it.
func (d *Directory) surveyPolicy(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID,
	lay func(staffkey.PolicySettings) staffkey.PolicySettings, fn func(c *change, o staffkey.Organisation, version string) error) error {
	return d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
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
		was, err := tx.FindPolicySettings(o.ID)
		if err != nil {
			return err
		}
		settings := lay(was)
		if err := checkPolicy(tx, o, was, settings); err != nil {
			return err
		}
		version, err := policyVersion(was)
		if err != nil {
			return err
		}
		c, err := d.policyChange(tx, o.ID, settings)
		if err != nil {
			return err
		}
		if err := c.rules.readBelow(); err != nil {
			return err
		}
		return fn(c, o, version)
	})
}
