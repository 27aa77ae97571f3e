package store

import (
	"database/sql"
	"errors"
	"time"

	"staffkey"
)

// InsertLink stores a one-time link by the hash of its secret.
func (tx *Tx) InsertLink(purpose string, person staffkey.PersonID, secret string, expiresAt time.Time) error {
	return tx.InsertLinkAbout(purpose, person, "", secret, expiresAt)
}

// InsertLinkAbout is InsertLink with what the link is about.
func (tx *Tx) InsertLinkAbout(purpose string, person staffkey.PersonID, detail, secret string, expiresAt time.Time) error {
	return tx.exec("INSERT INTO one_time_links (id, purpose, person_id, detail, hash, created_at, expires_at) VALUES "+placeholders(1, 7),
		NewID[string](), purpose, nullText(string(person)), detail, hashSecret(secret), tx.Now, instant(expiresAt))
}

// FindLinkDetail returns what a link that is still good is about; ErrExpired as FindLink.
func (tx *Tx) FindLinkDetail(purpose, secret string) (detail string, err error) {
	err = tx.q.queryRow("SELECT detail FROM one_time_links WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
		hashSecret(secret), purpose, tx.Now).Scan(&detail)
	if errors.Is(err, sql.ErrNoRows) {
		return "", staffkey.ErrExpired
	}
	return detail, err
}

// FindLink returns whom a link that is still good is for; ErrExpired when it is used, too old or unknown.
func (tx *Tx) FindLink(purpose, secret string) (staffkey.PersonID, error) {
	var person sql.NullString
	err := tx.q.queryRow("SELECT person_id FROM one_time_links WHERE hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3",
		hashSecret(secret), purpose, tx.Now).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		return "", staffkey.ErrExpired
	}
	return staffkey.PersonID(person.String), err
}

// TakeLink uses a link up and returns whom it was for; ErrExpired as FindLink.
func (tx *Tx) TakeLink(purpose, secret string) (staffkey.PersonID, error) {
	var person sql.NullString
	err := tx.q.queryRow(`UPDATE one_time_links SET used_at = $1 WHERE hash = $2 AND purpose = $3 AND used_at IS NULL AND expires_at > $1
		RETURNING person_id`, tx.Now, hashSecret(secret), purpose).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		return "", staffkey.ErrExpired
	}
	return staffkey.PersonID(person.String), err
}

// CancelLinks uses up all links of a purpose for a person, or for nobody in particular.
func (tx *Tx) CancelLinks(purpose string, person staffkey.PersonID) error {
	return tx.exec("UPDATE one_time_links SET used_at = $1 WHERE purpose = $2 AND COALESCE(person_id, '') = $3 AND used_at IS NULL", tx.Now, purpose, string(person))
}

// CancelLinksAbout is CancelLinks for those that are about one thing.
func (tx *Tx) CancelLinksAbout(purpose string, person staffkey.PersonID, detail string) error {
	return tx.exec("UPDATE one_time_links SET used_at = $1 WHERE purpose = $2 AND person_id = $3 AND detail = $4 AND used_at IS NULL", tx.Now, purpose, person, detail)
}
