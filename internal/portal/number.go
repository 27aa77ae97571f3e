package portal

import (
	"net/http"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// telephoneMethod is the method of the path, if it sends codes.
func (p *Portal) telephoneMethod(r *request) (staffkey.MethodKind, error) {
	kind, err := r.codeMethod()
	if err == nil && !p.SignIn.Sends(kind) {
		err = staffkey.ErrNotFound
	}
	return kind, err
}

func (p *Portal) numberPage(r *request) error { return p.showNumber(r, http.StatusOK, "", nil) }

func (p *Portal) showNumber(r *request, status int, number string, errs []ui.FieldError) error {
	kind, err := p.telephoneMethod(r)
	if err != nil {
		return err
	}
	// The same question as at the end, so that nobody types a number for nothing.
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, kind, signin.EnrolOptions{Continues: r.PostFormValue("ceremony")})
	if err != nil {
		return err
	}
	page := ui.NumberPage{Kind: optionKind(kind), Number: number, Last2: begun.Last2[kind], Sealed: begun.Sealed}
	page.Errors = errs
	return p.render(r, status, "selfservice", page)
}

func (p *Portal) sendToNumber(r *request) error {
	kind, err := p.telephoneMethod(r)
	if err != nil {
		return err
	}
	if err := r.parseForm(); err != nil {
		return err
	}
	number := r.PostFormValue("number")
	if len(number) > 64 {
		number = number[:64]
	}
	begun := r.PostFormValue("ceremony")
	err = p.SignIn.SendEnrolmentCode(r.Context(), r.current.Actor, kind, number, begun)
	if errs := fieldError(err); errs != nil {
		return p.showNumber(r, http.StatusUnprocessableEntity, number, errs)
	}
	if refusal := asRefusal(err); refusal != nil && refusal.Rule != policy.StepUp {
		e := ui.FieldError{Message: text(refusal.Message)}
		if refusal.Rule == "country" {
			e.Field = "number"
		}
		return p.showNumber(r, changeStatus(err), number, []ui.FieldError{e})
	}
	if err != nil {
		return err
	}
	if err := r.putSealed(cookieNumber, numberBegun{number, begun}, staffkey.EnrolmentLife); err != nil {
		return err
	}
	return r.redirect("/me/mfa/" + optionKind(kind) + "/code")
}

// cookieNumber keeps the number that is being set up, to send its code again.
const cookieNumber = "staffkey-number"

// numberBegun is a number that is being set up, and the sealed enrolment that it was typed for.
type numberBegun struct {
	Number string `json:"n"`
	Begun  string `json:"b"`
}

func (p *Portal) numberCodePage(r *request) error { return p.showNumberCode(r, http.StatusOK, nil) }

func (p *Portal) showNumberCode(r *request, status int, errs []ui.FieldError) error {
	kind, err := p.telephoneMethod(r)
	if err != nil {
		return err
	}
	var typed numberBegun
	r.openSealed(cookieNumber, &typed)
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, kind, signin.EnrolOptions{Continues: typed.Begun})
	if err != nil {
		return err
	}
	pending := ""
	if e := begun.Subject.Enrolment; e != nil {
		pending = p.SignIn.Pending(*e)
	}
	if pending == "" { // nothing waits: confirmed in another tab, or never asked for
		return r.redirect("/me/mfa/" + optionKind(kind))
	}
	path := "/me/mfa/" + optionKind(kind) + "/code"
	page := ui.NumberCodePage{Kind: optionKind(kind), Last2: pending, Sealed: begun.Sealed}
	page.Errors = errs
	again, err := p.resend(r, r.current.Person.ID, kind, path+"/again")
	if err != nil {
		return err
	}
	page.Resend = *again
	return p.render(r, status, "selfservice", page)
}

func (p *Portal) sendToNumberAgain(r *request) error {
	kind, err := p.telephoneMethod(r)
	if err != nil {
		return err
	}
	var typed numberBegun
	if !r.openSealed(cookieNumber, &typed) {
		return r.redirect("/me/mfa/" + optionKind(kind))
	}
	err = p.SignIn.SendEnrolmentCode(r.Context(), r.current.Actor, kind, typed.Number, typed.Begun)
	if refusal := asRefusal(err); refusal != nil && refusal.Rule != policy.StepUp {
		return p.showNumberCode(r, changeStatus(err), []ui.FieldError{{Message: text(refusal.Message)}})
	}
	if err != nil {
		return err
	}
	return r.redirect("/me/mfa/" + optionKind(kind) + "/code")
}

func (p *Portal) enrolNumber(r *request) error {
	kind, err := p.telephoneMethod(r)
	if err != nil {
		return err
	}
	if err := r.parseForm(); err != nil {
		return err
	}
	if r.PostFormValue("code") == "" {
		return p.showNumberCode(r, http.StatusUnprocessableEntity, []ui.FieldError{{Field: "code", Message: ui.Text{ID: "code.empty"}}})
	}
	answer := signin.Answer{Sealed: r.PostFormValue("ceremony"), Method: kind, Body: []byte(r.PostFormValue("code"))}
	done, err := p.SignIn.FinishEnrolment(r.Context(), r.current.Actor, answer)
	if refusal := asRefusal(err); refusal != nil && refusal.Rule != policy.StepUp {
		return p.showNumberCode(r, http.StatusUnprocessableEntity, []ui.FieldError{codeError(refusal)})
	}
	if err != nil {
		return err
	}
	r.dropCookie(cookieNumber)
	e, err := p.SignIn.FindEnrolment(r.Context(), r.current.Actor, kind)
	if err != nil {
		return err
	}
	f := flash{Kind: "success", ID: "flash.number-set-up"}
	if e != nil {
		f.Args = map[string]string{"Last2": p.SignIn.Last2(*e)}
	}
	return p.methodDone(r, done, f)
}
