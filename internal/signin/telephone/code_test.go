package telephone_test

import (
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/signin/telephone"
)

func TestCode_counts_once_and_for_its_purpose(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(t *testing.T, l *line) error
		rule string
	}{
		{"right", func(t *testing.T, l *line) error { return l.prove(t, l.send(t, "").Args["Code"]) }, ""},
		{"with what people type", func(t *testing.T, l *line) error {
			code := l.send(t, "").Args["Code"]
			return l.prove(t, " "+code[:3]+"\u00a0"+code[3:]+"-\n")
		}, ""},
		{"in digits of another script", func(t *testing.T, l *line) error {
			return l.prove(t, script(l.send(t, "").Args["Code"], '٠'))
		}, ""},
		{"in wide digits", func(t *testing.T, l *line) error {
			return l.prove(t, script(l.send(t, "").Args["Code"], '０'))
		}, ""},
		{"wrong", func(t *testing.T, l *line) error { return l.prove(t, other(l.send(t, "").Args["Code"])) }, "code_wrong"},
		{"nothing", func(t *testing.T, l *line) error { l.send(t, ""); return l.prove(t, "") }, "code_wrong"},
		{"a digit less", func(t *testing.T, l *line) error { return l.prove(t, l.send(t, "").Args["Code"][:5]) }, "code_wrong"},
		{"a digit more", func(t *testing.T, l *line) error { return l.prove(t, l.send(t, "").Args["Code"]+"0") }, "code_wrong"},
		{"a megabyte", func(t *testing.T, l *line) error {
			return l.prove(t, strings.Repeat(" ", 1<<20)+l.send(t, "").Args["Code"])
		}, "code_wrong"},
		{"none was sent", func(t *testing.T, l *line) error { return l.prove(t, "000000") }, "code_none"},
		{"twice", func(t *testing.T, l *line) error {
			code := l.send(t, "").Args["Code"]
			if err := l.prove(t, code); err != nil {
				t.Fatal(err)
			}
			return l.prove(t, code)
		}, "code_none"},
		{"replaced by the next", func(t *testing.T, l *line) error {
			code := l.send(t, "").Args["Code"]
			for l.send(t, "").Args["Code"] == code {
				t.Log("the same code by chance")
			}
			return l.prove(t, code)
		}, "code_wrong"},
		{"at its last instant", func(t *testing.T, l *line) error {
			code := l.send(t, "").Args["Code"]
			l.now = now.Add(telephone.CodeLife - time.Microsecond)
			return l.prove(t, code)
		}, ""},
		{"too late", func(t *testing.T, l *line) error {
			code := l.send(t, "").Args["Code"]
			l.now = now.Add(telephone.CodeLife)
			return l.prove(t, code)
		}, "code_expired"},
		{"of a proof, for a number", func(t *testing.T, l *line) error { return l.confirm(t, l.send(t, "").Args["Code"]) }, "code_none"},
		{"of a new number, for a proof", func(t *testing.T, l *line) error { return l.prove(t, l.send(t, second).Args["Code"]) }, "code_none"},
		{"of the same number, for a proof", func(t *testing.T, l *line) error { return l.prove(t, l.send(t, first).Args["Code"]) }, "code_none"},
		{"of a new number, too late", func(t *testing.T, l *line) error {
			code := l.send(t, second).Args["Code"]
			l.now = now.Add(telephone.CodeLife)
			return l.confirm(t, code)
		}, "code_expired"},
		{"of a new number, wrong", func(t *testing.T, l *line) error { return l.confirm(t, other(l.send(t, second).Args["Code"])) }, "code_wrong"},
		{"of a row that was copied to another person", func(t *testing.T, l *line) error {
			code := l.send(t, "").Args["Code"]
			s := l.subject()
			s.Person.ID = "ben"
			_, err := l.FinishVerification(t.Context(), signin.Verifying{Subject: s, Now: l.now}, staffkey.Ceremony{}, []byte(code))
			return err
		}, "code_wrong"},
		{"by somebody who has no number", func(t *testing.T, l *line) error {
			l.enrolment = nil
			return l.prove(t, "000000")
		}, "code_none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := test.do(t, ready(t))
			if got := signintest.RuleOf(err); got != test.rule || err != nil && got == "" {
				t.Errorf("got error %v, want rule %q", err, test.rule)
			}
		})
	}
}

// script writes ASCII digits with those that begin at zero.
func script(code string, zero rune) string {
	return strings.Map(func(r rune) rune { return zero + r - '0' }, code)
}

func TestCode_takes_five_tries(t *testing.T) {
	t.Parallel()
	for name, use := range map[string]struct {
		number string
		answer func(*line, testing.TB, string) error
	}{
		"a proof":  {"", (*line).prove},
		"a number": {second, (*line).confirm},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := ready(t)
			l.enrolment.Failures = 7 // of codes before
			code := l.send(t, use.number).Args["Code"]
			for i := range telephone.MaxTries - 1 {
				if err := use.answer(l, t, other(code)); signintest.RuleOf(err) != "code_wrong" {
					t.Errorf("try %d: got error %v, want a refusal by code_wrong", i+1, err)
				}
			}
			before := *l.enrolment
			if err := use.answer(l, t, code); err != nil {
				t.Errorf("right at the last try: %v", err)
			}
			*l.enrolment = before
			l.enrolment.Failures++
			if err := use.answer(l, t, code); signintest.RuleOf(err) != "code_tries" {
				t.Errorf("right after that: got error %v, want a refusal by code_tries", err)
			}
			if err := use.answer(l, t, l.send(t, use.number).Args["Code"]); err != nil {
				t.Errorf("a new code: %v", err)
			}
		})
	}
}

// The wrong answers of an enrolment are forgotten by a right one, also by one that was given to a code before.
func TestCode_takes_five_tries_after_the_count_began_anew(t *testing.T) {
	t.Parallel()
	l := ready(t)
	l.enrolment.Failures = 50
	code := l.send(t, "").Args["Code"]
	l.enrolment.Failures = telephone.MaxTries - 1
	if err := l.prove(t, other(code)); signintest.RuleOf(err) != "code_wrong" {
		t.Errorf("got error %v, want a refusal by code_wrong", err)
	}
	if err := l.prove(t, code); signintest.RuleOf(err) != "code_tries" {
		t.Errorf("got error %v, want a refusal by code_tries", err)
	}
}
