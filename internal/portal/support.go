package portal

import (
	"errors"
	"net/http"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// helps reports whether the person helps others, so that they are shown the way to the box for support codes.
func (r *request) helps() bool { return r.signedIn && policy.MaySeeDeviceCheck(r.current.May) == nil }

// supportPage is the one box for every code that somebody reads out on the phone: of an outcome, a report or a check of a device.
func (p *Portal) supportPage(r *request) error {
	if err := policy.MaySeeDeviceCheck(r.current.May); err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "", ui.SupportCodePage{})
}

// cookieCase holds the code that was opened last, sealed: a page of it can be loaded again without one more try.
const cookieCase = "staffkey-case"

func (p *Portal) support(r *request) error {
	if err := policy.MaySeeDeviceCheck(r.current.May); err != nil {
		return err
	}
	if err := r.parseForm(); err != nil {
		return err
	}
	typed := strings.TrimSpace(r.PostFormValue("code"))
	switch {
	case typed == "":
		return p.noSuchCode(r, http.StatusUnprocessableEntity, "", ui.Text{ID: "support.code.empty"})
	case staffkey.ParseSupportCode(typed) == "": // nothing is looked for, and nothing is counted
		return p.noSuchCode(r, http.StatusUnprocessableEntity, typed, ui.Text{ID: "support.code.form"})
	}
	found, err := p.SignIn.OpenSupportCode(r.Context(), r.current.Actor, typed)
	refusal := asRefusal(err)
	switch {
	case errors.Is(err, staffkey.ErrNotFound):
		return p.noSuchCode(r, http.StatusNotFound, typed, ui.Text{ID: "support.code.unknown"})
	case refusal != nil && errors.Is(err, staffkey.ErrThrottled):
		return p.noSuchCode(r, http.StatusTooManyRequests, typed, text(refusal.Message))
	case err != nil:
		return err
	}
	if err := r.putSealed(cookieCase, found.Code, 0); err != nil {
		return err
	}
	return r.redirect("/support/case")
}

// noSuchCode asks for the code once more.
func (p *Portal) noSuchCode(r *request, status int, code string, message ui.Text) error {
	return p.render(r, status, "", ui.SupportCodePage{
		Form: ui.Form{Errors: []ui.FieldError{{Field: "code", Message: message}}}, Code: clipped(strings.ToValidUTF8(code, ""), 40),
	})
}

// supportCase shows what the code that was opened stands for.
func (p *Portal) supportCase(r *request) error {
	var code string
	r.openSealed(cookieCase, &code)
	found, err := p.SignIn.FindSupportCase(r.Context(), r.current.Actor, code)
	if errors.Is(err, staffkey.ErrNotFound) { // none was opened, or it has expired since
		return r.redirect("/support")
	}
	if err != nil {
		return err
	}
	if found.Device != nil {
		return p.deviceResult(r, *found.Device)
	}
	return p.render(r, http.StatusOK, "", p.supportCasePage(found))
}

// supportKinds are the kinds of event that a code is given for and that have a text of their own.
var supportKinds = map[staffkey.EventKind]bool{
	staffkey.EventSignInRefused: true, staffkey.EventPromptEnded: true, staffkey.EventKeyStopped: true, staffkey.EventPersonFrozen: true,
	staffkey.EventReplacementAsked: true, staffkey.EventProved: true, staffkey.EventKeyRegistered: true, staffkey.EventKeyTried: true,
	staffkey.EventRequestFailed: true,
}

func (p *Portal) supportCasePage(found signin.SupportCase) ui.SupportCasePage {
	e := found.Event
	page := ui.SupportCasePage{
		Code: found.Code, At: e.At, Where: e.Browser, Person: found.Person.Name, Username: found.Person.Username, Remedy: string(remedyOf(e.Message)),
	}
	if e.SubjectName != "" && e.SubjectName != string(staffkey.MethodSecurityKey) {
		page.Nickname = e.SubjectName
	}
	switch kind := "support.kind." + string(e.Kind); {
	case supportKinds[e.Kind]:
		page.Kind = ui.Text{ID: kind}
	case e.Outcome == staffkey.OutcomeRefused:
		page.Kind = ui.Text{ID: "support.kind.refused"}
	default:
		page.Kind = ui.Text{ID: "support.kind.other"}
	}
	page.Read = p.readBy(e.Message)
	switch {
	case page.Remedy != "":
	case e.Outcome == staffkey.OutcomeDone:
		page.Remedy = "reference"
	default:
		page.Remedy = "other"
	}
	for _, name := range []string{"rule", "name", "ms", "route"} {
		if value := e.Detail[name]; value != "" {
			page.Facts = append(page.Facts, ui.SupportFact{Name: name, Value: value})
		}
	}
	return page
}

// readBy is what the person has read, or nothing where the words of its message are not all here any more.
func (p *Portal) readBy(message string) ui.Text {
	switch {
	case message == "key.limit": // with how many
	case remedyOf(message) != "":
		return ui.Text{ID: message, Args: map[string]any{"Name": p.Address}}
	case p.UI.IsPlain(message):
		return ui.Text{ID: message}
	}
	return ui.Text{}
}
