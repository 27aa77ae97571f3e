package staffkey

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// SecurityKeyID identifies an entry in a person's list of security keys.
type SecurityKeyID string

// SecurityKeyState is the life of an entry.
type SecurityKeyState string

// The states of a security key.
const (
	// SecurityKeyPending: registered, not yet named. It signs nobody in and is swept after PendingKeyLife.
	SecurityKeyPending   SecurityKeyState = "pending"
	SecurityKeyActive    SecurityKeyState = "active"
	SecurityKeySuspended SecurityKeyState = "suspended"
	SecurityKeyRemoved   SecurityKeyState = "removed"
)

// Lives and limits of security keys.
const (
	PendingKeyLife  = 24 * time.Hour   // an abandoned registration vanishes after this (F21)
	UndoRemovalFor  = 10 * time.Minute // a removed key can be taken back for this long (F23)
	MaxNickname     = 40               // characters of a nickname (F22)
	DefaultMaxKeys  = 5                // keys per person unless policy says otherwise
	MaxCredentialID = 1023             // bytes, WebAuthn Level 3 §7.1 step 25
)

// SecurityKey is one registered credential on one key, the row that people manage. Several may live on one key, each
// with its own random user handle (F24).
type SecurityKey struct {
	ID     SecurityKeyID
	Person PersonID
	State  SecurityKeyState
	// Nickname is what the person calls it; empty while pending.
	Nickname string

	CredentialID []byte
	// PublicKey is the COSE_Key (RFC 9052 §7) exactly as the authenticator sent it.
	PublicKey  []byte
	UserHandle []byte
	SignCount  uint32
	AAGUID     string // UUID text; all zero when the model is not told
	// RPID is the RP ID that it was registered under, which is the only one that it answers for; empty for keys of earlier releases that were
	// not used since.
	RPID       string
	Transports []string
	// Flags of authenticator data at registration (WebAuthn Level 3 §6.1).
	UserVerified   bool
	BackupEligible bool
	BackupState    bool
	Discoverable   bool
	// What the authenticator told of itself, signed by it: the credential's protection level 1 to 3 (CTAP 2.2 §12.1), the least
	// length of its PIN (§12.4), and whether it evaluates pseudo-random functions (WebAuthn Level 3 §10.1.4); zero when not told.
	CredProtect  int
	MinPINLength int
	PRF          bool
	// AttestationType is none, self, basic, attca or anonca (§6.5.3); Serial, in hexadecimal, and Firmware are in the certificate
	// of some makers, else empty. They can be relied on as far as the attestation is.
	AttestationType string
	// Trust is how far that is, by the metadata of the number JudgedBy; -1 when nobody has looked.
	Trust    Trust
	JudgedBy int
	Serial   string
	Firmware string
	// AttestationFormat and the raw bytes are kept so that the key can be judged again when metadata or policy change.
	AttestationFormat string
	AttestationObject []byte
	ClientDataJSON    []byte

	// SameKeyAs is the oldest entry known to live on the same physical key, or empty.
	SameKeyAs SecurityKeyID

	RegisteredAt  time.Time
	RegisteredBy  PersonID
	LastUsedAt    time.Time // zero when never used
	LastUsedWhere string
	RemovedAt     time.Time
	// StoppedAt and StopReason tell why a key is on hold; zero while it is not.
	StoppedAt  time.Time
	StopReason StopReason
	// Replaces is the entry that goes when this one, still pending, is named (F27).
	Replaces SecurityKeyID
	// Lineage is what led to the session that registered it.
	Lineage Lineage
	// SuspectedAt is when it last answered with a counter that had gone back, so that it may have been copied; zero when it never did.
	SuspectedAt time.Time
}

// ProvenFirmware is the key's firmware as far as it can be relied on: a certificate that anybody made could claim one that nothing is known
// against. Empty when it was not proven, or not told.
func (k SecurityKey) ProvenFirmware() string {
	if k.Trust != TrustProven {
		return ""
	}
	return k.Firmware
}

// StopReason is why a key was put on hold.
type StopReason string

// The reasons that people give (F25).
const (
	StopLost    StopReason = "lost"
	StopStolen  StopReason = "stolen"
	StopMisused StopReason = "misused" // "I think someone used it"
	// StopReview: a new key of a model that needs a review waits for it (F82).
	StopReview StopReason = "review"
	// StopRefused: whoever looked at it in a review refused it. It is removed, and nobody takes that back.
	StopRefused StopReason = "refused"
	// StopFrozen: the person's account was frozen and has been opened again; what was new then stays on hold.
	StopFrozen StopReason = "frozen"
	// StopReset: the key was reset because its PIN was forgotten or blocked, which destroyed what it held for us. Such an entry never comes
	// back: it waits for the key to be registered again in its place, or goes (F27).
	StopReset StopReason = "reset"
	// StopMade: it was set up by somebody who came in by a key or a pass that was in other hands.
	StopMade StopReason = "made"
)

// ParseStopReason returns the reason of that name, of those that people give.
func ParseStopReason(s string) (StopReason, error) {
	switch r := StopReason(s); r {
	case StopLost, StopStolen, StopMisused:
		return r, nil
	}
	return "", Invalid("reason", "lost.reason.empty")
}

// ValidateNickname tidies and trims a nickname and checks it: 1 to 40 characters, no control or reordering characters (F22).
// Markup is allowed: it is text, and pages escape it.
func ValidateNickname(s string) (string, error) {
	if !utf8.ValidString(s) {
		return "", Invalid("nickname", "name.characters")
	}
	s = strings.TrimFunc(TidyText(s), unicode.IsSpace)
	if n := utf8.RuneCountInString(s); n > MaxNickname {
		return "", Invalid("nickname", "name.long", "Max", MaxNickname, "Count", n-MaxNickname)
	}
	for _, r := range s {
		if unicode.IsControl(r) || isReordering(r) {
			return "", Invalid("nickname", "name.characters")
		}
	}
	if isBlank(s) {
		return "", Invalid("nickname", "name.empty")
	}
	return s, nil
}

// root is the oldest entry on the same key in the hand, as far as is known.
func (k SecurityKey) root() SecurityKeyID {
	if k.SameKeyAs != "" {
		return k.SameKeyAs
	}
	return k.ID
}

// AreOneKey reports whether two entries are known to be the same thing in the hand.
func AreOneKey(a, b SecurityKey) bool { return a.root() == b.root() }

// SamePhysicalKey reports whether a key is known to be the same thing in the hand as the entry id of a list.
func SamePhysicalKey(k SecurityKey, id SecurityKeyID, list []SecurityKey) bool {
	for _, other := range list {
		if other.ID == id {
			return AreOneKey(other, k)
		}
	}
	return false
}

// PhysicalKeys counts the different keys in the hand among entries, as far as is known: entries that are known to
// share a key count once, so that one key never looks like a backup of itself (F24).
func PhysicalKeys(keys []SecurityKey) int {
	seen := make(map[SecurityKeyID]bool, len(keys))
	for _, k := range keys {
		seen[k.root()] = true
	}
	return len(seen)
}
