package signin

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// linkNotMeUndo is the purpose of what takes a freeze back, kept by the browser that pressed the button.
const (
	linkNotMeUndo = "not_me_undo"
	undoFreezeFor = 10 * time.Minute
)

// CheckNotMeLink returns whom a link "This was not me" is for and what the notice was about, without using it up: a mail scanner may
// open it too. ErrExpired when it is not good.
func (s *Service) CheckNotMeLink(ctx context.Context, secret string) (p staffkey.Person, notice string, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		id, err := tx.FindLink(store.LinkNotMe, secret)
		if err != nil {
			return err
		}
		detail, err := tx.FindLinkDetail(store.LinkNotMe, secret)
		if err != nil {
			return err
		}
		notice = strings.TrimPrefix(detail, "notice.")
		p, err = tx.FindPerson(id)
		return err
	})
	return p, notice, err
}

// Frozen is an account that was just frozen.
type Frozen struct {
	Reference string
	// Undo takes it back for ten minutes; it goes into a cookie and is stored nowhere in the clear.
	Undo string
	// LastOperator: nobody is left who could open the account again but the console.
	LastOperator bool
	// Person is whose account it is, and Organisation where they belong, whose Local Administrators open it again.
	Person       staffkey.PersonID
	Organisation staffkey.OrganisationID
}

// FreezeByLink freezes the account that a notice was about: nothing signs in any more, all sessions end, and the Local Administrators
// are told (F31). The link counts once.
func (s *Service) FreezeByLink(ctx context.Context, origin staffkey.Origin, secret string) (Frozen, error) {
	var person staffkey.PersonID
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		person, err = tx.FindLink(store.LinkNotMe, secret)
		return err
	})
	if err != nil {
		return Frozen{}, err
	}
	return s.freeze(ctx, staffkey.Actor{Person: person, Origin: origin}, s.store.Change, func(tx *store.Tx) error {
		_, err := tx.TakeLink(store.LinkNotMe, secret)
		return err
	})
}

// FreezeOwn freezes the actor's own account because of something in their activity.
func (s *Service) FreezeOwn(ctx context.Context, actor staffkey.Actor) (Frozen, error) {
	change := func(ctx context.Context, event staffkey.AuditEvent, fn func(*store.Tx) error) error {
		return s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, _ staffkey.Authority) error { return fn(tx) })
	}
	return s.freeze(ctx, actor, change, func(*store.Tx) error { return nil })
}

