package staffkey

import "time"

// MethodKind names a sign-in method.
type MethodKind string

// The kinds of sign-in method that exist.
const (
	MethodPassword     MethodKind = "password"
	MethodSecurityKey  MethodKind = "security_key"
	MethodRecoveryCode MethodKind = "recovery_code"
)

// RecoveryCodes is how many codes a set has (F43).
const RecoveryCodes = 10

// Proof is what a verified answer showed. Policy works on proofs and never on the names of methods.
type Proof struct {
	Method MethodKind
	// The factors of NIST SP 800-63B-4 §2: something the person has, something they know or are.
	Possession bool
	Knowledge  bool
	// VerifiedPerson: the authenticator itself checked the person (PIN or biometric), so possession alone is two factors.
	VerifiedPerson bool
	// PhishingResistant: the answer is bound to our address and is worthless elsewhere (§3.2.5).
	PhishingResistant bool
	// HardwareBound: the key material cannot leave its device (§2.3.2); a synced passkey is not.
	HardwareBound bool
	At            time.Time
	// SecurityKey is the entry that answered, for a security key.
	SecurityKey SecurityKeyID
}

// Assurance is the strength of a set of proofs, computed by policy from verified factors only.
type Assurance struct {
	// Level is the authentication assurance level of NIST SP 800-63B-4: 1, 2 or 3; 0 is not signed in.
	Level             int
	PhishingResistant bool
}

// AtLeast reports whether a is as strong as b.
func (a Assurance) AtLeast(b Assurance) bool {
	return a.Level >= b.Level && (a.PhishingResistant || !b.PhishingResistant)
}

// EnrolmentID identifies an enrolment.
type EnrolmentID string

// Enrolment is a sign-in method that a person has set up, except security keys, which have a table of their own
// because they are managed inventory. State belongs to the method and is sealed at rest.
type Enrolment struct {
	ID     EnrolmentID
	Person PersonID
	Method MethodKind
	State  []byte
	// Version grows with each change of State. A change names the version it saw, so that whatever the state counts
	// (codes used, time steps) is consumed by one conditional statement and never twice.
	Version    int64
	CreatedAt  time.Time
	LastUsedAt time.Time
}
