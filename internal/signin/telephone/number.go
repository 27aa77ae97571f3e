package telephone

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"staffkey"

	"github.com/nyaruka/phonenumbers"
)

// home is the region of a number that is typed without its country.
const home = "GB"

// fiction are the mobile numbers, and those of no town, that Ofcom keeps free for drama. Nobody has them, so the library
// calls them invalid; examples, demonstrations and tests need numbers that can do no harm.
var fiction = regexp.MustCompile(`^\+44(7700900|1632960)[0-9]{3}$`)

// parse reads a number as people write it and returns it as E.164, or says why it gets no codes.
func (m *Method) parse(typed string) (string, error) {
	if strings.ContainsFunc(typed, unicode.IsLetter) { // also an extension, which nobody dials, and words on a keypad
		return "", staffkey.Invalid("number", "number.invalid")
	}
	number, err := phonenumbers.Parse(typed, home)
	if err != nil || number.GetExtension() != "" {
		return "", staffkey.Invalid("number", "number.invalid")
	}
	e164 := phonenumbers.Format(number, phonenumbers.E164)
	kind := phonenumbers.GetNumberType(number)
	switch {
	case fiction.MatchString(e164):
		kind = phonenumbers.MOBILE
		if strings.HasPrefix(e164, "+441") {
			kind = phonenumbers.FIXED_LINE
		}
	case !phonenumbers.IsValidNumber(number):
		return "", staffkey.Invalid("number", "number.invalid")
	}
	switch kind {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return e164, nil
	case phonenumbers.FIXED_LINE, phonenumbers.VOIP:
		if m.channel == staffkey.ChannelText {
			return "", staffkey.Invalid("number", "number.landline")
		}
		return e164, nil
	}
	// All others are no telephone that a person has, and many of them cost: the number's owner is paid for each call.
	return "", staffkey.Invalid("number", "number.invalid")
}

// inCountry refuses a number outside of the countries that policy allows.
func inCountry(e164 string, countries []string) error {
	region := home
	if !fiction.MatchString(e164) {
		number, err := phonenumbers.Parse(e164, home)
		if err != nil {
			return staffkey.Invalid("number", "number.invalid")
		}
		region = phonenumbers.GetRegionCodeForNumber(number)
	}
	if !slices.Contains(countries, region) {
		return staffkey.Refused("country", "number.country")
	}
	return nil
}
