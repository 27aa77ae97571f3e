// Package totp is the sign-in method of an authenticator app: a six-digit code from a shared secret and the time (F40;
// RFC 6238 with HMAC-SHA-1, 30 seconds and 160-bit secrets, which every app can do).
//
// A code is good in its own time step and in the one before and after (RFC 6238 §5.2), and once: the last step that was
// accepted is part of the enrolment's state, and no step up to it is accepted again. A code of a step further away tells
// that a clock is wrong; it is never accepted, also not when its step comes: whoever guesses would only have to wait. The
// other steps stay good, so that a clock that was put right works at once.
package totp

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

const (
	secretBytes = 20 // RFC 4226 §4 R6 recommends 160 bits
	period      = 30 * time.Second
	digits      = 6
	near        = 1  // steps to either side of now that are accepted (RFC 6238 §5.2)
	far         = 10 // steps to either side of now that are searched to tell how wrong a clock is
)

// Method is the authenticator app method.
type Method struct{ issuer string }

// New returns the method. issuer is the name that the app shows beside the code.
func New(issuer string) *Method { return &Method{issuer: issuer} }

// state is what is stored: the secret, the last time step that was accepted, and later ones whose codes were told to be ahead.
type state struct {
	Secret []byte  `json:"secret"`
	Last   int64   `json:"last"`
	Burnt  []int64 `json:"burnt,omitempty"`
}

// Kind implements signin.Method.
func (m *Method) Kind() staffkey.MethodKind { return staffkey.MethodTOTP }

// Remaining implements signin.Method: an app makes codes for ever.
func (m *Method) Remaining(raw []byte) int {
	if _, err := read(raw); err != nil {
		return 0
	}
	return -1
}

func read(raw []byte) (state, error) {
	var s state
	err := json.Unmarshal(raw, &s)
	if err == nil && len(s.Secret) != secretBytes {
		err = fmt.Errorf("a secret of %d bytes", len(s.Secret))
	}
	return s, err
}

// BeginEnrolment makes a secret and shows it as a QR code and as text. After a wrong code it shows the same secret again:
// the app has it already.
func (m *Method) BeginEnrolment(_ context.Context, e signin.Enrolling) (signin.Challenge, error) {
	secret := e.Before
	if len(secret) != secretBytes {
		secret = make([]byte, secretBytes)
		_, _ = rand.Read(secret) // never fails: crypto/rand.Read ends the program instead
	}
	offer, err := m.offer(secret, e.Person.Username)
	if err != nil {
		return signin.Challenge{}, err
	}
	options, err := json.Marshal(offer)
	return signin.Challenge{Options: options, State: secret}, err
}

// FinishEnrolment checks a code of the new secret, which proves that the app has it. The code is used up by that.
func (m *Method) FinishEnrolment(_ context.Context, e signin.Enrolling, c staffkey.Ceremony, answer []byte) (signin.Enrolled, error) {
	if len(c.State) != secretBytes {
		return signin.Enrolled{}, errors.New("the ceremony holds no secret")
	}
	s := state{Secret: c.State, Last: -1}
	steps, err := s.match(string(answer), e.Now)
	if err != nil {
		return signin.Enrolled{}, err
	}
	s.Last = steps[0]
	stored, err := json.Marshal(s)
	return signin.Enrolled{State: stored, Proof: &staffkey.Proof{Method: staffkey.MethodTOTP, Possession: true, At: e.Now}}, err
}

// BeginVerification implements signin.Method.
func (m *Method) BeginVerification(context.Context, signin.Verifying) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// FinishVerification checks a code. For somebody who has no app it searches as long, in vain.
func (m *Method) FinishVerification(_ context.Context, v signin.Verifying, _ staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	s := state{Secret: make([]byte, secretBytes)}
	if v.Enrolment != nil {
		var err error
		if s, err = read(v.Enrolment.State); err != nil {
			return signin.Verified{}, fmt.Errorf("authenticator app of %s: %w", v.Person.ID, err)
		}
	}
	steps, err := s.match(string(answer), v.Now)
	if v.Enrolment == nil {
		return signin.Verified{}, wrong()
	}
	current := stepOf(v.Now)
	s.Burnt = slices.DeleteFunc(s.Burnt, func(step int64) bool { return step < current-near })
	if err != nil {
		if len(steps) == 0 {
			return signin.Verified{}, err
		}
		s.Burnt = append(s.Burnt, steps...)
		stored, failed := json.Marshal(s)
		return signin.Verified{State: stored}, errors.Join(err, failed)
	}
	s.Last = steps[0]
	stored, err := json.Marshal(s)
	return signin.Verified{
		Person: v.Person.ID, State: stored,
		Proof: staffkey.Proof{Method: staffkey.MethodTOTP, Possession: true, At: v.Now},
	}, err
}

// stepOf is the time step of an instant.
func stepOf(now time.Time) int64 { return now.Unix() / int64(period/time.Second) }

// match returns the time step of a code that is good now; or the refusal that tells what is wrong with it, with the steps in which the code
// would be good later.
func (s state) match(typed string, now time.Time) ([]int64, error) {
	code := normalise(typed)
	current := stepOf(now)
	const none = far + 1
	accepted, used, off := none, none, none
	var ahead []int64
	for d := -far; d <= far; d++ { // all of them: which one is right must not show in the time
		step := current + int64(d)
		equal := subtle.ConstantTimeCompare([]byte(codeAt(s.Secret, step, digits)), []byte(code)) == 1
		switch {
		case !equal:
		case step <= s.Last || slices.Contains(s.Burnt, step):
			used = d
		case -near <= d && d <= near: // of two steps with the same code the later: it is not to be good once more
			accepted = d
		default:
			if d > 0 {
				ahead = append(ahead, step)
			}
			if off == none || max(d, -d) < max(off, -off) {
				off = d
			}
		}
	}
	switch {
	case accepted != none:
		return []int64{current + int64(accepted)}, nil
	case used != none:
		return nil, staffkey.Refused("code_used", "totp.used")
	case off == none:
		return nil, wrong()
	case off < 0:
		return ahead, staffkey.Refused("clock_slow", "totp.slow", "Count", minutes(-off))
	}
	return ahead, staffkey.Refused("clock_fast", "totp.fast", "Count", minutes(off))
}

// minutes is how long a number of time steps takes, rounded up.
func minutes(steps int) int {
	return int((time.Duration(steps)*period + time.Minute - 1) / time.Minute)
}

func wrong() error { return staffkey.Refused("code_wrong", "totp.wrong") }

// codeAt is the code of a time step: HOTP of RFC 4226 §5.3 with the step as the counter (RFC 6238 §4.2).
func codeAt(secret []byte, step int64, length int) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash never fails to write
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fffffff
	modulus := uint32(1)
	for range length {
		modulus *= 10
	}
	return fmt.Sprintf("%0*d", length, number%modulus)
}
