package signin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Stopped is a key that was put on hold, with those that are known to be the same key.
type Stopped struct {
	Key staffkey.SecurityKey
	// Ended is what ended with it.
	Ended Ended
	// Reference is the support code of the event, for the person to name.
	Reference string
	// Twins are the other entries of the same key, which went with it.
	Twins []staffkey.SecurityKey
	// Organisation is that of the person.
	Organisation staffkey.OrganisationID
}

// StopKey puts a key of the actor's own on hold because it is lost, stolen or misused (F25). It asks for no new proof: in doubt it is
// better done. Sessions that the key led to end, except the one that says so; and when it is not only lost, what was set up in them is
// put on hold too, unless the actor says that it is theirs.
func (s *Service) StopKey(ctx context.Context, actor staffkey.Actor, key staffkey.SecurityKeyID, reason staffkey.StopReason, mine Kept) (Stopped, error) {
	if err := policy.MayStopKey(actor, actor.Person); err != nil {
		return Stopped{}, err
	}
	st := stopping{id: key, said: reason, kept: reason, mine: mine}
	event := st.event(actor)
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		return s.stopKey(tx, may, &st)
	})
	s.wake()
	return st.out, s.refuse(ctx, event, nil, err)
}

// StopKeySignedOut is StopKey for somebody who has given a right password and nothing else. The key is on hold, not removed; it is
// allowed once a day; and the Local Administrators are told that it was done from the sign-in page.
func (s *Service) StopKeySignedOut(ctx context.Context, origin staffkey.Origin, a Attempt, key staffkey.SecurityKeyID, reason staffkey.StopReason) (Stopped, error) {
	if a.Person == "" {
		return Stopped{}, staffkey.Refused(policy.NeedsSecond, "signin.second")
	}
	// Whatever was said, a password alone makes it no harder to get back than a lost key is.
	st := stopping{id: key, said: reason, kept: staffkey.StopLost, signedOut: true}
	actor := staffkey.Actor{Person: a.Person, Origin: origin}
	event := st.event(actor)
	event.Detail["signed_out"] = "yes"
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		p, err := tx.FindPerson(a.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = p.Organisation
		if err := policy.IsActive(p); err != nil {
			return err
		}
		if err := s.stillPassword(tx, a); err != nil {
			return err
		}
		within, err := tx.CountWithin("stop/"+string(a.Person), 1, tx.Now.Add(day))
		if err != nil {
			return err
		}
		if !within {
			return staffkey.Refused("stop_once", "lost.daily")
		}
		return s.stopKey(tx, staffkey.Authority{Actor: actor}, &st)
	})
	s.wake()
	return st.out, s.refuse(ctx, event, nil, err)
}

// stopping is a key being put on hold: said is the reason that was given, kept the one that counts when the key is found again.
type stopping struct {
	id         staffkey.SecurityKeyID
	said, kept staffkey.StopReason
	mine       Kept
	signedOut  bool
	out        Stopped
}

func (st *stopping) event(actor staffkey.Actor) staffkey.AuditEvent {
	st.out.Reference = staffkey.NewSupportCode()
	event := staffkey.Event(staffkey.EventKeyStopped, actor)
	event.Person, event.Subject, event.SupportCode = actor.Person, string(st.id), st.out.Reference
	event.Detail = map[string]string{"reason": string(st.said)}
	return event
}

