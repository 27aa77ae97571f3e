package directory_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// world is a small federation on one engine: R above A and B, and A1 below A.
type world struct {
	*directory.Directory
	store         *store.Store
	clock         *storetest.Clock
	organisations map[string]staffkey.Organisation
}

var console = staffkey.ConsoleActor()

// each runs body on every engine in a small federation without people.
func each(t *testing.T, body func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) { body(t, newWorld(t, s, clock)) })
}

func newWorld(t testing.TB, s *store.Store, clock *storetest.Clock) *world {
	t.Helper()
	w := &world{store: s, clock: clock, organisations: map[string]staffkey.Organisation{}}
	w.Directory = directory.New(directory.Deps{Store: s, Usable: func(e staffkey.Enrolment) bool { return string(e.State) == "usable" }})
	for _, o := range []staffkey.Organisation{{Code: "R", Name: "Root"}, {Code: "A", Name: "A Trust", Parent: "R"}, {Code: "B", Name: "B Trust", Parent: "R"}, {Code: "A1", Name: "A Ward", Parent: "A"}} {
		added, err := w.AddOrganisation(context.Background(), console, o)
		if err != nil {
			t.Fatal(err)
		}
		w.organisations[o.Code] = added
	}
	return w
}

// person adds an active person.
func (w *world) person(t testing.TB, username, organisation string) staffkey.Person {
	t.Helper()
	p, err := w.AddPerson(context.Background(), console, staffkey.Person{Username: username, Name: "Name of " + username, Email: username + "@x.example", Organisation: staffkey.OrganisationID(organisation)})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// grant gives a role at the console.
func (w *world) grant(t testing.TB, p staffkey.Person, role staffkey.Role, organisation string) {
	t.Helper()
	if err := w.GrantRole(context.Background(), console, p.ID, role, staffkey.OrganisationID(organisation)); err != nil {
		t.Fatal(err)
	}
}

// actor is a person who has just signed in with a key.
func (w *world) actor(t testing.TB, p staffkey.Person) staffkey.Actor {
	t.Helper()
	return storetest.SignIn(t, w.store, p, storetest.Strong, w.clock.Now())
}

// weakly is a person who has just signed in by two factors that can be phished.
func (w *world) weakly(t testing.TB, p staffkey.Person) staffkey.Actor {
	t.Helper()
	return storetest.SignIn(t, w.store, p, staffkey.Assurance{Level: 2}, w.clock.Now())
}

// events returns all events of a kind and outcome, oldest first.
func (w *world) events(t testing.TB, kind staffkey.EventKind, outcome staffkey.Outcome) []staffkey.AuditEvent {
	t.Helper()
	var events []staffkey.AuditEvent
	err := w.ExportAudit(context.Background(), console, directory.AuditFilter{Kind: kind}, func(e staffkey.AuditEvent) error {
		if e.Outcome == outcome {
			events = append(events, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// wantInvalid checks the field and message of an error.
func wantInvalid(t testing.TB, err error, field, message string) {
	t.Helper()
	var invalid *staffkey.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != field || invalid.Message.ID != message {
		t.Errorf("want %s invalid by %s, got %v", field, message, err)
	}
	if got := directory.English(staffkey.Msg(message)); got == message {
		t.Errorf("%s has no English text", message)
	}
}

// wantRefused checks the rule of a refusal.
func wantRefused(t testing.TB, err error, rule string) {
	t.Helper()
	var refusal *staffkey.Refusal
	if !errors.Is(err, staffkey.ErrRefused) || !errors.As(err, &refusal) || refusal.Rule != rule {
		t.Errorf("want refused by %s, got %v", rule, err)
	}
}

// both runs two functions at once and returns their errors.
func both(first, second func() error) [2]error {
	var errs [2]error
	done := make(chan struct{})
	go func() {
		defer close(done)
		errs[1] = second()
	}()
	errs[0] = first()
	<-done
	return errs
}

func TestAddOrganisation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		byID, err := w.AddOrganisation(ctx, console, staffkey.Organisation{Code: "B1", Name: " B Ward ", Parent: w.organisations["B"].ID})
		if err != nil || byID.Parent != w.organisations["B"].ID || byID.Name != "B Ward" {
			t.Errorf("want B Ward below B, got %+v, %v", byID, err)
		}
		_, err = w.AddOrganisation(ctx, console, staffkey.Organisation{Code: "R2", Name: "Another"})
		wantInvalid(t, err, "parent", "organisation.second_root")
		_, err = w.AddOrganisation(ctx, console, staffkey.Organisation{Code: "b1", Name: "Another", Parent: "R"})
		wantInvalid(t, err, "code", "organisation.code.taken")
		_, err = w.AddOrganisation(ctx, console, staffkey.Organisation{Code: "X", Name: "Another", Parent: "nowhere"})
		wantInvalid(t, err, "parent", "organisation.unknown")

		operator, admin := w.person(t, "op", "R"), w.person(t, "la", "A")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		if _, err := w.AddOrganisation(ctx, w.actor(t, operator), staffkey.Organisation{Code: "C", Name: "C", Parent: "R"}); err != nil {
			t.Errorf("operator: %v", err)
		}
		_, err = w.AddOrganisation(ctx, w.actor(t, admin), staffkey.Organisation{Code: "A2", Name: "A2", Parent: "A"})
		wantRefused(t, err, "scope")
		if got := w.events(t, staffkey.EventOrganisationAdded, staffkey.OutcomeRefused); len(got) != 1 || got[0].Actor != admin.ID || got[0].Organisation != w.organisations["A"].ID {
			t.Errorf("want one refusal recorded at A, got %+v", got)
		}
		if got := len(w.events(t, staffkey.EventOrganisationAdded, staffkey.OutcomeDone)); got != 6 {
			t.Errorf("want 6 organisation_added, got %d", got)
		}
	})
}

func TestChangeOrganisation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		o := w.organisations["A"]
		o.Name, o.Phone = "A Renamed", "01632 960001"
		for range 2 { // the second time there is nothing to change and nothing to record
			if err := w.ChangeOrganisation(ctx, console, o); err != nil {
				t.Fatal(err)
			}
		}
		got, err := w.Organisation(ctx, "a")
		if err != nil || got.Name != "A Renamed" || got.Phone != "01632 960001" || got.Parent != w.organisations["R"].ID {
			t.Errorf("want A renamed, got %+v, %v", got, err)
		}
		if events := w.events(t, staffkey.EventOrganisationEdit, staffkey.OutcomeDone); len(events) != 1 || events[0].Detail["changed"] != "name, phone" {
			t.Errorf("want one event of name and phone, got %+v", events)
		}
		o.Code = "B"
		wantInvalid(t, w.ChangeOrganisation(ctx, console, o), "code", "organisation.code.taken")
		o.ID = "missing"
		if err := w.ChangeOrganisation(ctx, console, o); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("want ErrNotFound, got %v", err)
		}
	})
}

