package signin

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// BeginSignIn starts a proof in a sign-in. With an attempt that has a person, it is a second proof of theirs; without,
// a passwordless sign-in by key.
func (s *Service) BeginSignIn(ctx context.Context, a Attempt, kind staffkey.MethodKind) (Begun, error) {
	c := staffkey.Ceremony{Purpose: staffkey.PurposeSignIn, Method: kind, Person: a.Person}
	return s.beginVerification(ctx, c, "")
}

// BeginStepUp starts a proof inside a session (F10).
func (s *Service) BeginStepUp(ctx context.Context, actor staffkey.Actor, kind staffkey.MethodKind) (Begun, error) {
	c := staffkey.Ceremony{Purpose: staffkey.PurposeStepUp, Method: kind, Person: actor.Person, Actor: actor.Person, Session: actor.Session}
	return s.beginVerification(ctx, c, "")
}

// BeginTry starts trying one key of the actor's own list; ErrNotFound when it is not on it.
func (s *Service) BeginTry(ctx context.Context, actor staffkey.Actor, key staffkey.SecurityKeyID) (Begun, error) {
	c := staffkey.Ceremony{Purpose: staffkey.PurposeTry, Method: staffkey.MethodSecurityKey, Person: actor.Person, Actor: actor.Person, Session: actor.Session}
	return s.beginVerification(ctx, c, key)
}

func (s *Service) beginVerification(ctx context.Context, c staffkey.Ceremony, only staffkey.SecurityKeyID) (Begun, error) {
	m, err := s.method(c.Method)
	if err != nil {
		return Begun{}, err
	}
	var h holder
	if c.Person != "" {
		err := s.store.Read(ctx, func(tx *store.Tx) error {
			var err error
			h, err = s.loadHolder(tx, c.Person)
			return err
		})
		if err != nil {
			return Begun{}, err
		}
	}
	begun := s.begun(h, c.Method)
	if only != "" && !slices.ContainsFunc(begun.Subject.Keys, func(k staffkey.SecurityKey) bool { return k.ID == only }) {
		return Begun{}, staffkey.ErrNotFound
	}
	challenge, err := m.BeginVerification(ctx, Verifying{Subject: begun.Subject, Purpose: c.Purpose, Only: only, Now: s.now()})
	if err != nil {
		return Begun{}, err
	}
	c.State, begun.Options = challenge.State, challenge.Options
	begun.Sealed, err = s.seal(c)
	return begun, err
}

// begun is a ceremony with what its page shows of the person.
func (s *Service) begun(h holder, kind staffkey.MethodKind) Begun {
	b := Begun{Subject: h.subject(kind), HasKey: len(h.holdings.ActiveKeys()) > 0, Others: h.holdings.Others}
	for _, e := range h.enrolments {
		if m, ok := s.methods[e.Method].(Sender); ok {
			if b.Last2 == nil {
				b.Last2 = map[staffkey.MethodKind]string{}
			}
			b.Last2[e.Method] = m.Last2(e.State)
		}
	}
	return b
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
// change: a sign-in never continues one (session fixation).
func (s *Service) FinishSignIn(ctx context.Context, origin staffkey.Origin, a Attempt, answer Answer, before staffkey.Session) (SignedIn, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	actor := staffkey.Actor{Origin: origin}
	event := staffkey.Event(staffkey.EventSignInRefused, actor)
	event.Subject = string(answer.Method)
	want := expect{purpose: staffkey.PurposeSignIn, method: answer.Method, person: a.Person}
	var in SignedIn
	g, err := s.guessMethod(ctx, a.Person, answer.Method)
	if err != nil {
		return in, s.guessRefused(ctx, g, event, answer, want, err)
	}
	right := false // whether the answer was, whatever policy says of it
	err = again(ctx, func() error {
		c, v, h, err := s.verify(ctx, answer, want, &event)
		if err == nil && a.Password != 0 && answer.Method != staffkey.MethodSecurityKey {
			err = samePassword(a, h)
		}
		if err != nil {
			return s.refuse(ctx, event, c, err)
		}
		right = true
		proofs := append(a.proofs(), v.Proof)
		if c.Person == "" { // passwordless: the key alone says who it is and must be enough alone
			proofs = proofs[len(proofs)-1:]
		}
		assurance, err := policy.AcceptsSignIn(proofs, h.entering())
		if err != nil {
			return s.refuse(ctx, event, c, err)
		}
		in, err = s.enter(ctx, origin, h, proofs, assurance, c, v, before, g)
		if errors.Is(err, errLookAgain) {
			return err
		}
		return s.refuse(ctx, event, c, err)
	})
	if (isFault(err) || err != nil && right) && g.s != nil {
		err = errors.Join(err, g.back(ctx))
	} else if err != nil {
		err = errors.Join(err, s.noteGuesses(ctx, g, origin))
	}
	s.observeResult(answer.Method, err)
	return in, err
}

// samePassword refuses an attempt whose password was changed meanwhile.
func samePassword(a Attempt, h holder) error {
	if e := h.enrolment(staffkey.MethodPassword); e == nil || e.Version != a.Password {
		return staffkey.Expired("password_changed", "key.late").Because("the password was changed during the sign-in")
	}
	return nil
}

// stillPassword is samePassword for an attempt that nothing else was read for.
func (s *Service) stillPassword(tx *store.Tx, a Attempt) error {
	if a.Password == 0 {
		return nil
	}
	e, err := tx.FindEnrolment(a.Person, staffkey.MethodPassword)
	if errors.Is(err, staffkey.ErrNotFound) {
		return samePassword(a, holder{})
	}
	if err != nil {
		return err
	}
	return samePassword(a, holder{enrolments: []staffkey.Enrolment{e}})
}

// guessRefused records a try that was not looked at, and spends its ceremony.
func (s *Service) guessRefused(ctx context.Context, g guess, event staffkey.AuditEvent, answer Answer, want expect, err error) error {
	s.observeResult(answer.Method, err)
	c, openErr := s.open(answer.Sealed, want)
	if openErr != nil {
		c = nil
	}
	var p staffkey.Person
	readErr := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p, err = tx.FindPerson(g.person)
		return err
	})
	if readErr != nil {
		return readErr
	}
	event.Person, event.Organisation, event.ActorName = p.ID, p.Organisation, p.Name
	return errors.Join(s.refuse(ctx, event, c, err), s.noteGuesses(ctx, g, staffkey.Origin{IP: event.IP, Browser: event.Browser}))
}

