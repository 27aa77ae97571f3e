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

// ValidateOrganisation checks code and name; it returns the first problem as an [InvalidError].
func ValidateOrganisation(o Organisation) error {
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

// ValidateText checks a required one-line text: not empty, valid UTF-8, at most max characters, no control characters
// and no characters that reorder what follows them (Unicode TR36 §3: bidirectional overrides).
func ValidateText(field, s string, max int) error {
	if strings.TrimSpace(s) == "" {
		return Invalid(field, "field.empty")
	}
	return ValidateOptionalText(field, s, max)
}

// ValidateOptionalText is [ValidateText] for a field that may be empty.
func ValidateOptionalText(field, s string, max int) error {
	if !utf8.ValidString(s) {
		return Invalid(field, "field.characters")
	}
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

// isReordering reports embedding and override controls, which can make one name look like another. The plain marks
// LRM and RLM stay allowed: right-to-left names use them.
func isReordering(r rune) bool {
	return (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069)
}
