package signin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// ended records a prompt of somebody that ended without an answer, and returns its code.
func (w *installation) ended(t testing.TB, person staffkey.PersonID) string {
	t.Helper()
	out, err := w.Service.RecordPrompt(t.Context(), staffkey.Actor{Origin: origin}, person, signin.Prompt{Name: "NotAllowedError", Elapsed: 5 * time.Second})
	if err != nil || out.SupportCode == "" {
		t.Fatalf("record a prompt: %+v and %v", out, err)
	}
	return out.SupportCode
}

// What somebody met is for those who help the people of their organisation, with a key; what concerns nobody known is for all who help.
func TestSupport_codes_are_for_those_who_help(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		amara := w.person(t, "amara")
		other := w.organisation(t, "elsewhere", "").ID
		hugo, near := w.officer(t, "hugo", staffkey.RoleHelpdesk, w.Organisation.ID)
		_, far := w.officer(t, "fay", staffkey.RoleLocalAdministrator, other)
		weak := storetest.SignIn(t, w.Store, hugo, staffkey.Assurance{Level: 2}, w.Clock.Now())
		hers, nobodys := w.ended(t, amara.ID), w.ended(t, "")

		open := func(actor staffkey.Actor, code string) (signin.SupportCase, error) {
			return w.Service.OpenSupportCode(t.Context(), actor, code)
		}
		refused := func(rule string) func(signin.SupportCase, error) {
			return func(_ signin.SupportCase, err error) {
				t.Helper()
				var r *staffkey.Refusal
				if !errors.As(err, &r) || r.Rule != rule {
					t.Errorf("got %v, want refused by %s", err, rule)
				}
			}
		}
		got, err := open(near, strings.ToLower(strings.ReplaceAll(hers, "-", " ")))
		if err != nil || got.Code != hers || got.Event.Message != "wa.noanswer" || got.Event.Browser != origin.Browser || got.Person.ID != amara.ID {
			t.Errorf("by who helps her: %+v and %v", got, err)
		}
		if _, err := open(far, hers); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("by who helps others: %v, want as if there were none", err)
		}
		refused("role_needs_key")(open(weak, hers))
		refused("role")(open(w.plain(t, "rhys"), hers))
		refused("role")(open(w.plain(t, "sian"), nobodys))
		for name, actor := range map[string]staffkey.Actor{"near": near, "far": far, "weak": weak, "console": staffkey.ConsoleActor()} {
			if got, err := open(actor, nobodys); err != nil || got.Person.ID != "" || got.Event.Kind != staffkey.EventPromptEnded {
				t.Errorf("%s: what concerns nobody known: %+v and %v", name, got, err)
			}
		}
		if got, err := open(staffkey.ConsoleActor(), hers); err != nil || got.Person.ID != amara.ID {
			t.Errorf("at the console: %+v and %v", got, err)
		}

		// She moves: then others help her.
		w.Change(t, func(tx *store.Tx) error {
			amara.Organisation = other
			return tx.UpdatePerson(amara)
		})
		if _, err := open(far, hers); err != nil {
			t.Errorf("by who helps her now: %v", err)
		}
		if _, err := open(near, hers); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("by who helped her before: %v, want as if there were none", err)
		}
	})
}

// A code comes again after years: the newest is meant. One of an earlier release, with 0 and 1, is found as people read it.
func TestSupport_codes_that_come_again(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		amara := w.person(t, "amara")
		for _, message := range []string{"wa.timeout", "wa.noanswer"} {
			e := staffkey.AuditEvent{Kind: staffkey.EventPromptEnded, Outcome: staffkey.OutcomeEnded, Person: amara.ID, Message: message, SupportCode: "DB10-3D"}
			w.Change(t, func(tx *store.Tx) error { return tx.Record(e) })
			w.Clock.Advance(time.Hour)
		}
		got, err := w.Service.OpenSupportCode(t.Context(), staffkey.ConsoleActor(), "dbio 3d")
		if err != nil || got.Event.Message != "wa.noanswer" || got.Code != "DB10-3D" {
			t.Errorf("got %+v and %v, want the newest", got, err)
		}
	})
}

// Nobody tries codes until one opens; who types right ones is never stopped.
func TestSupport_codes_are_not_guessed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		_, helper := w.officer(t, "hugo", staffkey.RoleHelpdesk, w.Organisation.ID)
		_, colleague := w.officer(t, "hana", staffkey.RoleHelpdesk, w.Organisation.ID)
		code := w.ended(t, w.person(t, "amara").ID)
		open := func(actor staffkey.Actor, code string) error {
			return only(w.Service.OpenSupportCode(t.Context(), actor, code))
		}
		for range 40 {
			if err := open(helper, code); err != nil {
				t.Fatal(err)
			}
		}
		for range 30 {
			if err := open(helper, "ZZZZ-ZZ"); !errors.Is(err, staffkey.ErrNotFound) {
				t.Fatalf("a wrong code: %v, want not found", err)
			}
		}
		for _, typed := range []string{"ZZZZ-ZZ", code} {
			if err := open(helper, typed); !errors.Is(err, staffkey.ErrThrottled) {
				t.Errorf("%s after 30 wrong ones: %v, want a wait", typed, err)
			}
		}
		if err := open(colleague, code); err != nil {
			t.Errorf("a colleague waits, too: %v", err)
		}
		w.Clock.Advance(10*time.Minute + time.Second)
		if err := open(helper, code); err != nil {
			t.Errorf("ten minutes later: %v", err)
		}
	})
}

// The code of a fault is found by those who help where it happened; nobody is named by it.
func TestSupport_codes_of_faults(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		amara := w.person(t, "amara")
		_, near := w.officer(t, "hugo", staffkey.RoleHelpdesk, w.Organisation.ID)
		_, far := w.officer(t, "fay", staffkey.RoleHelpdesk, w.organisation(t, "elsewhere", "").ID)
		actor := staffkey.Actor{Person: amara.ID, Name: amara.Name, Origin: origin}
		if err := w.Service.RecordFault(t.Context(), actor, amara.Organisation, "srv.500", "K7QF-2M", "GET /me"); err != nil {
			t.Fatal(err)
		}
		got, err := w.Service.OpenSupportCode(t.Context(), near, "K7QF-2M")
		if err != nil || got.Event.Kind != staffkey.EventRequestFailed || got.Event.Message != "srv.500" || got.Event.Detail["route"] != "GET /me" || got.Person.ID != "" {
			t.Errorf("got %+v and %v", got, err)
		}
		if _, err := w.Service.OpenSupportCode(t.Context(), far, "K7QF-2M"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("by who helps others: %v", err)
		}
		for range 2000 {
			if err := w.Service.RecordFault(t.Context(), actor, "", "srv.500", staffkey.NewSupportCode(), "GET /"); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.events(t, staffkey.EventRequestFailed)); n > 1000 {
			t.Errorf("%d faults of one minute are recorded, want a bound", n)
		}
	})
}
