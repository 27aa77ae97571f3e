package browser

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"staffkey/internal/store/storetest"
)

// build builds the program once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "staffkey-browser-")
	if err != nil {
		return "", err
	}
	atEnd(func() { _ = os.RemoveAll(dir) }) // a folder left behind in the temporary one harms nobody
	path := filepath.Join(dir, "staffkeyd")
	cmd := exec.Command("go", "build", "-o", path, "staffkey/cmd/staffkeyd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build staffkeyd: %w\n%s", err, out)
	}
	return path, nil
})

// account is someone who can sign in with a password.
type account struct {
	Username, Password, Name, Role, Organisation string
}

// program is a running staffkeyd.
type program struct {
	path     string
	database []string // the flags that say where the data is
	cmd      *exec.Cmd
	stderr   *bytes.Buffer
	lines    *bufio.Reader // its standard output
	url      string
	people   []account
}

// launch starts the program; who starts it also stops it.
func launch(database []string, arguments ...string) (*program, error) {
	path, err := build()
	if err != nil {
		return nil, err
	}
	p := &program{path: path, database: database, stderr: new(bytes.Buffer)}
	p.cmd = exec.Command(path, append(arguments, database...)...)
	p.cmd.Stderr = p.stderr
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.lines = bufio.NewReader(stdout)
	return p, p.cmd.Start()
}

// stop ends the program as an operator would, and fails when it does not end well.
func (p *program) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, p.lines) // to the end of its output, which is the end of the program
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("staffkeyd: %w\n%s", err, p.stderr)
	}
	return nil
}

// startDemo starts the sample federation.
func startDemo(database []string) (*program, error) {
	p, err := launch(database, "demo", "--json", "--listen", "localhost:0")
	if err != nil {
		return nil, err
	}
	line, err := p.lines.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("staffkeyd demo printed nothing: %w\n%s", errors.Join(err, p.cmd.Wait()), p.stderr)
	}
	var ready struct {
		URL    string
		People []account
	}
	if err := json.Unmarshal(line, &ready); err != nil {
		return nil, fmt.Errorf("staffkeyd demo printed %q: %w", line, err)
	}
	p.url, p.people = ready.URL, ready.People
	return p, nil
}

var sharedDemo = sync.OnceValues(func() (*program, error) {
	dir, err := os.MkdirTemp("", "staffkey-demo-")
	if err != nil {
		return nil, err
	}
	atEnd(func() { _ = os.RemoveAll(dir) })
	p, err := startDemo([]string{"--data", dir})
	if err == nil {
		atEnd(func() {
			if err := p.stop(); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
	return p, err
})

// demo returns the demo on SQLite that tests share. Each test takes a person of its own from it.
func demo(t testing.TB) *program {
	t.Helper()
	chromium(t) // nothing is started where the test will be skipped
	p, err := sharedDemo()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// demoOn starts a demo on an engine, for one test.
func demoOn(t testing.TB, engine string) *program {
	t.Helper()
	chromium(t)
	p, err := startDemo(databaseOn(t, engine))
	if err != nil {
		t.Fatal(err)
	}
	stopAfter(t, p)
	return p
}

func stopAfter(t testing.TB, p *program) {
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
}

func databaseOn(t testing.TB, engine string) []string {
	t.Helper()
	database := []string{"--data", t.TempDir()}
	if engine == "postgresql" {
		database = append(database, "--postgres", storetest.Schema(t))
	}
	return database
}

// eachEngine runs body on every engine that there is here.
func eachEngine(t *testing.T, body func(t *testing.T, engine string)) {
	chromium(t)
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			body(t, engine)
		})
	}
}

// serve starts an empty installation and returns it with its set-up link.
func serve(t testing.TB, engine string) (p *program, link string) {
	t.Helper()
	// The address has to be known before the port is open, so a free one is chosen and given back.
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	url := "http://localhost:" + port
	p, err = launch(databaseOn(t, engine), "serve", "--address", url, "--listen", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	p.url = url
	stopAfter(t, p)
	for range 3 {
		line, err := p.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("staffkeyd serve printed no set-up link: %v\n%s", err, p.stderr)
		}
		if strings.HasPrefix(strings.TrimSpace(line), url) {
			link = strings.TrimSpace(line)
		}
	}
	return p, link
}

// run runs a command of the program on the same data and returns what it prints.
func (p *program) run(t testing.TB, arguments ...string) string {
	t.Helper()
	cmd := exec.Command(p.path, append(arguments, p.database...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("staffkeyd %s: %v\n%s", strings.Join(arguments, " "), err, stderr.Bytes())
	}
	return string(out)
}

// newPerson adds a person of the test's own, and returns the link with which they choose their password.
func (p *program) newPerson(t testing.TB) (account, string) {
	t.Helper()
	a := account{Username: "p" + strings.ToLower(rand.Text()[:12]), Password: "ward round " + strings.ToLower(rand.Text()[:10]), Name: "Nia Bowen"}
	out := p.run(t, "person", "add", a.Username, "--name", a.Name, "--organisation", "NMH")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return a, lines[len(lines)-1]
}

// patience is how long anything may take on a busy machine before a test gives up.
const patience = 20 * time.Second
