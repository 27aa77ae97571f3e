package telephone_test

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/signin/telephone"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)

const (
	first  = "+447700900123"
	second = "+447700900456"
)

// line is a person's enrolment of one method, changed as the core changes it.
type line struct {
	*telephone.Method
	enrolment *staffkey.Enrolment
	now       time.Time
	countries []string
}

func newLine(t testing.TB, newMethod func(telephone.Digester) *telephone.Method) *line {
	t.Helper()
	sealer, err := store.OpenSealer(filepath.Join(t.TempDir(), "sealing-key"))
	if err != nil {
		t.Fatal(err)
	}
	return &line{Method: newMethod(sealer), now: now, countries: []string{"GB"}}
}

func (l *line) subject() signin.Subject {
	return signin.Subject{Person: staffkey.Person{ID: "amara"}, Policy: staffkey.Policy{Countries: l.countries}, Enrolment: l.enrolment}
}

// compose asks for a code without sending it.
func (l *line) compose(t testing.TB, number string) (signin.Composed, error) {
	return l.Compose(t.Context(), signin.Sending{Subject: l.subject(), Number: number, Now: l.now})
}

// send asks for a code and keeps the state.
func (l *line) send(t testing.TB, number string) signin.Composed {
	t.Helper()
	c, err := l.compose(t, number)
	if err != nil {
		t.Fatal(err)
	}
	l.keep(c.State)
	return c
}

func (l *line) keep(state []byte) {
	if l.enrolment == nil {
		l.enrolment = &staffkey.Enrolment{Method: l.Kind()}
	}
	l.enrolment.State = state
}

// confirm answers the code of a number, and prove that of a proof; each is counted before it is looked at.
func (l *line) confirm(t testing.TB, code string) error {
	l.count()
	e, err := l.FinishEnrolment(t.Context(), signin.Enrolling{Subject: l.subject(), Now: l.now}, staffkey.Ceremony{}, []byte(code))
	if err == nil {
		l.keep(e.State)
		l.enrolment.Failures = 0
	}
	return err
}

func (l *line) prove(t testing.TB, code string) error {
	l.count()
	v, err := l.FinishVerification(t.Context(), signin.Verifying{Subject: l.subject(), Now: l.now}, staffkey.Ceremony{}, []byte(code))
	if err == nil {
		l.keep(v.State)
		l.enrolment.Failures = 0
	}
	return err
}

func (l *line) count() {
	if l.enrolment != nil {
		l.enrolment.Failures++
	}
}

// setUp confirms a number.
func (l *line) setUp(t testing.TB, number string) {
	t.Helper()
	if err := l.confirm(t, l.send(t, number).Args["Code"]); err != nil {
		t.Fatal(err)
	}
}

func ready(t testing.TB) *line {
	t.Helper()
	l := newLine(t, telephone.NewText)
	l.setUp(t, first)
	return l
}

func TestCompose_says_what_is_sent_where(t *testing.T) {
	t.Parallel()
	want := map[staffkey.MethodKind]signin.Composed{
		staffkey.MethodTextMessage: {Channel: staffkey.ChannelText, Template: "code.text"},
		staffkey.MethodPhoneCall:   {Channel: staffkey.ChannelVoice, Template: "code.voice"},
	}
	for kind, want := range want {
		l := newLine(t, kinds[kind])
		want.ExpiresAt = now.Add(telephone.CodeLife)
		check := func(got signin.Composed, to, before string) {
			t.Helper()
			if !regexp.MustCompile(`^[0-9]{6}$`).MatchString(got.Args["Code"]) || len(got.Args) != 1 {
				t.Errorf("%s: args %v, want a code of six digits", kind, got.Args)
			}
			if strings.Contains(string(got.State), `"`+got.Args["Code"]+`"`) {
				t.Errorf("%s: the code is stored in the clear", kind)
			}
			want.To, want.Before = to, before
			got.Args, got.State = nil, nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: composed (-want +got):\n%s", kind, diff)
			}
		}
		check(l.send(t, "07700 900123"), first, "")
		l.setUp(t, "07700 900123")
		check(l.send(t, ""), first, "")
		check(l.send(t, "+44 7700 900123"), first, "")
		check(l.send(t, second), second, first)
	}
}

func TestCompose_draws_every_code(t *testing.T) {
	t.Parallel()
	l := newLine(t, telephone.NewText)
	const draws = 2000
	seen := map[string]bool{}
	var digits [6][10]int
	for range draws {
		code := l.send(t, first).Args["Code"]
		seen[code] = true
		for i, c := range code {
			digits[i][c-'0']++
		}
	}
	if len(seen) < draws-30 { // two equal ones are expected, 30 never
		t.Errorf("%d different codes of %d", len(seen), draws)
	}
	for i, counts := range digits {
		if slices.Min(counts[:]) < draws/20 {
			t.Errorf("place %d has digits %v, want each about %d times", i, counts, draws/10)
		}
	}
}

