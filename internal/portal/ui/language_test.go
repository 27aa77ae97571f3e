package ui

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// fields reads the named inputs of a form on a page, by name; a radio counts when it
// is checked.
func fields(t *testing.T, page, form string) map[string]string {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	found := make(map[string]string)
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "input" {
			continue
		}
		in := make(map[string]string)
		for _, a := range n.Attr {
			in[a.Key] = a.Val
		}
		_, checked := in["checked"]
		for p := range n.Ancestors() {
			for _, a := range p.Attr {
				if p.Data == "form" && a.Key == "id" && a.Val == form && in["name"] != "" && (in["type"] != "radio" || checked) {
					found[in["name"]] = in["value"]
				}
			}
		}
	}
	return found
}

func wrong(field string) Form {
	return Form{Errors: []FieldError{{Field: field, Message: Text{ID: "field.empty"}}}}
}

func TestLanguageForm_carries_what_the_form_shows(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	hostile := `"><b>&amp; ’`
	for name, tt := range map[string]struct {
		path string
		page Page
		want map[string]string
	}{
		"sign-in keeps where to go, and no password or ceremony": {
			"/signin", SignInPage{Form: wrong("password"), Username: hostile, Next: "/me/tokens", Key: Ceremony{Kind: "get", Sealed: "sealed"}},
			map[string]string{"return": "/signin", "typed-username": hostile, "query-next": "/me/tokens"},
		},
		"an empty field is a field": {
			"/setup/you", SetupYouPage{Form: wrong("name"), Email: "a@b.example"},
			map[string]string{"return": "/setup/you", "typed-name": "", "typed-email": "a@b.example", "typed-username": ""},
		},
		"a choice": {
			"/setup/methods", SetupMethodsPage{Form: wrong("preset"), Presets: []SetupPreset{{Value: "key-only"}, {Value: "key-or-codes"}}, Chosen: "key-or-codes"},
			map[string]string{"return": "/setup/methods", "typed-preset": "key-or-codes"},
		},
		"a code is not kept": {
			"/signin/recovery-code", CodePage{Form: wrong("code"), Kind: "recovery-code", Action: "/signin/recovery-code", Sealed: "sealed"},
			map[string]string{"return": "/signin/recovery-code"},
		},
		"another form of the page is not kept": {
			"/signin/passwordless", SignInPage{Form: wrong(""), Username: "amara"},
			map[string]string{"return": "/signin/passwordless"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := rendered(t, u, Frame{Path: tt.path, Posted: true}, tt.page)
			if diff := cmp.Diff(tt.want, fields(t, page, "language-form")); diff != "" {
				t.Errorf("language form (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRender_fills_in_what_was_typed_before(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	hostile := `"><b>&amp; ’`
	for name, tt := range map[string]struct {
		form  string
		page  Page
		typed map[string][]string
		want  map[string]string
	}{
		"text": {
			"signin-form", SignInPage{Username: "before"}, map[string][]string{"username": {hostile}, "password": {"secret"}},
			map[string]string{"username": hostile, "password": ""},
		},
		"several, one of them empty": {
			"you-form", SetupYouPage{Name: "before", Email: "before"}, map[string][]string{"name": {""}, "email": {"a@b.example"}},
			map[string]string{"name": "", "email": "a@b.example", "username": "", "password": ""},
		},
		"a choice": {
			"methods-form", SetupMethodsPage{Presets: []SetupPreset{{Value: "key-only"}, {Value: "key-or-codes"}}, Chosen: "key-only"},
			map[string][]string{"preset": {"key-or-codes"}}, map[string]string{"preset": "key-or-codes"},
		},
		"never a code": {
			"code-form", CodePage{Kind: "recovery-code", Action: "/signin/recovery-code", Sealed: "sealed"},
			map[string][]string{"code": {"4TJ9"}, "ceremony": {"x"}}, map[string]string{"code": "", "ceremony": "sealed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := rendered(t, u, Frame{Path: "/", Typed: tt.typed}, tt.page)
			if diff := cmp.Diff(tt.want, fields(t, page, tt.form)); diff != "" {
				t.Errorf("form (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLanguageButton_names_the_other_language_in_itself(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	const toWelsh, toEnglish = `<button class="link-button" name="lang" value="cy" lang="cy">Cymraeg</button>`, `<button class="link-button" name="lang" value="en" lang="en">English</button>`
	for name, tt := range map[string]struct {
		frame  Frame
		page   Page
		want   string
		fields map[string]string
	}{
		"English":                     {Frame{Lang: "en", Path: "/me/tokens"}, TokensPage{}, toWelsh, map[string]string{"return": "/me/tokens"}},
		"Welsh":                       {Frame{Lang: "cy", Path: "/me/tokens"}, TokensPage{}, toEnglish, map[string]string{"return": "/me/tokens"}},
		"with a query":                {Frame{Lang: "en", Path: "/signin", Query: "next=%2Fme%22&x"}, SignInPage{}, toWelsh, map[string]string{"return": "/signin", "query-next": `/me"`, "query-x": ""}},
		"after a POST":                {Frame{Lang: "en", Path: "/signin", Posted: true}, SignInPage{Form: wrong("username")}, toWelsh, map[string]string{"return": "/signin", "typed-username": ""}},
		"refusal":                     {Frame{Lang: "en", Path: "/", Posted: true}, ErrorPage{Message: StatusMessage(http.StatusNotFound)}, toWelsh, map[string]string{"return": "/"}},
		"unknown language is English": {Frame{Lang: "fr", Path: "/"}, SignedOutPage{}, toWelsh, map[string]string{"return": "/"}},
	} {
		page := rendered(t, u, tt.frame, tt.page)
		if !strings.Contains(page, tt.want) {
			t.Errorf("%s: want %s on the page", name, tt.want)
		}
		if diff := cmp.Diff(tt.fields, fields(t, page, "language-form")); diff != "" {
			t.Errorf("%s: language form (-want +got):\n%s", name, diff)
		}
	}
	if page := rendered(t, u, Frame{Lang: "cy", Path: "/me"}, HomePage{}); !strings.Contains(page, `<html lang="cy">`) {
		t.Error("the language is not on <html>")
	}
}

func TestLanguage_does_not_change_while_something_is_shown_once(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	page := rendered(t, u, Frame{Lang: "en", Path: "/me/recovery-codes", Posted: true}, RecoveryCodesPage{Codes: []string{"4TJ9-QX2M-8VKD"}})
	if strings.Contains(page, "Cymraeg") {
		t.Error("the page of new recovery codes can be left by changing the language")
	}
}
