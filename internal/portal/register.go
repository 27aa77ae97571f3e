package portal

import (
	"net/http"
	"net/url"
	"slices"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// The wizard: get ready and touch, nickname, try it, done.

func (p *Portal) registerPage(r *request) error {
	o := registerOptionsOf(r)
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, staffkey.MethodSecurityKey, o)
	if refusal := asRefusal(err); refusal != nil && refusal.Rule == "key_limit" {
		return p.render(r, http.StatusOK, "selfservice", ui.LimitPage{Limit: begun.Subject.Policy.MaxKeys})
	}
	if err != nil {
		return err
	}
	page := ui.RegisterPage{Ceremony: r.registerCeremony(begun, o), Again: o.Again}
	if p.inSetUp(r) {
		page.Back, page.Skip = "/setup", "/setup/key/skip"
	}
	return p.render(r, http.StatusOK, "selfservice", page)
}

// registerOptionsOf reads from the address whether a key is registered once more, or in place of an entry.
func registerOptionsOf(r *request) signin.EnrolOptions {
	return signin.EnrolOptions{Again: r.FormValue("again") == "1", Replaces: staffkey.SecurityKeyID(knownID(r.FormValue("replaces")))}
}

func (r *request) registerCeremony(begun signin.Begun, o signin.EnrolOptions) ui.Ceremony {
	c := ui.Ceremony{
		Kind: "create", Action: "/me/tokens/register", Outcome: "/me/tokens/register/outcome", Refresh: "/me/tokens/register/options", Step: "register",
		Options: string(begun.Options), Sealed: begun.Sealed, Code: begun.Code,
		AsksTwice: asksTwice(r.UserAgent(), begun.Subject.Policy.Keys),
	}
	query := url.Values{}
	if o.Again {
		query.Set("again", "1")
	}
	if o.Replaces != "" {
		query.Set("replaces", string(o.Replaces))
	}
	if len(query) > 0 {
		c.Refresh += "?" + query.Encode()
		c.Outcome += "?" + query.Encode()
	}
	return c
}

func (p *Portal) registerOptions(r *request) error {
	o := registerOptionsOf(r)
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, staffkey.MethodSecurityKey, o)
	if err != nil {
		return err
	}
	return r.writeOptions(r.registerCeremony(begun, o))
}

func (p *Portal) register(r *request) error {
	answer, _, noScript, err := r.readAnswer()
	if err != nil {
		return err
	}
	if noScript {
		return p.promptEnded(r, "register", signin.Prompt{Name: "nojs", Create: true})
	}
	done, err := p.SignIn.FinishEnrolment(r.Context(), r.current.Actor, answer)
	if err != nil {
		return p.refused(r, "register", "", "", "/me/outcome", err)
	}
	r.dropCookie(cookieOutcome)
	return r.proceed(http.StatusOK, tokenPath(done.Key.ID, "name"))
}

func tokenPath(id staffkey.SecurityKeyID, page string) string {
	return "/me/tokens/" + url.PathEscape(string(id)) + "/" + page
}

func (p *Portal) registerPromptEnded(r *request) error {
	prompt, err := r.readPrompt()
	if err != nil {
		return err
	}
	prompt.Create = true
	if signin.Classify(prompt) == "wa.exists" {
		if _, err := p.SignIn.RecordPrompt(r.Context(), r.current.Actor, r.current.Person.ID, prompt); err != nil {
			return err
		}
		return r.proceed(http.StatusOK, "/me/tokens/register/exists")
	}
	return p.promptEnded(r, "register", prompt)
}

func (p *Portal) registerOutcome(r *request, o outcome, page *ui.OutcomePage) error {
	page.StartAgain, page.Cancel = "/me/tokens/register", "/me/tokens"
	var how signin.EnrolOptions
	if o.Replaces != "" {
		how.Replaces = o.Replaces
		page.StartAgain += "?replaces=" + url.QueryEscape(string(o.Replaces))
	}
	if !mayRetry(o.Message) {
		return nil
	}
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, staffkey.MethodSecurityKey, how)
	if asRefusal(err) != nil { // the proof is too old by now, or the list full: the first page of the wizard says which
		return nil
	}
	if err != nil {
		return err
	}
	c := r.registerCeremony(begun, how)
	page.Retry = &c
	return nil
}

