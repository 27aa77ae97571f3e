package signin_test

import (
	"fmt"
	"testing"
	"time"

	"staffkey"
)

// Many codes sent and few typed raise an alarm, once a day.
func TestSend_alarm(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		typed int // of six people who have 9 codes sent each, how many type each
		want  int
	}{{"hardly any typed", 0, 1}, {"one in three typed", 2, 0}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				var people []*wallet
				for i := range 6 {
					h := &wallet{w: w, person: w.AddPerson(t, fmt.Sprint("p", i))}
					if err := h.setUpNumber(t, w.Enter(t, h.person), text, fmt.Sprint("07700 90012", i)); err != nil {
						t.Fatal(err)
					}
					people = append(people, h)
				}
				alarms := func() int { return len(w.events(t, staffkey.EventSendingAlarm)) }
				for range 9 {
					w.Clock.Advance(4 * time.Minute)
					for i, h := range people {
						if err := h.send(t, text); err != nil {
							t.Fatal(err)
						}
						if i < test.typed {
							if _, err := h.try(t, text, []byte(w.LatestCode(t, h.person.ID))); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				if got := alarms(); got != test.want {
					t.Errorf("%d alarms, want %d", got, test.want)
				}
				if e := w.events(t, staffkey.EventSendingAlarm); len(e) == 1 && (e[0].Organisation != w.Organisation.ID || e[0].Detail["sent"] != "50" || e[0].Detail["typed"] != "6") {
					t.Errorf("alarm %+v, want it at the 50th code of the organisation, of which those of setting up came back", e[0])
				}
			})
		})
	}
}

// What was typed on the days before hides no alarm, and the Local Administrators are told.
func TestSend_alarm_on_the_next_day(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		la, _ := w.officer(t, "gareth", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		var people []*wallet
		for i := range 6 {
			h := &wallet{w: w, person: w.AddPerson(t, fmt.Sprint("p", i))}
			if err := h.setUpNumber(t, w.Enter(t, h.person), text, fmt.Sprint("07700 90012", i)); err != nil {
				t.Fatal(err)
			}
			people = append(people, h)
		}
		send := func(h *wallet, typed bool) {
			t.Helper()
			if err := h.send(t, text); err != nil {
				t.Fatal(err)
			}
			if !typed {
				return
			}
			if _, err := h.try(t, text, []byte(w.LatestCode(t, h.person.ID))); err != nil {
				t.Fatal(err)
			}
		}
		for range 3 { // days on which every code is typed, the last of them late
			for range 8 {
				w.Clock.Advance(4 * time.Minute)
				for _, h := range people {
					send(h, true)
				}
			}
			w.Clock.Advance(20 * time.Hour)
			send(people[0], true)
			w.Clock.Advance(4 * time.Hour)
		}
		if got := len(w.events(t, staffkey.EventSendingAlarm)); got != 0 {
			t.Fatalf("%d alarms while every code is typed", got)
		}
		for range 9 {
			w.Clock.Advance(4 * time.Minute)
			for _, h := range people {
				send(h, false)
			}
		}
		if e := w.events(t, staffkey.EventSendingAlarm); len(e) != 1 || e[0].Detail["sent"] != "50" || e[0].Detail["typed"] != "0" {
			t.Errorf("alarms %+v, want one: 50 sent and none typed", e)
		}
		list := w.messages(t, staffkey.Person{}, "admin.sending")
		if len(list) != 1 || list[0].To != la.Email || list[0].Organisation != w.Organisation.ID || list[0].Args["Sent"] != "50" || list[0].Args["Typed"] != "0" {
			t.Errorf("told %+v, want the Local Administrator once", list)
		}
	})
}

// Setting numbers up is not sending for the sake of sending: each code comes back.
func TestSend_alarm_is_not_raised_by_setting_up(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		for i := range 52 {
			h := &wallet{w: w, person: w.AddPerson(t, fmt.Sprint("p", i))}
			if err := h.setUpNumber(t, w.Enter(t, h.person), text, fmt.Sprintf("07700 9001%02d", i)); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(w.events(t, staffkey.EventSendingAlarm)); got != 0 {
			t.Errorf("%d alarms, want none", got)
		}
	})
}
