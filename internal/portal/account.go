package portal

import (
	"net/http"
	"net/url"
	"slices"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// homeSignIns is how many recent sign-ins Home shows.
const homeSignIns = 5

func (p *Portal) home(r *request) error {
	actor := r.current.Actor
	list, err := p.Directory.ListKeys(r.Context(), actor, actor.Person)
	if err != nil {
		return err
	}
	recent, err := p.Directory.Activity(r.Context(), actor, actor.Person, directory.ActivityQuery{Limit: 30})
	if err != nil {
		return err
	}
	mine, err := p.SignIn.Mine(r.Context(), actor)
	if err != nil {
		return err
	}
	page := ui.HomePage{Tokens: p.cards(r, list, mine), Limit: list.Policy.MaxKeys}
	for _, e := range recent.Events {
		if isSignIn(e.Kind) && len(page.SignIns) < homeSignIns {
			page.SignIns = append(page.SignIns, p.activityItem(r, e))
		}
	}
	if len(mine.Recalls) > 0 {
		page.ToDo = append(page.ToDo, p.recallToDo(mine))
	}
	for _, k := range list.Keys {
		if !k.SuspectedAt.IsZero() && k.State == staffkey.SecurityKeyActive {
			page.ToDo = append(page.ToDo, ui.ToDo{Kind: "copied", Href: tokenPath(k.ID, "lost")})
			break
		}
	}
	page.ToDo = append(page.ToDo, stoppedToDo(list.Keys)...)
	if lack := mine.State.Lack; lack == policy.LackCore || lack == policy.LackKey && len(list.Others) > 0 {
		page.ToDo = append(page.ToDo, ui.ToDo{Kind: "methods", Href: "/me/mfa/start"})
	}
	if len(list.Keys) > 0 {
		if room := len(list.Keys) < list.Policy.MaxKeys; room && list.DifferentKeys() == 0 {
			page.ToDo = append(page.ToDo, ui.ToDo{Kind: "no-key", Href: "/me/tokens/register"})
		} else if room && list.DifferentKeys() == 1 {
			page.ToDo = append(page.ToDo, ui.ToDo{Kind: "backup", Href: "/me/tokens/register"})
		}
		if len(list.Others) == 0 && list.Policy.Allows(staffkey.MethodRecoveryCode) {
			page.ToDo = append(page.ToDo, ui.ToDo{Kind: "recovery-codes", Href: "/me/recovery-codes"})
		}
	}
	if page.Signals, err = p.signals(r, list); err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "home", page)
}

// stoppedToDo is what to do about tokens on hold, once for each kind of thing to do: what was lost may be found, and a key that was reset
// is registered again.
func stoppedToDo(keys []staffkey.SecurityKey) (todo []ui.ToDo) {
	seen := make(map[string]bool)
	for _, k := range keys {
		kind, page := "stopped", "found"
		switch {
		case k.State != staffkey.SecurityKeySuspended:
			continue
		case k.StopReason == staffkey.StopReset:
			kind, page = "reset", "replace"
		case !isFindable(k):
			continue
		}
		if !seen[kind] {
			todo = append(todo, ui.ToDo{Kind: kind, Href: tokenPath(k.ID, page)})
		}
		seen[kind] = true
	}
	return todo
}

func isSignIn(kind staffkey.EventKind) bool {
	return kind == staffkey.EventSignedIn || kind == staffkey.EventSignInRefused || kind == staffkey.EventPromptEnded
}

func (p *Portal) profile(r *request) error {
	who := r.current.Person
	o, err := p.Directory.Organisation(r.Context(), who.Organisation)
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "profile", ui.ProfilePage{
		Name: who.Name, Email: who.Email, Username: who.Username, EmployeeNumber: who.EmployeeNumber, Organisation: o.Name, Joined: who.CreatedAt,
	})
}

func (p *Portal) selfService(r *request) error {
	actor := r.current.Actor
	list, err := p.Directory.ListKeys(r.Context(), actor, actor.Person)
	if err != nil {
		return err
	}
	sessions, err := p.SignIn.ListSessions(r.Context(), actor)
	if err != nil {
		return err
	}
	left, total, _, err := p.recoveryCodes(r)
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "selfservice", ui.SelfServicePage{
		Tokens: len(list.Keys), Usable: len(list.UsableKeys()), Sessions: len(sessions), CodesLeft: left, CodesTotal: total, Methods: len(list.Others), PersonalDevice: r.isPersonal(), Station: r.atStation(),
	})
}

