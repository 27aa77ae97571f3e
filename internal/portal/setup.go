package portal

import (
	"errors"
	"net/http"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// First-run set-up (ux.md §2.1): a printed one-time link, then a list of tasks. The link's secret moves from the address
// into a cookie at once; it is used up when the first operator is made. What follows needs that operator's session, and
// ends when they say so.

// inSetUp reports whether this is the first operator with the set-up not finished.
func (p *Portal) inSetUp(r *request) bool {
	if !r.signedIn {
		return false
	}
	tasks, err := p.Directory.SetUpTasks(r.Context(), r.current.Actor)
	return err == nil && !tasks.Finished
}

func (p *Portal) setUpPage(r *request) error {
	if r.signedIn {
		return p.setUpTaskList(r)
	}
	needs, err := p.SignIn.NeedsSetUp(r.Context())
	if err != nil {
		return err
	}
	if !needs {
		return p.render(r, http.StatusGone, "", ui.SetupLinkPage{Problem: "done"})
	}
	secret := r.FormValue("t")
	fromAddress := secret != ""
	if !fromAddress {
		secret = r.setUpSecret()
	}
	if secret == "" {
		return p.render(r, http.StatusForbidden, "", ui.SetupLinkPage{Problem: "missing"})
	}
	err = p.SignIn.CheckSetUpLink(r.Context(), secret)
	if errors.Is(err, staffkey.ErrExpired) {
		r.dropCookie(cookieSetUp)
		return p.render(r, http.StatusGone, "", ui.SetupLinkPage{Problem: "expired"})
	}
	if err != nil {
		return err
	}
	if fromAddress { // out of the address bar, the history and the next page's referrer
		if err := r.putSealed(cookieSetUp, secret, signin.SetUpLinkLife); err != nil {
			return err
		}
		return r.redirect("/setup")
	}
	return p.render(r, http.StatusOK, "", ui.SetupPage{Tasks: []ui.SetupTask{
		{Kind: "you", State: "todo", Href: "/setup/you"}, {Kind: "key", State: "later"}, {Kind: "organisation", State: "later"},
		{Kind: "methods", State: "later"}, {Kind: "address", State: "later"},
	}, NoMail: !p.SignIn.Reaches(staffkey.ChannelEmail)})
}

func (r *request) setUpSecret() string {
	var secret string
	r.openSealed(cookieSetUp, &secret)
	return secret
}

func (p *Portal) setUpTaskList(r *request) error {
	actor := r.current.Actor
	tasks, err := p.Directory.SetUpTasks(r.Context(), actor)
	if err != nil {
		return err
	}
	if tasks.Finished {
		return r.redirect("/me")
	}
	list, err := p.Directory.ListKeys(r.Context(), actor, actor.Person)
	if err != nil {
		return err
	}
	state := func(done bool) string {
		if done {
			return "done"
		}
		return "todo"
	}
	key := state(len(list.Keys) > 0)
	if len(list.Keys) == 0 && tasks.Done["key_skipped"] {
		key = "skipped"
	}
	page := ui.SetupPage{NoMail: !p.SignIn.Reaches(staffkey.ChannelEmail), Tasks: []ui.SetupTask{
		{Kind: "you", State: "done"},
		{Kind: "key", State: key, Href: "/me/tokens/register"},
		{Kind: "organisation", State: state(tasks.Done["organisation"]), Href: "/setup/organisation"},
		{Kind: "methods", State: state(tasks.Done["methods"]), Href: "/setup/methods"},
		{Kind: "address", State: state(tasks.Done["address"]), Href: "/setup/address"},
	}}
	page.Ready = key != "todo" && tasks.Done["organisation"] && tasks.Done["methods"] && tasks.Done["address"]
	return p.render(r, http.StatusOK, "", page)
}

// setUpSkipKey leaves the operator's key for later.
func (p *Portal) setUpSkipKey(r *request) error {
	if err := p.Directory.MarkSetUpTask(r.Context(), r.current.Actor, "key_skipped"); err != nil {
		return err
	}
	return r.redirect("/setup")
}

func (p *Portal) setUpYouPage(r *request) error {
	if r.signedIn || r.setUpSecret() == "" {
		return r.redirect("/setup")
	}
	return p.render(r, http.StatusOK, "", ui.SetupYouPage{NewPassword: ui.NewPassword{Alone: true}})
}

func (p *Portal) setUpYou(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	if r.setUpSecret() == "" {
		return r.redirect("/setup")
	}
	f := signin.FirstOperator{
		Name: r.PostFormValue("name"), Email: r.PostFormValue("email"), Username: r.PostFormValue("username"), Password: r.PostFormValue("password"),
	}
	in, err := p.SignIn.SetUp(r.Context(), r.origin, r.setUpSecret(), f)
	errs := fieldError(err, "name/field.empty", "person.name.empty", "username/field.empty", "username.new-empty",
		"email/field.empty", "email.empty", "password/password.empty", "password.new-empty")
	if errs != nil {
		page := ui.SetupYouPage{NewPassword: ui.NewPassword{Alone: true}, Name: f.Name, Email: f.Email, Username: f.Username}
		page.Errors = errs
		return p.render(r, http.StatusUnprocessableEntity, "", page)
	}
	if errors.Is(err, staffkey.ErrExpired) || errors.Is(err, staffkey.ErrRefused) {
		r.dropCookie(cookieSetUp)
		needs, err := p.SignIn.NeedsSetUp(r.Context()) // somebody else may have set it up in between, by this link or another
		if err != nil {
			return err
		}
		problem := "done"
		if needs {
			problem = "used"
		}
		return p.render(r, http.StatusGone, "", ui.SetupLinkPage{Problem: problem})
	}
	if err != nil {
		return err
	}
	r.dropCookie(cookieSetUp)
	return p.entered(r, in, "/setup")
}

func (p *Portal) setUpOrganisationPage(r *request) error {
	o, err := p.Directory.SetUpOrganisation(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "", ui.SetupOrganisationPage{Name: o.Name, Code: o.Code})
}

func (p *Portal) setUpOrganisation(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	actor := r.current.Actor
	o, err := p.Directory.SetUpOrganisation(r.Context(), actor)
	if err != nil {
		return err
	}
	o.Name, o.Code = r.PostFormValue("name"), r.PostFormValue("code")
	err = p.Directory.NameSetUpOrganisation(r.Context(), actor, o)
	if errs := fieldError(err, "name/field.empty", "organisation.name.empty", "code/field.empty", "organisation.code.empty"); errs != nil {
		page := ui.SetupOrganisationPage{Name: o.Name, Code: o.Code}
		page.Errors = errs
		return p.render(r, http.StatusUnprocessableEntity, "", page)
	}
	if err != nil {
		return err
	}
	return r.redirect("/setup")
}

// Presets of how people sign in: which methods are allowed, and which of them may stand alone (F45).
var presets = []struct {
	value         string
	methods, core []staffkey.MethodKind
	recommended   bool
}{
	{"key-or-codes", []staffkey.MethodKind{staffkey.MethodRecoveryCode}, []staffkey.MethodKind{staffkey.MethodSecurityKey}, true},
	{"key-or-app", []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodRecoveryCode}, []staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP}, false},
	{"key-app-text", []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode},
		[]staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall}, false},
	{"key-only", []staffkey.MethodKind{}, []staffkey.MethodKind{staffkey.MethodSecurityKey}, false},
}

