package signin_test

import (
	"errors"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

func TestSignIn_by_key_alone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in, err := w.signIn(t, signin.Attempt{}, key)
		if err != nil {
			t.Fatal(err)
		}
		got := w.Browser(t, in).Session
		k, now := w.keys(t, p)[0], w.Clock.Now()
		want := staffkey.Session{
			ID: in.Session.ID, Person: p.ID, Assurance: staffkey.Assurance{Level: 3, PhishingResistant: true},
			Methods: []staffkey.MethodKind{staffkey.MethodSecurityKey}, SecurityKey: k.ID, CreatedAt: now, ProvedAt: now, LastSeenAt: now,
			IdleLimit: got.IdleLimit, ExpiresAt: got.ExpiresAt, IP: origin.IP, Browser: origin.Browser,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("session (-want +got):\n%s", diff)
		}
		if !k.LastUsedAt.Equal(now) || k.LastUsedWhere != origin.Browser || k.SignCount != 2 {
			t.Errorf("key used %v in %q with counter %d, want %v, %q, 2", k.LastUsedAt, k.LastUsedWhere, k.SignCount, now, origin.Browser)
		}
	})
}

func TestSignIn_passwordless_needs_the_person_verified(t *testing.T) { // F4, CVE-2020-8236
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, _ := w.withKey(t, "amara")
		o := keyOptions()
		o.Tamper = func(stage softkey.Stage, parts *softkey.Parts) {
			if stage == softkey.GetBeforeSigning {
				parts.AuthenticatorData[32] &^= 0x04
			}
		}
		bare := softkey.New(o)
		in := w.Enter(t, w.person(t, "ben"))
		w.addKey(t, in, bare, "Bare")
		w.Refused(t, "user_verification", func() error {
			_, err := w.signIn(t, signin.Attempt{}, bare)
			return err
		})
		// Nor as a key that never could, for which a second proof would be possession only.
		old := staffkey.SecurityKey{}
		for _, k := range w.keys(t, staffkey.Person{ID: in.Actor.Person}) {
			old = k
		}
		old.ID, old.Person, old.CredentialID, old.UserVerified, old.Nickname = "old", p.ID, []byte("old"), false, "Old"
		old.AttestationObject, old.ClientDataJSON = []byte{0xa0}, []byte("{}")
		w.Change(t, func(tx *store.Tx) error { return tx.InsertSecurityKey(old) })
		b := w.begin(t, w.Attempt(p))
		if got := string(b.Options); !strings.Contains(got, `"userVerification":"preferred"`) {
			t.Errorf("options %s, want verification preferred for a list with an old key", got)
		}
		if b = w.begin(t, signin.Attempt{}); !strings.Contains(string(b.Options), `"userVerification":"required"`) {
			t.Errorf("options %s, want verification required without a password", b.Options)
		}
	})
}

// CVE-2026-46419: the password of the victim and the attacker's own key are no two factors of one person.
func TestSignIn_with_one_persons_password_and_anothers_key(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		victim, _ := w.withKey(t, "victim")
		attacker, key := w.withKey(t, "attacker")
		a := w.Attempt(victim)
		b := w.begin(t, a)
		w.Refused(t, "key_of_another", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, get(t, key, anyKey(t, b.Options))), nowhere)
			return err
		})
		// A passwordless ceremony finished in the victim's attempt says who the key's owner is, and nothing of the password.
		b = w.begin(t, signin.Attempt{})
		in, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options)), nowhere)
		if err != nil {
			t.Fatal(err)
		}
		if in.Person.ID != attacker.ID {
			t.Errorf("signed in as %s, want the owner of the key", in.Person.Username)
		}
		if diff := cmp.Diff([]staffkey.MethodKind{staffkey.MethodSecurityKey}, in.Session.Methods); diff != "" {
			t.Errorf("methods (-want +got):\n%s", diff)
		}
	})
}

