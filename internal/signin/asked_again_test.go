package signin_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
)

// F82: a first key that a reviewer has approved is in use like any other: the password alone opens nothing any more, sessions that it
// opened end, and its owner hears of it.
func TestApproveKey_ends_the_password_alone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		_, reviewer := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		w.rules(t, staffkey.KeyRules{Others: new(staffkey.ModelReview)})
		p := w.person(t, "amara")
		in, elsewhere := w.Enter(t, p), w.Enter(t, p)
		key := newKey()
		k := w.addKey(t, in, key, "Lanyard")
		if got := w.state(t, p, k.ID); got != staffkey.SecurityKeySuspended {
			t.Fatalf("the key is %s, want it on hold for a review", got)
		}
		if !w.alive(t, elsewhere.Secret) || !w.found(t, p).SetUpAt.IsZero() {
			t.Error("a key that waits for its review counts as set up")
		}
		told := len(w.messages(t, p, "notice.key_resumed"))
		if err := w.Service.ApproveKey(t.Context(), reviewer, p.ID, k.ID); err != nil {
			t.Fatal(err)
		}
		if w.alive(t, in.Secret) || w.alive(t, elsewhere.Secret) {
			t.Error("a session that the password alone opened goes on beside the key")
		}
		a := w.Attempt(p)
		if _, err := w.Service.Enter(t.Context(), origin, a, nowhere); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("the password alone: got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
		if _, err := w.signIn(t, a, key); err != nil {
			t.Errorf("with the key: %v", err)
		}
		w.told(t, p, "notice.key_resumed", told+1)
	})
}

// A password is refused beside a key in use whatever the note of it says.
func TestEnter_is_refused_beside_a_key_that_nobody_noted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		w.Change(t, func(tx *store.Tx) error {
			return tx.InsertSecurityKey(staffkey.SecurityKey{
				ID: "k", Person: p.ID, State: staffkey.SecurityKeyActive, Nickname: "Imported", CredentialID: []byte("c"), PublicKey: []byte("p"),
				UserHandle: []byte("u"), AttestationObject: []byte{}, ClientDataJSON: []byte{}, RegisteredAt: tx.Now,
			})
		})
		if _, err := w.Service.Enter(t.Context(), origin, w.Attempt(p), nowhere); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
	})
}

// A password that was replaced counts no more, beside a key that needs it either.
func TestFinishSignIn_with_a_key_and_an_old_password(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.rules(t, staffkey.KeyRules{VerifyPerson: new(false)})
		p := w.person(t, "amara")
		o := keyOptions()
		o.UserVerification = false
		touched := softkey.New(o)
		w.addKey(t, w.Enter(t, p), touched, "Touch only")
		old, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, p.Username, goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		begun := w.begin(t, old)
		if _, err := w.Service.UseResetLink(t.Context(), origin, w.resetLink(t, p), newPassword); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "password_changed", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, old, answer(begun, staffkey.MethodSecurityKey, get(t, touched, begun.Options)), nowhere)
			return err
		})
		fresh, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, p.Username, newPassword)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.signIn(t, fresh, touched); err != nil {
			t.Errorf("with the new one: %v", err)
		}
	})
}

// An old password with a code, and the reset that ends all sessions, at once: whichever is first, no session of the old password is left.
func TestFinishSignIn_races_with_a_reset(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		h := w.wallet(t, w.browser(t, p, key), staffkey.MethodRecoveryCode)
		word := goodPassword
		for round := range raceRounds(t) {
			a, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, p.Username, word)
			if err != nil {
				t.Fatal(err)
			}
			if len(h.codes) == 0 {
				h = w.wallet(t, w.browser(t, p, key), staffkey.MethodRecoveryCode)
			}
			b, err := w.Service.BeginSignIn(t.Context(), a, staffkey.MethodRecoveryCode)
			if err != nil {
				t.Fatal(err)
			}
			code, link := h.answer(t, staffkey.MethodRecoveryCode), w.firstPasswordLink(t, p)
			word = []string{"another velvet canyon moss", goodPassword}[round%2]
			var in signin.SignedIn
			var entered, reset error
			var group sync.WaitGroup
			group.Go(func() {
				in, entered = w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodRecoveryCode, code), nowhere)
			})
			group.Go(func() { _, reset = w.Service.UseFirstPasswordLink(t.Context(), origin, link, word) })
			group.Wait()
			if reset != nil {
				t.Fatal(reset)
			}
			if entered != nil && !errors.Is(entered, staffkey.ErrExpired) {
				t.Fatalf("round %d: got error %v, want in or too late", round, entered)
			}
			if entered == nil && w.alive(t, in.Secret) {
				t.Fatalf("round %d: a session of the old password is alive after the reset", round)
			}
			w.Clock.Advance(time.Minute)
		}
	})
}

