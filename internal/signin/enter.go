package signin

import (
	"context"
	"errors"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Enter opens a session on the password alone, for a person who has never set up anything stronger. Whether that is so is read in
// the change itself.
func (s *Service) Enter(ctx context.Context, origin staffkey.Origin, a Attempt, before staffkey.Session) (SignedIn, error) {
	return s.byPassword(ctx, staffkey.Actor{Origin: origin}, a, before, s.store.Change)
}

// StepUpWithPassword renews the session of a person who has nothing stronger than a password. Wrong tries count as at
// sign-in.
func (s *Service) StepUpWithPassword(ctx context.Context, actor staffkey.Actor, password string, before staffkey.Session) (SignedIn, error) {
	var p staffkey.Person
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p, err = tx.FindPerson(actor.Person)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	a, err := s.checkOwnPassword(ctx, actor, p.Username, password)
	if err != nil {
		return SignedIn{}, err
	}
	// Hashing may have waited, and the session may have been ended meanwhile.
	return s.byPassword(ctx, actor, a, before, func(ctx context.Context, event staffkey.AuditEvent, fn func(*store.Tx) error) error {
		return s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, _ staffkey.Authority) error { return fn(tx) })
	})
}

// byPassword opens a session on a password, in a change of the caller's kind.
func (s *Service) byPassword(ctx context.Context, actor staffkey.Actor, a Attempt, before staffkey.Session,
	change func(context.Context, staffkey.AuditEvent, func(*store.Tx) error) error) (SignedIn, error) {
	var in SignedIn
	if a.Person == "" {
		return in, staffkey.Refused(policy.NeedsSecond, "signin.second")
	}
	renewed := staffkey.Session{} // at sign-in the session before may be anybody's
	if actor.Session != "" {
		renewed = before
	}
	event := staffkey.Event(staffkey.EventSignedIn, staffkey.Actor{Person: a.Person, Origin: actor.Origin})
	event.Person = a.Person
	event.Detail = map[string]string{"methods": string(staffkey.MethodPassword)}
	nothing := false
	err := change(ctx, event, func(tx *store.Tx) error {
		h, err := s.loadHolder(tx, a.Person)
		if err != nil {
			return err
		}
		if err := policy.IsActive(h.person); err != nil {
			return err
		}
		if err := samePassword(a, h); err != nil {
			return err
		}
		nothing = len(h.holdings.ActiveKeys()) == 0 && len(h.holdings.Others) == 0
		assurance, err := policy.AcceptsSignIn(a.proofs(), h.entering())
		if err != nil {
			return err
		}
		if in, err = s.newSession(actor.Origin, h, a.proofs(), assurance, renewed); err != nil {
			return err
		}
		tx.Event.ActorName, tx.Event.Organisation, tx.Event.Session = h.person.Name, h.person.Organisation, in.Session.ID
		tx.Event.Detail = map[string]string{"methods": string(staffkey.MethodPassword), "level": levelText(assurance)}
		return s.startSession(tx, actor.Origin, in, before)
	})
	if r := (*staffkey.Refusal)(nil); errors.As(err, &r) && r.Rule == policy.NeedsSecond {
		if !nothing {
			return in, err // no refusal but the middle of a sign-in: what comes of it is recorded at its end
		}
		err = staffkey.Refused("nothing_left", "signin.nothing")
	}
	event.Kind = staffkey.EventSignInRefused
	return in, s.refuse(ctx, event, nil, err)
}

// samePassword refuses an attempt whose password was changed meanwhile. An attempt from before its version was kept has none.
func samePassword(a Attempt, h holder) error {
	if e := h.enrolment(staffkey.MethodPassword); a.Password != 0 && (e == nil || e.Version != a.Password) {
		return passwordChanged()
	}
	return nil
}

// stillPassword is samePassword for an attempt that nothing else was read for.
func (s *Service) stillPassword(tx *store.Tx, a Attempt) error {
	e, err := tx.FindEnrolment(a.Person, staffkey.MethodPassword)
	if errors.Is(err, staffkey.ErrNotFound) {
		return samePassword(a, holder{})
	}
	if err != nil {
		return err
	}
	return samePassword(a, holder{enrolments: []staffkey.Enrolment{e}})
}
