package store_test

import (
	"testing"
	"time"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// A clock that was a year ahead and is right again keeps nobody waiting for a year.
func TestThrottle_of_a_clock_that_was_wrong(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		within := func() (ok bool) {
			change(t, s, func(tx *store.Tx) (err error) {
				ok, err = tx.CountWithin("counter", 1, tx.Now.Add(time.Hour))
				return err
			})
			return ok
		}
		block := func() {
			change(t, s, func(tx *store.Tx) error {
				if _, err := tx.CountFailure("name", tx.Now.Add(24*time.Hour)); err != nil {
					return err
				}
				return tx.BlockUntil("name", tx.Now.Add(15*time.Minute))
			})
		}
		blocked := func() bool {
			found := get(t, s, func(tx *store.Tx) (store.Throttle, error) { return tx.FindThrottle("name") })
			return found.BlockedUntil.After(clock.Now())
		}
		clock.Advance(365 * 24 * time.Hour)
		block()
		if !within() || within() || !blocked() {
			t.Fatal("with the wrong clock: want one counted, the next over the limit, and the name blocked")
		}
		clock.Advance(-365 * 24 * time.Hour)
		if blocked() {
			t.Error("the name waits for a year")
		}
		if !within() || within() {
			t.Error("put right: want one counted, and the next over the limit")
		}
		block()
		if !blocked() {
			t.Error("a block of now does not hold")
		}
	})
}
