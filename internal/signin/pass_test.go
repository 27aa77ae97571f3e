package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store/storetest"
)

// fromNow are the terms of a pass that works once, for an hour from now.
func (w *installation) fromNow() signin.PassTerms {
	return signin.PassTerms{StartsAt: w.Clock.Now(), ExpiresAt: w.Clock.Now().Add(time.Hour)}
}

// F44: whoever has nothing yet comes in by a name and a pass, and sets a key up.
func TestPass_opens_setting_up(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		code := w.issuePass(t, p, w.fromNow())
		w.told(t, p, "notice.pass_issued", 1)
		in, err := w.signInByPass(t, " AMARA ", " "+code+" ")
		if err != nil {
			t.Fatal(err)
		}
		by := w.Browser(t, in)
		if got := by.Session; got.Assurance != (staffkey.Assurance{Level: 1}) || got.Recovery != staffkey.RecoveryPass || got.ExpiresAt.Sub(got.CreatedAt) != time.Hour {
			t.Errorf("session %+v, want one of level 1 for an hour, by pass", got)
		}
		w.Clock.Advance(14 * time.Minute)
		w.Browser(t, in) // seen
		w.Clock.Advance(14 * time.Minute)
		key := newKey()
		w.addKey(t, by, key, "Blue lanyard")
		if _, err := w.signIn(t, signin.Attempt{}, key); err != nil {
			t.Errorf("the key that was set up by pass: %v", err)
		}
		w.Refused(t, "pass_used", func() error {
			_, err := w.signInByPass(t, "amara", code)
			return err
		})
	})
}

// A pass that went to the wrong hands is taken back with what it has opened, and with nothing else.
func TestPass_is_taken_back(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		byKey, err := w.signIn(t, signin.Attempt{}, key)
		if err != nil {
			t.Fatal(err)
		}
		terms := w.fromNow()
		terms.Many = true
		code := w.issuePass(t, p, terms)
		in, err := w.signInByPass(t, "amara", code)
		if err != nil {
			t.Fatal(err)
		}
		_, stranger := w.officer(t, "rhys", staffkey.RoleLocalAdministrator, w.organisation(t, "ELSEWHERE", p.Organisation).ID)
		if _, err := w.Service.RevokePass(t.Context(), stranger, p.ID, false); !errors.Is(err, staffkey.ErrRefused) {
			t.Errorf("another organisation's Local Administrator: got error %v, want a refusal", err)
		}
		if _, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false); err != nil {
			t.Fatal(err)
		}
		if w.alive(t, in.Secret) || !w.alive(t, byKey.Secret) {
			t.Errorf("alive by pass: %t, by key: %t, want the key's alone", w.alive(t, in.Secret), w.alive(t, byKey.Secret))
		}
		w.Refused(t, "pass_wrong", func() error { _, err := w.signInByPass(t, "amara", code); return err })
		if _, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("taken back twice: got error %v, want not found", err)
		}
	})
}

// Names cannot be probed: whatever was wrong, the answer is one.
func TestPass_answers_alike(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, other := w.AddPerson(t, "amara"), w.AddPerson(t, "ben")
		code := w.issuePass(t, p, w.fromNow())
		gone := w.AddPerson(t, "gone")
		w.issuePass(t, gone, w.fromNow())
		w.Disable(t, gone)
		tests := []struct{ name, login, code string }{
			{"wrong pass", "amara", "0000-0000-AA"}, {"no pass", "amara", ""}, {"unknown name", "nobody", code}, {"no name", "", code},
			{"person without a pass", other.Username, code}, {"disabled person with another's pass", "gone", code}, {"no text", "\xff\x00", "\xff"},
		}
		for _, test := range tests {
			w.Refused(t, "pass_wrong", func() error {
				_, err := w.signInByPass(t, test.login, test.code)
				var r *staffkey.Refusal
				if !errors.As(err, &r) || r.Message.ID != "pass.wrong" || r.Message.Args != nil || r.Kind != nil {
					t.Errorf("%s: got error %v, want pass.wrong as for everything else", test.name, err)
				}
				return err
			})
		}
		if _, err := w.signInByPass(t, "amara", code); err != nil {
			t.Errorf("the right pass: %v", err)
		}
	})
}

func TestPass_guesses_wait(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		code := w.issuePass(t, p, w.fromNow())
		for _, login := range []string{"amara", "nobody"} { // alike for names that mean nobody
			for range 5 {
				w.Refused(t, "pass_wrong", func() error {
					_, err := w.signInByPass(t, login, "0000-0000-AA")
					return err
				})
			}
			w.Refused(t, "throttled", func() error {
				_, err := w.signInByPass(t, login, code)
				return err
			})
		}
		w.Clock.Advance(30 * time.Second)
		if _, err := w.signInByPass(t, "amara", code); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

func TestPass_of_another_time(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		starts := w.Clock.Now().Add(time.Hour)
		terms := signin.PassTerms{StartsAt: starts, ExpiresAt: starts.Add(8 * time.Hour), Many: true}
		first := w.issuePass(t, p, terms)
		second := w.issuePass(t, p, terms)
		try := func(code string) error {
			_, err := w.signInByPass(t, "amara", code)
			return err
		}
		w.Refused(t, "pass_wrong", func() error { return try(first) }) // cancelled by the next
		w.Clock.Advance(time.Hour - time.Microsecond)
		w.Refused(t, "pass_early", func() error { return try(second) })
		w.Clock.Advance(time.Microsecond)
		for range 2 {
			if err := try(second); err != nil {
				t.Errorf("a pass of many uses: %v", err)
			}
		}
		w.Clock.Advance(8*time.Hour - time.Microsecond)
		if err := try(second); err != nil {
			t.Errorf("at the last instant: %v", err)
		}
		w.Clock.Advance(time.Microsecond)
		w.Refused(t, "pass_expired", func() error { return try(second) })
		// A ceremony that was begun long ago, or for something else, is not good for a pass.
		third := w.issuePass(t, p, w.fromNow())
		sealed, err := w.Service.BeginPass()
		if err != nil {
			t.Fatal(err)
		}
		w.Clock.Advance(staffkey.CeremonyLife)
		w.Refused(t, "ceremony_expired", func() error {
			_, err := w.Service.FinishPass(t.Context(), origin, "amara", sealed, third, nowhere)
			return err
		})
		w.Refused(t, "ceremony_purpose", func() error {
			_, err := w.Service.FinishPass(t.Context(), origin, "amara", w.begin(t, signin.Attempt{}).Sealed, third, nowhere)
			return err
		})
		w.Disable(t, p)
		w.Refused(t, "person_disabled", func() error { return try(third) })
	})
}

