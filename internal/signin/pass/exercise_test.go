package pass_test

import (
	"encoding/json"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/pass"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// The exercise is of a pass that works many times; one that works once has its tests below.
func TestExercise(t *testing.T) {
	t.Parallel()
	const (
		again = "a pass of many uses is good again"
		other = "a pass is issued by an administrator; nobody sets one up"
	)
	signintest.Exercise(t, signintest.Subject{
		New: func(_ testing.TB, s *store.Store) signin.Method { return pass.New(s.Sealer()) },
		Hand: func(t testing.TB, _ *store.Store, clock *storetest.Clock) signintest.Hand {
			return newSlip(t, clock, true)
		},
		SetUp: setUp,
		Level: 2, Always: true,
		Wrong: "pass_wrong", Another: "pass_wrong",
		Skip: map[string]string{
			signintest.NewCeremony: again, signintest.RaceOneAnswer: again,
			signintest.EnrolmentPurpose: other, signintest.EnrolmentSession: other, signintest.EnrolmentActor: other,
			signintest.EnrolmentOnce: other, signintest.EnrolmentForbidden: other,
		},
	})
}

// setUp has a pass issued to the person of a browser.
func setUp(_ testing.TB, w *signintest.World, in signintest.Browser, hand signintest.Hand) {
	hand.Before(signintest.Proof{World: w, Person: staffkey.Person{ID: in.Actor.Person}})
}

// newSlip is a slip of paper with a pass on it. When the pass has ended, its holder asks for another.
func newSlip(t testing.TB, clock *storetest.Clock, many bool) signintest.Hand {
	var code string
	var ends time.Time
	return signintest.Hand{
		Before: func(p signintest.Proof) {
			if clock.Now().Before(ends) {
				return
			}
			ends = clock.Now().Add(8 * time.Hour)
			terms := signin.PassTerms{StartsAt: clock.Now(), ExpiresAt: ends, Many: many}
			var err error
			if code, err = p.World.Service.IssuePass(t.Context(), staffkey.ConsoleActor(), p.Person.ID, terms, "lost everything"); err != nil {
				t.Fatalf("issue a pass: %v", err)
			}
		},
		Answer: func(json.RawMessage) []byte { return []byte(code) },
		Wrong: func(json.RawMessage) []byte {
			wrong := []byte(code)
			wrong[0] = '0' + (wrong[0]-'0'+1)%10
			return wrong
		},
	}
}

func TestPass_of_one_use(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := signintest.NewWorld(t, s, clock, pass.New(s.Sealer()))
		amara := w.AddPerson(t, "amara")
		slip := newSlip(t, clock, false)
		slip.Before(signintest.Proof{World: w, Person: amara})
		answer := func() (signin.Attempt, signin.Answer) {
			a := w.Attempt(amara)
			begun, err := w.Service.BeginSignIn(t.Context(), a, staffkey.MethodPass)
			if err != nil {
				t.Fatal(err)
			}
			return a, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodPass, Body: slip.Answer(nil)}
		}
		const runners = 64
		var attempts [runners]signin.Attempt
		var answers [runners]signin.Answer
		for i := range runners {
			attempts[i], answers[i] = answer()
		}
		sessions := w.Sessions(t)
		signintest.Once(t, signintest.Parallel(runners, func(i int) error {
			_, err := w.Service.FinishSignIn(t.Context(), signintest.Origin, attempts[i], answers[i], staffkey.Session{})
			return err
		}))
		if got := w.Sessions(t) - sessions; got != 1 {
			t.Errorf("%d sessions opened, want 1", got)
		}
		w.Rest()
		a, again := answer()
		w.Refused(t, "pass_used", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), signintest.Origin, a, again, staffkey.Session{})
			return err
		})
	})
}
