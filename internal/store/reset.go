package store

import (
	"database/sql"
	"time"

	"staffkey"
)

// ResetRequest is somebody's wish for a new password, before anybody has looked whom it means.
type ResetRequest struct {
	ID        string
	Login     string
	Origin    staffkey.Origin
	CreatedAt time.Time
}

// InsertResetRequest stores a wish. It is the same work whether the name means anybody or not.
func (tx *Tx) InsertResetRequest(login string, origin staffkey.Origin) error {
	id := NewID[string]()
	sealed, err := tx.sealer.Seal("reset_requests/"+id, []byte(login))
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO reset_requests (id, login, language, ip, browser, created_at) VALUES "+placeholders(1, 6),
		id, sealed, origin.Language, text(origin.IP), text(origin.Browser), tx.Now)
}

// ListResetRequests returns the oldest wishes; one that cannot be opened has no Login.
func (tx *Tx) ListResetRequests(limit int) ([]ResetRequest, error) {
	var list []ResetRequest
	err := tx.rows(func(r *sql.Rows) error {
		var q ResetRequest
		var sealed []byte
		if err := r.Scan(&q.ID, &sealed, &q.Origin.Language, &q.Origin.IP, &q.Origin.Browser, &q.CreatedAt); err != nil {
			return err
		}
		if plain, err := tx.sealer.Open("reset_requests/"+q.ID, sealed); err == nil { // otherwise nobody can ever read it
			q.Login = string(plain)
		}
		q.CreatedAt = q.CreatedAt.UTC()
		list = append(list, q)
		return nil
	}, "SELECT id, login, language, ip, browser, created_at FROM reset_requests ORDER BY id LIMIT $1", limit)
	return list, err
}

// TakeResetRequest uses a wish up. ErrNotFound: another node was faster.
func (tx *Tx) TakeResetRequest(id string) error {
	return tx.one(staffkey.ErrNotFound, "DELETE FROM reset_requests WHERE id = $1", id)
}
