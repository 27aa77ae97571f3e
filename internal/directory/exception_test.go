package directory_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"staffkey"

	"github.com/google/go-cmp/cmp"
)

const day = 24 * time.Hour

// F46: an exception has an owner, a reason and an end.
func TestGrantException(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		amara := w.person(t, "amara", "A1")
		lena := w.person(t, "lena", "A")
		w.grant(t, lena, staffkey.RoleLocalAdministrator, "A")
		administrator := w.actor(t, lena)
		granted, err := w.GrantException(ctx, administrator, amara.ID, "the key is on its way", day)
		if err != nil {
			t.Fatal(err)
		}
		want := staffkey.Exception{
			ID: granted.ID, Person: amara.ID, Reason: "the key is on its way", Owner: lena.ID, OwnerName: lena.Name, GrantedAt: w.clock.Now(), ExpiresAt: w.clock.Now().Add(day),
		}
		if diff := cmp.Diff(want, granted); diff != "" || granted.ID == "" {
			t.Errorf("exception (-want +got):\n%s", diff)
		}
		if e := w.events(t, staffkey.EventExceptionGranted, staffkey.OutcomeDone); len(e) != 1 || e[0].Actor != lena.ID || e[0].Person != amara.ID || e[0].Detail["reason"] != want.Reason {
			t.Errorf("want the event with its reason, got %+v", e)
		}
		for name, actor := range map[string]staffkey.Actor{"the person": w.actor(t, amara), "an administrator": administrator} {
			list, err := w.Exceptions(ctx, actor, amara.ID)
			if diff := cmp.Diff([]staffkey.Exception{want}, list); diff != "" || err != nil {
				t.Errorf("seen by %s: error %v, exceptions (-want +got):\n%s", name, err, diff)
			}
		}
		if _, err := w.Exceptions(ctx, w.actor(t, w.person(t, "ben", "A1")), amara.ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("seen by somebody else: want ErrNotFound, got %v", err)
		}
		w.clock.Advance(day - time.Microsecond)
		if list, err := w.Exceptions(ctx, console, amara.ID); err != nil || len(list) != 1 {
			t.Errorf("at the last instant: want the exception, got %+v, %v", list, err)
		}
		w.clock.Advance(time.Microsecond)
		if list, err := w.Exceptions(ctx, console, amara.ID); err != nil || len(list) != 0 {
			t.Errorf("when it has ended: want none, got %+v, %v", list, err)
		}
	})
}

// F46: 24 hours by a Local Administrator, 180 days by an operator.
func TestGrantException_is_bounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		amara := w.person(t, "amara", "A1")
		lena, olu := w.person(t, "lena", "A"), w.person(t, "olu", "R")
		w.grant(t, lena, staffkey.RoleLocalAdministrator, "A")
		w.grant(t, olu, staffkey.RoleOperator, "R")
		grant := func(actor staffkey.Actor, person staffkey.Person, length time.Duration) error {
			_, err := w.GrantException(ctx, actor, person.ID, "the key is on its way", length)
			return err
		}
		administrator, operator := w.actor(t, lena), w.actor(t, olu)
		wantInvalid(t, grant(administrator, amara, day+time.Nanosecond), "length", "exception.length")
		wantInvalid(t, grant(operator, amara, 180*day+time.Nanosecond), "length", "exception.length")
		wantInvalid(t, grant(console, amara, 180*day+time.Nanosecond), "length", "exception.length")
		wantInvalid(t, grant(operator, amara, 0), "length", "exception.length")
		for _, bad := range []string{"", " ", strings.Repeat("é", staffkey.MaxReason+1)} {
			if _, err := w.GrantException(ctx, administrator, amara.ID, bad, time.Hour); !errors.Is(err, staffkey.ErrInvalid) {
				t.Errorf("reason %q: want ErrInvalid, got %v", bad, err)
			}
		}
		if err := grant(operator, amara, 180*day); err != nil {
			t.Errorf("half a year by an operator: %v", err)
		}
		if err := grant(console, lena, 180*day); err != nil {
			t.Errorf("half a year at the console, for an administrator: %v", err)
		}
		wantRefused(t, grant(administrator, lena, time.Hour), "self_grant")
		wantRefused(t, grant(operator, olu, time.Hour), "self_grant")
		wantRefused(t, grant(administrator, w.person(t, "otto", "B"), time.Hour), "scope")
		wantRefused(t, grant(administrator, olu, time.Hour), "scope")
		hugo := w.person(t, "hugo", "A")
		w.grant(t, hugo, staffkey.RoleHelpdesk, "A")
		wantRefused(t, grant(administrator, hugo, time.Hour), "rank")
		wantRefused(t, grant(w.actor(t, hugo), amara, time.Hour), "scope")
		weak := w.weakly(t, lena)
		wantRefused(t, grant(weak, amara, time.Hour), "role_needs_key")
		if got := len(w.events(t, staffkey.EventExceptionGranted, staffkey.OutcomeRefused)); got != 7 {
			t.Errorf("want each of 7 refusals recorded, got %d", got)
		}
		if _, err := w.GrantException(ctx, operator, "nobody", "the key is on its way", time.Hour); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("nobody: want ErrNotFound, got %v", err)
		}
	})
}

