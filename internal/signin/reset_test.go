package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
)

const newPassword = "another velvet canyon moss"

// askReset wishes for a new password and has the wishes answered.
func (w *installation) askReset(t testing.TB, login string) {
	t.Helper()
	if err := w.Service.AskReset(t.Context(), origin, login); err != nil {
		t.Fatal(err)
	}
	w.workResets(t, 1)
}

func (w *installation) workResets(t testing.TB, want int) {
	t.Helper()
	if n, err := w.Service.WorkResets(t.Context()); err != nil || n != want {
		t.Fatalf("answered %d wishes (error %v), want %d", n, err, want)
	}
}

// resetLink is the secret of a new link for a person.
func (w *installation) resetLink(t testing.TB, p staffkey.Person) string {
	t.Helper()
	w.askReset(t, p.Username)
	return w.linkIn(t, p, "reset.link", "/reset")
}

// F48: a link to the person's own address sets a new password, ends the sessions, and weakens nothing.
func TestReset(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		p := h.person
		in := w.browser(t, p, key.key)
		secret := w.resetLink(t, p)
		m := w.messages(t, p, "reset.link")[0]
		if m.To != p.Email || m.Channel != staffkey.ChannelEmail || m.Args["Username"] != "amara" {
			t.Errorf("message %+v, want a mail to %s", m, p.Email)
		}
		if found, err := w.Service.CheckResetLink(t.Context(), secret); err != nil || found.ID != p.ID {
			t.Errorf("the link is for %q (error %v), want %q", found.ID, err, p.ID)
		}
		for _, bad := range []string{"", "short", "amara@staff.example"} {
			if _, err := w.Service.UseResetLink(t.Context(), origin, secret, bad); !errors.Is(err, staffkey.ErrInvalid) {
				t.Errorf("password %q: got error %v, want an invalid field", bad, err)
			}
		}
		if !w.alive(t, in.Secret) {
			t.Error("a mistake has ended the session")
		}
		attempt, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, "amara", goodPassword)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Service.UseResetLink(t.Context(), origin, secret, newPassword); err != nil {
			t.Fatal(err)
		}
		if w.alive(t, in.Secret) {
			t.Error("a session outlives the reset")
		}
		w.told(t, p, "notice.password_reset", 1)
		if e := w.events(t, staffkey.EventPasswordReset); len(e) != 1 || e[0].Person != p.ID {
			t.Errorf("events %+v, want the reset", e)
		}
		w.Refused(t, "password", func() error { return w.check(t, "amara", goodPassword) })
		if err := w.check(t, "amara", newPassword); err != nil {
			t.Errorf("the new password: %v", err)
		}
		// A sign-in that was half done with the old one has ended with it.
		w.Clock.Advance(time.Minute)
		b, err := w.Service.BeginSignIn(t.Context(), attempt, staffkey.MethodTOTP)
		if err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "password_changed", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, attempt, answer(b, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now())), nowhere)
			return err
		})
		// The second proof is asked for as ever.
		if _, err := w.Service.Enter(t.Context(), origin, w.Attempt(p), nowhere); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("the new password alone: got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
		h.browserBy(t, staffkey.MethodTOTP)
		if _, err := w.Service.UseResetLink(t.Context(), origin, secret, goodPassword); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("the used link: got error %v, want expired", err)
		}
	})
}

// A wish is the same work whoever is meant, and nobody hears whether the name means anybody.
func TestReset_of_an_unknown_name_looks_alike(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		gone := w.person(t, "gone")
		w.Disable(t, gone)
		silent := w.person(t, "silent")
		silent.Email = ""
		w.Change(t, func(tx *store.Tx) error { return tx.UpdatePerson(silent) })
		rows := func() (n [3]int) {
			w.Read(t, func(tx *store.Tx) error {
				wishes, err := tx.ListResetRequests(100)
				if err != nil {
					return err
				}
				mails, err := tx.ListOutgoing(store.OutgoingFilter{})
				if err != nil {
					return err
				}
				events, err := tx.ListAuditEvents(store.AuditFilter{Limit: 10_000})
				n = [3]int{len(wishes), len(mails), len(events)}
				return err
			})
			return n
		}
		logins := []string{"amara", "nobody", "gone", "silent", "AMARA@staff.example", "\xff\x00"}
		for _, login := range logins {
			before := rows()
			if err := w.Service.AskReset(t.Context(), origin, login); err != nil {
				t.Errorf("%q: %v", login, err)
			}
			after := rows()
			if want := [3]int{before[0] + 1, before[1], before[2]}; after != want {
				t.Errorf("%q: wishes, mails and events went from %v to %v, want %v", login, before, after, want)
			}
		}
		if err := w.Service.AskReset(t.Context(), origin, ""); !errors.Is(err, staffkey.ErrInvalid) {
			t.Errorf("no name: got error %v, want an invalid field", err)
		}
		w.workResets(t, len(logins))
		w.workResets(t, 0)
		w.told(t, p, "reset.link", 2)
		for _, other := range []staffkey.Person{gone, silent} {
			w.told(t, other, "", 0)
		}
	})
}

