package policy

import (
	"slices"
	"time"

	"staffkey"
)

// Defaults are what holds where nobody has decided anything: the modern rule (keys and recovery codes, no phone needed)
// and the session limits of NIST SP 800-63B-4 §2.2.3 and §2.3.3.
func Defaults() staffkey.Policy {
	return staffkey.Policy{
		Methods: []staffkey.MethodKind{staffkey.MethodRecoveryCode},
		MaxKeys: staffkey.DefaultMaxKeys,
		Sessions: staffkey.SessionLimits{
			IdleAAL2: 60, AbsoluteAAL2: 24 * 60, IdleAAL3: 15, AbsoluteAAL3: 12 * 60,
		},
	}
}

// Effective combines the settings of an organisation and all above it, nearest first: the nearest that decides wins.
func Effective(chain []staffkey.PolicySettings) staffkey.Policy {
	p := Defaults()
	for _, s := range slices.Backward(chain) {
		if s.Methods != nil {
			p.Methods = *s.Methods
		}
		if s.MaxKeys != nil {
			p.MaxKeys = *s.MaxKeys
		}
		if s.Sessions != nil {
			p.Sessions = *s.Sessions
		}
	}
	return p
}

// CheckSettings refuses settings that could lock people out or weaken a session below the floor.
func CheckSettings(s staffkey.PolicySettings) error {
	if s.MaxKeys != nil && (*s.MaxKeys < 2 || *s.MaxKeys > 20) {
		return staffkey.Invalid("max_keys", "policy.max_keys", "Min", 2, "Max", 20)
	}
	if l := s.Sessions; l != nil {
		d := Defaults().Sessions
		for _, v := range [][2]int{{l.IdleAAL2, d.IdleAAL2}, {l.AbsoluteAAL2, d.AbsoluteAAL2}, {l.IdleAAL3, d.IdleAAL3}, {l.AbsoluteAAL3, d.AbsoluteAAL3}} {
			if v[0] < 1 || v[0] > v[1] {
				return staffkey.Invalid("sessions", "policy.sessions", "Max", v[1])
			}
		}
	}
	if s.Methods != nil {
		for _, m := range *s.Methods {
			if m == staffkey.MethodPassword || m == staffkey.MethodSecurityKey {
				return staffkey.Invalid("methods", "policy.methods")
			}
		}
	}
	return nil
}

// AssuranceOf computes the level of a set of proofs (NIST SP 800-63B-4 §2). Two factors make level 2: two kinds of proof,
// or one authenticator that checked the person itself. A phishing-resistant proof from hardware that its key cannot leave,
// together with a second factor, makes level 3.
func AssuranceOf(proofs ...staffkey.Proof) staffkey.Assurance {
	var possession, knowledge, verified, resistant, hardware bool
	for _, p := range proofs {
		possession = possession || p.Possession
		knowledge = knowledge || p.Knowledge
		verified = verified || p.Possession && p.VerifiedPerson
		resistant = resistant || p.PhishingResistant
		hardware = hardware || p.PhishingResistant && p.HardwareBound
	}
	switch {
	case verified || possession && knowledge:
		if hardware {
			return staffkey.Assurance{Level: 3, PhishingResistant: true}
		}
		return staffkey.Assurance{Level: 2, PhishingResistant: resistant}
	case possession || knowledge:
		return staffkey.Assurance{Level: 1, PhishingResistant: resistant}
	}
	return staffkey.Assurance{}
}

// NeedsSecond is the refusal of a first proof that is right but not enough.
const NeedsSecond = "needs_second"

// AcceptsSignIn decides whether proofs open a session. Below level 2 they do so only when the person has nothing
// stronger yet: then the session is for setting it up.
func AcceptsSignIn(proofs []staffkey.Proof, hasSecond bool) (staffkey.Assurance, error) {
	a := AssuranceOf(proofs...)
	switch {
	case a.Level >= 2:
		return a, nil
	case a.Level == 1 && !hasSecond && slices.ContainsFunc(proofs, func(p staffkey.Proof) bool { return p.Knowledge }):
		return a, nil
	case slices.ContainsFunc(proofs, func(p staffkey.Proof) bool { return p.Method == staffkey.MethodSecurityKey }):
		return staffkey.Assurance{}, staffkey.Refused("user_verification", "key.uv")
	}
	return staffkey.Assurance{}, staffkey.Refused(NeedsSecond, "signin.second")
}

