package portal_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal"
)

// What went wrong in other products with sign-in, sessions and recovery, one test each: testdata/peer-failures.json.

// TestPeers_have_a_test_each: the list of what went wrong elsewhere names the test of each.
func TestPeers_have_a_test_each(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/peer-failures.json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Cases []struct{ Product, ID, Test string }
	}
	unmarshal(t, string(raw), &list)
	var files []string
	for _, folder := range []string{".", "../signin", "../notify/email"} { // what needs no page is tested where it is done
		found, err := filepath.Glob(filepath.Join(folder, "peers*_test.go"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: %q, %v", folder, found, err)
		}
		files = append(files, found...)
	}
	if len(list.Cases) == 0 {
		t.Fatal("no cases")
	}
	var tests strings.Builder
	for _, name := range files {
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(source)
	}
	for _, c := range list.Cases {
		if c.Test == "" || !strings.Contains(tests.String(), "\nfunc "+c.Test+"(t *testing.T)") {
			t.Errorf("%s %s: no test %q", c.Product, c.ID, c.Test)
		}
	}
}

// loose takes the list of allowed credentials out of a request, as an attacker's own browser would.
func loose(t *testing.T, options string) []byte {
	t.Helper()
	var all map[string]json.RawMessage
	unmarshal(t, options, &all)
	delete(all, "allowCredentials")
	raw, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// touchLoose answers another person's ceremony with a key of one's own.
func (b *browser) touchLoose(key *softkey.Key, options, action string) answer {
	b.s.t.Helper()
	var begun struct{ Ceremony, Options string }
	unmarshal(b.s.t, b.get(options).body, &begun)
	credential, err := key.Get(b.s.origin(), loose(b.s.t, begun.Options))
	if err != nil {
		b.s.t.Fatal(err)
	}
	return b.postJSON(action, `{"ceremony":"`+begun.Ceremony+`","credential":`+string(credential)+`}`)
}

func TestPeer_CVE_2025_26788(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	victim, mallory := s.add("victim", "north"), s.add("mallory", "north")
	s.giveKey(victim, "Lanyard")
	s.giveKey(mallory, "Lanyard")
	b := s.byPassword(victim)
	b.touchLoose(mallory.key, "/signin/key/options", "/signin/key").leads(t, "the victim's password and another's key", "/signin/outcome")
	if b.isSignedIn() {
		t.Error("signed in")
	}
	b.get("/signin/outcome").shows(t, "the page", http.StatusOK, "This key belongs to someone else")
}

func TestPeer_CVE_2026_46419(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	victim, mallory := s.add("victim", "north"), s.add("mallory", "north")
	s.giveKey(victim, "Lanyard")
	s.giveKey(mallory, "Lanyard")
	b := s.session(victim)
	s.clock.Advance(staffkey.ProofLife + time.Second)
	before := b.cookies["__Host-staffkey-session"]
	b.touchLoose(mallory.key, "/me/confirm/options", "/me/confirm/key").leads(t, "another's key in the victim's session", "/me/outcome")
	if b.cookies["__Host-staffkey-session"] != before {
		t.Error("the session was renewed")
	}
	b.get("/me/tokens/register").leads(t, "a change afterwards", "/me/confirm?next="+url.QueryEscape("/me/tokens/register"))
}

func TestPeer_CVE_2026_37982(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.witness.secret("password", newPassword, "another quiet river lamp")
	_, la := s.administrator("lara")
	h, mallory := s.add("amara", "north"), s.add("mallory", "north")
	pass := s.issuePass(la, h, false)
	s.browser().usePass(mallory.Username, pass).shows(t, "the pass of another", http.StatusUnauthorized, "That pass is wrong.")
	s.browser().usePass(h.Username, pass).leads(t, "the pass", "/me/mfa/start")
	thief := s.browser()
	thief.usePass(h.Username, pass).shows(t, "the pass once more", http.StatusUnauthorized)
	if thief.isSignedIn() {
		t.Error("a pass for once opens two sessions")
	}
	link := s.resetLink(h)
	first, second := s.browser(), s.browser()
	first.get(link)
	second.get(link)
	first.post("/reset", url.Values{"password": {newPassword}}).leads(t, "the link", "/signin")
	second.post("/reset", url.Values{"password": {"another quiet river lamp"}}).shows(t, "the link in another browser", http.StatusGone)
	s.browser().givePassword(h, newPassword).leads(t, "the password of the first", "/me")
}

func TestPeer_CVE_2024_28197(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	b := s.browser()
	b.cookies["__Host-staffkey-session"] = "PLANTEDPLANTEDPLANTED"
	var seen []string
	changed := func(what string) {
		t.Helper()
		now := b.cookies["__Host-staffkey-session"]
		for _, before := range seen {
			if now == before {
				t.Errorf("after %s the session goes on under a secret of before", what)
			}
			old := s.browser()
			old.cookies["__Host-staffkey-session"] = before
			if old.isSignedIn() {
				t.Errorf("after %s a secret of before still opens the session", what)
			}
		}
		seen = append(seen, now)
	}
	seen = append(seen, b.cookies["__Host-staffkey-session"])
	b.givePassword(h, testPassword)
	changed("the password")
	phone := b.giveApp()
	changed("an app was set up")
	s.clock.Advance(staffkey.ProofLife + time.Minute)
	b.typeCode("/me/confirm/app-code", phone.code())
	changed("the app")
	key, id := b.register("", "Lanyard")
	if a := b.touch(key, "/me/tokens/"+string(id)+"/try/options", "/me/tokens/"+string(id)+"/try"); !strings.Contains(a.location(), "/done") {
		t.Errorf("trying the key leads to %q", a.location())
	}
	changed("the key")
	b.touch(key, "/signin/options", "/signin/passwordless")
	changed("a sign-in in the same browser")
	if !b.isSignedIn() {
		t.Error("the last secret opens nothing")
	}
}

func TestPeer_CVE_2026_9091(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, _ := s.withAllMethods("amara")
	b := s.byPassword(h)
	b.ask("text")
	for _, route := range portal.Routes() {
		if route.Needs == "anyone" {
			continue
		}
		path := strings.NewReplacer("{id}", string(h.keyID), "{code}", "7XKQ-42").Replace(route.Pattern)
		a := b.as(windows, route.Method, path, url.Values{"remove": {"1"}, "make": {"1"}, "nickname": {"Mine"}, "reason": {"lost"}})
		if a.StatusCode != http.StatusUnauthorized && !strings.HasPrefix(a.location(), "/signin?next=") {
			t.Errorf("%s %s after the password alone: %d to %q", route.Method, route.Pattern, a.StatusCode, a.location())
		}
	}
	if keys := s.keys(h); len(keys) != 1 || keys[0].Nickname != "Lanyard" || keys[0].State != staffkey.SecurityKeyActive {
		t.Errorf("after all that the keys are %v", keys)
	}
}

func TestPeer_CVE_2026_9090(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, _ := s.withAllMethods("amara")
	b := s.byPassword(h)
	b.get("/signin/app-code")
	b.postJSON("/signin/outcome", `{"name":"NotAllowedError","ms":5000}`)
	ceremony := b.get("/signin/app-code").ceremony()
	sealed := map[string]string{"ceremony": ceremony}
	for name, value := range b.cookies {
		sealed[name] = value
	}
	for from, value := range sealed { // what is sealed for one purpose opens nothing else
		for _, to := range []string{"session", "attempt", "reference", "reset", "notme", "offered", "station", "return", "setup", "number", "outcome", "personal"} {
			if strings.HasSuffix(from, "staffkey-"+to) {
				continue
			}
			c := s.browser()
			c.cookies["__Host-staffkey-"+to] = value
			if c.isSignedIn() {
				t.Errorf("%s as %s: signed in", from, to)
			}
			c.get("/signin/key").leads(t, from+" as "+to, "/signin")
			for _, path := range []string{"/reset", "/not-me", "/station"} {
				c.get(path).shows(t, from+" as "+to+" at "+path, http.StatusGone)
			}
		}
	}
}

func TestPeer_GHSA_hp74_gm6m_2qm5(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	_, la := s.administrator("lara")
	h, _ := s.withAllMethods("amara")
	codes := s.session(h).giveCodes()
	byPass, byCode := s.browser(), s.byPassword(h)
	byPass.usePass(h.Username, s.issuePass(la, h, true)).leads(t, "a pass", "/me/mfa/start")
	byCode.typeCode("/signin/recovery-code", codes[0]).leads(t, "a recovery code", "/me")
	for name, b := range map[string]*browser{"a pass": byPass, "a recovery code": byCode} {
		for _, path := range []string{"/me/tokens/" + string(h.keyID) + "/remove", "/me/mfa/app-code/remove", "/me/mfa/text/remove"} {
			b.post(path, url.Values{"remove": {"1"}}).leads(t, path+" by "+name, "/me/confirm?next="+url.QueryEscape(path))
		}
	}
	s.witness.secret("password", newPassword)
	byCode.post("/me/password", url.Values{"current": {testPassword}, "password": {newPassword}}).
		leads(t, "a password by a recovery code", "/me/confirm?next="+url.QueryEscape("/me/password"))
	byCode.get("/me/tokens/register").leads(t, "a key by a recovery code while one is in use", "/me/confirm?next="+url.QueryEscape("/me/tokens/register"))
	if len(s.keys(h)) != 1 {
		t.Errorf("the keys are %v", s.keys(h))
	}
}

func TestPeer_DUO_PSA_2017_001(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, _ := s.withAllMethods("amara")
	b := s.byPassword(h)
	b.get("/signin/key/options")
	b.get("/signin/app-code")
	b.ask("text")
	before := len(s.messages(h))
	b.get("/me/tokens/register").leads(t, "a key", "/signin?next="+url.QueryEscape("/me/tokens/register"))
	b.get("/me/mfa/app-code").leads(t, "an app", "/signin?next="+url.QueryEscape("/me/mfa/app-code"))
	b.post("/me/mfa/phone", url.Values{"number": {"07700 900999"}}).shows(t, "a number", http.StatusUnauthorized)
	b.post("/me/recovery-codes", url.Values{"make": {"1"}}).shows(t, "recovery codes", http.StatusUnauthorized)
	b.postJSON("/me/tokens/register", `{"ceremony":"`+b.get("/signin/app-code").ceremony()+`","credential":{}}`).leads(t, "the end of a registration", "/signin?next="+url.QueryEscape("/me/tokens/register"))
	if n := len(s.messages(h)); n != before || len(s.keys(h)) != 1 {
		t.Errorf("%d messages and %d keys more", n-before, len(s.keys(h))-1)
	}
}

func TestPeer_CVE_2022_30689(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	none, pass := []staffkey.MethodKind{}, []staffkey.MethodKind{staffkey.MethodPass}
	password, codes := []staffkey.MethodKind{staffkey.MethodPassword}, []staffkey.MethodKind{staffkey.MethodRecoveryCode}
	never, odd, weak, one := 100_000, staffkey.Downgrade("allow"), staffkey.Strength("password"), 1
	for name, settings := range map[string]staffkey.PolicySettings{
		"nothing is ever enough": {CoreMethods: &none}, "a pass stands alone": {CoreMethods: &pass}, "a password stands alone": {CoreMethods: &password},
		"codes stand alone": {CoreMethods: &codes}, "a password as second proof": {Methods: &password}, "a grace without end": {GraceDays: &never},
		"an unknown answer to a downgrade": {Downgrade: &odd}, "an unknown strength": {Strength: &weak}, "no room for a backup": {MaxKeys: &one},
		"sessions without end": {Sessions: &staffkey.SessionLimits{IdleAAL2: never, AbsoluteAAL2: never, IdleAAL3: never, AbsoluteAAL3: never}},
	} {
		if err := s.directory.ChangePolicy(t.Context(), staffkey.ConsoleActor(), "north", "", settings, directory.Consent{}); err == nil {
			t.Errorf("%s: policy accepts it", name)
		}
	}
}

func TestPeer_CVE_2026_27840(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	secret := b.cookies["__Host-staffkey-session"]
	try := func(what, value string) {
		t.Helper()
		c := s.browser()
		c.cookies["__Host-staffkey-session"] = value
		if c.isSignedIn() {
			t.Errorf("a session's secret %s still opens it", what)
		}
	}
	for i := range len(secret) {
		other := byte('A')
		if secret[i] == other {
			other = 'B'
		}
		try("with another letter", secret[:i]+string(other)+secret[i+1:])
		try("cut short", secret[:i])
	}
	try("with more behind it", secret+"A")
	try("in small letters", strings.ToLower(secret))
	if !b.isSignedIn() {
		t.Error("the secret itself opens nothing")
	}
}

func TestPeer_CVE_2025_53942(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	s.witness.secret("password", newPassword)
	_, la := s.administrator("lara")
	h, phone := s.withAllMethods("amara")
	open, half := s.session(h), s.byPassword(h)
	pass, link := s.issuePass(la, h, true), s.resetLink(h)
	s.disable(h)
	before := len(s.messages(h))
	if open.isSignedIn() {
		t.Error("a session goes on")
	}
	s.browser().givePassword(h, testPassword).shows(t, "the password", http.StatusUnauthorized, "Your email or password is wrong.")
	half.typeCode("/signin/app-code", phone.nextCode()).leads(t, "the app, after a password of before", "/signin/locked")
	half.post("/signin/text/send", nil).shows(t, "a text message", http.StatusUnauthorized)
	s.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key", "/signin/outcome")
	s.browser().usePass(h.Username, pass).leads(t, "a pass", "/signin/locked")
	lost := s.browser()
	lost.post("/lost", url.Values{"username": {h.Username}, "password": {testPassword}}).shows(t, "a report of a loss", http.StatusUnauthorized)
	reset := s.browser()
	reset.get(link)
	if a := reset.post("/reset", url.Values{"password": {newPassword}}); a.StatusCode != http.StatusForbidden && a.StatusCode != http.StatusGone {
		t.Errorf("a reset link: %d to %q", a.StatusCode, a.location())
	}
	if n := len(s.messages(h)); n != before {
		t.Errorf("%d messages were sent, want none", n-before)
	}
}

func TestPeer_CVE_2024_47070(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	b := s.byPassword(h)
	for _, forwarded := range []string{"nonsense", "999.1.1.1, ::::", "\"", strings.Repeat("1.2.3.4,", 200)} {
		r := b.request("POST", "/me/password", "application/x-www-form-urlencoded", url.Values{"current": {testPassword}, "password": {"passwordpassword"}}.Encode())
		r.RemoteAddr = "10.0.0.1:1"
		r.Header.Set("X-Forwarded-For", forwarded)
		b.send(r).shows(t, "a password that many use, from "+forwarded[:1], http.StatusUnprocessableEntity, "Many people use this password")
	}
	odd := func() answer {
		c := s.browser()
		r := c.request("POST", "/signin", "application/x-www-form-urlencoded", "username=amara&password=wrong")
		r.RemoteAddr = "no address"
		return c.send(r)
	}
	for range 5 {
		odd().shows(t, "a wrong password from no address", http.StatusUnauthorized)
	}
	odd().shows(t, "the sixth", http.StatusTooManyRequests)
}

func TestPeer_CVE_2024_12225(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	for _, path := range []string{
		"/me/mfa/pass", "/me/mfa/password", "/me/mfa/security-key", "/me/mfa/app-code/code", "/me/mfa/app-code/send", "/me/mfa/recovery-code/code", "/signin/app-code/send",
		"/signin/pass/send", "/signin/recovery-code/send", "/signin/password", "/me/confirm/pass/send", "/me/confirm/password", "/me/mfa/pass/remove", "/register", "/login", "/webauthn",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if a := b.as(windows, method, path, nil); a.StatusCode != http.StatusNotFound {
				t.Errorf("%s %s: %d, want %d", method, path, a.StatusCode, http.StatusNotFound)
			}
		}
	}
	for _, route := range portal.Routes() {
		if strings.HasPrefix(route.Pattern, "/ops") != (route.Needs == "operator") {
			t.Errorf("%s %s is for %s", route.Method, route.Pattern, route.Needs)
		}
		theirs := strings.HasPrefix(route.Pattern, "/me") || strings.HasPrefix(route.Pattern, "/models/") || strings.HasPrefix(route.Pattern, "/ops")
		if theirs != (route.Needs != "anyone") && !strings.HasPrefix(route.Pattern, "/setup") && !strings.HasPrefix(route.Pattern, "/device") && !strings.HasPrefix(route.Pattern, "/support") {
			t.Errorf("%s %s is for %s", route.Method, route.Pattern, route.Needs)
		}
	}
}
