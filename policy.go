package staffkey

import "time"

// PolicySettings is what an organisation has decided itself; nil leaves the decision to the organisation above.
type PolicySettings struct {
	// Methods that people may sign in with, besides the password and the security key, which are always there.
	Methods *[]MethodKind `json:"methods,omitempty"`
	MaxKeys *int          `json:"max_keys,omitempty"`
	// Idle and absolute session limits by assurance level, in minutes.
	Sessions *SessionLimits `json:"sessions,omitempty"`
}

// SessionLimits are the limits of a session by its assurance level (F9), in whole minutes.
type SessionLimits struct {
	IdleAAL2     int `json:"idle_aal2"`
	AbsoluteAAL2 int `json:"absolute_aal2"`
	IdleAAL3     int `json:"idle_aal3"`
	AbsoluteAAL3 int `json:"absolute_aal3"`
}

// Policy is what holds for one person: the settings of their organisation and of all above it, combined.
type Policy struct {
	Methods  []MethodKind
	MaxKeys  int
	Sessions SessionLimits
}

// Allows reports whether a method may be used to sign in under the policy.
func (p Policy) Allows(kind MethodKind) bool {
	if kind == MethodPassword || kind == MethodSecurityKey {
		return true
	}
	for _, m := range p.Methods {
		if m == kind {
			return true
		}
	}
	return false
}

// ProofLife is how old a proof may be for a change of sign-in methods (F10).
const ProofLife = 5 * time.Minute
