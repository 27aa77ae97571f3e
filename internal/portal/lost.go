package portal

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

func (p *Portal) lostPage(r *request) error { return p.showLost(r, http.StatusOK, nil) }

func (p *Portal) showLost(r *request, status int, errs []ui.FieldError) error {
	k, list, err := p.ownKey(r)
	if err != nil {
		return err
	}
	if k.State != staffkey.SecurityKeyActive {
		return r.redirect(tokenPath(k.ID, "stopped"))
	}
	page := ui.LostPage{ID: string(k.ID), Nickname: k.Nickname, SameKeyAs: sameKey(k, list.ActiveKeys()), Last: true, Told: p.tellsAdministrators(r, r.current.Person.Organisation, r.who())}
	for _, other := range list.UsableKeys() {
		if !staffkey.SamePhysicalKey(other, k.ID, list.Keys) {
			page.Last = false
		}
	}
	for _, kind := range list.Others {
		page.Methods = append(page.Methods, optionKind(kind))
	}
	made, err := p.SignIn.MadeBy(r.Context(), r.current.Actor, k.ID)
	if err != nil {
		return err
	}
	kept := keptIn(r)
	for _, other := range made.Keys {
		if other.ID != k.ID && !staffkey.SamePhysicalKey(other, k.ID, list.Keys) {
			page.Made = append(page.Made, ui.MadeItem{Value: "key:" + string(other.ID), Nickname: other.Nickname, SetUp: other.RegisteredAt, Mine: slices.Contains(kept.Keys, other.ID)})
		}
	}
	for _, m := range made.Methods {
		page.Made = append(page.Made, ui.MadeItem{
			Value: "method:" + string(m.Method) + ":" + m.ChangedAt.Format(time.RFC3339Nano), Method: optionKind(m.Method), SetUp: m.ChangedAt, Mine: slices.Contains(kept.Methods, m),
		})
	}
	page.Errors = errs
	return p.render(r, status, "selfservice", page)
}

// keptIn is what the person has ticked as set up by themselves.
func keptIn(r *request) signin.Kept {
	var kept signin.Kept
	for _, value := range r.PostForm["mine"] {
		switch kind, id, _ := strings.Cut(value, ":"); kind {
		case "key":
			kept.Keys = append(kept.Keys, staffkey.SecurityKeyID(id))
		case "method":
			method, text, _ := strings.Cut(id, ":")
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
				kept.Methods = append(kept.Methods, signin.KeptMethod{Method: staffkey.MethodKind(method), ChangedAt: at})
			}
		}
	}
	return kept
}

// stopToken puts a token on hold because it is lost, stolen or misused.
func (p *Portal) stopToken(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	reason, err := staffkey.ParseStopReason(r.PostFormValue("reason"))
	if errs := fieldError(err); errs != nil {
		return p.showLost(r, http.StatusUnprocessableEntity, errs)
	}
	id := staffkey.SecurityKeyID(r.PathValue("id"))
	stopped, err := p.SignIn.StopKey(r.Context(), r.current.Actor, id, reason, keptIn(r))
	if err != nil {
		return err
	}
	if err := r.putSealed(cookieReference, reference{Code: stopped.Reference, Nickname: stopped.Key.Nickname, Ended: endedOf(stopped)}, 0); err != nil {
		return err
	}
	return r.redirect(tokenPath(id, "stopped"))
}

// cookieReference holds what a page after something was reported says of it.
const cookieReference = "staffkey-reference"

type reference struct {
	Code     string   `json:"c"`
	Nickname string   `json:"n,omitempty"`
	Undo     string   `json:"u,omitempty"`
	Ended    ui.Ended `json:"e,omitzero"`
	// Console: only the console helps, because the account was the last operator's.
	Console bool `json:"x,omitempty"`
	// Organisation is whose Local Administrators the page names.
	Organisation staffkey.OrganisationID `json:"o,omitempty"`
	// Told says that its Local Administrators get a message.
	Told bool `json:"t,omitempty"`
}

func endedOf(s signin.Stopped) ui.Ended {
	out := ui.Ended{Sessions: s.Ended.Sessions, Twins: nicknames(s.Twins), Tokens: nicknames(s.Ended.Keys)}
	for _, m := range s.Ended.Methods {
		out.Methods = append(out.Methods, optionKind(m))
	}
	return out
}

