package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// People behind a gateway that writes addresses with ports are as many as they are; what cannot be read is nobody's address and never fills the
// proxy's.
func TestProxies_are_not_counted_for_their_people(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		forwarded func(i int) string
		metric    float64
	}{
		{"addresses with ports", func(i int) string { return fmt.Sprintf("203.0.%d.%d:51008", i/250, i%250) }, 0},
		{"IPv6 with ports, in quotes", func(i int) string { return fmt.Sprintf(`"[2001:db8:%x::1]:443"`, i) }, 0},
		{"hidden", func(int) string { return "_hidden" }, 311},
		{"unknown", func(int) string { return "unknown" }, 311},
		{"nothing", func(int) string { return "" }, 311},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, address)
			h := s.add("amara", "north")
			send := func(i int, form string) answer {
				b := s.browser()
				r := b.request("POST", "/signin", "application/x-www-form-urlencoded", form)
				r.RemoteAddr = "10.0.0.1:1"
				if f := test.forwarded(i); f != "" {
					r.Header.Set("X-Forwarded-For", f)
				}
				return b.send(r)
			}
			for i := range 310 {
				send(i, fmt.Sprintf("username=nobody%d&password=x", i)).shows(t, "a wrong password", http.StatusUnauthorized)
			}
			send(310, url.Values{"username": {h.Username}, "password": {testPassword}}.Encode()).leads(t, "somebody else there with a right one", "/me")
			if got := s.counter("staffkey_client_address_unreadable_total"); got != test.metric {
				t.Errorf("%v unreadable addresses in the metrics, want %v", got, test.metric)
			}
			want := 0
			if test.metric > 0 {
				want = 1
			}
			if got := strings.Count(s.witness.said(), "no client address"); got != want {
				t.Errorf("%d lines of the log, want %d", got, want)
			}
		})
	}
}

// counter is the value of a counter in the metrics.
func (s *stack) counter(name string) float64 {
	s.t.Helper()
	families, err := s.metrics.Registry.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	s.t.Fatalf("no metric %s", name)
	return 0
}
