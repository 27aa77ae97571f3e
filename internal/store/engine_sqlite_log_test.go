package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"modernc.org/sqlite"
)

// started opens and migrates a store as the start of a server does; the test closes it.
func started(t *testing.T, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err == nil {
		err = s.Migrate(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closed(t *testing.T, s *store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// snapshot copies the files of a SQLite database as they are now, which is what a power cut leaves when nobody is writing.
func snapshot(t *testing.T, path string) (copied string) {
	t.Helper()
	copied = filepath.Join(t.TempDir(), "staffkey.db")
	for _, end := range []string{"", "-wal"} {
		copyOver(t, path+end, copied+end)
	}
	return copied
}

func copyOver(t *testing.T, from, to string) {
	t.Helper()
	b, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// record makes n changes that the database grows by.
func record(t *testing.T, s *store.Store, n int) {
	t.Helper()
	e := event
	e.Detail = map[string]string{"note": fmt.Sprintf("%02000d", n)}
	for range n {
		if err := s.Change(t.Context(), e, func(*store.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func statement(t *testing.T, path, query string, args ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), query, args...)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// A log that a copy was put beside is never used: it would undo the copy or damage it. Its own log is, at whatever instant the power went.
func TestOpen_refuses_the_log_of_another_database(t *testing.T) {
	t.Parallel()
	live := storetest.Config(t, "sqlite")
	first := started(t, live)
	dumpedFirst := filepath.Join(t.TempDir(), "dumped.db")
	backUpByAPI(t, live.SQLite, dumpedFirst)
	record(t, first, 1)
	sinceEver := snapshot(t, live.SQLite)
	stopped := filepath.Join(t.TempDir(), "stopped.db")
	record(t, first, 5)
	closed(t, first)
	copyOver(t, live.SQLite, stopped) // of the stopped server
	second := started(t, live)
	record(t, second, 5)
	own := snapshot(t, live.SQLite)
	made := filepath.Join(t.TempDir(), "made.db")
	if _, err := second.BackUp(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	dumped := filepath.Join(t.TempDir(), "dumped.db") // as .backup of the sqlite3 program
	backUpByAPI(t, live.SQLite, dumped)
	record(t, second, 5)
	later := snapshot(t, live.SQLite)
	closed(t, second)
	afterwards := snapshotOfFile(t, live.SQLite)
	third := started(t, live)
	record(t, third, 2500) // which begins the log anew on its way
	long := snapshot(t, live.SQLite)
	closed(t, third)

	for name, test := range map[string]struct {
		database, log string
		foreign       bool
	}{
		"its own log":                         {own, own, false},
		"its own log, longer":                 {later, later, false},
		"its own log, begun anew":             {long, long, false},
		"a copy of the stopped server":        {stopped, own, true},
		"the same, and a log begun anew":      {stopped, long, true},
		"a copy by VACUUM INTO":               {made, own, true},
		"the same, and a later log":           {made, long, true},
		"a copy by .backup":                   {dumped, later, true},
		"the same, in its first run":          {dumpedFirst, sinceEver, true},
		"the file of the next stop":           {afterwards, long, true},
		"an older log":                        {long, own, true},
		"a database that is gone":             {"", own, true},
		"a file of no bytes":                  {os.DevNull, own, true},
		"a copy by VACUUM INTO, and no log":   {made, "", false},
		"a copy of the stopped server itself": {stopped, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := store.Config{SQLite: filepath.Join(t.TempDir(), "staffkey.db"), Sealer: live.Sealer}
			if test.database != "" {
				copyOver(t, test.database, cfg.SQLite)
			}
			if test.log != "" {
				copyOver(t, test.log+"-wal", cfg.SQLite+"-wal")
			}
			s, err := store.Open(t.Context(), cfg)
			if err == nil {
				err = errors.Join(s.Migrate(t.Context()), s.CheckIntegrity(t.Context()), s.Close())
			}
			if errors.Is(err, store.ErrForeignLog) != test.foreign || err != nil && !test.foreign {
				t.Errorf("got %v, want it refused: %t", err, test.foreign)
			}
			if log, err := os.Stat(cfg.SQLite + "-wal"); test.foreign && (err != nil || log.Size() == 0) {
				t.Errorf("the log is gone: %v", err)
			}
		})
	}
}

// backUpByAPI copies a database as .backup of the sqlite3 program does (sqlite.org/backup.html).
func backUpByAPI(t *testing.T, from, to string) {
	t.Helper()
	db, err := sql.Open("sqlite", from)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = conn.Raw(func(c any) error {
		b, err := c.(interface {
			NewBackup(string) (*sqlite.Backup, error)
		}).NewBackup(to)
		if err != nil {
			return err
		}
		_, err = b.Step(-1)
		return errors.Join(err, b.Finish())
	})
	if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
}

func snapshotOfFile(t *testing.T, path string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "staffkey.db")
	copyOver(t, path, to)
	return to
}

// A crash at any commit of a start leaves a log that fits, also of a database of a release that gave no generations.
func TestOpen_takes_its_own_log_after_a_crash_at_a_start(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t, "sqlite")
	closed(t, started(t, cfg))
	for _, before := range []string{"PRAGMA user_version = 0", "PRAGMA application_id = 0"} {
		statement(t, cfg.SQLite, before)
	}
	for start := range 3 {
		// The instant after the commit that brings a generation, and before it is in the file.
		db, err := sql.Open("sqlite", cfg.SQLite)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		var generation int32
		if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&generation); err != nil {
			t.Fatal(err)
		}
		for _, step := range []string{"PRAGMA journal_mode = WAL", "PRAGMA wal_checkpoint(TRUNCATE)"} {
			if _, err := db.ExecContext(t.Context(), step); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range store.GenerationSteps(generation, generation+7) {
			if _, err := db.ExecContext(t.Context(), step); err != nil {
				t.Fatal(err)
			}
			if step == "BEGIN IMMEDIATE" {
				continue
			}
			if log, err := os.Stat(cfg.SQLite + "-wal"); err != nil {
				t.Fatal(err)
			} else if log.Size() == 0 {
				continue
			}
			s, err := store.Open(t.Context(), store.Config{SQLite: snapshot(t, cfg.SQLite), Sealer: cfg.Sealer})
			if err != nil {
				t.Fatalf("start %d, after %s: %v", start, step, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Commands open the database while servers start, write and checkpoint beside them: what they see then is never odd.
func TestOpen_beside_a_busy_server(t *testing.T) {
	t.Parallel()
	cfg := storetest.Config(t, "sqlite")
	stop, done := make(chan struct{}), make(chan error, 1)
	closed(t, started(t, cfg))
	go func() {
		var err error
		for err == nil {
			select {
			case <-stop:
				done <- nil
				return
			default:
			}
			var s *store.Store
			if s, err = store.Open(t.Context(), cfg); err != nil {
				break
			}
			err = s.Migrate(t.Context())
			for range 40 {
				err = errors.Join(err, s.Change(t.Context(), staffkey.AuditEvent{Kind: staffkey.EventPersonChanged, Outcome: staffkey.OutcomeDone, Detail: map[string]string{"x": string(make([]byte, 50_000))}},
					func(*store.Tx) error { return nil }))
			}
			err = errors.Join(err, s.Close())
		}
		done <- err
	}()
	for range 300 {
		if err := store.ForeignLog(cfg.SQLite); err != nil {
			t.Error(err)
			break
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Error(err)
	}
}
