package staffkey_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"staffkey"
)

// nasty are texts that somebody could send to forge a line, hide or turn about what stands around it, or to look like another.
var nasty = []string{
	"x\x1b[2K\r\n2026-11-28 09:00:00  role_granted", "a\x00b", "\x7f", "\u009b31m", "\u0085", "a\u2028b\u2029c", "\xff\xfe", "a\u202eb", "\u2066a\u2069",
	"De\u00adsk", "Desk\u200b", "\ufeffDesk", "De\u2060sk", "Desk\ufe0f", "Desk\u034f", "\u3164", "Desk\u200e", "D\U000E0065\U000E0073k", "\ufff9a\ufffab\ufffb",
	"a\u200d\u200db", "\u0627\u200c\u200c\u0628", "\U0001F3F4\U000E0065\U000E0065\U000E0065\U000E0065\U000E0065\U000E0065\U000E0065\U000E007F",
}

// hides reports a character of a text that must not reach a log or a terminal.
func hides(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || staffkey.IsInvisible(r) && r != '\u200c' && r != '\u200d' || r == '\u2028' || r == '\u2029'
	})
}

func TestIsInvisible_is_what_Unicode_says(t *testing.T) {
	t.Parallel()
	for r := rune(0); r <= unicode.MaxRune; r++ {
		// DerivedCoreProperties: Default_Ignorable_Code_Point, of the properties that it is derived from.
		want := (unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Cf, unicode.Variation_Selector)) &&
			!unicode.In(r, unicode.White_Space, unicode.Prepended_Concatenation_Mark) && (r < 0x13430 || r > 0x13440)
		if got := staffkey.IsInvisible(r); got != want {
			t.Errorf("IsInvisible(%U) = %t, want %t", r, got, want)
		}
	}
}

func TestCleanText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                       "",
		"Zoë Ŵynn":               "Zoë Ŵynn",
		"x\x1b[2K\r\n2026":       "x\uFFFD[2K  2026",
		"a\x00b\xffc\u009bd":     "a\uFFFDb\uFFFDc\uFFFDd",
		"a\u2028b\u0085c\td":     "a b c d",
		"a\u202eb\u2066c\u200ed": "abcd",
		"De\u00adsk\ufeff":       "Desk",
		"می\u200cخواهم":          "می\u200cخواهم", // written so
		"क्\u200dष":              "क्\u200dष",
		"a\u200cb":               "ab",
		"ا\u200c\u200c\u200dب":   "ا\u200cب",
		"👩\u200d💻":               "👩\u200d💻",
		"❤\ufe0f":                "❤\ufe0f",
		"Desk\ufe0f":             "Desk",
		"🏴\U000E0067\U000E0062\U000E0077\U000E006C\U000E0073\U000E007F": "🏴\U000E0067\U000E0062\U000E0077\U000E006C\U000E0073\U000E007F", // Wales
		"🏴\U000E0067\U000E0062": "🏴",
	} {
		if got := staffkey.CleanText(in); got != want {
			t.Errorf("CleanText(%q) = %q, want %q", in, got, want)
		}
	}
	for _, s := range nasty {
		if got := staffkey.CleanText(s); hides(got) {
			t.Errorf("CleanText(%q) = %q", s, got)
		}
		lines := strings.NewReplacer("\n", "", "\t", "").Replace(staffkey.CleanLines(s))
		if hides(lines) {
			t.Errorf("CleanLines(%q) = %q", s, lines)
		}
	}
	if got, want := staffkey.CleanLines("a\r\n\tb\x1b"), "a \n\tb\uFFFD"; got != want {
		t.Errorf("CleanLines = %q, want %q", got, want)
	}
}

