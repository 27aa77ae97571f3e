package signin_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/password"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// counted is a method that counts how many proofs it was given to look at.
type counted struct {
	*password.Method
	looks *atomic.Int64
}

func (m counted) Admit(source string, known bool) (signin.Admitted, error) {
	a, err := m.Method.Admit(source, known)
	return countedPlace{a, m.looks}, err
}

type countedPlace struct {
	signin.Admitted
	looks *atomic.Int64
}

func (p countedPlace) FinishVerification(ctx context.Context, v signin.Verifying, c staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	p.looks.Add(1)
	return p.Admitted.FinishVerification(ctx, v, c, answer)
}

// Whether a name is known cannot be told by time, because one password is hashed for each try, whoever is meant. Times themselves are
// measured and reported in docs/timing.md: a test of them would fail by chance.
func TestPeer_CVE_2025_54999(t *testing.T) {
	t.Parallel()
	m, err := password.New(password.Options{Workers: 2, Queue: 20, Cheap: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		looks := &atomic.Int64{}
		w := newInstallationWith(t, s, clock, counted{m, looks})
		w.person(t, "amara")
		w.AddPerson(t, "never")
		w.Disable(t, w.person(t, "gone"))
		for _, name := range []string{"amara", "never", "gone", "nobody", "nobody@mail.example", "", "\xff"} {
			for _, typed := range []string{"not the password", "", string(make([]byte, 100_000))} { // at sign-in and when a key is lost
				before := looks.Load()
				if err := w.check(t, name, typed); !errors.Is(err, staffkey.ErrRefused) {
					t.Errorf("as %q: got error %v, want a refusal", name, err)
				}
				if got := looks.Load() - before; got != 1 {
					t.Errorf("as %q: %d passwords were hashed, want 1", name, got)
				}
				w.Rest()
			}
		}
	})
}
