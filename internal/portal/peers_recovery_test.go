package portal_test

import (
	"database/sql"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"

	"github.com/google/go-cmp/cmp"
)

// stands fails the test unless somebody's password is the one of before.
func (s *stack) stands(t *testing.T, what string, h *holder) {
	t.Helper()
	e, err := s.signin.FindEnrolment(t.Context(), staffkey.Actor{Person: h.ID}, staffkey.MethodPassword)
	if err != nil || e == nil || e.Version != 1 {
		t.Errorf("%s: the password of %s has changed: %+v, %v", what, h.Username, e, err)
	}
}

func TestPeer_CVE_2026_18963(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.witness.secret("password", newPassword)
	s.administrator("lara")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	s.resetLink(h) // is in the mail, and nobody has opened it
	for name, prepare := range map[string]func(*browser){
		"nothing":             func(*browser) {},
		"having asked":        func(b *browser) { b.post("/signin/reset", url.Values{"login": {"amara"}}); b.get("/signin/reset/sent") },
		"a password half-way": func(b *browser) { b.givePassword(h, testPassword); b.get("/signin/method"); b.get("/signin/key") },
		"another way chosen":  func(b *browser) { b.givePassword(h, testPassword); b.get("/signin/app-code"); b.get("/signin/pass") },
		"a report of a loss":  func(b *browser) { b.post("/lost", url.Values{"username": {"amara"}, "password": {testPassword}}) },
		"a session of the person": func(b *browser) {
			b.cookies["__Host-staffkey-session"] = s.session(h).cookies["__Host-staffkey-session"]
		},
	} {
		b := s.browser()
		prepare(b)
		b.get("/reset").shows(t, "the page after "+name, http.StatusGone)
		for _, form := range []url.Values{{"password": {newPassword}}, {"password": {newPassword}, "username": {"amara"}, "link": {"x"}, "t": {"x"}}} {
			b.post("/reset", form).shows(t, "a new password after "+name, http.StatusGone)
		}
		s.stands(t, "after "+name, h)
	}
}

// TestPeer_CVE_2020_1718 takes the steps of recovery in every order, without what the mail holds.
func TestPeer_CVE_2020_1718(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.witness.secret("password", newPassword)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	steps := []struct {
		name string
		do   func(*browser)
	}{
		{"look at the reset", func(b *browser) { b.get("/reset") }},
		{"a secret that is none", func(b *browser) { b.get("/reset?t=AAAAAAAAAAAAAAAAAAAAAAAAAA") }},
		{"reset", func(b *browser) { b.post("/reset", url.Values{"password": {newPassword}}) }},
		{"look at the methods", func(b *browser) { b.get("/signin/method") }},
		{"a pass that is none", func(b *browser) { b.post("/signin/pass", url.Values{"username": {"amara"}}) }},
		{"a code", func(b *browser) { b.post("/signin/recovery-code", url.Values{"code": {"x"}}) }},
		{"done with a loss", func(b *browser) { b.get("/lost/done") }},
		{"a first password", func(b *browser) { b.post("/welcome", url.Values{"link": {""}, "password": {newPassword}}) }},
		{"undo", func(b *browser) { b.post("/not-me/undo", nil) }},
		{"not me", func(b *browser) { b.post("/not-me", nil) }},
	}
	for _, first := range steps {
		for _, second := range steps {
			for _, third := range steps {
				b := s.browser()
				first.do(b)
				second.do(b)
				third.do(b)
				if _, in := b.cookies["__Host-staffkey-session"]; in {
					t.Fatalf("%s, %s, %s: signed in", first.name, second.name, third.name)
				}
			}
		}
	}
	s.stands(t, "after every order of steps", h)
	if !s.session(h).isSignedIn() {
		t.Error("the key does not sign in any more")
	}
}

func TestPeer_CVE_2023_26481(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.witness.secret("password", newPassword)
	mallory, victim := s.add("mallory", "north"), s.add("victim", "north")
	b := s.browser()
	b.get(s.resetLink(mallory))
	form := url.Values{"password": {newPassword}, "username": {"victim"}, "login": {"victim"}, "person": {string(victim.ID)}, "id": {string(victim.ID)}}
	b.post("/reset?username=victim&id="+string(victim.ID), form).leads(t, "mallory's link with the victim's name", "/signin")
	s.stands(t, "after mallory's link", victim)
	s.browser().givePassword(victim, newPassword).shows(t, "the victim with mallory's password", http.StatusUnauthorized)
	s.browser().givePassword(mallory, newPassword).leads(t, "mallory", "/me")
}

