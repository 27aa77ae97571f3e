package browser

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
)

// aMinute is how long a session of hurried people lasts without use, with what a busy machine takes besides.
const aMinute = time.Minute + patience

// hurried makes an organisation in which sessions end after a minute without use. That is less than anybody may decide, so it is written into
// the database.
func hurried(t testing.TB) (p *installation, organisation string) {
	t.Helper()
	p, organisation = demo(t), "H"+rand.Text()[:10]
	p.run(t, "organisation", "add", organisation, "--name", "Hurried", "--parent", "NMH")
	p.run(t, "policy", "set", organisation, "--sessions", "5,60,5,60")
	db, err := sql.Open("sqlite", "file:"+filepath.Join(p.options.Data, "staffkey.db")+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.ExecContext(t.Context(), `UPDATE policies SET settings = json_replace(settings, '$.sessions.idle_aal2', 1, '$.sessions.idle_aal3', 1)
		WHERE organisation_id = (SELECT id FROM organisations WHERE code = $1)`, organisation)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return p, organisation
}

// hurry is a tab of a new person of such an organisation, who has a key and is signed in with it.
func hurry(t testing.TB, p *installation, organisation string) *tab {
	t.Helper()
	b := open(t, p.url)
	b.newcomer = newcomer{demo: p, key: b.plugIn(), account: b.welcomeTo(p, organisation)}
	b.register("Lanyard")
	b.signOut()
	b.byKey("Lanyard")
	return b
}

// session is the cookie of the session that the browser has, or "".
func (b *tab) session() string {
	b.t.Helper()
	for _, c := range call(b, network.GetCookies, network.GetCookiesParams{}).Cookies {
		if c.Name == "staffkey-session" {
			return c.Value
		}
	}
	return ""
}

// opensHome asks the server for Home with the cookie of a session, and returns the status and where it leads.
func (p *installation) opensHome(t testing.TB, session string) (status int, place string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/me", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "staffkey-session", Value: session})
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Location")
}

// ends waits until the page has asked whether somebody is there, and until the session has ended because nobody was.
func (b *tab) ends(p *installation) {
	b.t.Helper()
	session := b.session()
	if status, place := p.opensHome(b.t, session); status != http.StatusOK {
		b.t.Fatalf("Home in the session: %d to %q", status, place)
	}
	b.waitFor(aMinute, "the question", `document.querySelector("#session-dialog:modal")`)
	b.has("#session-dialog", "Still there?")
	b.keep()
	b.waitFor(aMinute, "the end", `location.pathname === "/session-ended" && document.readyState === "complete"`)
	b.at("/session-ended", "Your session has ended")
	b.has("main", "Nothing happened for a while")
	b.keep()
	if kept := b.session(); kept != "" {
		b.t.Error("the browser keeps the cookie of the session")
	}
	if status, place := p.opensHome(b.t, session); status != http.StatusSeeOther || place != "/session-ended?next=%2Fme&why=idle" {
		b.t.Errorf("Home in the session that has ended: %d to %q, want 303 to the page of the end", status, place)
	}
	b.back()
	b.at("/signin", "Sign in")
}

// ended counts the sessions of a person of which the log says that they ended unused.
func (p *installation) ended(t testing.TB, a account) int {
	t.Helper()
	var list struct {
		Events []struct{ Detail map[string]string }
	}
	if err := json.Unmarshal([]byte(p.run(t, "audit", "list", "--person", a.Username, "--kind", "session_ended", "--json")), &list); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range list.Events {
		if e.Detail["why"] == "idle" {
			n++
		}
	}
	return n
}

// F6, F9: whoever leaves a page open is signed out, by a clock that nobody has moved. It takes a minute, so all of it happens at once.
func TestIdle(t *testing.T) {
	t.Parallel()
	t.Run("own browser", func(t *testing.T) {
		t.Parallel()
		p, organisation := hurried(t)
		b := hurry(t, p, organisation)
		b.goTo("/me/tokens")
		b.ends(p)
		if n := p.ended(t, b.account); n != 1 {
			t.Errorf("the log tells of %d sessions that ended unused, want 1", n)
		}
		b.byKey("Lanyard")
		b.goTo("/me/activity")
		b.has("table", "You were signed out because nothing happened for a while")
	})
	t.Run("shared station", func(t *testing.T) {
		t.Parallel()
		p, organisation := hurried(t)
		owner := hurry(t, p, organisation)
		owner.signOut()
		_, b := stationOf(t, organisation, "Ward 6, desk")
		owner.key.moveTo(b)
		b.goTo("/signin")
		b.follow("button", "Sign in with your key")
		b.at("/me", "Home")
		b.goTo("/me/tokens")
		b.ends(p)
		b.is(".station-name", "Shared computer: Ward 6, desk. Nobody is remembered here.")
		if n := p.ended(t, owner.account); n != 1 {
			t.Errorf("the log tells of %d sessions that ended unused, want 1", n)
		}
	})
	t.Run("another tab in use", func(t *testing.T) {
		t.Parallel()
		p, organisation := hurried(t)
		b := hurry(t, p, organisation)
		other := b.another()
		other.goTo("/me/profile")
		b.goTo("/me/request")
		b.fill("#place", "Ward 6")
		b.waitFor(aMinute, "the question", `document.querySelector("#session-dialog:modal")`)
		other.goTo("/me/tokens") // somebody is there
		b.waitFor(aMinute, "no question", notAsked)
		b.at("/me/request", "Ask for a token")
		if place := b.value("#place"); place != "Ward 6" {
			t.Errorf("what was typed: want it kept, got %q", place)
		}
		if status, place := p.opensHome(t, b.session()); status != http.StatusOK {
			t.Errorf("Home in the session that was used in another tab: %d to %q", status, place)
		}
	})
}

// quickly gives the pages of a tab a clock that the test sets, and answers to the question how long the session lasts. All the rest goes to
// the server.
func (b *tab) quickly() {
	b.t.Helper()
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `{
		const now = Date.now, real = window.fetch;
		window.ahead = 0;
		Date.now = () => now() + window.ahead;
		window.fetch = (path, more) => path === "/session-ended" && window.left
			? Promise.resolve(new Response(JSON.stringify({ left: window.left, last: !!window.last })))
			: real(path, more);
	}`})
}

