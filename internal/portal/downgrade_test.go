package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"
)

// withAllMethods adds a person of "north" who has a key and every other method.
func (s *stack) withAllMethods(username string) (*holder, app) {
	s.t.Helper()
	h := s.add(username, "north")
	b := s.byPassword(h)
	phone := b.giveApp()
	b.giveNumber(h, "text", "07700 900123")
	s.clock.Advance(time.Minute)
	b.giveNumber(h, "phone", "01632 960123")
	s.clock.Advance(time.Minute)
	h.key, h.keyID = b.register("", "Lanyard")
	s.clock.Advance(time.Minute)
	return h, phone
}

func TestDowngrade_is_told(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("north", everyMethod...)
		h, phone := s.withAllMethods("amara")
		in := s.byPassword(h)
		page := in.get("/signin/key")
		page.shows(t, "the second proof", http.StatusOK, "Lanyard", `href="/signin/app-code"`, `action="/signin/text/send"`, `action="/signin/phone/send"`, "number ending 23")
		in.get("/signin/app-code").shows(t, "the app's page", http.StatusOK, `href="/signin/key"`)
		in.typeCode("/signin/app-code", phone.nextCode()).leads(t, "the app", "/me")
		in.get("/me").shows(t, "home", http.StatusOK, "You signed in without your key.")
		if n := s.sent(h, "notice.without_key"); n != 1 {
			t.Errorf("%d mails tell of it, want 1", n)
		}
		// What came in without the key changes nothing about the ways in (F10).
		for _, path := range []string{"/me/mfa/app-code", "/me/mfa/text", "/me/mfa/phone", "/me/tokens/register"} {
			in.get(path).leads(t, path+" without the key", "/me/confirm?next="+url.QueryEscape(path))
		}
		for _, path := range []string{"/me/mfa/app-code/remove", "/me/mfa/text/remove", "/me/tokens/" + string(h.keyID) + "/remove", "/me/recovery-codes"} {
			in.post(path, url.Values{"remove": {"1"}, "make": {"1"}}).leads(t, path+" without the key", "/me/confirm?next="+url.QueryEscape(path))
		}
		if body := in.get("/me/confirm?next=/me/mfa").body; strings.Contains(body, "/me/confirm/app-code") || strings.Contains(body, "/me/confirm/text") || strings.Contains(body, `type="password"`) {
			t.Error("the confirmation offers something weaker than the key")
		}
		s.clock.Advance(time.Minute)
		in.typeCode("/me/confirm/app-code", phone.code())
		in.get("/me/mfa/text").leads(t, "after the app once more", "/me/confirm?next="+url.QueryEscape("/me/mfa/text"))
		in.touch(h.key, "/me/confirm/options", "/me/confirm/key")
		in.get("/me/mfa/text").shows(t, "after the key", http.StatusOK, "number ending 23")
	})
}

// oldBrowser is a browser that can use no key, and says so.
const oldBrowser = "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"

func (b *browser) as(agent, method, path string, form url.Values) answer {
	b.s.t.Helper()
	r := b.request(method, path, "application/x-www-form-urlencoded", form.Encode())
	r.Header.Set("User-Agent", agent)
	return b.send(r)
}

// TestDowngrade_forbidden_has_no_way_around asks for every weaker way directly, as the pages would not, from a browser that says that it
// can do no better.
func TestDowngrade_forbidden_has_no_way_around(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		forbid, resistant, any := staffkey.DowngradeForbid, staffkey.StrengthPhishingResistant, staffkey.StrengthAny
		notify := staffkey.DowngradeNotify
		s.allow("north", everyMethod...)
		h, phone := s.withAllMethods("amara")
		before := len(s.messages(h))
		for name, settings := range map[string]staffkey.PolicySettings{
			"forbidden": {Methods: &everyMethod, Downgrade: &forbid, Strength: &any}, "a key is required": {Methods: &everyMethod, Downgrade: &notify, Strength: &resistant},
		} {
			s.decide("north", settings)
			for _, agent := range []string{oldBrowser, "", "curl/8.0", windows} {
				s.clock.Advance(time.Hour) // so that no try is too early after the one before
				b := s.browser()
				b.as(agent, "POST", "/signin", url.Values{"username": {h.Username}, "password": {testPassword}})
				for _, kind := range []string{"text", "phone"} {
					a := b.as(agent, "POST", "/signin/"+kind+"/send", nil)
					a.shows(t, name+", "+kind, http.StatusUnauthorized, "Your organisation asks for your key")
				}
				page := b.as(agent, "GET", "/signin/app-code", nil)
				a := b.as(agent, "POST", "/signin/app-code", url.Values{"ceremony": {page.ceremony()}, "code": {phone.code()}})
				a.shows(t, name+", the app", http.StatusUnauthorized, "Your organisation asks for your key")
				if b.isSignedIn() {
					t.Fatalf("%s: a weaker way opens a session for %q", name, agent)
				}
			}
		}
		if n := len(s.messages(h)); n != before {
			t.Errorf("%d messages were sent for sign-ins that are forbidden, want none", n-before)
		}
		if !s.session(h).isSignedIn() {
			t.Error("the key does not sign in")
		}
	})
}

