package signin

import (
	"context"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Stopped is a key that was put on hold, with those that are known to be the same key.
type Stopped struct {
	Key staffkey.SecurityKey
	// Reference is the support code of the event, for the person to name.
	Reference string
	// Organisation is that of the person.
	Organisation staffkey.OrganisationID
}

// StopKey puts a key of the actor's own on hold because it is lost, stolen or misused (F25). It asks for no new proof: in doubt it is
// better done. Sessions that the key opened end, except the one that says so.
func (s *Service) StopKey(ctx context.Context, actor staffkey.Actor, key staffkey.SecurityKeyID, reason staffkey.StopReason) (Stopped, error) {
	if err := policy.MayStopKey(actor, actor.Person); err != nil {
		return Stopped{}, err
	}
	return s.stopKey(ctx, actor, key, reason, reason, func(tx *store.Tx) error { return stillSignedIn(tx, actor) })
}

// StopKeySignedOut is StopKey for somebody who has given a right password and nothing else. The key is on hold, not removed; it is
// allowed once a day; and the Local Administrators are told that it was done from the sign-in page.
func (s *Service) StopKeySignedOut(ctx context.Context, origin staffkey.Origin, a Attempt, key staffkey.SecurityKeyID, reason staffkey.StopReason) (Stopped, error) {
	if a.Person == "" {
		return Stopped{}, staffkey.Refused(policy.NeedsSecond, "signin.second")
	}
	// Whatever was said, a password alone makes it no harder to get back than a lost key is.
	return s.stopKey(ctx, staffkey.Actor{Person: a.Person, Origin: origin}, key, reason, staffkey.StopLost, func(tx *store.Tx) error {
		if err := s.stillPassword(tx, a); err != nil {
			return err
		}
		within, err := tx.CountWithin("stop/"+string(a.Person), 1, tx.Now.Add(day))
		if err == nil && !within {
			return staffkey.Refused("stop_once", "lost.daily")
		}
		return err
	})
}

// stopKey puts a key on hold: said is the reason that was given, kept the one that counts when the key is found again.
func (s *Service) stopKey(ctx context.Context, actor staffkey.Actor, id staffkey.SecurityKeyID, said, kept staffkey.StopReason, may func(*store.Tx) error) (Stopped, error) {
	out, person := Stopped{Reference: staffkey.NewSupportCode()}, actor.Person
	event := staffkey.Event(staffkey.EventKeyStopped, actor)
	event.Person, event.Subject, event.SupportCode = person, string(id), out.Reference
	event.Detail = map[string]string{"reason": string(said)}
	signedOut := actor.Session == ""
	if signedOut {
		event.Detail["signed_out"] = "yes"
	}
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		p, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		tx.Event.Organisation, out.Organisation = p.Organisation, p.Organisation
		if err := policy.IsActive(p); err != nil {
			return err
		}
		if err := may(tx); err != nil {
			return err
		}
		keys, err := tx.ListSecurityKeys(person, staffkey.SecurityKeyActive)
		if err != nil {
			return err
		}
		found := false
		for _, k := range keys {
			found = found || k.ID == id
		}
		if !found {
			return staffkey.ErrNotFound
		}
		for _, k := range keys {
			if k.ID == id {
				out.Key = k
			} else if !staffkey.SamePhysicalKey(k, id, keys) {
				continue
			}
			if err := tx.StopSecurityKey(person, k.ID, kept); err != nil {
				return err
			}
			if _, err := tx.EndSessionsOfKey(person, k.ID, actor.Session); err != nil {
				return err
			}
		}
		tx.Event.SubjectName = out.Key.Nickname
		args := map[string]string{"Nickname": out.Key.Nickname, "Reason": string(said), "Reference": out.Reference}
		if err := s.tellPerson(tx, "notice.key_stopped", p, args); err != nil {
			return err
		}
		template := "admin.key_stopped"
		if signedOut {
			template = "admin.key_suspended"
		}
		return tx.InsertAdministratorNotice(template, p, args)
	})
	s.wake()
	return out, s.refuse(ctx, event, nil, err)
}

// ResumeKey puts a key of the actor's own that was found back in use.
func (s *Service) ResumeKey(ctx context.Context, actor staffkey.Actor, id staffkey.SecurityKeyID) (staffkey.SecurityKey, error) {
	event := staffkey.Event(staffkey.EventKeyResumed, actor)
	event.Person, event.Subject = actor.Person, string(id)
	var key staffkey.SecurityKey
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		if key, err = tx.FindSecurityKey(actor.Person, id); err != nil {
			return err
		}
		tx.Event.SubjectName = key.Nickname
		if err := policy.MayResumeKey(actor, actor.Person, key, h.policy, h.holdings, s.now()); err != nil {
			return err
		}
		if err := tx.ResumeSecurityKey(actor.Person, id); err != nil {
			return err
		}
		return s.tell(tx, "notice.key_resumed", h, map[string]string{"Nickname": key.Nickname})
	})
	s.wake()
	return key, s.refuse(ctx, event, nil, err)
}

