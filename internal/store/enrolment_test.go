package store_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

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
	e.Version, e.CreatedAt = 1, stored
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
		change(t, s, func(tx *store.Tx) error { return tx.UpdateEnrolmentState(codes, []byte("nine left"), true) })
		used := codes
		used.State, used.Version, used.LastUsedAt = []byte("nine left"), 2, clock.Now()
		find := func(tx *store.Tx) (staffkey.Enrolment, error) {
			return tx.FindEnrolment(amara.ID, staffkey.MethodRecoveryCode)
		}
		if diff := cmp.Diff(used, get(t, s, find), exactTimes); diff != "" {
			t.Errorf("after a use (-want +got)\n%s", diff)
		}
		change(t, s, func(tx *store.Tx) error { return tx.UpdateEnrolmentState(used, nil, false) })
		used.State, used.Version = nil, 3
		got := get(t, s, find)
		if len(got.State) == 0 {
			got.State = nil
		}
		if diff := cmp.Diff(used, got, exactTimes); diff != "" {
			t.Errorf("after an empty state (-want +got)\n%s", diff)
		}
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.UpdateEnrolmentState(codes, []byte("late"), true) })

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
					return tx.UpdateEnrolmentState(seen, fmt.Appendf(nil, "taken by %d", i), true)
				})
			}), staffkey.ErrConflict)
		}
	})
}
