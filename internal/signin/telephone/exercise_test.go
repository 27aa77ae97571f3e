package telephone_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/signin/telephone"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

func TestExercise(t *testing.T) {
	t.Parallel()
	for kind, newMethod := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			signintest.Exercise(t, signintest.Subject{
				New: func(_ testing.TB, s *store.Store) signin.Method { return newMethod(s.Sealer()) },
				Hand: func(t testing.TB, _ *store.Store, clock *storetest.Clock) signintest.Hand {
					return newHand(t, kind, clock)
				},
				Level: 2,
				// A code that signed in is gone, and so is each when the next is sent.
				Wrong: "code_wrong", Replayed: "code_wrong", Another: "code_wrong", Respent: "code_none", Missing: "code_none",
			})
		})
	}
}

var kinds = map[staffkey.MethodKind]func(telephone.Digester) *telephone.Method{
	staffkey.MethodTextMessage: telephone.NewText, staffkey.MethodPhoneCall: telephone.NewCall,
}

// newHand holds a telephone, which has the code of its latest message.
func newHand(t testing.TB, kind staffkey.MethodKind, clock *storetest.Clock) signintest.Hand {
	var code string
	answer := func(json.RawMessage) []byte { return []byte(code) }
	return signintest.Hand{
		BeforeEnrolment: func(w *signintest.World, in signintest.Browser) {
			clock.Advance(time.Minute) // nobody gets codes in a shorter time
			if err := w.Service.SendEnrolmentCode(t.Context(), in.Actor, kind, "07700 900123", ""); err != nil {
				t.Fatalf("send a code to a new number: %v", err)
			}
			code = w.LatestCode(t, in.Actor.Person)
		},
		Before: func(p signintest.Proof) {
			clock.Advance(time.Minute)
			send := func() error { return p.World.Service.SendCode(t.Context(), p.Attempt, signintest.Origin, kind) }
			if p.Actor.Person != "" {
				send = func() error { return p.World.Service.SendStepUpCode(t.Context(), p.Actor, kind) }
			}
			if err := send(); err != nil {
				t.Fatalf("send a code: %v", err)
			}
			code = p.World.LatestCode(t, p.Person.ID)
		},
		Enrol: answer, Answer: answer,
		Wrong: func(json.RawMessage) []byte { return []byte(other(code)) },
	}
}

// other is a code that is not that one.
func other(code string) string {
	n, err := strconv.Atoi(code)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf("%06d", (n+1)%1_000_000)
}
