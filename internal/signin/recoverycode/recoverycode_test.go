package recoverycode_test

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/recoverycode"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

func TestExercise(t *testing.T) {
	t.Parallel()
	signintest.Exercise(t, signintest.Subject{
		New:   func(_ testing.TB, s *store.Store) signin.Method { return recoverycode.New(s.Sealer()) },
		Hand:  func(t testing.TB, _ *store.Store, _ *storetest.Clock) signintest.Hand { return newSheet(t) },
		Level: 2, Answers: staffkey.RecoveryCodes,
		Wrong: "code_wrong", Replayed: "code_used", Another: "code_wrong", Respent: "code_used",
	})
}

// newSheet is a sheet of paper with codes, which a person strikes out one by one.
func newSheet(t testing.TB) signintest.Hand {
	var codes []string
	return signintest.Hand{
		Enrol: func(json.RawMessage) []byte { return nil },
		Keep:  func(show []string) { codes = show },
		Answer: func(json.RawMessage) []byte {
			if len(codes) == 0 {
				t.Fatal("all codes of the sheet are used")
			}
			code := codes[0]
			codes = codes[1:]
			return []byte(code)
		},
		Wrong: func(json.RawMessage) []byte { return []byte("0000-0000-0000-0000") },
	}
}

var now = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)

func newMethod(t testing.TB) *recoverycode.Method {
	t.Helper()
	sealer, err := store.OpenSealer(filepath.Join(t.TempDir(), "sealing-key"))
	if err != nil {
		t.Fatal(err)
	}
	return recoverycode.New(sealer)
}

func subject(state []byte) signin.Subject {
	s := signin.Subject{Person: staffkey.Person{ID: "amara"}}
	if state != nil {
		s.Enrolment = &staffkey.Enrolment{Method: staffkey.MethodRecoveryCode, State: state}
	}
	return s
}

func enrol(t testing.TB, m *recoverycode.Method) signin.Enrolled {
	t.Helper()
	e, err := m.FinishEnrolment(t.Context(), signin.Enrolling{Subject: subject(nil), Now: now}, staffkey.Ceremony{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func verify(t testing.TB, m *recoverycode.Method, state []byte, code string) (signin.Verified, error) {
	return m.FinishVerification(t.Context(), signin.Verifying{Subject: subject(state), Now: now}, staffkey.Ceremony{}, []byte(code))
}

func TestFinishEnrolment_makes_ten_codes_of_80_bits(t *testing.T) {
	t.Parallel()
	e := enrol(t, newMethod(t))
	if got := len(e.Show); got != staffkey.RecoveryCodes {
		t.Fatalf("%d codes, want %d", got, staffkey.RecoveryCodes)
	}
	form := regexp.MustCompile(`^[0-9a-hjkmnp-tv-z]{4}(-[0-9a-hjkmnp-tv-z]{4}){3}$`)
	seen := map[string]bool{}
	for _, code := range e.Show {
		if !form.MatchString(code) {
			t.Errorf("code %q, want 16 letters that are not mistaken for others, in fours", code)
		}
		if seen[code] {
			t.Errorf("code %q stands twice", code)
		}
		seen[code] = true
		if strings.Contains(string(e.State), strings.ReplaceAll(code, "-", "")) {
			t.Errorf("code %q is stored in the clear", code)
		}
	}
}

func TestFinishVerification_reads_what_people_type(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	e := enrol(t, m)
	var code string
	for code == "" || !strings.ContainsAny(code, "01") { // a code in which something can be misread
		e = enrol(t, m)
		for _, c := range e.Show {
			if strings.Contains(c, "0") && strings.Contains(c, "1") {
				code = c
			}
		}
	}
	plain := strings.ReplaceAll(code, "-", "")
	tests := []struct{ name, typed string }{
		{"as printed", code},
		{"without hyphens", plain},
		{"in capitals", strings.ToUpper(code)},
		{"with spaces", "  " + strings.ReplaceAll(code, "-", " ") + "\t"},
		{"with other hyphens", strings.ReplaceAll(code, "-", "\u2011")},
		{"with non-breaking spaces", strings.ReplaceAll(code, "-", "\u00a0")},
		{"o for 0", strings.ReplaceAll(code, "0", "o")},
		{"O for 0", strings.ReplaceAll(code, "0", "O")},
		{"l for 1", strings.ReplaceAll(code, "1", "l")},
		{"I for 1", strings.ReplaceAll(code, "1", "I")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v, err := verify(t, m, e.State, test.typed)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := m.Remaining(v.State), staffkey.RecoveryCodes-1; got != want {
				t.Errorf("%d codes left, want %d", got, want)
			}
		})
	}
}

func TestFinishVerification_refuses(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	e, other := enrol(t, m), enrol(t, m)
	used, err := verify(t, m, e.State, e.Show[0])
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		state []byte
		typed string
		rule  string
	}{
		{"nothing", e.State, "", "code_wrong"},
		{"hyphens only", e.State, "----", "code_wrong"},
		{"a code of an earlier sheet", other.State, e.Show[0], "code_wrong"},
		{"a code without its last letter", e.State, e.Show[0][:18], "code_wrong"},
		{"a code with a letter more", e.State, e.Show[0] + "a", "code_wrong"},
		{"a code of somebody without codes", nil, e.Show[0], "code_wrong"},
		{"a used code", used.State, e.Show[0], "code_used"},
		{"a megabyte", e.State, strings.Repeat("a", 1<<20), "code_wrong"},
		{"no text", e.State, "\xff\xfe", "code_wrong"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := verify(t, m, test.state, test.typed)
			if got := signintest.RuleOf(err); got != test.rule {
				t.Errorf("got error %v, want a refusal by %s", err, test.rule)
			}
		})
	}
}

