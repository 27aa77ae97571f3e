package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// byHost asks for a page by a name.
func (b *browser) byHost(method, path, host string, headers ...string) answer {
	r := b.request(method, path, "application/x-www-form-urlencoded", "username=a&password=b")
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

// taken reports a wrong password that was looked at, or that has to wait after many.
func taken(a answer) bool {
	return a.StatusCode == http.StatusUnauthorized || a.StatusCode == http.StatusTooManyRequests
}

// Our own name is ours however a proxy writes it.
func TestHosts_of_our_own_in_every_spelling(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		address string
		own     []string
		other   []string
	}{
		{
			"https://signin.example",
			[]string{"signin.example", "signin.example:443", "SIGNIN.example", "signin.example.", "Signin.Example.:443", "ｓｉｇｎｉｎ.example", "signin.example:"},
			[]string{"signin.example:8443", "signin.example:80", "sign-in.example", "127.0.0.1", "[::1]:443", "signin.example:443:443", "signin.example.."},
		},
		{
			"https://signin.example:8443",
			[]string{"signin.example:8443", "SIGNIN.EXAMPLE:8443", "signin.example.:8443"},
			[]string{"signin.example", "signin.example:443"},
		},
		{
			"https://mewngofnodi.xn--t-iechyd-t2b.example",
			[]string{"mewngofnodi.xn--t-iechyd-t2b.example", "mewngofnodi.XN--T-IECHYD-T2B.example:443", "mewngofnodi.tŷ-iechyd.example"},
			[]string{"mewngofnodi.ty-iechyd.example"},
		},
		{"http://localhost:8080", []string{"localhost:8080", "LOCALHOST:8080"}, []string{"localhost", "127.0.0.1:8080"}},
		{"http://localhost", []string{"localhost", "localhost:80"}, []string{"localhost:443"}},
	} {
		s := newStack(t, test.address)
		b := s.browser()
		for _, host := range test.own {
			if a := b.byHost("GET", "/signin", host); a.StatusCode != http.StatusOK {
				t.Errorf("%s by %q: %d to %q", test.address, host, a.StatusCode, a.location())
			}
			if a := b.byHost("POST", "/signin", host, "Origin", test.address, "Sec-Fetch-Site", "same-origin"); !taken(a) {
				t.Errorf("%s by %q: a form is answered %d", test.address, host, a.StatusCode)
			}
			if a := b.byHost("POST", "/signin", host, "Origin", test.address); !taken(a) { // an older browser
				t.Errorf("%s by %q: a form without fetch metadata is answered %d", test.address, host, a.StatusCode)
			}
		}
		for _, host := range test.other {
			if a := b.byHost("GET", "/signin", host); a.StatusCode != http.StatusTemporaryRedirect {
				t.Errorf("%s by %q: %d", test.address, host, a.StatusCode)
			}
		}
	}
}

