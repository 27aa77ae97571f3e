package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
)

// policyCommands are the commands about what an organisation has decided.
type policyCommands struct {
	Show policyShow `cmd:"" help:"Show what holds for the people of an organisation."`
	Set  policySet  `cmd:"" help:"Decide something for an organisation and all below it."`

	Preview policyPreview `cmd:"" help:"Show whose keys other rules for keys would concern. Changes nothing."`
}

type policyShow struct {
	Organisation string `arg:"" help:"Code of the organisation."`
	JSON         bool   `help:"Print one JSON object." env:"-"`
}

// Run shows the policy and which of it the organisation has decided itself.
func (c *policyShow) Run(env *environment) error {
	o, err := env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	own, err := env.directory.PolicySettings(env.ctx, staffkey.ConsoleActor(), o.ID)
	if err != nil {
		return explain(err)
	}
	p, err := env.directory.EffectivePolicy(env.ctx, o.ID)
	if err != nil {
		return explain(err)
	}
	if c.JSON {
		return json.NewEncoder(env.stdout).Encode(struct {
			Organisation string                  `json:"organisation"`
			Effective    staffkey.PolicySettings `json:"effective"`
			Decided      staffkey.PolicySettings `json:"decided_here"`
		}{o.Code, staffkey.PolicySettings{
			Methods: &p.Methods, MaxKeys: &p.MaxKeys, Sessions: &p.Sessions, CoreMethods: &p.CoreMethods, Strength: &p.Strength,
			Downgrade: &p.Downgrade, GraceDays: &p.GraceDays, Countries: &p.Countries, CodesPerDay: &p.CodesPerDay, Keys: &p.Keys,
		}, own})
	}
	methods := names(p.Methods)
	l := p.Sessions
	_, err = fmt.Fprintf(env.stdout, "max-keys   %d%s\nmethods    password, security_key%s%s\nsessions   %d,%d,%d,%d%s (minutes: idle and in all at AAL2, idle and in all at AAL3)\n",
		p.MaxKeys, here(own.MaxKeys != nil), prefixed(methods), here(own.Methods != nil),
		l.IdleAAL2, l.AbsoluteAAL2, l.IdleAAL3, l.AbsoluteAAL3, here(own.Sessions != nil))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "core       %s%s (who has one is set up)\nstrength   %s%s\ndowngrade  %s%s\ngrace-days %d%s\ncountries  %s%s\ncodes      %d a day%s\n",
		strings.Join(names(p.CoreMethods), ", "), here(own.CoreMethods != nil), p.Strength, here(own.Strength != nil), p.Downgrade, here(own.Downgrade != nil),
		p.GraceDays, here(own.GraceDays != nil), strings.Join(p.Countries, ", "), here(own.Countries != nil), p.CodesPerDay, here(own.CodesPerDay != nil))
	if err != nil {
		return err
	}
	if len(own.Locks) > 0 {
		locked := make([]string, len(own.Locks))
		for i, l := range own.Locks {
			locked[i] = string(l)
		}
		if _, err := fmt.Fprintf(env.stdout, "locked     %s (below only stricter)\n", strings.Join(locked, ", ")); err != nil {
			return err
		}
	}
	return printKeyRules(env.stdout, p.Keys, own.Keys)
}

func names(methods []staffkey.MethodKind) []string {
	list := make([]string, len(methods))
	for i, m := range methods {
		list[i] = string(m)
	}
	return list
}

func here(decided bool) string {
	if decided {
		return " (decided here)"
	}
	return ""
}

func prefixed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", " + strings.Join(names, ", ")
}

