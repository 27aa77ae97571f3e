package portal

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
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
	if status >= 500 && page.SupportCode == "" {
		page.SupportCode = staffkey.NewSupportCode()
	}
	if status >= 500 && !errors.Is(err, errCrowded) { // which a flood must not turn into lines of the log
		p.Log.LogAttrs(r.Context(), slog.LevelError, "request failed", slog.String("route", r.Pattern), slog.String("request", r.origin.RequestID),
			slog.String("code", page.SupportCode), slog.String("actor", string(r.current.Actor.Person)), slog.Any("error", err))
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
		writePlain(r.w, http.StatusInternalServerError, "Something went wrong on our side. Nothing was changed.")
	}
}

// wayOut is where to go instead of an error page, or "".
func (p *Portal) wayOut(r *request, err error) string {
	var refusal *staffkey.Refusal
	switch {
	case errors.Is(err, errMustSetUp):
		return "/me/mfa/start"
	case errors.Is(err, errSignedOut) && (r.Method == http.MethodGet || r.wantsJSON()):
		next := ""
		if r.Method == http.MethodGet {
			next = "?next=" + url.QueryEscape(localPath(r.URL.RequestURI(), "/me"))
		}
		if secret := r.cookie(cookieSession); secret != "" {
			if why, err := p.SignIn.WhyEnded(r.Context(), secret); err == nil && why != "" {
				return "/session-ended?why=" + why
			}
		}
		return "/signin" + next
	case errors.As(err, &refusal) && refusal.Rule == policy.StepUp && r.signedIn:
		// Prove again, and come back to the page that the change is made from.
		back := r.URL.Path
		if from := r.Header.Get("Referer"); r.Method != http.MethodGet {
			if u, err := url.Parse(from); err == nil && u.Host == p.host {
				back = u.RequestURI()
			}
		}
		return "/me/confirm?next=" + url.QueryEscape(localPath(back, "/me/tokens"))
	}
	return ""
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
	case errors.Is(err, staffkey.ErrUnavailable): // before a refusal, which could not be recorded
		r.w.Header().Set("Retry-After", "30")
		code, page.Message = http.StatusServiceUnavailable, ui.Text{ID: "srv.store"}
	case errors.Is(err, errSignedOut):
		code, page.Message = http.StatusUnauthorized, ui.Text{ID: "ses.lost"}
		page.Action = &ui.Action{Href: "/signin", Label: ui.Text{ID: "signin"}}
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
	case errors.Is(err, staffkey.ErrNotFound) && r.PathValue("id") != "" && strings.HasPrefix(r.URL.Path, "/me/tokens/"):
		// Most often it was there, before Back or in another tab.
		code, page.Message = http.StatusNotFound, ui.Text{ID: "token.gone"}
		page.Action = &ui.Action{Href: "/me/tokens", Label: ui.Text{ID: "tokens.heading"}}
	case errors.Is(err, staffkey.ErrNotFound):
		code, page.Message = http.StatusNotFound, ui.StatusMessage(http.StatusNotFound)
	case errors.Is(err, staffkey.ErrInvalid):
		code, page.Message = http.StatusBadRequest, ui.StatusMessage(http.StatusBadRequest)
	case errors.Is(err, staffkey.ErrConflict), errors.Is(err, staffkey.ErrExpired):
		code, page.Message = http.StatusConflict, ui.Text{ID: "key.late"}
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
