package signin_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// only drops what an operation returns besides its error.
func only[T any](_ T, err error) error { return err }

func victimOf(s *scene) staffkey.Person { return s.victim }

// enrolling begins an enrolment and returns its right answer.
func (s *scene) enrolling(t *testing.T, in signintest.Browser, kind staffkey.MethodKind) signin.Answer {
	t.Helper()
	b, err := s.Service.BeginEnrolment(t.Context(), in.Actor, kind, signin.EnrolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if kind == staffkey.MethodSecurityKey {
		return answer(b, kind, create(t, newKey(), b.Options))
	}
	return answer(b, kind, totpCode(secretOfApp(t, b.Options), s.Clock.Now()))
}

// signingIn begins a sign-in by a method and returns how it ends.
func (s *scene) signingIn(t *testing.T, a signin.Attempt, kind staffkey.MethodKind) func() error {
	t.Helper()
	b, err := s.Service.BeginSignIn(t.Context(), a, kind)
	if err != nil {
		t.Fatal(err)
	}
	body := s.answerTo(t, b, kind)
	return func() error {
		return only(s.Service.FinishSignIn(t.Context(), origin, a, answer(b, kind, body), nowhere))
	}
}

func (s *scene) answerTo(t *testing.T, b signin.Begun, kind staffkey.MethodKind) []byte {
	t.Helper()
	if kind == staffkey.MethodSecurityKey {
		return get(t, s.key, b.Options)
	}
	s.Clock.Advance(time.Minute)
	return totpCode(s.actor.secret, s.Clock.Now())
}

// provingBy begins a step-up by a method and returns how it ends.
func provingBy(kind staffkey.MethodKind) func(t *testing.T, s *scene) func() error {
	return func(t *testing.T, s *scene) func() error {
		b, err := s.Service.BeginStepUp(t.Context(), s.in.Actor, kind)
		if err != nil {
			t.Fatal(err)
		}
		body := s.answerTo(t, b, kind)
		return func() error {
			return only(s.Service.FinishStepUp(t.Context(), s.in.Actor, answer(b, kind, body), s.in.Session))
		}
	}
}

// held puts a key of the victim on hold and returns it.
func (s *scene) held(t *testing.T, reason staffkey.StopReason) staffkey.SecurityKeyID {
	t.Helper()
	id := s.addStoredKey(t, s.victim, staffkey.SecurityKeyActive)
	s.Change(t, func(tx *store.Tx) error { return tx.StopSecurityKey(s.victim.ID, id, reason) })
	return id
}

// acts are the operations of this package, each under way.
var acts = []act{
	{op: "FinishSignIn", how: "by password and key", stands: entering, begin: func(t *testing.T, s *scene) func() error {
		return s.signingIn(t, s.attempt(t, s.actor.person), staffkey.MethodSecurityKey)
	}},
	{op: "FinishSignIn", how: "by key alone", stands: entering.but(reasons{passwordChanged: "it has no part in it"}), begin: func(t *testing.T, s *scene) func() error {
		return s.signingIn(t, signin.Attempt{}, staffkey.MethodSecurityKey)
	}},
	{op: "FinishSignIn", how: "by password and app", stands: entering.but(reasons{keyRecalled: "it has no part in it"}), begin: func(t *testing.T, s *scene) func() error {
		return s.signingIn(t, s.attempt(t, s.actor.person), staffkey.MethodTOTP)
	}},
	{op: "FinishPass", stands: entering.but(reasons{
		passwordChanged: "it has no part in it", keyRecalled: "it has no part in it", policyTightened: "a pass is always taken",
	}), by: victimOf, begin: func(t *testing.T, s *scene) func() error {
		code := s.issuePass(t, s.victim, s.fromNow())
		return func() error { return only(s.signInByPass(t, s.victim.Username, code)) }
	}},
	{op: "Enter", stands: entering.but(reasons{keyRecalled: "there is none", policyTightened: "no policy decides about it"}), by: victimOf, begin: func(t *testing.T, s *scene) func() error {
		a := s.attempt(t, s.victim)
		return func() error { return only(s.Service.Enter(t.Context(), origin, a, nowhere)) }
	}},
	{op: "SendCode", stands: entering.but(reasons{keyRecalled: "it has no part in it"}), begin: func(t *testing.T, s *scene) func() error {
		a := s.attempt(t, s.actor.person)
		return func() error { return s.Service.SendCode(t.Context(), a, origin, staffkey.MethodTextMessage) }
	}},
	{op: "StopKeySignedOut", stands: entering.but(reasons{keyRecalled: "a key is stopped whatever its model", policyTightened: "no policy decides about it"}), begin: func(t *testing.T, s *scene) func() error {
		a := s.attempt(t, s.actor.person)
		return func() error {
			return only(s.Service.StopKeySignedOut(t.Context(), origin, a, s.keyID, staffkey.StopLost))
		}
	}},

	{op: "FinishStepUp", how: "by key", stands: own.without(keyRecalled, policyTightened), begin: provingBy(staffkey.MethodSecurityKey)},
	{op: "FinishStepUp", how: "by app", stands: own.without(policyTightened), begin: provingBy(staffkey.MethodTOTP)},
	{op: "FinishTry", stands: own.without(keyRecalled, policyTightened), begin: func(t *testing.T, s *scene) func() error {
		b, err := s.Service.BeginTry(t.Context(), s.in.Actor, s.keyID)
		if err != nil {
			t.Fatal(err)
		}
		body := get(t, s.key, b.Options)
		return func() error {
			return only(s.Service.FinishTry(t.Context(), s.in.Actor, answer(b, staffkey.MethodSecurityKey, body), s.in.Session))
		}
	}},
	{op: "StepUpWithPassword", stands: own, by: victimOf, begin: func(t *testing.T, s *scene) func() error {
		in := s.Enter(t, s.victim)
		return func() error {
			return only(s.Service.StepUpWithPassword(t.Context(), in.Actor, goodPassword, in.Session))
		}
	}},
	{op: "FinishEnrolment", how: "of a key", stands: own.without(keyRecalled, policyTightened), begin: func(t *testing.T, s *scene) func() error {
		a := s.enrolling(t, s.in, staffkey.MethodSecurityKey)
		return func() error { return only(s.Service.FinishEnrolment(t.Context(), s.in.Actor, a)) }
	}},
	{op: "FinishEnrolment", how: "of an app", stands: own.without(policyTightened), begin: func(t *testing.T, s *scene) func() error {
		a := s.enrolling(t, s.in, staffkey.MethodTOTP)
		return func() error { return only(s.Service.FinishEnrolment(t.Context(), s.in.Actor, a)) }
	}},
	{op: "RenewAfter", stands: own, by: victimOf, begin: func(t *testing.T, s *scene) func() error {
		in := s.Enter(t, s.victim)
		done, err := s.Service.FinishEnrolment(t.Context(), in.Actor, s.enrolling(t, in, staffkey.MethodTOTP))
		if err != nil {
			t.Fatal(err)
		}
		return func() error { return only(s.Service.RenewAfter(t.Context(), in.Actor, done, in.Session)) }
	}},
	{op: "NameKey", stands: own.without(keyRecalled, policyTightened), begin: func(t *testing.T, s *scene) func() error {
		k, err := s.register(t, s.in, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		return func() error { return s.Service.NameKey(t.Context(), s.in.Actor, k.ID, "Spare") }
	}},
	{op: "StopKey", stands: own, begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return only(s.Service.StopKey(t.Context(), s.in.Actor, s.keyID, staffkey.StopStolen, signin.Kept{}))
		}
	}},
	{op: "ResetKey", stands: own, begin: func(t *testing.T, s *scene) func() error {
		spare := s.addKey(t, s.in, newKey(), "Spare")
		return func() error { return s.Service.ResetKey(t.Context(), s.in.Actor, spare.ID) }
	}},
	{op: "ResumeKey", stands: own.without(keyRecalled), begin: func(t *testing.T, s *scene) func() error {
		spare := s.addKey(t, s.in, newKey(), "Spare")
		s.stop(t, s.in, spare.ID, staffkey.StopLost)
		return func() error { return only(s.Service.ResumeKey(t.Context(), s.in.Actor, spare.ID)) }
	}},
	{op: "AskReplacement", stands: own, begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return only(s.Service.AskReplacement(t.Context(), s.in.Actor, signin.Replacement{Reason: "backup", Place: "Ward 6"}))
		}
	}},
	{op: "RemoveMethod", stands: own, begin: func(t *testing.T, s *scene) func() error {
		return func() error { return s.Service.RemoveMethod(t.Context(), s.in.Actor, staffkey.MethodTOTP) }
	}},
	{op: "ChangePassword", stands: own, begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return s.Service.ChangePassword(t.Context(), s.in.Actor, "", goodPassword, "a third velvet canyon moss")
		}
	}},
	{op: "SendEnrolmentCode", stands: own.without(policyTightened), by: victimOf, begin: func(t *testing.T, s *scene) func() error {
		in := s.Enter(t, s.victim)
		return func() error {
			return s.Service.SendEnrolmentCode(t.Context(), in.Actor, staffkey.MethodTextMessage, "07700 900456", "")
		}
	}},
	{op: "SendStepUpCode", stands: own.without(policyTightened), by: victimOf, begin: func(t *testing.T, s *scene) func() error {
		h := s.wallet(t, s.Enter(t, s.victim), staffkey.MethodTextMessage)
		s.Clock.Advance(time.Minute)
		in := h.browserBy(t, staffkey.MethodTextMessage)
		s.Clock.Advance(time.Minute)
		return func() error { return s.Service.SendStepUpCode(t.Context(), in.Actor, staffkey.MethodTextMessage) }
	}},
	{op: "FreezeOwn", stands: own, begin: func(t *testing.T, s *scene) func() error {
		return func() error { return only(s.Service.FreezeOwn(t.Context(), s.in.Actor)) }
	}},
	{op: "EndSession", stands: own, begin: func(t *testing.T, s *scene) func() error {
		other := s.browser(t, s.actor.person, s.key)
		return func() error { return s.Service.EndSession(t.Context(), s.in.Actor, other.Session.ID) }
	}},
	{op: "EndOtherSessions", stands: own, begin: func(t *testing.T, s *scene) func() error {
		return func() error { return only(s.Service.EndOtherSessions(t.Context(), s.in.Actor)) }
	}},

	{op: "IssuePass", stands: forOthers, begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return only(s.Service.IssuePass(t.Context(), s.in.Actor, s.victim.ID, s.fromNow(), "lost everything"))
		}
	}},
	{op: "RevokePass", stands: forOthers, begin: func(t *testing.T, s *scene) func() error {
		s.issuePass(t, s.victim, s.fromNow())
		return func() error { return only(s.Service.RevokePass(t.Context(), s.in.Actor, s.victim.ID, false)) }
	}},
	{op: "ResumeKeyFor", stands: forOthers.without(keyRecalled), begin: func(t *testing.T, s *scene) func() error {
		id := s.held(t, staffkey.StopLost)
		return func() error { return s.Service.ResumeKeyFor(t.Context(), s.in.Actor, s.victim.ID, id) }
	}},
	{op: "ApproveKey", stands: forOthers.without(keyRecalled), begin: func(t *testing.T, s *scene) func() error {
		id := s.held(t, staffkey.StopReview)
		return func() error { return s.Service.ApproveKey(t.Context(), s.in.Actor, s.victim.ID, id) }
	}},
	{op: "RefuseKey", stands: forOthers, begin: func(t *testing.T, s *scene) func() error {
		id := s.held(t, staffkey.StopReview)
		return func() error {
			return s.Service.RefuseKey(t.Context(), s.in.Actor, s.victim.ID, id, "not one of ours")
		}
	}},
	{op: "Unfreeze", stands: forOthers, begin: func(t *testing.T, s *scene) func() error {
		s.Change(t, func(tx *store.Tx) error { return storetest.Move(tx, s.victim.ID, staffkey.PersonFrozen) })
		return func() error { return s.Service.Unfreeze(t.Context(), s.in.Actor, s.victim.ID, "spoke to her") }
	}},
	{op: "IssueFirstPasswordLink", stands: forOthers, begin: func(t *testing.T, s *scene) func() error {
		return func() error { return only(s.Service.IssueFirstPasswordLink(t.Context(), s.in.Actor, s.victim.ID)) }
	}},
	{op: "IssueStationLink", stands: forOthers, begin: func(t *testing.T, s *scene) func() error {
		return func() error {
			return only(s.Service.IssueStationLink(t.Context(), s.in.Actor, s.Organisation.ID, "Ward 6"))
		}
	}},
	{op: "RevokeStation", stands: forOthers, begin: func(t *testing.T, s *scene) func() error {
		station := s.station(t, "Ward 6")
		return func() error { return s.Service.RevokeStation(t.Context(), s.in.Actor, station.ID) }
	}},
}