type policySet struct {
	Organisation string   `arg:"" help:"Code of the organisation."`
	MaxKeys      *int     `help:"The most security keys of a person." placeholder:"N" env:"-"`
	Methods      []string `help:"Methods besides the password and the security key: totp, text_message, phone_call, recovery_code." placeholder:"METHOD" env:"-"`
	Sessions     []int    `help:"Limits in minutes: idle and in all at AAL2, idle and in all at AAL3, as in 60,1440,15,720." placeholder:"MINUTES" env:"-"`
	Core         []string `help:"Core methods: who has one of them is set up. security_key (two keys, or one and another method), totp, text_message, phone_call." placeholder:"METHOD" env:"-"`
	Strength     *string  `help:"What a sign-in must reach: any or phishing_resistant." placeholder:"STRENGTH" env:"-"`
	Downgrade    *string  `help:"A sign-in without the key that the person has: notify or forbid." placeholder:"RULE" env:"-"`
	GraceDays    *int     `help:"How long setting up may be put off, in days." placeholder:"DAYS" env:"-"`
	Countries    []string `help:"Countries whose telephone numbers get codes, such as GB. The Isle of Man, Jersey and Guernsey have +44 numbers too, and are countries of their own: IM, JE, GG." placeholder:"COUNTRY" env:"-"`
	CodesPerDay  *int     `help:"The most codes by text and phone in a day." placeholder:"N" env:"-"`
	Inherit      []string `help:"Leave these to the organisation above again: max-keys, methods, sessions, core, strength, downgrade, grace-days, countries, codes-per-day, keys." enum:"max-keys,methods,sessions,core,strength,downgrade,grace-days,countries,codes-per-day,keys" placeholder:"SETTING" env:"-"`
	Lock         []string `help:"Organisations below may make these only stricter: max-keys, methods, sessions, core, grace-days, countries, codes-per-day, keys. Strength and downgrade always are." placeholder:"SETTING" env:"-"`
	Unlock       []string `help:"Organisations below decide about these for themselves again." placeholder:"SETTING" env:"-"`
	Yes          bool     `help:"Do not ask when people would lose something." env:"-"`
	Anyway       bool     `name:"even-if-nobody-can-sign-in" help:"Also when no operator could act any more. The audit log tells that it was known." env:"-"`

	Keys keyRuleFlags `embed:"" prefix:"keys-"`

	metadataConfig `embed:""`
}

// Run changes the settings that are named and leaves the others. Before that it says what would be different and for how many people, and
// asks when some would lose something.
func (c *policySet) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	if c.Sessions != nil && len(c.Sessions) != 4 {
		return fmt.Errorf("--sessions: four numbers are needed, not %d", len(c.Sessions))
	}
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	o, err := env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	settings, err := env.directory.PolicySettings(env.ctx, actor, o.ID)
	if err != nil {
		return explain(err)
	}
	c.inherit(&settings)
	c.decide(&settings)
	c.lock(&settings)
	if err := c.Keys.decide(&settings); err != nil {
		return explain(err)
	}
	if settings.Keys != nil && settings.Keys.IsEmpty() {
		settings.Keys = nil
	}
	what, err := env.directory.PreviewPolicy(env.ctx, actor, o.ID, settings)
	if err != nil {
		return explain(err)
	}
	if err := printChange(env.stdout, what); err != nil {
		return err
	}
	if what.Total.Takes() && !c.Yes {
		if err := env.confirm("policy set"); err != nil {
			return err
		}
	}
	if err := env.directory.ChangePolicy(env.ctx, actor, o.ID, what.Version, settings, directory.Consent{NoOperator: c.Anyway}); err != nil {
		return explain(err)
	}
	return (&policyShow{Organisation: c.Organisation}).Run(env)
}

