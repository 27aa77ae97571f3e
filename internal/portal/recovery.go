package portal

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// Cookies that take the secret of a link out of the address bar, where history and referrers would keep it.
const (
	cookieWelcome = "staffkey-welcome"
	cookieReset   = "staffkey-reset"
	cookieNotMe   = "staffkey-notme"
	cookieOffered = "staffkey-offered"
)

// takeSecret moves the secret of a link from the address into a cookie and reports whether it did: then the browser comes again.
func (r *request) takeSecret(cookie, path string, life time.Duration) (bool, error) {
	secret := r.URL.Query().Get("t")
	if secret == "" {
		return false, nil
	}
	if err := r.putSealed(cookie, clipped(secret, 64), life); err != nil {
		return false, err
	}
	return true, r.redirect(path)
}

func (r *request) keptSecret(cookie string) string {
	var secret string
	r.openSealed(cookie, &secret)
	return secret
}

func (p *Portal) resetAskPage(r *request) error {
	return p.render(r, http.StatusOK, "", ui.ResetAskPage{})
}

// resetAsk takes a wish for a new password. The answer is the same, after the same work, for every name.
func (p *Portal) resetAsk(r *request) error {
	if !p.SignIn.Reaches(staffkey.ChannelEmail) { // the page says so, and who helps
		return r.redirect("/signin/reset")
	}
	if err := r.parseForm(); err != nil {
		return err
	}
	login := strings.TrimSpace(r.PostFormValue("login"))
	err := p.SignIn.AskReset(r.Context(), r.origin, login)
	page := ui.ResetAskPage{Login: shownLogin(login)}
	if errs := fieldError(err); errs != nil {
		page.Errors = errs
		return p.render(r, http.StatusUnprocessableEntity, "", page)
	}
	if refusal := asRefusal(err); refusal != nil {
		page.Errors = []ui.FieldError{{Message: text(refusal.Message)}}
		return p.render(r, refusalStatus(err), "", page)
	}
	if err != nil {
		return err
	}
	return r.redirect("/signin/reset/sent")
}

func (p *Portal) resetSent(r *request) error {
	if !p.SignIn.Reaches(staffkey.ChannelEmail) {
		return r.redirect("/signin/reset")
	}
	return p.render(r, http.StatusOK, "", ui.ResetSentPage{})
}

func (p *Portal) resetPage(r *request) error {
	if came, err := r.takeSecret(cookieReset, "/reset", signin.ResetLinkLife); came || err != nil {
		return err
	}
	return p.showReset(r, http.StatusOK, nil)
}

func (p *Portal) showReset(r *request, status int, errs []ui.FieldError) error {
	who, err := p.SignIn.CheckResetLink(r.Context(), r.keptSecret(cookieReset))
	if errors.Is(err, staffkey.ErrExpired) {
		return p.badLink(r, "reset")
	}
	if err != nil {
		return err
	}
	page := ui.ResetPage{Username: who.Username}
	page.Alone = policy.PasswordStandsAlone(who)
	page.Errors = errs
	return p.render(r, status, "", page)
}

// badLink says that a link does not work any more, and what to do.
func (p *Portal) badLink(r *request, of string) error {
	return p.render(r, http.StatusGone, "", ui.LinkProblemPage{Problem: "unknown", For: of})
}

func (p *Portal) reset(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	_, err := p.SignIn.UseResetLink(r.Context(), r.origin, r.keptSecret(cookieReset), r.PostFormValue("password"))
	if errs := fieldError(err, "password/password.empty", "password.new-empty"); errs != nil {
		return p.showReset(r, http.StatusUnprocessableEntity, errs)
	}
	if errors.Is(err, staffkey.ErrExpired) {
		return p.badLink(r, "reset")
	}
	if err != nil {
		return err
	}
	r.dropCookie(cookieReset)
	r.dropCookie(cookieSession)
	if err := r.setFlash(flash{Kind: "success", ID: "flash.password-changed"}); err != nil {
		return err
	}
	return r.redirect("/signin")
}

func (p *Portal) notMePage(r *request) error {
	if came, err := r.takeSecret(cookieNotMe, "/not-me", time.Hour); came || err != nil {
		return err
	}
	who, notice, err := p.SignIn.CheckNotMeLink(r.Context(), r.keptSecret(cookieNotMe))
	if errors.Is(err, staffkey.ErrExpired) {
		return p.badLink(r, "not-me")
	}
	if err != nil {
		return err
	}
	r.organisation = who.Organisation
	return p.render(r, http.StatusOK, "", ui.NotMePage{Told: p.tellsAdministrators(r, who.Organisation, who.ID), Notice: ui.Text{ID: "notme.about." + notice}, Name: who.Name})
}

func (p *Portal) notMe(r *request) error {
	frozen, err := p.SignIn.FreezeByLink(r.Context(), r.origin, r.keptSecret(cookieNotMe))
	if errors.Is(err, staffkey.ErrExpired) {
		return p.badLink(r, "not-me")
	}
	if err != nil {
		return err
	}
	r.dropCookie(cookieNotMe)
	return p.frozen(r, frozen)
}

// activityNotMe freezes the person's own account because of something in their activity.
func (p *Portal) activityNotMe(r *request) error {
	frozen, err := p.SignIn.FreezeOwn(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	return p.frozen(r, frozen)
}

func (p *Portal) frozen(r *request, f signin.Frozen) error {
	if err := r.putSealed(cookieReference, reference{Code: f.Reference, Undo: f.Undo, Console: f.LastOperator, Organisation: f.Organisation, Told: p.tellsAdministrators(r, f.Organisation, f.Person)}, 10*time.Minute); err != nil {
		return err
	}
	r.dropCookie(cookieSession)
	r.dropCookie(cookieAttempt)
	return r.redirect("/not-me/done")
}

func (p *Portal) notMeDone(r *request) error {
	ref := r.reference()
	if ref.Code == "" {
		return r.redirect("/signin")
	}
	return p.render(r, http.StatusOK, "", ui.NotMeDonePage{Told: ref.Told, Reference: ref.Code, Undo: ref.Undo != "", LastOperator: ref.Console})
}

func (p *Portal) notMeUndo(r *request) error {
	err := p.SignIn.UndoFreeze(r.Context(), r.origin, r.reference().Undo)
	if errors.Is(err, staffkey.ErrExpired) {
		return p.badLink(r, "not-me")
	}
	if err != nil {
		return err
	}
	r.dropCookie(cookieReference)
	return p.render(r, http.StatusOK, "", ui.NotMeUndonePage{})
}

func (p *Portal) virtualDesktop(r *request) error {
	return p.render(r, http.StatusOK, "", ui.VirtualDesktopPage{})
}
