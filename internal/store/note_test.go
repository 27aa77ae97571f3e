package store_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// What one person has recorded without changing anything is bounded in a minute; what changes something is always recorded.
func TestNote(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		ran := 0
		note := func(e staffkey.AuditEvent) {
			t.Helper()
			e.Kind, e.Outcome = staffkey.EventPromptEnded, staffkey.OutcomeEnded
			if err := s.Note(t.Context(), e, func(*store.Tx) error { ran++; return nil }); err != nil {
				t.Fatal(err)
			}
		}
		recorded := func(want int) {
			t.Helper()
			if got := len(listEvents(t, s, store.AuditFilter{Kind: staffkey.EventPromptEnded, Limit: 1000})); got != want {
				t.Errorf("%d events, want %d", got, want)
			}
		}
		for range 100 {
			note(staffkey.AuditEvent{Person: amara.ID}) // a stranger
		}
		if recorded(30); ran != 100 {
			t.Errorf("%d of 100 did what belongs to them", ran)
		}
		for range 50 {
			note(staffkey.AuditEvent{Actor: amara.ID, Person: amara.ID})
		}
		recorded(60)
		note(staffkey.AuditEvent{Actor: "another", Person: amara.ID})
		recorded(61)
		clock.Advance(time.Minute)
		note(staffkey.AuditEvent{Person: amara.ID})
		recorded(62)

		e := event
		e.Actor = amara.ID
		for range 40 {
			if err := s.Change(t.Context(), e, func(*store.Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(listEvents(t, s, store.AuditFilter{Kind: e.Kind, Limit: 1000})); got < 40 {
			t.Errorf("%d of 40 changes are recorded", got)
		}
	})
}