func (s *Service) stopKey(tx *store.Tx, may staffkey.Authority, st *stopping) error {
	st.out = Stopped{Reference: st.out.Reference}
	h, err := s.loadHolder(tx, may.Person)
	if err != nil {
		return err
	}
	tx.Event.Organisation, st.out.Organisation = h.person.Organisation, h.person.Organisation
	if err := policy.IsActive(h.person); err != nil {
		return err
	}
	keys := h.holdings.ActiveKeys()
	found := slices.IndexFunc(keys, func(k staffkey.SecurityKey) bool { return k.ID == st.id })
	if found < 0 {
		return staffkey.ErrNotFound
	}
	st.out.Key = keys[found]
	same := slices.DeleteFunc(slices.Clone(keys), func(k staffkey.SecurityKey) bool {
		return k.ID != st.id && !staffkey.SamePhysicalKey(k, st.id, keys)
	})
	for _, k := range same {
		if err := tx.StopSecurityKey(h.person.ID, k.ID, st.kept); err != nil {
			return err
		}
		if k.ID != st.id {
			st.out.Twins = append(st.out.Twins, k)
		}
	}
	since := tx.Now.Add(-madeWithin)
	if st.kept == staffkey.StopLost {
		// A finder has the key and no PIN, where a thief, or somebody who used it, may have set something up by it; and a password alone must
		// not take everything else away: what may be theirs is told to those who look at it.
		since = tx.Now.Add(time.Hour)
	}
	for _, k := range same {
		if h, err = s.loadHolder(tx, h.person.ID); err != nil { // without what the one before has stopped
			return err
		}
		made, err := s.madeBy(tx, h, may, staffkey.KeyAncestor(k.ID), since, st.mine)
		if err != nil {
			return err
		}
		ended, err := s.endLineage(tx, may, h, made)
		if err != nil {
			return err
		}
		st.out.Ended.Sessions += ended.Sessions
		st.out.Ended.Keys = append(st.out.Ended.Keys, ended.Keys...)
		st.out.Ended.Methods = append(st.out.Ended.Methods, ended.Methods...)
	}
	if st.said != staffkey.StopLost {
		if err := tx.DeletePendingKeys(h.person.ID, ""); err != nil {
			return err
		}
	}
	st.out.Ended.note(&tx.Event)
	tx.Event.SubjectName = st.out.Key.Nickname
	args := map[string]string{"Nickname": st.out.Key.Nickname, "Reason": string(st.said), "Reference": st.out.Reference, "Twins": Ended{Keys: st.out.Twins}.names()}
	st.out.Ended.args(args)
	if err := s.tellPerson(tx, "notice.key_stopped", h.person, args); err != nil {
		return err
	}
	template := "admin.key_stopped"
	if st.signedOut {
		template = "admin.key_suspended"
		if st.said != staffkey.StopLost {
			made, err := s.madeBy(tx, h, may, staffkey.KeyAncestor(st.id), tx.Now.Add(-madeWithin), Kept{})
			if err != nil {
				return err
			}
			args["Suspect"] = Ended{Keys: made.Keys}.names()
		}
	}
	return tx.InsertAdministratorNotice(template, h.person, args)
}

// ResetKey says that a key of the actor's own was reset, because its PIN was forgotten or blocked (F27). What it held for us is gone: all
// entries of it that the list has, had on hold, or could still bring back are on hold until the key is registered again in the place of
// one of them, and never come back by themselves. Nobody else has had the key, so nobody is alarmed and no session ends.
func (s *Service) ResetKey(ctx context.Context, actor staffkey.Actor, id staffkey.SecurityKeyID) error {
	event := staffkey.Event(staffkey.EventKeyStopped, actor)
	event.Person, event.Subject = actor.Person, string(id)
	event.Detail = map[string]string{"reason": string(staffkey.StopReset)}
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		if err := policy.IsActive(h.person); err != nil {
			return err
		}
		at := slices.IndexFunc(h.holdings.Keys, func(k staffkey.SecurityKey) bool { return k.ID == id })
		if at < 0 {
			return staffkey.ErrNotFound
		}
		key := h.holdings.Keys[at]
		tx.Event.SubjectName = key.Nickname
		if key.StopReason == staffkey.StopReset {
			return errNothing
		}
		twins, err := twinsOf(tx, key)
		if err != nil {
			return err
		}
		var ids []staffkey.SecurityKeyID
		for _, k := range append(twins, key) {
			ids = append(ids, k.ID)
		}
		if err := policy.MayResetKey(may, h.person.ID, h.policy, h.holdings, ids); err != nil {
			return err
		}
		for _, id := range ids {
			if err := tx.StopForGood(h.person.ID, id, staffkey.StopReset); err != nil {
				return err
			}
		}
		// An entry of it that waits for its nickname is dead as well.
		if err := tx.DeletePendingKeys(h.person.ID, ""); err != nil {
			return err
		}
		listed := slices.DeleteFunc(twins, func(k staffkey.SecurityKey) bool { return k.State == staffkey.SecurityKeyRemoved })
		return s.tellPerson(tx, "notice.key_reset", h.person, map[string]string{"Nickname": key.Nickname, "Twins": Ended{Keys: listed}.names()})
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	s.wake()
	return s.refuse(ctx, event, nil, err)
}