// Every text of an event, whatever fields it gets, is cleaned.
func TestAuditEventClean(t *testing.T) {
	t.Parallel()
	for _, s := range nasty {
		var e staffkey.AuditEvent
		fields := reflect.ValueOf(&e).Elem()
		for i := range fields.NumField() {
			switch f := fields.Field(i); f.Kind() {
			case reflect.String:
				f.SetString(s)
			case reflect.Map:
				f.Set(reflect.ValueOf(map[string]string{s: s}))
			}
		}
		got := reflect.ValueOf(e.Clean())
		for i := range got.NumField() {
			name, f := got.Type().Field(i).Name, got.Field(i)
			switch f.Kind() {
			case reflect.String:
				if hides(f.String()) {
					t.Errorf("%s of %q is %q", name, s, f)
				}
			case reflect.Map:
				for _, k := range f.MapKeys() {
					if hides(k.String()) || hides(f.MapIndex(k).String()) {
						t.Errorf("%s of %q is %q: %q", name, s, k, f.MapIndex(k))
					}
				}
			case reflect.Struct: // the time
			default:
				t.Errorf("%s is a %s, which this test cannot fill: teach it", name, f.Kind())
			}
		}
		if _, changed := e.Detail[s]; !changed {
			t.Errorf("Clean changed the detail of the event that it was given: %q", e.Detail)
		}
	}
}

func TestTidyText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"r18\u200b": "r18", "\u00ad\ufeffr18": "r18", "r\u206018": "r18", "Zoe\u0308": "Zoë", "a\u202eb": "a\u202eb", "a\nb": "a\nb", "\xff": "\xff",
		"می\u200cخواهم": "می\u200cخواهم", "Desk\U000E0041": "Desk",
	} {
		if got := staffkey.TidyText(in); got != want {
			t.Errorf("TidyText(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestValidateNickname_looks_at_what_can_be_seen(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		" Desk\u200b ": "Desk", "De\u00adsk": "Desk", "👩\u200d💻": "👩\u200d💻", strings.Repeat("e\u0301", 40): strings.Repeat("é", 40),
		strings.Repeat("\u200b", 50) + "Desk": "Desk",
	} {
		if got, err := staffkey.ValidateNickname(in); err != nil || got != want {
			t.Errorf("ValidateNickname(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"\u3164": "name.empty", "\u200b": "name.empty", "\u2800": "name.empty", " \n": "name.empty", "a\u202eb": "name.characters", "a\x1bb": "name.characters",
		strings.Repeat("e\u0301", 41): "name.long", "\xff": "name.characters",
	} {
		_, err := staffkey.ValidateNickname(in)
		if invalid, ok := err.(*staffkey.InvalidError); !ok || invalid.Message.ID != want {
			t.Errorf("ValidateNickname(%q): %v, want %s", in, err, want)
		}
	}
}

func TestValidatePerson_looks_at_what_can_be_seen(t *testing.T) {
	t.Parallel()
	good := staffkey.Person{Name: "Amara\u200b", Username: "amara\u200b@nhs.example", Email: "amara@nhs.example\ufeff"}
	if err := staffkey.ValidatePerson(good); err != nil {
		t.Errorf("%+v: %v", good.Tidy(), err)
	}
	for _, bad := range []staffkey.Person{{Name: "\u3164", Username: "amara"}, {Name: "Amara", Username: "\u200b"}, {Name: "Amara", Username: "a\u202eb"}} {
		if err := staffkey.ValidatePerson(bad); err == nil {
			t.Errorf("%q, %q is taken", bad.Name, bad.Username)
		}
	}
	tidy := reflect.ValueOf(good.Tidy())
	for i := range tidy.NumField() {
		// Texts that people give; the others are of our own making.
		if name := tidy.Type().Field(i).Name; slices.Contains([]string{"Username", "Email", "Name", "EmployeeNumber", "Phone"}, name) && hides(tidy.Field(i).String()) {
			t.Errorf("%s stays %q", name, tidy.Field(i))
		}
	}
}

func TestCSVCell(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "RX1": "RX1", "=1+1": "'=1+1", "+44": "'+44", "-1": "'-1", "@a": "'@a", "\t=1": "' =1", "\u200b=1": "'=1", "\uFF1D1": "'\uFF1D1", "a\r\nb": "a  b",
	} {
		got := staffkey.CSVCell(in)
		if got != want {
			t.Errorf("CSVCell(%q) = %q, want %q", in, got, want)
		}
		if back := staffkey.FromCSVCell(got); back != staffkey.CleanText(in) {
			t.Errorf("FromCSVCell(%q) = %q, want %q", got, back, staffkey.CleanText(in))
		}
	}
	for _, s := range append(nasty, "it's", "'quoted'") {
		if got := staffkey.FromCSVCell(staffkey.CSVCell(s)); got != staffkey.CleanText(s) {
			t.Errorf("%q comes back as %q", s, got)
		}
	}
}
