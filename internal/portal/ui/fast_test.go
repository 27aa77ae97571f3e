package ui

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// rendered shows a page and returns the body.
func rendered(t *testing.T, u *UI, frame Frame, page Page) string {
	t.Helper()
	w := httptest.NewRecorder()
	if err := u.Render(w, http.StatusOK, frame, page); err != nil {
		t.Fatalf("Render: %v", err)
	}
	return w.Body.String()
}

// byTemplate is what the template alone makes of a page.
func byTemplate(t *testing.T, u *UI, frame Frame, page SignInPage) string {
	t.Helper()
	l := u.locale(frame.Lang)
	v := &view{F: &frame, P: page, Tag: l.tag, locale: l, Light: frame.Theme == "light", Dark: frame.Theme == "dark"}
	var b bytes.Buffer
	if err := u.templates.pages["signin/signin"].Execute(texted{&b, l.words}, v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// parsed is a page as a browser reads it, written out again.
func parsed(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := html.Render(&b, root); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestRender_of_the_cut_sign_in_page_is_that_of_its_template(t *testing.T) {
	t.Parallel()
	hostile := `"><script>alert(1)</script><a b='&amp;&quot;+` + "\x00`"
	for name, test := range map[string]struct {
		frame Frame
		page  SignInPage
	}{
		"plain":        {Frame{Path: "/signin"}, SignInPage{Key: Ceremony{Kind: "get", Options: `{"challenge":"a-_b"}`, Sealed: "c-_d"}}},
		"dark":         {Frame{Path: "/signin", Theme: "dark", Organisation: "Northmoor & <Co>"}, SignInPage{SeenHere: true, Key: Ceremony{Kind: "get", Options: "{}", Sealed: "e"}}},
		"hostile":      {Frame{Path: "/signin"}, SignInPage{Key: Ceremony{Kind: "get", Options: hostile, Sealed: hostile, Code: hostile}}},
		"mark in name": {Frame{Path: "/signin", Organisation: markSealed}, SignInPage{Key: Ceremony{Kind: "get", Options: "{}", Sealed: "f"}}},
		"mark inside":  {Frame{Path: "/signin"}, SignInPage{Key: Ceremony{Kind: "get", Options: markSealed, Sealed: markOptions, Code: markSealed}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := New()
			if err != nil {
				t.Fatal(err)
			}
			fast := rendered(t, u, test.frame, test.page)
			again := rendered(t, u, test.frame, test.page)
			slow := byTemplate(t, u, test.frame, test.page)
			if diff := cmp.Diff(parsed(t, slow), parsed(t, fast)); diff != "" {
				t.Errorf("cut page (-template +cut):\n%s", diff)
			}
			if fast != again {
				t.Error("the second page differs from the first")
			}
		})
	}
}

func TestRender_shows_each_visitor_their_own_page(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	frame := Frame{Path: "/signin"}
	rendered(t, u, frame, SignInPage{Key: Ceremony{Kind: "get", Options: "first-options", Sealed: "first-sealed"}})
	for name, page := range map[string]SignInPage{
		"next visitor": {Key: Ceremony{Kind: "get", Options: "second", Sealed: "second"}},
		"after error":  {Form: Form{Errors: []FieldError{{Field: "username", Message: Text{ID: "username.empty"}}}}, Key: Ceremony{Kind: "get"}},
		"with a name":  {Username: "amara.okafor", Key: Ceremony{Kind: "get"}},
		"with a place": {Next: "/me/tokens", Key: Ceremony{Kind: "get"}},
	} {
		got := rendered(t, u, frame, page)
		if strings.Contains(got, "first-") {
			t.Errorf("%s: the page has values of another visitor", name)
		}
		for _, want := range []string{page.Username, page.Next, page.Key.Options, page.Key.Sealed} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: want %q on the page", name, want)
			}
		}
	}
}

// A value that only this visitor has must not make a look of its own: then the page would be built anew for everybody.
func TestLooks_are_few(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		value := strings.Repeat("x", n+1)
		page := rendered(t, u, Frame{Path: "/signin"}, SignInPage{Key: Ceremony{Kind: "get", Options: "o" + value, Sealed: "s" + value, Code: "c" + value}})
		for _, want := range []string{`"o` + value + `"`, `"s` + value + `"`, `"c` + value + `"`} {
			if !strings.Contains(page, want) {
				t.Errorf("%s is not on the page", want)
			}
		}
	}
	if got := len(u.looks.cuts); got != 1 {
		t.Errorf("three visitors make %d looks, want 1", got)
	}
}

func TestLooks_are_bounded(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for n := range 2 * mostLooks {
		organisation := strings.Repeat("x", n)
		if got := rendered(t, u, Frame{Organisation: organisation}, SignInPage{}); !strings.Contains(got, organisation) {
			t.Errorf("organisation of %d letters is not on the page", n)
		}
	}
	if got := len(u.looks.cuts); got > mostLooks {
		t.Errorf("pages kept: want at most %d, got %d", mostLooks, got)
	}
}