// TestSpoofing_skips_no_step posts to the second step without the first.
func TestSpoofing_skips_no_step(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("north", everyMethod...)
		h, phone := s.withAllMethods("amara")
		mallory, own := s.withAllMethods("mallory")
		before := len(s.messages(h)) + len(s.messages(mallory))
		ceremonyOf := func(b *browser, path string) string { return b.get(path).ceremony() }
		victims := ceremonyOf(s.byPassword(h), "/signin/app-code")
		for _, agent := range []string{oldBrowser, "", windows} {
			for name, prepare := range map[string]func(*browser){
				"no cookies":         func(*browser) {},
				"a made-up attempt":  func(b *browser) { b.cookies["__Host-staffkey-attempt"] = "eyJ1IjoiYW1hcmEifQ" },
				"a made-up session":  func(b *browser) { b.cookies["__Host-staffkey-session"] = string(h.ID) + ".PLANTEDPLANTEDPLANTED" },
				"another's ceremony": func(b *browser) { b.cookies["__Host-staffkey-attempt"] = victims },
			} {
				b := s.browser()
				prepare(b)
				for _, path := range []string{"/signin/text/send", "/signin/phone/send", "/signin/text", "/signin/phone", "/signin/app-code", "/signin/recovery-code", "/signin/key"} {
					a := b.as(agent, "POST", path, url.Values{"ceremony": {victims}, "code": {phone.code()}, "username": {h.Username}})
					if to := a.location(); to != "/signin" && to != "/signin/outcome" {
						t.Errorf("%s with %s from %q: %d to %q", path, name, agent, a.StatusCode, to)
					}
				}
				if b.isSignedIn() {
					t.Fatalf("%s from %q signs in", name, agent)
				}
			}
		}
		// Mallory knows their own password and the victim's ceremony, and even a code of the victim's app.
		s.clock.Advance(30 * time.Second)
		m := s.byPassword(mallory)
		for _, code := range []string{phone.code(), own.code()} {
			a := m.post("/signin/app-code", url.Values{"ceremony": {victims}, "code": {code}})
			a.shows(t, "the victim's ceremony", http.StatusUnauthorized, "This page is not the newest any more")
		}
		mine := ceremonyOf(m, "/signin/app-code")
		m.post("/signin/recovery-code", url.Values{"ceremony": {mine}, "code": {own.code()}}).shows(t, "a ceremony of another method", http.StatusUnauthorized)
		if m.isSignedIn() {
			t.Error("mallory is signed in")
		}
		if n := len(s.messages(h)) + len(s.messages(mallory)); n != before {
			t.Errorf("%d messages were sent, want none", n-before)
		}
	})
}

func TestOldBrowser_keeps_the_other_ways(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, phone := s.withAllMethods("amara")
	b := s.browser()
	b.as(oldBrowser, "GET", "/signin", nil).leads(t, "the sign-in page", "/unsupported")
	page := b.as(oldBrowser, "GET", "/unsupported", nil)
	page.shows(t, "the plain page", http.StatusOK, `href="/signin?anyway=1"`)
	b.as(oldBrowser, "GET", "/signin?anyway=1", nil).shows(t, "the sign-in page all the same", http.StatusOK, `id="signin-form"`)
	b.as(oldBrowser, "POST", "/signin", url.Values{"username": {h.Username}, "password": {testPassword}}).leads(t, "the password", "/signin/key")
	code := b.as(oldBrowser, "GET", "/signin/app-code", nil)
	b.as(oldBrowser, "POST", "/signin/app-code", url.Values{"ceremony": {code.ceremony()}, "code": {phone.nextCode()}}).leads(t, "the app", "/me")
}

func TestLanguage_goes_with_a_sign_in(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, phone := s.withAllMethods("amara")
	b := s.browser()
	b.get("/signin?lang=cy").leads(t, "Welsh", "/signin")
	b.givePassword(h, testPassword).leads(t, "the password", "/signin/key")
	for _, path := range []string{"/signin/key", "/signin/method", "/signin/app-code", "/signin/pass", "/signin/reset", "/lost", "/pin", "/virtual-desktop"} {
		b.get(path).shows(t, path, http.StatusOK, inWelsh)
	}
	b.post("/signin/app-code", url.Values{"code": {""}}).shows(t, "an error", http.StatusUnprocessableEntity, inWelsh)
	b.post("/signin/text/send", nil)
	b.post("/signin/reset", url.Values{"login": {"amara"}})
	if _, err := s.signin.WorkResets(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.messages(h)[2:] {
		if (m.Template == "code.text" && m.CreatedAt.Equal(s.clock.Now()) || m.Template == "reset.link") && m.Language != "cy" {
			t.Errorf("%s goes out in %q, want Welsh as the page was", m.Template, m.Language)
		}
	}
	b.post("/language", url.Values{"lang": {"en"}, "return": {"/signin/app-code"}}).leads(t, "English in the middle of it", "/signin/app-code")
	b.typeCode("/signin/app-code", phone.nextCode()).leads(t, "the app", "/me")
	b.get("/me").shows(t, "home", http.StatusOK, inEnglish)
}
