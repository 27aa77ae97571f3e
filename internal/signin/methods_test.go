package signin_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// equippedPerson adds a person with a password, a key and every other method.
func (w *installation) equippedPerson(t testing.TB, username string) (*wallet, *keyInHand) {
	t.Helper()
	p, key := w.withKey(t, username)
	h := w.wallet(t, w.browser(t, p, key), weaker...)
	return h, &keyInHand{w: w, person: p, key: key, id: w.keys(t, p)[0].ID}
}

// refusedSetUp tries to set every method up in a browser and to change what is there, all of which one rule must refuse, at once and
// without a trace.
func refusedSetUp(t *testing.T, w *installation, h *wallet, in signintest.Browser, rule string) {
	t.Helper()
	sent := len(w.messages(t, h.person, ""))
	for _, kind := range []staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode, staffkey.MethodPassword} {
		b, err := w.Service.BeginEnrolment(t.Context(), in.Actor, kind, signin.EnrolOptions{})
		if signintest.RuleOf(err) != rule || b.Sealed != "" || b.Options != nil {
			t.Errorf("begin to set up %s: got error %v and a ceremony %q, want a refusal by %s and none", kind, err, b.Sealed, rule)
		}
	}
	for _, kind := range []staffkey.MethodKind{staffkey.MethodTextMessage, staffkey.MethodPhoneCall} {
		w.Refused(t, rule, func() error { return w.Service.SendEnrolmentCode(t.Context(), in.Actor, kind, "07700 900999", "") })
	}
	if got := len(w.messages(t, h.person, "")); got != sent {
		t.Errorf("%d messages went out, want none", got-sent)
	}
}

// refusedTakingAway tries to take every method away that a person has.
func refusedTakingAway(t *testing.T, w *installation, in signintest.Browser) {
	t.Helper()
	for _, kind := range weaker {
		w.Refused(t, policy.StepUp, func() error { return w.Service.RemoveMethod(t.Context(), in.Actor, kind) })
	}
}

// refusedPassword tries to change the password by the present one.
func refusedPassword(t *testing.T, w *installation, in signintest.Browser) {
	t.Helper()
	w.Refused(t, policy.StepUp, func() error { return w.Service.ChangePassword(t.Context(), in.Actor, "", goodPassword, newPassword) })
}

// F10: what is weaker than the key changes nothing of a person who has one, however fresh it is.
func TestMethods_of_a_person_with_a_key_change_by_key_only(t *testing.T) {
	t.Parallel()
	for _, kind := range weaker {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				h, key := w.equippedPerson(t, "amara")
				in := h.browserBy(t, kind)
				refusedSetUp(t, w, h, in, policy.StepUp)
				refusedTakingAway(t, w, in)
				refusedPassword(t, w, in)
				pending := w.waiting(t, h.person, 1)[0]
				w.Refused(t, policy.StepUp, func() error { return w.Service.NameKey(t.Context(), in.Actor, pending, "Mine now") })
				if mine, err := w.Service.Mine(t.Context(), in.Actor); err != nil || mine.CanAdd {
					t.Errorf("by %s the page offers to add (error %v), want not", kind, err)
				}
				// Nor does proving it again in the session, or the password beside.
				b, err := w.Service.BeginStepUp(t.Context(), in.Actor, kind)
				if err != nil {
					t.Fatal(err)
				}
				renewed, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, kind, h.answer(t, kind)), in.Session)
				if err != nil {
					t.Fatal(err)
				}
				refusedSetUp(t, w, h, w.Browser(t, renewed), policy.StepUp)
				w.Refused(t, policy.StepUp, func() error { return w.Service.RemoveMethod(t.Context(), w.Browser(t, renewed).Actor, kind) })

				w.Clock.Advance(10 * time.Minute)
				byKey := w.browser(t, h.person, key.key)
				for _, again := range weaker {
					if err := h.setUp(t, byKey, again); err != nil {
						t.Errorf("set %s up by key: %v", again, err)
					}
				}
				if err := w.Service.RemoveMethod(t.Context(), byKey.Actor, kind); err != nil {
					t.Errorf("remove %s by key: %v", kind, err)
				}
				if err := w.Service.ChangePassword(t.Context(), byKey.Actor, "", goodPassword, newPassword); err != nil {
					t.Errorf("change the password by key: %v", err)
				}
			})
		})
	}
}

