package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
)

// keyRuleFlags decide which security keys an organisation takes (F82).
type keyRuleFlags struct {
	Allow        []string          `help:"Models that are taken, by AAGUID; counts where the others are not." placeholder:"AAGUID" env:"-"`
	Review       []string          `help:"Models whose new keys wait on hold for a review." placeholder:"AAGUID" env:"-"`
	Deny         []string          `help:"Models that are not taken, here and below." placeholder:"AAGUID" env:"-"`
	Unname       []string          `help:"Models to say nothing of any more." placeholder:"AAGUID" env:"-"`
	Others       *string           `help:"All models that are not named: allow, review or deny." placeholder:"RULE" env:"-"`
	Firmware     map[string]string `help:"The lowest firmware of a model." placeholder:"AAGUID=VERSION" env:"-"`
	Level        *string           `help:"The least FIDO certification: none, L1, L1+, L2, L2+, L3, L3+." placeholder:"LEVEL" env:"-"`
	Attestation  *string           `help:"What a key must prove of where it comes from: any (nothing) or proven (by the FIDO metadata)." placeholder:"RULE" env:"-"`
	Synced       *bool             `help:"Whether keys are taken that can be copied to other devices." placeholder:"BOOL" env:"-"`
	VerifyPerson *bool             `help:"Whether a key must check its person; false takes keys of FIDO U2F too, which count beside a password only." placeholder:"BOOL" env:"-"`
	MinPin       *int              `help:"The least length of PIN that a new key must tell that it asks for; 0 for any." placeholder:"N" env:"-"`
	Finding      map[string]string `help:"What happens to keys of a model that the metadata warns of: refuse, flag or ignore. For example REVOKED=refuse." placeholder:"FINDING=RULE" env:"-"`
	PostQuantum  *bool             `help:"Whether ML-DSA (FIPS 204) is offered to new keys, before what they all can." placeholder:"BOOL" env:"-"`
	Conveyance   *string           `help:"What browsers are asked to tell of a key: none, indirect, direct or enterprise." placeholder:"WHAT" env:"-"`
}

// decide lays what the flags give over the organisation's own rules. Nothing given changes nothing.
func (f *keyRuleFlags) decide(s *staffkey.PolicySettings) error {
	r := s.Keys.Copy()
	for rule, list := range map[staffkey.ModelRule][]string{staffkey.ModelAllow: f.Allow, staffkey.ModelReview: f.Review, staffkey.ModelDeny: f.Deny} {
		for _, aaguid := range list {
			r.Models[strings.ToLower(aaguid)] = rule
		}
	}
	for _, aaguid := range f.Unname {
		delete(r.Models, strings.ToLower(aaguid))
		delete(r.Firmware, strings.ToLower(aaguid))
	}
	for aaguid, version := range f.Firmware {
		r.Firmware[strings.ToLower(aaguid)] = version
	}
	for kind, rule := range f.Finding {
		r.Findings[staffkey.FindingKind(strings.ToUpper(kind))] = staffkey.FindingRule(rule)
	}
	if f.Level != nil {
		r.Level = new(staffkey.CertificationLevel)
		if err := r.Level.UnmarshalText([]byte(*f.Level)); err != nil {
			return err
		}
	}
	r.Others = or((*staffkey.ModelRule)(f.Others), r.Others)
	r.Attestation = or((*staffkey.AttestationRule)(f.Attestation), r.Attestation)
	r.Conveyance = or((*staffkey.Conveyance)(f.Conveyance), r.Conveyance)
	r.Synced, r.VerifyPerson, r.MinPIN = or(f.Synced, r.Synced), or(f.VerifyPerson, r.VerifyPerson), or(f.MinPin, r.MinPIN)
	r.PostQuantum = or(f.PostQuantum, r.PostQuantum)
	if s.Keys != nil || f.given() {
		s.Keys = &r
	}
	return nil
}

func (f *keyRuleFlags) given() bool {
	return len(f.Allow)+len(f.Review)+len(f.Deny)+len(f.Unname)+len(f.Firmware)+len(f.Finding) > 0 || f.Others != nil || f.Level != nil ||
		f.Attestation != nil || f.Synced != nil || f.VerifyPerson != nil || f.MinPin != nil || f.Conveyance != nil || f.PostQuantum != nil
}

func or[T any](given, otherwise *T) *T {
	if given != nil {
		return given
	}
	return otherwise
}

