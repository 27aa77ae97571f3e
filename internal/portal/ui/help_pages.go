package ui

// HelpIn is "Help me in", the part of every page of a sign-in for whoever does not come in by it.
type HelpIn struct {
	// Open shows it at once; otherwise it is folded under its heading.
	Open bool
	// Ways is the path of the other ways to sign in of a person who has given a name and a password, or "".
	Ways string
	// Called leaves out whom to call, where the page names them already.
	Called bool
}

// HelpIn is the part folded, with the path of the other ways or "". Templates call it.
func (v *view) HelpIn(ways string) scope { return v.With(HelpIn{Ways: ways}) }

// HelpInOpen is the part as it stands where somebody is stuck.
func (v *view) HelpInOpen(ways string) scope { return v.With(HelpIn{Open: true, Ways: ways}) }

// HelpInCalled is HelpInOpen on a page that says already whom to call.
func (v *view) HelpInCalled(ways string) scope {
	return v.With(HelpIn{Open: true, Ways: ways, Called: true})
}

// LockedPage says to somebody who gave a right password, or whose key answered, that they cannot come in, and everything that they can do.
type LockedPage struct {
	// Message has the id of a pair of texts, such as "signin.nothing" or "person.frozen".
	Message Text
	// Username is who is signing in, or "".
	Username string
	// SupportCode is read to the helpdesk, or "".
	SupportCode string
}

func (LockedPage) layout() (string, bool) { return "signin/locked", false }
