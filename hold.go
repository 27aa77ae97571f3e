package staffkey

import (
	"slices"
	"time"
)

// Issue is metadata that was verified and is not in use yet, so that it can be asked first what it would change.
type Issue struct {
	Metadata
	// Facts is what would be known of a key, with everything that the issue says for a day to come; holds are not looked at.
	Facts func(SecurityKey) KeyFacts
	// NeedsRegistration reports whether Facts or Judge need the bytes of a key's registration, as those of FIDO U2F do.
	NeedsRegistration func(SecurityKey) bool
	// Rejudges reports whether the attestation of a key may be worth something else by it; Judge tells what.
	Rejudges func(SecurityKey) bool
	Judge    func(SecurityKey) (Trust, int)
	// Speaks reports whether the issue still says what a hold is about.
	Speaks func(Hold) bool
	// Use makes it what is known from now on.
	Use func()
}

// Hold keeps something that metadata says against a model from refusing keys until an operator has decided. It is made when an issue comes
// that would refuse many.
type Hold struct {
	HoldKey
	AAGUID string
	// Level is what the model goes on counting as, where Kind is FindingLevelLowered.
	Level CertificationLevel
	// Number is the issue that said it first, People how many it would have refused then.
	Number, People int
	At             time.Time
	// TakenAt is when an operator decided that these keys go on being taken, and TakenBy who; zero while nobody has.
	TakenAt   time.Time
	TakenBy   PersonID
	TakenName string
}

// HoldKey is what a hold is about.
type HoldKey struct {
	Model    string // [Model.Identifier]
	Kind     FindingKind
	Firmware uint64 // of the finding
}

// Holds are those of an installation.
type Holds map[HoldKey]Hold

// Apply returns a model as it counts under holds.
func (h Holds) Apply(m Model) Model {
	if len(h) == 0 {
		return m
	}
	if hold, ok := h[HoldKey{Model: m.Identifier, Kind: FindingLevelLowered}]; ok {
		m.Level = max(m.Level, hold.Level)
	}
	copied := false
	for i, f := range m.Findings {
		if _, ok := h[HoldKey{m.Identifier, f.Kind, f.Firmware}]; ok {
			if !copied {
				m.Findings, copied = slices.Clone(m.Findings), true
			}
			m.Findings[i].Held = true
		}
	}
	return m
}

// KeepsTrust reports whether keys of a model that have proved where they come from go on counting so.
func (h Holds) KeepsTrust(identifier string) bool {
	_, ok := h[HoldKey{Model: identifier, Kind: FindingAnchorsChanged}]
	return ok
}
