//go:build linux

package servers

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"staffkey/test/program"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// postgres is a PostgreSQL server of its own, not the one that other tests share.
type postgres struct {
	*process
	bin, data, port string
}

// address is host and port.
func (p *postgres) address() string { return "127.0.0.1:" + p.port }

// postgresURL is a connection to a database as the superuser, at host:port of addresses, the first first.
func postgresURL(database string, addresses ...string) string {
	return "postgres://postgres@" + strings.Join(addresses, ",") + "/" + database + "?sslmode=disable"
}

// startPostgres makes and starts a server with settings, "name=value".
func startPostgres(t *testing.T, settings ...string) *postgres {
	t.Helper()
	initdb, err := filepath.EvalSymlinks(need(t, "initdb")) // its other programs lie beside it
	if err != nil {
		t.Fatal(err)
	}
	p := &postgres{bin: filepath.Dir(initdb), port: freePort(t)}
	p.data = filepath.Join(folder(t, unprivileged(t)), "data")
	runAs(t, unprivileged(t), filepath.Join(p.bin, "initdb"), "-D", p.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	p.run(t, settings...)
	return p
}

// follow makes and starts a server that follows p under a name.
func (p *postgres) follow(t *testing.T, name string) *postgres {
	t.Helper()
	f := &postgres{bin: p.bin, port: freePort(t)}
	f.data = filepath.Join(folder(t, unprivileged(t)), "data")
	runAs(t, unprivileged(t), filepath.Join(p.bin, "pg_basebackup"), "-d", "postgres://postgres@"+p.address()+"/?application_name="+name, "-D", f.data, "-R", "--checkpoint=fast", "--no-sync")
	f.run(t)
	return f
}

func (p *postgres) run(t *testing.T, settings ...string) {
	t.Helper()
	args := []string{"-D", p.data, "-c", "listen_addresses=127.0.0.1", "-c", "port=" + p.port, "-c", "unix_socket_directories=" + filepath.Dir(p.data), "-c", "fsync=off"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	p.process = launch(t, unprivileged(t), nil, filepath.Join(p.bin, "postgres"), args...)
	t.Cleanup(func() { p.stop(t, syscall.SIGQUIT) }) // at once: what it holds goes with the folder
	p.await(t, func() error { return p.try("SELECT 1") })
}

// try runs a statement as the superuser.
func (p *postgres) try(statement string) error {
	db, err := sql.Open("pgx", postgresURL("postgres", p.address()))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	_, err = db.ExecContext(ctx, statement)
	return errors.Join(err, db.Close())
}

func (p *postgres) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := p.try(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// number returns what a query says, of a database.
func (p *postgres) number(t *testing.T, database, query string) (n int) {
	t.Helper()
	db, err := sql.Open("pgx", postgresURL(database, p.address()))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

func runAs(t *testing.T, as *syscall.Credential, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", filepath.Base(name), err, out)
	}
}

// wire is a network between two programs that can be cut: then it takes connections and bytes, and says nothing, as a host does that hangs.
type wire struct {
	net.Listener
	to    string
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func newWire(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{Listener: l, to: to}
	go w.run()
	t.Cleanup(func() {
		_ = l.Close() // ends run
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, c := range w.conns {
			_ = c.Close() // and with them what copies
		}
	})
	return w
}

func (w *wire) run() {
	for {
		in, err := w.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		w.conns = append(w.conns, in)
		if w.cut {
			w.mu.Unlock()
			continue
		}
		out, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = in.Close() // as the other end would
			w.mu.Unlock()
			continue
		}
		w.conns = append(w.conns, out)
		w.mu.Unlock()
		go w.copy(in, out)
		go w.copy(out, in)
	}
}

func (w *wire) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		cut := w.cut
		w.mu.Unlock()
		if cut {
			continue
		}
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			_ = to.Close() // one end has gone
			return
		}
	}
}

func (w *wire) hang() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
}

// ready asks /readyz, and reports what it says as an error unless it is 200.
func ready(listen string) error { return answers("http://" + listen + "/readyz") }

