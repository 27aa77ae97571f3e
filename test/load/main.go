// Command load measures what one complete, durable sign-in by security key costs the server.
//
//	go run ./test/load --people 8 --seconds 20
//	go run ./test/load --people 8 --seconds 20 --engine postgres
//	go run ./test/load --people 8 --seconds 20 --import 100000
//
// It builds and starts the real program with its sample federation, adds people through the operator's own commands and the product's
// pages, and gives each a software key. Then each of them signs in again and again, without a pause: the first page with its options,
// the key, the answer with a new session. That is a closed loop: the rate is what the machine gives with that many people at a time.
//
// Two more modes look at what others can do to the server and learn from it:
//
//	go run ./test/load flood     waits of sign-ins by key while somebody guesses passwords
//	go run ./test/load timing    whether the time of an answer tells that a name exists
//
// And one looks at memory: thousands of connections that each send most of a body and then wait, from one address and as through a proxy:
//
//	go run ./test/load slow
//
// The server's time on the processors is read from /proc before and after; with PostgreSQL, the time of the database server's processes
// counts as well. Driver and server share the machine, so the rate and the waiting times are those of a busy machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"staffkey/test/program"
)

// settings are the flags.
type settings struct {
	people    int
	seconds   float64
	engine    string
	url       string
	pid       int
	data      string
	postgres  string
	imported  int
	passwords float64
	json      bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err := errors.Join(err, program.Clean()); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func readSettings(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	flags.IntVar(&s.people, "people", 8, "how many `people` sign in at a time")
	flags.Float64Var(&s.seconds, "seconds", 20, "how many `seconds` to measure, after one second to warm up")
	flags.StringVar(&s.engine, "engine", "sqlite", "database: sqlite or postgres (TEST_POSTGRES, or a throw-away server)")
	flags.StringVar(&s.url, "url", "", "address of a server that runs already, instead of starting one; with --pid and --data")
	flags.IntVar(&s.pid, "pid", 0, "`process` of the server at --url")
	flags.StringVar(&s.data, "data", "", "data `folder` of the server at --url, or to keep the one that is started")
	flags.StringVar(&s.postgres, "postgres", "", "PostgreSQL `URL` of the server at --url")
	flags.IntVar(&s.imported, "import", 0, "how many `people` to import first, who do not sign in")
	flags.Float64Var(&s.passwords, "passwords-per-second", 0, "wrong passwords to send beside, as a `rate`")
	flags.BoolVar(&s.json, "json", false, "print one JSON object")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unknown argument %q", flags.Arg(0))
	case s.people < 1 || s.seconds <= 0 || s.imported < 0 || s.passwords < 0:
		return s, errors.New("--people and --seconds must be positive, --import and --passwords-per-second not negative")
	case s.engine != "sqlite" && s.engine != "postgres":
		return s, fmt.Errorf("no engine %q: sqlite or postgres", s.engine)
	case s.url != "" && (s.pid == 0 || s.data == ""):
		return s, errors.New("--url needs --pid and --data: people are added by commands on the data, and the process is measured")
	}
	return s, nil
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "flood":
			return runFlood(ctx, args[1:])
		case "timing":
			return runTiming(ctx, args[1:])
		case "slow":
			return runSlow(ctx, args[1:])
		}
	}
	return runSignIns(ctx, args)
}

func runSignIns(ctx context.Context, args []string) (err error) {
	s, err := readSettings(args)
	if err != nil {
		return err
	}
	binary, err := program.Compile()
	if err != nil {
		return err
	}
	if s.data == "" {
		if s.data, err = os.MkdirTemp("", "staffkey-load-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(s.data)) }()
	}
	options := program.Options{Data: s.data, Postgres: s.postgres}
	if s.engine == "postgres" && s.url == "" {
		database, drop, err := newDatabase(ctx)
		if err != nil {
			return err
		}
		defer drop()
		options.Postgres = database
	}
	if s.url == "" {
		p, err := program.Run(binary, options)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, p.Stop()) }()
		s.url, s.pid = p.URL, p.PID
	}
	result, err := measure(ctx, s, binary, options)
	if err != nil {
		return err
	}
	if s.json {
		return json.NewEncoder(os.Stdout).Encode(result)
	}
	_, err = fmt.Println(result)
	return err
}

// warmUp is how long people sign in before the measurement: connections open, statements get prepared, pages get read.
const warmUp = time.Second

// measure prepares the people and drives them.
func measure(ctx context.Context, s settings, binary string, options program.Options) (*result, error) {
	began := time.Now()
	if err := importPeople(binary, options, "bystander", s.imported); err != nil {
		return nil, err
	}
	people, err := enrol(ctx, s.people, s.url, binary, options)
	if err != nil {
		return nil, err
	}
	prepared := time.Since(began)
	processes, err := serverProcesses(ctx, s.pid, options.Postgres)
	if err != nil {
		return nil, err
	}
	var flood *flooding
	if s.passwords > 0 {
		flood = startFlood(ctx, s.url, guessing{perSecond: s.passwords})
	}
	if _, err := drive(ctx, people, warmUp, 0); err != nil {
		return nil, err
	}
	before, err := processes.seconds()
	if err != nil {
		return nil, err
	}
	own := ownSeconds()
	loop, err := drive(ctx, people, time.Duration(s.seconds*float64(time.Second)), 0)
	if err != nil {
		return nil, err
	}
	after, err := processes.seconds()
	if err != nil {
		return nil, err
	}
	own = ownSeconds() - own
	memory, err := readMemory(s.pid)
	if err != nil {
		return nil, err
	}
	r := newResult(s, loop, after-before, own, memory)
	r.PreparedSeconds = prepared.Seconds()
	if flood != nil {
		r.Passwords = flood.stop()
	}
	return r, nil
}