// ResumeKey puts a key of the actor's own that was found back in use.
func (s *Service) ResumeKey(ctx context.Context, actor staffkey.Actor, id staffkey.SecurityKeyID) (staffkey.SecurityKey, error) {
	event := staffkey.Event(staffkey.EventKeyResumed, actor)
	event.Person, event.Subject = actor.Person, string(id)
	var key staffkey.SecurityKey
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		if key, err = tx.FindSecurityKey(actor.Person, id); err != nil {
			return err
		}
		tx.Event.SubjectName = key.Nickname
		if err := policy.MayResumeKey(may, actor.Person, key, h.policy, h.holdings, s.now()); err != nil {
			return err
		}
		twins, err := twinsOf(tx, key)
		if err != nil {
			return err
		}
		return s.resume(tx, h, key, onHoldFor(key.StopReason, twins), actor.Session)
	})
	s.wake()
	return key, s.refuse(ctx, event, nil, err)
}

// twinsOf are the other entries that are known to be the same key in the hand, in whatever state. They stop, come back and go together:
// where the key is, they are.
func twinsOf(tx *store.Tx, key staffkey.SecurityKey) ([]staffkey.SecurityKey, error) {
	all, err := tx.ListSecurityKeys(key.Person, staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended, staffkey.SecurityKeyRemoved)
	return slices.DeleteFunc(slices.Clone(all), func(k staffkey.SecurityKey) bool {
		return k.ID == key.ID || !staffkey.SamePhysicalKey(k, key.ID, all)
	}), err
}

// onHoldFor are those of some keys that are on hold for a reason: what is on hold for another one is somebody else's to decide.
func onHoldFor(reason staffkey.StopReason, keys []staffkey.SecurityKey) []staffkey.SecurityKey {
	return slices.DeleteFunc(keys, func(k staffkey.SecurityKey) bool {
		return k.State != staffkey.SecurityKeySuspended || k.StopReason != reason
	})
}

// resume puts a key on hold in use, with other entries of the same key, unless its model was recalled meanwhile: one that was in use before
// goes on until the date. What was reset does not come back, whoever says so: it could not sign in.
func (s *Service) resume(tx *store.Tx, h holder, key staffkey.SecurityKey, twins []staffkey.SecurityKey, keep staffkey.SessionID) error {
	if key.StopReason == staffkey.StopReset {
		return staffkey.Refused("key_reset", "key.reset")
	}
	r, phase, err := s.recallOf(tx, h.person, key)
	if err != nil {
		return err
	}
	if phase == policy.RecallOver || phase == policy.RecallRunning && key.StopReason == staffkey.StopReview {
		return staffkey.Refused("key_recalled", "key.recalled", "Model", s.models.Facts(key).Model.Name, "When", r.Until, "Reason", r.ToldReason).Because("recall %s: %s", r.ID, r.Reason)
	}
	u := store.InUse{
		Owner: h.person, Keep: keep, Notice: "notice.key_resumed", Args: map[string]string{"Nickname": key.Nickname, "Twins": Ended{Keys: twins}.names()}, Number: s.alertNumber(h),
	}
	if err := tx.ResumeKey(u, key.ID); err != nil {
		return err
	}
	return tx.ResumeTwins(u, twins)
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

// RefuseKey removes somebody's key that waits for a review (F82), by an administrator who has looked, and tells its owner why. ErrNotFound when it
// does not wait any more.
func (s *Service) RefuseKey(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, id staffkey.SecurityKeyID, reason string) error {
	reason = staffkey.TidyText(strings.TrimSpace(reason))
	if err := staffkey.ValidateText("reason", reason, staffkey.MaxReason); err != nil {
		return err
	}
	event := staffkey.Event(staffkey.EventKeyRefused, actor)
	event.Person, event.Subject, event.Detail = person, string(id), map[string]string{"reason": reason}
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := s.mayRecover(tx, may, person)
		if err != nil {
			return err
		}
		key, err := tx.FindSecurityKey(person, id)
		if err != nil {
			return err
		}
		tx.Event.SubjectName = key.Nickname
		if err := tx.RefuseReviewedKey(person, id); err != nil {
			return err
		}
		return tx.InsertNotice("notice.key_refused", p, map[string]string{"Nickname": key.Nickname, "Reason": reason})
	})
	s.wake()
	return s.refuse(ctx, event, nil, err)
}

