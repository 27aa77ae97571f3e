package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"staffkey/internal/pgtest"
	"staffkey/test/program"
)

// newDatabase makes an empty database on the PostgreSQL server of TEST_POSTGRES, or on a throw-away one. drop removes it.
func newDatabase(ctx context.Context) (database string, drop func(), err error) {
	server, stop, err := pgtest.Start()
	if err != nil {
		return "", nil, err
	}
	database, remove, err := program.NewDatabase(ctx, server)
	if err != nil {
		stop()
		return "", nil, err
	}
	return database, func() {
		_ = remove() // a throw-away server takes it along
		stop()
	}, nil
}

// installation is a server of the driver's own, with one organisation and nobody in it. It is started as an operator would, behind a
// proxy: it believes the X-Forwarded-For of this machine, so that the driver can come from many addresses.
type installation struct {
	binary  string
	options program.Options
	url     string
	cmd     *exec.Cmd
	direct  bool          // started without a proxy in front
	ended   chan struct{} // closed when the process has gone
	result  error         // of the process, once ended is closed
	remove  []func() error
}

// install starts a server on an engine. The caller removes it.
func install(ctx context.Context, engine string) (*installation, error) {
	return (&installation{}).install(ctx, engine)
}

func (in *installation) install(ctx context.Context, engine string) (_ *installation, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, in.close())
		}
	}()
	if in.binary, err = program.Compile(); err != nil {
		return nil, err
	}
	if in.options.Data, err = os.MkdirTemp("", "staffkey-load-"); err != nil {
		return nil, err
	}
	in.remove = append(in.remove, func() error { return os.RemoveAll(in.options.Data) })
	switch engine {
	case "sqlite":
	case "postgres":
		database, drop, err := newDatabase(ctx)
		if err != nil {
			return nil, err
		}
		in.options.Postgres = database
		in.remove = append(in.remove, func() error {
			drop()
			return nil
		})
	default:
		return nil, fmt.Errorf("no engine %q: sqlite or postgres", engine)
	}
	if err := in.start(); err != nil {
		return nil, err
	}
	table := "code,name,parent,phone\n" + organisation + ",Northmoor Health Federation,,\n"
	_, err = program.Command(in.binary, in.options, table, "organisation", "import", "-")
	return in, err
}

// startWithin and stopWithin bound the wait for a server that does neither.
const (
	startWithin = 60 * time.Second
	stopWithin  = 30 * time.Second
)

func (in *installation) start() error {
	listener, err := net.Listen("tcp", "localhost:0") // its port is free a moment later
	if err != nil {
		return err
	}
	host := fmt.Sprintf("localhost:%d", listener.Addr().(*net.TCPAddr).Port)
	if err := listener.Close(); err != nil {
		return err
	}
	in.url = "http://" + host
	args := []string{"serve", "--address", in.url, "--listen", host, "--data", in.options.Data}
	if !in.direct {
		args = append(args, "--trusted-proxy", "127.0.0.1", "--trusted-proxy", "::1")
	}
	if in.options.Postgres != "" {
		args = append(args, "--postgres", in.options.Postgres)
	}
	in.cmd = exec.Command(in.binary, args...)
	report, err := in.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := in.cmd.Start(); err != nil {
		return err
	}
	in.ended = make(chan struct{})
	overdue := time.AfterFunc(startWithin, in.kill)
	defer overdue.Stop()
	lines := bufio.NewScanner(report)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if strings.Contains(lines.Text(), `"msg":"listening"`) {
			go in.wait(report)
			return nil
		}
	}
	in.wait(report)
	return fmt.Errorf("staffkeyd did not start: %w\n%s", in.result, strings.Join(said, "\n"))
}

// wait reads what the server has to say, so that it never waits for a reader, until it ends.
func (in *installation) wait(report io.Reader) {
	_, _ = io.Copy(io.Discard, report)
	in.result = in.cmd.Wait()
	close(in.ended)
}

func (in *installation) kill() { _ = in.cmd.Process.Kill() } // fails only when it has gone already

// close ends the server and removes what it leaves.
func (in *installation) close() error {
	var errs []error
	if in.ended != nil {
		_ = in.cmd.Process.Signal(syscall.SIGTERM) // fails only when it has gone already
		overdue := time.AfterFunc(stopWithin, in.kill)
		<-in.ended
		overdue.Stop()
		errs = append(errs, in.result)
	}
	for _, remove := range in.remove {
		errs = append(errs, remove())
	}
	return errors.Join(errs...)
}
