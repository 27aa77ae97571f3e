package directory_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// put brings a person into a state by an act.
func (w *world) put(t testing.TB, p staffkey.Person, act policy.PersonAct) {
	t.Helper()
	err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventPersonFrozen, console), func(tx *store.Tx) error {
		seen, err := tx.FindPerson(p.ID)
		if err != nil {
			return err
		}
		next, err := policy.ChangeState(seen, act, tx.Now)
		if err != nil {
			return err
		}
		return tx.PutPersonState(seen, next)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) found(t testing.TB, username string) staffkey.Person {
	t.Helper()
	p, err := w.FindPerson(t.Context(), console, username)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) importPeople(t testing.TB, said directory.Confirmed, lines ...string) directory.Report {
	t.Helper()
	report, err := w.ImportPeopleConfirmed(t.Context(), console, strings.NewReader(strings.Join(lines, "\n")), said, nil)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// notes are the notes of a report by line, column and message.
func notes(r directory.Report) (list []string) {
	for _, n := range r.Notes {
		list = append(list, fmt.Sprintf("%d %s %s", n.Line, n.Column, n.Message.ID))
	}
	return list
}

func wantNotes(t *testing.T, r directory.Report, want ...string) {
	t.Helper()
	if got := notes(r); !slices.Equal(got, want) {
		t.Errorf("want notes %q, got %q", want, got)
	}
	for _, n := range r.Notes {
		if n.Text == n.Message.ID || strings.ContainsAny(n.Text, "{}") {
			t.Errorf("line %d: %q is no English sentence", n.Line, n.Text)
		}
	}
}

const withState = "username,name,organisation,email,state"

// Staff records keep who is frozen frozen, and everything else that they say is taken.
func TestImportPeople_of_frozen_people(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		amara := w.person(t, "amara", "A")
		w.clock.Advance(time.Hour)
		w.put(t, amara, policy.ActFreeze)
		since := w.clock.Now()
		w.clock.Advance(time.Hour)
		isFrozen := func(what string) {
			t.Helper()
			if p := w.found(t, "amara"); p.State != staffkey.PersonFrozen || !p.FrozenAt.Equal(since) {
				t.Errorf("%s: the person is %s since %v, want frozen since %v", what, p.State, p.FrozenAt, since)
			}
		}
		report := w.importPeople(t, directory.Confirmed{}, withState, "amara,Name of amara,A,amara@x.example,active")
		wantReport(t, report, nil, "1 rows: added 0, changed 0, unchanged 1, refused 0")
		wantNotes(t, report, "2 state import.stays_frozen")
		isFrozen("told to be active")

		report = w.importPeople(t, directory.Confirmed{}, withState, "amara,Amara Okafor,A1,amara@x.example,Active")
		wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
		wantNotes(t, report, "2 state import.stays_frozen")
		isFrozen("changed and told to be active")
		if p := w.found(t, "amara"); p.Name != "Amara Okafor" || p.Organisation != w.organisations["A1"].ID {
			t.Errorf("the rest of the row was not taken: %+v", p)
		}
		for _, row := range []string{"amara,Amara,A1,amara@x.example,", "amara,Amara Smith,A1,amara@x.example,frozen"} {
			report = w.importPeople(t, directory.Confirmed{}, withState, row)
			wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
			wantNotes(t, report)
		}
		report = w.importPeople(t, directory.Confirmed{}, "username,name,organisation", "amara,Amara,A")
		wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
		wantNotes(t, report)
		isFrozen("without a state")
		for _, e := range w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeDone) {
			if e.Detail["state"] != "" || strings.Contains(e.Detail["changed"], "state") {
				t.Errorf("an event tells of a new state: %+v", e.Detail)
			}
		}

		// They leave, and come back: still nobody has looked.
		report = w.importPeople(t, directory.Confirmed{}, withState, "amara,Amara,A,amara@x.example,disabled")
		wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
		if p := w.found(t, "amara"); p.State != staffkey.PersonDisabled || !p.FrozenAt.Equal(since) {
			t.Errorf("the person is %s since %v, want disabled, and the freeze not forgotten", p.State, p.FrozenAt)
		}
		report = w.importPeople(t, directory.Confirmed{}, withState, "amara,Amara,A,amara@x.example,active")
		wantReport(t, report, nil, "1 rows: added 0, changed 1, unchanged 0, refused 0")
		wantNotes(t, report, "2 state import.stays_frozen")
		isFrozen("back")

		// Nobody is frozen by a file.
		report = w.importPeople(t, directory.Confirmed{}, withState, "new,New,A,,frozen", "ben,Ben,A,,active")
		wantReport(t, report, nil, "2 rows: added 1, changed 0, unchanged 0, refused 1", "2 state person.state")
		report = w.importPeople(t, directory.Confirmed{}, withState, "ben,Ben,A,,frozen")
		wantReport(t, report, nil, "1 rows: added 0, changed 0, unchanged 0, refused 1", "2 state person.state")
	})
}

func TestChangePerson_of_frozen_people(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		amara := w.person(t, "amara", "A")
		w.put(t, amara, policy.ActFreeze)
		for i, state := range []staffkey.PersonState{"", staffkey.PersonActive, staffkey.PersonFrozen} {
			p := amara
			p.State, p.Phone = state, fmt.Sprint(i)
			if err := w.ChangePerson(ctx, console, p); err != nil {
				t.Errorf("told %q: %v", state, err)
			}
			if got := w.found(t, "amara"); got.State != staffkey.PersonFrozen || got.Phone != p.Phone || got.FrozenAt.IsZero() {
				t.Errorf("told %q: got %+v, want frozen with the new number", state, got)
			}
		}
		amara.State = "sleeping"
		wantInvalid(t, w.ChangePerson(ctx, console, amara), "state", "person.state")
		amara.State = staffkey.PersonDisabled
		if err := w.ChangePerson(ctx, console, amara); err != nil || w.found(t, "amara").State != staffkey.PersonDisabled {
			t.Errorf("disabled: %v, %+v", err, w.found(t, "amara"))
		}
		ben := w.person(t, "ben", "A")
		ben.State = staffkey.PersonFrozen
		wantInvalid(t, w.ChangePerson(ctx, console, ben), "state", "person.state")
		_, err := w.AddPerson(ctx, console, staffkey.Person{Username: "new", Name: "New", Organisation: "A", State: staffkey.PersonFrozen})
		wantInvalid(t, err, "state", "person.state")
	})
}
