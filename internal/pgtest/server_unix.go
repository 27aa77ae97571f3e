//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopWithin bounds the wait for a server to end: a fast shutdown takes a fraction of a second, and a test run must not hang on it.
const stopWithin = 30 * time.Second

// guard is the program that holds the server: it creates the cluster, starts it, says so, and then waits for the end of its standard
// input. That is a pipe whose other end only the test program has, so it ends when the test program closes it and just as well when
// that is killed. Then the guard stops the server and removes its files. Arguments: folder of the programs, folder to work in,
// settings for the server.
const guard = `
bin=$1 dir=$2 settings=$3
finish() {
	"$bin/pg_ctl" stop -D "$dir/data" -m immediate -s >>"$dir/log" 2>&1
	rm -rf "$dir/data" "$dir/socket"
}
mkdir -m 700 "$dir/socket" &&
"$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >>"$dir/log" 2>&1 &&
"$bin/pg_ctl" start -D "$dir/data" -l "$dir/log" -o "$settings" -w -s >>"$dir/log" 2>&1 || { finish; exit 1; }
echo ready
read -r line
finish
rm -f "$dir/log"
rmdir "$dir" 2>/dev/null
exit 0
`

// start runs one server under its guard on a new temporary folder.
func start(bin string, options []Option) (url string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	identity, err := serverIdentity()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "pgtest-")
	if err != nil {
		return "", nil, fmt.Errorf("make a folder for the server: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	if identity != nil {
		if err := os.Chown(dir, int(identity.Uid), int(identity.Gid)); err != nil {
			return "", nil, fmt.Errorf("hand the server's folder to its user: %w", err)
		}
	}

	cmd := exec.Command("/bin/sh", "-c", guard, "pgtest", bin, dir, settings(dir, port, options))
	cmd.Dir = dir
	// The reports of the programs are read by people of any language; PG… settings of the caller's shell are for another server.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(pair string) bool { return strings.HasPrefix(pair, "PG") }), "LC_ALL=C")
	// A process group of its own keeps an interrupt typed at the terminal from the guard, which has to outlive us to tidy up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: identity}
	input, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, fmt.Errorf("connect to the guard: %w", err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, fmt.Errorf("connect to the guard: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("run the guard: %w", err)
	}
	if line, _ := bufio.NewReader(output).ReadString('\n'); line != "ready\n" {
		ended := cmd.Wait()
		report, _ := os.ReadFile(filepath.Join(dir, "log"))
		return "", nil, fmt.Errorf("%w\n%s", errors.Join(errors.New("the server did not start"), ended), report)
	}
	stop = sync.OnceFunc(func() { end(cmd, input, dir) })
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port), stop, nil
}

// end lets the guard stop the server and waits for it. A guard that hangs is killed with its process group; the server notices that
// its folder is gone and ends by itself.
func end(cmd *exec.Cmd, input io.Closer, dir string) {
	overdue := time.AfterFunc(stopWithin, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer overdue.Stop()
	// Neither error is of use to a test that is over: the guard is gone, and what it left is removed here.
	_ = input.Close()
	_ = cmd.Wait()
	_ = os.RemoveAll(dir)
}

// settings is the command line of the server: its addresses, room for the pools of many test packages at a time, and the options.
func settings(dir string, port int, options []Option) string {
	values := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(port),
		"max_connections=400",
	}
	// A socket's path has room for 107 bytes; under a long TMPDIR the server does without one.
	socket := filepath.Join(dir, "socket")
	if len(socket)+len("/.s.PGSQL.65535.lock") > 107 {
		socket = ""
	}
	values = append(values, "unix_socket_directories="+socket)
	if slices.Contains(options, Fast) {
		values = append(values, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	var line strings.Builder
	for _, value := range values {
		// pg_ctl passes this line through a shell.
		line.WriteString(" -c '" + strings.ReplaceAll(value, "'", `'\''`) + "'")
	}
	return line.String()
}

// freePort asks the system for a TCP port that nobody uses at this moment.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("release the port: %w", err)
	}
	return port, nil
}

// serverIdentity returns the user that the server runs as, nil for the user that we are.
func serverIdentity() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	var missing error
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			missing = errors.Join(missing, err)
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("group of user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no other user for it: %w", missing)
}