func TestPeer_CVE_2025_64708(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.witness.secret("password", newPassword)
	_, la := s.administrator("lara")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	notice, link, pass := s.notice(h), s.resetLink(h), s.issuePass(la, h, true)
	reset, station, notMe, byPass := s.browser(), s.browser(), s.browser(), s.browser()
	reset.get(link)
	reset.get("/reset").shows(t, "the reset in time", http.StatusOK)
	s.clock.Advance(30*time.Minute - time.Microsecond)
	reset.get("/reset").shows(t, "the reset in its last instant", http.StatusOK)
	s.clock.Advance(time.Microsecond)
	reset.post("/reset", url.Values{"password": {newPassword}}).shows(t, "the reset after its life", http.StatusGone)
	s.stands(t, "after a late link", h)

	s.clock.Advance(30*time.Minute - time.Second)
	ceremony := byPass.get("/signin/pass").ceremony()
	s.clock.Advance(time.Second)
	byPass.post("/signin/pass", url.Values{"username": {"amara"}, "code": {pass}, "ceremony": {ceremony}}).
		shows(t, "a pass typed in time and sent after its hour", http.StatusUnauthorized, "This pass ended")

	offered := s.stationLink(s.session(s.people["lara"]).actorOf(), "Ward 6")
	station.get(offered)
	station.get("/station").shows(t, "the station in time", http.StatusOK)
	s.clock.Advance(24 * time.Hour)
	station.post("/station", nil).shows(t, "the station after a day", http.StatusGone)

	notMe.get(notice)
	notMe.get("/not-me").shows(t, "the notice in time", http.StatusOK)
	s.clock.Advance(14 * 24 * time.Hour)
	notMe.get(notice)
	notMe.post("/not-me", nil).shows(t, "the notice after a fortnight", http.StatusGone)
	if !s.session(h).isSignedIn() {
		t.Error("a late link freezes the account")
	}
}

func TestPeer_CVE_2026_4282(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.witness.secret("password", newPassword)
	_, la := s.administrator("lara")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	first, err := s.signin.IssueFirstPasswordLink(t.Context(), staffkey.ConsoleActor(), h.ID)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{
		"/not-me": s.notice(h), "/reset": s.resetLink(h), "/station": s.stationLink(la, "Ward 6"), "/welcome": strings.TrimPrefix(first, address),
	}
	for path, link := range secrets {
		_, secret, _ := strings.Cut(link, "?t=")
		for _, other := range []string{"/not-me", "/reset", "/station"} {
			if other == path {
				continue
			}
			b := s.browser()
			b.get(other + "?t=" + secret)
			b.get(other).shows(t, "the secret of "+path+" at "+other, http.StatusGone)
			b.post(other, url.Values{"password": {newPassword}}).shows(t, "the secret of "+path+" used at "+other, http.StatusGone)
		}
		if path != "/welcome" {
			s.browser().post("/welcome", url.Values{"link": {secret}, "password": {newPassword}}).shows(t, "the secret of "+path+" at /welcome", http.StatusGone)
		}
		if a := s.browser().get("/setup?t=" + secret); a.StatusCode != http.StatusGone && a.StatusCode != http.StatusSeeOther {
			t.Errorf("the secret of %s at /setup: %d", path, a.StatusCode)
		}
	}
	s.stands(t, "after all that", h)
	if !s.session(h).isSignedIn() {
		t.Error("the account is frozen")
	}
	for path, link := range secrets { // each is still good for its own
		b := s.browser()
		if a := b.get(link); a.StatusCode != http.StatusOK && a.location() != path {
			t.Errorf("%s at its own page: %d to %q", path, a.StatusCode, a.location())
		}
		b.get(path)
	}
}

func TestPeer_CVE_2025_64101(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	_, la := s.administrator("lara")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.browser()
	r := b.request("POST", "/signin/reset", "application/x-www-form-urlencoded", "login=amara")
	r.RemoteAddr = "10.0.0.1:1"
	for name, value := range map[string]string{
		"Forwarded": "host=evil.example;proto=http", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http", "X-Forwarded-Server": "evil.example",
		"X-Original-Host": "evil.example", "X-Host": "evil.example", "Origin": address, "Referer": "https://evil.example/",
	} {
		r.Header.Set(name, value)
	}
	b.send(r).leads(t, "asking with headers of a proxy", "/signin/reset/sent")
	if _, err := s.signin.WorkResets(t.Context()); err != nil {
		t.Fatal(err)
	}
	if link := s.link(h, "reset.link"); !strings.HasPrefix(link, "/reset?t=") {
		t.Errorf("the link in the mail begins with %.12q, want the path alone", link)
	}
	if link, err := s.signin.IssueStationLink(t.Context(), la, h.Organisation, "Ward 6"); err != nil || !strings.HasPrefix(link, address+"/station?t=") {
		t.Errorf("the link of a station begins with %.30q, %v", link, err)
	}
	for _, m := range s.messages(h) {
		for name, value := range m.Args {
			if strings.Contains(value, "evil.example") {
				t.Errorf("%s of %s names another host", name, m.Template)
			}
		}
	}
}

func TestPeer_CVE_2026_23511(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	_, la := s.administrator("lara")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	s.add("ben", "north")
	s.disable(s.add("gone", "north"))
	s.issuePass(la, h, true)
	for path, form := range map[string]url.Values{
		"/signin": {"password": {"not my password"}}, "/lost": {"password": {"not my password"}}, "/signin/pass": {"code": {"0000-0000-00"}},
	} {
		var want map[string]string
		for _, name := range []string{"amara", "ben", "gone", "nobody", "nobody@mail.example"} {
			b := s.browser()
			filled := url.Values{"username": {name}, "ceremony": {b.get(path).ceremony()}}
			for field, value := range form {
				filled[field] = value
			}
			got := told(b.post(path, filled), name)
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s as %s: the answer is another (-amara +%s):\n%s", path, name, name, diff)
			}
		}
	}
}

