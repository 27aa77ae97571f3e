package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// floodSettings are the flags of the mode flood.
type floodSettings struct {
	people        int
	seconds       float64
	rounds        int
	engine        string
	rate, guesses float64
	known         int
}

func readFloodSettings(args []string) (floodSettings, error) {
	var s floodSettings
	flags := flag.NewFlagSet("load flood", flag.ContinueOnError)
	flags.IntVar(&s.people, "people", 8, "how many `people` sign in by key")
	flags.Float64Var(&s.rate, "rate", 200, "sign-ins by key a `second`, of all people together; 0 lets them sign in without a pause")
	flags.Float64Var(&s.guesses, "passwords-per-second", 200, "wrong passwords, as a `rate`")
	flags.Float64Var(&s.seconds, "seconds", 10, "how many `seconds` to measure at a time")
	flags.IntVar(&s.rounds, "rounds", 3, "how many `times` to measure each")
	flags.IntVar(&s.known, "known", 2000, "how many `names` that exist are guessed at")
	flags.StringVar(&s.engine, "engine", "sqlite", "database: sqlite or postgres (TEST_POSTGRES, or a throw-away server)")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if s.people < 1 || s.seconds <= 0 || s.rounds < 1 || s.rate < 0 || s.guesses <= 0 || s.known < 1 {
		return s, errors.New("numbers must be positive; --rate may be 0")
	}
	return s, nil
}

// phase is what sign-ins by key were like while passwords came from nowhere, from one address or from many.
type phase struct {
	name     string
	source   func() func() string // a new source for each round; nil when nobody guesses
	p50, p95 []float64            // of each round, in milliseconds
	p99      []float64
	signIns  int
	errors   int
	seconds  float64
	server   float64 // seconds of processor of the server, with the guesses
	guesses  floodCount
}

// runFlood measures sign-ins by key in turns: quiet, with guesses from one address, with guesses from many.
func runFlood(ctx context.Context, args []string) (err error) {
	s, err := readFloodSettings(args)
	if err != nil {
		return err
	}
	in, err := install(ctx, s.engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	const stem = "known"
	if err := importPeople(in.binary, in.options, stem, s.known); err != nil {
		return err
	}
	names := make([]string, s.known)
	for i := range names {
		names[i] = username(stem, i)
	}
	people, err := enrol(ctx, s.people, in.url, in.binary, in.options)
	if err != nil {
		return err
	}
	processes, err := serverProcesses(ctx, in.cmd.Process.Pid, in.options.Postgres)
	if err != nil {
		return err
	}
	if _, err := drive(ctx, people, warmUp, s.rate); err != nil {
		return err
	}
	phases := []*phase{
		{name: "quiet"},
		{name: "one source", source: func() func() string {
			one := randomAddress()
			return func() string { return one }
		}},
		{name: "many sources", source: func() func() string { return randomAddress }},
	}
	for range s.rounds {
		for _, p := range phases {
			if err := p.measure(ctx, s, in.url, names, people, processes); err != nil {
				return err
			}
		}
	}
	fmt.Print(floodTable(s, phases))
	return nil
}

// settleFor is how long people sign in before a phase counts: the queue of passwords fills, or what the phase before has left in it is
// worked off.
const settleFor = 3 * time.Second

func (p *phase) measure(ctx context.Context, s floodSettings, address string, names []string, people []*person, processes measured) error {
	var flood *flooding
	if p.source != nil {
		flood = startFlood(ctx, address, guessing{perSecond: s.guesses, known: names, source: p.source()})
		defer flood.stop()
	}
	if _, err := drive(ctx, people, settleFor, s.rate); err != nil {
		return err
	}
	before, err := processes.seconds()
	if err != nil {
		return err
	}
	l, err := drive(ctx, people, time.Duration(s.seconds*float64(time.Second)), s.rate)
	if err != nil {
		return err
	}
	after, err := processes.seconds()
	if err != nil {
		return err
	}
	slices.Sort(l.took)
	p.p50, p.p95, p.p99 = append(p.p50, quantile(l.took, 0.5)), append(p.p95, quantile(l.took, 0.95)), append(p.p99, quantile(l.took, 0.99))
	p.signIns, p.errors = p.signIns+len(l.took), p.errors+len(l.errors)
	p.seconds, p.server = p.seconds+l.elapsed.Seconds(), p.server+after-before
	if flood != nil {
		p.guesses.add(flood.stop())
	}
	return nil
}

func (c *floodCount) add(more *floodCount) {
	c.Sent, c.Checked, c.Busy = c.Sent+more.Sent, c.Checked+more.Checked, c.Busy+more.Busy
	c.Throttled, c.Errors = c.Throttled+more.Throttled, c.Errors+more.Errors
}

// randomAddress is one of the 16 million addresses of a private network (RFC 1918 §3).
func randomAddress() string {
	var a [4]byte
	_, _ = rand.Read(a[1:]) // never fails: crypto/rand.Read ends the program instead
	a[0] = 10
	return netip.AddrFrom4(a).String()
}

// floodTable writes medians over the rounds, and the p95 of each round against the quiet one beside it.
func floodTable(s floodSettings, phases []*phase) string {
	var b strings.Builder
	pace := fmt.Sprintf("%.0f sign-ins by key a second", s.rate)
	if s.rate == 0 {
		pace = "sign-ins by key without a pause"
	}
	fmt.Fprintf(&b, "%s, %d people, %s, %.0f wrong passwords a second, %d rounds of %.0f s\n", s.engine, s.people, pace, s.guesses, s.rounds, s.seconds)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tp50 ms\tp95 ms\tp99 ms\tp95 ÷ quiet\tsign-ins/s\terrors\tserver's processors")
	for _, p := range phases {
		ratios := make([]float64, len(p.p95))
		for i := range ratios {
			ratios[i] = p.p95[i] / phases[0].p95[i]
		}
		fmt.Fprintf(w, "  %s\t%.1f\t%.1f\t%.1f\t%.2f (%.2f to %.2f)\t%.0f\t%d\t%.2f\n", p.name, median(p.p50), median(p.p95), median(p.p99),
			median(ratios), slices.Min(ratios), slices.Max(ratios), float64(p.signIns)/p.seconds, p.errors, p.server/p.seconds)
	}
	_ = w.Flush() // into memory
	for _, p := range phases[1:] {
		fmt.Fprintf(&b, "  passwords from %s: %s\n", p.name, &p.guesses)
	}
	return b.String()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
