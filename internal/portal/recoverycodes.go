package portal

import (
	"net/http"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// recoveryCodes tells how many codes a person has left, of how many, and since when.
func (p *Portal) recoveryCodes(r *request) (left, total int, made time.Time, err error) {
	e, err := p.SignIn.FindEnrolment(r.Context(), r.current.Actor, staffkey.MethodRecoveryCode)
	if err != nil || e == nil {
		return 0, 0, made, err
	}
	return p.SignIn.Remaining(*e), staffkey.RecoveryCodes, e.CreatedAt, nil
}

func (p *Portal) recoveryCodesPage(r *request) error {
	left, total, made, err := p.recoveryCodes(r)
	if err != nil {
		return err
	}
	r.dropCookie(cookieCodes) // whoever has left their page has them
	return p.render(r, http.StatusOK, "selfservice", ui.RecoveryCodesPage{Left: left, Total: total, MadeAt: made})
}

// makeRecoveryCodes makes a new set. A person who has codes is asked first, because the old ones stop working.
func (p *Portal) makeRecoveryCodes(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	left, total, made, err := p.recoveryCodes(r)
	if err != nil {
		return err
	}
	if total > 0 && r.PostFormValue("confirm") == "" {
		return p.render(r, http.StatusOK, "selfservice", ui.RecoveryCodesPage{Left: left, Total: total, MadeAt: made, Confirm: true})
	}
	if err := p.newRecoveryCodes(r); err != nil {
		return err
	}
	return r.redirect("/me/recovery-codes/new")
}

// newCodesPage shows the codes that were just made. It can be loaded again: only making others ends these.
func (p *Portal) newCodesPage(r *request) error {
	made, ok := r.shownCodes()
	if !ok {
		return r.redirect("/me/recovery-codes")
	}
	return p.render(r, http.StatusOK, "selfservice", ui.RecoveryCodesPage{
		Left: len(made.Codes), Total: len(made.Codes), MadeAt: made.At, Codes: made.Codes, Username: r.current.Person.Username, Address: p.Address,
	})
}

// newCodesFile is the sheet of the codes as a text to keep.
func (p *Portal) newCodesFile(r *request) error {
	made, ok := r.shownCodes()
	if !ok {
		return r.redirect("/me/recovery-codes")
	}
	say := func(id string) string { return p.UI.Text(r.lang(), ui.Text{ID: id}) }
	lines := []string{
		say("codes.fresh.heading"), "",
		say("codes.paper.name") + ": " + r.current.Person.Name + " (" + r.current.Person.Username + ")",
		say("codes.paper.address") + ": " + p.Address,
		say("codes.paper.made") + ": " + made.At.In(p.Location).Format("2006-01-02"), "",
	}
	lines = append(append(lines, made.Codes...), "", say("codes.paper.keep"), "")
	h := r.w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="staffkey-recovery-codes.txt"`)
	h.Set("Cache-Control", "no-store")
	_, err := r.w.Write([]byte(strings.Join(lines, "\r\n"))) // as Windows wants it
	return err
}

// cookieCodes keeps fresh codes sealed in the browser for codesShown, for their page to be loaded again, printed and read in the other
// language. They are those of one session.
const (
	cookieCodes = "staffkey-codes"
	codesShown  = 15 * time.Minute
)

type freshCodes struct {
	Session staffkey.SessionID `json:"s"`
	Codes   []string           `json:"c"`
	At      time.Time          `json:"t"`
}

func (r *request) shownCodes() (made freshCodes, ok bool) {
	ok = r.openSealed(cookieCodes, &made) && made.Session == r.current.Session.ID && r.p.Now().Sub(made.At) < codesShown
	return made, ok
}

// newRecoveryCodes makes codes for the person of the session, to be shown by the next page.
func (p *Portal) newRecoveryCodes(r *request) error {
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, staffkey.MethodRecoveryCode, signin.EnrolOptions{})
	if err != nil {
		return err
	}
	done, err := p.SignIn.FinishEnrolment(r.Context(), r.current.Actor, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodRecoveryCode})
	if err != nil {
		return err
	}
	return r.putSealed(cookieCodes, freshCodes{r.current.Session.ID, done.Show, p.Now()}, codesShown)
}
