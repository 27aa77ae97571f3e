// Package pass is the temporary access pass: a code that an administrator hands to a person whom they know, for the first
// day or for the day when everything is lost (F44). It works from one instant to another, once or until it ends, and what it
// opens is a session to set something better up in.
//
// There is one pass at a time, shown once and stored as a keyed digest whose key is not in the database. Whether it is too
// early, over or used is told only to who has the right code.
package pass

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

const (
	// letters are those that are not mistaken for digits or for each other, and no vowels but A and E.
	letters  = "ACDEFHJKMNPRTVWXY"
	numerals = "0123456789"
)

// shape is how a code looks: 0 for a digit, A for a letter. It is read out over a telephone and typed with cold fingers, so
// it is short: 42 bits, where NIST SP 800-63B-4 §3.1.2.2 asks for 20 of what is throttled, and the digest is of no use without its key.
const shape = "0000-0000-AAAA"

// Digester makes keyed digests of secrets.
type Digester interface {
	Digest(place string, secret []byte) ([]byte, error)
}

// Method is the pass method.
type Method struct{ digester Digester }

// New returns the method.
func New(d Digester) *Method { return &Method{digester: d} }

// state is what is stored.
type state struct {
	Digest []byte    `json:"digest"`
	Starts time.Time `json:"starts"`
	Ends   time.Time `json:"ends"`
	Many   bool      `json:"many,omitempty"`
	// Used is the latest use, nil before the first.
	Used *time.Time `json:"used,omitempty"`
}

// Kind implements signin.Method.
func (m *Method) Kind() staffkey.MethodKind { return staffkey.MethodPass }

// Remaining tells 1 or 0 for a pass that works once, and -1 for one that works until it ends. That it has ended is not
// known here.
func (m *Method) Remaining(raw []byte) int {
	var s state
	switch {
	case json.Unmarshal(raw, &s) != nil || len(s.Digest) == 0:
		return 0
	case s.Many:
		return -1
	case s.Used != nil:
		return 0
	}
	return 1
}

// Issue makes a pass, which replaces the one before.
func (m *Method) Issue(person staffkey.PersonID, terms signin.PassTerms) (signin.Enrolled, error) {
	code, err := newCode()
	if err != nil {
		return signin.Enrolled{}, err
	}
	s := state{Starts: terms.StartsAt.UTC(), Ends: terms.ExpiresAt.UTC(), Many: terms.Many}
	if s.Digest, err = m.digest(person, normalise([]byte(code))); err != nil {
		return signin.Enrolled{}, err
	}
	stored, err := json.Marshal(s)
	return signin.Enrolled{State: stored, Show: []string{code}}, err
}

// BeginEnrolment implements signin.Method: nobody sets a pass up for themselves.
func (m *Method) BeginEnrolment(context.Context, signin.Enrolling) (signin.Challenge, error) {
	return signin.Challenge{}, issuedOnly()
}

// FinishEnrolment implements signin.Method, as BeginEnrolment.
func (m *Method) FinishEnrolment(context.Context, signin.Enrolling, staffkey.Ceremony, []byte) (signin.Enrolled, error) {
	return signin.Enrolled{}, issuedOnly()
}

func issuedOnly() error { return staffkey.Refused("issued_only", "method.not_allowed") }

// BeginVerification implements signin.Method.
func (m *Method) BeginVerification(context.Context, signin.Verifying) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// FinishVerification checks the code, and only then whether it works now.
func (m *Method) FinishVerification(_ context.Context, v signin.Verifying, _ staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	digest, err := m.digest(v.Person.ID, normalise(answer))
	if err != nil {
		return signin.Verified{}, err
	}
	var s state
	if v.Enrolment != nil {
		if err := json.Unmarshal(v.Enrolment.State, &s); err != nil {
			return signin.Verified{}, fmt.Errorf("pass of %s: %w", v.Person.ID, err)
		}
	}
	switch {
	case subtle.ConstantTimeCompare(s.Digest, digest) != 1:
		return signin.Verified{}, staffkey.Refused("pass_wrong", "pass.wrong")
	case s.Used != nil && !s.Many:
		return signin.Verified{}, staffkey.Refused("pass_used", "pass.used", "When", *s.Used)
	case v.Now.Before(s.Starts):
		return signin.Verified{}, staffkey.Refused("pass_early", "pass.early", "When", s.Starts)
	case !v.Now.Before(s.Ends):
		return signin.Verified{}, staffkey.Refused("pass_expired", "pass.expired", "When", s.Ends)
	}
	now := v.Now.UTC()
	s.Used = &now
	stored, err := json.Marshal(s)
	return signin.Verified{
		Person: v.Person.ID, State: stored,
		Proof: staffkey.Proof{Method: staffkey.MethodPass, Possession: true, Recovery: staffkey.RecoveryPass, At: v.Now},
	}, err
}

// Terms returns when and how often the pass of an enrolment's state works, and whether it was used yet; zero when the state
// is none.
func Terms(raw []byte) (terms signin.PassTerms, used bool) {
	var s state
	if json.Unmarshal(raw, &s) != nil {
		return signin.PassTerms{}, false
	}
	return signin.PassTerms{StartsAt: s.Starts, ExpiresAt: s.Ends, Many: s.Many}, s.Used != nil
}

func (m *Method) digest(person staffkey.PersonID, code string) ([]byte, error) {
	return m.digester.Digest("pass/"+string(person), []byte(code))
}

func newCode() (string, error) {
	var code strings.Builder
	for _, place := range shape {
		from := numerals
		switch place {
		case '-':
			code.WriteByte('-')
			continue
		case 'A':
			from = letters
		}
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(from))))
		if err != nil {
			return "", fmt.Errorf("draw a pass: %w", err)
		}
		code.WriteByte(from[n.Int64()])
	}
	return code.String(), nil
}

// alike are letters that no code has, as the digits that they look like.
var alike = strings.NewReplacer("O", "0", "Q", "0", "I", "1", "L", "1", "Z", "2")

// normalise brings a typed code to the form that was digested.
func normalise(typed []byte) string { return alike.Replace(staffkey.TypedCode(string(typed))) }
