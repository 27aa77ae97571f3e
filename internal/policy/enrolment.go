package policy

import (
	"slices"
	"strconv"
	"time"

	"staffkey"
)

// Holdings is what a person has to sign in with, besides the password.
type Holdings struct {
	// Keys on the list: in use, or on hold.
	Keys []staffkey.SecurityKey
	// Refused are those of them that are in use and that no sign-in takes all the same: see [TakesKey].
	Refused []staffkey.SecurityKeyID
	// Others that still work and that policy allows: app, telephone, recovery codes left, a pass.
	Others []staffkey.MethodKind
	// SetUp says that the person has ever set up anything beyond the password, whether it is still there or not. Then the password alone
	// opens nothing any more: what is used up, switched off, removed or forbidden by now is not a way around itself.
	SetUp bool
}

// HoldingsOf lists what a person has under a policy: the keys on their list, and enrolments that policy allows and that are
// still good for something.
func HoldingsOf(person staffkey.Person, p staffkey.Policy, keys []staffkey.SecurityKey, enrolments []staffkey.Enrolment, usable func(staffkey.Enrolment) bool) Holdings {
	h := Holdings{Keys: keys, SetUp: !person.SetUpAt.IsZero()}
	for _, e := range enrolments {
		if e.Method == staffkey.MethodPassword || e.Method == staffkey.MethodSecurityKey {
			continue
		}
		if p.Allows(e.Method) && usable(e) {
			h.Others = append(h.Others, e.Method)
		}
	}
	return h
}

// ActiveKeys are the keys in use.
func (h Holdings) ActiveKeys() []staffkey.SecurityKey {
	var active []staffkey.SecurityKey
	for _, k := range h.Keys {
		if k.State == staffkey.SecurityKeyActive {
			active = append(active, k)
		}
	}
	return active
}

// UsableKeys are the keys that would sign the person in now: in use, and not of a model that is refused.
func (h Holdings) UsableKeys() []staffkey.SecurityKey {
	return slices.DeleteFunc(h.ActiveKeys(), func(k staffkey.SecurityKey) bool { return slices.Contains(h.Refused, k.ID) })
}

// DifferentKeys is how many keys in the hand sign the person in. Whatever says how many keys somebody has says this number: an entry on
// hold or refused is no way in, and two entries on one key get lost together (F24).
func (h Holdings) DifferentKeys() int { return staffkey.PhysicalKeys(h.UsableKeys()) }

// Without are the holdings when an entry has gone.
func (h Holdings) Without(key staffkey.SecurityKeyID) Holdings {
	h.Keys = slices.DeleteFunc(slices.Clone(h.Keys), func(k staffkey.SecurityKey) bool { return k.ID == key })
	return h
}

// inUse reports a key or a method, no pass, that signs the person in.
func (h Holdings) inUse() bool { return len(h.ActiveKeys()) > 0 || lasts(h, "") }

// hasKey reports a key in use or on hold, except one that never was in use because it waits for a review.
func (h Holdings) hasKey() bool {
	return slices.ContainsFunc(h.Keys, func(k staffkey.SecurityKey) bool { return k.StopReason != staffkey.StopReview })
}

// Strongest is the assurance that a change of methods must reach (F10). A key on hold counts: who could put it on hold with less must
// not be able to go on with less.
func (h Holdings) Strongest() staffkey.Assurance {
	switch {
	case h.hasKey():
		return staffkey.Assurance{Level: 2, PhishingResistant: true}
	case slices.ContainsFunc(h.Others, func(m staffkey.MethodKind) bool { return m != staffkey.MethodPass }):
		return staffkey.Assurance{Level: 2}
	}
	return staffkey.Assurance{}
}

// strongestToAdd is what adding a method must reach. Two means of recovery stand in for a key: a pass, which an administrator gave after
// looking at the person; and a password with a saved recovery code, but only when no key is in use any more (NIST SP 800-63B-4 §4.2), and
// never for people who act for others: what can be phished must not lead to other people's keys.
func strongestToAdd(actor staffkey.Authority, p staffkey.Policy, h Holdings) staffkey.Assurance {
	switch {
	case actor.Recovery == staffkey.RecoveryPass:
		return staffkey.Assurance{Level: 1}
	case actor.Recovery == staffkey.RecoveryCode && len(h.ActiveKeys()) == 0 && CodesRecover(actor, p):
		return staffkey.Assurance{Level: 2}
	}
	return h.Strongest()
}

