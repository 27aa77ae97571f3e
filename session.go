package staffkey

import (
	"slices"
	"strings"
	"time"
)

// SessionID identifies a session in lists and events. It is not the secret: the cookie's value is, and only its hash
// is stored.
type SessionID string

// Session is one signed-in browser. It lives on the server and can be ended at once, everywhere.
type Session struct {
	ID     SessionID
	Person PersonID
	// Assurance and Methods tell how the person proved who they are; ProvedAt is the latest proof.
	Assurance   Assurance
	Methods     []MethodKind
	SecurityKey SecurityKeyID // the key that opened it, if one did
	CreatedAt   time.Time
	ProvedAt    time.Time
	LastSeenAt  time.Time
	// IdleLimit ends an unused session; ExpiresAt ends any.
	IdleLimit time.Duration
	ExpiresAt time.Time
	EndedAt   time.Time
	IP        string
	Browser   string
	// Recovery is how the session was recovered, if it was.
	Recovery Recovery
	// Station is the shared station that it runs on, or empty.
	Station StationID
	// KnownAt is when the password in it was last typed; zero when none was. A session that rests on a password does not outlive the
	// limits that began then, however often something else renews it.
	KnownAt time.Time
	// Before is what led to it besides its own proofs, through every renewal.
	Before Lineage
}

// Lineage returns everything that led to the session: what led to those before it, and its own key.
func (s Session) Lineage() Lineage {
	l := s.Before
	if s.SecurityKey != "" {
		l = l.With(KeyAncestor(s.SecurityKey))
	}
	return l
}

// Lineage is what led to a session, a key or a method: each key and pass that was proved on the way there. What
// one of them opened is found by it when it turns out to have been in other hands.
type Lineage []string

// KeyAncestor and PassAncestor name one of a [Lineage].
func KeyAncestor(id SecurityKeyID) string { return "key:" + string(id) }

// PassAncestor is told at KeyAncestor.
func PassAncestor(id EnrolmentID) string { return "pass:" + string(id) }

// With returns the lineage with one more ancestor, or as it is when that is in it already.
func (l Lineage) With(ancestor string) Lineage {
	if slices.Contains(l, ancestor) {
		return l
	}
	return append(slices.Clip(l), ancestor)
}

// String writes a lineage as it is stored, ancestors apart by spaces.
func (l Lineage) String() string { return strings.Join(l, " ") }

// ParseLineage reads what String wrote.
func ParseLineage(s string) Lineage {
	if s == "" {
		return nil
	}
	return strings.Fields(s)
}

// EndsAt is when the session ends if nobody uses it any more.
func (s Session) EndsAt() time.Time {
	if idle := s.LastSeenAt.Add(s.IdleLimit); idle.Before(s.ExpiresAt) {
		return idle
	}
	return s.ExpiresAt
}

// Alive reports whether the session still counts at that instant.
func (s Session) Alive(now time.Time) bool { return s.EndedAt.IsZero() && now.Before(s.EndsAt()) }

// StationID identifies a shared station.
type StationID string

// StationIdleLimit ends an unused session at a shared station, whatever policy says (F6).
const StationIdleLimit = 5 * time.Minute

// Station is a browser that many people share, such as the computer of a ward. It keeps nothing of them.
type Station struct {
	ID           StationID
	Organisation OrganisationID
	Name         string
	CreatedAt    time.Time
	CreatedBy    PersonID
	// RevokedAt is when it was made an ordinary browser again; zero while it is a station.
	RevokedAt time.Time
}

// MaxStationName is the most characters in a station's name.
const MaxStationName = 60
