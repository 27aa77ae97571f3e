package store

import (
	"slices"
	"strings"
	"time"

	"staffkey"
)

// metadataID is the one row of the FIDO metadata.
const metadataID = "fido"

// PutMetadata stores metadata with a number higher than what is there, in one conditional statement, so that of two imports at once the
// lower never wins. ErrConflict: there is metadata of this number or a higher one.
func (tx *Tx) PutMetadata(m staffkey.Metadata, blob []byte) error {
	return tx.one(staffkey.ErrConflict, `INSERT INTO metadata (id, number, next_update, imported_at, imported_by, source, checked_at, problem, blob)
		VALUES ($1, $2, $3, $4, $5, $6, $4, '', $7)
		ON CONFLICT (id) DO UPDATE SET number = $2, next_update = $3, imported_at = $4, imported_by = $5, source = $6, checked_at = $4, problem = '', blob = $7
		WHERE metadata.number < $2`, metadataID, m.Number, instant(m.NextUpdate), tx.Now, m.ImportedBy, m.Source, blob)
}

// FindMetadata returns what is known of the metadata. ErrNotFound: none was imported, and nobody looked for any.
func (tx *Tx) FindMetadata() (staffkey.Metadata, error) {
	var m staffkey.Metadata
	err := tx.q.queryRow("SELECT number, next_update, imported_at, imported_by, source, checked_at, problem FROM metadata WHERE id = $1", metadataID).
		Scan(&m.Number, &m.NextUpdate, &m.ImportedAt, &m.ImportedBy, &m.Source, &m.CheckedAt, &m.Problem)
	m.NextUpdate, m.ImportedAt, m.CheckedAt = m.NextUpdate.UTC(), m.ImportedAt.UTC(), m.CheckedAt.UTC()
	return m, found(err)
}

// FindMetadataBlob returns the metadata as it was signed. ErrNotFound: none was imported.
func (tx *Tx) FindMetadataBlob() (blob []byte, err error) {
	err = tx.q.queryRow("SELECT blob FROM metadata WHERE id = $1 AND number > 0", metadataID).Scan(&blob)
	return blob, found(err)
}

// TakeMetadataCheck reports whether the caller is to look for newer metadata: nobody has since an instant. It is one conditional
// statement, so that of many nodes one looks. The row without metadata has the number 0.
func (tx *Tx) TakeMetadataCheck(since time.Time) (bool, error) {
	n, err := tx.affected(`INSERT INTO metadata (id, number, next_update, imported_at, imported_by, source, checked_at, problem, blob)
		VALUES ($1, 0, $2, $2, '', '', $2, '', $4)
		ON CONFLICT (id) DO UPDATE SET checked_at = $2 WHERE metadata.checked_at < $3`, metadataID, tx.Now, instant(since), []byte{})
	return n == 1, err
}

// NoteMetadataProblem records why newer metadata could not be had; empty when it was looked for and there is none.
func (tx *Tx) NoteMetadataProblem(problem string) error {
	return tx.exec("UPDATE metadata SET problem = $1 WHERE id = $2", problem, metadataID)
}

// ListKeysToJudge returns keys on lists that were judged by older metadata than a number, or never. Of each it reads what an attestation
// is judged by: the model, when it was registered, and the registration's bytes.
func (tx *Tx) ListKeysToJudge(number, limit int) ([]staffkey.SecurityKey, error) {
	var keys []staffkey.SecurityKey
	err := tx.rows(func(r scanner) error {
		var k staffkey.SecurityKey
		err := r.Scan(&k.ID, &k.Person, &k.Nickname, &k.AAGUID, &k.Trust, &k.Firmware, &k.RegisteredAt, &k.AttestationObject, &k.ClientDataJSON)
		k.RegisteredAt = k.RegisteredAt.UTC()
		keys = append(keys, k)
		return err
	}, `SELECT id, person_id, nickname, aaguid, trust, firmware, registered_at, attestation_object, client_data_json FROM security_keys
		WHERE judged_by < $1 AND state IN ('active', 'suspended') ORDER BY judged_by, id LIMIT $2`, number, limit)
	return keys, err
}

// FindRegistration returns the bytes of a key's registration: the attestation object, and the client data of the ceremony.
func (tx *Tx) FindRegistration(id staffkey.SecurityKeyID) (attestationObject, clientData []byte, err error) {
	err = tx.q.queryRow("SELECT attestation_object, client_data_json FROM security_keys WHERE id = $1", id).Scan(&attestationObject, &clientData)
	return attestationObject, clientData, found(err)
}

