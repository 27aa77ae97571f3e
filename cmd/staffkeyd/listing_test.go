package main

import (
	"bytes"
	"encoding/csv"
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
		p := newProgressLine(&environment{stderr: &out, terminal: &out, now: clock.Now, isTerminal: terminal})
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
