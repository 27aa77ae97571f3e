package signin_test

import (
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// stepUp renews a session by a key and returns the browser.
func (w *installation) stepUp(t testing.TB, in signintest.Browser, key *softkey.Key) signintest.Browser {
	t.Helper()
	b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodSecurityKey)
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options)), in.Session)
	if err != nil {
		t.Fatal(err)
	}
	return w.Browser(t, got)
}

// F25: a thief who came in by a key, set up one of their own and renewed the session by that is out when the key is reported, with
// all that they made; what the owner set up before, and what they say is theirs, stays.
func TestStopKey_ends_what_it_led_to(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		spare := newKey()
		w.addKey(t, w.browser(t, p, key), spare, "Spare, of the owner")
		w.Clock.Advance(8 * day)

		theirs, second := newKey(), newKey()
		in := w.browser(t, p, key)
		made := w.addKey(t, in, theirs, "Theirs")
		h := w.wallet(t, in, staffkey.MethodTOTP)
		in = w.stepUp(t, in, theirs) // the session is "of" their own key now
		chained := w.addKey(t, in, second, "Their second")
		in = w.stepUp(t, in, second)
		apart := w.browser(t, p, theirs) // and a sign-in of its own

		owner := w.browser(t, p, spare)
		id := w.keys(t, p)[0].ID
		found, err := w.Service.MadeBy(t.Context(), owner.Actor, id)
		if err != nil || len(found.Keys) != 2 || len(found.Methods) != 1 || found.Methods[0].Method != staffkey.MethodTOTP {
			t.Errorf("made by it: got %+v, error %v, want both keys and the app", found, err)
		}
		out := w.stop(t, owner, id, staffkey.StopStolen)
		if w.alive(t, in.Secret) || w.alive(t, apart.Secret) {
			t.Error("a session that the key led to goes on")
		}
		if !w.alive(t, owner.Secret) {
			t.Error("the session that reports it has ended")
		}
		for _, k := range []staffkey.SecurityKey{made, chained} {
			if got := w.state(t, p, k.ID); got != staffkey.SecurityKeySuspended {
				t.Errorf("their key %q is %s, want it on hold", k.Nickname, got)
			}
		}
		w.Refused(t, "key_suspended", func() error { _, err := w.signIn(t, signin.Attempt{}, theirs); return err })
		if _, err := h.signInBy(t, staffkey.MethodTOTP); signintest.RuleOf(err) != "method_off" {
			t.Errorf("their app: got error %v, want it off", err)
		}
		if _, err := w.signIn(t, signin.Attempt{}, spare); err != nil {
			t.Errorf("the owner's other key: %v", err)
		}
		if len(out.Ended.Keys) != 2 || out.Ended.Sessions < 2 || !cmp.Equal(out.Ended.Methods, []staffkey.MethodKind{staffkey.MethodTOTP}) {
			t.Errorf("it says that %+v ended, want 2 keys, the app, and the sessions", out.Ended)
		}
		events := w.events(t, staffkey.EventKeyStopped)
		if got := events[len(events)-1].Detail; got["keys"] != "Theirs, Their second" || got["methods"] != "totp" {
			t.Errorf("the log says %v", got)
		}
	})
}

