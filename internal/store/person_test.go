package store_test

import (
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestPersonRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		p := newPerson(w.trust.ID, "Amara.Okoye")
		p.Name, p.CreatedAt = "Amara Ọkọye-Ŵynn", odd
		change(t, s, func(tx *store.Tx) error { return tx.InsertPeople(p) })
		want := p
		want.CreatedAt = stored
		got := get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(p.ID) })
		if diff := cmp.Diff(want, got, exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}

		want.Organisation, want.Username, want.Email, want.Name = w.other.ID, "amara", "", "Amara Wynn"
		want.EmployeeNumber, want.Phone = "", ""
		sly := want // it changes no state, whatever it is given
		sly.State, sly.FrozenAt, sly.SetUpAt = staffkey.PersonDisabled, odd, odd
		change(t, s, func(tx *store.Tx) error { return tx.UpdatePerson(sly) })
		got = get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(p.ID) })
		if diff := cmp.Diff(want, got, exactTimes); diff != "" {
			t.Errorf("after update (-want +got)\n%s", diff)
		}
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPersonByLogin(p.Email) })
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson("nobody") })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error {
			return tx.UpdatePerson(staffkey.Person{ID: "nobody", Username: "x", Organisation: w.root.ID})
		})
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.InsertPeople(newPerson("nowhere", "y")) })
	})
}

func TestPeopleAreUniqueWhateverTheSpelling(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara := addPerson(t, s, w.trust.ID, "amara")
		bryn := addPerson(t, s, w.trust.ID, "bryn")
		for _, username := range []string{"amara", "AMARA", "ａｍａｒａ", " Amara "} {
			p := newPerson(w.trust.ID, "free-"+username)
			p.Username, p.Email = username, ""
			fresh := newPerson(w.trust.ID, "fresh")
			refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.InsertPeople(fresh, p) })
			missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(fresh.ID) })
		}
		for _, email := range []string{"AMARA@nhs.example", "amara@ＮＨＳ.example"} {
			p := newPerson(w.trust.ID, "free")
			p.Email = email
			refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.InsertPeople(p) })
		}
		bryn.Username = "Amara"
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.UpdatePerson(bryn) })

		// Nobody is in the way of somebody without an address, and a person's own spelling may change.
		amara.Username = "AMARA"
		change(t, s, func(tx *store.Tx) error {
			a, b := newPerson(w.trust.ID, "a"), newPerson(w.trust.ID, "b")
			a.Email, b.Email = "", ""
			if err := tx.InsertPeople(a, b); err != nil {
				return err
			}
			return tx.UpdatePerson(amara)
		})
	})
}

func TestFindPersonByLogin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara := addPerson(t, s, w.trust.ID, "amara")
		strasse := newPerson(w.trust.ID, "Straße")
		strasse.Email = ""
		change(t, s, func(tx *store.Tx) error { return tx.InsertPeople(strasse) })
		for login, want := range map[string]staffkey.PersonID{
			"amara": amara.ID, "AMARA": amara.ID, " amara\t": amara.ID, "ＡＭＡＲＡ": amara.ID,
			"amara@nhs.example": amara.ID, "Amara@NHS.Example": amara.ID, "amara＠nhs.example": amara.ID,
			"STRASSE": strasse.ID, "straße": strasse.ID,
		} {
			got := get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPersonByLogin(login) })
			if got.ID != want {
				t.Errorf("login %q finds %q, want %q", login, got.ID, want)
			}
		}
		// What no name can hold finds nobody, rather than breaking the statement on one engine.
		for _, login := range []string{"", " ", "amar", "amara@", "@", "amara%", "amara\x00", "\xff", "\x00@nhs.example"} {
			missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPersonByLogin(login) })
		}
	})
}

