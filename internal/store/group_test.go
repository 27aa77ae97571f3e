package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// makeTogether makes changes that arrive while another is under way, so that they wait together.
func makeTogether(t *testing.T, s *store.Store, fns ...func(*store.Tx) error) []error {
	t.Helper()
	begun, goOn, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		begin := begunOnce(begun)
		first <- s.Housekeep(context.Background(), func(*store.Tx) error {
			begin()
			<-goOn
			return nil
		})
	}()
	<-begun
	errs := make(chan []error)
	go func() {
		errs <- parallel(len(fns), func(i int) error { return s.Change(context.Background(), event, fns[i]) })
	}()
	for store.Waiting(s) < len(fns) {
		runtime.Gosched()
	}
	close(goOn)
	if err := <-first; err != nil {
		t.Error(err)
	}
	return <-errs
}

func begunOnce(begun chan struct{}) func() {
	once := false
	return func() {
		if !once {
			once = true
			close(begun)
		}
	}
}

// onPostgreSQL opens an empty store there, with one more option of the URL.
func onPostgreSQL(t *testing.T, option, value string) (*store.Store, store.Config) {
	t.Helper()
	if !slices.Contains(storetest.Engines(t), "postgresql") {
		t.Skip("there is no PostgreSQL here")
	}
	cfg := storetest.Config(t, "postgresql")
	if option != "" {
		u, err := url.Parse(cfg.PostgreSQL)
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set(option, value)
		u.RawQuery = q.Encode()
		cfg.PostgreSQL = u.String()
	}
	return storetest.OpenConfig(t, cfg), cfg
}

// A transaction of PostgreSQL is one with one number.
func transactionOf(tx *store.Tx, into *int64) error {
	return store.ScanRow(tx, "SELECT txid_current()", into)
}

// Whatever the driver may keep of statements, and a pooler between with it: changes that wait together are one transaction, and one that fails
// takes back its own statements only.
func TestChangesThatWaitTogetherAreOneTransaction(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s, _ := onPostgreSQL(t, "default_query_exec_mode", mode)
			w := plant(t, s)
			addPerson(t, s, w.trust.ID, "taken")
			const n = 40 // more than go into one statement
			numbers := make([]int64, n)
			good := make([]func(*store.Tx) error, n)
			for i := range good {
				good[i] = func(tx *store.Tx) error {
					if err := tx.Soon(nil, func() error { return tx.SpendCeremony(store.NewID[staffkey.CeremonyID](), tx.Now) }); err != nil {
						return err
					}
					return errors.Join(transactionOf(tx, &numbers[i]), put(fmt.Sprintf("good-%d", i))(tx))
				}
			}
			for i, err := range makeTogether(t, s, good...) {
				if err != nil {
					t.Errorf("change %d: %v", i, err)
				}
			}
			read(t, s, func(tx *store.Tx) error {
				var spent, events int
				err := errors.Join(store.ScanRow(tx, "SELECT COUNT(*) FROM spent_ceremonies", &spent), store.ScanRow(tx, "SELECT COUNT(*) FROM audit_events", &events))
				if spent != n || events != n+2 { // two from before
					t.Errorf("%d ceremonies are spent and %d events recorded, want %d and %d", spent, events, n, n+2)
				}
				return err
			})
			if slices.Sort(numbers); numbers[0] == 0 || numbers[0] != numbers[n-1] {
				t.Errorf("the changes are of transactions %v, want one", slices.Compact(numbers))
			}

			// One ceremony counts once, also of many answers that arrive together.
			id := store.NewID[staffkey.CeremonyID]()
			same := slices.Repeat([]func(*store.Tx) error{func(tx *store.Tx) error {
				return tx.Soon(nil, func() error { return tx.SpendCeremony(id, tx.Now) })
			}}, 8)
			oneOnly(t, makeTogether(t, s, same...), staffkey.ErrConflict)

			spent := store.NewID[staffkey.CeremonyID]()
			change(t, s, func(tx *store.Tx) error { return tx.SpendCeremony(spent, tx.Now) })
			mixed := map[string]struct {
				want error
				fn   func(*store.Tx) error
			}{
				"done":          {nil, func(*store.Tx) error { return nil }},
				"refused":       {staffkey.ErrRefused, func(*store.Tx) error { return staffkey.Refused("rule", "message") }},
				"key taken":     {staffkey.ErrConflict, func(tx *store.Tx) error { return tx.InsertPeople(newPerson(w.trust.ID, "taken")) }},
				"made light of": {staffkey.ErrConflict, func(tx *store.Tx) error { _ = tx.InsertPeople(newPerson(w.trust.ID, "taken")); return nil }},
				"no text":       {errAny, func(tx *store.Tx) error { return put("a\x00b")(tx) }},
				"panic":         {errAny, func(*store.Tx) error { panic("out of tea") }},
				"no statement":  {errAny, func(tx *store.Tx) error { return store.Exec(tx, "UPDATE nothing SET nothing = 1") }},
				"spent, found soon": {staffkey.ErrConflict, func(tx *store.Tx) error {
					return tx.Soon(nil, func() error { return tx.SpendCeremony(spent, tx.Now) })
				}},
				"spent, found soon, then refused": {staffkey.ErrConflict, func(tx *store.Tx) error {
					_ = tx.Soon(nil, func() error { return tx.SpendCeremony(spent, tx.Now) })
					return staffkey.Refused("rule", "message")
				}},
				"broken soon": {errAny, func(tx *store.Tx) error {
					return tx.Soon(func(error) error { return nil }, func() error { return store.Exec(tx, "UPDATE nothing SET nothing = 1") })
				}},
				"done too": {nil, func(*store.Tx) error { return nil }},
			}
			var names []string
			var fns []func(*store.Tx) error
			for name, m := range mixed {
				names = append(names, name)
				fns = append(fns, func(tx *store.Tx) error {
					if err := put(name)(tx); err != nil {
						return err
					}
					return m.fn(tx)
				})
			}
			for i, err := range makeTogether(t, s, fns...) {
				if want := mixed[names[i]].want; !is(err, want) {
					t.Errorf("%s: got error %v, want %v", names[i], err, want)
				}
			}
			got := storedNames(t, s, names...)
			if slices.Sort(got); !slices.Equal(got, []string{"done", "done too"}) {
				t.Errorf("stored %q, want what was done", got)
			}
		})
	}
}

