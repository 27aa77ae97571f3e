package staffkey_test

import (
	"regexp"
	"strings"
	"testing"

	"staffkey"
)

// A code is read aloud and copied by hand: nothing in it is mistaken for another, and each of its characters is as likely as the others.
func TestSupport_codes(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`^[23456789ABCDEFGHJKMNPQRSTVWXYZ]{4}-[23456789ABCDEFGHJKMNPQRSTVWXYZ]{2}$`)
	seen := map[rune]int{}
	const n = 20_000
	for range n {
		code := staffkey.NewSupportCode()
		if !form.MatchString(code) {
			t.Fatalf("%q is no code for people", code)
		}
		if staffkey.ParseSupportCode(code) != code {
			t.Fatalf("%q is read as %q", code, staffkey.ParseSupportCode(code))
		}
		for _, r := range strings.ReplaceAll(code, "-", "") {
			seen[r]++
		}
	}
	for r, times := range seen { // 4,000 times each; 7 standard deviations are 435
		if times < 3500 || times > 4500 {
			t.Errorf("%c comes %d times of %d", r, times, 6*n)
		}
	}
	if len(seen) != 30 {
		t.Errorf("%d characters, want 30", len(seen))
	}
}

func TestSupport_codes_as_people_type_them(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"K7QF-2M": "K7QF-2M", "k7qf-2m": "K7QF-2M", " K7QF 2M ": "K7QF-2M", "k 7 q f 2 m": "K7QF-2M", "K7QF2M": "K7QF-2M",
		"K7QF–2M": "K7QF-2M", "K7QF—2M": "K7QF-2M", "K7QF−2M": "K7QF-2M", "K7QF\u00ad-2M": "K7QF-2M", "K7\u200bQF-2M\ufeff": "K7QF-2M", "Ｋ７ＱＦ－２Ｍ": "K7QF-2M",
		"K7QF-2M.": "K7QF-2M", "K7QF\u00a02M": "K7QF-2M", "K7QF\t2M\r\n": "K7QF-2M",
		// of earlier releases
		"DBN0-3D": "DBN0-3D", "dbno3d": "DBN0-3D", "0B00-6G": "0B00-6G", "oboo-6g": "0B00-6G", "48iG-9l": "481G-91",
		"": "", "K7QF-2": "", "K7QF-2MM": "", "K7QF-2U": "", "ŷ7QF-2M": "", "K7QF-2M K7QF-2M": "", "\xff\xfe": "", "'; DROP": "", "<b>7QF": "",
		strings.Repeat(" -", 200) + "K7QF-2M": "",
	} {
		if got := staffkey.ParseSupportCode(typed); got != want {
			t.Errorf("%q is read as %q, want %q", typed, got, want)
		}
	}
}
