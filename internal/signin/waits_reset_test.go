package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// askFrom wishes for a new password from somewhere and has the wish answered.
func (w *installation) askFrom(t testing.TB, from staffkey.Origin, login string) {
	t.Helper()
	if err := w.Service.AskReset(t.Context(), from, login); err != nil {
		t.Fatal(err)
	}
	w.workResets(t, 1)
}

// What strangers wish for neither uses up the owner's wishes nor ends the owner's link.
func TestReset_of_strangers_spares_the_owner(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		key, removed := w.addStoredKey(t, p, staffkey.SecurityKeyActive), w.removedKey(t, p)
		own := from("192.0.2.1", key)
		mails := func() int { return len(w.messages(t, p, "reset.link")) }

		w.askFrom(t, from("192.0.2.1"), "amara")
		elsewhere := w.linkIn(t, p, "reset.link", "/reset")
		w.askFrom(t, own, "amara")
		mine := w.linkIn(t, p, "reset.link", "/reset")
		for i := range 20 {
			w.askFrom(t, from(fmt.Sprint("198.51.100.", i/3)), "amara@staff.example")
		}
		if got := mails(); got != 2+4+1 { // five at once with the one from elsewhere, and the first of those that come later
			t.Errorf("%d mails, want 7: those of strangers are limited", got)
		}
		for name, secret := range map[string]string{"in a browser of theirs": mine, "elsewhere": elsewhere} {
			if _, err := w.Service.CheckResetLink(t.Context(), secret); err != nil {
				t.Errorf("the link that was asked for %s: %v", name, err)
			}
		}
		before := mails()
		for range 3 {
			w.askFrom(t, own, "amara")
		}
		w.askFrom(t, own, "Amara@staff.example")
		if got := mails() - before; got != 4 {
			t.Errorf("%d mails of 4 wishes in a browser of theirs, want all", got)
		}
		w.askFrom(t, own, "amara")
		w.askFrom(t, from("192.0.2.1", removed), "amara")
		if got := mails() - before; got != 4 {
			t.Errorf("%d mails, want no sixth of a day, and none where the key was removed", got)
		}
		if _, err := w.Service.CheckResetLink(t.Context(), mine); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("the link before, of the same place: got error %v, want it ended by the newer one", err)
		}
		// One that is used ends all.
		latest := w.linkIn(t, p, "reset.link", "/reset")
		if _, err := w.Service.UseResetLink(t.Context(), origin, latest, newPassword); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Service.CheckResetLink(t.Context(), elsewhere); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("another link when one was used: got error %v, want expired", err)
		}
	})
}

// However many wishes strangers send, a link reaches the person at least every two hours, and no more than 17 mails a day.
func TestReset_mails_of_strangers_in_a_day(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		last, start := 0, w.Clock.Now()
		for n := range 48 {
			for i := range 4 {
				w.askFrom(t, from(fmt.Sprintf("198.51.%d.%d", n, i)), "amara")
			}
			if got := len(w.messages(t, p, "reset.link")); n%4 == 0 && got == last {
				t.Errorf("no mail in two hours before %v", w.Clock.Now().Sub(start))
			} else if n%4 == 0 {
				last = got
			}
			w.Clock.Advance(30 * time.Minute)
		}
		if got := len(w.messages(t, p, "reset.link")); got != 17 {
			t.Errorf("%d mails, want 17", got)
		}
	})
}

// A network at its limit does not keep the owner from a wish in a browser of theirs; what is said is true.
func TestReset_where_a_network_is_full(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		key := w.addStoredKey(t, p, staffkey.SecurityKeyActive)
		s, _ := w.nodes(2)
		says := func(err error) string {
			var r *staffkey.Refusal
			if !errors.As(err, &r) || !errors.Is(err, staffkey.ErrThrottled) {
				return fmt.Sprint(err)
			}
			return r.Message.ID
		}
		for i := range 2 {
			if err := s.AskReset(t.Context(), from("192.0.2.1"), fmt.Sprint("nobody", i)); err != nil {
				t.Fatal(err)
			}
		}
		if got := says(s.AskReset(t.Context(), from("192.0.2.1"), "amara")); got != "rate.links" {
			t.Errorf("one name more: got %s, want rate.links", got)
		}
		for range 9 {
			if err := s.AskReset(t.Context(), from("192.0.2.1"), "nobody1"); err != nil {
				t.Fatalf("a name that was asked for before: %v", err)
			}
		}
		if got := says(s.AskReset(t.Context(), from("192.0.2.1"), "nobody1")); got != "rate.links" {
			t.Errorf("the eleventh wish for one name: got %s, want rate.links", got)
		}
		for range 10 {
			if err := s.AskReset(t.Context(), from("192.0.2.1", key), "amara"); err != nil {
				t.Fatalf("in a browser where the key was used: %v", err)
			}
		}
		if got := says(s.AskReset(t.Context(), from("192.0.2.1", key), "amara")); got != "rate" {
			t.Errorf("the eleventh there: got %s, want rate", got)
		}
	})
}

// Nobody is told by a link that another place has one: links of one place only end each other.
func TestCancelLinksAbout(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		w.Change(t, func(tx *store.Tx) error {
			for _, from := range []string{"here", "there"} {
				if err := tx.InsertLinkAbout(store.LinkReset, p.ID, from, "secret "+from, tx.Now.Add(time.Hour)); err != nil {
					return err
				}
			}
			return tx.CancelLinksAbout(store.LinkReset, p.ID, "here")
		})
		w.Read(t, func(tx *store.Tx) error {
			if _, err := tx.FindLink(store.LinkReset, "secret here"); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("here: got error %v, want expired", err)
			}
			_, err := tx.FindLink(store.LinkReset, "secret there")
			return err
		})
	})
}
