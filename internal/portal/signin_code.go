package portal

import (
	"errors"
	"net/http"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// codePage asks for a recovery code as the second proof.
func (p *Portal) codePage(r *request) error { return p.showCode(r, http.StatusOK, nil) }

func (p *Portal) showCode(r *request, status int, errs []ui.FieldError) error {
	return p.secondProof(r, staffkey.MethodRecoveryCode, func(begun signin.Begun) error {
		page := ui.CodePage{Kind: "recovery-code", Action: "/signin/recovery-code", Username: begun.Subject.Person.Username, Sealed: begun.Sealed}
		page.Errors = errs
		if len(begun.Subject.Keys) > 0 {
			page.Options = []ui.OtherOption{{Kind: "key", Href: "/signin/key"}}
		}
		return p.render(r, status, "", page)
	})
}

func (p *Portal) signInCode(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	a := r.attempt()
	if a.Person == "" {
		return r.redirect("/signin")
	}
	if r.PostFormValue("code") == "" {
		return p.showCode(r, http.StatusUnprocessableEntity, []ui.FieldError{{Field: "code", Message: ui.Text{ID: "code.empty"}}})
	}
	answer := signin.Answer{Sealed: r.PostFormValue("ceremony"), Method: staffkey.MethodRecoveryCode, Body: []byte(r.PostFormValue("code"))}
	in, err := p.SignIn.FinishSignIn(r.Context(), r.origin, a, answer, r.current.Session)
	if refusal := asRefusal(err); refusal != nil {
		return p.showCode(r, http.StatusUnauthorized, []ui.FieldError{{Field: "code", Message: codeMessage(refusal)}})
	}
	if err != nil {
		return err
	}
	e, err := p.SignIn.FindEnrolment(r.Context(), staffkey.Actor{Person: in.Person.ID}, staffkey.MethodRecoveryCode)
	if err != nil {
		return err
	}
	if e != nil {
		left := p.SignIn.Remaining(*e)
		if err := r.setFlash(flash{Kind: "warn", ID: "flash.recovery-used", Count: &left}); err != nil {
			return err
		}
	}
	return p.entered(r, in, a.Return)
}

// codeMessage is what a code form says of a refusal; the texts about pages open too long have a shorter form here.
func codeMessage(refusal *staffkey.Refusal) ui.Text {
	if refusal.Message.ID == "key.late" {
		return ui.Text{ID: "code.late"}
	}
	return text(refusal.Message)
}

func asRefusal(err error) *staffkey.Refusal {
	var refusal *staffkey.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return nil
}
