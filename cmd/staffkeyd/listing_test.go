package main

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"staffkey/internal/store/storetest"
)

func TestWriteCSV_is_no_formula(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]string{
		"=cmd|'/c calc'!A1": "'=cmd|'/c calc'!A1\n", "+44 1632 960001": "'+44 1632 960001\n", "-1": "'-1\n", "@x": "'@x\n", "\t=x": "' =x\n",
		"a=b": "a=b\n", "o'neil": "o'neil\n", "Łoś, Ewa": "\"Łoś, Ewa\"\n",
	} {
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		if err := writeCSV(w, []string{cell}); err != nil {
			t.Fatal(err)
		}
		if w.Flush(); b.String() != want {
			t.Errorf("%q: want %q, got %q", cell, want, b.String())
		}
	}
}

func TestGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 99812: "99,812", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := grouped(n); got != want {
			t.Errorf("%d: want %s, got %s", n, want, got)
		}
	}
}

func TestProgressLine_once_a_second(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool]string{
		false: "1,000 rows, 1,000 a second\n3,000 rows, 1,500 a second\n",
		true:  "\r1,000 rows, 1,000 a second\x1b[K\r3,000 rows, 1,500 a second\x1b[K\r\x1b[K",
	} {
		clock := storetest.NewClock()
		var out bytes.Buffer
		p := newProgressLine(&environment{ctx: t.Context(), store: storetest.Open(t, "sqlite", clock.Now), stderr: &out, terminal: &out, now: clock.Now, isTerminal: terminal})
		for _, done := range []int{500, 1000, 2000, 3000} {
			clock.Advance(500 * time.Millisecond)
			p.report(done)
		}
		p.clear()
		if got := out.String(); got != want {
			t.Errorf("terminal %v: want %q, got %q", terminal, want, got)
		}
	}
}

// A list in a file begins with the mark by which spreadsheets know UTF-8, and one for a program does not; the import reads both.
func TestCSV_in_files_is_marked(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if out, code := capture(t, "migrate", "--data", data); code != 0 {
		t.Fatal(out)
	}
	for _, args := range [][]string{
		{"organisation", "add", "top", "--name", "Tŷ Mawr"}, {"person", "add", "sian", "--name", "Siân", "--organisation", "top", "--no-link"},
	} {
		if out, code := capture(t, append(args, "--data", data)...); code != 0 {
			t.Fatal(out)
		}
	}
	for _, args := range [][]string{{"person", "list", "--csv"}, {"organisation", "list", "--csv"}, {"audit", "list", "--csv"}, {"audit", "export"}} {
		name := filepath.Join(t.TempDir(), "list.csv")
		file, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		var stderr, pipe bytes.Buffer
		all := append(args, "--data", data)
		if code := run(t.Context(), all, strings.NewReader(""), file, &stderr); code != 0 {
			t.Fatal(stderr.String())
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		stored, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if code := run(t.Context(), all, strings.NewReader(""), &pipe, &stderr); code != 0 {
			t.Fatal(stderr.String())
		}
		if string(stored) != "\xEF\xBB\xBF"+pipe.String() || !strings.Contains(pipe.String(), ",") {
			t.Errorf("%v: the file has %q, the pipe %q", args, stored, pipe.String())
		}
		if args[1] != "list" || args[0] == "audit" {
			continue
		}
		if out, code := capture(t, args[0], "import", name, "--data", data); code != 0 || !strings.Contains(out, "unchanged 1, refused 0") {
			t.Errorf("%s import of it: %d %s", args[0], code, out)
		}
	}
}
