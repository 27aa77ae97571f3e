package ui_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"staffkey/internal/portal/ui"
	"staffkey/internal/portal/ui/gallery"
)

// byID returns the element with an id, or nil.
func byID(all []*html.Node, id string) *html.Node {
	for _, n := range all {
		if attr(n, "id") == id {
			return n
		}
	}
	return nil
}

func TestNotices_that_can_be_answered_have_words(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	for _, about := range []string{
		"key_added", "key_removed", "key_stopped", "key_resumed", "key_replaced", "key_new_place", "method_added", "method_changed",
		"method_removed", "method_disabled", "method_guessed", "method_shut", "codes_stopped", "key_recalled", "recall_undone", "codes_made", "code_used", "password_changed", "password_reset", "number_changed",
		"without_key", "pass_issued", "unfrozen", "activity",
	} {
		if !u.HasMessage("notme.about." + about) {
			t.Errorf("no message about %s", about)
		}
	}
}

func TestLinkProblem_says_what_to_do_whatever_the_link_was_for(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	for _, purpose := range []string{"", "welcome", "reset", "not-me", "station"} {
		for _, problem := range []string{"used", "expired", "unknown"} {
			page := ui.LinkProblemPage{For: purpose, Problem: problem}
			if id := page.Advice(); !u.HasMessage(id) {
				t.Errorf("link for %q, %s: no message %s", purpose, problem, id)
			}
		}
	}
}

func TestOptions_that_send_something_are_buttons(t *testing.T) {
	t.Parallel()
	page := ui.MethodPage{Methods: []ui.OtherOption{
		{Kind: "text", Href: "/signin/text/send", Post: true, Last2: "77"}, {Kind: "recovery-code", Href: "/signin/recovery-code"},
	}}
	all := elements(t, render(t, newUI(t), gallery.State{Page: page}))
	form := byID(all, "option-text-form")
	if form == nil || attr(form, "method") != "post" || attr(form, "action") != "/signin/text/send" {
		t.Fatalf("the option that sends a code: want a form that posts to /signin/text/send, got %v", form)
	}
	if got := text(form); !strings.Contains(got, "77") {
		t.Errorf("the option says %q, want the last digits of the number", got)
	}
	for _, n := range all {
		if n.Data == "a" && attr(n, "href") == "/signin/text/send" {
			t.Error("a link sends a code: browsers that fetch ahead would send it too")
		}
	}
}

func TestCodePage_asks_phones_for_digits_only_where_codes_are_digits(t *testing.T) {
	t.Parallel()
	want := map[string]string{"app-code": "numeric", "text": "numeric", "phone": "numeric", "pass": "", "recovery-code": ""}
	got := make(map[string]string)
	for kind := range want {
		field := byID(elements(t, render(t, newUI(t), gallery.State{Page: ui.CodePage{Kind: kind, Action: "/signin/" + kind}})), "code")
		got[kind] = attr(field, "inputmode")
		if attr(field, "autocomplete") != "one-time-code" || has(field, "value") {
			t.Errorf("%s: the field has autocomplete %q and value %v, want one-time-code and none", kind, attr(field, "autocomplete"), has(field, "value"))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inputmode (-want +got):\n%s", diff)
	}
}

func TestSignIn_offers_keys_in_the_field_on_own_devices_only(t *testing.T) {
	t.Parallel()
	for conditional, want := range map[bool][2]string{true: {"username webauthn", "true"}, false: {"username", ""}} {
		// In this order, so that the page of one is not the kept page of the other.
		for range 2 {
			all := elements(t, render(t, newUI(t), gallery.State{Page: ui.SignInPage{Conditional: conditional, Key: ui.Ceremony{Kind: "get", Conditional: !conditional}}}))
			got := [2]string{attr(byID(all, "username"), "autocomplete"), attr(byID(all, "key-form"), "data-conditional")}
			if got != want {
				t.Errorf("own device %v: autocomplete and data-conditional are %q, want %q", conditional, got, want)
			}
		}
	}
}

func TestStation_remembers_nothing_and_lets_go(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	page := ui.SignInPage{SeenHere: true, Key: ui.Ceremony{Kind: "get", Options: "{}", Sealed: "s"}}
	seen := u.Text("en", ui.Text{ID: "signin.seen-here"})
	for _, name := range []string{"", "Ward 6", "Ward 7", ""} {
		body := render(t, u, gallery.State{Frame: ui.Frame{Path: "/signin", Station: name}, Page: page})
		if got, want := strings.Contains(body, seen), name == ""; got != want {
			t.Errorf("station %q: says that a key was used here: %v, want %v", name, got, want)
		}
		if name != "" && !strings.Contains(body, "<bdi>"+name+"</bdi>") {
			t.Errorf("station %q: its name is not on the page", name)
		}
		if strings.Contains(body, `action="/switch"`) {
			t.Errorf("station %q: offers to switch person, and nobody is signed in", name)
		}
	}
	all := elements(t, render(t, u, gallery.State{Frame: ui.Frame{SignedIn: true, PersonName: "Amara Okafor", Station: "Ward 6"}, Page: ui.HomePage{}}))
	for id, want := range map[string]string{"switch-form": "/switch", "signout-form": "/signout"} {
		if form := byID(all, id); form == nil || attr(form, "action") != want {
			t.Errorf("somebody is signed in at a station: no form to %s", want)
		}
	}
}

func TestUnsupported_in_every_language(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	page := ui.UnsupportedPage{Organisation: strings.Repeat("Ysbyty ", 10), Address: "https://signin.northmoor.example/signin", InternetExplorer: true, CodeHref: "/signin?anyway=1"}
	for _, lang := range u.Languages() {
		w := httptest.NewRecorder()
		if err := u.RenderUnsupported(w, lang, page); err != nil {
			t.Fatal(err)
		}
		if n := w.Body.Len(); n >= 4<<10 {
			t.Errorf("%s: page is %d bytes, want under 4 KB", lang, n)
		}
		hrefs, languages := make(map[string]bool), make(map[string]bool)
		for _, n := range elements(t, w.Body.String()) {
			hrefs[attr(n, "href")] = true
			if n.Data == "button" && attr(n, "name") == "lang" {
				languages[attr(n, "value")] = true
			}
			if n.Data == "html" && attr(n, "lang") != lang {
				t.Errorf("%s: the page says that it is in %q", lang, attr(n, "lang"))
			}
		}
		want := []string{"/signin?anyway=1", "/device", "microsoft-edge:https://signin.northmoor.example/signin"}
		for _, other := range u.Languages() {
			if languages[other] != (other != lang) {
				t.Errorf("%s: a button for %s: %v", lang, other, languages[other])
			}
		}
		for _, href := range want {
			if !hrefs[href] {
				t.Errorf("%s: no link to %s", lang, href)
			}
		}
	}
}
