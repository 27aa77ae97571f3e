package portal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// rawJSON keeps a member of a JSON object as it came.
type rawJSON = json.RawMessage

// outcome is how the latest ceremony of this browser ended, sealed into a cookie so that the page that tells it can be
// reloaded and is not written by the address bar.
type outcome struct {
	Purpose string // signin, confirm, register, try, error, locked
	Message string
	Args    map[string]any `json:",omitempty"`
	When    *time.Time     `json:",omitempty"`
	Code    string
	Token   staffkey.SecurityKeyID
	// Replaces is the entry whose place a key being registered takes.
	Replaces staffkey.SecurityKeyID `json:",omitempty"`
	// Failures counts prompts without an answer in a row.
	Failures int
	Status   int `json:",omitempty"`
	// Origin is that of the page, as its browser told it.
	Origin string `json:",omitempty"`
	// Organisation is whose Local Administrators the page names: of a person who has proved enough to read that.
	Organisation staffkey.OrganisationID `json:",omitempty"`
	// Username is who is locked out.
	Username string `json:",omitempty"`
	// Credential that we do not know, for the browser to forget.
	Credential string `json:",omitempty"`
}

// promptBody is what the page's script sends when the browser's prompt ended without an answer.
type promptBody struct {
	Ceremony string                 `json:"ceremony"`
	Token    staffkey.SecurityKeyID `json:"token"`
	Name     string                 `json:"name"`
	Millis   float64                `json:"ms"`
	Detail   string                 `json:"detail"`
	Origin   string                 `json:"origin"`
}

