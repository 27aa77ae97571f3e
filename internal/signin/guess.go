package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"net/netip"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// Limits of guessing: after freeFailures wrong tries on one name or one person's method, each further one doubles the wait.
const (
	freeFailures    = 5
	firstWait       = 30 * time.Second
	longestWait     = 15 * time.Minute
	toldFailures    = 5 // then the person is told, if a password comes before the guess
	forgetFailures  = 24 * time.Hour
	throttlePurpose = "throttle/password"
)

// defaultSourceFailures is how many wrong passwords an hour may come from one network address. A hospital is behind one address, so it
// is far above what its people mistype, and far below what guessing over many names needs.
const defaultSourceFailures = 300

// guess is one try at something that can be guessed, counted before it is looked at. What it names is counted by digests: the table of
// failures is no list of names.
type guess struct {
	s *Service
	// subject is what is guessed: a name, or a method of a person. source is from where, for passwords.
	subject, source string
	// person and method, when known, whose own count of wrong answers goes on too.
	person staffkey.PersonID
	method staffkey.MethodKind
	// failures is how many tries there are now; wait how long it still takes until the next is looked at.
	failures int
	wait     time.Duration
	// narrow says that the wait is the source's.
	narrow bool
	// off: the method is switched off, first says the one time that it happens.
	off, first bool
}

// reserve counts the try in one change, so that of many at once no more get through than are free. A right answer forgets it. The
// statements are the same for names that mean nobody.
func (s *Service) reserve(ctx context.Context, g guess) (guess, error) {
	g.s = s
	err := s.store.Housekeep(ctx, func(tx *store.Tx) error {
		g.wait, g.narrow, g.off, g.first = 0, false, false, false
		t, err := tx.FindThrottle(g.subject)
		if err != nil {
			return err
		}
		if g.wait = t.BlockedUntil.Sub(tx.Now); g.wait > 0 {
			return nil
		}
		if g.source != "" {
			within, err := tx.CountWithin(g.source, s.sourceFailures, tx.Now.Truncate(time.Hour).Add(time.Hour))
			if err != nil {
				return err
			}
			if !within {
				g.wait, g.narrow = tx.Now.Truncate(time.Hour).Add(time.Hour).Sub(tx.Now), true
				return nil
			}
		}
		if g.off, g.first, err = tx.CountAnswer(g.person, g.method); err != nil {
			return err
		}
		if g.failures, err = tx.CountFailure(g.subject, tx.Now.Add(forgetFailures)); err != nil || g.failures < freeFailures {
			return err
		}
		return tx.BlockUntil(g.subject, tx.Now.Add(min(firstWait<<min(g.failures-freeFailures, 10), longestWait)))
	})
	if g.wait > 0 {
		return g, throttled(g)
	}
	return g, err
}

// mustWait refuses a try that would not be counted because too many came before. It writes nothing.
func (s *Service) mustWait(tx *store.Tx, g *guess) error {
	t, err := tx.FindThrottle(g.subject)
	if err != nil {
		return err
	}
	if g.wait = t.BlockedUntil.Sub(tx.Now); g.wait > 0 {
		return throttled(*g)
	}
	if g.source == "" {
		return nil
	}
	count, err := tx.FindCount(g.source)
	if err != nil || count < s.sourceFailures {
		return err
	}
	g.wait, g.narrow = tx.Now.Truncate(time.Hour).Add(time.Hour).Sub(tx.Now), true
	return throttled(*g)
}

func throttled(g guess) error {
	id := "rate"
	if g.narrow {
		id = "rate.source"
	}
	r := staffkey.Refused("throttled", id, "Count", int((g.wait+time.Minute-1)/time.Minute))
	r.Kind = staffkey.ErrThrottled
	return r
}

// right forgets the try and those before it, in the change that the answer makes.
func (g guess) right(tx *store.Tx) error {
	if g.s == nil {
		return nil
	}
	if err := tx.ForgiveAnswers(g.person, g.method); err != nil {
		return err
	}
	if g.source != "" {
		if err := tx.ReturnTry(g.source); err != nil {
			return err
		}
	}
	return tx.ForgetFailures(g.subject)
}

// back takes the try back when nothing was looked at.
func (g guess) back(ctx context.Context) error {
	return g.s.store.Housekeep(ctx, func(tx *store.Tx) error {
		if err := tx.ReturnAnswer(g.person, g.method); err != nil {
			return err
		}
		if g.source != "" {
			if err := tx.ReturnTry(g.source); err != nil {
				return err
			}
		}
		return tx.ReturnTry(g.subject)
	})
}

