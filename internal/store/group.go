package store

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// groupWriter is SQLite's one writer. Changes that arrive while a commit is on its way to the disk wait together and
// become the next transaction: full durability without one fsync per request, and no lock waits between requests. A change
// that fails takes back its own statements only; see commit.
type groupWriter struct {
	conn    *preparedConn
	changes chan *groupedChange
	stopped chan struct{}
	mu      sync.RWMutex // guards closed against do
	closed  bool
}

type groupedChange struct {
	ctx  context.Context
	fn   func(querier) error
	err  error
	done chan struct{}
}

// maxGroup bounds the changes of one transaction, and with it how long the first of them waits.
const maxGroup = 128

var errClosed = errors.New("the store is closed")

func newGroupWriter(conn *preparedConn) *groupWriter {
	w := &groupWriter{conn: conn, changes: make(chan *groupedChange, maxGroup), stopped: make(chan struct{})}
	go w.run()
	return w
}

// stop finishes the changes that wait and ends the writer.
func (w *groupWriter) stop() {
	w.mu.Lock()
	if !w.closed {
		w.closed = true
		close(w.changes)
	}
	w.mu.Unlock()
	<-w.stopped
}

func (w *groupWriter) do(ctx context.Context, fn func(querier) error) error {
	c := &groupedChange{ctx: ctx, fn: fn, done: make(chan struct{})}
	w.mu.RLock()
	if w.closed {
		w.mu.RUnlock()
		return errClosed
	}
	select {
	case w.changes <- c:
		w.mu.RUnlock()
	case <-ctx.Done():
		w.mu.RUnlock()
		return ctx.Err()
	}
	<-c.done // also when ctx ends: once it is queued, only the commit tells whether it happened
	return c.err
}

func (w *groupWriter) run() {
	defer close(w.stopped)
	group := make([]*groupedChange, 0, maxGroup)
	for first := range w.changes {
		group = append(group[:0], first)
		// Whoever is ready to run may be about to bring a change: let them, so that the commit serves them too. With nobody
		// ready this costs nothing.
		runtime.Gosched()
	gather:
		for len(group) < maxGroup {
			select {
			case c, ok := <-w.changes:
				if !ok {
					break gather
				}
				group = append(group, c)
			default:
				break gather
			}
		}
		w.commit(group)
		for _, c := range group {
			close(c.done)
		}
	}
}

// commit runs a group in one transaction and sets the error of each change. Nearly always all of them succeed, so they run
// without savepoints first, which would be a third of their statements. When one fails, nothing is kept, and the group runs
// again with each change in a savepoint of its own: a change may run more than once.
func (w *groupWriter) commit(group []*groupedChange) {
	if !w.transact(group, w.plain) {
		w.transact(group, w.inSavepoint)
	}
}

// transact runs a group in one transaction, each change by run. It reports false when a change failed in a way that needs the
// group to run again; otherwise the error of each change is set.
func (w *groupWriter) transact(group []*groupedChange, run func(*groupedChange, bool) error) (done bool) {
	fail := func(err error) {
		for _, c := range group {
			if c.err == nil {
				c.err = err
			}
		}
	}
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		fail(err)
		return true
	}
	kept := 0
	for _, c := range group {
		c.err = c.ctx.Err()
		if c.err == nil {
			c.err = run(c, len(group) == 1)
		}
		switch {
		case c.err == nil:
			kept++
		case errors.Is(c.err, errAgain):
			_, _ = w.conn.exec("ROLLBACK") // SQLite may have rolled back by itself; then this says so and changes nothing
			c.err = nil
			return false
		case errors.Is(c.err, errBroken):
			fail(c.err)
			_, _ = w.conn.exec("ROLLBACK") // as above
			return true
		}
	}
	if kept == 0 {
		if _, err := w.conn.exec("ROLLBACK"); err != nil {
			fail(err)
		}
		return true
	}
	if _, err := w.conn.exec("COMMIT"); err != nil {
		fail(err)
		_, _ = w.conn.exec("ROLLBACK")
	}
	return true
}

// errAgain asks for the group to run again in savepoints.
var errAgain = errors.New("a change of the group failed")

// plain runs one change without a savepoint. Alone in its transaction it may fail for good; beside others it may not.
func (w *groupWriter) plain(c *groupedChange, alone bool) error {
	err := guarded(c.fn, w.conn)
	if err != nil && !alone {
		return errAgain
	}
	return err
}

// errBroken marks a transaction that cannot go on, so that nobody in the group is told "done".
var errBroken = errors.New("transaction broken")

// inSavepoint runs one change in a savepoint, so that its failure takes back its own statements only.
func (w *groupWriter) inSavepoint(c *groupedChange, _ bool) (err error) {
	if _, err := w.conn.exec("SAVEPOINT change_"); err != nil {
		return errors.Join(errBroken, err)
	}
	defer func() {
		if err != nil {
			if _, undo := w.conn.exec("ROLLBACK TO change_"); undo != nil {
				err = errors.Join(errBroken, err, undo)
				return
			}
		}
		if _, release := w.conn.exec("RELEASE change_"); release != nil {
			err = errors.Join(errBroken, err, release)
		}
	}()
	return guarded(c.fn, w.conn)
}
