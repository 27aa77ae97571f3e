package password

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"staffkey"

	"github.com/google/go-cmp/cmp"
)

// Arguments with which this test is a process that hashes, and one that does not know how.
const (
	serves = "hash"
	fails  = "fail"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Args[1] {
		case serves:
			if err := Serve(os.Stdin, os.Stdout); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case fails:
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// What another process computes is what this one would, and the other takes the next as well.
func TestApart(t *testing.T) {
	t.Parallel()
	w := &worker{argument: serves}
	t.Cleanup(func() { w.other.stop() })
	for _, q := range []question{
		{Password: good, Salt: []byte("0123456789abcdef"), Passes: 1, Memory: 64, Lanes: 1, Length: 32},
		{Password: "", Salt: []byte("01234567"), Passes: 2, Memory: 64, Lanes: 2, Length: 64},
		{Password: "caf\u00e9 \x00 🐙", Salt: []byte("0123456789abcdef"), Passes: today.passes, Memory: today.memoryKiB, Lanes: today.lanes, Length: 32},
	} {
		before := w.other
		if diff := cmp.Diff(q.answer(), w.compute(q)); diff != "" {
			t.Errorf("%q (-here +there):\n%s", q.Password, diff)
		}
		if w.other == nil || before != nil && w.other != before {
			t.Fatal("the other process is gone, want it to stay")
		}
	}
}

// A method whose hashes are computed elsewhere, end to end.
func TestApart_method(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Apart: serves, Cheap: true})
	t.Cleanup(func() { m.pool.idle[0].other.stop() })
	state := chosen(t, m, good)
	if _, err := verify(t.Context(), m, state, good); err != nil {
		t.Errorf("the right password: %v", err)
	}
	if _, err := verify(t.Context(), m, state, "wrong"); !errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("a wrong one: got error %v, want a refusal", err)
	}
	if m.pool.idle[0].other == nil {
		t.Error("no other process has worked")
	}
}

// When the other process ends or cannot work, the hash is computed here, and the next one tries another process.
func TestApart_ends(t *testing.T) {
	t.Parallel()
	q := question{Password: good, Salt: []byte("0123456789abcdef"), Passes: 1, Memory: 64, Lanes: 1, Length: 32}
	want := q.answer()
	w := &worker{argument: serves}
	w.compute(q)
	w.other.kill()
	for _, step := range []string{"after the process was killed", "with a new one"} {
		if diff := cmp.Diff(want, w.compute(q)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	if w.other == nil {
		t.Fatal("no new process")
	}
	w.other.stop()
	broken := &worker{argument: fails}
	for range 2 {
		if diff := cmp.Diff(want, broken.compute(q)); diff != "" || broken.other != nil {
			t.Errorf("with a program that does not answer: process kept %t, hash (-want +got):\n%s", broken.other != nil, diff)
		}
	}
}
