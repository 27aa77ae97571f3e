//go:build unix

package main

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeMode(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(name, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func TestPrivateFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	for mode, want := range map[os.FileMode]string{
		0o600: "", 0o400: "", 0o700: "", 0o640: "others may read ", 0o604: "others may read ", 0o644: "others may read ", 0o620: "others may change ", 0o666: "others may change ",
	} {
		writeMode(t, file, mode)
		err := privateFile(file)
		var p *problem
		if errors.As(err, &p) != (want != "") || p != nil && (p.cause != want+file || p.fix != "chmod 600 "+file) {
			t.Errorf("%o: %v, want %q", mode, err, want)
		}
	}
	if err := privateFile(filepath.Join(dir, "none")); err != nil {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestPrivateData(t *testing.T) {
	t.Parallel()
	c := &databaseConfig{Data: t.TempDir()}
	writeMode(t, filepath.Join(c.Data, "staffkey.db"), 0o644) // as a restored copy is
	writeMode(t, filepath.Join(c.Data, "staffkey.db-wal"), 0o600)
	for mode, want := range map[os.FileMode]string{
		0o700: "", 0o750: "others may look into DIR: chmod 700 DIR\nothers may read DIR/staffkey.db: chmod 600 DIR/staffkey.db\n",
	} {
		if err := os.Chmod(c.Data, mode); err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		for _, err := range c.privateData() {
			var p *problem
			if !errors.As(err, &p) {
				t.Fatal(err)
			}
			got.WriteString(p.cause + ": " + p.fix + "\n")
		}
		if s := strings.ReplaceAll(got.String(), c.Data, "DIR"); s != want {
			t.Errorf("%o: %q, want %q", mode, s, want)
		}
	}
}

// Every setting that names a file with a secret is looked at.
func TestPrivateSecrets(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) string {
		writeMode(t, filepath.Join(dir, name), 0o644)
		return filepath.Join(dir, name)
	}
	db := &databaseConfig{PostgresFile: file("postgres")}
	c := &serverConfig{TLSCert: file("cert"), TLSKey: file("key")}
	c.SMTPPasswordFile, c.HTTPProviderTokenFile, c.HTTPProviderReceiptFile = file("smtp"), file("token"), file("receipt")
	c.TwilioTokenFile, c.GOVUKNotifyKeyFile, c.GOVUKNotifyReceiptFile = file("twilio"), file("notify"), file("notify-receipt")
	var log bytes.Buffer
	c.warnOfExposure(db, slog.New(slog.NewTextHandler(&log, nil)))
	for _, name := range []string{"postgres", "key", "smtp", "token", "receipt", "twilio", "notify", "notify-receipt"} {
		if want := `"chmod 600 ` + filepath.Join(dir, name) + `"`; !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), filepath.Join(dir, "cert")) {
		t.Errorf("a certificate is no secret:\n%s", log.String())
	}
}

// The server does not start with a sealing key that others may read, and doctor says so too.
func TestSealingKey_that_others_may_read(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	key := filepath.Join(data, "sealing-key")
	command := func(args ...string) (status int, said string) {
		var out bytes.Buffer
		status = run(t.Context(), append(args, "--address", "http://localhost:8080", "--listen", "localhost:0", "--data", data), strings.NewReader(""), &out, &out)
		return status, out.String()
	}
	if status := run(t.Context(), []string{"migrate", "--data", data}, strings.NewReader(""), &bytes.Buffer{}, &bytes.Buffer{}); status != 0 {
		t.Fatalf("migrate: %d", status)
	}
	if err := os.Chmod(key, 0o644); err != nil {
		t.Fatal(err)
	}
	if status, said := command("serve"); status != exitUsage || !strings.Contains(said, "others may read "+key+"\n  chmod 600 "+key) || strings.Contains(said, "listening") {
		t.Errorf("serve: %d\n%s", status, said)
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file was changed: %v, %v", info.Mode(), err)
	}
	if status, said := command("doctor"); status != exitFailed || !strings.Contains(said, "x   sealing key file: others may read "+key) {
		t.Errorf("doctor: %d\n%s", status, said)
	}
	if err := os.Chmod(key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, said := command("doctor"); !strings.Contains(said, "ok  sealing key file") {
		t.Errorf("doctor, with a key of its owner:\n%s", said)
	}
}
