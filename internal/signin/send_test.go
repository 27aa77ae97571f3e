package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

const (
	text = staffkey.MethodTextMessage
	call = staffkey.MethodPhoneCall
)

// send has a code sent for a sign-in.
func (h *wallet) send(t testing.TB, kind staffkey.MethodKind) error {
	t.Helper()
	return h.w.Service.SendCode(t.Context(), h.w.Attempt(h.person), origin, kind)
}

// withNumber adds a person with a password and a number.
func (w *installation) withNumber(t testing.TB, username string) *wallet {
	t.Helper()
	return w.wallet(t, w.Enter(t, w.AddPerson(t, username)), text)
}

// throttledBy checks a refusal for the time being.
func throttledBy(t *testing.T, what, rule string, err error) {
	t.Helper()
	if signintest.RuleOf(err) != rule || !errors.Is(err, staffkey.ErrThrottled) {
		t.Errorf("%s: got error %v, want a refusal by %s for the time being", what, err, rule)
	}
}

func TestSend_waits_between_two(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.withNumber(t, "amara")
		in := h.browserBy(t, text)
		if err := h.setUpNumber(t, in, call, "07700 900123"); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(time.Minute)
		if err := h.send(t, text); err != nil {
			t.Fatal(err)
		}
		first := w.LatestCode(t, h.person.ID)
		m := w.messages(t, h.person, "code.text")
		if got := m[len(m)-1]; got.Channel != staffkey.ChannelText || got.To != "+447700900123" || !got.ExpiresAt.Equal(w.Clock.Now().Add(10*time.Minute)) {
			t.Errorf("message %+v, want a text message that is of no use after ten minutes", got)
		}
		sent := len(w.messages(t, h.person, ""))
		w.Clock.Advance(30*time.Second - time.Microsecond)
		for name, err := range map[string]error{
			"another": h.send(t, text), "a call instead": h.send(t, call), "in a session": w.Service.SendStepUpCode(t.Context(), in.Actor, text),
			"to a new number": w.Service.SendEnrolmentCode(t.Context(), in.Actor, text, "07700 900999", ""),
		} {
			throttledBy(t, name, "code_wait", err)
		}
		if got := len(w.messages(t, h.person, "")) - sent; got != 0 {
			t.Errorf("%d messages went out, want none", got)
		}
		w.Clock.Advance(time.Microsecond)
		if err := h.send(t, text); err != nil {
			t.Fatal(err)
		}
		// The code that is sent again replaces the one before.
		second := w.LatestCode(t, h.person.ID)
		if first != second {
			w.Refused(t, "code_wrong", func() error {
				_, err := h.try(t, text, []byte(first))
				return err
			})
		}
		if _, err := h.try(t, text, []byte(second)); err != nil {
			t.Errorf("the latest code: %v", err)
		}
	})
}

func TestSend_is_limited_by_person(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, other := w.withNumber(t, "amara"), w.withNumber(t, "ben") // one code each, and to one number
		start := w.Clock.Now()
		for i := range 9 {
			w.Clock.Advance(4 * time.Minute)
			if err := h.send(t, text); err != nil {
				t.Fatalf("code %d of a day: %v", i+2, err)
			}
		}
		w.Clock.Advance(10 * time.Minute)
		throttledBy(t, "the eleventh", "code_cap", h.send(t, text))
		if err := other.send(t, text); err != nil { // a confirmed number is its person's, whoever else has used up theirs
			t.Errorf("another person with that number: %v", err)
		}
		w.Clock.Advance(start.Add(day).Sub(w.Clock.Now()))
		if err := h.send(t, text); err != nil {
			t.Errorf("a day later: %v", err)
		}
	})
}

