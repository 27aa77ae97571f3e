package portal_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/portal"
)

// Without a good token there is no such page, by whatever method; with one, the answer says what came and nothing else.
func TestProbe(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.probe = func(_ context.Context, token string) error {
		if token != "good" {
			return staffkey.ErrNotFound
		}
		return nil
	}
	s.wire(address)
	b := s.browser()
	for _, method := range []string{"GET", "POST", "HEAD"} {
		for _, token := range []string{"", "bad"} {
			r, other := b.request(method, portal.ProbePath, "", ""), b.request(method, strings.TrimSuffix(portal.ProbePath, "e")+"x", "", "")
			r.Header.Set(portal.ProbeHeader, token)
			if a, nothing := b.send(r), b.send(other); a.StatusCode != http.StatusNotFound || len(a.body) != len(nothing.body) {
				t.Errorf("%s with token %q: %d with %d bytes, and %d with %d where there is nothing", method, token, a.StatusCode, len(a.body), nothing.StatusCode, len(nothing.body))
			}
		}
	}
	ask := func(host, peer, forwarded, body string) portal.Seen {
		t.Helper()
		r := b.request("POST", portal.ProbePath, "", body)
		r.Host, r.RemoteAddr = host, peer
		r.Header.Set(portal.ProbeHeader, "good")
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		a := b.send(r)
		seen, ok := portal.ReadProbe(a.body)
		if !ok || a.StatusCode != http.StatusOK {
			t.Errorf("%d %.200s", a.StatusCode, a.body)
		}
		return seen
	}
	for want, got := range map[portal.Seen]portal.Seen{
		{Host: "signin.example", OwnHost: true, Peer: "10.0.0.1", Trusted: true, Forwarded: true, Client: "203.0.113.8", Body: 100_000}: ask("signin.example", "10.0.0.1:1", "203.0.113.8", strings.Repeat("x", 100_000)),
		{Host: "</pre>&127.0.0.1", Peer: "192.0.2.1", Client: "192.0.2.1"}:                                                              ask("</pre>&127.0.0.1", "192.0.2.1:1", "", ""),
		{Host: "SIGNIN.example:443", OwnHost: true, Peer: "10.0.0.1", Trusted: true, Forwarded: true}:                                   ask("SIGNIN.example:443", "10.0.0.1:1", "unknown", ""),
	} {
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}
