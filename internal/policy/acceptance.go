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
		Methods:     []staffkey.MethodKind{staffkey.MethodRecoveryCode},
		MaxKeys:     staffkey.DefaultMaxKeys,
		CoreMethods: []staffkey.MethodKind{staffkey.MethodSecurityKey},
		Strength:    staffkey.StrengthAny,
		Downgrade:   staffkey.DowngradeNotify,
		GraceDays:   14,
		Countries:   []string{"GB"},
		CodesPerDay: 1000,
		Keys:        defaultKeyRules,
		Sessions: staffkey.SessionLimits{
			IdleAAL2: 60, AbsoluteAAL2: 24 * 60, IdleAAL3: 15, AbsoluteAAL3: 12 * 60,
		},
	}
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

// Entering is what decides, beside the proofs, whether a person comes in.
type Entering struct {
	Policy   staffkey.Policy
	Holdings Holdings
	// Privileged: the person holds a role for others.
	Privileged bool
	// Excepted: an exception from policy counts for the person.
	Excepted bool
}

// AcceptsSignIn decides whether proofs open a session. Below level 2 they do so only for setting up: with a password by a person who
// has never set up anything stronger, or with a pass.
func AcceptsSignIn(proofs []staffkey.Proof, e Entering) (staffkey.Assurance, error) {
	a := AssuranceOf(proofs...)
	if e.Privileged && slices.ContainsFunc(proofs, func(p staffkey.Proof) bool { return p.Restricted }) {
		return staffkey.Assurance{}, staffkey.Refused("restricted", "method.restricted")
	}
	switch {
	case a.Level >= 2:
		if e.weaker(a, RecoveryOf(proofs)) && !e.Excepted &&
			(e.Policy.Downgrade == staffkey.DowngradeForbid || e.Policy.Strength == staffkey.StrengthPhishingResistant) {
			return staffkey.Assurance{}, staffkey.Refused("downgrade", "method.weaker")
		}
		return a, nil
	case a.Level == 1 && slices.ContainsFunc(proofs, func(p staffkey.Proof) bool { return p.Recovery == staffkey.RecoveryPass }):
		return a, nil
	case a.Level == 1 && !e.Holdings.SetUp && !e.Holdings.inUse() && slices.ContainsFunc(proofs, func(p staffkey.Proof) bool { return p.Knowledge }):
		return a, nil
	case slices.ContainsFunc(proofs, func(p staffkey.Proof) bool { return p.Recalled }):
		return staffkey.Assurance{}, staffkey.Refused("recall_alone", "key.recall-alone")
	case slices.ContainsFunc(proofs, func(p staffkey.Proof) bool { return p.Method == staffkey.MethodSecurityKey }):
		return staffkey.Assurance{}, staffkey.Refused("user_verification", "key.uv")
	}
	return staffkey.Assurance{}, staffkey.Refused(NeedsSecond, "signin.second")
}

// weaker: the person has a key and comes in by something that is not one, nor a means of recovery. A key on hold counts: a password
// puts one on hold, and must not open the weaker way by it.
func (e Entering) weaker(a staffkey.Assurance, r staffkey.Recovery) bool {
	return !a.PhishingResistant && r == staffkey.RecoveryNone && e.Holdings.hasKey()
}

// IsDowngrade reports a sign-in, accepted, by something weaker than the key that the person has, in use or on hold (F11). A means of recovery is one
// too: it is told like the others, and never forbidden.
func IsDowngrade(a staffkey.Assurance, h Holdings) bool {
	return !a.PhishingResistant && h.hasKey()
}

// RecoveryOf returns the means of recovery among proofs; a pass counts more than a code.
func RecoveryOf(proofs []staffkey.Proof) staffkey.Recovery {
	found := staffkey.RecoveryNone
	for _, p := range proofs {
		if p.Recovery == staffkey.RecoveryPass || found == staffkey.RecoveryNone {
			found = p.Recovery
		}
	}
	return found
}

// RestsOn is the instant from which the limits of a session count that proofs open: that of the one proof which is enough alone, the latest
// such, or else of the oldest (NIST SP 800-63B-4 §2.1.3: reauthentication takes all factors again). A session of level 2 or 3 that a touch
// or a code renews beside a password goes on resting on the password.
func RestsOn(proofs []staffkey.Proof, a staffkey.Assurance, now time.Time) time.Time {
	oldest, alone := now, time.Time{}
	for _, p := range proofs {
		if p.At.Before(oldest) {
			oldest = p.At
		}
		if AssuranceOf(p).AtLeast(a) && p.At.After(alone) {
			alone = p.At
		}
	}
	if !alone.IsZero() {
		return alone
	}
	return oldest
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

// AtStation shortens the idle limit of a session at a shared station (F6).
func AtStation(idle time.Duration) time.Duration { return min(idle, staffkey.StationIdleLimit) }

// LearnsLanguage reports whether the language that a person signs in with is theirs from now on: messages go where no browser says which
// one to use. Only who has chosen none learns one, never at a shared station, and never English: that is what people get who have chosen
// none, and it would stand against a browser at home that asks for Welsh.
func LearnsLanguage(p staffkey.Person, o staffkey.Origin) bool {
	return p.Language == "" && o.Station == "" && o.Language != "" && o.Language != "en"
}

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }

// AcceptsKey decides whether a key that was just verified may be registered: it must have checked the person (F4), unless the rules take
// keys that cannot, and a credential id must be of a length that every server can keep.
func AcceptsKey(rules staffkey.KeyRules, k staffkey.SecurityKey) error {
	switch {
	case len(k.CredentialID) == 0 || len(k.CredentialID) > staffkey.MaxCredentialID:
		return staffkey.Refused("credential_id_length", "key.model")
	case AsksForPerson(rules) && !k.UserVerified:
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
	switch p.State {
	case staffkey.PersonActive:
		return nil
	case staffkey.PersonFrozen:
		return staffkey.Refused("person_frozen", "person.frozen")
	}
	return staffkey.Refused("person_disabled", "person.disabled")
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