var errAny = errors.New("any")

func is(err, want error) bool {
	if want == errAny {
		return err != nil
	}
	return errors.Is(err, want)
}

// What fails later fails as if it had failed at once, and before what failed after it.
func TestSoon(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		spent := store.NewID[staffkey.CeremonyID]()
		change(t, s, func(tx *store.Tx) error { return tx.SpendCeremony(spent, tx.Now) })
		refine := func(err error) error {
			if errors.Is(err, staffkey.ErrConflict) {
				return staffkey.Expired("spent", "message")
			}
			return err
		}
		soon := func(tx *store.Tx) error {
			return tx.Soon(refine, func() error { return tx.SpendCeremony(spent, tx.Now) })
		}
		for name, then := range map[string]func(*store.Tx) error{
			"nothing":   func(*store.Tx) error { return nil },
			"a change":  put("then"),
			"a read":    func(tx *store.Tx) error { _, err := tx.CountPeople(); return err },
			"a refusal": func(*store.Tx) error { return staffkey.Refused("rule", "message") },
			"a panic":   func(*store.Tx) error { panic("out of tea") },
			"a fault":   put("a\x00b"),
			"another":   func(tx *store.Tx) error { return tx.Soon(nil, func() error { return put("then")(tx) }) },
		} {
			err := s.Change(t.Context(), event, func(tx *store.Tx) error {
				if err := soon(tx); err != nil {
					return err // SQLite knows at once
				}
				return then(tx)
			})
			if !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s after it: got error %v, want what became of the first", name, err)
			}
		}
		if got := storedNames(t, s, "then"); len(got) != 0 {
			t.Error("something of a change that failed is stored")
		}
		// What a refinement makes nothing of keeps nothing from being made.
		change(t, s, func(tx *store.Tx) error {
			forgive := func(error) error { return nil }
			return errors.Join(tx.Soon(forgive, func() error { return tx.SpendCeremony(spent, tx.Now) }), put("forgiven")(tx))
		})
		if got := storedNames(t, s, "forgiven"); len(got) != 1 {
			t.Error("a change was not made although its outcome does not matter")
		}
	})
}

