package store_test

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// event is what the changes of these tests record when they ask nothing of the log.
var event = staffkey.AuditEvent{Kind: staffkey.EventPersonChanged, Outcome: staffkey.OutcomeDone}

// exactTimes compares instants with their location, so that a time which comes back in another zone is a difference.
var exactTimes = cmp.Comparer(func(a, b time.Time) bool { return a == b })

// odd is an instant that shows every loss: another zone and nanoseconds; stored is what remains of it.
var (
	odd    = time.Date(2026, 6, 30, 23, 59, 59, 987654321, time.FixedZone("", -3*3600))
	stored = time.Date(2026, 7, 1, 2, 59, 59, 987654000, time.UTC)
)

// change makes a change that must work. fn runs on the writer and must not call t.FailNow.
func change(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Change(context.Background(), event, fn); err != nil {
		t.Fatal(err)
	}
}

// refused makes a change that must fail with an error of a kind.
func refused(t testing.TB, s *store.Store, want error, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Change(context.Background(), event, fn); !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// read reads, which must work.
func read(t testing.TB, s *store.Store, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Read(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// get reads one value, which must be there.
func get[T any](t testing.TB, s *store.Store, find func(*store.Tx) (T, error)) (v T) {
	t.Helper()
	read(t, s, func(tx *store.Tx) (err error) {
		v, err = find(tx)
		return err
	})
	return v
}

// missing reads a value that must be refused with an error of a kind.
func missing[T any](t testing.TB, s *store.Store, want error, find func(*store.Tx) (T, error)) {
	t.Helper()
	err := s.Read(context.Background(), func(tx *store.Tx) error {
		_, err := find(tx)
		return err
	})
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

// parallel calls fn n times at once and returns the errors.
func parallel(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	wg.Wait()
	return errs
}

// oneOnly checks that exactly one of several takers got the thing, and that all others were told why not.
func oneOnly(t testing.TB, errs []error, want error) {
	t.Helper()
	taken := 0
	for _, err := range errs {
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, want):
			t.Errorf("got error %v, want %v", err, want)
		}
	}
	if taken != 1 {
		t.Errorf("%d of %d took it, want 1", taken, len(errs))
	}
}

// tree is a small health service: the root, a region below it with a trust of its own, and a second trust below the root.
type tree struct{ root, region, trust, other staffkey.Organisation }

func plant(t testing.TB, s *store.Store) tree {
	t.Helper()
	organisation := func(parent staffkey.OrganisationID, code, name string) staffkey.Organisation {
		return staffkey.Organisation{
			ID: store.NewID[staffkey.OrganisationID](), Parent: parent, Code: code, Name: name, Phone: "01632 960001", CreatedAt: stored,
		}
	}
	var w tree
	w.root = organisation("", "NHS", "Health service")
	w.region = organisation(w.root.ID, "R1", "North")
	w.trust = organisation(w.region.ID, "RX1", "Nottingham")
	w.other = organisation(w.root.ID, "RX2", "Exeter")
	change(t, s, func(tx *store.Tx) error {
		for _, o := range []staffkey.Organisation{w.root, w.region, w.trust, w.other} {
			if err := tx.InsertOrganisation(o); err != nil {
				return err
			}
		}
		return nil
	})
	return w
}

func newPerson(organisation staffkey.OrganisationID, username string) staffkey.Person {
	return staffkey.Person{
		ID: store.NewID[staffkey.PersonID](), Organisation: organisation, Username: username, Email: username + "@nhs.example",
		Name: "Person " + username, EmployeeNumber: "E-" + username, Phone: "01632 960002", State: staffkey.PersonActive, CreatedAt: stored,
	}
}

// addPerson stores a new active person.
func addPerson(t testing.TB, s *store.Store, organisation staffkey.OrganisationID, username string) staffkey.Person {
	t.Helper()
	p := newPerson(organisation, username)
	change(t, s, func(tx *store.Tx) error { return tx.InsertPeople(p) })
	return p
}

// disable disables a person, who must be active.
func disable(t testing.TB, s *store.Store, p staffkey.Person) staffkey.Person {
	t.Helper()
	gone := p
	gone.State = staffkey.PersonDisabled
	change(t, s, func(tx *store.Tx) error { return tx.PutPersonState(p, gone) })
	return gone
}

func newKey(person staffkey.PersonID, nickname string) staffkey.SecurityKey {
	return staffkey.SecurityKey{
		ID: store.NewID[staffkey.SecurityKeyID](), Person: person, State: staffkey.SecurityKeyActive, Nickname: nickname,
		CredentialID: []byte(rand.Text()), PublicKey: []byte{0xa5, 1, 2, 0, 0xff}, UserHandle: []byte(rand.Text()), SignCount: 41,
		AAGUID: "cb69481e-8ff7-4039-93ec-0a2729a154a8", Transports: []string{"usb", "nfc"}, UserVerified: true, Discoverable: true,
		AttestationFormat: "packed", AttestationObject: []byte{1}, ClientDataJSON: []byte("{}"), RegisteredAt: stored, RegisteredBy: person, RPID: "staff.example.org",
	}
}

// addKey stores a new active key.
func addKey(t testing.TB, s *store.Store, person staffkey.PersonID, nickname string) staffkey.SecurityKey {
	t.Helper()
	k := newKey(person, nickname)
	change(t, s, func(tx *store.Tx) error { return tx.InsertSecurityKey(k) })
	return k
}
