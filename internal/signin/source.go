package signin

import (
	"context"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// thisHour is when the count of a source starts over.
func thisHour(now time.Time) time.Time { return now.Truncate(time.Hour).Add(time.Hour) }

// countName counts the name of a try against its source, once in an hour: a telephone that sends its old password again and again is one
// name, and who guesses over many names is as many.
func (g *guess) countName(tx *store.Tx) error {
	if g.source == "" {
		return nil
	}
	full, err := g.isFull(tx)
	if err != nil || full {
		return err
	}
	end := thisHour(tx.Now)
	if g.newName, err = tx.CountWithin(g.pair, 1, end); err != nil || !g.newName {
		return err
	}
	if _, err := tx.CountWithin(g.source, g.names, end); err != nil {
		return err
	}
	n, err := tx.FindCount(g.source)
	g.full = n >= g.names
	return err
}

// isFull reports a source that takes no more names, and notes the wait.
func (g *guess) isFull(tx *store.Tx) (bool, error) {
	before, err := tx.FindCount(g.pair)
	if err != nil || before > 0 {
		return false, err
	}
	count, err := tx.FindCount(g.source)
	if err != nil || count < g.names {
		return false, err
	}
	g.wait, g.narrow = thisHour(tx.Now).Sub(tx.Now), true
	return true, nil
}

// returnName takes the name back from its source, if it is counted there.
func (g guess) returnName(tx *store.Tx) error {
	there, err := tx.TakeBack(g.pair)
	if err != nil || !there {
		return err
	}
	return tx.ReturnTry(g.source)
}

// sourceMails is how many mails a day operators get about networks at their limit.
const sourceMails = 5

// alarmSource raises the alarm that a source has come to its limit, once an hour and source: the log and the metrics have it, and operators get a
// mail.
func (s *Service) alarmSource(ctx context.Context, source string, names int, origin staffkey.Origin) error {
	raised := false
	err := s.store.Housekeep(ctx, func(tx *store.Tx) error {
		var err error
		if raised, err = tx.CountWithin("alarm/"+source, 1, thisHour(tx.Now)); err != nil || !raised {
			return err
		}
		event := staffkey.Event(staffkey.EventSourceAlarm, staffkey.Actor{Origin: origin})
		event.Subject, event.Detail = string(origin.Station), map[string]string{"names": strconv.Itoa(names)}
		if err := tx.Record(event); err != nil {
			return err
		}
		mail, err := tx.CountWithin("alarm/mails", sourceMails, tx.Now.Add(day))
		if err != nil || !mail {
			return err
		}
		return tx.InsertOperatorNotice("operator.source", map[string]string{"Source": origin.IP, "Names": strconv.Itoa(names)})
	})
	if raised {
		s.observe(staffkey.MethodPassword, "source_alarm")
		s.wake()
	}
	return err
}
