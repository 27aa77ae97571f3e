package store_test

import (
	"testing"
	"time"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// One node at a time has a job, and another takes over when it says nothing any more.
func TestTakeLease(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		take := func(holder string, want bool) {
			t.Helper()
			var got bool
			err := s.Housekeep(t.Context(), func(tx *store.Tx) error {
				var err error
				got, err = tx.TakeLease("sweep", holder, tx.Now.Add(time.Minute))
				return err
			})
			if err != nil || got != want {
				t.Errorf("%s: got %v (error %v), want %v", holder, got, err, want)
			}
		}
		take("a", true)
		take("b", false)
		clock.Advance(59 * time.Second)
		take("a", true)
		clock.Advance(59 * time.Second)
		take("b", false)
		clock.Advance(time.Second)
		take("b", true)
		take("a", false)
		if err := s.Housekeep(t.Context(), func(tx *store.Tx) error { return tx.LeaveLeases("a") }); err != nil {
			t.Fatal(err)
		}
		take("a", false)
		if err := s.Housekeep(t.Context(), func(tx *store.Tx) error { return tx.LeaveLeases("b") }); err != nil {
			t.Fatal(err)
		}
		take("a", true)
	})
}

// A lease that was taken while the clock was wrong does not keep a job from everybody until that time comes.
func TestTakeLease_after_a_wrong_clock(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		take := func(holder string) (got bool) {
			t.Helper()
			err := s.Housekeep(t.Context(), func(tx *store.Tx) error {
				var err error
				got, err = tx.TakeLease("sweep", holder, tx.Now.Add(time.Minute))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		clock.Advance(365 * 24 * time.Hour)
		take("a")
		clock.Advance(-time.Minute)
		if take("b") {
			t.Error("a clock a minute behind takes the lease away")
		}
		clock.Advance(-364 * 24 * time.Hour)
		if !take("b") {
			t.Error("nobody has the job for a year, want somebody to")
		}
	})
}

func TestTakeLease_at_once(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		got := make([]bool, 8)
		for i, err := range parallel(len(got), func(i int) error {
			return s.Housekeep(t.Context(), func(tx *store.Tx) error {
				var err error
				got[i], err = tx.TakeLease("sweep", string(rune('a'+i)), tx.Now.Add(time.Minute))
				return err
			})
		}) {
			if err != nil {
				t.Errorf("node %d: %v", i, err)
			}
		}
		holders := 0
		for _, has := range got {
			if has {
				holders++
			}
		}
		if holders != 1 {
			t.Errorf("%d nodes have the lease, want 1", holders)
		}
	})
}
