package directory_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds/mdstest"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// A5: the change itself is refused when no operator could act after it, also at the console, which may overrule it and leaves that in the log;
// the actor's own key takes a word.
func TestChangeKeyRules_leaves_an_operator(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		operator := w.person(t, "operator", "A1")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.modelKey(t, operator, "5.2")
		actor := w.actor(t, operator)
		deny := &staffkey.KeyRules{Models: map[string]staffkey.ModelRule{testModel: staffkey.ModelDeny}}
		version := func(at string) string {
			_, v, _, err := w.KeyRules(t.Context(), console, staffkey.OrganisationID(at))
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		for _, at := range []string{"R", "A", "A1"} {
			p, err := w.PreviewKeyRules(t.Context(), actor, staffkey.OrganisationID(at), deny)
			if err != nil || p.Operators != 1 || p.OperatorsLeft != 0 || len(p.Own.Refused) != 1 || p.Own.Left {
				t.Errorf("at %s: operators %d, left %d, own %+v, error %v", at, p.Operators, p.OperatorsLeft, p.Own, err)
			}
			wantRefused(t, w.ChangeKeyRules(t.Context(), actor, staffkey.OrganisationID(at), version(at), deny, directory.Consent{OwnKey: true, NoOperator: true}), "last_operator_key")
			wantRefused(t, w.ChangeKeyRules(t.Context(), console, staffkey.OrganisationID(at), version(at), deny, directory.Consent{}), "last_operator_key")
			wantRefused(t, w.ChangePolicy(t.Context(), console, staffkey.OrganisationID(at), "", staffkey.PolicySettings{Keys: deny}, directory.Consent{}), "last_operator_key")
		}
		if err := w.ChangeKeyRules(t.Context(), console, "B", version("B"), deny, directory.Consent{}); err != nil {
			t.Errorf("where no operator is: %v", err)
		}
		// A second operator whose key cannot act does not help: on hold, of a disabled person, without a check of the person and recalled.
		second := w.person(t, "second", "A")
		w.grant(t, second, staffkey.RoleOperator, "R")
		w.keyOf(t, second, otherModel, "")
		err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyStopped, console), func(tx *store.Tx) error {
			_, err := tx.StopKeysRegisteredSince(second.ID, time.Time{}, staffkey.StopLost)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		wantRefused(t, w.ChangeKeyRules(t.Context(), console, "R", version("R"), deny, directory.Consent{}), "last_operator_key")
		third := w.person(t, "third", "A")
		w.grant(t, third, staffkey.RoleOperator, "R")
		w.keyOf(t, third, otherModel, "")
		wantRefused(t, w.ChangeKeyRules(t.Context(), actor, "R", version("R"), deny, directory.Consent{}), "own_key")
		if err := w.ChangeKeyRules(t.Context(), actor, "R", version("R"), deny, directory.Consent{OwnKey: true}); err != nil {
			t.Errorf("with another operator, and knowing: %v", err)
		}
		// The console knows what it does.
		others := &staffkey.KeyRules{Models: map[string]staffkey.ModelRule{testModel: staffkey.ModelDeny, otherModel: staffkey.ModelDeny}}
		wantRefused(t, w.ChangeKeyRules(t.Context(), console, "R", version("R"), others, directory.Consent{}), "last_operator_key")
		if err := w.ChangeKeyRules(t.Context(), console, "R", version("R"), others, directory.Consent{NoOperator: true}); err != nil {
			t.Error(err)
		}
		done := w.events(t, staffkey.EventPolicyChanged, staffkey.OutcomeDone)
		if done[len(done)-1].Detail["no_operator"] != "known" {
			t.Errorf("the log tells %v", done[len(done)-1].Detail)
		}
	})
}