func TestEndExceptions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		amara := w.person(t, "amara", "A1")
		lena, otto := w.person(t, "lena", "A"), w.person(t, "otto", "B")
		w.grant(t, lena, staffkey.RoleLocalAdministrator, "A")
		w.grant(t, otto, staffkey.RoleLocalAdministrator, "B")
		for _, length := range []time.Duration{time.Hour, 2 * time.Hour, 180 * day} {
			if _, err := w.GrantException(ctx, console, amara.ID, "the key is on its way", length); err != nil {
				t.Fatal(err)
			}
		}
		w.clock.Advance(time.Hour)
		_, err := w.EndExceptions(ctx, w.actor(t, otto), amara.ID)
		wantRefused(t, err, "scope")
		_, err = w.EndExceptions(ctx, w.actor(t, amara), amara.ID)
		wantRefused(t, err, "scope")
		if n, err := w.EndExceptions(ctx, w.actor(t, lena), amara.ID); err != nil || n != 2 {
			t.Errorf("want the two that count ended, got %d, %v", n, err)
		}
		if list, err := w.Exceptions(ctx, console, amara.ID); err != nil || len(list) != 0 {
			t.Errorf("want none left, got %+v, %v", list, err)
		}
		if n, err := w.EndExceptions(ctx, w.actor(t, lena), amara.ID); err != nil || n != 0 {
			t.Errorf("ended already: want nothing to end, got %d, %v", n, err)
		}
		if got := len(w.events(t, staffkey.EventExceptionEnded, staffkey.OutcomeDone)); got != 1 {
			t.Errorf("want one event, got %d", got)
		}
	})
}

// Each change of language is an event, so to and fro is bounded; what is stored is what the log says.
func TestSetLanguage_to_and_fro(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.person(t, "amara", "A")
		self := w.actor(t, p)
		for i := range 101 {
			if err := w.SetLanguage(t.Context(), self, []string{"en", "cy"}[i%2]); err != nil {
				t.Fatal(err)
			}
		}
		var changes []staffkey.AuditEvent
		for _, e := range w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeDone) {
			if e.Detail["language"] != "" {
				changes = append(changes, e)
			}
		}
		if len(changes) != 30 {
			t.Fatalf("%d changes of language are recorded, want 30", len(changes))
		}
		now, err := w.FindPerson(t.Context(), console, "amara")
		if last := changes[len(changes)-1].Detail["language"]; err != nil || now.Language != last {
			t.Errorf("stored %q, the log says %q, %v", now.Language, last, err)
		}
		w.clock.Advance(time.Minute)
		if err := w.SetLanguage(t.Context(), self, "en"); err != nil {
			t.Fatal(err)
		}
		if now, err := w.FindPerson(t.Context(), console, "amara"); err != nil || now.Language != "en" {
			t.Errorf("a minute later %q is stored, %v", now.Language, err)
		}
	})
}
