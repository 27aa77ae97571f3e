package signin

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// IssuePass makes a temporary access pass for a person (F44): shown once, one at a time, for the reason that is recorded.
func (s *Service) IssuePass(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, terms PassTerms, reason string) (string, error) {
	m, ok := s.methods[staffkey.MethodPass].(Issuer)
	if !ok {
		return "", staffkey.ErrNotFound
	}
	if err := staffkey.ValidateText("reason", reason, staffkey.MaxReason); err != nil {
		return "", err
	}
	event := staffkey.Event(staffkey.EventPassIssued, actor)
	event.Person, event.Subject = person, string(staffkey.MethodPass)
	event.Detail = map[string]string{"reason": reason, "ends": terms.ExpiresAt.UTC().Format(time.RFC3339)}
	if terms.Many {
		event.Detail["uses"] = "many"
	}
	enrolled, err := m.Issue(person, terms)
	if err != nil {
		return "", err
	}
	err = s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		p, chain, grants, err := s.target(tx, person)
		if err != nil {
			return err
		}
		if err := policy.MayIssuePass(may, person, chain, grants, terms.StartsAt.Sub(tx.Now), terms.ExpiresAt.Sub(terms.StartsAt)); err != nil {
			return err
		}
		if err := policy.IsActive(p); err != nil {
			return err
		}
		h, err := s.loadHolder(tx, person)
		if err != nil {
			return err
		}
		// A row of its own for each pass: what one opened must not be taken for what another did.
		if err := gone(tx.DeleteEnrolment(person, staffkey.MethodPass)); err != nil {
			return err
		}
		if err := tx.PutEnrolment(nil, staffkey.Enrolment{Person: person, Method: staffkey.MethodPass, State: enrolled.State}); err != nil {
			return err
		}
		return s.tell(tx, "notice.pass_issued", h, map[string]string{"Ends": terms.ExpiresAt.UTC().Format(time.RFC3339)})
	})
	s.wake()
	if err := s.refuse(ctx, event, nil, err); err != nil {
		return "", err
	}
	return enrolled.Show[0], nil
}

// RevokePass takes a person's pass back, and ends all that it has led to: it may have been in other hands. Sessions end, those of passes before
// it too, and what was set up in them is on hold; with earlier, also what passes of the last seven days led to that were replaced, used
// up or deleted since. Whoever may help the person back in may; ErrNotFound when there is no pass, unless earlier ones are meant.
func (s *Service) RevokePass(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, earlier bool) (Ended, error) {
	event := staffkey.Event(staffkey.EventPassRevoked, actor)
	event.Person, event.Subject = person, string(staffkey.MethodPass)
	var ended Ended
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		if _, err := s.mayRecover(tx, may, person); err != nil {
			return err
		}
		h, err := s.loadHolder(tx, person)
		if err != nil {
			return err
		}
		pass, ancestor := h.enrolment(staffkey.MethodPass), staffkey.PassAncestor("")
		if pass == nil && !earlier {
			return staffkey.ErrNotFound
		}
		if !earlier {
			ancestor = staffkey.PassAncestor(pass.ID)
		}
		if err := gone(tx.DeleteEnrolment(person, staffkey.MethodPass)); err != nil {
			return err
		}
		made, err := s.madeBy(tx, h, may, ancestor, tx.Now.Add(-madeWithin), Kept{})
		if err != nil {
			return err
		}
		made.ancestors = append(made.ancestors, staffkey.PassAncestor(""))
		if ended, err = s.endLineage(tx, may, h, made); err != nil {
			return err
		}
		if err := tx.DeletePendingKeys(person, ""); err != nil {
			return err
		}
		ended.note(&tx.Event)
		if ended.Sessions+len(ended.Keys)+len(ended.Methods) == 0 {
			return nil
		}
		return s.tell(tx, "notice.pass_revoked", h, ended.args(map[string]string{}))
	})
	s.wake()
	return ended, s.refuse(ctx, event, nil, err)
}

// BeginPass starts a sign-in by pass alone, for somebody who has no password yet or has forgotten it. It asks about nobody.
func (s *Service) BeginPass() (string, error) {
	return s.seal(staffkey.Ceremony{Purpose: staffkey.PurposeSignIn, Method: staffkey.MethodPass})
}

