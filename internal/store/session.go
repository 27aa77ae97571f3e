package store

import (
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"staffkey"
)

const sessionColumns = `s.id, s.person_id, s.level, s.phishing_resistant, s.methods, s.security_key_id, s.created_at, s.proved_at,
	s.last_seen_at, s.idle_seconds, s.expires_at, s.ended_at, s.ip, s.browser, s.recovery, s.station_id, s.known_at, s.lineage`

// hashSecret hashes a random secret of 128 bits or more for look-up; such a secret needs no slow hash
// (NIST SP 800-63B-4 §3.1.2.2).
func hashSecret(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func scanSession(row scanner, more ...any) (staffkey.Session, error) {
	var s staffkey.Session
	var methods, lineage string
	var idle int64
	var ended, known sql.NullTime
	err := row.Scan(append([]any{&s.ID, &s.Person, &s.Assurance.Level, &s.Assurance.PhishingResistant, &methods, &s.SecurityKey, &s.CreatedAt,
		&s.ProvedAt, &s.LastSeenAt, &idle, &s.ExpiresAt, &ended, &s.IP, &s.Browser, &s.Recovery, &s.Station, &known, &lineage}, more...)...)
	for m := range strings.FieldsSeq(methods) {
		s.Methods = append(s.Methods, staffkey.MethodKind(m))
	}
	s.IdleLimit = time.Duration(idle) * time.Second
	s.CreatedAt, s.ProvedAt, s.LastSeenAt, s.ExpiresAt = s.CreatedAt.UTC(), s.ProvedAt.UTC(), s.LastSeenAt.UTC(), s.ExpiresAt.UTC()
	s.EndedAt, s.KnownAt, s.Before = utc(ended), utc(known), staffkey.ParseLineage(lineage)
	return s, found(err)
}

func joinMethods(methods []staffkey.MethodKind) string {
	names := make([]string, len(methods))
	for i, m := range methods {
		names[i] = string(m)
	}
	return strings.Join(names, " ")
}

// InsertSession opens a session for a person who is active at that instant, and in the organisation where they were found: what was decided
// about it may be another in another. Otherwise ErrNotFound, and nothing is opened. The secret must begin with the session's id and a full stop.
func (tx *Tx) InsertSession(s staffkey.Session, where staffkey.OrganisationID, secret string) error {
	return tx.one(staffkey.ErrNotFound, `INSERT INTO sessions (id, secret_hash, person_id, level, phishing_resistant, methods, security_key_id,
		created_at, proved_at, last_seen_at, idle_seconds, expires_at, ip, browser, recovery, station_id, known_at, lineage)
		SELECT $1, $2, p.id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17 FROM people p WHERE p.id = $18 AND p.state = 'active' AND p.organisation_id = $19`,
		s.ID, hashSecret(secret), s.Assurance.Level, s.Assurance.PhishingResistant, joinMethods(s.Methods), s.SecurityKey,
		instant(s.CreatedAt), instant(s.ProvedAt), instant(s.LastSeenAt), int64(s.IdleLimit/time.Second), instant(s.ExpiresAt), s.IP, s.Browser,
		s.Recovery, s.Station, nullTime(s.KnownAt), s.Before.String(), s.Person, where)
}

// FindSession returns a session by the secret of its cookie, with its person. The caller asks Session.Alive. The secret
// begins with the session's id: the row is found by that, which grows with time and costs no second index, and the hash
// of the whole decides.
func (tx *Tx) FindSession(secret string) (staffkey.Session, staffkey.Person, error) {
	var p staffkey.Person
	var hash []byte
	var asked, frozen, setUp sql.NullTime
	id, _, _ := strings.Cut(secret, ".")
	s, err := scanSession(tx.q.queryRow(`SELECT `+sessionColumns+`, `+personColumns+`, s.secret_hash FROM sessions s JOIN people p ON p.id = s.person_id
		WHERE s.id = $1`, text(id)),
		&p.ID, &p.Organisation, &p.Username, &p.Email, &p.Name, &p.EmployeeNumber, &p.Phone, &p.State, &p.CreatedAt, &p.Language, &asked, &frozen, &setUp, &hash)
	if err == nil && subtle.ConstantTimeCompare(hash, hashSecret(secret)) != 1 {
		err = staffkey.ErrNotFound
	}
	if err != nil {
		return staffkey.Session{}, staffkey.Person{}, err
	}
	p.CreatedAt, p.AskedAt, p.FrozenAt, p.SetUpAt = p.CreatedAt.UTC(), utc(asked), utc(frozen), utc(setUp)
	return s, p, nil
}

// ListSessions returns a person's sessions that have not ended by themselves or by hand at the transaction's instant,
// latest first.
func (tx *Tx) ListSessions(person staffkey.PersonID) ([]staffkey.Session, error) {
	var list []staffkey.Session
	err := tx.rows(func(r scanner) error {
		s, err := scanSession(r)
		if err == nil && s.Alive(tx.Now) {
			list = append(list, s)
		}
		return err
	}, "SELECT "+sessionColumns+" FROM sessions s WHERE s.person_id = $1 AND s.ended_at IS NULL AND s.expires_at > $2 ORDER BY s.created_at DESC, s.id DESC",
		person, tx.Now)
	return list, err
}

// TouchSession notes that a session was used; it never revives an ended one.
func (tx *Tx) TouchSession(id staffkey.SessionID) error {
	return tx.exec("UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND ended_at IS NULL AND last_seen_at < $1", tx.Now, id)
}

// EndSession ends a person's session at once. ErrNotFound: there is no such session, or it has ended.
func (tx *Tx) EndSession(person staffkey.PersonID, id staffkey.SessionID) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE sessions SET ended_at = $1 WHERE id = $2 AND person_id = $3 AND ended_at IS NULL", tx.Now, id, person)
}

