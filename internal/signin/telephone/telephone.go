// Package telephone is two sign-in methods: a six-digit code in a text message (F41), and one that a phone call speaks
// (F42). Both prove that the person has the telephone with a number, by way of the telephone network, which NIST
// SP 800-63B-4 §3.1.3.3 restricts; policy decides what such a proof is good for.
//
// A code is one of a million, so it is good for ten minutes, for one purpose, on one number and for few tries, and a new one
// replaces it. A number is set up by the code that comes back from it; until then the number before stays. What is stored
// of a code is a keyed digest whose key is not in the database.
package telephone

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"math/big"
	"time"

	"staffkey"
	"staffkey/internal/signin"

	"github.com/nyaruka/phonenumbers"
)

const (
	// CoolOff is how long a number that replaced another proves nothing (F41): whoever took over a session and put their
	// own number in has gained nothing before the person has read about it.
	CoolOff = 24 * time.Hour
	// CodeLife is how long a code is good (NIST SP 800-63B-4 §3.1.3.2).
	CodeLife = 10 * time.Minute
	// MaxTries is how many answers a code takes; after that a new one is needed.
	MaxTries = 5

	digits = 6
)

// Digester makes keyed digests of secrets.
type Digester interface {
	Digest(place string, secret []byte) ([]byte, error)
}

// Method is one of the two methods.
type Method struct {
	kind     staffkey.MethodKind
	channel  staffkey.ChannelKind
	template string
	digester Digester
}

// NewText returns the text message method.
func NewText(d Digester) *Method {
	return &Method{kind: staffkey.MethodTextMessage, channel: staffkey.ChannelText, template: "code.text", digester: d}
}

// NewCall returns the phone call method.
func NewCall(d Digester) *Method {
	return &Method{kind: staffkey.MethodPhoneCall, channel: staffkey.ChannelVoice, template: "code.voice", digester: d}
}

// use is what a code was sent for. It counts for nothing else: who was asked for a proof and reads a code out must not have
// confirmed a number.
type use string

const (
	forProof  use = "proof"
	forNumber use = "number"
)

// state is what is stored: the confirmed number, and the code that is on its way.
type state struct {
	Number string `json:"number,omitempty"` // E.164; empty until the first is confirmed
	// ChangedAt is when Number replaced another; nil for a first number.
	ChangedAt *time.Time `json:"changed_at,omitempty"`
	Code      *sentCode  `json:"code,omitempty"`
}

// sentCode is the latest code that was sent, until it has come back.
type sentCode struct {
	To      string    `json:"to"` // the number; not yet confirmed when For is forNumber
	For     use       `json:"for"`
	Digest  []byte    `json:"digest"`
	Expires time.Time `json:"expires"`
	// Failures are those of the enrolment when it was sent: what came since were tries of this code.
	Failures int `json:"failures"`
}

// Kind implements signin.Method.
func (m *Method) Kind() staffkey.MethodKind { return m.kind }

// Remaining implements signin.Method: none without a confirmed number.
func (m *Method) Remaining(raw []byte) int {
	var s state
	if json.Unmarshal(raw, &s) != nil || s.Number == "" {
		return 0
	}
	return -1
}

// BeginEnrolment implements signin.Method. The number is not asked here but when the code is sent to it.
func (m *Method) BeginEnrolment(context.Context, signin.Enrolling) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// FinishEnrolment checks the code that was sent to the new number, which is the person's own from then on.
func (m *Method) FinishEnrolment(_ context.Context, e signin.Enrolling, _ staffkey.Ceremony, answer []byte) (signin.Enrolled, error) {
	s, err := m.read(e.Subject)
	if err != nil {
		return signin.Enrolled{}, err
	}
	if err := m.check(s, forNumber, e.Subject, e.Now, answer); err != nil {
		return signin.Enrolled{}, err
	}
	if s.Number != "" && s.Number != s.Code.To {
		now := e.Now.UTC()
		s.ChangedAt = &now
	}
	s.Number, s.Code = s.Code.To, nil
	stored, err := json.Marshal(s)
	return signin.Enrolled{State: stored, Proof: &staffkey.Proof{Method: m.kind, Possession: true, Restricted: true, At: e.Now}}, err
}

// BeginVerification implements signin.Method.
func (m *Method) BeginVerification(context.Context, signin.Verifying) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// FinishVerification checks the code that was sent to the confirmed number.
func (m *Method) FinishVerification(_ context.Context, v signin.Verifying, _ staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	s, err := m.read(v.Subject)
	if err != nil {
		return signin.Verified{}, err
	}
	if err := m.check(s, forProof, v.Subject, v.Now, answer); err != nil {
		return signin.Verified{}, err
	}
	if err := s.cooled(v.Now); err != nil {
		return signin.Verified{}, err
	}
	s.Code = nil
	stored, err := json.Marshal(s)
	return signin.Verified{
		Person: v.Person.ID, State: stored,
		Proof: staffkey.Proof{Method: m.kind, Possession: true, Restricted: true, At: v.Now},
	}, err
}