// printChange tells what holds now and then in an organisation, and how many people there and below it concerns.
func printChange(w io.Writer, what directory.WhatIf) error {
	models := namedIn(what.Before.Keys, what.After.Keys)
	before, after := policyFacts(what.Before, models), policyFacts(what.After, models)
	var out strings.Builder
	for i := range before {
		if before[i].value != after[i].value {
			fmt.Fprintf(&out, "change     %s: %s -> %s\n", before[i].name, before[i].value, after[i].value)
		}
	}
	t := what.Total
	for _, c := range []struct {
		n    int
		what string
	}{
		{t.Refused, "would have a key refused"}, {t.Stranded, "of them would have no key left that is taken"}, {t.Lost, "could not sign in any more by a method that they use now"},
		{t.ShutOut, "would have no way left to sign in"}, {t.Asked, "would be asked to set something up"}, {t.Freed, "would have a key taken that is refused now"},
	} {
		if c.n > 0 {
			fmt.Fprintf(&out, "people     %s %s\n", grouped(c.n), c.what)
		}
	}
	if t == (directory.Effect{}) {
		out.WriteString("people     nobody would lose anything\n")
	}
	if what.Operators > 0 && what.OperatorsLeft == 0 {
		out.WriteString("operators  none could act any more\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// fact is one thing that a policy says.
type fact struct{ name, value string }

// policyFacts is a policy as text, with what it says of some models, always in the same order.
func policyFacts(p staffkey.Policy, models []string) []fact {
	l := p.Sessions
	list := func(names []string) string {
		if len(names) == 0 {
			return "none"
		}
		return strings.Join(names, ", ")
	}
	facts := []fact{
		{"max-keys", strconv.Itoa(p.MaxKeys)}, {"methods", list(names(p.Methods))},
		{"sessions", fmt.Sprintf("%d,%d,%d,%d", l.IdleAAL2, l.AbsoluteAAL2, l.IdleAAL3, l.AbsoluteAAL3)}, {"core", list(names(p.CoreMethods))},
		{"strength", string(p.Strength)}, {"downgrade", string(p.Downgrade)}, {"grace-days", strconv.Itoa(p.GraceDays)},
		{"countries", list(p.Countries)}, {"codes-per-day", strconv.Itoa(p.CodesPerDay)},
	}
	return append(facts, keyFacts(p.Keys, models)...)
}

// keyFacts is rules for keys as text, with what they say of some models.
func keyFacts(r staffkey.KeyRules, models []string) []fact {
	facts := []fact{
		{"keys-others", string(*r.Others)}, {"keys-level", r.Level.String()}, {"keys-attestation", string(*r.Attestation)}, {"keys-synced", strconv.FormatBool(*r.Synced)},
		{"keys-verify-person", strconv.FormatBool(*r.VerifyPerson)}, {"keys-min-pin", strconv.Itoa(*r.MinPIN)}, {"keys-conveyance", string(*r.Conveyance)},
		{"keys-post-quantum", strconv.FormatBool(*r.PostQuantum)},
	}
	for _, kind := range staffkey.FindingKinds {
		facts = append(facts, fact{"keys-finding " + string(kind), string(r.Findings[kind])})
	}
	for _, aaguid := range models {
		facts = append(facts, fact{"keys " + aaguid, cmp.Or(string(r.Models[aaguid]), "not named")}, fact{"keys-firmware " + aaguid, cmp.Or(r.Firmware[aaguid], "any")})
	}
	return facts
}

// namedIn lists the models that one of two sets of rules names.
func namedIn(a, b staffkey.KeyRules) []string {
	var all []string
	for _, r := range []staffkey.KeyRules{a, b} {
		all = slices.AppendSeq(all, maps.Keys(r.Models))
		all = slices.AppendSeq(all, maps.Keys(r.Firmware))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// lock locks and unlocks what the flags name.
func (c *policySet) lock(s *staffkey.PolicySettings) {
	locks := slices.Clone(s.Locks)
	for _, name := range c.Lock {
		if !slices.Contains(locks, staffkey.Setting(name)) {
			locks = append(locks, staffkey.Setting(name))
		}
	}
	locks = slices.DeleteFunc(locks, func(l staffkey.Setting) bool { return slices.Contains(c.Unlock, string(l)) })
	if len(locks) == 0 {
		locks = nil
	}
	s.Locks = locks
}

// inherit leaves what the flags name to the organisation above.
func (c *policySet) inherit(s *staffkey.PolicySettings) {
	for _, name := range c.Inherit {
		switch name {
		case "max-keys":
			s.MaxKeys = nil
		case "methods":
			s.Methods = nil
		case "sessions":
			s.Sessions = nil
		case "core":
			s.CoreMethods = nil
		case "strength":
			s.Strength = nil
		case "downgrade":
			s.Downgrade = nil
		case "grace-days":
			s.GraceDays = nil
		case "countries":
			s.Countries = nil
		case "codes-per-day":
			s.CodesPerDay = nil
		case "keys":
			s.Keys = nil
		}
	}
}

// decide sets what the flags give.
func (c *policySet) decide(s *staffkey.PolicySettings) {
	if c.MaxKeys != nil {
		s.MaxKeys = c.MaxKeys
	}
	if c.Methods != nil {
		s.Methods = kindsOf(c.Methods)
	}
	if n := c.Sessions; n != nil {
		s.Sessions = &staffkey.SessionLimits{IdleAAL2: n[0], AbsoluteAAL2: n[1], IdleAAL3: n[2], AbsoluteAAL3: n[3]}
	}
	if c.Core != nil {
		s.CoreMethods = kindsOf(c.Core)
	}
	if c.Strength != nil {
		s.Strength = (*staffkey.Strength)(c.Strength)
	}
	if c.Downgrade != nil {
		s.Downgrade = (*staffkey.Downgrade)(c.Downgrade)
	}
	if c.GraceDays != nil {
		s.GraceDays = c.GraceDays
	}
	if c.Countries != nil {
		s.Countries = &c.Countries
	}
	if c.CodesPerDay != nil {
		s.CodesPerDay = c.CodesPerDay
	}
}

// kindsOf turns the names of a flag into methods; --methods= allows none.
func kindsOf(list []string) *[]staffkey.MethodKind {
	kinds := []staffkey.MethodKind{}
	for _, name := range list {
		if name != "" {
			kinds = append(kinds, staffkey.MethodKind(name))
		}
	}
	return &kinds
}