func TestFinishVerification_tells_how_many_are_left(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	e := enrol(t, m)
	used, err := verify(t, m, e.State, e.Show[3])
	if err != nil {
		t.Fatal(err)
	}
	_, err = verify(t, m, used.State, e.Show[3])
	var r *staffkey.Refusal
	if !errors.As(err, &r) {
		t.Fatalf("got error %v, want a refusal", err)
	}
	if got, want := r.Message.Args["Count"], staffkey.RecoveryCodes-1; got != want {
		t.Errorf("message says %v codes left, want %v", got, want)
	}
	if got := r.Message.Args["When"]; got != now {
		t.Errorf("message says used %v, want %v", got, now)
	}
}

func TestCodes_of_one_person_are_nobody_elses(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	e := enrol(t, m)
	s := subject(e.State)
	s.Person.ID = "ben" // a row copied in the database from one person to another
	_, err := m.FinishVerification(t.Context(), signin.Verifying{Subject: s, Now: now}, staffkey.Ceremony{}, []byte(e.Show[0]))
	if got, want := signintest.RuleOf(err), "code_wrong"; got != want {
		t.Errorf("got error %v, want a refusal by %s", err, want)
	}
}

func TestRemaining_of_no_state_is_none(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"", "{", "[]", `{"codes":[]}`} {
		if got := newMethod(t).Remaining([]byte(state)); got != 0 {
			t.Errorf("%q: %d codes left, want 0", state, got)
		}
	}
}

func TestState_that_is_damaged_is_a_fault_and_no_refusal(t *testing.T) {
	t.Parallel()
	_, err := verify(t, newMethod(t), []byte("{"), "0000-0000-0000-0000")
	if err == nil || errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("got error %v, want a fault", err)
	}
}

func FuzzRecoveryCode(f *testing.F) {
	m := newMethod(f)
	e := enrol(f, m)
	for _, typed := range []string{"", e.Show[0], "oOiIlL", "\u2010\u2011\u2013\u00a0", strings.Repeat("é", 40), "\xf0\x9f", "\u212a"} {
		f.Add(typed)
	}
	right := map[string]bool{}
	for _, code := range e.Show {
		right[strings.ReplaceAll(code, "-", "")] = true
	}
	f.Fuzz(func(t *testing.T, typed string) {
		v, err := verify(t, m, e.State, typed)
		switch {
		case errors.Is(err, staffkey.ErrRefused):
		case err != nil:
			t.Fatal(err)
		case !utf8.ValidString(typed) || m.Remaining(v.State) != staffkey.RecoveryCodes-1:
			t.Errorf("%q signs in", typed)
		}
	})
}