func TestNumber_that_replaces_another_waits_before_it_proves(t *testing.T) {
	t.Parallel()
	l := ready(t)
	if err := l.prove(t, l.send(t, "").Args["Code"]); err != nil {
		t.Fatalf("a first number: %v", err)
	}
	pending := l.send(t, second)
	if got, want := telephone.NewText(nil).Last2(l.enrolment.State)+" "+telephone.NewText(nil).Pending(l.enrolment.State), "23 56"; got != want {
		t.Errorf("numbers ending %s while one is pending, want %s", got, want)
	}
	if got := l.Remaining(l.enrolment.State); got != -1 {
		t.Errorf("%d uses left while a number is pending, want -1: the one before is good", got)
	}
	if err := l.confirm(t, pending.Args["Code"]); err != nil {
		t.Fatal(err)
	}
	if got, want := telephone.NewText(nil).Last2(l.enrolment.State)+telephone.NewText(nil).Pending(l.enrolment.State), "56"; got != want {
		t.Errorf("number ending %s after the change, want %s", got, want)
	}
	for _, wait := range []time.Duration{0, telephone.CoolOff - time.Microsecond} {
		l.now = now.Add(wait)
		_, err := l.compose(t, "")
		wantCooling(t, err)
		wantCooling(t, func() error { // a code that was composed before the change, or by somebody who does not ask
			state := l.enrolment.State
			defer func() { l.enrolment.State = state }()
			l.now = now.Add(telephone.CoolOff)
			code := l.send(t, "").Args["Code"]
			l.now = now.Add(wait)
			return l.prove(t, code)
		}())
	}
	l.now = now.Add(telephone.CoolOff)
	if err := l.prove(t, l.send(t, "").Args["Code"]); err != nil {
		t.Errorf("after the time: %v", err)
	}
}

func wantCooling(t testing.TB, err error) {
	t.Helper()
	var r *staffkey.Refusal
	if !errors.As(err, &r) || r.Rule != "cool_off" || r.Message.ID != "number.cooling" {
		t.Errorf("got error %v, want a refusal by cool_off", err)
		return
	}
	if got, want := r.Message.Args["When"], now.Add(telephone.CoolOff); got != want {
		t.Errorf("message says %v, want %v", got, want)
	}
}

func TestNumber_that_is_confirmed_once_more_need_not_wait(t *testing.T) {
	t.Parallel()
	l := ready(t)
	l.setUp(t, "07700 900 123")
	if err := l.prove(t, l.send(t, "").Args["Code"]); err != nil {
		t.Error(err)
	}
	l.setUp(t, second)
	l.now = now.Add(time.Hour)
	l.setUp(t, second) // does not begin the time anew, and does not end it
	_, err := l.compose(t, "")
	wantCooling(t, err)
}

func TestFinishVerification_proves_restricted_possession(t *testing.T) {
	t.Parallel()
	for kind, newMethod := range kinds {
		l := newLine(t, newMethod)
		l.setUp(t, first)
		code := l.send(t, "").Args["Code"]
		v, err := l.FinishVerification(t.Context(), signin.Verifying{Subject: l.subject(), Now: now}, staffkey.Ceremony{}, []byte(code))
		if err != nil {
			t.Fatal(err)
		}
		want := signin.Verified{
			Person: "amara", State: []byte(`{"number":"` + first + `"}`),
			Proof: staffkey.Proof{Method: kind, Possession: true, Restricted: true, At: now},
		}
		if diff := cmp.Diff(want, v); diff != "" {
			t.Errorf("verified (-want +got):\n%s", diff)
		}
	}
}

func TestState_before_a_number_is_confirmed(t *testing.T) {
	t.Parallel()
	l := newLine(t, telephone.NewText)
	if _, err := l.compose(t, ""); signintest.RuleOf(err) != "not_set_up" {
		t.Errorf("a code for nobody: got error %v, want a refusal by not_set_up", err)
	}
	state := l.send(t, first).State
	if got := l.Remaining(state); got != 0 {
		t.Errorf("%d uses left, want 0", got)
	}
	if got, want := telephone.NewText(nil).Last2(state)+"/"+telephone.NewText(nil).Pending(state), "/23"; got != want {
		t.Errorf("numbers %s, want %s", got, want)
	}
	if _, err := l.compose(t, ""); signintest.RuleOf(err) != "not_set_up" {
		t.Errorf("a code to a pending number: got error %v, want a refusal by not_set_up", err)
	}
}

func TestState_that_is_damaged_is_a_fault_and_no_refusal(t *testing.T) {
	t.Parallel()
	l := newLine(t, telephone.NewText)
	l.keep([]byte("{"))
	_, composing := l.compose(t, first)
	for name, err := range map[string]error{"compose": composing, "prove": l.prove(t, "000000"), "confirm": l.confirm(t, "000000")} {
		if err == nil || errors.Is(err, staffkey.ErrRefused) || errors.Is(err, staffkey.ErrInvalid) {
			t.Errorf("%s: got error %v, want a fault", name, err)
		}
	}
	if got := l.Remaining([]byte("{")); got != 0 {
		t.Errorf("%d uses left, want 0", got)
	}
	if got := telephone.NewText(nil).Last2([]byte("{")) + telephone.NewText(nil).Pending([]byte("{")); got != "" {
		t.Errorf("numbers %q, want none", got)
	}
}
