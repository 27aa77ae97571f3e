package signintest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// Origin is where the requests of these tests come from.
var Origin = staffkey.Origin{IP: "192.0.2.7", Browser: "Chrome on Windows"}

// World is a small installation: one organisation, its people, and the sign-in operations over some methods.
type World struct {
	Store        *store.Store
	Clock        *storetest.Clock
	Service      *signin.Service
	Organisation staffkey.Organisation
	// Models is what is known of models of keys: nothing, unless a test sets it.
	Models *Models

	people []staffkey.PersonID
}

// NewWorld makes an installation with one organisation on an empty store.
func NewWorld(t testing.TB, s *store.Store, clock *storetest.Clock, methods ...signin.Method) *World {
	t.Helper()
	w := &World{
		Store: s, Clock: clock, Models: new(Models),
		Organisation: staffkey.Organisation{ID: store.NewID[staffkey.OrganisationID](), Code: "RX1", Name: "Nottingham", CreatedAt: clock.Now()},
	}
	w.Service = signin.New(signin.Deps{Store: s, Methods: methods, Address: "https://staffkey.example", Now: clock.Now, Models: w.Models})
	w.Change(t, func(tx *store.Tx) error { return tx.InsertOrganisation(w.Organisation) })
	return w
}

// Models says the same of every key.
type Models struct {
	mu    sync.Mutex
	trust staffkey.Trust
	model staffkey.Model
	// recalls are those of any model.
	recalls []staffkey.Recall
	// certified is what a key's registration has to be for the findings to spare it, nil when that is not looked at.
	certified []byte
}

// Set changes what is said: how far attestations can be believed, and what is known of the model.
func (m *Models) Set(trust staffkey.Trust, model staffkey.Model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.trust, m.model = trust, model
}

// Recall changes what is recalled, whichever model and firmware it is of.
func (m *Models) Recall(recalls ...staffkey.Recall) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recalls = recalls
}

// Spare makes the findings concern other certificates than those of a registration.
func (m *Models) Spare(attestationObject []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.certified = attestationObject
}

// NeedsRegistration implements signin.Models.
func (m *Models) NeedsRegistration(staffkey.SecurityKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.certified != nil
}

// RecallsOf implements signin.Models.
func (m *Models) RecallsOf(k staffkey.SecurityKey) []staffkey.Recall {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := slices.Clone(m.recalls)
	for i := range list {
		list[i].AAGUID = k.AAGUID
	}
	return list
}

// Judge implements signin.Models.
func (m *Models) Judge(staffkey.SecurityKey) (staffkey.Trust, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.trust, 1
}

// Facts implements signin.Models.
func (m *Models) Facts(k staffkey.SecurityKey) staffkey.KeyFacts {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := staffkey.KeyFacts{Model: m.model, Trust: k.Trust}
	f.Model.AAGUID = k.AAGUID
	if m.certified != nil && bytes.Equal(k.AttestationObject, m.certified) {
		f.Model.Findings = nil
	}
	return f
}

// Change changes the store, which must work.
func (w *World) Change(t testing.TB, fn func(*store.Tx) error) {
	t.Helper()
	event := staffkey.Event(staffkey.EventPersonChanged, staffkey.ConsoleActor())
	if err := w.Store.Change(t.Context(), event, fn); err != nil {
		t.Fatal(err)
	}
}

