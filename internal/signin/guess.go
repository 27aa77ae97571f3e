package signin

import (
	"context"
	"encoding/base64"
	"errors"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Limits of guessing (docs/decisions/0010-who-waits.md): after freeFailures wrong tries on one name or one person's method, each further one
// doubles the wait. All names of one person together have freeOfPerson, so that whoever mistypes meets the wait that is told first.
const (
	freeFailures    = 5
	freeOfPerson    = 10
	firstWait       = 30 * time.Second
	longestWait     = 15 * time.Minute
	toldFailures    = 5 // then the person is told, if a password comes before the guess
	forgetFailures  = 24 * time.Hour
	throttlePurpose = "throttle/password"
)

// guess is one try at something that can be guessed, counted before it is looked at. What it names is counted by digests: the table of
// failures is no list of names.
type guess struct {
	s *Service
	// subject is what is guessed, as far as the answer may tell: a typed name, whomever it means; a person in a place of their own; or a
	// method of a person who has given a password.
	subject string
	// whole counts the tries on all names of whom a typed name means. It is silent: over it, the answer is that of a wrong guess.
	whole string
	// source counts names, up to names of them, and pair remembers that this one is counted.
	source, pair string
	names        int
	// person and method, when known, whose own count of wrong answers goes on too; own says that the try is from a place of theirs.
	person staffkey.PersonID
	method staffkey.MethodKind
	own    bool

	guessed
}

// guessed is what counting a guess has found.
type guessed struct {
	// failures is how many tries there are now, and before what there was before this one; wait how long it still takes until the next is
	// looked at.
	failures int
	before   store.Throttle
	wait     time.Duration
	// narrow says that the wait is the source's; newName that the name was not counted there before, and full that it was the last.
	narrow, newName, full bool
	// unlooked says that the guess is refused like a wrong one without being looked at, and why; counted that it is in the person's count.
	unlooked string
	counted  bool
	// off: the method is switched off; shut: strangers have used up their share. first says the one time that either happens.
	off, shut, first bool
}

// reserve counts the try in one change, so that of many at once no more get through than are free. A right answer forgets it. The
// statements are the same for names that mean nobody.
func (s *Service) reserve(ctx context.Context, g guess) (guess, error) {
	g.s = s
	err := s.store.Housekeep(ctx, func(tx *store.Tx) error {
		g.guessed = guessed{}
		t, err := tx.FindThrottle(g.subject)
		if err != nil {
			return err
		}
		if g.wait = t.BlockedUntil.Sub(tx.Now); g.wait > 0 {
			return nil
		}
		g.before = t
		if err := g.countName(tx); err != nil || g.wait > 0 {
			return err
		}
		if err := g.countWhole(tx); err != nil {
			return err
		}
		if err := g.countAnswer(tx); err != nil {
			return err
		}
		g.failures, err = countAndBlock(tx, g.subject, freeFailures)
		return err
	})
	if g.wait > 0 {
		return g, throttled(g)
	}
	return g, err
}

// countAndBlock adds a failure to a subject and, from so many on, makes the next wait.
func countAndBlock(tx *store.Tx, subject string, free int) (int, error) {
	n, err := tx.CountFailure(subject, tx.Now.Add(forgetFailures))
	if err != nil || n < free {
		return n, err
	}
	return n, tx.BlockUntil(subject, tx.Now.Add(min(firstWait<<min(n-free, 10), longestWait)))
}

// countWhole counts the try against all names of whom it means. One that comes too early is not looked at.
func (g *guess) countWhole(tx *store.Tx) error {
	if g.whole == "" {
		return nil
	}
	t, err := tx.FindThrottle(g.whole)
	if err != nil {
		return err
	}
	if t.BlockedUntil.After(tx.Now) {
		g.unlooked = "waits"
		_, err := tx.CountFailure(g.whole+"/unlooked", tx.Now.Add(forgetFailures)) // a statement for a statement
		return err
	}
	_, err = countAndBlock(tx, g.whole, freeOfPerson)
	return err
}

// countAnswer counts the answer to the person's method, and says whether it is one too many.
func (g *guess) countAnswer(tx *store.Tx) error {
	person := g.person
	if g.unlooked != "" {
		person = ""
	}
	c, err := tx.CountAnswer(person, g.method, g.own)
	if err != nil || !c.There {
		return err
	}
	g.counted = true
	shared := c.HasKey && startsAlone(g.method)
	switch verdict := policy.JudgeAnswer(policy.Answers{Strangers: c.Strangers, Own: c.Own, Shared: shared, FromOwn: g.own}); {
	case c.Off:
		g.off = true
	case verdict == policy.AnswerOfStranger:
		g.unlooked, g.shut, g.first = "strangers_share", true, c.Strangers == staffkey.StrangersShare+1
	case verdict == policy.AnswerTooLate:
		g.off, g.first = true, true
		return tx.SwitchOff(g.person, g.method)
	}
	return nil
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
	if full, err := g.isFull(tx); err != nil || !full {
		return err
	}
	return throttled(*g)
}

func throttled(g guess) error {
	id := "rate.name"
	if g.narrow {
		id = "rate.source"
	}
	return mustWaitFor(id, g.wait)
}

// mustWaitFor is the refusal of who has to wait.
func mustWaitFor(message string, wait time.Duration) error {
	r := staffkey.Refused("throttled", message, "Count", int((wait+time.Minute-1)/time.Minute))
	r.Kind = staffkey.ErrThrottled
	return r
}

// right forgets the try and those before it, in the change that the answer makes; of a typed name the try alone. To whoever has tried that
// name before, a wait that is gone would tell that somebody has it and has just come.
func (g guess) right(tx *store.Tx) error {
	if g.s == nil {
		return nil
	}
	if err := tx.ForgiveAnswers(g.person, g.method); err != nil {
		return err
	}
	if g.source != "" {
		if err := g.returnName(tx); err != nil {
			return err
		}
	}
	if g.whole == "" {
		return tx.ForgetFailures(g.subject)
	}
	if err := tx.ForgetFailures(g.whole); err != nil {
		return err
	}
	return tx.UndoTry(g.subject, g.failures, g.before)
}

// back takes the try back when nothing was looked at.
func (g guess) back(ctx context.Context) error {
	return g.s.store.Housekeep(ctx, func(tx *store.Tx) error {
		if g.counted {
			if err := tx.ReturnAnswer(g.person, g.method, g.own); err != nil {
				return err
			}
		}
		if g.newName {
			if err := g.returnName(tx); err != nil {
				return err
			}
		}
		if g.whole != "" && g.unlooked != "waits" {
			if err := tx.ReturnTry(g.whole); err != nil {
				return err
			}
		}
		return tx.ReturnTry(g.subject)
	})
}

// guessName is a try at the password or the pass of a typed name from a place. The person is whom it means, if anybody.
func (s *Service) guessName(kind staffkey.MethodKind, login string, person staffkey.PersonID, from place) (guess, error) {
	g := guess{person: person, method: kind}
	if person != "" && from.own == person {
		g.subject, g.own = ownSubject(kind, person), true
		return g, nil
	}
	typed, err := s.throttleDigest(store.Fold(login))
	if err != nil {
		return g, err
	}
	who := store.Fold(login)
	if person != "" {
		who = string(person)
	}
	whole, err := s.throttleDigest(who)
	if err != nil {
		return g, err
	}
	g.subject, g.whole = string(kind)+"/name/"+typed, string(kind)+"/whole/"+whole
	if from.source != "" { // passes cost no hash, so whoever fills a network with them is quick: it stays open for passwords
		g.source, g.names = "source/"+string(kind)+"/"+from.source, from.names
		g.pair = g.source + "/" + typed
	}
	return g, nil
}

func ownSubject(kind staffkey.MethodKind, person staffkey.PersonID) string {
	return string(kind) + "/own/" + string(person)
}

func (s *Service) throttleDigest(what string) (string, error) {
	digest, err := s.store.Sealer().Digest(throttlePurpose, []byte(what))
	return base64.RawURLEncoding.EncodeToString(digest), err
}

// forgetGuesses forgets the wrong passwords of a person, under each of their names, because the password is another now.
func (s *Service) forgetGuesses(tx *store.Tx, p staffkey.Person) error {
	for _, login := range []string{p.Username, p.Email} {
		g, err := s.guessName(staffkey.MethodPassword, login, p.ID, place{})
		if err != nil {
			return err
		}
		for _, subject := range []string{g.subject, g.whole} {
			if err := tx.ForgetFailures(subject); err != nil {
				return err
			}
		}
	}
	return tx.ForgetFailures(ownSubject(staffkey.MethodPassword, p.ID))
}

// guessMethod is a try at a method of a person. A key is not guessed, and nothing is counted for it.
func (s *Service) guessMethod(ctx context.Context, person staffkey.PersonID, kind staffkey.MethodKind) (guess, error) {
	if kind == staffkey.MethodSecurityKey || person == "" {
		return guess{}, nil
	}
	// One that strangers can try by name is no stranger's here, after a right password.
	g, err := s.reserve(ctx, guess{subject: "method/" + string(kind) + "/" + string(person), person: person, method: kind, own: startsAlone(kind)})
	if err == nil && g.off {
		return g, methodOff(g)
	}
	return g, err
}

func methodOff(g guess) error {
	return staffkey.Refused("method_off", "method.off").Because("switched off after %d wrong answers in a row, or with a key or a pass that was in other hands", staffkey.MaxFailures)
}

// noteGuesses tells the person, the one time that it happens, that a method of theirs is switched off, or takes no more answers of strangers; and
// before that, that somebody who knows their password tries to guess what comes after it. Operators hear of a network from which many names
// are tried.
func (s *Service) noteGuesses(ctx context.Context, g guess, origin staffkey.Origin) error {
	if g.full {
		if err := s.alarmSource(ctx, g.source, g.names, origin); err != nil {
			return err
		}
	}
	kind, notice := staffkey.EventMethodDisabled, "notice.method_disabled"
	switch {
	case g.person == "":
		return nil
	case g.first && g.shut:
		kind, notice = staffkey.EventMethodShut, "notice.method_shut"
	case g.first:
	case g.failures == toldFailures && !startsAlone(g.method):
		kind, notice = staffkey.EventMethodGuessed, "notice.method_guessed"
	case g.failures == toldFailures && g.own: // whoever guesses there has a session or a browser of theirs, and not only a name
		kind, notice = staffkey.EventMethodGuessed, "notice.password_guessed"
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
