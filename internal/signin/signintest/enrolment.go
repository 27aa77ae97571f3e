package signintest

import (
	"testing"

	"staffkey/internal/signin"
)

func enrolmentPurpose(t *testing.T, b *bench) {
	in := b.signIn(t)
	hand := b.subject.Hand(t, b.Store, b.Clock)
	c := b.beginEnrolment(t, in, hand)
	b.elsewhere(t, in, "enrol", func() begun {
		started, err := b.Service.BeginEnrolment(t.Context(), in.Actor, b.kind, signin.EnrolOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return begun{Begun: started}
	})
	body := hand.Enrol(c.Options)
	b.Refused(t, "ceremony_purpose", func() error { return b.uses(t, in)["sign_in"](c, body) })
}

func enrolmentSession(t *testing.T, b *bench) {
	one, two := b.signIn(t), b.signIn(t)
	hand := b.subject.Hand(t, b.Store, b.Clock)
	started := b.beginEnrolment(t, one, hand)
	b.Refused(t, "ceremony_owner", func() error {
		_, err := b.enrol(t, two, started.Sealed, hand.Enrol(started.Options))
		return err
	})
}

func anothersEnrolment(t *testing.T, b *bench) {
	p := b.AddPerson(t, "ben")
	theirs := b.Enter(t, p)
	mine := b.signIn(t)
	hand := b.subject.Hand(t, b.Store, b.Clock)
	started := b.beginEnrolment(t, theirs, hand)
	body := hand.Enrol(started.Options)
	b.Refused(t, "ceremony_owner", func() error {
		_, err := b.enrol(t, mine, started.Sealed, body)
		return err
	})
	b.Refused(t, "ceremony_spent", func() error {
		_, err := b.enrol(t, theirs, started.Sealed, body)
		return err
	})
	// Nothing was set up: the password alone still signs in, as it does for somebody who has nothing stronger.
	b.Enter(t, p)
}

func enrolmentOnce(t *testing.T, b *bench) {
	p := b.AddPerson(t, "ben")
	in := b.Enter(t, p)
	hand := b.subject.Hand(t, b.Store, b.Clock)
	started := b.beginEnrolment(t, in, hand)
	body := hand.Enrol(started.Options)
	n := min(8, b.unthrottled())
	Once(t, Parallel(n, func(int) error {
		_, err := b.enrol(t, in, started.Sealed, body)
		return err
	}))
	if got, want := len(b.Refusals(t)), n-1; got != want {
		t.Errorf("%d refused events, want %d", got, want)
	}
}

func enrolmentForbidden(t *testing.T, b *bench) {
	in := b.signIn(t)
	hand := b.subject.Hand(t, b.Store, b.Clock)
	started := b.beginEnrolment(t, in, hand)
	b.allow(t, decoyKind)
	if b.subject.Always {
		if _, err := b.enrol(t, in, started.Sealed, hand.Enrol(started.Options)); err != nil {
			t.Errorf("got error %v, want it set up: no policy forbids it", err)
		}
		return
	}
	b.Refused(t, "method_not_allowed", func() error {
		_, err := b.enrol(t, in, started.Sealed, hand.Enrol(started.Options))
		return err
	})
	if _, err := b.Service.BeginEnrolment(t.Context(), in.Actor, b.kind, signin.EnrolOptions{}); RuleOf(err) != "method_not_allowed" {
		t.Errorf("begin enrolment: got error %v, want a refusal by method_not_allowed", err)
	}
}
