package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"

	"github.com/google/go-cmp/cmp"
)

const good = "correct horse battery"

var (
	amara = staffkey.Person{ID: "amara", Username: "amara.okafor", Email: "amara@staff.example", Name: "Amara Okafor"}
	now   = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)
)

func newMethod(t testing.TB, o Options) *Method {
	t.Helper()
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func choose(t testing.TB, m *Method, password string) ([]byte, error) {
	e, err := m.FinishEnrolment(t.Context(), signin.Enrolling{Subject: signin.Subject{Person: amara}, Now: now}, staffkey.Ceremony{}, []byte(password))
	return e.State, err
}

func chosen(t testing.TB, m *Method, password string) []byte {
	t.Helper()
	state, err := choose(t, m, password)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func verify(ctx context.Context, m *Method, state []byte, password string) (signin.Verified, error) {
	v := signin.Verifying{Subject: signin.Subject{Person: amara}, Now: now}
	if state != nil {
		v.Enrolment = &staffkey.Enrolment{Method: staffkey.MethodPassword, State: state}
	}
	return m.FinishVerification(ctx, v, staffkey.Ceremony{}, []byte(password))
}

// NIST SP 800-63B-4 §3.1.1.2: a password that stands alone has 15 characters, whatever they are.
func TestFinishEnrolment_alone(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Workers: 2, Queue: 100, Cheap: true})
	for password, message := range map[string]string{
		"pqmzrtwxkvbnhj":              "password.short", // 14
		"pqmzrtwxkvbnhjd":             "",
		strings.Repeat("e\u0301", 14): "password.short", // characters, not bytes, and as they are hashed
		"ŵŷâêîôûẅ ŵŷâêî":              "password.short",
		"ŵŷâêîôûẅ ŵŷâêîô":             "",
		"passwordpassword":            "password.common", // long is not enough
		"amara okafor 12":             "password.same",
	} {
		_, err := m.FinishEnrolment(t.Context(), signin.Enrolling{Subject: signin.Subject{Person: amara}, Alone: true, Now: now}, staffkey.Ceremony{}, []byte(password))
		var invalid *staffkey.InvalidError
		errors.As(err, &invalid)
		switch {
		case message == "" && err != nil:
			t.Errorf("%q: %v", password, err)
		case message != "" && (invalid == nil || invalid.Message.ID != message):
			t.Errorf("%q: got error %v, want %s", password, err, message)
		}
	}
}

// NIST SP 800-63B-4 §3.1.1.2: length and what is easily guessed, no rules of composition.
func TestFinishEnrolment_rules(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, password, message string }{
		{"a passphrase", good, ""},
		{"eight letters", "pqmzrtwx", ""},
		{"eight letters of several bytes", "ŵŷâêîôûẅ", ""},
		{"128 characters", good + strings.Repeat("ab", 53) + "c", ""},
		{"128 characters, most of which take two when typed elsewhere", good + strings.Repeat("e\u0301a\u0300", 53) + "e\u0301", ""},
		{"spaces inside and around", "  a b c d ", ""},
		{"nothing", "", "password.empty"},
		{"seven characters", "abcdefg", "password.short"},
		{"seven characters of several bytes", "ŵŷâêîôû", "password.short"},
		{"seven characters typed as fourteen", strings.Repeat("e\u0301", 7), "password.short"},
		{"129 characters", good + strings.Repeat("ab", 54), "password.long"},
		{"a megabyte", strings.Repeat("ab", 1<<19), "password.long"},
		{"no text", "abcdefgh\xff", "password.characters"},
		{"the username", "amara.okafor", "password.same"},
		{"the username in capitals", "AMARA.OKAFOR", "password.same"},
		{"the address", "Amara@staff.example", "password.same"},
		{"the name", "Amara Okafor", "password.same"},
		{"one letter many times", "aaaaaaaaaa", "password.easy"},
		{"one letter many times in both cases", "aAaAaAaAaA", "password.easy"},
		{"one letter of several bytes many times", "éééééééééé", "password.easy"},
	}
	m := newMethod(t, Options{Workers: 2, Queue: 100, Cheap: true})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			state, err := choose(t, m, test.password)
			var invalid *staffkey.InvalidError
			switch {
			case test.message == "" && err != nil:
				t.Errorf("got error %v, want none", err)
			case test.message != "" && (!errors.As(err, &invalid) || invalid.Message.ID != test.message || state != nil):
				t.Errorf("got error %v, want %s", err, test.message)
			}
		})
	}
}

