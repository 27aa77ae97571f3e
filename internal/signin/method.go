package signin

import (
	"context"
	"encoding/json"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// Method is one way of proving who you are. A method verifies and returns values; it writes nothing, reads nothing but
// what it is given, and knows neither sessions nor policy. To add one: a folder with this interface, its messages
// ("method.<kind>.…"), tests that call signintest.Exercise, and a line in cmd/staffkeyd/wire.go.
//
// A "no" is a *staffkey.Refusal that names its rule and message; any other error is a fault of ours.
type Method interface {
	Kind() staffkey.MethodKind
	// BeginEnrolment starts setting the method up; a method without a challenge returns an empty one.
	BeginEnrolment(ctx context.Context, e Enrolling) (Challenge, error)
	// FinishEnrolment checks the answer and returns what is to be stored.
	FinishEnrolment(ctx context.Context, e Enrolling, c staffkey.Ceremony, answer []byte) (Enrolled, error)
	// BeginVerification starts a proof. Verifying.Person is empty for a passwordless sign-in.
	BeginVerification(ctx context.Context, v Verifying) (Challenge, error)
	// FinishVerification checks the answer. For a person who is not known or has not set the method up, it does the same
	// work before it refuses, where the work can be timed from outside.
	FinishVerification(ctx context.Context, v Verifying, c staffkey.Ceremony, answer []byte) (Verified, error)
	// Remaining tells how many uses an enrolment's state is good for: 0 is none, -1 any number.
	Remaining(state []byte) int
}

// Challenge is what a method wants shown (Options, JSON for the page's script) and what it must remember until the answer
// (State, sealed into the ceremony).
type Challenge struct {
	Options json.RawMessage
	State   []byte
}

// Subject is whom a ceremony is about, with what they have set up.
type Subject struct {
	Person staffkey.Person // zero when not known
	Policy staffkey.Policy
	// Keys in use, for a method that is security keys; Enrolment for any other, nil when not set up.
	Keys      []staffkey.SecurityKey
	Enrolment *staffkey.Enrolment
}

// Enrolling is a method being set up.
type Enrolling struct {
	Subject
	Actor staffkey.Actor
	// Again registers a key that is known to be on the list under another nickname (F24).
	Again bool
	Now   time.Time
}

// Enrolled is what a finished enrolment stores: a key, or a state.
type Enrolled struct {
	Key *staffkey.SecurityKey
	// Again says that the key was registered as one that is on the list already.
	Again bool
	State []byte
	// Show is shown once and stored nowhere in the clear.
	Show []string
}

// Verifying is a proof being asked for.
type Verifying struct {
	Subject
	Purpose staffkey.Purpose
	// Only limits a key proof to one entry of the list.
	Only staffkey.SecurityKeyID
	// FindKey finds a key by its credential id, whoever has it.
	FindKey func(credential []byte) (staffkey.SecurityKey, error)
	Now     time.Time
}

// Verified is what a good answer proved, and what must change with it: the key's counter, or the enrolment's state.
type Verified struct {
	Proof  staffkey.Proof
	Person staffkey.PersonID
	// Key is the entry that answered, and Use what its row becomes.
	Key staffkey.SecurityKey
	Use *store.KeyUse
	// State replaces the state of the enrolment that was verified, when not nil.
	State []byte
}

// KeyUse is what a verified answer of a key changes in its row.
type KeyUse = store.KeyUse
