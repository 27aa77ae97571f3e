package staffkey

import "time"

// PolicySettings is what an organisation has decided itself; nil leaves the decision to the organisation above.
type PolicySettings struct {
	// Methods that people may sign in with, besides the password, the security key and the pass, which are always there.
	Methods *[]MethodKind `json:"methods,omitempty"`
	MaxKeys *int          `json:"max_keys,omitempty"`
	// Idle and absolute session limits by assurance level, in minutes.
	Sessions *SessionLimits `json:"sessions,omitempty"`
	// CoreMethods may stand alone: who has one of them is set up (F45). With the security key among them, two keys, or one key
	// and recovery codes, are enough.
	CoreMethods *[]MethodKind `json:"core_methods,omitempty"`
	// Strength is what a sign-in must reach.
	Strength *Strength `json:"strength,omitempty"`
	// Downgrade says what happens when a person who has a working key signs in by something weaker (F11).
	Downgrade *Downgrade `json:"downgrade,omitempty"`
	// GraceDays is how long a person may put off what policy asks them to set up, from when they are first asked (F46).
	GraceDays *int `json:"grace_days,omitempty"`
	// Countries are the regions (ISO 3166-1 alpha-2) whose telephone numbers get codes (F41).
	Countries *[]string `json:"countries,omitempty"`
	// CodesPerDay bounds the codes that are sent to the people of the organisation in a day.
	CodesPerDay *int `json:"codes_per_day,omitempty"`
	// Keys is which security keys people may have (F82).
	Keys *KeyRules `json:"keys,omitempty"`
	// Locks are the settings that organisations below may only make stricter, whoever of those above has decided them.
	Locks []Setting `json:"locks,omitempty"`
}

// Setting names one of [PolicySettings], as an operator writes it.
type Setting string

// The settings. How strong a sign-in must be and what happens at a weaker one are always made stricter below, never weaker.
const (
	SettingMaxKeys     Setting = "max-keys"
	SettingMethods     Setting = "methods"
	SettingSessions    Setting = "sessions"
	SettingCore        Setting = "core"
	SettingStrength    Setting = "strength"
	SettingDowngrade   Setting = "downgrade"
	SettingGraceDays   Setting = "grace-days"
	SettingCountries   Setting = "countries"
	SettingCodesPerDay Setting = "codes-per-day"
	SettingKeys        Setting = "keys"
)

// Lockable lists the settings that can be locked.
var Lockable = []Setting{
	SettingMaxKeys, SettingMethods, SettingSessions, SettingCore, SettingGraceDays, SettingCountries, SettingCodesPerDay, SettingKeys,
}

// Strength is how strong a sign-in must be.
type Strength string

// The strengths that policy can ask for.
const (
	StrengthAny               Strength = "any"                // two factors of any kind
	StrengthPhishingResistant Strength = "phishing_resistant" // a security key
)

// Downgrade is what happens at a sign-in by something weaker than the key that the person has.
type Downgrade string

// The answers to a downgrade.
const (
	DowngradeNotify Downgrade = "notify" // it is told, and limited
	DowngradeForbid Downgrade = "forbid" // it is refused; recovery codes and passes still work
)

// Exception lets one person off what policy asks them to set up, and off the required strength, until it expires (F46).
type Exception struct {
	ID        string
	Person    PersonID
	Reason    string
	Owner     PersonID // who answers for it; empty for the console
	OwnerName string
	GrantedAt time.Time
	ExpiresAt time.Time
}

// The longest exceptions, by who grants them (F46), and the most characters of a reason.
const (
	MaxExceptionByAdministrator = 24 * time.Hour
	MaxExceptionByOperator      = 180 * 24 * time.Hour
	MaxReason                   = 200
)

// SessionLimits are the limits of a session by its assurance level (F9), in whole minutes.
type SessionLimits struct {
	IdleAAL2     int `json:"idle_aal2"`
	AbsoluteAAL2 int `json:"absolute_aal2"`
	IdleAAL3     int `json:"idle_aal3"`
	AbsoluteAAL3 int `json:"absolute_aal3"`
}

// Policy is what holds for one person: the settings of their organisation and of all above it, combined.
type Policy struct {
	Methods     []MethodKind
	MaxKeys     int
	Sessions    SessionLimits
	CoreMethods []MethodKind
	Strength    Strength
	Downgrade   Downgrade
	GraceDays   int
	Countries   []string
	CodesPerDay int
	Keys        KeyRules // with every member set
}

// Allows reports whether a method may be used to sign in under the policy.
func (p Policy) Allows(kind MethodKind) bool {
	if kind == MethodPassword || kind == MethodSecurityKey || kind == MethodPass { // a pass is an administrator's own decision
		return true
	}
	for _, m := range p.Methods {
		if m == kind {
			return true
		}
	}
	return false
}

// ProofLife is how old a proof may be for a change of sign-in methods (F10). PassProofLife is the same for the proof by a pass, which
// may be good for one time only and is there for setting methods up.
const (
	ProofLife     = 5 * time.Minute
	PassProofLife = 30 * time.Minute
)