// ResumeKeyFor puts somebody's key back in use, by an administrator who has looked.
func (s *Service) ResumeKeyFor(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, id staffkey.SecurityKeyID) error {
	return s.resumeFor(ctx, actor, person, id, func(staffkey.SecurityKey) bool { return true })
}

// ApproveKey puts somebody's key in use that waits for a review (F82), by an administrator who has looked. ErrNotFound when it does not wait, or not for that
// any more: its owner may have reported it lost since.
func (s *Service) ApproveKey(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, id staffkey.SecurityKeyID) error {
	return s.resumeFor(ctx, actor, person, id, func(k staffkey.SecurityKey) bool { return k.StopReason == staffkey.StopReview })
}

func (s *Service) resumeFor(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, id staffkey.SecurityKeyID, may func(staffkey.SecurityKey) bool) error {
	event := staffkey.Event(staffkey.EventKeyResumed, actor)
	event.Person, event.Subject = person, string(id)
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		p, err := s.mayRecover(tx, actor, person)
		if err != nil {
			return err
		}
		key, err := tx.FindSecurityKey(person, id)
		if err != nil {
			return err
		}
		tx.Event.SubjectName = key.Nickname
		if !may(key) {
			return staffkey.ErrNotFound
		}
		if err := tx.ResumeSecurityKey(person, id); err != nil {
			return err
		}
		return s.tellPerson(tx, "notice.key_resumed", p, map[string]string{"Nickname": key.Nickname})
	})
	return s.refuse(ctx, event, nil, err)
}

// FindStoppedKey finds the token on hold that a person calls by a nickname, for an administrator of theirs; ErrNotFound when there is none.
func (s *Service) FindStoppedKey(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, nickname string) (staffkey.SecurityKeyID, error) {
	var id staffkey.SecurityKeyID
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		if _, err := s.mayRecover(tx, actor, person); err != nil {
			return err
		}
		keys, err := tx.ListSecurityKeys(person, staffkey.SecurityKeySuspended)
		for _, k := range keys {
			if store.Fold(k.Nickname) == store.Fold(nickname) {
				id = k.ID
			}
		}
		if err == nil && id == "" {
			return staffkey.ErrNotFound
		}
		return err
	})
	return id, err
}

// mayRecover asks whether the actor may help a person back in, and notes in the event whom it concerns.
func (s *Service) mayRecover(tx *store.Tx, actor staffkey.Actor, person staffkey.PersonID) (staffkey.Person, error) {
	p, chain, grants, err := s.target(tx, person)
	if err != nil {
		return p, err
	}
	return p, policy.MayRecover(actor, chain, grants)
}

// target reads what decides about acting for a person.
func (s *Service) target(tx *store.Tx, person staffkey.PersonID) (staffkey.Person, policy.Chain, []staffkey.RoleGrant, error) {
	p, err := tx.FindPerson(person)
	if err != nil {
		return p, nil, nil, err
	}
	tx.Event.Organisation = p.Organisation
	chain, err := tx.ListAncestors(p.Organisation)
	if err != nil {
		return p, nil, nil, err
	}
	grants, err := tx.ListRoleGrants(person)
	return p, chain, grants, err
}

// replacementsPerDay bounds the requests for a key that one person may send.
const replacementsPerDay = 3

// Replacement is what a person who asks for a key says.
type Replacement struct {
	// Reason is why, as the page names it; Place where to hand it over; Note whatever else.
	Reason, Place, Note string
	// Token is the entry that it is about, or empty.
	Token string
}

// AskReplacement asks the Local Administrators of the actor for a key, and returns a reference.
func (s *Service) AskReplacement(ctx context.Context, actor staffkey.Actor, r Replacement) (string, error) {
	switch r.Reason {
	case "first", "lost", "broken", "backup", "blocked":
	default:
		return "", staffkey.Invalid("reason", "request.reason")
	}
	if err := staffkey.ValidateText("place", r.Place, staffkey.MaxOrganisationName); err != nil {
		return "", err
	}
	if err := staffkey.ValidateOptionalText("note", r.Note, staffkey.MaxReason); err != nil {
		return "", err
	}
	reference := staffkey.NewSupportCode()
	event := staffkey.Event(staffkey.EventReplacementAsked, actor)
	event.Person, event.SubjectName, event.SupportCode = actor.Person, r.Token, reference
	event.Detail = map[string]string{"reason": r.Reason, "place": r.Place, "note": r.Note}
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		p, err := tx.FindPerson(actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = p.Organisation
		within, err := tx.CountWithin("request/"+string(p.ID), replacementsPerDay, tx.Now.Add(day))
		if err != nil {
			return err
		}
		if !within {
			return staffkey.Refused("request_daily", "request.daily")
		}
		return tx.InsertAdministratorNotice("admin.replacement", p, map[string]string{
			"Nickname": r.Token, "Reason": r.Reason, "Place": r.Place, "Note": r.Note, "Reference": reference,
		})
	})
	s.wake()
	return reference, s.refuse(ctx, event, nil, err)
}
