package store_test

import (
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func listEvents(t testing.TB, s *store.Store, f store.AuditFilter) []staffkey.AuditEvent {
	t.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	return get(t, s, func(tx *store.Tx) ([]staffkey.AuditEvent, error) { return tx.ListAuditEvents(f) })
}

func TestAuditEventRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		clock.Advance(123456 * time.Microsecond)
		want := staffkey.AuditEvent{
			Kind: staffkey.EventKeyRenamed, Outcome: staffkey.OutcomeRefused, Actor: "actor", ActorName: "Zoë \"Z\" Ŵynn", Person: "person",
			Organisation: "organisation", Subject: "key", SubjectName: "Blue", Message: "name.taken", SupportCode: "K7P-3Q", Session: "session",
			IP: "192.0.2.1", Browser: "Edge on Windows", Detail: map[string]string{"rule": "nickname", "from": "Bl\"ue", "to": "Glas ŵ"},
		}
		bare := staffkey.AuditEvent{Kind: staffkey.EventSetUp, Outcome: staffkey.OutcomeDone}
		for _, e := range []staffkey.AuditEvent{want, bare} {
			if err := s.Change(t.Context(), e, func(*store.Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		got := listEvents(t, s, store.AuditFilter{OldestFirst: true})
		want.At, bare.At = clock.Now(), clock.Now()
		for i := range got {
			if got[i].ID == "" {
				t.Error("an event has no id")
			}
			got[i].ID = ""
		}
		if diff := cmp.Diff([]staffkey.AuditEvent{want, bare}, got, exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	})
}

// The event is part of the change: fn may complete it, more may be recorded beside it, and all go when the change goes.
func TestEventsShareTheirTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		many := make([]staffkey.AuditEvent, 450) // more than two batches
		for i := range many {
			many[i] = staffkey.AuditEvent{Kind: staffkey.EventPersonAdded, Outcome: staffkey.OutcomeDone}
		}
		change(t, s, func(tx *store.Tx) error {
			tx.Event.Subject, tx.Event.Detail = "completed", map[string]string{"count": "450"}
			return tx.Record(many...)
		})
		if got := listEvents(t, s, store.AuditFilter{Limit: 1000}); len(got) != 451 || got[0].Subject != "completed" || got[0].Detail["count"] != "450" {
			t.Errorf("%d events, the last %+v, want 451 with the completed one last", len(got), got[0])
		}
		refused(t, s, staffkey.ErrRefused, func(tx *store.Tx) error {
			if err := tx.Record(many...); err != nil {
				return err
			}
			return staffkey.Refused("rule", "message")
		})
		if got := listEvents(t, s, store.AuditFilter{Limit: 1000}); len(got) != 451 {
			t.Errorf("%d events after a change that failed, want 451", len(got))
		}
	})
}

// A try is in the log whatever bytes somebody sent with it.
func TestRecordTakesAnyBytes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		e := staffkey.AuditEvent{
			Kind: staffkey.EventSignInRefused, Outcome: staffkey.OutcomeRefused, ActorName: "a\x00b\xff", Browser: "\xc3\x28", SupportCode: "\x00",
			Subject: "\xed\xa0\x80", Detail: map[string]string{"typed": "\x00\xff"},
		}
		if err := s.Change(t.Context(), e, func(*store.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		got := listEvents(t, s, store.AuditFilter{})
		if len(got) != 1 || got[0].ActorName != "a\uFFFDb\uFFFD" {
			t.Errorf("got %+v, want the name with U+FFFD for what is no text", got)
		}
	})
}