// CodesRecover reports whether a saved recovery code may stand in for the actor's key at all: not where policy asks for keys, nor for
// people who act for others.
func CodesRecover(actor staffkey.Authority, p staffkey.Policy) bool {
	return len(actor.Grants) == 0 && p.Downgrade != staffkey.DowngradeForbid && p.Strength != staffkey.StrengthPhishingResistant
}

// mayAdd: the person themselves, freshly proved, as strong as adding a method takes.
func mayAdd(actor staffkey.Authority, person staffkey.PersonID, p staffkey.Policy, h Holdings, now time.Time) error {
	if err := MayManageKeys(actor.Actor, person); err != nil {
		return err
	}
	return IsFresh(actor, strongestToAdd(actor, p, h), now)
}

// CanAdd reports whether the actor's session is strong enough to add a method, however old its proof.
func CanAdd(actor staffkey.Authority, p staffkey.Policy, h Holdings) error {
	if !actor.Assurance.AtLeast(strongestToAdd(actor, p, h)) {
		return staffkey.Refused(StepUp, "confirm.why")
	}
	return nil
}

// MayEnrolKey: the person themselves, freshly proved, with room on the list. A key that replaces another takes its place.
func MayEnrolKey(actor staffkey.Authority, person staffkey.PersonID, p staffkey.Policy, h Holdings, replaces staffkey.SecurityKeyID, now time.Time) error {
	if err := mayAdd(actor, person, p, h, now); err != nil {
		return err
	}
	return HasRoom(p, h, replaces)
}

// HasRoom refuses a key more than policy allows.
func HasRoom(p staffkey.Policy, h Holdings, replaces staffkey.SecurityKeyID) error {
	n := len(h.Keys)
	if replaces != "" {
		n--
	}
	if n >= p.MaxKeys {
		return staffkey.Refused("key_limit", "key.limit", "Count", p.MaxKeys)
	}
	return nil
}

// MayReplace: a key takes the place of one on the person's list that is not in use any more.
func MayReplace(h Holdings, id staffkey.SecurityKeyID) error {
	for _, k := range h.Keys {
		if k.ID == id && k.State == staffkey.SecurityKeySuspended {
			return nil
		}
	}
	return staffkey.Refused("not_replaceable", "key.before").Because("the entry to replace is not on hold, or not on the list")
}

// MayEnrolMethod: the person themselves, freshly proved, when policy allows the method. Passes are issued, never set up; codes over the
// telephone are not for people who act for others.
func MayEnrolMethod(actor staffkey.Authority, person staffkey.PersonID, kind staffkey.MethodKind, p staffkey.Policy, h Holdings, now time.Time) error {
	if err := mayAdd(actor, person, p, h, now); err != nil {
		return err
	}
	switch {
	case !p.Allows(kind) || kind == staffkey.MethodPass:
		return staffkey.Refused("method_not_allowed", "method.not_allowed")
	case isRestricted(kind) && len(actor.Grants) > 0:
		return staffkey.Refused("restricted", "method.restricted")
	}
	return nil
}

// PasswordStandsAlone reports whether a person's password is all that they sign in with: until they first set something stronger up, which
// may take them their whole grace. Such a password has to be longer (NIST SP 800-63B-4 §3.1.1.2, F48).
func PasswordStandsAlone(p staffkey.Person) bool { return p.SetUpAt.IsZero() }

// isRestricted tells the methods over the telephone network, which NIST SP 800-63B-4 §3.1.3.3 restricts.
func isRestricted(kind staffkey.MethodKind) bool {
	return kind == staffkey.MethodTextMessage || kind == staffkey.MethodPhoneCall
}

// Offered lists the methods of a policy that a person may set up, of those that the installation has.
func Offered(p staffkey.Policy, has []staffkey.MethodKind, privileged bool) []staffkey.MethodKind {
	var list []staffkey.MethodKind
	for _, kind := range has {
		if kind == staffkey.MethodPassword || kind == staffkey.MethodPass || !p.Allows(kind) || privileged && isRestricted(kind) {
			continue
		}
		list = append(list, kind)
	}
	return list
}

