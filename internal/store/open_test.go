package store_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// refusedToOpen opens a database that cannot be opened, and returns what the operator is told: one or two short lines.
func refusedToOpen(t *testing.T, cfg store.Config) string {
	t.Helper()
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		message := err.Error()
		if strings.Contains(message, "goroutine") || strings.Contains(message, ".go:") || strings.Count(message, "\n") > 3 {
			t.Errorf("the error shows the inside of the program: %s", message)
		}
		return message
	}
	t.Error("opened")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return ""
}

func TestOpenNeedsOneDatabase(t *testing.T) {
	t.Parallel()
	for _, cfg := range []store.Config{{}, {SQLite: filepath.Join(t.TempDir(), "a"), PostgreSQL: "postgres://"}} {
		if got := refusedToOpen(t, cfg); !strings.Contains(got, "SQLite or PostgreSQL") {
			t.Errorf("the error does not say what to do: %s", got)
		}
	}
}

func TestSQLiteFileThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("Dear Amara, ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ path, want string }{
		"a folder":                       {dir, "is a directory"},
		"in a folder that is not there":  {filepath.Join(dir, "no", "staffkey.db"), "no such file or directory"},
		"below a file":                   {filepath.Join(garbage, "staffkey.db"), "not a directory"},
		"a file that is something else":  {garbage, "not a database"},
		"in a folder of the kernel's":    {"/proc/self/staffkey.db", "staffkey.db"},
		"a device that forgets everyone": {"/dev/full", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := refusedToOpen(t, store.Config{SQLite: test.path})
			if !strings.Contains(got, test.want) || !strings.Contains(got, test.path) {
				t.Errorf("got %q, want the path and %q", got, test.want)
			}
		})
	}
	if os.Geteuid() != 0 { // nothing is read-only for root
		locked := filepath.Join(dir, "locked.db")
		if err := os.WriteFile(locked, nil, 0o400); err != nil {
			t.Fatal(err)
		}
		if got := refusedToOpen(t, store.Config{SQLite: locked}); !strings.Contains(got, "permission denied") {
			t.Errorf("got %q, want permission denied", got)
		}
	}
}

// A name that means something in a URI is still only a name, and nobody else on the machine reads the file.
func TestSQLiteFileWithAnOddName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a?mode=memory", "a#b", "100%", "a%20b", "with space", "ŵ&x=y", "file:x"} {
		path := filepath.Join(t.TempDir(), name)
		s := openStore(t, store.Config{SQLite: path, Sealer: openSealer(t, filepath.Join(t.TempDir(), "key"))})
		if err := s.Migrate(t.Context()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		files, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(f.Name(), name) || info.Mode().Perm() != 0o600 {
				t.Errorf("%q made the file %q with mode %v, want 0600", name, f.Name(), info.Mode())
			}
		}
		if info, err := os.Stat(path); err != nil || info.Size() == 0 && len(files) < 2 {
			t.Errorf("%q holds nothing: %v", name, err)
		}
	}
}

const password = "Tr0ub4dor&3"

func TestPasswordIsNeverInAnError(t *testing.T) {
	t.Parallel()
	// An address where nobody listens: it was free a moment ago.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	down := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dsn := range []string{
		"postgres://staffkey:" + password + "@" + down + "/staffkey",
		"postgres://staffkey@" + down + "/staffkey?password=" + password,
		"postgres://staffkey:" + password + "%zz@" + down + "/staffkey",
		"postgres://staffkey:" + password + "#x@" + down + "/staffkey",
		"postgres://staffkey:#" + password + "@" + down + "/staffkey",
		"postgres://staffkey:x/" + password + "@" + down + "/staffkey",
		"postgres://staffkey:" + password + "@" + down + "x/staffkey",
		"postgres://staffkey:" + password + "@" + down + "/staffkey?sslmode=perhaps",
		"postgres:/staffkey:" + password + "@" + down + "/staffkey",
		"staffkey:" + password + "@" + down,
		"host=127.0.0.1 port=1 user=staffkey password=" + password,
		"host=127.0.0.1 port=1 user=staffkey password = '" + password + "' sslmode",
		"password=\\'" + password,
	} {
		got := refusedToOpen(t, store.Config{PostgreSQL: dsn})
		if strings.Contains(got, password) || strings.Contains(got, password[:6]) {
			t.Errorf("the error of %s repeats the password: %s", dsn, got)
		}
	}
	if got := refusedToOpen(t, store.Config{PostgreSQL: "postgres://staffkey:x@" + down + "/staffkey"}); !strings.Contains(got, "127.0.0.1") {
		t.Errorf("the error does not say which server is down: %s", got)
	}
}

// A wrong password is answered by the server, where there is one, without repeating it.
func TestUnknownDatabase(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		if engine != "postgresql" {
			continue
		}
		dsn := strings.Replace(storetest.Schema(t), "/postgres?", "/nowhere?", 1)
		if got := refusedToOpen(t, store.Config{PostgreSQL: dsn}); !strings.Contains(got, "nowhere") {
			t.Errorf("the error does not name the database: %s", got)
		}
	}
}
