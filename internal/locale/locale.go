// Package locale holds every text that people read, in every language, for pages and for messages alike. It knows
// message ids, placeholders and plural forms; which language a person reads, and what stands around a text, is decided by
// whoever shows it.
//
// The texts of one language may be spread over several files, one for each part of the product: en.toml and
// recovery.en.toml are both English. A key of a file is a message id, its value a text, or a table of texts, one for each
// plural form that the language has by the rules of CLDR. Placeholders are {{.Name}}.
package locale

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// Default is the language that a text is shown in when there is none in the language asked for. It must be there.
const Default = "en"

// Catalogue is the texts of all languages. It does not change after [Load] and is safe for concurrent use.
type Catalogue struct {
	languages map[string]*texts
}

// texts are those of one language.
type texts struct {
	tag       language.Tag
	localizer *i18n.Localizer
	messages  map[string]*i18n.Message
	// plain holds messages without placeholders and plural forms, which need no work to be shown.
	plain map[string]string
}

// Load reads every *.toml file in files, at any depth. The language of a file is the last part of its name: "cy" for
// cy.toml and for recovery.cy.toml. It fails when a file or a placeholder cannot be read, when two files of one language
// have the same message, and when there is no text in the default language.
func Load(files fs.FS) (*Catalogue, error) {
	bundle := i18n.NewBundle(language.MustParse(Default))
	c := &Catalogue{languages: make(map[string]*texts)}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".toml" {
			return err
		}
		source, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if err := c.add(bundle, path.Base(name), source); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c.languages[Default] == nil {
		return nil, fmt.Errorf("no file of the default language, %q", Default)
	}
	for _, t := range c.languages {
		t.localizer = i18n.NewLocalizer(bundle, t.tag.String())
	}
	return c, nil
}

// add takes the messages of one file in.
func (c *Catalogue) add(bundle *i18n.Bundle, name string, source []byte) error {
	file, err := i18n.ParseMessageFileBytes(source, name, map[string]i18n.UnmarshalFunc{"toml": toml.Unmarshal})
	if err != nil {
		return err
	}
	lang := file.Tag.String()
	t := c.languages[lang]
	if t == nil {
		t = &texts{tag: file.Tag, messages: make(map[string]*i18n.Message), plain: make(map[string]string)}
		c.languages[lang] = t
	}
	for _, m := range file.Messages {
		if t.messages[m.ID] != nil {
			return fmt.Errorf("message %q is in another file of %q too", m.ID, lang)
		}
		t.messages[m.ID] = m
		for form, text := range forms(m) {
			if _, err := template.New(m.ID).Parse(text); err != nil {
				return fmt.Errorf("message %q, form %q: %w", m.ID, form, err)
			}
		}
		if !counted(m) && !strings.Contains(m.Other, "{{") {
			t.plain[m.ID] = m.Other
		}
	}
	return bundle.AddMessages(file.Tag, file.Messages...)
}

// Languages lists the tags of all languages, the default one first.
func (c *Catalogue) Languages() []string {
	others := slices.DeleteFunc(slices.Sorted(maps.Keys(c.languages)), func(lang string) bool { return lang == Default })
	return append([]string{Default}, others...)
}

// Has reports whether there is a message with this id in the language itself.
func (c *Catalogue) Has(lang, id string) bool {
	t := c.languages[lang]
	return t != nil && t.messages[id] != nil
}

// Plain returns the messages that need no work to be shown, by id: those without placeholders and plural forms. Where the
// language has no text, that of the default language stands in. The map is the caller's.
func (c *Catalogue) Plain(lang string) map[string]string {
	all := maps.Clone(c.languages[Default].plain)
	if t := c.languages[lang]; t != nil {
		// A message that is plain in one language only is asked for with Text.
		maps.DeleteFunc(all, func(id, _ string) bool { return t.messages[id] != nil })
		maps.Copy(all, t.plain)
	}
	return all
}

// Text returns a message in a language, one of [Catalogue.Languages], with args in its placeholders. Count, if there is
// one, chooses the plural form and fills {{.Count}}. Where the language has no such text it is that of the default
// language, and the id itself where that has none either: one odd word is better than no page or message.
func (c *Catalogue) Text(lang, id string, args map[string]any, count *int) string {
	for _, lang := range []string{lang, Default} {
		t := c.languages[lang]
		if t == nil || t.messages[id] == nil {
			continue
		}
		if s, ok := t.plain[id]; ok {
			return s
		}
		if s, err := t.fill(id, args, count); err == nil {
			return s
		}
	}
	return id
}

// Number writes a count with its thousands apart, as English and Welsh do: 1,204,000.
func Number(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func (t *texts) fill(id string, args map[string]any, count *int) (string, error) {
	config := &i18n.LocalizeConfig{MessageID: id, TemplateData: args}
	if count != nil {
		with := make(map[string]any, len(args)+1)
		maps.Copy(with, args)
		with["Count"] = Number(*count)
		config.TemplateData, config.PluralCount = with, *count
	}
	return t.localizer.Localize(config)
}