// What is sent to a number that nobody has confirmed is limited by number, over all people.
func TestSend_is_limited_by_number(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		for i := range 5 {
			w.Clock.Advance(4 * time.Minute)
			in := w.Enter(t, w.AddPerson(t, fmt.Sprint("amara", i)))
			if err := w.Service.SendEnrolmentCode(t.Context(), in.Actor, text, "07700 900123", ""); err != nil {
				t.Fatal(err)
			}
		}
		w.Clock.Advance(10 * time.Minute)
		in := w.Enter(t, w.AddPerson(t, "ben"))
		for name, number := range map[string]string{"as it was": "07700 900123", "in another spelling": "+44 (0)7700 900-123"} {
			throttledBy(t, name, "code_cap", w.Service.SendEnrolmentCode(t.Context(), in.Actor, text, number, ""))
		}
		throttledBy(t, "by call", "code_cap", w.Service.SendEnrolmentCode(t.Context(), in.Actor, call, "07700 900123", ""))
		if err := w.Service.SendEnrolmentCode(t.Context(), in.Actor, text, "07700 900124", ""); err != nil { // what was refused has used nothing up
			t.Errorf("another number: %v", err)
		}
	})
}

// F41: what an organisation may send in a day, and to which countries, is its policy.
func TestSend_by_policy(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		perDay, countries := 3, []string{"GB"}
		w.policy(t, func(s *staffkey.PolicySettings) { s.CodesPerDay, s.Countries = &perDay, &countries })
		h := w.withNumber(t, "amara")
		in := h.browserBy(t, text)
		before := len(w.messages(t, h.person, ""))
		w.Clock.Advance(time.Minute)
		for name, number := range map[string]string{"of another country": "+33 6 39 98 12 34", "that is none": "12", "empty": ""} {
			if err := w.Service.SendEnrolmentCode(t.Context(), in.Actor, text, number, ""); err == nil || errors.Is(err, staffkey.ErrThrottled) {
				t.Errorf("a number %s: got error %v, want it refused", name, err)
			}
		}
		if got := len(w.messages(t, h.person, "")) - before; got != 0 {
			t.Errorf("%d messages went out, want none", got)
		}
		if err := h.send(t, text); err != nil { // the third of the day
			t.Fatal(err)
		}
		other := w.Enter(t, w.AddPerson(t, "ben"))
		throttledBy(t, "a fourth, to anybody there", "code_cap", w.Service.SendEnrolmentCode(t.Context(), other.Actor, text, "07700 900124", ""))
		perDay = 0
		w.policy(t, func(s *staffkey.PolicySettings) { s.CodesPerDay = &perDay })
		w.Rest()
		throttledBy(t, "none a day", "code_cap", h.send(t, text))
		w.policy(t, func(s *staffkey.PolicySettings) { s.Methods = &[]staffkey.MethodKind{staffkey.MethodTOTP} })
		w.Clock.Advance(time.Minute)
		w.Refused(t, "method_not_allowed", func() error { return h.send(t, text) })
	})
}

// F41: a new number proves nothing for a day, and the old one is told.
func TestNumber_change(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		in := w.browser(t, h.person, key.key)
		begun, err := w.Service.BeginSignIn(t.Context(), w.Attempt(h.person), text)
		if err != nil {
			t.Fatal(err)
		}
		// Until the code has come back from the new number, the old one stays.
		w.Clock.Advance(time.Minute)
		if err := w.Service.SendEnrolmentCode(t.Context(), in.Actor, text, "07700 900999", ""); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "code_none", func() error { // a code for setting up proves nothing at sign-in
			_, err := w.Service.FinishSignIn(t.Context(), origin, w.Attempt(h.person), answer(begun, text, []byte(w.LatestCode(t, h.person.ID))), nowhere)
			return err
		})
		w.Clock.Advance(10 * time.Minute)
		h.browserBy(t, text)
		in = w.browser(t, h.person, key.key)
		if err := h.setUpNumber(t, in, text, "07700 900999"); err != nil {
			t.Fatal(err)
		}
		w.told(t, h.person, "notice.number_changed", 1)
		w.told(t, h.person, "number.changed", 1)
		if m := w.messages(t, h.person, "number.changed"); len(m) == 1 && (m[0].To != "+447700900123" || m[0].Channel != staffkey.ChannelText) {
			t.Errorf("told %+v, want the old number", m[0])
		}
		sent := len(w.messages(t, h.person, ""))
		changed := w.Clock.Now()
		w.Clock.Advance(time.Minute)
		w.Refused(t, "cool_off", func() error { return h.send(t, text) })
		if got := len(w.messages(t, h.person, "")) - sent; got != 0 {
			t.Errorf("%d messages went out, want none", got)
		}
		w.Clock.Advance(changed.Add(day - time.Microsecond).Sub(w.Clock.Now()))
		w.Refused(t, "cool_off", func() error { return h.send(t, text) })
		w.Clock.Advance(time.Microsecond)
		if err := h.send(t, text); err != nil {
			t.Errorf("a day later: %v", err)
		}
		if m := w.messages(t, h.person, "code.text"); m[len(m)-1].To != "+447700900999" {
			t.Errorf("sent to %s, want the new number", m[len(m)-1].To)
		}
	})
}

