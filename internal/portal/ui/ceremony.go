package ui

import (
	"slices"
	"time"
)

// Ceremony is a WebAuthn ceremony that a page can start: what ceremony.js needs
// to call the browser and to bring the answer back, without asking the server
// first, so that the press of the button still counts as the person's.
//
// The script posts JSON. To Action: {"ceremony","token","credential"}, where
// credential is PublicKeyCredential.toJSON(). To Outcome, when there was no
// credential: {"ceremony","token","step","name","ms","detail"}. Both have the
// page's own "origin", and answer
// {"next":"/path"}. GET Refresh answers {"ceremony","options","code"}. Without script
// the form is posted to Action as an ordinary form with ceremony and token.
type Ceremony struct {
	// Kind is "get" or "create", as in navigator.credentials.
	Kind string
	// Action, Outcome and Refresh are paths on this server.
	Action, Outcome, Refresh string
	// Options is PublicKeyCredentialRequestOptionsJSON or
	// PublicKeyCredentialCreationOptionsJSON (WebAuthn Level 3, section 5.1).
	Options string
	// Sealed is the server's own state, opaque to the browser.
	Sealed string
	// Code is the support code that the script shows when nothing of the page reaches the server, such as "K7QF-2M".
	Code string
	// IssuedAgeLimit is how old Options may be before the script asks Refresh
	// for new ones. 0 means 240 seconds.
	IssuedAgeLimit time.Duration
	// Step tells outcomes apart in the log, such as "signin" or "register".
	Step string
	// Conditional lets the browser offer keys in the username field
	// (mediation "conditional"). Only for devices of one person.
	Conditional bool
	// AsksTwice says that this browser may ask another question after the touch, whether we may know what kind of key it is.
	AsksTwice bool
}

// Waiting tells the panel what is waited for: "get", "create", or "create-twice" where the browser may ask twice.
func (c Ceremony) Waiting() string {
	if c.AsksTwice {
		return c.Kind + "-twice"
	}
	return c.Kind
}

// FreshSeconds is IssuedAgeLimit for the template.
func (c Ceremony) FreshSeconds() int {
	if c.IssuedAgeLimit <= 0 {
		return 240
	}
	return int(c.IssuedAgeLimit / time.Second)
}

// TokenRow is one token to choose from.
type TokenRow struct {
	// ID is the token's id, sent back as the form value "token".
	ID       string
	Nickname string
	// Credential is the credential id in base64url: the one the browser may use
	// when this row is pressed. "" allows all that the options allow.
	Credential string
	// Connects says how the key connects: see [Connects].
	Connects Text
	// LastUsed is zero when the token was never used.
	LastUsed time.Time
	// LastHere marks the one last used in this browser.
	LastHere bool
}

// OtherOption is another sign-in method that the person can use now. Its name
// and hint are the messages method.<Kind>.name and method.<Kind>.summary.
type OtherOption struct {
	// Kind is the method, such as "recovery-code".
	Kind string
	Href string
	// Post says that choosing it does something (a code is sent): a button that posts to Href instead of a link.
	Post bool
	// Last2 are the last digits of the number that a code would go to, or "".
	Last2 string
	// LastHere marks the method last used in this browser.
	LastHere bool
	// Share is what setting it up does towards what policy asks for: "all", "part" or "extra", or "" where nothing is asked for.
	Share string
}

// Signal tells the browser about a change, so that it can tidy its own list of
// passkeys (WebAuthn Level 3, section 5.1.10). Browsers without it ignore it.
type Signal struct {
	// Kind is "unknown" (a credential that nobody knows), "accepted" (which
	// credential of a user handle is good: each has one, or none any more) or
	// "details" (new names). A browser hides what is not accepted, and shows it
	// again when it is; what is unknown it deletes.
	Kind string
	// RPID is the relying party id.
	RPID string
	// Credential is the credential id in base64url, for "unknown" and for
	// "accepted"; empty in the latter when it was removed.
	Credential string
	// UserID is the user handle in base64url, for "accepted" and "details"; Name
	// and DisplayName are for "details".
	UserID, Name, DisplayName string
}

// Connects describes the transports of a credential (WebAuthn Level 3, section
// 5.8.4) in words, such as "USB and tap".
func Connects(transports []string) Text {
	has := func(t string) bool { return slices.Contains(transports, t) }
	switch {
	case has("usb") && has("nfc"):
		return Text{ID: "connects.usb-nfc"}
	case has("usb"):
		return Text{ID: "connects.usb"}
	case has("nfc"), has("smart-card"):
		return Text{ID: "connects.nfc"}
	case has("ble"):
		return Text{ID: "connects.ble"}
	case has("hybrid"):
		return Text{ID: "connects.hybrid"}
	case has("internal"):
		return Text{ID: "connects.internal"}
	default:
		return Text{ID: "connects.unknown"}
	}
}
