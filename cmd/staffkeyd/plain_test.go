package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode"

	"staffkey"
	"staffkey/internal/directory"
)

const nastyName = "Ev\x1b[2Ke\r\n2026-11-28  role_granted\u202e\u200b\u009b"

// commands reports what a text could do to a terminal.
func commandsTerminal(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || staffkey.IsInvisible(r)
	})
}

func TestPlainWriter(t *testing.T) {
	t.Parallel()
	text := "Zoë\t" + nastyName + "\nŴynn 🏴 \xff\n"
	var whole bytes.Buffer
	if n, err := (&plainWriter{to: &whole}).Write([]byte(text)); n != len(text) || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
	if commandsTerminal(whole.String()) || !strings.Contains(whole.String(), "Zoë\tEv\uFFFD[2Ke") || !strings.HasSuffix(whole.String(), "\nŴynn 🏴 \uFFFD\n") {
		t.Errorf("printed %q", whole.String())
	}
	var bytewise bytes.Buffer
	w := &plainWriter{to: &bytewise}
	for i := range len(text) {
		if _, err := w.Write([]byte{text[i]}); err != nil {
			t.Fatal(err)
		}
	}
	if bytewise.String() != whole.String() {
		t.Errorf("byte by byte %q, want %q", bytewise.String(), whole.String())
	}
}

// What a file, a name or a server says reaches whoever reads the terminal, the list, the table or the log as text only.
func TestNothingPrintedCommandsATerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	env := &environment{stdout: &out}
	for _, format := range []listFormat{{}, {CSV: true}} {
		out.Reset()
		list, err := newListing(env, format, "people", column{"name", "NAME", 20})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(list.line(nastyName), list.line("=cmd"), list.close()); err != nil {
			t.Fatal(err)
		}
		if commandsTerminal(out.String()) || strings.Count(out.String(), "\n") != 3 || format.CSV && !strings.Contains(out.String(), "'=cmd") {
			t.Errorf("%+v: printed %q", format, out.String())
		}
	}

	out.Reset()
	log, err := newLog(&out, "info")
	if err != nil {
		t.Fatal(err)
	}
	log.Info("seen", "name", nastyName, "error", errors.New(nastyName), "kind", staffkey.EventKind(nastyName))
	if commandsTerminal(out.String()) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("logged %q", out.String())
	}

	if got := directory.English(staffkey.Msg("organisation.unknown", "Code", nastyName)); commandsTerminal(got) || strings.Contains(got, "\n") {
		t.Errorf("a sentence about it: %q", got)
	}

	// Through the whole program: an organisation that nobody knows.
	var stderr bytes.Buffer
	run(context.Background(), []string{"person", "list", "--organisation", nastyName, "--data", t.TempDir() + "/\x1b[2K"}, strings.NewReader(""), io.Discard, &stderr)
	if stderr.Len() == 0 || commandsTerminal(stderr.String()) {
		t.Errorf("the program said %q", stderr.String())
	}
}
