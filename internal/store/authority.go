package store

import (
	"context"
	"errors"

	"staffkey"
)

// Authority reads what an actor may do, as it is at the transaction's instant: the grants of the person and the strength of the session.
// ErrNotFound: the session has ended, or its person may not sign in any more. The console needs no grants, and an actor without a session
// has none and has proved nothing.
func (tx *Tx) Authority(actor staffkey.Actor) (staffkey.Authority, error) {
	may := staffkey.Authority{Actor: actor}
	if actor.Console || actor.Session == "" {
		return may, nil
	}
	s, err := scanSession(tx.q.queryRow(`SELECT `+sessionColumns+` FROM sessions s JOIN people p ON p.id = s.person_id
		WHERE s.id = $1 AND s.person_id = $2 AND s.ended_at IS NULL AND s.expires_at > $3 AND p.state = 'active'`, actor.Session, actor.Person, tx.Now))
	if err != nil {
		return may, err
	}
	return tx.AuthorityOf(actor, s)
}

// AuthorityOf is Authority for a session that was just read.
func (tx *Tx) AuthorityOf(actor staffkey.Actor, s staffkey.Session) (staffkey.Authority, error) {
	may := staffkey.Authority{Actor: actor, Assurance: s.Assurance, ProvedAt: s.ProvedAt, Recovery: s.Recovery, Lineage: s.Lineage(), Methods: s.Methods}
	var err error
	may.Grants, err = tx.ListRoleGrants(actor.Person)
	return may, err
}

// ChangeAs is [Store.Change] for somebody: fn gets what they may do as it is in this transaction, so that a role taken back, a session
// ended or a person disabled since the request began stops it. Who has no session may change nothing by it.
func (s *Store) ChangeAs(ctx context.Context, actor staffkey.Actor, event staffkey.AuditEvent, fn func(*Tx, staffkey.Authority) error) error {
	return s.Change(ctx, event, func(tx *Tx) error {
		if actor.Session == "" && !actor.Console {
			return sessionEnded()
		}
		may, err := signedIn(tx, actor)
		if err != nil {
			return err
		}
		return fn(tx, may)
	})
}

// ReadAs is [Store.Read] for somebody, with what they may do as it is in this transaction.
func (s *Store) ReadAs(ctx context.Context, actor staffkey.Actor, fn func(*Tx, staffkey.Authority) error) error {
	return s.Read(ctx, func(tx *Tx) error {
		may, err := signedIn(tx, actor)
		if err != nil {
			return err
		}
		return fn(tx, may)
	})
}

func signedIn(tx *Tx, actor staffkey.Actor) (staffkey.Authority, error) {
	may, err := tx.Authority(actor)
	if errors.Is(err, staffkey.ErrNotFound) {
		err = sessionEnded()
	}
	return may, err
}

func sessionEnded() error { return staffkey.Expired("session_ended", "ses.lost") }
