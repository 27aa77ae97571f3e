package pass_test

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/pass"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)

// hour is a pass that works once in the hour from now.
var hour = signin.PassTerms{StartsAt: now, ExpiresAt: now.Add(time.Hour)}

func newMethod(t testing.TB) *pass.Method {
	t.Helper()
	sealer, err := store.OpenSealer(filepath.Join(t.TempDir(), "sealing-key"))
	if err != nil {
		t.Fatal(err)
	}
	return pass.New(sealer)
}

func issue(t testing.TB, m *pass.Method, terms signin.PassTerms) (state []byte, code string) {
	t.Helper()
	e, err := m.Issue("amara", terms)
	if err != nil {
		t.Fatal(err)
	}
	if len(e.Show) != 1 {
		t.Fatalf("%d texts to show, want one code", len(e.Show))
	}
	return e.State, e.Show[0]
}

func verify(t testing.TB, m *pass.Method, state []byte, code string, at time.Time) (signin.Verified, error) {
	s := signin.Subject{Person: staffkey.Person{ID: "amara"}}
	if state != nil {
		s.Enrolment = &staffkey.Enrolment{Method: staffkey.MethodPass, State: state}
	}
	return m.FinishVerification(t.Context(), signin.Verifying{Subject: s, Now: at}, staffkey.Ceremony{}, []byte(code))
}

func TestIssue_makes_codes_that_are_read_out_easily(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	form := regexp.MustCompile(`^[0-9]{4}-[0-9]{4}-[ACDEFHJKMNPRTVWXY]{4}$`)
	seen := map[string]bool{}
	for range 500 {
		state, code := issue(t, m, hour)
		if !form.MatchString(code) || seen[code] {
			t.Fatalf("code %q, want a new one of eight digits and four letters that are not mistaken for others", code)
		}
		seen[code] = true
		if strings.Contains(string(state), strings.ReplaceAll(code, "-", "")) || strings.Contains(string(state), code) {
			t.Errorf("code %q is stored in the clear", code)
		}
	}
}

func TestFinishVerification_by_time_and_use(t *testing.T) {
	t.Parallel()
	many := signin.PassTerms{StartsAt: hour.StartsAt, ExpiresAt: hour.ExpiresAt, Many: true}
	tests := []struct {
		name  string
		terms signin.PassTerms
		used  bool // at now
		at    time.Time
		rule  string
		id    string
		when  time.Time
	}{
		{"at its first instant", hour, false, now, "", "", time.Time{}},
		{"at its last instant", hour, false, now.Add(time.Hour - time.Microsecond), "", "", time.Time{}},
		{"too early", hour, false, now.Add(-time.Microsecond), "pass_early", "pass.early", hour.StartsAt},
		{"ended", hour, false, now.Add(time.Hour), "pass_expired", "pass.expired", hour.ExpiresAt},
		{"used", hour, true, now.Add(time.Minute), "pass_used", "pass.used", now},
		{"used and ended", hour, true, now.Add(2 * time.Hour), "pass_used", "pass.used", now},
		{"used, of many uses", many, true, now.Add(time.Minute), "", "", time.Time{}},
		{"ended, of many uses", many, true, now.Add(time.Hour), "pass_expired", "pass.expired", hour.ExpiresAt},
		{"too early, of many uses", many, false, now.Add(-time.Hour), "pass_early", "pass.early", hour.StartsAt},
	}
	m := newMethod(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			state, code := issue(t, m, test.terms)
			if test.used {
				v, err := verify(t, m, state, code, now)
				if err != nil {
					t.Fatal(err)
				}
				state = v.State
			}
			_, err := verify(t, m, state, code, test.at)
			if got := signintest.RuleOf(err); got != test.rule || err != nil && got == "" {
				t.Fatalf("got error %v, want rule %q", err, test.rule)
			}
			if r := (*staffkey.Refusal)(nil); errors.As(err, &r) && (r.Message.ID != test.id || r.Message.Args["When"] != test.when) {
				t.Errorf("message %+v, want %s with %v", r.Message, test.id, test.when)
			}
			// Nothing of that is told to somebody who guesses.
			if _, err := verify(t, m, state, "0000-0000-AAAA", test.at); signintest.RuleOf(err) != "pass_wrong" {
				t.Errorf("a wrong code: got error %v, want a refusal by pass_wrong", err)
			}
		})
	}
}

