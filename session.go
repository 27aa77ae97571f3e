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
}

// Alive reports whether the session still counts at that instant.
func (s Session) Alive(now time.Time) bool {
	return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.LastSeenAt.Add(s.IdleLimit))
}