// F10: while a key is on hold, what could put it on hold must not go on with less. A saved recovery code is the way to set up again.
func TestMethods_of_a_person_whose_keys_are_all_on_hold(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		w.stop(t, w.browser(t, h.person, key.key), key.id, staffkey.StopLost)
		for _, kind := range []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall} {
			in := h.browserBy(t, kind)
			refusedSetUp(t, w, h, in, policy.StepUp)
			refusedTakingAway(t, w, in)
			refusedPassword(t, w, in)
			w.Refused(t, policy.StepUp, func() error {
				_, err := w.Service.ResumeKey(t.Context(), in.Actor, key.id)
				return err
			})
		}
		in := h.browserBy(t, staffkey.MethodRecoveryCode)
		refusedTakingAway(t, w, in)
		if err := h.setUp(t, in, staffkey.MethodTOTP); err != nil {
			t.Errorf("set an app up by recovery code: %v", err)
		}
		next := newKey()
		w.addKey(t, in, next, "Next")
		// With a key in use again, the same session is back to what everybody needs.
		refusedSetUp(t, w, h, in, policy.StepUp)
		if _, err := w.signIn(t, w.Attempt(h.person), next); err != nil {
			t.Error(err)
		}
	})
}

// F44: a pass opens setting up, not everything.
func TestMethods_by_pass_are_added_and_not_removed(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		h.issue(t, true)
		in, err := w.signInByPass(t, "amara", h.pass)
		if err != nil {
			t.Fatal(err)
		}
		by := w.Browser(t, in)
		if got, want := by.Session.Assurance, (staffkey.Assurance{Level: 1}); got != want {
			t.Errorf("assurance %+v by pass, want %+v", got, want)
		}
		refusedTakingAway(t, w, by)
		next := newKey()
		w.addKey(t, by, next, "Next")
		if err := h.setUp(t, by, staffkey.MethodTOTP); err != nil {
			t.Errorf("set an app up by pass: %v", err)
		}
		// They may not know their password: that is why they have a pass.
		if err := w.Service.ChangePassword(t.Context(), by.Actor, "", "", newPassword); err != nil {
			t.Errorf("choose a password by pass: %v", err)
		}
		if err := w.check(t, "amara", newPassword); err != nil {
			t.Error(err)
		}
		w.Clock.Advance(staffkey.PassProofLife + time.Microsecond)
		w.Refused(t, policy.StepUp, func() error { return w.Service.ChangePassword(t.Context(), by.Actor, "", "", goodPassword) })
		if _, err := w.Service.BeginEnrolment(t.Context(), by.Actor, staffkey.MethodTOTP, signin.EnrolOptions{}); signintest.RuleOf(err) != policy.StepUp {
			t.Errorf("half an hour later: got error %v, want a refusal by %s", err, policy.StepUp)
		}
		if got := len(w.inUse(t, key.person)); got != 2 {
			t.Errorf("%d keys in use, want 2", got)
		}
	})
}

