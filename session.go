package staffkey

import "time"

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
}

// Alive reports whether the session still counts at that instant.
func (s Session) Alive(now time.Time) bool {
	return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.LastSeenAt.Add(s.IdleLimit))
}

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