func (p *Portal) tokens(r *request) error { return p.showTokens(r, http.StatusOK, nil, nil) }

// showTokens shows the list, with one dialog open when its form had an error.
func (p *Portal) showTokens(r *request, status int, edit *ui.EditForm, errs []ui.FieldError) error {
	actor := r.current.Actor
	list, err := p.Directory.ListKeys(r.Context(), actor, actor.Person)
	if err != nil {
		return err
	}
	mine, err := p.SignIn.Mine(r.Context(), actor)
	if err != nil {
		return err
	}
	page := ui.TokensPage{Tokens: p.cards(r, list, mine), Usable: len(list.UsableKeys()), Limit: list.Policy.MaxKeys, Edit: edit}
	if n := len(list.Removed); n > 0 && r.cookie(cookieFlash) == "" {
		// The offer to undo stands for as long as the undo does, not for one page.
		latest := list.Removed[n-1]
		page.Removed = &ui.UndoRemoval{Nickname: latest.Nickname, Undo: ui.UndoButton{Action: tokenPath(latest.ID, "restore"), Label: ui.Text{ID: "flash.undo"}}}
	}
	page.Errors = errs
	for _, kind := range []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode} {
		if row, ok := p.methodRow(mine, kind); ok {
			page.Methods = append(page.Methods, row)
		}
	}
	if page.Signals, err = p.signals(r, list); err != nil {
		return err
	}
	return p.render(r, status, "selfservice", page)
}

func (p *Portal) editPage(r *request) error {
	actor := r.current.Actor
	list, err := p.Directory.ListKeys(r.Context(), actor, actor.Person)
	if err != nil {
		return err
	}
	k, err := findKey(list, r.PathValue("id"))
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "selfservice", ui.EditPage{ID: string(k.ID), Nickname: k.Nickname, Value: k.Nickname})
}

func (p *Portal) edit(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	actor, id, nickname := r.current.Actor, r.PathValue("id"), r.PostFormValue("nickname")
	list, err := p.Directory.ListKeys(r.Context(), actor, actor.Person)
	if err != nil {
		return err
	}
	k, err := findKey(list, id)
	if err != nil {
		return err
	}
	err = p.Directory.RenameKey(r.Context(), actor, actor.Person, k.ID, nickname)
	if errs := fieldError(err); errs != nil {
		if r.PostFormValue("from") == "list" {
			return p.showTokens(r, http.StatusUnprocessableEntity, &ui.EditForm{ID: id, Nickname: nickname}, errs)
		}
		page := ui.EditPage{ID: id, Nickname: k.Nickname, Value: nickname}
		page.Errors = errs
		return p.render(r, http.StatusUnprocessableEntity, "selfservice", page)
	}
	if err != nil {
		return err
	}
	clean, err := staffkey.ValidateNickname(nickname)
	if err != nil {
		return err
	}
	if err := p.signalName(r, k, clean); err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.renamed", Args: map[string]string{"Nickname": clean}}); err != nil {
		return err
	}
	return r.redirect("/me/tokens")
}

func (p *Portal) removePage(r *request) error { return p.showRemove(r, http.StatusOK) }

func (p *Portal) showRemove(r *request, status int) error {
	actor := r.current.Actor
	removal, err := p.Directory.RemovalPreview(r.Context(), actor, actor.Person, staffkey.SecurityKeyID(r.PathValue("id")))
	if err != nil {
		return err
	}
	k, usable := removal.Key, removal.After.UsableKeys()
	page := ui.RemovePage{
		ID: string(k.ID), Nickname: k.Nickname, Blocked: removal.Blocked != nil, Current: k.ID == r.current.Session.SecurityKey,
		Usable: includes(removal.Before.UsableKeys(), k.ID), NoBackup: removal.After.DifferentKeys() == 1, SameKeyAs: sameKey(k, usable),
		Undo: k.StopReason != staffkey.StopReset,
	}
	for _, other := range usable {
		if !slices.Contains(page.SameKeyAs, other.Nickname) {
			page.Tokens = append(page.Tokens, other.Nickname)
		}
	}
	for _, kind := range removal.After.Others {
		page.Methods = append(page.Methods, optionKind(kind))
	}
	return p.render(r, status, "selfservice", page)
}

