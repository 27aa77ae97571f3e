package signin_test

import (
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/store"
)

const modelOfKeys = "01000000-0000-0000-0000-000000000000" // of newKey

// rules decides which keys the organisation takes.
func (w *installation) rules(t testing.TB, r staffkey.KeyRules) {
	t.Helper()
	w.Change(t, func(tx *store.Tx) error {
		return tx.PutPolicySettings(w.Organisation.ID, staffkey.PolicySettings{Keys: &r})
	})
}

func ruleFor(rule staffkey.ModelRule) staffkey.KeyRules {
	return staffkey.KeyRules{Models: map[string]staffkey.ModelRule{modelOfKeys: rule}}
}

// F82: what is registered is judged by what its attestation proves, and every refusal is recorded.
func TestModels_at_registration(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		onlyThis := ruleFor(staffkey.ModelAllow)
		onlyThis.Others = new(staffkey.ModelDeny)
		w.rules(t, onlyThis)
		w.Models.Set(staffkey.TrustUnknown, staffkey.Model{Name: "Test key"})
		w.Refused(t, "model_others", func() error { _, err := w.register(t, in, newKey(), false); return err })
		w.rules(t, ruleFor(staffkey.ModelDeny))
		w.Refused(t, "model_denied", func() error { _, err := w.register(t, in, newKey(), false); return err })
		if keys := w.keys(t, p); len(keys) != 0 {
			t.Errorf("%d keys are stored, want none", len(keys))
		}
		w.rules(t, onlyThis)
		w.Models.Set(staffkey.TrustProven, staffkey.Model{Name: "Test key"})
		k := w.addKey(t, in, newKey(), "Blue")
		if k.Trust != staffkey.TrustProven || k.JudgedBy != 1 {
			t.Errorf("trust %q by metadata %d, want proven by 1", k.Trust, k.JudgedBy)
		}
	})
}

// F82: a rule that is made later holds at the next sign-in, for every way of using the key.
func TestModels_at_sign_in(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Fatal(err)
		}
		in := w.browser(t, p, key)
		w.rules(t, ruleFor(staffkey.ModelDeny))
		w.Refused(t, "model_denied", func() error { _, err := w.signIn(t, signin.Attempt{}, key); return err })
		w.Refused(t, "model_denied", func() error { _, err := w.signIn(t, w.Attempt(p), key); return err })
		w.Refused(t, "model_denied", func() error {
			b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodSecurityKey)
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options)), in.Session)
			return err
		})
		w.rules(t, ruleFor(staffkey.ModelAllow))
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("allowed again: got error %v", err)
		}
	})
}

// F80, F4: a key that cannot check its person is taken where policy says so, and counts beside a password only.
func TestModels_of_keys_that_only_know_a_touch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		o := keyOptions()
		o.UserVerification = false
		touched := softkey.New(o)
		// A browser does not offer such a key where it is not taken; one that answers all the same is refused.
		liar := o
		liar.UserVerification = true
		liar.Tamper = func(stage softkey.Stage, parts *softkey.Parts) {
			if stage == softkey.CreateBeforeSigning {
				parts.AuthenticatorData[32] &^= 0x04
			}
		}
		w.Refused(t, "user_verification", func() error { _, err := w.register(t, in, softkey.New(liar), false); return err })
		w.rules(t, staffkey.KeyRules{VerifyPerson: new(false)})
		if k := w.addKey(t, in, touched, "Old one"); k.UserVerified {
			t.Error("the key is said to have checked its person")
		}
		got, err := w.signIn(t, w.Attempt(p), touched)
		// NIST SP 800-63B-4 §2.3: a password with a cryptographic device of one factor reaches the third level.
		if want := (staffkey.Assurance{Level: 3, PhishingResistant: true}); err != nil || got.Session.Assurance != want {
			t.Errorf("with a password: assurance %+v, error %v, want %+v", got.Session.Assurance, err, want)
		}
		w.rules(t, staffkey.KeyRules{})
		w.Refused(t, "model_verification", func() error { _, err := w.signIn(t, w.Attempt(p), touched); return err })
	})
}

// F81: a status report acts on keys in use at their next sign-in, as policy says.
func TestModels_with_a_finding(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		_, key := w.withKey(t, "amara")
		for _, kind := range staffkey.FindingKinds {
			w.Models.Set(staffkey.TrustProven, staffkey.Model{Findings: []staffkey.Finding{{Kind: kind}}})
			w.Refused(t, "model_finding", func() error { _, err := w.signIn(t, signin.Attempt{}, key); return err })
		}
		w.Models.Set(staffkey.TrustProven, staffkey.Model{Findings: []staffkey.Finding{{Kind: staffkey.FindingUpdateAvailable}}})
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("an update: got error %v", err)
		}
		w.rules(t, staffkey.KeyRules{Findings: map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingPhysicalCompromise: staffkey.FindingFlag}})
		w.Models.Set(staffkey.TrustProven, staffkey.Model{Findings: []staffkey.Finding{{Kind: staffkey.FindingPhysicalCompromise}}})
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("a finding that flags: got error %v", err)
		}
		var e staffkey.AuditEvent
		w.Read(t, func(tx *store.Tx) error {
			events, err := tx.ListAuditEvents(store.AuditFilter{Limit: 1})
			if err == nil {
				e = events[0]
			}
			return err
		})
		if e.Kind != staffkey.EventSignedIn || e.Detail["finding"] != string(staffkey.FindingPhysicalCompromise) {
			t.Errorf("last event %s with %v, want a sign-in that tells the finding", e.Kind, e.Detail)
		}
	})
}

