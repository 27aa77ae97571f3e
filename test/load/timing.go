package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// timingSettings are the flags of the mode timing.
type timingSettings struct {
	names  int
	engine string
	only   string
}

func readTimingSettings(args []string) (timingSettings, error) {
	var s timingSettings
	flags := flag.NewFlagSet("load timing", flag.ContinueOnError)
	flags.IntVar(&s.names, "names", 1000, "how many `names` that exist, and as many that do not")
	flags.StringVar(&s.engine, "engine", "sqlite", "database: sqlite or postgres (TEST_POSTGRES, or a throw-away server)")
	flags.StringVar(&s.only, "only", "", "measure only the pages whose name holds this `text`")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	if flags.NArg() > 0 {
		return s, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	if s.names < 2 || s.names > 100000 {
		return s, errors.New("--names must be from 2 to 100000")
	}
	return s, nil
}

// probe is one way to ask the server about a name without being signed in.
type probe struct {
	name string
	// from is whose names are the known ones.
	from cohort
	// before opens the page whose form is sent, for its ceremony; the time does not count. Empty when there is none.
	before, path string
	form         func(name, ceremony string) url.Values
	status       int
	// after is a page whose time counts instead of the answer's: what the server does behind an answer may show in what comes next.
	after string
}

func passwordForm(name, _ string) url.Values {
	return url.Values{"username": {name}, "password": {"seven small ships at anchor"}, "signin": {"1"}}
}

func passForm(name, ceremony string) url.Values {
	return url.Values{"username": {name}, "ceremony": {ceremony}, "code": {"ZZ99-ZZ99-ZZ99"}}
}

func resetForm(name, _ string) url.Values { return url.Values{"login": {name}} }

// probes are all pages on which somebody who is not signed in types a name. A code by text message or call, and every other second proof,
// is asked for only after a right password.
var probes = []probe{
	{name: "sign-in, wrong password", from: complete, path: "/signin", form: passwordForm, status: 401},
	{name: "sign-in, person without a password", from: bare, path: "/signin", form: passwordForm, status: 401},
	{name: "lost key, wrong password", from: complete, path: "/lost", form: passwordForm, status: 401},
	{name: "pass, wrong pass", from: complete, before: "/signin/pass", path: "/signin/pass", form: passForm, status: 401},
	{name: "pass, person without one", from: bare, before: "/signin/pass", path: "/signin/pass", form: passForm, status: 401},
	{name: "new password, the answer", from: complete, path: "/signin/reset", form: resetForm, status: 303},
	{name: "new password, the page after it", from: complete, path: "/signin/reset", form: resetForm, status: 303, after: "/signin/reset/sent"},
}

// asked is one answer's time.
type asked struct {
	known bool
	took  time.Duration
	work  time.Duration // of the server's processors
}

// runTiming measures each probe for names that exist and for names that do not, in random order, each name once and each from an address
// of its own, so that no limit of guessing is reached.
func runTiming(ctx context.Context, args []string) (err error) {
	s, err := readTimingSettings(args)
	if err != nil {
		return err
	}
	in, err := install(ctx, s.engine)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.close()) }()
	for _, c := range []cohort{complete, bare} {
		if err := in.addCohort(ctx, c, s.names); err != nil {
			return err
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d known and %d unknown names for each line\n", s.engine, s.names, s.names)
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "  \tAUC\tknown ms\tunknown ms\tAUC of work\tknown, ms of processor\tunknown")
	for _, p := range probes {
		if !strings.Contains(p.name, s.only) {
			continue
		}
		answers, err := p.run(ctx, in, s.names)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		took, work := split(answers, func(a asked) float64 { return a.took.Seconds() * 1e3 }), split(answers, func(a asked) float64 { return a.work.Seconds() * 1e3 })
		fmt.Fprintf(w, "  %s\t%.3f\t%.2f\t%.2f\t%.3f\t%.2f\t%.2f\n", p.name, auc(took[0], took[1]), median(took[0]), median(took[1]),
			auc(work[0], work[1]), median(work[0]), median(work[1]))
	}
	_ = w.Flush() // into memory
	_, err = fmt.Print(b.String())
	return err
}