// A visitor by another name is sent to ours. When that leads back here, because a proxy writes the other name, a page says so; it never
// goes round.
func TestHosts_of_others(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"127.0.0.1:8080", "evil.example", "signin.example:8443", "", "<script>", strings.Repeat("a", 3000)} {
		s := newStack(t, address)
		b := s.browser()
		for path, want := range map[string]string{
			"/": "/?moved=1", "/signin?next=/me": "/signin?moved=1&next=%2Fme", "/me/tokens": "/me/tokens?moved=1", "/" + strings.Repeat("x", 600): "/?moved=1",
		} {
			a := b.byHost("GET", path, host)
			if a.StatusCode != http.StatusTemporaryRedirect || a.location() != address+want || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s by %q: %d to %q", path, host, a.StatusCode, a.location())
			}
			again := b.byHost("GET", strings.TrimPrefix(a.location(), address), host)
			again.shows(t, path+" again", http.StatusMisdirectedRequest, "Open this service by its own name", "<code>signin.example</code>", "ProxyPreserveHost On")
			if name := "<code>" + host; len(host) < 100 && host != "" && !strings.Contains(host, "<") && !strings.Contains(again.body, name) {
				t.Errorf("%s by %q: the page does not name it", path, host)
			}
			// The same by our own name, as it is where no proxy is in the way.
			home := b.byHost("GET", strings.TrimPrefix(a.location(), address), "signin.example")
			if home.StatusCode != http.StatusTemporaryRedirect || strings.Contains(home.location(), "moved") {
				t.Errorf("%s with the mark: %d to %q", path, home.StatusCode, home.location())
			}
		}
		b.byHost("POST", "/signin", host).shows(t, "a form", http.StatusMisdirectedRequest, "Open this service by its own name")
		if a := b.byHost("POST", "/signin/options", host, "Accept", "application/json"); a.StatusCode != http.StatusMisdirectedRequest || !strings.Contains(a.body, `"next"`) {
			t.Errorf("a script by %q: %d %s", host, a.StatusCode, a.body)
		}
		if a := b.byHost("HEAD", "/signin", host); a.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("HEAD by %q: %d", host, a.StatusCode)
		}
		if a := b.byHost("GET", s.stylesheet(), host); a.StatusCode != http.StatusOK {
			t.Errorf("the style sheet of that page by %q: %d", host, a.StatusCode)
		}
		if a := b.byHost("GET", "/readyz", host); a.StatusCode != http.StatusOK {
			t.Errorf("a probe by %q: %d", host, a.StatusCode)
		}
		if got := s.counter("staffkey_other_host_total"); got < 8 {
			t.Errorf("%v in the metrics", got)
		}
		const line = "a request by another name"
		if got := strings.Count(s.witness.said(), line); got != 1 {
			t.Errorf("%d lines of the log by %q, want one", got, host)
		}
		s.clock.Advance(time.Hour)
		b.byHost("GET", "/", host)
		if got := strings.Count(s.witness.said(), line); got != 2 {
			t.Errorf("%d lines of the log an hour later, want two", got)
		}
	}
}

// stylesheet is the address of the style sheet of our pages.
func (s *stack) stylesheet() string {
	s.t.Helper()
	_, rest, ok := strings.Cut(s.browser().get("/signin").body, `<link rel="stylesheet" href="`)
	path, _, _ := strings.Cut(rest, `"`)
	if !ok {
		s.t.Fatal("no style sheet on the page")
	}
	return path
}

// A browser that was given the full name with its dot is sent to the name that keys work by; a proxy that writes the dot gets its pages.
func TestHosts_with_a_final_dot(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	b := s.browser()
	a := b.byHost("GET", "/signin", "signin.example.", "Sec-Fetch-Mode", "navigate")
	if a.StatusCode != http.StatusTemporaryRedirect || a.location() != address+"/signin?moved=1" {
		t.Errorf("%d to %q", a.StatusCode, a.location())
	}
	if a := b.byHost("GET", "/signin?moved=1", "signin.example.", "Sec-Fetch-Mode", "navigate"); a.StatusCode != http.StatusOK {
		t.Errorf("again: %d to %q", a.StatusCode, a.location())
	}
}

// Forwarded addresses of a proxy nearby that nobody has named are no addresses, which the log says.
func TestProxies_that_are_not_named(t *testing.T) {
	t.Parallel()
	for peer, want := range map[string]int{"127.0.0.1:1": 1, "[::1]:1": 1, "192.168.7.7:1": 1, "[fd12::1]:1": 1, "10.0.0.1:1": 0, "198.51.100.7:1": 0} { // 10/8 is named; from elsewhere, anybody sends what they like
		s := newStack(t, address)
		for range 3 {
			r := s.browser().request("GET", "/signin", "", "")
			r.RemoteAddr = peer
			r.Header.Set("X-Forwarded-For", "203.0.113.8")
			s.browser().send(r)
		}
		if got := strings.Count(s.witness.said(), "not in trusted-proxy"); got != want {
			t.Errorf("from %s: %d lines of the log, want %d", peer, got, want)
		}
	}
}
