package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin/signintest"
)

// In any ten minutes three codes are sent to a person, and the person hears of it.
func TestSend_three_codes_in_ten_minutes(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.withNumber(t, "amara")
		w.Clock.Advance(time.Hour)
		var sent []time.Time
		start := w.Clock.Now()
		for w.Clock.Now().Sub(start) < 25*time.Minute {
			switch err := h.send(t, text); {
			case err == nil:
				sent = append(sent, w.Clock.Now())
			case len(sent) >= 10: // the day's
			case signintest.RuleOf(err) != "code_many" && signintest.RuleOf(err) != "code_wait" || !errors.Is(err, staffkey.ErrThrottled):
				t.Fatalf("got error %v, want a refusal by code_many or code_wait", err)
			}
			w.Clock.Advance(10 * time.Second)
		}
		if len(sent) != 9 {
			t.Errorf("%d codes in 25 minutes, want 9", len(sent))
		}
		for i := 3; i < len(sent); i++ {
			if within := sent[i].Sub(sent[i-3]); within < 10*time.Minute {
				t.Errorf("codes %d to %d were sent within %v", i-2, i+1, within)
			}
		}
		w.told(t, h.person, "notice.codes_stopped", 1)
		if e := w.events(t, staffkey.EventCodesStopped); len(e) != 1 || e[0].Person != h.person.ID || e[0].Organisation != w.Organisation.ID {
			t.Errorf("events %+v, want one of the person", e)
		}
	})
}

// The page says how long until another code can be asked for, whichever limit it is.
func TestDelivery_tells_the_wait_of_three_codes(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.withNumber(t, "amara")
		w.Clock.Advance(time.Hour)
		for range 3 {
			if err := h.send(t, text); err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(time.Minute)
		}
		if _, wait, err := w.Service.Delivery(t.Context(), h.person.ID, text); err != nil || wait != 7*time.Minute {
			t.Errorf("to wait %v (error %v), want 7 minutes", wait, err)
		}
	})
}

// Three codes to a number that nobody has confirmed, whoever asks.
func TestSend_three_codes_to_a_new_number(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		ask := func(name string) error {
			return w.Service.SendEnrolmentCode(t.Context(), w.Enter(t, w.AddPerson(t, name)).Actor, text, "07700 900123", "")
		}
		for i := range 3 {
			if err := ask(fmt.Sprint("p", i)); err != nil {
				t.Fatal(err)
			}
		}
		throttledBy(t, "a fourth person", "code_many", ask("ben"))
		w.Clock.Advance(10 * time.Minute)
		if err := ask("cara"); err != nil {
			t.Errorf("ten minutes later: %v", err)
		}
	})
}
