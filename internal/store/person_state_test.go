package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// A state is changed from what was seen, and by nobody who has seen another.
func TestPutPersonState(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		seen := addPerson(t, s, plant(t, s).trust.ID, "amara")
		put := func(from, to staffkey.Person) func(*store.Tx) error {
			return func(tx *store.Tx) error { return tx.PutPersonState(from, to) }
		}
		now := func() staffkey.Person {
			return get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(seen.ID) })
		}
		frozen := seen
		frozen.State, frozen.FrozenAt, frozen.Name = staffkey.PersonFrozen, odd, "not written by this"
		change(t, s, put(seen, frozen))
		want := seen
		want.State, want.FrozenAt = staffkey.PersonFrozen, stored
		if diff := cmp.Diff(want, now(), exactTimes); diff != "" {
			t.Errorf("frozen (-want +got)\n%s", diff)
		}
		refused(t, s, staffkey.ErrConflict, put(seen, seen)) // seen before the freeze

		gone := want
		gone.State = staffkey.PersonDisabled
		change(t, s, put(want, gone))
		unfrozen := gone
		unfrozen.FrozenAt = time.Time{}
		refused(t, s, staffkey.ErrConflict, put(unfrozen, seen)) // the same state, and another past
		if diff := cmp.Diff(gone, now(), exactTimes); diff != "" {
			t.Errorf("disabled (-want +got)\n%s", diff)
		}
		nobody := seen
		nobody.ID = "nobody"
		refused(t, s, staffkey.ErrConflict, put(nobody, frozen))
	})
}

// Of several who move a person at once, each sees what the other has done.
func TestPutPersonState_at_once(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		seen := addPerson(t, s, plant(t, s).trust.ID, "amara")
		for range 30 {
			from := get(t, s, func(tx *store.Tx) (staffkey.Person, error) { return tx.FindPerson(seen.ID) })
			to := from
			if to.State = staffkey.PersonFrozen; from.State == to.State {
				to.State = staffkey.PersonActive
			}
			oneOnly(t, parallel(4, func(int) error {
				return s.Change(context.Background(), event, func(tx *store.Tx) error { return tx.PutPersonState(from, to) })
			}), staffkey.ErrConflict)
		}
	})
}

func TestStripPerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		amara, other := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "other")
		var keys [2][]staffkey.SecurityKey
		for i, p := range []staffkey.Person{amara, other} {
			for _, nickname := range []string{"in use", "on hold", "removed", "pending"} {
				k := newKey(p.ID, nickname)
				if nickname == "pending" {
					k.State = staffkey.SecurityKeyPending
				}
				change(t, s, func(tx *store.Tx) error { return tx.InsertSecurityKey(k) })
				keys[i] = append(keys[i], k)
			}
			addSession(t, s, newSession(p.ID, clock.Now()))
			change(t, s, func(tx *store.Tx) error {
				_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleAuditor, Organisation: w.root.ID, GrantedAt: stored})
				return errors.Join(err,
					tx.StopSecurityKey(p.ID, keys[i][1].ID, staffkey.StopLost), tx.RemoveSecurityKey(p.ID, keys[i][2].ID),
					tx.InsertEnrolment(staffkey.Enrolment{ID: store.NewID[staffkey.EnrolmentID](), Person: p.ID, Method: staffkey.MethodPassword, State: []byte("x"), CreatedAt: stored}),
					tx.InsertEnrolment(staffkey.Enrolment{ID: store.NewID[staffkey.EnrolmentID](), Person: p.ID, Method: staffkey.MethodPass, State: []byte("x"), CreatedAt: stored}),
					tx.InsertLink(store.LinkReset, p.ID, "reset-"+p.Username, tx.Now.Add(time.Hour)),
					tx.InsertException(staffkey.Exception{ID: store.NewID[string](), Person: p.ID, Reason: "new", GrantedAt: tx.Now, ExpiresAt: tx.Now.Add(time.Hour)}))
			})
		}
		held := func(p staffkey.Person) string {
			var held string
			read(t, s, func(tx *store.Tx) error {
				inUse, err1 := tx.ListSecurityKeys(p.ID, staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended, staffkey.SecurityKeyPending)
				removed, err2 := tx.ListSecurityKeys(p.ID, staffkey.SecurityKeyRemoved)
				enrolments, err3 := tx.ListEnrolments(p.ID)
				sessions, err4 := tx.ListSessions(p.ID)
				exceptions, err5 := tx.ListExceptions(p.ID)
				grants, err6 := tx.ListRoleGrants(p.ID)
				_, lost := tx.FindLink(store.LinkReset, "reset-"+p.Username)
				held = fmt.Sprintf("%d keys, %d removed, %d methods, %d sessions, %d exceptions, %d roles, link good: %t",
					len(inUse), len(removed), len(enrolments), len(sessions), len(exceptions), len(grants), lost == nil)
				return errors.Join(err1, err2, err3, err4, err5, err6)
			})
			return held
		}
		before := held(other)
		if n := get(t, s, func(tx *store.Tx) (int, error) { return tx.CountPeople() }); n != 2 || held(amara) != before {
			t.Fatalf("amara holds %s, want as much as the other: %s", held(amara), before)
		}
		change(t, s, func(tx *store.Tx) error {
			n, err := tx.StripPerson(amara.ID)
			if n != 2 {
				return fmt.Errorf("%d keys taken off, want the one in use and the one on hold: %w", n, err)
			}
			return err
		})
		if got, want := held(amara), "0 keys, 3 removed, 0 methods, 0 sessions, 0 exceptions, 0 roles, link good: false"; got != want {
			t.Errorf("left: %s\nwant: %s", got, want)
		}
		if got := held(other); got != before {
			t.Errorf("somebody else has %s, want %s", got, before)
		}
		for _, k := range keys[0][:3] {
			refused(t, s, staffkey.ErrExpired, func(tx *store.Tx) error {
				return tx.RestoreKey(store.InUse{Owner: amara, Notice: "notice.key_added"}, k.ID, stored.Add(-time.Hour))
			})
			refused(t, s, staffkey.ErrExpired, func(tx *store.Tx) error { return tx.RestoreStoppedKey(amara.ID, k.ID, stored.Add(-time.Hour)) })
		}
		change(t, s, func(tx *store.Tx) error {
			return tx.RestoreKey(store.InUse{Owner: other, Notice: "notice.key_added"}, keys[1][2].ID, stored.Add(-time.Hour))
		})
	})
}

func TestFindPeopleByEmployeeNumber(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		a, b, none := newPerson(w.trust.ID, "a"), newPerson(w.other.ID, "b"), newPerson(w.other.ID, "none")
		a.EmployeeNumber, b.EmployeeNumber, none.EmployeeNumber = "1001", "1001", ""
		people := []staffkey.Person{a, b, none}
		numbers := []string{"1001", "", "nobody's"}
		for i := range 450 { // more than two batches
			people = append(people, newPerson(w.trust.ID, fmt.Sprintf("staff%03d", i)))
			numbers = append(numbers, fmt.Sprintf("E-staff%03d", i))
		}
		change(t, s, func(tx *store.Tx) error { return tx.InsertPeople(people...) })
		found := get(t, s, func(tx *store.Tx) (map[string][]staffkey.Person, error) {
			return tx.FindPeopleByEmployeeNumber(numbers)
		})
		if len(found) != 451 || len(found["1001"]) != 2 || len(found["E-staff449"]) != 1 || len(found[""]) != 0 {
			t.Errorf("found %d numbers, two of %+v, want 451 and both", len(found), found["1001"])
		}
	})
}

// The first operator ends the time of set-up, and nothing that becomes of them brings it back.
func TestIsSetUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara := addPerson(t, s, w.root.ID, "amara")
		is := func() bool { return get(t, s, func(tx *store.Tx) (bool, error) { return tx.IsSetUp() }) }
		grant := func(role staffkey.Role) {
			change(t, s, func(tx *store.Tx) error {
				_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: amara.ID, Role: role, Organisation: w.root.ID, GrantedAt: stored})
				return err
			})
		}
		grant(staffkey.RoleLocalAdministrator)
		if is() {
			t.Error("it is set up without an operator")
		}
		grant(staffkey.RoleOperator)
		grant(staffkey.RoleOperator)
		disable(t, s, amara)
		if !is() {
			t.Error("it is not set up when its operator cannot sign in")
		}
		change(t, s, func(tx *store.Tx) error { return tx.DeleteRoleGrant(amara.ID, staffkey.RoleOperator, w.root.ID) })
		if !is() {
			t.Error("it is not set up when nobody is an operator any more")
		}
	})
}
