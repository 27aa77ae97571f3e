package staffkey

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// This file holds what becomes of characters that nobody sees: in what people type or paste ([TidyText]), and in what reaches a log, a
// file, a mail or a terminal ([CleanText]).

// IsInvisible reports a character that is not drawn and takes no room: Default_Ignorable_Code_Point of the Unicode Character Database
// (DerivedCoreProperties), and the interlinear annotations, which are for no reader either (The Unicode Standard §23.8).
func IsInvisible(r rune) bool {
	return r >= 0xAD && (r == 0xAD || r >= 0x34F && unicode.Is(invisible, r))
}

var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x00AD, 0x00AD, 1}, {0x034F, 0x034F, 1}, {0x061C, 0x061C, 1}, {0x115F, 0x1160, 1}, {0x17B4, 0x17B5, 1}, {0x180B, 0x180F, 1},
		{0x200B, 0x200F, 1}, {0x202A, 0x202E, 1}, {0x2060, 0x206F, 1}, {0x3164, 0x3164, 1}, {0xFE00, 0xFE0F, 1}, {0xFEFF, 0xFEFF, 1},
		{0xFFA0, 0xFFA0, 1}, {0xFFF0, 0xFFFB, 1},
	},
	R32:         []unicode.Range32{{0x1BCA0, 0x1BCA3, 1}, {0x1D173, 0x1D17A, 1}, {0xE0000, 0xE0FFF, 1}},
	LatinOffset: 1,
}

// isReordering reports embedding, override and isolate controls, which can make one name look like another (Unicode TR36 §3).
func isReordering(r rune) bool {
	return (r >= 0x202A && r <= 0x202E) || (r >= 0x2066 && r <= 0x2069)
}

// TidyText brings what somebody typed or pasted to the form in which it is judged and stored: composed (Unicode NFC), and without the
// invisible characters that come along from spreadsheets and pages. Joiners stay where they join, in scripts that write with them and in
// emoji, and so do a flag's letters: there they can be seen. Controls and characters that reorder stay, so that validation refuses them.
func TidyText(s string) string {
	if isPrintableASCII(s) {
		return s
	}
	if !utf8.ValidString(s) { // refused by whoever judges it
		return s
	}
	return norm.NFC.String(withoutInvisible(s, func(r rune) rune {
		if isReordering(r) {
			return r
		}
		return -1
	}, func(r rune) rune { return r }))
}

// CleanText is a text as it may reach a log, a file for a spreadsheet, a mail or a terminal: one line of text, in which nothing moves the
// cursor, turns the text around it about, or hides. What ends or shifts a line becomes a space; other controls and what is no UTF-8 become
// U+FFFD, so that it can be seen that something was there.
func CleanText(s string) string { return clean(s, false) }

// CleanLines is [CleanText] for a text of several lines: ends of lines and tabs stay.
func CleanLines(s string) string { return clean(s, true) }

func clean(s string, lines bool) string {
	if isPrintableASCII(s) {
		return s
	}
	return withoutInvisible(strings.ToValidUTF8(s, "\uFFFD"), func(rune) rune { return -1 }, func(r rune) rune {
		switch {
		case lines && (r == '\n' || r == '\t'):
			return r
		case r >= '\t' && r <= '\r', r == 0x85, r == 0x2028, r == 0x2029:
			return ' '
		case unicode.IsControl(r):
			return '\uFFFD'
		}
		return r
	})
}

// isPrintableASCII reports the common case, which stays as it is.
func isPrintableASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// withoutInvisible maps the invisible characters of a text that do nothing where they stand by hidden, and all others by shown.
func withoutInvisible(s string, hidden, shown func(rune) rune) string {
	var b strings.Builder
	b.Grow(len(s))
	var before rune // the latest character that stayed
	joins := false  // the latest letter is of a script that writes with joiners
	flag := 0       // so many bytes are still of the letters of a flag
	for i, r := range s {
		size := utf8.RuneLen(r)
		switch {
		case !IsInvisible(r):
			if flag = 0; r == blackFlag {
				flag = tagsOfFlag(s[i+size:])
			}
			if r = shown(r); r >= 0 {
				joins = unicode.In(r, joining...) || joins && unicode.Is(unicode.Inherited, r)
			}
		case flag > 0:
			flag -= size
		case isJoiner(r) && (joins || r == '\u200D' && isPicture(before)), r == emojiStyle && unicode.In(before, pictures...):
		default:
			r = hidden(r)
		}
		if r >= 0 {
			b.WriteRune(r)
			before = r
			joins = joins && !isJoiner(r) // one is enough
		}
	}
	return b.String()
}

const (
	emojiStyle = '\uFE0F'     // the character before it is drawn as an emoji
	blackFlag  = '\U0001F3F4' // begins the flag of a region, whose letters follow as tags (Unicode TS51 §C.1)
	endOfTags  = '\U000E007F'
)

func isJoiner(r rune) bool { return r == '\u200C' || r == '\u200D' }

// pictures are the categories of emoji.
var pictures = []*unicode.RangeTable{unicode.So, unicode.Sm}

// isPicture reports what ends an emoji that may be joined with another: the picture, its style, or the colour of its skin.
func isPicture(r rune) bool {
	return r == emojiStyle || unicode.Is(unicode.So, r) || r >= 0x1F3FB && r <= 0x1F3FF
}

// joining are scripts in which a joiner changes what is drawn (Unicode TR31 §2.3).
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Mandaic, unicode.Adlam, unicode.Hanifi_Rohingya, unicode.Devanagari,
	unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil, unicode.Telugu, unicode.Kannada, unicode.Malayalam,
	unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese, unicode.Javanese,
}

// tagsOfFlag is the length of the tags at the beginning of a text if they are the letters of a flag, such as that of Wales; else 0, so that
// tags hide nothing anywhere.
func tagsOfFlag(s string) int {
	count := 0
	for i, r := range s {
		switch {
		case r == endOfTags && count > 0:
			return i + utf8.RuneLen(r)
		case count == 6 || !(r >= 0xE0030 && r <= 0xE0039 || r >= 0xE0061 && r <= 0xE007A):
			return 0
		}
		count++
	}
	return 0
}

// formulas begin what a spreadsheet takes for a formula; some read the wide forms too.
const formulas = "=+-@\uFF1D\uFF0B\uFF0D\uFF20"

// CSVMark begins a CSV file that people open in a spreadsheet: by the byte order mark, Excel knows UTF-8 (without it, "Siân" is "SiÃ¢n").
const CSVMark = "\uFEFF"

// CSVCell is a text as it may stand in a file that is opened in a spreadsheet: [CleanText], with an apostrophe, which spreadsheets hide,
// before what would be taken for a formula.
func CSVCell(s string) string {
	s = CleanText(s)
	if strings.IndexAny(strings.TrimLeft(s, " "), formulas) == 0 {
		return "'" + s
	}
	return s
}

// FromCSVCell takes away the apostrophe of [CSVCell], so that a list can be changed and read again: "'+44 1632 960001" is a telephone number.
func FromCSVCell(s string) string {
	if cut, ok := strings.CutPrefix(s, "'"); ok && strings.IndexAny(strings.TrimLeft(cut, " "), formulas) == 0 {
		return cut
	}
	return s
}