// The password alone opens nothing once anything was set up, whatever has become of that.
func TestEnter_once_anything_was_set_up(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		lose func(t *testing.T, w *installation, p staffkey.Person) // all that the person has
		rule string
	}{
		{"recovery codes that are used up", func(t *testing.T, w *installation, p staffkey.Person) {
			h := w.wallet(t, w.Enter(t, p), staffkey.MethodRecoveryCode)
			for range staffkey.RecoveryCodes {
				h.browserBy(t, staffkey.MethodRecoveryCode)
			}
		}, "nothing_left"},
		{"an app that policy forbids now", func(t *testing.T, w *installation, p staffkey.Person) {
			w.wallet(t, w.Enter(t, p), staffkey.MethodTOTP)
			w.policy(t, func(s *staffkey.PolicySettings) { s.Methods = &[]staffkey.MethodKind{staffkey.MethodRecoveryCode} })
		}, "nothing_left"},
		{"a text message that is switched off", func(t *testing.T, w *installation, p staffkey.Person) {
			w.wallet(t, w.Enter(t, p), staffkey.MethodTextMessage)
			w.Change(t, func(tx *store.Tx) error { return tx.DisableEnrolment(p.ID, staffkey.MethodTextMessage) })
		}, "nothing_left"},
		{"the only key on hold", func(t *testing.T, w *installation, p staffkey.Person) {
			in := w.Enter(t, p)
			w.stop(t, in, w.addKey(t, in, newKey(), "Blue lanyard").ID, staffkey.StopStolen)
		}, "nothing_left"},
		{"the only key on hold and an app", func(t *testing.T, w *installation, p staffkey.Person) {
			in := w.Enter(t, p)
			w.wallet(t, in, staffkey.MethodTOTP)
			w.addStoredKey(t, p, staffkey.SecurityKeySuspended)
		}, policy.NeedsSecond},
		{"an app", func(t *testing.T, w *installation, p staffkey.Person) {
			w.wallet(t, w.Enter(t, p), staffkey.MethodTOTP)
		}, policy.NeedsSecond},
		{"a pass beside codes that are used up", func(t *testing.T, w *installation, p staffkey.Person) {
			h := w.wallet(t, w.Enter(t, p), staffkey.MethodRecoveryCode)
			for range staffkey.RecoveryCodes {
				h.browserBy(t, staffkey.MethodRecoveryCode)
			}
			h.issue(t, false)
		}, policy.NeedsSecond},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				p := w.person(t, "amara")
				test.lose(t, w, p)
				enter := func() error {
					_, err := w.Service.Enter(t.Context(), origin, w.Attempt(p), nowhere)
					return err
				}
				if test.rule == policy.NeedsSecond { // the middle of a sign-in, and no refusal
					if err := enter(); signintest.RuleOf(err) != test.rule {
						t.Errorf("got error %v, want a refusal by %s", err, test.rule)
					}
					return
				}
				w.Refused(t, test.rule, func() error {
					err := enter()
					var r *staffkey.Refusal
					if errors.As(err, &r) && r.Message.ID != "signin.nothing" {
						t.Errorf("the page says %s, want signin.nothing", r.Message.ID)
					}
					return err
				})
			})
		})
	}
}

// Nor does it once all of that has been removed, which only an administrator who opens a frozen account does.
func TestEnter_after_all_was_removed(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		_, administrator := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		w.wallet(t, in, staffkey.MethodTOTP)
		if _, err := w.Service.FreezeOwn(t.Context(), in.Actor); err != nil {
			t.Fatal(err)
		}
		if err := w.Service.Unfreeze(t.Context(), administrator, p.ID, "spoke to her"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Service.UseResetLink(t.Context(), origin, w.resetLink(t, p), newPassword); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "nothing_left", func() error {
			_, err := w.Service.Enter(t.Context(), origin, w.Attempt(p), nowhere)
			return err
		})
	})
}

// A number that was never confirmed has proved nothing, and does not lock its owner out.
func TestEnter_beside_a_number_that_waits_for_its_code(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		if err := w.Service.SendEnrolmentCode(t.Context(), in.Actor, staffkey.MethodTextMessage, "07700 900123", ""); err != nil {
			t.Fatal(err)
		}
		w.Enter(t, p)
		if mine, err := w.Service.Mine(t.Context(), in.Actor); err != nil || mine.Holdings.SetUp || len(mine.Holdings.Others) != 0 {
			t.Errorf("got holdings %+v (error %v), want nothing", mine.Holdings, err)
		}
	})
}

func TestRemoveMethod(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		h := w.wallet(t, in, staffkey.MethodTOTP)
		in = h.browserBy(t, staffkey.MethodTOTP)
		w.Refused(t, "last_method", func() error { return w.Service.RemoveMethod(t.Context(), in.Actor, staffkey.MethodTOTP) })
		if err := h.setUp(t, in, staffkey.MethodRecoveryCode); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []staffkey.MethodKind{staffkey.MethodPassword, staffkey.MethodSecurityKey, staffkey.MethodPass, staffkey.MethodTextMessage} {
			if err := w.Service.RemoveMethod(t.Context(), in.Actor, kind); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("remove %s: got error %v, want not found", kind, err)
			}
		}
		in = h.browserBy(t, staffkey.MethodTOTP)
		if err := w.Service.RemoveMethod(t.Context(), in.Actor, staffkey.MethodTOTP); err != nil {
			t.Fatal(err)
		}
		w.told(t, p, "notice.method_removed", 1)
		if got := w.events(t, staffkey.EventMethodRemoved); len(got) != 2 || got[1].Outcome != staffkey.OutcomeDone || got[1].Person != p.ID || got[1].Subject != "totp" {
			t.Errorf("events %+v, want a refused and a done one", got)
		}
		w.Refused(t, "last_method", func() error { return w.Service.RemoveMethod(t.Context(), in.Actor, staffkey.MethodRecoveryCode) })
		if err := w.Service.SignOut(t.Context(), in.Actor); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "session_ended", func() error { return w.Service.RemoveMethod(t.Context(), in.Actor, staffkey.MethodRecoveryCode) })
	})
}

