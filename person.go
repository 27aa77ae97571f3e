package staffkey

import (
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"
)

// PersonID identifies a person.
type PersonID string

// PersonState says whether a person may do anything at all.
type PersonState string

// The states of a person. What leads from one to another is decided in one place, policy.ChangeState.
const (
	PersonActive   PersonState = "active"
	PersonDisabled PersonState = "disabled"
	// PersonFrozen: somebody answered "This was not me". Nothing signs in until an administrator has looked.
	PersonFrozen PersonState = "frozen"
)

// Person is somebody who signs in.
type Person struct {
	ID           PersonID
	Organisation OrganisationID
	// Username is unique without regard to case. One with an @ must be the person's own e-mail address, so that a
	// name typed at sign-in can only ever mean one person.
	Username string
	Email    string // optional; unique when there
	Name     string
	// EmployeeNumber is who the person is in the staff records of their organisation, where it has such numbers: optional, and not
	// unique, because organisations number their people each for themselves. A username may be given anew; a number is not.
	EmployeeNumber string
	Phone          string // optional; shown to others only for Local Administrators
	State          PersonState
	CreatedAt      time.Time
	// Language is that of pages and messages: "en", "cy", or empty when the person has not chosen.
	Language string
	// AskedAt is when the person was first asked to set up what policy asks for; grace counts from there. Zero before.
	AskedAt time.Time
	// FrozenAt is since when the person is frozen, or zero. Who is disabled meanwhile keeps it, and comes back frozen.
	FrozenAt time.Time
	// SetUpAt is when the person first set up something stronger than a password; zero before. It is never taken back.
	SetUpAt time.Time
}

// Tidy returns the person with every text as it is judged and stored ([TidyText]).
func (p Person) Tidy() Person {
	for _, text := range []*string{&p.Username, &p.Email, &p.Name, &p.EmployeeNumber} {
		*text = TidyText(*text)
	}
	p.Phone = TypedPhone(p.Phone)
	return p
}

// ValidatePerson checks what people and files say about a person, as it is once tidied; it returns the first problem as an [InvalidError].
func ValidatePerson(p Person) error {
	p = p.Tidy()
	if err := ValidateText("name", p.Name, MaxPersonName); err != nil {
		return err
	}
	if err := ValidateText("username", p.Username, MaxUsername); err != nil {
		return err
	}
	if strings.ContainsAny(p.Username, " \t") {
		return Invalid("username", "username.spaces")
	}
	if p.Email != "" {
		if err := ValidateEmail("email", p.Email); err != nil {
			return err
		}
	}
	// Also the full-width and small forms of @: a typed name is folded to the plain one.
	if strings.ContainsAny(p.Username, "@\uFF20\uFE6B") && !strings.EqualFold(p.Username, p.Email) {
		return Invalid("username", "username.other_email")
	}
	if err := ValidateOptionalText("employee_number", p.EmployeeNumber, MaxEmployeeNumber); err != nil {
		return err
	}
	return ValidateOptionalText("phone", p.Phone, MaxPhone)
}

// ValidateEmail checks the shape of an address: one that mail takes (RFC 5322 §3.4.1), with nothing around it and no quoted part. Whether it
// reaches anybody only a message can tell.
func ValidateEmail(field, s string) error {
	if err := ValidateText(field, s, MaxEmail); err != nil {
		return err
	}
	local, domain, ok := strings.Cut(s, "@")
	if !ok || local == "" || domain == "" || strings.ContainsAny(s, " \t<>,;\"") || strings.Contains(domain, "@") {
		return Invalid(field, "email.shape")
	}
	if parsed, err := mail.ParseAddress(s); err != nil || parsed.Address != s {
		return Invalid(field, "email.shape")
	}
	if strings.ContainsFunc(domain, func(r rune) bool { return r >= utf8.RuneSelf }) {
		if _, err := HostName(domain); err != nil { // mail travels to its form in DNS
			return Invalid(field, "email.shape")
		}
	}
	return nil
}
