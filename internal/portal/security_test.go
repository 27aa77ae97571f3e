package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/portal"
)

func TestCookies(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.add("amara", "north")
	b := s.browser()
	a := b.post("/signin", url.Values{"username": {"amara"}, "password": {testPassword}})
	if a.StatusCode != http.StatusSeeOther || a.location() != "/me" {
		t.Fatalf("sign-in by password alone: %d %s", a.StatusCode, a.location())
	}
	var session *http.Cookie
	for _, c := range a.Cookies() {
		if c.Name == "__Host-staffkey-session" {
			session = c
		}
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %s: %+v", c.Name, c)
		}
	}
	if session == nil {
		t.Fatal("no session cookie")
	}
	if session.MaxAge != 0 || !session.Expires.IsZero() {
		t.Errorf("the session cookie outlives the browser: %+v", session)
	}
	if strings.Contains(session.Value, "amara") || len(session.Value) < 26 {
		t.Errorf("session secret %q", session.Value)
	}
	if c := s.newPlain().cookieNames(); len(c) == 0 || strings.HasPrefix(c[0], "__Host-") {
		t.Errorf("over http on localhost the cookies are %v", c)
	}
}

// newPlain is a stack at http://localhost, as the demo runs.
func (s *stack) newPlain() *plain { return &plain{newStack(s.t, "http://localhost:8080")} }

type plain struct{ *stack }

func (p *plain) cookieNames() []string {
	p.add("amara", "north")
	b := p.browser()
	r := b.request("POST", "/signin", "application/x-www-form-urlencoded", "username=amara&password="+url.QueryEscape(testPassword))
	r.Host = "localhost:8080"
	var names []string
	a := b.send(r)
	for _, c := range a.Cookies() {
		names = append(names, c.Name)
	}
	return names
}

func TestSessionFixation(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	before := b.cookies["__Host-staffkey-session"]
	next := b.signInWithKey(h, "/signin/passwordless")
	if next != "/me" {
		t.Fatalf("sign-in leads to %q", next)
	}
	if b.cookies["__Host-staffkey-session"] == before {
		t.Error("signing in again kept the session's secret")
	}
	old := s.browser()
	old.cookies["__Host-staffkey-session"] = before
	if a := old.get("/me"); a.StatusCode != http.StatusSeeOther {
		t.Errorf("the session from before the sign-in still opens /me: %d", a.StatusCode)
	}
	planted := s.browser()
	planted.cookies["__Host-staffkey-session"] = "PLANTEDPLANTEDPLANTEDPLANT"
	planted.signInWithKey(h, "/signin/passwordless")
	if planted.cookies["__Host-staffkey-session"] == "PLANTEDPLANTEDPLANTEDPLANT" {
		t.Error("a planted session secret became a session")
	}
}

// signInWithKey answers the ceremony of the sign-in page with the holder's key and returns where it leads.
func (b *browser) signInWithKey(h *holder, path string) string {
	b.s.t.Helper()
	begun := b.get("/signin/options")
	var options struct{ Ceremony, Options string }
	unmarshal(b.s.t, begun.body, &options)
	credential, err := h.key.Get(b.s.origin(), []byte(options.Options))
	if err != nil {
		b.s.t.Fatal(err)
	}
	delete(b.cookies, "__Host-staffkey-outcome")
	return b.postJSON(path, `{"ceremony":"`+options.Ceremony+`","credential":`+string(credential)+`}`).location()
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	b := s.browser()
	for _, path := range []string{"/signin", "/nope", "/me", "/static/nope.css", "/healthz", "/signin/options"} {
		h := b.get(path).Header
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", path, name, got, want)
			}
		}
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q lacks %s", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || h.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: policy %q, HSTS %q", path, csp, h.Get("Strict-Transport-Security"))
		}
	}
	if cc := b.get("/signin").Header.Get("Cache-Control"); cc != "no-store" {
		t.Errorf("the sign-in page may be stored: %q", cc)
	}
}

func TestNextStaysHere(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	for next, want := range map[string]string{
		"/me/tokens": "/me/tokens", "/me/tokens?x=1": "/me/tokens?x=1", "//evil.example": "/me", "https://evil.example": "/me", `/\evil.example`: "/me",
		"/\t/evil.example": "/me", "javascript:alert(1)": "/me", "": "/me", "/" + strings.Repeat("a", 600): "/me",
	} {
		a := s.browser().post("/signin", url.Values{"username": {h.Username}, "password": {testPassword}, "next": {next}})
		if a.location() != want {
			t.Errorf("next=%q leads to %q, want %q", next, a.location(), want)
		}
	}
	a := s.browser().get("/me/tokens?x=1")
	if a.location() != "/signin?next=%2Fme%2Ftokens%3Fx%3D1" {
		t.Errorf("a page asked for signed out leads to %q", a.location())
	}
}

