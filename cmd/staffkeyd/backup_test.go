package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBackup_and_restore(t *testing.T) {
	t.Parallel()
	data, file := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "copy.db")
	port := freePort(t)
	if out, code := capture(t, "restore", file, "--data", data); code != exitUsage || !strings.Contains(out, "the sealing key") {
		t.Errorf("a restore without a key: %d %q", code, out)
	}
	if _, err := os.Stat(filepath.Join(data, "sealing-key")); err == nil {
		t.Error("a restore made a sealing key, which opens nothing")
	}
	_, stop := start(t, "serve", "--address", "http://localhost:"+port, "--listen", "localhost:"+port, "--data", data)
	if out, code := capture(t, "organisation", "add", "one", "--name", "One", "--data", data); code != 0 {
		t.Fatal(out)
	}
	out, code := capture(t, "backup", file, "--data", data)
	if code != 0 || !strings.Contains(out, "1 organisations") || !strings.Contains(out, filepath.Join(data, "sealing-key")) {
		t.Errorf("beside a server: %d %q", code, out)
	}
	if out, code := capture(t, "backup", file, "--data", data); code != exitUsage || !strings.Contains(out, "is there already") {
		t.Errorf("over a file: %d %q", code, out)
	}
	if out, code := capture(t, "restore", file, "--data", data); code != exitUsage || !strings.Contains(out, "has the database open") {
		t.Errorf("under a server: %d %q", code, out)
	}
	if code, log := stop(); code != 0 {
		t.Fatalf("stopped with %d: %s", code, log)
	}
	if out, code := capture(t, "organisation", "add", "two", "--name", "Two", "--parent", "one", "--data", data); code != 0 {
		t.Fatal(out)
	}
	if out, code := capture(t, "restore", file, "--data", data); code != 0 || !strings.Contains(out, "Kept: ") {
		t.Errorf("restore: %d %q", code, out)
	}
	if out, code := capture(t, "organisation", "list", "--data", data); code != 0 || !strings.Contains(out, "One") || strings.Contains(out, "Two") {
		t.Errorf("restored: %d %q", code, out)
	}
	if out, code := capture(t, "restore", filepath.Join(data, "sealing-key"), "--data", data); code != exitUsage || !strings.Contains(out, "no whole copy") {
		t.Errorf("a file that is no copy: %d %q", code, out)
	}
	for _, command := range []string{"backup", "restore"} {
		if out, code := capture(t, command, file, "--data", data, "--postgres", "postgres://localhost/x"); code != exitUsage || !strings.Contains(out, "pg_") {
			t.Errorf("%s with PostgreSQL: %d %q", command, code, out)
		}
	}
	// A copy that was put in place by hand, beside the log of before.
	if err := os.WriteFile(filepath.Join(data, "staffkey.db-wal"), walOf(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"doctor", "--address", "http://localhost:" + port}, {"migrate"}, {"organisation", "list"}} {
		if out, code := capture(t, append(args, "--data", data)...); code == 0 || !strings.Contains(out, "move staffkey.db-wal") {
			t.Errorf("%v beside the log of another database: %d %q", args, code, out)
		}
	}
}

// walOf is the log of another database.
func walOf(t *testing.T) []byte {
	t.Helper()
	data, port := t.TempDir(), freePort(t)
	_, stop := start(t, "serve", "--address", "http://localhost:"+port, "--listen", "localhost:"+port, "--data", data)
	defer stop()
	log, err := os.ReadFile(filepath.Join(data, "staffkey.db-wal"))
	if err != nil {
		t.Fatal(err)
	}
	return log
}