// Read reads the store, which must work.
func (w *World) Read(t testing.TB, fn func(*store.Tx) error) {
	t.Helper()
	if err := w.Store.Read(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// AddPerson adds an active person who has nothing to sign in with.
func (w *World) AddPerson(t testing.TB, username string) staffkey.Person {
	t.Helper()
	p := staffkey.Person{
		ID: store.NewID[staffkey.PersonID](), Organisation: w.Organisation.ID, Username: username, Email: username + "@staff.example",
		Name: "Person " + username, State: staffkey.PersonActive, CreatedAt: w.Clock.Now(),
	}
	w.Change(t, func(tx *store.Tx) error { return tx.InsertPeople(p) })
	w.people = append(w.people, p.ID)
	return p
}

// Disable disables a person.
func (w *World) Disable(t testing.TB, p staffkey.Person) {
	t.Helper()
	w.Change(t, func(tx *store.Tx) error {
		seen, err := tx.FindPerson(p.ID)
		if err != nil {
			return err
		}
		next, err := policy.ChangeState(seen, policy.ActDisable, tx.Now)
		if err != nil {
			return err
		}
		return tx.PutPersonState(seen, next)
	})
}

// Attempt is the attempt of a person who has just given a right password.
func (w *World) Attempt(p staffkey.Person) signin.Attempt {
	now := w.Clock.Now()
	return signin.Attempt{Person: p.ID, ProvedAt: now, ExpiresAt: now.Add(signin.AttemptLife)}
}

// Browser is a browser in which somebody is signed in.
type Browser struct {
	Secret  string
	Session staffkey.Session
	Actor   staffkey.Actor
	// May is what they could do when it was opened.
	May staffkey.Authority
}

// Browser returns the browser in which a session has just been opened.
func (w *World) Browser(t testing.TB, in signin.SignedIn) Browser {
	t.Helper()
	cur, err := w.Service.Find(t.Context(), Origin, in.Secret)
	if err != nil {
		t.Fatalf("find the session just opened: %v", err)
	}
	return Browser{Secret: in.Secret, Session: cur.Session, Actor: cur.Actor, May: cur.May}
}

// Enter signs a person in who has nothing but a password.
func (w *World) Enter(t testing.TB, p staffkey.Person) Browser {
	t.Helper()
	in, err := w.Service.Enter(t.Context(), Origin, w.Attempt(p), staffkey.Session{})
	if err != nil {
		t.Fatalf("enter as %s: %v", p.Username, err)
	}
	return w.Browser(t, in)
}

// Refusals returns the refused events of the log, oldest first.
func (w *World) Refusals(t testing.TB) []staffkey.AuditEvent {
	t.Helper()
	var refused []staffkey.AuditEvent
	w.Read(t, func(tx *store.Tx) error {
		events, err := tx.ListAuditEvents(store.AuditFilter{OldestFirst: true, Limit: 100_000})
		for _, e := range events {
			if e.Outcome == staffkey.OutcomeRefused {
				refused = append(refused, e)
			}
		}
		return err
	})
	return refused
}

// Sessions counts the open sessions of everybody.
func (w *World) Sessions(t testing.TB) int {
	t.Helper()
	n := 0
	w.Read(t, func(tx *store.Tx) error {
		n = 0
		for _, p := range w.people {
			list, err := tx.ListSessions(p)
			if err != nil {
				return err
			}
			n += len(list)
		}
		return nil
	})
	return n
}

// Refused does something that one rule must refuse, with one refused event and without opening or ending a session.
func (w *World) Refused(t testing.TB, rule string, do func() error) {
	t.Helper()
	events, sessions := w.Refusals(t), w.Sessions(t)
	if err := do(); RuleOf(err) != rule {
		t.Errorf("got error %v, want a refusal by %q", err, rule)
	}
	switch added := w.Refusals(t)[len(events):]; {
	case len(added) != 1:
		t.Errorf("%d refused events, want 1: %+v", len(added), added)
	case added[0].Detail["rule"] != rule:
		t.Errorf("the log says rule %q, want %q", added[0].Detail["rule"], rule)
	}
	if got := w.Sessions(t); got != sessions {
		t.Errorf("%d open sessions after a refusal, want %d as before", got, sessions)
	}
}

// Rest lets a day and a night go by, after which nobody waits any more because of wrong answers or of codes that were sent.
func (w *World) Rest() { w.Clock.Advance(24 * time.Hour) }

// LatestCode returns the code in the latest message to a person.
func (w *World) LatestCode(t testing.TB, person staffkey.PersonID) string {
	t.Helper()
	var code string
	w.Read(t, func(tx *store.Tx) error {
		list, err := tx.ListOutgoing(store.OutgoingFilter{Person: person})
		for _, m := range list {
			if c := m.Args["Code"]; c != "" {
				code = c
			}
		}
		return err
	})
	if code == "" {
		t.Fatalf("no code was sent to %s", person)
	}
	return code
}

// RuleOf names the rule of a refusal; "" for anything else.
func RuleOf(err error) string {
	var r *staffkey.Refusal
	if errors.As(err, &r) {
		return r.Rule
	}
	return ""
}

// Parallel calls fn n times at once and returns what came of it. fn must not call t.FailNow.
func Parallel(n int, fn func(i int) error) []error {
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

// Once checks that exactly one of many succeeded, and that all others were told so by a refusal, as expired or to wait.
func Once(t testing.TB, errs []error) {
	t.Helper()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, staffkey.ErrRefused) && !errors.Is(err, staffkey.ErrExpired) && !errors.Is(err, staffkey.ErrThrottled):
			t.Errorf("got error %v, want a refusal", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d succeeded, want 1", won, len(errs))
	}
}

// instantly is one step of the clock: what both engines can store (store.Tx.Now).
const instantly = time.Microsecond
