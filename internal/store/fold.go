package store

import (
	"strings"
	"unicode"

	"staffkey"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings a name that identifies (username, e-mail address, code, nickname) to the form in which it is unique:
// compatibility-composed (Unicode NFKC), case-folded and without what nobody sees, so that "AMARA" and "amara" are one account, a
// full-width letter is no second one, and neither is a name with a character that came along when it was pasted. Any run of spaces is one,
// as pages show it. Bytes that are no text (invalid UTF-8, and NUL, which PostgreSQL cannot store) become U+FFFD, so that whatever somebody
// types can be looked up. What it returns is stored: a change of it needs a migration that folds anew.
func Fold(s string) string {
	if isPlain(s) {
		return s
	}
	if !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) { // there, folding is lower case
		return oneSpace(strings.ToLower(s))
	}
	// Lower case after folding, for Cherokee alone: there folding swaps the two cases (golang.org/x/text v0.43.0).
	folded := strings.ToLower(cases.Fold().String(norm.NFKC.String(text(s))))
	if strings.ContainsFunc(folded, staffkey.IsInvisible) { // only now: some are made by composing (U+FFA0 becomes U+1160)
		folded = strings.Map(func(r rune) rune {
			if staffkey.IsInvisible(r) {
				return -1
			}
			return r
		}, folded)
	}
	// The spaces go last: composing makes some out of other characters (U+00A8 becomes a space and a combining mark).
	return oneSpace(norm.NFKC.String(folded))
}

// isSpace reports what is drawn as a space: a Braille pattern without dots too.
func isSpace(r rune) bool { return r == ' ' || r == '\u2800' || unicode.IsSpace(r) }

// oneSpace takes away the spaces around a text, and makes one of several within.
func oneSpace(s string) string {
	space, good := true, true // as if one stood before the text
	for _, r := range s {
		was := space
		space = isSpace(r)
		good = good && (!space || r == ' ' && !was)
	}
	if good && (!space || s == "") {
		return s
	}
	return strings.Join(strings.FieldsFunc(s, isSpace), " ")
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
	return oneSpace(norm.NFC.String(b.String()))
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
