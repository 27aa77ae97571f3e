package portal

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// methodsPage lists every way to sign in that the person has or may set up.
func (p *Portal) methodsPage(r *request) error {
	mine, err := p.SignIn.Mine(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	page := ui.MethodsPage{Complete: mine.State.Lack == policy.LackNothing, Rule: p.rule(r, mine), Exception: mine.State.Exception, Mails: p.mails(r)}
	page.Rows = append(page.Rows, p.keyRow(mine))
	for _, kind := range []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode} {
		if row, ok := p.methodRow(mine, kind); ok {
			page.Rows = append(page.Rows, row)
		}
	}
	return p.render(r, http.StatusOK, "selfservice", page)
}

// rule says what the organisation asks for, or what is still lacking of it.
func (p *Portal) rule(r *request, mine signin.Mine) ui.Text {
	switch {
	case mine.State.Lack == policy.LackKey, mine.State.Lack == policy.LackBackup:
		return ui.Text{ID: "methods.rule." + string(mine.State.Lack)}
	case mine.Policy.Strength == staffkey.StrengthPhishingResistant:
		return ui.Text{ID: "methods.rule.key-required"}
	case len(mine.Policy.CoreMethods) == 1 && mine.Policy.CoreMethods[0] == staffkey.MethodSecurityKey:
		return ui.Text{ID: "methods.rule.keys"}
	}
	return ui.Text{ID: "methods.rule.core", Args: map[string]any{"Methods": p.oneOf(r, mine.Policy.CoreMethods)}}
}

// oneOf lists methods to choose one from. The last is a text of its own with "or", because the word before changes how some begin in Welsh.
func (p *Portal) oneOf(r *request, kinds []staffkey.MethodKind) string {
	var list strings.Builder
	for i, kind := range kinds {
		name, form := optionKind(kind), ".one"
		if kind == staffkey.MethodSecurityKey {
			name = "key"
		}
		switch {
		case i > 0 && i == len(kinds)-1:
			list.WriteString(" ")
			form = ".or"
		case i > 0:
			list.WriteString(", ")
		}
		list.WriteString(p.UI.Text(r.lang(), ui.Text{ID: "methods.rule." + name + form}))
	}
	return list.String()
}

func (p *Portal) keyRow(mine signin.Mine) ui.MethodRow {
	row := ui.MethodRow{Kind: "key", Href: "/me/tokens", State: ui.Text{ID: "method.state.not-set-up"}, Action: ui.Text{ID: "method.action.set-up"}}
	if len(mine.Holdings.Keys) > 0 {
		row.State, row.Action = ui.Text{ID: "method.state.tokens.stopped"}, ui.Text{ID: "method.action.see"}
		if n := len(mine.Holdings.UsableKeys()); n > 0 {
			row.State = ui.Counted("method.state.tokens", n)
		}
		row.Warn = len(mine.Holdings.UsableKeys()) == 0
		for _, k := range mine.Holdings.Keys {
			if k.LastUsedAt.After(row.LastUsed) {
				row.LastUsed = k.LastUsedAt
			}
		}
	}
	return row
}

// methodRow is the row of one method, and false when the person neither has it nor may set it up.
func (p *Portal) methodRow(mine signin.Mine, kind staffkey.MethodKind) (ui.MethodRow, bool) {
	path := "/me/mfa/" + optionKind(kind)
	if kind == staffkey.MethodRecoveryCode {
		path = "/me/recovery-codes"
	}
	row := ui.MethodRow{Kind: optionKind(kind), Href: path, State: ui.Text{ID: "method.state.not-set-up"}, Action: ui.Text{ID: "method.action.set-up"}}
	e, offered := mine.Enrolment(kind), contains(mine.Offered, kind)
	if e == nil || p.SignIn.Remaining(*e) == 0 && kind != staffkey.MethodRecoveryCode {
		return row, offered
	}
	row.LastUsed, row.Action, row.Remove = e.LastUsedAt, ui.Text{ID: "method.action.change"}, path+"/remove"
	switch {
	case kind == staffkey.MethodRecoveryCode:
		row.State = ui.Text{ID: "method.state.left", Args: map[string]any{"Left": p.SignIn.Remaining(*e), "Total": staffkey.RecoveryCodes}}
		row.Action, row.Remove = ui.Text{ID: "method.action.see"}, "/me/mfa/recovery-code/remove"
		row.Warn = p.SignIn.Remaining(*e) == 0
	case !e.DisabledAt.IsZero():
		row.State, row.Warn = ui.Text{ID: "method.state.off"}, true
	case !mine.Policy.Allows(kind):
		row.State, row.Warn = ui.Text{ID: "method.state.forbidden"}, true
	case p.SignIn.Sends(kind):
		row.State = ui.Text{ID: "method.state.number", Args: map[string]any{"Last2": p.SignIn.Last2(*e)}}
	default:
		row.State = ui.Text{ID: "method.state.set-up"}
	}
	return row, true
}

