package staffkey_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A sentence with a count, a cause or a promise must be true. Each such text has a test that knows a state in which it would be false, and
// that names the text. What such a sentence is, is decided by these patterns; whoever writes one finds the test that it needs here.
var (
	counts   = regexp.MustCompile(`\{\{\.(Count|Left|Used|Affected|Percent)\}\}`)
	claims   = regexp.MustCompile(`(?i)\b(our side|is fine|because|we (sent|send|told|tell|have saved)|is told|are told|is on its way|nothing (was|is) (changed|removed|saved|lost)|is back|works again|still works?|undo this|no longer signs|can lose|cannot sign (you|anybody)|all you need|last way|gets? a message|by e-mail)\b`)
	messages = regexp.MustCompile(`(?ms)^"([^"]+)" = ("""(.*?)"""|\{ (.*?) \}$|"(.*?)"$)`)
	variants = regexp.MustCompile(`\w+ = "([^"]*)"`)
	holes    = regexp.MustCompile(`\{\{.*?\}\}`)
)

// isClaim reports whether a text says how many, why, or what was done or will be.
func isClaim(text string) bool { return counts.MatchString(text) || claims.MatchString(text) }

// englishMessages are the English texts of pages and messages by id, with their plural forms.
func englishMessages(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("internal/portal/ui/locales/*en.toml")
	if err != nil {
		t.Fatal(err)
	}
	texts := make(map[string][]string)
	for _, name := range append(files, "internal/notify/locales/en.toml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages.FindAllStringSubmatch(string(data), -1) {
			if m[4] == "" {
				texts[m[1]] = []string{m[3] + m[5]}
				continue
			}
			for _, v := range variants.FindAllStringSubmatch(m[4], -1) {
				texts[m[1]] = append(texts[m[1]], v[1])
			}
		}
	}
	return texts
}

// literalsOfTests are the strings in each test function, by directory and name.
func literalsOfTests(t *testing.T) map[string][]string {
	t.Helper()
	found := make(map[string][]string)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") || f.Body == nil {
				continue
			}
			name := filepath.ToSlash(filepath.Dir(path)) + "." + f.Name.Name
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil {
						found[name] = append(found[name], s)
					}
				}
				return true
			})
			if found[name] == nil {
				found[name] = []string{}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// names reports whether a string of a test is the id of a message, holds its text, or is a part of it that is long enough to know it by.
func names(literal, id, text string) bool {
	if literal == id {
		return true
	}
	parts := holes.Split(text, -1)
	for _, part := range parts {
		if part = strings.TrimSpace(part); len(literal) >= 12 && strings.Contains(part, literal) || len(part) >= 12 && strings.Contains(literal, part) {
			return true
		}
	}
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return len(strings.Join(parts, "")) >= 6 && regexp.MustCompile(strings.Join(parts, ".+")).MatchString(literal)
}

// Every sentence with a count, a cause or a promise is in the list of truths, under a test that there is and that names it.
func TestTruths(t *testing.T) {
	t.Parallel()
	texts, tests := englishMessages(t), literalsOfTests(t)
	if len(texts) < 1000 || len(tests) < 500 {
		t.Fatalf("read %d messages and %d tests, want far more: the patterns that find them are wrong", len(texts), len(tests))
	}
	held := make(map[string]bool)
	for test, ids := range truths {
		literals, ok := tests[test]
		if !ok {
			t.Errorf("there is no test %s: name the one that holds %s now", test, ids)
			continue
		}
		for id := range strings.FieldsSeq(ids) {
			held[id] = true
			if texts[id] == nil {
				t.Errorf("there is no message %q: take it from the list of truths", id)
				continue
			}
			if !slices.ContainsFunc(texts[id], isClaim) {
				t.Errorf("message %q makes no claim any more: take it from the list of truths", id)
			}
			if !slices.ContainsFunc(literals, func(l string) bool {
				return slices.ContainsFunc(texts[id], func(text string) bool { return names(l, id, text) })
			}) {
				t.Errorf("%s does not name message %q, %q", test, id, texts[id][0])
			}
		}
	}
	inFamily := func(id string) bool {
		for prefix := range families {
			if strings.HasPrefix(id, prefix) {
				return true
			}
		}
		return false
	}
	for prefix, test := range families {
		if _, ok := tests[test]; !ok {
			t.Errorf("there is no test %s: name the one that holds the messages %s… now", test, prefix)
		}
	}
	for id, all := range texts {
		if slices.ContainsFunc(all, isClaim) && !held[id] && !inFamily(id) {
			t.Errorf("message %q, %q, says how many, why, or what was done or will be. Say less, or write a test with a state in which it would be false, "+
				"which shows that it is not said then; and put the message under that test in the list of truths", id, all[len(all)-1])
		}
	}
}

// The patterns find the sentences that were false once, and their like.
func TestTruths_what_a_claim_is(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"You have {{.Count}} different keys.", "{{.Used}} of {{.Limit}} tokens used.", "Something is wrong on our side", "Your key is fine.", "Nothing was changed.",
		"We told you by e-mail.", "We send you an e-mail when one of these changes.", "Stopped {{.When}} because it is lost.", "A new code is on its way.",
		"‘{{.Nickname}}’ is back.", "your password still works", "You can lose one key and still sign in.", "You can undo this for 10 minutes.",
	} {
		if !isClaim(text) {
			t.Errorf("%q is no claim", text)
		}
	}
	for _, text := range []string{"Register a key", "Email or username", "Touch the disc or button when the key flashes."} {
		if isClaim(text) {
			t.Errorf("%q is a claim", text)
		}
	}
}
