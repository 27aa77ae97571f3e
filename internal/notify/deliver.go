package notify

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

const (
	// lease is how long a message that was taken is kept from other nodes; patience how long one provider may take over it, here
	// where a provider has no limit of its own.
	lease    = 60 * time.Second
	patience = 20 * time.Second
	// batch is how many messages are taken at once.
	batch = 20
	// look is how often a node looks for messages that another node, or a back-off, has made due.
	look = 2 * time.Second
	// farewell is what a message that is being sent gets when the server stops, so that it need not be sent twice.
	farewell = 5 * time.Second
)

// backoff is how long to wait after each failed attempt; the last holds for all further ones.
var backoff = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// workers are how many messages of a kind are sent at once from one node. Codes are waited for, so they have more.
var workers = map[staffkey.ChannelKind]int{staffkey.ChannelEmail: 2, staffkey.ChannelText: 4, staffkey.ChannelVoice: 2}

// outcomes of an attempt, for [Deps].Observe.
const (
	outcomeSent        = "sent"
	outcomeFailed      = "failed"
	outcomeRefused     = "refused"
	outcomeExpired     = "expired"
	outcomeNoProvider  = "no_provider"
	outcomeUnknownText = "unknown_text"
)

// line delivers the messages of one kind, each line by itself, so that a mail server that hangs holds up no code.
type line struct {
	kind  staffkey.ChannelKind
	slots chan struct{} // one for each message being sent
	wake  chan struct{}
}

func newLine(kind staffkey.ChannelKind) *line {
	return &line{kind, make(chan struct{}, workers[kind]), make(chan struct{}, 1)}
}

// Run delivers what is due until ctx ends, and then waits a moment for what is being sent. It returns nil: what fails is logged and
// tried again.
func (s *Service) Run(ctx context.Context) error {
	var running sync.WaitGroup
	for _, l := range s.lines {
		running.Go(func() { s.runLine(ctx, l) })
	}
	running.Wait()
	return nil
}

func (s *Service) runLine(ctx context.Context, l *line) {
	var sending sync.WaitGroup
	defer sending.Wait()
	timer := time.NewTicker(look)
	defer timer.Stop()
	for {
		n, err := s.take(ctx, l, &sending)
		if err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "look for messages to send", "channel", l.kind, "error", err)
		}
		if n == batch && ctx.Err() == nil {
			continue // there may be more
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
	}
}

// Wake has [Service.Run] look for messages now, because something was put into the outbox here. It never waits.
func (s *Service) Wake() {
	for _, l := range s.lines {
		select {
		case l.wake <- struct{}{}:
		default: // it has been told, and has not looked yet
		}
	}
}

