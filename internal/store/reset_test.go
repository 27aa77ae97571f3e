package store_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestResetRequests(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		list := func(limit int) []store.ResetRequest {
			return get(t, s, func(tx *store.Tx) ([]store.ResetRequest, error) { return tx.ListResetRequests(limit) })
		}
		origin := staffkey.Origin{IP: "192.0.2.1", Browser: "Firefox", Language: "cy"}
		first := clock.Now()
		change(t, s, func(tx *store.Tx) error {
			return tx.InsertResetRequest(store.ResetRequest{Login: "Amara@nhs.example\x00", Origin: origin, Source: "a network", OwnOf: "amara"})
		})
		clock.Advance(time.Second)
		change(t, s, func(tx *store.Tx) error { return tx.InsertResetRequest(store.ResetRequest{}) })

		got := list(10)
		if len(got) != 2 {
			t.Fatalf("%d requests, want 2", len(got))
		}
		want := []store.ResetRequest{
			{ID: got[0].ID, Login: "Amara@nhs.example\x00", Origin: origin, Source: "a network", OwnOf: "amara", CreatedAt: first},
			{ID: got[1].ID, CreatedAt: clock.Now()},
		}
		if diff := cmp.Diff(want, got, exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if diff := cmp.Diff(want[:1], list(1), exactTimes); diff != "" {
			t.Errorf("the oldest (-want +got)\n%s", diff)
		}
		raw := get(t, s, func(tx *store.Tx) ([]byte, error) { return store.RawLogin(tx, got[0].ID) })
		if len(raw) == 0 || bytes.Contains(raw, []byte("mara")) {
			t.Errorf("the name %q is not sealed", raw)
		}

		oneOnly(t, parallel(32, func(int) error {
			return s.Housekeep(context.Background(), func(tx *store.Tx) error { return tx.TakeResetRequest(got[0].ID) })
		}), staffkey.ErrNotFound)
		if diff := cmp.Diff(want[1:], list(10), exactTimes); diff != "" {
			t.Errorf("left (-want +got)\n%s", diff)
		}
	})
}
