package signin

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// newSession makes the session that proofs open. One that renews another goes on with what led to that, and with its password. It lasts no
// longer than its limits count from the oldest proof that it rests on: a password does not become younger by what is proved beside it.
func (s *Service) newSession(origin staffkey.Origin, h holder, proofs []staffkey.Proof, assurance staffkey.Assurance, renewed staffkey.Session) (SignedIn, error) {
	now := s.now()
	idle, absolute := policy.SessionLife(h.policy, assurance)
	if origin.Station != "" {
		idle = policy.AtStation(idle)
	}
	id := store.NewID[staffkey.SessionID]()
	in := SignedIn{
		Person: h.person,
		Secret: string(id) + "." + rand.Text(), // 130 bits beside the id; ASVS 7.2.3 asks for 128
		Session: staffkey.Session{
			ID: id, Person: h.person.ID, Assurance: assurance, CreatedAt: now, ProvedAt: now, LastSeenAt: now,
			IdleLimit: idle, ExpiresAt: policy.RestsOn(proofs, assurance, now).Add(absolute), IP: origin.IP, Browser: origin.Browser,
			Recovery: policy.RecoveryOf(proofs), Station: origin.Station, KnownAt: renewed.KnownAt,
		},
	}
	if renewed.ID != "" {
		in.Session.Before = renewed.Lineage()
	}
	if !in.Session.ExpiresAt.After(now) { // the limits were shortened meanwhile
		return in, staffkey.Expired("session_limit", "ses.lost")
	}
	leadOn(&in.Session, h, proofs)
	for _, p := range proofs {
		in.Session.Methods = append(in.Session.Methods, p.Method)
		if p.SecurityKey != "" {
			in.Session.SecurityKey, in.Key = p.SecurityKey, p.SecurityKey
		}
		if p.Method == staffkey.MethodPassword {
			in.Session.KnownAt = p.At
		}
	}
	return in, nil
}

// startSession stores a new session and ends the one that the browser had before. Notices of the sign-in itself come before it: a thief
// does not choose their language.
func (s *Service) startSession(tx *store.Tx, origin staffkey.Origin, in SignedIn, before staffkey.Session) error {
	if before.ID != "" {
		err := tx.Soon(unlessGone, func() error { return tx.EndSession(before.Person, before.ID) })
		if err != nil {
			return err
		}
	}
	moved := func(err error) error {
		if errors.Is(err, staffkey.ErrNotFound) { // disabled, frozen or moved between look and entry
			return errLookAgain
		}
		return err
	}
	err := tx.Soon(moved, func() error { return tx.InsertSession(in.Session, in.Person.Organisation, in.Secret) })
	if err != nil || !policy.LearnsLanguage(in.Person, origin) {
		return err
	}
	if tx.Event.Detail == nil {
		tx.Event.Detail = map[string]string{}
	}
	tx.Event.Detail["language"] = origin.Language
	return tx.LearnLanguage(in.Person.ID, origin.Language)
}

// unlessGone makes nothing of what is no longer there.
func unlessGone(err error) error {
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil
	}
	return err
}

func methodNames(kinds []staffkey.MethodKind) string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = string(k)
	}
	return strings.Join(names, " ")
}

func levelText(a staffkey.Assurance) string { return strconv.Itoa(a.Level) }

// Current is a live session with its person and what they may do.
type Current struct {
	Session staffkey.Session
	Person  staffkey.Person
	Actor   staffkey.Actor
	// May is what they may do at this instant: to show or hide a button by. Operations ask again.
	May staffkey.Authority
}

// Find is Look by somebody who uses the session: it notes that it was seen, at most once a minute.
func (s *Service) Find(ctx context.Context, origin staffkey.Origin, secret string) (Current, error) {
	cur, err := s.Look(ctx, origin, secret)
	if err != nil {
		return Current{}, err
	}
	if now := s.now(); now.Sub(cur.Session.LastSeenAt) >= min(time.Minute, cur.Session.IdleLimit/10) {
		if err := s.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.TouchSession(cur.Session.ID) }); err != nil {
			return Current{}, err
		}
		cur.Session.LastSeenAt = now
	}
	return cur, nil
}