func (s *Service) observeResult(kind staffkey.MethodKind, err error) {
	switch {
	case err == nil:
		s.observe(kind, "accepted")
	case errors.Is(err, staffkey.ErrThrottled):
		s.observe(kind, "throttled")
	case errors.Is(err, staffkey.ErrRefused), errors.Is(err, staffkey.ErrExpired):
		s.observe(kind, "refused")
	default:
		s.observe(kind, "failed")
	}
}

// verify opens the ceremony of an answer, has its method check it, and returns whose it is. It completes event with what
// it learns on the way, so that a refusal tells whom it concerned.
func (s *Service) verify(ctx context.Context, answer Answer, want expect, event *staffkey.AuditEvent) (*staffkey.Ceremony, Verified, holder, error) {
	var v Verified
	var h holder
	c, err := s.open(answer.Sealed, want)
	if err != nil {
		return c, v, h, err
	}
	m, err := s.method(answer.Method)
	if err != nil {
		return c, v, h, err
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		if c.Person != "" {
			if h.person, err = tx.FindPerson(c.Person); err != nil {
				return err
			}
			event.Person, event.Organisation, event.ActorName = h.person.ID, h.person.Organisation, h.person.Name
			if answer.Method != staffkey.MethodSecurityKey { // a key's row is found by its credential
				if err := s.fillHolder(tx, &h); err != nil {
					return err
				}
				if !h.policy.Allows(answer.Method) {
					return staffkey.Refused("method_not_allowed", "method.not_allowed")
				}
			}
		}
		var found store.KeyHolder
		v, err = m.FinishVerification(ctx, Verifying{
			Subject: Subject{Person: h.person, Policy: h.policy, Enrolment: h.enrolment(answer.Method)}, Purpose: c.Purpose, Now: s.now(),
			FindKey: func(credential []byte) (staffkey.SecurityKey, error) {
				var err error
				found, err = tx.FindKeyHolder(credential)
				return found.Key, err
			},
		}, *c, answer.Body)
		if found.Key.ID != "" { // also of a refused answer: the log tells which entry it was
			event.Subject, event.SubjectName = string(found.Key.ID), found.Key.Nickname
			if event.Person == "" {
				event.Person = found.Key.Person
			}
		}
		if err != nil {
			return err
		}
		if v.Key.ID != "" {
			h.policy = policy.Effective(found.Policies)
			if h.person.ID == "" {
				h.person = found.Person
				event.Person, event.Organisation, event.ActorName = h.person.ID, h.person.Organisation, h.person.Name
			}
		}
		if v.Person != h.person.ID {
			return staffkey.Refused("key_of_another", "key.other")
		}
		if v.Key.ID != "" {
			if err := policy.SignsIn(v.Key); err != nil {
				return err
			}
			if err := s.judgeInUse(tx, h, &v); err != nil {
				return err
			}
		}
		return policy.IsActive(h.person)
	})
	if v.Use != nil {
		v.Use.Where = event.Browser
	}
	return c, v, h, err
}

