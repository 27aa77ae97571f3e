package signin_test

import (
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// F9: the limits of a session, to the instant, at each level.
func TestSession_limits(t *testing.T) {
	t.Parallel()
	levels := []struct {
		name           string
		level          int
		idle, absolute time.Duration
		open           func(t *testing.T, w *installation) signintest.Browser
	}{
		{"password alone", 1, 15 * time.Minute, time.Hour, func(t *testing.T, w *installation) signintest.Browser {
			return w.Enter(t, w.person(t, "amara"))
		}},
		{"password and recovery code", 2, time.Hour, 24 * time.Hour, func(t *testing.T, w *installation) signintest.Browser {
			p := w.person(t, "amara")
			return w.signInWithCode(t, p, w.codes(t, w.Enter(t, p))[0])
		}},
		{"synced passkey", 2, time.Hour, 24 * time.Hour, func(t *testing.T, w *installation) signintest.Browser {
			p := w.person(t, "amara")
			synced := softkey.New(softkey.Options{UserVerification: true, Resident: true, BackupEligible: true, BackupState: true})
			w.addKey(t, w.Enter(t, p), synced, "Phone")
			return w.browser(t, p, synced)
		}},
		{"security key", 3, 15 * time.Minute, 12 * time.Hour, func(t *testing.T, w *installation) signintest.Browser {
			p, key := w.withKey(t, "amara")
			return w.browser(t, p, key)
		}},
	}
	for _, l := range levels {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *installation) {
				in := l.open(t, w)
				if got := in.Session.Assurance.Level; got != l.level {
					t.Fatalf("level %d, want %d", got, l.level)
				}
				w.Clock.Advance(l.idle - time.Microsecond)
				if !w.alive(t, in.Secret) {
					t.Error("has ended a microsecond before the idle limit, want it alive")
				}
				why(t, w, in.Secret, "")
				w.Clock.Advance(l.idle)
				why(t, w, in.Secret, "idle")
				if w.alive(t, in.Secret) {
					t.Error("is alive at the idle limit, want it ended")
				}
				why(t, w, in.Secret, "idle")
				// A clock that is set back revives nothing that was seen to have ended.
				w.Clock.Advance(-2 * l.idle)
				if w.alive(t, in.Secret) {
					t.Error("is alive again when the clock is set back")
				}
			})
			each(t, func(t *testing.T, w *installation) {
				in := l.open(t, w)
				const step = 10 * time.Minute
				for left := l.absolute - time.Microsecond; left > 0; left -= step {
					w.Clock.Advance(min(step, left))
					if !w.alive(t, in.Secret) {
						t.Fatalf("has ended %v before the absolute limit, want it alive while it is used", left)
					}
				}
				w.Clock.Advance(time.Microsecond)
				if w.alive(t, in.Secret) {
					t.Error("is alive at the absolute limit, want it ended")
				}
				why(t, w, in.Secret, "limit")
				w.Clock.Advance(-step)
				if w.alive(t, in.Secret) {
					t.Error("is alive again when the clock is set back")
				}
			})
		})
	}
}

// why checks what is told about the end of a session.
func why(t *testing.T, w *installation, secret, want string) {
	t.Helper()
	got, err := w.Service.HowEnded(t.Context(), secret)
	if err != nil {
		t.Fatal(err)
	}
	if got.Why != want {
		t.Errorf("the session ended by %q, want %q", got.Why, want)
	}
}

func TestSession_of_a_clock_set_back_is_not_prolonged(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		in := w.Enter(t, w.person(t, "amara"))
		w.Clock.Advance(10 * time.Minute)
		w.alive(t, in.Secret)
		w.Clock.Advance(-5 * time.Minute)
		w.alive(t, in.Secret)
		w.Clock.Advance(5*time.Minute + 15*time.Minute - time.Microsecond)
		if !w.alive(t, in.Secret) {
			t.Error("last use was forgotten when the clock was set back")
		}
	})
}

// Session fixation: a sign-in never goes on under an id that the browser had before.
func TestSignIn_replaces_the_session_before(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		planted := w.Enter(t, w.person(t, "mallory"))
		b := w.begin(t, w.Attempt(p))
		in, err := w.Service.FinishSignIn(t.Context(), origin, w.Attempt(p), answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options)), planted.Session)
		if err != nil {
			t.Fatal(err)
		}
		if in.Secret == planted.Secret || in.Session.ID == planted.Session.ID {
			t.Error("the session goes on under the id or the secret from before")
		}
		if w.alive(t, planted.Secret) {
			t.Error("the session from before is alive, want it ended")
		}
		again, err := w.signIn(t, w.Attempt(p), key)
		if err != nil {
			t.Fatal(err)
		}
		if again.Secret == in.Secret || len(in.Secret) < 26 {
			t.Errorf("secrets %q and %q, want two of at least 128 bits", in.Secret, again.Secret)
		}
		fresh := w.person(t, "ben")
		first := w.Enter(t, fresh)
		second, err := w.Service.Enter(t.Context(), origin, w.Attempt(fresh), first.Session)
		if err != nil {
			t.Fatal(err)
		}
		if w.alive(t, first.Secret) || !w.alive(t, second.Secret) {
			t.Error("entering by password left the session from before alive, or opened none")
		}
	})
}

