package staffkey_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// These tests hold the shape of the tree: who may import whom, which modules of others we use and where, and the habits that a reader
// relies on. They read the source as it lies there, so a forbidden import is told with its reason before anybody argues about it.

// room says what the packages of one pattern may import of Staffkey, and why nothing else. A pattern is a folder, or with /... the
// folder and all below it; "." is the root package. The longest pattern that matches a package is its room.
type room struct {
	may []string
	why string
}

// rooms is the import table. A package that matches no line has no place yet: give it one, with its reason.
var rooms = map[string]room{
	".":                               {nil, "the root is the vocabulary that everybody imports, so it imports nobody"},
	"internal/policy":                 {[]string{"."}, "decisions are pure: whatever they need to know is an argument, so that an allow or deny line tests them"},
	"internal/store":                  {[]string{"."}, "the store keeps and finds rows; a rule in here would be missed by whoever looks for it in policy"},
	"internal/directory":              {[]string{".", "internal/policy", "internal/store"}, "what exists and who looks after it does not depend on how people sign in or on pages; directory and signin never import each other"},
	"internal/signin":                 {[]string{".", "internal/policy", "internal/store"}, "proving who you are does not depend on one method, on pages or on the administration of people; directory and signin never import each other"},
	"internal/signin/...":             {[]string{".", "internal/signin", "internal/store"}, "a method verifies and returns a value: it decides nothing, reads only inside the transaction that it is given, and knows no other method"},
	"internal/sso":                    {[]string{".", "internal/policy", "internal/signin", "internal/store"}, "applications ask who signed in; they have no part in pages or in the administration of people"},
	"internal/sso/...":                {[]string{".", "internal/sso"}, "a protocol speaks to applications and asks sso who signed in and how strongly"},
	"internal/locale":                 {nil, "messages in their languages: whoever speaks to people reads them here, and it knows nobody"},
	"internal/notify":                 {[]string{".", "internal/locale", "internal/store"}, "delivery takes from the outbox what others put there, and calls nobody back"},
	"internal/notify/...":             {[]string{".", "internal/notify"}, "a channel sends one message and knows nothing else"},
	"internal/api":                    {[]string{".", "internal/directory", "internal/signin"}, "the API is a second face of the same operations as the pages, not a way around them"},
	"internal/scim":                   {[]string{".", "internal/directory", "internal/signin"}, "SCIM is a second face of the same operations as the pages, not a way around them"},
	"internal/portal/...":             {[]string{".", "internal/directory", "internal/signin", "internal/signin/securitykey", "internal/sso", "internal/policy", "internal/portal/..."}, "pages ask directory and signin, which decide and record; a page that reads the store by itself skips both (of securitykey it takes the names of models)"},
	"internal/portal/ui/...":          {[]string{"internal/locale"}, "templates show the values that they are given, so they know no type of ours and can be drawn without a server"},
	"internal/ctap/...":               {[]string{"internal/ctap/..."}, "the key tool speaks to keys on machines that have no server, and is read by people who want nothing else"},
	"cmd/staffkey/...":                {[]string{"internal/ctap/..."}, "anyone runs the key tool beside a plugged-in key; nothing of the server belongs in it"},
	"cmd/staffkeyd/...":               {[]string{".", "internal/...", "cmd/staffkeyd/..."}, "the server's program wires everything, except the other program"},
	"internal/signin/securitykey/...": {[]string{".", "internal/signin", "internal/store", "internal/signin/securitykey/..."}, "a method verifies and returns a value: it decides nothing, reads only inside the transaction that it is given, and knows no other method"},
}

// testHelpers are the packages, by the last part of their path, that exist for tests; so does everything under test/.
var testHelpers = []string{"storetest", "signintest", "pgtest", "gallery", "softkey", "mdstest"}

// use is one third-party module: why we do not do without it, and the rooms whose code may import it. Tests and what exists for tests
// may import every listed module; a module without a room is for them alone.
type use struct {
	why string
	in  []string
}

