package store_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func addEnrolment(t *testing.T, s *store.Store, person staffkey.PersonID, method staffkey.MethodKind) staffkey.Enrolment {
	t.Helper()
	e := staffkey.Enrolment{
		ID: store.NewID[staffkey.EnrolmentID](), Person: person, Method: method, State: []byte("state of " + method), CreatedAt: odd,
	}
	change(t, s, func(tx *store.Tx) error { return tx.InsertEnrolment(e) })
	e.Version, e.CreatedAt, e.ChangedAt = 1, stored, storetest.NewClock().Now()
	return e
}

func TestEnrolmentRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		codes, password := addEnrolment(t, s, amara.ID, staffkey.MethodRecoveryCode), addEnrolment(t, s, amara.ID, staffkey.MethodPassword)
		list := func() []staffkey.Enrolment {
			return get(t, s, func(tx *store.Tx) ([]staffkey.Enrolment, error) { return tx.ListEnrolments(amara.ID) })
		}
		if diff := cmp.Diff([]staffkey.Enrolment{password, codes}, list(), exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}

		// A use is dated, a change without one keeps the date, and both count the version on.
		change(t, s, func(tx *store.Tx) error { return tx.UseEnrolment(codes, []byte("nine left")) })
		used := codes
		used.State, used.Version, used.LastUsedAt = []byte("nine left"), 2, clock.Now()
		find := func(tx *store.Tx) (staffkey.Enrolment, error) {
			return tx.FindEnrolment(amara.ID, staffkey.MethodRecoveryCode)
		}
		if diff := cmp.Diff(used, get(t, s, find), exactTimes); diff != "" {
			t.Errorf("after a use (-want +got)\n%s", diff)
		}
		change(t, s, func(tx *store.Tx) error { return tx.NoteEnrolment(used, nil) })
		used.State, used.Version = nil, 3
		got := get(t, s, find)
		if len(got.State) == 0 {
			got.State = nil
		}
		if diff := cmp.Diff(used, got, exactTimes); diff != "" {
			t.Errorf("after an empty state (-want +got)\n%s", diff)
		}
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.UseEnrolment(codes, []byte("late")) })

		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error {
			again := password
			again.ID = store.NewID[staffkey.EnrolmentID]()
			return tx.InsertEnrolment(again)
		})
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error {
			return tx.InsertEnrolment(staffkey.Enrolment{ID: "e", Person: "nobody", Method: staffkey.MethodPassword, CreatedAt: stored})
		})
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Enrolment, error) {
			return tx.FindEnrolment(amara.ID, staffkey.MethodSecurityKey)
		})
	})
}

// The state is a secret: its bytes must not be found in what the engine writes.
func TestEnrolmentStateIsSealed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		e := addEnrolment(t, s, amara.ID, staffkey.MethodPassword)
		raw := get(t, s, func(tx *store.Tx) ([]byte, error) { return store.RawEnrolmentState(tx, e.ID) })
		if bytes.Contains(raw, e.State) {
			t.Error("the stored state can be read without the key")
		}
		if _, err := s.Sealer().Open("enrolments/another", raw); err == nil {
			t.Error("the state opens in another row")
		}
		if plain, err := s.Sealer().Open("enrolments/"+string(e.ID), raw); err != nil || !bytes.Equal(plain, e.State) {
			t.Errorf("Open = %q, %v, want %q", plain, err, e.State)
		}
	})
}

// Of many who saw the same state exactly one changes it.
func TestEnrolmentStateChangesOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		addEnrolment(t, s, amara.ID, staffkey.MethodRecoveryCode)
		for round := range 3 {
			seen := get(t, s, func(tx *store.Tx) (staffkey.Enrolment, error) {
				return tx.FindEnrolment(amara.ID, staffkey.MethodRecoveryCode)
			})
			if want := int64(round + 1); seen.Version != want {
				t.Errorf("round %d begins at version %d, want %d", round, seen.Version, want)
			}
			oneOnly(t, parallel(64, func(i int) error {
				return s.Change(context.Background(), event, func(tx *store.Tx) error {
					return tx.UseEnrolment(seen, fmt.Appendf(nil, "taken by %d", i))
				})
			}), staffkey.ErrConflict)
		}
	})
}

// count counts an answer of a person to one method.
func count(t testing.TB, s *store.Store, person staffkey.PersonID, method staffkey.MethodKind) (off, first bool) {
	t.Helper()
	change(t, s, func(tx *store.Tx) (err error) {
		off, first, err = tx.CountAnswer(person, method)
		return err
	})
	return off, first
}

func findEnrolment(t testing.TB, s *store.Store, person staffkey.PersonID, method staffkey.MethodKind) staffkey.Enrolment {
	t.Helper()
	return get(t, s, func(tx *store.Tx) (staffkey.Enrolment, error) { return tx.FindEnrolment(person, method) })
}