func TestUnknownNamesAnswerAlike(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.add("amara", "north")
	var disabled staffkey.Person
	disabled, err := s.directory.FindPerson(t.Context(), staffkey.ConsoleActor(), s.add("gone", "north").Username)
	if err != nil {
		t.Fatal(err)
	}
	disabled.State = staffkey.PersonDisabled
	if err := s.directory.ChangePerson(t.Context(), staffkey.ConsoleActor(), disabled); err != nil {
		t.Fatal(err)
	}
	body := func(username, password string) (int, string) {
		a := s.browser().post("/signin", url.Values{"username": {username}, "password": {password}})
		// What differs from answer to answer anyway: the name typed, and the random challenge.
		return a.StatusCode, scrub(a.body, username)
	}
	wantStatus, want := body("amara", "wrong password")
	for _, c := range [][2]string{{"nobody", "wrong password"}, {"gone", testPassword}, {"gone", "wrong password"}, {"nobody@north.example", "x"}} {
		status, got := body(c[0], c[1])
		if status != wantStatus || len(got) != len(want) || got != want {
			t.Errorf("%s: status %d and %d bytes, want %d and %d", c[0], status, len(got), wantStatus, len(want))
		}
	}
}

func TestBadBodies(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	huge := strings.Repeat("a", 10<<20)
	for _, route := range portal.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		path := strings.ReplaceAll(route.Pattern, "{id}", string(h.keyID))
		for name, c := range map[string][2]string{
			"10 MB form": {"application/x-www-form-urlencoded", "nickname=" + huge},
			"10 MB JSON": {"application/json", `{"ceremony":"` + huge + `"}`},
			"bad JSON":   {"application/json", `{"ceremony":`}, "two objects": {"application/json", `{} {}`}, "an array": {"application/json", `[[[[[[]]]]]]`},
			"XML": {"text/xml", "<a/>"}, "no type": {"", "x"}, "bad form": {"application/x-www-form-urlencoded", "%zz=%"},
		} {
			who := s.session(h)
			r := who.request("POST", path, c[0], c[1])
			if strings.Contains(name, "JSON") || name == "two objects" || name == "an array" {
				r.Header.Set("Accept", "application/json")
			}
			a := who.send(r)
			if a.StatusCode >= 500 {
				t.Errorf("%s with %s: %d", route.Pattern, name, a.StatusCode)
			}
			who.putRight(route, h.keyID)
		}
	}
}