// pageOrigin keeps what can be the origin of a page of ours, for the person to compare.
func pageOrigin(told string) string {
	u, err := url.Parse(told)
	if err != nil || len(told) > 200 || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func (r *request) readPrompt() (signin.Prompt, error) {
	var body promptBody
	if r.mediaType() != "application/json" {
		return signin.Prompt{}, &statusError{http.StatusUnsupportedMediaType, "JSON expected"}
	}
	if err := r.readJSON(&body); err != nil {
		return signin.Prompt{}, err
	}
	ms := min(max(body.Millis, 0), float64(time.Hour/time.Millisecond))
	return signin.Prompt{
		Name: body.Name, Elapsed: time.Duration(ms * float64(time.Millisecond)), Detail: body.Detail, Token: staffkey.SecurityKeyID(knownID(string(body.Token))),
		Origin: pageOrigin(body.Origin), Sealed: body.Ceremony,
	}, nil
}

func (p *Portal) signInPromptEnded(r *request) error {
	prompt, err := r.readPrompt()
	if err != nil {
		return err
	}
	return p.promptEnded(r, "signin", prompt)
}

// promptEnded records how a prompt ended and goes to the page that tells it.
func (p *Portal) promptEnded(r *request, purpose string, prompt signin.Prompt) error {
	actor, person := r.current.Actor, r.current.Person.ID
	if !r.signedIn {
		actor.Origin = r.origin
		person = r.attempt().Person
	}
	out, err := p.SignIn.RecordPrompt(r.Context(), actor, person, prompt)
	if err != nil {
		return err
	}
	o := outcome{Purpose: purpose, Message: out.Message, Code: out.SupportCode, Token: prompt.Token, Origin: prompt.Origin, Failures: r.failures(purpose) + 1}
	if out.Name != "" {
		o.Args = map[string]any{"Name": out.Name}
	}
	o.Replaces = staffkey.SecurityKeyID(knownID(r.URL.Query().Get("replaces")))
	if err := r.putSealed(cookieOutcome, o, 0); err != nil {
		return err
	}
	return r.proceed(http.StatusOK, outcomePath(purpose))
}

func outcomePath(purpose string) string {
	if purpose == "signin" {
		return "/signin/outcome"
	}
	return "/me/outcome"
}

func (r *request) failures(purpose string) int {
	var before outcome
	if r.openSealed(cookieOutcome, &before) && before.Purpose == purpose {
		return before.Failures
	}
	return 0
}

// reasonArgs are the values of a refusal that its text is made from: the model of a key, why it is not taken, what the rule asks for, and the
// reason that an operator has given.
var reasonArgs = []string{"Model", "Why", "Needs", "Reason"}

// refused tells a refusal of an answer on the outcome page. Anything that is no refusal stays an error.
// The credential that answered, when the browser should forget it, goes into the page.
func (p *Portal) refused(r *request, purpose string, token staffkey.SecurityKeyID, credential, path string, err error) error {
	return p.refusedAs(r, outcome{Purpose: purpose, Token: token}, credential, path, err)
}

func (p *Portal) refusedAs(r *request, o outcome, credential, path string, err error) error {
	refusal := asRefusal(err)
	if refusal == nil || refusal.Rule == "step_up" {
		return err
	}
	o.Origin = r.pageAt
	o.Message, o.Code, o.Failures = refusal.Message.ID, refusal.SupportCode, r.failures(o.Purpose)+1
	if p.forgets(refusal) {
		o.Credential = credential
	}
	if n, ok := refusal.Message.Args["Count"].(int); ok {
		o.Args = map[string]any{"Count": n}
	}
	for _, name := range reasonArgs {
		if value, ok := refusal.Message.Args[name].(string); ok && value != "" {
			if o.Args == nil {
				o.Args = make(map[string]any)
			}
			o.Args[name] = value
		}
	}
	if t, ok := refusal.Message.Args["When"].(time.Time); ok {
		o.When = &t
	}
	if err := r.putSealed(cookieOutcome, o, 0); err != nil {
		return err
	}
	return r.proceed(http.StatusOK, path)
}

// problem shows an error that the page's script ran into.
func (p *Portal) problem(r *request) error {
	var o outcome
	if !r.openSealed(cookieOutcome, &o) || o.Purpose != "error" {
		return r.redirect("/")
	}
	page := ui.ErrorPage{Message: ui.Text{ID: o.Message}, SupportCode: o.Code, Action: homeAction(r)}
	if o.Message == "rate" {
		page.Message = ui.StatusMessage(http.StatusTooManyRequests)
	}
	return p.render(r, o.Status, "", page)
}

// outcomePage tells how the latest prompt ended and offers the next step.
func (p *Portal) outcomePage(r *request) error {
	var o outcome
	signIn := r.URL.Path == "/signin/outcome"
	if !r.openSealed(cookieOutcome, &o) || (o.Purpose == "signin") != signIn || o.Purpose == "error" || o.Purpose == "locked" {
		if r.signedIn {
			return r.redirect("/me")
		}
		return r.redirect("/signin")
	}
	r.organisation = o.Organisation
	page := ui.OutcomePage{
		Purpose: o.Purpose, Message: ui.Text{ID: o.Message, Args: map[string]any{"Name": p.Address, "RPID": p.RPID}}, Failures: o.Failures, SupportCode: o.Code,
	}
	switch remedyOf(o.Message) {
	case staffkey.RemedyReport:
		page.Helpless, page.Reported = true, true
	case staffkey.RemedyRegister, remedyDecided:
		page.Helpless = true
	}
	if o.Origin != p.Address { // the person sees in which part they differ
		page.Message.Args["Host"] = o.Origin
	}
	if n, ok := o.Args["Count"].(float64); ok { // as JSON gives numbers back
		count := int(n)
		page.Message.Count = &count
	}
	if o.Credential != "" {
		page.Signal = &ui.Signal{Kind: "unknown", RPID: p.RPID, Credential: o.Credential}
	}
	for _, name := range reasonArgs {
		if value, ok := o.Args[name].(string); ok {
			page.Message.Args[name] = value
		}
	}
	if name, ok := o.Args["Name"].(string); ok {
		page.Message.Args["Name"] = name
	}
	if o.When != nil {
		page.Message.Args["When"] = *o.When
	}
	switch o.Message {
	case "wa.domain":
		page.Address = p.Address
	case "wa.perm":
		page.NewWindow = "/signin"
	}
	var err error
	switch o.Purpose {
	case "signin":
		err = p.signInOutcome(r, o, &page)
	case "confirm":
		err = p.confirmOutcome(r, o, &page)
	case "register":
		err = p.registerOutcome(r, o, &page)
	case "try":
		err = p.tryOutcome(r, o, &page)
	}
	if errors.Is(err, staffkey.ErrNotFound) {
		return r.redirect("/me/tokens")
	}
	if err != nil {
		return err
	}
	nav := ""
	if r.signedIn {
		nav = "selfservice"
	}
	return p.render(r, http.StatusOK, nav, page)
}

// signInOutcome offers the next step in a sign-in, with or without a name given.
func (p *Portal) signInOutcome(r *request, o outcome, page *ui.OutcomePage) error {
	a := r.attempt()
	if a.Person == "" {
		page.StartAgain = "/signin"
		if !mayRetry(o.Message) {
			return nil
		}
		c, err := p.passwordless(r)
		page.Retry = &c
		return err
	}
	begun, err := p.SignIn.BeginSignIn(r.Context(), a, staffkey.MethodSecurityKey)
	if err != nil {
		return err
	}
	r.organisation = begun.Subject.Person.Organisation
	page.Username, page.Options = begun.Subject.Person.Username, p.options("/signin", begun)
	page.StartAgain, page.Ways = "/signin/key", "/signin/method"
	if len(begun.Subject.Keys) > 1 || !mayRetry(o.Message) {
		page.ChooseAnother = "/signin/key"
	}
	if mayRetry(o.Message) {
		c := signInCeremony(begun)
		page.Retry, page.RetryToken = &c, p.tokenRow(r, begun.Subject.Keys, o.Token)
	}
	return nil
}

// tokenRow is the row of one key, or the zero row for any key.
func (p *Portal) tokenRow(r *request, keys []staffkey.SecurityKey, id staffkey.SecurityKeyID) ui.TokenRow {
	for _, row := range p.tokenRows(r, keys) {
		if row.ID == string(id) {
			return row
		}
	}
	return ui.TokenRow{}
}

func encodeID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }
