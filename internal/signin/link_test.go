package signin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

const runners = 64

// hashed is a password method that has hashed goodPassword before: races are about links and not about argon2.
type hashed struct {
	*password.Method
	state []byte
}

func (m hashed) FinishEnrolment(context.Context, signin.Enrolling, staffkey.Ceremony, []byte) (signin.Enrolled, error) {
	return signin.Enrolled{State: m.state}, nil
}

// eachHashed is each without the cost of choosing a password.
func eachHashed(t *testing.T, body func(t *testing.T, w *installation)) {
	t.Helper()
	m, err := password.New(password.Options{Workers: 2, Queue: 200, Cheap: true})
	if err != nil {
		t.Fatal(err)
	}
	e, err := m.FinishEnrolment(t.Context(), signin.Enrolling{}, staffkey.Ceremony{}, []byte(goodPassword))
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		body(t, newInstallationWith(t, s, clock, hashed{m, e.State}))
	})
}

// secretOf is the secret of a link; the address of every link is the configured one.
func secretOf(t testing.TB, link, path string) string {
	t.Helper()
	secret, ok := strings.CutPrefix(link, "https://staffkey.example"+path+"?t=")
	if !ok || len(secret) < 26 {
		t.Fatalf("link %q, want %s with a secret of at least 128 bits", link, path)
	}
	return secret
}

func (w *installation) setUpLink(t testing.TB) string {
	t.Helper()
	link, err := w.Service.IssueSetUpLink(t.Context(), staffkey.ConsoleActor())
	if err != nil {
		t.Fatal(err)
	}
	return secretOf(t, link, "/setup")
}

func (w *installation) firstPasswordLink(t testing.TB, p staffkey.Person) string {
	t.Helper()
	link, err := w.Service.IssueFirstPasswordLink(t.Context(), staffkey.ConsoleActor(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	return secretOf(t, link, "/welcome")
}

var firstOperator = signin.FirstOperator{Name: "Olu Ade", Username: "olu", Email: "olu@staff.example", Password: goodPassword}

func TestSetUp_link_is_used_once(t *testing.T) {
	t.Parallel()
	eachHashed(t, func(t *testing.T, w *installation) {
		secret := w.setUpLink(t)
		if needs, err := w.Service.NeedsSetUp(t.Context()); err != nil || !needs {
			t.Errorf("needs set-up %t (error %v), want it to", needs, err)
		}
		if err := w.Service.CheckSetUpLink(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
		opened := make([]signin.SignedIn, runners)
		signintest.Once(t, signintest.Parallel(runners, func(i int) (err error) {
			opened[i], err = w.Service.SetUp(t.Context(), origin, secret, firstOperator)
			if errors.Is(err, staffkey.ErrInvalid) { // no other attempt's name stands in the way of an attempt that fails
				t.Errorf("got error %v, want the link expired", err)
			}
			return err
		}))
		var operators, people int
		w.Read(t, func(tx *store.Tx) (err error) {
			if operators, err = tx.CountOperators(); err != nil {
				return err
			}
			people, err = tx.CountPeople()
			return err
		})
		if operators != 1 || people != 1 {
			t.Errorf("%d operators among %d people, want 1 of 1", operators, people)
		}
		for _, in := range opened {
			if in.Secret != "" && w.alive(t, in.Secret) && w.Browser(t, in).Session.Assurance.Level != 1 {
				t.Error("the first session is more than a password gives")
			}
		}
		if needs, err := w.Service.NeedsSetUp(t.Context()); err != nil || needs {
			t.Errorf("needs set-up %t (error %v), want it done", needs, err)
		}
		if _, err := w.Service.IssueSetUpLink(t.Context(), staffkey.ConsoleActor()); signintest.RuleOf(err) != "set_up_done" {
			t.Errorf("another link: got error %v, want a refusal by set_up_done", err)
		}
		if err := w.check(t, "olu", goodPassword); err != nil {
			t.Errorf("the operator's password: %v", err)
		}
	})
}

func TestSetUp_refuses_what_it_cannot_use_and_keeps_the_link(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		w.person(t, "taken")
		secret := w.setUpLink(t)
		tests := []struct {
			name   string
			change func(*signin.FirstOperator)
		}{
			{"no name", func(f *signin.FirstOperator) { f.Name = "" }},
			{"no username", func(f *signin.FirstOperator) { f.Username = "" }},
			{"no address", func(f *signin.FirstOperator) { f.Email = "olu" }},
			{"short password", func(f *signin.FirstOperator) { f.Password = "short" }},
			{"the name as password", func(f *signin.FirstOperator) { f.Password = "OLU@staff.example" }},
			{"taken username", func(f *signin.FirstOperator) { f.Username = "taken" }},
		}
		for _, test := range tests {
			f := firstOperator
			test.change(&f)
			if _, err := w.Service.SetUp(t.Context(), origin, secret, f); !errors.Is(err, staffkey.ErrInvalid) {
				t.Errorf("%s: got error %v, want an invalid field", test.name, err)
			}
		}
		if _, err := w.Service.SetUp(t.Context(), origin, secret, firstOperator); err != nil {
			t.Errorf("the link is gone after mistakes: %v", err)
		}
	})
}

func TestSetUp_link_of_another_time_or_purpose(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		second := w.setUpLink(t)
		welcome := w.firstPasswordLink(t, w.AddPerson(t, "amara"))
		for name, secret := range map[string]string{"another purpose": welcome, "nothing": "", "made up": "AAAA"} {
			if err := w.Service.CheckSetUpLink(t.Context(), secret); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s: got error %v, want expired", name, err)
			}
			if _, err := w.Service.SetUp(t.Context(), origin, secret, firstOperator); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s: got error %v, want expired", name, err)
			}
		}
		w.Clock.Advance(signin.SetUpLinkLife - time.Microsecond)
		if err := w.Service.CheckSetUpLink(t.Context(), second); err != nil {
			t.Errorf("at the last instant: %v", err)
		}
		w.Clock.Advance(time.Microsecond)
		if _, err := w.Service.SetUp(t.Context(), origin, second, firstOperator); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("when it has expired: got error %v, want expired", err)
		}
	})
}

// Each node of a new installation prints a link of its own, and none is in the way of another: whichever is used first ends all.
func TestSetUp_links_of_several_nodes(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w, nodes := twoNodes(t, engine)
			m, err := password.New(password.Options{Workers: 2, Queue: 200, Cheap: true})
			if err != nil {
				t.Fatal(err)
			}
			e, err := m.FinishEnrolment(t.Context(), signin.Enrolling{}, staffkey.Ceremony{}, []byte(goodPassword))
			if err != nil {
				t.Fatal(err)
			}
			for i := range nodes {
				nodes[i] = signin.New(signin.Deps{Store: w.Store, Methods: []signin.Method{hashed{m, e.State}}, Address: "https://staffkey.example", Now: w.Clock.Now})
			}
			secrets := make([]string, 8)
			for i := range secrets {
				link, err := nodes[i%2].IssueSetUpLink(t.Context(), staffkey.ConsoleActor())
				if err != nil {
					t.Fatal(err)
				}
				secrets[i] = secretOf(t, link, "/setup")
			}
			for i, secret := range secrets {
				if err := nodes[1-i%2].CheckSetUpLink(t.Context(), secret); err != nil {
					t.Errorf("link %d of %d: %v", i+1, len(secrets), err)
				}
			}
			errs := signintest.Parallel(len(secrets), func(i int) error {
				f := firstOperator
				f.Username, f.Email = fmt.Sprint("olu", i), fmt.Sprint("olu", i, "@staff.example")
				_, err := nodes[i%2].SetUp(t.Context(), origin, secrets[i], f)
				return err
			})
			done := 0
			for i, err := range errs {
				if err == nil {
					done++
				} else if !errors.Is(err, staffkey.ErrExpired) && signintest.RuleOf(err) != "set_up_done" {
					t.Errorf("link %d: got error %v, want expired or set up already", i, err)
				}
				if err := nodes[0].CheckSetUpLink(t.Context(), secrets[i]); !errors.Is(err, staffkey.ErrExpired) {
					t.Errorf("link %d after the set-up: got error %v, want expired", i, err)
				}
			}
			w.Read(t, func(tx *store.Tx) error {
				n, err := tx.CountOperators()
				if done != 1 || n != 1 {
					t.Errorf("%d set-ups made %d operators, want 1", done, n)
				}
				return err
			})
		})
	}
}