// What the person says is theirs is not stopped with the key; a key that is only lost stops nothing else.
func TestStopKey_keeps_what_is_theirs(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		id := w.keys(t, p)[0].ID
		mine, other := w.addKey(t, w.browser(t, p, key), newKey(), "Mine"), w.addKey(t, w.browser(t, p, key), newKey(), "Other")
		in := w.browser(t, p, key)
		h := w.wallet(t, in, staffkey.MethodTOTP)
		found, err := w.Service.MadeBy(t.Context(), in.Actor, id)
		if err != nil {
			t.Fatal(err)
		}
		kept := signin.Kept{Keys: []staffkey.SecurityKeyID{mine.ID, "of nobody"}, Methods: found.Methods}
		if _, err := w.Service.StopKey(t.Context(), in.Actor, id, staffkey.StopMisused, kept); err != nil {
			t.Fatal(err)
		}
		if a, b := w.state(t, p, mine.ID), w.state(t, p, other.ID); a != staffkey.SecurityKeyActive || b != staffkey.SecurityKeySuspended {
			t.Errorf("mine is %s and the other %s, want active and on hold", a, b)
		}
		if _, err := h.signInBy(t, staffkey.MethodTOTP); err != nil {
			t.Errorf("the app that was kept: %v", err)
		}

		q, lost := w.withKey(t, "ben")
		drawer := w.addKey(t, w.browser(t, q, lost), newKey(), "Drawer")
		w.stop(t, w.browser(t, q, lost), w.keys(t, q)[0].ID, staffkey.StopLost)
		if got := w.state(t, q, drawer.ID); got != staffkey.SecurityKeyActive {
			t.Errorf("beside a key that is only lost another is %s, want it in use", got)
		}
	})
}

// A method that is ticked is the one that was seen: set up anew meanwhile, it is another's.
func TestStopKey_keeps_no_method_that_was_set_up_anew(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		id := w.keys(t, p)[0].ID
		in := w.browser(t, p, key)
		w.wallet(t, in, staffkey.MethodTOTP)
		found, err := w.Service.MadeBy(t.Context(), in.Actor, id)
		if err != nil || len(found.Methods) != 1 {
			t.Fatalf("made by it: %+v, error %v, want the app", found, err)
		}
		w.Clock.Advance(time.Minute)
		theirs := w.wallet(t, w.browser(t, p, key), staffkey.MethodTOTP)
		out, err := w.Service.StopKey(t.Context(), in.Actor, id, staffkey.StopStolen, signin.Kept{Methods: found.Methods})
		if err != nil || !cmp.Equal(out.Ended.Methods, []staffkey.MethodKind{staffkey.MethodTOTP}) {
			t.Errorf("it says that %+v ended, error %v, want the app", out.Ended, err)
		}
		if _, err := theirs.signInBy(t, staffkey.MethodTOTP); signintest.RuleOf(err) != "method_off" {
			t.Errorf("their app: got error %v, want it off", err)
		}
	})
}

// A key that somebody touched and has not named yet goes with what they came in by.
func TestStopKey_forgets_a_key_that_waits_for_its_name(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		spare := newKey()
		w.addKey(t, w.browser(t, p, key), spare, "Spare")
		w.Clock.Advance(8 * day)
		waiting, err := w.register(t, w.browser(t, p, key), newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		owner := w.browser(t, p, spare)
		w.stop(t, owner, w.keys(t, p)[0].ID, staffkey.StopStolen)
		if err := w.Service.NameKey(t.Context(), owner.Actor, waiting.ID, "Theirs"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("named afterwards: got error %v, want not found", err)
		}
	})
}

// What passes of the last days led to is reached also when a later one has taken their place, or none is left.
func TestRevokePass_of_earlier_ones(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, _ := w.withKey(t, "amara")
		w.Clock.Advance(8 * day)
		opened, err := w.signInByPass(t, p.Username, w.issuePass(t, p, w.fromNow()))
		if err != nil {
			t.Fatal(err)
		}
		in, theirs := w.Browser(t, opened), newKey()
		made := w.addKey(t, in, theirs, "Theirs")
		w.issuePass(t, p, w.fromNow())
		if ended, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false); err != nil || ended.Sessions != 1 || w.alive(t, in.Secret) {
			t.Errorf("the later one: %+v, error %v, want the session of the earlier one ended too", ended, err)
		}
		if _, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("once more: got error %v, want not found", err)
		}
		ended, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, true)
		if err != nil || len(ended.Keys) != 1 || w.state(t, p, made.ID) != staffkey.SecurityKeySuspended {
			t.Errorf("earlier ones: %+v, error %v, want the key on hold", ended, err)
		}
	})
}