// Look returns the live session of a cookie's secret; ErrNotFound when there is none, or when it has ended, for whatever
// reason. It does not make the session last any longer. A session that is found past its limits has ended then for good,
// and a clock that is set back does not revive it.
func (s *Service) Look(ctx context.Context, origin staffkey.Origin, secret string) (Current, error) {
	var cur Current
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if cur.Session, cur.Person, err = tx.FindSession(secret); err != nil {
			return err
		}
		if !cur.Session.Alive(tx.Now) {
			return errSessionOver
		}
		if cur.Person.State != staffkey.PersonActive {
			return staffkey.ErrNotFound
		}
		cur.Actor = staffkey.Actor{Person: cur.Person.ID, Name: cur.Person.Name, Session: cur.Session.ID, Origin: origin}
		cur.May, err = tx.AuthorityOf(cur.Actor, cur.Session)
		return err
	})
	if errors.Is(err, errSessionOver) {
		if err := s.endAtLimit(ctx, origin, secret, 0); err != nil {
			return Current{}, err
		}
		return Current{}, staffkey.ErrNotFound
	}
	if err != nil {
		return Current{}, err
	}
	return cur, nil
}

// errSessionOver says that a session was found that has ended or is past its limits.
var errSessionOver = errors.New("session over")

// SessionEnd is the end of a session: whose it was, and why: "idle", "limit" or "ended".
type SessionEnd struct {
	Person staffkey.PersonID
	Why    string
}

// HowEnded tells how the session of a cookie came to its end; nothing when it is not known, or still alive.
func (s *Service) HowEnded(ctx context.Context, secret string) (SessionEnd, error) {
	var e SessionEnd
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		e = SessionEnd{}
		session, p, err := tx.FindSession(secret)
		if errors.Is(err, staffkey.ErrNotFound) {
			return nil
		}
		if session.EndedAt.IsZero() {
			e.Why = limitReached(session, tx.Now)
		} else if e.Why = limitReached(session, session.EndedAt.Add(timerSlack)); e.Why == "" {
			e.Why = "ended" // by somebody, before its limits
		}
		if e.Why != "" {
			e.Person = p.ID
		}
		return err
	})
	return e, err
}

// SignOut ends the actor's own session.
func (s *Service) SignOut(ctx context.Context, actor staffkey.Actor) error {
	event := staffkey.Event(staffkey.EventSignedOut, actor)
	event.Person = actor.Person
	err := s.store.Change(ctx, event, func(tx *store.Tx) error { return tx.EndSession(actor.Person, actor.Session) })
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil // it has ended by itself: what was wanted
	}
	return err
}

// ListSessions returns a person's open sessions, their own.
func (s *Service) ListSessions(ctx context.Context, actor staffkey.Actor) ([]staffkey.Session, error) {
	var list []staffkey.Session
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		list, err = tx.ListSessions(actor.Person)
		return err
	})
	return list, err
}

// EndSession ends one of the actor's own sessions; ErrNotFound when it is not theirs or has ended.
func (s *Service) EndSession(ctx context.Context, actor staffkey.Actor, id staffkey.SessionID) error {
	event := staffkey.Event(staffkey.EventSessionEnded, actor)
	event.Person, event.Subject = actor.Person, string(id)
	return s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, _ staffkey.Authority) error { return tx.EndSession(actor.Person, id) })
}

// EndOtherSessions ends all of the actor's sessions but this one and returns how many there were.
func (s *Service) EndOtherSessions(ctx context.Context, actor staffkey.Actor) (int, error) {
	event := staffkey.Event(staffkey.EventSessionEnded, actor)
	event.Person = actor.Person
	var n int64
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, _ staffkey.Authority) error {
		var err error
		n, err = tx.EndSessions(actor.Person, actor.Session)
		tx.Event.Detail = map[string]string{"sessions": strconv.FormatInt(n, 10)}
		return err
	})
	return int(n), err
}

// Sweep deletes what has expired: spent ceremonies, old sessions and links, and registrations that nobody named.
func (s *Service) Sweep(ctx context.Context) error {
	return s.store.Housekeep(ctx, func(tx *store.Tx) error {
		if _, err := tx.SweepPendingKeys(tx.Now.Add(-staffkey.PendingKeyLife)); err != nil {
			return err
		}
		return tx.Sweep()
	})
}
