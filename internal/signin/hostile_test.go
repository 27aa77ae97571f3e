package signin_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
)

// Cases of people who read the source.

func TestGuesses_count_when_the_guesser_hangs_up(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		gone, hangUp := context.WithCancel(t.Context())
		hangUp()
		guess := func() error {
			_, err := w.Service.CheckPassword(gone, signintest.Origin, signin.Attempt{}, p.Username, "not the password")
			return err
		}
		for range 5 {
			w.Refused(t, "password", guess)
		}
		w.Refused(t, "throttled", guess)
	})
}

func TestGuesses_at_once_are_no_more_than_one_after_another(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		var looked atomic.Int64
		signintest.Parallel(40, func(int) error {
			_, err := w.Service.CheckPassword(t.Context(), signintest.Origin, signin.Attempt{}, p.Username, "not the password")
			if signintest.RuleOf(err) == "password" {
				looked.Add(1)
			}
			return err
		})
		if got := looked.Load(); got > 5 {
			t.Errorf("%d guesses of 40 at once were looked at, want at most 5", got)
		}
	})
}

func TestPendingKey_of_a_weak_session_dies_with_the_first_stronger_method(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		thief, owner := w.Enter(t, p), w.Enter(t, p)
		pending, err := w.register(t, thief, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		begun, err := w.Service.BeginEnrolment(t.Context(), owner.Actor, staffkey.MethodRecoveryCode, signin.EnrolOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Service.FinishEnrolment(t.Context(), owner.Actor, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodRecoveryCode}); err != nil {
			t.Fatal(err)
		}
		if w.alive(t, thief.Secret) {
			t.Error("a session of the password alone outlives the first stronger method")
		}
		if !w.alive(t, owner.Secret) {
			t.Error("the session that set the method up has ended")
		}
		if err := w.Service.NameKey(t.Context(), thief.Actor, pending.ID, "Mine now"); err == nil {
			t.Error("a key touched in a weak session came into use afterwards")
		}
	})
}

func TestSecondPendingKey_needs_the_strength_of_the_first_key(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		owner := w.Enter(t, p)
		first, err := w.register(t, owner, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		second := first
		second.ID, second.CredentialID = store.NewID[staffkey.SecurityKeyID](), []byte("another credential")
		w.Change(t, func(tx *store.Tx) error { return tx.InsertSecurityKey(second) })
		if err := w.Service.NameKey(t.Context(), owner.Actor, first.ID, "Lanyard"); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, policy.StepUp, func() error { return w.Service.NameKey(t.Context(), owner.Actor, second.ID, "Mine now") })
	})
}

func TestEndedSession_changes_and_renews_nothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		pending, err := w.register(t, in, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		begun, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodRecoveryCode, signin.EnrolOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Service.SignOut(t.Context(), in.Actor); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "session_ended", func() error {
			_, err := w.Service.FinishEnrolment(t.Context(), in.Actor, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodRecoveryCode})
			return err
		})
		w.Refused(t, "session_ended", func() error { return w.Service.NameKey(t.Context(), in.Actor, pending.ID, "Lanyard") })
		if _, err := w.Service.StepUpWithPassword(t.Context(), in.Actor, goodPassword, in.Session); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("a step-up of an ended session: got error %v, want expired", err)
		}
	})
}

func TestVisitors_cannot_fill_the_log(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		for range 320 {
			if _, err := w.Service.RecordPrompt(t.Context(), staffkey.Actor{}, "", signin.Prompt{Name: "NotAllowedError"}); err != nil {
				t.Fatal(err)
			}
			signin.SettleBudgets(w.Service)
		}
		w.Read(t, func(tx *store.Tx) error {
			events, err := tx.ListAuditEvents(store.AuditFilter{Kind: staffkey.EventPromptEnded, Limit: 1000})
			if len(events) != 300 {
				t.Errorf("%d outcomes of visitors recorded in a minute, want 300", len(events))
			}
			return err
		})
	})
}

func TestFirstHalf_of_a_sign_in_is_no_refusal(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		w.addKey(t, w.Enter(t, p), newKey(), "Lanyard")
		before := len(w.Refusals(t))
		if _, err := w.Service.Enter(t.Context(), signintest.Origin, w.Attempt(p), staffkey.Session{}); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
		if n := len(w.Refusals(t)) - before; n != 0 {
			t.Errorf("%d refusals recorded, want none", n)
		}
	})
}
