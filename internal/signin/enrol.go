package signin

import (
	"context"
	"encoding/json"
	"errors"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// EnrolOptions are the special cases of setting up a method.
type EnrolOptions struct {
	// Again is for a security key that is known to be on the list and is to be registered under another nickname (F24).
	Again bool
	// Replaces is the entry, on hold, whose place a key takes: it was reset, and its old credential is gone (F27).
	Replaces staffkey.SecurityKeyID
	// Refused is the sealed ceremony whose answer has just been refused, so that the page can show the same secret again.
	Refused string
}

// replacing is how the entry to replace travels in a ceremony's state, before the method's own.
type replacing struct {
	Replaces staffkey.SecurityKeyID `json:"r,omitempty"`
	State    []byte                 `json:"s,omitempty"`
}

// BeginEnrolment starts setting up a method for the actor themselves.
func (s *Service) BeginEnrolment(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind, o EnrolOptions) (Begun, error) {
	m, err := s.method(kind)
	if err != nil {
		return Begun{}, err
	}
	h, err := s.mayEnrol(ctx, actor, kind, o.Replaces)
	if err != nil {
		return Begun{Subject: h.subject(kind)}, err
	}
	begun := s.begun(h, kind)
	challenge, err := m.BeginEnrolment(ctx, Enrolling{
		Subject: begun.Subject, Actor: actor, Again: o.Again || o.Replaces != "", TouchOnly: !policy.AsksForPerson(h.policy.Keys),
		Before: s.stateBefore(actor, kind, o.Refused), Now: s.now(),
	})
	if err != nil {
		return Begun{}, err
	}
	begun.Options = challenge.Options
	state, err := json.Marshal(replacing{o.Replaces, challenge.State})
	if err != nil {
		return Begun{}, err
	}
	begun.Sealed, err = s.seal(staffkey.Ceremony{
		Purpose: staffkey.PurposeEnrol, Method: kind, Person: actor.Person, Actor: actor.Person, Session: actor.Session, State: state,
	})
	return begun, err
}

// stateBefore returns the method's state in a ceremony that was this actor's own, at most as old as a ceremony may be; otherwise nil.
func (s *Service) stateBefore(actor staffkey.Actor, kind staffkey.MethodKind, sealed string) []byte {
	if sealed == "" {
		return nil
	}
	c, err := s.open(sealed, expect{purpose: staffkey.PurposeEnrol, method: kind, person: actor.Person, session: actor.Session})
	if err != nil {
		return nil
	}
	var r replacing
	if json.Unmarshal(c.State, &r) != nil {
		return nil
	}
	return r.State
}

func (s *Service) mayEnrol(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind, replaces staffkey.SecurityKeyID) (holder, error) {
	var h holder
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if h, err = s.loadHolder(tx, actor.Person); err != nil {
			return err
		}
		return s.mayEnrolTx(actor, kind, replaces, h)
	})
	return h, err
}

func (s *Service) mayEnrolTx(actor staffkey.Actor, kind staffkey.MethodKind, replaces staffkey.SecurityKeyID, h holder) error {
	if kind != staffkey.MethodSecurityKey {
		return policy.MayEnrolMethod(actor, h.person.ID, kind, h.policy, h.holdings, s.now())
	}
	if replaces != "" {
		if err := policy.MayReplace(h.holdings, replaces); err != nil {
			return err
		}
	}
	return policy.MayEnrolKey(actor, h.person.ID, h.policy, h.holdings, replaces, s.now())
}

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
	kind := staffkey.EventMethodEnrolled
	if answer.Method == staffkey.MethodSecurityKey {
		kind = staffkey.EventKeyRegistered
	}
	event := staffkey.Event(kind, actor)
	event.Person, event.Subject = actor.Person, string(answer.Method)
	var done EnrolmentDone
	want := expect{purpose: staffkey.PurposeEnrol, method: answer.Method, person: actor.Person, session: actor.Session}
	g, err := s.guessEnrolment(ctx, actor, answer.Method)
	if err != nil {
		return done, s.guessRefused(ctx, g, event, answer, want, err)
	}
	c, err := s.open(answer.Sealed, want)
	if err == nil {
		done, err = s.enrol(ctx, actor, &event, c, answer, g)
	}
	if isFault(err) && g.s != nil {
		err = errors.Join(err, g.back(ctx))
	}
	err = s.refuse(ctx, event, c, err)
	s.wake()
	s.observeResult(answer.Method, err)
	return done, err
}