// FinishPass opens a session for setting up by a name and a pass. It answers alike for a wrong pass, an unknown name and a person
// without one.
func (s *Service) FinishPass(ctx context.Context, origin staffkey.Origin, login, sealed, code string, before staffkey.Session) (SignedIn, error) {
	if err := ValidateLogin(login); err != nil {
		return SignedIn{}, err
	}
	due := refusedAt(time.Now())
	in, err := s.finishPass(ctx, origin, login, sealed, code, before)
	if err != nil {
		await(ctx, due)
	}
	return in, err
}

// passRefusal is how long a refused pass takes at least. A pass has no hash in whose time the work for a name that exists would be lost
// (1.9 ms beside 1.8): all refusals wait until all would be there. The answer after it is still a little slower when more was done
// before, some hundredths of a millisecond; up to passBlur more, another each time, hide that from who asks a few times, and the limits
// of guessing keep it at that.
const (
	passRefusal = 50 * time.Millisecond
	passBlur    = 10 * time.Millisecond
)

// refusedAt is when the refusal of a pass that came at an instant is told.
func refusedAt(came time.Time) time.Time {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return came.Add(passRefusal + time.Duration(binary.NativeEndian.Uint64(b[:])%uint64(passBlur)))
}

// await waits until an instant, or until nobody waits for the answer any more.
func await(ctx context.Context, due time.Time) {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (s *Service) finishPass(ctx context.Context, origin staffkey.Origin, login, sealed, code string, before staffkey.Session) (SignedIn, error) {
	ctx, cancel := lasting(ctx)
	defer cancel()
	var in SignedIn
	m, err := s.method(staffkey.MethodPass)
	if err != nil {
		return in, err
	}
	event := staffkey.Event(staffkey.EventSignInRefused, staffkey.Actor{Origin: origin})
	event.Subject = string(staffkey.MethodPass)
	c, err := s.open(sealed, expect{purpose: staffkey.PurposeSignIn, method: staffkey.MethodPass})
	if err != nil {
		return in, s.refuse(ctx, event, nil, err)
	}
	from, err := s.place(ctx, origin, login)
	if err != nil {
		return in, err
	}
	var person staffkey.Person
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		person, err = tx.FindPersonByLogin(login)
		return gone(err)
	})
	if err != nil {
		return in, err
	}
	event.Person, event.Organisation, event.ActorName = person.ID, person.Organisation, person.Name
	g, err := s.guessName(staffkey.MethodPass, login, person.ID, from)
	if err != nil {
		return in, err
	}
	if g, err = s.reserve(ctx, g); err != nil {
		s.observeResult(staffkey.MethodPass, err)
		return in, s.refuse(ctx, event, c, err)
	}
	a := &answering{s: s, answer: Answer{Sealed: sealed, Method: staffkey.MethodPass, Body: []byte(code)}, event: event, guess: g, ceremony: c}
	err = again(ctx, func() error {
		var p proof
		err := s.store.Read(ctx, func(tx *store.Tx) error {
			var err error
			p = proof{}
			looked := person.ID
			if g.unlooked != "" {
				looked = ""
			}
			p.holder, err = s.loadHolder(tx, looked)
			if errors.Is(err, staffkey.ErrNotFound) { // the same work for a name that means nobody
				p.holder = holder{}
				return s.fillHolder(tx, &p.holder)
			}
			return err
		})
		if err != nil {
			return err
		}
		p.verified, err = m.FinishVerification(ctx, Verifying{Subject: p.subject(staffkey.MethodPass), Purpose: staffkey.PurposeSignIn, Now: s.now()}, *c, a.answer.Body)
		var r *staffkey.Refusal
		switch {
		case errors.As(err, &r) && g.unlooked != "":
			r.Reason = g.unlooked
		case err == nil && g.off:
			err = methodOff(g)
		case err == nil:
			if err = s.decide(nil, &p); err != nil { // a pass asks nothing of the store
				in = SignedIn{Person: p.person} // whose it is, as with other right answers
			}
		}
		if err == nil {
			in, err = s.enter(ctx, origin, p, a, "", before)
		}
		if errors.Is(err, errLookAgain) {
			return err
		}
		return s.refuse(ctx, event, c, err)
	})
	if isFault(err) {
		err = errors.Join(err, g.back(ctx))
	}
	s.observeResult(staffkey.MethodPass, err)
	if err == nil {
		return in, nil
	}
	return in, errors.Join(err, s.noteGuesses(ctx, g, origin))
}