func (s *Service) resumeFor(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, id staffkey.SecurityKeyID, waits func(staffkey.SecurityKey) bool) error {
	event := staffkey.Event(staffkey.EventKeyResumed, actor)
	event.Person, event.Subject = person, string(id)
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		if _, err := s.mayRecover(tx, may, person); err != nil {
			return err
		}
		h, err := s.loadHolder(tx, person)
		if err != nil {
			return err
		}
		key, err := tx.FindSecurityKey(person, id)
		if err != nil {
			return err
		}
		tx.Event.SubjectName = key.Nickname
		if !waits(key) {
			return staffkey.ErrNotFound
		}
		twins, err := twinsOf(tx, key)
		if err != nil {
			return err
		}
		if key.StopReason == staffkey.StopReview {
			twins = nil // each is reviewed by itself
		}
		return s.resume(tx, h, key, onHoldFor(key.StopReason, twins), "")
	})
	s.wake()
	return s.refuse(ctx, event, nil, err)
}

// FindStoppedKey finds the token on hold that a person calls by a nickname, for an administrator of theirs; ErrNotFound when there is none.
func (s *Service) FindStoppedKey(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, nickname string) (staffkey.SecurityKeyID, error) {
	var id staffkey.SecurityKeyID
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		if _, err := s.mayRecover(tx, may, person); err != nil {
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
func (s *Service) mayRecover(tx *store.Tx, may staffkey.Authority, person staffkey.PersonID) (staffkey.Person, error) {
	p, chain, grants, err := s.target(tx, person)
	if err != nil {
		return p, err
	}
	return p, policy.MayRecover(may, chain, grants)
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
	// Token is the entry of the person's own list that it is about, or empty.
	Token staffkey.SecurityKeyID
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
	event.Person, event.SupportCode = actor.Person, reference
	event.Detail = map[string]string{"reason": r.Reason, "place": r.Place, "note": r.Note}
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, _ staffkey.Authority) error {
		p, err := tx.FindPerson(actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = p.Organisation
		var about staffkey.SecurityKey
		if r.Token != "" { // an entry of somebody else is none
			if about, err = tx.FindSecurityKey(p.ID, r.Token); err != nil {
				return err
			}
			tx.Event.Subject, tx.Event.SubjectName = string(about.ID), about.Nickname
		}
		within, err := tx.CountWithin("request/"+string(p.ID), replacementsPerDay, tx.Now.Add(day))
		if err != nil {
			return err
		}
		if !within {
			return staffkey.Refused("request_daily", "request.daily")
		}
		return tx.InsertAdministratorNotice("admin.replacement", p, map[string]string{
			"Nickname": about.Nickname, "Reason": r.Reason, "Place": r.Place, "Note": r.Note, "Reference": reference,
		})
	})
	s.wake()
	return reference, s.refuse(ctx, event, nil, err)
}