func TestListOrganisations_by_scope(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		admin, nobody := w.person(t, "la", "A"), w.person(t, "nobody", "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		for _, c := range []struct {
			name  string
			actor staffkey.Actor
			below staffkey.OrganisationID
			want  int
			err   error
		}{
			{"console", console, "", 4, nil}, {"console below A", console, "A", 2, nil}, {"LA", w.actor(t, admin), "", 2, nil},
			{"LA below A1", w.actor(t, admin), "A1", 1, nil}, {"LA elsewhere", w.actor(t, admin), "B", 0, staffkey.ErrNotFound},
			{"LA nowhere", w.actor(t, admin), "Z", 0, staffkey.ErrNotFound}, {"no role", w.actor(t, nobody), "", 0, nil},
		} {
			got, err := w.ListOrganisations(t.Context(), c.actor, c.below)
			if len(got) != c.want || !errors.Is(err, c.err) {
				t.Errorf("%s: want %d and %v, got %d and %v", c.name, c.want, c.err, len(got), err)
			}
		}
	})
}

func TestChangePolicy(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		three, four := 3, 4
		for code, n := range map[string]*int{"R": &three, "A": &four} {
			if err := w.ChangePolicy(ctx, console, staffkey.OrganisationID(code), "", staffkey.PolicySettings{MaxKeys: n}, directory.Consent{}); err != nil {
				t.Fatal(err)
			}
		}
		for code, want := range map[string]int{"R": 3, "B": 3, "A": 4, "A1": 4} {
			p, err := w.EffectivePolicy(ctx, w.organisations[code].ID)
			if err != nil || p.MaxKeys != want {
				t.Errorf("%s: want %d keys, got %d, %v", code, want, p.MaxKeys, err)
			}
		}
		if s, err := w.PolicySettings(ctx, console, "A1"); err != nil || s.MaxKeys != nil {
			t.Errorf("A1 has decided nothing: got %+v, %v", s, err)
		}
		if err := w.ChangePolicy(ctx, console, "A", "", staffkey.PolicySettings{MaxKeys: &four}, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		if got := len(w.events(t, staffkey.EventPolicyChanged, staffkey.OutcomeDone)); got != 2 {
			t.Errorf("want 2 events, none for what was so already, got %d", got)
		}
		many := 99
		wantInvalid(t, w.ChangePolicy(ctx, console, "A", "", staffkey.PolicySettings{MaxKeys: &many}, directory.Consent{}), "max_keys", "policy.max_keys")
		admin := w.person(t, "la", "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		wantRefused(t, w.ChangePolicy(ctx, w.actor(t, admin), "A", "", staffkey.PolicySettings{}, directory.Consent{}), "scope")
		if got := w.events(t, staffkey.EventPolicyChanged, staffkey.OutcomeRefused); len(got) != 1 || got[0].Detail["rule"] != "scope" {
			t.Errorf("want the refusal recorded, got %+v", got)
		}
	})
}

