package store_test

import (
	"context"
	"testing"
	"time"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

func TestCountWithin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		within := func(limit int) (ok bool) {
			t.Helper()
			change(t, s, func(tx *store.Tx) (err error) {
				ok, err = tx.CountWithin("codes of amara", limit, clock.Now().Add(24*time.Hour))
				return err
			})
			return ok
		}
		expect := func(want int) {
			t.Helper()
			if got := get(t, s, func(tx *store.Tx) (int, error) { return tx.FindCount("codes of amara") }); got != want {
				t.Errorf("the counter is at %d, want %d", got, want)
			}
		}
		if within(0) {
			t.Error("a limit of 0 let one through")
		}
		expect(0)
		for n := range 5 {
			if got, want := within(3), n < 3; got != want {
				t.Errorf("number %d within 3: %t, want %t", n+1, got, want)
			}
			clock.Advance(time.Hour)
		}
		expect(3)
		if !within(4) {
			t.Error("a higher limit does not let one more through")
		}
		// The first one says when the counter starts over.
		clock.Advance(19*time.Hour - time.Microsecond)
		if within(4) {
			t.Error("the counter started over too early")
		}
		clock.Advance(time.Microsecond)
		expect(0)
		if !within(4) {
			t.Error("the counter does not start over")
		}
		expect(1)
	})
}

// Of many at once exactly as many as the limit get through.
func TestCountWithinAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		const limit, askers = 10, 64
		forget := clock.Now().Add(time.Hour)
		got := make([]bool, askers)
		for _, err := range parallel(askers, func(i int) error {
			return s.Change(context.Background(), event, func(tx *store.Tx) (err error) {
				got[i], err = tx.CountWithin("codes of amara", limit, forget)
				return err
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		through := 0
		for _, ok := range got {
			if ok {
				through++
			}
		}
		if through != limit {
			t.Errorf("%d got through, want %d", through, limit)
		}
		if n := get(t, s, func(tx *store.Tx) (int, error) { return tx.FindCount("codes of amara") }); n != limit {
			t.Errorf("the counter is at %d, want %d", n, limit)
		}
	})
}
