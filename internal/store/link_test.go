package store_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestLinks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		add := func(purpose string, person staffkey.PersonID) string {
			secret := rand.Text()
			change(t, s, func(tx *store.Tx) error { return tx.InsertLink(purpose, person, secret, clock.Now().Add(time.Hour)) })
			return secret
		}
		find := func(purpose, secret string) func(*store.Tx) (staffkey.PersonID, error) {
			return func(tx *store.Tx) (staffkey.PersonID, error) { return tx.FindLink(purpose, secret) }
		}
		take := func(purpose, secret string, want staffkey.PersonID) func(*store.Tx) error {
			return func(tx *store.Tx) error {
				got, err := tx.TakeLink(purpose, secret)
				if err == nil && got != want {
					t.Errorf("the link is for %q, want %q", got, want)
				}
				return err
			}
		}
		for _, person := range []staffkey.PersonID{amara.ID, ""} { // set-up links are for nobody in particular
			secret := add("register", person)
			if got := get(t, s, find("register", secret)); got != person {
				t.Errorf("FindLink = %q, want %q", got, person)
			}
			missing(t, s, staffkey.ErrExpired, find("set_up", secret))
			refused(t, s, staffkey.ErrExpired, take("set_up", secret, person))
			change(t, s, take("register", secret, person))
			missing(t, s, staffkey.ErrExpired, find("register", secret))
			refused(t, s, staffkey.ErrExpired, take("register", secret, person))
		}
		refused(t, s, staffkey.ErrExpired, take("register", "unknown", ""))
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.InsertLink("register", "nobody", rand.Text(), clock.Now()) })
		taken := add("register", amara.ID)
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.InsertLink("register", amara.ID, taken, clock.Now()) })

		// A new link makes the earlier ones of its kind worthless, and nobody else's.
		amaras, brynas, nobodys, other := add("register", amara.ID), add("register", bryn.ID), add("register", ""), add("pin", amara.ID)
		change(t, s, func(tx *store.Tx) error { return tx.CancelLinks("register", amara.ID) })
		missing(t, s, staffkey.ErrExpired, find("register", amaras))
		get(t, s, find("register", brynas))
		get(t, s, find("pin", other))
		change(t, s, func(tx *store.Tx) error { return tx.CancelLinks("register", "") })
		missing(t, s, staffkey.ErrExpired, find("register", nobodys))
		get(t, s, find("register", brynas))

		clock.Advance(time.Hour)
		missing(t, s, staffkey.ErrExpired, find("register", brynas))
		refused(t, s, staffkey.ErrExpired, take("register", brynas, bryn.ID))
	})
}

func TestLinkIsTakenOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		for range 5 {
			secret := rand.Text()
			change(t, s, func(tx *store.Tx) error {
				return tx.InsertLink("register", amara.ID, secret, clock.Now().Add(time.Hour))
			})
			oneOnly(t, parallel(64, func(int) error {
				return s.Change(context.Background(), event, func(tx *store.Tx) error {
					_, err := tx.TakeLink("register", secret)
					return err
				})
			}), staffkey.ErrExpired)
		}
	})
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		find := func() store.Throttle {
			return get(t, s, func(tx *store.Tx) (store.Throttle, error) { return tx.FindThrottle("amara") })
		}
		count := func(want int) {
			t.Helper()
			change(t, s, func(tx *store.Tx) error {
				n, err := tx.CountFailure("amara", clock.Now().Add(time.Hour))
				if n != want {
					t.Errorf("CountFailure = %d, want %d", n, want)
				}
				return err
			})
		}
		if diff := cmp.Diff(store.Throttle{}, find()); diff != "" {
			t.Errorf("unknown (-want +got)\n%s", diff)
		}
		count(1)
		count(2)
		until := clock.Now().Add(time.Minute + 123*time.Microsecond)
		change(t, s, func(tx *store.Tx) error { return tx.BlockUntil("amara", until) })
		if diff := cmp.Diff(store.Throttle{Failures: 2, BlockedUntil: until, ForgetAt: clock.Now().Add(time.Hour)}, find(), exactTimes); diff != "" {
			t.Errorf("blocked (-want +got)\n%s", diff)
		}
		clock.Advance(time.Hour)
		if diff := cmp.Diff(store.Throttle{}, find()); diff != "" {
			t.Errorf("long ago (-want +got)\n%s", diff)
		}
		count(1)
		change(t, s, func(tx *store.Tx) error { return tx.ForgetFailures("amara") })
		if diff := cmp.Diff(store.Throttle{}, find()); diff != "" {
			t.Errorf("after a success (-want +got)\n%s", diff)
		}

		// A block holds to its end, although the failures are forgotten earlier.
		count(1)
		until = clock.Now().Add(3 * time.Hour)
		change(t, s, func(tx *store.Tx) error { return tx.BlockUntil("amara", until) })
		clock.Advance(2 * time.Hour)
		change(t, s, (*store.Tx).Sweep)
		if got := find(); got.BlockedUntil != until {
			t.Errorf("blocked until %v, want %v", got.BlockedUntil, until)
		}
	})
}

func TestThrottleLosesNoCount(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		const tries = 64
		var seen [tries]int
		for i, err := range parallel(tries, func(i int) error {
			return s.Change(context.Background(), event, func(tx *store.Tx) (err error) {
				seen[i], err = tx.CountFailure("amara", clock.Now().Add(time.Hour))
				return err
			})
		}) {
			if err != nil {
				t.Errorf("try %d: %v", i, err)
			}
		}
		numbers := make(map[int]bool)
		for _, n := range seen {
			numbers[n] = true
		}
		if len(numbers) != tries || !numbers[1] || !numbers[tries] {
			t.Errorf("%d tries got %d different numbers, want each from 1 to %[1]d", tries, len(numbers))
		}
	})
}