// split returns a measure of the answers about known names, and of those about unknown ones.
func split(answers []asked, measure func(asked) float64) (both [2][]float64) {
	for _, a := range answers {
		i := 1
		if a.known {
			i = 0
		}
		both[i] = append(both[i], measure(a))
	}
	return both
}

// run asks about all names, one after the other on one connection.
func (p probe) run(ctx context.Context, in *installation, names int) ([]asked, error) {
	u, err := url.Parse(in.url)
	if err != nil {
		return nil, err
	}
	conn, err := dial(u.Host)
	if err != nil {
		return nil, err
	}
	defer conn.close()
	order := make([]int, 2*names) // the first half are those that exist
	for i := range order {
		order[i] = i
	}
	shuffle(order)
	answers := make([]asked, 0, len(order))
	for _, i := range order {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		a, err := p.ask(conn, in, u.Host, p.from.name(i))
		if err != nil {
			return nil, err
		}
		a.known = i < names
		answers = append(answers, a)
	}
	return answers, nil
}

func (p probe) ask(conn *connection, in *installation, host, name string) (asked, error) {
	from := "X-Forwarded-For: " + randomAddress()
	ceremony := ""
	if p.before != "" {
		page, err := conn.exchange(requestHead("GET", p.before, host, 0, from, "Accept: text/html", "Sec-Fetch-Site: none"))
		if err != nil {
			return asked{}, err
		}
		sealed, found := between(page.body, `name="ceremony" value="`, `"`)
		if !found {
			return asked{}, errNoForm
		}
		ceremony = string(sealed)
	}
	body := p.form(name, ceremony).Encode()
	post := requestHead("POST", p.path, host, len(body), from, "Content-Type: application/x-www-form-urlencoded", "Origin: "+in.url,
		"Sec-Fetch-Site: same-origin") + body
	workBefore, err := processorTime(in.cmd.Process.Pid)
	if err != nil {
		return asked{}, err
	}
	began := time.Now()
	answer, err := conn.exchange(post)
	if err != nil {
		return asked{}, err
	}
	if answer.status != p.status {
		return asked{}, fmt.Errorf("POST %s: status %d, want %d", p.path, answer.status, p.status)
	}
	if p.after != "" {
		began = time.Now()
		if answer, err = conn.exchange(requestHead("GET", p.after, host, 0, from, "Accept: text/html", "Sec-Fetch-Site: same-origin")); err != nil {
			return asked{}, err
		}
		if answer.status != 200 {
			return asked{}, fmt.Errorf("GET %s: status %d", p.after, answer.status)
		}
	}
	took := time.Since(began)
	workAfter, err := processorTime(in.cmd.Process.Pid)
	return asked{took: took, work: workAfter - workBefore}, err
}

// auc is the probability that a value of a is above one of b, where equal ones count half (the statistic of Mann and Whitney, as a share
// of all pairs): 0.5 when the two cannot be told apart, 1 or 0 when they always can.
func auc(a, b []float64) float64 {
	sorted := slices.Sorted(slices.Values(b))
	var sum float64
	for _, v := range a {
		below, _ := slices.BinarySearch(sorted, v)
		upTo, _ := slices.BinarySearchFunc(sorted, v, func(x, v float64) int {
			if x <= v {
				return -1
			}
			return 1
		})
		sum += float64(below) + float64(upTo-below)/2
	}
	return sum / float64(len(a)) / float64(len(b))
}

// shuffle brings a list into random order.
func shuffle(list []int) {
	for i := len(list) - 1; i > 0; i-- {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(i+1)))
		if err != nil { // the limit is positive, and crypto/rand does not fail
			panic(err)
		}
		j := int(n.Int64())
		list[i], list[j] = list[j], list[i]
	}
}
