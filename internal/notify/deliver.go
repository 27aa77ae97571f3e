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
	// lease is how long a message that was taken is kept from other nodes. Whoever is sending it renews the lease, so a provider may take longer.
	lease = 60 * time.Second
	// batch is how many messages are taken at once.
	batch = 20
	// look is how often a node looks for messages that another node, or a back-off, has made due, and lookExpired for those that nobody could send.
	look        = 2 * time.Second
	lookExpired = time.Minute
	// farewell is what a message that is being sent gets when the server stops, so that it need not be sent twice.
	farewell = 5 * time.Second
)

// patience is how long one provider may take over a message, here where it has no limit of its own.
var patience = map[staffkey.ChannelKind]time.Duration{
	staffkey.ChannelEmail: 15 * time.Minute, staffkey.ChannelText: 20 * time.Second, staffkey.ChannelVoice: 20 * time.Second,
}

// mostUnsure is how often a message may have gone without anybody saying so, before it is given up, and unsurePause how long to wait after
// each time: a mail server that is slow to say that it has a mail is slow for hours; whoever waits for a code does not wait so long.
var (
	mostUnsure  = map[staffkey.ChannelKind]int{staffkey.ChannelEmail: 3, staffkey.ChannelText: 2, staffkey.ChannelVoice: 2}
	unsurePause = map[staffkey.ChannelKind][]time.Duration{
		staffkey.ChannelEmail: {15 * time.Minute, 2 * time.Hour}, staffkey.ChannelText: {time.Minute}, staffkey.ChannelVoice: {time.Minute},
	}
)

// backoff is how long to wait after each failed attempt; the last holds for all further ones.
var backoff = []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// workers are how many messages of a kind are sent at once from one node. Codes are waited for, so they have more.
var workers = map[staffkey.ChannelKind]int{staffkey.ChannelEmail: 4, staffkey.ChannelText: 4, staffkey.ChannelVoice: 2}