func TestListAuditEvents(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		start := clock.Now()
		add := func(name string, kind staffkey.EventKind, o staffkey.Organisation, person staffkey.PersonID, code string) {
			clock.Advance(time.Minute)
			e := staffkey.AuditEvent{Kind: kind, Outcome: staffkey.OutcomeDone, SubjectName: name, Organisation: o.ID, Person: person, SupportCode: code}
			if err := s.Change(t.Context(), e, func(*store.Tx) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		add("a", staffkey.EventSignedIn, w.trust, "amara", "")
		add("b", staffkey.EventSignedIn, w.region, "bryn", "K7P-3Q")
		add("c", staffkey.EventSignedOut, w.other, "amara", "")
		add("d", staffkey.EventSignedOut, staffkey.Organisation{}, "", "")
		add("e", staffkey.EventSignedIn, w.root, "carys", "")
		id := make(map[string]staffkey.AuditEventID)
		for _, e := range listEvents(t, s, store.AuditFilter{}) {
			id[e.SubjectName] = e.ID
		}
		scope := func(list ...staffkey.Organisation) []staffkey.OrganisationID {
			ids := []staffkey.OrganisationID{}
			for _, o := range list {
				ids = append(ids, o.ID)
			}
			return ids
		}
		at := func(minutes int) time.Time {
			return start.Add(time.Duration(minutes) * time.Minute).In(time.FixedZone("", 3600))
		}
		for _, test := range []struct {
			name   string
			filter store.AuditFilter
			want   string
		}{
			{"newest first", store.AuditFilter{From: at(1)}, "edcba"},
			{"oldest first for an export", store.AuditFilter{From: at(1), OldestFirst: true}, "abcde"},
			{"at most", store.AuditFilter{Limit: 2}, "ed"},
			{"person", store.AuditFilter{Person: "amara"}, "ca"},
			{"kind", store.AuditFilter{Kind: staffkey.EventSignedOut}, "dc"},
			{"support code", store.AuditFilter{Code: "K7P-3Q"}, "b"},
			{"from is included", store.AuditFilter{From: at(4)}, "ed"},
			{"to is not included", store.AuditFilter{From: at(1), To: at(4)}, "cba"},
			{"from within a microsecond", store.AuditFilter{From: at(4).Add(time.Microsecond)}, "e"},
			{"older than an id", store.AuditFilter{From: at(1), Before: id["c"]}, "ba"},
			{"newer than an id", store.AuditFilter{After: id["c"]}, "ed"},
			{"the next page of an export", store.AuditFilter{After: id["a"], OldestFirst: true, Limit: 2}, "bc"},
			{"a leaf", store.AuditFilter{Scope: scope(w.trust)}, "a"},
			{"a node and what is below", store.AuditFilter{Scope: scope(w.region)}, "ba"},
			{"two nodes", store.AuditFilter{Scope: scope(w.trust, w.other)}, "ca"},
			{"the root hides what belongs nowhere", store.AuditFilter{From: at(1), Scope: scope(w.root)}, "ecba"},
			{"an empty scope shows nothing", store.AuditFilter{Scope: scope()}, ""},
			{"an unknown scope shows nothing", store.AuditFilter{Scope: []staffkey.OrganisationID{"nowhere"}}, ""},
			{"everything at once", store.AuditFilter{
				Person: "amara", Kind: staffkey.EventSignedIn, From: at(0), To: at(9), After: "0", Before: id["e"], Scope: scope(w.root), OldestFirst: true,
			}, "a"},
		} {
			got := ""
			for _, e := range listEvents(t, s, test.filter) {
				got += e.SubjectName
			}
			if got != test.want {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
		}
	})
}

func TestNewIDSortsByTime(t *testing.T) {
	t.Parallel()
	ids := make([]string, 1000)
	for i := range ids {
		ids[i] = store.NewID[string]()
	}
	if !slices.IsSorted(ids) || len(slices.Compact(ids)) != 1000 {
		t.Error("ids made one after the other do not sort that way, or repeat")
	}
}

// Whatever comes in, and whatever an earlier release let in, comes out as text of one line.
func TestNoEventHoldsWhatIsNoText(t *testing.T) {
	t.Parallel()
	const nasty = "x\x1b[2K\r\n2026-11-28  role_granted\u202e\u200b\u009b"
	const clean = "x\uFFFD[2K  2026-11-28  role_granted\uFFFD"
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		e := staffkey.AuditEvent{
			Kind: staffkey.EventReplacementAsked, Outcome: staffkey.OutcomeDone, ActorName: nasty, SubjectName: nasty, Subject: nasty, Message: nasty,
			SupportCode: nasty, IP: nasty, Browser: nasty, Detail: map[string]string{nasty: nasty},
		}
		if err := s.Change(t.Context(), e, func(*store.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
		var stored [8]string
		read(t, s, func(tx *store.Tx) error {
			return store.ScanRow(tx, `SELECT actor_name, subject_name, subject, message, support_code, ip, browser, detail FROM audit_events`, &stored[0], &stored[1], &stored[2], &stored[3], &stored[4], &stored[5], &stored[6], &stored[7])
		})
		for i, got := range stored[:7] {
			if got != clean {
				t.Errorf("column %d holds %q, want %q", i, got, clean)
			}
		}
		if want := `{"` + clean + `":"` + clean + `"}`; stored[7] != want {
			t.Errorf("the detail holds %q, want %q", stored[7], want)
		}

		change(t, s, func(tx *store.Tx) error {
			return store.Exec(tx, "UPDATE audit_events SET subject_name = $1, browser = $1, detail = $2", "old\x1b\u202e", `{"note":"a\u001bb"}`)
		})
		old := listEvents(t, s, store.AuditFilter{OldestFirst: true})[0]
		if old.SubjectName != "old\uFFFD" || old.Browser != "old\uFFFD" || old.Detail["note"] != "a\uFFFDb" {
			t.Errorf("an event of an earlier release is read as %+v", old)
		}
	})
}
