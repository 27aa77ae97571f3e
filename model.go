package staffkey

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Model is a model of authenticator as far as anybody has told us: the FIDO metadata, or our own list of names.
type Model struct {
	AAGUID string // UUID text
	// Identifier tells it from all other models: the AAGUID, or for FIDO U2F, whose keys all have the same, the key identifier of its
	// attestation certificate.
	Identifier string
	// Name is what people call it; empty when nobody told.
	Name string
	// Apart is what tells it from others of the same name; "" when there is none.
	Apart string
	// Known says that the metadata has an entry of the model.
	Known bool
	// Level is the certification of the FIDO Alliance that is in force (FIDO Metadata Service §3.1.4).
	Level CertificationLevel
	// Verifies says that the model can check its person: by PIN, fingerprint or face.
	Verifies bool
	// Findings are status reports in force that speak against the model, latest first.
	Findings []Finding
	// Attestation says that the metadata has trust anchors, so that a key of the model can prove where it comes from.
	Attestation bool
	// Icon says that there is a picture.
	Icon bool
}

// FullName is the name in lists where models are told apart.
func (m Model) FullName() string {
	if m.Apart == "" {
		return m.Name
	}
	return m.Name + " (" + m.Apart + ")"
}

// KeyFacts is what is known of one key beyond its row.
type KeyFacts struct {
	// Model is the key's; its Findings are those that concern the key's firmware and certificates.
	Model Model
	// Trust is how far its attestation can be believed.
	Trust Trust
}

// Metadata is the FIDO metadata that an installation has, and how it came there.
type Metadata struct {
	// Number is higher in each issue; 0 means that there is none.
	Number int
	// NextUpdate is the day on which the next issue is due.
	NextUpdate time.Time
	// Models is how many there are; Skipped how many entries could not be read. They are known where it is loaded.
	Models, Skipped int
	ImportedAt      time.Time
	ImportedBy      PersonID // empty for the console and the schedule
	Source          string   // a file's name or an address
	// CheckedAt is when somebody last looked for a newer issue, and Problem why that failed; empty when it did not.
	CheckedAt time.Time
	Problem   string
}

// MaxMetadata is the most bytes that metadata may have as it comes. The Alliance's has 10 MB.
const MaxMetadata = 64 << 20

// IsOverdue reports that the next issue should be there: a day after it was announced.
func (m Metadata) IsOverdue(now time.Time) bool {
	return m.Number > 0 && now.After(m.NextUpdate.AddDate(0, 0, 1))
}

// FindingKind is a status report of the metadata that speaks against a model (FIDO Metadata Service §3.1.4), by its name there.
type FindingKind string

// The findings that matter to those who rely on a key.
const (
	FindingRevoked            FindingKind = "REVOKED"
	FindingVerificationBypass FindingKind = "USER_VERIFICATION_BYPASS"
	FindingAttestationKey     FindingKind = "ATTESTATION_KEY_COMPROMISE"
	FindingRemoteCompromise   FindingKind = "USER_KEY_REMOTE_COMPROMISE"
	FindingPhysicalCompromise FindingKind = "USER_KEY_PHYSICAL_COMPROMISE"
	FindingUpdateAvailable    FindingKind = "UPDATE_AVAILABLE" // tells, and refuses nothing
)

// What newer metadata may say less of a model than older did, which can refuse its keys like a finding.
const (
	// FindingLevelLowered: it is certified lower.
	FindingLevelLowered FindingKind = "CERTIFICATION_LOWERED"
	// FindingAnchorsChanged: keys that had proved where they come from cannot any more, because its trust anchors are gone or are others.
	FindingAnchorsChanged FindingKind = "TRUST_ANCHORS_CHANGED"
)

// FindingKinds lists the findings that policy decides about, gravest first.
var FindingKinds = []FindingKind{FindingRevoked, FindingRemoteCompromise, FindingVerificationBypass, FindingPhysicalCompromise, FindingAttestationKey}

// Finding is one of them about one model.
type Finding struct {
	Kind  FindingKind
	Since time.Time // the day, zero when not told
	// Firmware is the lowest concerned, or of an update the new one; 0 when not told.
	Firmware uint64
	URL      string
	// Held: it would refuse many, so that it is told and listed only, until an operator has decided ([Hold]).
	Held bool
}

// CertificationLevel is a level of FIDO authenticator certification. Higher is more.
type CertificationLevel int

// The levels.
const (
	NotCertified CertificationLevel = iota
	Level1
	Level1Plus
	Level2
	Level2Plus
	Level3
	Level3Plus
)

