package locale_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"staffkey/internal/locale"
)

func files(texts map[string]string) fstest.MapFS {
	all := make(fstest.MapFS)
	for name, text := range texts {
		all[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return all
}

func load(t *testing.T, texts map[string]string) *locale.Catalogue {
	t.Helper()
	c, err := locale.Load(files(texts))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	english = `
"hello" = "Hello"
"only.english" = "Only here"
"greet" = "Hello {{.Name}}"
"keys" = { one = "{{.Count}} key of {{.Name}}", other = "{{.Count}} keys of {{.Name}}" }
`
	welsh = `
"hello" = "Helo"
"greet" = "Helo {{.Name}}"
"keys" = { zero = "dim allweddi gan {{.Name}}", one = "{{.Count}} allwedd gan {{.Name}}", two = "{{.Count}} allwedd gan {{.Name}} (dwy)", few = "{{.Count}} allwedd gan {{.Name}} (tair)", many = "{{.Count}} allwedd gan {{.Name}} (chwe)", other = "{{.Count}} o allweddi gan {{.Name}}" }
`
)

func TestText(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"locales/en.toml": english, "locales/cy.toml": welsh, "locales/more.cy.toml": `"more" = "Mwy"`, "locales/more.en.toml": `"more" = "More"`})
	name := map[string]any{"Name": "Siân"}
	tests := []struct {
		name, lang, id string
		args           map[string]any
		count          *int
		want           string
	}{
		{"plain", "en", "hello", nil, nil, "Hello"},
		{"plain in the other language", "cy", "hello", nil, nil, "Helo"},
		{"a second file of a language", "cy", "more", nil, nil, "Mwy"},
		{"argument", "cy", "greet", name, nil, "Helo Siân"},
		{"not in this language", "cy", "only.english", nil, nil, "Only here"},
		{"language that is not there", "fr", "greet", name, nil, "Hello Siân"},
		{"no such message", "cy", "no.such", nil, nil, "no.such"},
		{"one", "en", "keys", name, new(1), "1 key of Siân"},
		{"other", "en", "keys", name, new(2), "2 keys of Siân"},
		{"zero in Welsh", "cy", "keys", name, new(0), "dim allweddi gan Siân"},
		{"one in Welsh", "cy", "keys", name, new(1), "1 allwedd gan Siân"},
		{"two in Welsh", "cy", "keys", name, new(2), "2 allwedd gan Siân (dwy)"},
		{"few in Welsh", "cy", "keys", name, new(3), "3 allwedd gan Siân (tair)"},
		{"many in Welsh", "cy", "keys", name, new(6), "6 allwedd gan Siân (chwe)"},
		{"other in Welsh", "cy", "keys", name, new(4), "4 o allweddi gan Siân"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := c.Text(tt.lang, tt.id, tt.args, tt.count); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestText_leaves_the_arguments_alone(t *testing.T) {
	t.Parallel()
	args := map[string]any{"Name": "Siân"}
	load(t, map[string]string{"en.toml": english}).Text("en", "keys", args, new(2))
	if diff := cmp.Diff(map[string]any{"Name": "Siân"}, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestText_without_a_plural_form_is_that_of_the_default_language(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"en.toml": english, "cy.toml": `"keys" = { one = "{{.Count}} allwedd gan {{.Name}}", other = "{{.Count}} o allweddi gan {{.Name}}" }`})
	if got, want := c.Text("cy", "keys", map[string]any{"Name": "Siân"}, new(2)), "2 keys of Siân"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHasAndLanguages(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"cy.toml": welsh, "en.toml": english, "README.md": "no messages"})
	if diff := cmp.Diff([]string{"en", "cy"}, c.Languages()); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
	for _, tt := range []struct {
		lang, id string
		want     bool
	}{{"en", "keys", true}, {"cy", "keys", true}, {"cy", "only.english", false}, {"fr", "keys", false}, {"en", "no.such", false}} {
		if got := c.Has(tt.lang, tt.id); got != tt.want {
			t.Errorf("Has(%q, %q) = %v, want %v", tt.lang, tt.id, got, tt.want)
		}
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	c := load(t, map[string]string{"en.toml": english + `"here" = "here"`, "cy.toml": welsh + `"here" = "yn {{.Place}}"`})
	if diff := cmp.Diff(map[string]string{"hello": "Hello", "only.english": "Only here", "here": "here"}, c.Plain("en")); diff != "" {
		t.Errorf("English (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"hello": "Helo", "only.english": "Only here"}, c.Plain("cy")); diff != "" {
		t.Errorf("Welsh (-want +got):\n%s", diff)
	}
}

func TestLoad_refuses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no default language":       {map[string]string{"cy.toml": welsh}, "default language"},
		"a message in two files":    {map[string]string{"en.toml": english, "more.en.toml": `"hello" = "Hi"`}, `"hello"`},
		"a file that is no TOML":    {map[string]string{"en.toml": `hello`}, "en.toml"},
		"a language that is none":   {map[string]string{"en.toml": english, "x-y-z-.toml": `"hello" = "x"`}, "x-y-z-.toml"},
		"a placeholder left open":   {map[string]string{"en.toml": `"greet" = "Hello {{.Name}"`}, `"greet"`},
		"one left open in a plural": {map[string]string{"en.toml": `"keys" = { one = "{{.Count", other = "{{.Count}}" }`}, `"one"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := locale.Load(files(tt.files)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one about %s", err, tt.want)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	const six = `{ zero = "{{.Count}}", one = "{{.Count}}", two = "{{.Count}}", few = "{{.Count}}", many = "{{.Count}}", other = "{{.Count}}" }`
	for name, tt := range map[string]struct {
		english, welsh string
		want           []string
	}{
		"none": {
			`"a" = "A {{.X}} {n}"` + "\n" + `"n" = { one = "{{.Count}}", other = "{{.Count}}" }`,
			`"a" = "{{if .X}}{{.X}}{{end}} {n} Â"` + "\n" + `"n" = ` + six, nil,
		},
		"missing in one language": {
			`"a" = "A"`, `"b" = "B"`, []string{`en: no message "b"`, `cy: no message "a"`},
		},
		"other placeholders": {
			`"a" = "{{.X}}"` + "\n" + `"n" = "{n} of {max}"`, `"a" = "{{.Y}}"` + "\n" + `"n" = "{n}"`,
			[]string{`cy: message "a" has placeholders [".Y"], want [".X"]`, `cy: message "n" has placeholders ["{n}"], want ["{max}" "{n}"]`},
		},
		"too few plural forms": {
			`"n" = { one = "{{.Count}}", other = "{{.Count}}" }`, `"n" = { one = "{{.Count}}", other = "{{.Count}}" }`,
			[]string{`cy: message "n" has plural forms ["one" "other"], want ["few" "many" "one" "other" "two" "zero"]`},
		},
		"a form that the language has not": {
			`"n" = ` + six, `"n" = ` + six,
			[]string{`en: message "n" has plural forms ["few" "many" "one" "other" "two" "zero"], want ["one" "other"]`},
		},
		"plural in one language only": {
			`"n" = { one = "{{.Count}}", other = "{{.Count}}" }`, `"n" = "{{.Count}}"`,
			[]string{`cy: message "n" has plural forms ["other"], want ["few" "many" "one" "other" "two" "zero"]`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := load(t, map[string]string{"en.toml": tt.english, "cy.toml": tt.welsh}).Problems()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