// isOffered reports whether this installation can do what a preset allows: without a provider, no code is sent.
func (p *Portal) isOffered(methods []staffkey.MethodKind) bool {
	for _, kind := range methods {
		if !p.SignIn.CanSend(kind) {
			return false
		}
	}
	return true
}

func (p *Portal) setUpMethodsPage(r *request) error { return p.showSetUpMethods(r, http.StatusOK, nil) }

func (p *Portal) showSetUpMethods(r *request, status int, errs []ui.FieldError) error {
	if _, err := p.Directory.SetUpOrganisation(r.Context(), r.current.Actor); err != nil {
		return err
	}
	page := ui.SetupMethodsPage{Chosen: presets[0].value}
	page.Errors = errs
	for _, preset := range presets {
		if !p.isOffered(preset.methods) {
			continue
		}
		page.Presets = append(page.Presets, ui.SetupPreset{Value: preset.value, Recommended: preset.recommended})
	}
	return p.render(r, status, "", page)
}

func (p *Portal) setUpMethods(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	for _, preset := range presets {
		if preset.value != r.PostFormValue("preset") || !p.isOffered(preset.methods) {
			continue
		}
		if err := p.Directory.ChooseSetUpMethods(r.Context(), r.current.Actor, preset.methods, preset.core); err != nil {
			return err
		}
		return r.redirect("/setup")
	}
	return p.showSetUpMethods(r, http.StatusUnprocessableEntity, []ui.FieldError{{Field: "preset", Message: ui.Text{ID: "preset.empty"}}})
}

func (p *Portal) setUpAddressPage(r *request) error {
	if _, err := p.Directory.SetUpOrganisation(r.Context(), r.current.Actor); err != nil {
		return err
	}
	scheme := "http://"
	if r.TLS != nil || p.secure {
		scheme = "https://"
	}
	return p.render(r, http.StatusOK, "", ui.SetupAddressPage{Origin: p.Address, Seen: scheme + r.Host, RPID: p.RPID})
}

func (p *Portal) setUpAddress(r *request) error {
	if err := p.Directory.MarkSetUpTask(r.Context(), r.current.Actor, "address"); err != nil {
		return err
	}
	return r.redirect("/setup")
}

// setUpFinish ends the set-up and makes the operator's recovery codes, where the policy just chosen allows them.
func (p *Portal) setUpFinish(r *request) error {
	actor := r.current.Actor
	if err := p.Directory.FinishSetUp(r.Context(), actor); err != nil {
		return err
	}
	if err := p.newRecoveryCodes(r); err != nil && asRefusal(err) == nil {
		return err
	}
	return r.redirect("/setup/done")
}

// setUpDone says that the service runs, and shows the codes that were made with that.
func (p *Portal) setUpDone(r *request) error {
	if !policy.IsOperator(r.current.May) {
		return staffkey.ErrNotFound
	}
	tasks, err := p.Directory.SetUpTasks(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	if !tasks.Finished {
		return r.redirect("/setup")
	}
	page := ui.SetupDonePage{Address: p.Address, NoMail: !p.SignIn.Reaches(staffkey.ChannelEmail)}
	if made, ok := r.shownCodes(); ok {
		page.RecoveryCodes = made.Codes
	}
	return p.render(r, http.StatusOK, "", page)
}
