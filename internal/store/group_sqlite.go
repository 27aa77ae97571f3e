package store

import "errors"

// sqliteGroups makes groups of changes on SQLite's one writing connection.
type sqliteGroups struct{ conn *preparedConn }

// commit runs a group in one transaction and sets the error of each change. Nearly always all of them succeed, so they run
// without savepoints first, which would be a third of their statements. When one fails, nothing is kept, and the group runs
// again with each change in a savepoint of its own: a change may run more than once.
func (w sqliteGroups) commit(group []*groupedChange) {
	if !w.transact(group, w.plain) {
		w.transact(group, w.inSavepoint)
	}
}

// transact runs a group in one transaction, each change by run. It reports false when a change failed in a way that needs the
// group to run again; otherwise the error of each change is set.
func (w sqliteGroups) transact(group []*groupedChange, run func(*groupedChange, bool) error) (done bool) {
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		failAll(group, err)
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
			failAll(group, c.err)
			_, _ = w.conn.exec("ROLLBACK") // as above
			return true
		}
	}
	if kept == 0 {
		if _, err := w.conn.exec("ROLLBACK"); err != nil {
			failAll(group, err)
		}
		return true
	}
	if _, err := w.conn.exec("COMMIT"); err != nil {
		failAll(group, err)
		_, _ = w.conn.exec("ROLLBACK")
	}
	return true
}

// plain runs one change without a savepoint. Alone in its transaction it may fail for good; beside others it may not.
func (w sqliteGroups) plain(c *groupedChange, alone bool) error {
	err := guarded(c.fn, w.conn)
	if err != nil && !alone {
		return errAgain
	}
	return err
}

// errBroken marks a transaction that cannot go on, so that nobody in the group is told "done".
var errBroken = errors.New("transaction broken")

// inSavepoint runs one change in a savepoint, so that its failure takes back its own statements only.
func (w sqliteGroups) inSavepoint(c *groupedChange, _ bool) (err error) {
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