// A7: policy about methods is asked the same: who loses a method, who is left without any, and who has to set something up.
func TestPreviewPolicy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		codes, used, both := w.person(t, "codes", "A"), w.person(t, "used", "A"), w.person(t, "both", "A1")
		w.codes(t, codes, "usable")
		w.codes(t, used, "used up")
		w.codes(t, both, "usable")
		w.key(t, both, "Blue")
		none := []staffkey.MethodKind{}
		p, err := w.PreviewPolicy(t.Context(), console, "A", staffkey.PolicySettings{Methods: &none})
		want := directory.Effect{Lost: 2, ShutOut: 1, Asked: 1}
		if diff := cmp.Diff(want, p.Total); err != nil || diff != "" || p.People != 1 || len(p.Organisations) != 2 || !p.Total.Takes() {
			t.Errorf("error %v, %d people with a key, %d organisations (-want +got):\n%s", err, p.People, len(p.Organisations), diff)
		}
		p, err = w.PreviewPolicy(t.Context(), console, "A", staffkey.PolicySettings{GraceDays: new(3)})
		if err != nil || p.Total != (directory.Effect{}) || p.Before.GraceDays != 14 || p.After.GraceDays != 3 {
			t.Errorf("a shorter grace: %+v, error %v", p.Total, err)
		}
		if err := w.ChangePolicy(t.Context(), console, "A", p.Version, staffkey.PolicySettings{GraceDays: new(3)}, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		if err := w.ChangePolicy(t.Context(), console, "A", p.Version, staffkey.PolicySettings{GraceDays: new(5)}, directory.Consent{}); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("a change of what was changed meanwhile: %v", err)
		}
	})
}

// A7: what is decided above must not make what is decided below unworkable, nor what is decided below weaken what is locked above; the set-up's
// choice is such a lock.
func TestChangePolicy_above_and_below(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		change := func(at string, s staffkey.PolicySettings) error {
			return w.ChangePolicy(t.Context(), console, staffkey.OrganisationID(at), "", s, directory.Consent{})
		}
		app, codes := []staffkey.MethodKind{staffkey.MethodTOTP}, []staffkey.MethodKind{staffkey.MethodRecoveryCode}
		resistant, anything := staffkey.StrengthPhishingResistant, staffkey.StrengthAny
		if err := errors.Join(change("R", staffkey.PolicySettings{Methods: &app}), change("A1", staffkey.PolicySettings{CoreMethods: &app})); err != nil {
			t.Fatal(err)
		}
		wantInvalid(t, change("R", staffkey.PolicySettings{Methods: &codes}), "below", "policy.below")
		wantInvalid(t, change("A", staffkey.PolicySettings{Methods: &codes}), "below", "policy.below")
		if err := change("B", staffkey.PolicySettings{Methods: &codes}); err != nil {
			t.Errorf("beside it: %v", err)
		}
		if err := change("R", staffkey.PolicySettings{Methods: &app, Strength: &resistant}); err != nil {
			t.Fatal(err)
		}
		wantInvalid(t, change("A", staffkey.PolicySettings{Strength: &anything}), "strength", "policy.weaker")
		if err := change("R", staffkey.PolicySettings{Methods: &app, Locks: []staffkey.Setting{staffkey.SettingMethods}}); err != nil {
			t.Fatal(err)
		}
		wantInvalid(t, change("A", staffkey.PolicySettings{Methods: &codes}), "methods", "policy.locked")
		if p, err := w.EffectivePolicy(t.Context(), w.organisations["B"].ID); err != nil || len(p.Methods) != 0 {
			t.Errorf("what was decided before the lock holds: %v, error %v", p.Methods, err)
		}
	})
}

