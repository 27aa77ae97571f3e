package portal_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
)

// makeStation makes a browser a shared station by the link of an administrator, and returns it.
func (s *stack) makeStation(by staffkey.Actor, name string) *browser {
	s.t.Helper()
	b := s.browser()
	b.get(s.stationLink(by, name))
	b.post("/station", nil).leads(s.t, "making a station", "/station")
	return b
}

func (s *stack) stationLink(by staffkey.Actor, name string) string {
	s.t.Helper()
	link, err := s.signin.IssueStationLink(s.t.Context(), by, s.people["lara"].Organisation, name)
	if err != nil {
		s.t.Fatal(err)
	}
	path := strings.TrimPrefix(link, address)
	s.witness.secret("secret of a link", strings.TrimPrefix(path, "/station?t="))
	return path
}

// kept names the cookies that a browser has, without the prefix.
func (b *browser) kept() []string {
	var names []string
	for name := range b.cookies {
		names = append(names, strings.TrimPrefix(strings.TrimPrefix(name, "__Host-"), "staffkey-"))
	}
	slices.Sort(names)
	return names
}

func TestStation_is_made_by_a_link(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		_, la := s.administrator("lara")
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		link := s.stationLink(la, "Ward 6 <b>")
		b := s.browser()
		b.signInWithKey(h, "/signin/passwordless")
		if !slices.Contains(b.kept(), "device") {
			t.Fatal("an ordinary browser does not remember the key")
		}
		b.get(link).leads(t, "the link", "/station")
		b.get("/station").shows(t, "the page", http.StatusOK, "Make this a shared computer?", "Ward 6 <b>", "North", `id="station-form"`)
		if len(b.kept()) < 3 {
			t.Fatalf("opening the link takes cookies away, left are %v", b.kept())
		}
		b.post("/station", nil).leads(t, "the button", "/station")
		if got := b.kept(); !slices.Equal(got, []string{"station"}) {
			t.Errorf("a browser that became a station keeps %v", got)
		}
		page := b.get("/station")
		page.shows(t, "done", http.StatusOK, "This is a shared computer now", "Ward 6 <b>")
		if strings.Contains(page.body, "Ward 6 <b>") {
			t.Error("the name of the station is markup")
		}
		other := s.browser()
		other.get(link)
		other.get("/station").shows(t, "the link once more", http.StatusGone)
		other.post("/station", nil).shows(t, "a second station by one link", http.StatusGone)
		late := s.browser()
		late.get(s.stationLink(la, "Ward 7"))
		s.clock.Advance(24 * time.Hour)
		late.get("/station").shows(t, "the link a day later", http.StatusGone)
	})
}

