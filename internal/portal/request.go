package portal

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// request is one request with what every handler needs.
type request struct {
	*http.Request
	w http.ResponseWriter
	p *Portal
	// current is the live session; signedIn says whether there is one.
	current  signin.Current
	signedIn bool
	// passive says that nobody asked for it but the browser: see Route.
	passive bool
	origin  staffkey.Origin
	// organisation is that of a person who has given a right password and is not signed in yet: its Local Administrators
	// are whom to ask when the key does not work.
	organisation staffkey.OrganisationID
	// station is the name of the shared station that the browser is, or empty, and stationOf the organisation that it belongs to.
	station   string
	stationOf staffkey.OrganisationID
	// pageAt is the origin of the page whose script sent the request, as it says; "" when it does not.
	pageAt string
	route  Route
	// held is what the budget of bodies keeps for this request, if it keeps anything.
	held held
}

// Names of cookies. Over https they carry the __Host- prefix, which ties them to exactly this host.
const (
	cookieSession = "staffkey-session"
	cookieAttempt = "staffkey-attempt" // a sign-in under way
	cookieOutcome = "staffkey-outcome" // how the latest prompt ended
	cookieDevice  = "staffkey-device"  // keys used in this browser
	cookieFlash   = "staffkey-notice"  // a notice for the next page
	cookieSetUp   = "staffkey-setup"   // the set-up link, out of the address bar
	cookieKept    = "staffkey-kept"    // what was typed and not sent
	cookieTheme   = "staffkey-theme"
	cookieLang    = "staffkey-lang"
)

const deviceLife = 400 * 24 * time.Hour // the longest that browsers keep a cookie (RFC 6265bis §5.5)

func (p *Portal) cookieName(name string) string {
	if p.secure {
		return "__Host-" + name
	}
	return name
}

