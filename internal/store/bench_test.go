package store_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// eachEngine runs a benchmark on each engine with each number of callers at once.
func eachEngine(b *testing.B, callers []int, body func(b *testing.B, s *store.Store, callers int)) {
	for _, engine := range storetest.Engines(b) {
		for _, n := range callers {
			b.Run(fmt.Sprintf("%s/%d", engine, n), func(b *testing.B) {
				body(b, storetest.Open(b, engine, time.Now), n)
			})
		}
	}
}

// together lets callers share b.N calls of fn and ends the benchmark at the first error.
func together(b *testing.B, callers int, fn func(caller int) error) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	var next atomic.Int64
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				if err := fn(caller); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// BenchmarkChange is the smallest change: one row and its event, durable.
func BenchmarkChange(b *testing.B) {
	eachEngine(b, []int{1, 8, 64}, func(b *testing.B, s *store.Store, callers int) {
		together(b, callers, func(int) error {
			id := store.NewID[staffkey.CeremonyID]()
			return s.Change(context.Background(), event, func(tx *store.Tx) error { return tx.SpendCeremony(id, tx.Now) })
		})
	})
}

// BenchmarkFindSession is what every request of a signed-in person costs in the store.
func BenchmarkFindSession(b *testing.B) {
	eachEngine(b, []int{1, 8}, func(b *testing.B, s *store.Store, callers int) {
		amara := addPerson(b, s, plant(b, s).trust.ID, "amara")
		secret := addSession(b, s, newSession(amara.ID, time.Now()))
		together(b, callers, func(int) error {
			return s.Read(context.Background(), func(tx *store.Tx) error {
				_, _, err := tx.FindSession(secret)
				return err
			})
		})
	})
}

// BenchmarkSignInStatements runs the statements of one sign-in with a security key: one read and one durable change.
func BenchmarkSignInStatements(b *testing.B) {
	eachEngine(b, []int{1, 8, 64}, func(b *testing.B, s *store.Store, callers int) {
		w := plant(b, s)
		keys := make([]staffkey.SecurityKey, callers)
		settings := staffkey.PolicySettings{Sessions: &staffkey.SessionLimits{IdleAAL2: 60, AbsoluteAAL2: 1440, IdleAAL3: 15, AbsoluteAAL3: 720}}
		change(b, s, func(tx *store.Tx) error { return tx.PutPolicySettings(w.root.ID, settings) })
		for i := range callers {
			keys[i] = addKey(b, s, addPerson(b, s, w.trust.ID, fmt.Sprintf("staff%d", i)).ID, "Blue")
		}
		together(b, callers, func(caller int) error {
			return signIn(s, keys[caller].CredentialID)
		})
	})
}

func signIn(s *store.Store, credential []byte) error {
	ctx := context.Background()
	var found store.KeyHolder
	err := s.Read(ctx, func(tx *store.Tx) (err error) {
		found, err = tx.FindKeyHolder(credential)
		return err
	})
	if err != nil {
		return err
	}
	key, person := found.Key, found.Person
	e := staffkey.AuditEvent{
		Kind: staffkey.EventSignedIn, Outcome: staffkey.OutcomeDone, Actor: person.ID, ActorName: person.Name, Person: person.ID,
		Organisation: person.Organisation, Subject: string(key.ID), SubjectName: key.Nickname, IP: "192.0.2.1", Browser: "Chrome on Windows",
	}
	ceremony := store.NewID[staffkey.CeremonyID]()
	return s.Change(ctx, e, func(tx *store.Tx) error {
		if err := tx.Soon(nil, func() error { return tx.SpendCeremony(ceremony, tx.Now.Add(staffkey.CeremonyLife)) }); err != nil {
			return err
		}
		use := store.KeyUse{Key: key.ID, SeenCount: key.SignCount, Count: key.SignCount + 1, Where: "Chrome on Windows"}
		if err := tx.Soon(nil, func() error { return tx.UseSecurityKey(use, found.Basis) }); err != nil {
			return err
		}
		session := newSession(person.ID, tx.Now)
		tx.Event.Session = session.ID
		return tx.Soon(nil, func() error {
			return tx.InsertSession(session, person.Organisation, string(session.ID)+"."+rand.Text())
		})
	})
}

// Folding is on the way of every sign-in.
func BenchmarkFold(b *testing.B) {
	for name, s := range map[string]string{"plain": "amara.okafor@northmoor.example", "capitals": "Amara.Okafor@Northmoor.example", "accents": "Zoë Ŵynn", "joined": "می\u200cخواهم"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				store.Fold(s)
			}
		})
	}
}
