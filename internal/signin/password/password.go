// Package password is the sign-in method that everybody starts with: argon2id over what the person typed. It never stands
// alone once there is anything stronger.
//
// Hashing is the one expensive thing in the server, so it runs on a bounded pool: however many passwords arrive, all but
// Workers processors stay free for key sign-ins, and beyond Queue waiting requests further ones are told to wait.
//
// A new password is judged by how many guesses it would take and never by the kinds of characters in it (check); what is measured,
// and why that many guesses, is told at leastBits.
package password

import (
	"context"
	"crypto/rand"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/signin"

	"golang.org/x/text/unicode/norm"
)

// Method is the password method.
type Method struct {
	workers chan struct{}
	waiting chan struct{}
	// dummy is compared for people who are not known, so that they cost the same.
	dummy stored
	place []string
}

// Options bound the work and name the place.
type Options struct {
	// Workers is how many hashes run at once; Queue how many may wait.
	Workers, Queue int
	// Place are names that everybody here knows (of the organisation, the town, the service), which say nothing in a password
	// (ASVS 6.2.11). The name of Staffkey is always one.
	Place []string
}

// New returns the method.
func New(o Options) (*Method, error) {
	m := &Method{workers: make(chan struct{}, max(o.Workers, 1)), waiting: make(chan struct{}, max(o.Queue, 1)+max(o.Workers, 1)), place: o.Place}
	var err error
	m.dummy, err = parse(hash(rand.Text(), today))
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
	password, err := check(string(answer), namesOf(e.Person, m.place))
	if err != nil {
		return signin.Enrolled{}, err
	}
	var state []byte
	err = m.work(ctx, func() error {
		state = hash(password, today)
		return nil
	})
	return signin.Enrolled{State: state}, err
}

// FinishVerification compares a password with the enrolment's, or with nobody's at the same cost. One that was hashed at another
// cost than today's is hashed anew, now that it is known.
func (m *Method) FinishVerification(ctx context.Context, v signin.Verifying, _ staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	compared, known, off := m.dummy, false, false
	if v.Enrolment != nil {
		var err error
		if compared, err = parse(v.Enrolment.State); err != nil {
			return signin.Verified{}, err
		}
		known, off = true, !v.Enrolment.DisabledAt.IsZero()
	}
	var typed string // stays empty for what cannot be anybody's password: hash something short instead of a megabyte
	if len(answer) <= maxTyped {
		typed = norm.NFC.String(string(answer))
	}
	if utf8.RuneCountInString(typed) > MaxLength {
		typed = ""
	}
	var right bool
	var anew []byte
	err := m.work(ctx, func() error {
		right = compared.matches(typed)
		if right && known && !off && compared.cost() != today {
			anew = hash(typed, today)
		}
		return nil
	})
	switch {
	case err != nil:
		return signin.Verified{}, err
	case !known:
		return signin.Verified{}, staffkey.Refused("unknown_or_unset", "pw.wrong")
	case off:
		return signin.Verified{}, staffkey.Refused("disabled", "pw.wrong")
	case !right:
		return signin.Verified{}, staffkey.Refused("wrong", "pw.wrong")
	}
	return signin.Verified{
		Person: v.Person.ID,
		Proof:  staffkey.Proof{Method: staffkey.MethodPassword, Knowledge: true, At: v.Now},
		State:  anew,
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
