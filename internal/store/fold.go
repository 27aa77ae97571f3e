package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a name that identifies (username, e-mail address, code, nickname) to the form in which it is unique:
// compatibility-composed (Unicode NFKC) and case-folded, so that "AMARA" and "amara" are one account and a full-width
// letter is no second one.
func Fold(s string) string {
	if isPlain(s) {
		return s
	}
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(strings.TrimSpace(s))))
}

// FoldForSearch is [Fold] without accents, for finding people by a name typed on another keyboard.
func FoldForSearch(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range norm.NFKD.String(Fold(s)) {
		if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// isPlain reports text that folding leaves as it is: the common case of a hot path.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || c <= ' ' || 'A' <= c && c <= 'Z' {
			return false
		}
	}
	return true
}