// Two nodes, each of which decides on what the other changes: one runs again, and that is counted.
func TestConflictsOfNodesRunAgain(t *testing.T) {
	t.Parallel()
	one, cfg := onPostgreSQL(t, "", "")
	two := storetest.OpenConfig(t, cfg)
	for round := range 5 {
		read := make(chan struct{})
		begin := begunOnce(read)
		goOn := make(chan struct{})
		name := func(node string) string { return fmt.Sprintf("%s-%d", node, round) }
		result := make(chan error)
		var tries int
		go func() {
			result <- one.Change(t.Context(), event, func(tx *store.Tx) error {
				tries++
				_, err := tx.FindInstallationValue(name("two"))
				begin()
				<-goOn
				if err == nil {
					return staffkey.Refused("late", "message")
				}
				return put(name("one"))(tx)
			})
		}()
		<-read
		if err := two.Change(t.Context(), event, func(tx *store.Tx) error {
			if _, err := tx.FindInstallationValue(name("one")); !errors.Is(err, staffkey.ErrNotFound) {
				return fmt.Errorf("found what was not made: %w", err)
			}
			return put(name("two"))(tx)
		}); err != nil {
			t.Fatal(err)
		}
		close(goOn)
		if err := <-result; !errors.Is(err, staffkey.ErrRefused) || tries < 2 {
			t.Errorf("round %d: got error %v after %d tries, want a refusal after another try", round, err, tries)
		}
	}
	if n := one.ChangesRunAgain(); n < 5 {
		t.Errorf("%d changes ran again, want 5", n)
	}
	if n := two.ChangesRunAgain(); n != 0 {
		t.Errorf("%d changes of the other node ran again, want none", n)
	}
}

// Who comes while a change takes long does not wait for it on PostgreSQL.
func TestLongChangesKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	s, _ := onPostgreSQL(t, "", "")
	begun, made := make(chan struct{}), make(chan struct{})
	result := make(chan error)
	begin := begunOnce(begun)
	go func() {
		result <- s.Change(t.Context(), event, func(tx *store.Tx) error {
			begin()
			<-made
			return put("long")(tx)
		})
	}()
	<-begun
	for i := range 3 {
		change(t, s, put(fmt.Sprintf("short-%d", i)))
	}
	close(made)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// A connection that breaks takes its group with it: nobody is told "done", nothing is made, and the next change has another connection.
func TestBrokenConnectionFailsItsGroup(t *testing.T) {
	t.Parallel()
	s, _ := onPostgreSQL(t, "", "")
	names := []string{"before", "breaks", "after"}
	errs := makeTogether(t, s, put("before"), func(tx *store.Tx) error {
		if err := put("breaks")(tx); err != nil {
			return err
		}
		return store.ScanRow(tx, "SELECT pg_terminate_backend(pg_backend_pid())", new(bool))
	}, put("after"))
	for i, err := range errs {
		if !errors.Is(err, staffkey.ErrUnavailable) {
			t.Errorf("%s: got error %v, want ErrUnavailable", names[i], err)
		}
	}
	if got := storedNames(t, s, names...); len(got) != 0 {
		t.Errorf("stored %q, want nothing", got)
	}
	change(t, s, put("next"))
}

// Whoever gives up while others are at work is told so, and their change is not made.
func TestWaitingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		begun, goOn, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
		begin := begunOnce(begun)
		go func() {
			first <- s.Change(context.Background(), event, func(tx *store.Tx) error {
				begin()
				<-goOn
				return put("first")(tx)
			})
		}()
		<-begun
		ctx, cancel := context.WithCancel(t.Context())
		second := make(chan error, 1)
		go func() { second <- s.Change(ctx, event, put("second")) }()
		for store.Waiting(s) == 0 && len(second) == 0 {
			runtime.Gosched()
		}
		cancel()
		select {
		case err := <-second:
			if !errors.Is(err, context.Canceled) && s.Engine() == "sqlite" {
				t.Errorf("got error %v, want context.Canceled", err)
			}
			if err == nil != (len(storedNames(t, s, "second")) == 1) {
				t.Errorf("got error %v, which is not what happened", err)
			}
		case <-time.After(time.Minute):
			t.Error("it still waits")
		}
		close(goOn)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}
