package store_test

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

func TestCheckIntegrity(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		if err := s.CheckIntegrity(context.Background()); err != nil {
			t.Errorf("a sound database: want no error, got %v", err)
		}
	})
}

func TestCheckIntegrityFindsDamage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sealer, err := store.OpenSealer(filepath.Join(dir, "sealing-key"))
	if err != nil {
		t.Fatal(err)
	}
	cfg := store.Config{SQLite: filepath.Join(dir, "staffkey.db"), Sealer: sealer}
	open := func() *store.Store {
		t.Helper()
		s, err := store.Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open()
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Everything has to be in the file itself: what is still in the write-ahead log would take the place of the damage.
	raw, err := sql.Open("sqlite", cfg.SQLite)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec("PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	// Page 2 is the root of the first table or index; what is in it now is neither.
	file, err := os.OpenFile(cfg.SQLite, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	if _, err := file.WriteAt([]byte(strings.Repeat("x", page)), page); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}

	s = open()
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.CheckIntegrity(context.Background()); err == nil {
		t.Error("a damaged database: want an error, got none")
	}
}
