package portal

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// errSignedOut says that a route needs a session and there is none.
var errSignedOut = errors.New("signed out")

// errMustSetUp says that something has to be set up before anything else.
var errMustSetUp = errors.New("policy asks for more to be set up")

// showError is the one place where an error becomes visible. A fault of ours is logged with a code that the page shows;
// everything else is an answer.
func (p *Portal) showError(r *request, err error) {
	status, page := p.errorPage(r, err)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the browser has gone
	}
	if status >= 500 && !errors.Is(err, errCrowded) { // which a flood must not turn into lines of the log, and which no code is given for
		page.SupportCode = cmp.Or(page.SupportCode, staffkey.NewSupportCode())
		p.Log.LogAttrs(r.Context(), slog.LevelError, "request failed", slog.String("route", r.Pattern), slog.String("request", r.origin.RequestID),
			slog.String("code", page.SupportCode), slog.String("actor", string(r.current.Actor.Person)), slog.Any("error", err))
		p.recordFault(r, page)
	}
	if next := p.wayOut(r, err); next != "" {
		if err := r.proceed(http.StatusOK, next); err != nil {
			p.Log.LogAttrs(r.Context(), slog.LevelWarn, "answer not sent", slog.Any("error", err))
		}
		return
	}
	if r.wantsJSON() {
		// The page's script goes to a page that shows the same.
		if flashErr := r.putSealed(cookieOutcome, outcome{Purpose: "error", Status: status, Message: page.Message.ID, Code: page.SupportCode}, 0); flashErr == nil {
			if r.writeJSON(status, map[string]string{"next": "/problem"}) == nil {
				return
			}
		}
	}
	if renderErr := p.render(r, status, "", page); renderErr != nil {
		p.Log.LogAttrs(r.Context(), slog.LevelError, "error page not rendered", slog.Any("error", renderErr))
		writePlain(r.w, http.StatusInternalServerError, "Something went wrong. Look whether your last step is there before you do it again.")
	}
}

// recordFault lets whoever helps find the code of a fault. When the database is at fault, the log alone has it.
func (p *Portal) recordFault(r *request, page ui.ErrorPage) {
	if p.SignIn == nil || page.InLogOnly() {
		return
	}
	actor := r.current.Actor
	actor.Origin = r.origin
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), faultTime)
	defer cancel()
	if err := p.SignIn.RecordFault(ctx, actor, r.current.Person.Organisation, page.Message.ID, page.SupportCode, r.Pattern); err != nil {
		p.Log.LogAttrs(r.Context(), slog.LevelWarn, "fault not recorded", slog.String("code", page.SupportCode), slog.Any("error", err))
	}
}

// faultTime bounds how long an error page waits until its code is recorded.
const faultTime = 2 * time.Second

// wayOut is where to go instead of an error page, or "".
func (p *Portal) wayOut(r *request, err error) string {
	var refusal *staffkey.Refusal
	switch {
	case errors.Is(err, errMustSetUp):
		return "/me/mfa/start"
	case errors.Is(err, errSignedOut) && (r.Method == http.MethodGet || r.wantsJSON()):
		ended, next, _ := p.endedSession(r)
		if ended.Why != "" {
			return endedAddress(ended.Why, next)
		}
		return signInAddress(next)
	case errors.As(err, &refusal) && refusal.Rule == policy.StepUp && r.signedIn:
		// Prove again, and come back to the page that the change is made from.
		back, _, err := r.keepUnsent(r.current.Person.ID)
		p.lost(r, err)
		return "/me/confirm?next=" + url.QueryEscape(cmp.Or(back, "/me/tokens"))
	}
	return ""
}

// endedSession tells of a request without a session how that had ended, if it is known, and where its way leads back to. What was typed is
// kept for whoever typed it.
func (p *Portal) endedSession(r *request) (ended signin.SessionEnd, next string, kept bool) {
	var err error
	if secret := r.cookie(cookieSession); secret != "" {
		ended, err = p.SignIn.HowEnded(r.Context(), secret)
		p.lost(r, err)
	}
	next, kept, err = r.keepUnsent(cmp.Or(ended.Person, r.before()))
	p.lost(r, err)
	if ended.Why != "" && r.atStation() { // the next person is another
		next = ""
	}
	return ended, next, kept
}

// lost notes what a page that refuses does without.
func (p *Portal) lost(r *request, err error) {
	if err != nil {
		p.Log.LogAttrs(r.Context(), slog.LevelWarn, "page goes on without it", slog.Any("error", err))
	}
}

// signInAddress is the sign-in that leads back to a page.
func signInAddress(next string) string {
	if next == "" {
		return "/signin"
	}
	return "/signin?next=" + url.QueryEscape(next)
}

// busyWait is how many seconds a browser is asked to wait when there was no turn.
const busyWait = "5"

