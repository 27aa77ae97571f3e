package directory_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store"
)

func TestAddPerson(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p, err := w.AddPerson(ctx, console, staffkey.Person{Username: " Amara.Okafor ", Name: "Amara Okafor", Email: "amara@x.example", Organisation: "a1"})
		if err != nil || p.Organisation != w.organisations["A1"].ID || p.State != staffkey.PersonActive || p.Username != "Amara.Okafor" {
			t.Fatalf("want an active person of A1, got %+v, %v", p, err)
		}
		for _, c := range []struct {
			change         func(*staffkey.Person)
			field, message string
		}{
			{func(p *staffkey.Person) { p.Username = "AMARA.OKAFOR" }, "username", "username.taken"},
			{func(p *staffkey.Person) { p.Email = "AMARA@x.example" }, "email", "email.taken"},
			{func(p *staffkey.Person) { p.Username, p.Email = "amara@x.example", "amara@x.example" }, "email", "email.taken"},
			{func(p *staffkey.Person) { p.Organisation = "Z" }, "organisation", "organisation.unknown"},
			{func(p *staffkey.Person) { p.Organisation = "" }, "organisation", "field.empty"},
			{func(p *staffkey.Person) { p.State = "gone" }, "state", "person.state"},
			{func(p *staffkey.Person) { p.Name = " " }, "name", "field.empty"},
			{func(p *staffkey.Person) { p.Name = "a\u202eb" }, "name", "field.characters"},
		} {
			q := staffkey.Person{Username: "other", Name: "Other", Organisation: "A"}
			c.change(&q)
			_, err := w.AddPerson(ctx, console, q)
			wantInvalid(t, err, c.field, c.message)
		}
		found, err := w.FindPerson(ctx, console, "AMARA@X.example")
		if err != nil || found.ID != p.ID {
			t.Errorf("by e-mail address: want %s, got %+v, %v", p.ID, found, err)
		}
		if got := w.events(t, staffkey.EventPersonAdded, staffkey.OutcomeDone); len(got) != 1 || got[0].Person != p.ID {
			t.Errorf("want one event of %s, got %+v", p.ID, got)
		}
	})
}

func TestManagePeople_by_actor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		operator, admin, adminB := w.person(t, "op", "A"), w.person(t, "la", "A"), w.person(t, "lab", "A")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		w.grant(t, adminB, staffkey.RoleLocalAdministrator, "B")
		staff := w.person(t, "staff", "A1")
		weak := w.weakly(t, admin)
		for _, c := range []struct {
			name   string
			actor  staffkey.Actor
			target staffkey.Person
			move   string
			rule   string // "" is allowed
		}{
			{"operator changes an LA", w.actor(t, operator), admin, "", ""},
			{"LA changes staff below", w.actor(t, admin), staff, "", ""},
			{"LA without a key", weak, staff, "", "role_needs_key"},
			{"LA of elsewhere", w.actor(t, adminB), staff, "", "scope"},
			{"LA changes an operator", w.actor(t, admin), operator, "", "scope"},
			{"LA changes an LA", w.actor(t, admin), adminB, "", "scope"},
			{"staff changes themselves", w.actor(t, staff), staff, "", "scope"},
			{"LA moves staff within", w.actor(t, admin), staff, "A", ""},
			{"LA moves staff away", w.actor(t, admin), staff, "B", "scope"},
			{"LA of the destination takes staff", w.actor(t, adminB), staff, "B", "scope"},
			{"operator moves staff", w.actor(t, operator), staff, "B", ""},
		} {
			p, err := w.FindPerson(ctx, console, c.target.Username)
			if err != nil {
				t.Fatal(err)
			}
			p.Phone += "1"
			if c.move != "" {
				p.Organisation = staffkey.OrganisationID(c.move)
			}
			if err = w.ChangePerson(ctx, c.actor, p); c.rule != "" {
				t.Log(c.name)
				wantRefused(t, err, c.rule)
			} else if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if got := len(w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeRefused)); got != 7 {
			t.Errorf("want 7 refusals recorded, got %d", got)
		}
		moves := w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeDone)
		last := moves[len(moves)-1]
		if last.Detail["moved_from"] != string(w.organisations["A"].ID) || last.Organisation != w.organisations["B"].ID {
			t.Errorf("want the move from A to B told, got %+v", last)
		}
	})
}