// The list of who they are goes through all, in order and each once, in pages as in one.
func TestEachConcerned_in_pages(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		var want []string
		for i := range 23 {
			name := fmt.Sprintf("p%02d", i)
			organisation := []string{"A", "A1"}[i%2]
			p := w.person(t, name, organisation)
			if i%3 > 0 {
				w.modelKey(t, p, "5.2")
				want = append(want, name)
			}
		}
		w.modelKey(t, w.person(t, "elsewhere", "B"), "5.2")
		q := directory.Question{Organisation: "A", Keys: &staffkey.KeyRules{Models: map[string]staffkey.ModelRule{testModel: staffkey.ModelDeny}}}
		var got []string
		var after staffkey.PersonID
		for {
			n := 0
			err := w.EachConcerned(t.Context(), console, q, directory.GroupStranded, after, 4, func(c directory.Concern, o staffkey.Organisation) error {
				got, after = append(got, c.Username), c.Person
				if len(c.Keys) != 1 || o.ID != c.Organisation {
					t.Errorf("%s: keys %v in %s", c.Username, c.Keys, o.Code)
				}
				n++
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n < 4 {
				break
			}
		}
		var all []string
		if err := w.EachWithModel(t.Context(), console, "A", testModel, "", 0, func(h directory.KeyHolder, _ staffkey.Organisation) error {
			all = append(all, h.Username)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, got); diff != "" {
			t.Errorf("in pages and by model (-model +pages):\n%s", diff)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("who (-want +got):\n%s", diff)
		}
		la := w.person(t, "la", "A")
		w.grant(t, la, staffkey.RoleLocalAdministrator, "A")
		err := w.EachConcerned(t.Context(), w.actor(t, la), q, directory.GroupStranded, "", 4, func(directory.Concern, staffkey.Organisation) error {
			t.Error("somebody is shown")
			return nil
		})
		wantRefused(t, err, "scope")
	})
}

// reported is metadata in which the test's model and another have reports.
func (a *alliance) reported(t *testing.T, number int, reports, others []mdstest.Report) []byte {
	t.Helper()
	return a.blob(t, number, mdstest.Model{AAGUID: testModel, Description: "Test key", Reports: reports}, mdstest.Model{AAGUID: otherModel, Description: "Other key", Reports: others})
}

// answers tells how the keys of a model stand, by the catalogue of a node.
func answers(c *securitykey.Catalogue, model string) policy.Answer {
	k := staffkey.SecurityKey{AAGUID: model, UserVerified: true, Trust: staffkey.TrustProven}
	return policy.JudgeKey(policy.Defaults().Keys, k, c.Facts(k), false).Answer
}

// A5: what newly fetched metadata says counts at once where it concerns few, and waits where it concerns many; it is told to operators, holds on
// every node from the first instant and after a start, and goes with the report.
func TestFetchMetadata_holds_what_concerns_many(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		operator := w.person(t, "operator", "R")
		operator.Email = "operator@staff.example"
		if err := w.ChangePerson(t.Context(), console, operator); err != nil {
			t.Fatal(err)
		}
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.keyOf(t, operator, "0b000000-0000-0000-0000-000000000001", "")
		for i := range 4 {
			w.modelKey(t, w.person(t, fmt.Sprint("many", i), "A"), "5.2")
		}
		w.keyOf(t, w.person(t, "few", "A"), otherModel, "")
		first := w.catalogue
		compromised := []mdstest.Report{{Status: "USER_KEY_REMOTE_COMPROMISE", Since: "2026-01-02"}}
		revoked := []mdstest.Report{{Status: "REVOKED", Since: "2026-01-02"}}
		var blob []byte
		fetch := func() error {
			w.clock.Advance(25 * time.Hour)
			return w.FetchMetadata(t.Context(), 24*time.Hour, "https://mds.example/", func(context.Context) ([]byte, error) { return blob, nil })
		}
		blob = w.reported(t, 7, compromised, revoked)
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		check := func(what string, c *securitykey.Catalogue, many, few policy.Answer, undecided int) {
			t.Helper()
			if answers(c, testModel) != many || answers(c, otherModel) != few || c.Undecided() != undecided {
				t.Errorf("%s: keys of many are answered %d, of few %d, %d undecided", what, answers(c, testModel), answers(c, otherModel), c.Undecided())
			}
		}
		check("the node that fetched", first, policy.Accept, policy.Refuse, 1)
		second := w.node(t)
		if err := w.RefreshMetadata(t.Context()); err != nil { // by itself, without anything loaded before
			t.Fatal(err)
		}
		check("another node", second, policy.Accept, policy.Refuse, 1)
		held, err := w.ListHolds(t.Context(), w.actor(t, operator))
		if err != nil || len(held) != 1 || held[0].People != 4 || held[0].Kind != staffkey.FindingRemoteCompromise || held[0].AAGUID != testModel || held[0].Number != 7 || !held[0].Open() {
			t.Fatalf("held: %+v, error %v", held, err)
		}
		if got := w.events(t, staffkey.EventMetadataHeld, staffkey.OutcomeDone); len(got) != 1 || got[0].Detail["people"] != "4" || got[0].Subject != testModel {
			t.Errorf("the log tells %+v", got)
		}
		told := 0
		if err := w.store.Read(t.Context(), func(tx *store.Tx) error {
			messages, err := tx.ListOutgoing(store.OutgoingFilter{})
			for _, m := range messages {
				if m.Template == "operator.metadata_held" && m.To == operator.Email && m.Args["People"] == "4" {
					told++
				}
			}
			return err
		}); err != nil || told != 1 {
			t.Errorf("operators are told %d times, error %v", told, err)
		}
		// The next issue says the same: what is held stays so, and nobody is told again.
		blob = w.reported(t, 8, compromised, revoked)
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		check("the next issue", second, policy.Accept, policy.Refuse, 1)
		if got := len(w.events(t, staffkey.EventMetadataHeld, staffkey.OutcomeDone)); got != 1 {
			t.Errorf("it is told %d times", got)
		}
		// A recall of the model decides it too; taken back, it is open again.
		r := staffkey.Recall{AAGUID: testModel, Organisation: "R", Reason: "Advisory", Until: w.clock.Now().AddDate(0, 0, 14)}
		r, err = w.StartRecall(t.Context(), console, r)
		if err != nil {
			t.Fatal(err)
		}
		if held, err := w.ListHolds(t.Context(), console); err != nil || held[0].Open() {
			t.Errorf("with a recall it is to be decided, error %v", err)
		}
		if err := w.UndoRecall(t.Context(), console, r.ID); err != nil {
			t.Fatal(err)
		}
		if held, err := w.ListHolds(t.Context(), console); err != nil || !held[0].Open() {
			t.Errorf("without the recall it is decided, error %v", err)
		}
		// Refused, it counts; the report withdrawn, nothing is left.
		what, err := w.Ask(t.Context(), console, directory.Question{Hold: &held[0].HoldKey})
		if err != nil || what.Total.Refused != 4 || what.Total.Stranded != 4 {
			t.Errorf("refusing them: %+v, error %v", what.Total, err)
		}
		if err := w.DecideHold(t.Context(), console, held[0].HoldKey, directory.HoldRefuse, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		check("decided", second, policy.Refuse, policy.Refuse, 0)
		if err := w.DecideHold(t.Context(), console, held[0].HoldKey, directory.HoldTake, directory.Consent{}); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("decided twice: %v", err)
		}
		blob = w.reported(t, 9, compromised, nil)
		if err := fetch(); err != nil {
			t.Fatal(err)
		}
		check("what was decided stays so", second, policy.Refuse, policy.Accept, 0)
	})
}

