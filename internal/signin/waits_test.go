package signin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
)

// from is a browser at an address, which remembers keys.
func from(ip string, keys ...staffkey.SecurityKeyID) staffkey.Origin {
	return staffkey.Origin{IP: ip, Browser: "Firefox", SeenKeys: append([]staffkey.SecurityKeyID{}, keys...)}
}

// removedKey is a key that was in use and is not any more.
func (w *installation) removedKey(t testing.TB, p staffkey.Person) staffkey.SecurityKeyID {
	t.Helper()
	id := w.addStoredKey(t, p, staffkey.SecurityKeyActive)
	w.Change(t, func(tx *store.Tx) error { return tx.RemoveSecurityKey(p.ID, id) })
	return id
}

// looked reports an answer that a wrong password gets.
func looked(err error) bool { return signintest.RuleOf(err) == "password" }

// told is what a page says of an error.
func told(err error) string {
	var r *staffkey.Refusal
	if !errors.As(err, &r) {
		return fmt.Sprint(err)
	}
	return fmt.Sprint(r.Rule, " ", r.Message, " ", r.Kind)
}

// Whether names mean somebody, or one and the same person, shows in no answer: neither while they are free, nor when they wait, nor after.
func TestWaits_do_not_tell_who_exists(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.withKey(t, "amara")
		ways := map[string]func(login string) error{
			"password": func(login string) error { return w.checkFrom(t, from("192.0.2.1"), login, "not the password") },
			"pass": func(login string) error {
				_, err := w.signInByPassFrom(t, from("192.0.2.1"), login, "0000-0000-A")
				return err
			},
			"reset": func(login string) error { return w.Service.AskReset(t.Context(), from("192.0.2.1"), login) },
		}
		for name, try := range ways {
			sequence := func(username, address string) (all []string) {
				w.Clock.Advance(w.Clock.Now().Truncate(time.Hour).Add(time.Hour).Sub(w.Clock.Now()))
				for range 6 {
					all = append(all, told(try(username)))
				}
				w.Clock.Advance(29 * time.Second)
				for range 6 {
					all = append(all, told(try(address)))
				}
				for range 6 { // one of the two is free, and then the other; the person's own count is not
					w.Clock.Advance(time.Second)
					all = append(all, told(try(username)), told(try(address)))
				}
				return all
			}
			known, unknown := sequence("amara", "amara@staff.example"), sequence("nobody", "nobody@staff.example")
			for i := range known {
				if known[i] != unknown[i] {
					t.Errorf("%s, answer %d: %s for somebody and %s for nobody, want no difference", name, i+1, known[i], unknown[i])
				}
			}
		}
	})
}

// Nor does it show that somebody with the name has signed in meanwhile.
func TestWaits_do_not_tell_who_has_signed_in(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.person(t, "amara")
		sequence := func(login string, between func()) (all []string) {
			for range 6 {
				all = append(all, told(w.checkFrom(t, from("192.0.2.1"), login, "not the password")))
			}
			w.Clock.Advance(8 * time.Hour)
			between()
			w.Clock.Advance(time.Hour)
			for range 2 {
				all = append(all, told(w.checkFrom(t, from("192.0.2.1"), login, "not the password")))
			}
			w.Clock.Advance(23*time.Hour + time.Minute)
			for range 2 {
				all = append(all, told(w.checkFrom(t, from("192.0.2.1"), login, "not the password")))
			}
			return all
		}
		known := sequence("amara", func() {
			if err := w.checkFrom(t, from("198.51.100.7"), "amara", goodPassword); err != nil {
				t.Fatal(err)
			}
		})
		unknown := sequence("nobody", func() {})
		for i := range known {
			if known[i] != unknown[i] {
				t.Errorf("answer %d: %s for somebody and %s for nobody, want no difference", i+1, known[i], unknown[i])
			}
		}
	})
}