// enrol verifies and stores. It completes event with what it learns on the way, so that a refusal tells whom it concerned.
func (s *Service) enrol(ctx context.Context, actor staffkey.Actor, event *staffkey.AuditEvent, c *staffkey.Ceremony, answer Answer, g guess) (EnrolmentDone, error) {
	var done EnrolmentDone
	m, err := s.method(answer.Method)
	if err != nil {
		return done, err
	}
	var r replacing
	if err := json.Unmarshal(c.State, &r); err != nil {
		return done, err
	}
	inner := *c
	inner.State = r.State
	h, err := s.mayEnrol(ctx, actor, answer.Method, r.Replaces)
	event.Organisation = h.person.Organisation
	if err != nil {
		return done, err
	}
	enrolled, err := m.FinishEnrolment(ctx, Enrolling{Subject: h.subject(answer.Method), Actor: actor, Now: s.now()}, inner, answer.Body)
	if err != nil {
		return done, err
	}
	if enrolled.Key != nil {
		done.Key = *enrolled.Key
		done.Key.ID, done.Key.Person, done.Key.State = store.NewID[staffkey.SecurityKeyID](), actor.Person, staffkey.SecurityKeyPending
		done.Key.RegisteredAt, done.Key.RegisteredBy = s.now(), actor.Person
		done.Key.Replaces = r.Replaces
		if enrolled.Again && r.Replaces == "" {
			done.Key.SameKeyAs = policy.SameKey(done.Key, h.holdings.Keys)
		}
		event.Subject = string(done.Key.ID)
		if err := s.judgeNew(&done.Key, h.policy, event); err != nil {
			return done, err
		}
	}
	err = s.store.Change(ctx, *event, func(tx *store.Tx) error {
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		if err := spend(tx, c); err != nil {
			return err
		}
		now, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		if err := s.mayEnrolTx(actor, answer.Method, r.Replaces, now); err != nil {
			return err
		}
		if enrolled.Key != nil {
			if err := s.notRecalled(tx, now.person, done.Key); err != nil {
				return err
			}
		}
		if enrolled.Key == nil {
			// A key that somebody touched before, with less of a proof, must not come into use beside this.
			if err := tx.DeletePendingKeys(actor.Person, ""); err != nil {
				return err
			}
			if err := endWeakSessions(tx, actor, now); err != nil {
				return err
			}
			return s.keepEnrolment(tx, h, now, answer.Method, enrolled.State, g)
		}
		if err := tx.DeletePendingKeys(actor.Person, done.Key.ID); err != nil {
			return err
		}
		err = tx.InsertSecurityKey(done.Key)
		if errors.Is(err, staffkey.ErrConflict) {
			return staffkey.Refused("credential_known", "key.exists").Because("the credential id is registered already")
		}
		return err
	})
	done.Show, done.proof = enrolled.Show, enrolled.Proof
	return done, err
}

// endWeakSessions ends the person's other sessions when they set up their first method beyond the password: those sessions
// were opened with less than it takes from now on, maybe by somebody else.
func endWeakSessions(tx *store.Tx, actor staffkey.Actor, before holder) error {
	if before.holdings.SetUp {
		return nil
	}
	_, err := tx.EndSessions(actor.Person, actor.Session)
	return err
}

