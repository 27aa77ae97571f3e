package portal

import (
	"net/http"
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
	codes, err := p.newRecoveryCodes(r)
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "selfservice", ui.RecoveryCodesPage{Left: len(codes), Total: len(codes), MadeAt: p.Now(), Codes: codes})
}

func (p *Portal) newRecoveryCodes(r *request) ([]string, error) {
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, staffkey.MethodRecoveryCode, signin.EnrolOptions{})
	if err != nil {
		return nil, err
	}
	done, err := p.SignIn.FinishEnrolment(r.Context(), r.current.Actor, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodRecoveryCode})
	return done.Show, err
}
