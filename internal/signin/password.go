package signin

import (
	"context"
	"errors"
	"strconv"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Bounded is a Method whose proofs cost so much that only so many can be under way. Who finds no place is turned away before anything else
// is done for them: no try is counted, and no name is looked at.
type Bounded interface {
	Method
	// Admit takes a place for one proof, or returns ErrBusy. The source is where it comes from, whose places are bounded; known says
	// that it is a station or a browser of ours.
	Admit(source string, known bool) (Admitted, error)
}

// Admitted is a place at a Method. Whoever has it calls Leave when the proof is over.
type Admitted interface {
	FinishVerification(ctx context.Context, v Verifying, c staffkey.Ceremony, answer []byte) (Verified, error)
	Leave()
}

// CheckPassword is the first step of a sign-in: a name and a password. It answers alike, and after the same work, for a
// wrong password, an unknown name and a person without a password. The attempt it returns says who gave a right one. A name that is too long
// for any is ErrInvalid before anything is done with it. With the refusal of an account whose password was right comes the attempt: who has
// proved that much may read whom to call.
//
// A right password that is enough by itself (nothing else set up yet) still opens no session here: see [Service.Enter].
func (s *Service) CheckPassword(ctx context.Context, origin staffkey.Origin, a Attempt, login, password string) (Attempt, error) {
	if err := ValidateLogin(login); err != nil {
		return a, err
	}
	from, err := s.place(ctx, origin, login)
	if err != nil {
		return a, err
	}
	return s.checkPassword(ctx, origin, from, a, login, password)
}

// checkOwnPassword is CheckPassword in a session, which is a place of the person's own.
func (s *Service) checkOwnPassword(ctx context.Context, actor staffkey.Actor, login, password string) (Attempt, error) {
	return s.checkPassword(ctx, actor.Origin, place{own: actor.Person}, Attempt{}, login, password)
}

// ValidateLogin refuses a typed name that is longer than any can be.
func ValidateLogin(login string) error {
	if len(login) > staffkey.MaxLogin {
		return staffkey.Invalid("login", "username.long")
	}
	return nil
}

func (s *Service) checkPassword(ctx context.Context, origin staffkey.Origin, from place, a Attempt, login, password string) (Attempt, error) {
	ctx, cancel := lasting(ctx) // a guess counts also when the guesser hangs up
	defer cancel()
	seat, err := s.admitPassword(from)
	if err != nil {
		return a, err
	}
	defer seat.Leave()
	person, enrolment, g, err := s.findGuessed(ctx, login, from)
	if err != nil && !errors.Is(err, staffkey.ErrThrottled) {
		return a, err
	}
	event := staffkey.Event(staffkey.EventSignInRefused, staffkey.Actor{Origin: origin})
	event.Person, event.Organisation, event.Subject = person.ID, person.Organisation, string(staffkey.MethodPassword)
	if errors.Is(err, staffkey.ErrThrottled) && s.anonymous.spent(s.now()) {
		// Not even counted: who is known and who is not waits alike, so there is no work to do alike.
		s.observe(staffkey.MethodPassword, "throttled")
		return a, err
	}
	if err == nil {
		g, err = s.reserve(ctx, g)
	}
	if errors.Is(err, staffkey.ErrThrottled) {
		s.observe(staffkey.MethodPassword, "throttled")
		return a, s.refuse(ctx, event, nil, err)
	}
	if err != nil {
		return a, err
	}
	now := s.now()
	looked, unlooked := enrolment, g.unlooked
	if g.off {
		unlooked = "method_off"
	}
	if unlooked != "" {
		looked = nil // the same work, on nobody's: who guesses does not learn that this one was right
	}
	v, err := seat.FinishVerification(ctx, Verifying{Subject: Subject{Person: person, Enrolment: looked}, Purpose: staffkey.PurposeSignIn, Now: now}, staffkey.Ceremony{}, []byte(password))
	var r *staffkey.Refusal
	switch {
	case errors.As(err, &r) && unlooked != "":
		r.Rule = unlooked
	case err == nil && person.State == staffkey.PersonDisabled:
		err = policy.IsActive(person)
	}
	switch {
	case errors.Is(err, staffkey.ErrRefused):
		s.observe(staffkey.MethodPassword, "refused")
		return a, errors.Join(s.wrongPassword(ctx, event, g.failures, err), s.noteGuesses(ctx, g, origin))
	case err != nil: // busy, or a fault of ours: nothing was looked at
		return a, errors.Join(err, g.back(context.WithoutCancel(ctx)))
	}
	s.observe(staffkey.MethodPassword, "accepted")
	version := enrolment.Version
	err = s.store.Housekeep(ctx, func(tx *store.Tx) error {
		version = enrolment.Version
		if v.State != nil { // hashed anew, as costs have grown; whoever was faster has done it too
			err := tx.UseEnrolment(*enrolment, v.State)
			if err != nil {
				return err
			}
			version++
		}
		return g.right(tx)
	})
	if errors.Is(err, staffkey.ErrConflict) {
		err = s.store.Housekeep(ctx, g.right)
	}
	if err != nil {
		return a, err
	}
	attempt := Attempt{Person: person.ID, ProvedAt: now, Password: version, Return: a.Return, ExpiresAt: now.Add(AttemptLife)}
	if from.own != person.ID && !policy.PasswordStandsAlone(person) {
		attempt.ID = store.NewID[string]()
		if err := s.noteGiven(ctx, origin, person, attempt.ID, g.failures-1); err != nil {
			return a, err
		}
	}
	if err := policy.IsActive(person); err != nil { // frozen: who knows the password may know why it does not help
		return attempt, s.refuse(ctx, event, nil, err)
	}
	return attempt, nil
}

// givenPerDay bounds how often a day it is noted that somebody's password was given in a browser that is not theirs and nothing came of it.
const givenPerDay = 20

// noteGiven notes that a person's password was given where it is not known to be theirs, so that they can see it when nothing comes of it:
// whoever stops there knows the password. After wrong tries it is told to them, once a day.
func (s *Service) noteGiven(ctx context.Context, origin staffkey.Origin, p staffkey.Person, attempt string, wrong int) error {
	event := staffkey.Event(staffkey.EventPasswordGiven, staffkey.Actor{Person: p.ID, Name: p.Name, Origin: origin})
	event.Person, event.Organisation, event.Detail = p.ID, p.Organisation, map[string]string{"attempt": attempt, "failures": strconv.Itoa(wrong)}
	told := false
	err := s.store.Housekeep(ctx, func(tx *store.Tx) error {
		tx.Event, told = event, false
		within, err := tx.CountWithin(givenOf(p.ID), givenPerDay, tx.Now.Add(day))
		if err != nil || !within {
			return err
		}
		if err := tx.Record(event); err != nil || wrong < 1 {
			return err
		}
		if told, err = tx.CountWithin("given/told/"+string(p.ID), 1, tx.Now.Add(day)); err != nil || !told {
			return err
		}
		return tx.InsertNotice("notice.password_known", p, nil)
	})
	if told {
		s.wake()
	}
	return err
}

func givenOf(person staffkey.PersonID) string { return "given/" + string(person) }

// forgetGiven takes back that it was noted, because a sign-in has come of it: whoever signs in twenty times a day at a shared station must still
// hear of a stranger.
func forgetGiven(tx *store.Tx, person staffkey.PersonID) error { return tx.ReturnTry(givenOf(person)) }

// admitPassword takes a seat among the passwords that are looked at.
func (s *Service) admitPassword(from place) (Admitted, error) {
	m, err := s.method(staffkey.MethodPassword)
	if err != nil {
		return nil, err
	}
	source, known := from.turn()
	return m.(Bounded).Admit(source, known)
}

// findGuessed reads whose password is tried, and refuses one that has to wait: that costs a flood of guesses one read each. Others
// are counted in a change of their own, which looks again. Who waits may ask without end, so nothing is read there of whom the name means
// that would show in the time of many answers: not what they have set up, and where nothing is recorded of them any more, not even who.
func (s *Service) findGuessed(ctx context.Context, login string, from place) (person staffkey.Person, enrolment *staffkey.Enrolment, g guess, err error) {
	unrecorded := from.own == "" && s.anonymous.spent(s.now())
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		person, enrolment = staffkey.Person{}, nil
		var err error
		if unrecorded { // what is told depends on the typed name and the place
			if g, err = s.guessName(staffkey.MethodPassword, login, "", from); err != nil {
				return err
			}
			if err := s.mustWait(tx, &g); err != nil {
				return err
			}
		}
		p, err := tx.FindPersonByLogin(login)
		if err != nil && !errors.Is(err, staffkey.ErrNotFound) {
			return err
		}
		if err == nil {
			person = p
		}
		if g, err = s.guessName(staffkey.MethodPassword, login, person.ID, from); err != nil {
			return err
		}
		if err := s.mustWait(tx, &g); err != nil || person.ID == "" {
			return err
		}
		e, err := tx.FindEnrolment(person.ID, staffkey.MethodPassword)
		if err == nil {
			enrolment = &e
		}
		return gone(err)
	})
	return person, enrolment, g, err
}