// isAsked lets the time of the page go on until it asks whether somebody is there.
func (b *tab) isAsked() {
	b.t.Helper()
	eval[bool](b, `(window.left = 60000, window.ahead += 14 * 60000, true)`)
	b.wait("the question", `document.querySelector("#session-dialog:modal")`)
	b.focused("[data-session-stay]")
}

// notAsked holds when the question has been answered, and the server has taken the answer.
const notAsked = `!document.querySelector("#session-dialog:modal") && !document.title.startsWith("Still there?")`

// Before a session ends a dialog asks, and one press keeps it (WCAG 2.2.1).
func TestSession_is_about_to_end(t *testing.T) {
	t.Parallel()
	p := demo(t)
	b := open(t, p.url)
	b.welcome(p)
	b.quickly()
	b.goTo("/me/tokens")
	b.tabTo("main a")
	b.isAsked()
	b.has("#session-dialog", "Still there? You will be signed out at")
	if title := eval[string](b, "document.title"); title != "Still there? - Staffkey" {
		t.Errorf("title: got %q", title)
	}
	b.inspect()
	b.click("button", "Stay signed in")
	b.wait("no dialog", notAsked)
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.focused("main a")
	if title := eval[string](b, "document.title"); title != "Manage FIDO2 Tokens - Staffkey" {
		t.Errorf("title afterwards: got %q", title)
	}

	// Escape is an answer as well, however often.
	for range 3 {
		b.isAsked()
		b.press("Escape")
		b.wait("no dialog", notAsked)
	}
	b.isAsked()
	b.press("Tab")
	b.focused("#session-signout-form button")
	b.press("Tab")
	b.press("Tab")
	b.wait("the focus in the dialog or on the browser's own controls", `document.activeElement === document.body || document.activeElement.closest("#session-dialog")`)
	b.tabTo("[data-session-stay]")
	b.press("Enter")
	b.wait("no dialog", notAsked)

	// The longest time cannot be made longer: one is told so, once.
	eval[bool](b, "window.last = true")
	b.isAsked()
	b.has("#session-dialog", "Your session cannot last any longer. You will be signed out at")
	b.inspect()
	b.click("button", "Go on until then")
	b.wait("no dialog", notAsked)
	eval[bool](b, "window.last = false")

	b.isAsked()
	b.follow("dialog:modal button", "Sign out")
	b.at("/signed-out", "You are signed out")
	b.back()
	b.at("/signin", "Sign in")
}

