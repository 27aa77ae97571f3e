package store

import (
	"staffkey"
)

const anchorColumns = "id, aaguid, fingerprint, certificate, source, added_by, added_at"

// InsertTrustAnchor stores a trust anchor. ErrConflict: the model has it already.
func (tx *Tx) InsertTrustAnchor(a staffkey.TrustAnchor) error {
	return tx.exec("INSERT INTO trust_anchors ("+anchorColumns+") VALUES "+placeholders(1, 7), a.ID, a.AAGUID, a.Fingerprint, a.Certificate,
		staffkey.CleanText(a.Source), a.AddedBy, instant(a.AddedAt))
}

// DeleteTrustAnchor takes a trust anchor away, and returns it; ErrNotFound when there is none of that id.
func (tx *Tx) DeleteTrustAnchor(id staffkey.TrustAnchorID) (staffkey.TrustAnchor, error) {
	a, err := scanAnchor(tx.q.queryRow("DELETE FROM trust_anchors WHERE id = $1 RETURNING "+anchorColumns, id))
	return a, found(err)
}

// ListTrustAnchors returns all trust anchors of the installation, by model and age.
func (tx *Tx) ListTrustAnchors() ([]staffkey.TrustAnchor, error) {
	var list []staffkey.TrustAnchor
	err := tx.rows(func(r scanner) error {
		a, err := scanAnchor(r)
		list = append(list, a)
		return err
	}, "SELECT "+anchorColumns+" FROM trust_anchors ORDER BY aaguid, added_at, id")
	return list, err
}

func scanAnchor(row scanner) (staffkey.TrustAnchor, error) {
	var a staffkey.TrustAnchor
	err := row.Scan(&a.ID, &a.AAGUID, &a.Fingerprint, &a.Certificate, &a.Source, &a.AddedBy, &a.AddedAt)
	a.AddedAt = a.AddedAt.UTC()
	return a, err
}

// JudgeModelAgain has the attestations of a model's keys on lists judged anew.
func (tx *Tx) JudgeModelAgain(aaguid string) error {
	return tx.exec("UPDATE security_keys SET judged_by = -1 WHERE aaguid = $1 AND state IN ('active', 'suspended')", aaguid)
}

// EachRegistration calls fn with each key of a model on lists, with what its attestation is judged by.
func (tx *Tx) EachRegistration(aaguid string, fn func(staffkey.SecurityKey) error) error {
	return tx.rows(func(r scanner) error {
		k := staffkey.SecurityKey{AAGUID: aaguid}
		if err := r.Scan(&k.ID, &k.Person, &k.Trust, &k.RegisteredAt, &k.AttestationObject, &k.ClientDataJSON); err != nil {
			return err
		}
		k.RegisteredAt = k.RegisteredAt.UTC()
		return fn(k)
	}, `SELECT id, person_id, trust, registered_at, attestation_object, client_data_json FROM security_keys
		WHERE aaguid = $1 AND state IN ('active', 'suspended') ORDER BY person_id`, aaguid)
}
