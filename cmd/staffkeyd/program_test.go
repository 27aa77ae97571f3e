package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// start runs the program until the test ends and returns the first line that it prints, and how to stop it.
func start(t *testing.T, args ...string) (first string, stop func() (int, string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, in := io.Pipe()
	var stderr bytes.Buffer
	exit := make(chan int, 1)
	go func() {
		code := run(ctx, args, strings.NewReader(""), in, &stderr)
		_ = in.Close() // a pipe's writer never fails to close
		exit <- code
	}()
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		first = lines.Text()
		if strings.HasPrefix(first, "{") || strings.Contains(first, "/setup?t=") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // the rest is for people
	return first, func() (int, string) {
		cancel()
		return <-exit, stderr.String()
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	var first, second struct {
		URL, Gateway string
		People       []demoPerson
	}
	line, stop := start(t, "demo", "--json", "--listen", "localhost:0", "--data", data)
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	if !strings.HasPrefix(first.URL, "http://localhost:") {
		t.Errorf("address %q", first.URL)
	}
	roles := map[string]int{}
	for _, p := range first.People {
		roles[p.Role]++
		if len(p.Password) < 20 || p.Name == "" || p.Organisation == "" {
			t.Errorf("account %+v", p)
		}
	}
	for _, role := range []string{"staff", "local_administrator", "helpdesk", "auditor", "operator"} {
		if roles[role] == 0 {
			t.Errorf("no %s among the accounts", role)
		}
	}
	res, err := http.Get(first.URL + "/signin")
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Errorf("the sign-in page: %d, %v", res.StatusCode, err)
	}
	res, err = http.Get(first.Gateway)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(res.Body)
	if err != nil || !strings.Contains(string(page), "Messages of the demo") || first.Gateway == first.URL {
		t.Errorf("the page of messages at %q: %s, %v", first.Gateway, page, err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	if code, stderr := stop(); code != 0 {
		t.Fatalf("stopped with %d: %s", code, stderr)
	}
	line, stop = start(t, "demo", "--json", "--listen", "localhost:0", "--data", data)
	if err := json.Unmarshal([]byte(line), &second); err != nil {
		t.Fatalf("%v in %q", err, line)
	}
	defer stop()
	for i, p := range second.People {
		if p.Username != first.People[i].Username || p.Password == first.People[i].Password {
			t.Errorf("again: %s keeps its password or is another", p.Username)
		}
	}
}

func TestServe_prints_a_set_up_link_until_there_is_an_operator(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	port := freePort(t)
	address := "http://localhost:" + port
	line, stop := start(t, "serve", "--address", address, "--listen", "localhost:"+port, "--data", data)
	if !strings.HasPrefix(strings.TrimSpace(line), address+"/setup?t=") {
		t.Errorf("link %q", line)
	}
	if code, _ := stop(); code != 0 {
		t.Errorf("stopped with %d", code)
	}
	first := strings.TrimSpace(line)
	out, code := capture(t, "setup-link", "--data", data)
	if code != 0 || !strings.Contains(out, address+"/setup?t=") || strings.Contains(out, first) {
		t.Errorf("setup-link: %d %q", code, out)
	}
	if out, code := capture(t, "organisation", "add", "top", "--name", "Top", "--data", data); code != 0 {
		t.Fatal(out)
	}
	out, code = capture(t, "person", "add", "ada", "--name", "Ada", "--organisation", "top", "--data", data)
	if code != 0 || !strings.Contains(out, address+"/welcome?t=") {
		t.Errorf("person add: %d %q", code, out)
	}
	if out, code := capture(t, "role", "grant", "ada", "operator", "--data", data); code != 0 {
		t.Fatal(out)
	}
	if out, code := capture(t, "setup-link", "--data", data); code != exitUsage || !strings.Contains(out, "there is an operator already") {
		t.Errorf("setup-link with an operator: %d %q", code, out)
	}
	serve := []string{"serve", "--address", address, "--listen", "localhost:" + port, "--data", data}
	if out, log := startAndStop(t, serve...); strings.Contains(out, "/setup?t=") || strings.Contains(log, "no operator can sign in") {
		t.Errorf("with an operator the start prints %q and logs %s", out, log)
	}
	freezeAtRest(t, data, "ada")
	if out, log := startAndStop(t, serve...); strings.Contains(out, "/setup?t=") || !strings.Contains(log, "no operator can sign in") || !strings.Contains(log, "staffkeyd person unfreeze") {
		t.Errorf("with its operator frozen the start prints %q, and does not say what helps: %s", out, log)
	}
	if out, code := capture(t, "setup-link", "--data", data); code != exitUsage || !strings.Contains(out, "was set up before") || !strings.Contains(out, "staffkeyd person unfreeze USERNAME") {
		t.Errorf("setup-link with the operator frozen: %d %q", code, out)
	}
	if out, code := capture(t, "person", "unfreeze", "ada", "--reason", "spoke to her", "--data", data); code != 0 {
		t.Errorf("the last operator is not opened by the console: %d %q", code, out)
	}
	if out, code := capture(t, "pass", "issue", "ada", "--reason", "spoke to her", "--data", data); code != 0 {
		t.Errorf("the last operator gets no pass: %d %q", code, out)
	}
}

// startAndStop runs the server until it listens, and returns what it prints and logs.
func startAndStop(t *testing.T, args ...string) (out, log string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	lines, stderr := io.Pipe()
	var stdout bytes.Buffer
	exit := make(chan int, 1)
	go func() {
		code := run(ctx, args, strings.NewReader(""), &stdout, stderr)
		_ = stderr.Close() // a pipe's writer never fails to close
		exit <- code
	}()
	for logged := bufio.NewScanner(lines); logged.Scan(); {
		log += logged.Text() + "\n"
		if strings.Contains(logged.Text(), `"msg":"listening"`) {
			cancel()
		}
	}
	if code := <-exit; code != 0 {
		t.Errorf("stopped with %d: %s", code, log)
	}
	return stdout.String(), log
}

// freezeAtRest is somebody who presses "This was not me" in a mail, while no server runs.
func freezeAtRest(t *testing.T, data, username string) {
	t.Helper()
	env := &environment{ctx: t.Context(), config: &databaseConfig{Data: data}, stderr: io.Discard}
	if err := env.prepare("person"); err != nil {
		t.Fatal(err)
	}
	defer env.close()
	if err := freezeByMail(env, username); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

// capture runs the program to its end and returns all that it prints.
func capture(t *testing.T, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	code := run(ctx, args, strings.NewReader(""), &out, &out)
	return out.String(), code
}

func TestProblems_name_a_cause_and_a_fix(t *testing.T) {
	t.Parallel()
	busy, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	settings := filepath.Join(dir, "settings.toml")
	if err := os.WriteFile(settings, []byte("adress = 'x'\nlisten = 'localhost:1'\npasswort-workers = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"port in use":           {[]string{"demo", "--listen", busy.Addr().String(), "--data", filepath.Join(dir, "a")}, []string{"in use", "--listen"}},
		"second port in use":    {[]string{"demo", "--listen", "localhost:0", "--gateway-listen", busy.Addr().String(), "--data", filepath.Join(dir, "g")}, []string{"in use", "--gateway-listen"}},
		"folder that is a file": {[]string{"demo", "--listen", "localhost:0", "--data", file}, []string{"cannot be written", "--data"}},
		"folder below a file":   {[]string{"demo", "--listen", "localhost:0", "--data", filepath.Join(file, "x")}, []string{"cannot be written", "--data"}},
		"no database":           {[]string{"demo", "--listen", "localhost:0", "--data", filepath.Join(dir, "b"), "--postgres", "postgres://u:hunter2@localhost:1/x"}, []string{"does not answer", "refused", "--postgres"}},
		"bad URL":               {[]string{"demo", "--listen", "localhost:0", "--data", filepath.Join(dir, "b"), "--postgres", "postgres://u:hunter2@local host/x"}, []string{"--postgres"}},
		"unknown settings":      {[]string{"--config", settings, "serve"}, []string{"unknown settings: adress, passwort-workers"}},
		"unknown command":       {[]string{"frobnicate"}, []string{"frobnicate", "--help"}},
		"unknown flag":          {[]string{"serve", "--adress", "x"}, []string{"--adress"}},
		"no installation":       {[]string{"person", "list", "--data", filepath.Join(dir, "nothing")}, []string{"no installation", "--data"}},
		"everything at once": {
			[]string{"serve", "--address", "http://10.0.0.1/x", "--listen", "nonsense", "--time-zone", "Mars", "--tls-cert", "x", "--trusted-proxy", "y", "--own-network", "z", "--network-names=-1", "--data", dir},
			[]string{"address:", "listen:", "time-zone:", "tls-cert", "trusted-proxy:", "own-network:", "network-names"},
		},
		"key for no host":       {[]string{"serve", "--address", "https://signin.example", "--rp-id", "https://old.example", "--data", dir}, []string{"rp-id:"}},
		"no address":            {[]string{"serve", "--data", dir}, []string{"say which address"}},
		"http":                  {[]string{"serve", "--address", "http://signin.example", "--data", dir}, []string{"https only"}},
		"number for an address": {[]string{"serve", "--address", "https://192.0.2.1", "--data", dir}, []string{"host name"}},
		"certificate not there": {[]string{"doctor", "--address", "https://signin.example", "--listen", "localhost:0", "--tls-cert", "/nope", "--tls-key", "/nope", "--data", dir}, []string{"/nope", "--tls-cert"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := capture(t, c.args...)
			if code == 0 {
				t.Errorf("exit code 0")
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in:\n%s", want, out)
				}
			}
			if strings.Contains(out, "hunter2") || strings.Contains(out, "goroutine") {
				t.Errorf("says too much:\n%s", out)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "nothing")); !errors.Is(err, os.ErrNotExist) {
		t.Error("a command made the folder that it was pointed at by mistake")
	}
}

func TestSettings_come_from_flag_then_environment_then_file(t *testing.T) {
	dir := t.TempDir()
	settings := filepath.Join(dir, "settings.toml")
	text := "address = 'https://file.example'\nlisten = 'localhost:0'\ntime_zone = 'Mars/File'\npassword-queue = 0\ntrusted-proxy = ['a.b', 'c.d']\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("STAFFKEY_TIME_ZONE", "Mars/Environment")
	out, _ := capture(t, "--config", settings, "serve", "--data", dir)
	for _, want := range []string{"Mars/Environment", "password-queue", `"a.b"`, `"c.d"`} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in:\n%s", want, out)
		}
	}
	out, _ = capture(t, "--config", settings, "serve", "--data", dir, "--time-zone", "Mars/Flag")
	if !strings.Contains(out, "Mars/Flag") {
		t.Errorf("the flag does not win:\n%s", out)
	}
}

func TestAddress_is_what_browsers_call_the_origin(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://signin.example":      "https://signin.example",
		"https://signin.example/":     "https://signin.example",
		"https://Signin.Example:443":  "https://signin.example",
		"https://signin.example:8443": "https://signin.example:8443",
		"http://localhost:80":         "http://localhost",
		"http://localhost:8080":       "http://localhost:8080",
	} {
		c := serverConfig{Address: address, Listen: "localhost:0", TimeZone: "UTC", PasswordQueue: 1}
		got, err := c.settle()
		if err != nil || got.address != want {
			t.Errorf("%s: %q, %v, want %q", address, got.address, err, want)
		}
		if strings.Contains(got.rpID, ":") {
			t.Errorf("%s: relying party id %q", address, got.rpID)
		}
	}
}