// A hundred wrong answers are looked at; the next switches the method off, until it is set up anew.
func TestCountAnswer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		const method = staffkey.MethodTOTP
		addEnrolment(t, s, amara.ID, method)
		password := addEnrolment(t, s, amara.ID, staffkey.MethodPassword)
		for n := range staffkey.MaxFailures {
			if off, first := count(t, s, amara.ID, method); off || first {
				t.Fatalf("answer %d: off %t, first %t, want it looked at", n+1, off, first)
			}
		}
		if e := findEnrolment(t, s, amara.ID, method); e.Failures != staffkey.MaxFailures || !e.DisabledAt.IsZero() {
			t.Errorf("after %d answers: %d failures, off since %v, want it on", staffkey.MaxFailures, e.Failures, e.DisabledAt)
		}
		clock.Advance(time.Minute)
		since := clock.Now()
		if off, first := count(t, s, amara.ID, method); !off || !first {
			t.Errorf("one answer more: off %t, first %t, want both", off, first)
		}
		clock.Advance(time.Minute)
		if off, first := count(t, s, amara.ID, method); !off || first {
			t.Errorf("yet another: off %t, first %t, want it off and not first", off, first)
		}
		e := findEnrolment(t, s, amara.ID, method)
		if !e.DisabledAt.Equal(since) {
			t.Errorf("off since %v, want %v", e.DisabledAt, since)
		}

		// Nothing but a new set-up brings it back.
		change(t, s, func(tx *store.Tx) error { return tx.ForgiveAnswers(amara.ID, method) })
		change(t, s, func(tx *store.Tx) error { return tx.ReturnAnswer(amara.ID, method) })
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.UseEnrolment(e, []byte("right")) })
		if off, _ := count(t, s, amara.ID, method); !off {
			t.Error("it is on again without having been set up")
		}
		change(t, s, func(tx *store.Tx) error { return tx.RenewEnrolment(e, []byte("new seed"), nil) })
		want := e
		want.State, want.Version, want.ChangedAt, want.Failures, want.DisabledAt = []byte("new seed"), e.Version+1, clock.Now(), 0, time.Time{}
		if diff := cmp.Diff(want, findEnrolment(t, s, amara.ID, method), exactTimes); diff != "" {
			t.Errorf("set up anew (-want +got)\n%s", diff)
		}
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.RenewEnrolment(e, []byte("late"), nil) })

		if diff := cmp.Diff(password, findEnrolment(t, s, amara.ID, staffkey.MethodPassword), exactTimes); diff != "" {
			t.Errorf("another method (-want +got)\n%s", diff)
		}
		if off, first := count(t, s, amara.ID, staffkey.MethodPhoneCall); off || first {
			t.Errorf("a method that is not there: off %t, first %t, want neither", off, first)
		}
	})
}

// Guesses at once are all counted, and one of them is told that it was the one.
func TestCountAnswerAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		addEnrolment(t, s, amara.ID, staffkey.MethodTOTP)
		for range staffkey.MaxFailures - 30 {
			count(t, s, amara.ID, staffkey.MethodTOTP)
		}
		const guesses = 64
		off, first := make([]bool, guesses), make([]bool, guesses)
		for _, err := range parallel(guesses, func(i int) error {
			return s.Change(context.Background(), event, func(tx *store.Tx) (err error) {
				off[i], first[i], err = tx.CountAnswer(amara.ID, staffkey.MethodTOTP)
				return err
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		looked, firsts := 0, 0
		for i := range guesses {
			if !off[i] {
				looked++
			}
			if first[i] {
				firsts++
			}
		}
		if looked != 30 || firsts != 1 {
			t.Errorf("%d answers are looked at and %d are first, want 30 and 1", looked, firsts)
		}
	})
}

func TestForgiveAndReturnAnswers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		const method = staffkey.MethodPassword
		addEnrolment(t, s, amara.ID, method)
		expect := func(when string, want int) {
			t.Helper()
			if got := findEnrolment(t, s, amara.ID, method).Failures; got != want {
				t.Errorf("%s: %d failures, want %d", when, got, want)
			}
		}
		give := func() {
			t.Helper()
			change(t, s, func(tx *store.Tx) error { return tx.ReturnAnswer(amara.ID, method) })
		}
		give()
		expect("returned before any", 0)
		count(t, s, amara.ID, method)
		count(t, s, amara.ID, method)
		give()
		expect("one of two returned", 1)
		change(t, s, func(tx *store.Tx) error { return tx.ForgiveAnswers(amara.ID, method) })
		expect("forgiven", 0)
		count(t, s, amara.ID, method)
		e := findEnrolment(t, s, amara.ID, method)
		change(t, s, func(tx *store.Tx) error { return tx.NoteEnrolment(e, []byte("code on its way")) })
		expect("after a state that proves nothing", 1)
		e = findEnrolment(t, s, amara.ID, method)
		change(t, s, func(tx *store.Tx) error { return tx.UseEnrolment(e, []byte("right")) })
		expect("after a right answer", 0)
	})
}

func TestDeleteEnrolments(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		kept := addEnrolment(t, s, amara.ID, staffkey.MethodTOTP)
		renewed := addEnrolment(t, s, amara.ID, staffkey.MethodTextMessage)
		clock.Advance(time.Hour)
		since := clock.Now()
		change(t, s, func(tx *store.Tx) error { return tx.RenewEnrolment(renewed, []byte("another number"), nil) })
		addEnrolment(t, s, amara.ID, staffkey.MethodPassword)
		addEnrolment(t, s, amara.ID, staffkey.MethodRecoveryCode)
		change(t, s, func(tx *store.Tx) error {
			n, err := tx.DeleteEnrolmentsChangedSince(amara.ID, since, staffkey.MethodPassword)
			if n != 2 {
				t.Errorf("deleted %d, want the codes and the changed number", n)
			}
			return err
		})
		var left []staffkey.MethodKind
		for _, e := range get(t, s, func(tx *store.Tx) ([]staffkey.Enrolment, error) { return tx.ListEnrolments(amara.ID) }) {
			left = append(left, e.Method)
		}
		if diff := cmp.Diff([]staffkey.MethodKind{staffkey.MethodPassword, staffkey.MethodTOTP}, left); diff != "" {
			t.Errorf("left (-want +got)\n%s", diff)
		}
		change(t, s, func(tx *store.Tx) error { return tx.DeleteEnrolment(amara.ID, kept.Method) })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.DeleteEnrolment(amara.ID, kept.Method) })
	})
}
