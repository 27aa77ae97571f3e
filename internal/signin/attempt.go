package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Attempt is a sign-in under way in one browser, between the first proof and the session. It is sealed into a cookie:
// the server keeps nothing of people who never finish.
type Attempt struct {
	// Person is who gave a right password; empty before.
	Person   staffkey.PersonID `json:"u,omitempty"`
	ProvedAt time.Time         `json:"t"`
	// Return is the path to go to afterwards.
	Return    string    `json:"r,omitempty"`
	ExpiresAt time.Time `json:"e"`
}

// AttemptLife is how long a sign-in may take.
const AttemptLife = 10 * time.Minute

const attemptPlace = "attempt"

// SealAttempt closes an attempt into the text of a cookie.
func (s *Service) SealAttempt(a Attempt) (string, error) {
	plain, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	sealed, err := s.store.Sealer().Seal(attemptPlace, plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// OpenAttempt opens what SealAttempt made; anything else, or one too old, is a fresh attempt.
func (s *Service) OpenAttempt(sealed string) Attempt {
	fresh := Attempt{ExpiresAt: s.now().Add(AttemptLife)}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) == 0 {
		return fresh
	}
	plain, err := s.store.Sealer().Open(attemptPlace, raw)
	if err != nil {
		return fresh
	}
	var a Attempt
	if json.Unmarshal(plain, &a) != nil || !s.now().Before(a.ExpiresAt) {
		return fresh
	}
	return a
}

// Limits of password guessing: after freeFailures wrong tries on one name, each further one doubles the wait.
const (
	freeFailures    = 5
	firstWait       = 30 * time.Second
	longestWait     = 15 * time.Minute
	forgetFailures  = 24 * time.Hour
	throttlePurpose = "throttle/password"
)

// CheckPassword is the first step of a sign-in: a name and a password. It answers alike, and after the same work, for a
// wrong password, an unknown name and a person without a password. The attempt it returns says who gave a right one.
//
// A right password that is enough by itself (nothing else set up yet) still opens no session here: see [Service.Enter].
func (s *Service) CheckPassword(ctx context.Context, origin staffkey.Origin, a Attempt, login, password string) (Attempt, error) {
	ctx, cancel := lasting(ctx) // a guess counts also when the guesser hangs up
	defer cancel()
	digest, err := s.store.Sealer().Digest(throttlePurpose, []byte(store.Fold(login)))
	if err != nil {
		return a, err
	}
	subject := "password/" + base64.RawURLEncoding.EncodeToString(digest)
	var person staffkey.Person
	var enrolment *staffkey.Enrolment
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		person, err = tx.FindPersonByLogin(login)
		if errors.Is(err, staffkey.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		e, err := tx.FindEnrolment(person.ID, staffkey.MethodPassword)
		if errors.Is(err, staffkey.ErrNotFound) {
			return nil
		}
		enrolment = &e
		return err
	})
	if err != nil {
		return a, err
	}
	event := staffkey.Event(staffkey.EventSignInRefused, staffkey.Actor{Origin: origin})
	event.Person, event.Organisation, event.Subject = person.ID, person.Organisation, string(staffkey.MethodPassword)
	tries, wait, err := s.reserveTry(ctx, subject)
	if err != nil {
		return a, err
	}
	if wait > 0 {
		s.observe(staffkey.MethodPassword, "throttled")
		r := staffkey.Refused("throttled", "rate", "Count", int((wait+time.Minute-1)/time.Minute))
		r.Kind = staffkey.ErrThrottled
		return a, s.refuse(ctx, event, nil, r)
	}
	m, err := s.method(staffkey.MethodPassword)
	if err != nil {
		return a, err
	}
	now := s.now()
	_, err = m.FinishVerification(ctx, Verifying{Subject: Subject{Person: person, Enrolment: enrolment}, Purpose: staffkey.PurposeSignIn, Now: now}, staffkey.Ceremony{}, []byte(password))
	if err == nil {
		err = policy.IsActive(person)
	}
	if errors.Is(err, staffkey.ErrRefused) {
		s.observe(staffkey.MethodPassword, "refused")
		return a, s.wrongPassword(ctx, event, tries, err)
	}
	if errors.Is(err, staffkey.ErrBusy) { // nothing was looked at
		return a, errors.Join(err, s.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.ReturnTry(subject) }))
	}
	if err != nil {
		return a, err
	}
	s.observe(staffkey.MethodPassword, "accepted")
	if err := s.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.ForgetFailures(subject) }); err != nil {
		return a, err
	}
	return Attempt{Person: person.ID, ProvedAt: now, Return: a.Return, ExpiresAt: now.Add(AttemptLife)}, nil
}

// reserveTry counts a try before its password is looked at, in one change, so that of many at once no more get through than
// are free. It returns how many tries there are now, or how long the name is still blocked. A right password forgets them.
func (s *Service) reserveTry(ctx context.Context, subject string) (tries int, wait time.Duration, err error) {
	err = s.store.Housekeep(ctx, func(tx *store.Tx) error {
		t, err := tx.FindThrottle(subject)
		if err != nil {
			return err
		}
		if wait = t.BlockedUntil.Sub(tx.Now); wait > 0 {
			return nil
		}
		if tries, err = tx.CountFailure(subject, tx.Now.Add(forgetFailures)); err != nil || tries < freeFailures {
			return err
		}
		return tx.BlockUntil(subject, tx.Now.Add(min(firstWait<<min(tries-freeFailures, 10), longestWait)))
	})
	return tries, wait, err
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

// proofs are the proofs that an attempt carries.
func (a Attempt) proofs() []staffkey.Proof {
	if a.Person == "" {
		return nil
	}
	return []staffkey.Proof{{Method: staffkey.MethodPassword, Knowledge: true, At: a.ProvedAt}}
}
