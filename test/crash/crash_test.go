package crash

import (
	"context"
	"crypto/rand"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"staffkey/internal/pgtest"
	"staffkey/test/program"
)

func TestMain(m *testing.M) { program.Main(m) }

const (
	defaultRounds = 5
	// Every how manieth round is on PostgreSQL, and ends with a check of the SQLite file.
	postgresEvery  = 10
	integrityEvery = 5
	// The moment of the kill, counted from when people start.
	killFrom, killTo = 50 * time.Millisecond, 600 * time.Millisecond
)

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("STAFFKEY_CRASH_ROUNDS")
	if text == "" {
		return defaultRounds
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("STAFFKEY_CRASH_ROUNDS: %q is no number of rounds", text)
	}
	return n
}

func TestNothing_acknowledged_is_lost_on_kill(t *testing.T) {
	t.Parallel()
	// The program makes its folder itself, closed to others: the test's own is open, and doctor says so.
	onSQLite := newFederation(t, program.Options{Data: filepath.Join(t.TempDir(), "data")})
	var onPostgres *federation
	if os.Getenv(pgtest.Variable) != "" {
		server, stop, err := pgtest.Start()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		database, drop, err := program.NewDatabase(t.Context(), server)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := drop(); err != nil {
				t.Error(err)
			}
		})
		onPostgres = newFederation(t, program.Options{Data: filepath.Join(t.TempDir(), "data"), Postgres: database})
	}
	for n := 1; n <= rounds(t) && !t.Failed(); n++ {
		f := onSQLite
		if n%postgresEvery == 0 && onPostgres != nil {
			f = onPostgres
		}
		f.round(t, n)
		if n%integrityEvery == 0 && f == onSQLite {
			f.checkFile(t)
		}
	}
	for _, f := range []*federation{onSQLite, onPostgres} {
		if f != nil {
			f.start(t)
			f.check(t)
			t.Logf("%s", f)
		}
	}
}

// federation is the people of one data folder over all its rounds.
type federation struct {
	options program.Options
	program *program.Program
	staff   []*staff
	began   time.Time // of the latest round
	rounds  int
	found   struct{ results, sessions, sent int }
}

// newFederation makes the people who change things: each has one key that stays, and a session that it opened.
func newFederation(t *testing.T, options program.Options) *federation {
	t.Helper()
	f := &federation{options: options}
	f.start(t)
	for i, account := range f.program.People {
		number := ""
		if account.Role == "staff" {
			number = fmt.Sprintf("+4477009004%02d", i) // of the range that Ofcom keeps for drama
		}
		s, err := newStaff(t.Context(), f.program, account, number)
		if err != nil {
			t.Fatalf("prepare %s: %v", account.Username, err)
		}
		f.staff = append(f.staff, s)
	}
	return f
}

// start starts the program again, unless it runs, and tells people its new address and passwords.
func (f *federation) start(t *testing.T) {
	t.Helper()
	if f.program != nil {
		return
	}
	f.program = program.Start(t, f.options)
	for _, s := range f.staff {
		account, ok := f.program.Person(s.account.Username)
		if !ok {
			t.Fatalf("%s is lost", s.account.Username)
		}
		s.account = account
		s.moved(f.program.URL)
	}
}

// round starts the program, looks for all that was acknowledged in the round before, lets people work, and kills it.
func (f *federation) round(t *testing.T, n int) {
	t.Helper()
	f.start(t)
	f.check(t)
	if t.Failed() {
		return
	}
	f.began = time.Now()
	f.rounds++
	var killed atomic.Bool
	var group sync.WaitGroup
	failures := make([]error, len(f.staff))
	for i, s := range f.staff {
		group.Go(func() { failures[i] = s.work(t.Context(), &killed) })
	}
	moment := killFrom + random(killTo-killFrom)
	select {
	case <-time.After(moment):
	case <-t.Context().Done():
	}
	killed.Store(true)
	f.program.Kill()
	group.Wait()
	for i, err := range failures {
		if err != nil {
			t.Errorf("round %d, %s, before the kill at %s: %v\n%s", n, f.staff[i].account.Username, moment, err, f.program.Stderr())
		}
	}
	f.program = nil
}

// check looks for what was acknowledged, by the pages and in the audit log.
func (f *federation) check(t *testing.T) {
	t.Helper()
	if f.began.IsZero() {
		return
	}
	log, err := readLog(f.program, f.began)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := f.readMessages(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	coder := random(len(f.staff)) // whose recovery codes are tried: each try costs a password hash
	var group sync.WaitGroup
	for i, s := range f.staff {
		group.Go(func() {
			problems := append(s.compare(t.Context(), i == coder), log.compare(s)...)
			for _, problem := range append(problems, messages.compare(s)...) {
				t.Errorf("round %d: %s: %s", f.rounds, s.account.Username, problem)
			}
		})
	}
	group.Wait()
	for _, s := range f.staff {
		f.found.results += len(s.done)
		f.found.sessions += len(s.sessions)
		f.found.sent += messages[s.account.Username] - s.sent
		s.sent = messages[s.account.Username]
		s.settle()
	}
	f.began = time.Time{}
}

// checkFile lets the operator's own command look for damage, with the log of the killed program still beside the file.
func (f *federation) checkFile(t *testing.T) {
	t.Helper()
	out, err := program.Command(program.Build(t), f.options, "", "doctor", "--address", "http://localhost:1", "--listen", "localhost:0")
	if err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

func (f *federation) String() string {
	engine := "SQLite"
	if f.options.Postgres != "" {
		engine = "PostgreSQL"
	}
	return fmt.Sprintf("%s: %d rounds, %d acknowledged results, %d codes sent and %d sessions found again", engine, f.rounds, f.found.results, f.found.sent, f.found.sessions)
}

// random is a number from 0 up to limit.
func random[T ~int | ~int64](limit T) T {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(limit)))
	if err != nil { // the limit is positive, and crypto/rand does not fail
		panic(err)
	}
	return T(n.Int64())
}

// within bounds what one person does after a start, so that a hanging page is an error.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 30*time.Second)
}