func TestFind_tells_who_it_is(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		grant := staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleHelpdesk, Organisation: w.Organisation.ID, GrantedAt: w.Clock.Now()}
		w.Change(t, func(tx *store.Tx) error {
			_, err := tx.InsertRoleGrant(grant)
			return err
		})
		in := w.Enter(t, p)
		want := staffkey.Authority{
			Actor:  staffkey.Actor{Person: p.ID, Name: p.Name, Session: in.Session.ID, Origin: origin},
			Grants: []staffkey.RoleGrant{grant}, Assurance: staffkey.Assurance{Level: 1}, ProvedAt: w.Clock.Now(),
			Methods: []staffkey.MethodKind{staffkey.MethodPassword},
		}
		if diff := cmp.Diff(want, in.May); diff != "" {
			t.Errorf("actor (-want +got):\n%s", diff)
		}
		for _, secret := range []string{"", "nothing", string(in.Session.ID), in.Secret + " "} {
			if w.alive(t, secret) {
				t.Errorf("cookie %q finds a session", secret)
			}
			why(t, w, secret, "")
		}
		w.Disable(t, p)
		if w.alive(t, in.Secret) {
			t.Error("the session of a disabled person is alive")
		}
	})
}

func TestEndSession(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, other := w.person(t, "amara"), w.person(t, "ben")
		one, two, three, theirs := w.Enter(t, p), w.Enter(t, p), w.Enter(t, p), w.Enter(t, other)
		end := func(id staffkey.SessionID) error { return w.Service.EndSession(t.Context(), one.Actor, id) }
		if err := end(theirs.Session.ID); !errors.Is(err, staffkey.ErrNotFound) || !w.alive(t, theirs.Secret) {
			t.Errorf("of another person: got error %v, want not found and the session alive", err)
		}
		if err := end("unknown"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("of nobody: got error %v, want not found", err)
		}
		if err := end(two.Session.ID); err != nil || w.alive(t, two.Secret) {
			t.Errorf("own: got error %v, want none and the session ended", err)
		}
		why(t, w, two.Secret, "ended")
		if err := end(two.Session.ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("ended already: got error %v, want not found", err)
		}
		list, err := w.Service.ListSessions(t.Context(), one.Actor)
		if err != nil {
			t.Fatal(err)
		}
		var got []staffkey.SessionID
		for _, s := range list {
			got = append(got, s.ID)
		}
		if diff := cmp.Diff([]staffkey.SessionID{three.Session.ID, one.Session.ID}, got); diff != "" {
			t.Errorf("open sessions (-want +got):\n%s", diff)
		}
		if n, err := w.Service.EndOtherSessions(t.Context(), one.Actor); err != nil || n != 1 {
			t.Errorf("ended %d others (error %v), want 1", n, err)
		}
		if !w.alive(t, one.Secret) || w.alive(t, three.Secret) || !w.alive(t, theirs.Secret) {
			t.Error("ended this session or somebody else's, or left another of one's own")
		}
		for range 2 { // signing out twice is as good
			if err := w.Service.SignOut(t.Context(), one.Actor); err != nil {
				t.Error(err)
			}
		}
		if w.alive(t, one.Secret) {
			t.Error("signed out and still alive")
		}
	})
}

func TestSweep_deletes_registrations_that_nobody_named(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		if _, err := w.register(t, w.Enter(t, p), newKey(), false); err != nil {
			t.Fatal(err)
		}
		sweep := func() int {
			if err := w.Service.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			return len(w.keys(t, p))
		}
		w.Clock.Advance(staffkey.PendingKeyLife)
		if got := sweep(); got != 1 {
			t.Errorf("%d keys after exactly a day, want the one still", got)
		}
		w.Clock.Advance(time.Microsecond)
		if got := sweep(); got != 0 {
			t.Errorf("%d keys after a day, want none", got)
		}
	})
}

// A ceremony stays spent for as long as it could be answered, also across a sweep.
func TestSweep_revives_no_ceremony(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		codes := w.codes(t, w.browser(t, p, key))
		a := w.Attempt(p)
		b, err := w.Service.BeginSignIn(t.Context(), a, staffkey.MethodRecoveryCode)
		if err != nil {
			t.Fatal(err)
		}
		use := func(code string) error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodRecoveryCode, []byte(code)), nowhere)
			return err
		}
		if err := use(codes[0]); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(staffkey.CeremonyLife - time.Microsecond)
		if err := w.Service.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "ceremony_spent", func() error { return use(codes[1]) })
	})
}
