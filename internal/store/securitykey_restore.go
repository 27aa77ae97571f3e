package store

import "staffkey"

// RenameRemovedKey changes the nickname of a removed key, so that it can be restored beside one that took its name.
func (tx *Tx) RenameRemovedKey(person staffkey.PersonID, id staffkey.SecurityKeyID, nickname string) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE security_keys SET nickname = $1, nickname_folded = $2 WHERE id = $3 AND person_id = $4 AND state = $5",
		nickname, Fold(nickname), id, person, staffkey.SecurityKeyRemoved)
}
