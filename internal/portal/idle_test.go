package portal_test

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/portal"
	"staffkey/internal/store"
)

// fillPath puts values into the pattern of a route.
func fillPath(pattern string, key staffkey.SecurityKeyID) string {
	return strings.NewReplacer("{$}", "", "{id}", string(key), "{code}", "7XKQ-42", "{aaguid}", "ee882879-721c-4913-9775-3dfcce97072a").Replace(pattern)
}

// lastSeen is when the session of a browser was used last, whether it has ended or not.
func (b *browser) lastSeen(secret string) time.Time {
	b.s.t.Helper()
	var session staffkey.Session
	err := b.s.store.Read(b.s.t.Context(), func(tx *store.Tx) (err error) {
		session, _, err = tx.FindSession(secret)
		return err
	})
	if err != nil {
		b.s.t.Fatal(err)
	}
	return session.LastSeenAt
}

// TestRoutes_use walks every route: those that browsers ask for by themselves do not make a session last, and all others do (F9).
func TestRoutes_use(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("oscar", "north")
	s.giveKey(h, "Lanyard")
	s.grant(h, staffkey.RoleOperator, "top")
	s.allow("top", everyMethod...)
	count := map[bool]int{}
	for _, route := range portal.Routes() {
		b := s.session(h)
		secret := b.cookies["__Host-staffkey-session"]
		before := b.lastSeen(secret)
		s.clock.Advance(3 * time.Minute)
		path := fillPath(route.Pattern, h.keyID)
		if route.Method == http.MethodPost {
			b.post(path, nil)
		} else {
			b.get(path)
		}
		if used := b.lastSeen(secret).After(before); used == route.Passive {
			t.Errorf("%s %s: passive %v, and it counts as use %v", route.Method, route.Pattern, route.Passive, used)
		}
		b.putRight(route, h.keyID)
		count[route.Passive]++
	}
	if count[true] < 10 || count[false] < 100 {
		t.Errorf("routes by whether they are passive: %v, want many of both", count)
	}
	for name, do := range map[string]func(b *browser) answer{
		"no such page":   func(b *browser) answer { return b.get("/no/such/page") },
		"no such method": func(b *browser) answer { return b.send(b.request("PUT", "/me", "", "")) },
		"another site": func(b *browser) answer {
			return b.send(asking(b.request("POST", "/theme", "", ""), "Sec-Fetch-Site", "cross-site"))
		},
		"loaded ahead":      func(b *browser) answer { return b.asking("/me", "Sec-Purpose", "prefetch;prerender") },
		"loaded ahead, old": func(b *browser) answer { return b.asking("/me", "Purpose", "prefetch") },
	} {
		b := s.session(h)
		secret := b.cookies["__Host-staffkey-session"]
		before := b.lastSeen(secret)
		s.clock.Advance(3 * time.Minute)
		do(b)
		if b.lastSeen(secret).After(before) {
			t.Errorf("%s counts as use of a session", name)
		}
	}
}

func asking(r *http.Request, name, value string) *http.Request {
	r.Header.Set(name, value)
	return r
}

// What the page's script asks for by itself is passive: the addresses that a ceremony takes along, and those written in the script.
func TestRoutes_of_scripts_are_passive(t *testing.T) {
	t.Parallel()
	passive := map[string]bool{}
	for _, route := range portal.Routes() {
		passive[route.Method+" "+route.Pattern] = route.Passive
	}
	for pattern, got := range passive {
		ofScript := strings.HasSuffix(pattern, "/options") || strings.HasPrefix(pattern, "POST ") && strings.HasSuffix(pattern, "/outcome")
		if ofScript && !got {
			t.Errorf("%s is asked for by the script of a page, and counts as use of a session", pattern)
		}
	}
	written := map[string]bool{}
	scripts, err := filepath.Glob("ui/static/*.js")
	if err != nil || len(scripts) < 4 {
		t.Fatalf("scripts %q, %v, want four or more", scripts, err)
	}
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`["'`+"`"+`](/[a-z][a-z/-]*)`).FindAllStringSubmatch(string(text), -1) {
			written[m[1]] = true
		}
	}
	pressed := []string{"/me/stay"} // by somebody who is there
	for path := range written {
		for _, pattern := range []string{"GET " + path, "POST " + path} {
			if got, known := passive[pattern]; known && got == slices.Contains(pressed, path) {
				t.Errorf("%s is in a script, and is passive: %v", pattern, got)
			}
		}
	}
	for _, path := range []string{"/session-ended", "/device/report", "/device/options", "/me/stay"} {
		if !written[path] {
			t.Errorf("%s is in no script, want it there: got %v", path, written)
		}
	}
	if !passive["GET /models/{aaguid}/picture"] {
		t.Error("the pictures on a page count as use of a session")
	}
}

