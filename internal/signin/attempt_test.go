package signin_test

import (
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestCheckPassword_says_who_gave_a_right_one(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		for _, login := range []string{"amara", "AMARA", " amara ", "ａｍａｒａ", "amara@staff.example", "Amara@Staff.Example"} {
			got, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{Return: "/account"}, login, goodPassword)
			if err != nil {
				t.Fatalf("%q: %v", login, err)
			}
			want := w.Attempt(p)
			want.Return, want.Password = "/account", 1
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q: attempt (-want +got):\n%s", login, diff)
			}
		}
		if n := w.Sessions(t); n != 0 {
			t.Errorf("%d sessions after a password alone, want none", n)
		}
	})
}

// Names cannot be probed: whatever was wrong, the answer is one.
func TestCheckPassword_answers_alike(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		w.person(t, "amara")
		w.AddPerson(t, "new")
		w.Disable(t, w.person(t, "gone"))
		tests := []struct{ name, login, password, reason string }{
			{"wrong password", "amara", "not the password", "wrong"},
			{"empty password", "amara", "", "wrong"},
			{"right password in capitals", "amara", "CORRECT HORSE BATTERY", "wrong"},
			{"unknown name", "nobody", goodPassword, "unknown_or_unset"},
			{"empty name", "", goodPassword, "unknown_or_unset"},
			{"name that is no text", "\xff\x00", goodPassword, "unknown_or_unset"},
			{"person without a password", "new", goodPassword, "unknown_or_unset"},
			{"disabled person", "gone", goodPassword, "person_disabled"},
		}
		for _, test := range tests {
			w.Refused(t, "password", func() error {
				a, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, test.login, test.password)
				var r *staffkey.Refusal
				if !errors.As(err, &r) {
					t.Errorf("%s: got error %v, want a refusal", test.name, err)
					return err
				}
				if r.Message.ID != "pw.wrong" || r.Message.Args != nil || r.Kind != nil {
					t.Errorf("%s: the page says %+v (kind %v), want pw.wrong as for everything else", test.name, r.Message, r.Kind)
				}
				if r.Reason != test.reason {
					t.Errorf("%s: the log says %q, want %q", test.name, r.Reason, test.reason)
				}
				if a.Person != "" {
					t.Errorf("%s: the attempt names person %s, want nobody", test.name, a.Person)
				}
				return err
			})
		}
	})
}

func TestCheckPassword_throttle(t *testing.T) {
	t.Parallel()
	// wrong tries a wrong password and returns the minutes to wait; -1 when it was tried.
	wrong := func(t *testing.T, w *installation, login string) int {
		err := w.check(t, login, "not the password")
		var r *staffkey.Refusal
		if !errors.As(err, &r) {
			t.Fatalf("got error %v, want a refusal", err)
		}
		if r.Rule != "throttled" {
			return -1
		}
		if !errors.Is(err, staffkey.ErrThrottled) || r.Message.ID != "rate.name" {
			t.Errorf("throttled with kind %v and message %s, want ErrThrottled and rate.name", r.Kind, r.Message.ID)
		}
		return r.Message.Args["Count"].(int)
	}
	const free = 5
	each(t, func(t *testing.T, w *installation) {
		w.person(t, "amara")
		w.person(t, "ben")
		for i, login := range []string{"amara", "Amara", "AMARA ", "ａｍａｒａ", "amara"} {
			if got := wrong(t, w, login); got != -1 {
				t.Fatalf("try %d of %d free ones is to wait %d minutes", i+1, free, got)
			}
		}
		if got := wrong(t, w, "aMaRa"); got != 1 {
			t.Errorf("after %d tries: to wait %d minutes, want 1", free, got)
		}
		w.Refused(t, "throttled", func() error { return w.check(t, "amara", goodPassword) })
		if err := w.check(t, "ben", goodPassword); err != nil {
			t.Errorf("somebody else is kept waiting too: %v", err)
		}
		// Waits double from half a minute to a quarter of an hour, each counted to the instant.
		for _, wait := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 15 * time.Minute, 15 * time.Minute} {
			w.Clock.Advance(wait - time.Microsecond)
			if got := wrong(t, w, "amara"); got != 1 {
				t.Errorf("a microsecond before %v: to wait %d minutes, want 1", wait, got)
			}
			w.Clock.Advance(time.Microsecond)
			if got := wrong(t, w, "amara"); got != -1 {
				t.Fatalf("after %v: to wait %d more minutes, want none", wait, got)
			}
		}
		if got := wrong(t, w, "amara"); got != 15 {
			t.Errorf("to wait %d minutes, want at most 15", got)
		}
		w.Clock.Advance(15 * time.Minute)
		if err := w.check(t, "amara", goodPassword); err != nil {
			t.Fatal(err)
		}
		// A success shows to nobody who has tried the name before: they wait as if there had been none.
		if got := wrong(t, w, "amara"); got != -1 {
			t.Errorf("after a success, when the wait was over before: to wait %d minutes, want none", got)
		}
		if got := wrong(t, w, "amara"); got != 15 {
			t.Errorf("after a success and one more try: to wait %d minutes, want 15 as before it", got)
		}
		w.Clock.Advance(24 * time.Hour)
		if got := wrong(t, w, "amara"); got != -1 {
			t.Errorf("a day later: to wait %d minutes, want none", got)
		}
	})
}

