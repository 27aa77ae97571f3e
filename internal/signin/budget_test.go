package signin_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/store"
)

// twoNodes are this node and another on the same database.
func (w *installation) twoNodes() [2]*signin.Service {
	other := signin.New(signin.Deps{Store: w.Store, Methods: allMethods(w.Store), Address: "https://staffkey.example", Now: w.Clock.Now, Models: w.Models})
	return [2]*signin.Service{w.Service, other}
}

// What visitors can have stored in a minute is bounded over all nodes, and what is refused writes nothing.
func TestVisitors_of_two_nodes_cannot_fill_the_log(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		nodes := w.twoNodes()
		prompt := func(n *signin.Service) {
			t.Helper()
			if _, err := n.RecordPrompt(t.Context(), staffkey.Actor{}, "", signin.Prompt{Name: "NotAllowedError"}); err != nil {
				t.Error(err)
			}
		}
		const perMinute = 300
		for minute := range 3 {
			for range perMinute + 20 {
				for _, n := range nodes {
					prompt(n)
					signin.SettleBudgets(n)
				}
			}
			// On SQLite, where one change waits for the other, this would not end if there was one.
			err := w.Store.Housekeep(t.Context(), func(*store.Tx) error {
				prompt(nodes[0])
				signin.SettleBudgets(nodes[0])
				return nil
			})
			if err != nil {
				t.Error(err)
			}
			w.Read(t, func(tx *store.Tx) error {
				events, err := tx.ListAuditEvents(store.AuditFilter{Kind: staffkey.EventPromptEnded, Limit: 10_000})
				if want := perMinute * (minute + 1); len(events) != want {
					t.Errorf("minute %d: %d outcomes of visitors are recorded, want %d", minute, len(events), want)
				}
				return err
			})
			w.Clock.Advance(time.Minute)
		}
	})
}

// What comes at once, before the database has answered, is recorded on credit, up to a bound.
func TestVisitors_at_once(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		const many, credit = 200, 100
		parallel := make([]error, many)
		var group sync.WaitGroup
		for i := range many {
			group.Go(func() {
				_, parallel[i] = w.Service.RecordPrompt(t.Context(), staffkey.Actor{}, "", signin.Prompt{Name: "NotAllowedError"})
			})
		}
		group.Wait()
		if err := errors.Join(parallel...); err != nil {
			t.Error(err)
		}
		w.Read(t, func(tx *store.Tx) error {
			events, err := tx.ListAuditEvents(store.AuditFilter{Kind: staffkey.EventPromptEnded, Limit: 1000})
			if n := len(events); n < credit {
				t.Errorf("%d of %d outcomes are recorded, want %d or more", n, many, credit)
			}
			return err
		})
	})
}

func TestDevice_checks_of_two_nodes_are_bounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		nodes := w.twoNodes()
		report := signin.DeviceReport{Findings: []signin.DeviceFinding{{Row: "secure", Answer: "ok"}}}
		const perMinute = 240
		for minute := range 2 {
			kept := 0
			for i := range 250 {
				for _, n := range nodes {
					_, err := n.SaveDeviceCheck(t.Context(), staffkey.Origin{IP: fmt.Sprintf("198.51.%d.%d", minute, i)}, "", report, nil)
					signin.SettleBudgets(n)
					switch {
					case err == nil:
						kept++
					case !errors.Is(err, staffkey.ErrThrottled):
						t.Fatal(err)
					}
				}
			}
			if kept != perMinute {
				t.Errorf("minute %d: %d checks are kept, want %d", minute, kept, perMinute)
			}
			w.Clock.Advance(time.Minute)
		}
	})
}
