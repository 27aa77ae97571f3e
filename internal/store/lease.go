package store

import "time"

// TakeLease gives a job to a holder until an instant, unless another one has it, and reports whether the holder has it now. The holder keeps
// it by taking it again. It is one conditional statement, so that of many nodes one gets it. One that would last more than twice as long as
// it can be taken for is of a clock that was wrong and has been put right, and is anybody's.
func (tx *Tx) TakeLease(name, holder string, until time.Time) (bool, error) {
	n, err := tx.affected(`INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = $2, until = $3 WHERE leases.holder = $2 OR leases.until <= $4 OR leases.until > $5`,
		name, holder, instant(until), tx.Now, instant(until.Add(until.Sub(tx.Now))))
	return n == 1, err
}

// LeaveLeases gives back all that a holder has.
func (tx *Tx) LeaveLeases(holder string) error {
	return tx.exec("DELETE FROM leases WHERE holder = $1", holder)
}
