package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// groupWriter makes changes in groups. Those that arrive while a commit is on its way to the disk wait together and become the next
// transaction: full durability without one fsync per request, and no two transactions of one node that stand in each other's way. Whoever comes first
// makes the change of all who wait, and then has the next of those who came meanwhile lead: there is no writer of its own to wake.
type groupWriter struct {
	// commit runs a group in one transaction, or several, and sets the error of each change.
	commit func(group []*groupedChange)
	// patience is how long a group may take before the next begins beside it; 0 is for ever, where there can be one transaction only.
	patience time.Duration
	// runAgain counts the transactions that were in conflict with another and ran again.
	runAgain atomic.Uint64

	mu      sync.Mutex // guards what follows
	waiting []*groupedChange
	led     bool // somebody leads, and looks after those who wait
	running int  // groups under way
	closed  bool
	ended   *sync.Cond
}

type groupedChange struct {
	ctx context.Context
	fn  func(querier) error
	err error
	// turn gets true when the change has to lead the next group, false when it has been made.
	turn chan bool
}

// maxGroup bounds the changes of one transaction, and with it how long the first of them waits.
const maxGroup = 128

var errClosed = errors.New("the store is closed")

func newGroupWriter(commit func([]*groupedChange), patience time.Duration) *groupWriter {
	w := &groupWriter{commit: commit, patience: patience}
	w.ended = sync.NewCond(&w.mu)
	return w
}

// stop finishes the changes that wait, and takes no more.
func (w *groupWriter) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for w.led || w.running > 0 {
		w.ended.Wait()
	}
}

// do makes a change. While it waits for its turn it ends with ctx; once its group runs, only the commit tells whether it happened.
func (w *groupWriter) do(ctx context.Context, fn func(querier) error) error {
	c := &groupedChange{ctx: ctx, fn: fn, turn: make(chan bool, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errClosed
	}
	if !w.led {
		w.led = true
		w.mu.Unlock()
		w.lead(c)
		return c.err
	}
	w.waiting = append(w.waiting, c)
	w.mu.Unlock()
	select {
	case lead := <-c.turn:
		if lead {
			w.lead(c)
		}
	case <-ctx.Done():
		if w.leave(c) {
			return ctx.Err()
		}
		if <-c.turn {
			w.lead(c)
		}
	}
	return c.err
}

// leave takes a change out of those that wait, and reports whether it was still there.
func (w *groupWriter) leave(c *groupedChange) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.Index(w.waiting, c)
	if i < 0 {
		return false
	}
	w.waiting = slices.Delete(w.waiting, i, i+1)
	return true
}

// lead makes a change and those that wait.
func (w *groupWriter) lead(c *groupedChange) {
	// Whoever is ready to run may be about to bring a change: let them, so that the commit serves them too. With nobody
	// ready this costs nothing.
	runtime.Gosched()
	w.mu.Lock()
	n := min(len(w.waiting), maxGroup-1)
	group := append(append(make([]*groupedChange, 0, n+1), c), w.waiting[:n]...)
	w.waiting = slices.Delete(w.waiting, 0, n)
	w.running++
	w.mu.Unlock()

	var passed sync.Once
	pass := func() { passed.Do(w.pass) }
	if w.patience > 0 {
		defer time.AfterFunc(w.patience, pass).Stop()
	}
	w.commit(group)
	for _, other := range group[1:] {
		other.turn <- false
	}
	pass()
	w.mu.Lock()
	w.running--
	w.ended.Broadcast()
	w.mu.Unlock()
}

// pass has the next of those who wait lead.
func (w *groupWriter) pass() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.led = false
		w.ended.Broadcast()
		return
	}
	next := w.waiting[0]
	w.waiting = slices.Delete(w.waiting, 0, 1)
	next.turn <- true
}

// failAll sets the error of the changes that have none.
func failAll(group []*groupedChange, err error) {
	for _, c := range group {
		if c.err == nil {
			c.err = err
		}
	}
}

// errAgain asks for the group to run again in savepoints.
var errAgain = errors.New("a change of the group failed")
