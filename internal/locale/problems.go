package locale

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Problems lists what is wrong between the languages, for a test of each package that has texts: a message that one
// language lacks, placeholders that are not those of the default language, and plural forms that are not those of the
// language by the rules of CLDR.
func (c *Catalogue) Problems() []string {
	ids := make(map[string]bool)
	plurals := make(map[string]bool)
	for _, t := range c.languages {
		for id, m := range t.messages {
			ids[id] = true
			plurals[id] = plurals[id] || counted(m)
		}
	}
	var problems []string
	for _, lang := range c.Languages() {
		t := c.languages[lang]
		wanted := pluralForms(t.tag)
		for _, id := range slices.Sorted(maps.Keys(ids)) {
			m := t.messages[id]
			if m == nil {
				problems = append(problems, fmt.Sprintf("%s: no message %q", lang, id))
				continue
			}
			if d := c.languages[Default].messages[id]; d != nil {
				if got, want := placeholders(m), placeholders(d); !slices.Equal(got, want) {
					problems = append(problems, fmt.Sprintf("%s: message %q has placeholders %q, want %q", lang, id, got, want))
				}
			}
			if got := slices.Sorted(maps.Keys(forms(m))); plurals[id] && !slices.Equal(got, wanted) {
				problems = append(problems, fmt.Sprintf("%s: message %q has plural forms %q, want %q", lang, id, got, wanted))
			}
		}
	}
	return problems
}

// forms are the texts of a message by plural form; one without plural forms has "other" only.
func forms(m *i18n.Message) map[string]string {
	all := map[string]string{"zero": m.Zero, "one": m.One, "two": m.Two, "few": m.Few, "many": m.Many, "other": m.Other}
	maps.DeleteFunc(all, func(_, text string) bool { return text == "" })
	return all
}

// counted reports whether a message has plural forms.
func counted(m *i18n.Message) bool {
	return m.Zero+m.One+m.Two+m.Few+m.Many != ""
}

// pluralForms lists the forms that whole numbers take in a language. Every form of the languages in CLDR turns up below
// a hundred, save for one that a full million takes.
func pluralForms(tag language.Tag) []string {
	names := map[plural.Form]string{
		plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other",
	}
	found := make(map[string]bool)
	for n := range 100 {
		found[names[plural.Cardinal.MatchPlural(tag, n, 0, 0, 0, 0)]] = true
	}
	found[names[plural.Cardinal.MatchPlural(tag, 1_000_000, 0, 0, 0, 0)]] = true
	return slices.Sorted(maps.Keys(found))
}

var (
	// action matches what the program fills in, and what a page's script fills in: {n}.
	action = regexp.MustCompile(`\{\{[^}]*\}\}|\{\w+\}`)
	// field matches a name in the first kind.
	field = regexp.MustCompile(`\.\w+`)
)

// placeholders lists the names that the texts of a message hold.
func placeholders(m *i18n.Message) []string {
	var names []string
	for _, text := range forms(m) {
		for _, a := range action.FindAllString(text, -1) {
			if strings.HasPrefix(a, "{{") {
				names = append(names, field.FindAllString(a, -1)...)
			} else {
				names = append(names, a)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