// freeze does it in a change of the caller's kind: by a link, which take uses up, or in a session.
func (s *Service) freeze(ctx context.Context, actor staffkey.Actor, change func(context.Context, staffkey.AuditEvent, func(*store.Tx) error) error, take func(*store.Tx) error) (Frozen, error) {
	out, undo := Frozen{Reference: staffkey.NewSupportCode(), Person: actor.Person}, rand.Text()
	event := staffkey.Event(staffkey.EventPersonFrozen, actor)
	event.Person, event.SupportCode = actor.Person, out.Reference
	err := change(ctx, event, func(tx *store.Tx) error {
		out.Undo, out.LastOperator = "", false
		p, err := tx.FindPerson(actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation, out.Organisation = p.Organisation, p.Organisation
		if err := take(tx); err != nil {
			return err
		}
		if p.State == staffkey.PersonFrozen { // by whom nobody knows: then only an administrator opens it again
			if err := tx.CancelLinks(linkNotMeUndo, p.ID); err != nil {
				return err
			}
			return tx.InsertAdministratorNotice("admin.frozen", p, map[string]string{"Reference": out.Reference})
		}
		next, err := policy.ChangeState(p, policy.ActFreeze, tx.Now) // not somebody who has left
		if err != nil {
			return err
		}
		if err := tx.PutPersonState(p, next); err != nil {
			return err
		}
		if _, err := tx.EndSessions(p.ID, ""); err != nil {
			return err
		}
		if err := cancelPasswordLinks(tx, p.ID); err != nil { // whoever has one of these must not wait it out
			return err
		}
		if out.LastOperator, err = wasLastOperator(tx, p); err != nil {
			return err
		}
		args := map[string]string{"Reference": out.Reference}
		if out.LastOperator {
			args["Console"] = "yes"
		}
		out.Undo = undo
		if err := tx.InsertLink(linkNotMeUndo, p.ID, undo, tx.Now.Add(undoFreezeFor)); err != nil {
			return err
		}
		if err := s.tellPerson(tx, "notice.frozen", p, args); err != nil {
			return err
		}
		return tx.InsertAdministratorNotice("admin.frozen", p, args)
	})
	s.wake()
	return out, s.refuse(ctx, event, nil, err)
}

// wasLastOperator reports whether a person who was just frozen was the last active operator. Safety goes first, so that is no reason
// not to; but no page leads back from it.
func wasLastOperator(tx *store.Tx, p staffkey.Person) (bool, error) {
	grants, err := tx.ListRoleGrants(p.ID)
	if err != nil || !slices.ContainsFunc(grants, func(g staffkey.RoleGrant) bool { return g.Role == staffkey.RoleOperator }) {
		return false, err
	}
	n, err := tx.CountOperators()
	return n == 0, err
}

// UndoFreeze takes a freeze back that was pressed by mistake, by the browser that pressed it.
func (s *Service) UndoFreeze(ctx context.Context, origin staffkey.Origin, undo string) error {
	event := staffkey.Event(staffkey.EventPersonUnfrozen, staffkey.Actor{Origin: origin})
	event.Detail = map[string]string{"how": "undo"}
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		id, err := tx.TakeLink(linkNotMeUndo, undo)
		if err != nil {
			return err
		}
		p, err := tx.FindPerson(id)
		if err != nil {
			return err
		}
		tx.Event.Person, tx.Event.Organisation = p.ID, p.Organisation
		next, err := policy.ChangeState(p, policy.ActUndoFreeze, tx.Now)
		if err != nil {
			return err
		}
		if err := tx.PutPersonState(p, next); err != nil {
			return err
		}
		return s.tellPerson(tx, "notice.unfrozen", p, nil)
	})
	s.wake()
	return s.refuse(ctx, event, nil, err)
}

// Unfreeze opens a frozen account again, by an administrator who has looked. What was set up in the week before the freeze may be
// somebody else's, so keys from then stay on hold and methods from then are gone; the password has to be chosen anew.
func (s *Service) Unfreeze(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, reason string) error {
	if err := staffkey.ValidateText("reason", reason, staffkey.MaxReason); err != nil {
		return err
	}
	event := staffkey.Event(staffkey.EventPersonUnfrozen, actor)
	event.Person, event.Detail = person, map[string]string{"reason": reason}
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := s.mayRecover(tx, may, person)
		if err != nil {
			return err
		}
		next, err := policy.ChangeState(p, policy.ActUnfreeze, tx.Now)
		if err != nil {
			return err
		}
		since := p.FrozenAt.Add(-madeWithin)
		if _, err := tx.StopKeysRegisteredSince(person, since, staffkey.StopFrozen); err != nil {
			return err
		}
		if _, err := tx.DeleteEnrolmentsChangedSince(person, since, staffkey.MethodPassword); err != nil {
			return err
		}
		if err := tx.DeletePendingKeys(person, ""); err != nil {
			return err
		}
		if err := tx.DisableEnrolment(person, staffkey.MethodPassword); err != nil {
			return err
		}
		if err := tx.CancelLinks(linkNotMeUndo, person); err != nil {
			return err
		}
		if err := tx.PutPersonState(p, next); err != nil {
			return err
		}
		return s.tellPerson(tx, "notice.unfrozen", p, nil)
	})
	s.wake()
	return s.refuse(ctx, event, nil, err)
}