func contains[T comparable](list []T, item T) bool {
	for _, i := range list {
		if i == item {
			return true
		}
	}
	return false
}

// choosePage asks what the person has with them: the way to what policy asks for, or to one more method.
func (p *Portal) choosePage(r *request) error {
	mine, err := p.SignIn.Mine(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	page := ui.ChooseMethodPage{Asked: mine.State.Lack != policy.LackNothing, Rule: p.rule(r, mine)}
	if page.Asked {
		if err := p.SignIn.NoteAsked(r.Context(), r.current.Actor); err != nil {
			return err
		}
		page.Later = !mine.State.Must
		page.DaysLeft = max(0, int(mine.State.Until.Sub(p.Now())/(24*time.Hour)))
	}
	for _, kind := range mine.Offered {
		choice := ui.OtherOption{Kind: optionKind(kind), Href: "/me/mfa/" + optionKind(kind)}
		switch kind {
		case staffkey.MethodSecurityKey:
			choice = ui.OtherOption{Kind: "key", Href: "/me/tokens/register"}
		case staffkey.MethodRecoveryCode:
			choice.Href = "/me/recovery-codes"
		}
		if e := mine.Enrolment(kind); e != nil && p.SignIn.Usable(*e) {
			continue // it is set up: something else is asked for
		}
		if page.Asked {
			choice.Share = string(policy.ShareOf(mine.Policy, mine.Holdings, kind, mine.Offered))
		}
		page.Choices = append(page.Choices, choice)
	}
	page.Choices, page.More = firstChoices(page.Choices)
	return p.render(r, http.StatusOK, "selfservice", page)
}

// firstChoices parts what is offered when policy asks for more: what is enough comes first, with the key where that is half of it; the rest is
// behind "more". What is all extra is not hidden.
func firstChoices(all []ui.OtherOption) (first, more []ui.OtherOption) {
	for _, want := range []string{"", string(policy.ShareAll), string(policy.SharePart), string(policy.ShareExtra)} {
		for _, c := range all {
			switch {
			case c.Share != want:
			case want == "", want == string(policy.ShareAll), want == string(policy.SharePart) && c.Kind == "key":
				first = append(first, c)
			default:
				more = append(more, c)
			}
		}
	}
	if len(first) == 0 {
		return more, nil
	}
	return first, more
}

func (p *Portal) later(r *request) error {
	if err := r.setFlash(flash{Kind: "note", ID: "flash.later"}); err != nil {
		return err
	}
	return r.redirect("/me")
}

// mustSetUp reports whether the person has to set something up before anything else.
func (p *Portal) mustSetUp(r *request) (policy.SetUpState, error) {
	mine, err := p.SignIn.Mine(r.Context(), r.current.Actor)
	return mine.State, err
}

// appOptions are what the method offers to scan or type.
type appOptions struct {
	URI string   `json:"uri"`
	Key string   `json:"key"`
	QR  []string `json:"qr"`
}

// cookieApp keeps the secret that the page has shown: the app may have it by then, and must not need another because the page was loaded
// again, opened in a second tab, read in another language, or because its person had to prove again who they are.
const cookieApp = "staffkey-app"

func (p *Portal) appPage(r *request) error {
	var shown string
	r.openSealed(cookieApp, &shown)
	return p.showApp(r, http.StatusOK, shown, nil)
}

// showApp shows the secret of an authenticator app: the one that was shown before, or a new one.
func (p *Portal) showApp(r *request, status int, shown string, errs []ui.FieldError) error {
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, staffkey.MethodTOTP, signin.EnrolOptions{Continues: shown})
	if err != nil {
		return err
	}
	var o appOptions
	if err := json.Unmarshal(begun.Options, &o); err != nil {
		return err
	}
	page := ui.AppPage{QR: o.QR, Key: o.Key, URI: o.URI, Sealed: begun.Sealed, Replacing: begun.Subject.Enrolment != nil}
	page.Errors = errs
	if err := r.putSealed(cookieApp, begun.Sealed, staffkey.EnrolmentLife); err != nil {
		return err
	}
	return p.render(r, status, "selfservice", page)
}

