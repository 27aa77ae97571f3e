package signin

import (
	"context"
	"encoding/json"
	"errors"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// EnrolmentDone is a finished enrolment: a pending key to be named, or codes to be shown once.
type EnrolmentDone struct {
	Key  staffkey.SecurityKey
	Show []string
	// proof is what the answer showed, for [Service.RenewAfter].
	proof *staffkey.Proof
}

// FinishEnrolment checks the answer and stores the method: a key as pending until it is named, anything else at once,
// replacing what was there. Whether the person may is asked again inside the change.
func (s *Service) FinishEnrolment(ctx context.Context, actor staffkey.Actor, answer Answer) (EnrolmentDone, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	kind, store := staffkey.EventMethodEnrolled, s.setUpMethod
	if answer.Method == staffkey.MethodSecurityKey {
		kind, store = staffkey.EventKeyRegistered, s.registerKey
	}
	a := &answering{
		s: s, answer: answer, event: staffkey.Event(kind, actor),
		want: expect{purpose: staffkey.PurposeEnrol, method: answer.Method, person: actor.Person, session: actor.Session},
	}
	a.event.Person, a.event.Subject = actor.Person, string(answer.Method)
	var done EnrolmentDone
	count := func() (guess, error) { return s.guessEnrolment(ctx, actor, answer.Method) }
	err := a.finish(ctx, count, func() error {
		e, err := a.verifyEnrolment(ctx, actor)
		if err == nil {
			done, err = store(ctx, actor, a, e)
		}
		return err
	})
	s.wake()
	return done, err
}

// enrolling is an enrolment whose answer was right, and what was read to check it.
type enrolling struct {
	seen     holder
	enrolled Enrolled
	replaces staffkey.SecurityKeyID
}

// verifyEnrolment asks whether the actor may, and has the method check the answer.
func (a *answering) verifyEnrolment(ctx context.Context, actor staffkey.Actor) (enrolling, error) {
	var e enrolling
	s := a.s
	m, err := s.method(a.answer.Method)
	if err != nil {
		return e, err
	}
	var r replacing
	if err := json.Unmarshal(a.ceremony.State, &r); err != nil {
		return e, err
	}
	inner := *a.ceremony
	inner.State, e.replaces = r.State, r.Replaces
	e.seen, err = s.mayEnrol(ctx, actor, a.answer.Method, r.Replaces, a.ceremony.BegunAt)
	a.event.Organisation = e.seen.person.Organisation
	if err != nil {
		return e, err
	}
	e.enrolled, err = m.FinishEnrolment(ctx, Enrolling{Subject: e.seen.subject(a.answer.Method), Actor: actor, Now: s.now()}, inner, a.answer.Body)
	a.right = err == nil
	return e, err
}

// registerKey stores a key as pending: it signs nobody in until it is named. Whether policy takes it is asked before the change, so that a
// refusal costs none, and in it.
func (s *Service) registerKey(ctx context.Context, actor staffkey.Actor, a *answering, e enrolling) (EnrolmentDone, error) {
	key := *e.enrolled.Key
	key.ID, key.Person, key.State = store.NewID[staffkey.SecurityKeyID](), actor.Person, staffkey.SecurityKeyPending
	key.RegisteredAt, key.RegisteredBy, key.Replaces = s.now(), actor.Person, e.replaces
	if e.enrolled.Again && e.replaces == "" {
		key.SameKeyAs = policy.SameKey(key, e.seen.holdings.Keys)
	}
	a.event.Subject = string(key.ID)
	if err := s.judgeNew(&key, e.seen.policy, &a.event); err != nil {
		return EnrolmentDone{}, err
	}
	err := s.store.ChangeAs(ctx, actor, a.event, func(tx *store.Tx, may staffkey.Authority) error {
		now, err := s.startEnrolment(tx, may, a, e)
		if err != nil {
			return err
		}
		key.StopReason, key.Lineage = "", may.Lineage
		if err := s.judgeNew(&key, now.policy, &tx.Event); err != nil {
			return err
		}
		if err := s.notRecalled(tx, now.person, key); err != nil {
			return err
		}
		if err := tx.DeletePendingKeys(actor.Person, key.ID); err != nil {
			return err
		}
		err = tx.InsertSecurityKey(key)
		if errors.Is(err, staffkey.ErrConflict) {
			return staffkey.Refused("credential_known", "key.exists").Because("the credential id is registered already")
		}
		return err
	})
	return EnrolmentDone{Key: key, proof: e.enrolled.Proof}, err
}

// setUpMethod stores a method that is no key, in use at once.
func (s *Service) setUpMethod(ctx context.Context, actor staffkey.Actor, a *answering, e enrolling) (EnrolmentDone, error) {
	err := s.store.ChangeAs(ctx, actor, a.event, func(tx *store.Tx, may staffkey.Authority) error {
		now, err := s.startEnrolment(tx, may, a, e)
		if err != nil {
			return err
		}
		// A key that somebody touched before, with less of a proof, must not come into use beside this.
		if err := tx.DeletePendingKeys(actor.Person, ""); err != nil {
			return err
		}
		return s.keepEnrolment(tx, may, e, now, a)
	})
	return EnrolmentDone{Show: e.enrolled.Show, proof: e.enrolled.Proof}, err
}

// startEnrolment spends the ceremony and asks again whether the actor may, of what is there now.
func (s *Service) startEnrolment(tx *store.Tx, may staffkey.Authority, a *answering, e enrolling) (holder, error) {
	if err := spend(tx, a.ceremony); err != nil {
		return holder{}, err
	}
	now, err := s.loadHolder(tx, may.Person)
	if err != nil {
		return now, err
	}
	return now, s.mayEnrolTx(may, a.answer.Method, e.replaces, now, a.ceremony.BegunAt)
}

// keepEnrolment stores what a finished enrolment made, and tells the person. A state that was read to check the answer must still be
// the one: a code counts once.
func (s *Service) keepEnrolment(tx *store.Tx, may staffkey.Authority, e enrolling, now holder, a *answering) error {
	kind := a.answer.Method
	before := now.enrolment(kind)
	if seen := e.seen.enrolment(kind); seen != nil && (before == nil || before.Version != seen.Version) {
		return staffkey.Expired("enrolment_changed", "key.before").Because("the method was changed during the enrolment")
	}
	if a.guess.s != nil { // a code that was sent has come back
		if err := tx.ForgetFailures(a.guess.subject); err != nil {
			return err
		}
		if err := s.noteTyped(tx, now.person.Organisation); err != nil {
			return err
		}
	}
	u := store.InUse{Owner: now.person, Keep: may.Session, Notice: "notice.method_added", Args: map[string]string{"Method": string(kind)}}
	tx.Event.Kind = staffkey.EventMethodEnrolled
	was := before != nil && s.Remaining(*before) != 0 // a number that waits for its first code has proved nothing
	if was {
		tx.Event.Kind, u.Notice = staffkey.EventMethodChanged, "notice.method_changed"
	}
	if kind == staffkey.MethodRecoveryCode {
		u.Notice, u.Args = "notice.codes_made", nil
	}
	if m, ok := s.methods[kind].(Sender); ok && was {
		var err error
		if u.Notice, u.Args, err = s.noticeOfNumber(tx, m, now, kind, e.enrolled.State); err != nil {
			return err
		}
	}
	return tx.PutMethodInUse(u, before, staffkey.Enrolment{Person: now.person.ID, Method: kind, State: e.enrolled.State, Lineage: may.Lineage})
}

// noticeOfNumber is how a person is told that a method with a number was set up anew. Where the number has changed it is told at the one
// before too, where whoever changed it cannot keep it from them (F41).
func (s *Service) noticeOfNumber(tx *store.Tx, m Sender, h holder, kind staffkey.MethodKind, state []byte) (string, map[string]string, error) {
	before := m.Number(h.enrolment(kind).State)
	args := map[string]string{"Last2": m.Last2(state), "Method": string(kind)}
	if before == "" || before == m.Number(state) {
		return "notice.method_changed", args, nil
	}
	if !s.Reaches(staffkey.ChannelText) {
		return "notice.number_changed", args, nil
	}
	return "notice.number_changed", args, tx.InsertOutgoing(staffkey.Outgoing{
		Channel: staffkey.ChannelText, To: before, Template: "number.changed", Language: h.person.Language, Args: args,
		Person: h.person.ID, Organisation: h.person.Organisation, ExpiresAt: tx.Now.Add(day),
	})
}

// guessEnrolment counts a try at a code that was sent to a number being set up: such a code is guessed like any other. An app's secret
// is on the page, so that there is nothing to guess.
func (s *Service) guessEnrolment(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) (guess, error) {
	if _, sends := s.methods[kind].(Sender); !sends {
		return guess{}, nil
	}
	return s.reserve(ctx, guess{subject: "enrol/" + string(kind) + "/" + string(actor.Person), person: actor.Person, method: kind})
}

// RenewAfter renews the session with what setting a method up has proved, so that whoever has just typed a code of it is not asked for
// another at once. Nothing happens when it proved nothing: in is then empty.
func (s *Service) RenewAfter(ctx context.Context, actor staffkey.Actor, done EnrolmentDone, before staffkey.Session) (in SignedIn, err error) {
	if done.proof == nil {
		return in, nil
	}
	event := staffkey.Event(staffkey.EventProved, actor)
	event.Person, event.Subject = actor.Person, string(done.proof.Method)
	err = s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, _ staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		proofs := append(passwordOf(before), *done.proof)
		assurance := policy.AssuranceOf(proofs...)
		if !assurance.AtLeast(before.Assurance) || assurance.Level < 2 || before.Recovery != staffkey.RecoveryNone { // it would lose by it
			return errNothing
		}
		if assurance, err = policy.AcceptsSignIn(proofs, h.entering()); err != nil {
			return errNothing
		}
		if in, err = s.newSession(actor.Origin, h, proofs, assurance, before); err != nil {
			return err
		}
		tx.Event.Session, tx.Event.Detail = in.Session.ID, map[string]string{"level": levelText(assurance)}
		return s.startSession(tx, actor.Origin, in, before)
	})
	if errors.Is(err, errNothing) {
		return SignedIn{}, nil
	}
	return in, err
}

// errNothing ends a change that has nothing to do.
var errNothing = errors.New("nothing to change")

// putEnrolment stores what is no method in use beside a password, but the password itself. Whatever else comes into use does so by
// [store.Tx.PutMethodInUse].
func (s *Service) putEnrolment(tx *store.Tx, h holder, kind staffkey.MethodKind, state []byte, lineage staffkey.Lineage) error {
	before := h.enrolment(kind)
	if before != nil && tx.Event.Kind == staffkey.EventMethodEnrolled {
		tx.Event.Kind = staffkey.EventMethodChanged
	}
	return tx.PutEnrolment(before, staffkey.Enrolment{Person: h.person.ID, Method: kind, State: state, Lineage: lineage})
}
