package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// inUse are the states of the keys on a person's list.
var inUse = []staffkey.SecurityKeyState{staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended}

// Holdings returns what a person has to sign in with under a policy. Keys on hold count: they are no way in, but a person
// who has one has not nothing, so a password alone must not open a change of methods.
func (d *Directory) Holdings(tx *store.Tx, person staffkey.Person, p staffkey.Policy) (policy.Holdings, error) {
	keys, err := tx.ListSecurityKeys(person.ID, inUse...)
	if err != nil {
		return policy.Holdings{}, err
	}
	enrolments, err := tx.ListEnrolments(person.ID)
	if err != nil {
		return policy.Holdings{}, err
	}
	h := policy.HoldingsOf(person, p, keys, enrolments, d.usable)
	h.Refused, err = d.refused(tx, person, p, keys)
	return h, err
}

// KeyList is a person's list of keys and what else they can sign in with.
type KeyList struct {
	// Holdings has the active and the suspended keys, oldest first, and the methods besides password and keys that still work.
	policy.Holdings
	// Policy is what holds for the person: how many keys they may have, and which methods.
	Policy staffkey.Policy
	// Removed are those whose removal can still be undone, and Gone those that have gone for good, latest last.
	Removed, Gone []staffkey.SecurityKey
	// Names of those who registered keys for the person, where that was somebody else.
	Names map[staffkey.PersonID]string
}

// ListKeys returns a person's list of keys.
func (d *Directory) ListKeys(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID) (KeyList, error) {
	var list KeyList
	if err := policy.MayManageKeys(actor, person); err != nil {
		return list, fmt.Errorf("list keys: %w", err)
	}
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		if list.Policy, err = effectivePolicy(tx, p.Organisation); err != nil {
			return err
		}
		if list.Holdings, err = d.Holdings(tx, p, list.Policy); err != nil {
			return err
		}
		if list.Removed, list.Gone, err = removed(tx, person); err != nil {
			return err
		}
		list.Names = map[staffkey.PersonID]string{}
		for _, k := range list.Keys {
			if _, known := list.Names[k.RegisteredBy]; known || k.RegisteredBy == "" || k.RegisteredBy == person {
				continue
			}
			by, err := tx.FindPerson(k.RegisteredBy)
			if err != nil && !errors.Is(err, staffkey.ErrNotFound) {
				return err
			}
			list.Names[k.RegisteredBy] = by.Name
		}
		return nil
	})
	if err != nil {
		return KeyList{}, fmt.Errorf("list keys: %w", err)
	}
	return list, nil
}

// removed returns a person's keys whose removal can still be undone, and those that have gone for good, latest last.
func removed(tx *store.Tx, person staffkey.PersonID) (undoable, gone []staffkey.SecurityKey, err error) {
	all, err := tx.ListSecurityKeys(person, staffkey.SecurityKeyRemoved)
	slices.SortFunc(all, func(a, b staffkey.SecurityKey) int { return a.RemovedAt.Compare(b.RemovedAt) })
	for _, k := range all {
		if canRestore(k, tx.Now) {
			undoable = append(undoable, k)
		} else {
			gone = append(gone, k)
		}
	}
	return undoable, gone, err
}

// canRestore reports whether the removal of a key can be undone: for a while, and not when it was reset, because it holds nothing any more, or refused in a review.
func canRestore(k staffkey.SecurityKey, now time.Time) bool {
	return k.State == staffkey.SecurityKeyRemoved && k.StopReason != staffkey.StopReset && k.StopReason != staffkey.StopRefused && !k.RemovedAt.Before(now.Add(-staffkey.UndoRemovalFor))
}

// RenameKey gives a key another nickname (F22). ErrInvalid on the field nickname says that it is empty, too long or taken;
// ErrNotFound that there is no such key in use.
func (d *Directory) RenameKey(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, key staffkey.SecurityKeyID, nickname string) error {
	nickname, err := staffkey.ValidateNickname(nickname)
	if err != nil {
		return err
	}
	err = d.change(ctx, actor, keyEvent(staffkey.EventKeyRenamed, actor, person, key), func(tx *store.Tx, may staffkey.Authority) error {
		if err := policy.MayManageKeys(actor, person); err != nil {
			return err
		}
		owner, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = owner.Organisation
		keys, err := tx.ListSecurityKeys(person, inUse...)
		if err != nil {
			return err
		}
		i := indexOfKey(keys, key)
		if i < 0 {
			return staffkey.ErrNotFound
		}
		if keys[i].Nickname == nickname {
			return errUnchanged
		}
		if isTaken(slices.Delete(slices.Clone(keys), i, i+1), nickname) {
			return staffkey.Invalid("nickname", "name.taken", "Nickname", nickname)
		}
		tx.Event.SubjectName = nickname
		tx.Event.Detail = map[string]string{"before": keys[i].Nickname}
		return tx.RenameSecurityKey(person, key, nickname)
	})
	if err != nil {
		return fmt.Errorf("rename key: %w", err)
	}
	return nil
}

