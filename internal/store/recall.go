package store

import (
	"database/sql"
	"strings"

	"staffkey"
)

// toldAll is behind every person's id: everybody was told.
const toldAll = "~"

// InsertRecall stores a recall, of which nobody was told yet.
func (tx *Tx) InsertRecall(r staffkey.Recall) error {
	return tx.exec(`INSERT INTO recalls (id, aaguid, firmware_from, firmware_below, organisation_id, reason, started_at, started_by, started_name, until, told_to, told_reason)
		VALUES `+placeholders(1, 12), r.ID, r.AAGUID, r.FirmwareFrom, r.FirmwareBelow, r.Organisation, staffkey.CleanText(r.Reason), instant(r.StartedAt), r.StartedBy,
		staffkey.CleanText(r.StartedName), instant(r.Until), "", staffkey.CleanText(r.Reason))
}

const recallColumns = `id, aaguid, firmware_from, firmware_below, organisation_id, reason, started_at, started_by, started_name, until, undone_at, told_to, told_reason`

// FindRecall returns a recall; ErrNotFound when there is none of that id.
func (tx *Tx) FindRecall(id staffkey.RecallID) (staffkey.Recall, error) {
	return scanRecall(tx.q.queryRow("SELECT "+recallColumns+" FROM recalls WHERE id = $1", id))
}

func scanRecall(row scanner) (staffkey.Recall, error) {
	var r staffkey.Recall
	var undone sql.NullTime
	err := row.Scan(&r.ID, &r.AAGUID, &r.FirmwareFrom, &r.FirmwareBelow, &r.Organisation, &r.Reason, &r.StartedAt, &r.StartedBy, &r.StartedName,
		&r.Until, &undone, &r.ToldTo, &r.ToldReason)
	r.StartedAt, r.Until, r.UndoneAt = r.StartedAt.UTC(), r.Until.UTC(), utc(undone)
	return r, found(err)
}

// ListRecalls returns all recalls, newest first, those taken back too.
func (tx *Tx) ListRecalls() ([]staffkey.Recall, error) {
	return tx.recalls("SELECT " + recallColumns + " FROM recalls ORDER BY started_at DESC, id")
}

// ListRecallsToTell returns the recalls of which, or of whose end, somebody was not told yet.
func (tx *Tx) ListRecallsToTell() ([]staffkey.Recall, error) {
	return tx.recalls("SELECT "+recallColumns+" FROM recalls WHERE told_to <> $1 ORDER BY started_at, id", toldAll)
}

func (tx *Tx) recalls(query string, args ...any) ([]staffkey.Recall, error) {
	var list []staffkey.Recall
	err := tx.rows(func(rows scanner) error {
		r, err := scanRecall(rows)
		list = append(list, r)
		return err
	}, query, args...)
	return list, err
}

// UndoRecall takes a recall back before it has ended anything; whoever was told of it is told anew. ErrExpired: it was taken back
// already, or its date has passed.
func (tx *Tx) UndoRecall(id staffkey.RecallID) error {
	return tx.one(staffkey.ErrExpired, "UPDATE recalls SET undone_at = $1, told_to = '' WHERE id = $2 AND undone_at IS NULL AND until > $1", tx.Now, id)
}

// RecallTold moves on to whom people were told of a recall; an empty person is all. ErrConflict: another node did meanwhile.
func (tx *Tx) RecallTold(r staffkey.Recall, to staffkey.PersonID) error {
	if to == "" {
		to = toldAll
	}
	return tx.one(staffkey.ErrConflict, "UPDATE recalls SET told_to = $1 WHERE id = $2 AND told_to = $3 AND (undone_at IS NULL) = $4", to, r.ID, r.ToldTo, r.UndoneAt.IsZero())
}

// RecalledKey is a key of a recalled model, with what counting and telling need of its person.
type RecalledKey struct {
	Person       staffkey.PersonID
	Organisation staffkey.OrganisationID
	Nickname     string
	// Firmware as far as the key has proved it.
	Firmware string
	// OnList says that the key is still on the person's list.
	OnList bool
}

// EachRecalledKey calls fn for each key, of people who may sign in, of a recall's model that was on a list when the recall started or is now, in the
// organisations of a scope and below, a person's keys one after the other. Which firmware is concerned is the caller's to ask.
func (tx *Tx) EachRecalledKey(r staffkey.Recall, scope []staffkey.OrganisationID, fn func(RecalledKey) error) error {
	if len(scope) == 0 {
		return nil
	}
	n := len(scope)
	args := make([]any, 0, n+2)
	for _, id := range scope {
		args = append(args, id)
	}
	args = append(args, r.AAGUID, instant(r.StartedAt))
	return tx.rows(func(rows scanner) error {
		var k RecalledKey
		if err := rows.Scan(&k.Person, &k.Organisation, &k.Nickname, &k.Firmware, &k.OnList); err != nil {
			return err
		}
		return fn(k)
	}, `SELECT k.person_id, p.organisation_id, k.nickname, CASE k.trust WHEN 'proven' THEN k.firmware ELSE '' END, k.state IN ('active', 'suspended')
		FROM security_keys k JOIN people p ON p.id = k.person_id
		WHERE k.aaguid = `+dollar(n+1)+` AND p.state <> 'disabled' AND (k.state IN ('active', 'suspended') OR k.state = 'removed' AND k.removed_at >= `+dollar(n+2)+`)
		AND p.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id IN (`+strings.Trim(placeholders(1, n), "()")+`))
		ORDER BY p.organisation_id, k.person_id, k.registered_at, k.id`, args...)
}

// ListRecalledKeys returns the keys on lists of a recall's model in its organisation and below, of people after one in the order of their
// ids, at most so many: of the last person maybe not all.
func (tx *Tx) ListRecalledKeys(r staffkey.Recall, limit int) ([]RecalledKey, error) {
	var keys []RecalledKey
	err := tx.rows(func(rows scanner) error {
		k := RecalledKey{OnList: true}
		err := rows.Scan(&k.Person, &k.Organisation, &k.Nickname, &k.Firmware)
		keys = append(keys, k)
		return err
	}, `SELECT k.person_id, p.organisation_id, k.nickname, CASE k.trust WHEN 'proven' THEN k.firmware ELSE '' END FROM security_keys k JOIN people p ON p.id = k.person_id
		WHERE k.aaguid = $1 AND k.state IN ('active', 'suspended') AND k.person_id > $2 AND p.state <> 'disabled'
		AND p.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id = $3)
		ORDER BY k.person_id, k.registered_at, k.id LIMIT $4`, r.AAGUID, r.ToldTo, r.Organisation, limit)
	return keys, err
}
