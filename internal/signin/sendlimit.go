package signin

import (
	"context"
	"errors"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// codesRule refuses more codes than may be sent in codesWithin.
const codesRule = "code_many"

// errTold says that somebody has been told already.
var errTold = errors.New("told already")

// tellOfCodes tells a person, once a day, that more codes were asked for than may be sent, by the event of the one that is refused: whoever asks
// has their password, or is signed in.
func (s *Service) tellOfCodes(ctx context.Context, event staffkey.AuditEvent) error {
	event.Kind = staffkey.EventCodesStopped
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		first, err := tx.CountWithin("code/told/"+string(event.Person), 1, tx.Now.Add(day))
		if err != nil {
			return err
		}
		if !first {
			return errTold
		}
		p, err := tx.FindPerson(event.Person)
		if err != nil {
			return err
		}
		tx.Event.Organisation, tx.Event.ActorName = p.Organisation, p.Name
		return tx.InsertNotice("notice.codes_stopped", p, map[string]string{"Method": event.Subject})
	})
	if errors.Is(err, errTold) {
		return nil
	}
	s.wake()
	return err
}

// slotsOf names the slots of the codes that a person signs in with.
func slotsOf(person staffkey.PersonID) string { return "person/" + string(person) }

// slot is one of the codesAtOnce that a person or a number has. Each is taken for codesWithin, so that no such time has more.
func slot(of string, i int) string { return "code/slot/" + strconv.Itoa(i) + "/" + of }

// takeSlot takes a free slot, or returns how long none is.
func takeSlot(tx *store.Tx, of string) (wait time.Duration, err error) {
	for i := range codesAtOnce {
		taken, err := tx.CountWithin(slot(of, i), 1, tx.Now.Add(codesWithin))
		if err != nil || taken {
			return 0, err
		}
	}
	return slotsTaken(tx, of)
}

// slotsTaken is how long it takes until a slot is free.
func slotsTaken(tx *store.Tx, of string) (wait time.Duration, err error) {
	wait = codesWithin
	for i := range codesAtOnce {
		t, err := tx.FindThrottle(slot(of, i))
		if err != nil {
			return 0, err
		}
		wait = min(wait, max(0, t.ForgetAt.Sub(tx.Now)))
	}
	return wait, nil
}
