package store

import (
	"database/sql"
	"strings"

	"staffkey"
)

// A count of whom a change concerns looks at everybody, a page of people after the other in the order of an index, so that it takes the
// memory of a page however many there are, and can go on after a person (a list on pages, a file).

// Holder is somebody who may have something to sign in with, as a place in the order of organisation and name.
type Holder struct {
	Person       staffkey.PersonID
	Organisation staffkey.OrganisationID
	Name         string
	Username     string
	// Folded is the name as it is ordered by.
	Folded string
}

// ListHolders returns people who are not disabled, of an organisation and all below, after one in the order of organisation, name and id, at
// most so many. The zero value is before all.
func (tx *Tx) ListHolders(below staffkey.OrganisationID, after Holder, limit int) ([]Holder, error) {
	root, err := tx.FindRootOrganisation()
	if err != nil {
		return nil, err
	}
	args := []any{after.Organisation, after.Folded, after.Person, limit}
	within := ""
	if below != root.ID { // everybody is below the root: nothing to look up
		args = append(args, below)
		within = " AND p.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id = $5)"
	}
	return tx.holders(`SELECT p.id, p.organisation_id, p.name, p.username, p.name_folded FROM people p
		WHERE p.state <> 'disabled' AND (p.organisation_id, p.name_folded, p.id) > ($1, $2, $3)`+within+`
		ORDER BY p.organisation_id, p.name_folded, p.id LIMIT $4`, args...)
}

// ListHoldersOf is [Tx.ListHolders] for those within a scope who have a key of a model on their list.
func (tx *Tx) ListHoldersOf(scope []staffkey.OrganisationID, aaguid string, after Holder, limit int) ([]Holder, error) {
	if len(scope) == 0 {
		return nil, nil
	}
	args := []any{after.Organisation, after.Folded, after.Person, limit, aaguid}
	marks := make([]string, len(scope))
	for i, id := range scope {
		args = append(args, id)
		marks[i] = dollar(len(args))
	}
	return tx.holders(`SELECT p.id, p.organisation_id, p.name, p.username, p.name_folded FROM people p
		WHERE p.state <> 'disabled' AND (p.organisation_id, p.name_folded, p.id) > ($1, $2, $3)
		AND p.id IN (SELECT k.person_id FROM security_keys k WHERE k.aaguid = $5 AND k.state IN ('active', 'suspended'))
		AND p.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id IN (`+strings.Join(marks, ", ")+`))
		ORDER BY p.organisation_id, p.name_folded, p.id LIMIT $4`, args...)
}

// ListOperators returns the people who may sign in and hold the operator role anywhere.
func (tx *Tx) ListOperators() ([]Holder, error) {
	return tx.holders(`SELECT p.id, p.organisation_id, p.name, p.username, p.name_folded FROM people p
		WHERE p.state = $1 AND EXISTS (SELECT 1 FROM role_grants g WHERE g.person_id = p.id AND g.role = $2) ORDER BY p.name_folded, p.id`,
		staffkey.PersonActive, staffkey.RoleOperator)
}

// FindHolder returns a person as a holder. ErrNotFound: there is none.
func (tx *Tx) FindHolder(person staffkey.PersonID) (Holder, error) {
	list, err := tx.holders("SELECT p.id, p.organisation_id, p.name, p.username, p.name_folded FROM people p WHERE p.id = $1", person)
	if err == nil && len(list) == 0 {
		err = staffkey.ErrNotFound
	}
	if err != nil {
		return Holder{}, err
	}
	return list[0], nil
}

func (tx *Tx) holders(query string, args ...any) ([]Holder, error) {
	var list []Holder
	err := tx.rows(func(r scanner) error {
		var h Holder
		err := r.Scan(&h.Person, &h.Organisation, &h.Name, &h.Username, &h.Folded)
		list = append(list, h)
		return err
	}, query, args...)
	return list, err
}