// enter makes the one change of a finished sign-in.
func (s *Service) enter(ctx context.Context, origin staffkey.Origin, h holder, proofs []staffkey.Proof, assurance staffkey.Assurance, c *staffkey.Ceremony, v Verified, before staffkey.Session, g guess) (SignedIn, error) {
	in := s.newSession(origin, h, proofs, assurance)
	in.Weaker = policy.IsDowngrade(assurance, h.holdings)
	event := staffkey.Event(staffkey.EventSignedIn, staffkey.Actor{Person: h.person.ID, Name: h.person.Name, Session: in.Session.ID, Origin: origin})
	event.Person, event.Organisation = h.person.ID, h.person.Organisation
	event.Subject, event.SubjectName = string(v.Key.ID), v.Key.Nickname
	event.Detail = map[string]string{"methods": methodNames(in.Session.Methods), "level": levelText(assurance)}
	if in.Weaker {
		event.Detail["downgrade"] = "yes"
	}
	if v.Finding != "" {
		event.Detail["finding"] = string(v.Finding)
	}
	if in.Session.Recovery != staffkey.RecoveryNone {
		event.Detail["recovery"] = string(in.Session.Recovery)
	}
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		if c != nil {
			if err := spend(tx, c); err != nil {
				return err
			}
		}
		if err := apply(tx, v, h.enrolment(v.Proof.Method)); err != nil {
			return err
		}
		if err := g.right(tx); err != nil {
			return err
		}
		if err := s.tellOfSignIn(tx, origin, h, v, in); err != nil {
			return err
		}
		return s.startSession(tx, origin, in, before)
	})
	return in, err
}

// weakerPerDay bounds the sign-ins by something weaker than the key in use that a person may make in a day (F11): enough for a day with
// the key at home, too few to live without it.
const weakerPerDay = 10

// tellOfSignIn tells a person of a sign-in that they should know of: without their key, by a recovery code, or by a key in a browser
// where it was not used before.
func (s *Service) tellOfSignIn(tx *store.Tx, origin staffkey.Origin, h holder, v Verified, in SignedIn) error {
	kind := v.Proof.Method
	if kind == staffkey.MethodSecurityKey {
		if origin.Station != "" || origin.SeenKeys == nil || slices.Contains(origin.SeenKeys, v.Key.ID) {
			return nil
		}
		return tx.InsertNotice("notice.key_new_place", h.person, map[string]string{"Nickname": v.Key.Nickname})
	}
	if e := h.enrolment(kind); e != nil && isTelephone(kind) {
		if err := s.noteTyped(tx, h.person.Organisation); err != nil {
			return err
		}
	}
	if v.Proof.Recovery == staffkey.RecoveryCode {
		return s.tellOfCode(tx, h, v)
	}
	if !in.Weaker {
		return nil
	}
	within, err := tx.CountWithin("weaker/"+string(h.person.ID), weakerPerDay, tx.Now.Add(24*time.Hour))
	if err != nil {
		return err
	}
	if !within && v.Proof.Recovery == staffkey.RecoveryNone {
		return staffkey.Refused("downgrade_limit", "method.weaker-limit")
	}
	return tx.InsertNotice("notice.without_key", h.person, map[string]string{"Method": string(kind)})
}

// tellOfCode tells a person that a recovery code of theirs was used, and how many are left.
func (s *Service) tellOfCode(tx *store.Tx, h holder, v Verified) error {
	m, err := s.method(v.Proof.Method)
	if err != nil {
		return err
	}
	return tx.InsertNotice("notice.code_used", h.person, map[string]string{"Left": strconv.Itoa(m.Remaining(v.State))})
}

// Enter opens a session on the password alone, for a person who has never set up anything stronger. Whether that is so is read in
// the change itself.
func (s *Service) Enter(ctx context.Context, origin staffkey.Origin, a Attempt, before staffkey.Session) (SignedIn, error) {
	return s.enterByPassword(ctx, staffkey.Actor{Origin: origin}, a, before)
}