// modules is the list of all third-party modules that we ask for. A new one needs its line here, which says what it does that neither
// the standard library nor we should do, and a row in THIRD_PARTY.md.
var modules = map[string]use{
	"github.com/cloudflare/circl":         {"signatures by Ed448 and ML-DSA, which the standard library lacks", []string{"internal/signin/securitykey/webauthn"}},
	"modernc.org/sqlite":                  {"SQLite inside one static binary, without cgo", []string{"internal/store"}},
	"github.com/jackc/pgx/v5":             {"the PostgreSQL driver: error codes and serializable retries", []string{"internal/store"}},
	"github.com/pressly/goose/v3":         {"one history of migrations for both engines, with a lock between nodes", []string{"internal/store"}},
	"github.com/tink-crypto/tink-go/v2":   {"sealing of secrets at rest with keysets that rotate; not a thing to write oneself", []string{"internal/store"}},
	"github.com/google/uuid":              {"UUIDv7 identifiers, which sort by time", []string{"internal/store", "internal/directory", "internal/signin/...", "internal/sso/...", "internal/portal"}},
	"github.com/alecthomas/kong":          {"flags, environment and file read into one documented struct", []string{"cmd/..."}},
	"github.com/fxamacker/cbor/v2":        {"strict CBOR for what keys send", []string{"internal/signin/securitykey/...", "internal/ctap/..."}},
	"github.com/nicksnyder/go-i18n/v2":    {"messages with plural forms, English and Welsh", []string{"internal/locale"}},
	"github.com/BurntSushi/toml":          {"the format of the message files and of the settings file", []string{"internal/locale", "cmd/staffkeyd"}},
	"github.com/boombuler/barcode":        {"QR codes: error correction is not a thing to write oneself", []string{"internal/signin/totp"}},
	"github.com/nyaruka/phonenumbers":     {"telephone numbers: which are mobile, which cost, which country; the world's plans change every week", []string{"internal/signin/telephone"}},
	"github.com/ccojocar/zxcvbn-go":       {"how many guesses a password takes, and the list of common ones", []string{"internal/signin/password"}},
	"github.com/wneessen/go-mail":         {"SMTP with STARTTLS, and mails that are well-formed", []string{"internal/notify/email"}},
	"github.com/go-jose/go-jose/v4":       {"signed tokens for GOV.UK Notify", []string{"internal/notify/telephone"}},
	"github.com/emersion/go-smtp":         {"a real SMTP server in the tests of e-mail", nil},
	"github.com/emersion/go-sasl":         {"how that server checks a sign-in", nil},
	"github.com/prometheus/client_golang": {"metrics in the form that operators collect", []string{"internal/portal", "cmd/staffkeyd"}},
	"golang.org/x/crypto":                 {"argon2id, which the standard library lacks", []string{"internal/store", "internal/signin/..."}},
	"golang.org/x/text":                   {"language matching, and Unicode folding of names", []string{".", "internal/locale", "internal/portal/...", "internal/store", "internal/directory", "internal/signin/password"}},
	"golang.org/x/sync":                   {"error groups and bounded work", []string{"internal/...", "cmd/staffkeyd"}},
	"golang.org/x/net":                    {"host names in the form that browsers and DNS have them (UTS 46), and in tests an HTML parser", []string{"."}},
	"github.com/chromedp/chromedp":        {"drives a real Chromium in the browser tests", nil},
	"github.com/chromedp/cdproto":         {"the protocol types of chromedp: virtual authenticators", nil},
	"github.com/go-webauthn/webauthn":     {"a relying party written by others, beside our own", nil},
	"github.com/descope/virtualwebauthn":  {"an authenticator written by others, beside our own", nil},
	"github.com/google/go-cmp":            {"readable differences between want and got", nil},
	"github.com/rogpeppe/go-internal":     {"testscript, for the command lines", nil},
}