func TestStation_keeps_nothing_of_people(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		_, la := s.administrator("lara")
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		s.giveKey(h, "Spare")
		b := s.makeStation(la, "Ward 6")
		b.get("/signin").shows(t, "the sign-in page", http.StatusOK, "Shared computer:", "Ward 6", "Nobody is remembered here.")
		if b.touch(h.key, "/signin/options", "/signin/passwordless").location() != "/me" {
			t.Fatal("the key does not sign in at a station")
		}
		for _, path := range []string{"/me", "/me/profile", "/me/self-service", "/me/tokens", "/me/activity", "/me/mfa", "/me/password", "/me/request", "/pin"} {
			b.get(path).shows(t, path, http.StatusOK, "Ward 6", `action="/switch"`, "Finished? Sign out")
		}
		b.get("/signin").shows(t, "the sign-in page with somebody there", http.StatusOK, "Name of amara is signed in here", `action="/switch"`, `href="/me"`)
		b.post("/me/device", url.Values{"own": {"yes"}})
		b.get("/me/tokens/" + string(h.keyID) + "/edit")
		b.post("/me/tokens/"+string(h.keyID)+"/edit", url.Values{"nickname": {"Renamed"}})
		b.post("/me/tokens/"+string(h.keyID)+"/lost", url.Values{"reason": {"lost"}})
		b.get("/me/confirm?next=/me/tokens")
		b.postJSON("/me/confirm/outcome", `{"name":"NotAllowedError","ms":5000}`)
		for _, link := range []string{"/reset?t=AAAAAAAAAAAAAAAAAAAAAAAAAA", "/not-me?t=AAAAAAAAAAAAAAAAAAAAAAAAAA"} {
			b.get(link)
		}
		b.post("/language", url.Values{"lang": {"en"}, "return": {"/lost"}, "typed-username": {"amara"}})
		delete(b.cookies, "staffkey-lang") // it is what the browser shows, and says nothing of anybody
		for _, never := range []string{"device", "personal"} {
			if slices.Contains(b.kept(), never) {
				t.Errorf("the station's browser keeps the cookie %q", never)
			}
		}
		session := b.cookies["__Host-staffkey-session"]
		b.post("/switch", nil).leads(t, "switch person", "/signin")
		if got := b.kept(); !slices.Equal(got, []string{"station"}) {
			t.Errorf("after Switch person the station keeps %v", got)
		}
		stolen := s.browser()
		stolen.cookies["__Host-staffkey-session"] = session
		if stolen.isSignedIn() {
			t.Error("the session of whoever was there before goes on")
		}
		for _, path := range []string{"/signin", "/me/tokens", "/lost", "/signin/pass"} {
			if body := b.get(path).body; strings.Contains(body, "amara") || strings.Contains(body, "Spare") || strings.Contains(body, "webauthn") {
				t.Errorf("%s remembers whoever was there before", path)
			}
		}

		b.touch(h.keys[1], "/signin/options", "/signin/passwordless").leads(t, "the next sign-in", "/me")
		b.post("/signout", nil).leads(t, "finished", "/signed-out")
		b.get("/signed-out").shows(t, "signed out", http.StatusOK, `data-seconds="10"`, `data-next="/signin"`)
		if body := s.browser().get("/signed-out").body; strings.Contains(body, "data-seconds") {
			t.Error("an ordinary browser goes on by itself")
		}
		b.touch(h.keys[1], "/signin/options", "/signin/passwordless").leads(t, "one more", "/me")
		s.clock.Advance(5*time.Minute - time.Second)
		b.get("/me").shows(t, "just before five minutes", http.StatusOK)
		s.clock.Advance(5 * time.Minute)
		b.get("/me").leads(t, "after five minutes", "/session-ended?why=idle")
	})
}

func TestStation_is_revoked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		_, la := s.administrator("lara")
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		b := s.makeStation(la, "Ward 6")
		b.touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "a sign-in", "/me")
		list, err := s.signin.ListStations(t.Context(), la, h.Organisation)
		if err != nil || len(list) != 1 {
			t.Fatalf("stations: %v, %v", list, err)
		}
		if err := s.signin.RevokeStation(t.Context(), la, list[0].ID); err != nil {
			t.Fatal(err)
		}
		if b.isSignedIn() {
			t.Error("a session at a station goes on when the station is none any more")
		}
		s.clock.Advance(31 * time.Second)
		if body := b.get("/signin").body; strings.Contains(body, "Ward 6") {
			t.Error("half a minute later the browser still says that it is a station")
		}
		if slices.Contains(b.kept(), "station") {
			t.Error("the browser keeps the cookie of a station that is none")
		}
		b.touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "a sign-in afterwards", "/me")
		if !slices.Contains(b.kept(), "device") {
			t.Error("a browser that is none any more does not remember the key")
		}
	})
}

func TestStation_shows_a_persons_own_language(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	_, la := s.administrator("lara")
	amara, ben := s.add("amara", "north"), s.add("ben", "north")
	s.giveKey(amara, "Lanyard")
	s.giveKey(ben, "Lanyard")
	b := s.makeStation(la, "Ward 6")
	b.touch(amara.key, "/signin/options", "/signin/passwordless")
	b.chooses("cy")
	b.get("/me").shows(t, "amara's page", http.StatusOK, inWelsh)
	b.post("/switch", nil)
	b.touch(ben.key, "/signin/options", "/signin/passwordless")
	b.chooses("en")
	b.post("/switch", nil)
	b.touch(amara.key, "/signin/options", "/signin/passwordless")
	b.get("/me").shows(t, "amara's page after ben chose English", http.StatusOK, inWelsh)
}

