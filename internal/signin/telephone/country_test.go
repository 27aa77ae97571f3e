package telephone

import (
	"testing"

	"staffkey"

	"github.com/nyaruka/phonenumbers"
)

// Policy takes the countries whose numbers can be read, and no others.
func TestCountries_are_those_of_numbers(t *testing.T) {
	t.Parallel()
	regions := phonenumbers.GetSupportedRegions()
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string(a) + string(b)
			if staffkey.IsCountry(code) != regions[code] {
				t.Errorf("%s is a country: %t, want %t", code, staffkey.IsCountry(code), regions[code])
			}
		}
	}
}
