package ui

import (
	"bytes"
	"html/template"
	"reflect"
	"sync"
	"time"
)

// The sign-in page is built for every single sign-in, and for a visitor who has
// typed nothing yet it differs from the last one in three values only: the code,
// the options and the seal of its ceremony. So it is built once by its template
// for each way it can look, with marks in the place of the values, and cut
// at the marks; after that a page is a matter of copying.

// Marks stand for the values while the template runs. They are of characters
// that no escaping changes.
const (
	markCode    = "mark-5fc1a7c02f6d4f0f-code"
	markOptions = "mark-5fc1a7c02f6d4f0f-options"
	markSealed  = "mark-5fc1a7c02f6d4f0f-sealed"
)

// look is everything else that the page of a visitor shows.
type look struct {
	language, theme, organisation, path string
	ceremony                            Ceremony // without the values
	seenHere, conditional, noMail       bool
	helpdesk                            Contact
}

// marks are in the order in which the page has them.
var marks = [...]string{markCode, markOptions, markSealed}

// cutPage is a page cut at its marks: a piece before each, and the rest.
type cutPage [len(marks) + 1][]byte

// looks keeps the pages that were cut.
type looks struct {
	mu   sync.RWMutex
	cuts map[look]cutPage
}

// mostLooks bounds what is kept. Three themes, and whether a key was used here
// before, make six; more come from a new name of the organisation.
const mostLooks = 32

// lookOf returns how the page of a visitor looks, and false for a page that shows
// anything that only this visitor has.
func lookOf(v *view) (look, bool) {
	p, ok := v.P.(SignInPage)
	if !ok || v.SessionLeft != 0 {
		return look{}, false
	}
	f := *v.F
	p.Key.Code, p.Key.Options, p.Key.Sealed = "", "", ""
	key := look{v.Tag, f.Theme, f.Organisation, f.Path, p.Key, p.SeenHere, p.Conditional, f.NoMail, f.Helpdesk}
	// Whatever is neither in the look nor without effect on this page is this visitor's: a field that is new is among it until it is named here.
	p.Key, p.SeenHere, p.Conditional = Ceremony{}, false, false
	f.Lang, f.Theme, f.Organisation, f.Path, f.NoMail, f.Helpdesk = "", "", "", "", false, Contact{}
	f.Now, f.Location, f.SessionIdle = time.Time{}, nil, 0
	return key, reflect.ValueOf(p).IsZero() && reflect.ValueOf(f).IsZero()
}

// renderFast writes the page of a view to buf, from its cut pieces if it can, and
// reports whether it did. The values stand inside double quotes of an attribute,
// where HTMLEscape makes any text harmless.
func (u *UI) renderFast(buf *bytes.Buffer, tmpl *template.Template, v *view) (bool, error) {
	key, ok := lookOf(v)
	if !ok {
		return false, nil
	}
	u.looks.mu.RLock()
	cut, ok := u.looks.cuts[key]
	u.looks.mu.RUnlock()
	if !ok {
		var err error
		if cut, ok, err = u.cut(tmpl, v, key); err != nil || !ok {
			return false, err
		}
	}
	c := v.P.(SignInPage).Key
	for i, value := range [...]string{c.Code, c.Options, c.Sealed} {
		buf.Write(cut[i])
		template.HTMLEscape(buf, []byte(value))
	}
	buf.Write(cut[len(marks)])
	return true, nil
}

// cut builds a page with marks and keeps its pieces. It reports false when there
// is no more room, or when a mark is not there exactly once.
func (u *UI) cut(tmpl *template.Template, v *view, key look) (cutPage, bool, error) {
	marked, page := *v, v.P.(SignInPage)
	page.Key.Code, page.Key.Options, page.Key.Sealed = markCode, markOptions, markSealed
	marked.P = page
	var buf bytes.Buffer
	if err := tmpl.Execute(texted{&buf, v.words}, &marked); err != nil {
		return cutPage{}, false, err
	}
	rest := buf.Bytes()
	var c cutPage
	for i, mark := range marks {
		var found bool
		if bytes.Count(buf.Bytes(), []byte(mark)) != 1 {
			return cutPage{}, false, nil
		}
		if c[i], rest, found = bytes.Cut(rest, []byte(mark)); !found {
			return cutPage{}, false, nil // not in the order of the marks
		}
	}
	c[len(marks)] = rest
	u.looks.mu.Lock()
	defer u.looks.mu.Unlock()
	if len(u.looks.cuts) >= mostLooks {
		return cutPage{}, false, nil
	}
	u.looks.cuts[key] = c
	return c, true, nil
}