// wrongPassword records a wrong try, and answers the same whatever was wrong.
func (s *Service) wrongPassword(ctx context.Context, event staffkey.AuditEvent, tries int, err error) error {
	r := staffkey.Refused("password", "pw.wrong")
	var inner *staffkey.Refusal
	if errors.As(err, &inner) {
		r.Reason = inner.Rule
	}
	event.Detail = map[string]string{"failures": strconv.Itoa(tries)}
	return s.refuse(ctx, event, nil, r)
}

// BeginPasswordChange begins changing the actor's own password: it refuses whoever may not, and returns what says since when they might.
func (s *Service) BeginPasswordChange(ctx context.Context, actor staffkey.Actor) (string, error) {
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		h, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		return policy.MayChangePassword(may, h.person.ID, h.policy, h.holdings, s.now())
	})
	if err != nil {
		return "", err
	}
	return s.seal(staffkey.Ceremony{
		Purpose: staffkey.PurposePassword, Method: staffkey.MethodPassword, Person: actor.Person, Actor: actor.Person, Session: actor.Session,
	})
}

// ChangePassword changes the actor's own password, by the present one unless a pass let them in, and ends their other sessions
// (ASVS 5.0, 6.2.3 and 7.4.3). The proof has to have been fresh when the change was begun, or now. What was begun is not used up: a new
// password that is refused is typed again.
func (s *Service) ChangePassword(ctx context.Context, actor staffkey.Actor, begun, current, password string) error {
	ctx, cancel := lasting(ctx)
	defer cancel()
	at := s.now()
	if c, err := s.open(begun, expect{staffkey.PurposePassword, staffkey.MethodPassword, actor.Person, actor.Session}); err == nil {
		at = c.BegunAt
	}
	event := staffkey.Event(staffkey.EventPasswordChanged, actor)
	event.Person, event.Subject = actor.Person, string(staffkey.MethodPassword)
	var h holder
	var seen staffkey.Authority
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		seen = may
		if h, err = s.loadHolder(tx, actor.Person); err != nil {
			return err
		}
		return policy.MayChangePassword(may, h.person.ID, h.policy, h.holdings, at)
	})
	event.Organisation = h.person.Organisation
	if err != nil {
		return s.refuse(ctx, event, nil, err)
	}
	if policy.NeedsPassword(seen) {
		if _, err := s.checkOwnPassword(ctx, actor, h.person.Username, current); err != nil {
			var r *staffkey.Refusal
			if errors.As(err, &r) && r.Rule == "password" {
				return staffkey.Invalid("current", "password.current")
			}
			return err
		}
		if current == password {
			return staffkey.Invalid("password", "password.new-same")
		}
	}
	state, err := s.passwordState(ctx, h.person, password)
	if err != nil {
		return err
	}
	err = s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		now, err := s.loadHolder(tx, actor.Person)
		if err != nil {
			return err
		}
		if err := policy.MayChangePassword(may, now.person.ID, now.policy, now.holdings, at); err != nil {
			return err
		}
		if err := s.putEnrolment(tx, now, staffkey.MethodPassword, state, may.Lineage); err != nil {
			return err
		}
		tx.Event.Kind = staffkey.EventPasswordChanged
		if err := cancelPasswordLinks(tx, actor.Person); err != nil {
			return err
		}
		if _, err := tx.EndSessions(actor.Person, actor.Session); err != nil {
			return err
		}
		return s.tell(tx, "notice.password_changed", now, nil)
	})
	s.wake()
	return s.refuse(ctx, event, nil, err)
}

// passwordState has the password method check and hash a new password.
func (s *Service) passwordState(ctx context.Context, p staffkey.Person, password string) ([]byte, error) {
	m, err := s.method(staffkey.MethodPassword)
	if err != nil {
		return nil, err
	}
	enrolled, err := m.FinishEnrolment(ctx, Enrolling{Subject: Subject{Person: p}, Alone: policy.PasswordStandsAlone(p), Now: s.now()}, staffkey.Ceremony{}, []byte(password))
	return enrolled.State, err
}