// Compose makes a code for a number to set up, or for the number that is set up.
func (m *Method) Compose(_ context.Context, g signin.Sending) (signin.Composed, error) {
	s, err := m.read(g.Subject)
	if err != nil {
		return signin.Composed{}, err
	}
	code := sentCode{To: s.Number, For: forProof, Expires: g.Now.Add(CodeLife).UTC()}
	if g.Number != "" {
		code.For = forNumber
		if code.To, err = m.parse(g.Number); err != nil {
			return signin.Composed{}, err
		}
	}
	if code.To == "" {
		return signin.Composed{}, staffkey.Refused("not_set_up", "method.not_set_up")
	}
	if err := inCountry(code.To, g.Policy.Countries); err != nil { // also a number that was set up under another policy
		return signin.Composed{}, err
	}
	if code.For == forProof {
		if err := s.cooled(g.Now); err != nil { // a code that could not count is not sent
			return signin.Composed{}, err
		}
	}
	number, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return signin.Composed{}, err
	}
	text := fmt.Sprintf("%0*d", digits, number)
	if code.Digest, err = m.digest(g.Person.ID, code, text); err != nil {
		return signin.Composed{}, err
	}
	if g.Enrolment != nil {
		code.Failures = g.Enrolment.Failures
	}
	s.Code = &code
	out := signin.Composed{
		Channel: m.channel, To: code.To, Template: m.template, Args: map[string]string{"Code": text}, ExpiresAt: code.Expires,
	}
	if s.Number != code.To {
		out.Before = s.Number
	}
	out.State, err = json.Marshal(s)
	return out, err
}

// Last2 implements signin.Sender.
func (m *Method) Last2(raw []byte) string {
	var s state
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return lastTwo(s.Number)
}

// Number implements signin.Sender.
func (m *Method) Number(raw []byte) string {
	var s state
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s.Number
}

// Pending implements signin.Sender.
func (m *Method) Pending(raw []byte) string {
	var s state
	if json.Unmarshal(raw, &s) != nil || s.Code == nil || s.Code.For != forNumber {
		return ""
	}
	return lastTwo(s.Code.To)
}

func lastTwo(number string) string { return number[max(0, len(number)-2):] }

func (m *Method) read(of signin.Subject) (state, error) {
	var s state
	if of.Enrolment == nil {
		return s, nil
	}
	if err := json.Unmarshal(of.Enrolment.State, &s); err != nil {
		return s, fmt.Errorf("%s of %s: %w", m.kind, of.Person.ID, err)
	}
	return s, nil
}

// check compares an answer with the code that was sent.
func (m *Method) check(s state, purpose use, of signin.Subject, now time.Time, answer []byte) error {
	switch {
	case s.Code == nil || s.Code.For != purpose:
		return staffkey.Refused("code_none", "code.none")
	case !now.Before(s.Code.Expires):
		return staffkey.Refused("code_expired", "code.expired")
	case s.Code.tries(of.Enrolment.Failures) > MaxTries:
		return staffkey.Refused("code_tries", "code.tries")
	}
	digest, err := m.digest(of.Person.ID, *s.Code, normalise(answer))
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare(digest, s.Code.Digest) != 1 {
		return staffkey.Refused("code_wrong", "code.wrong")
	}
	return nil
}

// tries is how many answers the code has had, the present one included, when the enrolment has had so many wrong ones. The
// count of an enrolment begins anew with a right answer, and all that is in it then came after the code.
func (c sentCode) tries(failures int) int {
	if failures < c.Failures {
		return failures
	}
	return failures - c.Failures
}

// cooled refuses a number that replaced another too shortly ago.
func (s state) cooled(now time.Time) error {
	if s.ChangedAt == nil {
		return nil
	}
	usable := s.ChangedAt.Add(CoolOff)
	if now.Before(usable) {
		return staffkey.Refused("cool_off", "number.cooling", "When", usable)
	}
	return nil
}

// digest binds a code to the person, the method, the number and the purpose.
func (m *Method) digest(person staffkey.PersonID, c sentCode, code string) ([]byte, error) {
	return m.digester.Digest(string(m.kind)+"/"+string(c.For)+"/"+c.To+"/"+string(person), []byte(code))
}

// normalise keeps the digits of what was typed.
func normalise(typed []byte) string {
	return phonenumbers.NormalizeDigitsOnly(staffkey.TypedCode(string(typed)))
}
