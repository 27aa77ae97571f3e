package ui

import (
	"strings"
	"time"
)

// MethodsPage is /me/mfa: every way to sign in that the person has or may set up.
type MethodsPage struct {
	// Rows begins with the tokens (Kind "key").
	Rows []MethodRow
	// Rule says what the organisation asks for, such as methods.rule.keys.
	Rule Text
	// Complete says that the person has all of it; otherwise Start leads to the page that helps to choose.
	Complete bool
	// Exception is until when the person is let off, or zero.
	Exception time.Time
	// Mails says that the person is told of changes by e-mail.
	Mails bool
}

func (MethodsPage) layout() (string, bool) { return "account/methods", true }

// ChooseMethodPage is /me/mfa/start: "What do you have with you now?". It is shown at sign-in too, when policy asks for more than the
// person has. Each choice is a link; Later posts to /me/mfa/later.
type ChooseMethodPage struct {
	// Choices are what may be set up, in the order to offer: texts choose.<Kind>.label and choose.<Kind>.hint.
	Choices []OtherOption
	// More are further ones, which are not enough by themselves.
	More []OtherOption
	// Asked says that policy asks for it, which the page explains by Rule.
	Asked bool
	Rule  Text
	// Later offers to put it off; DaysLeft is for how long still. Without Later it has to be done now.
	Later    bool
	DaysLeft int
}

func (ChooseMethodPage) layout() (string, bool) { return "account/choose-method", false }

// AppPage is /me/mfa/app-code: scan, then prove with one code. It posts code and ceremony to its own path.
type AppPage struct {
	// Form has errors for "code".
	Form
	// QR holds the rows of the picture, "1" for a dark module; without a quiet zone.
	QR []string
	// Key is the secret in groups of four letters, to type instead of scanning; URI the same as a link, for an app on this device.
	Key, URI string
	Sealed   string
	// Replacing says that the app set up before stops working.
	Replacing bool
}

func (AppPage) layout() (string, bool) { return "account/app", false }

// NumberPage is /me/mfa/text and /me/mfa/phone: the number to send codes to. It posts number to its own path.
type NumberPage struct {
	// Form has errors for "number".
	Form
	// Kind is "text" or "phone".
	Kind   string
	Number string
	// Last2 are the last digits of the number that is set up, or "".
	Last2 string
	// Sealed is the enrolment that the number is typed for.
	Sealed string
}

func (NumberPage) layout() (string, bool) { return "account/number", false }

// NumberCodePage is /me/mfa/text/code and /me/mfa/phone/code: prove the number with the code that was sent. It posts code and ceremony
// to its own path.
type NumberCodePage struct {
	// Form has errors for "code".
	Form
	Kind   string
	Last2  string
	Sealed string
	// Resend sends a new code.
	Resend Resend
}

func (NumberCodePage) layout() (string, bool) { return "account/number-code", false }

// Resend is the button that sends a code again.
type Resend struct {
	// Action is the path to post to.
	Action string
	// Wait is for how many seconds it is too early; the button says so and works without script too.
	Wait int
	// State says how the last message fares: code.state.waiting, .sent, .delivered, .unsure or .failed.
	State Text
}

// MethodRemovePage is /me/mfa/{kind}/remove. It posts to its own path.
type MethodRemovePage struct {
	// Kind names the method by the message method.<Kind>.name.
	Kind string
	// Blocked: nothing would be left to sign in with.
	Blocked bool
	// Tokens are nicknames, Methods the kinds, of what works afterwards.
	Tokens, Methods []string
	// Incomplete warns that the organisation asks for more than what is left.
	Incomplete bool
}

func (MethodRemovePage) layout() (string, bool) { return "account/method-remove", false }

// PasswordPage is /me/password. It posts current and password to its own path.
type PasswordPage struct {
	// Form has errors for "current" and "password".
	Form
	NewPassword
	// Sealed is the change that was begun with the page.
	Sealed   string
	Username string
	// NoCurrent leaves the present password out: a pass let the person in.
	NoCurrent bool
	// ChangedAt is when the password was set last.
	ChangedAt time.Time
}

func (PasswordPage) layout() (string, bool) { return "account/password", false }

// LostPage is /me/tokens/{id}/lost: stop a token. It posts reason (lost, stolen, misused) to its own path.
type LostPage struct {
	// Form has errors for "reason".
	Form
	ID       string
	Nickname string
	// SameKeyAs are nicknames of tokens on the same key, which stop too.
	SameKeyAs []string
	// Last warns that no other key is left; what still works is in Methods.
	Last    bool
	Methods []string
	// Told says that somebody is told: the Local Administrators get a message.
	Told bool
	// Made is what was set up by it in the last days. It stops too unless it is ticked, in the field mine.
	Made []MadeItem
}

