package store

import (
	"database/sql"
	"errors"
	"fmt"

	"staffkey"
)

// querier runs statements of one transaction.
type querier interface {
	// exec returns how many rows the statement touched.
	exec(query string, args ...any) (int64, error)
	query(query string, args ...any) (cursor, error)
	queryRow(query string, args ...any) scanner
	// soon runs a statement before the next that reads and before the change ends, and tells its outcome then. Where a statement takes no round
	// trip, that is at once. An outcome that is an error fails the change; it comes before any later error of the change.
	soon(s later) error
}

// scanner reads the columns of one row.
type scanner interface{ Scan(into ...any) error }

// cursor reads rows, one after the other.
type cursor interface {
	scanner
	Next() bool
	Err() error
	Close() error
}

// later is a statement whose outcome nobody needs at once.
type later struct {
	query string
	args  []any
	// outcome is told how many rows were touched, or, of a statement that returns a row, how to read it. It turns what happened into the error of
	// the change, or nil.
	outcome func(n int64, row scanner, err error) error
	// row says that the statement returns at most one row.
	row bool
	// sure says that outcome makes no error of a statement that the database has run, so that nothing keeps the commit from going with it.
	sure bool
	// rows is the beginning of an insert of one row, "INSERT INTO … VALUES ", and rest its end: those of several changes may be one statement. No
	// statement that waits beside it may read what it writes, or write what it reads.
	rows, rest string
}

// atOnce runs a later statement now.
func atOnce(q querier, s later) error {
	if s.row {
		return s.outcome(0, q.queryRow(s.query, s.args...), nil)
	}
	n, err := q.exec(s.query, s.args...)
	return s.outcome(n, nil, err)
}

// Soon runs a statement of a change whose outcome matters only for whether the change is made. On PostgreSQL it waits for the next statement
// that reads, or for the commit, and takes no round trip of its own; what fails then is refined as if it had failed at once. So nothing
// that fn does after it may rely on it, except that without it nothing is kept. A nil refine leaves errors as they are.
func (tx *Tx) Soon(refine func(error) error, statement func() error) error {
	if refine == nil {
		refine = func(err error) error { return err }
	}
	before := tx.refine
	tx.refine = refine
	defer func() { tx.refine = before }()
	return statement()
}

// one runs a statement that must touch exactly one row; missing is returned when it touches none.
func (tx *Tx) one(missing error, query string, args ...any) error {
	if refine := tx.refine; refine != nil {
		return tx.q.soon(later{query: query, args: args, outcome: func(n int64, _ scanner, err error) error {
			if err = tx.failed(err); err == nil && n == 0 {
				err = missing
			}
			return refine(err)
		}})
	}
	n, err := tx.affected(query, args...)
	if err != nil {
		return err
	}
	if n == 0 {
		return missing
	}
	return nil
}

// oneRow runs a statement that changes one row and returns it; missing is returned when there is none.
func (tx *Tx) oneRow(missing error, scan func(scanner) error, query string, args ...any) error {
	refine := tx.refine
	s := later{query: query, args: args, row: true, outcome: func(_ int64, row scanner, err error) error {
		if err == nil {
			err = scan(row)
		}
		if errors.Is(err, sql.ErrNoRows) {
			err = missing
		}
		if refine != nil {
			err = refine(err)
		}
		return err
	}}
	if refine != nil {
		return tx.q.soon(s)
	}
	return atOnce(tx.q, s)
}

func (tx *Tx) affected(query string, args ...any) (int64, error) {
	n, err := tx.q.exec(query, args...)
	return n, tx.failed(err)
}

// failed keeps the first error of a statement that was to change something, in its kind.
func (tx *Tx) failed(err error) error {
	if err == nil {
		return nil
	}
	err = constraint(err)
	if tx.broken == nil {
		tx.broken = err
	}
	return err
}

// exec runs a statement whose number of rows does not matter.
func (tx *Tx) exec(query string, args ...any) error {
	if refine := tx.refine; refine != nil {
		return tx.q.soon(later{query: query, args: args, sure: true, outcome: func(_ int64, _ scanner, err error) error {
			return refine(tx.failed(err))
		}})
	}
	_, err := tx.affected(query, args...)
	return err
}

// insert inserts one row of a table that no statement of [Tx.Soon] reads; rest is what follows the values. Missing is returned when nothing was
// inserted, unless it is nil.
func (tx *Tx) insert(missing error, rows, rest string, args ...any) error {
	refine := tx.refine
	if refine == nil {
		refine = func(err error) error { return err }
	}
	s := later{query: rows + placeholders(1, len(args)) + rest, args: args, rows: rows, rest: rest, sure: missing == nil}
	s.outcome = func(n int64, _ scanner, err error) error {
		if err = tx.failed(err); err == nil && n == 0 {
			err = missing
		}
		return refine(err)
	}
	if tx.refine != nil {
		return tx.q.soon(s)
	}
	return atOnce(tx.q, s)
}

// constraint turns a broken unique or foreign key into its error kind.
func constraint(err error) error {
	switch {
	case err == nil:
		return nil
	case isUnique(err):
		return fmt.Errorf("%w: %w", staffkey.ErrConflict, err)
	case isForeignKey(err):
		return fmt.Errorf("%w: %w", staffkey.ErrNotFound, err)
	}
	return err
}

// rows runs a query and calls scan for each row.
func (tx *Tx) rows(scan func(scanner) error, query string, args ...any) error {
	rows, err := tx.q.query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if tx.over != nil && tx.over.Err() != nil {
			return tx.over.Err()
		}
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// found maps sql.ErrNoRows to ErrNotFound.
func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return staffkey.ErrNotFound
	}
	return err
}

// touched and rowsOf are what database/sql returns, as a querier does.
func touched(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func rowsOf(rows *sql.Rows, err error) (cursor, error) {
	if err != nil { // not a cursor that holds a nil
		return nil, err
	}
	return rows, nil
}