// source is one Go file of the tree.
type source struct {
	name, dir string // slash-separated, below the root; dir of the root is "."
	test      bool   // compiled into tests only: by its name, or because its package exists for tests
	inTest    bool   // named _test.go
	text      []byte
	syntax    *ast.File
	position  func(token.Pos) token.Position
}

// imports lists the import paths of the file.
func (s source) imports() []string {
	var paths []string
	for _, spec := range s.syntax.Imports {
		paths = append(paths, unquote(spec.Path))
	}
	return paths
}

// tree reads all Go files once for all tests; build constraints are not applied, so every system's files are held to the same rules.
var tree = sync.OnceValues(func() ([]source, error) {
	files := token.NewFileSet()
	var sources []source
	err := fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(entry.Name(), ".") || strings.HasPrefix(entry.Name(), "_") || entry.Name() == "testdata" || entry.Name() == "staffkey-data"):
			return fs.SkipDir
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		syntax, err := parser.ParseFile(files, name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		inTest := strings.HasSuffix(name, "_test.go")
		sources = append(sources, source{name, path.Dir(name), inTest || isTestHelper(path.Dir(name)), inTest, text, syntax, files.Position})
		return nil
	})
	return sources, err
})

// readTree returns all Go files, and with production only those that end up in the programs.
func readTree(t *testing.T, production bool) []source {
	t.Helper()
	sources, err := tree()
	if err != nil {
		t.Fatalf("read the source tree: %v", err)
	}
	return slices.DeleteFunc(slices.Clone(sources), func(s source) bool { return production && s.test })
}

func isTestHelper(dir string) bool {
	return slices.Contains(testHelpers, path.Base(dir)) || matches("test/...", dir)
}

// matches reports whether the folder dir is what pattern says, as in a [room].
func matches(pattern, dir string) bool {
	above, open := strings.CutSuffix(pattern, "/...")
	return dir == above || open && strings.HasPrefix(dir, above+"/")
}

// roomOf returns the room of the package in dir. The folder itself is a longer match than its pattern with /... .
func roomOf(dir string) (room, bool) {
	var best string
	for _, pattern := range slices.Sorted(maps.Keys(rooms)) {
		if above := strings.TrimSuffix(pattern, "/..."); matches(pattern, dir) && (best == "" || pattern == dir || len(above) > len(strings.TrimSuffix(best, "/..."))) {
			best = pattern
		}
	}
	found, ok := rooms[best]
	return found, ok
}

// ours returns the folder of an imported package of this module.
func ours(imported string) (dir string, ok bool) {
	if imported == "staffkey" {
		return ".", true
	}
	return strings.CutPrefix(imported, "staffkey/")
}

func unquote(literal *ast.BasicLit) string {
	text, err := strconv.Unquote(literal.Value)
	if err != nil { // the parser has accepted it
		panic(err)
	}
	return text
}

func TestImports_follow_the_table(t *testing.T) {
	t.Parallel()
	for _, s := range readTree(t, true) {
		here, ok := roomOf(s.dir)
		if !ok {
			t.Errorf("%s: package %s has no line in the import table of architecture_test.go", s.name, s.dir)
			continue
		}
		for _, imported := range s.imports() {
			dir, ok := ours(imported)
			switch {
			case !ok:
			case isTestHelper(dir):
				t.Errorf("%s imports %s: that exists for tests, and must not end up in a program", s.name, imported)
			case !slices.ContainsFunc(here.may, func(pattern string) bool { return matches(pattern, dir) }):
				t.Errorf("%s imports %s: %s", s.name, imported, here.why)
			}
		}
	}
}

// outside are the packages of the standard library that reach out of the program, which vocabulary and decisions do not.
var outside = []string{"net", "net/http", "database/sql", "os", "os/exec", "os/signal", "os/user", "syscall", "log", "log/slog", "html/template"}

