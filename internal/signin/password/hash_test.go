package password

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"

	"github.com/google/go-cmp/cmp"
)

// cheap is a cost of another day.
var cheap = cost{memoryKiB: 64, passes: 1, lanes: 2, salt: 16, sum: 32}

// here hashes in this process.
var here = new(worker)

func parsed(t testing.TB, phc []byte) stored {
	t.Helper()
	s, err := parse(phc)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The hash that stands in for nobody's costs what a real one does.
func TestDummy_costs_the_same(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{})
	real := chosen(t, m, good)
	if got := parsed(t, real).cost(); got != today || m.dummy.cost() != today {
		t.Errorf("cost of a real one is %+v and of the dummy %+v, want %+v of both", got, m.dummy.cost(), today)
	}
	if got, want := strings.Join(strings.Split(string(real), "$")[:4], "$"), "$argon2id$v=19$m=19456,t=2,p=1"; got != want {
		t.Errorf("cost %s, want %s", got, want)
	}
	if again := chosen(t, m, good); string(again) == string(real) {
		t.Error("the same password hashes to the same twice, want a salt of its own each time")
	}
}

// What is stored carries its own cost, so that a higher one later does not lock out who chose before; and whoever proves an old one
// has it hashed at the cost of today.
func TestFinishVerification_hashes_anew_at_another_cost(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{})
	changed := func(change func(*cost)) cost {
		c := today
		change(&c)
		return c
	}
	for _, c := range []cost{
		cheap,
		changed(func(c *cost) { c.memoryKiB /= 2 }),
		changed(func(c *cost) { c.passes-- }),
		changed(func(c *cost) { c.lanes++ }),
		changed(func(c *cost) { c.salt = 8 }),
		changed(func(c *cost) { c.sum = 64 }),
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			t.Parallel()
			old := here.hash("caf\u00e9 au lait", c)
			v, err := verify(t.Context(), m, old, "cafe\u0301 au lait")
			if err != nil {
				t.Fatal(err)
			}
			anew := parsed(t, v.State)
			if anew.cost() != today || !here.matches(anew, "caf\u00e9 au lait") || here.matches(anew, "cafe au lait") {
				t.Errorf("hashed anew at %+v, want at %+v and the same password", anew.cost(), today)
			}
			if v, err := verify(t.Context(), m, v.State, "caf\u00e9 au lait"); err != nil || v.State != nil {
				t.Errorf("the next time: error %v and a new state %t, want neither", err, v.State != nil)
			}
			if v, err := verify(t.Context(), m, old, "cafe au lait"); !errors.Is(err, staffkey.ErrRefused) || v.State != nil {
				t.Errorf("a wrong one: error %v and a new state %t, want a refusal alone", err, v.State != nil)
			}
		})
	}
}

// A password that was switched off after too many wrong answers is refused for good, after the same work.
func TestFinishVerification_switched_off(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Workers: 1, Queue: 1, Cheap: true})
	off := func(state []byte, password string) error {
		e := &staffkey.Enrolment{Method: staffkey.MethodPassword, State: state, Failures: staffkey.MaxFailures, DisabledAt: now.Add(-time.Hour)}
		v, err := m.FinishVerification(t.Context(), signin.Verifying{Subject: signin.Subject{Person: amara, Enrolment: e}, Now: now}, staffkey.Ceremony{}, []byte(password))
		if diff := cmp.Diff(signin.Verified{}, v); diff != "" {
			t.Errorf("%q verified (-want +got):\n%s", password, diff)
		}
		return err
	}
	current := here.hash(good, m.today)
	for name, err := range map[string]error{"right": off(current, good), "wrong": off(current, "wrong"), "right, at another cost": off(here.hash(good, cheap), good)} {
		var r *staffkey.Refusal
		if !errors.As(err, &r) || r.Rule != "disabled" || r.Message.ID != "pw.wrong" {
			t.Errorf("%s: got error %v, want a refusal by disabled that says pw.wrong", name, err)
		}
	}
	defer fill(t, m)()
	if err := off(current, good); !errors.Is(err, staffkey.ErrBusy) {
		t.Errorf("on a full pool: got error %v, want ErrBusy", err)
	}
}

func TestFinishVerification_damaged_state(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{})
	whole := string(here.hash(good, cheap))
	for _, damaged := range []string{
		"", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=16$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=19$m=x$AAAA$AAAA",
		"$argon2id$v=19$m=64,t=1,p=1$!$AAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$!", "$argon2id$v=19$m=64,t=1,p=1$AAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$", "$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA",
		strings.Replace(whole, "t=1", "t=0", 1), strings.Replace(whole, "p=2", "p=0", 1),
	} {
		if _, err := verify(t.Context(), m, []byte(damaged), good); err == nil || errors.Is(err, staffkey.ErrRefused) {
			t.Errorf("%q: got error %v, want a fault", damaged, err)
		}
	}
}
