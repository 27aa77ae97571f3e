package store

import (
	"database/sql"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, fold, search string }{
		{"amara", "amara", "amara"},
		{"AMARA", "amara", "amara"},
		{" Amara\u00a0", "amara", "amara"},
		{"ＡＭＡＲＡ＠ｎｈｓ", "amara@nhs", "amara@nhs"},
		{"Zoë", "zoë", "zoe"},
		{"Zoe\u0308", "zoë", "zoe"},
		{"STRASSE", "strasse", "strasse"},
		{"Straße", "strasse", "strasse"},
		{"ﬁre", "fire", "fire"},
		{"ΣΊΣΥΦΟΣ", "σίσυφοσ", "σισυφοσ"},
		{"Ŵynn", "ŵynn", "wynn"},
		{"ᎠᏂ", "ꭰꮒ", "ꭰꮒ"},
		{"ꭰꮒ", "ꭰꮒ", "ꭰꮒ"},
		{"\u00a8a", "\u0308a", "a"},
		{"a\x00b\xff", "a\uFFFDb\uFFFD", "a\uFFFDb\uFFFD"},
		{"r18\u200b", "r18", "r18"},
		{"\u00ad\ufeffR\u206018\ufe0f\u034f\U000E0041", "r18", "r18"},
		{"Desk  \u00a0 two\u2800", "desk two", "desk two"},
		{"e\u034f\u0301", "é", "e"},
		{"\uffa0\u3164\u115f", "", ""},
		{"می\u200cخواهم", "میخواهم", "میخواهم"},
		{"👩\u200d💻", "👩💻", "👩💻"},
		{"", "", ""},
		{" \t\n", "", ""},
	} {
		if got := Fold(test.in); got != test.fold {
			t.Errorf("Fold(%q) = %q, want %q", test.in, got, test.fold)
		}
		if got := FoldForSearch(test.in); got != test.search {
			t.Errorf("FoldForSearch(%q) = %q, want %q", test.in, got, test.search)
		}
	}
}

// Whatever is typed, its fold is text that both engines take, and folding again changes nothing: otherwise a stored fold
// could never be found again by what it was made of.
func FuzzFold(f *testing.F) {
	for _, s := range []string{"amara", "AMARA ", "ＡＭ＠", "Straße", "İ", "\u00a8", "\ufe74", "ᾳ\u0316", "ŉ", "ǰ\u0323", "ͅa", "\xff", "a\x00", "\u1e9e", "ꭰ", "\u3000x", "ſt", "Å\u0301", "e\u034f\u0301", "\uffa0", "a\u200bA", "\u2800"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for name, fold := range map[string]func(string) string{"Fold": Fold, "FoldForSearch": FoldForSearch} {
			once := fold(s)
			if !utf8.ValidString(once) || strings.ContainsRune(once, 0) {
				t.Errorf("%s(%q) = %q is no text", name, s, once)
			}
			if twice := fold(once); twice != once {
				t.Errorf("%s(%q) = %q, folded again %q", name, s, once, twice)
			}
		}
	})
}

// SQLite itself says whether a pattern means "starts with" for every prefix, whatever marks it holds.
func FuzzLikePrefix(f *testing.F) {
	for _, pair := range [][2]string{{"am", "amara"}, {"100%", "1000"}, {"a_c", "abc"}, {"!", "!"}, {"!%", "!%x"}, {"", "x"}, {"a", ""}, {"ŵ", "ŵynn"}, {"\\%", "\\%"}} {
		f.Add(pair[0], pair[1])
	}
	db, err := sql.Open("sqlite", "file::memory:?_pragma=case_sensitive_like(ON)")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	f.Fuzz(func(t *testing.T, prefix, name string) {
		prefix, name = Fold(prefix), Fold(name)
		for _, s := range []string{name, prefix, prefix + name} {
			var got bool
			if err := db.QueryRow("SELECT $1 LIKE $2 ESCAPE '!'", s, likePrefix(prefix)).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if want := strings.HasPrefix(s, prefix); got != want {
				t.Errorf("%q LIKE %q is %t, want %t", s, likePrefix(prefix), got, want)
			}
		}
	})
}

func TestVersionLess(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"3.51.2", "3.51.3", true}, {"3.51.3", "3.51.3", false}, {"3.51.10", "3.51.3", false}, {"3.9.0", "3.51.3", true},
		{"4.0.0", "3.51.3", false}, {"3.52", "3.51.3", false}, {"", "3.51.3", true},
	} {
		if got := versionLess(test.a, test.b); got != test.want {
			t.Errorf("versionLess(%q, %q) = %t, want %t", test.a, test.b, got, test.want)
		}
	}
}
