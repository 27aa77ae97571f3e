// Package ui is everything a browser gets from the portal: page templates, the
// style sheet, the scripts and every text a person reads.
//
// A page is a Go struct of plain values (see the *Page types), so handlers
// decide what to show and this package decides how. It knows nothing of
// requests, storage or rules. Texts live in locales/<language>.toml. Those without
// placeholders and plural forms are put in place of their marks as the page is
// written; only the others are worked out per request.
package ui

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Page is one page of the portal. The implementations are the *Page structs of
// this package; handlers fill one and hand it to [UI.Render] by value.
type Page interface {
	// layout names the template below pages/ without its suffix, and says
	// whether the page uses the wider column of the self-service area.
	layout() (name string, wide bool)
}

// UI renders pages and serves static files. It is safe for concurrent use.
type UI struct {
	languages map[string]*locale
	templates *templates
	static    *staticFiles
	buffers   sync.Pool
	looks     looks
}

// New parses every template, and hashes and compresses the static files. It fails
// when a template is broken, or names a file or a message that does not exist, the
// message in any one of the languages, so such a mistake stops the program at start.
func New() (*UI, error) {
	static, err := loadStatic()
	if err != nil {
		return nil, fmt.Errorf("load static files: %w", err)
	}
	languages, err := loadLocales()
	if err != nil {
		return nil, fmt.Errorf("load messages: %w", err)
	}
	parsed, err := parseTemplates(static, languages)
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	u := &UI{languages: languages, templates: parsed, static: static, looks: looks{cuts: make(map[look]cutPage)}}
	u.buffers.New = func() any { return new(bytes.Buffer) }
	return u, nil
}

// Static serves the files under /static/. Their names carry a hash of their
// content, so browsers may keep them for ever.
func (u *UI) Static() http.Handler { return u.static }

// Render writes page inside frame. The page is built completely before the
// first byte is sent: when it returns an error from building, nothing has been
// written and the caller can still send another page.
//
// The answer is not compressed: it holds sealed values beside text that came
// from the request, which is what BREACH feeds on. Cookies and the content
// security policy are the caller's.
func (u *UI) Render(w http.ResponseWriter, status int, frame Frame, page Page) error {
	l := u.locale(frame.Lang)
	name, wide := page.layout()
	tmpl, ok := u.templates.pages[name]
	if !ok {
		return fmt.Errorf("render %s: no such template", name)
	}
	if frame.Location == nil {
		frame.Location = time.UTC
	}
	v := &view{
		F: &frame, P: page, Tag: l.tag, Wide: wide, locale: l,
		SessionLeft: Milliseconds(frame.sessionLeft()), SessionWarning: Milliseconds(frame.sessionWarning()),
		Light: frame.Theme == "light", Dark: frame.Theme == "dark",
	}
	if p, ok := page.(interface{ fieldErrors() []FieldError }); ok {
		v.Errors = p.fieldErrors()
	}
	buf := u.buffers.Get().(*bytes.Buffer)
	defer u.buffers.Put(buf)
	buf.Reset()
	done, err := u.renderFast(buf, tmpl, v)
	if err == nil && !done {
		err = tmpl.Execute(texted{buf, l.words}, v)
	}
	if err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	carryTyped(buf, &frame)
	return send(w, status, buf.Bytes())
}

// RenderUnsupported writes the plain page for browsers that cannot use the
// portal: under 4 KB, no script, no style sheet, HTML that Internet Explorer
// shows well.
func (u *UI) RenderUnsupported(w http.ResponseWriter, lang string, page UnsupportedPage) error {
	buf := u.buffers.Get().(*bytes.Buffer)
	defer u.buffers.Put(buf)
	buf.Reset()
	l := u.locale(lang)
	if err := u.templates.unsupported.Execute(texted{buf, l.words}, plainPage{page, l.others}); err != nil {
		return fmt.Errorf("render unsupported: %w", err)
	}
	return send(w, http.StatusOK, buf.Bytes())
}

// plainPage is what the template of the plain page sees.
type plainPage struct {
	UnsupportedPage
	Others []languageName
}

// send writes a finished HTML page.
func send(w http.ResponseWriter, status int, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	return nil
}

// locale returns the texts and templates of a language, or of the default one.
func (u *UI) locale(lang string) *locale {
	if l, ok := u.languages[lang]; ok {
		return l
	}
	return u.languages[DefaultLanguage]
}
