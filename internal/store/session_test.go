package store_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func newSession(person staffkey.PersonID, now time.Time) staffkey.Session {
	return staffkey.Session{
		ID: store.NewID[staffkey.SessionID](), Person: person, Assurance: staffkey.Assurance{Level: 3, PhishingResistant: true},
		Methods: []staffkey.MethodKind{staffkey.MethodPassword, staffkey.MethodSecurityKey}, SecurityKey: "key",
		CreatedAt: now, ProvedAt: now, LastSeenAt: now, IdleLimit: 15 * time.Minute, ExpiresAt: now.Add(12 * time.Hour),
		IP: "2001:db8::1", Browser: "Chrome on Windows",
	}
}

func addSession(t testing.TB, s *store.Store, session staffkey.Session) (secret string) {
	t.Helper()
	secret = string(session.ID) + "." + rand.Text()
	change(t, s, func(tx *store.Tx) error { return insertSession(tx, session, secret) })
	return secret
}

// insertSession opens a session where its person is.
func insertSession(tx *store.Tx, session staffkey.Session, secret string) error {
	p, err := tx.FindPerson(session.Person)
	if err != nil {
		return err
	}
	return tx.InsertSession(session, p.Organisation, secret)
}

func findSession(t testing.TB, s *store.Store, secret string) (session staffkey.Session, person staffkey.Person) {
	t.Helper()
	read(t, s, func(tx *store.Tx) (err error) {
		session, person, err = tx.FindSession(secret)
		return err
	})
	return session, person
}

func TestSessionRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		amara := addPerson(t, s, w.trust.ID, "amara")
		full := newSession(amara.ID, odd)
		full.ProvedAt = odd.Add(-time.Minute)
		bare := staffkey.Session{ID: "bare", Person: amara.ID, CreatedAt: stored, ProvedAt: stored, LastSeenAt: stored, ExpiresAt: stored}
		for _, session := range []staffkey.Session{full, bare} {
			secret := addSession(t, s, session)
			want := session
			for _, at := range []*time.Time{&want.CreatedAt, &want.ProvedAt, &want.LastSeenAt, &want.ExpiresAt} {
				*at = at.UTC().Truncate(time.Microsecond)
			}
			got, person := findSession(t, s, secret)
			if diff := cmp.Diff(want, got, exactTimes); diff != "" {
				t.Errorf("session (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(amara, person, exactTimes); diff != "" {
				t.Errorf("person (-want +got)\n%s", diff)
			}
			refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error {
				return insertSession(tx, session, secret)
			})
		}
		for _, secret := range []string{"", ".", "unknown", string(full.ID), string(full.ID) + ".", string(full.ID) + "." + rand.Text()} {
			missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Session, error) {
				session, _, err := tx.FindSession(secret)
				return session, err
			})
		}
	})
}

func TestInsertSessionNeedsAnActivePerson(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		amara := addPerson(t, s, w.trust.ID, "amara")
		secret := addSession(t, s, newSession(amara.ID, clock.Now()))
		refuse := func(person staffkey.PersonID, where staffkey.OrganisationID) {
			refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.InsertSession(newSession(person, clock.Now()), where, rand.Text()) })
		}
		refuse(amara.ID, w.other.ID) // found there, and moved meanwhile
		refuse("nobody", w.trust.ID)
		amara = disable(t, s, amara)
		refuse(amara.ID, w.trust.ID)
		if _, person := findSession(t, s, secret); person.State != staffkey.PersonDisabled {
			t.Errorf("the person of an open session is %s, want disabled: whoever asks has to see it at once", person.State)
		}
	})
}

