package signin

import (
	"context"
	"errors"
	"slices"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// proof is what an answer proved and what the decision about it stands on, as it was read in one transaction.
type proof struct {
	holder
	verified Verified
	// beside are the proofs that count with it: the password of a sign-in, or of the session that a step-up renews. Password is the
	// version of that of a sign-in.
	beside   []staffkey.Proof
	password int64
	// basis is what was read for a key.
	basis store.Basis
	// assurance is what is decided of them all.
	assurance staffkey.Assurance
}

func (p *proof) proofs() []staffkey.Proof {
	return append(slices.Clip(p.beside), p.verified.Proof)
}

// verify reads whom an answer concerns, has its method check it, and decides what it is worth. It completes the event with what it learns
// on the way, so that a refusal tells whom it concerned. A key is found by its credential, and then nothing else of its person is read.
func (a *answering) verify(ctx context.Context, beside []staffkey.Proof, password int64) (proof, error) {
	s, c := a.s, a.ceremony
	var p proof
	m, err := s.method(a.answer.Method)
	if err != nil {
		return p, err
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		p = proof{}
		if c.Person != "" { // otherwise passwordless: the key alone says who it is and must be enough alone
			p.beside, p.password = beside, password
			if p.person, err = tx.FindPerson(c.Person); err != nil {
				return err
			}
			a.concerns(p.person)
			if a.answer.Method != staffkey.MethodSecurityKey {
				if err := s.fillHolder(tx, &p.holder); err != nil {
					return err
				}
				if err := allowed(p.policy, a.answer.Method); err != nil {
					return err
				}
			}
		}
		var found store.KeyHolder
		p.verified, err = m.FinishVerification(ctx, Verifying{
			Subject: Subject{Person: p.person, Policy: p.policy, Enrolment: p.enrolment(a.answer.Method)}, Purpose: c.Purpose, Now: s.now(),
			FindKey: func(credential []byte) (staffkey.SecurityKey, error) {
				var err error
				found, err = tx.FindKeyHolder(credential)
				return found.Key, err
			},
		}, *c, a.answer.Body)
		if found.Key.ID != "" { // also of a refused answer: the log tells which entry it was
			a.event.Subject, a.event.SubjectName = string(found.Key.ID), found.Key.Nickname
			if a.event.Person == "" {
				a.event.Person = found.Key.Person
			}
		}
		if err != nil {
			return err
		}
		if p.verified.Key.ID != "" {
			p.policy, p.basis = policy.Effective(found.Policies), found.Basis
			if p.person.ID == "" {
				p.person = found.Person
				a.concerns(p.person)
			}
		}
		if p.verified.Person != p.person.ID {
			return staffkey.Refused("key_of_another", "key.other")
		}
		a.right = true
		return s.decide(tx, &p)
	})
	err = a.noteRefused(ctx, p, err)
	if p.verified.Use != nil {
		p.verified.Use.Where = a.event.Browser
	}
	return p, err
}

func allowed(p staffkey.Policy, kind staffkey.MethodKind) error {
	if !p.Allows(kind) {
		return staffkey.Refused("method_not_allowed", "method.not_allowed")
	}
	return nil
}

// decide says what a verified answer is worth by what was read of its person. It is asked twice: when the answer has been verified, so that
// a refusal costs no change, and in the change, of what is read there.
func (s *Service) decide(tx *store.Tx, p *proof) error {
	if k := p.verified.Key; k.ID != "" {
		if err := policy.SignsIn(k); err != nil {
			return err
		}
		if err := s.judgeInUse(tx, p.holder, &p.verified); err != nil {
			return err
		}
	}
	if err := policy.IsActive(p.person); err != nil {
		return err
	}
	if p.password != 0 && p.verified.Proof.Method != staffkey.MethodSecurityKey { // of a key only the change reads it
		if err := samePassword(Attempt{Password: p.password}, p.holder); err != nil {
			return err
		}
	}
	var err error
	p.assurance, err = policy.AcceptsSignIn(p.proofs(), p.entering())
	return err
}

// passwordChanged refuses an attempt whose password was changed meanwhile.
func passwordChanged() error {
	return staffkey.Expired("password_changed", "key.password").Because("the password was changed during the sign-in")
}