// A lower certification and other trust anchors refuse like a finding where rules ask for them, and are held like one; so is what is reported
// for a day to come.
func TestImportMetadata_holds_all_that_refuses(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		for i := range 4 {
			w.modelKey(t, w.person(t, fmt.Sprint("many", i), "A"), "5.2")
		}
		rules := staffkey.KeyRules{Level: new(staffkey.Level1)}
		_, version, _, err := w.KeyRules(t.Context(), console, "R")
		if err != nil {
			t.Fatal(err)
		}
		certified := []mdstest.Report{{Status: "FIDO_CERTIFIED_L1", Since: "2025-01-02"}}
		importing := func(number int, reports ...mdstest.Report) directory.MetadataPreview {
			t.Helper()
			blob := w.reported(t, number, reports, nil)
			p, err := w.PreviewMetadata(t.Context(), console, blob)
			if err == nil {
				_, err = w.ImportMetadata(t.Context(), console, blob, "blob.jwt", directory.ImportChoice{})
			}
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		importing(7, certified...)
		if err := w.ChangeKeyRules(t.Context(), console, "R", version, &rules, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		stands := func() (policy.Answer, staffkey.KeyFacts) {
			k := staffkey.SecurityKey{AAGUID: testModel, UserVerified: true, Trust: staffkey.TrustProven}
			return policy.JudgeKey(rules, k, w.catalogue.Facts(k), false).Answer, w.catalogue.Facts(k)
		}
		for number, c := range map[int]struct {
			reports []mdstest.Report
			kind    staffkey.FindingKind
		}{
			8: {[]mdstest.Report{{Status: "NOT_FIDO_CERTIFIED", Since: "2025-01-02"}}, staffkey.FindingLevelLowered},
		} {
			p := importing(number, c.reports...)
			if len(p.Causes) != 1 || p.Causes[0].Kind != c.kind || p.Causes[0].People != 4 || !p.Causes[0].Held || p.Held.Total.Refused != 0 || p.Now.Total.Refused != 4 {
				t.Errorf("issue %d: causes %+v, held %+v, now %+v", number, p.Causes, p.Held.Total, p.Now.Total)
			}
			if answer, facts := stands(); answer != policy.Accept {
				t.Errorf("issue %d: the keys are answered %d by %+v", number, answer, facts)
			}
		}
		// Certified again, nothing is held any more.
		importing(9, certified...)
		if held, err := w.ListHolds(t.Context(), console); err != nil || len(held) != 0 {
			t.Errorf("held: %+v, error %v", held, err)
		}
		later := w.clock.Now().AddDate(0, 0, 10)
		p := importing(10, append(slices.Clone(certified), mdstest.Report{Status: "REVOKED", Since: later.Format(time.DateOnly)})...)
		if len(p.Causes) != 1 && len(p.Causes) != 2 {
			t.Errorf("for a day to come: causes %+v", p.Causes)
		}
		w.clock.Advance(11 * 24 * time.Hour)
		if answer, facts := stands(); answer != policy.Accept {
			t.Errorf("when the day has come the keys are answered %d by %+v", answer, facts)
		}
	})
}

