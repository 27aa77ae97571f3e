package totp

import (
	"strings"

	"staffkey"
)

// normalise brings a typed code to six digits; "" when it is something else.
func normalise(typed string) string {
	code := staffkey.TypedCode(typed)
	if len(code) != digits || strings.Trim(code, "0123456789") != "" {
		return ""
	}
	return code
}
