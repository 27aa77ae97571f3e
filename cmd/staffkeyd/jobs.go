package main

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"staffkey/internal/store"

	"github.com/prometheus/client_golang/prometheus"
)

// job is work that a node does now and then, each in a goroutine of its own, so that none waits for another.
type job struct {
	name string
	// every is how long after a run the next one begins, a fifth more or less, so that nodes do not all come at once.
	every time.Duration
	// alone says that one node at a time does it: the one that has its lease. Others are done by every node.
	alone bool
	// run does a part of it and reports whether there is more to do at once. The lease is asked for again before each part.
	run func(ctx context.Context) (more bool, err error)
}

// jobs lists everything that a server does without being asked.
func (s *server) jobs(cfg *metadataConfig) []job {
	list := []job{
		// Each node keeps recalls and metadata in memory. A recall holds everywhere within half a minute.
		{name: "load recalls", every: 20 * time.Second, run: whole(s.directory.RefreshRecalls)},
		{name: "load anchors", every: 20 * time.Second, run: whole(s.directory.RefreshAnchors)},
		{name: "load metadata", every: 30 * time.Second, run: whole(s.directory.RefreshMetadata)},
		{name: "judge keys", every: 30 * time.Second, alone: true, run: untilNone(s.directory.JudgeKeys)},
		{name: "tell of recalls", every: 30 * time.Second, alone: true, run: untilNone(s.directory.TellOfRecalls)},
		{name: "sweep", every: 5 * time.Minute, alone: true, run: whole(s.signin.Sweep)},
		// These two run until the server stops; what waits is claimed row by row, so each node does a share.
		{name: "deliver messages", every: 5 * time.Second, run: whole(s.notify.Run)},
		{name: "answer wishes for passwords", every: 5 * time.Second, run: whole(func(ctx context.Context) error {
			s.signin.Run(ctx, func(err error) { s.log.Error("wishes for passwords not answered", "error", err) })
			return nil
		})},
	}
	if cfg.MetadataURL != "" {
		list = append(list, job{name: "fetch metadata", every: 30 * time.Second, run: whole(s.fetchWhenDue(cfg))})
	}
	return list
}

// whole is a job of one part.
func whole(run func(context.Context) error) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) { return false, run(ctx) }
}

// untilNone is a job that is done when a part finds nothing to do.
func untilNone(run func(context.Context) (int, error)) func(context.Context) (bool, error) {
	return func(ctx context.Context) (bool, error) {
		n, err := run(ctx)
		return n > 0, err
	}
}

// fetchWhenDue fetches newer metadata when it is due and no other node has.
func (s *server) fetchWhenDue(cfg *metadataConfig) func(context.Context) error {
	// Drawn anew at each fetch only: drawn at each look, the shortest that there is would come up soon, everywhere.
	interval := jittered(cfg.MetadataInterval)
	return func(ctx context.Context) error {
		return s.directory.FetchMetadata(ctx, interval, cfg.MetadataURL, func(ctx context.Context) ([]byte, error) {
			interval = jittered(cfg.MetadataInterval)
			return fetchMetadata(ctx, cfg.MetadataURL)
		})
	}
}

// worker does the jobs of one node.
type worker struct {
	store *store.Store
	// holder names the node in leases; one that starts anew is another.
	holder string
	log    *slog.Logger
	after  func(time.Duration) <-chan time.Time
	told   sync.Map // job → text of the error that was told last
	*jobMetrics
}

func newWorker(s *store.Store, registry prometheus.Registerer, log *slog.Logger) *worker {
	return &worker{store: s, holder: store.NewID[string](), log: log, after: time.After, jobMetrics: newJobMetrics(registry)}
}

// leastLease is how long a job is kept for a node that says nothing, at least: longer than clocks of nodes may differ.
const leastLease = time.Minute

// leaveWait bounds giving the leases back when the server stops. Not given back, they run out.
const leaveWait = 5 * time.Second

// run does jobs until ctx ends, and then leaves those that it had alone to other nodes.
func (w *worker) run(ctx context.Context, list []job) {
	var running sync.WaitGroup
	for _, j := range list {
		running.Go(func() {
			for ctx.Err() == nil {
				w.turn(ctx, j)
				select {
				case <-w.after(jittered(j.every)):
				case <-ctx.Done():
				}
			}
		})
	}
	running.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveWait)
	defer cancel()
	if err := w.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.LeaveLeases(w.holder) }); err != nil {
		w.log.Warn("leases not given back; they run out", "error", err)
	}
}

// turn does a job until nothing is left to do, something goes wrong, or another node has it. What goes wrong is told and tried again at
// the next turn: nothing depends on it at once.
func (w *worker) turn(ctx context.Context, j job) {
	for more := true; more && ctx.Err() == nil; {
		mine, err := w.has(ctx, j)
		if err == nil && mine {
			more, err = part(ctx, j)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.failures.WithLabelValues(j.name).Inc()
			// What goes wrong in the same way at every turn is told once, until it ends; the metric counts on.
			level := slog.LevelError
			if before, _ := w.told.Swap(j.name, err.Error()); before == err.Error() {
				level = slog.LevelDebug
			}
			w.log.Log(ctx, level, "job failed", "job", j.name, "error", err)
			return
		case !mine:
			return
		}
	}
	if ctx.Err() == nil {
		w.told.Delete(j.name)
		w.success.WithLabelValues(j.name).SetToCurrentTime()
	}
}

// has reports whether a job is this node's to do.
func (w *worker) has(ctx context.Context, j job) (mine bool, err error) {
	if !j.alone {
		return true, nil
	}
	err = w.store.Housekeep(ctx, func(tx *store.Tx) error {
		var err error
		mine, err = tx.TakeLease(j.name, w.holder, tx.Now.Add(max(2*j.every, leastLease)))
		return err
	})
	held := 0.0
	if mine && err == nil {
		held = 1
	}
	w.leases.WithLabelValues(j.name).Set(held)
	return mine, err
}

// partWithin bounds a part of a job that one node does for all.
const partWithin = 5 * time.Minute

// part runs a part of a job. A panic in it must not take the server with it.
func part(ctx context.Context, j job) (more bool, err error) {
	defer func() {
		if p := recover(); p != nil {
			more, err = false, fmt.Errorf("panicked: %v\n%s", p, debug.Stack())
		}
	}()
	if j.alone { // it works through what all of the installation has; the others are as quick as a request, or run until the server stops
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, partWithin)
		defer cancel()
	}
	return j.run(ctx)
}

// jobMetrics let an operator's alarm know of a job that does not get done.
type jobMetrics struct {
	success, leases *prometheus.GaugeVec
	failures        *prometheus.CounterVec
}

func newJobMetrics(registry prometheus.Registerer) *jobMetrics {
	m := &jobMetrics{
		success: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "staffkey_job_last_success_timestamp_seconds", Help: "When this node last did a job to its end, by job.",
		}, []string{"job"}),
		leases: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "staffkey_job_lease", Help: "1 when this node does a job that one node at a time does, 0 when another may, by job.",
		}, []string{"job"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "staffkey_job_failures_total", Help: "Runs of a job on this node that failed, by job.",
		}, []string{"job"}),
	}
	registry.MustRegister(m.success, m.leases, m.failures)
	return m
}
