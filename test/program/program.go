// Package program builds and starts the real staffkeyd for tests, and is one person's browser at it.
//
// [Start] runs "staffkeyd demo" as an operator would, on SQLite or on PostgreSQL, and ends it with the test. [Client] walks the product's
// own pages: it reads the forms of the HTML that the server sends, as a browser does, and answers ceremonies with a software key, so a
// page that lost its form, or a form that goes nowhere, fails here. Programs that are no tests, such as the load driver, use [Compile] and
// [Run].
//
// The package is for tests and for programs under test/ only.
package program

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Variable is the environment variable that names a staffkeyd which is built already. When it is set, [Compile] returns its value and
// builds nothing; ./check sets it so that all packages share one build.
const Variable = "TEST_STAFFKEYD"

// Limits of waiting for the program: a start makes the sample federation, and no test is to hang on a program that does neither.
const (
	startWithin = 60 * time.Second
	stopWithin  = 30 * time.Second
)

var build struct {
	sync.Mutex
	dir, binary string
}

// Compile builds staffkeyd as a release is built, once per process, and returns the path of the binary. Call [Clean] before the process
// ends.
func Compile() (binary string, err error) {
	if binary := os.Getenv(Variable); binary != "" {
		return binary, nil
	}
	build.Lock()
	defer build.Unlock()
	if build.binary != "" {
		return build.binary, nil
	}
	dir, err := os.MkdirTemp("", "staffkeyd-")
	if err != nil {
		return "", fmt.Errorf("build staffkeyd: %w", err)
	}
	binary = filepath.Join(dir, "staffkeyd")
	cmd := exec.Command("go", "build", "-o", binary, "staffkey/cmd/staffkeyd")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if report, err := cmd.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("build staffkeyd: %w\n%s", err, report), os.RemoveAll(dir))
	}
	build.dir, build.binary = dir, binary
	return binary, nil
}

