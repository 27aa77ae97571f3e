package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// from sends a form as a browser does from a page of ours.
func (b *browser) from(page, path string, form url.Values) answer {
	b.s.t.Helper()
	r := b.request("POST", path, "application/x-www-form-urlencoded", form.Encode())
	r.Header.Set("Referer", b.s.origin()+page)
	return b.send(r)
}

var requestForm = url.Values{"reason": {"lost"}, "place": {"Ward 6 <desk> & “café”"}, "note": {"before Monday"}}

// What was typed when the session had ended is on the page again, once, for whoever typed it.
func TestForm_of_a_lost_session_goes_on(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lou")
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		b := s.session(h)
		b.get("/me/request").shows(t, "the form", http.StatusOK, `name="place"`)
		s.clock.Advance(16 * time.Minute)
		lost := b.from("/me/request", "/me/request", requestForm)
		lost.shows(t, "the form without a session", http.StatusUnauthorized, "You were signed out", "what you typed is kept", `href="/signin?next=%2Fme%2Frequest"`)
		b.get("/signin?next=%2Fme%2Frequest").shows(t, "the way back", http.StatusOK, `name="next" value="/me/request"`)

		again := s.session(h)
		again.take(b, "staffkey-kept")
		again.get("/me").shows(t, "another page on the way", http.StatusOK)
		page := again.get("/me/request")
		page.shows(t, "the page of the form", http.StatusOK, `value="Ward 6 <desk> & “café”"`, `value="before Monday"`, "What you typed is still here.")
		if !regexp.MustCompile(`<input [^>]*checked[^>]*value="lost"`).MatchString(page.body) {
			t.Error("the reason is not chosen")
		}
		if once := again.get("/me/request"); strings.Contains(once.body, "before Monday") {
			t.Error("what was typed is shown a second time")
		}
	})
}

// take copies a cookie from the same browser before a new sign-in.
func (b *browser) take(from *browser, name string) {
	for full, value := range from.cookies {
		if strings.HasSuffix(full, name) {
			b.cookies[full] = value
		}
	}
}

// Nobody else sees what was typed, and it does not wait for ever.
func TestForm_of_a_lost_session_is_its_persons(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.administrator("lou")
	h, other := s.add("amara", "north"), s.add("ben", "north")
	s.giveKey(h, "Lanyard")
	s.giveKey(other, "Desk")
	lose := func() *browser {
		b := s.session(h)
		s.clock.Advance(16 * time.Minute)
		b.from("/me/request", "/me/request", requestForm)
		return b
	}
	b, ben := lose(), s.session(other)
	ben.take(b, "staffkey-kept")
	if page := ben.get("/me/request"); strings.Contains(page.body, "before Monday") {
		t.Error("ben sees what amara typed")
	}
	amara := s.session(h)
	amara.take(ben, "staffkey-kept") // the browser that ben has used
	if page := amara.get("/me/request"); strings.Contains(page.body, "before Monday") {
		t.Error("what amara typed outlives the next person at the browser")
	}
	b = lose()
	s.clock.Advance(30 * time.Minute)
	late := s.session(h)
	late.take(b, "staffkey-kept")
	if page := late.get("/me/request"); strings.Contains(page.body, "before Monday") {
		t.Error("after half an hour it is still there")
	}

	none := s.browser() // nobody knows whose it is
	none.from("/me/request", "/me/request", requestForm).shows(t, "without a session ever", http.StatusUnauthorized, `href="/signin?next=%2Fme%2Frequest"`)
	if page := none.get("/signin"); strings.Contains(page.body, "what you typed is kept") {
		t.Error("something is said to be kept")
	}
}

// Passwords and codes never go on, nor does more than a cookie holds.
func TestForm_of_a_lost_session_keeps_no_secret(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.administrator("lou")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for path, form := range map[string]url.Values{
		"/me/password":     {"current": {testPassword}, "password": {"five other words of mine"}, "ceremony": {"x"}},
		"/me/mfa/app-code": {"code": {"123456"}, "ceremony": {"x"}},
		"/me/request":      {"note": {strings.Repeat("a", 3000)}},
	} {
		b := s.session(h)
		s.clock.Advance(16 * time.Minute)
		lost := b.from(path, path, form)
		lost.shows(t, path, http.StatusUnauthorized, "Sign in to go on.")
		if strings.Contains(lost.body, "what you typed is kept") || b.cookies["__Host-staffkey-kept"]+b.cookies["staffkey-kept"] != "" {
			t.Errorf("%s: something is kept", path)
		}
	}
}

// A page elsewhere does not choose where the way leads back to.
func TestForm_of_a_lost_session_leads_back_here(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.administrator("lou")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for referer, want := range map[string]string{
		"https://elsewhere.example/me/tokens": `href="/signin?next=%2Fme%2Frequest"`,
		s.origin() + "//elsewhere.example/":   `href="/signin"`,
		"nonsense:":                           `href="/signin?next=%2Fme%2Frequest"`,
	} {
		b := s.session(h)
		s.clock.Advance(16 * time.Minute)
		r := b.request("POST", "/me/request", "application/x-www-form-urlencoded", requestForm.Encode())
		r.Header.Set("Referer", referer)
		if a := b.send(r); !strings.Contains(a.body, want) {
			t.Errorf("from %q: want %s on the page (%d)", referer, want, a.StatusCode)
		}
	}
}

// The timer of a page sends along what its person was typing.
func TestTimer_keeps_what_was_being_typed(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.administrator("lou")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	s.clock.Advance(16 * time.Minute)
	r := b.request("POST", "/session-ended", "application/x-www-form-urlencoded", url.Values{
		"of": {string(h.ID)}, "return": {"/me/request"}, "typed-note": {"before Monday"}, "typed-reason": {"lost"},
	}.Encode())
	r.Header.Set("Accept", "application/json")
	if a := b.send(r); !strings.Contains(a.body, `"/session-ended?next=%2Fme%2Frequest\u0026why=idle"`) {
		t.Fatalf("the time is up: %d %s", a.StatusCode, a.body)
	}
	b.get("/session-ended?next=%2Fme%2Frequest&why=idle").shows(t, "the page that says so", http.StatusOK, `href="/signin?next=%2fme%2frequest"`)
	again := s.session(h)
	again.take(b, "staffkey-kept")
	again.get("/me/request").shows(t, "the page of the form", http.StatusOK, `value="before Monday"`)
}

// Who signs out in another tab has not lost what they were typing, either.
func TestForm_goes_on_after_signing_out_elsewhere(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.administrator("lou")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	b.get("/me/request")
	b.post("/signout", nil).leads(t, "sign out", "/signed-out")
	b.from("/me/request", "/me/request", requestForm).shows(t, "the form of the other tab", http.StatusUnauthorized, "what you typed is kept")
	again := s.session(h)
	again.take(b, "staffkey-kept")
	again.get("/me/request").shows(t, "the page of the form", http.StatusOK, `value="before Monday"`)
	s.clock.Advance(time.Hour)
	b.from("/me/request", "/me/request", requestForm).shows(t, "an hour later", http.StatusUnauthorized, "Sign in to go on.")
	if a := b.from("/me/request", "/me/request", requestForm); strings.Contains(a.body, "what you typed is kept") {
		t.Error("an hour later it is said to be kept")
	}
}