func TestFinishVerification_reads_what_people_type(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	var state []byte
	var code string
	for !strings.Contains(code, "0") || !strings.Contains(code, "1") || !strings.Contains(code, "2") {
		state, code = issue(t, m, hour)
	}
	for name, typed := range map[string]string{
		"as it is":                 code,
		"without hyphens":          strings.ReplaceAll(code, "-", ""),
		"in small letters":         strings.ToLower(code),
		"with spaces":              " " + strings.ReplaceAll(code, "-", " ") + "\r\n",
		"with non-breaking spaces": strings.ReplaceAll(code, "-", "\u00a0"),
		"with other hyphens":       strings.ReplaceAll(code, "-", "\u2011"),
		"O for 0":                  strings.ReplaceAll(code, "0", "O"),
		"o for 0":                  strings.ReplaceAll(code, "0", "o"),
		"l for 1":                  strings.ReplaceAll(code, "1", "l"),
		"I for 1":                  strings.ReplaceAll(code, "1", "I"),
		"z for 2":                  strings.ReplaceAll(code, "2", "z"),
	} {
		if _, err := verify(t, m, state, typed, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFinishVerification_refuses_what_is_not_the_code(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	state, code := issue(t, m, hour)
	_, before := issue(t, m, hour)
	for name, test := range map[string]struct {
		state []byte
		typed string
	}{
		"nothing":                    {state, ""},
		"hyphens only":               {state, "--"},
		"a letter less":              {state, code[:len(code)-1]},
		"a letter more":              {state, code + "A"},
		"the one before":             {state, before},
		"somebody without a pass":    {nil, code},
		"nothing, without a pass":    {nil, ""},
		"a megabyte":                 {state, strings.Repeat(" ", 1<<20) + code},
		"no text":                    {state, "\xff\xfe"},
		"a state that has no digest": {[]byte("{}"), ""},
	} {
		if _, err := verify(t, m, test.state, test.typed, now); signintest.RuleOf(err) != "pass_wrong" {
			t.Errorf("%s: got error %v, want a refusal by pass_wrong", name, err)
		}
	}
}

func TestFinishVerification_of_a_row_that_was_copied_to_another_person(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	e, err := m.Issue("ben", hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, m, e.State, e.Show[0], now); signintest.RuleOf(err) != "pass_wrong" {
		t.Errorf("got error %v, want a refusal by pass_wrong", err)
	}
}

func TestFinishVerification_proves_recovery_by_a_pass(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	state, code := issue(t, m, hour)
	v, err := verify(t, m, state, code, now)
	if err != nil {
		t.Fatal(err)
	}
	want := staffkey.Proof{Method: staffkey.MethodPass, Possession: true, Recovery: staffkey.RecoveryPass, At: now}
	if diff := cmp.Diff(want, v.Proof); diff != "" || v.Person != "amara" {
		t.Errorf("proof of %s (-want +got):\n%s", v.Person, diff)
	}
}

func TestTerms_and_Remaining(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	for name, test := range map[string]struct {
		many          bool
		before, after int
	}{"once": {false, 1, 0}, "many uses": {true, -1, -1}} {
		terms := hour
		terms.Many = test.many
		state, code := issue(t, m, terms)
		check := func(state []byte, left int, used bool) {
			t.Helper()
			if got := m.Remaining(state); got != left {
				t.Errorf("%s: %d uses left, want %d", name, got, left)
			}
			got, gotUsed := pass.Terms(state)
			if diff := cmp.Diff(terms, got); diff != "" || gotUsed != used {
				t.Errorf("%s: used %v, want %v; terms (-want +got):\n%s", name, gotUsed, used, diff)
			}
		}
		check(state, test.before, false)
		v, err := verify(t, m, state, code, now)
		if err != nil {
			t.Fatal(err)
		}
		check(v.State, test.after, true)
	}
}

// Each use is a change of the state, so that of many at once the core sees them one after the other.
func TestFinishVerification_of_many_uses_notes_the_latest(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	terms := hour
	terms.Many = true
	state, code := issue(t, m, terms)
	var states []string
	for i := range 3 {
		v, err := verify(t, m, state, code, now.Add(time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		state = v.State
		states = append(states, string(state))
	}
	if states[0] == states[1] || states[1] == states[2] {
		t.Errorf("states %q, want each to be another", states)
	}
}

func TestEnrolment_is_not_for_people_themselves(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	_, begun := m.BeginEnrolment(t.Context(), signin.Enrolling{Now: now})
	_, finished := m.FinishEnrolment(t.Context(), signin.Enrolling{Now: now}, staffkey.Ceremony{}, nil)
	for _, err := range []error{begun, finished} {
		if signintest.RuleOf(err) != "issued_only" {
			t.Errorf("got error %v, want a refusal by issued_only", err)
		}
	}
}

func TestState_that_is_damaged_is_a_fault_and_no_refusal(t *testing.T) {
	t.Parallel()
	m := newMethod(t)
	_, err := verify(t, m, []byte("{"), "0000-0000-AAAA", now)
	if err == nil || errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("got error %v, want a fault", err)
	}
	for _, state := range []string{"", "{", "[]", "{}"} {
		if got := m.Remaining([]byte(state)); got != 0 {
			t.Errorf("%q: %d uses left, want 0", state, got)
		}
		if terms, used := pass.Terms([]byte(state)); terms != (signin.PassTerms{}) || used {
			t.Errorf("%q: terms %+v, want none", state, terms)
		}
	}
}

func FuzzPass(f *testing.F) {
	m := newMethod(f)
	state, code := issue(f, m, hour)
	for _, typed := range []string{"", code, "oOqQiIlLzZ", "\u2010\u2011\u00a0", strings.Repeat("é", 40), "\xf0\x9f", "\u017f\u0131"} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		_, err := verify(t, m, state, typed, now)
		switch {
		case signintest.RuleOf(err) == "pass_wrong":
		case err != nil:
			t.Fatal(err)
		case len(typed) < len(code)-2:
			t.Errorf("%q signs in", typed)
		}
	})
}
