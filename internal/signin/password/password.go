// Package password is the sign-in method that everybody starts with: argon2id over what the person typed. It never stands
// alone once there is anything stronger.
//
// Hashing is the one expensive thing in the server, so it runs on a bounded pool: however many passwords arrive, all but
// Workers processors stay free for key sign-ins, and beyond Queue waiting requests further ones are told to wait.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/signin"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// Lengths in characters (NIST SP 800-63B-4 §3.1.1.2): at least 8 beside a second factor, at most enough that nobody's
// passphrase is cut, and bounded so that hashing is.
const (
	MinLength = 8
	MaxLength = 128
)

// maxTyped bounds the bytes that are brought to NFC: MaxLength characters of 4 bytes each, typed as a letter with two accents.
const maxTyped = MaxLength * 4 * 3

// Cost of one hash: the second choice of RFC 9106 §4 scaled to OWASP's floor (19 MiB, 2 passes), about 20 ms of one core.
const (
	memoryKiB = 19 * 1024
	passes    = 2
	lanes     = 1
	saltBytes = 16
	hashBytes = 32
)

// Method is the password method.
type Method struct {
	workers chan struct{}
	waiting chan struct{}
	// dummy is hashed for people who are not known, so that they cost the same.
	dummy []byte
}

// Options bound the work.
type Options struct {
	// Workers is how many hashes run at once; Queue how many may wait.
	Workers, Queue int
}

// New returns the method.
func New(o Options) (*Method, error) {
	m := &Method{workers: make(chan struct{}, max(o.Workers, 1)), waiting: make(chan struct{}, max(o.Queue, 1)+max(o.Workers, 1))}
	var err error
	m.dummy, err = hash(rand.Text())
	return m, err
}

// Kind implements signin.Method.
func (m *Method) Kind() staffkey.MethodKind { return staffkey.MethodPassword }

// Remaining implements signin.Method.
func (m *Method) Remaining([]byte) int { return -1 }

// BeginEnrolment implements signin.Method.
func (m *Method) BeginEnrolment(context.Context, signin.Enrolling) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// BeginVerification implements signin.Method.
func (m *Method) BeginVerification(context.Context, signin.Verifying) (signin.Challenge, error) {
	return signin.Challenge{}, nil
}

// FinishEnrolment checks a new password and hashes it.
func (m *Method) FinishEnrolment(ctx context.Context, e signin.Enrolling, _ staffkey.Ceremony, answer []byte) (signin.Enrolled, error) {
	password, err := check(string(answer), e.Person)
	if err != nil {
		return signin.Enrolled{}, err
	}
	var state []byte
	err = m.work(ctx, func() error {
		var err error
		state, err = hash(password)
		return err
	})
	return signin.Enrolled{State: state}, err
}

// check applies the rules for a new password and returns it in the form that is hashed (NFC, so that the same letters
// typed on another keyboard are the same password).
func check(password string, p staffkey.Person) (string, error) {
	if !utf8.ValidString(password) {
		return "", staffkey.Invalid("password", "password.characters")
	}
	if len(password) > maxTyped {
		return "", staffkey.Invalid("password", "password.long", "Count", MaxLength)
	}
	password = norm.NFC.String(password)
	switch n := utf8.RuneCountInString(password); {
	case n == 0:
		return "", staffkey.Invalid("password", "password.empty")
	case n < MinLength:
		return "", staffkey.Invalid("password", "password.short", "Count", MinLength)
	case n > MaxLength:
		return "", staffkey.Invalid("password", "password.long", "Count", MaxLength)
	}
	folded := strings.ToLower(password)
	for _, own := range []string{p.Username, p.Email, p.Name} {
		if own != "" && folded == strings.ToLower(own) {
			return "", staffkey.Invalid("password", "password.same")
		}
	}
	if first, _ := utf8.DecodeRuneInString(folded); strings.Trim(folded, string(first)) == "" { // one letter many times
		return "", staffkey.Invalid("password", "password.easy")
	}
	return password, nil
}

// FinishVerification compares a password with the enrolment's, or with nobody's at the same cost.
func (m *Method) FinishVerification(ctx context.Context, v signin.Verifying, _ staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	state, known := m.dummy, false
	if v.Enrolment != nil {
		state, known = v.Enrolment.State, true
	}
	var typed string // stays empty for what cannot be anybody's password: hash something short instead of a megabyte
	if len(answer) <= maxTyped {
		typed = norm.NFC.String(string(answer))
	}
	if utf8.RuneCountInString(typed) > MaxLength {
		typed = ""
	}
	var right bool
	err := m.work(ctx, func() error {
		var err error
		right, err = matches(state, typed)
		return err
	})
	switch {
	case err != nil:
		return signin.Verified{}, err
	case !known:
		return signin.Verified{}, staffkey.Refused("unknown_or_unset", "pw.wrong")
	case !right:
		return signin.Verified{}, staffkey.Refused("wrong", "pw.wrong")
	}
	return signin.Verified{
		Person: v.Person.ID,
		Proof:  staffkey.Proof{Method: staffkey.MethodPassword, Knowledge: true, At: v.Now},
	}, nil
}

// work runs fn on the pool; ErrBusy when too many wait already.
func (m *Method) work(ctx context.Context, fn func() error) error {
	select {
	case m.waiting <- struct{}{}:
	default:
		return staffkey.ErrBusy
	}
	defer func() { <-m.waiting }()
	select {
	case m.workers <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-m.workers }()
	return fn()
}

// hash returns the PHC string of a password (github.com/P-H-C/phc-string-format).
func hash(password string) ([]byte, error) {
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails: crypto/rand.Read ends the program instead
	sum := argon2.IDKey([]byte(password), salt, passes, memoryKiB, lanes, hashBytes)
	return fmt.Appendf(nil, "$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memoryKiB, passes, lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum)), nil
}

// matches compares a password with a PHC string, with that string's own cost.
func matches(phc []byte, password string) (bool, error) {
	parts := strings.Split(string(phc), "$")
	var version int
	var memory, time uint32
	var threads uint8
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("password state is no argon2id string")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, fmt.Errorf("password state has another argon2 version")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &threads); err != nil {
		return false, fmt.Errorf("password state: %w", err)
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("password state: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil {
		return false, fmt.Errorf("password state: %w", err)
	}
	if time < 1 || threads < 1 || len(want) < hashBytes { // argon2 panics on the first two, and an empty hash would match anything
		return false, fmt.Errorf("password state has no cost or no hash")
	}
	got := argon2.IDKey([]byte(password), salt, time, memory, threads, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