// askTime asks as the script of a page does.
func (b *browser) askTime(path string, of staffkey.PersonID) answer {
	r := b.request("POST", path, "application/x-www-form-urlencoded", url.Values{"of": {string(of)}}.Encode())
	r.Header.Set("Accept", "application/json")
	return b.send(r)
}

func TestIdle_is_idle(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		left := func(what string, a answer, want string) {
			t.Helper()
			if a.StatusCode != http.StatusOK || a.body != want {
				t.Errorf("%s: %d %s, want %s", what, a.StatusCode, a.body, want)
			}
		}
		b := s.session(h)
		b.get("/me").shows(t, "the page", http.StatusOK, `data-session="900000" data-session-warning="120000" data-session-of="`+string(h.ID)+`"`)
		s.clock.Advance(13 * time.Minute)
		left("the timer, before it asks", b.askTime("/session-ended", h.ID), `{"left":120000,"last":false}`)
		s.clock.Advance(time.Minute)
		b.get("/session-ended").shows(t, "the page of the end, come upon by a link elsewhere", http.StatusOK, "Name of amara is signed in here", `href="/me"`, `data-session="60000"`)
		b.asking("/session-ended?why=idle", "Sec-Fetch-Site", "cross-site").shows(t, "the same with a reason", http.StatusOK, "Name of amara is signed in here")
		left("somebody who stays", b.askTime("/me/stay", h.ID), `{"left":900000,"last":false}`)
		s.clock.Advance(15*time.Minute - 4*time.Second)
		other := s.browser()
		other.cookies["__Host-staffkey-session"] = b.cookies["__Host-staffkey-session"]
		b.askTime("/session-ended", h.ID).leads(t, "the timer, four seconds early", "/session-ended?why=idle")
		if _, kept := b.cookies["__Host-staffkey-session"]; kept {
			t.Error("the browser keeps the cookie of a session that has ended")
		}
		b.get("/session-ended?why=idle").shows(t, "the page of the end", http.StatusOK, "Nothing happened for a while")
		if other.isSignedIn() {
			t.Error("the session goes on after its timer ended it")
		}
		b.askTime("/session-ended", h.ID).leads(t, "the timer of another tab", "/signed-out")
		b.askTime("/me/stay", h.ID).leads(t, "somebody who stays too late", "/signin")

		// The page after the next sign-in tells of it.
		b = s.session(h)
		b.get("/me/activity").shows(t, "the activity", http.StatusOK, "You were signed out because nothing happened for a while")

		// The longest time cannot be made longer, and the page is told so.
		for range 12*60/14 - 1 {
			s.clock.Advance(14 * time.Minute)
			b.get("/me")
		}
		s.clock.Advance(14 * time.Minute)
		if a := b.askTime("/me/stay", h.ID); !strings.Contains(a.body, `"last":true`) {
			t.Errorf("staying at the end of the longest time: %d %s", a.StatusCode, a.body)
		}
		s.clock.Advance(6 * time.Minute)
		b.askTime("/session-ended", h.ID).leads(t, "the end of the longest time", "/session-ended?why=limit")
		b = s.session(h)
		b.get("/me/activity").shows(t, "the activity", http.StatusOK, "You were signed out after the longest time that is allowed")
	})
}

// The tab of somebody who has gone does not stay on the screen because the next person is signed in, nor does it speak for them.
func TestIdle_page_of_another_person(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	_, la := s.administrator("lara")
	amara, ben := s.add("amara", "north"), s.add("ben", "north")
	s.giveKey(amara, "Lanyard")
	s.giveKey(ben, "Lanyard")
	b := s.makeStation(la, "Ward 6")
	b.touch(amara.key, "/signin/options", "/signin/passwordless").leads(t, "amara", "/me")
	b.get("/me").shows(t, "amara's page", http.StatusOK, `data-session="300000" data-session-warning="100000"`, `id="session-dialog"`, "data-covers", `id="session-switch-form"`)
	b.post("/switch", nil)
	b.touch(ben.key, "/signin/options", "/signin/passwordless").leads(t, "ben", "/me")
	b.askTime("/session-ended", amara.ID).leads(t, "the timer of amara's page", "/session-ended")
	b.askTime("/me/stay", amara.ID).leads(t, "staying on amara's page", "/session-ended")
	b.get("/session-ended").shows(t, "where they lead", http.StatusOK, "Name of ben is signed in here")
	s.clock.Advance(5 * time.Minute)
	b.askTime("/session-ended", ben.ID).leads(t, "the timer of ben's page", "/session-ended?why=idle")
	if got := strings.Join(b.kept(), " "); got != "station" {
		t.Errorf("after the end the station keeps %s", got)
	}
	b.get("/session-ended?why=idle").shows(t, "the page of the end", http.StatusOK, `data-seconds="10"`, `data-next="/signin"`)
}