func TestFinishVerification(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Workers: 2, Queue: 100, Cheap: true})
	state := chosen(t, m, good)
	accented, long := chosen(t, m, "café au lait"), chosen(t, m, good+strings.Repeat("e\u0301a\u0300", 53))
	tests := []struct {
		name     string
		state    []byte
		password string
		rule     string
	}{
		{"right", state, good, ""},
		{"typed on another keyboard", accented, "cafe\u0301 au lait", ""},
		{"the longest, typed with accents apart", long, good + strings.Repeat("e\u0301a\u0300", 53), ""},
		{"the longest, typed with accents together", long, good + strings.Repeat("\u00e9\u00e0", 53), ""},
		{"wrong", state, "correct horse batterz", "wrong"},
		{"other case", state, "Correct horse battery", "wrong"},
		{"a space more", state, good + " ", "wrong"},
		{"its beginning", state, good[:8], "wrong"},
		{"nothing", state, "", "wrong"},
		{"a megabyte", state, strings.Repeat("a", 1<<20), "wrong"},
		{"right at first, and long", state, good + strings.Repeat("a", 1<<20), "wrong"},
		{"no text", state, "\xff\xfe", "wrong"},
		{"of nobody", nil, good, "unknown_or_unset"},
		{"of nobody, empty", nil, "", "unknown_or_unset"},
		{"of nobody, a megabyte", nil, strings.Repeat("a", 1<<20), "unknown_or_unset"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := verify(t.Context(), m, test.state, test.password)
			if test.rule == "" {
				want := signin.Verified{Person: amara.ID, Proof: staffkey.Proof{Method: staffkey.MethodPassword, Knowledge: true, At: now}}
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Errorf("error %v, verified (-want +got):\n%s", err, diff)
				}
				return
			}
			var r *staffkey.Refusal
			if !errors.As(err, &r) || r.Rule != test.rule || r.Message.ID != "pw.wrong" {
				t.Errorf("got error %v, want a refusal by %s that says pw.wrong", err, test.rule)
			}
		})
	}
}

// Every answer takes a place in the pool, whoever it is for: nobody is refused for less work than another.
func TestFinishVerification_works_alike_for_everybody(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Workers: 1, Queue: 1, Cheap: true})
	state := chosen(t, m, good)
	free := fill(t, m)
	for name, err := range map[string]error{
		"right":         second(verify(t.Context(), m, state, good)),
		"wrong":         second(verify(t.Context(), m, state, "wrong")),
		"empty":         second(verify(t.Context(), m, state, "")),
		"far too long":  second(verify(t.Context(), m, state, strings.Repeat("a", 1<<20))),
		"nobody's":      second(verify(t.Context(), m, nil, good)),
		"chosen anew":   second(choose(t, m, good)),
		"nobody's long": second(verify(t.Context(), m, nil, strings.Repeat("a", 1<<20))),
		"admitted":      second(m.Admit("somewhere", true)),
	} {
		if !errors.Is(err, staffkey.ErrBusy) {
			t.Errorf("%s on a full pool: got error %v, want ErrBusy", name, err)
		}
	}
	free()
	if _, err := verify(t.Context(), m, state, good); err != nil {
		t.Errorf("when there is room again: %v", err)
	}
}

// fill takes all places of a method; free gives them back.
func fill(t *testing.T, m *Method) (free func()) {
	t.Helper()
	var taken []signin.Admitted
	for i := range m.pool.size {
		a, err := m.Admit(fmt.Sprint("source", i), true)
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, a)
	}
	return func() {
		for _, a := range taken {
			a.Leave()
		}
	}
}

func second[T any](_ T, err error) error { return err }

// Whoever has a place needs no second one.
func TestAdmit_is_a_place(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Workers: 1, Queue: 1, Cheap: true})
	e := &staffkey.Enrolment{Method: staffkey.MethodPassword, State: chosen(t, m, good)}
	a, err := m.Admit("somewhere", false)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Admit("elsewhere", true)
	if err != nil {
		t.Fatal(err)
	}
	for _, admitted := range []signin.Admitted{a, b} {
		v := signin.Verifying{Subject: signin.Subject{Person: amara, Enrolment: e}, Now: now}
		if _, err := admitted.FinishVerification(t.Context(), v, staffkey.Ceremony{}, []byte(good)); err != nil {
			t.Errorf("on a pool that is full of these two: %v", err)
		}
		admitted.Leave()
	}
	if m.pool.places != 0 || len(m.pool.sources) != 0 {
		t.Errorf("%d places are taken, by %v, want none", m.pool.places, m.pool.sources)
	}
}
