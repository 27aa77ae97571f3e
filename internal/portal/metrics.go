package portal

import (
	"strconv"
	"time"

	"staffkey"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics are what an operator watches. They carry no names of people.
type Metrics struct {
	Registry *prometheus.Registry
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	proofs   *prometheus.CounterVec
	// unreadable counts requests by a trusted proxy whose client's address could not be read.
	unreadable prometheus.Counter
	// otherHost counts requests by another name than that of the address.
	otherHost prometheus.Counter
}

// NewMetrics returns metrics in a registry of their own, with those of the Go runtime and the process.
func NewMetrics() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "staffkey_http_requests_total", Help: "Requests answered, by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "staffkey_http_request_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
		}, []string{"route"}),
		proofs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "staffkey_proofs_total", Help: "Answers of people to sign-in methods, by method and outcome.",
		}, []string{"method", "outcome"}),
		unreadable: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "staffkey_client_address_unreadable_total", Help: "Requests by a trusted proxy whose X-Forwarded-For told no address that can be read.",
		}),
		otherHost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "staffkey_other_host_total", Help: "Requests whose Host is not that of the address.",
		}),
	}
	m.Registry.MustRegister(m.requests, m.seconds, m.proofs, m.unreadable, m.otherHost, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) observeRequest(route string, status int, took time.Duration) {
	if route == "" {
		route = "other"
	}
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}

// ObserveProof counts how an answer to a method ended; signin calls it.
func (m *Metrics) ObserveProof(kind staffkey.MethodKind, outcome string) {
	m.proofs.WithLabelValues(string(kind), outcome).Inc()
}
