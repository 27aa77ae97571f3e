package ui

import "time"

// ResetAskPage is /signin/reset: ask for a link to choose a new password. It posts login to its own path.
type ResetAskPage struct {
	// Form has errors for "login".
	Form
	Login string
}

func (ResetAskPage) layout() (string, bool) { return "signin/reset-ask", false }

// ResetSentPage is /signin/reset/sent: the same whether the name means anybody or not.
type ResetSentPage struct{}

func (ResetSentPage) layout() (string, bool) { return "signin/reset-sent", false }

// ResetPage is /reset with the link of a mail: choose a new password. It posts password to its own path.
type ResetPage struct {
	// Form has errors for "password".
	Form
	NewPassword
	Username string
}

func (ResetPage) layout() (string, bool) { return "signin/reset", false }

// PassPage is /signin/pass for somebody who gives no password: user name and pass. It posts username, code and ceremony to its own path.
type PassPage struct {
	// Form has errors for "username" and "code".
	Form
	Username string
	Sealed   string
}

func (PassPage) layout() (string, bool) { return "signin/pass", false }

// LostOutPage is /lost: report a key while signed out. It posts username and password to its own path.
type LostOutPage struct {
	// Form has errors for the whole form.
	Form
	Username string
}

func (LostOutPage) layout() (string, bool) { return "signin/lost", false }

// LostChoosePage is /lost/token: which token, and why. It posts token and reason to its own path.
type LostChoosePage struct {
	// Form has errors for "token" and "reason".
	Form
	Username string
	Tokens   []TokenRow
	// Token and Reason are what was chosen.
	Token, Reason string
	// Others says that the person may also sign in by another way and do more there.
	Others bool
	// Told says that the Local Administrators get a message.
	Told bool
}

func (LostChoosePage) layout() (string, bool) { return "signin/lost-token", false }

// LostOutDonePage is /lost/done.
type LostOutDonePage struct {
	Nickname  string
	Reference string
	Ended     Ended
	// Told says that the Local Administrators get a message.
	Told bool
}

func (LostOutDonePage) layout() (string, bool) { return "signin/lost-done", false }

// NotMePage is /not-me with the link of a notice: "This was not me". It posts to its own path.
type NotMePage struct {
	// Notice is what the mail was about: the message notme.about.<Notice>.
	Notice Text
	Name   string
	// Told says that the Local Administrators get a message.
	Told bool
}

func (NotMePage) layout() (string, bool) { return "signin/not-me", false }

// NotMeDonePage says that the account is frozen, and how it comes back: for the last operator by the console alone. Undo posts to
// /not-me/undo, for ten minutes.
type NotMeDonePage struct {
	Reference    string
	Undo         bool
	LastOperator bool
	// Told says that the Local Administrators get a message.
	Told bool
}

func (NotMeDonePage) layout() (string, bool) { return "signin/not-me-done", false }

// NotMeUndonePage says that the account works again.
type NotMeUndonePage struct{}

func (NotMeUndonePage) layout() (string, bool) { return "signin/not-me-undone", false }

// VirtualDesktopPage is /virtual-desktop: why a key does not reach a remote desktop, and the three ways out.
type VirtualDesktopPage struct{}

func (VirtualDesktopPage) layout() (string, bool) { return "signin/virtual-desktop", false }

// StationPage is /station with the link of an administrator: make this browser a shared station. It posts to its own path.
type StationPage struct {
	Name, Organisation string
	Expires            time.Time
}

func (StationPage) layout() (string, bool) { return "signin/station", false }

// StationDonePage says that the browser is a shared station now.
type StationDonePage struct{ Name string }

func (StationDonePage) layout() (string, bool) { return "signin/station-done", false }

// SomeoneHerePage is /signin at a shared station, and /session-ended anywhere, where somebody is signed in. Switch posts to /switch.
type SomeoneHerePage struct{ PersonName string }

func (SomeoneHerePage) layout() (string, bool) { return "signin/someone-here", false }
