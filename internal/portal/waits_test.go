package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

// aWay is a form that takes a name.
type aWay struct {
	name string
	post func(b *browser, login string) answer
}

// waysByName are all forms that take a name of somebody who is signed out, filled in wrongly.
func waysByName() []aWay {
	return []aWay{
		{"/signin", func(b *browser, login string) answer {
			return b.post("/signin", url.Values{"username": {login}, "password": {"not the password"}})
		}},
		{"/lost", func(b *browser, login string) answer {
			return b.post("/lost", url.Values{"username": {login}, "password": {"not the password"}})
		}},
		{"/signin/pass", func(b *browser, login string) answer { return b.usePass(login, "0000-0000-A") }},
		{"/signin/reset", func(b *browser, login string) answer { return b.post("/signin/reset", url.Values{"login": {login}}) }},
	}
}

// what differs from page to page although nothing else does: sealed values, challenges, and support codes
var changing = regexp.MustCompile(`value="[^"]{40,}"|data-[a-z]+="[^"]{40,}"|[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{2}`)

// looks is a page as far as somebody can tell something by it.
func (a answer) looks(login string) string {
	body := changing.ReplaceAllString(a.body, "…")
	return fmt.Sprint(a.StatusCode, " ", a.location(), " ", strings.ReplaceAll(body, login, "LOGIN"))
}

// Whether two names mean one person, or anybody, shows in no page.
func TestWaits_look_alike_for_all_names(t *testing.T) {
	t.Parallel()
	for _, way := range waysByName() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, address)
			s.giveKey(s.add("amara", "north"), "Lanyard")
			hour := func() { s.clock.Advance(s.clock.Now().Truncate(time.Hour).Add(time.Hour).Sub(s.clock.Now())) }
			sequence := func(logins ...string) (all []string) {
				hour()
				b := s.browser()
				for _, login := range logins {
					for range 6 {
						all = append(all, way.post(b, login).looks(login))
					}
				}
				return all
			}
			known, unknown := sequence("amara", "amara@mail.example"), sequence("nobody", "nobody@mail.example")
			for i := range known {
				if known[i] != unknown[i] {
					t.Errorf("answer %d: of somebody\n%.600s\nof nobody\n%.600s", i+1, known[i], unknown[i])
				}
			}
		})
	}
}

// What a page says is true: it does not say "from here" of what came from elsewhere.
func TestWaits_say_what_is_true(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	for i := range 5 {
		b := s.browser()
		r := b.request("POST", "/signin", "application/x-www-form-urlencoded", "username=amara&password=wrong")
		r.RemoteAddr = fmt.Sprintf("198.51.100.%d:1", i)
		b.send(r).shows(t, "a wrong password of a stranger", http.StatusUnauthorized)
	}
	a := s.browser().givePassword(h, testPassword)
	a.shows(t, "the owner", http.StatusTooManyRequests, "Wait 1 minute", "for this name, here or somewhere else")
	if strings.Contains(a.body, "from here") || strings.Contains(a.body, "this network") {
		t.Error("the page says that the tries came from here, want not")
	}
}

// A browser in which the person's key was used is theirs: strangers keep it from nothing, as long as the key is in use.
func TestWaits_spare_the_browser_of_the_owner(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	key := s.giveKey(h, "Lanyard")
	own := s.browser()
	own.touch(key, "/signin/options", "/signin/passwordless").leads(t, "the key", "/me")
	delete(own.cookies, "__Host-staffkey-session")
	stranger := s.browser()
	for range 6 {
		stranger.givePassword(h, "not the password")
	}
	stranger.givePassword(h, testPassword).shows(t, "a stranger", http.StatusTooManyRequests)
	own.givePassword(h, testPassword).leads(t, "the owner", "/signin/key")
	own.post("/lost", url.Values{"username": {"amara"}, "password": {testPassword}}).leads(t, "the owner who has lost the key", "/lost/token")
	for range 6 { // each another browser and network
		s.resetFrom("198.51.100.1", "amara")
	}
	before := s.sent(h, "reset.link")
	own.post("/signin/reset", url.Values{"login": {"amara"}}).leads(t, "a wish of the owner", "/signin/reset/sent")
	s.work()
	if got := s.sent(h, "reset.link") - before; got != 1 {
		t.Errorf("%d mails for the owner's wish, want one", got)
	}
	// The cookie is worth nothing without the key.
	if _, err := s.signin.StopKey(t.Context(), s.session(h).actorOf(), h.keyID, staffkey.StopLost, signin.Kept{}); err != nil {
		t.Fatal(err)
	}
	own.givePassword(h, testPassword).shows(t, "the browser when the key is on hold", http.StatusTooManyRequests)
}

// resetFrom wishes for a new password from an address, and has it answered.
func (s *stack) resetFrom(ip, login string) {
	s.t.Helper()
	b := s.browser()
	r := b.request("POST", "/signin/reset", "application/x-www-form-urlencoded", url.Values{"login": {login}}.Encode())
	r.RemoteAddr = ip + ":1"
	b.send(r).leads(s.t, "a wish", "/signin/reset/sent")
	s.work()
}

// work answers the wishes that wait.
func (s *stack) work() {
	s.t.Helper()
	if _, err := s.signin.WorkResets(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// A first password that is chosen while the network is full is stored, and the page says so.
func TestWelcome_where_a_network_is_full(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	p, err := s.directory.AddPerson(t.Context(), staffkey.ConsoleActor(), staffkey.Person{Username: "new", Name: "Somebody New", Email: "new@mail.example", Organisation: "north"})
	if err != nil {
		t.Fatal(err)
	}
	link, err := s.signin.IssueFirstPasswordLink(t.Context(), staffkey.ConsoleActor(), p.ID)
	if err != nil {
		t.Fatal(err)
	}
	flood := s.browser()
	for i := 0; ; i++ {
		if flood.post("/signin", url.Values{"username": {fmt.Sprint("nobody", i)}, "password": {"x"}}).StatusCode == http.StatusTooManyRequests {
			break
		}
		if i > 1000 {
			t.Fatal("the network is never full")
		}
	}
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	b.get(u.RequestURI()).leads(t, "the link", "/welcome")
	page := b.get("/welcome")
	page.shows(t, "the page", http.StatusOK)
	const chosen = "kettle giraffe lemon roof"
	s.witness.secret("first password", chosen)
	b.post("/welcome", url.Values{"link": {u.Query().Get("t")}, "password": {chosen}}).leads(t, "the password", "/signin")
	b.get("/signin").shows(t, "the page after it", http.StatusOK, "Your password is saved.", "Sign in with it in")
	s.clock.Advance(time.Hour)
	b.post("/signin", url.Values{"username": {"new"}, "password": {chosen}}).leads(t, "an hour later", "/me")
}

// A name that is longer than any is refused on every form that takes one, whatever else is in it.
func TestLogin_longer_than_any(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.add("amara", "north")
	for _, way := range waysByName() {
		long := strings.Repeat("\ufdfa", 400)
		a := way.post(s.browser(), long)
		a.shows(t, way.name, http.StatusUnprocessableEntity, "too long for an email or username")
		if strings.Count(a.body, "\ufdfa") > staffkey.MaxUsername {
			t.Errorf("%s shows all that was typed", way.name)
		}
		longest := http.StatusUnauthorized
		if way.name == "/signin/reset" {
			longest = http.StatusSeeOther
		}
		way.post(s.browser(), strings.Repeat("a", staffkey.MaxLogin)).shows(t, way.name+" with the longest", longest)
	}
}
