package store_test

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
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

// count counts an answer of a person to one method, of a stranger.
func count(t testing.TB, s *store.Store, person staffkey.PersonID, method staffkey.MethodKind) store.CountedAnswers {
	t.Helper()
	return countFrom(t, s, person, method, false)
}

func countFrom(t testing.TB, s *store.Store, person staffkey.PersonID, method staffkey.MethodKind, own bool) (c store.CountedAnswers) {
	t.Helper()
	change(t, s, func(tx *store.Tx) (err error) {
		c, err = tx.CountAnswer(person, method, own)
		return err
	})
	return c
}

func findEnrolment(t testing.TB, s *store.Store, person staffkey.PersonID, method staffkey.MethodKind) staffkey.Enrolment {
	t.Helper()
	return get(t, s, func(tx *store.Tx) (staffkey.Enrolment, error) { return tx.FindEnrolment(person, method) })
}

// Answers of strangers and of the owner are counted apart; what switches a method off stays until it is set up anew.
func TestCountAnswer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		const method = staffkey.MethodTOTP
		addEnrolment(t, s, amara.ID, method)
		password := addEnrolment(t, s, amara.ID, staffkey.MethodPassword)
		for i, own := range []bool{false, true, false, false} {
			want := []store.CountedAnswers{{There: true, Strangers: 1}, {There: true, Strangers: 1, Own: 1}, {There: true, Strangers: 2, Own: 1}, {There: true, Strangers: 3, Own: 1}}[i]
			if got := countFrom(t, s, amara.ID, method, own); got != want {
				t.Errorf("answer %d: got %+v, want %+v", i+1, got, want)
			}
		}
		if e := findEnrolment(t, s, amara.ID, method); e.Failures != 3 || !e.DisabledAt.IsZero() {
			t.Errorf("%d failures, off since %v, want 3 and on", e.Failures, e.DisabledAt)
		}
		clock.Advance(time.Minute)
		since := clock.Now()
		for range 2 {
			change(t, s, func(tx *store.Tx) error { return tx.SwitchOff(amara.ID, method) })
			clock.Advance(time.Minute)
		}
		e := findEnrolment(t, s, amara.ID, method)
		if !e.DisabledAt.Equal(since) {
			t.Errorf("off since %v, want %v", e.DisabledAt, since)
		}

		// Nothing but a new set-up brings it back.
		change(t, s, func(tx *store.Tx) error { return tx.ForgiveAnswers(amara.ID, method) })
		change(t, s, func(tx *store.Tx) error { return tx.ReturnAnswer(amara.ID, method, false) })
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.UseEnrolment(e, []byte("right")) })
		if got := count(t, s, amara.ID, method); !got.Off || got.Strangers != 4 || got.Own != 1 {
			t.Errorf("got %+v, want it off and the answers counted on", got)
		}
		change(t, s, func(tx *store.Tx) error { return tx.RenewEnrolment(e, []byte("new seed"), nil) })
		want := e
		want.State, want.Version, want.ChangedAt, want.Failures, want.DisabledAt = []byte("new seed"), e.Version+1, clock.Now(), 0, time.Time{}
		if diff := cmp.Diff(want, findEnrolment(t, s, amara.ID, method), exactTimes); diff != "" {
			t.Errorf("set up anew (-want +got)\n%s", diff)
		}
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.RenewEnrolment(e, []byte("late"), nil) })
		if got := count(t, s, amara.ID, method); got != (store.CountedAnswers{There: true, Strangers: 1}) {
			t.Errorf("the first after that: got %+v, want one of a stranger", got)
		}

		if diff := cmp.Diff(password, findEnrolment(t, s, amara.ID, staffkey.MethodPassword), exactTimes); diff != "" {
			t.Errorf("another method (-want +got)\n%s", diff)
		}
		if got := count(t, s, amara.ID, staffkey.MethodPhoneCall); got.There {
			t.Errorf("a method that is not there: got %+v, want nothing", got)
		}
	})
}

