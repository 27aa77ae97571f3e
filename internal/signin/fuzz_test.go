package signin_test

import (
	"encoding/base64"
	"errors"
	"testing"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/store/storetest"
)

// Whatever a page sends as its ceremony is refused, unless it is the very one that was sealed.
func FuzzOpenCeremony(f *testing.F) {
	clock := storetest.NewClock()
	w := newInstallation(f, storetest.Open(f, "sqlite", clock.Now), clock)
	p, _ := w.withKey(f, "amara")
	a := w.Attempt(p)
	good := w.begin(f, a).Sealed
	attempt, err := w.Service.SealAttempt(a)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", good, good[:len(good)-1], good + "A", attempt, "AAAA", "!", base64.RawURLEncoding.EncodeToString(make([]byte, 80))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, sealed string) {
		b := answer(w.begin(t, a), staffkey.MethodSecurityKey, []byte("{}"))
		b.Sealed = sealed
		_, err := w.Service.FinishSignIn(t.Context(), origin, a, b, nowhere)
		switch {
		case err == nil:
			t.Errorf("%q signs in", sealed)
		case !errors.Is(err, staffkey.ErrExpired) && !errors.Is(err, staffkey.ErrRefused):
			t.Errorf("%q: got error %v, want a refusal", sealed, err)
		}
	})
}

func FuzzNickname(f *testing.F) {
	for _, seed := range []string{"", "Blue lanyard", " \u200e\u200f ", "\u202eevil", "<b>", "é́́", "\x00", "\xff", "👩‍⚕️ key", "\u00ad", "\ufeff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := staffkey.ValidateNickname(typed)
		if err != nil {
			if !errors.Is(err, staffkey.ErrInvalid) || got != "" {
				t.Errorf("%q: got %q and error %v, want nothing and an invalid field", typed, got, err)
			}
			return
		}
		if n := utf8.RuneCountInString(got); n < 1 || n > staffkey.MaxNickname || !utf8.ValidString(got) {
			t.Errorf("%q became %q, which is no nickname of 1 to %d characters", typed, got, staffkey.MaxNickname)
		}
		if again, err := staffkey.ValidateNickname(got); err != nil || again != got {
			t.Errorf("%q became %q and then %q (error %v), want it to stay", typed, got, again, err)
		}
	})
}
