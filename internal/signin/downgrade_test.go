package signin_test

import (
	"strconv"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
)

// F11: who has a key and takes something weaker is told, as the event is.
func TestDowngrade_is_told(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		lastSignIn := func() staffkey.AuditEvent {
			t.Helper()
			list := w.events(t, staffkey.EventSignedIn)
			return list[len(list)-1]
		}
		for i, kind := range []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall} {
			in, err := h.signInBy(t, kind)
			if err != nil {
				t.Fatal(err)
			}
			if e := lastSignIn(); !in.Weaker || e.Detail["downgrade"] != "yes" || e.Detail["recovery"] != "" {
				t.Errorf("by %s: weaker %t and event %v, want a downgrade", kind, in.Weaker, e.Detail)
			}
			w.told(t, h.person, "notice.without_key", i+1)
			if m := w.messages(t, h.person, "notice.without_key"); m[i].Args["Method"] != string(kind) || m[i].Args["Link"] == "" {
				t.Errorf("told %v, want %s and a way to stop it", m[i].Args, kind)
			}
		}
		in, err := h.signInBy(t, staffkey.MethodRecoveryCode)
		if err != nil {
			t.Fatal(err)
		}
		if e := lastSignIn(); !in.Weaker || e.Detail["downgrade"] != "yes" || e.Detail["recovery"] != "code" {
			t.Errorf("by recovery code: weaker %t and event %v, want a downgrade by recovery", in.Weaker, e.Detail)
		}
		w.told(t, h.person, "notice.code_used", 1)
		if m := w.messages(t, h.person, "notice.code_used"); len(m) == 1 && m[0].Args["Left"] != strconv.Itoa(staffkey.RecoveryCodes-1) {
			t.Errorf("told that %s codes are left, want %d", m[0].Args["Left"], staffkey.RecoveryCodes-1)
		}
		h.issue(t, false)
		if in, err = w.signInByPass(t, "amara", h.pass); err != nil {
			t.Fatal(err)
		}
		if e := lastSignIn(); !in.Weaker || e.Detail["downgrade"] != "yes" || e.Detail["recovery"] != "pass" {
			t.Errorf("by pass: weaker %t and event %v, want a downgrade by recovery", in.Weaker, e.Detail)
		}
		w.told(t, h.person, "notice.without_key", 4)

		in, err = w.signIn(t, w.Attempt(h.person), key.key)
		if err != nil || in.Weaker || lastSignIn().Detail["downgrade"] != "" {
			t.Errorf("by key: weaker %t (error %v), want no downgrade", in.Weaker, err)
		}
		w.stop(t, w.Browser(t, in), key.id, staffkey.StopLost)
		if in, err = h.signInBy(t, staffkey.MethodTOTP); err != nil || !in.Weaker { // a password puts a key on hold
			t.Errorf("by app with the key on hold: weaker %t (error %v), want a downgrade", in.Weaker, err)
		}
		w.told(t, h.person, "notice.without_key", 5)
	})
}

// F11: enough for a day with the key at home, too few to live without it.
func TestDowngrade_is_limited(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		start := w.Clock.Now()
		for i := range 10 {
			if _, err := h.signInBy(t, staffkey.MethodTOTP); err != nil {
				t.Fatalf("sign-in %d of 10 a day: %v", i+1, err)
			}
		}
		w.Refused(t, "downgrade_limit", func() error {
			_, err := h.signInBy(t, staffkey.MethodTOTP)
			return err
		})
		w.told(t, h.person, "notice.without_key", 10)
		h.browserBy(t, staffkey.MethodRecoveryCode) // recovery is a way out on such a day too
		if _, err := w.signIn(t, w.Attempt(h.person), key.key); err != nil {
			t.Errorf("by key: %v", err)
		}
		w.Clock.Advance(10 * time.Minute)
		ben, _ := w.equippedPerson(t, "ben")
		ben.browserBy(t, staffkey.MethodTOTP)
		w.Clock.Advance(start.Add(24*time.Hour + time.Minute).Sub(w.Clock.Now()))
		if _, err := h.signInBy(t, staffkey.MethodTOTP); err != nil {
			t.Errorf("a day later: %v", err)
		}
	})
}

// forbidding are the policies under which a key in use is the way in.
var forbidding = map[string]func(*staffkey.PolicySettings){
	"downgrade forbidden": func(s *staffkey.PolicySettings) {
		forbid := staffkey.DowngradeForbid
		s.Downgrade = &forbid
	},
	"keys asked for": func(s *staffkey.PolicySettings) {
		resistant := staffkey.StrengthPhishingResistant
		s.Strength = &resistant
	},
}