func TestChangePerson_disabled_is_signed_out(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.person(t, "amara", "A")
		now := w.clock.Now()
		err := w.store.Change(ctx, staffkey.Event(staffkey.EventSignedIn, console), func(tx *store.Tx) error {
			return tx.InsertSession(staffkey.Session{ID: "s1", Person: p.ID, CreatedAt: now, ProvedAt: now, LastSeenAt: now, IdleLimit: time.Hour, ExpiresAt: now.Add(time.Hour)}, p.Organisation, "secret")
		})
		if err != nil {
			t.Fatal(err)
		}
		p.State = staffkey.PersonDisabled
		if err := w.ChangePerson(ctx, console, p); err != nil {
			t.Fatal(err)
		}
		err = w.store.Read(ctx, func(tx *store.Tx) error {
			sessions, err := tx.ListSessions(p.ID)
			if len(sessions) != 0 {
				t.Errorf("want no open session, got %d", len(sessions))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestListPeople_by_scope_and_page(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		for i := range 5 {
			w.person(t, fmt.Sprintf("a%d", i), "A1")
		}
		w.person(t, "b0", "B")
		admin := w.person(t, "la", "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		actor := w.actor(t, admin)
		var names []string
		q := directory.PersonQuery{Limit: 2}
		for {
			page, err := w.ListPeople(ctx, actor, q)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range page.People {
				names = append(names, p.Username)
			}
			if !page.More {
				break
			}
			q.After = &page.People[len(page.People)-1]
		}
		if want := []string{"a0", "a1", "a2", "a3", "a4", "la"}; !slices.Equal(names, want) {
			t.Errorf("want %v, got %v", want, names)
		}
		if page, err := w.ListPeople(ctx, console, directory.PersonQuery{Prefix: "NAME OF B"}); err != nil || len(page.People) != 1 {
			t.Errorf("by prefix: want b0, got %+v, %v", page, err)
		}
		if page, err := w.ListPeople(ctx, w.actor(t, w.person(t, "nobody", "A")), directory.PersonQuery{}); err != nil || len(page.People) != 0 {
			t.Errorf("without a role: want nobody, got %+v, %v", page, err)
		}
		if _, err := w.FindPerson(ctx, actor, "b0"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("somebody elsewhere: want ErrNotFound, got %v", err)
		}
		if p, err := w.Profile(ctx, actor, admin.ID); err != nil || p.OrganisationName != "A Trust" || len(p.Roles) != 1 {
			t.Errorf("own profile: got %+v, %v", p, err)
		}
	})
}

func TestRoles(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		operator, admin, staff := w.person(t, "op", "R"), w.person(t, "la", "A"), w.person(t, "staff", "A1")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A") // again changes nothing
		if got := len(w.events(t, staffkey.EventRoleGranted, staffkey.OutcomeDone)); got != 2 {
			t.Errorf("want 2 events, got %d", got)
		}
		wantInvalid(t, w.GrantRole(ctx, console, staff.ID, staffkey.RoleOperator, "A"), "organisation", "role.operator_root")
		wantInvalid(t, w.GrantRole(ctx, console, staff.ID, "king", "A"), "role", "role.unknown")
		wantRefused(t, w.GrantRole(ctx, w.actor(t, admin), staff.ID, staffkey.RoleLocalAdministrator, "A1"), "rank")
		wantRefused(t, w.GrantRole(ctx, w.actor(t, admin), admin.ID, staffkey.RoleHelpdesk, "A"), "self_grant")
		wantRefused(t, w.GrantRole(ctx, w.actor(t, staff), admin.ID, staffkey.RoleHelpdesk, "A"), "scope")
		if got := len(w.events(t, staffkey.EventRoleGranted, staffkey.OutcomeRefused)); got != 3 {
			t.Errorf("want 3 refusals recorded, got %d", got)
		}
		if err := w.GrantRole(ctx, w.actor(t, admin), staff.ID, staffkey.RoleHelpdesk, "A1"); err != nil {
			t.Error(err)
		}
		lines, err := w.ListRoles(ctx, w.actor(t, admin), "")
		if err != nil || len(lines) != 2 || lines[0].Username != "la" || lines[1].OrganisationCode != "A1" {
			t.Errorf("want la at A and staff at A1, got %+v, %v", lines, err)
		}
		people, err := w.LocalAdministratorsOf(ctx, w.organisations["A1"].ID, "")
		if err != nil || len(people) != 1 || people[0].ID != admin.ID {
			t.Errorf("administrators of A1: want la, got %+v, %v", people, err)
		}
		if people, err := w.LocalAdministratorsOf(ctx, w.organisations["A1"].ID, admin.ID); err != nil || len(people) != 0 {
			t.Errorf("whom la calls: want nobody, got %+v, %v", people, err)
		}
		if err := w.RevokeRole(ctx, console, staff.ID, staffkey.RoleHelpdesk, "A"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("a role that is not held: want ErrNotFound, got %v", err)
		}
		wantRefused(t, w.RevokeRole(ctx, console, operator.ID, staffkey.RoleOperator, "R"), "last_operator")
		operator.State = staffkey.PersonDisabled
		wantRefused(t, w.ChangePerson(ctx, console, operator), "last_operator")
		if p, err := w.FindPerson(ctx, console, "op"); err != nil || p.State != staffkey.PersonActive {
			t.Errorf("want the last operator active, got %+v, %v", p, err)
		}
	})
}

// Two operators are revoked at once, by both ways in which an operator can go: one stays, every time.
func TestRevokeRole_leaves_the_last_operator(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		one, two := w.person(t, "one", "R"), w.person(t, "two", "R")
		for range 10 {
			w.grant(t, one, staffkey.RoleOperator, "R")
			two.State = staffkey.PersonActive
			if err := w.ChangePerson(ctx, console, two); err != nil {
				t.Fatal(err)
			}
			w.grant(t, two, staffkey.RoleOperator, "R")
			gone := two
			gone.State = staffkey.PersonDisabled
			errs := both(
				func() error { return w.RevokeRole(ctx, console, one.ID, staffkey.RoleOperator, "R") },
				func() error { return w.ChangePerson(ctx, console, gone) },
			)
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("want one to succeed, got %v", errs)
			}
			for _, err := range errs {
				if err != nil {
					wantRefused(t, err, "last_operator")
				}
			}
		}
	})
}
