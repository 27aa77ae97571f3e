package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"strings"

	"staffkey"
)

const organisationColumns = "o.id, o.parent_id, o.code, o.name, o.phone, o.created_at"

func scanOrganisation(row scanner) (staffkey.Organisation, error) {
	var o staffkey.Organisation
	var parent sql.NullString
	err := row.Scan(&o.ID, &parent, &o.Code, &o.Name, &o.Phone, &o.CreatedAt)
	o.Parent = staffkey.OrganisationID(parent.String)
	o.CreatedAt = o.CreatedAt.UTC()
	return o, found(err)
}

// InsertOrganisation adds an organisation below its parent. A code that is taken is ErrConflict.
func (tx *Tx) InsertOrganisation(o staffkey.Organisation) error {
	o = o.Tidy()
	err := tx.exec(`INSERT INTO organisations (id, parent_id, code, code_folded, name, phone, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		o.ID, nullText(string(o.Parent)), o.Code, Fold(o.Code), o.Name, o.Phone, instant(o.CreatedAt))
	if err != nil {
		return err
	}
	return tx.exec(`INSERT INTO organisation_ancestors (organisation_id, ancestor_id, depth)
		SELECT $1, ancestor_id, depth + 1 FROM organisation_ancestors WHERE organisation_id = $2
		UNION ALL SELECT $1, $1, 0`, o.ID, string(o.Parent))
}

// UpdateOrganisation changes code, name and phone.
func (tx *Tx) UpdateOrganisation(o staffkey.Organisation) error {
	o = o.Tidy()
	return tx.one(staffkey.ErrNotFound, "UPDATE organisations SET code = $1, code_folded = $2, name = $3, phone = $4 WHERE id = $5",
		o.Code, Fold(o.Code), o.Name, o.Phone, o.ID)
}

// FindOrganisation returns an organisation by id.
func (tx *Tx) FindOrganisation(id staffkey.OrganisationID) (staffkey.Organisation, error) {
	return scanOrganisation(tx.q.queryRow("SELECT "+organisationColumns+" FROM organisations o WHERE o.id = $1", id))
}

// FindOrganisationByCode returns an organisation by its code, without regard to case.
func (tx *Tx) FindOrganisationByCode(code string) (staffkey.Organisation, error) {
	return scanOrganisation(tx.q.queryRow("SELECT "+organisationColumns+" FROM organisations o WHERE o.code_folded = $1", Fold(code)))
}

// FindRootOrganisation returns the organisation above all.
func (tx *Tx) FindRootOrganisation() (staffkey.Organisation, error) {
	return scanOrganisation(tx.q.queryRow("SELECT " + organisationColumns + " FROM organisations o WHERE o.parent_id IS NULL ORDER BY o.created_at LIMIT 1"))
}

// OrganisationLine is an organisation in a list, with its depth in the tree and how many people it has itself.
type OrganisationLine struct {
	staffkey.Organisation
	Depth  int
	People int
}

// ListOrganisations returns a node and all below it, parents before children.
func (tx *Tx) ListOrganisations(below staffkey.OrganisationID) ([]OrganisationLine, error) {
	var list []OrganisationLine
	err := tx.rows(func(r scanner) error {
		var l OrganisationLine
		var parent sql.NullString
		if err := r.Scan(&l.ID, &parent, &l.Code, &l.Name, &l.Phone, &l.CreatedAt, &l.Depth, &l.People); err != nil {
			return err
		}
		l.Parent = staffkey.OrganisationID(parent.String)
		l.CreatedAt = l.CreatedAt.UTC()
		list = append(list, l)
		return nil
	}, `SELECT `+organisationColumns+`, a.depth, (SELECT COUNT(*) FROM people p WHERE p.organisation_id = o.id)
		FROM organisation_ancestors a JOIN organisations o ON o.id = a.organisation_id
		WHERE a.ancestor_id = $1 ORDER BY a.depth, o.code_folded`, below)
	return list, err
}

// IsWithin reports whether an organisation is a node or lies below it.
func (tx *Tx) IsWithin(organisation, node staffkey.OrganisationID) (bool, error) {
	var n int
	err := tx.q.queryRow("SELECT COUNT(*) FROM organisation_ancestors WHERE organisation_id = $1 AND ancestor_id = $2", organisation, node).Scan(&n)
	return n > 0, err
}

// ListAncestors returns an organisation and all above it, nearest first.
func (tx *Tx) ListAncestors(id staffkey.OrganisationID) ([]staffkey.OrganisationID, error) {
	var list []staffkey.OrganisationID
	err := tx.rows(func(r scanner) error {
		var a staffkey.OrganisationID
		list = append(list, "")
		err := r.Scan(&a)
		list[len(list)-1] = a
		return err
	}, "SELECT ancestor_id FROM organisation_ancestors WHERE organisation_id = $1 ORDER BY depth", id)
	return list, err
}

// ListPolicyChain returns the settings that count for an organisation, nearest first.
func (tx *Tx) ListPolicyChain(id staffkey.OrganisationID) ([]staffkey.PolicySettings, error) {
	chain, _, err := tx.policyChain(id)
	return chain, err
}

// policyChain is ListPolicyChain with the text that it was read from.
func (tx *Tx) policyChain(id staffkey.OrganisationID) (chain []staffkey.PolicySettings, whole string, err error) {
	var b strings.Builder
	err = tx.rows(func(r scanner) error {
		var text string
		if err := r.Scan(&text); err != nil {
			return err
		}
		var s staffkey.PolicySettings
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return err
		}
		chain = append(chain, s)
		b.WriteString(text)
		b.WriteByte('\n') // is in no JSON as we write it
		return nil
	}, `SELECT p.settings FROM organisation_ancestors a JOIN policies p ON p.organisation_id = a.ancestor_id
		WHERE a.organisation_id = $1 ORDER BY a.depth`, id)
	return chain, b.String(), err
}

// EachPolicyChain calls fn for an organisation and each below it with those of it and above it that have decided something
// themselves, nearest first. The organisation asked about is in every chain, whether it has decided something or not.
func (tx *Tx) EachPolicyChain(below staffkey.OrganisationID, fn func(id staffkey.OrganisationID, chain []staffkey.OrganisationID) error) error {
	var last staffkey.OrganisationID
	var chain []staffkey.OrganisationID
	err := tx.rows(func(r scanner) error {
		var id, ancestor staffkey.OrganisationID
		if err := r.Scan(&id, &ancestor); err != nil {
			return err
		}
		if id != last && last != "" {
			if err := fn(last, chain); err != nil {
				return err
			}
			chain = nil
		}
		last, chain = id, append(chain, ancestor)
		return nil
	}, `SELECT b.organisation_id, a.ancestor_id FROM organisation_ancestors b
		JOIN organisation_ancestors a ON a.organisation_id = b.organisation_id
		LEFT JOIN policies p ON p.organisation_id = a.ancestor_id
		WHERE b.ancestor_id = $1 AND (p.organisation_id IS NOT NULL OR a.ancestor_id = $1) ORDER BY b.organisation_id, a.depth`, below)
	if err != nil || last == "" {
		return err
	}
	return fn(last, chain)
}

// FindPolicySettings returns what an organisation has decided itself; empty settings when nothing.
func (tx *Tx) FindPolicySettings(id staffkey.OrganisationID) (staffkey.PolicySettings, error) {
	var text string
	var s staffkey.PolicySettings
	err := tx.q.queryRow("SELECT settings FROM policies WHERE organisation_id = $1", id).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// PutPolicySettings stores what an organisation has decided.
func (tx *Tx) PutPolicySettings(id staffkey.OrganisationID, s staffkey.PolicySettings) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	// What has read a policy in another transaction finds by this that there is another now.
	if err := tx.PutInstallationValue(policiesChanged, []byte(NewID[string]())); err != nil {
		return err
	}
	return tx.exec(`INSERT INTO policies (organisation_id, settings, updated_at) VALUES ($1, $2, $3)
		ON CONFLICT (organisation_id) DO UPDATE SET settings = $2, updated_at = $3`, id, string(text), tx.Now)
}