// Of two removals at once, each of which would leave the other method, one is refused.
func TestRemoveMethod_at_once_leaves_one(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		for range raceRounds(t) {
			p := w.AddPerson(t, "p"+w.Clock.Now().Format("150405.000000"))
			in := w.Enter(t, p)
			h := w.wallet(t, in, staffkey.MethodTOTP)
			in = h.browserBy(t, staffkey.MethodTOTP)
			if err := h.setUp(t, in, staffkey.MethodRecoveryCode); err != nil {
				t.Fatal(err)
			}
			kinds := []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodRecoveryCode}
			signintest.Once(t, signintest.Parallel(2, func(i int) error { return w.Service.RemoveMethod(t.Context(), in.Actor, kinds[i]) }))
		}
	})
}

func TestMine(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		in := w.browser(t, h.person, key.key)
		mine, err := w.Service.Mine(t.Context(), in.Actor)
		if err != nil {
			t.Fatal(err)
		}
		want := []staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode}
		if diff := cmp.Diff(want, mine.Offered); diff != "" {
			t.Errorf("offered (-want +got):\n%s", diff)
		}
		if !mine.CanAdd || mine.State.Lack != policy.LackNothing || mine.Enrolment(staffkey.MethodTOTP) == nil || mine.Enrolment(staffkey.MethodPass) != nil {
			t.Errorf("got %+v, want all set up and no pass", mine.State)
		}
		e := *mine.Enrolment(staffkey.MethodTextMessage)
		if got := w.Service.Last2(e); got != "23" || w.Service.Pending(e) != "" {
			t.Errorf("the number ends in %q and %q waits, want 23 and nothing", got, w.Service.Pending(e))
		}

		// F46: grace counts from when the person was first asked.
		fresh := w.person(t, "ben")
		asked := storetest.SignIn(t, w.Store, fresh, staffkey.Assurance{Level: 1}, w.Clock.Now()) // it lasts
		state := func() policy.SetUpState {
			t.Helper()
			mine, err := w.Service.Mine(t.Context(), asked)
			if err != nil {
				t.Fatal(err)
			}
			return mine.State
		}
		first := w.Clock.Now()
		if err := w.Service.NoteAsked(t.Context(), asked); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(13 * 24 * time.Hour)
		if err := w.Service.NoteAsked(t.Context(), asked); err != nil {
			t.Fatal(err)
		}
		if got := state(); got.Lack != policy.LackKey || !got.Until.Equal(first.Add(14*24*time.Hour)) || got.Must {
			t.Errorf("a day before the end: got %+v, want it until %v", got, first.Add(14*24*time.Hour))
		}
		w.Clock.Advance(24 * time.Hour)
		if got := state(); !got.Must {
			t.Errorf("at the end: got %+v, want a must", got)
		}
		w.Change(t, func(tx *store.Tx) error {
			return tx.InsertException(staffkey.Exception{ID: "e", Person: fresh.ID, Reason: "the key is on its way", GrantedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)})
		})
		if got := state(); got.Must || got.Exception.IsZero() {
			t.Errorf("with an exception: got %+v, want no must", got)
		}
		w.Clock.Advance(time.Hour)
		if got := state(); !got.Must {
			t.Errorf("after the exception: got %+v, want a must", got)
		}

		_, officer := w.officer(t, "olu", staffkey.RoleHelpdesk, w.Organisation.ID)
		if mine, err = w.Service.Mine(t.Context(), officer); err != nil || slices.ContainsFunc(mine.Offered, func(k staffkey.MethodKind) bool {
			return k == staffkey.MethodTextMessage || k == staffkey.MethodPhoneCall
		}) {
			t.Errorf("somebody with a role is offered %v (error %v), want no telephone", mine.Offered, err)
		}
	})
}
