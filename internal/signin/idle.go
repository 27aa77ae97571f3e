package signin

import (
	"context"
	"errors"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// Whoever goes away without a word is signed out by the clock (F6, F9). Every request that a person makes moves the end; what the browser
// asks for by itself must not, the visit at the end of the time least of all.

// timerSlack is how much of a session may be left when the timer of its page says that the time is over. The timer aims behind the end;
// clocks and networks are not exact.
const timerSlack = 5 * time.Second

// limitReached tells which limit of a session an instant has reached: "limit", "idle", or "" for neither.
func limitReached(s staffkey.Session, at time.Time) string {
	switch {
	case at.Before(s.EndsAt()):
		return ""
	case at.Before(s.ExpiresAt):
		return "idle"
	}
	return "limit"
}

// TimeUp ends the session of a cookie's secret whose time is over, give or take timerSlack, and tells how as HowEnded does. A session that
// lasts longer, because another page of it was used meanwhile, is left as it is: left is how long that is still. To ask is no use.
func (s *Service) TimeUp(ctx context.Context, origin staffkey.Origin, secret string) (left time.Duration, e SessionEnd, err error) {
	left, err = s.leftOf(ctx, origin, secret)
	if err == nil && left <= timerSlack {
		if err = s.endAtLimit(ctx, origin, secret, timerSlack); err == nil {
			left, err = s.leftOf(ctx, origin, secret) // it is not over when it was used in between
		}
	}
	if errors.Is(err, staffkey.ErrNotFound) {
		e, err = s.HowEnded(ctx, secret)
		return 0, e, err
	}
	return left, e, err
}

func (s *Service) leftOf(ctx context.Context, origin staffkey.Origin, secret string) (time.Duration, error) {
	cur, err := s.Look(ctx, origin, secret)
	return cur.Session.EndsAt().Sub(s.now()), err
}

// endAtLimit ends a session that reaches one of its limits within slack, and records which. It does nothing to one that has ended
// already, or that was used meanwhile.
func (s *Service) endAtLimit(ctx context.Context, origin staffkey.Origin, secret string, slack time.Duration) error {
	event := staffkey.Event(staffkey.EventSessionEnded, staffkey.Actor{Origin: origin})
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		session, person, err := tx.FindSession(secret)
		if err != nil {
			return err
		}
		why := limitReached(session, tx.Now.Add(slack))
		if why == "" || !session.EndedAt.IsZero() {
			return staffkey.ErrNotFound
		}
		tx.Event.Person, tx.Event.Organisation, tx.Event.Subject = person.ID, person.Organisation, string(session.ID)
		tx.Event.Detail = map[string]string{"why": why, "seen": session.LastSeenAt.Format(time.RFC3339)}
		return tx.EndSession(person.ID, session.ID)
	})
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil
	}
	return err
}