// enterByPassword is Enter, inside the session of an actor who has one.
func (s *Service) enterByPassword(ctx context.Context, actor staffkey.Actor, a Attempt, before staffkey.Session) (SignedIn, error) {
	origin := actor.Origin
	var in SignedIn
	if a.Person == "" {
		return in, staffkey.Refused(policy.NeedsSecond, "signin.second")
	}
	event := staffkey.Event(staffkey.EventSignedIn, staffkey.Actor{Person: a.Person, Origin: origin})
	event.Person = a.Person
	event.Detail = map[string]string{"methods": string(staffkey.MethodPassword)}
	nothing := false
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		if err := stillSignedIn(tx, actor); err != nil {
			return err
		}
		h, err := s.loadHolder(tx, a.Person)
		if err != nil {
			return err
		}
		if err := policy.IsActive(h.person); err != nil {
			return err
		}
		if a.Password != 0 {
			if err := samePassword(a, h); err != nil {
				return err
			}
		}
		nothing = len(h.holdings.ActiveKeys()) == 0 && len(h.holdings.Others) == 0
		assurance, err := policy.AcceptsSignIn(a.proofs(), h.entering())
		if err != nil {
			return err
		}
		in = s.newSession(origin, h, a.proofs(), assurance)
		tx.Event.ActorName, tx.Event.Organisation, tx.Event.Session = h.person.Name, h.person.Organisation, in.Session.ID
		tx.Event.Detail = map[string]string{"methods": string(staffkey.MethodPassword), "level": levelText(assurance)}
		return s.startSession(tx, origin, in, before)
	})
	if r := (*staffkey.Refusal)(nil); errors.As(err, &r) && r.Rule == policy.NeedsSecond {
		if !nothing {
			return in, err // no refusal but the middle of a sign-in: what comes of it is recorded at its end
		}
		err = staffkey.Refused("nothing_left", "signin.nothing")
	}
	event.Kind = staffkey.EventSignInRefused
	return in, s.refuse(ctx, event, nil, err)
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

// prove checks an answer inside a session and renews the session with what it proves.
func (s *Service) prove(ctx context.Context, actor staffkey.Actor, purpose staffkey.Purpose, event staffkey.AuditEvent, answer Answer, before staffkey.Session) (SignedIn, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	event.Person = actor.Person
	want := expect{purpose: purpose, method: answer.Method, person: actor.Person, session: actor.Session}
	var in SignedIn
	g, err := s.guessMethod(ctx, actor.Person, answer.Method)
	if err != nil {
		return in, s.guessRefused(ctx, g, event, answer, want, err)
	}
	err = again(ctx, func() error {
		c, v, h, err := s.verify(ctx, answer, want, &event)
		if err != nil {
			return s.refuse(ctx, event, c, err)
		}
		// The proofs of the session count on: a password given at sign-in and a key touched now are two factors.
		proofs := append([]staffkey.Proof{v.Proof}, passwordOf(before)...)
		assurance, err := policy.AcceptsSignIn(proofs, h.entering())
		if err != nil {
			return s.refuse(ctx, event, c, err)
		}
		in = s.newSession(actor.Origin, h, proofs, assurance)
		done := event
		done.Session = in.Session.ID
		done.Detail = map[string]string{"level": levelText(assurance)}
		err = s.store.Change(ctx, done, func(tx *store.Tx) error {
			if err := stillSignedIn(tx, actor); err != nil {
				return err
			}
			if err := spend(tx, c); err != nil {
				return err
			}
			if err := apply(tx, v, h.enrolment(answer.Method)); err != nil {
				return err
			}
			if err := g.right(tx); err != nil {
				return err
			}
			if isTelephone(answer.Method) {
				if err := s.noteTyped(tx, h.person.Organisation); err != nil {
					return err
				}
			}
			if v.Proof.Recovery == staffkey.RecoveryCode {
				if err := s.tellOfCode(tx, h, v); err != nil {
					return err
				}
			}
			return s.startSession(tx, actor.Origin, in, before)
		})
		if errors.Is(err, errLookAgain) {
			return err
		}
		return s.refuse(ctx, event, c, err)
	})
	if isFault(err) && g.s != nil {
		err = errors.Join(err, g.back(ctx))
	}
	s.observeResult(answer.Method, err)
	return in, err
}

// passwordOf is the proof by password that a session was opened with, if it was.
func passwordOf(before staffkey.Session) []staffkey.Proof {
	if !slices.Contains(before.Methods, staffkey.MethodPassword) {
		return nil
	}
	return []staffkey.Proof{{Method: staffkey.MethodPassword, Knowledge: true, At: before.ProvedAt}}
}

// StepUpWithPassword renews the session of a person who has nothing stronger than a password. Wrong tries count as at
// sign-in.
func (s *Service) StepUpWithPassword(ctx context.Context, actor staffkey.Actor, password string, before staffkey.Session) (SignedIn, error) {
	var p staffkey.Person
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p, err = tx.FindPerson(actor.Person)
		return err
	})
	if err != nil {
		return SignedIn{}, err
	}
	a, err := s.CheckPassword(ctx, actor.Origin, Attempt{}, p.Username, password)
	if err != nil {
		return SignedIn{}, err
	}
	return s.enterByPassword(ctx, actor, a, before) // hashing may have waited, and the session may have been ended meanwhile
}