// guessPassword is a try at the password of a name.
func (s *Service) guessPassword(login string, person staffkey.PersonID, origin staffkey.Origin) (guess, error) {
	g := guess{person: person, method: staffkey.MethodPassword}
	what := string(person) // one count for a person, by whichever of their names
	if person == "" {
		what = store.Fold(login)
	}
	digest, err := s.store.Sealer().Digest(throttlePurpose, []byte(what))
	if err != nil {
		return g, err
	}
	g.subject = "password/" + base64.RawURLEncoding.EncodeToString(digest)
	g.source, err = s.sourceSubject("password", origin)
	return g, err
}

// isKnown says whether a request comes from a shared station or from a browser in which a key was used, by their sealed cookies.
func isKnown(origin staffkey.Origin) bool { return origin.Station != "" || len(origin.SeenKeys) > 0 }

// sourceSubject names where a request comes from: the address, or of IPv6 the 64 bits that one household or ward gets. Empty when the
// address is not known. A shared station, and a browser in which a key was used, which their sealed cookies say, are sources of their
// own: whoever guesses from behind the same address must not shut them out.
func (s *Service) sourceSubject(what string, origin staffkey.Origin) (string, error) {
	switch {
	case origin.Station != "":
		return "source/" + what + "/station/" + string(origin.Station), nil
	case len(origin.SeenKeys) > 0:
		return "source/" + what + "/key/" + string(origin.SeenKeys[0]), nil
	}
	ip, err := netip.ParseAddr(origin.IP)
	if err != nil {
		return "", nil
	}
	if ip.Is6() {
		p, err := ip.Prefix(64)
		if err != nil {
			return "", err
		}
		ip = p.Addr()
	}
	digest, err := s.store.Sealer().Digest("throttle/source", []byte(ip.String()))
	return "source/" + what + "/" + base64.RawURLEncoding.EncodeToString(digest), err
}

// guessMethod is a try at a method of a person. A key is not guessed, and nothing is counted for it.
func (s *Service) guessMethod(ctx context.Context, person staffkey.PersonID, kind staffkey.MethodKind) (guess, error) {
	if kind == staffkey.MethodSecurityKey || person == "" {
		return guess{}, nil
	}
	g, err := s.reserve(ctx, guess{subject: "method/" + string(kind) + "/" + string(person), person: person, method: kind})
	if err == nil && g.off {
		return g, methodOff(g)
	}
	return g, err
}

func methodOff(g guess) error {
	return staffkey.Refused("method_off", "method.off").Because("%d wrong answers in a row", staffkey.MaxFailures)
}

// noteGuesses tells the person, the one time that it happens, that a method of theirs is switched off; and before that, that somebody
// who knows their password tries to guess what comes after it.
func (s *Service) noteGuesses(ctx context.Context, g guess, origin staffkey.Origin) error {
	kind, notice := staffkey.EventMethodDisabled, "notice.method_disabled"
	switch {
	case g.person == "":
		return nil
	case g.first:
	case g.failures == toldFailures && !startsAlone(g.method):
		kind, notice = staffkey.EventMethodGuessed, "notice.method_guessed"
	default:
		return nil
	}
	event := staffkey.Event(kind, staffkey.Actor{Origin: origin})
	event.Person, event.Subject = g.person, string(g.method)
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		p, err := tx.FindPerson(g.person)
		if err != nil {
			return err
		}
		tx.Event.Organisation = p.Organisation
		return tx.InsertNotice(notice, p, map[string]string{"Method": string(g.method)})
	})
	s.wake()
	return err
}

// startsAlone reports a method that can be guessed with nothing but a name: who does so knows nothing, and must not be able to send mails.
func startsAlone(m staffkey.MethodKind) bool {
	return m == staffkey.MethodPassword || m == staffkey.MethodPass
}

// isFault reports an error that says nothing about the answer: nothing was looked at.
func isFault(err error) bool {
	return err != nil && !errors.Is(err, staffkey.ErrRefused) && !errors.Is(err, staffkey.ErrExpired) && !errors.Is(err, staffkey.ErrThrottled) &&
		!errors.Is(err, staffkey.ErrInvalid)
}