// CVE-2025-26788: a ceremony begun for the victim is not finished by a credential of the attacker, whatever it claims.
func TestSignIn_begun_for_one_person_and_finished_by_another(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		victim, theirs := w.withKey(t, "victim")
		o := keyOptions()
		o.Tamper = func(stage softkey.Stage, parts *softkey.Parts) {
			if stage == softkey.GetBeforeSigning { // claims the victim's credential and handle
				parts.CredentialID, parts.UserHandle = theirs.Credentials()[0].ID, theirs.Credentials()[0].UserID
			}
		}
		forged := softkey.New(o)
		w.addKey(t, w.Enter(t, w.person(t, "attacker")), forged, "Forged")
		for name, a := range map[string]signin.Attempt{"named": w.Attempt(victim), "passwordless": {}} {
			b := w.begin(t, a)
			w.Refused(t, "signature", func() error {
				_, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, get(t, forged, anyKey(t, b.Options))), nowhere)
				if err == nil {
					t.Errorf("%s: signed in", name)
				}
				return err
			})
		}
		if _, err := w.signIn(t, w.Attempt(victim), theirs); err != nil {
			t.Errorf("the victim's own key: %v", err)
		}
	})
}

// A key of somebody who has left does not open the account of whoever has the name now.
func TestSignIn_with_the_key_of_an_earlier_person_of_that_name(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		earlier, key := w.withKey(t, "amara")
		earlier.Username, earlier.Email = "left-1", ""
		w.Change(t, func(tx *store.Tx) error { return tx.UpdatePerson(earlier) })
		now := w.person(t, "amara")
		a := w.Attempt(now)
		b := w.begin(t, a)
		w.Refused(t, "key_of_another", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, get(t, key, anyKey(t, b.Options))), nowhere)
			return err
		})
		w.Disable(t, earlier)
		w.Refused(t, "person_disabled", func() error {
			_, err := w.signIn(t, signin.Attempt{}, key)
			return err
		})
	})
}

func TestSignIn_with_a_key_that_is_not_in_use(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		put  func(*store.Tx, staffkey.PersonID, staffkey.SecurityKey) error
		rule string
	}{
		{"removed", func(tx *store.Tx, p staffkey.PersonID, k staffkey.SecurityKey) error {
			return tx.RemoveSecurityKey(p, k.ID)
		}, "key_removed"},
		{"never named", nil, "key_pending"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *installation) {
				p, other := w.withKey(t, "amara")
				key := newKey()
				k, err := w.register(t, w.browser(t, p, other), key, false)
				if err != nil {
					t.Fatal(err)
				}
				if test.put != nil {
					w.Change(t, func(tx *store.Tx) error {
						if err := tx.NameKey(store.InUse{Owner: staffkey.Person{ID: p.ID}}, k.ID, "Spare"); err != nil {
							return err
						}
						return test.put(tx, p.ID, k)
					})
				}
				w.Refused(t, test.rule, func() error {
					_, err := w.signIn(t, signin.Attempt{}, key)
					return err
				})
				a := w.Attempt(p)
				b := w.begin(t, a)
				w.Refused(t, test.rule, func() error {
					_, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, get(t, key, anyKey(t, b.Options))), nowhere)
					return err
				})
				if !strings.Contains(string(b.Options), `"allowCredentials":[{`) || strings.Contains(string(b.Options), string(k.CredentialID)) {
					t.Errorf("options %s, want the one key in use", b.Options)
				}
			})
		})
	}
}

// A copy of a key and the key itself both answer: whoever comes second with a counter is found out.
func TestSignIn_with_a_copied_key(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		twin := key.Clone()
		if _, err := w.signIn(t, w.Attempt(p), key); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "counter_went_back", func() error {
			_, err := w.signIn(t, w.Attempt(p), twin)
			var r *staffkey.Refusal
			if errors.As(err, &r) && r.Message.ID != "key.clone" {
				t.Errorf("the page says %s, want key.clone", r.Message.ID)
			}
			return err
		})
		if _, err := w.signIn(t, w.Attempt(p), twin); err != nil {
			t.Errorf("the copy's next answer counts on: %v", err)
		}
	})
}

// Two answers with the same counter in two ceremonies at once: one of them is refused.
func TestSignIn_with_copies_at_once(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		const copies = 16
		p, key := w.withKey(t, "amara")
		a := w.Attempt(p)
		var answers []signin.Answer
		for range copies {
			b := w.begin(t, a)
			answers = append(answers, answer(b, staffkey.MethodSecurityKey, get(t, key.Clone(), b.Options)))
		}
		signintest.Once(t, signintest.Parallel(copies, func(i int) error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, a, answers[i], nowhere)
			return err
		}))
	})
}