func (p *Portal) existsPage(r *request) error {
	actor := r.current.Actor
	list, err := p.Directory.ListKeys(r.Context(), actor, actor.Person)
	if err != nil {
		return err
	}
	if len(list.Keys) == 0 {
		return r.redirect("/me/tokens/register")
	}
	var page ui.ExistsPage
	for _, k := range list.Keys {
		page.Nicknames = append(page.Nicknames, k.Nickname)
	}
	return p.render(r, http.StatusOK, "selfservice", page)
}

// nicknameIdeas are the texts of what people call their keys; those taken already are left out.
var nicknameIdeas = []string{"name.idea.lanyard", "name.idea.desk", "name.idea.home", "name.idea.spare"}

func (p *Portal) namePage(r *request) error {
	k, err := p.pendingKey(r)
	if err != nil {
		return err
	}
	if k.State != staffkey.SecurityKeyPending { // named already, in another tab or before Back
		return r.redirect(tokenPath(k.ID, "done"))
	}
	ideas, guess, err := p.nicknames(r, k)
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "selfservice", ui.NamePage{ID: string(k.ID), Value: guess, Suggestions: ideas})
}

// pendingKey is the key of the path: pending, or in use by now.
func (p *Portal) pendingKey(r *request) (staffkey.SecurityKey, error) {
	id := staffkey.SecurityKeyID(r.PathValue("id"))
	k, err := p.SignIn.FindPendingKey(r.Context(), r.current.Actor, id)
	if err == nil {
		return k, nil
	}
	list, listErr := p.Directory.ListKeys(r.Context(), r.current.Actor, r.current.Person.ID)
	if listErr != nil {
		return k, listErr
	}
	return findKey(list, string(id))
}

// nicknames suggests names that are free, and guesses the likeliest: the model, or "Key".
func (p *Portal) nicknames(r *request, k staffkey.SecurityKey) (ideas []string, guess string, err error) {
	list, err := p.Directory.ListKeys(r.Context(), r.current.Actor, r.current.Person.ID)
	if err != nil {
		return nil, "", err
	}
	if k.Replaces != "" { // its name goes on
		if old, err := findKey(list, string(k.Replaces)); err == nil {
			return nil, old.Nickname, nil
		}
	}
	for _, id := range nicknameIdeas {
		idea := p.UI.Text(r.lang(), ui.Text{ID: id})
		if !directory.IsNicknameTaken(list.Keys, idea) {
			ideas = append(ideas, idea)
		}
	}
	model := p.Directory.Model(k.AAGUID).Name
	if model == "" {
		model = p.UI.Text(r.lang(), ui.Text{ID: "name.default"})
	}
	return ideas, directory.FreeNickname(list.Keys, model), nil
}

func (p *Portal) name(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	k, err := p.pendingKey(r)
	if err != nil {
		return err
	}
	switch k.State {
	case staffkey.SecurityKeyPending:
	case staffkey.SecurityKeySuspended: // a second press of Save, as below
		return r.redirect("/me/tokens")
	default:
		return r.redirect(tokenPath(k.ID, "try"))
	}
	nickname := r.PostFormValue("nickname")
	err = p.SignIn.NameKey(r.Context(), r.current.Actor, k.ID, nickname)
	if errs := fieldError(err); errs != nil {
		ideas, _, err := p.nicknames(r, k)
		if err != nil {
			return err
		}
		page := ui.NamePage{ID: string(k.ID), Value: nickname, Suggestions: ideas}
		page.Errors = errs
		return p.render(r, http.StatusUnprocessableEntity, "selfservice", page)
	}
	if err != nil {
		return err
	}
	if clean, err := staffkey.ValidateNickname(nickname); err == nil { // it was taken a moment ago
		if err := p.signalName(r, k, clean); err != nil {
			return err
		}
	}
	if k.StopReason == staffkey.StopReview {
		if err := r.setFlash(flash{Kind: "warn", ID: "flash.token-review", Args: map[string]string{"Nickname": nickname}}); err != nil {
			return err
		}
		return r.redirect("/me/tokens")
	}
	if k.Replaces != "" {
		if err := r.setFlash(flash{Kind: "success", ID: "flash.token-replaced", Args: map[string]string{"Nickname": nickname}}); err != nil {
			return err
		}
	}
	return r.redirect(tokenPath(k.ID, "try"))
}

