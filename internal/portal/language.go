package portal

import (
	"net/http"
	"net/url"
	"slices"
	"sync"

	"golang.org/x/text/language"

	"staffkey/internal/portal/ui"
)

// languages are those that there are texts in, the default one first.
type languages struct {
	tags    []string
	matcher language.Matcher
	accepts *accepts
}

// accepts remembers what was found for the headers of browsers.
type accepts struct {
	mu    sync.Mutex
	known map[string]string
}

func languagesOf(pages *ui.UI) languages {
	l := languages{tags: pages.Languages(), accepts: &accepts{known: make(map[string]string)}}
	tags := make([]language.Tag, len(l.tags))
	for i, tag := range l.tags {
		tags[i] = language.Make(tag)
	}
	l.matcher = language.NewMatcher(tags)
	return l
}

func (l languages) has(lang string) bool { return slices.Contains(l.tags, lang) }

// lang is the language of the page that answers: the one chosen in this browser, then the person's, then what the browser
// asks for. At a shared station the person's comes first: what somebody before them chose there is not their choice.
func (r *request) lang() string {
	l := r.p.languages
	var choices [2]string
	if c, err := r.Cookie(cookieLang); err == nil {
		choices[0] = c.Value
	}
	if r.signedIn {
		choices[1] = r.current.Person.Language
	}
	if r.station != "" {
		slices.Reverse(choices[:])
	}
	for _, choice := range choices {
		if l.has(choice) {
			return choice
		}
	}
	return l.match(r.Header.Get("Accept-Language"))
}

// maxAccepts bounds how many headers are remembered; there are a few dozen in a federation.
const maxAccepts = 1000

// match finds the language for what a browser accepts. Every request asks, and reading the header takes longer than most pages.
func (l languages) match(accepts string) string {
	l.accepts.mu.Lock()
	tag, ok := l.accepts.known[accepts]
	l.accepts.mu.Unlock()
	if ok {
		return tag
	}
	_, i := language.MatchStrings(l.matcher, accepts)
	if len(accepts) <= 200 { // nobody's browser sends more
		l.accepts.mu.Lock()
		defer l.accepts.mu.Unlock()
		if len(l.accepts.known) >= maxAccepts {
			clear(l.accepts.known)
		}
		l.accepts.known[accepts] = l.tags[i]
	}
	return l.tags[i]
}

// asksLanguage reports whether the address of a page says its language: a link from elsewhere, which may say it of any page.
func (r *request) asksLanguage() bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.p.languages.has(r.URL.Query().Get("lang"))
}

// changeLanguage shows a visitor our pages in the language that the address says, and sends the browser to the same address without it.
// Of somebody who is signed in we know the language: they change it by a form, and a link changes nothing.
func (p *Portal) changeLanguage(r *request) error {
	query := r.URL.Query()
	if !r.signedIn {
		r.rememberLanguage(query.Get("lang"))
	}
	query.Del("lang")
	return r.redirect(addressOf(r.URL.EscapedPath(), query))
}

// setLanguage changes the language of a page: what its form showed as typed is kept for the page at the address of the
// form, in a cookie that the browser cannot read. See ui/language.go for what it sends.
func (p *Portal) setLanguage(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	lang := r.PostFormValue("lang")
	if !p.languages.has(lang) {
		return &statusError{http.StatusBadRequest, "no such language"}
	}
	if err := p.noteLanguage(r, lang); err != nil {
		return err
	}
	kept, query := r.typed()
	next := addressOf(kept.Path, query)
	if len(next) > longestNext {
		next = kept.Path
	}
	if _, err := r.keep(kept, keptForLanguage); err != nil {
		return err
	}
	return r.redirect(next)
}

// noteLanguage remembers a choice in the browser and, if somebody is signed in, with the person.
func (p *Portal) noteLanguage(r *request, lang string) error {
	r.rememberLanguage(lang)
	if !r.signedIn || r.current.Person.Language == lang {
		return nil
	}
	return p.Directory.SetLanguage(r.Context(), r.current.Actor, lang)
}

func (r *request) rememberLanguage(lang string) {
	http.SetCookie(r.w, &http.Cookie{
		Name: cookieLang, Path: "/", Value: lang, MaxAge: int(deviceLife.Seconds()), HttpOnly: true, Secure: r.p.secure, SameSite: http.SameSiteLaxMode,
	})
}

// addressOf puts a path of this server and a query together.
func addressOf(path string, query url.Values) string {
	path = localPath(path, "/")
	if len(query) == 0 {
		return path
	}
	return path + "?" + query.Encode()
}

// placeOf tells a frame the address of its page and what belongs to a change of its language.
func (r *request) placeOf(f *ui.Frame) {
	f.Lang, f.Posted = r.lang(), r.Method == http.MethodPost
	r.giveKept(f)
	f.Path = r.URL.EscapedPath()
	if !f.Posted {
		query := r.URL.Query()
		query.Del("lang")
		f.Query = query.Encode()
		return
	}
	if !r.hasPage() {
		f.Path = "/" // nothing to see there without a form
	}
}
