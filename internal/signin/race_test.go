package signin_test

import (
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// twoNodes are two nodes of one installation, each with a store of its own on the same database where the engine serves several.
func twoNodes(t *testing.T, engine string) (w *installation, nodes [2]*signin.Service) {
	t.Helper()
	clock := storetest.NewClock()
	cfg := storetest.Config(t, engine)
	cfg.Now = clock.Now
	stores := [2]*store.Store{storetest.OpenConfig(t, cfg)}
	if stores[1] = stores[0]; engine == "postgresql" {
		stores[1] = storetest.OpenConfig(t, cfg)
	}
	w = newEquipped(t, stores[0], clock, hashed{})
	for i, s := range stores {
		nodes[i] = signin.New(signin.Deps{Store: s, Methods: allMethods(s), Address: "https://staffkey.example", Now: clock.Now})
	}
	return w, nodes
}

// What counts once counts once on two nodes, however many try at the same moment.
func TestOnce_on_two_nodes(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		for _, kind := range append([]staffkey.MethodKind{staffkey.MethodPass}, weaker...) {
			t.Run(engine+"/"+string(kind), func(t *testing.T) {
				t.Parallel()
				w, nodes := twoNodes(t, engine)
				for round := range raceRounds(t) {
					h := w.wallet(t, w.Enter(t, w.AddPerson(t, fmt.Sprint("amara", round))), weaker...)
					h.issue(t, false)
					body := h.answer(t, kind)
					a := w.Attempt(h.person)
					begun := make([]signin.Begun, runners)
					for i := range begun {
						var err error
						if begun[i], err = nodes[i%2].BeginSignIn(t.Context(), a, kind); err != nil {
							t.Fatal(err)
						}
					}
					before := w.Sessions(t)
					signintest.Once(t, signintest.Parallel(runners, func(i int) error { // the same answer in as many ceremonies
						_, err := nodes[i%2].FinishSignIn(t.Context(), origin, a, answer(begun[i], kind, body), nowhere)
						return err
					}))
					if got := w.Sessions(t) - before; got != 1 {
						t.Errorf("%d sessions opened, want 1", got)
					}
					w.Rest()
				}
			})
		}
	}
}

// A ceremony of one node, answered at both, opens one session.
func TestCeremony_counts_once_on_two_nodes(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w, nodes := twoNodes(t, engine)
			p := w.AddPerson(t, "amara")
			key := newKey()
			w.addKey(t, w.Enter(t, p), key, "Blue lanyard")
			for range raceRounds(t) {
				a := w.Attempt(p)
				b := w.begin(t, a)
				body := get(t, key, b.Options)
				before := w.Sessions(t)
				signintest.Once(t, signintest.Parallel(runners, func(i int) error {
					_, err := nodes[i%2].FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, body), nowhere)
					return err
				}))
				if got := w.Sessions(t) - before; got != 1 {
					t.Errorf("%d sessions opened, want 1", got)
				}
				w.Clock.Advance(time.Minute)
			}
		})
	}
}
