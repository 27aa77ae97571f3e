package storetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Operations lists the exported methods of a type, in the package of a folder, that make a recorded change: themselves, or by what they call
// in their package. It reads the source, so that a new one cannot be forgotten by a test that wants to try them all.
func Operations(t testing.TB, folder, receiver string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string][]string{} // by name: calls are told apart by nothing else, which finds too many rather than too few
	var exported []string
	files := token.NewFileSet()
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.SelectorExpr: // a call, or a method handed on to be called; a statement is no operation
					if id, ok := n.X.(*ast.Ident); ok && id.Name == "tx" {
						return true
					}
					calls[f.Name.Name] = append(calls[f.Name.Name], n.Sel.Name)
				case *ast.CallExpr:
					if id, ok := n.Fun.(*ast.Ident); ok {
						calls[f.Name.Name] = append(calls[f.Name.Name], id.Name)
					}
				}
				return true
			})
			if f.Recv != nil && f.Name.IsExported() && receiverName(f) == receiver {
				exported = append(exported, f.Name.Name)
			}
		}
	}
	changing := exported[:0:0]
	for _, name := range exported {
		if reaches(calls, name, map[string]bool{}) {
			changing = append(changing, name)
		}
	}
	slices.Sort(changing)
	return changing
}

func reaches(calls map[string][]string, name string, seen map[string]bool) bool {
	if name == "Change" || name == "ChangeAs" {
		return true
	}
	if seen[name] {
		return false
	}
	seen[name] = true
	// A refusal records itself by a change that does nothing else.
	return slices.ContainsFunc(calls[name], func(callee string) bool {
		return callee != "refuse" && callee != "noteGuesses" && reaches(calls, callee, seen)
	})
}

func receiverName(f *ast.FuncDecl) string {
	expr := f.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if id, ok := expr.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}
