package portal

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/portal/ui"
)

// kept is what was typed into the form of a page that could not be sent, or is shown again: because its language was changed, its session had
// ended, or its person has to prove who they are. It is in a cookie that the browser cannot read. Passwords and codes are never in it.
type kept struct {
	Path   string     `json:"p"`
	Fields url.Values `json:"f"`
	// Person typed it, and nobody else sees it. Empty when nobody was signed in.
	Person staffkey.PersonID `json:"u,omitempty"`
	// Unsent says that its person pressed a button and nothing came of it, so that they are told that it is there.
	Unsent bool      `json:"s,omitempty"`
	Until  time.Time `json:"t"`
}

// How long it is kept: until the page is shown in the other language, and until its person has signed in again.
const (
	keptForLanguage = 5 * time.Minute
	keptForSignIn   = 30 * time.Minute
)

// Browsers store no cookie above 4,096 bytes (RFC 6265bis §5.6), and proxies take no answer whose headers are longer in all (nginx's
// proxy_buffer_size is a page of memory, 4 kB). Our other headers have less than 1,000.
const (
	mostKept    = 2400 // of a sealed value that is kept
	longestNext = 600  // of the address that an answer with one leads to
)

// cookieWas says who was signed in here before: what somebody has typed in another tab is kept for them.
const cookieWas = "staffkey-was"

type was struct {
	Person staffkey.PersonID `json:"u"`
	Until  time.Time         `json:"t"`
}

// noteWas remembers for a while whose session has ended. A shared station remembers nobody.
func (r *request) noteWas(person staffkey.PersonID) error {
	if person == "" || r.atStation() {
		return nil
	}
	return r.putSealed(cookieWas, was{person, r.p.Now().Add(keptForSignIn)}, keptForSignIn)
}

// before is who was signed in here before, if it is not too long ago.
func (r *request) before() staffkey.PersonID {
	var w was
	if r.atStation() || !r.openSealed(cookieWas, &w) || !r.p.Now().Before(w.Until) {
		return ""
	}
	return w.Person
}

// keep stores what was typed, and reports false when there was nothing or more than a cookie holds.
func (r *request) keep(k kept, life time.Duration) (bool, error) {
	if len(k.Fields) == 0 {
		return false, nil
	}
	k.Until = r.p.Now().Add(life)
	value, err := r.seal(cookieKept, k)
	if err != nil {
		return false, err
	}
	if len(value) > mostKept {
		return false, nil
	}
	r.setCookie(cookieKept, value, life)
	return true, nil
}

// typed reads what a page sends of its form beside its address: see ui/language.go.
func (r *request) typed() (kept, url.Values) {
	k, query := kept{Path: localPath(r.PostFormValue("return"), "/"), Fields: url.Values{}}, url.Values{}
	if r.signedIn {
		k.Person = r.current.Person.ID
	}
	for name, values := range r.PostForm {
		if field, ok := strings.CutPrefix(name, ui.PrefixTyped); ok {
			k.Fields[field] = values
		} else if field, ok := strings.CutPrefix(name, ui.PrefixQuery); ok {
			query[field] = values
		}
	}
	return k, query
}

// keepUnsent keeps what the form of this request holds that its route lets go on, for the person who sent it, and returns the address of the
// page that it stands on, or "" when there is none. A shared station keeps nothing of people.
func (r *request) keepUnsent(of staffkey.PersonID) (page string, is bool, err error) {
	if r.Method == http.MethodGet {
		return localPath(r.URL.RequestURI(), ""), false, nil
	}
	page = r.pageOfForm()
	if page == "" || of == "" || r.atStation() || len(r.route.Keeps) == 0 || r.parseForm() != nil {
		return page, false, nil
	}
	path, _, _ := strings.Cut(page, "?")
	k := kept{Path: path, Fields: url.Values{}, Person: of, Unsent: true}
	for name, values := range r.PostForm {
		if r.route.IsKept(name) {
			k.Fields[name] = values
		}
	}
	is, err = r.keep(k, keptForSignIn)
	return page, is, err
}

// pageOfForm is the address of the page whose form this request is: the one that it says it came from, if that is ours.
func (r *request) pageOfForm() string {
	if u, err := url.Parse(r.Header.Get("Referer")); err == nil && u.Scheme+"://"+u.Host == r.p.Address {
		return localPath(u.RequestURI(), "")
	}
	if r.hasPage() {
		return r.URL.EscapedPath()
	}
	return ""
}

// hasPage reports whether the path of this request is one that can be opened.
func (r *request) hasPage() bool {
	_, pattern, ok := strings.Cut(r.Pattern, " ")
	if !ok {
		pattern = r.Pattern
	}
	return r.p.pages[pattern]
}

// giveKept fills a page with what was typed into it before, once. What somebody typed waits until they have signed in again, and is forgotten
// when somebody else has.
func (r *request) giveKept(f *ui.Frame) {
	var k kept
	if r.Method != http.MethodGet || !r.openSealed(cookieKept, &k) {
		return
	}
	fresh := r.p.Now().Before(k.Until)
	if fresh && k.Person != "" && !r.signedIn {
		return
	}
	same := k.Person == "" || k.Person == r.current.Person.ID
	here := k.Path == r.URL.EscapedPath()
	if fresh && same && k.Person != "" && !here {
		return
	}
	r.setCookie(cookieKept, "", 0)
	if !fresh || !same || !here {
		return
	}
	f.Typed = k.Fields
	if k.Unsent && f.Flash == nil {
		f.Flash = &ui.Flash{Kind: "note", Message: ui.Text{ID: "flash.kept"}}
	}
}