var levelNames = []string{"none", "L1", "L1+", "L2", "L2+", "L3", "L3+"}

func (l CertificationLevel) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return strconv.Itoa(int(l))
	}
	return levelNames[l]
}

// MarshalText writes the level by its name.
func (l CertificationLevel) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads a level by its name.
func (l *CertificationLevel) UnmarshalText(text []byte) error {
	i := slices.Index(levelNames, string(text))
	if i < 0 {
		return Invalid("level", "policy.level", "Levels", strings.Join(levelNames, ", "))
	}
	*l = CertificationLevel(i)
	return nil
}

// Trust is how far the attestation of a key can be believed.
type Trust string

// The answers of a look at an attestation.
const (
	// TrustUnjudged: registered before attestations were judged, or not looked at since.
	TrustUnjudged Trust = ""
	// TrustNone: no statement, or one that the key signed itself: whoever makes the credential can say what they like.
	TrustNone Trust = "none"
	// TrustUnknown: a statement with certificates, of a model for which the metadata has no trust anchors.
	TrustUnknown Trust = "unknown"
	// TrustBroken: the certificates do not lead to the model's trust anchors.
	TrustBroken Trust = "broken"
	// TrustProven: they do.
	TrustProven Trust = "proven"
)

// KeyRules is which security keys an organisation takes (F82). A nil or empty member leaves the decision to the organisation
// above, and Models is combined: what an organisation above denies, nobody below allows.
type KeyRules struct {
	// Models by AAGUID, and Others for all that are not named.
	Models map[string]ModelRule `json:"models,omitempty"`
	Others *ModelRule           `json:"others,omitempty"`
	// Firmware is the lowest version of a model, by AAGUID. A key that does not tell its version is not refused by it.
	Firmware map[string]string `json:"firmware,omitempty"`
	// Level is the least certification.
	Level *CertificationLevel `json:"level,omitempty"`
	// Attestation is what a key must prove of where it comes from.
	Attestation *AttestationRule `json:"attestation,omitempty"`
	// Synced says whether keys that can be copied to other devices are taken (backup eligibility, WebAuthn Level 3 §6.1.3).
	Synced *bool `json:"synced,omitempty"`
	// VerifyPerson asks for a key that checks its person; unless it is false, browsers take no other.
	VerifyPerson *bool `json:"verify_person,omitempty"`
	// MinPIN is the least length of PIN, in characters, that a new key must tell that it asks for (minPinLength, CTAP 2.2 §12.4).
	MinPIN *int `json:"min_pin,omitempty"`
	// Findings says what happens to keys of a model that has a finding.
	Findings map[FindingKind]FindingRule `json:"findings,omitempty"`
	// Conveyance is what browsers are asked to tell (WebAuthn Level 3 §5.4.7).
	Conveyance *Conveyance `json:"conveyance,omitempty"`
	// PostQuantum offers ML-DSA (FIPS 204) to new keys. Keys that have it sign in wherever they are.
	PostQuantum *bool `json:"post_quantum,omitempty"`
}

// Copy returns rules to change without changing these; of nil, rules that decide nothing. Its maps can be written to.
func (r *KeyRules) Copy() KeyRules {
	var c KeyRules
	if r != nil {
		c = *r
	}
	c.Models, c.Firmware, c.Findings = written(c.Models), written(c.Firmware), written(c.Findings)
	return c
}

func written[V any, K comparable](m map[K]V) map[K]V {
	if m == nil {
		return make(map[K]V)
	}
	return maps.Clone(m)
}

// IsEmpty reports whether rules decide nothing.
func (r KeyRules) IsEmpty() bool {
	return len(r.Models)+len(r.Firmware)+len(r.Findings) == 0 && r.Others == nil && r.Level == nil && r.Attestation == nil &&
		r.Synced == nil && r.VerifyPerson == nil && r.MinPIN == nil && r.Conveyance == nil && r.PostQuantum == nil
}

// ModelRule is what holds for a model.
type ModelRule string

// The rules for a model.
const (
	ModelAllow  ModelRule = "allow"
	ModelReview ModelRule = "review" // a new key waits on hold until an administrator has looked at it
	ModelDeny   ModelRule = "deny"
)

// AttestationRule is what a key must prove of where it comes from.
type AttestationRule string

// The rules for attestation.
const (
	AttestationAny    AttestationRule = "any"
	AttestationProven AttestationRule = "proven" // it leads to the trust anchors of its model in the metadata
)

// FindingRule is what happens to keys of a model with a finding.
type FindingRule string

