package staffkey

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// OrganisationID identifies an organisation.
type OrganisationID string

// Organisation is a node of the federation's tree: a trust, a hospital, a practice.
type Organisation struct {
	ID     OrganisationID
	Parent OrganisationID // empty for the one root
	// Code is the short name that files and people use ("RX1"); unique without regard to case.
	Code string
	Name string
	// Phone is the number of the local helpdesk, shown in the footer where there is no Local Administrator.
	Phone     string
	CreatedAt time.Time
}

// Limits of what people type, in characters.
const (
	MaxOrganisationCode = 32
	MaxOrganisationName = 120
	MaxPersonName       = 120
	MaxUsername         = 255
	MaxEmail            = 254 // RFC 5321 §4.5.3.1.3 leaves 254 for an address
	MaxPhone            = 32
	MaxEmployeeNumber   = 64
)

// MaxLogin is how many bytes somebody may type as a name to sign in with, username or e-mail address: as many as the longest name can
// have. A longer one means nobody, and nothing is done to find that out.
const MaxLogin = 4 * MaxUsername

// Tidy returns the organisation with every text as it is judged and stored ([TidyText]).
func (o Organisation) Tidy() Organisation {
	o.Code, o.Name, o.Phone = TidyText(o.Code), TidyText(o.Name), TypedPhone(o.Phone)
	return o
}

// ValidateOrganisation checks code and name, as they are once tidied; it returns the first problem as an [InvalidError].
func ValidateOrganisation(o Organisation) error {
	o = o.Tidy()
	if err := ValidateText("code", o.Code, MaxOrganisationCode); err != nil {
		return err
	}
	for _, r := range o.Code {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("-_./", r) {
			return Invalid("code", "organisation.code.characters")
		}
	}
	if err := ValidateText("name", o.Name, MaxOrganisationName); err != nil {
		return err
	}
	return ValidateOptionalText("phone", o.Phone, MaxPhone)
}

// ValidateText checks a required one-line text, as it is once tidied ([TidyText]): not empty, valid UTF-8, at most max characters, no
// control characters and no characters that reorder what follows them (Unicode TR36 §3: bidirectional overrides).
func ValidateText(field, s string, max int) error {
	if isBlank(TidyText(s)) {
		return Invalid(field, "field.empty")
	}
	return ValidateOptionalText(field, s, max)
}

// ValidateOptionalText is [ValidateText] for a field that may be empty.
func ValidateOptionalText(field, s string, max int) error {
	if !utf8.ValidString(s) {
		return Invalid(field, "field.characters")
	}
	s = TidyText(s)
	if n := utf8.RuneCountInString(s); n > max {
		return Invalid(field, "field.long", "Max", max, "Count", n)
	}
	for _, r := range s {
		if unicode.IsControl(r) || isReordering(r) {
			return Invalid(field, "field.characters")
		}
	}
	return nil
}

// isBlank reports a text of which nothing can be seen, and which has nothing that is refused for another reason.
func isBlank(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool {
		seen := unicode.IsGraphic(r) && r != blankPattern
		return (seen || unicode.IsControl(r) || isReordering(r)) && !unicode.IsSpace(r)
	})
}

// blankPattern is the Braille pattern without dots, which is drawn as a space and is none.
const blankPattern = '\u2800'
