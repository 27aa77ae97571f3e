package main

import (
	"strings"
	"testing"
)

// Help of a command begins with what is its own, with defaults, and an error in a command line names the help that explains it.
func TestHelp(t *testing.T) {
	t.Parallel()
	for _, leaf := range leafCommands(t) {
		args := strings.Fields(strings.TrimPrefix(leaf.FullPath(), "staffkeyd "))
		out, code := capture(t, append(args, "--help")...)
		every := strings.Index(out, "Settings of every command:")
		if code != 0 || every < 0 {
			t.Errorf("%v: %d %s", args, code, out)
			continue
		}
		for _, f := range leaf.Flags {
			at := max(strings.Index(out, "--"+f.Name), strings.Index(out, "--[no-]"+f.Name))
			if !f.Hidden && f.Name != "help" && (at < 0 || at > every) {
				t.Errorf("%v: --%s comes after the settings of every command", args, f.Name)
			}
		}
		out, code = capture(t, append(args, "--no-such-flag")...)
		if code != exitUsage || !strings.Contains(out, leaf.FullPath()+" --help explains") {
			t.Errorf("%v with a wrong flag: %d %s", args, code, out)
		}
	}
	out, _ := capture(t, "serve", "--help")
	for _, want := range []string{"Default: localhost:8080", "Default: 10s", "Default: Europe/London"} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), want) {
			t.Errorf("serve --help says no %q", want)
		}
	}
	if out, code := capture(t, "pas"); code != exitUsage || !strings.Contains(out, "staffkeyd --help lists") {
		t.Errorf("an unknown command: %d %s", code, out)
	}
}
