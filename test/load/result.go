package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// result is what a run prints.
type result struct {
	Engine          string  `json:"engine"`
	People          int     `json:"people"`
	Imported        int     `json:"imported"`
	Seconds         float64 `json:"seconds"`
	PreparedSeconds float64 `json:"prepared_seconds"`
	SignIns         int     `json:"sign_ins"`
	PerSecond       float64 `json:"per_second"`
	// The waits are of whole sign-ins, in milliseconds.
	P50 float64 `json:"p50_ms"`
	P95 float64 `json:"p95_ms"`
	P99 float64 `json:"p99_ms"`
	Max float64 `json:"max_ms"`
	// ServerCPU is the server's time on the processors for one sign-in, DriverCPU that of this program, in milliseconds.
	ServerCPU float64 `json:"server_cpu_ms"`
	DriverCPU float64 `json:"driver_cpu_ms"`
	memory
	Errors int `json:"errors"`
	// FirstErrors are a few of them.
	FirstErrors []string    `json:"first_errors,omitempty"`
	Passwords   *floodCount `json:"passwords,omitempty"`
}

// shownErrors is how many errors a result spells out.
const shownErrors = 5

func newResult(s settings, l loop, server, own float64, m memory) *result {
	slices.Sort(l.took)
	n := len(l.took)
	at := func(share float64) float64 { return quantile(l.took, share) }
	r := &result{
		Engine: s.engine, People: s.people, Imported: s.imported, Seconds: l.elapsed.Seconds(), SignIns: n, PerSecond: float64(n) / l.elapsed.Seconds(),
		P50: at(0.5), P95: at(0.95), P99: at(0.99), Max: at(1), ServerCPU: server / float64(n) * 1e3, DriverCPU: own / float64(n) * 1e3,
		memory: m, Errors: len(l.errors),
	}
	for _, err := range l.errors[:min(len(l.errors), shownErrors)] {
		r.FirstErrors = append(r.FirstErrors, err.Error())
	}
	return r
}

// quantile is the wait, in milliseconds, that a share of the sorted waits do not go beyond.
func quantile(sorted []time.Duration, share float64) float64 {
	return float64(sorted[int(share*float64(len(sorted)-1))]) / float64(time.Millisecond)
}

func (r *result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d people at a time, %d more in the database, %.0f s (prepared in %.0f s)\n", r.Engine, r.People, r.Imported, r.Seconds, r.PreparedSeconds)
	fmt.Fprintf(&b, "  sign-ins    %d, %.0f a second, %d errors\n", r.SignIns, r.PerSecond, r.Errors)
	fmt.Fprintf(&b, "  wait        p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, longest %.1f ms\n", r.P50, r.P95, r.P99, r.Max)
	fmt.Fprintf(&b, "  processors  %.3f ms of server for one sign-in, %.3f ms of driver beside it\n", r.ServerCPU, r.DriverCPU)
	fmt.Fprintf(&b, "  memory      %.0f MB resident, %.0f MB at most", r.Resident, r.Peak)
	if p := r.Passwords; p != nil {
		fmt.Fprintf(&b, "\n  passwords   %s", p)
	}
	for _, e := range r.FirstErrors {
		fmt.Fprintf(&b, "\n  error       %s", e)
	}
	return b.String()
}
