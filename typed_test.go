package staffkey_test

import (
	"strings"
	"testing"
	"unicode"

	"staffkey"
)

// separators are what comes along with a code that is pasted or typed on another keyboard.
var separators = []string{
	" ", "\t", "\r\n", "\u00a0", "\u2007", "\u2009", "\u202f", "\u3000", "\u2800", // spaces
	"-", "\u00ad", "\u2010", "\u2011", "\u2012", "\u2013", "\u2014", "\u2015", "\u2212", "\ufe58", "\ufe63", "\uff0d", "\u05be", "\u301c", // dashes
	"\u200b", "\u200c", "\u200d", "\u200e", "\u2060", "\u2066", "\u202a", "\u202c", "\ufeff", "\ufe0f", "\u034f", "\u3164", "\uffa0", // nothing to see
	".", "_", "/", ":", ",", "·", "•", "\"", "\u201c", "\u2019",
}

func TestTypedCode(t *testing.T) {
	t.Parallel()
	for _, s := range separators {
		for _, typed := range []string{"K7QF" + s + "2M", s + "K7QF2M" + s, "k7qf" + s + s + "2m", strings.Join(strings.Split("K7QF2M", ""), s)} {
			if got := staffkey.TypedCode(typed); got != "K7QF2M" {
				t.Errorf("TypedCode(%+q) = %+q", typed, got)
			}
		}
	}
	for typed, want := range map[string]string{
		"": "", "Ｋ７ＱＦ－２Ｍ": "K7QF2M", "ｋ７ｑｆ２ｍ": "K7QF2M", "𝐊𝟕qf2m": "K7QF2M", "٠١٢٣٤٥": "012345", "۰۱۲ ۳۴۵": "012345", "०१२३४५": "012345", "𝟎𝟏𝟐𝟑𝟒𝟗": "012349",
		"0\ufe0f\u20e31\ufe0f\u20e3": "01", "①②": "12",
		"12+34": "12+34", "12é": "12É", "А1": "А1", // another letter stays one: it is refused as wrong, not taken for what it looks like
		strings.Repeat("1", 256): strings.Repeat("1", 256), strings.Repeat("1", 257): "",
	} {
		if got := staffkey.TypedCode(typed); got != want {
			t.Errorf("TypedCode(%+q) = %+q, want %+q", typed, got, want)
		}
	}
}

// digitValue relies on this of Unicode's tables.
func TestDigits_of_a_script_stand_in_order(t *testing.T) {
	t.Parallel()
	check := func(low, high, stride uint32) {
		if stride != 1 || (high-low+1)%10 != 0 {
			t.Errorf("digits from %U to %U by %d, want tens in order", low, high, stride)
		}
	}
	for _, block := range unicode.Nd.R16 {
		check(uint32(block.Lo), uint32(block.Hi), uint32(block.Stride))
	}
	for _, block := range unicode.Nd.R32 {
		check(block.Lo, block.Hi, block.Stride)
	}
}

func FuzzTypedCode(f *testing.F) {
	for _, typed := range []string{"", "012345", "٠١٢ ٣٤٥", "\u00a0\u2011", "\xf0\x9f", "𝟎𝟏𝟐𝟑𝟒𝟓", "½", "ﬃ", "\u1fb3", strings.Repeat("1", 300)} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code := staffkey.TypedCode(typed)
		for _, r := range code {
			if unicode.IsSpace(r) || unicode.IsPunct(r) || staffkey.IsInvisible(r) || unicode.IsDigit(r) && r > '9' {
				t.Errorf("%+q became %+q, which holds %U", typed, code, r)
			}
		}
		if again := staffkey.TypedCode(code); again != code && len(code) <= 256 {
			t.Errorf("%+q became %+q, and then %+q", typed, code, again)
		}
	})
}

func TestTypedPhone(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"": "", "07700 900123": "07700 900123", " +44 7700 900123 ": "+44 7700 900123", "\u202a+44 7700 900123\u202c": "+44 7700 900123", "\u202d07700900123\u202c": "07700900123",
		"\u206807700\u2069\u200e 900123": "07700 900123", "\ufeff07700 900123": "07700 900123", "07700\u00a0900123": "07700 900123", "07700\u00ad900123": "07700900123", "07700\t900123\r\n": "07700 900123",
		"tel:+447700900123": "+447700900123", "TEL: 07700 900123": "07700 900123", "Tel. 07700 900123": "07700 900123", "callto:07700900123": "07700900123", "sms:+447700900123": "+447700900123", "Mobile 07700 900123": "07700 900123",
		"07700 900123;": "07700 900123", "07700 900123,": "07700 900123", "07700 900123.": "07700 900123", "\u201c07700 900123\u201d": "07700 900123", "'07700 900123": "07700 900123", "<07700900123>": "<07700900123>",
		"０７７００　９００１２３": "07700 900123", "＋４４７７００９００１２３": "+447700900123", "（0）7700": "(0)7700", "٠٧٧٠٠ ٩٠٠١٢٣": "07700 900123", "(01632) 960123": "(01632) 960123", "01632 960(123)": "01632 960(123)",
		"01632 960123 ext. 5": "01632 960123 ext. 5", "01632 960123 #5": "01632 960123 #5", "*67": "*67", "-": "", "telephone": "telephone", "tel tel: 07700 900123": "07700 900123", "\u200b": "",
	} {
		got := staffkey.TypedPhone(typed)
		if got != want {
			t.Errorf("TypedPhone(%+q) = %+q, want %+q", typed, got, want)
		}
		if again := staffkey.TypedPhone(got); again != got {
			t.Errorf("%+q becomes %+q, and then %+q", typed, got, again)
		}
	}
}
