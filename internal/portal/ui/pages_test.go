package ui_test

import (
	"fmt"
	"io/fs"
	"iter"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/html"

	"staffkey/internal/portal/ui"
	"staffkey/internal/portal/ui/gallery"
)

// pages builds the templates once for all tests.
var pages = sync.OnceValues(ui.New)

func newUI(t testing.TB) *ui.UI {
	t.Helper()
	u, err := pages()
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func render(t testing.TB, u *ui.UI, s gallery.State) string {
	t.Helper()
	w := httptest.NewRecorder()
	if err := u.Render(w, 200, s.Frame, s.Page); err != nil {
		t.Fatalf("render %s: %v", s.Name, err)
	}
	return w.Body.String()
}

// elements parses a page as a browser without script would, so that <noscript>
// is looked at too.
func elements(t testing.TB, body string) []*html.Node {
	t.Helper()
	doc, err := html.ParseWithOptions(strings.NewReader(body), html.ParseOptionEnableScripting(false))
	if err != nil {
		t.Fatal(err)
	}
	var all []*html.Node
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			all = append(all, n)
		}
	}
	return all
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// inside reports whether n is in an element of that name: content of <template>
// is not part of the page until a script copies it.
func inside(n *html.Node, name string) bool {
	for p := range n.Ancestors() {
		if p.Data == name {
			return true
		}
	}
	return false
}

func TestPages(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	names := make(map[string]bool)
	for _, s := range gallery.Gallery() {
		if names[s.Name] {
			t.Errorf("two states are called %s", s.Name)
		}
		names[s.Name] = true
	}
	ids := messageIDs(t)
	for lang, s := range inEveryLanguage(u) {
		t.Run(lang+"/"+s.Name, func(t *testing.T) {
			t.Parallel()
			body := render(t, u, s)
			all := elements(t, body)
			checkHeading(t, u, lang, all)
			checkMessages(t, ids, all)
			checkIDs(t, all)
			checkControls(t, all)
			checkPolicy(t, all)
			if strings.Contains(body, "<no value>") || strings.Contains(body, "%!") {
				t.Error("a placeholder was not filled")
			}
			if strings.Contains(body, "ZgotmplZ") {
				t.Error("html/template refused a value")
			}
			if len(body) > 24_000 {
				t.Errorf("page is %d bytes, want at most 24,000", len(body))
			}
			if n := len(all); n > 800 {
				t.Errorf("page has %d elements, want at most 800", n)
			}
		})
	}
}

// inEveryLanguage yields all states with the frame of each language.
func inEveryLanguage(u *ui.UI) iter.Seq2[string, gallery.State] {
	return func(yield func(string, gallery.State) bool) {
		for _, lang := range u.Languages() {
			for _, s := range gallery.Gallery() {
				if s.Frame.Lang = lang; !yield(lang, s) {
					return
				}
			}
		}
	}
}

// checkMessages: no id is shown in place of its text.
func checkMessages(t *testing.T, ids []string, all []*html.Node) {
	t.Helper()
	for _, n := range all {
		for d := range n.ChildNodes() {
			// An id without a dot is a word as well.
			shown := strings.TrimSpace(d.Data)
			if d.Type == html.TextNode && strings.Contains(shown, ".") && slices.Contains(ids, shown) {
				t.Errorf("<%s> shows the id %q", n.Data, shown)
			}
		}
	}
}

// checkHeading: one h1, and a title that repeats it.
func checkHeading(t *testing.T, u *ui.UI, lang string, all []*html.Node) {
	t.Helper()
	var title string
	var headings []string
	var errors, outcome bool
	for _, n := range all {
		switch {
		case n.Data == "title" && n.Parent.Data == "head":
			title = text(n)
		case n.Data == "h1" && !inside(n, "template"):
			headings = append(headings, text(n))
		}
		errors = errors || attr(n, "id") == "error-summary"
		outcome = outcome || attr(n, "id") == "outcome" && strings.Contains(attr(n, "class"), "note-warn")
	}
	if len(headings) != 1 || headings[0] == "" {
		t.Fatalf("headings are %q, want exactly one", headings)
	}
	want := headings[0] + " - Staffkey"
	if errors {
		want = u.Text(lang, ui.Text{ID: "title.error"}) + " " + want
	}
	if outcome {
		// The outcome is what the person must hear first.
		notYet := func(purpose string) bool {
			return strings.HasPrefix(title, u.Text(lang, ui.Text{ID: "outcome.notyet." + purpose})+" ")
		}
		if !slices.ContainsFunc([]string{"signin", "confirm", "register", "try"}, notYet) || !strings.HasSuffix(title, " - Staffkey") {
			t.Errorf("title is %q, want it to begin with what is not done yet", title)
		}
	} else if title != want {
		t.Errorf("title is %q, want %q", title, want)
	}
}

// checkIDs: ids are unique and every reference to one is good.
func checkIDs(t *testing.T, all []*html.Node) {
	t.Helper()
	seen := make(map[string]bool)
	for _, n := range all {
		id := attr(n, "id")
		if id != "" && seen[id] {
			t.Errorf("id %q is used twice", id)
		}
		seen[id] = true
	}
	for _, n := range all {
		refs := strings.Fields(attr(n, "aria-describedby") + " " + attr(n, "aria-labelledby"))
		for _, name := range []string{"for", "data-dialog", "data-reveal", "data-fill", "data-copy"} {
			refs = append(refs, attr(n, name))
		}
		if id, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
			refs = append(refs, id)
		}
		for _, ref := range refs {
			if ref != "" && !seen[ref] {
				t.Errorf("<%s> refers to id %q, which is not there", n.Data, ref)
			}
		}
	}
}