// apply makes what a right answer changes, the key's counter or the enrolment's state, and decides again by what is there now: whatever the
// decision stood on, person, password, policy, grants, key and recalls, may have changed since it was read. Somebody who was faster
// with the same counter makes the answer a refusal, with the same state another look.
func (s *Service) apply(tx *store.Tx, p *proof) error {
	v := p.verified
	if v.Use != nil {
		if err := tx.Soon(usedMeanwhile, func() error { return tx.UseSecurityKey(*v.Use, p.basis) }); err != nil {
			return err
		}
		if p.password != 0 {
			if err := s.stillPassword(tx, Attempt{Person: p.person.ID, Password: p.password}); err != nil {
				return err
			}
		}
		return s.decide(tx, p) // by the same rows; what is known of models may have changed
	}
	before := p.enrolment(v.Proof.Method)
	if v.State != nil && before != nil {
		if err := tx.UseEnrolment(*before, v.State); err != nil {
			return lookAgain(err)
		}
	}
	now, err := s.loadHolder(tx, p.person.ID)
	if err != nil {
		return err
	}
	if e := now.enrolment(v.Proof.Method); e == nil || v.State == nil && (before == nil || e.Version != before.Version) {
		return errLookAgain
	}
	p.holder = now
	if err := allowed(p.policy, v.Proof.Method); err != nil {
		return err
	}
	return s.decide(tx, p)
}

// usedMeanwhile says what an answer means that came too late to count.
func usedMeanwhile(err error) error {
	switch {
	case errors.Is(err, staffkey.ErrConflict):
		return staffkey.Refused("key_changed_meanwhile", "key.changed").Because("the key was used, suspended or removed between look and use")
	case errors.Is(err, store.ErrOtherBasis):
		return errLookAgain
	}
	return err
}

// SignedIn is a session just opened.
type SignedIn struct {
	Session staffkey.Session
	// Secret is the value of the cookie; it is stored nowhere else.
	Secret string
	Person staffkey.Person
	// Key is the entry that answered, if a key did.
	Key staffkey.SecurityKeyID
	// Weaker says that the person has a key in use and came in by something weaker (F11).
	Weaker bool
}

// FinishSignIn checks an answer and opens a session. The session that the browser had before, if any, ends in the same
// change: a sign-in never continues one (session fixation). With the refusal of a right answer comes whose it is: who has proved that much
// may read whom to call.
func (s *Service) FinishSignIn(ctx context.Context, origin staffkey.Origin, attempt Attempt, answer Answer, before staffkey.Session) (SignedIn, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	a := &answering{
		s: s, answer: answer, want: expect{purpose: staffkey.PurposeSignIn, method: answer.Method, person: attempt.Person},
		event: staffkey.Event(staffkey.EventSignInRefused, staffkey.Actor{Origin: origin}),
	}
	a.event.Subject = string(answer.Method)
	var in SignedIn
	count := func() (guess, error) { return s.guessMethod(ctx, attempt.Person, answer.Method) }
	err := a.finish(ctx, count, func() error {
		p, err := a.verify(ctx, attempt.proofs(), attempt.Password)
		if err == nil {
			in, err = s.enter(ctx, origin, p, a, attempt.ID, before)
		}
		if err != nil && a.right {
			in = SignedIn{Person: p.person}
		}
		return err
	})
	return in, err
}

// enter makes the one change of a finished sign-in. Attempt names it, if the log has its beginning.
func (s *Service) enter(ctx context.Context, origin staffkey.Origin, p proof, a *answering, attempt string, before staffkey.Session) (SignedIn, error) {
	var in SignedIn
	event := staffkey.Event(staffkey.EventSignedIn, staffkey.Actor{Person: p.person.ID, Name: p.person.Name, Origin: origin})
	event.Person = p.person.ID
	event.Subject, event.SubjectName = string(p.verified.Key.ID), p.verified.Key.Nickname
	seen := p
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		p := seen
		if err := spendSoon(tx, a.ceremony); err != nil {
			return err
		}
		if err := s.apply(tx, &p); err != nil {
			return err
		}
		var err error
		if in, err = s.newSession(origin, p.holder, p.proofs(), p.assurance, staffkey.Session{}); err != nil {
			return err
		}
		in.Weaker = policy.IsDowngrade(p.assurance, p.holdings)
		tx.Event.Organisation, tx.Event.Session, tx.Event.Detail = p.person.Organisation, in.Session.ID, signedInDetail(in, p.verified)
		if attempt != "" {
			tx.Event.Detail["attempt"] = attempt
			if err := forgetGiven(tx, p.person.ID); err != nil {
				return err
			}
		}
		if err := a.guess.right(tx); err != nil {
			return err
		}
		if err := s.tellOfSignIn(tx, origin, p.holder, p.verified, in); err != nil {
			return err
		}
		return s.startSession(tx, origin, in, before)
	})
	return in, err
}

