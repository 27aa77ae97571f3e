package store_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestDeviceChecks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		start := clock.Now()
		add := func(code, report string) func(*store.Tx) error {
			return func(tx *store.Tx) error { return tx.InsertDeviceCheck(code, report, start.Add(24*time.Hour)) }
		}
		find := func(code string) func(*store.Tx) (store.DeviceCheck, error) {
			return func(tx *store.Tx) (store.DeviceCheck, error) { return tx.FindDeviceCheck(code) }
		}
		change(t, s, add("K7QF-2M", `{"n":1}`))
		refused(t, s, staffkey.ErrConflict, add("K7QF-2M", `{"n":2}`))
		want := store.DeviceCheck{Code: "K7QF-2M", CreatedAt: start, ExpiresAt: start.Add(24 * time.Hour), Report: `{"n":1}`}
		if diff := cmp.Diff(want, get(t, s, find("K7QF-2M")), exactTimes); diff != "" {
			t.Errorf("check (-want +got):\n%s", diff)
		}
		missing(t, s, staffkey.ErrNotFound, find("K7QF-2N"))
		missing(t, s, staffkey.ErrNotFound, find("\xff\x00"))

		clock.Advance(time.Hour)
		change(t, s, func(tx *store.Tx) error { return tx.ChangeDeviceCheck("K7QF-2M", `{"n":3}`) })
		want.Report = `{"n":3}`
		if diff := cmp.Diff(want, get(t, s, find("K7QF-2M")), exactTimes); diff != "" {
			t.Errorf("changed check (-want +got):\n%s", diff)
		}
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.ChangeDeviceCheck("K7QF-2N", `{}`) })

		clock.Advance(23*time.Hour - time.Microsecond)
		get(t, s, find("K7QF-2M"))
		clock.Advance(time.Microsecond)
		missing(t, s, staffkey.ErrNotFound, find("K7QF-2M"))
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.ChangeDeviceCheck("K7QF-2M", `{}`) })

		// Once swept, the code is free again.
		clock.Advance(time.Microsecond)
		change(t, s, func(tx *store.Tx) error { return tx.Sweep() })
		change(t, s, func(tx *store.Tx) error { return tx.InsertDeviceCheck("K7QF-2M", `{}`, tx.Now.Add(time.Hour)) })
	})
}