// EndSessions ends a person's sessions except one, and returns how many were open.
func (tx *Tx) EndSessions(person staffkey.PersonID, except staffkey.SessionID) (int64, error) {
	return tx.affected("UPDATE sessions SET ended_at = $1 WHERE person_id = $2 AND id <> $3 AND ended_at IS NULL AND expires_at > $1", tx.Now, person, except)
}

// EndSessionsFrom ends a person's sessions that one ancestor led to, except one, and returns how many were open. An ancestor without an id is
// any of its kind.
func (tx *Tx) EndSessionsFrom(person staffkey.PersonID, ancestor string, except staffkey.SessionID) (int64, error) {
	return tx.affected(`UPDATE sessions SET ended_at = $1 WHERE person_id = $2 AND id <> $3 AND ended_at IS NULL AND expires_at > $1
		AND ('key:' || security_key_id = $4 OR lineage LIKE $5)`, tx.Now, person, except, ancestor, "%"+ancestor+"%")
}

// EndWeakSessions ends a person's sessions of level 1, except one: they were opened with less than it takes from now on, maybe by
// somebody else.
func (tx *Tx) EndWeakSessions(person staffkey.PersonID, except staffkey.SessionID) error {
	return tx.exec("UPDATE sessions SET ended_at = $1 WHERE person_id = $2 AND id <> $3 AND level < 2 AND ended_at IS NULL AND expires_at > $1", tx.Now, person, except)
}

// SpendCeremony marks a ceremony as used. ErrConflict: it was used before, which refuses everything in the transaction.
func (tx *Tx) SpendCeremony(id staffkey.CeremonyID, expiresAt time.Time) error {
	return tx.insert(staffkey.ErrConflict, "INSERT INTO spent_ceremonies (id, expires_at) VALUES ", " ON CONFLICT (id) DO NOTHING", id, instant(expiresAt))
}

// sweepKeep is how long ended sessions and used links stay, for the questions of the day after.
const sweepKeep = 30 * 24 * time.Hour

// Sweep deletes what has expired: spent ceremonies, old sessions, links and throttles, checked devices, receipts of nothing, and
// messages long gone. Nothing expires before it begins, so a ceremony or session that is due has an id from before that instant; the
// ids narrow the search to the old end.
func (tx *Tx) Sweep() error {
	ceremonies, sessions := tx.Now.Add(-staffkey.CeremonyLife), tx.Now.Add(-sweepKeep)
	if err := tx.exec("DELETE FROM spent_ceremonies WHERE id < $1 AND expires_at < $2", firstID(ceremonies), instant(ceremonies)); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM sessions WHERE id < $1 AND expires_at < $2", firstID(sessions), instant(sessions)); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM one_time_links WHERE expires_at < $1", instant(sessions)); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM throttles WHERE forget_at < $1", tx.Now); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM device_checks WHERE expires_at < $1", tx.Now); err != nil {
		return err
	}
	if err := tx.exec("DELETE FROM receipts WHERE received_at < $1", instant(tx.Now.Add(-receiptLife))); err != nil {
		return err
	}
	return tx.exec("DELETE FROM outbox WHERE state <> 'waiting' AND id < $1", firstID(sessions))
}

// firstID is where the ids that [NewID] makes from an instant on begin: the milliseconds are their first 48 bits.
func firstID(at time.Time) string {
	ms := fmt.Sprintf("%012x", at.UnixMilli())
	return ms[:8] + "-" + ms[8:]
}