func TestSessionLife(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		session := newSession(amara.ID, clock.Now())
		secret := addSession(t, s, session)
		alive := func(want bool, when string) {
			t.Helper()
			got, _ := findSession(t, s, secret)
			if got.Alive(clock.Now()) != want {
				t.Errorf("%s: alive is %t, want %t", when, !want, want)
			}
			list := get(t, s, func(tx *store.Tx) ([]staffkey.Session, error) { return tx.ListSessions(amara.ID) })
			if (len(list) == 1) != want {
				t.Errorf("%s: %d sessions are listed", when, len(list))
			}
		}
		touch := func() { t.Helper(); change(t, s, func(tx *store.Tx) error { return tx.TouchSession(session.ID) }) }
		alive(true, "at the start")
		clock.Advance(14 * time.Minute)
		touch()
		clock.Advance(14 * time.Minute)
		alive(true, "28 minutes after the start, 14 after the last use")
		clock.Advance(time.Minute)
		alive(false, "15 minutes after the last use")

		session = newSession(amara.ID, clock.Now())
		session.IdleLimit = 24 * time.Hour
		secret = addSession(t, s, session)
		clock.Advance(session.ExpiresAt.Sub(clock.Now()) - time.Microsecond)
		touch()
		alive(true, "just before the absolute end")
		clock.Advance(time.Microsecond)
		alive(false, "at the absolute end, used or not")

		session = newSession(amara.ID, clock.Now())
		secret = addSession(t, s, session)
		refused(t, s, staffkey.ErrNotFound, func(tx *store.Tx) error { return tx.EndSession("nobody", session.ID) })
		alive(true, "after somebody else tried to end it")
		end := func(tx *store.Tx) error { return tx.EndSession(amara.ID, session.ID) }
		change(t, s, end)
		alive(false, "after its end")
		ended := clock.Now()
		clock.Advance(time.Second)
		refused(t, s, staffkey.ErrNotFound, end)
		touch()
		got, _ := findSession(t, s, secret)
		if got.EndedAt != ended || got.LastSeenAt != ended {
			t.Errorf("ended at %v and last seen at %v, want %v for both: what ended is never revived", got.EndedAt, got.LastSeenAt, ended)
		}
	})
}

// A clock that is behind on another node takes nothing back.
func TestTouchSessionNeverGoesBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		session := newSession(amara.ID, clock.Now())
		secret := addSession(t, s, session)
		clock.Advance(-time.Second)
		change(t, s, func(tx *store.Tx) error { return tx.TouchSession(session.ID) })
		if got, _ := findSession(t, s, secret); got.LastSeenAt != session.LastSeenAt {
			t.Errorf("last seen at %v, want %v", got.LastSeenAt, session.LastSeenAt)
		}
	})
}

func TestEndManySessions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		amara, bryn := addPerson(t, s, w.trust.ID, "amara"), addPerson(t, s, w.trust.ID, "bryn")
		add := func(p staffkey.Person, key staffkey.SecurityKeyID, expires time.Duration) staffkey.SessionID {
			session := newSession(p.ID, clock.Now())
			session.SecurityKey, session.ExpiresAt = key, clock.Now().Add(expires)
			addSession(t, s, session)
			clock.Advance(time.Microsecond)
			return session.ID
		}
		first, second := add(amara, "blue", time.Hour), add(amara, "blue", time.Hour)
		third, fourth := add(amara, "red", time.Hour), add(amara, "", time.Hour)
		add(amara, "red", 0) // over already
		brynOwn := add(bryn, "blue", time.Hour)
		open := func(p staffkey.Person) (ids []staffkey.SessionID) {
			t.Helper()
			for _, session := range get(t, s, func(tx *store.Tx) ([]staffkey.Session, error) { return tx.ListSessions(p.ID) }) {
				ids = append(ids, session.ID)
			}
			return ids
		}
		end := func(want int64, fn func(*store.Tx) (int64, error)) {
			t.Helper()
			change(t, s, func(tx *store.Tx) error {
				n, err := fn(tx)
				if n != want {
					t.Errorf("ended %d sessions, want %d", n, want)
				}
				return err
			})
		}
		if diff := cmp.Diff([]staffkey.SessionID{fourth, third, second, first}, open(amara)); diff != "" {
			t.Errorf("latest first (-want +got)\n%s", diff)
		}
		end(1, func(tx *store.Tx) (int64, error) {
			return tx.EndSessionsFrom(amara.ID, staffkey.KeyAncestor("blue"), second)
		})
		if diff := cmp.Diff([]staffkey.SessionID{fourth, third, second}, open(amara)); diff != "" {
			t.Errorf("without those of the key (-want +got)\n%s", diff)
		}
		end(1, func(tx *store.Tx) (int64, error) {
			return tx.EndSessionsFrom(amara.ID, staffkey.KeyAncestor("red"), "")
		}) // what is over does not count
		end(1, func(tx *store.Tx) (int64, error) { return tx.EndSessions(amara.ID, second) })
		end(1, func(tx *store.Tx) (int64, error) { return tx.EndSessions(amara.ID, "") })
		end(0, func(tx *store.Tx) (int64, error) { return tx.EndSessions(amara.ID, "") })
		if diff := cmp.Diff([]staffkey.SessionID{brynOwn}, open(bryn)); diff != "" {
			t.Errorf("another person's sessions (-want +got)\n%s", diff)
		}
	})
}

func TestCeremonyIsSpentOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		spend := func(id staffkey.CeremonyID) func(*store.Tx) error {
			return func(tx *store.Tx) error { return tx.SpendCeremony(id, clock.Now().Add(staffkey.CeremonyLife)) }
		}
		change(t, s, spend("one"))
		refused(t, s, staffkey.ErrConflict, spend("one"))
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { // twice in one change
			if err := spend("two")(tx); err != nil {
				return err
			}
			return spend("two")(tx)
		})
		change(t, s, spend("two"))

		// A replay takes everything of its transaction with it.
		session := newSession(amara.ID, clock.Now())
		secret := string(session.ID) + "." + rand.Text()
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error {
			if err := insertSession(tx, session, secret); err != nil {
				return err
			}
			return spend("one")(tx)
		})
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Session, error) {
			session, _, err := tx.FindSession(secret)
			return session, err
		})
		for range 3 {
			id := staffkey.CeremonyID(rand.Text())
			oneOnly(t, parallel(64, func(int) error { return s.Change(context.Background(), event, spend(id)) }), staffkey.ErrConflict)
		}
	})
}

func TestSweep(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		now := clock.Now()
		// The sweep finds both by ids that begin with the time; these are as old as an id can be, whatever the test's clock says.
		session := newSession(amara.ID, now)
		session.ID = "00000000-0000-7000-8000-000000000000"
		const spent staffkey.CeremonyID = "00000000-0000-7000-8000-000000000000"
		secret := addSession(t, s, session)
		change(t, s, func(tx *store.Tx) error {
			if _, err := tx.CountFailure("subject", now.Add(time.Hour)); err != nil {
				return err
			}
			return tx.SpendCeremony(spent, now.Add(staffkey.CeremonyLife))
		})
		sweep := func() { t.Helper(); change(t, s, (*store.Tx).Sweep) }
		clock.Advance(2 * staffkey.CeremonyLife) // a ceremony that may still be answered anywhere is remembered
		sweep()
		refused(t, s, staffkey.ErrConflict, func(tx *store.Tx) error { return tx.SpendCeremony(spent, now) })
		clock.Advance(time.Hour)
		sweep()
		change(t, s, func(tx *store.Tx) error { return tx.SpendCeremony(spent, now.Add(-time.Hour)) })
		findSession(t, s, secret)
		clock.Advance(31 * 24 * time.Hour)
		sweep()
		missing(t, s, staffkey.ErrNotFound, func(tx *store.Tx) (staffkey.Session, error) {
			session, _, err := tx.FindSession(secret)
			return session, err
		})
	})
}
