package staffkey_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"staffkey"
)

// Every kind that the source names is in the list by which a filter is checked.
func TestEventKinds_are_all(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "audit.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Event") {
			return true
		}
		value, ok := spec.Values[0].(*ast.BasicLit)
		if !ok {
			return true
		}
		n++
		if _, err := staffkey.ParseEventKind(strings.Trim(value.Value, `"`)); err != nil {
			t.Errorf("%s is not in the list: %v", spec.Names[0].Name, err)
		}
		return true
	})
	if n != len(staffkey.EventKinds) || n < 50 {
		t.Errorf("the source names %d kinds, the list %d", n, len(staffkey.EventKinds))
	}
}

// A kind that is none is told so, with the one that may have been meant.
func TestParseEventKind(t *testing.T) {
	t.Parallel()
	for name, meant := range map[string]string{
		"policy-changed": "policy_changed", "Key_Removed": "key_removed", "key_remove": "key_removed", " signed_in ": "signed_in", "sign_in_refuse": "sign_in_refused", "recall started": "recall_started",
		"bogus": "", "": "", "_": "", "keys": "",
	} {
		_, err := staffkey.ParseEventKind(name)
		var wrong *staffkey.InvalidError
		if !errors.As(err, &wrong) || wrong.Field != "kind" {
			t.Errorf("%q: got %v, want it refused", name, err)
			continue
		}
		if got, _ := wrong.Message.Args["Meant"].(string); got != meant {
			t.Errorf("%q: %q is named, want %q", name, got, meant)
		}
	}
}