func TestVocabulary_and_decisions_are_pure(t *testing.T) {
	t.Parallel()
	for _, s := range readTree(t, true) {
		if s.dir != "." && s.dir != "internal/policy" {
			continue
		}
		for _, imported := range s.imports() {
			if slices.Contains(outside, imported) {
				t.Errorf("%s imports %s: vocabulary and decisions do no input or output", s.name, imported)
			}
		}
		ast.Inspect(s.syntax, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if of, ok := selector.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains([]string{"Now", "Since", "Until"}, selector.Sel.Name) {
				t.Errorf("%s: time.%s: the instant is an argument here, so that a test can choose it", s.position(selector.Pos()), selector.Sel.Name)
			}
			return true
		})
	}
}

func TestRandomness_is_cryptographic(t *testing.T) {
	t.Parallel()
	for _, s := range readTree(t, true) {
		for _, imported := range s.imports() {
			if strings.HasPrefix(imported, "math/rand") {
				t.Errorf("%s imports %s: use crypto/rand, so that nobody has to ask whether this number may be guessed", s.name, imported)
			}
		}
	}
}

// sqlText recognises the beginnings of statements: SELECT in capitals, and the others by their second word too, so that "Select a key"
// and "Update your details" on a page are no SQL.
var sqlText = regexp.MustCompile(`^\s*(SELECT\s|(?i:select\s+[\w.*]+(\s*,\s*[\w.]+)*\s+from\s|insert\s+into\s+\w+\s*(\(|values|select)|update\s+\w+\s+set\s|delete\s+from\s+\w+\s*(where|;|$)|(create|alter|drop)\s+(table|index|unique\s+index)\s))`)

func TestSQL_is_in_the_store(t *testing.T) {
	t.Parallel()
	for _, s := range readTree(t, true) {
		if matches("internal/store/...", s.dir) {
			continue
		}
		ast.Inspect(s.syntax, func(node ast.Node) bool {
			if literal, ok := node.(*ast.BasicLit); ok && literal.Kind == token.STRING && sqlText.MatchString(unquote(literal)) {
				t.Errorf("%s: SQL outside internal/store, where both engines are tested and secrets are sealed: %s", s.position(literal.Pos()), literal.Value)
			}
			return true
		})
	}
}

func TestSQL_is_recognised(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"SELECT 1": true, "\n\tselect id, name from people": true, "INSERT INTO people (id) VALUES ($1)": true, "update people\nset name = $1": true,
		"DELETE FROM people WHERE id = $1": true, "CREATE TABLE people (id TEXT)": true, "drop index people_by_name": true,
		"Select a key from the list": false, "Update your details": false, "Delete from this computer": false, "Insert into a free USB port": false, "create table-top notice": false,
	} {
		if got := sqlText.MatchString(text); got != want {
			t.Errorf("%q is SQL: want %v, got %v", text, want, got)
		}
	}
}

// Every CSV file that leaves the programs begins as spreadsheets need it: tables are begun in two places, and the sample is a file for tests.
func TestCSV_begins_in_two_places(t *testing.T) {
	t.Parallel()
	sources, err := tree()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, s := range sources {
		if !s.test && bytes.Contains(s.text, []byte("csv.NewWriter(")) {
			found = append(found, s.name)
		}
	}
	want := []string{"cmd/staffkeyd/listing.go", "cmd/staffkeyd/sample.go", "internal/portal/request.go"}
	if slices.Sort(found); !slices.Equal(found, want) {
		t.Errorf("tables of CSV begin in %v, want %v: use newCSV or request.csvFile", found, want)
	}
}

func TestPackages_say_what_they_are_for(t *testing.T) {
	t.Parallel()
	empty := []string{"util", "utils", "common", "helper", "helpers", "types", "models", "service", "services", "manager", "base", "core", "misc"}
	documented := map[string]bool{}
	for _, s := range readTree(t, false) {
		name := strings.TrimSuffix(s.syntax.Name.Name, "_test")
		if slices.Contains(empty, name) || slices.Contains(empty, path.Base(s.dir)) {
			t.Errorf("%s: a package named %s says nothing about its job", s.name, name)
		}
		// A package of nothing but tests says in one of them what it tests.
		documented[s.dir] = documented[s.dir] || s.syntax.Doc != nil && (!s.inTest || matches("test/...", s.dir))
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no doc comment", dir)
		}
	}
}

