//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

// beChild makes the test program start a server, say where and then wait to be killed; see TestMain.
const beChild = "PGTEST_BE_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(beChild) == "" {
		os.Exit(m.Run())
	}
	address, _, err := Start(Fast)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(address)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// programs returns where PostgreSQL is, and skips the test on a machine that has none.
func programs(t *testing.T) string {
	t.Helper()
	bin, err := findPrograms(exec.LookPath, "/usr/lib/postgresql/*/bin")
	if errors.Is(err, ErrNotInstalled) && os.Getenv("TEST_ENGINES") != "all" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatalf("findPrograms: %v", err)
	}
	return bin
}

// show reads settings of the server, in the order of the names.
func show(t *testing.T, connection *pgx.Conn, names ...string) []string {
	t.Helper()
	values := make([]string, len(names))
	for i, name := range names {
		if err := connection.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&values[i]); err != nil {
			t.Fatalf("setting %s: %v", name, err)
		}
	}
	return values
}

func TestStart(t *testing.T) {
	t.Parallel()
	durability := []string{"fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "server_encoding", "lc_collate"}
	for name, run := range map[string]struct {
		options []Option
		want    []string
	}{
		"is durable as PostgreSQL is":  {nil, []string{"on", "on", "on", "127.0.0.1", "UTF8", "C"}},
		"gives durability up for Fast": {[]Option{Fast}, []string{"off", "off", "off", "127.0.0.1", "UTF8", "C"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, stop, err := start(programs(t), run.options)
			if err != nil {
				t.Fatalf("start: %v", err)
			}
			t.Cleanup(stop)
			connection, err := pgx.Connect(t.Context(), address)
			if err != nil {
				t.Fatalf("connect: %v", err)
			}
			if diff := cmp.Diff(run.want, show(t, connection, durability...)); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
			folder := filepath.Dir(show(t, connection, "data_directory")[0])

			stop()
			stop()
			if err := connection.Ping(t.Context()); err == nil {
				t.Error("the server still answers after stop")
			}
			if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("folder of the server after stop: want it gone, got %v", err)
			}
		})
	}
}

func TestStart_reports_why_the_server_did_not_start(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	for program, script := range map[string]string{"initdb": "#!/bin/sh\necho the disk is full\nexit 3\n", "pg_ctl": "#!/bin/sh\n"} {
		if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The user that the server runs as has to reach these programs, which are in a folder of ours.
	for folder := bin; folder != filepath.Dir(os.TempDir()) && folder != os.TempDir(); folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}

	_, _, err := start(bin, nil)
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("error: want what initdb said, got %v", err)
	}
}

func TestStart_ends_the_server_with_a_killed_program(t *testing.T) {
	t.Parallel()
	programs(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), beChild+"=yes", Variable+"=")
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(output).ReadString('\n')
	if err != nil {
		t.Fatalf("read the child's server: %v", err)
	}
	address, err := url.Parse(strings.TrimSpace(line))
	if err != nil || address.Scheme != "postgres" {
		t.Fatalf("the child's server: %q, %v", line, err)
	}
	connection, err := net.Dial("tcp", address.Host)
	if err != nil {
		t.Fatalf("connect to the child's server: %v", err)
	}
	defer func() { _ = connection.Close() }()

	if err := child.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("the child: want killed, got a clean end")
	}
	// The server waits for our first words and says nothing; it lets go of the connection only when it ends.
	if err := connection.SetReadDeadline(time.Now().Add(stopWithin)); err != nil {
		t.Fatal(err)
	}
	if _, err := connection.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the server goes on after its program was killed")
	}
}
