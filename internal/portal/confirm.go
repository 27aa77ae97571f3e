package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// cookieReturn holds where a confirmation leads back to, while prompts come and go.
const cookieReturn = "staffkey-return"

// confirmPage asks a person to prove again that it is them, before a change (F10).
func (p *Portal) confirmPage(r *request) error {
	next := localPath(r.FormValue("next"), "/me/tokens")
	if err := r.putSealed(cookieReturn, next, signin.AttemptLife); err != nil {
		return err
	}
	return p.showConfirm(r, http.StatusOK, next, nil)
}

func (r *request) confirmedNext() string {
	var next string
	r.openSealed(cookieReturn, &next)
	return localPath(next, "/me/tokens")
}

func (p *Portal) showConfirm(r *request, status int, next string, errs []ui.FieldError) error {
	begun, err := p.SignIn.BeginStepUp(r.Context(), r.current.Actor, staffkey.MethodSecurityKey)
	if err != nil {
		return err
	}
	page := ui.ConfirmPage{
		Reason: confirmReason(next), Username: r.current.Person.Username, Tokens: p.tokenRows(r, begun.Subject.Keys),
		Ceremony: confirmCeremony(begun), Next: next, Cancel: cancelOf(next),
	}
	// Where there is a key, a weaker proof does not open a change of methods, so none is offered.
	if len(page.Tokens) == 0 {
		page.Options = p.options("/me/confirm", begun)
		page.Password = len(page.Options) == 0
	}
	page.Errors = errs
	return p.render(r, status, "selfservice", page)
}

func confirmCeremony(begun signin.Begun) ui.Ceremony {
	return ui.Ceremony{
		Kind: "get", Action: "/me/confirm/key", Outcome: "/me/confirm/outcome", Refresh: "/me/confirm/options", Step: "confirm",
		Options: string(begun.Options), Sealed: begun.Sealed, Code: begun.Code,
	}
}

func confirmReason(next string) ui.Text {
	switch {
	case strings.HasPrefix(next, "/me/tokens/register"), strings.HasSuffix(next, "/replace"):
		return ui.Text{ID: "confirm.reason.register"}
	case strings.HasSuffix(next, "/remove"):
		return ui.Text{ID: "confirm.reason.remove"}
	case strings.HasPrefix(next, "/me/recovery-codes"):
		return ui.Text{ID: "confirm.reason.recovery-codes"}
	case strings.HasPrefix(next, "/me/mfa"):
		return ui.Text{ID: "confirm.reason.methods"}
	case strings.HasPrefix(next, "/me/password"):
		return ui.Text{ID: "confirm.reason.password"}
	case strings.HasSuffix(next, "/found"):
		return ui.Text{ID: "confirm.reason.found"}
	}
	return ui.Text{ID: "confirm.text"}
}

// cancelOf is a page that does not ask for the proof again.
func cancelOf(next string) string {
	if strings.HasPrefix(next, "/me/tokens") {
		return "/me/tokens"
	}
	return "/me/self-service"
}

func (p *Portal) confirmOptions(r *request) error {
	begun, err := p.SignIn.BeginStepUp(r.Context(), r.current.Actor, staffkey.MethodSecurityKey)
	if err != nil {
		return err
	}
	return r.writeOptions(confirmCeremony(begun))
}

func (p *Portal) confirmKey(r *request) error {
	answer, token, noScript, err := r.readAnswer()
	if err != nil {
		return err
	}
	if noScript {
		return p.promptEnded(r, "confirm", signin.Prompt{Name: "nojs", Token: token})
	}
	in, err := p.SignIn.FinishStepUp(r.Context(), r.current.Actor, answer, r.current.Session)
	if isLate(err) && p.SignIn.CeremonyPerson(answer.Sealed) == r.current.Person.ID {
		return r.proceed(http.StatusOK, r.confirmedNext()) // proved in another tab; where it leads asks again when that is too long ago
	}
	if err != nil {
		return p.refused(r, "confirm", token, "", "/me/outcome", err)
	}
	return p.confirmed(r, in)
}

func (p *Portal) confirmed(r *request, in signin.SignedIn) error {
	next := r.confirmedNext()
	r.dropCookie(cookieReturn)
	return p.entered(r, in, next)
}