// busy is a password method whose pool is taken.
type busy struct{ *password.Method }

func (busy) Admit(string, bool) (signin.Admitted, error) { return nil, staffkey.ErrBusy }

// F124: passwords never starve key sign-ins.
func TestCheckPassword_on_a_full_pool_says_so_and_keys_still_sign_in(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		m, err := password.New(password.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w := newInstallationWith(t, s, clock, busy{m})
		_, key := w.withKey(t, "amara")
		before := len(w.Refusals(t))
		for range 10 {
			if err := w.check(t, "amara", goodPassword); !errors.Is(err, staffkey.ErrBusy) {
				t.Errorf("got error %v, want ErrBusy", err)
			}
		}
		if got := len(w.Refusals(t)) - before; got != 0 {
			t.Errorf("%d refused events, want none: nobody did anything wrong", got)
		}
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("a key does not sign in: %v", err)
		}
	})
}

func TestEnter_only_with_nothing_stronger(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		if got, want := in.Session.Assurance, (staffkey.Assurance{Level: 1}); got != want {
			t.Errorf("got assurance %+v, want %+v", got, want)
		}
		enter := func(a signin.Attempt) func() error {
			return func() error {
				_, err := w.Service.Enter(t.Context(), origin, a, nowhere)
				return err
			}
		}
		if err := enter(signin.Attempt{})(); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("without a proof: got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
		pending, err := w.register(t, in, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		w.Enter(t, p) // a key that is not named yet is no second proof
		if err := w.Service.NameKey(t.Context(), in.Actor, pending.ID, "Blue lanyard"); err != nil {
			t.Fatal(err)
		}
		if err := enter(w.Attempt(p))(); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("beside a key: got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
		gone := w.person(t, "gone")
		w.Disable(t, gone)
		w.Refused(t, "person_disabled", enter(w.Attempt(gone)))
	})
}

func TestAttempt_is_sealed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		a := w.Attempt(p)
		a.Return = "/account/keys"
		sealed, err := w.Service.SealAttempt(a)
		if err != nil {
			t.Fatal(err)
		}
		fresh := func() signin.Attempt { return signin.Attempt{ExpiresAt: w.Clock.Now().Add(signin.AttemptLife)} }
		same := cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })
		if diff := cmp.Diff(a, w.Service.OpenAttempt(sealed), same); diff != "" {
			t.Errorf("attempt (-want +got):\n%s", diff)
		}
		ceremony := w.begin(t, a).Sealed
		last := "A"
		if sealed[len(sealed)-2:len(sealed)-1] == last {
			last = "B"
		}
		for name, text := range map[string]string{
			"nothing": "", "no base64url": "!", "short": "AAAA", "damaged": sealed[:len(sealed)-2] + last + sealed[len(sealed)-1:], "a ceremony": ceremony,
		} {
			if diff := cmp.Diff(fresh(), w.Service.OpenAttempt(text)); diff != "" {
				t.Errorf("%s: attempt (-want +got):\n%s", name, diff)
			}
		}
		w.Clock.Advance(signin.AttemptLife - time.Microsecond)
		if got := w.Service.OpenAttempt(sealed).Person; got != p.ID {
			t.Errorf("at the last instant the attempt is of %q, want %q", got, p.ID)
		}
		w.Clock.Advance(time.Microsecond)
		if diff := cmp.Diff(fresh(), w.Service.OpenAttempt(sealed)); diff != "" {
			t.Errorf("when it has expired: attempt (-want +got):\n%s", diff)
		}
	})
}
