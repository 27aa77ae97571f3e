package store

import (
	"strings"

	"staffkey"
)

// RoleLine is a role that somebody holds, in a list, with the names that people know.
type RoleLine struct {
	staffkey.RoleGrant
	PersonName       string
	Username         string
	PersonState      staffkey.PersonState
	OrganisationCode string
	OrganisationName string
}

// ListRolesWithin returns the roles held at organisations within a scope, by organisation, role and name. An empty scope
// returns none.
func (tx *Tx) ListRolesWithin(scope []staffkey.OrganisationID) ([]RoleLine, error) {
	if len(scope) == 0 {
		return nil, nil
	}
	args := make([]any, len(scope))
	for i, id := range scope {
		args[i] = id
	}
	var list []RoleLine
	err := tx.rows(func(r scanner) error {
		var l RoleLine
		err := r.Scan(&l.Person, &l.Role, &l.Organisation, &l.GrantedAt, &l.GrantedBy, &l.PersonName, &l.Username, &l.PersonState, &l.OrganisationCode, &l.OrganisationName)
		l.GrantedAt = l.GrantedAt.UTC()
		list = append(list, l)
		return err
	}, `SELECT g.person_id, g.role, g.organisation_id, g.granted_at, g.granted_by, p.name, p.username, p.state, o.code, o.name
		FROM role_grants g JOIN people p ON p.id = g.person_id JOIN organisations o ON o.id = g.organisation_id
		WHERE g.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id IN (`+strings.Trim(placeholders(1, len(scope)), "()")+`))
		ORDER BY o.code_folded, g.role, p.name_folded, p.id`, args...)
	return list, err
}