// Deliver makes one pass over what is due, waits until each message has been tried, and returns how many there were.
func (s *Service) Deliver(ctx context.Context) (int, error) {
	var sending sync.WaitGroup
	defer sending.Wait()
	total := 0
	for _, l := range s.lines {
		n, err := s.take(ctx, l, &sending)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// take takes a batch of messages and begins to send them; it returns as soon as the last one is begun.
func (s *Service) take(ctx context.Context, l *line, sending *sync.WaitGroup) (int, error) {
	var taken []staffkey.Outgoing
	var until time.Time
	err := s.Store.Housekeep(ctx, func(tx *store.Tx) (err error) {
		until = tx.Now.Add(lease)
		taken, err = tx.TakeOutgoing(l.kind, lease, batch)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take messages for %s: %w", l.kind, err)
	}
	for i, m := range taken {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			for _, m := range taken[i:] {
				s.note(ctx, m, func(tx *store.Tx) error { return tx.RetryOutgoing(m.ID, tx.Now, "the server stopped") })
			}
			return i, ctx.Err()
		}
		sending.Go(func() {
			defer func() { <-l.slots }()
			defer s.survive(ctx, m)
			s.attempt(ctx, m, until)
		})
	}
	return len(taken), nil
}

// afterPanic is how long a message waits that could not be handled at all: for a release that can.
const afterPanic = time.Hour

// survive keeps a message that panics from ending the node, and the next one that takes it.
func (s *Service) survive(ctx context.Context, m staffkey.Outgoing) {
	if recover() != nil { // whose value may hold the message
		s.Log.ErrorContext(ctx, "send a message: panic", "message", m.ID, "template", m.Template, "stack", string(debug.Stack()))
		s.note(ctx, m, func(tx *store.Tx) error { return tx.RetryOutgoing(m.ID, tx.Now.Add(afterPanic), "panicked") })
	}
}

// attempt sends one message, or notes why not. A message whose lease may end while it is being sent is left to whoever takes it next.
func (s *Service) attempt(ctx context.Context, m staffkey.Outgoing, until time.Time) {
	now := s.Now()
	if now.Add(patience).After(until) {
		return
	}
	if !now.Before(m.ExpiresAt) {
		s.giveUp(ctx, m, "", outcomeExpired, "expired")
		return
	}
	if !s.Has(m.Channel) {
		s.giveUp(ctx, m, "", outcomeNoProvider, "no provider")
		return
	}
	message, err := s.write(m)
	if err != nil {
		s.Log.ErrorContext(ctx, "write a message", "message", m.ID, "template", m.Template, "error", err)
		s.giveUp(ctx, m, "", outcomeUnknownText, "no such text")
		return
	}
	ending := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ending), until.Sub(now))
	defer cancel()
	stop := context.AfterFunc(ending, func() { time.AfterFunc(farewell, cancel) })
	defer stop()
	var problems []string
	for _, p := range s.inOrder(m.Channel) {
		if s.Now().Add(patience).After(until) {
			break // the next provider's turn comes with the next attempt
		}
		reference, err := p.send(ctx, message, s.patience)
		if err == nil || IsPermanent(err) {
			p.answered()
		}
		switch {
		case err == nil:
			s.observe(m.Channel, p.Name(), outcomeSent)
			s.note(ctx, m, func(tx *store.Tx) error { return tx.FinishOutgoing(m.ID, p.Name(), reference) })
			return
		case IsPermanent(err):
			s.giveUp(ctx, m, p.Name(), outcomeRefused, p.Name()+": "+clean(err, m))
			return
		}
		p.failed(s.Now())
		s.observe(m.Channel, p.Name(), outcomeFailed)
		problem := p.Name() + ": " + clean(err, m)
		s.Log.WarnContext(ctx, "send a message", "message", m.ID, "channel", m.Channel, "attempt", m.Attempts, "problem", problem)
		if panicked, ok := errors.AsType[*panicError](err); ok {
			s.Log.ErrorContext(ctx, "a provider panicked", "provider", p.Name(), "stack", panicked.stack)
		}
		problems = append(problems, problem)
	}
	s.putBack(ctx, m, strings.Join(problems, "; "))
}

// putBack has a message tried again later, or gives it up when that would be too late.
func (s *Service) putBack(ctx context.Context, m staffkey.Outgoing, problem string) {
	at := s.Now().Add(wait(m.Attempts))
	if !at.Before(m.ExpiresAt) {
		s.giveUp(ctx, m, "", outcomeExpired, "expired; "+problem)
		return
	}
	s.note(ctx, m, func(tx *store.Tx) error { return tx.RetryOutgoing(m.ID, at, problem) })
}

func (s *Service) giveUp(ctx context.Context, m staffkey.Outgoing, provider, outcome, problem string) {
	s.observe(m.Channel, provider, outcome)
	s.Log.WarnContext(ctx, "give a message up", "message", m.ID, "template", m.Template, "channel", m.Channel, "problem", problem)
	s.note(ctx, m, func(tx *store.Tx) error { return tx.FailOutgoing(m.ID, problem) })
}

// note stores what has come of a message, also while the server stops: what has been sent must not be sent again. That another node
// was faster does not matter.
func (s *Service) note(ctx context.Context, m staffkey.Outgoing, fn func(*store.Tx) error) {
	ctx = context.WithoutCancel(ctx)
	if err := s.Store.Housekeep(ctx, fn); err != nil && !errors.Is(err, staffkey.ErrNotFound) {
		s.Log.ErrorContext(ctx, "note what came of a message; it will be sent again", "message", m.ID, "error", err)
	}
}

func (s *Service) observe(channel staffkey.ChannelKind, provider, outcome string) {
	if s.Observe != nil {
		s.Observe(channel, provider, outcome)
	}
}

// wait is how long to wait after a number of attempts, with up to a fifth more, so that what failed together does not come back
// together.
func wait(attempts int) time.Duration {
	d := backoff[min(max(attempts, 1), len(backoff))-1]
	more, err := rand.Int(rand.Reader, big.NewInt(int64(d/5)+1))
	if err != nil {
		return d // crypto/rand does not fail
	}
	return d + time.Duration(more.Int64())
}