func mayTakeAway(actor staffkey.Authority, person staffkey.PersonID, h Holdings, now time.Time) error {
	if err := MayManageKeys(actor.Actor, person); err != nil {
		return err
	}
	return IsFresh(actor, h.Strongest(), now)
}

// MayRemoveKey: freshly proved, and never the last usable method (F23).
func MayRemoveKey(actor staffkey.Authority, person staffkey.PersonID, key staffkey.SecurityKeyID, h Holdings, now time.Time) error {
	if err := mayTakeAway(actor, person, h, now); err != nil {
		return err
	}
	return LeavesAWayIn(key, h)
}

// LeavesAWayIn refuses the removal of a key after which nothing would be left to sign in with.
func LeavesAWayIn(key staffkey.SecurityKeyID, h Holdings) error {
	if len(h.Without(key).UsableKeys()) > 0 || lasts(h, "") {
		return nil
	}
	return staffkey.Refused("last_method", "key.last")
}

// lasts reports whether there is a method besides keys that is no pass, which ends by itself.
func lasts(h Holdings, except staffkey.MethodKind) bool {
	return slices.ContainsFunc(h.Others, func(m staffkey.MethodKind) bool { return m != staffkey.MethodPass && m != except })
}

// MayRemoveMethod: freshly proved, and never the last usable method (F47).
func MayRemoveMethod(actor staffkey.Authority, person staffkey.PersonID, kind staffkey.MethodKind, h Holdings, now time.Time) error {
	if err := mayTakeAway(actor, person, h, now); err != nil {
		return err
	}
	return LeavesAMethod(kind, h)
}

// LeavesAMethod refuses the removal of a method after which nothing would be left to sign in with.
func LeavesAMethod(kind staffkey.MethodKind, h Holdings) error {
	if len(h.UsableKeys()) > 0 || lasts(h, kind) || !slices.Contains(h.Others, kind) {
		return nil
	}
	return staffkey.Refused("last_method", "method.last")
}

// MayRestoreKey: freshly proved and with room on the list.
func MayRestoreKey(actor staffkey.Authority, person staffkey.PersonID, p staffkey.Policy, h Holdings, now time.Time) error {
	if err := mayTakeAway(actor, person, h, now); err != nil {
		return err
	}
	return HasRoom(p, h, "")
}

// MayChangePassword: freshly proved, as strong as adding a method takes.
func MayChangePassword(actor staffkey.Authority, person staffkey.PersonID, p staffkey.Policy, h Holdings, now time.Time) error {
	return mayAdd(actor, person, p, h, now)
}

// NeedsPassword reports whether the present password is asked for when it is changed: always, but of somebody whom an administrator has
// just let in by a pass, because they have none or do not know it.
func NeedsPassword(actor staffkey.Authority) bool { return actor.Recovery != staffkey.RecoveryPass }

// MayStopKey: one's own, at any age of the proof. It takes nothing away for good, and in doubt it is better done.
func MayStopKey(actor staffkey.Actor, person staffkey.PersonID) error {
	return MayManageKeys(actor, person)
}

// MayResetKey: one's own, in a session that could register the key again once its entries are on hold. Unlike a key that was stopped, one
// that was reset does not come back, so a lesser session must not say it of a key that works. It may be older than other changes ask for:
// resetting a key takes minutes, and it may have been the proof.
func MayResetKey(actor staffkey.Authority, person staffkey.PersonID, p staffkey.Policy, h Holdings, reset []staffkey.SecurityKeyID) error {
	if err := MayManageKeys(actor.Actor, person); err != nil {
		return err
	}
	h.Keys = slices.Clone(h.Keys)
	for i, k := range h.Keys {
		if slices.Contains(reset, k.ID) {
			h.Keys[i].State, h.Keys[i].StopReason = staffkey.SecurityKeySuspended, staffkey.StopReset
		}
	}
	return CanAdd(actor, p, h)
}

