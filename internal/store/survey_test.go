package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// eachSurveyed runs body on each engine, with one connection for all that is no survey, and three keys to count.
func eachSurveyed(t *testing.T, wait time.Duration, body func(t *testing.T, s *store.Store, w tree)) {
	t.Helper()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			cfg := storetest.Config(t, engine)
			cfg.Now, cfg.MaxConnections, cfg.SurveyWait = storetest.NewClock().Now, 1, wait
			s := storetest.OpenConfig(t, cfg)
			w := plant(t, s)
			for _, name := range []string{"amara", "bryn", "carys"} {
				addKey(t, s, addPerson(t, s, w.trust.ID, name).ID, "Blue")
			}
			body(t, s, w)
		})
	}
}

const surveyedModel = "cb69481e-8ff7-4039-93ec-0a2729a154a8" // of newKey

func countKeys(ctx context.Context, s *store.Store, by staffkey.PersonID, below staffkey.OrganisationID, each func()) (n int, err error) {
	err = s.Survey(ctx, by, func(tx *store.Tx) error {
		return tx.EachRecalledKey(staffkey.Recall{AAGUID: surveyedModel}, []staffkey.OrganisationID{below}, func(store.RecalledKey) error {
			n++
			each()
			return nil
		})
	})
	return n, err
}

// However many count, whoever reads or changes something else goes on; and those who have gone stop at the next row.
func TestSurvey_leaves_room_for_others(t *testing.T) {
	t.Parallel()
	eachSurveyed(t, time.Hour, func(t *testing.T, s *store.Store, w tree) {
		ctx, abandon := context.WithCancel(t.Context())
		defer abandon()
		const asked, atOnce = 16, 2
		entered, release := make(chan struct{}, asked), make(chan struct{})
		var rows atomic.Int64
		errs := make([]error, asked)
		var running sync.WaitGroup
		for i := range asked {
			running.Go(func() {
				_, errs[i] = countKeys(ctx, s, staffkey.PersonID(fmt.Sprint("operator", i%8)), w.root.ID, func() {
					rows.Add(1)
					entered <- struct{}{}
					<-release
				})
			})
		}
		for range atOnce {
			<-entered
		}
		read(t, s, func(tx *store.Tx) error {
			_, err := tx.FindOrganisation(w.root.ID)
			return err
		})
		change(t, s, func(tx *store.Tx) error { return tx.InsertPeople(newPerson(w.trust.ID, "dilys")) })
		if err := s.Health(t.Context()); err != nil {
			t.Errorf("health: %v", err)
		}
		abandon()
		close(release)
		running.Wait()
		for _, err := range errs {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a survey that was abandoned: got error %v, want canceled", err)
			}
		}
		if n := rows.Load(); n != atOnce {
			t.Errorf("%d rows were read, want %d: one by each that had its turn", n, atOnce)
		}
		for range 2 * atOnce {
			if n, err := countKeys(t.Context(), s, "operator0", w.root.ID, func() {}); n != 3 || err != nil {
				t.Errorf("counted %d keys afterwards (error %v), want 3", n, err)
			}
		}
	})
}

// A person's surveys run one after the other, and who finds no turn is told so.
func TestSurvey_one_of_each_person(t *testing.T) {
	t.Parallel()
	eachSurveyed(t, time.Millisecond, func(t *testing.T, s *store.Store, w tree) {
		var running sync.WaitGroup
		begin := func(by staffkey.PersonID) (end func()) {
			entered, release := make(chan struct{}), make(chan struct{})
			running.Go(func() {
				err := s.Survey(t.Context(), by, func(*store.Tx) error {
					close(entered)
					<-release
					return nil
				})
				if err != nil {
					t.Errorf("%s: %v", by, err)
				}
			})
			<-entered
			return func() { close(release) }
		}
		busy := func(by staffkey.PersonID, want string) {
			t.Helper()
			_, err := countKeys(t.Context(), s, by, w.root.ID, func() {})
			var refusal *staffkey.Refusal
			if !errors.Is(err, staffkey.ErrBusy) || !errors.As(err, &refusal) || refusal.Message.ID != want {
				t.Errorf("%q: got error %v, want busy by %s", by, err, want)
			}
		}
		first := begin("first")
		busy("first", "srv.count.yours")
		second := begin("second")
		busy("second", "srv.count.yours")
		busy("third", "srv.count.busy")
		busy("", "srv.count.busy")
		first()
		third := begin("third")
		busy("first", "srv.count.busy")
		second()
		third()
		running.Wait()
		if n, err := countKeys(t.Context(), s, "first", w.root.ID, func() {}); n != 3 || err != nil {
			t.Errorf("counted %d keys afterwards (error %v), want 3", n, err)
		}
	})
}

// A statement of one row ends with its asker, and what runs on the same connection afterwards is right.
func TestSurvey_ends_within_a_statement(t *testing.T) {
	t.Parallel()
	eachSurveyed(t, time.Hour, func(t *testing.T, s *store.Store, w tree) {
		for i := range int64(5) {
			ctx, cancel := context.WithCancel(t.Context())
			err := s.Survey(ctx, "operator", func(tx *store.Tx) error {
				go cancel()
				n, err := store.CountTo(tx, 5_000_000) // seconds of work
				if n != 0 {
					t.Errorf("counted to %d", n)
				}
				return err
			})
			cancel()
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("got error %v, want canceled", err)
			}
			var n int64
			err = s.Survey(t.Context(), "operator", func(tx *store.Tx) error {
				var err error
				n, err = store.CountTo(tx, 1000+i)
				return err
			})
			if n != 1000+i || err != nil {
				t.Fatalf("counted to %d (error %v), want %d", n, err, 1000+i)
			}
			if n, err := countKeys(t.Context(), s, "operator", w.root.ID, func() {}); n != 3 || err != nil {
				t.Fatalf("counted %d keys (error %v), want 3", n, err)
			}
		}
		// Nor does one that panics keep its turn, or its transaction.
		for range 3 {
			func() {
				defer func() {
					if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "slip") {
						t.Errorf("got panic %v", p)
					}
				}()
				_ = s.Survey(t.Context(), "operator", func(*store.Tx) error { panic("a slip") })
			}()
		}
		if n, err := countKeys(t.Context(), s, "operator", w.root.ID, func() {}); n != 3 || err != nil {
			t.Errorf("counted %d keys after a panic (error %v), want 3", n, err)
		}
	})
}