func TestFindPeopleByUsername(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		const n = 450 // more than two batches
		people := make([]staffkey.Person, n)
		usernames := []string{"nobody"}
		for i := range people {
			people[i] = newPerson(w.trust.ID, fmt.Sprintf("staff%03d", i))
			usernames = append(usernames, fmt.Sprintf("STAFF%03d", i))
		}
		change(t, s, func(tx *store.Tx) error { return tx.InsertPeople(people...) })
		found := get(t, s, func(tx *store.Tx) (map[string]staffkey.Person, error) { return tx.FindPeopleByUsername(usernames) })
		if len(found) != n {
			t.Errorf("found %d people, want %d", len(found), n)
		}
		for _, want := range []staffkey.Person{people[0], people[199], people[200], people[449]} {
			if diff := cmp.Diff(want, found[want.Username], exactTimes); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		}
		if count := get(t, s, func(tx *store.Tx) (int, error) { return tx.CountPeople() }); count != n {
			t.Errorf("CountPeople = %d, want %d", count, n)
		}
	})
}

func TestListPeople(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		add := func(o staffkey.Organisation, username, name string) {
			p := newPerson(o.ID, username)
			p.Name = name
			change(t, s, func(tx *store.Tx) error { return tx.InsertPeople(p) })
		}
		add(w.trust, "u3", "Zoë Ŵynn")
		add(w.trust, "u1", "Åsa Lind")
		add(w.trust, "u2", "amara okoye")
		add(w.trust, "u4", "Amara Okoye") // the same name twice: the id decides
		add(w.other, "u5", "Bryn Jones")
		add(w.root, "100%_sure!", "Carys")
		add(w.root, "1000", "Dafydd")
		add(w.root, "josé", "Xavier")
		id := func(list ...staffkey.Organisation) (ids []staffkey.OrganisationID) {
			for _, o := range list {
				ids = append(ids, o.ID)
			}
			return ids
		}
		for _, test := range []struct {
			name   string
			scope  []staffkey.OrganisationID
			prefix string
			want   []string
		}{
			{"no scope lists nobody", nil, "", nil},
			{"an empty scope lists nobody", []staffkey.OrganisationID{}, "", nil},
			{"an unknown scope lists nobody", []staffkey.OrganisationID{"nowhere"}, "", nil},
			{"a node lists what is below", id(w.region), "", []string{"u2", "u4", "u1", "u3"}},
			{"several nodes list nobody twice", id(w.region, w.trust, w.other), "", []string{"u2", "u4", "u1", "u5", "u3"}},
			{"names without their accents", id(w.root), "zoe w", []string{"u3"}},
			{"names in another case", id(w.root), "AMARA", []string{"u2", "u4"}},
			{"e-mail addresses", id(w.root), "U5@", []string{"u5"}},
			{"usernames with accents", id(w.root), "JOSÉ", []string{"josé"}},
			{"a percent sign is a percent sign", id(w.root), "100%", []string{"100%_sure!"}},
			{"an underscore is an underscore", id(w.root), "100_", nil},
			{"an exclamation mark is an exclamation mark", id(w.root), "100%_sure!", []string{"100%_sure!"}},
			{"the scope holds for a match", id(w.other), "amara", nil},
		} {
			people := get(t, s, func(tx *store.Tx) ([]staffkey.Person, error) { return tx.ListPeople(test.scope, test.prefix, nil, 50) })
			var got []string
			for _, p := range people {
				got = append(got, p.Username)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got)\n%s", test.name, diff)
			}
		}

		// Pages of one, each after the last: everybody once, in order.
		var got []string
		var after *staffkey.Person
		for {
			page := get(t, s, func(tx *store.Tx) ([]staffkey.Person, error) { return tx.ListPeople(id(w.region), "", after, 1) })
			if len(page) == 0 {
				break
			}
			got, after = append(got, page[0].Username), &page[0]
		}
		if diff := cmp.Diff([]string{"u2", "u4", "u1", "u3"}, got); diff != "" {
			t.Errorf("page by page (-want +got)\n%s", diff)
		}
	})
}