// printKeyRules shows the rules that hold.
func printKeyRules(w io.Writer, r staffkey.KeyRules, own *staffkey.KeyRules) error {
	var findings []string
	for _, kind := range staffkey.FindingKinds {
		findings = append(findings, string(kind)+"="+string(r.Findings[kind]))
	}
	_, err := fmt.Fprintf(w, "keys       others: %s, level: %s, attestation: %s, synced: %t, verify-person: %t, min-pin: %d, conveyance: %s, post-quantum: %t%s\nfindings   %s\n",
		*r.Others, *r.Level, *r.Attestation, *r.Synced, *r.VerifyPerson, *r.MinPIN, *r.Conveyance, *r.PostQuantum, here(own != nil), strings.Join(findings, ", "))
	for _, aaguid := range slices.Sorted(maps.Keys(r.Models)) {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s  %s\n", aaguid, r.Models[aaguid])
		}
	}
	for _, aaguid := range slices.Sorted(maps.Keys(r.Firmware)) {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s  firmware %s or higher\n", aaguid, r.Firmware[aaguid])
		}
	}
	return err
}

// policyPreview asks what a change of rules for keys would do (F68).
type policyPreview struct {
	Organisation string       `arg:"" help:"Code of the organisation."`
	Inherit      bool         `help:"Leave all rules for keys to the organisation above." env:"-"`
	People       bool         `help:"List who would have a key refused, instead of how many." env:"-"`
	Keys         keyRuleFlags `embed:"" prefix:"keys-"`
	listFormat

	metadataConfig `embed:""`
}

// Run counts the people concerned, organisation by organisation.
func (c *policyPreview) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	actor := staffkey.ConsoleActor()
	settings, err := env.directory.PolicySettings(env.ctx, actor, staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	if c.Inherit {
		settings.Keys = nil
	}
	if err := c.Keys.decide(&settings); err != nil {
		return explain(err)
	}
	p, err := env.directory.PreviewKeyRules(env.ctx, actor, staffkey.OrganisationID(c.Organisation), settings.Keys)
	if err != nil {
		return explain(err)
	}
	if c.People {
		return c.listPeople(env, settings.Keys)
	}
	return printEffects(env, c.listFormat, p)
}

// printEffects prints a line for each organisation, and one for all of them before.
func printEffects(env *environment, format listFormat, p directory.WhatIf) error {
	list, err := newListing(env, format, "organisations", column{"code", "CODE", 8}, column{"organisation", "ORGANISATION", 34}, column{"refused", "KEY REFUSED", 11},
		column{"stranded", "NO KEY LEFT", 11}, column{"freed", "TAKEN", 6}, column{"shut_out", "NO WAY LEFT", 11})
	if err != nil {
		return err
	}
	all := p.Total
	all.Organisation.Name = "all together"
	for _, e := range append([]directory.Effect{all}, p.Organisations...) {
		if err := list.line(e.Organisation.Code, e.Organisation.Name, fmt.Sprint(e.Refused), fmt.Sprint(e.Stranded), fmt.Sprint(e.Freed), fmt.Sprint(e.ShutOut)); err != nil {
			return err
		}
	}
	return list.close()
}

// listPeople prints who would have a key refused, as they are found.
func (c *policyPreview) listPeople(env *environment, rules *staffkey.KeyRules) error {
	list, err := newListing(env, c.listFormat, "people", column{"username", "USERNAME", 24}, column{"name", "NAME", 28}, column{"code", "CODE", 8}, column{"keys", "KEYS", 24},
		column{"left", "LEFT", 8})
	if err != nil {
		return err
	}
	q := directory.Question{Organisation: staffkey.OrganisationID(c.Organisation), Keys: rules}
	err = env.directory.EachConcerned(env.ctx, staffkey.ConsoleActor(), q, directory.GroupRefused, "", 0, func(p directory.Concern, o staffkey.Organisation) error {
		return list.line(p.Username, p.Name, o.Code, strings.Join(p.Keys, "; "), leftOf(p))
	})
	if err != nil {
		return explain(err)
	}
	return list.close()
}

// leftOf says what somebody would have left to sign in with.
func leftOf(p directory.Concern) string {
	switch {
	case p.ShutOut:
		return "nothing"
	case p.Stranded:
		return "no key"
	}
	return "a key"
}