// NoteTrust keeps how far the attestations of keys can be believed, by which metadata, and returns the keys of which that was not known
// yet: of two nodes that judge at once, one is told so.
func (tx *Tx) NoteTrust(trust staffkey.Trust, number int, ids ...staffkey.SecurityKeyID) (noted []staffkey.SecurityKeyID, err error) {
	for len(ids) > 0 {
		n := min(len(ids), tx.batch)
		args := []any{trust, number}
		marks := make([]string, n)
		for i, id := range ids[:n] {
			args = append(args, id)
			marks[i] = dollar(len(args))
		}
		err := tx.rows(func(r scanner) error {
			var id staffkey.SecurityKeyID
			err := r.Scan(&id)
			noted = append(noted, id)
			return err
		}, "UPDATE security_keys SET trust = $1, judged_by = $2 WHERE judged_by < $2 AND id IN ("+strings.Join(marks, ", ")+") RETURNING id", args...)
		if err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return noted, nil
}

// ModelUse is how many use a model.
type ModelUse struct {
	AAGUID       string
	Keys, People int
}

// CountModels counts the keys on lists, and the people who have them, by model, within the organisations of a scope and all below
// them: all models, or one by AAGUID; people who may not sign in at present are counted too. An empty scope counts none. With the organisation above all in it, everybody is counted, and an
// index is enough.
func (tx *Tx) CountModels(scope []staffkey.OrganisationID, aaguid string) ([]ModelUse, error) {
	if len(scope) == 0 {
		return nil, nil
	}
	root, err := tx.FindRootOrganisation()
	if err != nil {
		return nil, err
	}
	var args []any
	query := "SELECT k.aaguid, COUNT(*), COUNT(DISTINCT k.person_id) FROM security_keys k WHERE k.state IN ('active', 'suspended')"
	if !slices.Contains(scope, root.ID) {
		for _, id := range scope {
			args = append(args, id)
		}
		query += ` AND k.person_id IN (SELECT id FROM people WHERE organisation_id IN
			(SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id IN ` + placeholders(1, len(scope)) + "))"
	}
	if aaguid != "" {
		args = append(args, aaguid)
		query += " AND k.aaguid = " + dollar(len(args))
	}
	var list []ModelUse
	err = tx.rows(func(r scanner) error {
		var u ModelUse
		err := r.Scan(&u.AAGUID, &u.Keys, &u.People)
		list = append(list, u)
		return err
	}, query+" GROUP BY k.aaguid ORDER BY 3 DESC, 1", args...)
	return list, err
}

// WaitingKey is a new key that waits for a review, with its person.
type WaitingKey struct {
	Key    staffkey.SecurityKey
	Person staffkey.Person
}

// ListKeysInReview returns the keys that wait for a review within the organisations of a scope and all below them, those that wait longest
// first, at most so many; and how many there are in all. An empty scope has none. Of a person only id, name and organisation are read.
func (tx *Tx) ListKeysInReview(scope []staffkey.OrganisationID, limit int) (list []WaitingKey, all int, err error) {
	if len(scope) == 0 {
		return nil, 0, nil
	}
	args := make([]any, len(scope), len(scope)+1)
	for i, id := range scope {
		args[i] = id
	}
	from := ` FROM security_keys k JOIN people p ON p.id = k.person_id WHERE k.stop_reason = 'review' AND k.state = 'suspended' AND p.state <> 'disabled'
		AND p.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id IN (` + strings.Trim(placeholders(1, len(scope)), "()") + `))`
	if err := tx.q.queryRow("SELECT COUNT(*)"+from, args...).Scan(&all); err != nil || all == 0 {
		return nil, all, err
	}
	err = tx.rows(func(r scanner) error {
		var w WaitingKey
		k, p := &w.Key, &w.Person
		err := r.Scan(&k.ID, &k.Nickname, &k.AAGUID, &k.Firmware, &k.Trust, &k.Serial, &k.RegisteredAt, &p.ID, &p.Name, &p.Organisation)
		k.Person, k.RegisteredAt = p.ID, k.RegisteredAt.UTC()
		list = append(list, w)
		return err
	}, "SELECT k.id, k.nickname, k.aaguid, k.firmware, k.trust, k.serial, k.registered_at, p.id, p.name, p.organisation_id"+from+
		" ORDER BY k.registered_at, k.id LIMIT "+dollar(len(args)+1), append(args, limit)...)
	return list, all, err
}
