// Package recoverycode is the sign-in method for the day when the key is at home: ten codes on paper, each good once
// (F43; NIST SP 800-63B-4 §3.1.2 look-up secrets, §4.2.1.1 saved recovery codes).
//
// A code has 80 random bits and is stored as a keyed digest whose key is not in the database. Which codes are used is part
// of the enrolment's state, which changes by one conditional statement: of many who type the same code at once, one wins.
package recoverycode

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

// codeBytes makes codes of 16 characters, 5 bits each.
const codeBytes = 10

// alphabet is Crockford's base 32 in lower case: no i, l, o or u.
var alphabet = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Digester makes keyed digests of secrets.
type Digester interface {
	Digest(place string, secret []byte) ([]byte, error)
}

// Method is the recovery code method.
type Method struct{ digester Digester }

// New returns the method.
func New(d Digester) *Method { return &Method{digester: d} }

// state is what is stored: a digest per code, and when it was used.
type state struct {
	Codes []storedCode `json:"codes"`
}

type storedCode struct {
	Digest []byte     `json:"d"`
	UsedAt *time.Time `json:"u,omitempty"`
}

func (s state) left() int {
	n := 0
	for _, c := range s.Codes {
		if c.UsedAt == nil {
			n++
		}
	}
	return n
}

// Kind implements signin.Method.
func (m *Method) Kind() staffkey.MethodKind { return staffkey.MethodRecoveryCode }

// Remaining tells how many codes are left.
func (m *Method) Remaining(raw []byte) int {
	var s state
	if json.Unmarshal(raw, &s) != nil {
		return 0
	}
	return s.left()
}

// BeginEnrolment implements signin.Method: there is nothing to ask.
func (m *Method) BeginEnrolment(context.Context, signin.Enrolling) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// FinishEnrolment makes ten new codes, which replace all earlier ones.
func (m *Method) FinishEnrolment(_ context.Context, e signin.Enrolling, _ staffkey.Ceremony, _ []byte) (signin.Enrolled, error) {
	var s state
	var show []string
	for range staffkey.RecoveryCodes {
		raw := make([]byte, codeBytes)
		_, _ = rand.Read(raw) // never fails: crypto/rand.Read ends the program instead
		code := alphabet.EncodeToString(raw)
		digest, err := m.digest(e.Person.ID, code)
		if err != nil {
			return signin.Enrolled{}, err
		}
		s.Codes = append(s.Codes, storedCode{Digest: digest})
		show = append(show, code[0:4]+"-"+code[4:8]+"-"+code[8:12]+"-"+code[12:16])
	}
	stored, err := json.Marshal(s)
	return signin.Enrolled{State: stored, Show: show}, err
}

// BeginVerification implements signin.Method.
func (m *Method) BeginVerification(context.Context, signin.Verifying) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// FinishVerification looks for the code among the person's. Spaces, hyphens and case do not matter, and what is easily
// misread on paper is read as it was meant (o as 0, i and l as 1).
func (m *Method) FinishVerification(_ context.Context, v signin.Verifying, _ staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	code := normalise(string(answer))
	digest, err := m.digest(v.Person.ID, code)
	if err != nil {
		return signin.Verified{}, err
	}
	var s state
	if v.Enrolment != nil {
		if err := json.Unmarshal(v.Enrolment.State, &s); err != nil {
			return signin.Verified{}, fmt.Errorf("recovery codes of %s: %w", v.Person.ID, err)
		}
	}
	hit := -1
	for i, c := range s.Codes { // all of them: which one is right must not show in the time
		if subtle.ConstantTimeCompare(c.Digest, digest) == 1 {
			hit = i
		}
	}
	if hit < 0 {
		return signin.Verified{}, staffkey.Refused("code_wrong", "rec.wrong")
	}
	if used := s.Codes[hit].UsedAt; used != nil {
		return signin.Verified{}, staffkey.Refused("code_used", "rec.used", "When", *used, "Count", s.left())
	}
	now := v.Now.UTC()
	s.Codes[hit].UsedAt = &now
	stored, err := json.Marshal(s)
	return signin.Verified{
		Person: v.Person.ID, State: stored,
		Proof: staffkey.Proof{Method: staffkey.MethodRecoveryCode, Possession: true, Recovery: staffkey.RecoveryCode, At: v.Now},
	}, err
}

func (m *Method) digest(person staffkey.PersonID, code string) ([]byte, error) {
	return m.digester.Digest("recovery_code/"+string(person), []byte(code))
}

// alike are letters that no code has, as the digits that they look like.
var alike = strings.NewReplacer("o", "0", "i", "1", "l", "1")

// normalise brings a typed code to the form that was digested.
func normalise(typed string) string { return alike.Replace(strings.ToLower(staffkey.TypedCode(typed))) }