func (r *request) reference() reference {
	var ref reference
	r.openSealed(cookieReference, &ref)
	if !r.signedIn {
		r.organisation = ref.Organisation
	}
	return ref
}

func (p *Portal) stoppedPage(r *request) error {
	k, _, err := p.ownKey(r)
	if err != nil {
		return err
	}
	if k.State != staffkey.SecurityKeySuspended {
		return r.redirect("/me/tokens")
	}
	mine, err := p.SignIn.Mine(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	ref := r.reference()
	if ref.Code == "" { // what was done then is told once, in the browser that did it
		return r.redirect("/me/tokens")
	}
	return p.render(r, http.StatusOK, "selfservice", ui.LostDonePage{
		ID: string(k.ID), Nickname: k.Nickname, Reason: string(k.StopReason), Reference: ref.Code, Ended: ref.Ended, Told: p.tellsAdministrators(r, r.current.Person.Organisation, r.who()),
		CanAdd: mine.CanAdd,
	})
}

func (p *Portal) foundPage(r *request) error {
	k, list, err := p.ownKey(r)
	if err != nil {
		return err
	}
	if !isFindable(k) {
		return r.redirect("/me/tokens")
	}
	same := slices.DeleteFunc(slices.Clone(list.Keys), func(o staffkey.SecurityKey) bool { return o.StopReason != k.StopReason || !isFindable(o) })
	return p.render(r, http.StatusOK, "selfservice", ui.FoundPage{
		ID: string(k.ID), Nickname: k.Nickname, SameKeyAs: sameKey(k, same), Reason: string(k.StopReason), StoppedAt: k.StoppedAt,
		Mails: p.mails(r),
	})
}

func (p *Portal) resumeToken(r *request) error {
	k, err := p.SignIn.ResumeKey(r.Context(), r.current.Actor, staffkey.SecurityKeyID(r.PathValue("id")))
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.resumed", Args: map[string]string{"Nickname": k.Nickname}}); err != nil {
		return err
	}
	return r.redirect("/me/tokens")
}

func (p *Portal) requestPage(r *request) error {
	if !p.tellsAdministrators(r, r.current.Person.Organisation, r.who()) { // a request that nobody gets is none
		return p.render(r, http.StatusOK, "selfservice", ui.RequestPage{Unsent: true})
	}
	about, err := p.aboutToken(r, r.FormValue("token"))
	if err != nil {
		return err
	}
	page := ui.RequestPage{Reason: knownReason(r.FormValue("reason")), Token: string(about.ID), Nickname: about.Nickname}
	return p.render(r, http.StatusOK, "selfservice", page)
}

// aboutToken is the entry of the person's own list that a request names; none when it names anything else, or one that has gone.
func (p *Portal) aboutToken(r *request, id string) (staffkey.SecurityKey, error) {
	if id == "" {
		return staffkey.SecurityKey{}, nil
	}
	list, err := p.Directory.ListKeys(r.Context(), r.current.Actor, r.current.Person.ID)
	if err != nil {
		return staffkey.SecurityKey{}, err
	}
	k, err := findKey(list, id)
	if errors.Is(err, staffkey.ErrNotFound) {
		return staffkey.SecurityKey{}, nil
	}
	return k, err
}

func knownReason(s string) string {
	switch s {
	case "first", "lost", "broken", "backup", "blocked":
		return s
	}
	return ""
}

// clipped shortens what came in an address to n characters.
func clipped(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}

func (p *Portal) askForToken(r *request) error {
	if !p.tellsAdministrators(r, r.current.Person.Organisation, r.who()) {
		return r.redirect("/me/request")
	}
	if err := r.parseForm(); err != nil {
		return err
	}
	about, err := p.aboutToken(r, r.PostFormValue("token"))
	if err != nil {
		return err
	}
	ask := signin.Replacement{Reason: r.PostFormValue("reason"), Place: r.PostFormValue("place"), Note: r.PostFormValue("note"), Token: about.ID}
	code, err := p.SignIn.AskReplacement(r.Context(), r.current.Actor, ask)
	errs := fieldError(err, "reason/request.reason", "request.reason.empty", "place/field.empty", "request.place.empty",
		"place/field.long", "request.place.long", "note/field.long", "request.note.long")
	status := http.StatusUnprocessableEntity
	if refusal := asRefusal(err); refusal != nil && refusal.Rule == "request_daily" {
		errs, status = []ui.FieldError{{Message: text(refusal.Message)}}, http.StatusTooManyRequests
	}
	if errs != nil {
		page := ui.RequestPage{Reason: knownReason(ask.Reason), Place: ask.Place, Note: ask.Note, Token: string(about.ID), Nickname: about.Nickname}
		page.Errors = errs
		return p.render(r, status, "selfservice", page)
	}
	if err != nil {
		return err
	}
	if err := r.putSealed(cookieReference, reference{Code: code}, 0); err != nil {
		return err
	}
	return r.redirect("/me/request/sent")
}