func TestProxies(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.7:1", "", "192.0.2.7"},
		{"192.0.2.7:1", "203.0.113.9", "192.0.2.7"},                     // not a proxy of ours: its word counts for nothing
		{"10.0.0.1:1", "203.0.113.9", "203.0.113.9"},                    // our proxy
		{"10.0.0.1:1", "1.2.3.4, 203.0.113.9, 10.9.9.9", "203.0.113.9"}, // the nearest that is not ours
		{"10.0.0.1:1", "203.0.113.9:51008", "203.0.113.9"},              // as gateways write it
		{"10.0.0.1:1", "nonsense", ""},                                  // nobody: counted as the proxy, all people behind it would be one
		{"[::ffff:10.0.0.1]:1", "2001:db8::1", "2001:db8::1"},
	} {
		who := s.session(h)
		r := who.request("POST", "/me/sessions/end-others", "application/x-www-form-urlencoded", "")
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		who.send(r)
		events, err := s.directory.Activity(t.Context(), staffkey.Actor{Person: h.ID}, h.ID, activityQuery(1))
		if err != nil || len(events.Events) != 1 {
			t.Fatal(events, err)
		}
		if got := events.Events[0].IP; got != c.want {
			t.Errorf("peer %s, forwarded %q: recorded %q, want %q", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestHostileNicknames(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	who := s.session(h)
	for nickname, ok := range map[string]bool{
		`<script>alert(1)</script>`: true, `"><img src=x onerror=y>`: true, strings.Repeat("😀", 40): true, strings.Repeat("😀", 41): false, "": false, "   ": false,
		"مفتاح أزرق": true, "a\u202eb": false, "a\u0000b": false, "line\nbreak": false, "\u200f\u200f": false, "é": true, "Ŵŷ": true, "\xff": false,
	} {
		a := who.post("/me/tokens/"+string(h.keyID)+"/edit", url.Values{"nickname": {nickname}})
		if ok != (a.StatusCode == http.StatusSeeOther) || !ok && a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("nickname %q: %d", nickname, a.StatusCode)
		}
		for _, page := range []string{"/me", "/me/tokens", "/me/activity", "/me/tokens/" + string(h.keyID) + "/remove"} {
			if body := who.get(page).body; strings.Contains(body, "<script>alert") || strings.Contains(body, "<img src=x") {
				t.Errorf("%s shows nickname %q as markup", page, nickname)
			}
		}
	}
}

func TestUnsupportedBrowsers(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	b := s.browser()
	for agent, want := range map[string]int{
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                   http.StatusSeeOther,
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/64.0 Safari/537.36 Edge/17.17134":                            http.StatusSeeOther,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS]":              http.StatusSeeOther,
		"Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0 Mobile Safari/537.36; wv)":           http.StatusSeeOther,
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0":               http.StatusOK,
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1": http.StatusOK,
		"": http.StatusOK,
	} {
		r := b.request("GET", "/signin", "", "")
		r.Header.Set("User-Agent", agent)
		if a := b.send(r); a.StatusCode != want {
			t.Errorf("%q: %d, want %d", agent, a.StatusCode, want)
		}
	}
	page := b.get("/unsupported")
	if n := len(page.body); n > 4096 || strings.Contains(page.body, "<script") {
		t.Errorf("the page for old browsers has %d bytes", n)
	}
	if want := `<button name="lang" value="cy" lang="cy">Cymraeg</button>`; !strings.Contains(page.body, want) {
		t.Errorf("the page for old browsers has no %s", want)
	}
	b.press(t, page.body).leads(t, "the page for old browsers in Welsh", "/unsupported")
	b.get("/unsupported").shows(t, "the same page", http.StatusOK, inWelsh)
	if a := b.get("/signin?anyway=1"); a.StatusCode != http.StatusOK {
		t.Errorf("other options are not reachable: %d", a.StatusCode)
	}
}

func TestSessionLimitsOnPages(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	idle := s.session(h)
	s.clock.Advance(15 * time.Minute)
	if a := idle.get("/me"); a.location() != "/session-ended?next=%2Fme&why=idle" {
		t.Errorf("after 15 minutes idle at level 3: %d %q", a.StatusCode, a.location())
	}
	busy := s.session(h)
	for range 12*60/14 + 1 {
		s.clock.Advance(14 * time.Minute)
		if a := busy.get("/me"); a.StatusCode != http.StatusOK {
			if a.location() != "/session-ended?next=%2Fme&why=limit" {
				t.Errorf("a session in use ends with %q", a.location())
			}
			return
		}
	}
	t.Error("a session in use outlives 12 hours")
}

func TestStaleProofAsksToConfirm(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	s.giveKey(h, "Spare")
	who := s.session(h)
	s.clock.Advance(staffkey.ProofLife + time.Second)
	remove := "/me/tokens/" + string(h.keyID) + "/remove"
	r := who.request("POST", remove, "application/x-www-form-urlencoded", "remove=1")
	r.Header.Set("Referer", address+remove)
	a := who.send(r)
	if a.location() != "/me/confirm?next="+url.QueryEscape(remove) {
		t.Fatalf("a removal with an old proof leads to %q", a.location())
	}
	page := who.get(a.location())
	if page.StatusCode != http.StatusOK {
		t.Fatalf("confirm page: %d", page.StatusCode)
	}
	before := who.cookies["__Host-staffkey-session"]
	var options struct{ Ceremony, Options string }
	unmarshal(t, who.get("/me/confirm/options").body, &options)
	credential, err := h.key.Get(address, []byte(options.Options))
	if err != nil {
		t.Fatal(err)
	}
	if next := who.postJSON("/me/confirm/key", `{"ceremony":"`+options.Ceremony+`","credential":`+string(credential)+`}`).location(); next != remove {
		t.Errorf("confirmed, and now at %q", next)
	}
	if who.cookies["__Host-staffkey-session"] == before {
		t.Error("the proof kept the session's secret")
	}
	if a := who.post(remove, url.Values{"remove": {"1"}}); a.location() != "/me/tokens" {
		t.Errorf("the removal after the proof: %d %q", a.StatusCode, a.location())
	}
}

// Browsers ask at the name that keys are bound to whose pages may use them, and are told only when that is not the address's own name.
func TestRelatedOrigins(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	for _, test := range []struct {
		rpID, host string
		status     int
		want       string
	}{
		{"signin.example", "signin.example", http.StatusNotFound, ""},
		{"example", "signin.example", http.StatusNotFound, ""},
		{"old.example", "old.example", http.StatusOK, `{"origins":["https://signin.example"]}`},
		{"old.example", "signin.example", http.StatusOK, `{"origins":["https://signin.example"]}`},
		{"in.example", "in.example", http.StatusOK, `{"origins":["https://signin.example"]}`},
	} {
		moved := *s
		moved.rpID = test.rpID
		moved.wire(address)
		r := moved.browser().request("GET", "/.well-known/webauthn", "", "")
		r.Host = test.host
		got := moved.browser().send(r)
		if got.StatusCode != test.status || test.want != "" && strings.TrimSpace(got.body) != test.want {
			t.Errorf("keys of %s, asked at %s: %d %q, want %d %q", test.rpID, test.host, got.StatusCode, got.body, test.status, test.want)
		}
	}
}