func (p *Portal) confirmPromptEnded(r *request) error {
	prompt, err := r.readPrompt()
	if err != nil {
		return err
	}
	return p.promptEnded(r, "confirm", prompt)
}

// confirmPassword proves it again by password, for a person who has nothing stronger.
func (p *Portal) confirmPassword(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	next := localPath(r.PostFormValue("next"), "/me/tokens")
	in, err := p.SignIn.StepUpWithPassword(r.Context(), r.current.Actor, r.PostFormValue("password"), r.current.Session)
	refusal := asRefusal(err)
	switch {
	case refusal != nil && errors.Is(err, staffkey.ErrThrottled):
		return p.showConfirm(r, http.StatusTooManyRequests, next, []ui.FieldError{{Message: text(refusal.Message)}})
	case refusal != nil:
		return p.showConfirm(r, http.StatusUnprocessableEntity, next, []ui.FieldError{{Field: "password", Message: ui.Text{ID: "confirm.wrong"}}})
	case err != nil:
		return err
	}
	return p.entered(r, in, next)
}

func (p *Portal) confirmCodePage(r *request) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	return p.showConfirmCode(r, http.StatusOK, kind, nil)
}

func (p *Portal) showConfirmCode(r *request, status int, kind staffkey.MethodKind, errs []ui.FieldError) error {
	begun, err := p.SignIn.BeginStepUp(r.Context(), r.current.Actor, kind)
	if err != nil {
		return err
	}
	path := "/me/confirm/" + optionKind(kind)
	page := ui.CodePage{Kind: optionKind(kind), Action: path, Username: r.current.Person.Username, Sealed: begun.Sealed, Last2: begun.Last2[kind]}
	page.Errors = errs
	if page.Resend, err = p.resend(r, r.current.Person.ID, kind, path+"/send"); err != nil {
		return err
	}
	return p.render(r, status, "selfservice", page)
}

// confirmSend sends a code for a confirmation.
func (p *Portal) confirmSend(r *request) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	err = p.SignIn.SendStepUpCode(r.Context(), r.current.Actor, kind)
	if refusal := asRefusal(err); refusal != nil {
		return p.showConfirmCode(r, changeStatus(err), kind, []ui.FieldError{{Message: text(refusal.Message)}})
	}
	if err != nil {
		return err
	}
	return r.redirect("/me/confirm/" + optionKind(kind))
}

func (p *Portal) confirmCode(r *request) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	if err := r.parseForm(); err != nil {
		return err
	}
	if r.PostFormValue("code") == "" {
		return p.showConfirmCode(r, http.StatusUnprocessableEntity, kind, []ui.FieldError{{Field: "code", Message: ui.Text{ID: "code.empty"}}})
	}
	answer := signin.Answer{Sealed: r.PostFormValue("ceremony"), Method: kind, Body: []byte(r.PostFormValue("code"))}
	in, err := p.SignIn.FinishStepUp(r.Context(), r.current.Actor, answer, r.current.Session)
	if refusal := asRefusal(err); refusal != nil {
		return p.showConfirmCode(r, changeStatus(err), kind, []ui.FieldError{codeError(refusal)})
	}
	if err != nil {
		return err
	}
	return p.confirmed(r, in)
}

// confirmOutcome offers the next step of a confirmation.
func (p *Portal) confirmOutcome(r *request, o outcome, page *ui.OutcomePage) error {
	begun, err := p.SignIn.BeginStepUp(r.Context(), r.current.Actor, staffkey.MethodSecurityKey)
	if err != nil {
		return err
	}
	again := "/me/confirm?next=" + url.QueryEscape(r.confirmedNext())
	page.Username, page.StartAgain, page.ChooseAnother = r.current.Person.Username, again, again
	page.Cancel, page.Tokens = cancelOf(r.confirmedNext()), p.tokenRows(r, begun.Subject.Keys)
	if mayRetry(o.Message) {
		c := confirmCeremony(begun)
		page.Retry, page.RetryToken = &c, p.tokenRow(r, begun.Subject.Keys, o.Token)
	}
	return nil
}
