package portal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"staffkey/internal/portal/ui"
)

// elsewhereTold are messages of the family that no outcome has: forms and notices tell them.
var elsewhereTold = map[string]bool{"key.undo.late": true}

// Every text that a ceremony with a key can end with is sorted: what helps is chosen for it, and there are words for it. A new one joins
// remedies with its choice.
func TestEvery_refusal_has_its_remedy(t *testing.T) {
	t.Parallel()
	pages, err := ui.New()
	if err != nil {
		t.Fatal(err)
	}
	outcomes := regexp.MustCompile(`^(wa|key)\.[a-z0-9.-]+$`)
	found := map[string]string{}
	for _, root := range []string{"../signin", "../policy", "."} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && path != root && root == "." {
				return filepath.SkipDir
			}
			if d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "remedies.go" {
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if id, err := strconv.Unquote(lit.Value); err == nil && outcomes.MatchString(id) {
						found[id] = path
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 35 {
		t.Fatalf("%d messages found, want all: %v", len(found), found)
	}
	for id, path := range found {
		if remedyOf(id) == "" && !elsewhereTold[id] {
			t.Errorf("%s tells %s, which has no remedy: choose one in remedies.go", path, id)
		}
	}
	for id := range remedies {
		if !pages.HasMessage(id+".title") || !pages.HasMessage(id+".text") {
			t.Errorf("%s has no title or no text", id)
		}
		if strings.HasPrefix(id, "wa.") || strings.HasPrefix(id, "key.") {
			if _, ok := found[id]; !ok {
				t.Errorf("%s has a remedy, and nothing tells it", id)
			}
		}
	}
}
