package password

import (
	"math"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go"
	"github.com/ccojocar/zxcvbn-go/matching"
)

// leastBits is the strength that a password must have: 2 to the 27th, about 10 to the 8th, guesses by somebody who knows the person's
// names, words, keyboards and habits. At the sign-in page, which lets 35,000 a year of strangers through at one person at most (one in 15
// minutes) and no more than 80 or 100 in a row, that is out of reach; somebody with a stolen database needs a month of one core for each
// password (argon2id, 20 ms). More would refuse eight random letters or three short words, and people would write theirs down.
const leastBits = 27

// Bounds of what zxcvbn is given, in characters. Its work grows with the cube of a text, so a long one is measured in pieces, each
// longer than the longest word of its lists, until there is enough; what comes after maxMeasured could only add.
const (
	maxMeasured = 64
	piece       = 24
)

// edgeBits is what a year, a short number or a sign or two at one end of a password are worth: a thousand tries reach all of them.
const edgeBits = 10

// bits estimates the strength of a password, as the binary logarithm of the guesses that it takes: the least of all readings of the
// password, as far as it takes to see on which side of leastBits it is. Known are folded words that cost a guesser nearly nothing.
func bits(password string, known []string) float64 {
	measured := make(map[string]float64)
	least := math.Inf(1)
	for _, typed := range trim(password) {
		for _, pattern := range []string{typed.text, squeeze(typed.text)} {
			for _, r := range readings(pattern) {
				text := narrow(r.text)
				strength, ok := measured[text]
				if !ok {
					strength = measure(text, known, leastBits)
					measured[text] = strength
				}
				least = min(least, strength+typed.bits+r.bits)
			}
			if least < leastBits {
				return least
			}
		}
	}
	return least
}

// measure has zxcvbn find the words of a text of one byte for each character. What zxcvbn is slow or wrong at it is not asked for, and
// we undo it beforehand: it builds the keyboard anew for each walk that it finds, tries hundreds of ways to read digits as letters, and
// misplaces dates. It goes on until there is enough.
func measure(text string, known []string, enough float64) float64 {
	var strength float64
	for text = text[:min(len(text), maxMeasured)]; text != "" && strength < enough; {
		part := text[:min(len(text), piece)]
		strength += zxcvbn.PasswordStrength(part, known, matching.FilterL33tMatcher, matching.FilterSpatialMatcher,
			matching.FilterDateSepMatcher, matching.FilterDateWithoutSepMatcher).Entropy
		text = text[len(part):]
	}
	return strength
}

// narrow writes a text with one byte for each character: zxcvbn counts bytes in some places and characters in others. What is not ASCII
// becomes one of 31 control characters, which are in no list and count about as much as a letter.
func narrow(s string) string {
	text := make([]byte, 0, len(s))
	for _, r := range s {
		if r >= utf8.RuneSelf {
			r = r%31 + 1
		}
		text = append(text, byte(r))
	}
	return string(text)
}

// reading is a password as somebody may have made it from something simpler, and what making it adds.
type reading struct {
	text string
	bits float64
}

// Digits and signs that stand for letters. What looks like both i and l is read as either.
var (
	lettersI = strings.NewReplacer("4", "a", "@", "a", "8", "b", "3", "e", "6", "g", "9", "g", "1", "i", "!", "i", "|", "i", "0", "o", "5", "s", "$", "s", "7", "t", "+", "t", "2", "z")
	lettersL = strings.NewReplacer("4", "a", "@", "a", "8", "b", "3", "e", "6", "g", "9", "g", "1", "l", "!", "l", "|", "l", "0", "o", "5", "s", "$", "s", "7", "t", "+", "t", "2", "z")
)

// readings returns a password in plain small letters, and with digits read as letters. Each changed character is worth one bit, that it
// was changed or not, and capitals one bit together.
func readings(password string) []reading {
	small, plain := strings.ToLower(password), fold(password)
	var worth int
	if small != password {
		worth++
	}
	for _, r := range small {
		if r >= utf8.RuneSelf && fold(string(r)) != string(r) {
			worth++
		}
	}
	found := []reading{{plain, float64(worth)}}
	for _, letters := range []*strings.Replacer{lettersI, lettersL} {
		if text := letters.Replace(plain); text != found[len(found)-1].text {
			found = append(found, reading{text, float64(worth + differ(plain, text))})
		}
	}
	return found
}

// differ counts the places at which two texts of the same length differ.
func differ(a, b string) int {
	count, other := 0, []rune(b)
	for i, r := range []rune(a) {
		if r != other[i] {
			count++
		}
	}
	return count
}

// What people put around a word: a year or a short number, with a sign or two on either side of it, or a sign or two alone.
const (
	sign = "[ !-/:-@\\[-`{-~£€]"
	edge = "(?:" + sign + "{0,2}(?:(?:1[89]|20)[0-9]{2}|1234?5?6?|[0-9]{1,2})" + sign + "{0,2}|" + sign + "{1,2})"
)

