package portal

import (
	"errors"
	"net/http"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// welcomePage is a one-time link to choose a first password. Opening it uses nothing up.
func (p *Portal) welcomePage(r *request) error {
	if came, err := r.takeSecret(cookieWelcome, "/welcome", time.Hour); came || err != nil {
		return err
	}
	return p.showWelcome(r, http.StatusOK, r.keptSecret(cookieWelcome), nil)
}

func (p *Portal) showWelcome(r *request, status int, secret string, errs []ui.FieldError) error {
	who, err := p.SignIn.CheckFirstPasswordLink(r.Context(), secret)
	if errors.Is(err, staffkey.ErrExpired) {
		return p.render(r, http.StatusGone, "", ui.LinkProblemPage{Problem: "unknown"})
	}
	if err != nil {
		return err
	}
	page := ui.FirstPasswordPage{PersonName: who.Name, Username: who.Username, Action: "/welcome", Secret: secret}
	page.Alone = policy.PasswordStandsAlone(who)
	page.Errors = errs
	return p.render(r, status, "", page)
}

func (p *Portal) welcome(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	secret, password := r.PostFormValue("link"), r.PostFormValue("password")
	who, err := p.SignIn.UseFirstPasswordLink(r.Context(), r.origin, secret, password)
	if errs := fieldError(err, "password/password.empty", "password.new-empty"); errs != nil {
		return p.showWelcome(r, http.StatusUnprocessableEntity, secret, errs)
	}
	if errors.Is(err, staffkey.ErrExpired) {
		return p.render(r, http.StatusGone, "", ui.LinkProblemPage{Problem: "unknown"})
	}
	if err != nil {
		return err
	}
	// Straight in, as the button says: the password just chosen is checked like any other. It may have to wait like any other, and is stored
	// all the same.
	a, err := p.SignIn.CheckPassword(r.Context(), r.origin, signin.Attempt{}, who.Username, password)
	stored := flash{Kind: "success", ID: "flash.password-set"}
	waits := errors.Is(err, staffkey.ErrThrottled) || errors.Is(err, staffkey.ErrBusy)
	switch {
	case waits:
		minutes := 1
		if refusal := asRefusal(err); refusal != nil {
			minutes, _ = refusal.Message.Args["Count"].(int)
		}
		stored = flash{Kind: "warn", ID: "flash.password-later", Count: &minutes}
	case err != nil:
		return err
	}
	if err := r.setFlash(stored); err != nil {
		return err
	}
	if waits {
		return r.redirect("/signin")
	}
	return p.passedPassword(r, a)
}