func TestActivity_pages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p, other := w.person(t, "amara", "A"), w.person(t, "other", "A")
		for _, phone := range []string{"1", "2", "3", "4"} { // with person_added five events
			w.clock.Advance(time.Second)
			p.Phone = phone
			if err := w.ChangePerson(ctx, console, p); err != nil {
				t.Fatal(err)
			}
		}
		self := w.actor(t, p)
		first, err := w.Activity(ctx, self, p.ID, directory.ActivityQuery{Limit: 2})
		if err != nil || len(first.Events) != 2 || first.Newer || !first.Older {
			t.Fatalf("first page: got %+v, %v", first, err)
		}
		second, err := w.Activity(ctx, self, p.ID, directory.ActivityQuery{Limit: 2, Before: first.Events[1].ID})
		if err != nil || len(second.Events) != 2 || !second.Newer || !second.Older {
			t.Fatalf("second page: got %+v, %v", second, err)
		}
		last, err := w.Activity(ctx, self, p.ID, directory.ActivityQuery{Limit: 2, Before: second.Events[1].ID})
		if err != nil || len(last.Events) != 1 || !last.Newer || last.Older || last.Events[0].Kind != staffkey.EventPersonAdded {
			t.Fatalf("last page: got %+v, %v", last, err)
		}
		back, err := w.Activity(ctx, self, p.ID, directory.ActivityQuery{Limit: 2, After: second.Events[0].ID})
		if err != nil || len(back.Events) != 2 || back.Events[0].ID != first.Events[0].ID || back.Newer || !back.Older {
			t.Fatalf("back to the first page: got %+v, %v", back, err)
		}
		_, err = w.Activity(ctx, w.actor(t, other), p.ID, directory.ActivityQuery{})
		wantRefused(t, err, "scope")
	})
}

func TestExportAudit_pages_and_scope(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		admin := w.person(t, "la", "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		err := w.store.Change(ctx, staffkey.Event(staffkey.EventSignedOut, console), func(tx *store.Tx) error {
			e := staffkey.Event(staffkey.EventSignedIn, console)
			e.Organisation = w.organisations["B"].ID
			var events []staffkey.AuditEvent
			for range 2500 { // more than two pages of an export
				events = append(events, e)
			}
			return tx.Record(events...)
		})
		if err != nil {
			t.Fatal(err)
		}
		got := w.events(t, staffkey.EventSignedIn, staffkey.OutcomeDone)
		if len(got) != 2500 {
			t.Errorf("want 2500 events, got %d", len(got))
		}
		for i := 1; i < len(got); i++ {
			if got[i].ID <= got[i-1].ID {
				t.Fatalf("event %d is not after the one before", i)
			}
		}
		stop := errors.New("stop")
		if err := w.ExportAudit(ctx, console, directory.AuditFilter{}, func(staffkey.AuditEvent) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("want the error of the function, got %v", err)
		}
		for _, e := range mustList(t, w, w.actor(t, admin)) {
			if e.Organisation != w.organisations["A"].ID && e.Organisation != w.organisations["A1"].ID {
				t.Errorf("LA of A sees %s of %s", e.Kind, e.Organisation)
			}
		}
		nobody := w.person(t, "nobody", "A")
		if got := mustList(t, w, w.actor(t, nobody)); len(got) != 0 {
			t.Errorf("without a role: want nothing, got %d events", len(got))
		}
	})
}

func mustList(t *testing.T, w *world, actor staffkey.Actor) []staffkey.AuditEvent {
	t.Helper()
	events, err := w.ListAudit(t.Context(), actor, directory.AuditFilter{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}