// F81: a finding about some certificates concerns a key that signs in by the bytes of its registration, which are read where they matter.
func TestModels_with_a_finding_about_certificates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		w.Models.Set(staffkey.TrustProven, staffkey.Model{Findings: []staffkey.Finding{{Kind: staffkey.FindingAttestationKey}}})
		var object []byte
		w.Read(t, func(tx *store.Tx) error {
			var client []byte
			var err error
			object, client, err = tx.FindRegistration(w.keys(t, p)[0].ID)
			if len(client) == 0 {
				t.Error("no client data is stored")
			}
			return err
		})
		w.Models.Spare([]byte("another registration"))
		w.Refused(t, "model_finding", func() error { _, err := w.signIn(t, signin.Attempt{}, key); return err })
		w.Models.Spare(object)
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("not concerned: got error %v", err)
		}
		w.Read(t, func(tx *store.Tx) error {
			if _, _, err := tx.FindRegistration("nobody's"); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("no such key: got error %v, want not found", err)
			}
			return nil
		})
	})
}

// F82: a key that needs a review is on hold until somebody who looks after its person puts it in use.
func TestModels_that_need_a_review(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		w.rules(t, ruleFor(staffkey.ModelReview))
		key := newKey()
		k := w.addKey(t, in, key, "Blue")
		stored := w.keys(t, p)[0]
		if stored.State != staffkey.SecurityKeySuspended || stored.StopReason != staffkey.StopReview {
			t.Fatalf("key is %s for %q, want on hold for a review", stored.State, stored.StopReason)
		}
		w.Refused(t, "key_suspended", func() error { _, err := w.signIn(t, signin.Attempt{}, key); return err })
		w.Refused(t, "key_in_review", func() error { _, err := w.Service.ResumeKey(t.Context(), in.Actor, k.ID); return err })
		// What waits proves nothing yet, and must not keep its person from setting up something else.
		if _, err := w.register(t, in, newKey(), false); err != nil {
			t.Errorf("a second key: got error %v", err)
		}
		if err := w.Service.ResumeKeyFor(t.Context(), staffkey.ConsoleActor(), p.ID, k.ID); err != nil {
			t.Fatal(err)
		}
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("after the review: got error %v", err)
		}
	})
}

// F83: a key of a recalled model is something that is had until the date, beside a password, and refused after it.
func TestRecall_of_a_model(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		recall := staffkey.Recall{ID: "r", Organisation: p.Organisation, Until: w.Clock.Now().Add(14 * 24 * time.Hour)}
		elsewhere := recall
		elsewhere.Organisation = w.organisation(t, "elsewhere", p.Organisation).ID
		w.Models.Recall(elsewhere)
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("recalled elsewhere: got error %v", err)
		}
		w.Models.Recall(recall)
		w.Refused(t, "recall_alone", func() error { _, err := w.signIn(t, signin.Attempt{}, key); return err })
		in, err := w.signIn(t, w.Attempt(p), key)
		if err != nil {
			t.Fatalf("with a password: got error %v", err)
		}
		if want := (staffkey.Assurance{Level: 2, PhishingResistant: true}); in.Session.Assurance != want {
			t.Errorf("assurance %+v, want %+v", in.Session.Assurance, want)
		}
		entered := w.Browser(t, in)
		mine, err := w.Service.Mine(t.Context(), entered.Actor)
		if err != nil {
			t.Fatal(err)
		}
		if got := mine.Recalls[w.keys(t, p)[0].ID]; got.ID != recall.ID {
			t.Errorf("what they have tells of recall %q, want %q", got.ID, recall.ID)
		}
		w.Refused(t, "key_recalled", func() error { _, err := w.register(t, entered, newKey(), false); return err })
		w.Models.Recall()
		second := newKey()
		w.addKey(t, entered, second, "Green") // of another model: the catalogue of this test knows one recall for all
		w.Models.Recall(recall)
		w.Clock.Advance(15 * 24 * time.Hour)
		w.Refused(t, "key_recalled", func() error { _, err := w.signIn(t, w.Attempt(p), key); return err })
		w.Models.Recall()
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("taken back: got error %v", err)
		}
	})
}
