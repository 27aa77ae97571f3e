package store_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

var restoredAt = time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)

func countPeople(t *testing.T, s *store.Store) int {
	t.Helper()
	return get(t, s, (*store.Tx).CountPeople)
}

// A copy is of one instant, whatever is written meanwhile, readable by its owner only, and comes whole or not at all.
func TestBackUp_beside_changes(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t, "sqlite")
	s := storetest.OpenConfig(t, cfg)
	record(t, s, 200)
	other, err := store.Open(t.Context(), cfg) // as the command beside a server
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			if err := s.Change(context.Background(), event, func(*store.Tx) error { return nil }); err != nil {
				done <- err
				return
			}
		}
	}()
	dir := t.TempDir()
	file := filepath.Join(dir, "copy.db")
	if _, err := other.BackUp(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("a change beside the copy: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info, err)
	}
	if _, err := s.BackUp(t.Context(), file); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over a file that is there: %v", err)
	}
	if _, err := s.BackUp(t.Context(), filepath.Join(dir, "no", "copy.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into a folder that is not there: %v", err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.BackUp(over, filepath.Join(dir, "late.db")); err == nil {
		t.Error("a copy was made for somebody who has gone")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left in the folder: %v, %v", left, err)
	}
}

func TestRestore(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t, "sqlite")
	s := started(t, cfg)
	trust := plant(t, s).trust.ID
	p := addPerson(t, s, trust, "ada")
	file := filepath.Join(t.TempDir(), "copy.db")
	made, err := s.BackUp(t.Context(), file)
	if err != nil || made.People != 1 || made.Old || made.Latest.IsZero() {
		t.Fatalf("the copy: %+v, %v", made, err)
	}
	addPerson(t, s, trust, "bob")
	if _, err := store.Restore(t.Context(), file, cfg.SQLite, cfg.Sealer, restoredAt); !errors.Is(err, store.ErrInUse) {
		t.Errorf("under a server: %v, want ErrInUse", err)
	}
	if n := countPeople(t, s); n != 2 {
		t.Errorf("a refused restore left %d people", n)
	}
	addPerson(t, s, trust, "cleo")
	killed := snapshot(t, cfg.SQLite) // its log holds what came after the copy
	closed(t, s)

	for name, put := range map[string]func(t *testing.T, at string){
		"of a stopped server":              func(t *testing.T, at string) { copyOver(t, cfg.SQLite, at) },
		"of a killed server":               func(t *testing.T, at string) { copyOver(t, killed, at); copyOver(t, killed+"-wal", at+"-wal") },
		"with the log of another database": func(t *testing.T, at string) { copyOver(t, file, at); copyOver(t, killed+"-wal", at+"-wal") },
		"which is damaged": func(t *testing.T, at string) {
			copyOver(t, killed, at)
			if err := os.WriteFile(at, []byte(strings.Repeat("lost ", 5000)), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"which is gone": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			at := store.Config{SQLite: filepath.Join(dir, "staffkey.db"), Sealer: cfg.Sealer}
			put(t, at.SQLite)
			before, err := filepath.Glob(at.SQLite)
			if err != nil {
				t.Fatal(err)
			}
			done, err := store.Restore(t.Context(), file, at.SQLite, at.Sealer, restoredAt)
			if err != nil || done.Copy != made {
				t.Fatalf("restored %+v, %v", done, err)
			}
			if len(before) > 0 && (len(done.Aside) == 0 || done.Aside[len(done.Aside)-1] != at.SQLite+".before-20261129-070000") {
				t.Errorf("put aside: %v", done.Aside)
			}
			for _, name := range done.Aside {
				if _, err := os.Stat(name); err != nil {
					t.Error(err)
				}
			}
			for _, end := range []string{"-wal", "-shm", "-journal", ".restoring", ".restoring-wal", ".restoring-journal"} {
				if _, err := os.Stat(at.SQLite + end); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("left: staffkey.db%s, %v", end, err)
				}
			}
			if info, err := os.Stat(at.SQLite); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("mode: %v, %v", info, err)
			}
			again := started(t, at)
			if n := countPeople(t, again); n != 1 || get(t, again, func(tx *store.Tx) (string, error) {
				found, err := tx.FindPerson(p.ID)
				return found.Username, err
			}) != "ada" {
				t.Errorf("%d people", n)
			}
			closed(t, again)
		})
	}
	t.Run("from a snapshot with its log", func(t *testing.T) {
		t.Parallel()
		at := store.Config{SQLite: filepath.Join(t.TempDir(), "staffkey.db"), Sealer: cfg.Sealer}
		if done, err := store.Restore(t.Context(), killed, at.SQLite, at.Sealer, restoredAt); err != nil || done.People != 3 {
			t.Errorf("restored %+v, %v", done, err)
		}
	})
}

