//go:build linux

package servers

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"staffkey/test/program"
)

// startBouncer starts PgBouncer in front of a server (seen: 1.18.0 of Debian 12). In transaction mode that version hands a connection to
// whoever begins the next transaction and follows no prepared statements; 1.21 and later do where max_prepared_statements is set.
func startBouncer(t *testing.T, server *postgres, mode string) (address string) {
	t.Helper()
	as, port := unprivileged(t), freePort(t)
	dir := folder(t, as)
	config := file(t, as, dir, "pgbouncer.ini", fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%s user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = any
pool_mode = %s
max_client_conn = 200
`, server.port, port, mode))
	p := launch(t, as, nil, need(t, "pgbouncer"), config)
	address = "127.0.0.1:" + port
	p.await(t, func() error { return listens(address) })
	return address
}

// traffic keeps the pool of a pooler busy with transactions of a few connections until the test ends, so that none keeps its server process.
func traffic(t *testing.T, dsn string) {
	t.Helper()
	db, err := sql.Open("pgx", dsn+"&default_query_exec_mode=simple_protocol")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	for range 6 {
		go func() {
			for ctx.Err() == nil {
				_, _ = db.ExecContext(ctx, "SELECT pg_sleep(0.002)") // its answers do not matter
			}
			ended <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		stop()
		for range 6 {
			<-ended
		}
		_ = db.Close() // nobody needs it any more
	})
}

// Behind a pooler of transactions that knows no prepared statements, what fails says why and what to do; with the setting that it names, all works,
// migrations of two nodes at once too, and no lock stays behind.
func TestPgBouncer(t *testing.T) {
	t.Parallel()
	server := startPostgres(t)
	server.exec(t, "CREATE DATABASE staffkey", "CREATE DATABASE other")
	pooled, sticky := startBouncer(t, server, "transaction"), startBouncer(t, server, "session")
	binary, data := program.Build(t), filepath.Join(t.TempDir(), "data")

	traffic(t, postgresURL("other", pooled))
	dsn := postgresURL("staffkey", pooled)
	traffic(t, dsn)
	named := false
	for range 5 {
		out, code := finish(t, time.Minute, binary, "migrate", "--data", data, "--postgres", dsn)
		if code != 0 && !strings.Contains(out, "default_query_exec_mode=exec") {
			t.Errorf("a failure does not say what helps: %d %s", code, out)
		}
		if code != 0 {
			named = true
			break
		}
	}
	out, code := finish(t, time.Minute, binary, "doctor", "--data", data, "--address", "http://localhost:1", "--postgres", dsn)
	if !strings.Contains(out, "default_query_exec_mode=exec") {
		t.Errorf("doctor does not see the pooler: %d %s", code, out)
	}
	if !named {
		t.Log("no migration met the pooler's fault")
	}

	dsn += "&default_query_exec_mode=exec"
	both := make(chan string, 2)
	for range 2 {
		go func() {
			out, code := finish(t, time.Minute, binary, "migrate", "--data", data, "--postgres", dsn)
			both <- fmt.Sprint(code, out)
		}()
	}
	for range 2 {
		if got := <-both; !strings.HasPrefix(got, "0") {
			t.Errorf("migrate with the setting: %s", got)
		}
	}
	if n := server.number(t, "staffkey", "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'"); n != 0 {
		t.Errorf("%d advisory locks stay on the pool", n)
	}
	for _, dsn := range []string{dsn, postgresURL("staffkey", sticky)} {
		_, listen := serve(t, data, "--postgres", dsn)
		browser := program.NewClient(asPeopleDo(listen))
		for range 20 {
			if page, err := browser.SignInPassword(t.Context(), "nobody", "wrong wrong wrong"); page == nil || page.Status >= 500 {
				t.Errorf("a sign-in: %+v, %v", page, err)
			}
		}
		browser.Close()
		out, code := finish(t, time.Minute, binary, "doctor", "--data", data, "--address", "http://localhost:1", "--postgres", dsn)
		if code != 0 {
			t.Errorf("doctor: %d %s", code, out)
		}
	}
}
