package ui

import "time"

// Frame is what surrounds every page: the header, the main tabs, the notice at
// the top and the footer.
type Frame struct {
	// Lang is the language of the page, such as "en".
	Lang string
	// Theme is "light", "dark", or "" to follow the person's system.
	Theme string
	// Organisation is shown under the product name. May be empty.
	Organisation string
	// PersonName is shown in the header when SignedIn.
	PersonName string
	// SignedIn adds the person and Sign out to the header.
	SignedIn bool
	// Nav is the current main tab: "home", "profile", "selfservice",
	// "activity" or "ops". "" leaves the tabs out.
	Nav string
	// Operator adds the tab that leads to the operators' pages.
	Operator bool
	// Helps adds the way to the box for support codes to the footer.
	Helps bool
	// Administrators are the person's own Local Administrators, for the footer.
	Administrators []Contact
	// NoMail says that this installation cannot send e-mail: no page promises any.
	NoMail bool
	// Helpdesk is whom to call where there is no Local Administrator, or none may be named yet: an organisation with the number that it
	// publishes. Without a number there is none.
	Helpdesk Contact
	// Flash is the notice at the top of the page, or nil.
	Flash *Flash
	// Path is the path of the page, to come back to after a theme change. It is
	// escaped for an address.
	Path string
	// Query is the query of the page's address without "lang", escaped; mostly "".
	Query string
	// Posted says that the page answers a POST: its address alone does not bring
	// it back, so changing the language takes along what the page shows as typed.
	Posted bool
	// Typed fills the fields of the page's form by name: what was typed and not
	// sent, or before the language was changed.
	Typed map[string][]string
	// Now is the time of the request. Times on the page are told relative to it.
	Now time.Time
	// Location is the time zone of the times on the page. Nil means UTC.
	Location *time.Location
	// SessionEndsAt is when the session ends if nothing happens. When set, the
	// script asks before whether somebody is there. It needs Now as well.
	SessionEndsAt time.Time
	// SessionIdle is how long the session lasts without use.
	SessionIdle time.Duration
	// SessionOf names the person whose session it is: a page that was made for
	// another than who is signed in now does not stay.
	SessionOf string
	// Station is the name of the shared station that the browser is, or "". Its pages have a bar with "Switch person", which posts to
	// /switch, and remember nothing.
	Station string
}

// sessionLeft returns how long the session still lasts, or 0 when the frame does
// not say.
func (f *Frame) sessionLeft() time.Duration {
	if f.SessionEndsAt.IsZero() || f.Now.IsZero() {
		return 0
	}
	return max(time.Millisecond, f.SessionEndsAt.Sub(f.Now))
}

// sessionWarning is how long before its end a page asks whether somebody is there:
// two minutes, or a third of a short session, which is 20 seconds of the shortest
// (WCAG 2.2, 2.2.1).
func (f *Frame) sessionWarning() time.Duration {
	if f.SessionIdle <= 0 {
		return sessionWarning
	}
	return min(sessionWarning, f.SessionIdle/3)
}

const sessionWarning = 2 * time.Minute

// Milliseconds is a wait as scripts count it, rounded up: it is over when it says so.
func Milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }

// Contact is a Local Administrator as people see them.
type Contact struct {
	Name string
	// Phone and Email may be empty.
	Phone, Email string
}

// Flash is a notice about something that has just happened.
type Flash struct {
	// Kind is "success", "note" or "warn".
	Kind    string
	Message Text
	// Undo is a button inside the notice, or nil.
	Undo *UndoButton
}

// UndoButton posts to Action.
type UndoButton struct {
	Action string
	Label  Text
}

// FieldError says what is wrong with one field of a form.
type FieldError struct {
	// Field is the name of the input, which is also its id. "" means the form
	// as a whole.
	Field   string
	Message Text
}

// NewPassword is embedded by pages on which a password is chosen.
type NewPassword struct {
	// Alone says that the password is all that the person has, so it has to be longer.
	Alone bool
}

// Form is embedded by pages that hold a form. Errors are listed at the top of
// the page and beside their fields, and the title then begins with "Error:".
type Form struct {
	Errors []FieldError
}

func (f Form) fieldErrors() []FieldError { return f.Errors }

// Error returns the first error of a field, or nil. Templates call it.
func (f Form) Error(field string) *FieldError {
	for i := range f.Errors {
		if f.Errors[i].Field == field {
			return &f.Errors[i]
		}
	}
	return nil
}
