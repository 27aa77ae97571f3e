package signin_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin/signintest"
)

// A code that was told to be ahead is of no use when its time comes, on any node.
func TestTOTP_that_is_ahead_is_burnt(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.wallet(t, w.Enter(t, w.person(t, "amara")), staffkey.MethodTOTP)
		w.Clock.Advance(time.Minute)
		in := h.browserBy(t, staffkey.MethodTOTP)
		w.Clock.Advance(time.Minute)
		ahead := totpCode(h.secret, w.Clock.Now().Add(2*time.Minute))
		w.Refused(t, "clock_fast", func() error {
			_, err := h.try(t, staffkey.MethodTOTP, ahead)
			return err
		})
		other := totpCode(h.secret, w.Clock.Now().Add(3*time.Minute))
		b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodTOTP)
		if err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "clock_fast", func() error {
			_, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, staffkey.MethodTOTP, other), in.Session)
			return err
		})
		if _, err := h.try(t, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now())); err != nil { // the clock was put right
			t.Errorf("the code of now: %v", err)
		}
		w.Clock.Advance(2 * time.Minute)
		w.Refused(t, "code_used", func() error {
			_, err := h.try(t, staffkey.MethodTOTP, ahead)
			return err
		})
		w.Clock.Advance(time.Minute)
		w.Refused(t, "code_used", func() error {
			_, err := h.try(t, staffkey.MethodTOTP, other)
			return err
		})
	})
}

// Of many guesses at once with the same code that is ahead, none leaves it good.
func TestTOTP_that_is_ahead_is_burnt_at_once(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.wallet(t, w.Enter(t, w.person(t, "amara")), staffkey.MethodTOTP)
		w.Clock.Advance(time.Minute)
		codes := [][]byte{totpCode(h.secret, w.Clock.Now().Add(2*time.Minute)), totpCode(h.secret, w.Clock.Now().Add(3*time.Minute))}
		told := 0
		for _, err := range signintest.Parallel(4, func(i int) error {
			_, err := h.try(t, staffkey.MethodTOTP, codes[i%2])
			return err
		}) {
			switch signintest.RuleOf(err) {
			case "clock_fast":
				told++
			case "code_used":
			default:
				t.Errorf("got error %v, want clock_fast or code_used", err)
			}
		}
		if told != 2 {
			t.Errorf("%d were told that they are ahead, want one for each code", told)
		}
		w.Clock.Advance(2 * time.Minute)
		for i, code := range codes {
			if _, err := h.try(t, staffkey.MethodTOTP, code); signintest.RuleOf(err) != "code_used" {
				t.Errorf("code %d in its time: got error %v, want code_used", i+1, err)
			}
			w.Clock.Advance(time.Minute)
		}
	})
}
