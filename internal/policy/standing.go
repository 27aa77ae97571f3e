package policy

import (
	"slices"

	"staffkey"
)

// JudgedKey is a key on somebody's list with what is known of it.
type JudgedKey struct {
	Key    staffkey.SecurityKey
	Facts  staffkey.KeyFacts
	Recall RecallPhase
}

// Standing is how somebody stands with what they have to sign in with, under one policy.
type Standing struct {
	// Taken are the keys in use that are taken at a sign-in, Refused those in use that are not.
	Taken, Refused []staffkey.SecurityKeyID
	// Methods are those that let the person in beside a password.
	Methods []staffkey.MethodKind
	// Strong says that one of the keys, with a password, is enough to act for others.
	Strong bool
	Lack   Lack
}

// WayIn reports whether anything lets the person in, if need be with a password.
func (s Standing) WayIn() bool { return len(s.Taken)+len(s.Methods) > 0 }

// Holder is who holds something: what [StandingOf] needs to know of a person beside it.
type Holder struct {
	Privileged, Excepted bool
}

// StandingOf judges what somebody has as a sign-in would ([JudgeKey], [AcceptsSignIn]), each with a right password beside it, so that
// asking what a change would do is the same as having made it. Others are the methods that they have set up and that still work; what the
// policy forbids of them is passed over.
func StandingOf(p staffkey.Policy, keys []JudgedKey, others []staffkey.MethodKind, who Holder) Standing {
	var s Standing
	h := Holdings{SetUp: true}
	for _, k := range keys {
		h.Keys = append(h.Keys, k.Key)
	}
	for _, m := range others {
		if p.Allows(m) {
			h.Others = append(h.Others, m)
		}
	}
	s.Lack = Lacking(p, h)
	e := Entering{Policy: p, Holdings: h, Privileged: who.Privileged, Excepted: who.Excepted}
	password := staffkey.Proof{Method: staffkey.MethodPassword, Knowledge: true}
	for _, k := range keys {
		if k.Key.State != staffkey.SecurityKeyActive {
			continue
		}
		proof := staffkey.Proof{
			Method: staffkey.MethodSecurityKey, Possession: true, PhishingResistant: true, HardwareBound: !k.Key.BackupEligible, VerifiedPerson: k.Key.UserVerified,
		}
		if k.Recall == RecallRunning {
			proof = OnRecall(proof)
		}
		a, err := AcceptsSignIn([]staffkey.Proof{password, proof}, e)
		if err != nil || k.Recall == RecallOver || JudgeKey(p.Keys, k.Key, k.Facts, false).Answer == Refuse {
			s.Refused = append(s.Refused, k.Key.ID)
			continue
		}
		s.Taken = append(s.Taken, k.Key.ID)
		s.Strong = s.Strong || a.Level >= 2 && a.PhishingResistant
	}
	for _, m := range h.Others {
		proof := staffkey.Proof{Method: m, Possession: true, Restricted: isRestricted(m)}
		if m == staffkey.MethodRecoveryCode {
			proof.Recovery = staffkey.RecoveryCode
		}
		if _, err := AcceptsSignIn([]staffkey.Proof{password, proof}, e); err == nil {
			s.Methods = append(s.Methods, m)
		}
	}
	return s
}

// Shift is what a change does to one person.
type Shift struct {
	// Refused are keys that are taken before and not after, Freed the other way round.
	Refused, Freed []staffkey.SecurityKeyID
	// Lost are methods that let the person in before and not after.
	Lost []staffkey.MethodKind
	// Stranded: a key was refused and no other is taken. ShutOut: nothing lets the person in any more, where something did.
	Stranded, ShutOut bool
	// Asked: the person has to set something up, who had all that was asked for.
	Asked bool
	// Disarmed: the person could act for others by a key, and cannot any more.
	Disarmed bool
}

// ShiftOf compares how somebody stands before and after a change.
func ShiftOf(before, after Standing) Shift {
	missing := func(ids, in []staffkey.SecurityKeyID) []staffkey.SecurityKeyID {
		return slices.DeleteFunc(slices.Clone(ids), func(id staffkey.SecurityKeyID) bool { return slices.Contains(in, id) })
	}
	s := Shift{
		Refused: missing(before.Taken, after.Taken), Freed: missing(after.Taken, before.Taken),
		Lost:    slices.DeleteFunc(slices.Clone(before.Methods), func(m staffkey.MethodKind) bool { return slices.Contains(after.Methods, m) }),
		ShutOut: before.WayIn() && !after.WayIn(), Asked: before.Lack == LackNothing && after.Lack != LackNothing, Disarmed: before.Strong && !after.Strong,
	}
	s.Stranded = len(s.Refused) > 0 && len(after.Taken) == 0
	return s
}

// Concerned reports whether the change does anything to the person.
func (s Shift) Concerned() bool {
	return len(s.Refused)+len(s.Freed)+len(s.Lost) > 0 || s.Asked || s.ShutOut
}

// ShutsOutOperators refuses a change after which no operator could act any more, where one could: each operator's standing before and
// after. Whoever stands at the console of the server may overrule it.
func ShutsOutOperators(able, left int, overruled bool) error {
	if able > 0 && left == 0 && !overruled {
		return staffkey.Refused("last_operator_key", "ops.last_operator_key")
	}
	return nil
}

// TakesOwnKey refuses a change by which the actor's own key would be refused, unless they have said that they know.
func TakesOwnKey(own Shift, known bool) error {
	if len(own.Refused) > 0 && !known {
		return staffkey.Refused("own_key", "ops.own_key")
	}
	return nil
}

// HoldLimits say when what newly fetched metadata says against keys waits for an operator: when more people than People would have a key
// refused, or more than one and more than Percent of a hundred of all who have one.
type HoldLimits struct{ People, Percent int }

// DefaultHoldLimits are what holds unless the server is told otherwise.
var DefaultHoldLimits = HoldLimits{People: 25, Percent: 10}

// Exceeded reports whether refusing keys of so many people, of all who have a key, is for an operator to decide.
func (l HoldLimits) Exceeded(people, all int) bool {
	return people > l.People || people > 1 && people*100 > all*l.Percent
}