// Clean removes what [Compile] built. A test package that starts programs calls it from TestMain, after the tests.
func Clean() error {
	build.Lock()
	defer build.Unlock()
	dir := build.dir
	build.dir, build.binary = "", ""
	if dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

// Main is the TestMain of a package that starts programs: it runs the tests and removes what was built.
func Main(m *testing.M) {
	code := m.Run()
	if err := Clean(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// Build is [Compile] for a test, which it fails when the program cannot be built.
func Build(t testing.TB) string {
	t.Helper()
	binary, err := Compile()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// Options say how to start a program.
type Options struct {
	// Data is the folder for the data; required by [Run]. [Start] takes a temporary folder of the test when it is empty.
	Data string
	// Postgres is the URL of a PostgreSQL database to use instead of SQLite; see [NewDatabase].
	Postgres string
	// Args are further arguments of "staffkeyd demo".
	Args []string
	// Env are further settings of the environment, "NAME=value".
	Env []string
}

// Person is an account that the demo made.
type Person struct {
	Username     string `json:"username"`
	Password     string `json:"password"`
	Name         string `json:"name"`
	Role         string `json:"role"`
	Organisation string `json:"organisation"`
}

// Program is a staffkeyd that runs.
type Program struct {
	// URL is the address of its pages, without a slash at the end.
	URL string
	// Gateway is the address of the page that shows what it sends; see [Program.LatestMessage].
	Gateway string
	// People are the accounts that it made; their passwords are new at each start.
	People []Person
	// PID is the number of its process.
	PID int

	binary  string
	options Options
	cmd     *exec.Cmd
	stderr  *tail
	ended   chan struct{} // closed when the process has gone
	result  error         // of the process, once ended is closed
}

// Start builds and starts a program for a test. When the test is over the program is stopped, and if the test failed, what the program
// wrote to standard error is shown.
func Start(t testing.TB, options Options) *Program {
	t.Helper()
	binary := Build(t)
	if options.Data == "" {
		options.Data = t.TempDir()
	}
	p, err := Run(binary, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill() // nothing of its data is wanted any more, and a test that asks for a clean end calls Stop
		if t.Failed() {
			t.Logf("staffkeyd wrote:\n%s", p.Stderr())
		}
	})
	return p
}

// Run starts "staffkeyd demo" on a free port and returns when it is ready.
func Run(binary string, options Options) (*Program, error) {
	args := append([]string{"demo", "--json", "--listen", "localhost:0"}, options.database()...)
	cmd := exec.Command(binary, append(args, options.Args...)...)
	cmd.Env = append(os.Environ(), options.Env...)
	p := &Program{binary: binary, options: options, cmd: cmd, stderr: &tail{}, ended: make(chan struct{})}
	cmd.Stderr = p.stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start staffkeyd: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start staffkeyd: %w", err)
	}
	p.PID = cmd.Process.Pid
	overdue := time.AfterFunc(startWithin, p.signalKill)
	line, readErr := bufio.NewReader(output).ReadBytes('\n')
	overdue.Stop()
	go func() {
		p.result = cmd.Wait()
		close(p.ended)
	}()
	if readErr == nil {
		var ready struct {
			URL     string   `json:"url"`
			Gateway string   `json:"gateway"`
			People  []Person `json:"people"`
		}
		if readErr = json.Unmarshal(line, &ready); readErr == nil {
			p.URL, p.Gateway, p.People = ready.URL, ready.Gateway, ready.People
			return p, nil
		}
	}
	p.Kill()
	return nil, fmt.Errorf("staffkeyd did not start: %w\n%s", readErr, p.Stderr())
}

func (o Options) database() []string {
	args := []string{"--data", o.Data}
	if o.Postgres != "" {
		args = append(args, "--postgres", o.Postgres)
	}
	return args
}

// Person returns the account with that username, or the first when username is "".
func (p *Program) Person(username string) (Person, bool) {
	i := slices.IndexFunc(p.People, func(who Person) bool { return username == "" || who.Username == username })
	if i < 0 {
		return Person{}, false
	}
	return p.People[i], true
}

// Command runs another command of the same binary on the same data, such as "audit", "export", and returns what it printed. Standard
// input is stdin.
func (p *Program) Command(stdin string, args ...string) (stdout []byte, err error) {
	return Command(p.binary, p.options, stdin, args...)
}

// Command runs a command of staffkeyd on the data of options, whether or not a program runs there.
func Command(binary string, options Options, stdin string, args ...string) (stdout []byte, err error) {
	cmd := exec.Command(binary, append(args, options.database()...)...)
	cmd.Env = append(os.Environ(), options.Env...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.Bytes(), fmt.Errorf("staffkeyd %s: %w\n%s%s", strings.Join(args, " "), err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), nil
}

// Stop asks the program to end, as systemd does, and waits until it has. The error tells of an end that was not clean.
func (p *Program) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop staffkeyd: %w", err)
	}
	overdue := time.AfterFunc(stopWithin, p.signalKill)
	defer overdue.Stop()
	<-p.ended
	if p.result != nil {
		return fmt.Errorf("staffkeyd ended: %w\n%s", p.result, p.Stderr())
	}
	return nil
}

// Kill ends the program at once, as a power cut ends a process, and waits until it has gone.
func (p *Program) Kill() {
	p.signalKill()
	<-p.ended
}

func (p *Program) signalKill() { _ = p.cmd.Process.Kill() } // fails only when it has gone already

// Stderr returns the end of what the program wrote to standard error so far.
func (p *Program) Stderr() string { return p.stderr.String() }

// tail keeps the end of a stream.
type tail struct {
	mu   sync.Mutex
	data []byte
}

const tailSize = 64 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.data = append(t.data, p...)
	if len(t.data) > 2*tailSize {
		t.data = append(t.data[:0], t.data[len(t.data)-tailSize:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.data)
}
