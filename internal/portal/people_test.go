package portal_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin"
	"staffkey/internal/store"
)

// importPeople imports a file at the console.
func (s *stack) importPeople(said directory.Confirmed, lines ...string) directory.Report {
	s.t.Helper()
	report, err := s.directory.ImportPeopleConfirmed(s.t.Context(), staffkey.ConsoleActor(), strings.NewReader(strings.Join(lines, "\n")), said, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

// opens reports whether a key alone signs in.
func (s *stack) opens(h *holder) bool {
	s.t.Helper()
	b := s.browser()
	b.touch(h.key, "/signin/options", "/signin/passwordless")
	return b.isSignedIn()
}

// A freeze outlives the nightly import: neither the password nor the thief's key signs in, and an administrator still has to look.
func TestFrozen_people_and_the_nightly_import(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		if !s.opens(h) {
			t.Fatal("the key does not sign in before")
		}
		b := s.browser()
		b.get(s.notice(h)).leads(t, "the link", "/not-me")
		b.post("/not-me", nil).leads(t, "pressed", "/not-me/done")
		for range 2 {
			report := s.importPeople(directory.Confirmed{}, "username,name,organisation,email,state", "amara,Name of amara,south,amara@mail.example,active")
			if report.Refused != 0 || len(report.Notes) != 1 || report.Notes[0].Message.ID != "import.stays_frozen" {
				t.Errorf("got %+v, want the row taken and the freeze noted", report)
			}
		}
		if s.opens(h) {
			t.Error("the key signs in after the import")
		}
		p := s.browser()
		p.givePassword(h, testPassword)
		if p.isSignedIn() {
			t.Error("the password signs in after the import")
		}
		if err := s.signin.Unfreeze(t.Context(), staffkey.ConsoleActor(), h.ID, "spoke to her"); err != nil {
			t.Errorf("there is nothing left to open: %v", err)
		}
		again := s.browser()
		if a := again.givePassword(h, testPassword); a.StatusCode == http.StatusSeeOther {
			t.Errorf("the password of before the freeze: %d to %s", a.StatusCode, a.location())
		}
	})
}

// A freeze and an import that says active at the same moment: whichever comes first, the account is frozen and the row is taken.
func TestFrozen_while_an_import_says_active(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		const rounds = 300
		h := s.add("amara", "north")
		for round := range rounds {
			secret := fmt.Sprint("secret-of-the-link-in-a-notice-", round)
			err := s.store.Change(t.Context(), staffkey.Event(staffkey.EventLinkIssued, staffkey.ConsoleActor()), func(tx *store.Tx) error {
				return tx.InsertLinkAbout(store.LinkNotMe, h.ID, "notice.codes_made", secret, tx.Now.Add(staffkey.ProofLife))
			})
			if err != nil {
				t.Fatal(err)
			}
			phone := fmt.Sprint("01632 ", round)
			imported := make(chan error, 1)
			go func() {
				_, err := s.directory.ImportPeople(t.Context(), staffkey.ConsoleActor(),
					strings.NewReader("username,name,organisation,phone,state\namara,Name of amara,north,"+phone+",active\n"), nil)
				imported <- err
			}()
			_, frozen := s.signin.FreezeByLink(t.Context(), staffkey.Origin{}, secret)
			if err := errors.Join(frozen, <-imported); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			p, err := s.directory.FindPerson(t.Context(), staffkey.ConsoleActor(), "amara")
			if err != nil || p.State != staffkey.PersonFrozen || p.FrozenAt.IsZero() || p.Phone != phone {
				t.Fatalf("round %d: got %+v, %v, want frozen and the row taken", round, p, err)
			}
			if err := s.signin.Unfreeze(t.Context(), staffkey.ConsoleActor(), h.ID, "looked"); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
		}
	})
}

