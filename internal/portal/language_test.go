package portal_test

import (
	"bytes"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	inEnglish = `<html lang="en">`
	inWelsh   = `<html lang="cy">`
)

// asking sends a GET with headers.
func (b *browser) asking(path string, headers ...string) answer {
	r := b.request("GET", path, "", "")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return b.send(r)
}

func TestLanguage_of_a_page(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for _, tt := range []struct {
		name, chosen, persons, accepted, want string
	}{
		{"nothing said", "", "", "", inEnglish},
		{"the browser asks", "", "", "cy-GB,cy;q=0.9,en;q=0.8", inWelsh},
		{"the browser asks for English first", "", "", "en-GB,cy;q=0.5", inEnglish},
		{"a language that there is not", "", "", "fr,de;q=0.5", inEnglish},
		{"a header that is none", "", "", strings.Repeat("-,;=", 400), inEnglish},
		{"the person's comes before the browser's", "", "en", "cy", inEnglish},
		{"the person's", "", "cy", "en", inWelsh},
		{"the choice comes before the person's", "en", "cy", "cy", inEnglish},
		{"a choice that there is not", "fr", "cy", "en", inWelsh},
	} {
		if tt.persons != "" {
			s.session(h).chooses(tt.persons)
		}
		who, path := s.browser(), "/signin"
		if tt.persons != "" {
			who, path = s.session(h), "/me"
		}
		if tt.chosen != "" {
			who.cookies["staffkey-lang"] = tt.chosen
		}
		if a := who.asking(path, "Accept-Language", tt.accepted); !strings.Contains(a.body, tt.want) {
			t.Errorf("%s: want %s, got %.80s", tt.name, tt.want, a.body)
		}
	}
}

// chooses changes the language by the form of the page "/me".
func (b *browser) chooses(lang string) {
	b.s.t.Helper()
	b.post("/language", url.Values{"lang": {lang}, "return": {"/me"}}).leads(b.s.t, "choosing "+lang, "/me")
}

func TestLanguage_chosen_is_remembered(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	who := s.session(h)
	who.press(t, who.get("/me/activity?before=1").body).leads(t, "the button on a page with a query", "/me/activity?before=1")
	if a := who.get("/me/tokens"); !strings.Contains(a.body, inWelsh) || !strings.Contains(a.body, "Rheoli Tocynnau") {
		t.Error("the page after the choice is not in Welsh")
	}
	if a := s.session(h).get("/me/tokens"); !strings.Contains(a.body, inWelsh) {
		t.Error("another browser of the person does not know the choice")
	}
	if a := who.get("/me/tokens?lang=xx"); a.StatusCode != http.StatusOK || !strings.Contains(a.body, inWelsh) {
		t.Errorf("a language that there is not: %d", a.StatusCode)
	}
}

// A link says the language of the pages that a visitor sees. About somebody who is signed in it changes nothing, from where it may come.
func TestLanguage_asked_for_in_the_address(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	visitor := s.browser()
	visitor.get("/signin?lang=cy&next=%2Fme").leads(t, "a visitor", "/signin?next=%2Fme")
	visitor.get("/signin/help").shows(t, "the visitor's next page", http.StatusOK, inWelsh)
	who := s.session(h)
	for _, path := range []string{"/me/tokens", "/me/tokens/" + string(h.keyID) + "/edit", "/no/such/page"} {
		for _, site := range []string{"", "cross-site", "same-origin", "none"} {
			a := who.asking(path+"?lang=cy", "Sec-Fetch-Site", site)
			a.leads(t, path+" from "+site, path)
			if len(a.Cookies()) != 0 {
				t.Errorf("%s from %q sets %v", path, site, a.Cookies())
			}
		}
	}
	who.get("/me").shows(t, "the person's page", http.StatusOK, inEnglish)
	s.session(h).get("/me").shows(t, "the person's page in another browser", http.StatusOK, inEnglish)
}

