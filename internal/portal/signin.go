package portal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// front sends people where they can start.
func (p *Portal) front(r *request) error {
	if r.signedIn {
		return r.redirect("/me")
	}
	needs, err := p.SignIn.NeedsSetUp(r.Context())
	if err != nil {
		return err
	}
	if needs {
		return r.redirect("/setup")
	}
	return r.redirect("/signin")
}

func (p *Portal) setTheme(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	c := &http.Cookie{Name: cookieTheme, Path: "/", Value: r.PostFormValue("theme"), MaxAge: int(deviceLife.Seconds()), HttpOnly: true, Secure: p.secure, SameSite: http.SameSiteLaxMode}
	if c.Value != "light" && c.Value != "dark" {
		c.Value, c.MaxAge = "", -1
	}
	http.SetCookie(r.w, c)
	return r.redirect(localPath(r.PostFormValue("return"), "/"))
}

// passwordless begins a sign-in in which the key says who it is.
func (p *Portal) passwordless(r *request) (ui.Ceremony, error) {
	begun, err := p.SignIn.BeginSignIn(r.Context(), signin.Attempt{}, staffkey.MethodSecurityKey)
	return ui.Ceremony{
		Kind: "get", Action: "/signin/passwordless", Outcome: "/signin/outcome", Refresh: "/signin/options", Step: "passwordless",
		Options: string(begun.Options), Sealed: begun.Sealed, Code: begun.Code,
	}, err
}

func (p *Portal) signInPage(r *request) error {
	if r.signedIn && (r.atStation() || r.FormValue("someone") != "") {
		return p.render(r, http.StatusOK, "", ui.SomeoneHerePage{PersonName: r.current.Person.Name})
	}
	if r.signedIn {
		return r.redirect(localPath(r.FormValue("next"), "/me"))
	}
	if yes, _ := unsupported(r.UserAgent()); yes && r.FormValue("anyway") == "" {
		return r.redirect("/unsupported")
	}
	if r.atStation() { // whoever was here before has gone
		r.dropSitting()
	}
	next := localPath(r.FormValue("next"), "")
	if a := r.attempt(); a.Return != next && !r.atStation() { // kept for the key, which says who it is without the form
		a.Return = next
		if err := r.putAttempt(a); err != nil {
			return err
		}
	}
	return p.showSignIn(r, http.StatusOK, ui.SignInPage{Next: next})
}

func (p *Portal) showSignIn(r *request, status int, page ui.SignInPage) error {
	var err error
	page.SeenHere = len(r.device().Keys) > 0
	if page.Key, err = p.passwordless(r); err != nil {
		return err
	}
	page.Conditional = r.isPersonal()
	page.Key.Conditional = page.Conditional
	return p.render(r, status, "", page)
}

func (p *Portal) passwordlessOptions(r *request) error {
	c, err := p.passwordless(r)
	if err != nil {
		return err
	}
	return r.writeOptions(c)
}

// writeOptions answers the page's script with a new challenge for a page that has been open long.
func (r *request) writeOptions(c ui.Ceremony) error {
	return r.writeJSON(http.StatusOK, map[string]string{"ceremony": c.Sealed, "options": c.Options, "code": c.Code})
}

func (p *Portal) signInPassword(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	a := r.attempt()
	if r.signedIn { // in another tab, since this form was shown
		return p.alreadyIn(r, r.isMyName(r.PostFormValue("username")), localPath(r.PostFormValue("next"), a.Return))
	}
	a.Person = "" // a new name starts over
	a.Return = localPath(r.PostFormValue("next"), a.Return)
	username, password := r.PostFormValue("username"), r.PostFormValue("password")
	page := ui.SignInPage{Username: shownLogin(username), Next: a.Return}
	page.Errors = longLogin(username)
	switch {
	case page.Errors != nil:
	case username == "":
		page.Errors = append(page.Errors, ui.FieldError{Field: "username", Message: ui.Text{ID: "username.empty"}})
	case password == "":
		page.Errors = append(page.Errors, ui.FieldError{Field: "password", Message: ui.Text{ID: "password.empty"}})
	}
	if len(page.Errors) > 0 {
		return p.showSignIn(r, http.StatusUnprocessableEntity, page)
	}
	a, status, errs, err := p.tryPassword(r, a, username, password)
	if err != nil {
		return p.lockedAfterPassword(r, a, err)
	}
	if errs != nil {
		page.Errors = errs
		return p.showSignIn(r, status, page)
	}
	return p.passedPassword(r, a)
}

