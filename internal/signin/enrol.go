package signin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// EnrolOptions are the special cases of setting up a method.
type EnrolOptions struct {
	// Again is for a security key that is known to be on the list and is to be registered under another nickname (F24).
	Again bool
	// Replaces is the entry, on hold, whose place a key takes: it was reset, and its old credential is gone (F27).
	Replaces staffkey.SecurityKeyID
	// Continues is the sealed ceremony of the same page as it was shown before: its answer was refused, the page was loaded again, or the
	// person had to prove again who they are. A secret that was shown stays the same, and who began in time may finish.
	Continues string
}

// replacing is how the entry to replace travels in a ceremony's state, before the method's own.
type replacing struct {
	Replaces staffkey.SecurityKeyID `json:"r,omitempty"`
	State    []byte                 `json:"s,omitempty"`
}

// BeginEnrolment starts setting up a method for the actor themselves.
func (s *Service) BeginEnrolment(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind, o EnrolOptions) (Begun, error) {
	m, err := s.method(kind)
	if err != nil {
		return Begun{}, err
	}
	before := s.continued(actor, kind, o.Continues)
	h, err := s.mayEnrol(ctx, actor, kind, o.Replaces, s.begunAt(before))
	if err != nil {
		return Begun{Subject: h.subject(kind)}, err
	}
	begun := s.begun(h, kind)
	challenge, err := m.BeginEnrolment(ctx, Enrolling{
		Subject: begun.Subject, Actor: actor, Again: o.Again || o.Replaces != "", TouchOnly: !policy.AsksForPerson(h.policy.Keys),
		Before: before.State, Now: s.now(),
	})
	if err != nil {
		return Begun{}, err
	}
	begun.Options = challenge.Options
	state, err := json.Marshal(replacing{o.Replaces, challenge.State})
	if err != nil {
		return Begun{}, err
	}
	err = begun.seal(s, staffkey.Ceremony{
		Purpose: staffkey.PurposeEnrol, Method: kind, Person: actor.Person, Actor: actor.Person, Session: actor.Session, State: state, BegunAt: before.BegunAt,
	})
	return begun, err
}

// continued is what goes on of an enrolment that a page has shown before. Its state does for whoever is the same person: a session that was
// proved anew is another session. When it was begun counts in its own session only, whose proof it was judged by. Of any other ceremony, and
// of one that is too old, nothing goes on.
func (s *Service) continued(actor staffkey.Actor, kind staffkey.MethodKind, sealed string) (before staffkey.Ceremony) {
	if sealed == "" {
		return before
	}
	c, err := s.open(sealed, expect{purpose: staffkey.PurposeEnrol, method: kind, person: actor.Person, session: actor.Session})
	same := err == nil
	if r := (*staffkey.Refusal)(nil); errors.As(err, &r) && r.Rule == ruleOtherOwner && c.Person == actor.Person {
		err = nil
	}
	if err != nil {
		return before
	}
	var r replacing
	if json.Unmarshal(c.State, &r) != nil {
		return before
	}
	before.State = r.State
	if same {
		before.BegunAt = c.BegunAt
	}
	return before
}

// begunAt is when an enrolment was begun that continues another: then, or now when nothing goes on.
func (s *Service) begunAt(before staffkey.Ceremony) time.Time {
	if before.BegunAt.IsZero() {
		return s.now()
	}
	return before.BegunAt
}

// mayEnrol reads whom an enrolment is for and asks whether they may, to refuse before anything is verified. The change asks again. The
// proof has to have been fresh when the enrolment was begun.
func (s *Service) mayEnrol(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind, replaces staffkey.SecurityKeyID, begun time.Time) (holder, error) {
	var h holder
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		if h, err = s.loadHolder(tx, actor.Person); err != nil {
			return err
		}
		return s.mayEnrolTx(may, kind, replaces, h, begun)
	})
	return h, err
}

func (s *Service) mayEnrolTx(may staffkey.Authority, kind staffkey.MethodKind, replaces staffkey.SecurityKeyID, h holder, begun time.Time) error {
	if kind != staffkey.MethodSecurityKey {
		return policy.MayEnrolMethod(may, h.person.ID, kind, h.policy, h.holdings, begun)
	}
	if replaces != "" {
		if err := policy.MayReplace(h.holdings, replaces); err != nil {
			return err
		}
	}
	return policy.MayEnrolKey(may, h.person.ID, h.policy, h.holdings, replaces, begun)
}

// FindEnrolment returns the actor's own enrolment of a method, or nil when it is not set up.
func (s *Service) FindEnrolment(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) (*staffkey.Enrolment, error) {
	var e staffkey.Enrolment
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		e, err = tx.FindEnrolment(actor.Person, kind)
		return err
	})
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil, nil
	}
	return &e, err
}
