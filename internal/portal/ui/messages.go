package ui

import (
	"embed"
	"html/template"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/bidi"

	texts "staffkey/internal/locale"
)

//go:embed locales/*.toml
var localeFiles embed.FS

// DefaultLanguage is used when a frame names no language or one we do not have.
const DefaultLanguage = texts.Default

// Text is a reference to a message in locales/, filled in when it is shown.
type Text struct {
	// ID is the message id. An id that has two parts, <ID>.title and <ID>.text,
	// stands for both.
	ID string
	// Args fill the placeholders. A string is put in as it is; a Text is
	// resolved first; a time.Time becomes "today 07:12" or "on 3 August".
	Args map[string]any
	// Count chooses the plural form and fills {{.Count}}.
	Count *int
}

// IsZero reports whether t refers to no message.
func (t Text) IsZero() bool { return t.ID == "" }

// Counted is a Text with a count.
func Counted(id string, n int) Text { return Text{ID: id, Count: &n} }

// locale is one language.
type locale struct {
	tag       string
	catalogue *texts.Catalogue
	// plain holds messages without placeholders and plural forms, so that showing
	// one is a look into a map.
	plain map[string]string
	// words are the same as HTML, for the marks of templates.
	words map[string]string
	// others are the languages that a person can change to.
	others []languageName
}

// loadLocales reads every language file.
func loadLocales() (map[string]*locale, error) {
	catalogue, err := texts.Load(localeFiles)
	if err != nil {
		return nil, err
	}
	locales := make(map[string]*locale)
	for _, tag := range catalogue.Languages() {
		l := &locale{tag: tag, catalogue: catalogue, plain: catalogue.Plain(tag), words: make(map[string]string)}
		for id, text := range l.plain {
			l.words[id] = template.HTMLEscapeString(text)
		}
		for _, other := range catalogue.Languages() {
			if other != tag {
				l.others = append(l.others, languageName{other, catalogue.Text(other, "language.name", nil, nil)})
			}
		}
		locales[tag] = l
	}
	return locales, nil
}

// Text returns a message as plain text, with times told relative to UTC now:
// for mails, JSON and logs. Pages show the same messages by themselves.
func (u *UI) Text(lang string, t Text) string {
	return u.locale(lang).text(&Frame{Location: time.UTC}, t)
}

// HasMessage reports whether a message exists, as itself or as a pair of
// <id>.title and <id>.text.
func (u *UI) HasMessage(id string) bool {
	l := u.locale(DefaultLanguage)
	return l.has(id) || l.has(id+".title")
}

// IsPlain reports whether a message has neither placeholders nor plural forms, so that its id says it all.
func (u *UI) IsPlain(id string) bool {
	_, ok := u.locale(DefaultLanguage).plain[id]
	return ok
}

func (l *locale) has(id string) bool {
	_, ok := l.plain[id]
	return ok || l.catalogue.Has(l.tag, id) || l.catalogue.Has(DefaultLanguage, id)
}

// text resolves t. An id that does not exist is shown as it is: a page with one
// odd word is better than no page, and a test looks for it.
func (l *locale) text(f *Frame, t Text) string {
	if s, ok := l.plain[t.ID]; ok {
		return s
	}
	if !l.has(t.ID) {
		return l.pair(f, t)
	}
	data := make(map[string]any, len(t.Args))
	for k, a := range t.Args {
		switch a := a.(type) {
		case Text:
			data[k] = l.text(f, a)
		case time.Time:
			data[k] = l.on(f, a)
		case string:
			data[k] = isolate(a)
		default:
			data[k] = a
		}
	}
	return l.catalogue.Text(l.tag, t.ID, data, t.Count)
}

// pair resolves an id that stands for a title and a text.
func (l *locale) pair(f *Frame, t Text) string {
	title, text := t, t
	title.ID, text.ID = t.ID+".title", t.ID+".text"
	switch {
	case !l.has(title.ID):
		return t.ID
	case !l.has(text.ID):
		return l.text(f, title)
	}
	return l.text(f, title) + ". " + l.text(f, text)
}

// isolate keeps right-to-left words that people typed from turning the sentence
// around them (Unicode Standard Annex #9, section 2.7).
func isolate(s string) string {
	turns := func(r rune) bool {
		if r < 0x0590 {
			return false // Latin, Greek, Cyrillic, Armenian
		}
		p, _ := bidi.LookupString(string(r))
		return slices.Contains([]bidi.Class{
			bidi.R, bidi.AL, bidi.LRO, bidi.RLO, bidi.LRE, bidi.RLE, bidi.PDF,
			bidi.LRI, bidi.RLI, bidi.FSI, bidi.PDI,
		}, p.Class())
	}
	if strings.IndexFunc(s, turns) < 0 {
		return s
	}
	// An unmatched PDI inside s would end the isolation early.
	s = strings.Map(func(r rune) rune {
		if p, _ := bidi.LookupString(string(r)); p.Class() == bidi.PDI {
			return -1
		}
		return r
	}, s)
	return "\u2068" + s + "\u2069"
}
