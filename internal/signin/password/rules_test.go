package password

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/signin"

	"github.com/ccojocar/zxcvbn-go/frequency"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/unicode/norm"
)

// nia has names that are words, letters with marks, and an address at her organisation.
var nia = staffkey.Person{ID: "nia", Username: "nia.bowen", Email: "n.prys-bowen@northmoor.example", Name: "Nia Prŷs-Bowen"}

func TestCheck(t *testing.T) {
	t.Parallel()
	tests := []struct{ password, message string }{
		// Passphrases of any script, with or without spaces.
		{"correct horse battery", ""},
		{"ward round blue", ""},
		{"blue tram nine", ""},
		{"mae'r gath ar y to", ""},
		{"dŵr oer o'r ffynnon", ""},
		{"Llanfairpwll 7 defaid", ""},
		{"قطتي تحب السمك", ""},
		{"בוקר טוב לכולם", ""},
		{"ನಮ್ಮ ಮನೆಯ ಬೆಕ್ಕು", ""},
		{"私の猫は魚が好き", ""},
		{"🐙🐢🦊🐝🌳🚀🎻🥕", ""},
		{"👩‍⚕️ loves 🍰", ""},
		// No rules of composition: only letters, only digits, only signs.
		{"pqmzrtwx", ""},
		{"PQMZRTWX", ""},
		{"83920475618", ""},
		{"%~)=[;&(", ""},
		{"k7#Qx2!v", ""},
		{"7k2xp-9wqmd-r4tzb", ""},
		// A name in a passphrase counts for nothing, and the rest may be enough.
		{"bowen rides a purple tram", ""},
		{"staffkey at the lighthouse", ""},

		{"Password1!", "password.common"},
		{"P4$$w0rd2026!", "password.common"},
		{"passw0rd", "password.common"},
		{"pässwörd", "password.common"},
		{"ＰＡＳＳＷＯＲＤ", "password.common"}, // full width
		{"drowssaP1", "password.common"},
		{"Winter2026!", "password.common"},
		{"!!dragon99", "password.common"},
		{"dragondragon", "password.common"},
		{"iloveyou2", "password.common"},
		{"letmein123", "password.common"},
		{"monkey1234", "password.common"},
		{"qwertyuiop", "password.common"},
		{"1qaz2wsx", "password.common"},
		{"11111111", "password.common"},
		{"abcdefgh", "password.common"},

		{"Autumn2026!", "password.easy"},
		{"Hospital123!", "password.easy"},
		{"sunflower7", "password.easy"},
		{"s\u0308unfl\u00f6wer7", "password.easy"}, // a mark that has no letter of its own, and one that has
		{"Paracetamol1", "password.easy"},
		{"cyfrinair1", "password.easy"},
		{"correct horse", "password.easy"},
		{"20261123", "password.easy"},
		{"23/11/2026", "password.easy"},
		{"emma19900412", "password.easy"},
		{"!QAZ2wsx", "password.easy"},
		{"poiuytre", "password.easy"},
		{"zyxwvuts", "password.easy"},
		{"абвгдежз", "password.easy"},
		{"aB3$aB3$aB3$", "password.easy"},
		{"🐙🐙🐙🐙🐙🐙🐙🐙", "password.easy"},
		{"aaaaaaaabbbbbbbb", "password.easy"},

		{"nia.bowen", "password.same"},
		{"nia.bowen1", "password.same"},
		{"NiaBowen", "password.same"},
		{"n1a_b0w3n!", "password.same"},
		{"prys-bowen", "password.same"},
		{"Prŷs2026", "password.same"},
		{"n.prys-bowen@northmoor.example", "password.same"},
		{"bowen8Kq!", "password.same"},

		{"Northmoor1", "password.easy"},
		{"northmoor2026!", "password.easy"},
		{"Staffkey2026!", "password.easy"},
		{"staffkeystaffkey", "password.easy"},
		{"Aberwen1", "password.easy"},
		{"AberwenTrust1", "password.easy"},
	}
	n := namesOf(nia, []string{"Aberwen Trust"})
	for _, test := range tests {
		t.Run(test.password, func(t *testing.T) {
			t.Parallel()
			got, err := check(test.password, n, MinLength)
			if test.message == "" {
				if want := norm.NFC.String(test.password); err != nil || got != want {
					t.Errorf("got %q and error %v, want %q", got, err, want)
				}
				return
			}
			// The error is told with nothing of what was typed or found.
			want := &staffkey.InvalidError{Field: "password", Message: staffkey.Msg(test.message)}
			var invalid *staffkey.InvalidError
			if errors.As(err, &invalid); got != "" || cmp.Diff(want, invalid) != "" {
				t.Errorf("got %q and error %v, want %v", got, err, want)
			}
		})
	}
}

