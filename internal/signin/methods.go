package signin

import (
	"context"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Mine is what a person has to sign in with, what they could set up, and what policy asks them for.
type Mine struct {
	Person     staffkey.Person
	Policy     staffkey.Policy
	Holdings   policy.Holdings
	Enrolments []staffkey.Enrolment
	// Offered are the methods that they may set up here.
	Offered []staffkey.MethodKind
	State   policy.SetUpState
	// CanAdd says that the present session is strong enough to add a method, once its proof is fresh.
	CanAdd bool
	// Recalls has the recalls that their keys are under, by key (F83).
	Recalls map[staffkey.SecurityKeyID]staffkey.Recall
}

// Enrolment returns the person's enrolment of a method, or nil.
func (m Mine) Enrolment(kind staffkey.MethodKind) *staffkey.Enrolment {
	return holder{enrolments: m.Enrolments}.enrolment(kind)
}

// Mine tells the actor what they have.
func (s *Service) Mine(ctx context.Context, actor staffkey.Actor) (Mine, error) {
	var out Mine
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		out = Mine{Person: h.person, Policy: h.policy, Holdings: h.holdings, Enrolments: h.enrolments}
		out.State = policy.AsksFor(h.policy, h.holdings, h.person, h.exceptions, tx.Now)
		out.CanAdd = policy.CanAdd(may, h.policy, h.holdings) == nil
		for _, k := range h.holdings.Keys {
			r, phase, err := s.recallOf(tx, h.person, k)
			if err != nil {
				return err
			}
			if phase != policy.NotRecalled {
				if out.Recalls == nil {
					out.Recalls = make(map[staffkey.SecurityKeyID]staffkey.Recall)
				}
				out.Recalls[k.ID] = r
			}
		}
		for _, kind := range policy.Offered(h.policy, s.order, len(h.grants) > 0) {
			if s.CanSend(kind) {
				out.Offered = append(out.Offered, kind)
			}
		}
		return nil
	})
	return out, err
}

// NoteAsked notes that a person was asked to set up what policy asks for; their grace counts from the first time.
func (s *Service) NoteAsked(ctx context.Context, actor staffkey.Actor) error {
	return s.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.NoteAsked(actor.Person) })
}

// RemoveMethod removes a method that the actor has set up (F47).
func (s *Service) RemoveMethod(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) error {
	event := staffkey.Event(staffkey.EventMethodRemoved, actor)
	event.Person, event.Subject = actor.Person, string(kind)
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		if kind == staffkey.MethodPassword || kind == staffkey.MethodSecurityKey || kind == staffkey.MethodPass {
			return staffkey.ErrNotFound
		}
		if err := policy.MayRemoveMethod(may, actor.Person, kind, h.holdings, s.now()); err != nil {
			return err
		}
		if m, ok := s.methods[kind].(Sender); ok {
			if e := h.enrolment(kind); e != nil {
				if err := s.cool(tx, m, h, *e); err != nil {
					return err
				}
			}
		}
		if err := tx.DeleteEnrolment(actor.Person, kind); err != nil {
			return err
		}
		return s.tell(tx, "notice.method_removed", h, map[string]string{"Method": string(kind)})
	})
	s.wake()
	return s.refuse(ctx, event, nil, err)
}
