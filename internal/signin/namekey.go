package signin

import (
	"context"
	"errors"
	"slices"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

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

// NameKey gives a pending key its nickname and puts it in use, or on hold where it has to be reviewed first. It is the end of the
// registration, and asks for no new proof: the ceremony was one. Whether policy takes the key is asked again: it may have waited a day.
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
	err = s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		key, err := tx.FindSecurityKey(actor.Person, id)
		if err != nil {
			return err
		}
		goes, err := replacedBy(tx, key)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(h.holdings.Keys, func(k staffkey.SecurityKey) bool {
			return !slices.ContainsFunc(goes, func(old staffkey.SecurityKey) bool { return old.ID == k.ID }) && store.Fold(k.Nickname) == store.Fold(nickname)
		}) {
			return staffkey.ErrConflict
		}
		if err := s.mayName(tx, may, h, key); err != nil {
			return err
		}
		u := store.InUse{Owner: h.person, Keep: actor.Session, Notice: "notice.key_added", Args: map[string]string{"Nickname": nickname}, Number: s.alertNumber(h)}
		for _, old := range goes { // first, because the new one may have its nickname
			if err := tx.StopForGood(actor.Person, old.ID, staffkey.StopReset); err != nil {
				return err
			}
			if err := tx.RemoveSecurityKey(actor.Person, old.ID); err != nil {
				return err
			}
			tx.Event.Kind, u.Notice = staffkey.EventKeyReplaced, "notice.key_replaced"
		}
		review, err := s.needsReview(tx, h, key)
		if err != nil {
			return err
		}
		if !review {
			return tx.NameKey(u, id, nickname)
		}
		tx.Event.Detail = map[string]string{"review": "yes"}
		if err := tx.HoldNewKey(actor.Person, id, nickname); err != nil {
			return err
		}
		return tx.InsertAdministratorNotice("admin.review", h.person, map[string]string{"Nickname": nickname, "Model": s.models.Facts(key).Model.Name})
	})
	s.wake()
	if errors.Is(err, staffkey.ErrConflict) {
		return staffkey.Invalid("nickname", "name.taken", "Nickname", nickname)
	}
	return s.refuse(ctx, event, nil, err)
}

// replacedBy are the entries that go when a key takes the place of one that was reset: that one, and all that were reset with it.
func replacedBy(tx *store.Tx, key staffkey.SecurityKey) ([]staffkey.SecurityKey, error) {
	if key.Replaces == "" {
		return nil, nil
	}
	old, err := tx.FindSecurityKey(key.Person, key.Replaces)
	if err != nil {
		return nil, err
	}
	twins, err := twinsOf(tx, old)
	return append(onHoldFor(staffkey.StopReset, twins), old), err
}

// mayName asks whether a key that was registered may be named now: the person may have set up something stronger, or another registration
// was quicker, or the model was recalled since it was touched.
func (s *Service) mayName(tx *store.Tx, may staffkey.Authority, h holder, key staffkey.SecurityKey) error {
	if key.State != staffkey.SecurityKeyPending {
		return staffkey.ErrNotFound
	}
	if key.Replaces != "" {
		if err := policy.MayReplace(h.holdings, key.Replaces); err != nil {
			return err
		}
	}
	if err := policy.CanAdd(may, h.policy, h.holdings); err != nil {
		return err
	}
	if err := policy.HasRoom(h.policy, h.holdings, key.Replaces); err != nil {
		return err
	}
	return s.notRecalled(tx, h.person, key)
}

// needsReview judges a key that is named as one that is registered, and reports whether it has to wait for a review.
func (s *Service) needsReview(tx *store.Tx, h holder, key staffkey.SecurityKey) (bool, error) {
	var err error
	if key.AttestationObject, key.ClientDataJSON, err = tx.FindRegistration(key.ID); err != nil {
		return false, err
	}
	facts := s.models.Facts(key)
	verdict := policy.JudgeKey(h.policy.Keys, key, facts, true)
	return verdict.Answer == policy.Review || key.StopReason == staffkey.StopReview, verdict.Err(facts)
}

// alertNumber is where a person is told by text message of what would let somebody else in or lock them out, or "".
func (s *Service) alertNumber(h holder) string {
	if !s.Reaches(staffkey.ChannelText) {
		return ""
	}
	for _, e := range h.enrolments {
		if number := s.Number(e); number != "" && e.Method == staffkey.MethodTextMessage {
			return number
		}
	}
	return ""
}