// Of the last operator's key nothing is refused by metadata, however few have such a key; nobody's word is needed for what is held.
func TestImportMetadata_keeps_the_last_operator(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		operator := w.person(t, "operator", "R")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.modelKey(t, operator, "5.2")
		for i := range 40 {
			w.keyOf(t, w.person(t, fmt.Sprint("other", i), "A"), otherModel, "")
		}
		blob := w.reported(t, 7, []mdstest.Report{{Status: "REVOKED", Since: "2026-01-02"}}, nil)
		p, err := w.PreviewMetadata(t.Context(), w.actor(t, operator), blob)
		if err != nil || p.Now.OperatorsLeft != 0 || len(p.Now.Own.Refused) != 1 {
			t.Errorf("the check: %+v, error %v", p.Now, err)
		}
		_, err = w.ImportMetadata(t.Context(), w.actor(t, operator), blob, "blob.jwt", directory.ImportChoice{RefuseNow: true, Consent: directory.Consent{OwnKey: true}})
		wantRefused(t, err, "last_operator_key")
		if _, err := w.ImportMetadata(t.Context(), w.actor(t, operator), blob, "blob.jwt", directory.ImportChoice{}); err != nil {
			t.Fatal(err)
		}
		if held, err := w.ListHolds(t.Context(), console); err != nil || len(held) != 1 || answers(w.catalogue, testModel) != policy.Accept {
			t.Errorf("held %+v, error %v", held, err)
		}
		key := staffkey.HoldKey{Model: testModel, Kind: staffkey.FindingRevoked}
		wantRefused(t, w.DecideHold(t.Context(), console, key, directory.HoldRefuse, directory.Consent{}), "last_operator_key")
		wantInvalid(t, w.DecideHold(t.Context(), console, key, "later", directory.Consent{}), "decision", "ops.hold.empty")
		la := w.person(t, "la", "R")
		w.grant(t, la, staffkey.RoleLocalAdministrator, "R")
		wantRefused(t, w.DecideHold(t.Context(), w.actor(t, la), key, directory.HoldTake, directory.Consent{}), "scope")
		_, err = w.ListHolds(t.Context(), w.actor(t, la))
		wantRefused(t, err, "scope")
		if err := w.DecideHold(t.Context(), console, key, directory.HoldRefuse, directory.Consent{NoOperator: true}); err != nil || answers(w.catalogue, testModel) != policy.Refuse {
			t.Errorf("the console knows: %v", err)
		}
	})
}