// press sends the language form that stands on a page.
func (b *browser) press(t *testing.T, page string) answer {
	t.Helper()
	_, form, ok := strings.Cut(page, `<form id="language-form"`)
	form, _, _ = strings.Cut(form, "</form>")
	if !ok {
		t.Fatal("no form to change the language on the page")
	}
	values := url.Values{"lang": {"cy"}}
	for _, m := range regexp.MustCompile(`name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(form, -1) {
		values.Set(m[1], m[2])
	}
	return b.post("/language", values)
}

func TestLanguage_of_a_form_with_errors_keeps_what_was_typed(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")

	visitor := s.browser()
	refused := visitor.post("/signin", url.Values{"username": {"amara"}, "password": {"wrong password"}, "next": {"/me/tokens"}})
	if !strings.Contains(refused.body, inEnglish) || !strings.Contains(refused.body, `id="error-summary"`) {
		t.Fatalf("a wrong password: %d", refused.StatusCode)
	}
	changed := visitor.press(t, refused.body)
	if want := "/signin?next=%2Fme%2Ftokens"; changed.StatusCode != http.StatusSeeOther || changed.location() != want {
		t.Fatalf("change of language: %d to %q, want %q", changed.StatusCode, changed.location(), want)
	}
	page := visitor.get(changed.location())
	for _, want := range []string{inWelsh, `value="amara"`, `name="next" value="/me/tokens"`} {
		if !strings.Contains(page.body, want) {
			t.Errorf("want %s on the page after the change", want)
		}
	}
	if strings.Contains(page.body, "wrong password") {
		t.Error("the password is on the page")
	}
	if again := visitor.get("/signin"); strings.Contains(again.body, `value="amara"`) {
		t.Error("what was typed is shown a second time")
	}

	who := s.session(h)
	path := "/me/tokens/" + string(h.keyID) + "/edit"
	long := strings.Repeat("Llanfair ", 8) + "pwll"
	refused = who.post(path, url.Values{"nickname": {long}})
	if !strings.Contains(refused.body, `id="error-summary"`) {
		t.Fatalf("a long nickname: %d", refused.StatusCode)
	}
	if page := who.get(who.press(t, refused.body).location()); !strings.Contains(page.body, inWelsh) || !strings.Contains(page.body, `value="`+long+`"`) {
		t.Error("the nickname is not kept")
	}
}

func TestLanguage_form_leads_to_a_page_of_this_server(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	for _, tt := range []struct {
		form url.Values
		want string
	}{
		{url.Values{"lang": {"cy"}, "return": {"/signin/help"}}, "303 /signin/help"},
		{url.Values{"lang": {"cy"}, "return": {"//evil.example/"}}, "303 /"},
		{url.Values{"lang": {"cy"}, "return": {"https://evil.example/"}}, "303 /"},
		{url.Values{"lang": {"cy"}, "return": {"/signin"}, "query-next": {"/me\r\nSet-Cookie: a=b"}}, "303 /signin?next=%2Fme%0D%0ASet-Cookie%3A+a%3Db"},
		{url.Values{"lang": {"cy"}}, "303 /"},
		{url.Values{"lang": {"fr"}, "return": {"/signin"}}, "400 "},
		{nil, "400 "},
	} {
		if got := statusAndPlace(s.browser().post("/language", tt.form)); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.form, got, tt.want)
		}
	}
	// The page of a route that only takes forms has no address to come back to.
	refused := s.browser().post("/signin/not-you", url.Values{"x": {strings.Repeat("x", 70_000)}})
	if diff := cmp.Diff("303 /", statusAndPlace(s.browser().press(t, refused.body))); diff != "" {
		t.Errorf("change on a page without an address (-want +got):\n%s", diff)
	}
}

// Whatever is typed, the answer to a change of language passes every proxy: nginx takes 4 kB of headers. What fits is kept whole, and what
// does not is not kept at all.
func TestLanguage_of_a_long_text(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	for _, letter := range []string{"x", "<", "&", `"`, "\n", "\x01", "ŵ", "漢", "\u2028"} {
		keptOnce := 0
		for _, n := range []int{1, 200, 1000, 1950, 2500, 7000 / len(letter)} {
			who := s.browser()
			typed := strings.Repeat(letter, n)
			if len(url.QueryEscape(typed)) > 8000 {
				continue // no form of ours is that long
			}
			a := who.post("/language", url.Values{"lang": {"cy"}, "return": {"/signin"}, "typed-username": {typed}})
			if a.StatusCode != http.StatusSeeOther || a.location() != "/signin" {
				t.Errorf("%d times %q: %d to %q", n, letter, a.StatusCode, a.location())
			}
			if got := headerBytes(a.Header); got > 4000 {
				t.Errorf("%d times %q: %d bytes of headers", n, letter, got)
			}
			page := who.get("/signin")
			is := page.inputValue("username")
			if is != "" && is != typed && letter != "\n" && letter != "\x01" {
				t.Errorf("%d times %q: half of it is kept", n, letter)
			}
			if is != "" {
				keptOnce = n
			}
		}
		if keptOnce < 200 {
			t.Errorf("%q: at most %d times is kept", letter, keptOnce)
		}
	}
	long := url.Values{"lang": {"cy"}, "return": {"/signin"}, "query-next": {"/" + strings.Repeat("<", 2000)}}
	if a := s.browser().post("/language", long); a.location() != "/signin" || headerBytes(a.Header) > 4000 {
		t.Errorf("a long address: to %.50q with %d bytes of headers", a.location(), headerBytes(a.Header))
	}
}

// headerBytes is how long headers are on the wire.
func headerBytes(h http.Header) int {
	var b bytes.Buffer
	_ = h.Write(&b) // a buffer never fails
	return b.Len()
}

// inputValue is the value of a field of the page.
func (a answer) inputValue(name string) string {
	m := regexp.MustCompile(`<input[^>]* name="` + name + `"[^>]* value="([^"]*)"|<input[^>]* value="([^"]*)"[^>]* name="` + name + `"`).FindStringSubmatch(a.body)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1] + m[2])
}

func statusAndPlace(a answer) string {
	return a.Status[:3] + " " + a.Header.Get("Location")
}
