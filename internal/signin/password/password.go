// Package password is the sign-in method that everybody starts with: argon2id over what the person typed. It never stands
// alone once there is anything stronger.
//
// Hashing is the one expensive thing in the server, so it runs on a bounded pool: however many passwords arrive, Workers are hashed at
// once and Queue wait, and further ones are told to come back before anything else is done for them. The hashes run in processes of the
// lowest priority (Serve), so that key sign-ins find the processors as if nobody guessed. Turns go round the sources; browsers and
// stations that are known have more of them, and neither they nor the others can shut the other side out.
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
	pool *pool
	// today is the cost of new hashes.
	today cost
	// dummy is compared for people who are not known, so that they cost the same.
	dummy stored
	place []string
}

// Options bound the work and name the place.
type Options struct {
	// Workers is how many hashes run at once; Queue how many may wait.
	Workers, Queue int
	// Apart is the argument with which this program, started once more, calls [Serve]: hashes are computed there. Empty computes them in
	// this process, for commands and tests.
	Apart string
	// Place are names that everybody here knows (of the organisation, the town, the service), which say nothing in a password
	// (ASVS 6.2.11). The name of Staffkey is always one.
	Place []string
	// Cheap is for tests: hashes cost next to nothing, and protect nothing.
	Cheap bool
}

// New returns the method.
func New(o Options) (*Method, error) {
	workers := make([]*worker, max(o.Workers, 1))
	for i := range workers {
		workers[i] = &worker{argument: o.Apart}
	}
	m := &Method{pool: newPool(workers, max(o.Queue, 1)), today: today, place: o.Place}
	if o.Cheap {
		m.today.memoryKiB, m.today.passes = 8, 1 // the least that argon2 takes
	}
	var err error
	m.dummy, err = parse(new(worker).hash(rand.Text(), m.today))
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
	least := MinLength
	if e.Alone {
		least = MinAlone
	}
	password, err := check(string(answer), namesOf(e.Person, m.place), least)
	if err != nil {
		return signin.Enrolled{}, err
	}
	var state []byte
	l, err := m.pool.enter("", true) // who chooses one has been let in
	if err != nil {
		return signin.Enrolled{}, err
	}
	defer l.leave()
	err = l.work(ctx, func(w *worker) error {
		state = w.hash(password, m.today)
		return nil
	})
	return signin.Enrolled{State: state}, err
}

// Admit implements signin.Bounded.
func (m *Method) Admit(source string, known bool) (signin.Admitted, error) {
	l, err := m.pool.enter(source, known)
	if err != nil {
		return nil, err
	}
	return admitted{m, l}, nil
}

// admitted is a verification that has its place.
type admitted struct {
	method *Method
	place  *place
}

// Leave implements signin.Admitted.
func (a admitted) Leave() { a.place.leave() }

// FinishVerification is what an admitted verification is, for who has taken no place yet.
func (m *Method) FinishVerification(ctx context.Context, v signin.Verifying, c staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	a, err := m.Admit("", true)
	if err != nil {
		return signin.Verified{}, err
	}
	defer a.Leave()
	return a.FinishVerification(ctx, v, c, answer)
}

// FinishVerification compares a password with the enrolment's, or with nobody's at the same cost. One that was hashed at another
// cost than today's is hashed anew, now that it is known.
func (a admitted) FinishVerification(ctx context.Context, v signin.Verifying, _ staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	m := a.method
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
	err := a.place.work(ctx, func(w *worker) error {
		right = w.matches(compared, typed)
		if right && known && !off && compared.cost() != m.today {
			anew = w.hash(typed, m.today)
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