// RemoveKey takes a key off the list and ends the sessions that it opened, except the one that asks. It stays possible to
// take it back for [staffkey.UndoRemovalFor]. The last way in is never removed (F23): what else the person has is read in
// the same change, so that of two removals at once one is refused.
func (d *Directory) RemoveKey(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, key staffkey.SecurityKeyID) error {
	err := d.change(ctx, actor, keyEvent(staffkey.EventKeyRemoved, actor, person, key), func(tx *store.Tx, may staffkey.Authority) error {
		if err := policy.MayManageKeys(actor, person); err != nil {
			return err
		}
		_, h, err := d.loadHoldings(tx, person)
		if err != nil {
			return err
		}
		k, err := keyInUse(tx, person, key)
		if err != nil {
			return err
		}
		tx.Event.SubjectName = k.Nickname
		if err := policy.MayRemoveKey(may, person, key, h, tx.Now); err != nil {
			return err
		}
		if err := tx.RemoveSecurityKey(person, key); err != nil {
			return err
		}
		if _, err := tx.EndSessionsFrom(person, staffkey.KeyAncestor(key), actor.Session); err != nil {
			return err
		}
		owner, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		return d.tellOfRemoval(tx, owner, k)
	})
	if err != nil {
		return fmt.Errorf("remove key: %w", err)
	}
	return nil
}

// tellOfRemoval tells a person that a key of theirs was removed, by e-mail and by text message where they have a number.
func (d *Directory) tellOfRemoval(tx *store.Tx, owner staffkey.Person, k staffkey.SecurityKey) error {
	const template = "notice.key_removed"
	if err := tx.InsertNotice(template, owner, map[string]string{"Nickname": k.Nickname}); err != nil {
		return err
	}
	number, err := d.alertNumber(tx, owner.ID)
	if err != nil || number == "" {
		return err
	}
	return tx.InsertAlert(template, owner, number)
}

// alertNumber is the telephone at which a person is told of what matters, or "".
func (d *Directory) alertNumber(tx *store.Tx, person staffkey.PersonID) (string, error) {
	enrolments, err := tx.ListEnrolments(person)
	if err != nil {
		return "", err
	}
	for _, e := range enrolments {
		if number := d.number(e); number != "" && e.Method == staffkey.MethodTextMessage {
			return number, nil
		}
	}
	return "", nil
}

// RestoreKey takes back a removal that is at most [staffkey.UndoRemovalFor] old and returns the key, under another
// nickname ("Lanyard (2)") when its own was given to another key meanwhile. ErrExpired says that it is too late.
func (d *Directory) RestoreKey(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, key staffkey.SecurityKeyID) (staffkey.SecurityKey, error) {
	var restored staffkey.SecurityKey
	err := d.change(ctx, actor, keyEvent(staffkey.EventKeyRestored, actor, person, key), func(tx *store.Tx, may staffkey.Authority) error {
		if err := policy.MayManageKeys(actor, person); err != nil {
			return err
		}
		p, h, err := d.loadHoldings(tx, person)
		if err != nil {
			return err
		}
		if restored, err = tx.FindSecurityKey(person, key); err != nil {
			return err
		}
		tx.Event.SubjectName = restored.Nickname
		since := tx.Now.Add(-staffkey.UndoRemovalFor)
		if !canRestore(restored, tx.Now) {
			return staffkey.Expired("undo_expired", "key.undo.late")
		}
		if err := policy.MayRestoreKey(may, person, p, h, tx.Now); err != nil {
			return err
		}
		keys, err := tx.ListSecurityKeys(person, inUse...)
		if err != nil {
			return err
		}
		nickname := freeNickname(keys, restored.Nickname)
		if nickname != restored.Nickname {
			tx.Event.SubjectName = nickname
			tx.Event.Detail = map[string]string{"before": restored.Nickname}
			if err := tx.RenameRemovedKey(person, key, nickname); err != nil {
				return err
			}
		}
		owner, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		number, err := d.alertNumber(tx, person)
		if err != nil {
			return err
		}
		err = tx.RestoreStoppedKey(person, key, since)
		if err == nil {
			err = tx.InsertNotice("notice.key_restored", owner, map[string]string{"Nickname": nickname})
		}
		if errors.Is(err, staffkey.ErrExpired) { // it was in use
			u := store.InUse{Owner: owner, Keep: actor.Session, Notice: "notice.key_resumed", Args: map[string]string{"Nickname": nickname}, Number: number}
			err = tx.RestoreKey(u, key, since)
		}
		if err != nil {
			return err
		}
		restored, err = tx.FindSecurityKey(person, key)
		return err
	})
	if err != nil {
		return staffkey.SecurityKey{}, fmt.Errorf("restore key: %w", err)
	}
	return restored, nil
}