func TestTry_is_for_the_one_key(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		spare := newKey()
		k := w.addKey(t, in, spare, "Spare")
		try := func(key *softkey.Key) (signin.SignedIn, error) {
			b, err := w.Service.BeginTry(t.Context(), in.Actor, k.ID)
			if err != nil {
				t.Fatal(err)
			}
			return w.Service.FinishTry(t.Context(), in.Actor, answer(b, staffkey.MethodSecurityKey, get(t, key, anyKey(t, b.Options))), in.Session)
		}
		w.Refused(t, "other_key_than_asked", func() error {
			_, err := try(key)
			return err
		})
		got, err := try(spare)
		if err != nil || got.Key != k.ID {
			t.Errorf("tried key %q (error %v), want %q", got.Key, err, k.ID)
		}
		if got.Session.ID == in.Session.ID || got.Secret == "" {
			t.Error("the session kept its identifier, though the try proved who is there anew")
		}
		if got.Session.SecurityKey != k.ID || !got.Session.Assurance.PhishingResistant {
			t.Errorf("session after the try: key %q, assurance %+v, want key %q and resistance to phishing", got.Session.SecurityKey, got.Session.Assurance, k.ID)
		}
	})
}

// F10: after five minutes a change of methods needs a new proof, as strong as the strongest method.
func TestStepUp(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		begin := func(in signintest.Browser) error {
			_, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodRecoveryCode, signin.EnrolOptions{})
			return err
		}
		w.Clock.Advance(staffkey.ProofLife)
		if err := begin(in); err != nil {
			t.Errorf("with a proof of exactly five minutes: %v", err)
		}
		w.Clock.Advance(1000)
		if err := begin(in); signintest.RuleOf(err) != policy.StepUp {
			t.Errorf("with an older proof: got error %v, want a refusal by %s", err, policy.StepUp)
		}
		again, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodSecurityKey)
		if err != nil {
			t.Fatal(err)
		}
		renewed, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(again, staffkey.MethodSecurityKey, get(t, key, again.Options)), in.Session)
		if err != nil {
			t.Fatal(err)
		}
		now := w.Browser(t, renewed)
		if now.Session.ID == in.Session.ID || now.Secret == in.Secret || w.alive(t, in.Secret) {
			t.Error("the session goes on under its old id or secret, want a new one and the old one ended")
		}
		if err := begin(now); err != nil {
			t.Errorf("with a new proof: %v", err)
		}
	})
}

// F10: a recovery code, which somebody may have found on paper, does not change the keys of a person who has one.
func TestStepUp_by_recovery_code_is_not_enough_beside_a_key(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		codes := w.codes(t, w.browser(t, p, key))
		in := w.signInWithCode(t, p, codes[0])
		for _, kind := range []staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodRecoveryCode} {
			if _, err := w.Service.BeginEnrolment(t.Context(), in.Actor, kind, signin.EnrolOptions{}); signintest.RuleOf(err) != policy.StepUp {
				t.Errorf("enrol %s: got error %v, want a refusal by %s", kind, err, policy.StepUp)
			}
		}
		h := policy.Holdings{Keys: w.keys(t, p)}
		if err := policy.MayRemoveKey(in.May, p.ID, h.Keys[0].ID, h, w.Clock.Now()); signintest.RuleOf(err) != policy.StepUp {
			t.Errorf("remove the key: got error %v, want a refusal by %s", err, policy.StepUp)
		}
		again, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodRecoveryCode)
		if err != nil {
			t.Fatal(err)
		}
		renewed, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(again, staffkey.MethodRecoveryCode, []byte(codes[1])), in.Session)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Service.BeginEnrolment(t.Context(), w.Browser(t, renewed).Actor, staffkey.MethodSecurityKey, signin.EnrolOptions{}); signintest.RuleOf(err) != policy.StepUp {
			t.Errorf("after another code: got error %v, want a refusal by %s", err, policy.StepUp)
		}
	})
}

func TestStepUpWithPassword(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		w.Clock.Advance(staffkey.ProofLife + 1000)
		w.Refused(t, "password", func() error {
			_, err := w.Service.StepUpWithPassword(t.Context(), in.Actor, "not the password", in.Session)
			return err
		})
		renewed, err := w.Service.StepUpWithPassword(t.Context(), in.Actor, goodPassword, in.Session)
		if err != nil {
			t.Fatal(err)
		}
		if renewed.Session.ID == in.Session.ID || w.alive(t, in.Secret) {
			t.Error("the session goes on, want a new one and the old one ended")
		}
		now := w.Browser(t, renewed)
		w.addKey(t, now, newKey(), "Blue lanyard")
		_, err = w.Service.StepUpWithPassword(t.Context(), now.Actor, goodPassword, now.Session)
		if signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("by password with a key at hand: got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
	})
}