// The names of the place come from the options, those of the person with each enrolment.
func TestFinishEnrolment_knows_the_place(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Place: []string{"Aberwen"}})
	enrol := func(p staffkey.Person) error {
		return second(m.FinishEnrolment(t.Context(), signin.Enrolling{Subject: signin.Subject{Person: p}, Now: now}, staffkey.Ceremony{}, []byte("AberwenBowen1")))
	}
	for name, test := range map[string]struct {
		person  staffkey.Person
		message string
	}{"of the place and her own": {nia, "password.same"}, "of the place": {amara, "password.easy"}} {
		var invalid *staffkey.InvalidError
		if err := enrol(test.person); !errors.As(err, &invalid) || invalid.Message.ID != test.message {
			t.Errorf("%s: got error %v, want %s", name, err, test.message)
		}
	}
}

// Somebody without an address, or with short names, has fewer words to avoid.
func TestNamesOf(t *testing.T) {
	t.Parallel()
	type lists struct{ Own, Place []string }
	for _, test := range []struct {
		name   string
		person staffkey.Person
		place  []string
		want   lists
	}{
		{"all there is", nia, []string{"Ysbyty Aberwen"}, lists{[]string{"nprysbowennorthmoorexample", "niaprysbowen", "nprysbowen", "niabowen", "bowen", "prys"}, []string{"ysbytyaberwen", "northmoor", "staffkey", "aberwen", "ysbyty"}}},
		{"short names", staffkey.Person{Username: "lw", Name: "Li Wu"}, nil, lists{[]string{"liwu"}, []string{"staffkey"}}},
		{"the address as username", staffkey.Person{Username: "cai@ward.example", Email: "cai@ward.example", Name: "Cai"}, nil, lists{[]string{"caiwardexample"}, []string{"staffkey", "ward"}}},
		{"nothing", staffkey.Person{}, nil, lists{nil, []string{"staffkey"}}},
	} {
		got := namesOf(test.person, test.place)
		if diff := cmp.Diff(test.want, lists{got.own, got.place}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// ASVS 6.2.4 asks for the 3,000 most frequent passwords of our length: none of the list gets through, as it is or longer.
func TestCheck_refuses_the_whole_list(t *testing.T) {
	t.Parallel()
	longer := []func(string) string{
		func(s string) string { return s + "1" },
		func(s string) string { return s + "1!" },
		func(s string) string { return s + "2026" },
		func(s string) string { return "1" + s },
		func(s string) string { return strings.ToUpper(s) + "!!" },
	}
	n := namesOf(amara, nil)
	refused := 0
	for i, password := range frequency.Lists["Passwords"].List {
		for _, typed := range []string{password, longer[i%len(longer)](password)} {
			if utf8.RuneCountInString(typed) < MinLength {
				continue
			}
			refused++
			if _, err := check(typed, n, MinLength); err == nil {
				t.Errorf("%s gets through", typed)
			}
		}
	}
	if refused < 3000 {
		t.Errorf("%d passwords of our length, want 3000 at least", refused)
	}
}

// Whatever is typed is taken as it is, in NFC, or refused by one of the rules; the same text with accents apart is judged alike.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{
		"", good, "Password1!", "e\u0301a\u0300e\u0301a\u0300e\u0301a\u0300e\u0301a\u0300", "\xff\xfe", "\x00\x00\x00\x00\x00\x00\x00\x00", "İIıiİIıi", "ﷺﷺﷺﷺﷺﷺﷺﷺ", "ΩΩΩΩΩΩΩΩ",
		"\u0301\u0301\u0301\u0301\u0301\u0301\u0301\u0301", "가나다라마바사아", "👩‍⚕️👩‍⚕️👩‍⚕️", "23/11/2026", "!!2026!!", "4@8({[<3691!|1|70$5+7%24", strings.Repeat("Ab1é wert!z2026", 8), strings.Repeat("a", 2000),
	} {
		f.Add(seed)
	}
	rules := []string{"password.characters", "password.long", "password.empty", "password.short", "password.same", "password.common", "password.easy"}
	n := namesOf(nia, nil)
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := check(typed, n, MinLength)
		if apart := norm.NFD.String(typed); utf8.ValidString(typed) && norm.NFC.String(apart) == norm.NFC.String(typed) {
			if other, otherErr := check(apart, n, MinLength); other != got || (err == nil) != (otherErr == nil) {
				t.Errorf("%q: got %q and error %v, with accents apart %q and error %v", typed, got, err, other, otherErr)
			}
		}
		if err != nil {
			var invalid *staffkey.InvalidError
			if !errors.As(err, &invalid) || invalid.Field != "password" || !slices.Contains(rules, invalid.Message.ID) || got != "" {
				t.Errorf("%q: got %q and error %v, want nothing and one of the rules", typed, got, err)
			}
			return
		}
		if count := utf8.RuneCountInString(got); got != norm.NFC.String(typed) || count < MinLength || count > MaxLength {
			t.Errorf("%q became %q of %d characters, want it in NFC and of %d to %d", typed, got, count, MinLength, MaxLength)
		}
	})
}
