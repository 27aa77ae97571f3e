package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Whatever has opened the database leaves one file of it: whoever copies staffkey.db of a stopped server has everything. Every command of the
// command line is tried, so a new one is too.
func TestCommands_leave_no_write_ahead_log(t *testing.T) {
	t.Parallel()
	data, here := filepath.Join(t.TempDir(), "data"), t.TempDir()
	leaves := leafCommands(t)
	for _, at := range []string{"migrate", "serve", "demo"} { // these make what the others work on
		if i := slices.IndexFunc(leaves, func(n *kong.Node) bool { return n.FullPath() == "staffkeyd "+at }); i < 0 {
			t.Fatalf("there is no command %s", at)
		} else {
			leaves = slices.Delete(leaves, i, i+1)
		}
		args := []string{at, "--data", data}
		switch at {
		case "migrate":
			if out, code := capture(t, args...); code != 0 {
				t.Fatal(out)
			}
		case "serve":
			startAndStop(t, append(args, "--address", "http://localhost:8080", "--listen", "localhost:0")...)
		case "demo":
			_, stop := start(t, append(args, "--json", "--listen", "localhost:0")...)
			if code, log := stop(); code != 0 {
				t.Errorf("demo stopped with %d: %s", code, log)
			}
		}
		wantOneFile(t, data, at)
	}
	opened := 0
	for _, leaf := range leaves {
		args := anyArguments(t, leaf, here)
		out, code := capture(t, append(args, "--data", data)...)
		if strings.Contains(out, "--help") && code == exitUsage {
			t.Errorf("%v does not come as far as the database: %s", args, out)
		}
		wantOneFile(t, data, strings.Join(args, " "))
		opened++
	}
	if opened < 30 {
		t.Errorf("%d commands were tried", opened)
	}
}

func wantOneFile(t *testing.T, data, after string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(data, "staffkey.db?*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s leaves %v", after, left)
	}
	if info, err := os.Stat(filepath.Join(data, "staffkey.db")); err != nil || info.Size() < 100_000 {
		t.Errorf("after %s the database file holds nothing: %v, %v", after, info, err)
	}
}

// leafCommands are the commands that do something, of the whole command line.
func leafCommands(t *testing.T) []*kong.Node {
	t.Helper()
	parser, err := kong.New(&commands{}, kong.Name("staffkeyd"))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Leaves(true)
}

// anyArguments are arguments that a command can read, whatever they mean to it: a name for each argument and each required flag, and a file
// for those that are files.
func anyArguments(t *testing.T, leaf *kong.Node, dir string) []string {
	t.Helper()
	value := func(v *kong.Value) string {
		switch {
		case v.Enum != "":
			return v.EnumSlice()[0]
		case v.Tag.Type == "existingfile" || v.Tag.Type == "path":
			name := filepath.Join(dir, "nothing")
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return name
		case v.IsCounter() || v.IsBool():
			return "true"
		case v.Target.Type().String() == "time.Time":
			return "2026-11-29"
		}
		return "1"
	}
	args := strings.Fields(strings.TrimPrefix(leaf.FullPath(), "staffkeyd "))
	for _, p := range leaf.Positional {
		args = append(args, value(p))
	}
	for _, group := range leaf.AllFlags(false) {
		for _, f := range group {
			if f.Required {
				args = append(args, "--"+f.Name+"="+value(f.Value))
			}
		}
	}
	return args
}