// F44: a pass in the wrong hands is taken back with all that it led to, the password that was set by it included.
func TestRevokePass_ends_what_it_led_to(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, own := w.withKey(t, "amara")
		w.Clock.Advance(8 * day)
		code := w.issuePass(t, p, w.fromNow())
		opened, err := w.signInByPass(t, p.Username, code)
		if err != nil {
			t.Fatal(err)
		}
		in := w.Browser(t, opened)
		if err := w.Service.ChangePassword(t.Context(), in.Actor, "", "", "a stranger's velvet canyon moss"); err != nil {
			t.Fatal(err)
		}
		theirs := newKey()
		made := w.addKey(t, in, theirs, "Theirs")
		b, err := w.Service.BeginTry(t.Context(), in.Actor, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		tried, err := w.Service.FinishTry(t.Context(), in.Actor, answer(b, staffkey.MethodSecurityKey, get(t, theirs, b.Options)), in.Session)
		if err != nil {
			t.Fatal(err)
		}
		before := len(w.messages(t, p, "notice.pass_revoked"))
		ended, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false)
		if err != nil {
			t.Fatal(err)
		}
		if w.alive(t, tried.Secret) || ended.Sessions != 1 {
			t.Errorf("%d sessions ended, and the one that was renewed is alive: %t", ended.Sessions, w.alive(t, tried.Secret))
		}
		if got := w.state(t, p, made.ID); got != staffkey.SecurityKeySuspended || len(ended.Keys) != 1 {
			t.Errorf("their key is %s, and %d keys are told, want it on hold and told", got, len(ended.Keys))
		}
		w.Refused(t, "key_suspended", func() error { _, err := w.signIn(t, signin.Attempt{}, theirs); return err })
		if err := w.check(t, p.Username, "a stranger's velvet canyon moss"); signintest.RuleOf(err) != "password" {
			t.Errorf("the password set by the pass: got error %v, want it off", err)
		}
		if _, err := w.signIn(t, signin.Attempt{}, own); err != nil {
			t.Errorf("the owner's own key: %v", err)
		}
		w.told(t, p, "notice.pass_revoked", before+1)
	})
}

// What one pass led to is not taken for what another did.
func TestRevokePass_leaves_another_pass_alone(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		first, err := w.signInByPass(t, p.Username, w.issuePass(t, p, w.fromNow()))
		if err != nil {
			t.Fatal(err)
		}
		mine := newKey()
		w.addKey(t, w.Browser(t, first), mine, "Mine")
		w.issuePass(t, p, w.fromNow())
		if ended, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false); err != nil || len(ended.Keys) != 0 {
			t.Errorf("the second pass is taken back with %+v, error %v, want nothing", ended, err)
		}
		if _, err := w.signIn(t, signin.Attempt{}, mine); err != nil {
			t.Errorf("the key that was set up by the first pass: %v", err)
		}
	})
}

// A lineage has each key once, however often a session is renewed by it.
func TestLineage_grows_with_each_renewal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		first := w.browser(t, p, key)
		spare := newKey()
		added := w.addKey(t, first, spare, "Spare")
		second := first
		for range 3 {
			second = w.stepUp(t, second, spare)
		}
		id := w.keys(t, p)[0].ID
		want := staffkey.Lineage{staffkey.KeyAncestor(id), staffkey.KeyAncestor(added.ID)}
		if diff := cmp.Diff(want, second.Session.Lineage()); diff != "" {
			t.Errorf("of the renewed session (-want +got)\n%s", diff)
		}
		w.Read(t, func(tx *store.Tx) error {
			k, err := tx.FindSecurityKey(p.ID, added.ID)
			if diff := cmp.Diff(want[:1], k.Lineage); diff != "" {
				t.Errorf("of the key (-want +got)\n%s", diff)
			}
			return err
		})
		w.Clock.Advance(time.Minute)
		if fresh := w.browser(t, p, key); len(fresh.Session.Before) != 0 {
			t.Errorf("a sign-in of its own goes on with %v", fresh.Session.Before)
		}
	})
}
