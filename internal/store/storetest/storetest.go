// Package storetest gives tests an empty, migrated store on each engine: SQLite always, PostgreSQL when TEST_POSTGRES
// names a server (a schema of its own per test). With TEST_ENGINES=all a missing server fails the test instead of
// leaving PostgreSQL out, so that a check can never pass on half of the engines.
package storetest

import (
	"context"
	"database/sql"
	"errors"
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
	if cfg.SQLite != "" {
		layMigrated(t, cfg.SQLite)
	}
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

// migrated is a SQLite file with the schema of this release and nothing else. It is made once for all tests of a process: under the race
// detector a migration costs half a second of CPU, as much as most of the tests that want its result.
var migrated = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "storetest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	sealer, err := store.OpenSealer(filepath.Join(dir, "sealing-key"))
	if err != nil {
		return nil, err
	}
	s, err := store.Open(context.Background(), store.Config{SQLite: filepath.Join(dir, "staffkey.db"), Sealer: sealer})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if err := s.Migrate(context.Background()); err != nil {
		return nil, err
	}
	return withoutKey(filepath.Join(dir, "staffkey.db"), filepath.Join(dir, "copy.db"))
})

// withoutKey returns a consistent copy of a database file that no sealing key owns yet.
func withoutKey(file, copied string) ([]byte, error) {
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if _, err := db.Exec("VACUUM INTO ?", copied); err != nil {
		return nil, err
	}
	c, err := sql.Open("sqlite", copied)
	if err != nil {
		return nil, err
	}
	if _, err := c.Exec("DELETE FROM installation WHERE name = 'sealing_check'"); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(copied)
}

// layMigrated puts a migrated database where a test is going to open one, unless there is one already.
func layMigrated(t testing.TB, file string) {
	t.Helper()
	if _, err := os.Stat(file); err == nil {
		return
	}
	content, err := migrated()
	if err == nil {
		err = os.WriteFile(file, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
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
