package signin_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

// A network is counted by names: one that is tried again and again is one name, and goes on when others wait.
func TestNetworks_are_counted_by_names(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.person(t, "amara"), staffkey.SecurityKeyID("")
		key = w.addStoredKey(t, p, staffkey.SecurityKeyActive)
		removed := w.removedKey(t, p)
		w.person(t, "ben")
		const names = 4
		s := signin.New(signin.Deps{
			Store: w.Store, Methods: allMethods(w.Store, w.passwords), Address: "https://staffkey.example", Now: w.Clock.Now,
			Networks: signin.Networks{Names: names, Own: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}, OwnNames: 2 * names},
		})
		try := func(origin staffkey.Origin, login, typed string) error {
			_, err := s.CheckPassword(t.Context(), origin, signin.Attempt{}, login, typed)
			return err
		}
		full := func(what string, err error) {
			t.Helper()
			var r *staffkey.Refusal
			if !errors.As(err, &r) || r.Message.ID != "rate.source" {
				t.Errorf("%s: got error %v, want a refusal that says rate.source", what, err)
			}
		}
		guest := from("192.0.2.9")
		for range 3 * names { // a telephone with an old password
			if err := try(guest, "phone", "an old password"); errors.Is(err, staffkey.ErrThrottled) {
				w.Clock.Advance(time.Minute)
			}
		}
		w.Clock.Advance(time.Hour)
		for i := range names {
			if err := try(guest, fmt.Sprint("name", i), "not the password"); !looked(err) {
				t.Fatalf("name %d: got error %v, want it looked at", i+1, err)
			}
			if err := try(guest, fmt.Sprint("name", i), "nor that one"); !looked(err) {
				t.Fatalf("name %d once more: got error %v, want it looked at", i+1, err)
			}
		}
		full("one name more", try(guest, "name-more", "not the password"))
		full("one that means somebody", try(guest, "ben", "not the password"))
		full("a right password", try(guest, "ben", goodPassword))
		full("in a browser of a key that was removed", try(from("192.0.2.9", removed), "amara", goodPassword))
		full("somebody else in the browser of a key", try(from("192.0.2.9", key), "ben", goodPassword))
		if err := try(guest, "name0", "not the password"); !looked(err) {
			t.Errorf("a name that was tried before: got error %v, want it looked at", err)
		}
		if err := try(from("192.0.2.9", key), "amara", goodPassword); err != nil {
			t.Errorf("the owner in the browser of the key: %v", err)
		}
		if err := try(staffkey.Origin{IP: "192.0.2.9", Station: "ward"}, "ben", goodPassword); err != nil {
			t.Errorf("a station behind the same address: %v", err)
		}
		if err := try(from(""), "ben", goodPassword); err != nil {
			t.Errorf("from no address: %v", err)
		}
		// A network of the organisation's own has more, and right passwords take nothing from it.
		own := from("203.0.113.7")
		for i := range 2 * names {
			if err := try(own, "ben", goodPassword); err != nil {
				t.Fatal(err)
			}
			if err := try(own, fmt.Sprint("other", i), "not the password"); !looked(err) {
				t.Fatalf("name %d in an own network: got error %v, want it looked at", i+1, err)
			}
		}
		full("one more than in an own network", try(own, "other-more", "not the password"))
		w.Clock.Advance(time.Hour)
		if err := try(guest, "ben", goodPassword); err != nil {
			t.Errorf("in the next hour: %v", err)
		}
	})
}

// 1 password over 10,000 accounts: the source is stopped, the log and the operators hear of it, and not without end.
func TestNetworks_at_their_limit_raise_an_alarm(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		operator, _ := w.officer(t, "olga", staffkey.RoleOperator, w.Organisation.ID)
		w.officer(t, "lara", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		observed := 0
		s := signin.New(signin.Deps{
			Store: w.Store, Methods: allMethods(w.Store, w.passwords), Now: w.Clock.Now, Networks: signin.Networks{Names: 3},
			Observe: func(_ staffkey.MethodKind, outcome string) {
				if outcome == "source_alarm" {
					observed++
				}
			},
		})
		spray := func(ip string, asks bool) {
			for i := range 5 {
				if asks {
					_ = s.AskReset(t.Context(), from(ip), fmt.Sprint("name", i))
					continue
				}
				_, _ = s.CheckPassword(t.Context(), from(ip), signin.Attempt{}, fmt.Sprint("name", i), "Winter2026!")
			}
		}
		spray("192.0.2.1", false)
		e := w.events(t, staffkey.EventSourceAlarm)
		if len(e) != 1 || e[0].IP != "192.0.2.1" || e[0].Detail["names"] != "3" {
			t.Fatalf("events %+v, want one of that address", e)
		}
		list := w.messages(t, staffkey.Person{}, "operator.source")
		if len(list) != 1 || list[0].To != operator.Email || list[0].Args["Source"] != "192.0.2.1" || list[0].Args["Names"] != "3" {
			t.Errorf("told %+v, want the operator alone", list)
		}
		for i := range 10 { // many sources: each is in the log
			spray(fmt.Sprint("198.51.100.", i), i%2 == 0)
			w.Clock.Advance(time.Minute)
		}
		if got := len(w.events(t, staffkey.EventSourceAlarm)); got != 11 || observed != 11 {
			t.Errorf("%d events and %d in the metrics, want 11", got, observed)
		}
		if got := len(w.messages(t, staffkey.Person{}, "operator.source")); got != 5 {
			t.Errorf("%d mails, want 5 a day", got)
		}
	})
}
