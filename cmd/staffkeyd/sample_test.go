package main

import (
	"regexp"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestSampleFederation_is_the_same_each_time(t *testing.T) {
	t.Parallel()
	a, b := sampleFederation(1), sampleFederation(1)
	if diff := cmp.Diff(string(a.peopleCSV()), string(b.peopleCSV())); diff != "" {
		t.Errorf("two of one seed differ:\n%s", diff)
	}
	if string(a.peopleCSV()) == string(sampleFederation(2).peopleCSV()) {
		t.Error("another seed: want other people, got the same")
	}
}

func TestSampleFederation_is_plausible_and_nobodys(t *testing.T) {
	t.Parallel()
	f := sampleFederation(1)
	if got := len(f.people); got != samplePeople {
		t.Errorf("people: want %d, got %d", samplePeople, got)
	}
	if got := len(f.organisations); got != 12 {
		t.Errorf("organisations: want 12, got %d", got)
	}
	shares := 0
	administrators := map[string]int{}
	for _, r := range f.roles {
		if r.role == staffkey.RoleLocalAdministrator {
			administrators[r.organisation]++
		}
	}
	drama := regexp.MustCompile(`^(01632 960\d{3}|07700 900\d{3})$`)
	for _, o := range f.organisations {
		shares += o.share
		if administrators[o.code] != o.administrators {
			t.Errorf("%s: want %d Local Administrators, got %d", o.code, o.administrators, administrators[o.code])
		}
		if !drama.MatchString(o.phone) {
			t.Errorf("%s: %q may be somebody's number", o.code, o.phone)
		}
	}
	if shares != 100 {
		t.Errorf("shares of organisations: want 100, got %d", shares)
	}
	shares = 0
	for _, g := range nameGroups {
		shares += g.share
	}
	if shares != 100 {
		t.Errorf("shares of names: want 100, got %d", shares)
	}
	usernames, numbers := map[string]bool{}, map[string]bool{}
	username := regexp.MustCompile(`^[a-z-]+(\.[a-z-]+)?[0-9]*$`)
	for _, p := range f.people {
		switch {
		case !username.MatchString(p.username):
			t.Errorf("%s: username %q is not plain", p.name, p.username)
		case usernames[p.username] || numbers[p.employeeNumber]:
			t.Errorf("%s: username %q or number %q twice", p.name, p.username, p.employeeNumber)
		case !strings.HasSuffix(p.email, ".example"):
			t.Errorf("%s: %q may be somebody's address", p.name, p.email)
		case p.phone != "" && !drama.MatchString(p.phone):
			t.Errorf("%s: %q may be somebody's number", p.name, p.phone)
		}
		usernames[p.username], numbers[p.employeeNumber] = true, true
	}
}

func TestLoadSample(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		d := directory.New(directory.Deps{Store: s})
		for range 2 { // the second time there is an organisation, and nothing happens
			if err := loadSample(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		console := staffkey.ConsoleActor()
		lines, err := d.ListOrganisations(t.Context(), console, "")
		if err != nil {
			t.Fatal(err)
		}
		people, depth := 0, 0
		for _, l := range lines {
			people += l.People
			depth = max(depth, l.Depth)
		}
		if len(lines) != 12 || people != samplePeople || depth != 2 {
			t.Errorf("want 12 organisations on levels 0 to 2 with %d people, got %d to level %d with %d", samplePeople, len(lines), depth, people)
		}
		for _, username := range sampleAccounts() {
			if _, err := d.FindPerson(t.Context(), console, username); err != nil {
				t.Errorf("sample account: %v", err)
			}
		}
		amara, err := d.FindPerson(t.Context(), console, sampleAccounts()[0])
		if err != nil {
			t.Fatal(err)
		}
		effective, err := d.EffectivePolicy(t.Context(), amara.Organisation)
		if err != nil {
			t.Fatal(err)
		}
		for _, kind := range []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode} {
			if !effective.Allows(kind) {
				t.Errorf("%s cannot be tried", kind)
			}
		}
		administrators, err := d.LocalAdministratorsOf(t.Context(), amara.Organisation, amara.ID)
		if err != nil {
			t.Fatal(err)
		}
		if len(administrators) != 2 || administrators[0].Phone == "" {
			t.Errorf("administrators of %s: want two with a telephone number, got %+v", amara.Organisation, administrators)
		}
		page, err := d.Activity(t.Context(), console, amara.ID, directory.ActivityQuery{})
		if err != nil || len(page.Events) != 1 || page.Events[0].Kind != staffkey.EventPersonAdded {
			t.Errorf("events of %s: want one person_added, got %+v, %v", amara.Username, page.Events, err)
		}
	})
}

func BenchmarkLoadSample(b *testing.B) {
	for _, engine := range storetest.Engines(b) {
		b.Run(engine, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				d := directory.New(directory.Deps{Store: storetest.Open(b, engine, storetest.NewClock().Now)})
				b.StartTimer()
				if err := loadSample(b.Context(), d); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