func TestPeer_CVE_2024_29891(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	_, la := s.administrator("lara")
	for _, hostile := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `{{.P}}`, `javascript:alert(1)`, `' onmouseover='x`} {
		h := s.addPerson(staffkey.Person{Username: "u" + string(rune('a'+len(s.people))), Name: hostile, Email: "x" + string(rune('a'+len(s.people))) + "@mail.example", Organisation: "north"})
		s.giveKey(h, hostile[:min(40, len(hostile))])
		b := s.makeStation(la, hostile)
		b.touch(h.key, "/signin/options", "/signin/passwordless")
		path := "/me/tokens/" + string(h.keyID)
		pages := []string{
			"/signin", "/me", "/me/tokens", "/me/mfa", path + "/lost", path + "/pin", path + "/replace", "/me/request?token=" + url.QueryEscape(hostile) + "&reason=" + url.QueryEscape(hostile),
			"/pin?about=" + url.QueryEscape(hostile), "/station", "/me/confirm?next=" + url.QueryEscape(hostile),
		}
		notMe, notice := s.browser(), s.notice(h)
		notMe.get(notice)
		for _, page := range append(pages, path+"/stopped") {
			if strings.HasSuffix(page, "/stopped") {
				b.post(path+"/lost", url.Values{"reason": {"lost"}})
			}
			checkMarkup(t, page, b.get(page).body)
		}
		checkMarkup(t, "/not-me", notMe.get("/not-me").body)
		visitor := s.browser()
		for _, form := range []string{"/signin", "/signin/pass", "/lost", "/signin/reset"} {
			checkMarkup(t, form, visitor.post(form, url.Values{"username": {hostile}, "login": {hostile}, "password": {"not my password"}, "code": {hostile}}).body)
		}
	}
}

// checkMarkup fails the test when a page has markup or addresses that somebody's name has brought.
func checkMarkup(t *testing.T, page, body string) {
	t.Helper()
	for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`, "onmouseover='", "onerror=alert(1)>"} {
		if strings.Contains(body, bad) {
			t.Errorf("%s has %q", page, bad)
		}
	}
}

// TestPeer_CVE_2024_8365 makes everything fail in the middle, where a careless log line would tell what was sent. That no secret is in the
// log is checked at the end of every test of this package, by its witness.
func TestPeer_CVE_2024_8365(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.witness.secret("password", newPassword)
	s.witness.secret("telephone number", "07700 900123", "7700900123")
	s.allow("north", everyMethod...)
	_, la := s.administrator("lara")
	h, phone := s.withAllMethods("amara")
	codes := s.session(h).giveCodes()
	half, in := s.byPassword(h), s.session(h)
	half.ask("text")
	pass, link, notice, station := s.issuePass(la, h, true), s.resetLink(h), s.link(h, "notice.codes_made"), s.stationLink(la, "Ward 6")
	text, ceremony, byPass := s.code(h), half.get("/signin/app-code").ceremony(), s.browser().get("/signin/pass").ceremony()
	s.onDatabase("ALTER TABLE people RENAME TO people_elsewhere")
	failed := 0
	for _, a := range []answer{
		s.browser().givePassword(h, testPassword), half.post("/signin/app-code", url.Values{"ceremony": {ceremony}, "code": {phone.code()}}),
		half.post("/signin/recovery-code", url.Values{"ceremony": {ceremony}, "code": {codes[2]}}), half.post("/signin/text", url.Values{"ceremony": {ceremony}, "code": {text}}),
		half.post("/signin/text/send", nil), in.post("/me/mfa/text", url.Values{"number": {"07700 900123"}}),
		in.post("/me/password", url.Values{"current": {testPassword}, "password": {newPassword}}), s.browser().get(link), s.browser().get(notice), s.browser().get(station),
		s.browser().post("/signin/pass", url.Values{"username": {"amara"}, "code": {pass}, "ceremony": {byPass}}),
		s.browser().post("/lost", url.Values{"username": {"amara"}, "password": {testPassword}}), s.browser().post("/signin/reset", url.Values{"login": {"amara"}}),
	} {
		if a.StatusCode >= 500 {
			failed++
		}
	}
	for _, path := range []string{"/reset", "/not-me", "/station"} {
		b := s.browser()
		b.get(path + "?t=" + strings.TrimPrefix(link, "/reset?t="))
		if b.get(path).StatusCode >= 500 {
			failed++
		}
	}
	s.onDatabase("ALTER TABLE people_elsewhere RENAME TO people")
	if failed < 10 {
		t.Errorf("only %d of the requests failed: the log has not been put to the test", failed)
	}
}

// onDatabase changes the database behind the server's back.
func (s *stack) onDatabase(statement string) {
	s.t.Helper()
	db, err := sql.Open("sqlite", s.config.SQLite)
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		s.t.Fatal(err)
	}
}
