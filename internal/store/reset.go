package store

import (
	"time"

	"staffkey"
)

// ResetRequest is somebody's wish for a new password, before anybody has looked whom it means.
type ResetRequest struct {
	ID     string
	Login  string
	Origin staffkey.Origin
	// Source is where it came from, and OwnOf the person whose own place that is, if it is anybody's.
	Source    string
	OwnOf     staffkey.PersonID
	CreatedAt time.Time
}

// InsertResetRequest stores a wish, which gets an id and the instant. It is the same work whether the name means anybody or not.
func (tx *Tx) InsertResetRequest(q ResetRequest) error {
	id := NewID[string]()
	sealed, err := tx.sealer.Seal("reset_requests/"+id, []byte(q.Login))
	if err != nil {
		return err
	}
	return tx.exec("INSERT INTO reset_requests (id, login, language, ip, browser, source, own_of, created_at) VALUES "+placeholders(1, 8),
		id, sealed, q.Origin.Language, text(q.Origin.IP), text(q.Origin.Browser), q.Source, q.OwnOf, tx.Now)
}

// ListResetRequests returns the oldest wishes; one that cannot be opened has no Login.
func (tx *Tx) ListResetRequests(limit int) ([]ResetRequest, error) {
	var list []ResetRequest
	err := tx.rows(func(r scanner) error {
		var q ResetRequest
		var sealed []byte
		if err := r.Scan(&q.ID, &sealed, &q.Origin.Language, &q.Origin.IP, &q.Origin.Browser, &q.Source, &q.OwnOf, &q.CreatedAt); err != nil {
			return err
		}
		if plain, err := tx.sealer.Open("reset_requests/"+q.ID, sealed); err == nil { // otherwise nobody can ever read it
			q.Login = string(plain)
		}
		q.CreatedAt = q.CreatedAt.UTC()
		list = append(list, q)
		return nil
	}, "SELECT id, login, language, ip, browser, source, own_of, created_at FROM reset_requests ORDER BY id LIMIT $1", limit)
	return list, err
}

// TakeResetRequest uses a wish up. ErrNotFound: another node was faster.
func (tx *Tx) TakeResetRequest(id string) error {
	return tx.one(staffkey.ErrNotFound, "DELETE FROM reset_requests WHERE id = $1", id)
}
