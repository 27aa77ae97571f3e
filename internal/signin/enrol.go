package signin

import (
	"context"
	"errors"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// BeginEnrolment starts setting up a method for the actor themselves. again is for a security key that is known to be on
// the list and is to be registered under another nickname.
func (s *Service) BeginEnrolment(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind, again bool) (Begun, error) {
	m, err := s.method(kind)
	if err != nil {
		return Begun{}, err
	}
	h, err := s.mayEnrol(ctx, actor, kind)
	if err != nil {
		return Begun{Subject: h.subject(kind)}, err
	}
	begun := Begun{Subject: h.subject(kind), Others: h.holdings.Others}
	challenge, err := m.BeginEnrolment(ctx, Enrolling{Subject: begun.Subject, Actor: actor, Again: again, Now: s.now()})
	if err != nil {
		return Begun{}, err
	}
	begun.Options = challenge.Options
	begun.Sealed, err = s.seal(staffkey.Ceremony{
		Purpose: staffkey.PurposeEnrol, Method: kind, Person: actor.Person, Actor: actor.Person, Session: actor.Session, State: challenge.State,
	})
	return begun, err
}

func (s *Service) mayEnrol(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) (holder, error) {
	var h holder
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if h, err = s.loadHolder(tx, actor.Person); err != nil {
			return err
		}
		return s.mayEnrolTx(actor, kind, h)
	})
	return h, err
}

func (s *Service) mayEnrolTx(actor staffkey.Actor, kind staffkey.MethodKind, h holder) error {
	if kind == staffkey.MethodSecurityKey {
		return policy.MayEnrolKey(actor, h.person.ID, h.policy, h.holdings, s.now())
	}
	return policy.MayEnrolMethod(actor, h.person.ID, kind, h.policy, h.holdings, s.now())
}

// EnrolmentDone is a finished enrolment: a pending key to be named, or codes to be shown once.
type EnrolmentDone struct {
	Key  staffkey.SecurityKey
	Show []string
}

// FinishEnrolment checks the answer and stores the method: a key as pending until it is named, anything else at once,
// replacing what was there. Whether the person may is asked again inside the change.
func (s *Service) FinishEnrolment(ctx context.Context, actor staffkey.Actor, answer Answer) (EnrolmentDone, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	kind := staffkey.EventMethodEnrolled
	if answer.Method == staffkey.MethodSecurityKey {
		kind = staffkey.EventKeyRegistered
	}
	event := staffkey.Event(kind, actor)
	event.Person, event.Subject = actor.Person, string(answer.Method)
	var done EnrolmentDone
	c, err := s.open(answer.Sealed, expect{purpose: staffkey.PurposeEnrol, method: answer.Method, person: actor.Person, session: actor.Session})
	if err == nil {
		done, err = s.enrol(ctx, actor, &event, c, answer)
	}
	err = s.refuse(ctx, event, c, err)
	s.observeResult(answer.Method, err)
	return done, err
}

// enrol verifies and stores. It completes event with what it learns on the way, so that a refusal tells whom it concerned.
func (s *Service) enrol(ctx context.Context, actor staffkey.Actor, event *staffkey.AuditEvent, c *staffkey.Ceremony, answer Answer) (EnrolmentDone, error) {
	var done EnrolmentDone
	m, err := s.method(answer.Method)
	if err != nil {
		return done, err
	}
	h, err := s.mayEnrol(ctx, actor, answer.Method)
	if err != nil {
		return done, err
	}
	event.Organisation = h.person.Organisation
	enrolled, err := m.FinishEnrolment(ctx, Enrolling{Subject: h.subject(answer.Method), Actor: actor, Now: s.now()}, *c, answer.Body)
	if err != nil {
		return done, err
	}
	if enrolled.Key != nil {
		done.Key = *enrolled.Key
		done.Key.ID, done.Key.Person, done.Key.State = store.NewID[staffkey.SecurityKeyID](), actor.Person, staffkey.SecurityKeyPending
		done.Key.RegisteredAt, done.Key.RegisteredBy = s.now(), actor.Person
		if enrolled.Again {
			done.Key.SameKeyAs = policy.SameKey(done.Key, h.holdings.Keys)
		}
		if err := policy.AcceptsKey(done.Key); err != nil {
			return done, err
		}
		event.Subject = string(done.Key.ID)
		event.Detail = map[string]string{"aaguid": done.Key.AAGUID, "attestation": done.Key.AttestationFormat}
	}
	err = s.store.Change(ctx, *event, func(tx *store.Tx) error {
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		if err := spend(tx, c); err != nil {
			return err
		}
		now, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		if err := s.mayEnrolTx(actor, answer.Method, now); err != nil {
			return err
		}
		if enrolled.Key == nil {
			// A key that somebody touched before, with less of a proof, must not come into use beside this.
			if err := tx.DeletePendingKeys(actor.Person, ""); err != nil {
				return err
			}
			if err := endWeakSessions(tx, actor, now); err != nil {
				return err
			}
			return s.putEnrolment(tx, now, answer.Method, enrolled.State)
		}
		if err := tx.DeletePendingKeys(actor.Person, done.Key.ID); err != nil {
			return err
		}
		err = tx.InsertSecurityKey(done.Key)
		if errors.Is(err, staffkey.ErrConflict) {
			return staffkey.Refused("credential_known", "key.exists").Because("the credential id is registered already")
		}
		return err
	})
	done.Show = enrolled.Show
	return done, err
}