func TestReset_link_of_another_time(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		first := w.resetLink(t, p)
		second := w.resetLink(t, p)
		use := func(secret string) error {
			_, err := w.Service.UseResetLink(t.Context(), origin, secret, newPassword)
			return err
		}
		for name, secret := range map[string]string{"cancelled by the next": first, "another purpose": w.firstPasswordLink(t, p), "nothing": "", "made up": "AAAA"} {
			if err := use(secret); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s: got error %v, want expired", name, err)
			}
		}
		w.Clock.Advance(signin.ResetLinkLife - time.Microsecond)
		if _, err := w.Service.CheckResetLink(t.Context(), second); err != nil {
			t.Errorf("at the last instant: %v", err)
		}
		w.Clock.Advance(time.Microsecond)
		if err := use(second); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("when it has expired: got error %v, want expired", err)
		}
		third := w.resetLink(t, p)
		w.Disable(t, p)
		w.Refused(t, "person_disabled", func() error { return use(third) })
	})
}

// F60: a mailbox alone never leads to other people's keys.
func TestReset_of_a_role_holder(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "lena")
		early := w.resetLink(t, p)
		w.Change(t, func(tx *store.Tx) error {
			_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleLocalAdministrator, Organisation: w.Organisation.ID, GrantedAt: tx.Now})
			return err
		})
		w.Refused(t, "role_needs_key", func() error {
			_, err := w.Service.UseResetLink(t.Context(), origin, early, newPassword)
			return err
		})
		w.askReset(t, "lena")
		w.told(t, p, "reset.link", 1)
		w.told(t, p, "reset.ask", 1)
		if m := w.messages(t, p, "reset.ask"); len(m) == 1 && m[0].Args["Link"] != "" {
			t.Error("the mail that says whom to ask has a link")
		}
		w.addStoredKey(t, p, staffkey.SecurityKeyActive)
		if _, err := w.Service.UseResetLink(t.Context(), origin, w.resetLink(t, p), newPassword); err != nil {
			t.Errorf("with a key beside: %v", err)
		}
	})
}

func TestReset_is_limited(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		for range 4 {
			w.askReset(t, "amara")
		}
		w.told(t, p, "reset.link", 3)
		if e := w.events(t, staffkey.EventResetAsked); len(e) != 4 || e[3].Outcome != staffkey.OutcomeRefused || e[3].Detail["rule"] != "resets_a_day" {
			t.Errorf("%d events, the last %+v, want the fourth refused by resets_a_day", len(e), e[len(e)-1])
		}
		w.Rest()
		w.askReset(t, "amara")
		w.told(t, p, "reset.link", 4)
		// Nobody waits any more for what was not answered in the life of a link.
		if err := w.Service.AskReset(t.Context(), origin, "amara"); err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(signin.ResetLinkLife)
		w.workResets(t, 1)
		w.told(t, p, "reset.link", 4)
		// From one address, whatever the names.
		one, two := w.nodes(3)
		for i := range 3 {
			if err := one.AskReset(t.Context(), staffkey.Origin{IP: "192.0.2.98"}, fmt.Sprint("nobody", i)); err != nil {
				t.Fatal(err)
			}
		}
		err := two.AskReset(t.Context(), staffkey.Origin{IP: "192.0.2.98"}, "amara")
		if signintest.RuleOf(err) != "throttled" || !errors.Is(err, staffkey.ErrThrottled) {
			t.Errorf("one wish more than may come from an address in an hour: got error %v, want a refusal by throttled", err)
		}
		if err := two.AskReset(t.Context(), staffkey.Origin{IP: "192.0.2.99"}, "amara"); err != nil {
			t.Errorf("from another address: %v", err)
		}
	})
}