// Set-up is once, whatever becomes of who was made operator, and however they were made one.
func TestSetUp_is_never_open_again(t *testing.T) {
	t.Parallel()
	eachHashed(t, func(t *testing.T, w *installation) {
		early := w.setUpLink(t)
		closed := func(what string) {
			t.Helper()
			if needs, err := w.Service.NeedsSetUp(t.Context()); err != nil || needs {
				t.Errorf("%s: needs set-up %t (error %v), want it done", what, needs, err)
			}
			if _, err := w.Service.IssueSetUpLink(t.Context(), staffkey.ConsoleActor()); signintest.RuleOf(err) != "set_up_done" {
				t.Errorf("%s: another link: got error %v, want a refusal by set_up_done", what, err)
			}
			if _, err := w.Service.SetUp(t.Context(), origin, early, firstOperator); signintest.RuleOf(err) != "set_up_done" {
				t.Errorf("%s: an earlier link: got error %v, want a refusal by set_up_done", what, err)
			}
		}
		p := w.AddPerson(t, "olive")
		w.Change(t, func(tx *store.Tx) error {
			_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleOperator, Organisation: w.Organisation.ID, GrantedAt: tx.Now})
			return err
		})
		closed("an operator by the console")
		frozen, err := w.Service.FreezeByLink(t.Context(), origin, w.notMe(t, p))
		if err != nil || !frozen.LastOperator {
			t.Fatalf("got %+v, %v, want it frozen and known as the last operator", frozen, err)
		}
		closed("the only operator is frozen")
		if has, err := w.Service.HasOperator(t.Context()); err != nil || has {
			t.Errorf("has an operator: %t, %v", has, err)
		}
		if m := w.messages(t, p, "notice.frozen"); len(m) != 1 || m[0].Args["Console"] != "yes" || m[0].Args["Username"] != "olive" {
			t.Errorf("told %+v, want that only the console helps", m)
		}
		if err := w.Service.Unfreeze(t.Context(), staffkey.ConsoleActor(), p.ID, "spoke to her"); err != nil {
			t.Fatal(err)
		}
		if has, err := w.Service.HasOperator(t.Context()); err != nil || !has {
			t.Errorf("opened by the console, has an operator: %t, %v", has, err)
		}
		w.Disable(t, p)
		closed("the only operator is disabled")
		w.Change(t, func(tx *store.Tx) error { return tx.DeleteRoleGrant(p.ID, staffkey.RoleOperator, w.Organisation.ID) })
		closed("nobody is an operator any more")
	})
}

func TestFirstPassword_link_is_used_once(t *testing.T) {
	t.Parallel()
	eachHashed(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		secret := w.firstPasswordLink(t, p)
		got, err := w.Service.CheckFirstPasswordLink(t.Context(), secret)
		if err != nil || got.ID != p.ID {
			t.Fatalf("the link is for %q (error %v), want %q", got.ID, err, p.ID)
		}
		signintest.Once(t, signintest.Parallel(runners, func(int) error {
			_, err := w.Service.UseFirstPasswordLink(t.Context(), origin, secret, goodPassword)
			return err
		}))
		if err := w.check(t, "amara", goodPassword); err != nil {
			t.Errorf("the new password: %v", err)
		}
		if _, err := w.Service.CheckFirstPasswordLink(t.Context(), secret); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("the used link: got error %v, want expired", err)
		}
	})
}

