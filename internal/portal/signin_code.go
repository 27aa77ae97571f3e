package portal

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// The methods that are a code to type, by their name in paths. Which of them a person has, and whether policy lets them count, the
// operations ask.
var codeMethods = []struct {
	name  string
	kind  staffkey.MethodKind
	sends bool
}{
	{"app-code", staffkey.MethodTOTP, false},
	{"text", staffkey.MethodTextMessage, true},
	{"phone", staffkey.MethodPhoneCall, true},
	{"recovery-code", staffkey.MethodRecoveryCode, false},
	{"pass", staffkey.MethodPass, false},
}

// codeMethod is the method of the path.
func (r *request) codeMethod() (staffkey.MethodKind, error) {
	for part := range strings.SplitSeq(r.URL.Path, "/") {
		for _, m := range codeMethods {
			if m.name == part {
				return m.kind, nil
			}
		}
	}
	return "", staffkey.ErrNotFound
}

// optionKind is a method's name in pages and paths.
func optionKind(kind staffkey.MethodKind) string {
	for _, m := range codeMethods {
		if m.kind == kind {
			return m.name
		}
	}
	return strings.ReplaceAll(string(kind), "_", "-")
}

// options are the ways besides a key: links, and buttons where a code is sent first. Numbers are told by their last digits.
func (p *Portal) options(base string, begun signin.Begun) []ui.OtherOption {
	list := make([]ui.OtherOption, 0, len(begun.Others))
	for _, kind := range begun.Others {
		o := ui.OtherOption{Kind: optionKind(kind), Href: base + "/" + optionKind(kind), Last2: begun.Last2[kind]}
		if p.SignIn.Sends(kind) {
			if !p.SignIn.CanSend(kind) {
				continue
			}
			o.Post, o.Href = true, o.Href+"/send"
		}
		list = append(list, o)
	}
	return list
}

// optionsBut leaves one method out: the one that is being used.
func (p *Portal) optionsBut(base string, begun signin.Begun, kind staffkey.MethodKind) []ui.OtherOption {
	list := p.options(base, begun)
	return slices.DeleteFunc(list, func(o ui.OtherOption) bool { return o.Kind == optionKind(kind) })
}

// resend is the button that sends a code again, with how the last one fares.
func (p *Portal) resend(r *request, person staffkey.PersonID, kind staffkey.MethodKind, action string) (*ui.Resend, error) {
	if !p.SignIn.Sends(kind) {
		return nil, nil
	}
	d, wait, err := p.SignIn.Delivery(r.Context(), person, kind)
	if err != nil {
		return nil, err
	}
	again := &ui.Resend{Action: action, Wait: wholeSeconds(wait)}
	if d.State != "" {
		again.State = ui.Text{ID: "code.state." + string(d.State)}
	}
	return again, nil
}

// codePage asks for a code as the second proof.
func (p *Portal) codePage(r *request) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	if kind == staffkey.MethodPass && r.attempt().Person == "" {
		return p.showPass(r, http.StatusOK, ui.PassPage{})
	}
	return p.showCode(r, http.StatusOK, kind, nil)
}

func (p *Portal) showCode(r *request, status int, kind staffkey.MethodKind, errs []ui.FieldError) error {
	return p.secondProof(r, kind, func(begun signin.Begun) error {
		path := "/signin/" + optionKind(kind)
		page := ui.CodePage{
			Kind: optionKind(kind), Action: path, Username: begun.Subject.Person.Username, Sealed: begun.Sealed, Last2: begun.Last2[kind],
			Options: p.optionsBut("/signin", begun, kind),
		}
		page.Errors = errs
		if begun.HasKey {
			page.Options = append([]ui.OtherOption{{Kind: "key", Href: "/signin/key"}}, page.Options...)
		}
		var err error
		if page.Resend, err = p.resend(r, begun.Subject.Person.ID, kind, path+"/send"); err != nil {
			return err
		}
		return p.render(r, status, "", page)
	})
}

// sendCode sends a code for the second proof and goes to the page that asks for it.
func (p *Portal) sendCode(r *request) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	a := r.attempt()
	if a.Person == "" {
		return r.redirect("/signin")
	}
	err = p.SignIn.SendCode(r.Context(), a, r.origin, kind)
	if refusal := asRefusal(err); refusal != nil {
		return p.showCode(r, refusalStatus(err), kind, []ui.FieldError{{Message: text(refusal.Message)}})
	}
	if err != nil {
		return err
	}
	return r.redirect("/signin/" + optionKind(kind))
}

// changeStatus is how HTTP calls a refusal on a form of somebody who is signed in.
func changeStatus(err error) int {
	if errors.Is(err, staffkey.ErrThrottled) {
		return http.StatusTooManyRequests
	}
	return http.StatusUnprocessableEntity
}

// refusalStatus is how HTTP calls a refusal on a sign-in form that is shown again.
func refusalStatus(err error) int {
	if errors.Is(err, staffkey.ErrThrottled) {
		return http.StatusTooManyRequests
	}
	return http.StatusUnauthorized
}

