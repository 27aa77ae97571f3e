package ui

import "time"

// SignInPage is /signin: the key button, then user name and password.
// It posts username, password and next to /signin.
type SignInPage struct {
	// Form has errors for "username" and "password"; "" for the whole form.
	Form
	// Username is kept after an error. The password never is.
	Username string
	// Application is the name of the waiting application, or "".
	Application string
	// Next is carried in the form: where to go after sign-in. Opaque here.
	Next string
	// Key is the passwordless ceremony (no allowCredentials).
	Key Ceremony
	// SeenHere says so when a key was used in this browser before.
	SeenHere bool
	// Conditional lets the browser offer keys in the field of the user name: on somebody's own device only (F3).
	Conditional bool
}

func (SignInPage) layout() (string, bool) { return "signin/signin", false }

// KeyForm is Key, conditional when the page is.
func (p SignInPage) KeyForm() Ceremony {
	p.Key.Conditional = p.Conditional
	return p.Key
}

// KeyPage is /signin/key: choose the token to sign in with.
type KeyPage struct {
	// Username is who is signing in.
	Username string
	// Tokens is in the order to show. Empty shows what to do without one.
	Tokens []TokenRow
	// Ceremony is the same for every row; a row limits it to one credential.
	Ceremony Ceremony
	// Options are the other methods that this person can use.
	Options []OtherOption
}

func (KeyPage) layout() (string, bool) { return "signin/key", false }

// MethodPage is /signin/method: choose how to sign in.
type MethodPage struct {
	Username string
	// Methods is in the order to show. Kind "key" is the security key.
	Methods []OtherOption
}

func (MethodPage) layout() (string, bool) { return "signin/method", false }

// OutcomePage says how a ceremony ended without success, and what to do next.
type OutcomePage struct {
	// Purpose is what the person was doing: "signin", "confirm", "register" or
	// "try".
	Purpose string
	// Message is the id without .title and .text, such as "wa.noanswer".
	Message Text
	// Username is who is signing in, or "".
	Username string
	// Retry is the ceremony for the main button, or nil when trying again makes
	// no sense.
	Retry *Ceremony
	// RetryToken is the token that the retry is for. Its zero value means any.
	RetryToken TokenRow
	// StartAgain is a path to begin anew, shown as the main button when there
	// is no Retry.
	StartAgain string
	// Address is the right address of this service, for "wa.domain".
	Address string
	// NewWindow is a path to open outside of the frame, for "wa.perm".
	NewWindow string
	// ChooseAnother is the path of the token list, or "".
	ChooseAnother string
	// Options are the other methods that this person can use.
	Options []OtherOption
	// Ways is the path of the other ways of a person who is known, or "".
	Ways string
	// Tokens are those of a confirmation, each of which can be stopped by whoever does not have it.
	Tokens []TokenRow
	// Failures counts attempts without an answer, this one included. From 2 on
	// Options move to the top; from 3 on the page says whom to ask.
	Failures int
	// Helpless says that no new try with this key helps: Options move to the top, and the page says whom to ask.
	Helpless bool
	// Cancel is a path back to what the person was doing, or "".
	Cancel string
	// SupportCode is read to the helpdesk, such as "K7QF-2M". Reported says that it is all that is known, for whoever looks after the service.
	SupportCode string
	Reported    bool
	// Signal tells the browser about a credential we do not know, or is nil.
	Signal *Signal
}

func (OutcomePage) layout() (string, bool) { return "signin/outcome", false }

// Heading is the message id of the page's heading.
func (p OutcomePage) Heading() string { return "outcome.heading." + p.Purpose }

// NotYet is the message id of the words that begin the page's title.
func (p OutcomePage) NotYet() string { return "outcome.notyet." + p.Purpose }

// VirtualDesktop says that a virtual or remote desktop is a likely reason.
func (p OutcomePage) VirtualDesktop() bool { return p.Message.ID == "wa.instant" }

// Ask says that the page names whom to ask: after three attempts, and when no new try helps.
func (p OutcomePage) Ask() bool { return p.Failures >= 3 || p.Helpless }

// OptionsFirst says that the other options stand before a new try.
func (p OutcomePage) OptionsFirst() bool { return p.Failures >= 2 || p.Helpless }