// Over the count of the person, a right password gets the answer of a wrong one; the log knows why.
func TestWaits_of_a_person_are_silent(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.person(t, "amara")
		guess := func(login, typed string) error { return w.checkFrom(t, from("192.0.2.1"), login, typed) }
		for range 5 {
			if err := guess("amara", "not the password"); !looked(err) {
				t.Fatalf("got error %v, want it looked at", err)
			}
		}
		w.Clock.Advance(29 * time.Second)
		for range 5 {
			if err := guess("amara@staff.example", "not the password"); !looked(err) {
				t.Fatalf("got error %v, want it looked at", err)
			}
		}
		w.Clock.Advance(time.Second) // the username is free again, the person not
		w.Refused(t, "password", func() error { return guess("amara", goodPassword) })
		last := w.Refusals(t)
		if e := last[len(last)-1]; !strings.Contains(fmt.Sprint(e.Detail), "waits") {
			t.Errorf("the log says %v, want that it waits", e.Detail)
		}
		w.Clock.Advance(time.Minute)
		if err := guess("amara", goodPassword); err != nil {
			t.Errorf("when nothing waits any more: %v", err)
		}
	})
}

// A place of the person's own is theirs alone: no stranger keeps it waiting, and it ends with the key and for everybody else.
func TestWaits_spare_a_browser_of_the_owner(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		ben := w.person(t, "ben")
		removed, suspended := w.removedKey(t, h.person), w.addStoredKey(t, h.person, staffkey.SecurityKeySuspended)
		bens := w.addStoredKey(t, ben, staffkey.SecurityKeyActive)
		own := from("192.0.2.1", bens, key.id)
		strangers := func() {
			for i := range 6 {
				for _, login := range []string{"amara", "amara@staff.example", "ben"} {
					_ = w.checkFrom(t, from(fmt.Sprint("198.51.100.", i)), login, "not the password")
				}
			}
		}
		strangers()
		if err := w.checkFrom(t, own, "amara", goodPassword); err != nil {
			t.Errorf("in a browser where the key was used: %v", err)
		}
		if err := w.checkFrom(t, own, "Amara@staff.example", goodPassword); err != nil {
			t.Errorf("there, by the address: %v", err)
		}
		strangers() // what is right there makes nobody else free
		for name, origin := range map[string]staffkey.Origin{
			"a browser that remembers nothing":      from("192.0.2.1"),
			"where a key was used that was removed": from("192.0.2.1", removed),
			"where a key was used that is on hold":  from("192.0.2.1", suspended),
			"where somebody else's key was used":    from("192.0.2.1", bens),
			"a station":                             {IP: "192.0.2.1", Station: "ward", SeenKeys: []staffkey.SecurityKeyID{key.id}},
		} {
			if err := w.checkFrom(t, origin, "amara", goodPassword); !errors.Is(err, staffkey.ErrThrottled) {
				t.Errorf("%s: got error %v, want it to wait", name, err)
			}
		}
		// It has a counter of its own, which waits for what was wrong there.
		for range 5 {
			if err := w.checkFrom(t, own, "amara", "not the password"); !looked(err) {
				t.Fatalf("got error %v, want it looked at", err)
			}
		}
		if err := w.checkFrom(t, own, "amara@staff.example", goodPassword); !errors.Is(err, staffkey.ErrThrottled) {
			t.Errorf("after five wrong ones there: got error %v, want it to wait", err)
		}
		w.Clock.Advance(30 * time.Second)
		if err := w.checkFrom(t, own, "amara", goodPassword); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		// The pass as well.
		h.issue(t, true)
		for range 6 {
			_, _ = w.signInByPassFrom(t, from("198.51.100.9"), "amara", "0000-0000-A")
		}
		if _, err := w.signInByPassFrom(t, from("198.51.100.9"), "amara", h.pass); !errors.Is(err, staffkey.ErrThrottled) {
			t.Errorf("the pass elsewhere: got error %v, want it to wait", err)
		}
		if _, err := w.signInByPassFrom(t, own, "amara", h.pass); err != nil {
			t.Errorf("the pass in a browser where the key was used: %v", err)
		}
	})
}