// longLogin says of a form that takes a username that nobody's is so long. Nothing else is done with it.
func longLogin(username string) []ui.FieldError {
	errs := fieldError(signin.ValidateLogin(username))
	for i := range errs {
		errs[i].Field = "username"
	}
	return errs
}

// shownLogin is what a form shows again of a typed name: nothing of one that is too long for any.
func shownLogin(login string) string {
	if longLogin(login) != nil {
		return ""
	}
	return login
}

// checkedPassword reads nothing but what it is given: a name and a password that somebody typed on another page than the sign-in.
func (p *Portal) checkedPassword(r *request, username, password string) (signin.Attempt, int, []ui.FieldError, error) {
	if long := longLogin(username); long != nil {
		return signin.Attempt{}, http.StatusUnprocessableEntity, long, nil
	}
	if username == "" || password == "" {
		return signin.Attempt{}, http.StatusUnprocessableEntity, []ui.FieldError{{Message: ui.Text{ID: "pw.wrong"}}}, nil
	}
	return p.tryPassword(r, signin.Attempt{}, username, password)
}

// tryPassword checks a password, and says in the words and status of a form what was wrong.
func (p *Portal) tryPassword(r *request, a signin.Attempt, username, password string) (signin.Attempt, int, []ui.FieldError, error) {
	a, err := p.SignIn.CheckPassword(r.Context(), r.origin, a, username, password)
	refusal := asRefusal(err)
	switch {
	case refusal != nil && isOfPerson(refusal) && a.Person != "":
		return a, http.StatusForbidden, nil, err
	case refusal != nil:
		return a, refusalStatus(err), []ui.FieldError{{Message: text(refusal.Message)}}, nil
	case errors.Is(err, staffkey.ErrBusy):
		r.w.Header().Set("Retry-After", "5")
		return a, http.StatusServiceUnavailable, []ui.FieldError{{Message: ui.Text{ID: "pw.busy"}}}, nil
	}
	return a, http.StatusOK, nil, err
}

// passedPassword goes on after a right password: to the second proof, or in when there is nothing stronger yet.
func (p *Portal) passedPassword(r *request, a signin.Attempt) error {
	in, err := p.SignIn.Enter(r.Context(), r.origin, a, r.current.Session)
	if refusal := asRefusal(err); refusal != nil && refusal.Rule == policy.NeedsSecond {
		if err := r.putAttempt(a); err != nil {
			return err
		}
		return r.redirect("/signin/key")
	}
	if err != nil {
		return p.lockedAfterPassword(r, a, err)
	}
	return p.entered(r, in, a.Return)
}

// lockedAfterPassword is lockedOut for somebody whose password alone came in, or not.
func (p *Portal) lockedAfterPassword(r *request, a signin.Attempt, err error) error {
	if refusal := asRefusal(err); refusal == nil || remedyOf(refusal.Message.ID) != remedyDecided || a.Person == "" {
		return err
	}
	begun, failed := p.SignIn.BeginSignIn(r.Context(), a, staffkey.MethodSecurityKey)
	if failed != nil {
		return failed
	}
	return p.lockedOut(r, begun.Subject.Person, asRefusal(err))
}