func TestRoleGrants(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		grant := func(p staffkey.Person, role staffkey.Role, o staffkey.Organisation, at time.Time) (isNew bool) {
			t.Helper()
			change(t, s, func(tx *store.Tx) (err error) {
				isNew, err = tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: role, Organisation: o.ID, GrantedAt: at, GrantedBy: bryn.ID})
				return err
			})
			return isNew
		}
		if !grant(amara, staffkey.RoleOperator, w.root, odd) {
			t.Error("a new grant is reported as there already")
		}
		if grant(amara, staffkey.RoleOperator, w.root, odd.Add(time.Hour)) {
			t.Error("a grant that is there is reported as new")
		}
		grant(amara, staffkey.RoleLocalAdministrator, w.region, odd)
		got := get(t, s, func(tx *store.Tx) ([]staffkey.RoleGrant, error) { return tx.ListRoleGrants(amara.ID) })
		want := []staffkey.RoleGrant{
			{Person: amara.ID, Role: staffkey.RoleLocalAdministrator, Organisation: w.region.ID, GrantedAt: stored, GrantedBy: bryn.ID},
			{Person: amara.ID, Role: staffkey.RoleOperator, Organisation: w.root.ID, GrantedAt: stored, GrantedBy: bryn.ID},
		}
		if diff := cmp.Diff(want, got, exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}

		operators := func() int { return get(t, s, func(tx *store.Tx) (int, error) { return tx.CountOperators() }) }
		grant(amara, staffkey.RoleOperator, w.region, odd)
		grant(bryn, staffkey.RoleOperator, w.root, odd)
		if got := operators(); got != 2 {
			t.Errorf("CountOperators = %d, want 2: a person counts once", got)
		}
		disable(t, s, bryn)
		if got := operators(); got != 1 {
			t.Errorf("CountOperators = %d, want 1: a disabled person does not count", got)
		}
		take := func(tx *store.Tx) error {
			return tx.DeleteRoleGrant(amara.ID, staffkey.RoleLocalAdministrator, w.region.ID)
		}
		change(t, s, take)
		refused(t, s, staffkey.ErrNotFound, take)
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error {
			_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: "nobody", Role: staffkey.RoleAuditor, Organisation: w.root.ID, GrantedAt: stored})
			return err
		})
	})
}

func TestListNearestAdministrators(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		grant := func(username string, role staffkey.Role, o staffkey.Organisation, state staffkey.PersonState) {
			p := newPerson(w.root.ID, username)
			p.State = state
			change(t, s, func(tx *store.Tx) error {
				if err := tx.InsertPeople(p); err != nil {
					return err
				}
				_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: role, Organisation: o.ID, GrantedAt: stored})
				return err
			})
		}
		grant("root-la", staffkey.RoleLocalAdministrator, w.root, staffkey.PersonActive)
		grant("b-region-la", staffkey.RoleLocalAdministrator, w.region, staffkey.PersonActive)
		grant("a-region-la", staffkey.RoleLocalAdministrator, w.region, staffkey.PersonActive)
		grant("left-la", staffkey.RoleLocalAdministrator, w.trust, staffkey.PersonDisabled)
		grant("helpdesk", staffkey.RoleHelpdesk, w.trust, staffkey.PersonActive)
		for _, test := range []struct {
			of    staffkey.Organisation
			limit int
			want  []string
		}{
			{w.trust, 5, []string{"a-region-la", "b-region-la"}},
			{w.trust, 1, []string{"a-region-la"}},
			{w.other, 5, []string{"root-la"}},
			{staffkey.Organisation{ID: "nowhere"}, 5, nil},
		} {
			var got []string
			for _, p := range get(t, s, func(tx *store.Tx) ([]staffkey.Person, error) {
				return tx.ListNearestAdministrators(test.of.ID, test.limit, "")
			}) {
				got = append(got, p.Username)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("of %s, at most %d (-want +got)\n%s", test.of.Code, test.limit, diff)
			}
		}
	})
}
