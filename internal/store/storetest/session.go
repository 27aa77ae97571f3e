package storetest

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// Strong is what a key that has checked its person gives.
var Strong = staffkey.Assurance{Level: 3, PhishingResistant: true}

// SignIn opens a session of a person, proved at this instant with an assurance, and returns what they act as. What they may do is read by
// each operation.
func SignIn(t testing.TB, s *store.Store, p staffkey.Person, a staffkey.Assurance, now time.Time) staffkey.Actor {
	t.Helper()
	session := staffkey.Session{
		ID: store.NewID[staffkey.SessionID](), Person: p.ID, Assurance: a, CreatedAt: now, ProvedAt: now, LastSeenAt: now,
		IdleLimit: 100 * 24 * time.Hour, ExpiresAt: now.Add(100 * 24 * time.Hour),
	}
	err := s.Housekeep(context.Background(), func(tx *store.Tx) error {
		return tx.InsertSession(session, p.Organisation, string(session.ID)+"."+rand.Text())
	})
	if err != nil {
		t.Fatalf("sign %s in: %v", p.Username, err)
	}
	return staffkey.Actor{Person: p.ID, Name: p.Name, Session: session.ID, Origin: staffkey.Origin{IP: "192.0.2.1", Browser: "Chromium on Linux"}}
}
