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
	// PurposePassword is changing one's password, which has no challenge: it says when the form was opened.
	PurposePassword Purpose = "password"
)

// CeremonyLife is how long a ceremony may stay open in a page: as long as a challenge is good for. EnrolmentLife is the same for setting
// a method up that is no key: what it takes to fetch a telephone, find the app and read the help, and ten times what a proof is fresh for
// (WCAG 2.2.1). An unattended page ends earlier, with its session.
const (
	CeremonyLife  = 5 * time.Minute
	EnrolmentLife = 10 * ProofLife
)

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
	State []byte `json:"d,omitempty"`
	// BegunAt is when it was begun, by which the age of a proof is judged: who began in time may finish.
	BegunAt   time.Time `json:"b"`
	ExpiresAt time.Time `json:"e"`
}
