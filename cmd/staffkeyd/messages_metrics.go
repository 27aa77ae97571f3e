package main

import (
	"context"
	"log/slog"
	"time"

	"staffkey"
	"staffkey/internal/store"

	"github.com/prometheus/client_golang/prometheus"
)

// observeMessages adds what an operator watches of messages to the metrics.
func observeMessages(registry *prometheus.Registry) func(staffkey.ChannelKind, string, string) {
	attempts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "staffkey_messages_total", Help: "Attempts to send a message, by channel, provider and outcome.",
	}, []string{"channel", "provider", "outcome"})
	registry.MustRegister(attempts)
	return func(channel staffkey.ChannelKind, provider, outcome string) {
		attempts.WithLabelValues(string(channel), provider, outcome).Inc()
	}
}

// observeOutbox adds what waits, so that an alarm can tell of what nobody sends: a channel that is not set up, a mail server that takes none.
// Every node says the same.
func observeOutbox(registry *prometheus.Registry, s *store.Store, log *slog.Logger) {
	registry.MustRegister(&outboxMetrics{s, log,
		prometheus.NewDesc("staffkey_messages_waiting", "Messages that wait to be sent, by channel.", []string{"channel"}, nil),
		prometheus.NewDesc("staffkey_messages_oldest_timestamp_seconds", "When the oldest message that waits was written, by channel.", []string{"channel"}, nil),
	})
}

// outboxMetrics looks when it is asked.
type outboxMetrics struct {
	store          *store.Store
	log            *slog.Logger
	waiting, since *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (o *outboxMetrics) Describe(descs chan<- *prometheus.Desc) {
	descs <- o.waiting
	descs <- o.since
}

// collectWithin bounds the look, so that a slow database does not cost the other metrics.
const collectWithin = 3 * time.Second

// Collect implements prometheus.Collector.
func (o *outboxMetrics) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectWithin)
	defer cancel()
	var counts map[staffkey.ChannelKind]store.Backlog
	err := o.store.Read(ctx, func(tx *store.Tx) (err error) {
		counts, err = tx.CountOutgoing()
		return err
	})
	if err != nil {
		o.log.Warn("messages not counted for metrics", "error", err)
		return
	}
	for _, channel := range []staffkey.ChannelKind{staffkey.ChannelEmail, staffkey.ChannelText, staffkey.ChannelVoice} {
		w := counts[channel]
		metrics <- prometheus.MustNewConstMetric(o.waiting, prometheus.GaugeValue, float64(w.Messages), string(channel))
		if w.Messages > 0 {
			metrics <- prometheus.MustNewConstMetric(o.since, prometheus.GaugeValue, float64(w.Since.Unix()), string(channel))
		}
	}
}
