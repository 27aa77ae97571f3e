package telephone_test

import (
	"errors"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/signin/telephone"
)

// What a number gives: an E.164 number, or the id of the message that says why it gets no codes.
func TestCompose_by_number(t *testing.T) {
	t.Parallel()
	const (
		invalid  = "number.invalid"
		country  = "number.country"
		landline = "number.landline"
		special  = "number.special"
		extended = "number.extension"
		guernsey = "number.country.GG"
		jersey   = "number.country.JE"
		man      = "number.country.IM"
	)
	tests := []struct{ name, typed, text, call string }{
		{"as people write it", "07700 900123", "+447700900123", "+447700900123"},
		{"from abroad", "+44 7700 900123", "+447700900123", "+447700900123"},
		{"with the prefix of the country", "0044 7700 900123", "+447700900123", "+447700900123"},
		{"with the nought in brackets", "+44 (0)7700 900123", "+447700900123", "+447700900123"},
		{"with hyphens and dots", "07700-900.123", "+447700900123", "+447700900123"},
		{"in digits of another script", "٠٧٧٠٠ ٩٠٠١٢٣", "+447700900123", "+447700900123"},
		{"Guernsey", "07911 123456", guernsey, guernsey},
		{"Guernsey, another", "07781 123456", guernsey, guernsey},
		{"Guernsey, a third", "07839 123456", guernsey, guernsey},
		{"Jersey", "07797 712345", jersey, jersey},
		{"Jersey, another", "07829 712345", jersey, jersey},
		{"a line in Jersey", "01534 456789", landline, jersey},
		{"a mobile of the mainland", "07400 123456", "+447400123456", "+447400123456"},
		{"a line of no town", "01632 960123", landline, "+441632960123"},
		{"a line", "020 7946 0018", landline, "+442079460018"},
		{"a line over the internet", "056 1234 5678", landline, "+445612345678"},
		{"the Isle of Man", "07624 900123", man, man},
		{"France", "+33 6 12 34 56 78", country, country},
		{"America", "+1 202 555 0123", country, country},
		{"premium rate", "0906 123 4567", special, special},
		{"shared cost", "0870 123 4567", special, special},
		{"local rate", "0845 765 4321", special, special},
		{"a personal number", "070 1234 5678", special, special},
		{"freephone", "0800 123456", special, special},
		{"an organisation", "0300 123 1234", special, special},
		{"a pager", "076 1234 5678", special, special},
		{"the emergency services", "999", special, special},
		{"a short number", "60123", invalid, invalid},
		{"beside the numbers of drama", "07700 901123", invalid, invalid},
		{"a digit less", "07700 90012", invalid, invalid},
		{"a digit more", "07700 9001234", invalid, invalid},
		{"an extension", "020 7946 0018 ext 5", extended, extended},
		{"an extension of another kind", "020 7946 0018 #5", extended, extended},
		{"words on a keypad", "0800 NHSHELP", invalid, invalid},
		{"an extension of a mobile", "07700 900123 x12", extended, extended},
		{"an address", "tel:+447700900123", "+447700900123", "+447700900123"},
		{"from contacts", "\u202a+44 7700 900123\u202c", "+447700900123", "+447700900123"},
		{"from contacts of another kind", "\u202d07700900123\u202c", "+447700900123", "+447700900123"},
		{"isolated", "\u206807700 900123\u2069", "+447700900123", "+447700900123"},
		{"from a list", "07700 900123;", "+447700900123", "+447700900123"},
		{"from a sentence", "07700 900123.", "+447700900123", "+447700900123"},
		{"with a soft hyphen", "07700\u00ad900123", "+447700900123", "+447700900123"},
		{"with a label", "Tel: 07700 900123", "+447700900123", "+447700900123"},
		{"of full width", "０７７００　９００１２３", "+447700900123", "+447700900123"},
		{"of full width, from abroad", "＋４４ ７７００ ９００１２３", "+447700900123", "+447700900123"},
		{"two", "07700 900123 / 07700 900456", invalid, invalid},
		{"a country alone", "+44", invalid, invalid},
		{"no country", "+999 123 4567", invalid, invalid},
		{"a space", " ", invalid, invalid},
		{"a megabyte", strings.Repeat("07", 1<<19), invalid, invalid},
		{"no text", "\xff\xfe", invalid, invalid},
	}
	for _, test := range tests {
		for kind, want := range map[staffkey.MethodKind]string{staffkey.MethodTextMessage: test.text, staffkey.MethodPhoneCall: test.call} {
			c, err := newLine(t, kinds[kind]).compose(t, test.typed)
			got := c.To
			var i *staffkey.InvalidError
			var r *staffkey.Refusal
			switch {
			case errors.As(err, &i) && i.Field == "number":
				got = i.Message.ID
			case errors.As(err, &r) && r.Rule == "country":
				got = r.Message.ID
			case err != nil:
				t.Errorf("%s, %s: %v", kind, test.name, err)
				continue
			}
			if got != want {
				t.Errorf("%s, %s: %q gives %s, want %s", kind, test.name, test.typed, got, want)
			}
		}
	}
}

func TestCompose_in_the_countries_of_policy(t *testing.T) {
	t.Parallel()
	l := newLine(t, telephone.NewText)
	l.countries = []string{"GB", "IM", "FR"}
	for _, number := range []string{"07624 900123", "+33 6 12 34 56 78", "07700 900123"} {
		if _, err := l.compose(t, number); err != nil {
			t.Errorf("%s: %v", number, err)
		}
	}
	l.setUp(t, "07624 900123")
	l.countries = []string{"GB"} // policy changed after that
	if _, err := l.compose(t, ""); signintest.RuleOf(err) != "country" {
		t.Errorf("a code to a number of before: got error %v, want a refusal by country", err)
	}
	l.countries = nil
	if _, err := l.compose(t, "07700 900123"); signintest.RuleOf(err) != "country" {
		t.Errorf("no countries: got error %v, want a refusal by country", err)
	}
}

func FuzzNumber(f *testing.F) {
	for _, typed := range []string{"07700 900123", "+44 (0)7700 900123", "٠٧٧٠٠٩٠٠١٢٣", "+", "00", "\u200b07700", ";ext=5", "+441632960123"} {
		f.Add(typed)
	}
	l := newLine(f, telephone.NewCall)
	f.Fuzz(func(t *testing.T, typed string) {
		if typed == "" {
			return // asks for the number that is set up
		}
		c, err := l.compose(t, typed)
		switch {
		case errors.Is(err, staffkey.ErrInvalid) || signintest.RuleOf(err) == "country":
		case err != nil:
			t.Fatal(err)
		case !strings.HasPrefix(c.To, "+44") || strings.Trim(c.To[1:], "0123456789") != "" || len(c.To) > 16:
			t.Errorf("%q gives %q, want a British number", typed, c.To)
		default:
			if again, err := l.compose(t, c.To); err != nil || again.To != c.To {
				t.Errorf("%q gives %q, and that gives %q, %v", typed, c.To, again.To, err)
			}
		}
	})
}
