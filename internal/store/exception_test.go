package store_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestExceptions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		trust := plant(t, s).trust.ID
		amara, rhys := addPerson(t, s, trust, "amara"), addPerson(t, s, trust, "rhys")
		grant := func(person staffkey.PersonID, lasts time.Duration) staffkey.Exception {
			e := staffkey.Exception{
				ID: store.NewID[string](), Person: person, Reason: "Her key is on its way", Owner: rhys.ID, OwnerName: rhys.Name,
				GrantedAt: clock.Now(), ExpiresAt: clock.Now().Add(lasts),
			}
			change(t, s, func(tx *store.Tx) error { return tx.InsertException(e) })
			return e
		}
		expect := func(when string, want ...staffkey.Exception) {
			t.Helper()
			got := get(t, s, func(tx *store.Tx) ([]staffkey.Exception, error) { return tx.ListExceptions(amara.ID) })
			if diff := cmp.Diff(want, got, exactTimes); diff != "" {
				t.Errorf("%s (-want +got)\n%s", when, diff)
			}
		}
		short, long := grant(amara.ID, time.Hour), grant(amara.ID, 24*time.Hour)
		grant(rhys.ID, 24*time.Hour)
		expect("both", long, short)
		clock.Advance(time.Hour)
		expect("when the short one is over", long)
		end := func() (n int64) {
			change(t, s, func(tx *store.Tx) (err error) {
				n, err = tx.EndExceptions(amara.ID)
				return err
			})
			return n
		}
		if n := end(); n != 1 {
			t.Errorf("ended %d, want the one that counted", n)
		}
		expect("ended")
		if n := end(); n != 0 {
			t.Errorf("ended %d again", n)
		}
		if got := get(t, s, func(tx *store.Tx) ([]staffkey.Exception, error) { return tx.ListExceptions(rhys.ID) }); len(got) != 1 {
			t.Errorf("%d of somebody else are left, want 1", len(got))
		}
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error {
			return tx.InsertException(staffkey.Exception{ID: "e", Person: "nobody", GrantedAt: stored, ExpiresAt: stored})
		})
	})
}
