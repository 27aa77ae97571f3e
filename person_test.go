package staffkey_test

import (
	"strings"
	"testing"

	"staffkey"
)

// An address that mail does not take would be stored, and every notice to it lost.
func TestValidateEmail(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"amara@nhs.example": true, "a.b+c@x.example": true, "o'neill@x.example": true, "a@localhost": true, "post@ŵy.example": true, "siân@x.example": true,
		"a@xn--y-9na.example": true, "a@x_y.example": true, "A.B@X.EXAMPLE": true, "a-b_c@x-y.example": true,
		"": false, "amara": false, "@x.example": false, "a@": false, "a b@x.example": false, "a..b@x.example": false, ".a@x.example": false, "a.@x.example": false,
		"a@x..example": false, "a@.x.example": false, "a@x.example.": false, "a@b@x.example": false, "Amara <a@x.example>": false, "<a@x.example>": false, "a@x.example (Amara)": false,
		"a@x.example, b@x.example": false, "\"a b\"@x.example": false, "a@x.example;": false, "mailto:a@x.example": false, "a@ŵ_y.example": false, "a@ŵ y.example": false,
		"a\x00@x.example": false, "a@x.example\n": false, "a,b@x.example": false, "a(b)@x.example": false, strings.Repeat("a", 250) + "@x.example": false,
	} {
		if err := staffkey.ValidateEmail("email", address); (err == nil) != ok {
			t.Errorf("ValidateEmail(%q) = %v, want it taken: %t", address, err, ok)
		}
	}
}