// Removal is what the confirmation of a removal says.
type Removal struct {
	Key staffkey.SecurityKey
	// Before and After are what the person has now and would have then.
	Before, After policy.Holdings
	// Blocked is why the key cannot be removed, or nil. That a fresh proof is needed first does not block.
	Blocked *staffkey.Refusal
}

// RemovalPreview tells what would still work without a key. ErrNotFound: there is no such key in use.
func (d *Directory) RemovalPreview(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, key staffkey.SecurityKeyID) (Removal, error) {
	var r Removal
	if err := policy.MayManageKeys(actor, person); err != nil {
		return r, fmt.Errorf("preview removal: %w", err)
	}
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		_, h, err := d.loadHoldings(tx, person)
		if err != nil {
			return err
		}
		if r.Key, err = keyInUse(tx, person, key); err != nil {
			return err
		}
		if err := policy.LeavesAWayIn(key, h); err != nil && !errors.As(err, &r.Blocked) {
			return err
		}
		r.Before, r.After = h, h.Without(key)
		return nil
	})
	if err != nil {
		return Removal{}, fmt.Errorf("preview removal: %w", err)
	}
	return r, nil
}

func keyEvent(kind staffkey.EventKind, actor staffkey.Actor, person staffkey.PersonID, key staffkey.SecurityKeyID) staffkey.AuditEvent {
	e := staffkey.Event(kind, actor)
	e.Person, e.Subject = person, string(key)
	return e
}

// loadHoldings returns what holds for a person and what they have.
func (d *Directory) loadHoldings(tx *store.Tx, person staffkey.PersonID) (staffkey.Policy, policy.Holdings, error) {
	owner, err := tx.FindPerson(person)
	if err != nil {
		return staffkey.Policy{}, policy.Holdings{}, err
	}
	tx.Event.Organisation = owner.Organisation
	p, err := effectivePolicy(tx, owner.Organisation)
	if err != nil {
		return p, policy.Holdings{}, err
	}
	h, err := d.Holdings(tx, owner, p)
	return p, h, err
}

// keyInUse returns a person's key, if it is on their list.
func keyInUse(tx *store.Tx, person staffkey.PersonID, key staffkey.SecurityKeyID) (staffkey.SecurityKey, error) {
	k, err := tx.FindSecurityKey(person, key)
	if err == nil && !slices.Contains(inUse, k.State) {
		return k, staffkey.ErrNotFound
	}
	return k, err
}

func indexOfKey(keys []staffkey.SecurityKey, id staffkey.SecurityKeyID) int {
	return slices.IndexFunc(keys, func(k staffkey.SecurityKey) bool { return k.ID == id })
}

// isTaken reports whether one of the keys has a nickname, as the store compares them.
func isTaken(keys []staffkey.SecurityKey, nickname string) bool {
	folded := store.Fold(nickname)
	return slices.ContainsFunc(keys, func(k staffkey.SecurityKey) bool { return store.Fold(k.Nickname) == folded })
}

// freeNickname returns the nickname, or when it is taken the first free one of "name (2)", "name (3)" and so on; a long
// name is cut so that the number fits.
func freeNickname(keys []staffkey.SecurityKey, nickname string) string {
	free := nickname
	for n := 2; isTaken(keys, free); n++ {
		suffix := fmt.Sprintf(" (%d)", n)
		free = firstRunes(nickname, staffkey.MaxNickname-utf8.RuneCountInString(suffix)) + suffix
	}
	return free
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