// The rules for findings.
const (
	FindingRefuse FindingRule = "refuse" // at the next sign-in, and at registration
	FindingFlag   FindingRule = "flag"   // it is told and listed; new keys of the model wait for a review
	FindingIgnore FindingRule = "ignore"
)

// Conveyance is the attestation conveyance preference (WebAuthn Level 3 §5.4.7).
type Conveyance string

// The preferences.
const (
	ConveyNone       Conveyance = "none"
	ConveyIndirect   Conveyance = "indirect"
	ConveyDirect     Conveyance = "direct"
	ConveyEnterprise Conveyance = "enterprise"
)

// Recall is a model, or some firmware of it, that must be replaced until a date (F83).
type Recall struct {
	ID     RecallID
	AAGUID string
	// FirmwareFrom and FirmwareBelow bound the firmware concerned: from the first, up to but without the second. Empty is no bound.
	// With a bound, a key that does not prove its firmware is concerned: it may be one of them.
	FirmwareFrom, FirmwareBelow string
	// Organisation is where it holds, with all below.
	Organisation OrganisationID
	Reason       string
	// ToldReason is the reason as people whose keys it concerns read it; empty for recalls from when reasons were for operators alone.
	ToldReason  string
	StartedAt   time.Time
	StartedBy   PersonID // empty for the console
	StartedName string
	// Until is the last instant at which the keys are taken. Before, they are taken as something that is had, not as something that
	// has checked its person, so that a sign-in needs something else beside them.
	Until time.Time
	// UndoneAt is when it was taken back; zero while it holds. It can be taken back until Until.
	UndoneAt time.Time
	// ToldTo is the person up to whom, in the order of ids, people were told of it, or of its end.
	ToldTo PersonID
}

// RecallID identifies a recall.
type RecallID string

// RecallState is how far a recall is.
type RecallState string

// The states of a recall.
const (
	RecallRunning RecallState = "running"
	RecallOver    RecallState = "over" // its keys are refused
	RecallUndone  RecallState = "undone"
)

// State returns how far a recall is.
func (r Recall) State(now time.Time) RecallState {
	switch {
	case !r.UndoneAt.IsZero():
		return RecallUndone
	case now.After(r.Until):
		return RecallOver
	}
	return RecallRunning
}

// Concerns reports whether a recall holds and is about keys of a model and firmware.
func (r Recall) Concerns(aaguid, firmware string) bool {
	return r.UndoneAt.IsZero() && r.AAGUID == aaguid && r.Covers(firmware)
}

// Covers reports whether a recall of a model is about a firmware of it.
func (r Recall) Covers(firmware string) bool {
	if firmware == "" {
		return true
	}
	return (r.FirmwareFrom == "" || CompareFirmware(firmware, r.FirmwareFrom) >= 0) &&
		(r.FirmwareBelow == "" || CompareFirmware(firmware, r.FirmwareBelow) < 0)
}

// CompareFirmware compares two versions of digits and dots: -1 when a is lower, 1 when it is higher. A missing part counts
// as zero, and so does what is no number.
func CompareFirmware(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		var x, y uint64
		if i < len(as) {
			x, _ = strconv.ParseUint(as[i], 10, 32)
		}
		if i < len(bs) {
			y, _ = strconv.ParseUint(bs[i], 10, 32)
		}
		if x != y {
			if x < y {
				return -1
			}
			return 1
		}
	}
	return 0
}

// FirmwareNumber returns a version of up to three parts as keys report it in one number (authenticatorGetInfo firmwareVersion,
// CTAP 2.2 §6.4, as makers of keys with such versions count it): a byte for each part. 0 when there is no version.
func FirmwareNumber(version string) uint64 {
	var n uint64
	parts := strings.Split(version, ".")
	if version == "" || len(parts) > 3 {
		return 0
	}
	for i := range 3 {
		var part uint64
		if i < len(parts) {
			part, _ = strconv.ParseUint(parts[i], 10, 8)
		}
		n = n<<8 | part
	}
	return n
}

// TrustAnchorID identifies a trust anchor of the installation.
type TrustAnchorID string

// TrustAnchor is a certificate that operators of the installation trust to attest the keys of one model, beside those of the FIDO metadata:
// for makers that are not in it, and for batches of one's own.
type TrustAnchor struct {
	ID     TrustAnchorID
	AAGUID string // UUID text; all zero for keys that tell no model
	// Certificate is in DER; Fingerprint is its SHA-256 in hexadecimal.
	Certificate []byte
	Fingerprint string
	// Source is the name of the file that it came from.
	Source  string
	AddedBy PersonID
	AddedAt time.Time
}
