package store_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestStations(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		rhys := addPerson(t, s, w.region.ID, "rhys")
		station := func(o staffkey.Organisation, name string) staffkey.Station {
			n := staffkey.Station{ID: store.NewID[staffkey.StationID](), Organisation: o.ID, Name: name, CreatedAt: odd, CreatedBy: rhys.ID}
			change(t, s, func(tx *store.Tx) error { return tx.InsertStation(n) })
			n.CreatedAt = stored
			return n
		}
		ward, desk, other := station(w.trust, "Ward 7"), station(w.region, "Desk"), station(w.other, "Theatre 2")
		find := func(tx *store.Tx) (staffkey.Station, error) { return tx.FindStation(ward.ID) }
		expect := func(when string, want []staffkey.Station, scope ...staffkey.OrganisationID) {
			t.Helper()
			got := get(t, s, func(tx *store.Tx) ([]staffkey.Station, error) { return tx.ListStations(scope) })
			if diff := cmp.Diff(want, got, exactTimes); diff != "" {
				t.Errorf("%s (-want +got)\n%s", when, diff)
			}
		}
		if diff := cmp.Diff(ward, get(t, s, find), exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		expect("of the region and below", []staffkey.Station{desk, ward}, w.region.ID)
		expect("of one trust", []staffkey.Station{ward}, w.trust.ID)
		expect("of two scopes that overlap", []staffkey.Station{desk, other, ward}, w.region.ID, w.trust.ID, w.other.ID)
		expect("of no scope", nil)
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Station, error) { return tx.FindStation("nowhere") })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error {
			return tx.InsertStation(staffkey.Station{ID: "lost", Organisation: "nowhere", Name: "Lost", CreatedAt: stored})
		})

		clock.Advance(time.Hour)
		change(t, s, func(tx *store.Tx) error { return tx.RevokeStation(ward.ID) })
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.RevokeStation(ward.ID) })
		ward.RevokedAt = clock.Now()
		if diff := cmp.Diff(ward, get(t, s, find), exactTimes); diff != "" {
			t.Errorf("revoked (-want +got)\n%s", diff)
		}
		expect("without the revoked one", []staffkey.Station{desk}, w.region.ID)
	})
}

func TestEndSessionsOfStation(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		open := func(station staffkey.StationID, expires time.Time) string {
			session := newSession(amara.ID, clock.Now())
			session.Station, session.ExpiresAt, session.Recovery = station, expires, staffkey.RecoveryPass
			return addSession(t, s, session)
		}
		later := clock.Now().Add(time.Hour)
		here, there, over := open("ward", later), open("desk", later), open("ward", clock.Now())
		end := func() (n int64) {
			change(t, s, func(tx *store.Tx) (err error) {
				n, err = tx.EndSessionsOfStation("ward")
				return err
			})
			return n
		}
		if n := end(); n != 1 {
			t.Errorf("ended %d sessions, want the one that was open", n)
		}
		for secret, want := range map[string]time.Time{here: clock.Now(), there: {}, over: {}} {
			session, _ := findSession(t, s, secret)
			if !session.EndedAt.Equal(want) || session.Recovery != staffkey.RecoveryPass {
				t.Errorf("session on %q: ended %v, recovery %q, want %v and %q", session.Station, session.EndedAt, session.Recovery, want, staffkey.RecoveryPass)
			}
		}
		if n := end(); n != 0 {
			t.Errorf("ended %d sessions again", n)
		}
	})
}
