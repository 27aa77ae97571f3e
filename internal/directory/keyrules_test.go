package directory_test

import (
	"errors"
	"fmt"
	"testing"

	"staffkey"
	"staffkey/internal/directory"

	"github.com/google/go-cmp/cmp"
)

// effects shows a preview as "code refused stranded freed", all together first.
func effects(p directory.WhatIf) []string {
	list := []string{fmt.Sprint("all of ", p.People, ": ", p.Total.Refused, " ", p.Total.Stranded, " ", p.Total.Freed)}
	for _, e := range p.Organisations {
		list = append(list, fmt.Sprint(e.Organisation.Code, " ", e.Refused, " ", e.Stranded, " ", e.Freed))
	}
	return list
}

const otherModel = "ee882879-721c-4913-9775-3dfcce97072a"

// F68, F82: what a change of rules would do is asked before it is made, by the function that judges at a sign-in.
func TestPreviewKeyRules(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		one, two, ward, gone := w.person(t, "one", "A"), w.person(t, "two", "A"), w.person(t, "ward", "A1"), w.person(t, "gone", "A")
		w.person(t, "none", "A")
		w.modelKey(t, one, "5.2")
		w.modelKey(t, two, "5.2")
		w.keyOf(t, two, otherModel, "")
		w.modelKey(t, ward, "5.7")
		w.modelKey(t, gone, "5.2")
		w.modelKey(t, w.person(t, "elsewhere", "B"), "5.2")
		gone.State = staffkey.PersonDisabled
		if err := w.ChangePerson(t.Context(), console, gone); err != nil {
			t.Fatal(err)
		}
		deny := &staffkey.KeyRules{Models: map[string]staffkey.ModelRule{testModel: staffkey.ModelDeny}}
		ask := func(what, organisation string, rules *staffkey.KeyRules, want ...string) {
			t.Helper()
			p, err := w.PreviewKeyRules(t.Context(), console, staffkey.OrganisationID(organisation), rules)
			if diff := cmp.Diff(want, effects(p)); err != nil || diff != "" {
				t.Errorf("%s: error %v (-want +got):\n%s", what, err, diff)
			}
		}
		ask("denied", "A", deny, "all of 3: 3 2 0", "A 2 1 0", "A1 1 1 0")
		ask("denied above", "R", deny, "all of 4: 4 3 0", "A 2 1 0", "A1 1 1 0", "B 1 1 0")
		ask("by firmware", "A", &staffkey.KeyRules{Firmware: map[string]string{testModel: "5.7"}}, "all of 3: 2 1 0", "A 2 1 0")
		ask("nothing", "A", nil, "all of 3: 0 0 0")

		// What an organisation below decides stays, and what is denied is seen to be freed.
		own, version, _, err := w.KeyRules(t.Context(), console, "A1")
		if err != nil || own != nil {
			t.Fatalf("the ward has rules %v, error %v, want none", own, err)
		}
		others := &staffkey.KeyRules{Others: new(staffkey.ModelDeny), Models: map[string]staffkey.ModelRule{otherModel: staffkey.ModelReview}}
		if err := w.ChangeKeyRules(t.Context(), console, "A1", version, others, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		ask("denied where the ward denies anyway", "A", deny, "all of 3: 2 1 0", "A 2 1 0")
		ask("the ward gives up its own", "A1", nil, "all of 1: 0 0 1", "A1 0 0 1")
		p, err := w.PreviewKeyRules(t.Context(), console, "A1", nil)
		if err != nil || *p.Before.Keys.Others != staffkey.ModelDeny || *p.After.Keys.Others != staffkey.ModelAllow || p.Where.Code != "A1" {
			t.Errorf("before %v, after %v at %s, error %v", *p.Before.Keys.Others, *p.After.Keys.Others, p.Where.Code, err)
		}
		if err := w.ChangeKeyRules(t.Context(), console, "A1", version, nil, directory.Consent{}); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("a change of rules that were changed meanwhile: got error %v, want expired", err)
		}
	})
}

// Nothing is asked or changed by who may not change it, and nothing else of a policy is lost.
func TestKeyRules_by_whom(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		operator, below, la := w.person(t, "operator", "R"), w.person(t, "below", "A1"), w.person(t, "la", "A")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.grant(t, below, staffkey.RoleAuditor, "A1")
		w.grant(t, la, staffkey.RoleLocalAdministrator, "A")
		four := 4
		if err := w.ChangePolicy(t.Context(), console, "A", "", staffkey.PolicySettings{MaxKeys: &four}, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		rules := &staffkey.KeyRules{Others: new(staffkey.ModelReview)}
		_, version, _, err := w.KeyRules(t.Context(), w.actor(t, operator), "A")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range []staffkey.Person{below, la} {
			_, err := w.PreviewKeyRules(t.Context(), w.actor(t, p), "A", rules)
			wantRefused(t, err, "scope")
			wantRefused(t, w.ChangeKeyRules(t.Context(), w.actor(t, p), "A", version, rules, directory.Consent{}), "scope")
		}
		if _, _, _, err := w.KeyRules(t.Context(), w.actor(t, below), "A"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("rules above: got error %v, want not found", err)
		}
		weak := w.weakly(t, operator)
		_, err = w.PreviewKeyRules(t.Context(), weak, "A", rules)
		wantRefused(t, err, "role_needs_key")
		_, err = w.PreviewKeyRules(t.Context(), console, "A", &staffkey.KeyRules{MinPIN: new(99)})
		wantInvalid(t, err, "keys", "policy.keys.min_pin")
		wantInvalid(t, w.ChangeKeyRules(t.Context(), console, "A", version, &staffkey.KeyRules{MinPIN: new(99)}, directory.Consent{}), "keys", "policy.keys.min_pin")
		if err := w.ChangeKeyRules(t.Context(), w.actor(t, operator), "A", version, rules, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		s, err := w.PolicySettings(t.Context(), console, "A")
		if err != nil || s.MaxKeys == nil || *s.MaxKeys != 4 || s.Keys == nil || *s.Keys.Others != staffkey.ModelReview {
			t.Errorf("the policy is %+v, error %v, want both settings", s, err)
		}
		if got := len(w.events(t, staffkey.EventPolicyChanged, staffkey.OutcomeDone)); got != 2 {
			t.Errorf("%d changes are recorded, want 2", got)
		}
	})
}