func (p *Portal) signInCode(r *request) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	if err := r.parseForm(); err != nil {
		return err
	}
	a := r.attempt()
	if a.Person == "" {
		switch {
		case r.signedIn: // in another tab, since this form was shown
			return p.alreadyIn(r, p.SignIn.CeremonyPerson(r.PostFormValue("ceremony")) == r.current.Person.ID || r.isMyName(r.PostFormValue("username")), "")
		case kind == staffkey.MethodPass:
			return p.signInPass(r)
		}
		return r.redirect("/signin")
	}
	if r.PostFormValue("code") == "" {
		return p.showCode(r, http.StatusUnprocessableEntity, kind, []ui.FieldError{{Field: "code", Message: ui.Text{ID: "code.empty"}}})
	}
	answer := signin.Answer{Sealed: r.PostFormValue("ceremony"), Method: kind, Body: []byte(r.PostFormValue("code"))}
	in, err := p.SignIn.FinishSignIn(r.Context(), r.origin, a, answer, r.current.Session)
	if refusal := asRefusal(err); refusal != nil {
		if in.Person.ID != "" && isOfPerson(refusal) {
			return p.lockedOut(r, in.Person, refusal)
		}
		return p.showCode(r, refusalStatus(err), kind, []ui.FieldError{codeError(refusal)})
	}
	if err != nil {
		return err
	}
	if err := p.flashOfCode(r, in, kind); err != nil {
		return err
	}
	return p.entered(r, in, a.Return)
}

// flashOfCode says after a sign-in what the person should know of it: how many recovery codes are left, or that they came in without
// their key.
func (p *Portal) flashOfCode(r *request, in signin.SignedIn, kind staffkey.MethodKind) error {
	if kind == staffkey.MethodRecoveryCode {
		e, err := p.SignIn.FindEnrolment(r.Context(), staffkey.Actor{Person: in.Person.ID}, kind)
		if err != nil || e == nil {
			return err
		}
		left := p.SignIn.Remaining(*e)
		return r.setFlash(flash{Kind: "warn", ID: "flash.recovery-used", Count: &left})
	}
	if in.Weaker {
		return r.setFlash(flash{Kind: "warn", ID: "flash.weaker"})
	}
	return nil
}

// codeError is what a code form says of a refusal: beside the field when the code is at fault, above the form otherwise. The texts about
// pages open too long have a shorter form here.
func codeError(refusal *staffkey.Refusal) ui.FieldError {
	e := ui.FieldError{Field: "code", Message: text(refusal.Message)}
	switch refusal.Rule {
	case "throttled", "method_off", "restricted", "downgrade", "downgrade_limit", "person_frozen", "method_not_allowed":
		e.Field = ""
	}
	switch {
	case refusal.Message.ID == "key.late":
		e.Message = ui.Text{ID: "code.late"}
	case remedyOf(refusal.Message.ID) == remedyRestart && refusal.Message.ID != "key.password":
		e.Message = ui.Text{ID: "code.before"}
	}
	return e
}

// isOfPerson reports a refusal of the account, which no other proof lifts.
func isOfPerson(refusal *staffkey.Refusal) bool {
	return refusal.Rule == "person_frozen" || refusal.Rule == "person_disabled"
}

func asRefusal(err error) *staffkey.Refusal {
	var refusal *staffkey.Refusal
	if errors.As(err, &refusal) && !errors.Is(err, staffkey.ErrUnavailable) { // one that could not be recorded is a fault
		return refusal
	}
	return nil
}

// showPass asks for a name and a pass, of somebody who gives no password.
func (p *Portal) showPass(r *request, status int, page ui.PassPage) error {
	var err error
	if page.Sealed, err = p.SignIn.BeginPass(); err != nil {
		return err
	}
	return p.render(r, status, "", page)
}

func (p *Portal) signInPass(r *request) error {
	username := r.PostFormValue("username")
	page := ui.PassPage{Username: shownLogin(username)}
	if page.Errors = longLogin(username); page.Errors == nil && username == "" {
		page.Errors = append(page.Errors, ui.FieldError{Field: "username", Message: ui.Text{ID: "username.empty"}})
	}
	if r.PostFormValue("code") == "" {
		page.Errors = append(page.Errors, ui.FieldError{Field: "code", Message: ui.Text{ID: "code.empty"}})
	}
	if len(page.Errors) > 0 {
		return p.showPass(r, http.StatusUnprocessableEntity, page)
	}
	in, err := p.SignIn.FinishPass(r.Context(), r.origin, username, r.PostFormValue("ceremony"), r.PostFormValue("code"), r.current.Session)
	if refusal := asRefusal(err); refusal != nil {
		if in.Person.ID != "" && isOfPerson(refusal) {
			return p.lockedOut(r, in.Person, refusal)
		}
		page.Errors = []ui.FieldError{codeError(refusal)}
		return p.showPass(r, refusalStatus(err), page)
	}
	if err != nil {
		return err
	}
	return p.entered(r, in, "/me/mfa/start")
}