// What is no good copy is refused before anything is touched.
func TestRestore_refuses(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t, "sqlite")
	s := started(t, cfg)
	addPerson(t, s, plant(t, s).trust.ID, "ada")
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"other.db", "later.db", "damaged.db", "cut.db", "noted.db"} {
		if _, err := s.BackUp(t.Context(), in(name)); err != nil {
			t.Fatal(err)
		}
	}
	live := snapshot(t, cfg.SQLite)
	closed(t, s)
	statement(t, in("later.db"), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)")
	statement(t, in("noted.db"), "DELETE FROM installation WHERE name = 'sealing_check'")
	whole, err := os.ReadFile(in("cut.db"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"cut.db": whole[:len(whole)/2], "letter.db": []byte(strings.Repeat("Dear Amara, ", 1000)), "none.db": nil,
		"damaged.db": append(append(append([]byte{}, whole[:len(whole)/2]...), make([]byte, 8192)...), whole[len(whole)/2+8192:]...),
	} {
		if err := os.WriteFile(in(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	statement(t, in("foreign.db"), "CREATE TABLE people (name TEXT)")
	copyOver(t, in("other.db"), in("beside.db"))
	copyOver(t, live+"-wal", in("beside.db-wal"))
	copyOver(t, live, in("head.db")) // a copy of staffkey.db alone under a running server
	for name, want := range map[string]error{
		"later.db": store.ErrSchemaNew, "damaged.db": store.ErrNoCopy, "cut.db": store.ErrNoCopy, "letter.db": store.ErrNoCopy, "none.db": store.ErrNoCopy,
		"foreign.db": store.ErrNoCopy, "beside.db": store.ErrNoCopy, "head.db": store.ErrNoCopy, "noted.db": store.ErrNoCopy, "missing.db": fs.ErrNotExist,
	} {
		at := filepath.Join(t.TempDir(), "staffkey.db")
		copyOver(t, cfg.SQLite, at)
		if _, err := store.Restore(t.Context(), in(name), at, cfg.Sealer, restoredAt); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
		if files, err := os.ReadDir(filepath.Dir(at)); err != nil || len(files) != 1 {
			t.Errorf("%s: left %v, %v", name, files, err)
		}
		same, err := os.ReadFile(at)
		now, err2 := os.ReadFile(cfg.SQLite)
		if err != nil || err2 != nil || string(same) != string(now) {
			t.Errorf("%s: the database is another", name)
		}
	}
	if _, err := store.Restore(t.Context(), in("other.db"), filepath.Join(t.TempDir(), "staffkey.db"), openSealer(t, filepath.Join(t.TempDir(), "key")), restoredAt); !errors.Is(err, store.ErrOtherKey) {
		t.Errorf("with another sealing key: %v", err)
	}
}

// A copy of an earlier release is restored, and the next start brings it to this one.
func TestRestore_of_an_earlier_release(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t, "sqlite")
	s := started(t, cfg)
	file := filepath.Join(t.TempDir(), "copy.db")
	if _, err := s.BackUp(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	statement(t, file, "DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)")
	done, err := store.Restore(t.Context(), file, cfg.SQLite, cfg.Sealer, restoredAt)
	if err != nil || !done.Old {
		t.Errorf("restored %+v, %v", done, err)
	}
}