// endWeakSessions ends the person's other sessions when they set up their first method beyond the password: those sessions
// were opened with less than it takes from now on, maybe by somebody else.
func endWeakSessions(tx *store.Tx, actor staffkey.Actor, before holder) error {
	if before.holdings.Any() {
		return nil
	}
	_, err := tx.EndSessions(actor.Person, actor.Session)
	return err
}

// putEnrolment stores a method's state, or replaces it.
func (s *Service) putEnrolment(tx *store.Tx, h holder, kind staffkey.MethodKind, state []byte) error {
	if e := h.enrolment(kind); e != nil {
		if tx.Event.Kind == staffkey.EventMethodEnrolled {
			tx.Event.Kind = staffkey.EventMethodChanged
		}
		return tx.UpdateEnrolmentState(*e, state, false)
	}
	return tx.InsertEnrolment(staffkey.Enrolment{
		ID: store.NewID[staffkey.EnrolmentID](), Person: h.person.ID, Method: kind, State: state, CreatedAt: tx.Now,
	})
}

// FindPendingKey returns the actor's key that waits for its nickname.
func (s *Service) FindPendingKey(ctx context.Context, actor staffkey.Actor, id staffkey.SecurityKeyID) (staffkey.SecurityKey, error) {
	var key staffkey.SecurityKey
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		key, err = tx.FindSecurityKey(actor.Person, id)
		if err == nil && key.State != staffkey.SecurityKeyPending {
			return staffkey.ErrConflict
		}
		return err
	})
	return key, err
}

// NameKey gives a pending key its nickname and puts it in use. It is the end of the registration, and asks for no new
// proof: the ceremony was one.
func (s *Service) NameKey(ctx context.Context, actor staffkey.Actor, id staffkey.SecurityKeyID, nickname string) error {
	if err := policy.MayManageKeys(actor, actor.Person); err != nil {
		return err
	}
	nickname, err := staffkey.ValidateNickname(nickname)
	if err != nil {
		return err
	}
	event := staffkey.Event(staffkey.EventKeyNamed, actor)
	event.Person, event.Subject, event.SubjectName = actor.Person, string(id), nickname
	err = s.store.Change(ctx, event, func(tx *store.Tx) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		if err := tx.NameSecurityKey(actor.Person, id, nickname); err != nil {
			return err
		}
		// The person may have set up something stronger since this key was touched.
		if !actor.Assurance.AtLeast(h.holdings.Strongest()) {
			return staffkey.Refused(policy.StepUp, "confirm.why")
		}
		if len(h.holdings.Keys) >= h.policy.MaxKeys { // another registration was quicker
			return staffkey.Refused("key_limit", "key.limit", "Count", h.policy.MaxKeys)
		}
		return endWeakSessions(tx, actor, h)
	})
	if errors.Is(err, staffkey.ErrConflict) {
		return staffkey.Invalid("nickname", "name.taken", "Nickname", nickname)
	}
	return s.refuse(ctx, event, nil, err)
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
