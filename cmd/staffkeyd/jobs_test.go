package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// node is a worker that begins the next run of a job when the test says so.
type node struct {
	*worker
	registry *prometheus.Registry
	tick     chan time.Time
}

func newNode(s *store.Store) *node {
	n := &node{registry: prometheus.NewRegistry(), tick: make(chan time.Time)}
	n.worker = newWorker(s, n.registry, slog.New(slog.NewTextHandler(io.Discard, nil)))
	n.after = func(time.Duration) <-chan time.Time { return n.tick }
	return n
}

// shows returns what a metric with one job says.
func (n *node) shows(t *testing.T, name string) float64 {
	t.Helper()
	families, err := n.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetGauge().GetValue() + m.GetCounter().GetValue() // it is one of them
		}
	}
	t.Errorf("there is no metric %s", name)
	return 0
}

// Each job of a server goes on while any other hangs, and recalls are looked for twice a minute on every node.
func TestJobs_none_waits_for_another(t *testing.T) {
	t.Parallel()
	real := (&server{}).jobs(&metadataConfig{MetadataURL: "https://mds.example/", MetadataInterval: time.Hour})
	alone := map[string]bool{}
	for _, j := range real {
		alone[j.name] = j.alone
		if j.name == "load recalls" && j.every+j.every/5 > 30*time.Second {
			t.Errorf("recalls are loaded every %v, a fifth more or less; a recall is to hold within half a minute", j.every)
		}
	}
	want := map[string]bool{
		"load recalls": false, "load anchors": false, "load metadata": false, "fetch metadata": false, "judge keys": true, "tell of recalls": true, "sweep": true,
		"deliver messages": false, "answer wishes for passwords": false,
	}
	if diff := cmp.Diff(want, alone); diff != "" {
		t.Errorf("jobs, and which of them one node at a time does (-want +got):\n%s", diff)
	}
	if n := len((&server{}).jobs(&metadataConfig{})); n != len(real)-1 {
		t.Errorf("%d jobs without an address of metadata, want %d", n, len(real)-1)
	}
	s := storetest.Open(t, "sqlite", time.Now)
	for hanging := range alone {
		n := newNode(s)
		ctx, stop := context.WithCancel(t.Context())
		var ran sync.WaitGroup
		list := slices.Clone(real)
		for i := range list {
			runs := 0
			if list[i].name == hanging {
				list[i].run = func(ctx context.Context) (bool, error) {
					<-ctx.Done()
					return false, ctx.Err()
				}
				continue
			}
			ran.Add(2)
			list[i].run = func(context.Context) (bool, error) {
				if runs++; runs <= 2 {
					ran.Done()
				}
				return false, nil
			}
		}
		var running sync.WaitGroup
		running.Go(func() { n.run(ctx, list) })
		running.Go(func() {
			for {
				select {
				case n.tick <- time.Time{}:
				case <-ctx.Done():
					return
				}
			}
		})
		ran.Wait()
		stop()
		running.Wait()
	}
}

// Of two nodes one has a job, part by part, and the other takes over when it says nothing any more.
func TestJobs_one_node_at_a_time(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			clock := storetest.NewClock()
			cfg := storetest.Config(t, engine)
			cfg.Now = clock.Now
			a, b := newNode(storetest.OpenConfig(t, cfg)), newNode(storetest.OpenConfig(t, cfg))
			parts := map[string]int{}
			did := func(name string, more bool) job {
				return job{name: "judge keys", every: 30 * time.Second, alone: true, run: func(context.Context) (bool, error) {
					parts[name]++
					return more, nil
				}}
			}
			is := func(when string, want map[string]int) {
				t.Helper()
				if !maps.Equal(parts, want) {
					t.Errorf("%s: parts done %v, want %v", when, parts, want)
				}
			}
			// In the middle of a long run of a.
			slow := did("a", true)
			inner := slow.run
			slow.run = func(ctx context.Context) (bool, error) {
				switch parts["a"] {
				case 0:
					b.turn(ctx, did("b", false))
					is("while a has the lease", map[string]int{})
				case 1:
					clock.Advance(59 * time.Second)
				case 2:
					b.turn(ctx, did("b", false))
					is("after a has renewed it", map[string]int{"a": 2})
					clock.Advance(61 * time.Second)
					b.turn(ctx, did("b", false))
					is("after a said nothing", map[string]int{"a": 2, "b": 1})
				}
				return inner(ctx)
			}
			a.turn(t.Context(), slow)
			is("a does no part that is not its own any more", map[string]int{"a": 3, "b": 1})
			for _, n := range []struct {
				*node
				lease float64
			}{{a, 0}, {b, 1}} {
				if got := n.shows(t, "staffkey_job_lease"); got != n.lease {
					t.Errorf("lease is shown as %v, want %v", got, n.lease)
				}
			}
			// A node that stops leaves its jobs at once.
			ctx, stop := context.WithCancel(t.Context())
			last := did("b", false)
			inner = last.run
			last.run = func(ctx context.Context) (bool, error) {
				stop()
				return inner(ctx)
			}
			b.run(ctx, []job{last})
			a.turn(t.Context(), did("a", false))
			is("after b has stopped", map[string]int{"a": 4, "b": 2})
		})
	}
}

// A job that fails or panics is told of and tried again.
func TestJobs_go_on_after_a_failure(t *testing.T) {
	t.Parallel()
	n := newNode(storetest.Open(t, "sqlite", time.Now))
	runs := 0
	ctx, stop := context.WithCancel(t.Context())
	j := job{name: "sweep", every: time.Minute, alone: true, run: func(context.Context) (bool, error) {
		switch runs++; runs {
		case 1:
			return true, errors.New("no disk")
		case 2:
			panic("a slip")
		case 3:
			return true, nil
		}
		return false, nil
	}}
	var running sync.WaitGroup
	running.Go(func() { n.run(ctx, []job{j}) })
	for range 3 {
		n.tick <- time.Time{}
	}
	stop()
	running.Wait()
	if runs < 4 || runs > 5 {
		t.Errorf("%d parts in four turns, want 4 or, of the last turn, 5", runs)
	}
	if got := n.shows(t, "staffkey_job_failures_total"); got != 2 {
		t.Errorf("%v failures are counted, want 2", got)
	}
	if got := n.shows(t, "staffkey_job_last_success_timestamp_seconds"); got == 0 {
		t.Error("no success is shown")
	}
}

// A job that fails in the same way at every turn is told of once, until it ends or is another.
func TestJobs_tell_of_a_failure_once(t *testing.T) {
	t.Parallel()
	n := newNode(storetest.Open(t, "sqlite", time.Now))
	var log bytes.Buffer
	n.log = slog.New(slog.NewTextHandler(&log, nil))
	says := error(nil)
	j := job{name: "load metadata", every: time.Minute, run: func(context.Context) (bool, error) { return false, says }}
	for i, test := range []struct {
		err  error
		told int
	}{{errors.New("no roots"), 1}, {errors.New("no roots"), 1}, {errors.New("no disk"), 2}, {nil, 2}, {errors.New("no disk"), 3}, {errors.New("no disk"), 3}} {
		says = test.err
		n.turn(t.Context(), j)
		if got := strings.Count(log.String(), "job failed"); got != test.told {
			t.Errorf("turn %d, %v: told %d times, want %d", i, test.err, got, test.told)
		}
	}
	if got := n.shows(t, "staffkey_job_failures_total"); got != 5 {
		t.Errorf("%v failures are counted, want 5", got)
	}
}
