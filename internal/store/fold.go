package store

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a name that identifies (username, e-mail address, code, nickname) to the form in which it is unique:
// compatibility-composed (Unicode NFKC) and case-folded, so that "AMARA" and "amara" are one account and a full-width
// letter is no second one. Bytes that are no text (invalid UTF-8, and NUL, which PostgreSQL cannot store) become U+FFFD,
// so that whatever somebody types can be looked up.
func Fold(s string) string {
	if isPlain(s) {
		return s
	}
	// Lower case after folding, for Cherokee alone: there folding swaps the two cases (golang.org/x/text v0.43.0).
	folded := strings.ToLower(cases.Fold().String(norm.NFKC.String(text(s))))
	// The spaces go last: composing makes some out of other characters (U+00A8 becomes a space and a combining mark).
	return strings.TrimSpace(norm.NFKC.String(folded))
}

// text replaces what is no text by U+FFFD: invalid UTF-8 and NUL, which PostgreSQL refuses to store or compare.
func text(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
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
	return strings.TrimSpace(norm.NFC.String(b.String()))
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