// lockedOut tells somebody who has proved who they are, and cannot come in, everything that they can do.
func (p *Portal) lockedOut(r *request, person staffkey.Person, refusal *staffkey.Refusal) error {
	o := outcome{Purpose: "locked", Message: refusal.Message.ID, Code: refusal.SupportCode, Organisation: person.Organisation, Username: person.Username}
	if err := r.putSealed(cookieOutcome, o, 0); err != nil {
		return err
	}
	return r.redirect("/signin/locked")
}

// lockedPage is what lockedOut tells, on a page that can be loaded again and come back to.
func (p *Portal) lockedPage(r *request) error {
	var o outcome
	if !r.openSealed(cookieOutcome, &o) || o.Purpose != "locked" {
		return r.redirect("/signin")
	}
	r.organisation = o.Organisation
	return p.render(r, http.StatusForbidden, "", ui.LockedPage{Message: ui.Text{ID: o.Message}, Username: o.Username, SupportCode: o.Code})
}

// goesOnAs puts a new session into the browser. The rest of the request acts in it: the one before has ended.
func (r *request) goesOnAs(in signin.SignedIn) {
	r.setCookie(cookieSession, in.Secret, 0)
	r.current.Session, r.current.Actor.Session = in.Session, in.Session.ID
}

// entered puts a new session into the browser and goes on to where the person wanted to be.
func (p *Portal) entered(r *request, in signin.SignedIn, next string) error {
	r.goesOnAs(in)
	r.dropCookie(cookieAttempt)
	r.dropCookie(cookieOutcome)
	if in.Key != "" {
		if err := r.rememberKey(in.Key); err != nil {
			return err
		}
	}
	return r.proceed(http.StatusOK, localPath(next, "/me"))
}

// answerBody is what the page's script sends.
type answerBody struct {
	Ceremony   string                 `json:"ceremony"`
	Token      staffkey.SecurityKeyID `json:"token"`
	Credential rawJSON                `json:"credential"`
	Origin     string                 `json:"origin"`
}

// readAnswer reads the answer of a key. A form instead of JSON means that no script ran: noScript is true.
func (r *request) readAnswer() (a signin.Answer, token staffkey.SecurityKeyID, noScript bool, err error) {
	switch r.mediaType() {
	case "application/json":
		var body answerBody
		if err := r.readJSON(&body); err != nil {
			return a, "", false, err
		}
		r.pageAt = pageOrigin(body.Origin)
		return signin.Answer{Sealed: body.Ceremony, Method: staffkey.MethodSecurityKey, Body: body.Credential}, staffkey.SecurityKeyID(knownID(string(body.Token))), false, nil
	case "application/x-www-form-urlencoded":
		if err := r.parseForm(); err != nil {
			return a, "", false, err
		}
		return a, staffkey.SecurityKeyID(knownID(r.PostFormValue("token"))), true, nil
	}
	return a, "", false, &statusError{http.StatusUnsupportedMediaType, "JSON or form expected"}
}

// credentialOf is the id of the credential that an answer names, for the browser that named it; "" when it is no id.
func credentialOf(answer []byte) string {
	var named struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(answer, &named) != nil || len(named.ID) > base64.RawURLEncoding.EncodedLen(staffkey.MaxCredentialID) {
		return ""
	}
	if _, err := base64.RawURLEncoding.DecodeString(named.ID); err != nil {
		return ""
	}
	return named.ID
}

func (p *Portal) signInPasswordless(r *request) error { return p.finishSignIn(r, signin.Attempt{}) }

func (p *Portal) signInKey(r *request) error { return p.finishSignIn(r, r.attempt()) }