func TestFiles_are_short(t *testing.T) {
	t.Parallel()
	for _, s := range readTree(t, false) {
		switch lines := bytes.Count(s.text, []byte("\n")); {
		case lines > 500:
			t.Errorf("%s has %d lines: more than 500 are two files", s.name, lines)
		case lines > 400:
			t.Logf("%s has %d lines: from 500 on they are two files", s.name, lines)
		}
	}
}

var (
	openEnd  = regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	issue    = regexp.MustCompile(`\b(TODO|FIXME|XXX)\(#\d+\)`)
	silenced = regexp.MustCompile(`^//\s*nolint`)
	reasoned = regexp.MustCompile(`^//nolint:[\w,]+ // \S`)
)

func TestComments_leave_nothing_open(t *testing.T) {
	t.Parallel()
	for _, s := range readTree(t, false) {
		for _, group := range s.syntax.Comments {
			for _, comment := range group.List {
				if len(openEnd.FindAllString(comment.Text, -1)) > len(issue.FindAllString(comment.Text, -1)) {
					t.Errorf("%s: an open end without its issue, as in TODO(#12)", s.position(comment.Pos()))
				}
				if silenced.MatchString(comment.Text) && !reasoned.MatchString(comment.Text) {
					t.Errorf("%s: a silenced check without its name and reason, as in //nolint:name // reason", s.position(comment.Pos()))
				}
			}
		}
	}
}

// required reads the modules that go.mod asks for; the value is whether we ask ourselves, and not another module.
func required(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	direct := map[string]bool{}
	for _, line := range regexp.MustCompile(`(?m)^(?:require )?\t?(\S+\.\S+) v\S+(.*)$`).FindAllStringSubmatch(string(text), -1) {
		direct[line[1]] = !strings.Contains(line[2], "// indirect")
	}
	return direct
}

func TestModules_are_on_the_list(t *testing.T) {
	t.Parallel()
	direct := required(t)
	for module := range direct {
		if _, ok := modules[module]; !ok && direct[module] {
			t.Errorf("go.mod requires %s, which is not on the list of modules in architecture_test.go", module)
		}
	}
	used := map[string]bool{}
	for _, s := range readTree(t, false) {
		for _, imported := range s.imports() {
			if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
				continue
			}
			module, err := moduleOf(imported)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			used[module] = true
			in := modules[module].in
			if !s.test && !slices.ContainsFunc(in, func(pattern string) bool { return matches(pattern, s.dir) }) {
				t.Errorf("%s imports %s: that is for %s only", s.name, imported, strings.Join(append(slices.Clone(in), "tests"), ", "))
			}
		}
	}
	table, err := os.ReadFile("THIRD_PARTY.md")
	if err != nil {
		t.Fatal(err)
	}
	for module := range modules {
		if _, ok := direct[module]; !ok {
			t.Errorf("%s is on the list of modules, but go.mod does not require it", module)
		}
		if !used[module] {
			t.Errorf("%s is on the list of modules, but nothing imports it", module)
		}
		if !bytes.Contains(table, []byte("\n| "+module+" |")) {
			t.Errorf("%s has no row with its licence in THIRD_PARTY.md", module)
		}
	}
	for _, row := range regexp.MustCompile(`(?m)^\| (\S+\.\S+) \|`).FindAllSubmatch(table, -1) {
		if _, ok := modules[string(row[1])]; !ok {
			t.Errorf("THIRD_PARTY.md has a row for %s, which is not on the list of modules", row[1])
		}
	}
}

// moduleOf returns the listed module that holds an imported package: the longest name that begins its path.
func moduleOf(imported string) (string, error) {
	var best string
	for module := range modules {
		if matches(module+"/...", imported) && len(module) > len(best) {
			best = module
		}
	}
	if best == "" {
		return "", fmt.Errorf("%s is of no module on the list in architecture_test.go", imported)
	}
	return best, nil
}