func (p *Portal) remove(r *request) error {
	actor, id := r.current.Actor, staffkey.SecurityKeyID(r.PathValue("id"))
	removal, err := p.Directory.RemovalPreview(r.Context(), actor, actor.Person, id)
	if err != nil {
		return err
	}
	if removal.Blocked != nil {
		return p.showRemove(r, http.StatusConflict)
	}
	if err := p.Directory.RemoveKey(r.Context(), actor, actor.Person, id); err != nil {
		return err
	}
	f := flash{Kind: "success", ID: "flash.removed", Args: map[string]string{"Nickname": removal.Key.Nickname}, Undo: "/me/tokens/" + url.PathEscape(string(id)) + "/restore"}
	if err := r.setFlash(f); err != nil {
		return err
	}
	return r.redirect("/me/tokens")
}

func (p *Portal) restore(r *request) error {
	actor := r.current.Actor
	k, err := p.Directory.RestoreKey(r.Context(), actor, actor.Person, staffkey.SecurityKeyID(r.PathValue("id")))
	if refusal := asRefusal(err); refusal != nil && refusal.Rule != "step_up" {
		f := flash{Kind: "warn", ID: "flash.undo-late"}
		if refusal.Rule == "key_limit" {
			f.ID = "flash.undo-full"
		}
		if err := r.setFlash(f); err != nil {
			return err
		}
		return r.redirect("/me/tokens")
	}
	if err != nil {
		return err
	}
	if err := p.signalBack(r, k); err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.restored", Args: map[string]string{"Nickname": k.Nickname}}); err != nil {
		return err
	}
	return r.redirect("/me/tokens")
}

func (p *Portal) sessions(r *request) error {
	list, err := p.SignIn.ListSessions(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	var page ui.SessionsPage
	for _, s := range list {
		row := ui.SessionRow{
			ID: string(s.ID), Device: p.browserNamed(r, s.Browser), Where: s.IP, Method: sessionMethod(s), Started: s.CreatedAt, LastUse: s.LastSeenAt,
			Current: s.ID == r.current.Session.ID,
		}
		if row.Current {
			page.Sessions = append([]ui.SessionRow{row}, page.Sessions...)
		} else {
			page.Sessions = append(page.Sessions, row)
		}
	}
	return p.render(r, http.StatusOK, "selfservice", page)
}

func sessionMethod(s staffkey.Session) ui.Text {
	for _, m := range s.Methods {
		switch m {
		case staffkey.MethodPassword:
		case staffkey.MethodSecurityKey:
			return ui.Text{ID: "session.method.key"}
		default:
			return ui.Text{ID: "session.method." + optionKind(m)}
		}
	}
	return ui.Text{ID: "session.method.password"}
}

func (p *Portal) endSession(r *request) error {
	if err := p.SignIn.EndSession(r.Context(), r.current.Actor, staffkey.SessionID(r.PathValue("id"))); err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.session-ended"}); err != nil {
		return err
	}
	return r.redirect("/me/sessions")
}

func (p *Portal) endOtherSessions(r *request) error {
	if _, err := p.SignIn.EndOtherSessions(r.Context(), r.current.Actor); err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.others-ended"}); err != nil {
		return err
	}
	return r.redirect("/me/sessions")
}

// recallToDo is what to do about recalled keys: the first that ends says until when, and why.
func (p *Portal) recallToDo(mine signin.Mine) ui.ToDo {
	var first staffkey.Recall
	for _, r := range mine.Recalls {
		if first.ID == "" || r.Until.Before(first.Until) {
			first = r
		}
	}
	return ui.ToDo{Kind: "recalled", Href: "/me/tokens/register", Day: first.Until, Over: p.Now().After(first.Until), Reason: first.ToldReason}
}