// F11, F7: where policy forbids it there is no weaker path, also for who asks the operations directly, in any order, with a browser in
// which no script runs.
func TestDowngrade_forbidden_has_no_way_around(t *testing.T) {
	t.Parallel()
	for name, change := range forbidding {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				h, key := w.equippedPerson(t, "amara")
				ctx, old := t.Context(), staffkey.Origin{IP: origin.IP, Browser: "Internet Explorer 11 on Windows"}
				a := w.Attempt(h.person)
				begin := func(kind staffkey.MethodKind) signin.Begun {
					t.Helper()
					b, err := w.Service.BeginSignIn(ctx, a, kind)
					if err != nil {
						t.Fatal(err)
					}
					return b
				}
				finish := func(kind staffkey.MethodKind, b signin.Begun, body []byte) func() error {
					return func() error {
						_, err := w.Service.FinishSignIn(ctx, old, a, answer(b, kind, body), nowhere)
						return err
					}
				}
				// Begun, and the code sent, before policy forbids it.
				early := begin(staffkey.MethodTextMessage)
				code := h.answer(t, staffkey.MethodTextMessage)
				w.policy(t, change)
				a = w.Attempt(h.person)
				w.Refused(t, "downgrade", finish(staffkey.MethodTextMessage, early, code))
				w.Refused(t, "downgrade", finish(staffkey.MethodTextMessage, early, code)) // and once more

				sent := len(w.messages(t, h.person, ""))
				send := func(kind staffkey.MethodKind) {
					t.Helper()
					w.Clock.Advance(time.Minute)
					w.Refused(t, "downgrade", func() error { return w.Service.SendCode(ctx, a, old, kind) })
				}
				for _, kind := range []staffkey.MethodKind{staffkey.MethodTextMessage, staffkey.MethodPhoneCall} {
					send(kind) // sent first, with nothing begun
					b := begin(kind)
					send(kind) // and between the two
					err := finish(kind, b, []byte("000000"))()
					if rule := signintest.RuleOf(err); rule != "downgrade" && rule != "code_wrong" && rule != "code_none" {
						t.Errorf("finish %s without a code: got error %v, want a refusal", kind, err)
					}
					send(kind) // and after
				}
				if got := len(w.messages(t, h.person, "")) - sent; got != 0 {
					t.Errorf("%d messages went out, want none", got)
				}
				w.Refused(t, "downgrade", finish(staffkey.MethodTextMessage, begin(staffkey.MethodTextMessage), code)) // a right code from before
				w.Clock.Advance(30 * time.Second)
				w.Refused(t, "downgrade", finish(staffkey.MethodTOTP, begin(staffkey.MethodTOTP), totpCode(h.secret, w.Clock.Now())))
				if _, err := w.Service.Enter(ctx, old, a, nowhere); signintest.RuleOf(err) != policy.NeedsSecond {
					t.Errorf("the password alone: got error %v, want a refusal by %s", err, policy.NeedsSecond)
				}
				if got := w.Sessions(t); got != 1 { // that of setting up
					t.Errorf("%d open sessions, want 1", got)
				}

				// The ways in that are left.
				if _, err := w.signIn(t, w.Attempt(h.person), key.key); err != nil {
					t.Errorf("by key: %v", err)
				}
				h.browserBy(t, staffkey.MethodRecoveryCode)
				h.issue(t, false)
				if _, err := w.signInByPass(t, "amara", h.pass); err != nil {
					t.Errorf("by pass: %v", err)
				}
			})
		})
	}
}

// F11 and F46: who has no key, or an exception, is let in as before. A key on hold is a key: a password puts it there.
func TestDowngrade_forbidden_to_whom_has_a_key(t *testing.T) {
	t.Parallel()
	for name, change := range forbidding {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				w.policy(t, change)
				bare := w.wallet(t, w.Enter(t, w.person(t, "ben")), weaker...)
				for _, kind := range weaker {
					if _, err := bare.signInBy(t, kind); err != nil {
						t.Errorf("by %s without a key: %v", kind, err)
					}
				}
				h, key := w.equippedPerson(t, "amara")
				w.Change(t, func(tx *store.Tx) error {
					return tx.InsertException(staffkey.Exception{ID: "e", Person: h.person.ID, Reason: "broken reader", GrantedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)})
				})
				for _, kind := range weaker {
					if _, err := h.signInBy(t, kind); err != nil {
						t.Errorf("by %s with an exception: %v", kind, err)
					}
				}
				w.Clock.Advance(time.Hour)
				w.Refused(t, "downgrade", func() error {
					_, err := h.signInBy(t, staffkey.MethodTOTP)
					return err
				})
				w.stop(t, w.browser(t, h.person, key.key), key.id, staffkey.StopLost)
				w.Refused(t, "downgrade", func() error {
					_, err := h.signInBy(t, staffkey.MethodTOTP)
					return err
				})
				h.browserBy(t, staffkey.MethodRecoveryCode)
			})
		})
	}
}

// F41: codes over the telephone are not for people who act for others.
func TestRestricted_methods_are_not_for_roles(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		h := w.wallet(t, w.Enter(t, p), weaker...)
		early, err := w.Service.BeginSignIn(t.Context(), w.Attempt(p), staffkey.MethodTextMessage)
		if err != nil {
			t.Fatal(err)
		}
		code := h.answer(t, staffkey.MethodTextMessage)
		w.Change(t, func(tx *store.Tx) error {
			_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleAuditor, Organisation: w.Organisation.ID, GrantedAt: tx.Now})
			return err
		})
		w.Refused(t, "restricted", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, w.Attempt(p), answer(early, staffkey.MethodTextMessage, code), nowhere)
			return err
		})
		sent := len(w.messages(t, p, ""))
		for _, kind := range []staffkey.MethodKind{staffkey.MethodTextMessage, staffkey.MethodPhoneCall} {
			w.Clock.Advance(time.Minute)
			w.Refused(t, "restricted", func() error { return w.Service.SendCode(t.Context(), w.Attempt(p), origin, kind) })
		}
		if got := len(w.messages(t, p, "")) - sent; got != 0 {
			t.Errorf("%d messages went out, want none", got)
		}
		in := h.browserBy(t, staffkey.MethodTOTP)
		w.Refused(t, "restricted", func() error {
			return w.Service.SendEnrolmentCode(t.Context(), in.Actor, staffkey.MethodTextMessage, "07700 900123", "")
		})
	})
}
