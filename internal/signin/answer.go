package signin

import (
	"context"
	"errors"

	"staffkey"
	"staffkey/internal/store"
)

// answering is one answer on its way. Every finish takes the same steps: count the try, open the ceremony, verify, decide, and change with
// everything asked again. The first two and what comes of a refusal are here, alike for all; the stories are in prove.go and enrolled.go.
type answering struct {
	s      *Service
	answer Answer
	want   expect
	// event is what a refusal leaves behind. It is completed with whom the answer turns out to concern.
	event staffkey.AuditEvent
	guess guess
	// ceremony is there once it is known to be ours: whatever becomes of the answer spends it.
	ceremony *staffkey.Ceremony
	// right says that the answer was, whatever was decided about it.
	right bool
}

// finish counts a try by count, opens the ceremony, and has rest verify, decide and change, again when the state that was verified has
// changed meanwhile. A refusal is recorded and spends the ceremony. A try counts unless nothing was looked at, or what was right was refused.
func (a *answering) finish(ctx context.Context, count func() (guess, error), rest func() error) error {
	s := a.s
	var err error
	a.guess, err = count()
	counted := err == nil
	if counted {
		if a.ceremony, err = s.open(a.answer.Sealed, a.want); err == nil {
			err = again(ctx, rest)
		}
	} else if noted := a.notLookedAt(ctx); noted != nil {
		return noted
	}
	err = s.refuse(ctx, a.event, a.ceremony, err)
	switch {
	case err == nil || a.guess.s == nil:
	case counted && (a.right || isFault(err)):
		err = errors.Join(err, a.guess.back(ctx))
	default:
		err = errors.Join(err, s.noteGuesses(ctx, a.guess, staffkey.Origin{IP: a.event.IP, Browser: a.event.Browser}))
	}
	s.observeResult(a.answer.Method, err)
	return err
}

// notLookedAt completes what is left of a try that was refused before it was looked at: whom it concerned, and a ceremony to spend.
func (a *answering) notLookedAt(ctx context.Context) error {
	if c, err := a.s.open(a.answer.Sealed, a.want); err == nil {
		a.ceremony = c
	}
	if a.guess.person == "" {
		return nil
	}
	return a.s.store.Read(ctx, func(tx *store.Tx) error {
		p, err := tx.FindPerson(a.guess.person)
		a.concerns(p)
		return err
	})
}

// noteRefused stores what an answer that its method refuses makes of the state, before anybody is told why it was refused.
func (a *answering) noteRefused(ctx context.Context, p proof, err error) error {
	before := p.enrolment(a.answer.Method)
	if err == nil || p.verified.State == nil || p.verified.Proof.Method != "" || before == nil {
		return err
	}
	if failed := a.s.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.NoteEnrolment(*before, p.verified.State) }); failed != nil {
		return lookAgain(failed)
	}
	return err
}

// concerns completes the event with whom the answer concerns.
func (a *answering) concerns(p staffkey.Person) {
	a.event.Person, a.event.Organisation, a.event.ActorName = p.ID, p.Organisation, p.Name
}

func (s *Service) observeResult(kind staffkey.MethodKind, err error) {
	switch {
	case err == nil:
		s.observe(kind, "accepted")
	case errors.Is(err, staffkey.ErrThrottled):
		s.observe(kind, "throttled")
	case errors.Is(err, staffkey.ErrRefused), errors.Is(err, staffkey.ErrExpired):
		s.observe(kind, "refused")
	default:
		s.observe(kind, "failed")
	}
}

// errLookAgain says that what was verified has changed meanwhile: verify against the new state.
var errLookAgain = errors.New("state changed meanwhile")

// maxLooks bounds how often an answer is verified again because the state changed meanwhile.
const maxLooks = 100

// again runs a look-verify-change until the state stood still.
func again(ctx context.Context, fn func() error) error {
	for range maxLooks {
		if err := fn(); !errors.Is(err, errLookAgain) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return staffkey.ErrBusy
}

// lookAgain turns "somebody was faster" into another look.
func lookAgain(err error) error {
	if errors.Is(err, staffkey.ErrConflict) {
		return errLookAgain
	}
	return err
}
