package staffkey

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// maxTypedCode bounds a typed code in bytes: far more than anybody types, with something that nobody sees beside each letter.
const maxTypedCode = 256

// TypedCode brings a code that somebody typed, pasted or read aloud to the form in which it is compared: compatibility-composed (Unicode
// NFKC), in capitals, with the digits of every script as those of ASCII, and of letters, digits and symbols only. Spaces, dashes and
// other punctuation, the minus sign and what nobody sees come along from mails, phones and word processors, and no code has any: who pastes
// a right code must never be told that it is wrong. It is "" for what is too long to be a code.
//
// Every code that people type goes through here, and nothing else takes characters out of one; what looks alike in an alphabet (O and 0) is
// for whoever made that alphabet.
func TypedCode(typed string) string {
	if len(typed) > maxTypedCode {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		case unicode.IsSpace(r), unicode.IsPunct(r), r == minusSign, r == keycap, r == blankPattern, IsInvisible(r), unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsDigit(r):
			return '0' + digitValue(r)
		}
		return r
	}, strings.ToUpper(norm.NFKC.String(typed)))
}

// TypedPhone brings a telephone number that somebody typed, pasted or imported to the form in which it is judged and stored: compatibility-composed
// (Unicode NFKC), with the digits of every script as those of ASCII, without what nobody sees (contacts and pages write marks of direction around
// numbers), without the "tel:" of links and labels before it, and without the punctuation that a list or a sentence leaves around it. What is inside
// stays, also an extension: whether it is a number is for whoever calls it.
func TypedPhone(typed string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case IsInvisible(r), unicode.Is(unicode.Cf, r):
			return -1
		case unicode.IsDigit(r):
			return '0' + digitValue(r)
		}
		return r
	}, norm.NFKC.String(typed))
	around := func(r rune) bool {
		return r != '+' && r != '(' && r != '#' && r != '*' && (unicode.IsSpace(r) || unicode.IsPunct(r))
	}
	s = strings.TrimLeftFunc(s, around)
	s = strings.TrimLeftFunc(phoneLabel.ReplaceAllString(s, ""), around)
	return strings.TrimRightFunc(s, func(r rune) bool { return r != ')' && around(r) })
}

// phoneLabel is what stands before a number in links (RFC 3966 and others) and in lists.
var phoneLabel = regexp.MustCompile(`^(?:(?i:tel|callto|sms|phone|mobile|mob)[.: ]+)+`)

const (
	minusSign = '\u2212'
	keycap    = '\u20E3' // drawn around the digit before it
)

// digitValue is the value of a decimal digit. Unicode keeps those of a script together in order, from nought (Unicode
// Standard §4.6), so that its place in its range tells.
func digitValue(r rune) rune {
	for _, block := range unicode.Nd.R16 {
		if uint32(r) <= uint32(block.Hi) {
			return rune((uint32(r) - uint32(block.Lo)) % 10)
		}
	}
	for _, block := range unicode.Nd.R32 {
		if uint32(r) <= block.Hi {
			return rune((uint32(r) - block.Lo) % 10)
		}
	}
	return 0
}