// errorPage says what an error means in HTTP and in words.
func (p *Portal) errorPage(r *request, err error) (int, ui.ErrorPage) {
	var status *statusError
	var refusal *staffkey.Refusal
	page := ui.ErrorPage{}
	code := http.StatusInternalServerError
	switch {
	case errors.As(err, &status):
		code = status.status
		page.Message = ui.StatusMessage(code)
	case errors.Is(err, errCrowded):
		r.w.Header().Set("Retry-After", "5")
		code, page.Message = http.StatusServiceUnavailable, ui.Text{ID: "srv.busy"}
	case errors.Is(err, staffkey.ErrUnknownOutcome):
		r.w.Header().Set("Retry-After", "30")
		code, page.Message = http.StatusServiceUnavailable, ui.Text{ID: "srv.unknown"}
	case errors.Is(err, staffkey.ErrUnavailable): // before a refusal, which could not be recorded
		r.w.Header().Set("Retry-After", "30")
		code, page.Message = http.StatusServiceUnavailable, ui.Text{ID: "srv.store"}
	case errors.Is(err, errSignedOut):
		code, page.Message = http.StatusUnauthorized, ui.Text{ID: "ses.lost"}
		page.Action = &ui.Action{Href: "/signin", Label: ui.Text{ID: "signin"}}
		if r.Method != http.MethodGet && !r.wantsJSON() {
			_, next, kept := p.endedSession(r)
			page.Action.Href = signInAddress(next)
			if kept {
				page.Message.ID = "ses.kept"
			}
		}
	case errors.As(err, &refusal):
		code, page.Message, page.SupportCode = http.StatusForbidden, text(refusal.Message), refusal.SupportCode
		switch {
		case errors.Is(err, staffkey.ErrBusy):
			r.w.Header().Set("Retry-After", busyWait)
			code = http.StatusServiceUnavailable
		case errors.Is(err, staffkey.ErrThrottled):
			code = http.StatusTooManyRequests
		case errors.Is(err, staffkey.ErrExpired):
			code = http.StatusGone
		}
		if !p.UI.HasMessage(page.Message.ID) {
			page.Message = ui.StatusMessage(http.StatusForbidden)
		}
		if refusal.Rule == policy.NeedsKey && r.signedIn {
			page.Action = p.keyFirst(r)
		}
	case errors.Is(err, staffkey.ErrNotFound) && r.PathValue("id") != "" && strings.HasPrefix(r.URL.Path, "/me/tokens/"):
		// Most often it was there, before Back or in another tab.
		code, page.Message = http.StatusNotFound, ui.Text{ID: "token.gone"}
		page.Action = &ui.Action{Href: "/me/tokens", Label: ui.Text{ID: "tokens.heading"}}
	case errors.Is(err, staffkey.ErrNotFound):
		code, page.Message = http.StatusNotFound, ui.StatusMessage(http.StatusNotFound)
	case errors.Is(err, staffkey.ErrInvalid):
		code, page.Message = http.StatusBadRequest, ui.StatusMessage(http.StatusBadRequest)
	case errors.Is(err, staffkey.ErrConflict), errors.Is(err, staffkey.ErrExpired):
		code, page.Message = http.StatusConflict, ui.Text{ID: "key.before"}
	case errors.Is(err, staffkey.ErrBusy):
		r.w.Header().Set("Retry-After", busyWait)
		code, page.Message = http.StatusServiceUnavailable, ui.Text{ID: "pw.busy"}
	default:
		page.Message = ui.StatusMessage(code)
	}
	if page.Action == nil {
		page.Action = homeAction(r)
	}
	return code, page
}

// keyFirst leads somebody who has to prove a role by a key to where they can: to the touch of one that they have, and back, or to its
// registration.
func (p *Portal) keyFirst(r *request) *ui.Action {
	mine, err := p.SignIn.Mine(r.Context(), r.current.Actor)
	if err != nil {
		return nil
	}
	if len(mine.Holdings.ActiveKeys()) == 0 {
		return &ui.Action{Href: "/me/tokens/register", Label: ui.Text{ID: "action.register-key"}}
	}
	back := "/ops"
	if r.Method == http.MethodGet {
		back = localPath(r.URL.RequestURI(), back)
	}
	return &ui.Action{Href: "/me/confirm?next=" + url.QueryEscape(back), Label: ui.Text{ID: "action.use-key"}}
}

func homeAction(r *request) *ui.Action {
	if r.signedIn {
		return &ui.Action{Href: "/me", Label: ui.Text{ID: "nav.home"}}
	}
	return &ui.Action{Href: "/signin", Label: ui.Text{ID: "signin"}}
}

// text turns a message of an operation into one that a page shows: the value Count chooses the plural.
func text(m staffkey.Message) ui.Text {
	t := ui.Text{ID: m.ID, Args: m.Args}
	if n, ok := m.Args["Count"].(int); ok {
		t.Count = &n
	}
	return t
}

// fieldError returns the form errors of invalid input, or nil when err is something else. Pairs of "field/message" and
// message say it in the words of one form.
func fieldError(err error, words ...string) []ui.FieldError {
	var invalid *staffkey.InvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	t := text(invalid.Message)
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == invalid.Field+"/"+invalid.Message.ID {
			t.ID = words[i+1]
		}
	}
	return []ui.FieldError{{Field: invalid.Field, Message: t}}
}