func (r *request) cookie(name string) string {
	c, err := r.Cookie(r.p.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie sets a cookie until the browser closes, or for life when that is positive. An empty value deletes it.
func (r *request) setCookie(name, value string, life time.Duration) {
	c := &http.Cookie{
		Name: r.p.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: r.p.secure, SameSite: http.SameSiteLaxMode,
	}
	switch {
	case value == "":
		c.MaxAge = -1
	case life > 0:
		c.MaxAge = int(life / time.Second)
	}
	http.SetCookie(r.w, c)
}

// dropCookie deletes a cookie if the browser sent it.
func (r *request) dropCookie(name string) {
	if r.cookie(name) != "" {
		r.setCookie(name, "", 0)
	}
}

// putSealed stores a value in a cookie that the browser can neither read nor change.
func (r *request) putSealed(name string, value any, life time.Duration) error {
	sealed, err := r.seal(name, value)
	if err != nil {
		return err
	}
	r.setCookie(name, sealed, life)
	return nil
}

// seal is a value as it stands in a cookie.
func (r *request) seal(name string, value any) (string, error) {
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false) // nobody reads it as HTML, and what somebody typed would take six times the room
	if err := encoder.Encode(value); err != nil {
		return "", err
	}
	sealed, err := r.p.Sealer.Seal("cookie/"+name, plain.Bytes())
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// openSealed reads what putSealed stored and reports whether there was anything.
func (r *request) openSealed(name string, value any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(r.cookie(name))
	if err != nil || len(raw) == 0 {
		return false
	}
	plain, err := r.p.Sealer.Open("cookie/"+name, raw)
	return err == nil && json.Unmarshal(plain, value) == nil
}

func (r *request) theme() string {
	c, err := r.Cookie(cookieTheme)
	if err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// flash is a notice on its way to the next page.
type flash struct {
	Kind string            `json:"k"`
	ID   string            `json:"i"`
	Args map[string]string `json:"a,omitempty"`
	Undo string            `json:"u,omitempty"`
	// Method is a method that the notice names, in the language of the page.
	Method string `json:"m,omitempty"`
	// Count chooses the plural form, if the notice has one.
	Count *int `json:"n,omitempty"`
}

func (r *request) setFlash(f flash) error { return r.putSealed(cookieFlash, f, 0) }

func (r *request) takeFlash() *ui.Flash {
	var f flash
	// Of a HEAD request nobody would see the notice.
	if r.Method == http.MethodHead || !r.openSealed(cookieFlash, &f) {
		return nil
	}
	r.setCookie(cookieFlash, "", 0)
	shown := &ui.Flash{Kind: f.Kind, Message: ui.Text{ID: f.ID, Args: make(map[string]any, len(f.Args)), Count: f.Count}}
	for k, v := range f.Args {
		shown.Message.Args[k] = v
	}
	if f.Method != "" {
		shown.Message.Args["Method"] = ui.Text{ID: "method." + f.Method + ".name"}
	}
	if f.Undo != "" {
		shown.Undo = &ui.UndoButton{Action: f.Undo, Label: ui.Text{ID: "flash.undo"}}
	}
	return shown
}

// attempt is the sign-in under way in this browser.
func (r *request) attempt() signin.Attempt { return r.p.SignIn.OpenAttempt(r.cookie(cookieAttempt)) }

func (r *request) putAttempt(a signin.Attempt) error {
	sealed, err := r.p.SignIn.SealAttempt(a)
	if err != nil {
		return err
	}
	r.setCookie(cookieAttempt, sealed, 0)
	return nil
}

// device is what a browser remembers of the keys used in it: their ids, and nothing about people.
type device struct {
	Keys []staffkey.SecurityKeyID `json:"k"`
}

const deviceKeys = 8

func (r *request) device() device {
	var d device
	if !r.atStation() {
		r.openSealed(cookieDevice, &d)
	}
	return d
}

func (r *request) rememberKey(id staffkey.SecurityKeyID) error {
	if r.atStation() { // it keeps nothing of people
		return nil
	}
	d := device{Keys: []staffkey.SecurityKeyID{id}}
	for _, k := range r.device().Keys {
		if k != id && len(d.Keys) < deviceKeys {
			d.Keys = append(d.Keys, k)
		}
	}
	return r.putSealed(cookieDevice, d, deviceLife)
}

func (r *request) redirect(path string) error {
	r.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(r.w, r.Request, path, http.StatusSeeOther)
	return nil
}

// wantsJSON tells the page's script from a form.
func (r *request) wantsJSON() bool { return r.Header.Get("Accept") == "application/json" }

// proceed sends the browser on: by JSON for the page's script, by redirect for a form.
func (r *request) proceed(status int, path string) error {
	if !r.wantsJSON() {
		return r.redirect(path)
	}
	return r.writeJSON(status, map[string]string{"next": path})
}

func (r *request) writeJSON(status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	h := r.w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	r.w.WriteHeader(status)
	_, err = r.w.Write(body)
	return err
}

// csvFile begins a file of CSV for the browser to keep, under a name.
func (r *request) csvFile(name string) (*csv.Writer, error) {
	h := r.w.Header()
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	h.Set("Cache-Control", "no-store")
	_, err := io.WriteString(r.w, staffkey.CSVMark)
	return csv.NewWriter(r.w), err
}

// statusError is a request that HTTP itself has a word for.
type statusError struct {
	status int
	reason string
}

func (e *statusError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.reason) }

// isID reports whether a text has the form of an id (RFC 9562 §4): anything else names nothing, and no database is asked.
func isID(s string) bool {
	for i := range len(s) {
		hyphen := i == 8 || i == 13 || i == 18 || i == 23
		if hyphen != (s[i] == '-') || !hyphen && !strings.ContainsRune("0123456789abcdef", rune(s[i])) {
			return false
		}
	}
	return len(s) == 36
}

func (r *request) mediaType() string {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}

// parseForm reads a form; anything else is refused with the status that says so.
func (r *request) parseForm() error {
	if t := r.mediaType(); t != "application/x-www-form-urlencoded" {
		return &statusError{http.StatusUnsupportedMediaType, "form expected"}
	}
	return bodyError(r.ParseForm())
}

func bodyError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return &statusError{http.StatusRequestEntityTooLarge, "body too large"}
	}
	return &statusError{http.StatusBadRequest, "unreadable body"}
}

// readJSON reads one JSON object, and nothing else. A field that is not known is left alone: a newer page may send more.
func (r *request) readJSON(into any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyError(err)
	}
	return bodyError(json.Unmarshal(body, into)) // which refuses anything behind the object
}

// localPath returns a path of this server, or fallback: whatever could leave it is not followed.
func localPath(path, fallback string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") || len(path) > 512 {
		return fallback
	}
	return path
}

// mayTake lets an answer take so long, where everybody is counted. Other answers end after what the server allows.
func (r *request) mayTake(d time.Duration) {
	// Where there is no such limit, as in a test, there is none to move.
	_ = http.NewResponseController(r.w).SetWriteDeadline(time.Now().Add(d))
}

// wholeSeconds rounds a wait up, so that it is over when it says so.
func wholeSeconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
