package ui

import "time"

// SupportCodePage asks whoever helps for a code that they were read. It posts code to /support.
type SupportCodePage struct {
	// Form has errors for "code".
	Form
	// Code is kept after an error.
	Code string
}

func (SupportCodePage) layout() (string, bool) { return "help/support-code", false }

// SupportCasePage is what a person met, as whoever helps them sees it by its code.
type SupportCasePage struct {
	Code string
	At   time.Time
	// Kind says what it was, such as Text{ID: "support.kind.sign_in_refused"}.
	Kind Text
	// Read is what the person read, a pair of texts or one; zero when that is not known.
	Read Text
	// Person and Username are whom it concerned, and Nickname which token; "" when that is not known.
	Person, Username, Nickname string
	// Where is the browser, or "".
	Where string
	// Remedy is the class: support.class.<Remedy> names it, support.say.<Remedy> is what to say and support.next.<Remedy> what to do.
	Remedy string
	// Facts are for whoever knows more of it.
	Facts []SupportFact
}

func (SupportCasePage) layout() (string, bool) { return "help/support-case", false }

// SupportFact is a fact in the words of programs. Its name is the message support.fact.<Name>.
type SupportFact struct{ Name, Value string }