// checkControls: every field has a label, every button and link has words, every
// form has an id.
func checkControls(t *testing.T, all []*html.Node) {
	t.Helper()
	labels := make(map[string]bool)
	for _, n := range all {
		if n.Data == "label" && text(n) != "" {
			labels[attr(n, "for")] = true
		}
	}
	for _, n := range all {
		switch n.Data {
		case "input":
			if attr(n, "type") != "hidden" && !has(n, "hidden") && !labels[attr(n, "id")] {
				t.Errorf("input %q has no label", attr(n, "name"))
			}
		case "a", "button":
			if text(n) == "" {
				t.Errorf("<%s> to %q has no words", n.Data, attr(n, "href")+attr(n, "name"))
			}
			if n.Data == "a" && attr(n, "href") == "" {
				t.Errorf("link %q leads nowhere", text(n))
			}
		case "form":
			if attr(n, "id") == "" || attr(n, "method") != "post" && attr(n, "method") != "get" || attr(n, "action") == "" {
				t.Errorf("form %q needs an id, a method and an action", attr(n, "id"))
			}
		}
	}
}

// checkPolicy: nothing that the content security policy forbids, and nothing
// that a hostile nickname brought in.
func checkPolicy(t *testing.T, all []*html.Node) {
	t.Helper()
	for _, n := range all {
		switch n.Data {
		case "style", "iframe", "object", "base":
			t.Errorf("page holds <%s>", n.Data)
		case "img":
			if attr(n, "src") != gallery.Picture || !has(n, "alt") || !has(n, "width") || !has(n, "height") {
				t.Errorf("page holds a picture %q that is not one of a model, or lacks its size", attr(n, "src"))
			}
		case "script":
			if !strings.HasPrefix(attr(n, "src"), "/static/app.") && !strings.HasPrefix(attr(n, "src"), "/static/device.") || text(n) != "" {
				t.Errorf("page holds script %q", text(n))
			}
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("<%s> has attribute %s", n.Data, a.Key)
			}
			if strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
				t.Errorf("<%s> has %s=%q", n.Data, a.Key, a.Val)
			}
		}
	}
}

func TestTokenRowsLimitTheCeremonyToOneCredential(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range gallery.Gallery() {
		if s.Name != "key" {
			continue
		}
		for _, n := range elements(t, render(t, newUI(t), s)) {
			if n.Data == "button" && attr(n, "name") == "token" {
				got = append(got, attr(n, "value")+"="+attr(n, "data-credential"))
			}
		}
	}
	want := []string{"t1=Y3JlZGVudGlhbC0x", "t2=Y3JlZGVudGlhbC0y", "t3=Y3JlZGVudGlhbC0z", "="}
	if !slices.Equal(got, want) {
		t.Errorf("buttons are %q, want %q", got, want)
	}
}

func TestOptionsReachTheScriptUnchanged(t *testing.T) {
	t.Parallel()
	options := `{"challenge":"a-b_c","user":{"displayName":"</form><b \"'&"}}`
	body := render(t, newUI(t), gallery.State{Page: ui.SignInPage{Key: ui.Ceremony{Kind: "get", Options: options, Sealed: `s"<`}}})
	for _, n := range elements(t, body) {
		if attr(n, "id") == "key-form" && attr(n, "data-options") != options {
			t.Errorf("data-options is %q, want %q", attr(n, "data-options"), options)
		}
		if attr(n, "name") == "ceremony" && attr(n, "value") != `s"<` {
			t.Errorf("sealed state is %q", attr(n, "value"))
		}
	}
}

func TestOtherOptionsMoveUpAfterTwoFailures(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	for _, s := range gallery.Gallery() {
		page, ok := s.Page.(ui.OutcomePage)
		if !ok || page.Retry == nil || len(page.Options) == 0 {
			continue
		}
		body := render(t, u, s)
		up := strings.Index(body, `id="other-options"`) < strings.Index(body, `id="key-form"`)
		if want := page.Failures >= 2; up != want {
			t.Errorf("%s: other options above the retry is %v, want %v", s.Name, up, want)
		}
		if asks := strings.Contains(body, `id="ask"`); asks != (page.Failures >= 3) {
			t.Errorf("%s: asks a Local Administrator is %v after %d failures", s.Name, asks, page.Failures)
		}
	}
}

// sources reads the files of this package's tree that end in suffix.
func sources(t testing.TB, suffix string, dirs ...string) string {
	t.Helper()
	var b strings.Builder
	for _, dir := range dirs {
		err := fs.WalkDir(os.DirFS("."), dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, suffix) || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := os.ReadFile(name)
			fmt.Fprintf(&b, "%s\n", text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func TestClassesMatchTheStyleSheet(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	used := map[string]bool{"count-over": true, "covered": true} // set by forms.js and session.js
	for _, s := range gallery.Gallery() {
		for _, n := range elements(t, render(t, u, s)) {
			for _, class := range strings.Fields(attr(n, "class")) {
				used[class] = true
			}
		}
	}
	css := regexp.MustCompile(`(?s)/\*.*?\*/|\{[^{}]*\}`).ReplaceAllString(sources(t, ".css", "static"), " ")
	defined := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\.([a-zA-Z][\w-]*)`).FindAllStringSubmatch(css, -1) {
		defined[m[1]] = true
	}
	// Hooks that need no rule of their own.
	for _, hook := range []string{"waiting"} {
		defined[hook] = true
	}
	for class := range used {
		if !defined[class] {
			t.Errorf("class %q is on a page but not in app.css", class)
		}
	}
	for class := range defined {
		if !used[class] {
			t.Errorf("class %q is in app.css but on no page", class)
		}
	}
}
