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
	// Again registers a key that is known to be on the list under another nickname (F24), and so does a key that replaces one.
	Again bool
	// TouchOnly says that policy takes keys that cannot check their person (F80).
	TouchOnly bool
	// Before is the state of the ceremony whose answer has just been refused, so that the same secret can be shown again; or nil.
	Before []byte
	// Alone says that a new password is all that the person has to sign in with, until they set something stronger up.
	Alone bool
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
	// Proof is what the answer showed, when setting up was proving too: a code from the app, or from the telephone.
	Proof *staffkey.Proof
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
	// Finding is what speaks against the key's model, when policy takes the key in spite of it. The service fills it in.
	Finding staffkey.FindingKind
	// State replaces the state of the enrolment that was verified, when not nil. With a refusal it does so too: what was told of a wrong
	// answer must not make it good later.
	State []byte
}

// KeyUse is what a verified answer of a key changes in its row.
type KeyUse = store.KeyUse

// Sender is a Method whose code travels outside of the page, so that it is sent before it can be typed. What was sent is remembered
// in the enrolment's state, sealed, and a number that is being set up is there too until its code has come back: an enrolment
// without a confirmed number has a Remaining of 0.
type Sender interface {
	Method
	// Compose makes a new code, which replaces the one before. It decides nothing about how often that may happen.
	Compose(ctx context.Context, s Sending) (Composed, error)
	// Last2 are the last two digits of the confirmed number, and Pending of the one that waits for its first code; "" when there is none.
	Last2(state []byte) string
	// Number is the whole confirmed number (E.164), "" when there is none.
	Number(state []byte) string
	Pending(state []byte) string
}

// Sending is a code being asked for.
type Sending struct {
	Subject
	// Number is the number to set up, as typed; empty to send to the number that is set up.
	Number string
	Now    time.Time
}

// Composed is a code on its way: the state that remembers it, and the message.
type Composed struct {
	State     []byte
	Channel   staffkey.ChannelKind
	To        string // E.164
	Template  string
	Args      map[string]string
	ExpiresAt time.Time
	// Before is the number that To is to replace, or empty.
	Before string
}

// Issuer is a Method that an administrator hands out instead of the person setting it up.
type Issuer interface {
	Method
	// Issue makes the state of a new one, which replaces the one before, and what to show once.
	Issue(person staffkey.PersonID, terms PassTerms) (Enrolled, error)
}

// PassTerms are when and how often a pass works.
type PassTerms struct {
	StartsAt, ExpiresAt time.Time
	// Many lets it be used until it expires; otherwise once.
	Many bool
}