// MadeItem is one of them: a token by its nickname, or a method.
type MadeItem struct {
	Value, Nickname, Method string
	// SetUp is when, for the person to know it by.
	SetUp time.Time
	Mine  bool
}

func (LostPage) layout() (string, bool) { return "account/lost", false }

// Ended is what ended with a token, for the part "ended": how many sessions, which tokens are on hold beside it, which methods off.
type Ended struct {
	Sessions int
	Tokens   []string
	Methods  []string
	// Twins are the other nicknames of the key, which stopped with it.
	Twins []string
}

// Names are the nicknames of the tokens.
func (e Ended) Names() string { return strings.Join(e.Tokens, ", ") }

// LostDonePage is /me/tokens/{id}/stopped: what happened, and what next.
type LostDonePage struct {
	ID        string
	Nickname  string
	Reason    string
	Reference string
	Ended     Ended
	// Told says that the Local Administrators get a message.
	Told bool
	// CanAdd offers to register another key at once; otherwise the page offers to ask for one.
	CanAdd bool
}

func (LostDonePage) layout() (string, bool) { return "account/lost-done", false }

// FoundPage is /me/tokens/{id}/found: put a stopped token back in use. It posts to its own path.
type FoundPage struct {
	ID       string
	Nickname string
	// SameKeyAs are nicknames of tokens on the same key, which work again too.
	SameKeyAs []string
	Reason    string
	StoppedAt time.Time
	// Mails says that the person is told by e-mail.
	Mails bool
}

func (FoundPage) layout() (string, bool) { return "account/found", false }

// PINPage is /pin and /me/tokens/{id}/pin: change, forgotten, blocked.
type PINPage struct {
	// ID and Nickname are of the token it is about; empty on /pin.
	ID, Nickname string
	// Question is "change", "forgotten" or "blocked"; "" asks which.
	Question string
	// System is whose steps come first: "windows", "macos", "linux", "chromeos", "ios", "android", or "" when not known. Others are
	// behind "Show other systems".
	System string
	// Base is the path of this page, for the links to the questions.
	Base string
	// CanReplace offers the guided page for a forgotten or blocked PIN; otherwise it says how to ask.
	CanReplace bool
}

func (PINPage) layout() (string, bool) { return "account/pin", false }

// Systems are all systems that the page has steps for, that of the browser first.
func (p PINPage) Systems() []string { return systems(p.System) }

func systems(first string) []string {
	all := []string{"windows", "macos", "linux", "chromeos", "android", "ios"}
	list := make([]string, 0, len(all))
	for _, s := range all {
		if s == first {
			list = append(list, s)
		}
	}
	for _, s := range all {
		if s != first {
			list = append(list, s)
		}
	}
	return list
}

// ReplacePage is /me/tokens/{id}/replace, and /pin for somebody signed in who has forgotten a PIN: reset the key, then register it again
// in place of the old entry.
type ReplacePage struct {
	// Tokens are those to choose from; one alone needs no choice.
	Tokens []TokenRow
	// Together are the nicknames of each key that has several: a reset takes all of them.
	Together []string
	// Token is the id of the one that is chosen already, or "".
	Token  string
	System string
	// Back is the path of the page before.
	Back string
	// Ceremony registers the key. Its options come with the press.
	Ceremony Ceremony
	// Next is the path that the script posts to before the prompt, with {token} for the chosen id. It answers
	// {"ceremony","options","outcome"}, the last in place of Ceremony.Outcome; or {"next"}, where to go instead.
	Next string
}

// Nickname is that of the only token, or "".
func (p ReplacePage) Nickname() string {
	if len(p.Tokens) != 1 {
		return ""
	}
	return p.Tokens[0].Nickname
}

func (ReplacePage) layout() (string, bool) { return "account/replace", false }

// Systems are all systems that the page has steps for, that of the browser first.
func (p ReplacePage) Systems() []string { return systems(p.System) }

// RequestPage is /me/request: ask the Local Administrators for a token. It posts reason, place and note to its own path.
type RequestPage struct {
	// Form has errors for "reason" and "place" and "note".
	Form
	// Reason is "first", "lost", "broken", "backup" or "blocked".
	Reason, Place, Note string
	// Token and Nickname are of the token that it is about; empty when it is about none.
	Token, Nickname string
	// Unsent says that nobody would get a request: the page names whom to call instead.
	Unsent bool
}

func (RequestPage) layout() (string, bool) { return "account/request", false }

// Reasons are all reasons to ask, in the order to offer: texts request.reason.<reason>.
func (RequestPage) Reasons() []string {
	return []string{"first", "backup", "lost", "broken", "blocked"}
}

// RequestDonePage is /me/request/sent.
type RequestDonePage struct{ Reference string }

func (RequestDonePage) layout() (string, bool) { return "account/request-done", false }
