package telephone

import (
	"regexp"
	"slices"
	"strconv"
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

// special are British numbers of no person (Ofcom's National Telephone Numbering Plan): 03, 070, 076 but for the Isle of Man's 07624, 080, 084,
// 087 and 09, also those that nobody has.
var special = regexp.MustCompile(`^\+44(3|70|76([013-9]|2[0-35-9])|8[047]|9)`)

// maxNumber is more bytes than anybody types for a number of 15 digits.
const maxNumber = 256

// parse reads a number as people write it and returns it as E.164, or says why it gets no codes.
func (m *Method) parse(typed string) (string, error) {
	if len(typed) > maxNumber {
		return "", staffkey.Invalid("number", "number.invalid")
	}
	typed = staffkey.TypedPhone(typed)
	number, err := phonenumbers.Parse(typed, home)
	switch {
	case err == nil && number.GetExtension() != "": // which nobody dials
		return "", staffkey.Invalid("number", "number.extension")
	case err != nil || strings.ContainsFunc(typed, unicode.IsLetter): // words on a keypad
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
	case special.MatchString(e164):
		return "", staffkey.Invalid("number", "number.special")
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
	return "", staffkey.Invalid("number", "number.special")
}

// beside are the countries that share the country code of the United Kingdom, so that nobody sees at a number which of them it is of. Policy
// names each for itself.
var beside = map[string]string{"IM": "number.country.IM", "JE": "number.country.JE", "GG": "number.country.GG"}

// inCountry refuses a number outside of the countries that policy allows.
func inCountry(e164 string, countries []string) error {
	region, code := home, int32(0)
	if !fiction.MatchString(e164) {
		number, err := phonenumbers.Parse(e164, home)
		if err != nil {
			return staffkey.Invalid("number", "number.invalid")
		}
		region, code = phonenumbers.GetRegionCodeForNumber(number), number.GetCountryCode()
	}
	switch {
	case slices.Contains(countries, region):
		return nil
	case beside[region] != "":
		return staffkey.Refused("country", beside[region])
	}
	return staffkey.Refused("country", "number.country", "Code", "+"+strconv.Itoa(int(code)))
}
