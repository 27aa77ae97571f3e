package password

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ccojocar/zxcvbn-go/frequency"
	"github.com/google/go-cmp/cmp"
)

func TestSqueeze(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ typed, want string }{
		{"correct horse", "correct horse"},
		{"aaaaa", "a"},
		{"AaAaA", "A"},
		{"xaaaaay", "xaay"},
		{"abcdef", "ab"},
		{"x987654", "x98"},
		{"qwertyuiop", "qw"},
		{"1q2w3e4r5t", "1q"},
		{"zaq1@WSX", "za"},
		{"zaq1\"WSX", "za"},
		{"were", "we"},
		{"red", "red"}, // three side by side are no walk
		{"8531", "8531"},
		{"абвг", "аб"},
		{"abc1abc1abc1abc", "ab1"},
		{"tramtram", "tram"},
		{"23.11.1990", "23."},
		{"x1990-4-2", "x199"},
		{"emma19900412", "emma199"},
		{"emma12041990", "emma120"},
		{"moon1987", "moon87"},
		{"", ""},
	} {
		if got := squeeze(test.typed); got != test.want {
			t.Errorf("squeeze(%q) = %q, want %q", test.typed, got, test.want)
		}
	}
}

func TestTrim(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed string
		want  []reading // after the password itself
	}{
		{"moon", nil},
		{"moon!", []reading{{"moon", edgeBits}}},
		{"moon2026!!", []reading{{"moon", edgeBits}}},
		{"!2026moon", []reading{{"moon", edgeBits}}},
		{"1moon123456", []reading{{"1moon", edgeBits}, {"moon", 2 * edgeBits}}},
		{"moon847", []reading{{"moon8", edgeBits}}},
		{"moon???", []reading{{"moon?", edgeBits}}}, // one or two signs, or a number between them
		{"??2026??", []reading{{"", edgeBits}}},
		{"", nil},
	} {
		want := append([]reading{{test.typed, 0}}, test.want...)
		if diff := cmp.Diff(want, trim(test.typed), cmp.AllowUnexported(reading{})); diff != "" {
			t.Errorf("trim(%q) (-want +got):\n%s", test.typed, diff)
		}
	}
}

func TestReadings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typed string
		want  []reading
	}{
		{"moon", []reading{{"moon", 0}}},
		{"MOON", []reading{{"moon", 1}}},
		{"M\u00f6\u00f6n", []reading{{"moon", 3}}},
		{"s\u0308un", []reading{{"sun", 1}}},
		{"m0on5", []reading{{"m0on5", 0}, {"moons", 2}}},
		{"t1de", []reading{{"t1de", 0}, {"tide", 1}, {"tlde", 1}}},
		{"\uff2d\uff4f\uff4f\uff4e", []reading{{"moon", 5}}}, // full width
		{"", []reading{{"", 0}}},
	} {
		if diff := cmp.Diff(test.want, readings(test.typed), cmp.AllowUnexported(reading{})); diff != "" {
			t.Errorf("readings(%q) (-want +got):\n%s", test.typed, diff)
		}
	}
}

// What zxcvbn is given is bounded: pieces that are longer than its words, up to maxMeasured characters, and no more than it takes.
func TestMeasure_is_bounded(t *testing.T) {
	t.Parallel()
	for name, list := range frequency.Lists {
		for _, word := range list.List {
			if n := utf8.RuneCountInString(word); n >= piece {
				t.Errorf("a word of %s has %d characters, want fewer than a piece of %d", name, n, piece)
			}
		}
	}
	weak := strings.Repeat("password", maxMeasured/8)
	alone := measure(weak, nil, leastBits)
	if alone >= leastBits {
		t.Fatalf("%d characters are worth %v bits, want less than %v to see the bound", len(weak), alone, leastBits)
	}
	if got := measure(weak+strings.Repeat("kX9#pQ2vz", 1000), nil, leastBits); got != alone {
		t.Errorf("with characters after the bound: %v bits, want %v as without", got, alone)
	}
	strong := strings.Repeat("kX9#pQ2v", piece/8)
	if got, want := measure(strong+strong, nil, leastBits), measure(strong, nil, leastBits); got != want {
		t.Errorf("with characters after enough: %v bits, want %v as without", got, want)
	}
}

// A text is given to zxcvbn with one byte for each character, whatever the script.
func TestNarrow(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "plain", "dŵr", "قطتي", "🐙🐢", "\x00\x1f\x7f"} {
		got := narrow(s)
		if len(got) != utf8.RuneCountInString(s) || strings.ContainsFunc(got, func(r rune) bool { return r >= utf8.RuneSelf }) {
			t.Errorf("narrow(%q) = %q, want %d bytes of ASCII", s, got, utf8.RuneCountInString(s))
		}
	}
}

// A new password costs the server little beside its hash of 20 ms, also one that is made to cost much.
func BenchmarkCheck(b *testing.B) {
	n := namesOf(amara, []string{"Northmoor"})
	for _, test := range []struct{ name, password string }{
		{"a passphrase", good},
		{"a weak one", "Moonlight2026!"},
		{"many readings", "1!x2026é" + strings.Repeat("Ab1é wert!z2026", 8)},
		{"digits for letters", strings.Repeat("4@8({[<3691!|1|70$5+7%24", 5)},
		{"weak piece by piece", strings.Repeat("amara okafor northmoor !! ", 4) + "2026"},
	} {
		b.Run(test.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = check(test.password, n, MinLength)
			}
		})
	}
}