// Removing the number and setting another up is a change like any other.
func TestNumber_removed_and_set_up_anew(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		in := w.browser(t, h.person, key.key)
		if err := w.Service.RemoveMethod(t.Context(), in.Actor, text); err != nil {
			t.Fatal(err)
		}
		w.told(t, h.person, "number.changed", 1)
		if err := h.setUpNumber(t, in, text, "07700 900999"); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(time.Minute)
		w.Refused(t, "cool_off", func() error { return h.send(t, text) })
		w.Clock.Advance(day)
		if err := h.send(t, text); err != nil {
			t.Errorf("a day later: %v", err)
		}
	})
}

func TestSend_to_nobody_and_by_nothing(t *testing.T) {
	t.Parallel()
	passwords, err := password.New(password.Options{})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := newEquipped(t, s, clock, passwords)
		h := w.withNumber(t, "amara")
		w.Clock.Advance(time.Minute)
		if err := w.Service.SendCode(t.Context(), signin.Attempt{}, origin, text); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("without a password: got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
		if err := h.send(t, staffkey.MethodTOTP); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("by app: got error %v, want not found", err)
		}
		w.Refused(t, "not_set_up", func() error { return h.send(t, call) })
		bare := &wallet{w: w, person: w.AddPerson(t, "ben")}
		w.Refused(t, "not_set_up", func() error { return bare.send(t, text) })
		// An installation that has no gateway neither offers the methods nor sends.
		w.Service = signin.New(signin.Deps{
			Store: s, Methods: allMethods(s), Now: clock.Now, HasChannel: func(c staffkey.ChannelKind) bool { return c == staffkey.ChannelEmail },
		})
		w.Refused(t, "method_not_allowed", func() error { return h.send(t, text) })
		if !w.Service.Sends(text) || w.Service.CanSend(text) || w.Service.CanSend(call) || !w.Service.CanSend(staffkey.MethodTOTP) {
			t.Error("codes can be sent without a gateway, or an app needs one")
		}
		if s := w.Service; !s.Reaches(staffkey.ChannelEmail) || s.Reaches(staffkey.ChannelText) || s.Reaches(staffkey.ChannelVoice) {
			t.Error("reaches people otherwise than by mail, or not by mail")
		}
		mine, err := w.Service.Mine(t.Context(), staffkey.Actor{Person: h.person.ID})
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range mine.Offered {
			if kind == text || kind == call {
				t.Errorf("%s is offered without a gateway", kind)
			}
		}
		w.Disable(t, h.person)
		if err := h.send(t, text); err == nil {
			t.Error("a code is sent to somebody who has left")
		}
	})
}

// A code is one of few, however often others ask for it at once.
func TestSend_at_once(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		for round := range raceRounds(t) {
			h := w.withNumber(t, fmt.Sprint("amara", round))
			w.Clock.Advance(time.Minute)
			sent := len(w.messages(t, h.person, ""))
			signintest.Once(t, signintest.Parallel(16, func(int) error { return h.send(t, text) }))
			if got := len(w.messages(t, h.person, "")) - sent; got != 1 {
				t.Errorf("%d messages went out, want 1", got)
			}
			if _, err := h.try(t, text, []byte(w.LatestCode(t, h.person.ID))); err != nil {
				t.Errorf("the code that was sent: %v", err)
			}
			w.Rest()
		}
	})
}