// ListKeysToWeigh returns the keys on the lists of some people with what rules and recalls look at. Other fields are zero.
func (tx *Tx) ListKeysToWeigh(people []staffkey.PersonID) ([]staffkey.SecurityKey, error) {
	var keys []staffkey.SecurityKey
	err := tx.eachOf(people, func(r scanner) error {
		var k staffkey.SecurityKey
		err := r.Scan(&k.ID, &k.Person, &k.State, &k.StopReason, &k.Nickname, &k.AAGUID, &k.Firmware, &k.Trust, &k.BackupEligible, &k.UserVerified, &k.MinPINLength,
			&k.SameKeyAs, &k.RegisteredAt)
		k.RegisteredAt = k.RegisteredAt.UTC()
		keys = append(keys, k)
		return err
	}, `SELECT id, person_id, state, stop_reason, nickname, aaguid, firmware, trust, backup_eligible, user_verified, min_pin_length, same_key_as, registered_at
		FROM security_keys WHERE state IN ('active', 'suspended') AND person_id IN `)
	return keys, err
}

// ListEnrolmentsOf returns what some people have set up to sign in with besides keys and the password, and passes.
func (tx *Tx) ListEnrolmentsOf(people []staffkey.PersonID) ([]staffkey.Enrolment, error) {
	var list []staffkey.Enrolment
	err := tx.eachOf(people, func(r scanner) error {
		e, err := tx.scanEnrolment(r)
		list = append(list, e)
		return err
	}, "SELECT "+enrolmentColumns+" FROM enrolments WHERE method NOT IN ('password', 'security_key', 'pass') AND person_id IN ")
	return list, err
}

// ListPrivileged returns which of some people hold a role.
func (tx *Tx) ListPrivileged(people []staffkey.PersonID) (map[staffkey.PersonID]bool, error) {
	return tx.among(people, "SELECT DISTINCT person_id FROM role_grants WHERE person_id IN ")
}

// ListExcepted returns for which of some people an exception from policy counts.
func (tx *Tx) ListExcepted(people []staffkey.PersonID) (map[staffkey.PersonID]bool, error) {
	found := make(map[staffkey.PersonID]bool)
	err := tx.eachOf(people, func(r scanner) error {
		var id staffkey.PersonID
		var until sql.NullTime
		err := r.Scan(&id, &until)
		if utc(until).After(tx.Now) {
			found[id] = true
		}
		return err
	}, "SELECT person_id, expires_at FROM policy_exceptions WHERE person_id IN ")
	return found, err
}

func (tx *Tx) among(people []staffkey.PersonID, query string) (map[staffkey.PersonID]bool, error) {
	found := make(map[staffkey.PersonID]bool)
	err := tx.eachOf(people, func(r scanner) error {
		var id staffkey.PersonID
		err := r.Scan(&id)
		found[id] = true
		return err
	}, query)
	return found, err
}

// eachOf runs a query that ends in IN for some people, in parts.
func (tx *Tx) eachOf(people []staffkey.PersonID, fn func(scanner) error, query string) error {
	for len(people) > 0 {
		n := min(len(people), tx.batch)
		args := make([]any, n)
		for i, id := range people[:n] {
			args[i] = id
		}
		if err := tx.rows(fn, query+strings.TrimSpace(placeholders(1, n)), args...); err != nil {
			return err
		}
		people = people[n:]
	}
	return nil
}

// ListDecided returns the organisations below one, itself left out, that have decided something themselves.
func (tx *Tx) ListDecided(below staffkey.OrganisationID) ([]staffkey.OrganisationID, error) {
	var list []staffkey.OrganisationID
	err := tx.rows(func(r scanner) error {
		var id staffkey.OrganisationID
		err := r.Scan(&id)
		list = append(list, id)
		return err
	}, `SELECT p.organisation_id FROM policies p JOIN organisation_ancestors a ON a.organisation_id = p.organisation_id
		WHERE a.ancestor_id = $1 AND p.organisation_id <> $1 ORDER BY p.organisation_id`, below)
	return list, err
}