// Whether a person has a key in use is told with the count.
func TestCountAnswer_beside_a_key(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		addEnrolment(t, s, amara.ID, staffkey.MethodPassword)
		if count(t, s, amara.ID, staffkey.MethodPassword).HasKey {
			t.Error("a key in use, want none")
		}
		k := addKey(t, s, amara.ID, "Lanyard").ID
		if !count(t, s, amara.ID, staffkey.MethodPassword).HasKey {
			t.Error("no key in use, want one")
		}
		change(t, s, func(tx *store.Tx) error { return tx.StopSecurityKey(amara.ID, k, staffkey.StopLost) })
		if count(t, s, amara.ID, staffkey.MethodPassword).HasKey {
			t.Error("a key that is on hold is in use")
		}
	})
}

// What a browser remembers means somebody only while the key is in use, and only for its owner.
func TestFindOwnerByLogin(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		trust := plant(t, s).trust.ID
		amara, ben := addPerson(t, s, trust, "amara"), addPerson(t, s, trust, "ben")
		mine, other, stopped := addKey(t, s, amara.ID, "Lanyard").ID, addKey(t, s, ben.ID, "Lanyard").ID, addKey(t, s, amara.ID, "Lost").ID
		change(t, s, func(tx *store.Tx) error { return tx.StopSecurityKey(amara.ID, stopped, staffkey.StopLost) })
		type keys = []staffkey.SecurityKeyID
		for _, test := range []struct {
			name  string
			keys  keys
			login string
			want  staffkey.PersonID
		}{
			{"the owner", keys{mine}, "amara", amara.ID},
			{"in other letters", keys{mine}, " ＡMARA ", amara.ID},
			{"by address", keys{mine}, amara.Email, amara.ID},
			{"among others", keys{other, stopped, mine}, "amara", amara.ID},
			{"somebody else", keys{mine}, "ben", ""},
			{"nobody", keys{mine}, "nobody", ""},
			{"a key on hold", keys{stopped}, "amara", ""},
			{"a key of somebody else", keys{other}, "amara", ""},
			{"no key", nil, "amara", ""},
			{"a key that never was", keys{"nothing"}, "amara", ""},
			{"a name longer than any", keys{mine}, strings.Repeat("a", staffkey.MaxLogin+1), ""},
		} {
			if got := get(t, s, func(tx *store.Tx) (staffkey.PersonID, error) { return tx.FindOwnerByLogin(test.keys, test.login) }); got != test.want {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			}
		}
	})
}

// Guesses at once are all counted.
func TestCountAnswerAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		addEnrolment(t, s, amara.ID, staffkey.MethodTOTP)
		const guesses = 64
		counted := make([]int, guesses)
		for _, err := range parallel(guesses, func(i int) error {
			return s.Change(context.Background(), event, func(tx *store.Tx) error {
				c, err := tx.CountAnswer(amara.ID, staffkey.MethodTOTP, false)
				counted[i] = c.Strangers
				return err
			})
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		slices.Sort(counted)
		for i, got := range counted {
			if got != i+1 {
				t.Fatalf("counted %v, want each number from 1 to %d once", counted, guesses)
			}
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
			change(t, s, func(tx *store.Tx) error { return tx.ReturnAnswer(amara.ID, method, false) })
		}
		give()
		expect("returned before any", 0)
		count(t, s, amara.ID, method)
		count(t, s, amara.ID, method)
		give()
		expect("one of two returned", 1)
		change(t, s, func(tx *store.Tx) error { return tx.ForgiveAnswers(amara.ID, method) })
		expect("forgiven", 0)
		for range 2 {
			countFrom(t, s, amara.ID, method, true)
		}
		change(t, s, func(tx *store.Tx) error { return tx.ReturnAnswer(amara.ID, method, true) })
		if got := count(t, s, amara.ID, method); got.Strangers != 1 || got.Own != 1 {
			t.Errorf("after one of two of the owner was returned: got %+v, want one of each", got)
		}
		change(t, s, func(tx *store.Tx) error { return tx.ForgiveAnswers(amara.ID, method) })
		if got := count(t, s, amara.ID, method); got.Strangers != 1 || got.Own != 0 {
			t.Errorf("after all were forgiven: got %+v, want the new one alone", got)
		}
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
