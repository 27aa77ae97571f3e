package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// fill records events until the database has no room for another.
func fill(t *testing.T, s *store.Store) error {
	t.Helper()
	e := event
	e.Detail = map[string]string{"note": strings.Repeat("x", 2000)}
	for range 1000 {
		if err := s.Change(t.Context(), e, func(*store.Tx) error { return nil }); err != nil {
			return err
		}
	}
	t.Fatal("a database without room takes 1000 events")
	return nil
}

// maxPages bounds the size of a SQLite database, as a disk does.
func maxPages(t *testing.T, s *store.Store, n int) {
	t.Helper()
	err := s.Housekeep(t.Context(), func(tx *store.Tx) error {
		var now int
		return store.ScanRow(tx, fmt.Sprintf("PRAGMA max_page_count = %d", n), &now) // never below what there is
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFullDatabase(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	s := storetest.Open(t, "sqlite", clock.Now)
	if err := s.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	maxPages(t, s, 1)
	if err := fill(t, s); !errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("no room: got error %v, want ErrUnavailable", err)
	}
	if err := s.Health(t.Context()); !errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("health right after a change that found no room: %v, want ErrUnavailable", err)
	}
	if err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.CountPeople(); return err }); err != nil {
		t.Errorf("reading: %v", err)
	}
	clock.Advance(11 * time.Second)
	if err := s.Health(t.Context()); !errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("health, tried again: %v, want ErrUnavailable", err)
	}
	maxPages(t, s, 1_000_000)
	change(t, s, func(*store.Tx) error { return nil })
	if err := s.Health(t.Context()); !errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("health before it is tried again: %v, want what was found", err)
	}
	clock.Advance(11 * time.Second)
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("health with room again: %v", err)
	}
}

// probes are the rows that the probe of a database leaves.
func probes(t *testing.T, s *store.Store) (names []string) {
	t.Helper()
	for _, name := range []string{"write_probe/0", "write_probe/1"} {
		err := s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.FindInstallationValue(name); return err })
		if err == nil {
			names = append(names, name)
		}
	}
	return names
}

func TestHealth_tries_a_change_now_and_then(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		var seen []string
		for range 4 {
			for range 3 {
				if err := s.Health(t.Context()); err != nil {
					t.Fatal(err)
				}
				now := probes(t, s)
				if len(now) != 1 {
					t.Fatalf("probes %v, want one", now)
				}
				seen = append(seen, now[0])
			}
			clock.Advance(10 * time.Second)
		}
		if got := slices.Compact(seen); len(got) != 4 {
			t.Errorf("changes tried in half a minute: %v, want one each ten seconds", got)
		}
	})
}

// A server that follows another takes no changes and answers all the same.
func TestReadOnlyPostgreSQL(t *testing.T) {
	t.Parallel()
	if !slices.Contains(storetest.Engines(t), "postgresql") {
		t.Skip("there is no PostgreSQL here")
	}
	clock := storetest.NewClock()
	cfg := storetest.Config(t, "postgresql")
	cfg.Now, cfg.MaxConnections = clock.Now, 1
	s := storetest.OpenConfig(t, cfg)
	if err := s.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	// From now on this connection leads to such a server; another one would not.
	if err := s.Read(t.Context(), func(tx *store.Tx) error { return store.Exec(tx, "SET default_transaction_read_only = on") }); err != nil {
		t.Fatal(err)
	}
	err := s.Change(t.Context(), event, func(*store.Tx) error { return nil })
	if !errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("a change: got error %v, want ErrUnavailable", err)
	}
	if err := s.Health(t.Context()); !errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("health: %v, want ErrUnavailable", err)
	}
	change(t, s, func(*store.Tx) error { return nil }) // by another connection
	clock.Advance(11 * time.Second)
	if err := s.Health(t.Context()); err != nil {
		t.Errorf("health by another connection: %v", err)
	}

	// A server that takes none at all.
	mark := "?"
	if strings.Contains(cfg.PostgreSQL, "?") {
		mark = "&"
	}
	cfg.PostgreSQL += mark + "default_transaction_read_only=on"
	follower := openStore(t, cfg)
	for range 3 {
		if err := follower.Health(t.Context()); !errors.Is(err, staffkey.ErrUnavailable) {
			t.Errorf("health of a server that follows: %v, want ErrUnavailable", err)
		}
		clock.Advance(11 * time.Second)
	}
}

func TestWhatIsUnavailable(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), storetest.Config(t, "sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	unknown := s.Read(t.Context(), func(tx *store.Tx) error { return store.ScanRow(tx, "SELECT 1 FROM nothing", new(int)) })
	if unknown == nil || errors.Is(unknown, staffkey.ErrUnavailable) {
		t.Errorf("a fault of ours: %v, want another kind", unknown)
	}
	if err := s.Read(t.Context(), func(*store.Tx) error { return sql.ErrNoRows }); errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("no rows: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Change(over, event, func(*store.Tx) error { return nil }); !errors.Is(err, context.Canceled) || errors.Is(err, staffkey.ErrUnavailable) {
		t.Errorf("the caller has gone: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"read": s.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.CountPeople(); return err }), "change": s.Change(t.Context(), event, func(*store.Tx) error { return nil }),
		"health": s.Health(t.Context()),
	} {
		if !errors.Is(err, staffkey.ErrUnavailable) {
			t.Errorf("%s of a closed store: %v, want ErrUnavailable", what, err)
		}
	}
}