func (p *Portal) enrolApp(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	sealed, code := r.PostFormValue("ceremony"), r.PostFormValue("code")
	if code == "" {
		return p.showApp(r, http.StatusUnprocessableEntity, sealed, []ui.FieldError{{Field: "code", Message: ui.Text{ID: "code.empty"}}})
	}
	done, err := p.SignIn.FinishEnrolment(r.Context(), r.current.Actor, signin.Answer{Sealed: sealed, Method: staffkey.MethodTOTP, Body: []byte(code)})
	if refusal := asRefusal(err); refusal != nil && refusal.Rule != policy.StepUp {
		e := codeError(refusal)
		if refusal.Rule == "ceremony_expired" { // the entry that the app has by now is of no use any more
			e.Message = ui.Text{ID: "code.app-late"}
		}
		return p.showApp(r, http.StatusUnprocessableEntity, sealed, []ui.FieldError{e})
	}
	if err != nil {
		return err
	}
	r.dropCookie(cookieApp)
	return p.methodDone(r, done, flash{Kind: "success", ID: "flash.app-set-up"})
}

// methodDone goes on after a method was set up: back to what policy still asks for, or to the list.
func (p *Portal) methodDone(r *request, done signin.EnrolmentDone, f flash) error {
	in, err := p.SignIn.RenewAfter(r.Context(), r.current.Actor, done, r.current.Session)
	if err != nil {
		return err
	}
	if in.Secret != "" {
		r.goesOnAs(in)
	}
	if err := r.setFlash(f); err != nil {
		return err
	}
	state, err := p.mustSetUp(r)
	if err != nil {
		return err
	}
	if state.Must {
		return r.redirect("/me/mfa/start")
	}
	return r.redirect("/me/mfa")
}

func (p *Portal) removeMethodPage(r *request) error { return p.showRemoveMethod(r, http.StatusOK) }

func (p *Portal) showRemoveMethod(r *request, status int) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	mine, err := p.SignIn.Mine(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	if mine.Enrolment(kind) == nil || kind == staffkey.MethodPass {
		return staffkey.ErrNotFound
	}
	page := ui.MethodRemovePage{Kind: optionKind(kind), Blocked: policy.LeavesAMethod(kind, mine.Holdings) != nil}
	for _, k := range mine.Holdings.UsableKeys() {
		page.Tokens = append(page.Tokens, k.Nickname)
	}
	left := mine.Holdings
	left.Others = nil
	for _, m := range mine.Holdings.Others {
		if m != kind && m != staffkey.MethodPass {
			left.Others = append(left.Others, m)
			page.Methods = append(page.Methods, optionKind(m))
		}
	}
	page.Incomplete = policy.Lacking(mine.Policy, left) != policy.LackNothing
	return p.render(r, status, "selfservice", page)
}

func (p *Portal) removeMethod(r *request) error {
	kind, err := r.codeMethod()
	if err != nil {
		return err
	}
	err = p.SignIn.RemoveMethod(r.Context(), r.current.Actor, kind)
	if refusal := asRefusal(err); refusal != nil && refusal.Rule == "last_method" {
		return p.showRemoveMethod(r, http.StatusConflict)
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.method-removed", Method: optionKind(kind)}); err != nil {
		return err
	}
	return r.redirect("/me/mfa")
}

func (p *Portal) passwordPage(r *request) error {
	begun, err := p.SignIn.BeginPasswordChange(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	return p.showPassword(r, http.StatusOK, begun, nil)
}

func (p *Portal) showPassword(r *request, status int, begun string, errs []ui.FieldError) error {
	e, err := p.SignIn.FindEnrolment(r.Context(), r.current.Actor, staffkey.MethodPassword)
	if err != nil {
		return err
	}
	page := ui.PasswordPage{Sealed: begun, Username: r.current.Person.Username, NoCurrent: !policy.NeedsPassword(r.current.May)}
	page.Alone = policy.PasswordStandsAlone(r.current.Person)
	if e != nil {
		page.ChangedAt = e.ChangedAt
	}
	page.Errors = errs
	return p.render(r, status, "selfservice", page)
}

func (p *Portal) changePassword(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	begun, current, password := r.PostFormValue("ceremony"), r.PostFormValue("current"), r.PostFormValue("password")
	var errs []ui.FieldError
	if current == "" && policy.NeedsPassword(r.current.May) {
		errs = append(errs, ui.FieldError{Field: "current", Message: ui.Text{ID: "password.current-empty"}})
	}
	if password == "" {
		errs = append(errs, ui.FieldError{Field: "password", Message: ui.Text{ID: "password.new-empty"}})
	}
	if len(errs) > 0 {
		return p.showPassword(r, http.StatusUnprocessableEntity, begun, errs)
	}
	err := p.SignIn.ChangePassword(r.Context(), r.current.Actor, begun, current, password)
	if errs := fieldError(err); errs != nil {
		return p.showPassword(r, http.StatusUnprocessableEntity, begun, errs)
	}
	if refusal := asRefusal(err); refusal != nil && refusalStatus(err) == http.StatusTooManyRequests {
		return p.showPassword(r, http.StatusTooManyRequests, begun, []ui.FieldError{{Message: text(refusal.Message)}})
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.password-changed"}); err != nil {
		return err
	}
	return r.redirect("/me/self-service")
}