// covered checks that nothing of the page can be seen, found or printed but the question.
func (b *tab) covered() {
	b.t.Helper()
	shown := eval[[]string](b, `[...document.querySelectorAll("body *")].filter((el) => !el.closest("#session-dialog") && el.checkVisibility({ visibilityProperty: true, opacityProperty: true })).map((el) => el.outerHTML.slice(0, 80))`)
	if len(shown) > 0 {
		b.t.Errorf("behind the question one can still see %d things: %q", len(shown), shown[:min(3, len(shown))])
	}
	if words := eval[string](b, "document.body.innerText"); strings.Contains(words, "Lanyard") {
		b.t.Errorf("text that can be found on the page: %q", words)
	}
}

// At a shared station the question covers the page: the next person does not read what the last one left.
func TestSession_is_about_to_end_at_a_station(t *testing.T) {
	t.Parallel()
	owner := arrive(t, "Lanyard")
	owner.signOut()
	_, b := station(t, "Ward 8, desk")
	owner.key.moveTo(b)
	b.quickly()
	enter := func() {
		t.Helper()
		b.goTo("/signin")
		b.follow("button", "Sign in with your key")
		b.at("/me", "Home")
		b.goTo("/me/tokens")
		b.tabTo("main a")
	}
	enter()
	b.isAsked()
	b.covered()
	b.has("#session-dialog", owner.account.Name+" is signed in here.")
	b.inspect()
	b.prefer("light", "forced-colors", "active")
	b.covered()
	b.keep()
	b.prefer("light")
	call(b, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	b.covered()
	b.prefer("light")
	b.press("Escape")
	b.wait("no dialog", notAsked)
	b.has("main", "Lanyard")
	b.focused("main a")

	b.isAsked()
	b.press("Tab")
	b.focused("#session-switch-form button")
	b.press("Tab")
	b.focused("#session-signout-form button")
	b.follow("dialog:modal button", "Switch person")
	b.at("/signin", "Sign in")
	b.back()
	b.at("/signin", "Sign in")

	// The tab that somebody left open does not stay when the next person is signed in: it goes as soon as anybody looks at it.
	enter()
	left := b.another()
	left.goTo("/me/tokens")
	b.follow("header button", "Switch person")
	left.away(func() { eval[bool](left, `document.dispatchEvent(new Event("visibilitychange"))`) })
	left.at("/signed-out", "You are signed out")
}

// Back shows no page as it was left, be it from the browser's own memory: it asks the server again, and shows nothing until that has answered.
func TestBack_asks_again(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
		addEventListener("pageshow", (event) => event.persisted && sessionStorage.setItem("restored", "" + document.body.hidden));
	`})
	restored := func() string {
		t.Helper()
		return eval[string](b, `(() => { const was = sessionStorage.getItem("restored") ?? ""; sessionStorage.removeItem("restored"); return was; })()`)
	}
	b.goTo("/me/tokens")
	b.goTo("/me/profile")
	b.back()
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	if hidden := restored(); hidden == "false" {
		t.Error("a page from the browser's memory is shown as it was left")
	} else {
		t.Logf("a page from the browser's memory was hidden at first: %q", hidden)
	}
	b.goTo("/me/profile")
	other := b.another()
	other.goTo("/me")
	other.signOut()
	b.back()
	b.at("/signin", "Sign in")
	if restored() == "false" {
		t.Error("a page from the browser's memory is shown as it was left, and nobody is signed in any more")
	}
}