// F44: by the administrators of the person, within bounds, for a reason, and never for oneself.
func TestIssuePass_is_for_whom_policy_allows(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		other := w.organisation(t, "RX2", w.Organisation.ID)
		lena, administrator := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		_, elsewhere := w.officer(t, "otto", staffkey.RoleLocalAdministrator, other.ID)
		olu, operator := w.officer(t, "olu", staffkey.RoleOperator, w.Organisation.ID)
		p := w.AddPerson(t, "amara")
		issue := func(actor staffkey.Actor, to staffkey.Person) error {
			_, err := w.Service.IssuePass(t.Context(), actor, to.ID, w.fromNow(), "lost everything")
			return err
		}
		w.Refused(t, "scope", func() error { return issue(elsewhere, p) })
		themselves := storetest.SignIn(t, w.Store, p, storetest.Strong, w.Clock.Now())
		w.Refused(t, "scope", func() error { return issue(themselves, lena) })
		w.Refused(t, "self_pass", func() error { return issue(administrator, lena) })
		w.Refused(t, "self_pass", func() error { return issue(operator, olu) })
		hugo, _ := w.officer(t, "hugo", staffkey.RoleHelpdesk, w.Organisation.ID)
		w.Refused(t, "rank", func() error { return issue(administrator, hugo) })
		weak := storetest.SignIn(t, w.Store, lena, staffkey.Assurance{Level: 2}, w.Clock.Now())
		w.Refused(t, "role_needs_key", func() error { return issue(weak, p) })
		for _, good := range []struct {
			actor staffkey.Actor
			to    staffkey.Person
		}{{administrator, p}, {operator, lena}, {operator, hugo}, {staffkey.ConsoleActor(), olu}} {
			if err := issue(good.actor, good.to); err != nil {
				t.Errorf("by %s for %s: %v", good.actor.Name, good.to.Username, err)
			}
		}
		if _, err := w.Service.IssuePass(t.Context(), administrator, p.ID, w.fromNow(), ""); !errors.Is(err, staffkey.ErrInvalid) {
			t.Errorf("without a reason: got error %v, want an invalid field", err)
		}
		for _, life := range []time.Duration{10*time.Minute - 1, 8*time.Hour + 1} {
			terms := signin.PassTerms{StartsAt: w.Clock.Now(), ExpiresAt: w.Clock.Now().Add(life)}
			if _, err := w.Service.IssuePass(t.Context(), administrator, p.ID, terms, "lost everything"); !errors.Is(err, staffkey.ErrInvalid) {
				t.Errorf("for %v: got error %v, want an invalid field", life, err)
			}
		}
		if e := w.events(t, staffkey.EventPassIssued); len(e) == 0 || e[len(e)-1].Detail["reason"] != "lost everything" || e[len(e)-1].Person != olu.ID {
			t.Errorf("the log ends with %+v, want the pass of olu with its reason", e)
		}
		if _, err := w.Service.BeginEnrolment(t.Context(), w.Enter(t, w.person(t, "ben")).Actor, staffkey.MethodPass, signin.EnrolOptions{}); signintest.RuleOf(err) != "method_not_allowed" {
			t.Errorf("set up for oneself: got error %v, want a refusal by method_not_allowed", err)
		}
	})
}

func TestPass_of_one_use_is_used_once(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		for round := range raceRounds(t) {
			p := w.AddPerson(t, fmt.Sprint("amara", round))
			code := w.issuePass(t, p, w.fromNow())
			sealed := make([]string, runners)
			for i := range sealed {
				var err error
				if sealed[i], err = w.Service.BeginPass(); err != nil {
					t.Fatal(err)
				}
			}
			before := w.Sessions(t)
			signintest.Once(t, signintest.Parallel(runners, func(i int) error {
				_, err := w.Service.FinishPass(t.Context(), origin, p.Username, sealed[i], code, nowhere)
				return err
			}))
			if got := w.Sessions(t) - before; got != 1 {
				t.Errorf("%d sessions opened, want 1", got)
			}
		}
	})
}

// A pass beside a password is a second proof, and counts as the pass that it is.
func TestPass_beside_a_password(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, _ := w.equippedPerson(t, "amara")
		h.issue(t, false)
		in := h.browserBy(t, staffkey.MethodPass)
		if got := in.Session; got.Assurance != (staffkey.Assurance{Level: 2}) || got.Recovery != staffkey.RecoveryPass {
			t.Errorf("session %+v, want one of level 2, by pass", got)
		}
		refusedTakingAway(t, w, in)
		w.addKey(t, in, newKey(), "Next")
	})
}