// A wish is answered once, however many nodes look at it.
func TestReset_is_answered_by_one_node(t *testing.T) {
	t.Parallel()
	eachHashed(t, func(t *testing.T, w *installation) {
		one, two := w.nodes(0)
		nodes := []*signin.Service{one, two}
		for round := range raceRounds(t) {
			p := w.person(t, fmt.Sprint("amara", round))
			if err := w.Service.AskReset(t.Context(), origin, p.Username); err != nil {
				t.Fatal(err)
			}
			for _, err := range signintest.Parallel(8, func(i int) error {
				_, err := nodes[i%2].WorkResets(t.Context())
				return err
			}) {
				if err != nil {
					t.Error(err)
				}
			}
			w.told(t, p, "reset.link", 1)
		}
	})
}

func TestReset_link_is_used_once(t *testing.T) {
	t.Parallel()
	eachHashed(t, func(t *testing.T, w *installation) {
		for round := range raceRounds(t) {
			p := w.person(t, fmt.Sprint("amara", round))
			secret := w.resetLink(t, p)
			signintest.Once(t, signintest.Parallel(runners, func(int) error {
				_, err := w.Service.UseResetLink(t.Context(), origin, secret, newPassword)
				return err
			}))
			w.told(t, p, "notice.password_reset", 1)
			w.Rest()
		}
	})
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in, elsewhere := w.browser(t, p, key), w.browser(t, p, key)
		change := func(current, next string) error {
			return w.Service.ChangePassword(t.Context(), in.Actor, "", current, next)
		}
		tests := []struct{ name, current, next, message string }{
			{"wrong present one", "not the password", newPassword, "password.current"},
			{"the same", goodPassword, goodPassword, "password.new-same"},
			{"too short", goodPassword, "short", "password.short"},
		}
		for _, test := range tests {
			if err := change(test.current, test.next); invalidBy(err) != test.message {
				t.Errorf("%s: got error %v, want %s", test.name, err, test.message)
			}
		}
		w.told(t, p, "notice.password_changed", 0)
		if !w.alive(t, elsewhere.Secret) {
			t.Error("a mistake has ended another session")
		}
		if err := change(goodPassword, newPassword); err != nil {
			t.Fatal(err)
		}
		if !w.alive(t, in.Secret) || w.alive(t, elsewhere.Secret) {
			t.Error("this session has ended, or another is alive")
		}
		w.told(t, p, "notice.password_changed", 1)
		if e := w.events(t, staffkey.EventPasswordChanged); len(e) != 1 || e[0].Outcome != staffkey.OutcomeDone || e[0].Person != p.ID {
			t.Errorf("events %+v, want the change", e)
		}
		if err := w.check(t, "amara", newPassword); err != nil {
			t.Errorf("the new password: %v", err)
		}
		// A wrong present password is a try like any other.
		for i := range 5 {
			if err := change("not the password", goodPassword); invalidBy(err) != "password.current" {
				t.Fatalf("wrong present password %d: got error %v, want password.current", i+1, err)
			}
		}
		w.Refused(t, "throttled", func() error { return change(newPassword, goodPassword) })
		if err := w.check(t, "amara", newPassword); err != nil { // a session is a place of its own
			t.Errorf("at sign-in: %v", err)
		}
		w.Clock.Advance(staffkey.ProofLife + time.Microsecond)
		w.Refused(t, policy.StepUp, func() error { return change(newPassword, goodPassword) })
	})
}

// A sign-in that is half done does not outlive a change of the password that it began with.
func TestAttempt_does_not_outlive_its_password(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		h := w.wallet(t, w.Enter(t, p), staffkey.MethodTOTP)
		bare := w.person(t, "ben")
		attempt := func(login string) signin.Attempt {
			t.Helper()
			a, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, login, goodPassword)
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		w.Clock.Advance(time.Minute)
		byApp, alone := attempt("amara"), attempt("ben")
		for _, id := range []staffkey.PersonID{p.ID, bare.ID} {
			if err := w.Service.SetPassword(t.Context(), staffkey.ConsoleActor(), id, newPassword); err != nil {
				t.Fatal(err)
			}
		}
		b, err := w.Service.BeginSignIn(t.Context(), byApp, staffkey.MethodTOTP)
		if err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "password_changed", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, byApp, answer(b, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now())), nowhere)
			return err
		})
		w.Refused(t, "password_changed", func() error {
			_, err := w.Service.Enter(t.Context(), origin, alone, nowhere)
			return err
		})
	})
}
