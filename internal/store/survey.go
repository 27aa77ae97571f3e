package store

import (
	"context"
	"sync"
	"time"

	"staffkey"
)

// Reading many rows (counts, previews, exports) takes seconds where a sign-in takes microseconds. It has a few connections of its own,
// so that however often it is asked for, nobody who signs in waits behind it.

const (
	// surveysAtOnce is how many surveys run at the same time on one node: one more than one, so that a long one does not keep another
	// operator from a short one, and few, because each takes a processor.
	surveysAtOnce = 2
	// defaultSurveyWait is how long a survey waits for its turn: a person waits as long for a page before they reload it.
	defaultSurveyWait = 5 * time.Second
)

// Survey runs fn with a consistent view on both engines, for what reads many rows. Few run at once, and of the same person one after the other: whoever
// reloads a page that counts waits until the count before has stopped, which it does between two rows, or within a statement, when its
// ctx is over. An empty person is the console, which is alone in its process.
//
// ErrBusy, with a message: there was no turn within a few seconds. No transaction is held while it waits.
func (s *Store) Survey(ctx context.Context, by staffkey.PersonID, fn func(*Tx) error) error {
	done, err := s.surveys.take(ctx, by)
	if err != nil {
		return err
	}
	defer done()
	err = s.engine.survey(ctx, func(q querier) error {
		return fn(&Tx{q: q, over: ctx, sealer: s.sealer, policies: &s.policies, batch: s.batch, Now: instant(s.now())})
	})
	if over := ctx.Err(); over != nil {
		return over // whatever the statement that was broken off says
	}
	return err
}

// SurveyAs is [Store.Survey] for somebody, with what they may do as it is in this transaction.
func (s *Store) SurveyAs(ctx context.Context, actor staffkey.Actor, fn func(*Tx, staffkey.Authority) error) error {
	return s.Survey(ctx, actor.Person, func(tx *Tx) error {
		may, err := signedIn(tx, actor)
		if err != nil {
			return err
		}
		return fn(tx, may)
	})
}

// turns lets a few run at once, and one of each person.
type turns struct {
	free chan struct{} // holds one for each that runs
	wait time.Duration
	mu   sync.Mutex // guards own
	own  map[staffkey.PersonID]*ownTurn
}

// ownTurn is the turn of one person, kept while somebody holds it or waits for it.
type ownTurn struct {
	free  chan struct{}
	users int
}

func newTurns(n int, wait time.Duration) *turns {
	if wait <= 0 {
		wait = defaultSurveyWait
	}
	return &turns{free: make(chan struct{}, n), wait: wait, own: make(map[staffkey.PersonID]*ownTurn)}
}

// take waits for a turn and returns how to end it.
func (t *turns) take(ctx context.Context, by staffkey.PersonID) (done func(), err error) {
	wait := time.NewTimer(t.wait)
	defer wait.Stop()
	if by == "" {
		if err := enter(ctx, t.free, wait, "srv.count.busy"); err != nil {
			return nil, err
		}
		return func() { <-t.free }, nil
	}
	own := t.use(by)
	if err := enter(ctx, own.free, wait, "srv.count.yours"); err != nil {
		t.leave(by)
		return nil, err
	}
	if err := enter(ctx, t.free, wait, "srv.count.busy"); err != nil {
		<-own.free
		t.leave(by)
		return nil, err
	}
	return func() {
		<-t.free
		<-own.free
		t.leave(by)
	}, nil
}

func enter(ctx context.Context, free chan struct{}, wait *time.Timer, busy string) error {
	if err := ctx.Err(); err != nil { // select would choose either
		return err
	}
	select {
	case free <- struct{}{}: // also when the wait is over by now: what is free is free
		return nil
	default:
	}
	select {
	case free <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return &staffkey.Refusal{Rule: "survey_turn", Kind: staffkey.ErrBusy, Message: staffkey.Msg(busy)}
	}
}

func (t *turns) use(by staffkey.PersonID) *ownTurn {
	t.mu.Lock()
	defer t.mu.Unlock()
	own := t.own[by]
	if own == nil {
		own = &ownTurn{free: make(chan struct{}, 1)}
		t.own[by] = own
	}
	own.users++
	return own
}

func (t *turns) leave(by staffkey.PersonID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if own := t.own[by]; own.users > 1 {
		own.users--
	} else {
		delete(t.own, by)
	}
}