// budget lets strangers guess at names of a person from ever new addresses, as often as anything is looked at, and returns how many guesses
// were in the first hour and in the first day.
func (w *installation) budget(t *testing.T, logins []string, guess func(origin staffkey.Origin, login string) error) (hour, day int) {
	t.Helper()
	start, n := w.Clock.Now(), 0
	count := func() (total int) {
		for _, e := range w.Refusals(t) {
			if e.Kind == staffkey.EventSignInRefused && e.Detail["reason"] == "wrong" {
				total++
			}
		}
		return total
	}
	try := func() {
		for _, login := range logins {
			for range 6 {
				n++
				if err := guess(from(fmt.Sprintf("198.51.%d.%d", n/250, n%250)), login); errors.Is(err, staffkey.ErrThrottled) {
					break
				}
			}
		}
	}
	for w.Clock.Now().Sub(start) < time.Hour { // waits are 30 seconds and their double
		try()
		w.Clock.Advance(30 * time.Second)
	}
	hour = count()
	for w.Clock.Now().Sub(start) < 24*time.Hour { // and a quarter of an hour at most
		try()
		w.Clock.Advance(15 * time.Minute)
	}
	return hour, count()
}

// The numbers of docs/decisions/0010-who-waits.md: what all strangers together may guess at one person, from however many addresses.
func TestWaits_budget_against_one_person(t *testing.T) {
	t.Parallel()
	both, one := []string{"amara", "amara@staff.example"}, []string{"amara"}
	for _, test := range []struct {
		name      string
		logins    []string
		withKey   bool
		hour, day int
	}{{"who has a key", both, true, 17, 80}, {"who has none", both, false, 17, 100}, {"by one name", one, true, 12, 80}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				p := w.person(t, "amara")
				var keys []staffkey.SecurityKeyID
				if test.withKey {
					keys = append(keys, w.addStoredKey(t, p, staffkey.SecurityKeyActive))
				}
				hour, day := w.budget(t, test.logins, func(origin staffkey.Origin, login string) error {
					return w.checkFrom(t, origin, login, "not the password")
				})
				if hour != test.hour || day != test.day {
					t.Errorf("%d guesses in an hour and %d in a day, want %d and %d", hour, day, test.hour, test.day)
				}
				w.Clock.Advance(longestWait)
				shut, off := 0, 1
				if test.withKey {
					shut, off = 1, 0
				}
				w.told(t, p, "notice.method_shut", shut)
				w.told(t, p, "notice.method_disabled", off)
				// Strangers cannot tell, and are in for nothing more, also with the right one.
				if err := w.checkFrom(t, from("203.0.113.1"), "amara", goodPassword); !looked(err) {
					t.Errorf("the right one, of a stranger: got error %v, want the answer of a wrong one", err)
				}
				if err := w.checkFrom(t, from("203.0.113.1", keys...), "amara", goodPassword); (err == nil) != test.withKey {
					t.Errorf("the right one, where the key was used: got error %v", err)
				}
				if !test.withKey {
					return
				}
				// It is in a row: what was right ends it, for strangers too.
				w.Clock.Advance(longestWait)
				if err := w.checkFrom(t, from("203.0.113.1"), "amara", goodPassword); err != nil {
					t.Errorf("the right one elsewhere after it: %v", err)
				}
			})
		})
	}
}

// NIST SP 800-63B-4 §3.2.2: strangers and owner together have a hundred wrong answers and no more.
func TestWaits_share_of_strangers_is_part_of_the_hundred(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		wrong := func(origin staffkey.Origin) string {
			err := w.checkFrom(t, origin, "amara", "not the password")
			w.Clock.Advance(longestWait)
			if !looked(err) {
				t.Fatalf("got error %v, want the answer of a wrong password", err)
			}
			refusals := w.Refusals(t)
			return refusals[len(refusals)-1].Detail["reason"]
		}
		for i := range staffkey.StrangersShare {
			if got := wrong(from("198.51.100.1")); got != "wrong" {
				t.Fatalf("guess %d of strangers: %s, want it looked at", i+1, got)
			}
		}
		if got := wrong(from("198.51.100.2")); got != "strangers_share" {
			t.Fatalf("one more: %s, want strangers_share", got)
		}
		own := from("192.0.2.1", key.id)
		for i := range staffkey.MaxFailures - staffkey.StrangersShare {
			if got := wrong(own); got != "wrong" {
				t.Fatalf("answer %d of the owner: %s, want it looked at", i+1, got)
			}
		}
		w.told(t, h.person, "notice.method_disabled", 0)
		if err := w.checkFrom(t, own, "amara", goodPassword); !looked(err) {
			t.Errorf("the hundred and first, which is right: got error %v, want the answer of a wrong one", err)
		}
		w.told(t, h.person, "notice.method_disabled", 1)
	})
}