// F9: a session that rests on a password lasts no longer than that counts, however often a code renews it.
func TestFinishStepUp_makes_no_password_younger(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		h := w.wallet(t, w.Enter(t, p), staffkey.MethodTOTP)
		w.Clock.Advance(time.Minute)
		in := h.browserBy(t, staffkey.MethodTOTP)
		typed, end := in.Session.KnownAt, in.Session.ExpiresAt
		for range 5 {
			w.Clock.Advance(50 * time.Minute)
			b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodTOTP)
			if err != nil {
				t.Fatal(err)
			}
			got, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now())), in.Session)
			if err != nil {
				t.Fatal(err)
			}
			in = w.Browser(t, got)
			if !in.Session.ExpiresAt.Equal(end) || !in.Session.KnownAt.Equal(typed) {
				t.Fatalf("after a code the session ends at %v and the password is of %v, want %v and %v", in.Session.ExpiresAt, in.Session.KnownAt, end, typed)
			}
		}
		if !end.Equal(typed.Add(24 * time.Hour)) {
			t.Errorf("it ends at %v, want a day after %v", end, typed)
		}
		// A key that checks its person is enough alone: the session rests on it, and counts anew.
		key := newKey()
		w.addKey(t, in, key, "Lanyard")
		if by := w.stepUp(t, in, key); !by.Session.ExpiresAt.Equal(w.Clock.Now().Add(12 * time.Hour)) {
			t.Errorf("by key it ends at %v, want in 12 hours", by.Session.ExpiresAt)
		}
	})
}

// Wrong answers inside a session are told as those of a sign-in are: whoever has copied a session guesses the next proof.
func TestFinishStepUp_tells_of_wrong_codes(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		h := w.wallet(t, w.Enter(t, p), staffkey.MethodTOTP)
		w.Clock.Advance(time.Minute)
		in := h.browserBy(t, staffkey.MethodTOTP)
		for range 5 {
			b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodTOTP)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, staffkey.MethodTOTP, h.wrong(staffkey.MethodTOTP)), in.Session); err == nil {
				t.Fatal("a wrong code is taken")
			}
		}
		w.told(t, p, "notice.method_guessed", 1)
		if got := len(w.events(t, staffkey.EventMethodGuessed)); got != 1 {
			t.Errorf("%d events of guessing, want 1", got)
		}
	})
}

// Wrong passwords inside a session are told too: whoever has copied it guesses what changes the password.
func TestChangePassword_tells_of_wrong_ones(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		for range 5 {
			if err := w.Service.ChangePassword(t.Context(), in.Actor, "", "not the battery", "a third velvet canyon moss"); err == nil {
				t.Fatal("a wrong password is taken")
			}
		}
		w.told(t, p, "notice.password_guessed", 1)
		w.told(t, p, "notice.method_guessed", 0)
		for range 5 { // of somebody who knows the name only nothing is sent
			_ = w.checkFrom(t, from("198.51.100.7"), p.Username, "not the battery")
		}
		w.told(t, p, "notice.password_guessed", 1)
	})
}

