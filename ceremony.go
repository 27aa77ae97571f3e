package staffkey

import "time"

// CeremonyID identifies a ceremony; ids sort by time. It is sealed with its ceremony, and spent in the same transaction as the
// ceremony's result.
type CeremonyID string

// Purpose is what a ceremony was begun for. An answer counts for its own purpose only.
type Purpose string

// The purposes of a ceremony.
const (
	PurposeSignIn Purpose = "sign_in"
	PurposeStepUp Purpose = "step_up" // prove again, inside a session
	PurposeEnrol  Purpose = "enrol"   // set up a method
	PurposeTry    Purpose = "try"     // try a key just registered
)

// CeremonyLife is how long a ceremony may stay open in a page.
const CeremonyLife = 5 * time.Minute

// Ceremony is one begun exchange of challenge and answer. It is sealed into the page, not stored: a million begun
// ceremonies fill nothing.
type Ceremony struct {
	ID      CeremonyID `json:"i"`
	Purpose Purpose    `json:"p"`
	Method  MethodKind `json:"m"`
	// Person whom it is about; empty for a passwordless sign-in, where the key says who it is.
	Person PersonID `json:"u,omitempty"`
	// Actor and Session that began it; empty while signed out.
	Actor   PersonID  `json:"a,omitempty"`
	Session SessionID `json:"s,omitempty"`
	// State is the method's own: the challenge and what was asked for.
	State     []byte    `json:"d,omitempty"`
	ExpiresAt time.Time `json:"e"`
}
