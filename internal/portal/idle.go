package portal

import (
	"net/http"
	"net/url"
	"time"

	"staffkey/internal/portal/ui"
)

// The end of a session by the clock (F6, F9). A page with somebody's things on it asks before, and goes when the time is over: ui/static/
// session.js keeps the time, and the server's counts.

// sessionEnded says that a session has ended. It ends none: any site can send a browser here. Whoever is signed in is told so, and it is
// no use of the session.
func (p *Portal) sessionEnded(r *request) error {
	if r.signedIn {
		return p.render(r, http.StatusOK, "", ui.SomeoneHerePage{PersonName: r.current.Person.Name})
	}
	page := ui.SessionEndedPage{Reason: r.FormValue("why"), Next: localPath(r.FormValue("next"), "")}
	if page.Reason != "idle" && page.Reason != "limit" {
		page.Reason = "ended"
	}
	if secret := r.cookie(cookieSession); secret != "" {
		ended, err := p.SignIn.HowEnded(r.Context(), secret)
		if err != nil {
			return err
		}
		if err := r.noteWas(ended.Person); err != nil {
			return err
		}
	}
	r.dropCookie(cookieSession)
	if r.atStation() {
		r.dropSitting()
		page.Seconds, page.Next = signedOutSeconds, "" // the next person is another
	}
	return p.render(r, http.StatusOK, "", page)
}

// endedAddress is the page that says how a session ended, and that the way leads back to next.
func endedAddress(why, next string) string {
	query := url.Values{"why": {why}}
	if next != "" {
		query.Set("next", next)
	}
	return "/session-ended?" + query.Encode()
}

// sessionLeft is what a page's script is told of the session: how long it still lasts, and whether nothing makes it last longer.
type sessionLeft struct {
	Left int64 `json:"left"` // milliseconds
	Last bool  `json:"last"`
}

// timeUp is where a page's timer comes when the time of its session is over, and when it is about to ask whether somebody is there. The
// session ends, or the page is told how long it lasts because it was used in another tab.
func (p *Portal) timeUp(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	secret := r.cookie(cookieSession)
	switch {
	case secret == "": // signed out in another tab
		return r.proceed(http.StatusOK, "/signed-out")
	case r.signedIn && r.isOfAnother():
		return r.proceed(http.StatusOK, "/session-ended")
	}
	left, ended, err := p.SignIn.TimeUp(r.Context(), r.origin, secret)
	if err != nil {
		return err
	}
	if left > 0 {
		return r.tellLeft(left)
	}
	r.dropCookie(cookieSession)
	if r.atStation() {
		r.dropSitting()
		return r.proceed(http.StatusOK, endedAddress(ended.Why, ""))
	}
	if r.PostFormValue("return") == "" {
		return r.proceed(http.StatusOK, endedAddress(ended.Why, ""))
	}
	// The page sends what its person was typing.
	k, query := r.typed()
	if k.Person, k.Unsent = ended.Person, true; k.Person != "" {
		if _, err := r.keep(k, keptForSignIn); err != nil {
			return err
		}
	}
	return r.proceed(http.StatusOK, endedAddress(ended.Why, addressOf(k.Path, query)))
}

// stay answers somebody who wants to stay signed in. That they asked is what makes the session last.
func (p *Portal) stay(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	if r.isOfAnother() {
		return r.proceed(http.StatusOK, "/session-ended")
	}
	return r.tellLeft(r.current.Session.EndsAt().Sub(p.Now()))
}

// isOfAnother reports a page that was made for another person than the one who is signed in now: it must not stay on the screen.
func (r *request) isOfAnother() bool {
	of := r.PostFormValue("of")
	return of != "" && of != string(r.current.Person.ID)
}

func (r *request) tellLeft(left time.Duration) error {
	if !r.wantsJSON() { // nobody comes here without the script
		return r.redirect("/session-ended")
	}
	s := r.current.Session
	return r.writeJSON(http.StatusOK, sessionLeft{ui.Milliseconds(left), s.EndsAt().Equal(s.ExpiresAt)})
}