var head, tail = regexp.MustCompile("^" + edge), regexp.MustCompile(edge + "$")

// trim takes that off the end and then off the beginning. It returns the password and what is left each time, with what the ends are
// worth.
func trim(password string) []reading {
	left := []reading{{password, 0}}
	for _, end := range []*regexp.Regexp{tail, head} {
		before := left[len(left)-1]
		if text := end.ReplaceAllLiteralString(before.text, ""); text != before.text {
			left = append(left, reading{text, before.bits + edgeBits})
		}
	}
	return left
}

// Dates with the parts in any order, and years. A date is worth about three digits and signs, and a year two digits.
var (
	dates = regexp.MustCompile(`[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ](?:[0-9]{4}|[0-9]{2})|(?:19|20)[0-9]{2}[-/. ][0-9]{1,2}[-/. ][0-9]{1,2}` +
		`|(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])|(?:[0-2][0-9]|3[01])(?:0[1-9]|1[0-2])(?:19|20)[0-9]{2}`)
	years = regexp.MustCompile(`(?:1[89]|20)[0-9]{2}`)
)

// squeeze writes a password with its patterns cut to what there is to guess of them: dates and years to a few characters; repeats,
// runs of an alphabet and walks over the keyboard to their first two characters; what is written again and again to writing it once.
func squeeze(password string) string {
	s := dates.ReplaceAllStringFunc(password, func(date string) string { return date[:3] })
	s = years.ReplaceAllStringFunc(s, func(year string) string { return year[2:] })
	for { // what is left may be a pattern again; each round makes it shorter
		shorter := once(string(withoutRuns([]rune(s))))
		if shorter == s {
			return s
		}
		s = shorter
	}
}

// once returns the part of a text that it repeats to its end, the last time perhaps not whole; without one, the text.
func once(s string) string {
	runes := []rune(strings.ToLower(s))
	for period := 1; 2*period <= len(runes)+1 && period < len(runes); period++ {
		if slices.Equal(runes[period:], runes[:len(runes)-period]) {
			return string([]rune(s)[:period])
		}
	}
	return s
}

// withoutRuns leaves two characters of each run.
func withoutRuns(s []rune) []rune {
	var left []rune
	for len(s) > 0 {
		if n := run(s); n > 2 {
			left, s = append(left, s[:2]...), s[n:]
		} else {
			left, s = append(left, s[0]), s[1:]
		}
	}
	return left
}

// run returns how many characters from the first on, three or more, repeat it or go up or down one by one in the alphabet, or, four or
// more, lie side by side on the keyboard: three do so in many words. It returns 0 for less.
func run(s []rune) int {
	longest := 0
	for _, pattern := range []struct {
		least  int
		goesOn func(a, b rune) bool
	}{
		{3, func(a, b rune) bool { return a == b }},
		{3, func(a, b rune) bool { return b == a+1 }},
		{3, func(a, b rune) bool { return b == a-1 }},
		{4, nextTo},
	} {
		n := 1
		for n < len(s) && pattern.goesOn(unicode.ToLower(s[n-1]), unicode.ToLower(s[n])) {
			n++
		}
		if n >= pattern.least {
			longest = max(longest, n)
		}
	}
	return longest
}

// spot is where a key lies. Its row is half a key to the right of the row above, so it touches two keys there: of its own column
// and of the one after.
type spot struct{ row, column int }

// keyboard has the keys of a British and an American keyboard by what they type, with and without Shift. Some signs lie elsewhere on
// the other.
var keyboard = func() map[rune][]spot {
	keys := make(map[rune][]spot)
	for _, rows := range [][]string{
		{"`1234567890-=", " qwertyuiop[]\\", " asdfghjkl;'", " zxcvbnm,./"},
		{"¬!\"£$%^&*()_+", "           {}|", "          :@~", "        <>?"},
		{"~!@#$%^&*()_+", "", "           \"", ""},
	} {
		for row, typed := range rows {
			for column, r := range []rune(typed) {
				if r != ' ' {
					keys[r] = append(keys[r], spot{row, column})
				}
			}
		}
	}
	return keys
}()

// nextTo reports whether two characters are typed by the same key or by two that touch. Two digits do not count: so many touch that
// half of all numbers would be walks.
func nextTo(a, b rune) bool {
	if unicode.IsDigit(a) && unicode.IsDigit(b) {
		return false
	}
	for _, p := range keyboard[a] {
		for _, q := range keyboard[b] {
			if p.touches(q) {
				return true
			}
		}
	}
	return false
}

func (p spot) touches(q spot) bool {
	if p.row > q.row {
		p, q = q, p
	}
	right := q.column - p.column
	return p.row == q.row && -1 <= right && right <= 1 || p.row+1 == q.row && -1 <= right && right <= 0
}
