package signintest

import (
	"cmp"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
)

func rightAnswer(t *testing.T, b *bench) {
	in := b.signIn(t)
	want := staffkey.Assurance{Level: b.subject.Level, PhishingResistant: b.subject.PhishingResistant}
	if in.Session.Assurance != want {
		t.Errorf("got assurance %+v, want %+v", in.Session.Assurance, want)
	}
	if in.Session.Person != b.person.ID {
		t.Errorf("signed in person %s, want %s", in.Session.Person, b.person.ID)
	}
	if n := len(b.Refusals(t)); n != 0 {
		t.Errorf("%d refused events after right answers, want none", n)
	}
}

func rightStepUp(t *testing.T, b *bench) {
	in := b.signIn(t)
	b.Clock.Advance(instantly)
	c := b.beginStepUp(t, in)
	renewed, err := b.finishStepUp(t.Context(), in, c, b.hand.Answer(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	now := b.Browser(t, renewed)
	if now.Session.ID == in.Session.ID || now.Secret == in.Secret {
		t.Error("the session kept its id or its secret, want both new")
	}
	if !now.Session.ProvedAt.After(in.Session.ProvedAt) {
		t.Errorf("proved at %v, want later than %v", now.Session.ProvedAt, in.Session.ProvedAt)
	}
	if _, err := b.Service.Find(t.Context(), Origin, in.Secret); err == nil {
		t.Error("the session from before is still alive, want it ended")
	}
}

// writtenOtherwise has the right code as mails, telephones and word processors hand it on. Nothing of that is a wrong answer.
func writtenOtherwise(t *testing.T, b *bench) {
	wide := func(r rune) rune {
		if r > ' ' && r <= '~' {
			return r + 0xFEE0
		}
		return r
	}
	for _, form := range []struct {
		name  string
		write func(code string) string
	}{
		{"with dashes", func(code string) string { return code[:2] + "\u2014" + code[2:3] + "\u2212\u2011" + code[3:] }},
		{"with what nobody sees", func(code string) string {
			return "\ufeff" + code[:1] + "\u00ad" + code[1:4] + "\u200b\u2060" + code[4:] + "\u202c"
		}},
		{"with spaces and a full stop", func(code string) string { return "\u00a0" + code[:3] + "\u2009\t" + code[3:] + ".\r\n" }},
		{"in wide letters", func(code string) string { return strings.Map(wide, code) }},
	} {
		b.Clock.Advance(signin.AttemptLife) // so many codes are sent in a while, and no more
		c := b.begin(t, b.person)
		if _, err := b.finish(t.Context(), c, []byte(form.write(string(b.hand.Answer(c.Options))))); err != nil {
			t.Errorf("%s: %v", form.name, err)
		}
	}
	if n := len(b.Refusals(t)); n != 0 {
		t.Errorf("%d refused events, want none", n)
	}
}

func wrongAnswer(t *testing.T, b *bench) {
	c := b.begin(t, b.person)
	b.Refused(t, b.subject.Wrong, func() error {
		_, err := b.finish(t.Context(), c, b.hand.Wrong(c.Options))
		return err
	})
	b.Refused(t, "ceremony_spent", func() error {
		_, err := b.finish(t.Context(), c, b.hand.Answer(c.Options))
		return err
	})
	in := b.signIn(t)
	again := b.beginStepUp(t, in)
	b.Refused(t, b.subject.Wrong, func() error {
		_, err := b.finishStepUp(t.Context(), in, again, b.hand.Wrong(again.Options))
		return err
	})
}

func sameCeremony(t *testing.T, b *bench) {
	c := b.begin(t, b.person)
	body := b.hand.Answer(c.Options)
	if _, err := b.finish(t.Context(), c, body); err != nil {
		t.Fatal(err)
	}
	before := len(b.Refusals(t))
	sessions := b.Sessions(t)
	want := cmp.Or(b.subject.Respent, "ceremony_spent")
	if _, err := b.finish(t.Context(), c, body); RuleOf(err) != want {
		t.Errorf("got error %v, want a refusal by %s", err, want)
	}
	if added := len(b.Refusals(t)) - before; added != 1 {
		t.Errorf("%d refused events, want 1", added)
	}
	if got := b.Sessions(t); got != sessions {
		t.Errorf("%d open sessions, want %d", got, sessions)
	}
	b.stillWorks(t)
}

func newCeremony(t *testing.T, b *bench) {
	c := b.begin(t, b.person)
	body := b.hand.Answer(c.Options)
	if _, err := b.finish(t.Context(), c, body); err != nil {
		t.Fatal(err)
	}
	next := b.begin(t, b.person)
	b.Refused(t, b.subject.Replayed, func() error {
		_, err := b.finish(t.Context(), next, body)
		return err
	})
	b.stillWorks(t)
}

func expired(t *testing.T, b *bench) {
	c, last := b.begin(t, b.person), b.begin(t, b.person)
	b.Clock.Advance(late - instantly)
	if _, err := b.finish(t.Context(), last, b.hand.Answer(last.Options)); err != nil {
		t.Errorf("at the last instant: %v", err)
	}
	b.Clock.Advance(instantly)
	b.Refused(t, "ceremony_expired", func() error {
		_, err := b.finish(t.Context(), c, b.hand.Answer(c.Options))
		return err
	})
}

func anothersCeremony(t *testing.T, b *bench) {
	ben, hand, _ := b.somebody(t, "ben")
	c, mine := b.begin(t, ben), b.begin(t, b.person)
	c.attempt = b.Attempt(b.person)
	b.Refused(t, "ceremony_owner", func() error { // my answer to a page that was made for somebody else
		_, err := b.finish(t.Context(), c, b.hand.Answer(mine.Options))
		return err
	})
	c = b.begin(t, ben)
	c.attempt = b.Attempt(b.person)
	b.Refused(t, "ceremony_owner", func() error { // their own answer, in my name
		_, err := b.finish(t.Context(), c, hand.Answer(c.Options))
		return err
	})
	b.stillWorks(t)
}

func anothersAnswer(t *testing.T, b *bench) {
	ben, hand, _ := b.somebody(t, "ben")
	theirs, mine := b.begin(t, ben), b.begin(t, b.person)
	body := hand.Answer(theirs.Options)
	b.Refused(t, b.subject.Another, func() error {
		_, err := b.finish(t.Context(), mine, body)
		return err
	})
	b.stillWorks(t)
}

// uses are the ends of a ceremony, each for its purpose.
func (b *bench) uses(t *testing.T, in Browser) map[string]func(begun, []byte) error {
	return map[string]func(begun, []byte) error{
		"sign_in": func(c begun, body []byte) error {
			c.attempt = b.Attempt(b.person)
			_, err := b.finish(t.Context(), c, body)
			return err
		},
		"step_up": func(c begun, body []byte) error {
			_, err := b.finishStepUp(t.Context(), in, c, body)
			return err
		},
		"enrol": func(c begun, body []byte) error {
			_, err := b.enrol(t, in, c.Sealed, body)
			return err
		},
		"try": func(c begun, body []byte) error {
			_, err := b.Service.FinishTry(t.Context(), in.Actor, signin.Answer{Sealed: c.Sealed, Method: b.kind, Body: body}, in.Session)
			return err
		},
	}
}

// elsewhere uses ceremonies, each begun anew, for every purpose but their own. What the answer says must not matter.
func (b *bench) elsewhere(t *testing.T, in Browser, purpose string, start func() begun) {
	t.Helper()
	for use, do := range b.uses(t, in) {
		if use == purpose {
			continue
		}
		c := start()
		body := b.hand.Wrong(c.Options)
		b.Refused(t, "ceremony_purpose", func() error { return do(c, body) })
	}
}

func otherPurpose(t *testing.T, b *bench) {
	in := b.signIn(t)
	b.elsewhere(t, in, "sign_in", func() begun { return b.start(t, b.person) })
	b.elsewhere(t, in, "step_up", func() begun { return b.startStepUp(t, in) })
	b.stillWorks(t) // a right answer also forgets the wrong ones, after which more would have to wait
	uses := b.uses(t, in)
	c := b.begin(t, b.person)
	body := b.hand.Answer(c.Options)
	b.Refused(t, "ceremony_purpose", func() error { return uses["step_up"](c, body) })
	b.Refused(t, "ceremony_spent", func() error { return uses["sign_in"](c, body) })
}

func otherMethod(t *testing.T, b *bench) {
	a := b.Attempt(b.person)
	other, err := b.Service.BeginSignIn(t.Context(), a, decoyKind)
	if err != nil {
		t.Fatal(err)
	}
	c := b.begin(t, b.person)
	b.Refused(t, "ceremony_purpose", func() error { // an answer of ours to their ceremony
		_, err := b.finish(t.Context(), begun{other, a}, b.hand.Answer(c.Options))
		return err
	})
	b.Refused(t, "ceremony_purpose", func() error { // an answer of theirs to our ceremony
		_, err := b.Service.FinishSignIn(t.Context(), Origin, c.attempt, signin.Answer{Sealed: c.Sealed, Method: decoyKind}, staffkey.Session{})
		return err
	})
	b.stillWorks(t)
}

func otherSession(t *testing.T, b *bench) {
	one, two := b.signIn(t), b.signIn(t)
	c := b.beginStepUp(t, one)
	b.Refused(t, "ceremony_owner", func() error {
		_, err := b.finishStepUp(t.Context(), two, c, b.hand.Answer(c.Options))
		return err
	})
}

func disabled(t *testing.T, b *bench) {
	in := b.signIn(t)
	again := b.beginStepUp(t, in)
	c := b.begin(t, b.person)
	b.Disable(t, b.person)
	b.Refused(t, "person_disabled", func() error {
		_, err := b.finish(t.Context(), c, b.hand.Answer(c.Options))
		return err
	})
	b.Refused(t, "person_disabled", func() error {
		_, err := b.finishStepUp(t.Context(), in, again, b.hand.Answer(again.Options))
		return err
	})
	if _, err := b.Service.Find(t.Context(), Origin, in.Secret); err == nil {
		t.Error("the session of a disabled person is found, want none")
	}
}

func forbidden(t *testing.T, b *bench) {
	if b.subject.Always {
		b.allow(t)
		b.stillWorks(t)
		return
	}
	c := b.begin(t, b.person)
	b.allow(t, decoyKind)
	b.Refused(t, "method_not_allowed", func() error {
		_, err := b.finish(t.Context(), c, b.hand.Answer(c.Options))
		return err
	})
	b.Refused(t, "nothing_left", func() error { // nor is it a way around itself: the password alone still does not do
		_, err := b.Service.Enter(t.Context(), Origin, b.Attempt(b.person), staffkey.Session{})
		return err
	})
}

func notSetUp(t *testing.T, b *bench) {
	c := b.begin(t, b.AddPerson(t, "ben"))
	mine := b.begin(t, b.person)
	b.Refused(t, cmp.Or(b.subject.Missing, b.subject.Another), func() error {
		_, err := b.finish(t.Context(), c, b.hand.Answer(mine.Options))
		return err
	})
	if b.subject.SetUp != nil {
		b.Enter(t, b.person) // what was handed to a person is nothing that they have set up
	} else if _, err := b.Service.Enter(t.Context(), Origin, b.Attempt(b.person), staffkey.Session{}); RuleOf(err) != policy.NeedsSecond {
		t.Errorf("got error %v for a password alone beside this method, want a refusal by %s", err, policy.NeedsSecond)
	}
}
