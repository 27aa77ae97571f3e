package ui

import (
	"bytes"
	"html/template"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsedFrom is a source with two languages, of which the second lacks a message.
func parsedFrom() source {
	return source{&staticFiles{paths: map[string]string{"app.css": "/static/app.css?a&b"}}, map[string]*locale{
		"en": {words: map[string]string{"hello": "Hello &amp; welcome", "bye": "Goodbye"}},
		"cy": {words: map[string]string{"hello": "Helo"}},
	}}
}

func TestFill(t *testing.T) {
	t.Parallel()
	s := parsedFrom()
	got, err := s.fill("<p>\n   {{msg \"hello\"}}  \n\n<link href=\"{{asset \"app.css\"}}\">")
	if want := "<p>\n\x00hello\x00\n<link href=\"/static/app.css?a&amp;b\">"; err != nil || got != want {
		t.Errorf("filled: %q, %v; want %q", got, err, want)
	}
	for text, want := range map[string]string{`{{msg "bye"}}`: "in cy", `{{msg "hi"}}`: `"hi"`, `{{asset "hi.css"}}`: "hi.css"} {
		if _, err := s.fill(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("fill %s: error %v, want one about %s", text, err, want)
		}
	}
}

func TestTexted_puts_messages_in_place_of_marks_and_of_nothing_else(t *testing.T) {
	t.Parallel()
	s := parsedFrom()
	text, err := s.fill(`<p title="{{msg "hello"}}">{{msg "hello"}}{{msg "hello"}}<b title='{{.}}'>{{.}}</b><a href="/x?{{.}}">{{msg "hello"}}</a><textarea>{{.}}</textarea><i data-x={{.}}>`)
	if err != nil {
		t.Fatal(err)
	}
	page := template.Must(template.New("").Parse(text))
	for lang, want := range map[string]string{"en": "Hello &amp; welcome", "cy": "Helo"} {
		var b bytes.Buffer
		if err := page.Execute(texted{&b, s.languages[lang].words}, "\x00hello\x00"); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(b.String(), want); got != 4 {
			t.Errorf("%s: the message is there %d times, want 4: the mark that somebody typed is none\n%s", lang, got, b.String())
		}
		if strings.Contains(b.String(), markMessage) {
			t.Errorf("%s: a mark is left\n%q", lang, b.String())
		}
	}
}

func TestAddPage_copies_only_what_leads_to_templates_of_the_page(t *testing.T) {
	t.Parallel()
	parsed := func(text string) *template.Template { return template.Must(template.New("file").Parse(text)) }
	newSet := func() *template.Template {
		return parsed(`{{define "layout"}}{{template "head" .}}{{if .}}{{template "foot" .}}{{end}}{{end}}` +
			`{{define "head"}}{{range .}}{{.}}{{else}}{{with 1}}{{block "title" .}}none{{end}}{{end}}{{end}}{{template "foot" .}}{{end}}` +
			`{{define "foot"}}({{template "mark"}}){{end}}{{define "mark"}}*{{end}}`)
	}
	set := newSet()
	shared := trees(set)
	layouts := make(map[string]*template.Template)
	for page, text := range map[string]string{
		"a": `{{define "title"}}A{{template "mark"}}{{end}}`,
		"b": `{{define "title"}}B{{end}}{{define "mark"}}!{{end}}`,
	} {
		var err error
		if layouts[page], err = addPage(set, shared, page, trees(parsed(text))); err != nil {
			t.Fatal(err)
		}
	}
	var own []string
	for _, defined := range set.Templates() {
		if name, ok := strings.CutPrefix(defined.Name(), "a:"); ok {
			own = append(own, name)
		}
	}
	slices.Sort(own)
	if diff := cmp.Diff([]string{"head", "layout", "title"}, own); diff != "" {
		t.Errorf("templates of the page (-want +got):\n%s", diff)
	}
	for page, want := range map[string]string{"a": "A*(*)", "b": "B(!)"} {
		var b bytes.Buffer
		if err := layouts[page].Execute(&b, nil); err != nil || b.String() != want {
			t.Errorf("page %s shows %q, %v; want %q", page, b.String(), err, want)
		}
	}
	for name, text := range map[string]string{"no template of the layout": `{{define "other"}}{{end}}`, "a call of nothing": `{{define "title"}}{{template "no"}}{{end}}`} {
		fresh := newSet()
		if _, err := addPage(fresh, trees(fresh), "c", trees(parsed(text))); err == nil {
			t.Errorf("page with %s: no error", name)
		}
	}
}
