package staffkey

import "time"

// MethodKind names a sign-in method.
type MethodKind string

// The kinds of sign-in method that exist.
const (
	MethodPassword     MethodKind = "password"
	MethodSecurityKey  MethodKind = "security_key"
	MethodTOTP         MethodKind = "totp" // authenticator app, RFC 6238
	MethodTextMessage  MethodKind = "text_message"
	MethodPhoneCall    MethodKind = "phone_call"
	MethodRecoveryCode MethodKind = "recovery_code"
	MethodPass         MethodKind = "pass" // temporary access pass
)

// ChosenMethods are the methods that policy allows or leaves out; the others are always there.
var ChosenMethods = []MethodKind{MethodTOTP, MethodTextMessage, MethodPhoneCall, MethodRecoveryCode}

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
	// Restricted: the code travelled over the telephone network, which NIST SP 800-63B-4 §3.1.3.3 restricts.
	Restricted bool
	// Recalled: the model of the security key is being recalled, and its word counts for less (F83).
	Recalled bool
	// Recovery says that the answer is a means of getting back in, and which.
	Recovery Recovery
	At       time.Time
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

// Recovery says by which means of account recovery (NIST SP 800-63B-4 §4.2) a session was opened, if by one. Such a session may
// set up methods again, where any other would need a proof by the method that is lost.
type Recovery string

// The means of recovery.
const (
	RecoveryNone Recovery = ""
	RecoveryCode Recovery = "code" // a saved recovery code: the person kept it
	RecoveryPass Recovery = "pass" // a pass: an administrator knew the person
)

// MaxFailures is how many wrong answers in a row a method takes before it is switched off (NIST SP 800-63B-4 §3.2.2). It is never
// the security key that is switched off: a key is not guessed.
const MaxFailures = 100

// StrangersShare is how many of them may come from where anybody can send them, when the method can be tried by whoever knows a name, and
// the person has a key in use: the rest is left to places of their own, so that no stranger can use it all up (NIST SP 800-63B-4 §3.2.2
// allows that answers are taken only from where the person signed in before).
const StrangersShare = 80

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
	Version   int64
	CreatedAt time.Time
	// ChangedAt is when it was set up last.
	ChangedAt  time.Time
	LastUsedAt time.Time
	// Failures are the wrong answers since the last right one, of strangers where places of the person's own are told apart; at
	// MaxFailures in all the method is switched off (DisabledAt) until it is set up anew.
	Failures   int
	DisabledAt time.Time
	// Lineage is what led to the session that set it up.
	Lineage Lineage
}
