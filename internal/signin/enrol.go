package signin

import (
	"context"
	"encoding/json"
	"errors"

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
	// Refused is the sealed ceremony whose answer has just been refused, so that the page can show the same secret again.
	Refused string
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
	h, err := s.mayEnrol(ctx, actor, kind, o.Replaces)
	if err != nil {
		return Begun{Subject: h.subject(kind)}, err
	}
	begun := s.begun(h, kind)
	challenge, err := m.BeginEnrolment(ctx, Enrolling{
		Subject: begun.Subject, Actor: actor, Again: o.Again || o.Replaces != "", TouchOnly: !policy.AsksForPerson(h.policy.Keys),
		Before: s.stateBefore(actor, kind, o.Refused), Now: s.now(),
	})
	if err != nil {
		return Begun{}, err
	}
	begun.Options = challenge.Options
	state, err := json.Marshal(replacing{o.Replaces, challenge.State})
	if err != nil {
		return Begun{}, err
	}
	begun.Sealed, err = s.seal(staffkey.Ceremony{
		Purpose: staffkey.PurposeEnrol, Method: kind, Person: actor.Person, Actor: actor.Person, Session: actor.Session, State: state,
	})
	return begun, err
}

// stateBefore returns the method's state in a ceremony that was this actor's own, at most as old as a ceremony may be; otherwise nil.
func (s *Service) stateBefore(actor staffkey.Actor, kind staffkey.MethodKind, sealed string) []byte {
	if sealed == "" {
		return nil
	}
	c, err := s.open(sealed, expect{purpose: staffkey.PurposeEnrol, method: kind, person: actor.Person, session: actor.Session})
	if err != nil {
		return nil
	}
	var r replacing
	if json.Unmarshal(c.State, &r) != nil {
		return nil
	}
	return r.State
}

// mayEnrol reads whom an enrolment is for and asks whether they may, to refuse before anything is verified. The change asks again.
func (s *Service) mayEnrol(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind, replaces staffkey.SecurityKeyID) (holder, error) {
	var h holder
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		if h, err = s.loadHolder(tx, actor.Person); err != nil {
			return err
		}
		return s.mayEnrolTx(may, kind, replaces, h)
	})
	return h, err
}

func (s *Service) mayEnrolTx(may staffkey.Authority, kind staffkey.MethodKind, replaces staffkey.SecurityKeyID, h holder) error {
	if kind != staffkey.MethodSecurityKey {
		return policy.MayEnrolMethod(may, h.person.ID, kind, h.policy, h.holdings, s.now())
	}
	if replaces != "" {
		if err := policy.MayReplace(h.holdings, replaces); err != nil {
			return err
		}
	}
	return policy.MayEnrolKey(may, h.person.ID, h.policy, h.holdings, replaces, s.now())
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
