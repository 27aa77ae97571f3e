package store

import "staffkey"

// RawEnrolmentState returns the bytes that a row holds, for a test of what a thief of the database would find.
func RawEnrolmentState(tx *Tx, id staffkey.EnrolmentID) (raw []byte, err error) {
	err = tx.q.queryRow("SELECT state FROM enrolments WHERE id = $1", id).Scan(&raw)
	return raw, err
}
