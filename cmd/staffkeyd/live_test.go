package main

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/portal"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// A probe is made by whoever has the sealing key, and taken once, for a while.
func TestProbe_is_taken_once(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		take := takeProbe(s, clock.Now)
		token, err := newProbe(s.Sealer(), clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		late, err := newProbe(s.Sealer(), clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		if err := take(t.Context(), token); err != nil {
			t.Errorf("the first time: %v", err)
		}
		if err := take(t.Context(), token); !errors.Is(err, staffkey.ErrConflict) {
			t.Errorf("again: %v", err)
		}
		clock.Advance(probeLife)
		elsewhere, err := s.Sealer().Seal("cookie/x", []byte(`{"id":"0190f0e0-0000-7000-8000-000000000000","until":"2099-01-01T00:00:00Z"}`))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{late, "", "x", "!", strings.Repeat("A", 200), string(elsewhere)} {
			if err := take(t.Context(), bad); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("%.20q: %v", bad, err)
			}
		}
	})
}

func TestLive_judges_what_was_seen(t *testing.T) {
	t.Parallel()
	const https = "https://signin.example"
	for name, test := range map[string]struct {
		seen    portal.Seen
		address string
		problem string
	}{
		"behind a proxy":               {portal.Seen{OwnHost: true, Peer: "127.0.0.1", Trusted: true, Forwarded: true, Client: "203.0.113.8"}, https, ""},
		"without a proxy":              {portal.Seen{OwnHost: true, TLS: true, Peer: "203.0.113.8", Client: "203.0.113.8"}, https, ""},
		"on this machine":              {portal.Seen{OwnHost: true, Peer: "127.0.0.1", Client: "127.0.0.1"}, "http://localhost:8080", ""},
		"a proxy that nobody named":    {portal.Seen{OwnHost: true, Peer: "10.0.0.2", Client: "10.0.0.2"}, https, "10.0.0.2"},
		"that, with TLS to the server": {portal.Seen{OwnHost: true, TLS: true, Peer: "10.0.0.2", Forwarded: true, Client: "10.0.0.2"}, https, "10.0.0.2"},
		"a proxy that says no address": {portal.Seen{OwnHost: true, Peer: "127.0.0.1", Trusted: true}, https, "no X-Forwarded-For"},
		"a proxy with its own name":    {portal.Seen{Host: "127.0.0.1:8080", TLS: true, Peer: "127.0.0.1", Trusted: true, Client: "203.0.113.8"}, https, "127.0.0.1:8080"},
	} {
		err := errors.Join(judgeHost(test.seen), judgeClient(test.seen, test.address))
		if test.problem == "" && err != nil || test.problem != "" && (err == nil || !strings.Contains(err.Error(), test.problem)) {
			t.Errorf("%s: %v, want %q", name, err, test.problem)
		}
	}
	if err := judgeEncoding(http.Header{"Content-Encoding": {"gzip"}}); err == nil || !strings.Contains(err.Error(), "gzip") {
		t.Errorf("a compressed answer: %v", err)
	}
	if err := judgeEncoding(http.Header{}); err != nil {
		t.Errorf("a plain answer: %v", err)
	}
	if time.Duration(liveBody/drainPerSec)*time.Second > probeLife {
		t.Error("the body of a probe may take longer than it is good")
	}
}