// A name that is longer than any is refused before anything is done with it.
func TestLogin_longer_than_any(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		long := strings.Repeat("\ufdfa", staffkey.MaxLogin/3+1) // 18 characters each when folded
		before, busy := len(w.Refusals(t)), signin.New(signin.Deps{Store: w.Store, Methods: allMethods(w.Store, untouched{w.passwords, t}), Now: w.Clock.Now})
		sealed, err := busy.BeginPass()
		if err != nil {
			t.Fatal(err)
		}
		for name, try := range map[string]func(login string) error{
			"password": func(login string) error {
				_, err := busy.CheckPassword(t.Context(), origin, signin.Attempt{}, login, goodPassword)
				return err
			},
			"pass": func(login string) error {
				_, err := busy.FinishPass(t.Context(), origin, login, sealed, "0000-0000-A", nowhere)
				return err
			},
			"reset": func(login string) error { return busy.AskReset(t.Context(), origin, login) },
		} {
			if err := try(long); invalidBy(err) != "username.long" {
				t.Errorf("%s: got error %v, want username.long", name, err)
			}
		}
		if got := len(w.Refusals(t)) - before; got != 0 {
			t.Errorf("%d refusals recorded, want none", got)
		}
		w.Read(t, func(tx *store.Tx) error {
			if _, err := tx.FindPersonByLogin(long); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("looked up: got error %v, want not found", err)
			}
			return nil
		})
	})
}

// untouched is a password method that must not be asked.
type untouched struct {
	signin.Method
	t *testing.T
}

func (u untouched) Admit(string, bool) (signin.Admitted, error) {
	u.t.Error("a place was taken")
	return nil, staffkey.ErrBusy
}

// Who goes first among the passwords is who is known: the owner where their key was used, while it is in use, and a station.
func TestWaits_known_to_the_pool(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		w.person(t, "ben")
		key, removed := w.addStoredKey(t, p, staffkey.SecurityKeyActive), w.removedKey(t, p)
		asked := &askedFor{Bounded: w.passwords.(signin.Bounded)}
		s := signin.New(signin.Deps{Store: w.Store, Methods: allMethods(w.Store, asked), Now: w.Clock.Now})
		for _, test := range []struct {
			name   string
			origin staffkey.Origin
			login  string
			known  bool
		}{
			{"nobody", from("192.0.2.1"), "amara", false},
			{"the owner", from("192.0.2.1", key), "amara", true},
			{"somebody else there", from("192.0.2.1", key), "ben", false},
			{"a key that was removed", from("192.0.2.1", removed), "amara", false},
			{"a station", staffkey.Origin{IP: "192.0.2.1", Station: "ward"}, "ben", true},
		} {
			if _, err := s.CheckPassword(t.Context(), test.origin, signin.Attempt{}, test.login, goodPassword); err != nil {
				t.Fatal(err)
			}
			if asked.known != test.known || asked.source == "" {
				t.Errorf("%s: known %t from %q, want %t", test.name, asked.known, asked.source, test.known)
			}
		}
	})
}

// askedFor remembers for whom a place was asked last.
type askedFor struct {
	signin.Bounded
	source string
	known  bool
}

func (a *askedFor) Admit(source string, known bool) (signin.Admitted, error) {
	a.source, a.known = source, known
	return a.Bounded.Admit(source, known)
}