// notReady waits until /readyz says 503.
func notReady(t *testing.T, listen string) {
	t.Helper()
	err := until(startWithin, func() error {
		if err := ready(listen); err == nil {
			return errors.New("ready")
		} else if !strings.Contains(err.Error(), "503") {
			return err
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A primary that hangs is left: pages end with a plain 503 that says when to come back, and the standby that takes its place is found, by a URL that says
// no more than both hosts.
func TestPostgreSQL_primary_hangs(t *testing.T) {
	t.Parallel()
	primary := startPostgres(t)
	primary.exec(t, "CREATE DATABASE staffkey")
	standby := primary.follow(t, "standby")
	cable := newWire(t, primary.address())
	_, listen := serve(t, t.TempDir(), "--postgres", postgresURL("staffkey", cable.Addr().String(), standby.address()))
	browser := program.NewClient(asPeopleDo(listen))
	defer browser.Close()
	if page, err := browser.Get(t.Context(), "/signin"); err != nil || page.Status != http.StatusOK {
		t.Fatalf("before: %v, %v", page, err)
	}
	cable.hang()
	page, _ := browser.SignInPassword(t.Context(), "nobody", "wrong wrong wrong") // an error of the walk: the page is another
	if page == nil || page.Status != http.StatusServiceUnavailable {
		t.Errorf("a page while the database hangs: %+v", page)
	}
	standby.exec(t, "SELECT pg_promote()")
	if err := until(startWithin, func() error { return ready(listen) }); err != nil {
		t.Errorf("the one that takes its place is not found: %v", err)
	}
	if page, err := browser.SignInPassword(t.Context(), "nobody", "wrong wrong wrong"); page == nil || page.Status != http.StatusUnauthorized {
		t.Errorf("a sign-in afterwards: %+v, %v", page, err)
	}
}

// When the answer to a commit does not come, nobody says that nothing was saved: here it is saved, and the standby has not said so.
func TestPostgreSQL_standby_is_waited_for(t *testing.T) {
	t.Parallel()
	primary := startPostgres(t)
	primary.exec(t, "CREATE DATABASE staffkey")
	standby := primary.follow(t, "standby")
	_, listen := serve(t, t.TempDir(), "--postgres", postgresURL("staffkey", primary.address()))
	primary.exec(t, "ALTER SYSTEM SET synchronous_standby_names = 'standby'", "SELECT pg_reload_conf()")
	if err := until(startWithin, func() error { return ready(listen) }); err != nil {
		t.Fatal(err)
	}
	standby.stop(t, syscall.SIGQUIT)
	before := primary.number(t, "staffkey", "SELECT COUNT(*) FROM throttles")
	browser := program.NewClient(asPeopleDo(listen))
	defer browser.Close()
	page, _ := browser.SignInPassword(t.Context(), "nobody", "wrong wrong wrong") // as above
	if page == nil || page.Status != http.StatusServiceUnavailable || !strings.Contains(page.Text(), "We do not know whether this was saved") || strings.Contains(page.Text(), "Nothing was changed") {
		t.Errorf("a page whose change is not answered: %+v", page)
	}
	notReady(t, listen)
	primary.exec(t, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
	if err := until(startWithin, func() error { return ready(listen) }); err != nil {
		t.Error(err)
	}
	// PostgreSQL shows a change to others when the wait for the standby is over, whoever has given up waiting for it meanwhile.
	err := until(startWithin, func() error {
		if after := primary.number(t, "staffkey", "SELECT COUNT(*) FROM throttles"); after == before {
			return errors.New("the change is not there; this test is to show one that is")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// A server whose address leads to one that only follows is not ready, and says so until it is another.
func TestPostgreSQL_becomes_read_only(t *testing.T) {
	t.Parallel()
	primary := startPostgres(t)
	primary.exec(t, "CREATE DATABASE staffkey")
	standby := primary.follow(t, "standby")
	cable := newWire(t, primary.address())
	_, listen := serve(t, t.TempDir(), "--postgres", postgresURL("staffkey", cable.Addr().String()))
	cable.mu.Lock()
	cable.to = standby.address()
	cable.mu.Unlock()
	primary.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'staffkey'")
	notReady(t, listen)
	browser := program.NewClient(asPeopleDo(listen))
	defer browser.Close()
	page, _ := browser.SignInPassword(t.Context(), "nobody", "wrong wrong wrong")
	if page == nil || page.Status != http.StatusServiceUnavailable {
		t.Errorf("a sign-in at a standby: %+v", page)
	}
	out, code := finish(t, time.Minute, program.Build(t), "doctor", "--data", t.TempDir(), "--address", "http://localhost:1", "--postgres", postgresURL("staffkey", standby.address()))
	if code == 0 || !strings.Contains(out, "follows another server") {
		t.Errorf("doctor at a standby: %d %s", code, out)
	}
	standby.exec(t, "SELECT pg_promote()")
	if err := until(startWithin, func() error { return ready(listen) }); err != nil {
		t.Error(err)
	}
}