// RenewAfter renews the session with what setting a method up has proved, so that whoever has just typed a code of it is not asked for
// another at once. Nothing happens when it proved nothing: in is then empty.
func (s *Service) RenewAfter(ctx context.Context, actor staffkey.Actor, done EnrolmentDone, before staffkey.Session) (in SignedIn, err error) {
	if done.proof == nil {
		return in, nil
	}
	event := staffkey.Event(staffkey.EventProved, actor)
	event.Person, event.Subject = actor.Person, string(done.proof.Method)
	err = s.store.Change(ctx, event, func(tx *store.Tx) error {
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		proofs := append([]staffkey.Proof{*done.proof}, passwordOf(before)...)
		assurance := policy.AssuranceOf(proofs...)
		if !assurance.AtLeast(before.Assurance) || assurance.Level < 2 || before.Recovery != staffkey.RecoveryNone { // it would lose by it
			return errNothing
		}
		in = s.newSession(actor.Origin, h, proofs, assurance)
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

// guessEnrolment counts a try at a code that was sent to a number being set up: such a code is guessed like any other. An app's secret
// is on the page, so that there is nothing to guess.
func (s *Service) guessEnrolment(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) (guess, error) {
	if _, sends := s.methods[kind].(Sender); !sends {
		return guess{}, nil
	}
	g, err := s.reserve(ctx, guess{subject: "enrol/" + string(kind) + "/" + string(actor.Person), person: actor.Person, method: kind})
	if err != nil || !g.first {
		return g, err
	}
	return g, s.noteGuesses(ctx, g, actor.Origin)
}

// keepEnrolment stores what a finished enrolment made, and tells the person. A state that was read to check the answer must still be
// the one: a code counts once.
func (s *Service) keepEnrolment(tx *store.Tx, seen, now holder, kind staffkey.MethodKind, state []byte, g guess) error {
	if before := seen.enrolment(kind); before != nil {
		if current := now.enrolment(kind); current == nil || current.Version != before.Version {
			return staffkey.Expired("enrolment_changed", "key.late").Because("the method was changed during the enrolment")
		}
	}
	if g.s != nil { // a code that was sent has come back
		if err := tx.ForgetFailures(g.subject); err != nil {
			return err
		}
		if err := s.noteTyped(tx, now.person.Organisation); err != nil {
			return err
		}
	}
	if err := tx.NoteSetUp(now.person.ID); err != nil {
		return err
	}
	was := s.isSetUp(now, kind)
	if err := s.putEnrolment(tx, now, kind, state); err != nil {
		return err
	}
	tx.Event.Kind = staffkey.EventMethodEnrolled
	template := "notice.method_added"
	if was {
		tx.Event.Kind, template = staffkey.EventMethodChanged, "notice.method_changed"
	}
	if kind == staffkey.MethodRecoveryCode {
		return s.tell(tx, "notice.codes_made", now, nil)
	}
	if m, ok := s.methods[kind].(Sender); ok && was {
		return s.tellOfNumber(tx, m, now, kind, state)
	}
	return s.tell(tx, template, now, map[string]string{"Method": string(kind)})
}

// tellOfNumber tells a person that the number of a method has changed: by e-mail, and at the number that it was, where whoever changed
// it cannot keep it from them (F41).
func (s *Service) tellOfNumber(tx *store.Tx, m Sender, h holder, kind staffkey.MethodKind, state []byte) error {
	before := m.Number(h.enrolment(kind).State)
	args := map[string]string{"Last2": m.Last2(state), "Method": string(kind)}
	if before == "" || before == m.Number(state) {
		return s.tell(tx, "notice.method_changed", h, args)
	}
	if s.channel(staffkey.ChannelText) {
		err := tx.InsertOutgoing(staffkey.Outgoing{
			Channel: staffkey.ChannelText, To: before, Template: "number.changed", Language: h.person.Language, Args: args,
			Person: h.person.ID, Organisation: h.person.Organisation, ExpiresAt: tx.Now.Add(day),
		})
		if err != nil {
			return err
		}
	}
	return s.tell(tx, "notice.number_changed", h, args)
}

// isSetUp reports whether a person has a method that has proved something: a number that waits for its first code has not.
func (s *Service) isSetUp(h holder, kind staffkey.MethodKind) bool {
	e := h.enrolment(kind)
	return e != nil && s.Remaining(*e) != 0
}

// putEnrolment stores a method's state, or replaces it.
func (s *Service) putEnrolment(tx *store.Tx, h holder, kind staffkey.MethodKind, state []byte) error {
	if e := h.enrolment(kind); e != nil {
		if tx.Event.Kind == staffkey.EventMethodEnrolled {
			tx.Event.Kind = staffkey.EventMethodChanged
		}
		return tx.RenewEnrolment(*e, state)
	}
	return tx.InsertEnrolment(staffkey.Enrolment{
		ID: store.NewID[staffkey.EnrolmentID](), Person: h.person.ID, Method: kind, State: state, CreatedAt: tx.Now,
	})
}

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

// NameKey gives a pending key its nickname and puts it in use. It is the end of the registration, and asks for no new
// proof: the ceremony was one.
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
	err = s.store.Change(ctx, event, func(tx *store.Tx) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = h.person.Organisation
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		key, err := tx.FindSecurityKey(actor.Person, id)
		if err != nil {
			return err
		}
		notice := "notice.key_added"
		if key.Replaces != "" { // first, because the new one may have its nickname
			if err := policy.MayReplace(h.holdings, key.Replaces); err != nil {
				return err
			}
			if err := tx.RemoveSecurityKey(actor.Person, key.Replaces); err != nil {
				return err
			}
			tx.Event.Kind, notice = staffkey.EventKeyReplaced, "notice.key_replaced"
		}
		if err := tx.NameSecurityKey(actor.Person, id, nickname); err != nil {
			return err
		}
		// The person may have set up something stronger, or another registration was quicker, since this key was touched.
		if err := policy.CanAdd(actor, h.policy, h.holdings); err != nil {
			return err
		}
		if err := policy.HasRoom(h.policy, h.holdings, key.Replaces); err != nil {
			return err
		}
		if key.StopReason == staffkey.StopReview {
			return s.holdForReview(tx, h.person, key, nickname)
		}
		if err := tx.NoteSetUp(actor.Person); err != nil {
			return err
		}
		if err := s.tell(tx, notice, h, map[string]string{"Nickname": nickname}); err != nil {
			return err
		}
		return endWeakSessions(tx, actor, h)
	})
	s.wake()
	if errors.Is(err, staffkey.ErrConflict) {
		return staffkey.Invalid("nickname", "name.taken", "Nickname", nickname)
	}
	return s.refuse(ctx, event, nil, err)
}

// holdForReview puts a key that was just named on hold, and tells those who review it.
func (s *Service) holdForReview(tx *store.Tx, p staffkey.Person, key staffkey.SecurityKey, nickname string) error {
	if err := tx.StopSecurityKey(p.ID, key.ID, staffkey.StopReview); err != nil {
		return err
	}
	tx.Event.Detail = map[string]string{"review": "yes"}
	return tx.InsertAdministratorNotice("admin.review", p, map[string]string{"Nickname": nickname, "Model": s.models.Facts(key).Model.Name})
}

// FindEnrolment returns the actor's own enrolment of a method, or nil when it is not set up.
func (s *Service) FindEnrolment(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) (*staffkey.Enrolment, error) {
	var e staffkey.Enrolment
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		e, err = tx.FindEnrolment(actor.Person, kind)
		return err
	})
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil, nil
	}
	return &e, err
}
