package portal_test

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"staffkey/internal/portal"
)

// slow is a form that somebody has begun to send.
type slow struct {
	pipe   *io.PipeWriter
	answer chan answer
}

// begin sends the first byte of a form from an address and returns when the server reads it, or has answered already.
func (b *browser) begin(address, path string, length int64) slow {
	b = &browser{s: b.s, cookies: maps.Clone(b.cookies)}
	body, pipe := io.Pipe()
	r := b.request("POST", path, "application/x-www-form-urlencoded", "")
	r.Body, r.ContentLength, r.RemoteAddr = body, length, net.JoinHostPort(address, "4711")
	s := slow{pipe, make(chan answer, 1)}
	go func() {
		a := b.send(r)
		s.answer <- a
		body.CloseWithError(io.ErrClosedPipe)
	}()
	_, _ = pipe.Write([]byte("u")) // returns when it is read, or when nobody will
	return s
}

// end breaks the form off and waits for the answer.
func (s slow) end() answer {
	s.pipe.CloseWithError(io.ErrUnexpectedEOF)
	return <-s.answer
}

// Whoever sends slowly holds a bounded share of memory, and others get answers all the same.
func TestBodies_in_flight_are_bounded(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	visitor, in := s.browser(), s.session(h)
	const form, attestation, ofSource = 8 << 10, 64 << 10, 12 << 20 / 8
	crowded := func(what, address string) {
		t.Helper()
		a := visitor.begin(address, "/signin", form).end()
		a.shows(t, what, http.StatusServiceUnavailable, "Wait a few seconds")
		a.lacks(t, what, `<code class="code">`) // nothing is kept of it that a code could open
		if a.Header.Get("Retry-After") == "" || a.Header.Get("Connection") != "close" {
			t.Errorf("%s: headers %v", what, a.Header)
		}
	}
	for round := range 2 { // the second time with the room that the first gave back
		var open []slow
		for range ofSource / form {
			open = append(open, visitor.begin("192.0.2.7", "/signin", form))
		}
		crowded("one more from there", "192.0.2.7")
		for i := range 7 { // the addresses of a household are one source
			for n := range ofSource / attestation {
				open = append(open, in.begin(fmt.Sprintf("2001:db8:0:%x::%x", i, n), "/me/tokens/register", attestation))
			}
		}
		crowded("one more from anywhere", "198.51.100.1")
		visitor.get("/signin").shows(t, "a page", http.StatusOK, "Sign in")
		for _, o := range open {
			if a := o.end(); a.StatusCode != http.StatusBadRequest {
				t.Fatalf("round %d: a body that was broken off: %d", round, a.StatusCode)
			}
		}
	}
	for n := range ofSource / attestation {
		defer in.begin(fmt.Sprintf("2001:db8::%x", n), "/me/tokens/register", attestation).end()
	}
	crowded("another address of the household", "2001:db8::ffff")
}

func TestBodies_of_visitors_are_small(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	b := s.browser()
	for _, route := range portal.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		r := b.request("POST", strings.NewReplacer("{id}", "0", "{code}", "0", "{aaguid}", "0").Replace(route.Pattern), "application/x-www-form-urlencoded", "")
		body := &counted{}
		r.Body, r.ContentLength = io.NopCloser(body), 60<<10
		if b.send(r); body.n != 0 {
			t.Errorf("%s: %d bytes of 60 kB were read from a visitor, want none", route.Pattern, body.n)
		}
		r = b.request("POST", r.URL.Path, "application/x-www-form-urlencoded", "")
		r.Body, r.ContentLength = io.NopCloser(body), -1
		if b.send(r); body.n > 10<<10 {
			t.Errorf("%s: %d bytes of a body without a length were read from a visitor, want 8 kB", route.Pattern, body.n)
		}
	}
	b.post("/signin", url.Values{"username": {strings.Repeat("x", 9<<10)}}).shows(t, "a long name", http.StatusRequestEntityTooLarge, "")
}