// A username that is given to somebody else: what the leaver signs in with opens nothing, before and after an administrator has said so,
// and the new holder begins with nothing.
func TestPeople_new_holder_of_a_username(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("top", everyMethod...)
		leaver := s.addPerson(staffkey.Person{Username: "u0100", Name: "Amara Okafor", Email: "amara@mail.example", EmployeeNumber: "E1001", Organisation: "north"})
		s.giveKey(leaver, "Lanyard")
		codes := s.session(leaver).giveCodes()
		s.grant(leaver, staffkey.RoleAuditor, "north")
		welcome, err := s.signin.IssueFirstPasswordLink(t.Context(), staffkey.ConsoleActor(), leaver.ID)
		if err != nil {
			t.Fatal(err)
		}
		const header, left = "username,name,organisation,email,employee_number,state", "u0100,Amara Okafor,north,amara@mail.example,E1001,disabled"
		row := "u0100,Quite Another,south,another@mail.example,E9999,active"

		nothing := func(when string) {
			t.Helper()
			if s.opens(leaver) {
				t.Errorf("%s: the leaver's key signs in", when)
			}
			b := s.browser()
			if a := b.givePassword(leaver, testPassword); a.StatusCode == http.StatusSeeOther || b.isSignedIn() {
				t.Errorf("%s: the leaver's password leads to %s", when, a.location())
			}
		}
		if report := s.importPeople(directory.Confirmed{}, header, left); report.Changed != 1 {
			t.Fatalf("got %+v", report)
		}
		nothing("disabled")
		report := s.importPeople(directory.Confirmed{}, header, row)
		if report.Refused != 1 || !strings.Contains(report.Problems[0].Text, "Amara Okafor") || !strings.Contains(report.Problems[0].Text, "Quite Another") {
			t.Errorf("got %+v, want the row refused with both names", report)
		}
		nothing("refused")
		if report := s.importPeople(directory.Confirmed{NewHolders: []string{"u0100"}}, header, row); report.Added != 1 || report.Refused != 0 {
			t.Fatalf("got %+v", report)
		}
		nothing("given to somebody else")
		if _, err := s.signin.CheckFirstPasswordLink(t.Context(), strings.TrimPrefix(welcome, address+"/welcome?t=")); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("the leaver's link: got %v, want expired", err)
		}

		now, err := s.directory.FindPerson(t.Context(), staffkey.ConsoleActor(), "u0100")
		if err != nil || now.ID == leaver.ID || !now.SetUpAt.IsZero() || !now.AskedAt.IsZero() || now.Language != "" {
			t.Fatalf("got %+v, %v, want somebody new", now, err)
		}
		link, err := s.signin.IssueFirstPasswordLink(t.Context(), staffkey.ConsoleActor(), now.ID)
		if err != nil {
			t.Fatal(err)
		}
		s.witness.secret("password", newPassword)
		if _, err := s.signin.UseFirstPasswordLink(t.Context(), staffkey.Origin{}, strings.TrimPrefix(link, address+"/welcome?t="), newPassword); err != nil {
			t.Fatal(err)
		}
		b, h := s.browser(), &holder{Person: now}
		b.givePassword(h, newPassword)
		b.get("/me/profile").shows(t, "the new holder's profile", http.StatusOK, "Quite Another")
		if a := b.get("/me/tokens"); strings.Contains(a.body, "Lanyard") {
			t.Error("the new holder sees the leaver's key")
		}
		if a := b.post("/me/tokens/"+string(leaver.keyID)+"/restore", url.Values{}); a.StatusCode == http.StatusSeeOther && s.opens(leaver) {
			t.Error("the new holder has put the leaver's key back")
		}
		if _, err := s.directory.RestoreKey(t.Context(), b.actorOf(), now.ID, leaver.keyID); err == nil {
			t.Error("the leaver's key is put back")
		}
		if a := b.get("/me/activity"); strings.Contains(a.body, "Lanyard") {
			t.Error("the new holder sees the leaver's activity")
		}
		if now, err := s.directory.FindPerson(t.Context(), staffkey.ConsoleActor(), "u0100"); err != nil || !now.SetUpAt.IsZero() {
			t.Errorf("the new holder is %+v, %v, want nothing set up", now, err)
		}
		a := signin.Attempt{Person: now.ID, ProvedAt: s.clock.Now(), ExpiresAt: s.clock.Now().Add(signin.AttemptLife)}
		begun, err := s.signin.BeginSignIn(t.Context(), a, staffkey.MethodRecoveryCode)
		if err == nil {
			_, err = s.signin.FinishSignIn(t.Context(), staffkey.Origin{}, a, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodRecoveryCode, Body: []byte(codes[0])}, staffkey.Session{})
		}
		if err == nil {
			t.Error("the leaver's recovery code works for the new holder")
		}
		nothing("signed in as somebody else")
	})
}

// The only operator freezes their account: nothing opens the set-up again, the pages say what does help, and the console does.
func TestSetUp_stays_done_when_the_only_operator_is_frozen(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		early, err := s.signin.IssueSetUpLink(t.Context(), staffkey.ConsoleActor())
		if err != nil {
			t.Fatal(err)
		}
		s.browser().get("/").leads(t, "a visitor before there is an operator", "/setup")
		late := s.browser()
		late.get(strings.TrimPrefix(early, address)).leads(t, "the set-up link", "/setup")

		h := s.add("olive", "top")
		s.giveKey(h, "Lanyard")
		s.grant(h, staffkey.RoleOperator, "top")
		link := s.notice(h)
		b := s.browser()
		b.get(link).leads(t, "the link", "/not-me")
		b.post("/not-me", nil).leads(t, "pressed", "/not-me/done")
		b.get("/not-me/done").shows(t, "what helps now", http.StatusOK, "You were the only operator", "staffkeyd person unfreeze")

		s.browser().get("/").leads(t, "a visitor", "/signin")
		s.browser().get("/setup").shows(t, "set-up", http.StatusGone, "set up already", "staffkeyd person unfreeze", "staffkeyd role grant")
		s.browser().get(strings.TrimPrefix(early, address)).shows(t, "the link of before", http.StatusGone, "set up already")
		s.witness.secret("password", newPassword)
		late.post("/setup/you", url.Values{"name": {"Mallory"}, "username": {"mallory"}, "email": {"mallory@mail.example"}, "password": {newPassword}}).
			shows(t, "the form of the link of before", http.StatusGone, "set up already")
		if _, err := s.directory.FindPerson(t.Context(), staffkey.ConsoleActor(), "mallory"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("a second operator was made: %v", err)
		}

		// The console is the way back, without any other operator: the key was registered a moment ago, so it stays on hold until they say.
		if err := s.signin.Unfreeze(t.Context(), staffkey.ConsoleActor(), h.ID, "spoke to her"); err != nil {
			t.Fatal(err)
		}
		s.clock.Advance(signin.AttemptLife)
		back := s.browser()
		back.usePass("olive", s.issuePass(staffkey.ConsoleActor(), h, false)).leads(t, "the pass", "/me/mfa/start")
		if err := s.signin.ResumeKeyFor(t.Context(), staffkey.ConsoleActor(), h.ID, h.keyID); err != nil {
			t.Fatal(err)
		}
		if !s.opens(h) {
			t.Error("the operator's key does not sign in again")
		}
		s.session(h).get("/ops").shows(t, "the operators' page", http.StatusOK)
	})
}
