// Package storetest gives tests an empty, migrated store on each engine: SQLite always, PostgreSQL when TEST_POSTGRES
// names a server (a schema of its own per test). With TEST_ENGINES=all a missing server fails the test instead of
// leaving PostgreSQL out, so that a check can never pass on half of the engines.
package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"staffkey/internal/store"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx", to make and drop schemas
)

// Clock is a clock that a test moves.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock starts a clock at a fixed instant.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)} }

// Now is the clock's instant.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Engines lists the engines that tests run on here.
func Engines(t testing.TB) []string {
	if os.Getenv("TEST_POSTGRES") != "" {
		return []string{"sqlite", "postgresql"}
	}
	if os.Getenv("TEST_ENGINES") == "all" {
		t.Fatal("TEST_ENGINES=all, but TEST_POSTGRES names no server")
	}
	return []string{"sqlite"}
}

// Each runs body once per engine, each time on an empty store with a clock of its own.
func Each(t *testing.T, body func(t *testing.T, s *store.Store, clock *Clock)) {
	t.Helper()
	for _, engine := range Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			body(t, Open(t, engine, clock.Now), clock)
		})
	}
}

// Open opens an empty, migrated store on an engine; it is closed when the test ends.
func Open(t testing.TB, engine string, now func() time.Time) *store.Store {
	t.Helper()
	cfg := Config(t, engine)
	cfg.Now = now
	return OpenConfig(t, cfg)
}

// OpenConfig opens and migrates the store of a configuration, so that a test can open one twice.
func OpenConfig(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close store: %v", err)
		}
	})
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

// Config returns the configuration of an empty database on an engine, with a new sealing key.
func Config(t testing.TB, engine string) store.Config {
	t.Helper()
	dir := t.TempDir()
	sealer, err := store.OpenSealer(filepath.Join(dir, "sealing-key"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := store.Config{Sealer: sealer}
	if engine == "postgresql" {
		cfg.PostgreSQL, cfg.MaxConnections = Schema(t), 8
	} else {
		cfg.SQLite = filepath.Join(dir, "staffkey.db")
	}
	return cfg
}

// Schema makes an empty schema on the server of TEST_POSTGRES, dropped when the test ends, and returns a URL that uses it.
func Schema(t testing.TB) string {
	t.Helper()
	server := os.Getenv("TEST_POSTGRES")
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("t_%x", [16]byte(uuid.New()))
	if _, err := db.Exec("CREATE SCHEMA " + name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := db.Exec("DROP SCHEMA " + name + " CASCADE"); err != nil {
			t.Errorf("drop schema: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}
