package portal

import (
	"net/http"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// systemOf guesses the system of a browser, for whose steps to show first.
func systemOf(r *request) string {
	hint := strings.ToLower(strings.Trim(r.Header.Get("Sec-CH-UA-Platform"), `"`))
	switch hint {
	case "windows", "macos", "linux", "android", "ios":
		return hint
	case "chrome os", "chromium os":
		return "chromeos"
	}
	switch first(r.UserAgent(), systemMarks) {
	case "Windows":
		return "windows"
	case "macOS":
		return "macos"
	case "ChromeOS":
		return "chromeos"
	case "Android":
		return "android"
	case "iPhone", "iPad":
		return "ios"
	case "Linux":
		return "linux"
	}
	return ""
}

// pinQuestion is what the person wants to know of the PIN.
func pinQuestion(r *request) string {
	switch q := r.FormValue("about"); q {
	case "change", "forgotten", "blocked":
		return q
	}
	return ""
}

// pinHelp is the help about PINs for everybody. Whoever is signed in and has forgotten theirs goes on at once.
func (p *Portal) pinHelp(r *request) error {
	page := ui.PINPage{Question: pinQuestion(r), System: systemOf(r), Base: "/pin"}
	if !r.signedIn {
		return p.render(r, http.StatusOK, "", page)
	}
	list, err := p.replaceable(r)
	if err != nil {
		return err
	}
	page.CanReplace = len(list) > 0
	if page.Question != "forgotten" || !page.CanReplace {
		return p.render(r, http.StatusOK, "", page)
	}
	if len(list) == 1 {
		return r.redirect(tokenPath(list[0].ID, "replace"))
	}
	return p.showReplace(r, list, "")
}

// pinPage is the help about the PIN of one key.
func (p *Portal) pinPage(r *request) error {
	k, list, err := p.keyToReplace(r)
	if err != nil {
		return err
	}
	can := includes(list, k.ID)
	if can && pinQuestion(r) == "forgotten" {
		return r.redirect(tokenPath(k.ID, "replace"))
	}
	return p.render(r, http.StatusOK, "selfservice", ui.PINPage{
		ID: string(k.ID), Nickname: k.Nickname, Question: pinQuestion(r), System: systemOf(r), Base: tokenPath(k.ID, "pin"), CanReplace: can,
	})
}

// keyToReplace is the key of the path, and all tokens that the person could register again: that key is among them, or not.
func (p *Portal) keyToReplace(r *request) (staffkey.SecurityKey, []staffkey.SecurityKey, error) {
	k, _, err := p.ownKey(r)
	if err != nil {
		return k, nil, err
	}
	list, err := p.replaceable(r)
	return k, list, err
}

func includes(list []staffkey.SecurityKey, id staffkey.SecurityKeyID) bool {
	return slices.ContainsFunc(list, func(k staffkey.SecurityKey) bool { return k.ID == id })
}

// replaceable are the tokens whose keys the person could register again: by another key, a recovery code or a pass. What it needs
// exactly, the operation asks.
func (p *Portal) replaceable(r *request) ([]staffkey.SecurityKey, error) {
	mine, err := p.SignIn.Mine(r.Context(), r.current.Actor)
	if err != nil {
		return nil, err
	}
	var list []staffkey.SecurityKey
	for _, k := range mine.Holdings.Keys {
		if mayReplace(r, mine, k) {
			list = append(list, k)
		}
	}
	return list, nil
}

func mayReplace(r *request, mine signin.Mine, k staffkey.SecurityKey) bool {
	for _, other := range mine.Holdings.UsableKeys() {
		if !staffkey.SamePhysicalKey(other, k.ID, mine.Holdings.Keys) {
			return true
		}
	}
	byCode := contains(mine.Holdings.Others, staffkey.MethodRecoveryCode) && policy.CodesRecover(r.current.May, mine.Policy)
	return mine.CanAdd || byCode || contains(mine.Holdings.Others, staffkey.MethodPass)
}

func (p *Portal) replacePage(r *request) error {
	k, list, err := p.keyToReplace(r)
	if err != nil {
		return err
	}
	if !includes(list, k.ID) {
		return r.redirect(requestBlocked(k))
	}
	return p.showReplace(r, list, k.ID)
}

// requestBlocked is the page where somebody asks for help with a key that they cannot reset themselves.
func requestBlocked(k staffkey.SecurityKey) string {
	return "/me/request?reason=blocked&token=" + string(k.ID)
}

// showReplace shows how to reset a key, and the button that registers it again. Which of several tokens it is, the person says on the
// same page.
func (p *Portal) showReplace(r *request, list []staffkey.SecurityKey, chosen staffkey.SecurityKeyID) error {
	var together []string
	for i, k := range list {
		if first := slices.IndexFunc(list, func(o staffkey.SecurityKey) bool { return staffkey.AreOneKey(o, k) }); first != i {
			continue
		}
		if same := sameKey(k, list); len(same) > 0 {
			together = append(together, strings.Join(append([]string{k.Nickname}, same...), ", "))
		}
	}
	page := ui.ReplacePage{Token: string(chosen), Tokens: p.allRows(r, list), Together: together, System: systemOf(r), Back: "/pin", Next: "/me/tokens/{token}/replace"}
	if chosen != "" {
		page.Back = tokenPath(chosen, "pin")
	}
	// The options come with the press, which puts the old entry on hold first: to reset a key takes longer than options are fresh.
	page.Ceremony = r.registerCeremony(signin.Begun{}, signin.EnrolOptions{})
	return p.render(r, http.StatusOK, "selfservice", page)
}

// replace goes on when the key was reset: its old entry cannot sign in any more, so it is put on hold, and the answer has the options
// with which the page's script registers the key in its place, within the same press.
func (p *Portal) replace(r *request) error {
	k, list, err := p.keyToReplace(r)
	if err != nil {
		return err
	}
	if !includes(list, k.ID) {
		return r.proceed(http.StatusOK, requestBlocked(k))
	}
	if err := p.SignIn.ResetKey(r.Context(), r.current.Actor, k.ID); err != nil {
		return err
	}
	o := signin.EnrolOptions{Replaces: k.ID}
	begun, err := p.SignIn.BeginEnrolment(r.Context(), r.current.Actor, staffkey.MethodSecurityKey, o)
	if err != nil {
		return err
	}
	c := r.registerCeremony(begun, o)
	return r.writeJSON(http.StatusOK, map[string]string{"ceremony": c.Sealed, "options": c.Options, "outcome": c.Outcome, "code": c.Code})
}
