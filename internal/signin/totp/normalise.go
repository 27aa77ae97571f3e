package totp

import (
	"strings"
	"unicode"
)

// maxTyped is more than anybody types: six digits with something between each.
const maxTyped = 64

// normalise brings a typed code to six ASCII digits; "" when it is something else. Spaces and hyphens, which apps and
// people put between the digits, do not matter, and digits of other scripts are read as the digits that they are.
func normalise(typed string) string {
	if len(typed) > maxTyped {
		return ""
	}
	var code strings.Builder
	for _, r := range typed {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Pd, r): // white space with the non-breaking kinds, and hyphens and dashes
		case unicode.IsDigit(r):
			code.WriteByte('0' + digit(r))
		default:
			return ""
		}
	}
	if code.Len() != digits {
		return ""
	}
	return code.String()
}

// digit is the value of a decimal digit. Unicode keeps those of a script together in order, from nought (Unicode
// Standard §4.6), so that its place in its range tells.
func digit(r rune) byte {
	for _, block := range unicode.Nd.R16 {
		if uint32(r) <= uint32(block.Hi) {
			return byte((uint32(r) - uint32(block.Lo)) % 10)
		}
	}
	for _, block := range unicode.Nd.R32 {
		if uint32(r) <= block.Hi {
			return byte((uint32(r) - block.Lo) % 10)
		}
	}
	return 0
}
