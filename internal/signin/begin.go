package signin

import (
	"context"
	"slices"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// BeginSignIn starts a proof in a sign-in. With an attempt that has a person, it is a second proof of theirs; without,
// a passwordless sign-in by key.
func (s *Service) BeginSignIn(ctx context.Context, a Attempt, kind staffkey.MethodKind) (Begun, error) {
	c := staffkey.Ceremony{Purpose: staffkey.PurposeSignIn, Method: kind, Person: a.Person}
	return s.beginVerification(ctx, c, "")
}

// BeginStepUp starts a proof inside a session (F10).
func (s *Service) BeginStepUp(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) (Begun, error) {
	c := staffkey.Ceremony{Purpose: staffkey.PurposeStepUp, Method: kind, Person: actor.Person, Actor: actor.Person, Session: actor.Session}
	return s.beginVerification(ctx, c, "")
}

// BeginTry starts trying one key of the actor's own list; ErrNotFound when it is not on it.
func (s *Service) BeginTry(ctx context.Context, actor staffkey.Actor, key staffkey.SecurityKeyID) (Begun, error) {
	c := staffkey.Ceremony{Purpose: staffkey.PurposeTry, Method: staffkey.MethodSecurityKey, Person: actor.Person, Actor: actor.Person, Session: actor.Session}
	return s.beginVerification(ctx, c, key)
}

func (s *Service) beginVerification(ctx context.Context, c staffkey.Ceremony, only staffkey.SecurityKeyID) (Begun, error) {
	m, err := s.method(c.Method)
	if err != nil {
		return Begun{}, err
	}
	var h holder
	if c.Person != "" {
		err := s.store.Read(ctx, func(tx *store.Tx) error {
			var err error
			h, err = s.loadHolder(tx, c.Person)
			return err
		})
		if err != nil {
			return Begun{}, err
		}
	}
	begun := s.begun(h, c.Method)
	if only != "" && !slices.ContainsFunc(begun.Subject.Keys, func(k staffkey.SecurityKey) bool { return k.ID == only }) {
		return Begun{}, staffkey.ErrNotFound
	}
	challenge, err := m.BeginVerification(ctx, Verifying{Subject: begun.Subject, Purpose: c.Purpose, Only: only, Now: s.now()})
	if err != nil {
		return Begun{}, err
	}
	c.State, begun.Options = challenge.State, challenge.Options
	err = begun.seal(s, c)
	return begun, err
}

// optionOrder is how other ways to sign in are offered: what costs nothing and always works first, and what is used up last.
var optionOrder = []staffkey.MethodKind{
	staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode, staffkey.MethodPass,
}

// options are the person's other ways to sign in, in the order to offer: first what they used last, unless it gets used up.
func (h holder) options() []staffkey.MethodKind {
	place := func(kind staffkey.MethodKind) int {
		if i := slices.Index(optionOrder, kind); i >= 0 {
			return i
		}
		return len(optionOrder)
	}
	used := func(kind staffkey.MethodKind) time.Time {
		if e := h.enrolment(kind); e != nil && kind != staffkey.MethodRecoveryCode && kind != staffkey.MethodPass {
			return e.LastUsedAt
		}
		return time.Time{}
	}
	list := slices.Clone(h.holdings.Others)
	slices.SortStableFunc(list, func(a, b staffkey.MethodKind) int { return place(a) - place(b) })
	for i, kind := range list {
		if !used(kind).IsZero() && !slices.ContainsFunc(list, func(other staffkey.MethodKind) bool { return used(other).After(used(kind)) }) {
			return slices.Insert(slices.Delete(list, i, i+1), 0, kind)
		}
	}
	return list
}

// begun is a ceremony with what its page shows of the person.
func (s *Service) begun(h holder, kind staffkey.MethodKind) Begun {
	b := Begun{Subject: h.subject(kind), HasKey: len(h.holdings.ActiveKeys()) > 0, Others: h.options()}
	for _, e := range h.enrolments {
		if m, ok := s.methods[e.Method].(Sender); ok {
			if b.Last2 == nil {
				b.Last2 = map[staffkey.MethodKind]string{}
			}
			b.Last2[e.Method] = m.Last2(e.State)
		}
	}
	return b
}