func TestFirstPassword_link_ends_sessions_and_the_password_before(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		secret := w.firstPasswordLink(t, p)
		if _, err := w.Service.UseFirstPasswordLink(t.Context(), origin, secret, "short"); invalidBy(err) != "password.short" {
			t.Errorf("short password: got error %v, want password.short", err)
		}
		if !w.alive(t, in.Secret) {
			t.Error("a mistake has ended the session")
		}
		if _, err := w.Service.UseFirstPasswordLink(t.Context(), origin, secret, "another velvet canyon moss"); err != nil {
			t.Fatal(err)
		}
		if w.alive(t, in.Secret) {
			t.Error("the session opened by the password before is alive")
		}
		w.Refused(t, "password", func() error { return w.check(t, "amara", goodPassword) })
		if err := w.check(t, "amara", "another velvet canyon moss"); err != nil {
			t.Error(err)
		}
	})
}

func TestFirstPassword_link_of_another_time_or_purpose(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, other := w.AddPerson(t, "amara"), w.AddPerson(t, "ben")
		first := w.firstPasswordLink(t, p)
		second := w.firstPasswordLink(t, p)
		theirs := w.firstPasswordLink(t, other)
		setUp := w.setUpLink(t)
		for name, secret := range map[string]string{"cancelled by the next": first, "another purpose": setUp, "nothing": ""} {
			if _, err := w.Service.UseFirstPasswordLink(t.Context(), origin, secret, goodPassword); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s: got error %v, want expired", name, err)
			}
		}
		w.Disable(t, p)
		w.Refused(t, "person_disabled", func() error {
			_, err := w.Service.UseFirstPasswordLink(t.Context(), origin, second, goodPassword)
			return err
		})
		w.Clock.Advance(signin.FirstPasswordLinkLife - time.Microsecond)
		if _, err := w.Service.CheckFirstPasswordLink(t.Context(), theirs); err != nil {
			t.Errorf("at the last instant: %v", err)
		}
		w.Clock.Advance(time.Microsecond)
		if _, err := w.Service.UseFirstPasswordLink(t.Context(), origin, theirs, goodPassword); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("when it has expired: got error %v, want expired", err)
		}
	})
}

func TestFirstPassword_link_is_issued_by_whom_policy_allows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, la := w.AddPerson(t, "amara"), w.AddPerson(t, "lena")
		strong := storetest.SignIn(t, w.Store, la, storetest.Strong, w.Clock.Now())
		weak := storetest.SignIn(t, w.Store, la, staffkey.Assurance{Level: 2}, w.Clock.Now())
		issue := func(actor staffkey.Actor) error {
			_, err := w.Service.IssueFirstPasswordLink(t.Context(), actor, p.ID)
			return err
		}
		holds := func(r staffkey.Role) {
			w.Change(t, func(tx *store.Tx) error {
				_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: la.ID, Role: r, Organisation: w.Organisation.ID, GrantedAt: tx.Now})
				return err
			})
		}
		w.Refused(t, "scope", func() error { return issue(strong) })
		holds(staffkey.RoleHelpdesk)
		w.Refused(t, "scope", func() error { return issue(strong) })
		holds(staffkey.RoleLocalAdministrator)
		if err := issue(strong); err != nil {
			t.Errorf("by the Local Administrator: %v", err)
		}
		w.Refused(t, "role_needs_key", func() error { return issue(weak) })
		w.Change(t, func(tx *store.Tx) error {
			g := staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleOperator, Organisation: w.Organisation.ID, GrantedAt: tx.Now}
			_, err := tx.InsertRoleGrant(g)
			return err
		})
		w.Refused(t, "rank", func() error { return issue(strong) })
		if err := w.Service.SetPassword(t.Context(), strong, p.ID, goodPassword); signintest.RuleOf(err) != "console_only" {
			t.Errorf("set a password away from the console: got error %v, want a refusal by console_only", err)
		}
	})
}
