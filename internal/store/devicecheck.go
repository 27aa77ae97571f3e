package store

import (
	"time"

	"staffkey"
)

// DeviceCheck is what a browser said of itself, under the code that opens it. It says nothing about who sat in front of it.
type DeviceCheck struct {
	Code                 string
	CreatedAt, ExpiresAt time.Time
	// Report is JSON that its reader understands.
	Report string
}

// InsertDeviceCheck keeps a check until it expires. ErrConflict: its code is taken.
func (tx *Tx) InsertDeviceCheck(code, report string, expiresAt time.Time) error {
	return tx.one(staffkey.ErrConflict, `INSERT INTO device_checks (id, code, created_at, expires_at, report) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (code) DO NOTHING`, NewID[string](), code, tx.Now, instant(expiresAt), report)
}

// ChangeDeviceCheck puts a newer report under a code; it lasts no longer by that. ErrNotFound: the check has expired.
func (tx *Tx) ChangeDeviceCheck(code, report string) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE device_checks SET report = $1 WHERE code = $2 AND expires_at > $3", report, text(code), tx.Now)
}

// FindDeviceCheck returns the check of a code that has not expired.
func (tx *Tx) FindDeviceCheck(code string) (DeviceCheck, error) {
	var c DeviceCheck
	err := tx.q.queryRow("SELECT code, created_at, expires_at, report FROM device_checks WHERE code = $1 AND expires_at > $2", text(code), tx.Now).
		Scan(&c.Code, &c.CreatedAt, &c.ExpiresAt, &c.Report)
	c.CreatedAt, c.ExpiresAt = c.CreatedAt.UTC(), c.ExpiresAt.UTC()
	return c, found(err)
}
