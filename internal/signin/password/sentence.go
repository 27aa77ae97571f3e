package password

import (
	"slices"
	"strings"
	"unicode"
)

// A password that is all there is has to stand guessing by phrases: words that people know, one after the other. zxcvbn counts what stands
// between words as if it were chosen character by character, and a word for each time it comes, so that it takes "this is my password" for
// strong. NIST SP 800-63B-4 §3.1.1.2 asks for length, a list of expected passwords, and no rules of composition; phrases are the expected
// passwords of fifteen characters.

// leastAlone is the strength that a password alone must have when it is read as a phrase: more than three words are worth that somebody picks
// without a thought, or a sentence of five, and less than four random ones.
const leastAlone = 36

// separatorBits is what the way of putting words one after the other is worth: with spaces, hyphens, capitals or nothing.
const separatorBits = 2

// phraseBits estimates the strength of a password read as a phrase: each word and number counts once however often it comes, what follows
// in a series that everybody knows counts for nothing, and so does everybody's favourite phrase. The least of all readings.
func phraseBits(password string, known []string) float64 {
	least := bits(password, known)
	for _, r := range readings(parted(password)) {
		least = min(least, measure(narrow(phrase(r.text)), known, leastAlone)+r.bits+separatorBits)
	}
	return least
}

// parted puts spaces between words that are told apart by capitals alone ("MondayTuesday").
func parted(s string) string {
	var out []rune
	var before rune
	for _, r := range s {
		if unicode.IsUpper(r) && unicode.IsLower(before) {
			out = append(out, ' ')
		}
		out = append(out, r)
		before = r
	}
	return string(out)
}

// phrase is what there is to guess of a folded text as a phrase, without what stands between the words.
func phrase(s string) string {
	words := split(s)
	joined := strings.Join(words, "")
	for _, favourite := range favourites {
		joined = strings.ReplaceAll(joined, favourite, "")
	}
	if joined == "" {
		return ""
	}
	var left []string
	for i, word := range words {
		switch {
		case slices.Contains(words[:i], word), i > 0 && follows(words[i-1], word):
		case !strings.Contains(joined, word): // it was part of a favourite
		default:
			if short := squeeze(word); len(short) <= leastName-1 { // it is a pattern and no word
				word = short
			}
			left = append(left, word)
		}
	}
	return strings.Join(left, "")
}

// split returns the words and the numbers of a text.
func split(s string) []string {
	var words []string
	var word []rune
	end := func() {
		if len(word) > 0 {
			words = append(words, string(word))
		}
		word = nil
	}
	for _, r := range s {
		letter, digit := unicode.IsLetter(r) || unicode.IsMark(r), unicode.IsDigit(r)
		if !letter && !digit && r != '\'' && r != '’' {
			end()
			continue
		}
		if len(word) > 0 && unicode.IsDigit(word[0]) != digit {
			end()
		}
		if letter || digit {
			word = append(word, r)
		}
	}
	end()
	return words
}

// series are words that everybody knows in their order.
var series = [][]string{
	strings.Fields("zero one two three four five six seven eight nine ten eleven twelve"),
	strings.Fields("first second third fourth fifth sixth seventh eighth ninth tenth"),
	strings.Fields("monday tuesday wednesday thursday friday saturday sunday monday"),
	strings.Fields("january february march april may june july august september october november december january"),
	strings.Fields("spring summer autumn winter spring"),
	strings.Fields("red orange yellow green blue indigo violet"),
	strings.Fields("north south east west"), strings.Fields("north east south west"),
	strings.Fields("alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo sierra tango uniform victor whiskey xray yankee zulu"),
	strings.Fields("alpha beta gamma delta epsilon"), strings.Fields("un dau tri pedwar pump chwech saith wyth naw deg"),
	strings.Fields("llun mawrth mercher iau gwener sadwrn sul"),
	strings.Fields("ionawr chwefror mawrth ebrill mai mehefin gorffennaf awst medi hydref tachwedd rhagfyr"),
	strings.Fields("gwanwyn haf hydref gaeaf"), strings.Fields("do re mi fa so la ti do"),
}

// follows reports whether a word comes right after, or right before, another in a series.
func follows(before, word string) bool {
	for _, s := range series {
		for i := 1; i < len(s); i++ {
			if s[i-1] == before && s[i] == word || s[i] == before && s[i-1] == word {
				return true
			}
		}
	}
	return false
}

// favourites are phrases that are tried before any other, as they are without anything between the words.
var favourites = folded([]string{
	"correct horse battery staple", "the quick brown fox jumps over the lazy dog", "the quick brown fox", "to be or not to be", "that is the question",
	"let me in", "open sesame", "may the force be with you", "once upon a time", "lorem ipsum dolor sit amet", "twinkle twinkle little star",
	"mary had a little lamb", "god save the king", "god save the queen", "land of my fathers", "hen wlad fy nhadau", "mae hen wlad fy nhadau yn annwyl i mi",
	"i love you", "rwyn dy garu di", "this is my password", "dyma fy nghyfrinair", "you shall not pass", "winter is coming", "hello world",
	"live long and prosper", "all your base are belong to us", "four random words", "three random words", "itwas the best of times",
})