func TestOwnDevice_offers_the_key_by_itself(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.browser()
	b.signInWithKey(h, "/signin/passwordless")
	offers := func(b *browser) bool {
		return strings.Contains(b.get("/signin").body, `autocomplete="username webauthn"`)
	}
	b.get("/me/self-service").shows(t, "self-service", http.StatusOK, "Is this your own device?", `action="/me/device"`)
	b.post("/signout", nil)
	if offers(b) {
		t.Error("a browser that nobody has marked offers keys by itself")
	}
	b.signInWithKey(h, "/signin/passwordless")
	b.post("/me/device", url.Values{"own": {"yes"}}).leads(t, "marking it", "/me/self-service")
	b.get("/me/self-service").shows(t, "self-service afterwards", http.StatusOK, "This browser may now offer your key by itself.", "It is not my own any more")
	b.post("/signout", nil)
	if !offers(b) {
		t.Error("a person's own device does not offer the key by itself")
	}
	forged := s.browser()
	forged.cookies["__Host-staffkey-personal"] = "dHJ1ZQ"
	if offers(forged) {
		t.Error("a cookie that is not ours marks a device")
	}
	b.signInWithKey(h, "/signin/passwordless")
	b.post("/me/device", url.Values{"own": {"no"}}).leads(t, "taking it back", "/me/self-service")
	b.post("/signout", nil)
	if offers(b) {
		t.Error("the mark stays when it is taken back")
	}
}

// Stations are run by the administrators of their own organisation.
func TestStation_is_run_by_its_own_organisation(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	_, la := s.administrator("lara")
	s.makeStation(la, "Ward 6")
	list, err := s.signin.ListStations(t.Context(), la, s.people["lara"].Organisation)
	if err != nil || len(list) != 1 {
		t.Fatalf("stations: %v, %v", list, err)
	}
	other := s.add("sam", "south")
	s.giveKey(other, "Lanyard")
	s.grant(other, staffkey.RoleLocalAdministrator, "south")
	sam := s.session(other).actorOf()
	if err := s.signin.RevokeStation(t.Context(), sam, list[0].ID); err == nil {
		t.Error("the administrator of another organisation revokes a station")
	}
	if _, err := s.signin.IssueStationLink(t.Context(), sam, s.people["lara"].Organisation, "Ward 6"); err == nil {
		t.Error("the administrator of another organisation makes a station")
	}
}

// F6: a station stays one while it is used at all. Browsers keep its cookie for 400 days after it was written.
func TestStation_cookie_is_renewed(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	_, la := s.administrator("lara")
	b := s.makeStation(la, "Ward 6")
	const name = "__Host-staffkey-station"
	renewed := func(a answer) *http.Cookie {
		for _, c := range a.Cookies() {
			if c.Name == name {
				return c
			}
		}
		return nil
	}
	ends := s.clock.Now().Add(400 * 24 * time.Hour)
	for _, gap := range []time.Duration{300 * 24 * time.Hour, 300 * 24 * time.Hour, 24 * time.Hour, 399 * 24 * time.Hour} {
		s.clock.Advance(gap)
		if !s.clock.Now().Before(ends) {
			t.Fatal("the browser has forgotten that it is a station")
		}
		a := b.get("/signin")
		a.shows(t, "the sign-in", http.StatusOK, "Ward 6")
		c := renewed(a)
		if c == nil {
			t.Errorf("after %v the cookie is not written anew", gap)
			continue
		}
		if c.MaxAge != 400*24*60*60 || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode {
			t.Errorf("the new cookie is %v", c)
		}
		ends = s.clock.Now().Add(time.Duration(c.MaxAge) * time.Second)
		for range 2 {
			s.clock.Advance(12*time.Hour - time.Second)
			if again := renewed(b.get("/signin")); again != nil {
				t.Errorf("the cookie is written again on the same day: %v", again)
			}
		}
	}
	// A cookie from before cookies told when they were written.
	list, err := s.signin.ListStations(t.Context(), staffkey.ConsoleActor(), s.people["lara"].Organisation)
	if err != nil || len(list) != 1 {
		t.Fatalf("stations: %v, %v", list, err)
	}
	old := s.browser()
	sealed, err := s.store.Sealer().Seal("cookie/staffkey-station", []byte(`"`+list[0].ID+`"`))
	if err != nil {
		t.Fatal(err)
	}
	old.cookies[name] = base64.RawURLEncoding.EncodeToString(sealed)
	a := old.get("/signin")
	a.shows(t, "a station of before", http.StatusOK, "Ward 6")
	if renewed(a) == nil {
		t.Error("an old cookie is not written anew")
	}
	if err := s.signin.RevokeStation(t.Context(), staffkey.ConsoleActor(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(31 * time.Second)
	if c := renewed(b.get("/signin")); c == nil || c.MaxAge >= 0 {
		t.Errorf("a station that is none any more: cookie %v, want it deleted", c)
	}
}