// outcomes of an attempt, for [Deps].Observe.
const (
	outcomeSent    = "sent"
	outcomeFailed  = "failed"
	outcomeUnsure  = "unsure"
	outcomeRefused = "refused"
	outcomeExpired = "expired"
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
	running.Go(func() { s.runExpiry(ctx) })
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

// runExpiry ends what nobody could send in its time: messages of channels that are not set up, or of a newer release.
func (s *Service) runExpiry(ctx context.Context) {
	timer := time.NewTicker(lookExpired)
	defer timer.Stop()
	for {
		if err := s.expire(ctx); err != nil && ctx.Err() == nil {
			s.Log.ErrorContext(ctx, "look for messages that have expired", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
	}
}

func (s *Service) expire(ctx context.Context) error {
	for _, l := range s.lines {
		var ended []store.Delivery
		err := s.Store.Housekeep(ctx, func(tx *store.Tx) (err error) {
			ended, err = tx.ExpireOutgoing(l.kind)
			return err
		})
		if err != nil {
			return fmt.Errorf("end what has expired for %s: %w", l.kind, err)
		}
		count := map[string]int{}
		for _, d := range ended {
			s.observe(l.kind, "", outcomeExpired)
			count[d.Template]++
		}
		for template, n := range count {
			s.Log.WarnContext(ctx, "give messages up", "template", template, "channel", l.kind, "messages", n, "problem", ended[0].Problem)
		}
	}
	return nil
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
	if err := s.expire(ctx); err != nil {
		return 0, err
	}
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

// take takes a batch of messages that can be sent here and begins to send them; it returns as soon as the last one is begun. What this
// installation has no provider for waits for one, and a message of a newer release for a node of it.
func (s *Service) take(ctx context.Context, l *line, sending *sync.WaitGroup) (int, error) {
	if !s.Has(l.kind) {
		return 0, nil
	}
	var taken []staffkey.Outgoing
	var until time.Time
	err := s.Store.Housekeep(ctx, func(tx *store.Tx) (err error) {
		until = tx.Now.Add(lease)
		taken, err = tx.TakeOutgoing(l.kind, s.known[l.kind], lease, batch)
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
				s.note(ctx, m, func(tx *store.Tx) error { return tx.RetryOutgoing(m, tx.Now, "the server stopped") })
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
		s.note(ctx, m, func(tx *store.Tx) error { return tx.RetryOutgoing(m, tx.Now.Add(afterPanic), "panicked") })
	}
}

// attempt sends one message, or notes why not. A message that has waited here for most of its lease is left to whoever takes it next.
func (s *Service) attempt(ctx context.Context, m staffkey.Outgoing, until time.Time) {
	if now := s.Now(); now.Add(lease / 2).After(until) {
		return
	} else if !now.Before(m.ExpiresAt) {
		s.expired(ctx, m, "")
		return
	}
	message, err := s.write(m)
	if err == nil && m.To == "" {
		err = errors.New("it cannot be opened: another sealing key?")
	}
	if err != nil { // a fault of this release, or of this node's settings
		s.Log.ErrorContext(ctx, "write a message", "message", m.ID, "template", m.Template, "error", err)
		s.observe(m.Channel, "", outcomeFailed)
		s.note(ctx, m, func(tx *store.Tx) error { return tx.RetryOutgoing(m, tx.Now.Add(afterPanic), "cannot be written") })
		return
	}
	ending := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ending))
	defer cancel()
	stop := context.AfterFunc(ending, func() { time.AfterFunc(farewell, cancel) })
	defer stop()
	defer s.keep(ctx, m)()
	var problems []string
	before := m.Unsure
	for _, p := range s.inOrder(m.Channel) {
		reference, err := p.send(ctx, message, s.patience[m.Channel])
		if err == nil || IsPermanent(err) {
			p.answered()
		}
		outcome := outcomeFailed
		switch {
		case err == nil:
			s.observe(m.Channel, p.Name(), outcomeSent)
			s.note(ctx, m, func(tx *store.Tx) error { return tx.FinishOutgoing(m.ID, p.Name(), reference) })
			return
		case IsPermanent(err):
			s.observe(m.Channel, p.Name(), outcomeRefused)
			m.Unsure = 0 // there is nobody whom it may have reached
			s.giveUp(ctx, m, p.Name()+": "+clean(err, m))
			return
		case IsUnsure(err):
			m.Unsure++
			outcome = outcomeUnsure
		}
		p.failed(s.Now())
		s.observe(m.Channel, p.Name(), outcome)
		problem := p.Name() + ": " + clean(err, m)
		s.Log.WarnContext(ctx, "send a message", "message", m.ID, "channel", m.Channel, "attempt", m.Attempts, "outcome", outcome, "problem", problem)
		if panicked, ok := errors.AsType[*panicError](err); ok {
			s.Log.ErrorContext(ctx, "a provider panicked", "provider", p.Name(), "stack", panicked.stack)
		}
		problems = append(problems, problem)
		if m.Unsure >= mostUnsure[m.Channel] {
			s.giveUp(ctx, m, strings.Join(problems, "; "))
			return
		}
	}
	pause := wait(m.Attempts)
	if m.Unsure > before {
		pauses := unsurePause[m.Channel]
		pause = max(pause, pauses[min(m.Unsure, len(pauses))-1])
	}
	s.putBack(ctx, m, pause, strings.Join(problems, "; "))
}

// keep renews the lease of a message until what it returns is called.
func (s *Service) keep(ctx context.Context, m staffkey.Outgoing) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		timer := time.NewTicker(s.keepEvery)
		defer timer.Stop()
		for {
			select {
			case <-quit:
				return
			case <-timer.C:
				s.note(ctx, m, func(tx *store.Tx) error { return tx.KeepOutgoing(m, lease) })
			}
		}
	}()
	return func() { close(quit); <-done }
}

// putBack has a message tried again later, or gives it up when that would be too late.
func (s *Service) putBack(ctx context.Context, m staffkey.Outgoing, pause time.Duration, problem string) {
	at := s.Now().Add(pause)
	if !at.Before(m.ExpiresAt) {
		s.expired(ctx, m, problem)
		return
	}
	s.note(ctx, m, func(tx *store.Tx) error { return tx.RetryOutgoing(m, at, problem) })
}

func (s *Service) expired(ctx context.Context, m staffkey.Outgoing, problem string) {
	s.observe(m.Channel, "", outcomeExpired)
	if problem != "" {
		problem = "; " + problem
	}
	s.giveUp(ctx, m, "expired"+problem)
}

// giveUp ends a message that has not gone, or not for all that is known.
func (s *Service) giveUp(ctx context.Context, m staffkey.Outgoing, problem string) {
	state := staffkey.DeliveryFailed
	if m.Unsure > 0 {
		state = staffkey.DeliveryUnsure
	}
	s.Log.WarnContext(ctx, "give a message up", "message", m.ID, "template", m.Template, "channel", m.Channel, "state", state, "problem", problem)
	s.note(ctx, m, func(tx *store.Tx) error { return tx.EndOutgoing(m.ID, state, problem) })
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
