package store

import (
	"database/sql"
	"strconv"

	"staffkey"
)

const holdColumns = "model, kind, firmware, aaguid, level, number, people, held_at, taken_at, taken_by, taken_name"

// ListHolds returns what of the metadata waits for an operator's decision, or is decided to be passed over.
func (tx *Tx) ListHolds() (staffkey.Holds, error) {
	holds := make(staffkey.Holds)
	err := tx.rows(func(r scanner) error {
		var h staffkey.Hold
		var firmware string
		var taken sql.NullTime
		if err := r.Scan(&h.Model, &h.Kind, &firmware, &h.AAGUID, &h.Level, &h.Number, &h.People, &h.At, &taken, &h.TakenBy, &h.TakenName); err != nil {
			return err
		}
		h.At, h.TakenAt = h.At.UTC(), utc(taken)
		var err error
		h.Firmware, err = strconv.ParseUint(firmware, 10, 64)
		holds[h.HoldKey] = h
		return err
	}, "SELECT "+holdColumns+" FROM metadata_holds")
	return holds, err
}

// InsertHold adds a hold; one that is there stays as it is.
func (tx *Tx) InsertHold(h staffkey.Hold) error {
	return tx.exec("INSERT INTO metadata_holds (model, kind, firmware, aaguid, level, number, people, held_at, taken_by, taken_name) VALUES "+placeholders(1, 10)+
		" ON CONFLICT (model, kind, firmware) DO NOTHING",
		h.Model, h.Kind, firmwareText(h.HoldKey), h.AAGUID, h.Level, h.Number, h.People, instant(h.At), "", "")
}

// TakeHold decides that keys under a hold go on being taken. ErrConflict: there is no such hold, or it was decided already.
func (tx *Tx) TakeHold(key staffkey.HoldKey, by staffkey.Actor) error {
	return tx.one(staffkey.ErrConflict, "UPDATE metadata_holds SET taken_at = $1, taken_by = $2, taken_name = $3 WHERE model = $4 AND kind = $5 AND firmware = $6 AND taken_at IS NULL",
		tx.Now, by.Person, text(by.Name), key.Model, key.Kind, firmwareText(key))
}

// DeleteHold lets what was held count. ErrConflict: there is no such hold any more.
func (tx *Tx) DeleteHold(key staffkey.HoldKey) error {
	return tx.one(staffkey.ErrConflict, "DELETE FROM metadata_holds WHERE model = $1 AND kind = $2 AND firmware = $3", key.Model, key.Kind, firmwareText(key))
}

// firmwareText is a firmware number in a column: some have more bits than a signed number of the database.
func firmwareText(key staffkey.HoldKey) string { return strconv.FormatUint(key.Firmware, 10) }

// JudgeAgain makes the attestations of a model's keys be judged anew.
func (tx *Tx) JudgeAgain(aaguid string) error {
	return tx.exec("UPDATE security_keys SET judged_by = -1 WHERE aaguid = $1 AND state IN ('active', 'suspended')", aaguid)
}

// offeredID is the row of the metadata that an operator has sent and not yet decided about.
func offeredID(by staffkey.PersonID) string { return "offered:" + string(by) }

// PutOffered keeps metadata that somebody has sent, in the place of what they have sent before.
func (tx *Tx) PutOffered(by staffkey.PersonID, m staffkey.Metadata, blob []byte) error {
	return tx.exec(`INSERT INTO metadata (id, number, next_update, imported_at, imported_by, source, checked_at, problem, blob)
		VALUES ($1, $2, $3, $4, $5, $6, $4, '', $7)
		ON CONFLICT (id) DO UPDATE SET number = $2, next_update = $3, imported_at = $4, source = $6, checked_at = $4, blob = $7`,
		offeredID(by), m.Number, instant(m.NextUpdate), tx.Now, by, m.Source, blob)
}

// FindOffered returns the metadata of a number that somebody has sent. ErrNotFound: there is none, or another by now.
func (tx *Tx) FindOffered(by staffkey.PersonID, number int) (m staffkey.Metadata, blob []byte, err error) {
	err = tx.q.queryRow("SELECT number, imported_at, source, blob FROM metadata WHERE id = $1 AND number = $2", offeredID(by), number).
		Scan(&m.Number, &m.ImportedAt, &m.Source, &blob)
	m.ImportedAt = m.ImportedAt.UTC()
	return m, blob, found(err)
}

// DeleteOffered forgets what was sent, by anybody, of a number or a lower one.
func (tx *Tx) DeleteOffered(number int) error {
	return tx.exec("DELETE FROM metadata WHERE id <> $1 AND number <= $2", metadataID, number)
}