// A counter that went back is told, once a day, and flags the key; the key itself goes on. An answer that comes twice is no copy.
func TestCounter_that_went_back_is_told(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p, key := w.withKey(t, "amara")
		copied := key.Clone()
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Fatal(err)
		}
		b := w.begin(t, signin.Attempt{})
		again := answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options))
		for range 2 { // the browser sends it twice
			_, _ = w.Service.FinishSignIn(t.Context(), origin, signin.Attempt{}, again, nowhere)
		}
		w.told(t, p, "notice.key_copied", 0)
		for range 2 {
			w.Refused(t, "counter_went_back", func() error { _, err := w.signIn(t, signin.Attempt{}, copied); return err })
		}
		w.told(t, p, "notice.key_copied", 1)
		w.told(t, p, "admin.key_copied", 1)
		if got := w.keys(t, p)[0]; !got.SuspectedAt.Equal(w.Clock.Now()) || got.State != staffkey.SecurityKeyActive {
			t.Errorf("the key is %s and suspected at %v, want in use and suspected now", got.State, got.SuspectedAt)
		}
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("the key itself: %v", err)
		}
	})
}

// A right password leaves a trace for its owner when nothing comes after it, and a mail when wrong ones came before; not in a browser of
// theirs, nor of somebody who has nothing else.
func TestCheckPassword_leaves_a_trace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		given := func() []staffkey.AuditEvent { return w.events(t, staffkey.EventPasswordGiven) }
		for range 2 {
			if err := w.check(t, p.Username, "not the battery"); err == nil {
				t.Fatal("a wrong password is taken")
			}
		}
		a, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, p.Username, goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		if got := given(); len(got) != 1 || got[0].Person != p.ID || got[0].IP != origin.IP || got[0].Detail["failures"] != "2" || got[0].Detail["attempt"] != a.ID || a.ID == "" {
			t.Errorf("events %+v, want one of this attempt after 2 wrong tries", got)
		}
		w.told(t, p, "notice.password_known", 1)
		if _, err := w.signIn(t, a, key); err != nil {
			t.Fatal(err)
		}
		signedIn := w.events(t, staffkey.EventSignedIn)
		if got := signedIn[len(signedIn)-1].Detail["attempt"]; got != a.ID {
			t.Errorf("the sign-in names attempt %q, want %q", got, a.ID)
		}
		for range 30 { // bounded, and told once
			if err := w.check(t, p.Username, goodPassword); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(given()); got != 21 {
			t.Errorf("%d events in a day, want 20 of which nothing came, and the one of the sign-in", got)
		}
		w.told(t, p, "notice.password_known", 1)

		known := origin
		known.SeenKeys = []staffkey.SecurityKeyID{w.keys(t, p)[0].ID}
		w.Clock.Advance(25 * time.Hour)
		if _, err := w.Service.CheckPassword(t.Context(), known, signin.Attempt{}, p.Username, goodPassword); err != nil {
			t.Fatal(err)
		}
		if err := w.check(t, w.person(t, "ben").Username, goodPassword); err != nil {
			t.Fatal(err)
		}
		if got := len(given()); got != 21 {
			t.Errorf("%d events, want none of a browser of theirs, nor of somebody without a key", got-21)
		}
	})
}

// A link that makes the first operator is the console's alone.
func TestIssueSetUpLink_is_the_consoles(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		if _, err := w.Service.IssueSetUpLink(t.Context(), w.plain(t, "amara")); signintest.RuleOf(err) != "console_only" {
			t.Errorf("by a person: got error %v, want a refusal by console_only", err)
		}
		if _, err := w.Service.IssueSetUpLink(t.Context(), staffkey.ConsoleActor()); err != nil {
			t.Errorf("at the console: %v", err)
		}
	})
}

// Whoever signs in often where they are not known, as at a shared station, uses up nothing of what is noted of strangers.
func TestPasswordGiven_after_a_day_at_stations(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		station := staffkey.Origin{IP: "192.0.2.1", Station: "ward"}
		for range 25 {
			a, err := w.Service.CheckPassword(t.Context(), station, signin.Attempt{}, p.Username, goodPassword)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.signIn(t, a, key); err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(10 * time.Minute)
		}
		before := len(w.events(t, staffkey.EventPasswordGiven))
		stranger := from("198.51.100.7")
		for range 2 {
			_ = w.checkFrom(t, stranger, p.Username, "not the battery")
		}
		if err := w.checkFrom(t, stranger, p.Username, goodPassword); err != nil {
			t.Fatal(err)
		}
		if got := len(w.events(t, staffkey.EventPasswordGiven)) - before; got != 1 {
			t.Errorf("%d events of a stranger who has the password, want one", got)
		}
		w.told(t, p, "notice.password_known", 1)
	})
}
