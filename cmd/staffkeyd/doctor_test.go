package main

import (
	"context"
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// Metadata that is overdue, or could not be fetched, is told with what to do; none at all, and one that is current, are well.
func TestDoctor_on_metadata(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		env := &environment{ctx: context.Background(), now: clock.Now}
		check := func(what string, wantProblem bool) {
			t.Helper()
			err := metadataCurrent(env, s)
			var p *problem
			if errors.As(err, &p) != wantProblem || err != nil && !wantProblem {
				t.Errorf("%s: got %v, want a problem: %t", what, err, wantProblem)
			}
		}
		change := func(fn func(*store.Tx) error) {
			t.Helper()
			if err := s.Housekeep(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		check("none", false)
		change(func(tx *store.Tx) error {
			return tx.PutMetadata(staffkey.Metadata{Number: 57, NextUpdate: clock.Now().AddDate(0, 1, 0), Source: "blob.jwt"}, []byte("signed"))
		})
		check("current", false)
		change(func(tx *store.Tx) error { return tx.NoteMetadataProblem("no route to host") })
		check("not fetched", true)
		change(func(tx *store.Tx) error { return tx.NoteMetadataProblem("") })
		clock.Advance(33 * 24 * time.Hour)
		check("overdue", true)
	})
}