// SessionLife returns the idle and absolute limits of a session (F9). A session for setting up is short.
func SessionLife(p staffkey.Policy, a staffkey.Assurance) (idle, absolute time.Duration) {
	switch {
	case a.Level >= 3:
		return minutes(p.Sessions.IdleAAL3), minutes(p.Sessions.AbsoluteAAL3)
	case a.Level == 2:
		return minutes(p.Sessions.IdleAAL2), minutes(p.Sessions.AbsoluteAAL2)
	}
	return 15 * time.Minute, time.Hour
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// Holdings is what a person has to sign in with, besides the password.
type Holdings struct {
	// Keys on the list: in use, or on hold.
	Keys []staffkey.SecurityKey
	// Others that still work and that policy allows: recovery codes left, and what comes later.
	Others []staffkey.MethodKind
}

// Any reports whether there is anything at all.
func (h Holdings) Any() bool { return len(h.Keys) > 0 || len(h.Others) > 0 }

// Strongest is the assurance that a change of methods must reach (F10).
func (h Holdings) Strongest() staffkey.Assurance {
	switch {
	case len(h.Keys) > 0:
		return staffkey.Assurance{Level: 2, PhishingResistant: true}
	case len(h.Others) > 0:
		return staffkey.Assurance{Level: 2}
	}
	return staffkey.Assurance{}
}

// MayEnrolKey: the person themselves, freshly proved, with room on the list.
func MayEnrolKey(actor staffkey.Actor, person staffkey.PersonID, p staffkey.Policy, h Holdings, now time.Time) error {
	if err := mayChangeMethods(actor, person, h, now); err != nil {
		return err
	}
	if len(h.Keys) >= p.MaxKeys {
		return staffkey.Refused("key_limit", "key.limit", "Count", p.MaxKeys)
	}
	return nil
}

// MayEnrolMethod: the person themselves, freshly proved, when policy allows the method.
func MayEnrolMethod(actor staffkey.Actor, person staffkey.PersonID, kind staffkey.MethodKind, p staffkey.Policy, h Holdings, now time.Time) error {
	if err := mayChangeMethods(actor, person, h, now); err != nil {
		return err
	}
	if !p.Allows(kind) {
		return staffkey.Refused("method_not_allowed", "method.not_allowed")
	}
	return nil
}

func mayChangeMethods(actor staffkey.Actor, person staffkey.PersonID, h Holdings, now time.Time) error {
	if err := MayManageKeys(actor, person); err != nil {
		return err
	}
	return IsFresh(actor, h.Strongest(), now)
}

// MayRemoveKey: freshly proved, and never the last usable method (F23).
func MayRemoveKey(actor staffkey.Actor, person staffkey.PersonID, key staffkey.SecurityKeyID, h Holdings, now time.Time) error {
	if err := mayChangeMethods(actor, person, h, now); err != nil {
		return err
	}
	return LeavesAWayIn(key, h)
}

// LeavesAWayIn refuses the removal of a key after which nothing would be left to sign in with.
func LeavesAWayIn(key staffkey.SecurityKeyID, h Holdings) error {
	for _, k := range h.Keys {
		if k.ID != key && k.State == staffkey.SecurityKeyActive {
			return nil
		}
	}
	if len(h.Others) > 0 {
		return nil
	}
	return staffkey.Refused("last_method", "key.last")
}

// MayRestoreKey: freshly proved and with room on the list.
func MayRestoreKey(actor staffkey.Actor, person staffkey.PersonID, p staffkey.Policy, h Holdings, now time.Time) error {
	return MayEnrolKey(actor, person, p, h, now)
}

// AcceptsKey decides whether a key that was just verified may be registered: it must have checked the person (F4), and a
// credential id must be of a length that every server can keep.
func AcceptsKey(k staffkey.SecurityKey) error {
	switch {
	case len(k.CredentialID) == 0 || len(k.CredentialID) > staffkey.MaxCredentialID:
		return staffkey.Refused("credential_id_length", "key.model")
	case !k.UserVerified:
		return staffkey.Refused("user_verification", "key.uv")
	}
	return nil
}

// SignsIn refuses a key that is not in use.
func SignsIn(k staffkey.SecurityKey) error {
	switch k.State {
	case staffkey.SecurityKeyActive:
		return nil
	case staffkey.SecurityKeySuspended:
		return staffkey.Refused("key_suspended", "key.suspended")
	case staffkey.SecurityKeyRemoved:
		return staffkey.Refused("key_removed", "key.removed", "When", k.RemovedAt)
	}
	return staffkey.Refused("key_pending", "key.unknown")
}

// IsActive refuses a person who may not sign in.
func IsActive(p staffkey.Person) error {
	if p.State != staffkey.PersonActive {
		return staffkey.Refused("person_disabled", "person.disabled")
	}
	return nil
}

// SameKey finds the entry that a key registered again shares its hardware with, among the entries that the browser
// refused as "already registered": by elimination, the one candidate of the same model. Empty when there is not exactly
// one (F24).
func SameKey(added staffkey.SecurityKey, existing []staffkey.SecurityKey) staffkey.SecurityKeyID {
	var same staffkey.SecurityKeyID
	for _, k := range existing {
		if k.AAGUID != added.AAGUID || k.ID == added.ID {
			continue
		}
		root := k.ID
		if k.SameKeyAs != "" {
			root = k.SameKeyAs
		}
		if same != "" && same != root {
			return ""
		}
		same = root
	}
	return same
}

// HoldingsOf lists what a person has under a policy: the keys on their list, and enrolments that policy allows and that are
// still good for something.
func HoldingsOf(p staffkey.Policy, keys []staffkey.SecurityKey, enrolments []staffkey.Enrolment, usable func(staffkey.Enrolment) bool) Holdings {
	h := Holdings{Keys: keys}
	for _, e := range enrolments {
		if e.Method != staffkey.MethodPassword && e.Method != staffkey.MethodSecurityKey && p.Allows(e.Method) && usable(e) {
			h.Others = append(h.Others, e.Method)
		}
	}
	return h
}