// MayResumeKey: a key that was lost and is found comes back with what adding a key takes. One that was in other hands comes back only
// by the proof of another key, or by an administrator's pass. One that waits for a review is not theirs to put in use.
func MayResumeKey(actor staffkey.Authority, person staffkey.PersonID, k staffkey.SecurityKey, p staffkey.Policy, h Holdings, now time.Time) error {
	if err := MayManageKeys(actor.Actor, person); err != nil {
		return err
	}
	if k.StopReason == staffkey.StopReview {
		return staffkey.Refused("key_in_review", "key.review")
	}
	if k.StopReason != staffkey.StopLost && actor.Recovery != staffkey.RecoveryPass {
		return IsFresh(actor, h.Strongest(), now)
	}
	return IsFresh(actor, strongestToAdd(actor, p, h), now)
}

// Lack is what a person has not set up yet of what policy asks for (F45).
type Lack string

// What may be lacking. The text of lack l is the message "methods.rule.<l>".
const (
	LackNothing Lack = ""
	LackKey     Lack = "key"    // policy asks for a security key
	LackBackup  Lack = "backup" // there is one key; a second, or recovery codes, make it enough
	LackCore    Lack = "core"   // one of the core methods
)

// Lacking tells what a person lacks. With the security key among the core methods (the modern rule), two keys, or one key and any other
// method, are enough; without (the classic rule), a key counts only beside a core method.
func Lacking(p staffkey.Policy, h Holdings) Lack {
	keys := h.DifferentKeys()
	modern := slices.Contains(p.CoreMethods, staffkey.MethodSecurityKey)
	if p.Strength == staffkey.StrengthPhishingResistant && keys == 0 {
		return LackKey
	}
	for _, m := range h.Others {
		if slices.Contains(p.CoreMethods, m) {
			return LackNothing
		}
	}
	switch {
	case !modern:
		return LackCore
	case keys >= 2, keys == 1 && lasts(h, ""):
		return LackNothing
	case keys == 1:
		return LackBackup
	case len(p.CoreMethods) == 1:
		return LackKey
	}
	return LackCore
}

// Share is what setting up one more method does towards what policy asks for.
type Share string

// The shares.
const (
	ShareAll   Share = "all"   // with it nothing is lacking any more
	SharePart  Share = "part"  // it counts together with another that would not be enough either
	ShareExtra Share = "extra" // something is lacking all the same, whatever comes beside it
)

// ShareOf tells what a method would do towards what a person lacks; offered are all methods that they may set up.
func ShareOf(p staffkey.Policy, h Holdings, kind staffkey.MethodKind, offered []staffkey.MethodKind) Share {
	if Lacking(p, h.with(kind)) == LackNothing {
		return ShareAll
	}
	for _, other := range offered {
		if Lacking(p, h.with(other)) != LackNothing && Lacking(p, h.with(kind).with(other)) == LackNothing {
			return SharePart
		}
	}
	return ShareExtra
}

// with are the holdings with one more method, or one more key.
func (h Holdings) with(kind staffkey.MethodKind) Holdings {
	if kind != staffkey.MethodSecurityKey {
		h.Others = append(slices.Clone(h.Others), kind)
		return h
	}
	id := staffkey.SecurityKeyID(strconv.Itoa(len(h.Keys))) // of none that is stored
	h.Keys = append(slices.Clone(h.Keys), staffkey.SecurityKey{ID: id, State: staffkey.SecurityKeyActive})
	return h
}

// SetUpState is what a person is asked to set up, and until when it may be put off.
type SetUpState struct {
	Lack Lack
	// Until is when putting it off ends; zero when nothing is lacking.
	Until time.Time
	// Must says that it has ended.
	Must bool
	// Exception is until when the person is let off, or zero.
	Exception time.Time
}

// AsksFor tells what a person is asked to set up (F46). Grace begins when they are first asked.
func AsksFor(p staffkey.Policy, h Holdings, person staffkey.Person, exceptions []staffkey.Exception, now time.Time) SetUpState {
	s := SetUpState{Lack: Lacking(p, h)}
	for _, e := range exceptions {
		if e.ExpiresAt.After(now) && e.ExpiresAt.After(s.Exception) {
			s.Exception = e.ExpiresAt
		}
	}
	if s.Lack == LackNothing {
		return s
	}
	asked := person.AskedAt
	if asked.IsZero() {
		asked = now
	}
	s.Until = asked.Add(time.Duration(p.GraceDays) * 24 * time.Hour)
	s.Must = !now.Before(s.Until) && s.Exception.IsZero()
	return s
}
