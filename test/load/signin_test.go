package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/pgtest"
	"staffkey/internal/portal"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/store"
	"staffkey/test/program"
)

const benchAddress = "http://localhost:8080"

// BenchmarkSignIn is a complete sign-in by key through the handlers of the product, without a network between: what a profile shows is
// the server's own work and the work of the software keys. For each engine there are eight people at a time, as in the load driver.
//
//	go test ./test/load -run '^$' -bench SignIn -cpuprofile cpu.out
func BenchmarkSignIn(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		benchmarkSignIn(b, store.Config{SQLite: filepath.Join(b.TempDir(), "staffkey.db")})
	})
	b.Run("postgres", func(b *testing.B) {
		server, stop, err := pgtest.Start()
		if errors.Is(err, pgtest.ErrNotInstalled) {
			b.Skip(err)
		}
		check(b, err)
		b.Cleanup(stop)
		database, drop, err := program.NewDatabase(b.Context(), server)
		check(b, err)
		b.Cleanup(func() { check(b, drop()) })
		benchmarkSignIn(b, store.Config{PostgreSQL: database})
	})
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func benchmarkSignIn(b *testing.B, cfg store.Config) {
	const people = 8
	handler, keys := benchServer(b, cfg, people)
	b.Run("page", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if status, _, _ := fetch(handler, "GET", "/signin", ""); status != http.StatusOK {
				b.Fatalf("GET /signin: status %d", status)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		b.ResetTimer()
		var next atomic.Int64
		var group sync.WaitGroup
		for _, key := range keys {
			group.Go(func() {
				for next.Add(1) <= int64(b.N) {
					if err := signInDirectly(handler, key); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
	})
}

// benchServer wires the product on an empty database, as cmd/staffkeyd does, with people who have a key each.
func benchServer(b *testing.B, cfg store.Config, people int) (http.Handler, []*softkey.Key) {
	b.Helper()
	ctx := context.Background()
	var err error
	cfg.Sealer, err = store.OpenSealer(filepath.Join(b.TempDir(), "sealing-key"))
	check(b, err)
	s, err := store.Open(ctx, cfg)
	check(b, err)
	b.Cleanup(func() { check(b, s.Close()) })
	check(b, s.Migrate(ctx))
	method := securitykey.New(securitykey.Config{ID: "localhost", Name: "Staffkey", Origins: []string{benchAddress}})
	service := signin.New(signin.Deps{Store: s, Methods: []signin.Method{method}, Address: benchAddress})
	pages, err := ui.New()
	check(b, err)
	p, err := portal.New(portal.Deps{
		SignIn: service, Directory: directory.New(directory.Deps{Store: s, Usable: service.Usable, Refused: service.RefusedKeys}), Sealer: s.Sealer(), UI: pages,
		Address: benchAddress, RPID: "localhost", Health: s.Health,
	})
	check(b, err)

	organisation := staffkey.Organisation{ID: store.NewID[staffkey.OrganisationID](), Code: "NMF", Name: "Northmoor Health Federation"}
	event := staffkey.Event(staffkey.EventOrganisationAdded, staffkey.ConsoleActor())
	check(b, s.Change(ctx, event, func(tx *store.Tx) error { return tx.InsertOrganisation(organisation) }))
	keys := make([]*softkey.Key, people)
	for i := range keys {
		keys[i] = benchPerson(b, s, method, organisation.ID, username("bench", i))
	}
	return p, keys
}

// benchPerson adds a person and registers a key for them.
func benchPerson(b *testing.B, s *store.Store, method *securitykey.Method, organisation staffkey.OrganisationID, name string) *softkey.Key {
	b.Helper()
	ctx, now := context.Background(), time.Now()
	p := staffkey.Person{ID: store.NewID[staffkey.PersonID](), Organisation: organisation, Username: name, Name: name, State: staffkey.PersonActive, CreatedAt: now}
	subject := signin.Enrolling{Subject: signin.Subject{Person: p}, Now: now}
	challenge, err := method.BeginEnrolment(ctx, subject)
	check(b, err)
	key := program.NewKey()
	answer, err := key.Create(benchAddress, challenge.Options)
	check(b, err)
	enrolled, err := method.FinishEnrolment(ctx, subject, staffkey.Ceremony{State: challenge.State}, answer)
	check(b, err)
	k := *enrolled.Key
	k.ID, k.Person, k.State, k.Nickname, k.RegisteredAt, k.RegisteredBy = store.NewID[staffkey.SecurityKeyID](), p.ID, staffkey.SecurityKeyActive, "Lanyard", now, p.ID
	event := staffkey.Event(staffkey.EventPersonAdded, staffkey.ConsoleActor())
	check(b, s.Change(ctx, event, func(tx *store.Tx) error {
		if err := tx.InsertPeople(p); err != nil {
			return err
		}
		return tx.InsertSecurityKey(k)
	}))
	return key
}

func signInDirectly(handler http.Handler, key *softkey.Key) error {
	status, page, _ := fetch(handler, "GET", "/signin", "")
	if status != http.StatusOK {
		return errors.New("GET /signin: " + http.StatusText(status))
	}
	options, sealed, err := ceremonyOf(page)
	if err != nil {
		return err
	}
	credential, err := key.Get(benchAddress, options)
	if err != nil {
		return err
	}
	status, body, header := fetch(handler, "POST", "/signin/passwordless", answerOf(sealed, credential))
	if status != http.StatusOK || !strings.Contains(header.Get("Set-Cookie"), "staffkey-session=") {
		return errors.New("POST /signin/passwordless: " + string(body))
	}
	return nil
}

func fetch(handler http.Handler, method, path, body string) (int, []byte, http.Header) {
	var content io.Reader = http.NoBody
	if body != "" {
		content = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, benchAddress+path, content)
	r.Header.Set("User-Agent", userAgent)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code, w.Body.Bytes(), w.Header()
}