func signedInDetail(in SignedIn, v Verified) map[string]string {
	detail := map[string]string{"methods": methodNames(in.Session.Methods), "level": levelText(in.Session.Assurance)}
	if in.Weaker {
		detail["downgrade"] = "yes"
	}
	if v.Finding != "" {
		detail["finding"] = string(v.Finding)
	}
	if in.Session.Recovery != staffkey.RecoveryNone {
		detail["recovery"] = string(in.Session.Recovery)
	}
	return detail
}

// FinishStepUp checks an answer inside a session and renews the session under a new identifier.
func (s *Service) FinishStepUp(ctx context.Context, actor staffkey.Actor, answer Answer, before staffkey.Session) (SignedIn, error) {
	event := staffkey.Event(staffkey.EventProved, actor)
	event.Subject = string(answer.Method)
	return s.prove(ctx, actor, staffkey.PurposeStepUp, event, answer, before)
}

// FinishTry checks that a key just registered answers. That is a proof like any other, so it renews the session: who has
// just registered a first key and tried it can register a backup, or make recovery codes, without one more touch.
func (s *Service) FinishTry(ctx context.Context, actor staffkey.Actor, answer Answer, before staffkey.Session) (SignedIn, error) {
	return s.prove(ctx, actor, staffkey.PurposeTry, staffkey.Event(staffkey.EventKeyTried, actor), answer, before)
}

// prove checks an answer inside a session and renews the session with what it proves. The password of the session counts on beside it: a
// password given at sign-in and a key touched now are two factors.
func (s *Service) prove(ctx context.Context, actor staffkey.Actor, purpose staffkey.Purpose, event staffkey.AuditEvent, answer Answer, before staffkey.Session) (SignedIn, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	event.Person = actor.Person
	a := &answering{s: s, answer: answer, want: expect{purpose: purpose, method: answer.Method, person: actor.Person, session: actor.Session}, event: event}
	var in SignedIn
	count := func() (guess, error) { return s.guessMethod(ctx, actor.Person, answer.Method) }
	err := a.finish(ctx, count, func() error {
		p, err := a.verify(ctx, passwordOf(before), 0)
		if err == nil {
			in, err = s.renew(ctx, actor, p, a, before)
		}
		return err
	})
	return in, err
}

// renew makes the one change of a finished proof inside a session.
func (s *Service) renew(ctx context.Context, actor staffkey.Actor, seen proof, a *answering, before staffkey.Session) (SignedIn, error) {
	var in SignedIn
	err := s.store.ChangeAs(ctx, actor, a.event, func(tx *store.Tx, _ staffkey.Authority) error {
		p := seen
		if err := spendSoon(tx, a.ceremony); err != nil {
			return err
		}
		if err := s.apply(tx, &p); err != nil {
			return err
		}
		var err error
		if in, err = s.newSession(actor.Origin, p.holder, p.proofs(), p.assurance, before); err != nil {
			return err
		}
		tx.Event.Session, tx.Event.Detail = in.Session.ID, map[string]string{"level": levelText(p.assurance)}
		if err := a.guess.right(tx); err != nil {
			return err
		}
		if isTelephone(a.answer.Method) {
			if err := s.noteTyped(tx, p.person.Organisation); err != nil {
				return err
			}
		}
		if p.verified.Proof.Recovery == staffkey.RecoveryCode {
			if err := s.tellOfCode(tx, p.holder, p.verified); err != nil {
				return err
			}
		}
		return s.startSession(tx, actor.Origin, in, before)
	})
	return in, err
}

// passwordOf is the proof by password that a session rests on, if it does. It is as old as the password was typed.
func passwordOf(before staffkey.Session) []staffkey.Proof {
	if before.KnownAt.IsZero() {
		return nil
	}
	return []staffkey.Proof{{Method: staffkey.MethodPassword, Knowledge: true, At: before.KnownAt}}
}