func (p *Portal) finishSignIn(r *request, a signin.Attempt) error {
	answer, token, noScript, err := r.readAnswer()
	if err != nil {
		return err
	}
	if noScript {
		return p.promptEnded(r, "signin", signin.Prompt{Name: "nojs", Token: token})
	}
	in, err := p.SignIn.FinishSignIn(r.Context(), r.origin, a, answer, r.current.Session)
	if isLate(err) && r.signedIn {
		mine, err := p.isMyCeremony(r, answer)
		if err != nil {
			return err
		}
		return p.alreadyIn(r, mine, r.attempt().Return)
	}
	if err != nil {
		o := outcome{Purpose: "signin", Token: token, Organisation: in.Person.Organisation}
		return p.refusedAs(r, o, credentialOf(answer.Body), "/signin/outcome", err)
	}
	return p.entered(r, in, r.attempt().Return)
}

// secondProof begins the second proof of a person who has given a right password; without one, the sign-in starts over.
func (p *Portal) secondProof(r *request, kind staffkey.MethodKind, show func(signin.Begun) error) error {
	a := r.attempt()
	if a.Person == "" {
		return r.proceed(http.StatusOK, "/signin")
	}
	begun, err := p.SignIn.BeginSignIn(r.Context(), a, kind)
	if err != nil {
		return err
	}
	r.organisation = begun.Subject.Person.Organisation
	return show(begun)
}

// keyPage lists the tokens of a person who has given a right password.
func (p *Portal) keyPage(r *request) error {
	return p.secondProof(r, staffkey.MethodSecurityKey, func(begun signin.Begun) error {
		rows, others := p.tokenRows(r, begun.Subject.Keys), p.options("/signin", begun)
		switch {
		case len(rows) == 0 && len(others) == 1 && !others[0].Post:
			return r.redirect(others[0].Href)
		case len(rows) == 0 && len(others) > 0:
			return r.redirect("/signin/method")
		}
		return p.render(r, http.StatusOK, "", ui.KeyPage{
			Username: begun.Subject.Person.Username, Tokens: rows, Ceremony: signInCeremony(begun), Options: others,
		})
	})
}

func signInCeremony(begun signin.Begun) ui.Ceremony {
	return ui.Ceremony{
		Kind: "get", Action: "/signin/key", Outcome: "/signin/outcome", Refresh: "/signin/key/options", Step: "signin",
		Options: string(begun.Options), Sealed: begun.Sealed, Code: begun.Code,
	}
}

func (p *Portal) keyOptions(r *request) error {
	return p.secondProof(r, staffkey.MethodSecurityKey, func(begun signin.Begun) error { return r.writeOptions(signInCeremony(begun)) })
}

func (p *Portal) methodPage(r *request) error {
	return p.secondProof(r, staffkey.MethodSecurityKey, func(begun signin.Begun) error {
		page := ui.MethodPage{Username: begun.Subject.Person.Username, Methods: p.options("/signin", begun)}
		if begun.HasKey {
			page.Methods = append([]ui.OtherOption{{Kind: "key", Href: "/signin/key"}}, page.Methods...)
		}
		return p.render(r, http.StatusOK, "", page)
	})
}

func (p *Portal) notYou(r *request) error {
	r.dropCookie(cookieAttempt)
	r.dropCookie(cookieOutcome)
	return r.redirect("/signin")
}

func (p *Portal) cannotSignIn(r *request) error {
	return p.render(r, http.StatusOK, "", ui.CannotSignInPage{})
}

func (p *Portal) unsupportedPage(r *request) error {
	_, ie := unsupported(r.UserAgent())
	return p.UI.RenderUnsupported(r.w, r.lang(), ui.UnsupportedPage{
		Organisation: p.rootName(r.Context()), Address: p.Address + "/signin", InternetExplorer: ie, CodeHref: "/signin?anyway=1",
	})
}

func (p *Portal) signOut(r *request) error {
	if err := p.leave(r); err != nil {
		return err
	}
	return r.redirect("/signed-out")
}

func (p *Portal) signedOut(r *request) error {
	if r.signedIn {
		return r.redirect("/me")
	}
	page := ui.SignedOutPage{}
	if r.atStation() {
		page.Seconds = signedOutSeconds
	}
	return p.render(r, http.StatusOK, "", page)
}
