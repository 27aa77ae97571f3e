//go:build linux

package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"staffkey/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

// Limits of waiting for a program, so that no test hangs on one that does not come up or does not end.
const (
	startWithin = 30 * time.Second
	stopWithin  = 10 * time.Second
	lookEvery   = 20 * time.Millisecond
)

// need returns the path of an installed program: the first of names that is in PATH, in the folders that Debian keeps for root, or in those of
// PostgreSQL. Without it, the test is skipped, or fails where STAFFKEY_SERVERS is "required".
func need(t *testing.T, names ...string) string {
	t.Helper()
	newest, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // the pattern is well-formed
	for _, name := range names {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
		for _, folder := range append([]string{"/usr/sbin", "/usr/local/sbin"}, newest...) {
			if found, err := exec.LookPath(filepath.Join(folder, name)); err == nil {
				return found
			}
		}
	}
	if os.Getenv("STAFFKEY_SERVERS") == "required" {
		t.Fatalf("%s is not installed", strings.Join(names, " or "))
	}
	t.Skipf("%s is not installed", strings.Join(names, " or "))
	return ""
}

// freePort returns a port of 127.0.0.1 that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// unprivileged is the user that programs run as which refuse to be root's: "postgres" or "nobody" for a root caller, and nil, which is the
// caller, for others.
func unprivileged(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	t.Fatal("root has neither a user postgres nor nobody to run programs as")
	return nil
}

// folder makes a temporary folder of the test that belongs to the user as, and that they can reach (a test's own is closed to others).
func folder(t *testing.T, as *syscall.Credential) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "servers-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	own(t, dir, as)
	return dir
}

// file writes a file for the user as, and returns its path.
func file(t *testing.T, as *syscall.Credential, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	own(t, path, as)
	return path
}

func own(t *testing.T, path string, as *syscall.Credential) {
	t.Helper()
	if as == nil {
		return
	}
	if err := os.Chown(path, int(as.Uid), int(as.Gid)); err != nil {
		t.Fatal(err)
	}
}

// process is a program that a test has started. It ends with the test, and with the test program however that ends.
type process struct {
	name   string
	cmd    *exec.Cmd
	output *record
	ended  chan struct{}
	result error // once ended is closed
}

// launch starts a program as a user (nil: the caller) and returns at once; see [process.await]. The program must stay in the foreground. What
// it wrote is shown when the test fails. env are further settings, "NAME=value".
func launch(t *testing.T, as *syscall.Credential, env []string, program string, args ...string) *process {
	t.Helper()
	p := &process{name: filepath.Base(program), output: &record{}, ended: make(chan struct{})}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Dir = "/" // where every user may be
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", p.name, err)
	}
	go func() {
		p.result = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.stop(t, syscall.SIGTERM)
		if t.Failed() {
			t.Logf("%s wrote:\n%s", p.name, p.output)
		}
	})
	return p
}

// await waits until ready returns nil, and fails the test when the program ends before that or it takes too long.
func (p *process) await(t *testing.T, ready func() error) {
	t.Helper()
	err := until(startWithin, func() error {
		select {
		case <-p.ended:
			return stop{fmt.Errorf("it has ended: %w", p.result)}
		default:
			return ready()
		}
	})
	if err != nil {
		t.Fatalf("%s is not ready: %v\n%s", p.name, err, p.output)
	}
}

// signal sends a signal to the program, which is still there.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatalf("signal %s to %s: %v", s, p.name, err)
	}
}

// stop ends the program by a signal, and by SIGKILL when that takes too long, and waits until it is gone. It does nothing when it has ended.
func (p *process) stop(t *testing.T, s syscall.Signal) {
	t.Helper()
	select {
	case <-p.ended:
		return
	default:
	}
	_ = p.cmd.Process.Signal(s) // fails only when it has gone already, as the next
	overdue := time.AfterFunc(stopWithin, func() { _ = p.cmd.Process.Kill() })
	defer overdue.Stop()
	<-p.ended
}

// stop is an error after which nobody waits any longer.
type stop struct{ error }

func (s stop) Unwrap() error { return s.error }

// until tries a thing again and again until it is so, and returns the latest reason why not when that takes longer than within.
func until(within time.Duration, try func() error) error {
	over := time.NewTimer(within)
	defer over.Stop()
	again := time.NewTicker(lookEvery)
	defer again.Stop()
	for {
		err := try()
		if err == nil || errors.As(err, new(stop)) {
			return err
		}
		select {
		case <-over.C:
			return fmt.Errorf("not in %s: %w", within, err)
		case <-again.C:
		}
	}
}

// listens reports whether somebody takes connections at an address.
func listens(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// answers reports whether a server answers a GET with status 200.
func answers(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, res.Status)
	}
	return nil
}

// serve starts "staffkeyd serve" on a free port over plain HTTP, with its data in the folder data, and returns when /readyz says so, and
// host:port where it listens. Without --address among args the address is http://localhost and the port.
func serve(t *testing.T, data string, args ...string) (p *process, listen string) {
	t.Helper()
	port := freePort(t)
	listen = "127.0.0.1:" + port
	all := []string{"serve", "--data", data, "--listen", listen}
	if !strings.Contains(strings.Join(args, " "), "--address") {
		all = append(all, "--address", "http://localhost:"+port)
	}
	p = launch(t, nil, nil, program.Build(t), append(all, args...)...)
	p.await(t, func() error { return answers("http://" + listen + "/readyz") })
	return p, listen
}

// asPeopleDo is the address that a server of [serve] has for people.
func asPeopleDo(listen string) string {
	return "http://localhost:" + listen[strings.LastIndex(listen, ":")+1:]
}

// finish runs a program to its end and returns what it printed, and its exit status; -1 when a signal ended it after within.
func finish(t *testing.T, within time.Duration, name string, args ...string) (output string, status int) {
	t.Helper()
	return finishWith(t, nil, within, name, args...)
}

// finishWith is finish with further settings of the environment, "NAME=value".
func finishWith(t *testing.T, env []string, within time.Duration, name string, args ...string) (output string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run %s: %v", name, err)
	}
	if exit != nil {
		return string(out), exit.ExitCode()
	}
	return string(out), 0
}

// record keeps the end of what a program writes.
type record struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.text.Len() > recordSize {
		r.text.Next(r.text.Len() / 2)
	}
	return r.text.Write(p)
}

const recordSize = 64 << 10

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}
