package signin_test

import (
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// F9: only use makes a session last. The visit of a page's timer never does, and ends it when the time is over give or take five seconds.
func TestSession_is_ended_by_its_timer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		timeUp := func(secret string, wantLeft time.Duration, wantWhy string) {
			t.Helper()
			left, how, err := w.Service.TimeUp(t.Context(), origin, secret)
			if err != nil {
				t.Fatal(err)
			}
			if left != wantLeft || how.Why != wantWhy {
				t.Errorf("time up: %v left, ended by %q, want %v and %q", left, how.Why, wantLeft, wantWhy)
			}
		}
		p := w.person(t, "amara")
		const idle = 15 * time.Minute
		in := w.Enter(t, p)
		for left := idle; left > 6*time.Second; left -= time.Minute {
			timeUp(in.Secret, left, "")
			if _, err := w.Service.Look(t.Context(), origin, in.Secret); err != nil {
				t.Fatal(err)
			}
			w.Clock.Advance(time.Minute)
		}
		if w.alive(t, in.Secret) {
			t.Error("questions alone kept a session alive")
		}
		timeUp(in.Secret, 0, "idle")

		in = w.Enter(t, p)
		w.Clock.Advance(idle - 5*time.Second - time.Microsecond)
		timeUp(in.Secret, 5*time.Second+time.Microsecond, "")
		w.Clock.Advance(time.Microsecond)
		timeUp(in.Secret, 0, "idle")
		if w.alive(t, in.Secret) {
			t.Error("a session is alive after its timer ended it")
		}
		timeUp(in.Secret, 0, "idle") // a second tab

		// Used in another tab meanwhile.
		in = w.Enter(t, p)
		w.Clock.Advance(idle - time.Second)
		if !w.alive(t, in.Secret) {
			t.Fatal("the session has ended too early")
		}
		timeUp(in.Secret, idle, "")

		if err := w.Service.SignOut(t.Context(), in.Actor); err != nil {
			t.Fatal(err)
		}
		timeUp(in.Secret, 0, "ended")
		timeUp("nothing", 0, "")
		timeUp("", 0, "")

		in = w.Enter(t, p)
		for range 5 {
			w.Clock.Advance(11 * time.Minute)
			if !w.alive(t, in.Secret) {
				t.Fatal("the session has ended too early")
			}
		}
		w.Clock.Advance(5*time.Minute - 3*time.Second)
		timeUp(in.Secret, 0, "limit")
	})
}

// The log tells once that a session ended by itself, why, and when it was used last; whoever finds it so is not who did it.
func TestSession_that_ends_by_itself_is_in_the_log(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		began := w.Clock.Now()
		w.Clock.Advance(15 * time.Minute)
		for range 2 {
			if _, err := w.Service.Find(t.Context(), origin, in.Secret); !errors.Is(err, staffkey.ErrNotFound) {
				t.Fatalf("got error %v, want not found", err)
			}
		}
		timed := w.Enter(t, p)
		w.Clock.Advance(15*time.Minute - time.Second)
		if _, _, err := w.Service.TimeUp(t.Context(), origin, timed.Secret); err != nil {
			t.Fatal(err)
		}
		ended := w.events(t, staffkey.EventSessionEnded)
		if len(ended) != 2 {
			t.Fatalf("%d events, want 2: %+v", len(ended), ended)
		}
		for _, e := range ended {
			if e.Detail["why"] != "idle" || e.Person != p.ID || e.Organisation != p.Organisation || e.Actor != "" || e.IP != origin.IP {
				t.Errorf("event %+v, want one of amara's that nobody did", e)
			}
		}
		if first := ended[0]; first.Subject != string(in.Session.ID) || first.Detail["seen"] != began.Format(time.RFC3339) {
			t.Errorf("event %+v, want one of the first session, used last at %s", first, began.Format(time.RFC3339))
		}
	})
}

// A session that is used between the timer's look and the end is not ended: it lasts.
func TestSession_used_while_its_timer_asks(t *testing.T) {
	t.Parallel()
	storetest.EachBetween(t, func(t *testing.T, s *store.Store, clock *storetest.Clock, between *storetest.Between) {
		w := newInstallation(t, s, clock)
		in := w.Enter(t, w.person(t, "amara"))
		clock.Advance(15*time.Minute - time.Second)
		between.Do(func() {
			if !w.alive(t, in.Secret) {
				t.Error("the session has ended before its limit")
			}
		})
		left, how, err := w.Service.TimeUp(t.Context(), origin, in.Secret)
		if err != nil || left != 15*time.Minute || how.Why != "" || !between.Done() {
			t.Errorf("time up: %v left, ended by %q, %v, want 15 minutes", left, how.Why, err)
		}
		if !w.alive(t, in.Secret) {
			t.Error("the session has ended although it was used")
		}
		if events := w.events(t, staffkey.EventSessionEnded); len(events) != 0 {
			t.Errorf("the log tells of an end: %+v", events)
		}
	})
}
