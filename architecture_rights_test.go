package staffkey_test

import (
	"fmt"
	"go/ast"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// These tests hold how rights are asked and how keys come into use: by types where the compiler can, and here where it cannot.

// changesByOthers are the functions of an actor that change something without ChangeAs, which gives them what the actor may do as it is in
// the change; each with its reason.
var changesByOthers = map[string]string{
	"internal/signin SignOut":          "it ends the session that asks, and nothing else",
	"internal/signin RecordPrompt":     "it records that a prompt ended, also of people who are not signed in",
	"internal/signin RecordFault":      "it records a fault of ours, also for people who are not signed in",
	"internal/directory change":        "the change itself is made by ChangeAs; the other records its refusal",
	"internal/directory FetchMetadata": "nobody asks: the schedule notes what went wrong",
}

// An operation for somebody changes something by ChangeAs: there is no other way to what they may do.
func TestRights_are_read_in_the_change(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for _, s := range readTree(t, false) {
		if s.test || s.dir != "internal/signin" && s.dir != "internal/directory" {
			continue
		}
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil || !takes(f, "Actor") {
				continue
			}
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Change" || sel.Sel.Name == "Note") && isStore(sel.X) {
					name := s.dir + " " + f.Name.Name
					found[name] = true
					if changesByOthers[name] == "" {
						t.Errorf("%s: %s acts for somebody: it changes something by ChangeAs, or has its reason here", s.position(sel.Pos()), f.Name.Name)
					}
				}
				return true
			})
		}
	}
	for name := range changesByOthers {
		if !found[name] && name != "internal/directory FetchMetadata" {
			t.Errorf("%s has a reason for a change that it does not make", name)
		}
	}
}

// takes reports whether a function has a parameter of a type of the vocabulary.
func takes(f *ast.FuncDecl, name string) bool {
	return slices.ContainsFunc(f.Type.Params.List, func(p *ast.Field) bool {
		sel, ok := p.Type.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == name
	})
}

// isStore reports an expression that ends in a field named store.
func isStore(x ast.Expr) bool {
	sel, ok := x.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "store"
}

// authorities are where somebody's rights are put together instead of read, each with its reason.
var authorities = map[string]string{
	"internal/store/authority.go": "it reads them",
	"internal/signin/lost.go":     "somebody who is not signed in has none, and stops a key of their own by a password that is asked about",
	"internal/signin/send.go":     "somebody who is not signed in has none, and is sent a code after a password that is asked about",
}

// What somebody may do is read by the store, never put together, and no operation takes it from whoever calls: it would be as old as the
// request.
func TestRights_are_never_put_together(t *testing.T) {
	t.Parallel()
	for _, s := range readTree(t, false) {
		if s.test {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if sel, ok := lit.Type.(*ast.SelectorExpr); ok && sel.Sel.Name == "Authority" && authorities[s.name] == "" {
				t.Errorf("%s: rights are put together here: read them by ChangeAs or ReadAs", s.position(lit.Pos()))
			}
			return true
		})
		if s.dir != "internal/signin" && s.dir != "internal/directory" {
			continue
		}
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil && f.Name.IsExported() && takes(f, "Authority") {
				t.Errorf("%s: %s takes rights from its caller: take an Actor, and read them", s.position(f.Pos()), f.Name.Name)
			}
		}
	}
}

// writesKeyState matches a statement that writes the state of a key: in what it sets, not in what it asks.
var writesKeyState = regexp.MustCompile(`UPDATE security_keys SET (?:(?:[^W]|W[^H])*[ ,])?state = |INSERT INTO security_keys`)

// keyStates are the functions of the store that write the state of a key. One of them makes a key active.
var keyStates = map[string]string{
	"putKeyInUse":             "the one place where a key becomes active",
	"InsertSecurityKey":       "a registered key is stored as pending",
	"HoldNewKey":              "on hold, before it was ever in use",
	"RestoreStoppedKey":       "on hold, as before it was removed",
	"StopSecurityKey":         "on hold",
	"StopForGood":             "on hold, and one that is off the list is so when it comes back",
	"StopKeysRegisteredSince": "on hold",
	"RemoveSecurityKey":       "removed",
	"RefuseReviewedKey":       "removed, for good",
	"StripPerson":             "removed",
}

// A key becomes active in one place, which does what goes with it.
func TestKeys_come_into_use_in_one_place(t *testing.T) {
	t.Parallel()
	found := statements(t, writesKeyState)
	for name, at := range found {
		if keyStates[name] == "" {
			t.Errorf("%s: %s writes the state of a key: a key comes into use by putKeyInUse, or say here what it becomes", at, name)
		}
	}
	for name := range keyStates {
		if found[name] == "" {
			t.Errorf("%s does not write the state of a key", name)
		}
	}
}

// writesPersonState matches a statement that writes the state of a person who is there.
var writesPersonState = regexp.MustCompile(`UPDATE people SET (?:(?:[^W]|W[^H])*[ ,])?(?:state|frozen_at) = `)

// A person's state is changed by one statement, from what was seen: what an import stores of a person never brings a state with it.
func TestPeople_change_their_state_in_one_place(t *testing.T) {
	t.Parallel()
	found := statements(t, writesPersonState)
	for name, at := range found {
		if name != "PutPersonState" {
			t.Errorf("%s: %s writes the state of a person: PutPersonState does, with what policy.ChangeState says", at, name)
		}
	}
	if len(found) == 0 {
		t.Error("PutPersonState does not write the state of a person")
	}
}

// statements are the functions of the store that hold a statement, by name, with where they are.
func statements(t *testing.T, statement *regexp.Regexp) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, s := range readTree(t, false) {
		if s.test || s.dir != "internal/store" {
			continue
		}
		for _, d := range s.syntax.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			start, end := s.position(f.Pos()).Offset, s.position(f.End()).Offset
			if statement.MatchString(strings.Join(strings.Fields(string(s.text[start:end])), " ")) {
				found[f.Name.Name] = fmt.Sprint(s.position(f.Pos()))
			}
		}
	}
	return found
}