// ownKey is the key of the path, if it is on the person's list.
func (p *Portal) ownKey(r *request) (staffkey.SecurityKey, directory.KeyList, error) {
	list, err := p.Directory.ListKeys(r.Context(), r.current.Actor, r.current.Person.ID)
	if err != nil {
		return staffkey.SecurityKey{}, list, err
	}
	k, err := findKey(list, r.PathValue("id"))
	return k, list, err
}

func (p *Portal) tryPage(r *request) error {
	k, _, err := p.ownKey(r)
	if err != nil {
		return err
	}
	begun, err := p.SignIn.BeginTry(r.Context(), r.current.Actor, k.ID)
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "selfservice", ui.TryPage{
		ID: string(k.ID), Nickname: k.Nickname, Credential: encodeID(k.CredentialID), Ceremony: tryCeremony(k.ID, begun),
	})
}

func tryCeremony(id staffkey.SecurityKeyID, begun signin.Begun) ui.Ceremony {
	path := tokenPath(id, "try")
	return ui.Ceremony{
		Kind: "get", Action: path, Outcome: path + "/outcome", Refresh: path + "/options", Step: "try",
		Options: string(begun.Options), Sealed: begun.Sealed, Code: begun.Code,
	}
}

func (p *Portal) tryOptions(r *request) error {
	id := staffkey.SecurityKeyID(r.PathValue("id"))
	begun, err := p.SignIn.BeginTry(r.Context(), r.current.Actor, id)
	if err != nil {
		return err
	}
	return r.writeOptions(tryCeremony(id, begun))
}

func (p *Portal) try(r *request) error {
	answer, _, noScript, err := r.readAnswer()
	if err != nil {
		return err
	}
	id := staffkey.SecurityKeyID(r.PathValue("id"))
	if noScript {
		return p.promptEnded(r, "try", signin.Prompt{Name: "nojs", Token: id})
	}
	in, err := p.SignIn.FinishTry(r.Context(), r.current.Actor, answer, r.current.Session)
	if err != nil {
		return p.refused(r, "try", id, "", "/me/outcome", err)
	}
	return p.entered(r, in, tokenPath(in.Key, "done")+"?tried=1")
}

func (p *Portal) tryPromptEnded(r *request) error {
	prompt, err := r.readPrompt()
	if err != nil {
		return err
	}
	prompt.Token = staffkey.SecurityKeyID(r.PathValue("id"))
	return p.promptEnded(r, "try", prompt)
}

func (p *Portal) tryOutcome(r *request, o outcome, page *ui.OutcomePage) error {
	list, err := p.Directory.ListKeys(r.Context(), r.current.Actor, r.current.Person.ID)
	if err != nil {
		return err
	}
	k, err := findKey(list, string(o.Token))
	if err != nil {
		return err
	}
	page.StartAgain, page.Cancel = tokenPath(k.ID, "try"), tokenPath(k.ID, "done")
	if !mayRetry(o.Message) {
		return nil
	}
	begun, err := p.SignIn.BeginTry(r.Context(), r.current.Actor, k.ID)
	if err != nil {
		return err
	}
	c := tryCeremony(k.ID, begun)
	page.Retry, page.RetryToken = &c, p.tokenRow(r, begun.Subject.Keys, k.ID)
	return nil
}

func (p *Portal) donePage(r *request) error {
	k, list, err := p.ownKey(r)
	if err != nil {
		return err
	}
	if !includes(list.UsableKeys(), k.ID) { // put on hold meanwhile: it is not ready
		return r.redirect("/me/tokens")
	}
	page := ui.DonePage{
		ID: string(k.ID), Nickname: k.Nickname, Keys: list.DifferentKeys(), SameKeyAs: sameKey(k, list.Keys),
		Tried: !k.LastUsedAt.IsZero(), RecoveryCodes: slices.Contains(list.Others, staffkey.MethodRecoveryCode),
	}
	if p.inSetUp(r) {
		page.Next = "/setup"
	}
	return p.render(r, http.StatusOK, "selfservice", page)
}