func (p *Portal) requestSent(r *request) error {
	ref := r.reference()
	if ref.Code == "" {
		return r.redirect("/me/request")
	}
	return p.render(r, http.StatusOK, "selfservice", ui.RequestDonePage{Reference: ref.Code})
}

// lostOutPage is for somebody who cannot sign in without the key that is gone.
func (p *Portal) lostOutPage(r *request) error {
	if r.signedIn {
		return r.redirect("/me/tokens")
	}
	return p.render(r, http.StatusOK, "", ui.LostOutPage{})
}

func (p *Portal) lostOut(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	username := r.PostFormValue("username")
	page := ui.LostOutPage{Username: shownLogin(username)}
	a, status, errs, err := p.checkedPassword(r, username, r.PostFormValue("password"))
	if err != nil {
		return p.lockedAfterPassword(r, a, err)
	}
	if errs != nil {
		page.Errors = errs
		return p.render(r, status, "", page)
	}
	if err := r.putAttempt(a); err != nil {
		return err
	}
	return r.redirect("/lost/token")
}

func (p *Portal) lostTokenPage(r *request) error {
	return p.showLostToken(r, http.StatusOK, ui.LostChoosePage{})
}

func (p *Portal) showLostToken(r *request, status int, page ui.LostChoosePage) error {
	a := r.attempt()
	if a.Person == "" {
		return r.redirect("/lost")
	}
	begun, err := p.SignIn.BeginSignIn(r.Context(), a, staffkey.MethodSecurityKey)
	if err != nil {
		return err
	}
	r.organisation = begun.Subject.Person.Organisation
	page.Username, page.Tokens, page.Others = begun.Subject.Person.Username, p.tokenRows(r, begun.Subject.Keys), len(begun.Others) > 0
	page.Told = p.tellsAdministrators(r, r.organisation, r.who())
	if len(page.Tokens) == 1 {
		page.Token = page.Tokens[0].ID
	}
	return p.render(r, status, "", page)
}

func (p *Portal) lostToken(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	page := ui.LostChoosePage{Token: knownID(r.PostFormValue("token")), Reason: r.PostFormValue("reason")}
	if page.Token == "" {
		page.Errors = append(page.Errors, ui.FieldError{Field: "token", Message: ui.Text{ID: "lost.token.empty"}})
	}
	reason, err := staffkey.ParseStopReason(page.Reason)
	if errs := fieldError(err); errs != nil {
		page.Reason = ""
		page.Errors = append(page.Errors, errs...)
	}
	if len(page.Errors) > 0 {
		return p.showLostToken(r, http.StatusUnprocessableEntity, page)
	}
	stopped, err := p.SignIn.StopKeySignedOut(r.Context(), r.origin, r.attempt(), staffkey.SecurityKeyID(page.Token), reason)
	if refusal := asRefusal(err); refusal != nil {
		page.Errors = []ui.FieldError{{Message: text(refusal.Message)}}
		return p.showLostToken(r, http.StatusTooManyRequests, page)
	}
	if err != nil {
		return err
	}
	if err := r.putSealed(cookieReference, reference{Code: stopped.Reference, Nickname: stopped.Key.Nickname, Organisation: stopped.Organisation, Told: p.tellsAdministrators(r, stopped.Organisation, r.who()), Ended: endedOf(stopped)}, 0); err != nil {
		return err
	}
	r.dropCookie(cookieAttempt)
	return r.redirect("/lost/done")
}

func (p *Portal) lostOutDone(r *request) error {
	ref := r.reference()
	if ref.Code == "" {
		return r.redirect("/lost")
	}
	return p.render(r, http.StatusOK, "", ui.LostOutDonePage{Nickname: ref.Nickname, Told: ref.Told, Reference: ref.Code, Ended: ref.Ended})
}