// CodePage asks for a code: /signin/recovery-code and methods like it. Texts
// are the messages method.<Kind>.title, .hint and .label. It posts the field
// "code" to Action.
type CodePage struct {
	// Form has errors for "code".
	Form
	// Kind is the method, such as "recovery-code".
	Kind   string
	Action string
	// Sealed is the server's own state, opaque to the browser, sent back as
	// "ceremony".
	Sealed string
	// Username is who is signing in.
	Username string
	// Last2 are the last digits of the number that the code went to, for "text" and "phone".
	Last2 string
	// Resend sends a new code; nil for methods that send none.
	Resend *Resend
	// Options are the other methods that this person can use.
	Options []OtherOption
}

func (CodePage) layout() (string, bool) { return "signin/code", false }

// Numeric says that the code is of digits only, so that phones show digits.
func (p CodePage) Numeric() bool {
	return p.Kind == "app-code" || p.Kind == "text" || p.Kind == "phone"
}

// SignedOutPage is /signed-out.
type SignedOutPage struct {
	// Seconds is after how many the page goes on to /signin by itself, at a shared station; 0 is never. The page shows them and a link
	// that stops it (WCAG 2.2, 2.2.1).
	Seconds int
}

func (SignedOutPage) layout() (string, bool) { return "signin/signed-out", false }

// SessionEndedPage is /session-ended.
type SessionEndedPage struct {
	// Reason is "idle", "limit" (the longest time was reached) or "ended" (by
	// the person elsewhere, or by an administrator).
	Reason string
	// Seconds is as on SignedOutPage.
	Seconds int
	// Next is the page to come back to, or "".
	Next string
}

func (SessionEndedPage) layout() (string, bool) { return "signin/session-ended", false }

// CannotSignInPage is /signin/help. The contacts are the frame's.
type CannotSignInPage struct{}

func (CannotSignInPage) layout() (string, bool) { return "signin/help", false }

// ConfirmPage is /me/confirm: prove again that it is you, before a change. The
// password form posts password and next to /me/confirm.
type ConfirmPage struct {
	// Form has errors for "password".
	Form
	// Reason says why, such as Text{ID: "confirm.reason.register"}.
	Reason Text
	// Username is who is signed in.
	Username string
	Tokens   []TokenRow
	Ceremony Ceremony
	// Password offers the password form: for people without a token.
	Password bool
	Options  []OtherOption
	// Next is carried in the form: where to go afterwards. Opaque here.
	Next string
	// Cancel is the path back.
	Cancel string
}

func (ConfirmPage) layout() (string, bool) { return "signin/confirm", false }

// FirstPasswordPage is /welcome: a one-time link to choose a first password. It
// posts password to Action.
type FirstPasswordPage struct {
	// Form has errors for "password".
	Form
	NewPassword
	PersonName string
	// Username is what the person will sign in with.
	Username string
	// Action is the path to post to, with the link's secret in it or beside it.
	Action string
	// Secret is carried in the hidden field "link". May be empty.
	Secret string
}

func (FirstPasswordPage) layout() (string, bool) { return "signin/welcome", false }

// LinkProblemPage is a page that is opened by a one-time link, with a link that
// no longer works.
type LinkProblemPage struct {
	// For is what the link was for: "welcome" (or ""), "reset", "not-me" or
	// "station".
	For string
	// Problem is "used", "expired" or "unknown".
	Problem string
	// At is when it was used or expired; zero when that is not known.
	At time.Time
}

func (LinkProblemPage) layout() (string, bool) { return "signin/link-problem", false }

// Advice is the message id of what to do now.
func (p LinkProblemPage) Advice() string {
	if p.For == "" || p.For == "welcome" || p.Problem == "unknown" {
		return "link." + p.Problem + ".text"
	}
	return "link." + p.For + "." + p.Problem + ".text"
}

// UnsupportedPage is /unsupported. See [UI.RenderUnsupported].
type UnsupportedPage struct {
	Organisation string
	// Address is the full address of the sign-in page, to open elsewhere.
	Address string
	// InternetExplorer offers a link that opens Edge.
	InternetExplorer bool
	// CodeHref is a page where a code can be typed instead, or "".
	CodeHref string
}
