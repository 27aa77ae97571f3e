package browser

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"staffkey/internal/store/storetest"
	"staffkey/test/program"
)

// patience is how long anything may take on a busy machine before a test gives up.
const patience = 20 * time.Second

// account is someone who can sign in with a password.
type account = program.Person

// installation is a running staffkeyd.
type installation struct {
	url     string
	options program.Options
	running *program.Program // nil for one that serve started
}

var sharedDemo = sync.OnceValues(func() (*installation, error) {
	binary, err := program.Compile()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "staffkey-demo-")
	if err != nil {
		return nil, err
	}
	atEnd(func() error { return os.RemoveAll(dir) })
	options := program.Options{Data: dir}
	p, err := program.Run(binary, options)
	if err != nil {
		return nil, err
	}
	atEnd(p.Stop)
	return &installation{p.URL, options, p}, nil
})

// demo returns the demo on SQLite that tests share. Each test makes a person of its own in it.
func demo(t testing.TB) *installation {
	t.Helper()
	chromium(t) // nothing is started where the test will be skipped
	p, err := sharedDemo()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// demoOn starts a demo on an engine, for one test.
func demoOn(t testing.TB, engine string) *installation {
	t.Helper()
	chromium(t)
	options := databaseOn(t, engine)
	p := program.Start(t, options)
	return &installation{p.URL, options, p}
}

func databaseOn(t testing.TB, engine string) program.Options {
	t.Helper()
	options := program.Options{Data: t.TempDir()}
	if engine == "postgresql" {
		options.Postgres = storetest.Schema(t)
	}
	return options
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

// serve starts an empty installation, as an operator does, and returns it with the set-up link that it prints.
func serve(t testing.TB, engine string) (p *installation, link string) {
	t.Helper()
	port := freePort(t)
	p = &installation{url: "http://localhost:" + port, options: databaseOn(t, engine)}
	arguments := []string{"serve", "--address", p.url, "--listen", "localhost:" + port, "--data", p.options.Data}
	if p.options.Postgres != "" {
		arguments = append(arguments, "--postgres", p.options.Postgres)
	}
	cmd := exec.Command(program.Build(t), arguments...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	overdue := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) // fails only when it has gone already
	lines := bufio.NewReader(stdout)
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // as above
		_, _ = io.Copy(io.Discard, lines)       // to the end of its output, which is the end of the program
		if err := cmd.Wait(); err != nil {
			t.Errorf("staffkeyd serve: %v\n%s", err, stderr.Bytes())
		}
	})
	for !strings.HasPrefix(link, p.url) {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("staffkeyd serve printed no set-up link: %v", err)
		}
		link = strings.TrimSpace(line)
	}
	overdue.Stop()
	return p, link
}

// freePort returns a port that is free, because the public address has to be known before the port is open.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// run runs a command of the program on the same data and returns what it prints.
func (p *installation) run(t testing.TB, arguments ...string) string {
	t.Helper()
	out, err := program.Command(program.Build(t), p.options, "", arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// mailOf is the e-mail address of a person that newPerson added.
func mailOf(a account) string { return a.Username + "@northmoor-hospitals.example" }

// newPerson adds a person, and returns the link with which they choose their password.
func (p *installation) newPerson(t testing.TB) (account, string) {
	t.Helper()
	return p.newPersonOf(t, "NMH")
}

func (p *installation) newPersonOf(t testing.TB, organisation string) (account, string) {
	t.Helper()
	a := account{Username: "p" + strings.ToLower(rand.Text()[:12]), Password: "ward round " + strings.ToLower(rand.Text()[:10]), Name: "Nia Bowen"}
	out := p.run(t, "person", "add", a.Username, "--name", a.Name, "--email", mailOf(a), "--organisation", organisation)
	return a, p.linkIn(t, out)
}

// linkIn returns the first link to the installation in a text that has each link on a line of its own.
func (p *installation) linkIn(t testing.TB, text string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, p.url) {
			return strings.TrimSpace(line)
		}
	}
	t.Fatalf("want a link in %q", text)
	return ""
}

// mail returns the latest e-mail to an address with that subject, and waits for it.
func (p *installation) mail(t testing.TB, to, subject string) string {
	t.Helper()
	return p.message(t, to, subject, func(m program.Message) bool { return m.Subject == subject }).Text
}

// tellsAdministrators waits for the e-mail to a Local Administrator of Northmoor Hospitals that has that subject and the words.
func (p *installation) tellsAdministrators(t testing.TB, subject, words string) {
	t.Helper()
	p.message(t, "gareth.prys@northmoor-hospitals.example", subject+": "+words, func(m program.Message) bool {
		return m.Subject == subject && strings.Contains(m.Text, words)
	})
}

// code returns the latest code that came to a telephone number by a kind of message after the message of that number, and waits for it.
func (p *installation) code(t testing.TB, kind, to string, after int) (code string, number int) {
	t.Helper()
	m := p.message(t, to, "a code by "+kind, func(m program.Message) bool { return m.Kind == kind && m.Number > after })
	return m.Code, m.Number
}

// message returns the latest message to somebody that fits, and waits for it.
func (p *installation) message(t testing.TB, to, what string, fits func(program.Message) bool) program.Message {
	t.Helper()
	m, err := p.running.FindMessage(t.Context(), to, fits)
	if err != nil {
		t.Fatalf("message %q to %s: %v", what, to, err)
	}
	return m
}
