package portal_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"staffkey/internal/portal"
)

// What went wrong in other products with requests themselves, one test each: testdata/peer-failures.json.

// TestPeer_CVE_2025_24358: an origin is scheme, name and port, and nothing that a page says of where it comes from stands in for it.
func TestPeer_CVE_2025_24358(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, _ := s.withAllMethods("amara")
	for _, c := range []struct{ site, origin, referer string }{
		{"", "http://signin.example", address + "/me/mfa"},
		{"", "https://signin.example:8443", address + "/me/mfa"},
		{"", "https://signin.example.evil.example", address + "/me/mfa"},
		{"", "https://evil.example", address + "/me/mfa"},
		{"", "null", address + "/me/mfa"},
		{"cross-site", "https://evil.example", address + "/me/mfa"},
		{"same-site", "https://other.example", address + "/me/mfa"},
	} {
		for path, form := range map[string]url.Values{
			"/me/mfa/app-code/remove": {"remove": {"1"}}, "/me/mfa/text": {"number": {"07700 900999"}}, "/me/recovery-codes": {"make": {"1"}},
			"/me/password": {"current": {testPassword}, "password": {"a lamp beside the quiet river"}},
		} {
			b := s.session(h)
			r := b.request("POST", path, "application/x-www-form-urlencoded", form.Encode())
			r.Header.Del("Sec-Fetch-Site")
			if c.site != "" {
				r.Header.Set("Sec-Fetch-Site", c.site)
			}
			r.Header.Set("Origin", c.origin)
			r.Header.Set("Referer", c.referer)
			b.send(r).shows(t, path+" from "+c.origin, http.StatusForbidden)
		}
	}
	// The same from a page of ours, as a browser without fetch metadata sends it.
	b := s.session(h)
	r := b.request("POST", "/me/mfa/text/remove", "application/x-www-form-urlencoded", "remove=1")
	r.Header.Del("Sec-Fetch-Site")
	r.Header.Set("Origin", address)
	b.send(r).leads(t, "our own page", "/me/mfa")
}

// TestPeer_CVE_2025_59043: nobody who is not signed in has the server read deep or long JSON.
func TestPeer_CVE_2025_59043(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	bodies := map[string]string{
		"deep arrays":     `{"ceremony":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + "}",
		"deep objects":    strings.Repeat(`{"credential":`, 4_000) + "1" + strings.Repeat("}", 4_000),
		"an endless one":  strings.Repeat(`{"credential":`, 4_000),
		"many names":      "{" + strings.Repeat(`"a":1,`, 9_000) + `"a":1}`,
		"a long name":     `{"` + strings.Repeat("a", 5<<20) + `":1}`,
		"a long number":   `{"ms":` + strings.Repeat("9", 60_000) + "}",
		"far too long":    `{"ceremony":"` + strings.Repeat("a", 20<<20) + `"}`,
		"not one of ours": `{"ceremony":{"a":[1,{"b":null}]},"credential":[[1]],"ms":{}}`,
	}
	var asked []string
	for _, route := range portal.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		path := strings.ReplaceAll(route.Pattern, "{id}", "x")
		asked = append(asked, path)
		for name, body := range bodies {
			b := s.browser()
			if a := b.postJSON(path, body); a.StatusCode >= 500 || b.isSignedIn() {
				t.Errorf("%s with %s: %d %.80s", path, name, a.StatusCode, a.body)
			}
		}
	}
	if !slices.Contains(asked, "/signin/passwordless") {
		t.Errorf("asked %q, want the routes that read JSON", asked)
	}
}
