package store

import (
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"staffkey"
)

const personColumns = "p.id, p.organisation_id, p.username, p.email, p.name, p.employee_number, p.phone, p.state, p.created_at, p.language, p.asked_at, p.frozen_at, p.set_up_at"

func scanPerson(row scanner, more ...any) (staffkey.Person, error) {
	var p staffkey.Person
	var asked, frozen, setUp sql.NullTime
	err := row.Scan(append([]any{
		&p.ID, &p.Organisation, &p.Username, &p.Email, &p.Name, &p.EmployeeNumber, &p.Phone, &p.State, &p.CreatedAt, &p.Language, &asked, &frozen, &setUp,
	}, more...)...)
	p.CreatedAt, p.AskedAt, p.FrozenAt, p.SetUpAt = p.CreatedAt.UTC(), utc(asked), utc(frozen), utc(setUp)
	return p, found(err)
}

// InsertPeople adds people. A username or e-mail address that is taken is ErrConflict, and nobody is added.
func (tx *Tx) InsertPeople(people ...staffkey.Person) error {
	for len(people) > 0 {
		n := min(len(people), tx.batch)
		args := make([]any, 0, n*13)
		for _, p := range people[:n] {
			p = p.Tidy()
			args = append(args, p.ID, p.Organisation, p.Username, Fold(p.Username), p.Email, nullText(Fold(p.Email)), p.Name,
				FoldForSearch(p.Name), p.EmployeeNumber, p.Phone, p.State, instant(p.CreatedAt), p.Language)
		}
		err := tx.exec(`INSERT INTO people (id, organisation_id, username, username_folded, email, email_folded, name, name_folded,
			employee_number, phone, state, created_at, language) VALUES `+placeholders(n, 13), args...)
		if err != nil {
			return err
		}
		people = people[n:]
	}
	return nil
}

// UpdatePerson changes what is known about a person, organisation included and state not: see [Tx.PutPersonState].
func (tx *Tx) UpdatePerson(p staffkey.Person) error {
	p = p.Tidy()
	return tx.one(staffkey.ErrNotFound, `UPDATE people SET organisation_id = $1, username = $2, username_folded = $3, email = $4, email_folded = $5,
		name = $6, name_folded = $7, employee_number = $8, phone = $9 WHERE id = $10`,
		p.Organisation, p.Username, Fold(p.Username), p.Email, nullText(Fold(p.Email)), p.Name, FoldForSearch(p.Name),
		p.EmployeeNumber, p.Phone, p.ID)
}

// PutPersonState moves a person from the state in which they were seen to the next, with the instant since when they are frozen. It is
// the only statement that changes a state. ErrConflict: the person is not, or no longer, as they were seen.
func (tx *Tx) PutPersonState(seen, next staffkey.Person) error {
	return tx.one(staffkey.ErrConflict, "UPDATE people SET state = $1, frozen_at = $2 WHERE id = $3 AND state = $4 AND (frozen_at IS NULL) = $5",
		next.State, nullTime(next.FrozenAt), seen.ID, seen.State, seen.FrozenAt.IsZero())
}

// FindPerson returns a person by id.
func (tx *Tx) FindPerson(id staffkey.PersonID) (staffkey.Person, error) {
	return scanPerson(tx.q.queryRow("SELECT "+personColumns+" FROM people p WHERE p.id = $1", id))
}

// FindPersonByLogin returns the person whom a typed name means: an e-mail address when it has an @, a username otherwise. One that is
// longer than any name means nobody, and costs nothing.
func (tx *Tx) FindPersonByLogin(login string) (staffkey.Person, error) {
	if len(login) > staffkey.MaxLogin {
		return staffkey.Person{}, staffkey.ErrNotFound
	}
	column, login := loginColumn(login)
	return scanPerson(tx.q.queryRow("SELECT "+personColumns+" FROM people p WHERE p."+column+" = $1", login))
}

// loginColumn is where a typed name is looked for, and how it is written there.
func loginColumn(login string) (column, folded string) {
	login = Fold(login) // first, because a full-width @ is an @
	if strings.Contains(login, "@") {
		return "email_folded", login
	}
	return "username_folded", login
}

// FindOwnerByLogin returns whom a typed name means if one of some keys is theirs and in use; nobody otherwise. Its work depends on the keys
// alone, not on whether the name means anybody else.
func (tx *Tx) FindOwnerByLogin(keys []staffkey.SecurityKeyID, login string) (owner staffkey.PersonID, err error) {
	if len(keys) == 0 || len(login) > staffkey.MaxLogin {
		return "", nil
	}
	column, login := loginColumn(login)
	args := make([]any, 0, len(keys)+2)
	for _, k := range keys {
		args = append(args, k)
	}
	state, name := strconv.Itoa(len(keys)+1), strconv.Itoa(len(keys)+2)
	err = tx.q.queryRow("SELECT p.id FROM security_keys k JOIN people p ON p.id = k.person_id WHERE k.id IN "+placeholders(1, len(keys))+
		" AND k.state = $"+state+" AND p."+column+" = $"+name+" LIMIT 1", append(args, staffkey.SecurityKeyActive, login)...).Scan(&owner)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return owner, err
}

// FindPeopleByUsername returns those of the people of that username that exist, by folded username.
func (tx *Tx) FindPeopleByUsername(usernames []string) (map[string]staffkey.Person, error) {
	people := make(map[string]staffkey.Person, len(usernames))
	for len(usernames) > 0 {
		n := min(len(usernames), tx.batch)
		args := make([]any, n)
		for i, u := range usernames[:n] {
			args[i] = Fold(u)
		}
		err := tx.rows(func(r scanner) error {
			p, err := scanPerson(r)
			people[Fold(p.Username)] = p
			return err
		}, "SELECT "+personColumns+" FROM people p WHERE p.username_folded IN ("+strings.Trim(placeholders(1, n), "()")+")", args...)
		if err != nil {
			return nil, err
		}
		usernames = usernames[n:]
	}
	return people, nil
}

// ListPeople returns people of the organisations within a scope whose name, username or e-mail address starts with
// prefix, ordered by name and id, after the last one of the page before. An empty scope returns nobody.
func (tx *Tx) ListPeople(scope []staffkey.OrganisationID, prefix string, after *staffkey.Person, limit int) ([]staffkey.Person, error) {
	if len(scope) == 0 {
		return nil, nil
	}
	args := make([]any, 0, len(scope)+6)
	for _, id := range scope {
		args = append(args, id)
	}
	var afterName string
	var afterID staffkey.PersonID
	if after != nil {
		afterName, afterID = FoldForSearch(after.Name), after.ID
	}
	// A username or an address keeps its accents when it is folded, a name does not.
	args = append(args, afterName, afterID, likePrefix(FoldForSearch(prefix)), likePrefix(Fold(prefix)), limit)
	n := len(scope)
	var people []staffkey.Person
	query := `SELECT ` + personColumns + ` FROM people p WHERE p.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id IN (` +
		strings.Trim(placeholders(1, n), "()") + `)) AND (p.name_folded > ` + dollar(n+1) + ` OR (p.name_folded = ` + dollar(n+1) + ` AND p.id > ` + dollar(n+2) + `))
		AND (p.name_folded LIKE ` + dollar(n+3) + ` ESCAPE '!' OR p.username_folded LIKE ` + dollar(n+4) + ` ESCAPE '!' OR p.email_folded LIKE ` + dollar(n+4) + ` ESCAPE '!')
		ORDER BY p.name_folded, p.id LIMIT ` + dollar(n+5)
	err := tx.rows(func(r scanner) error {
		p, err := scanPerson(r)
		people = append(people, p)
		return err
	}, query, args...)
	return people, err
}

// likePrefix makes the LIKE pattern of a prefix, with ! as escape character.
func likePrefix(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s) + "%"
}

// CountPeople returns the number of people.
func (tx *Tx) CountPeople() (n int, err error) {
	err = tx.q.queryRow("SELECT COUNT(*) FROM people").Scan(&n)
	return n, err
}

// InsertRoleGrant gives a role; giving it again changes nothing and reports false. The first operator, whoever makes them one, ends the
// time in which the installation can be set up, for ever ([Tx.IsSetUp]).
func (tx *Tx) InsertRoleGrant(g staffkey.RoleGrant) (bool, error) {
	if g.Role == staffkey.RoleOperator {
		if err := tx.noteSetUp(); err != nil {
			return false, err
		}
	}
	n, err := tx.affected(`INSERT INTO role_grants (person_id, role, organisation_id, granted_at, granted_by) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (person_id, role, organisation_id) DO NOTHING`, g.Person, g.Role, g.Organisation, instant(g.GrantedAt), g.GrantedBy)
	return n == 1, err
}

// DeleteRoleGrant takes a role back, or returns ErrNotFound.
func (tx *Tx) DeleteRoleGrant(person staffkey.PersonID, role staffkey.Role, organisation staffkey.OrganisationID) error {
	return tx.one(staffkey.ErrNotFound, "DELETE FROM role_grants WHERE person_id = $1 AND role = $2 AND organisation_id = $3", person, role, organisation)
}

// ListRoleGrants returns a person's roles.
func (tx *Tx) ListRoleGrants(person staffkey.PersonID) ([]staffkey.RoleGrant, error) {
	var grants []staffkey.RoleGrant
	err := tx.rows(func(r scanner) error {
		var g staffkey.RoleGrant
		err := r.Scan(&g.Person, &g.Role, &g.Organisation, &g.GrantedAt, &g.GrantedBy)
		g.GrantedAt = g.GrantedAt.UTC()
		grants = append(grants, g)
		return err
	}, "SELECT person_id, role, organisation_id, granted_at, granted_by FROM role_grants WHERE person_id = $1 ORDER BY role, organisation_id", person)
	return grants, err
}

// CountOperators returns how many active people hold the operator role anywhere.
func (tx *Tx) CountOperators() (n int, err error) {
	err = tx.q.queryRow(`SELECT COUNT(DISTINCT g.person_id) FROM role_grants g JOIN people p ON p.id = g.person_id
		WHERE g.role = $1 AND p.state = $2`, staffkey.RoleOperator, staffkey.PersonActive).Scan(&n)
	return n, err
}

// listOperators returns active people with an address who hold the operator role anywhere.
func (tx *Tx) listOperators(limit int) ([]staffkey.Person, error) {
	var people []staffkey.Person
	err := tx.rows(func(r scanner) error {
		p, err := scanPerson(r)
		people = append(people, p)
		return err
	}, "SELECT "+personColumns+` FROM people p WHERE p.state = $1 AND p.email <> ''
		AND EXISTS (SELECT 1 FROM role_grants g WHERE g.person_id = p.id AND g.role = $2) ORDER BY p.name_folded, p.id LIMIT $3`,
		staffkey.PersonActive, staffkey.RoleOperator, limit)
	return people, err
}

// ListNearestAdministrators returns the Local Administrators of the nearest organisation at or above the given one that
// has any besides one person: whom that person calls.
func (tx *Tx) ListNearestAdministrators(organisation staffkey.OrganisationID, limit int, except staffkey.PersonID) ([]staffkey.Person, error) {
	return tx.nearestAdministrators(organisation, limit, " AND p.id <> $4", except)
}

// administratorsToTell are the Local Administrators who get messages about a person: the nearest who have an address and are not the
// person themself.
func (tx *Tx) administratorsToTell(organisation staffkey.OrganisationID, about staffkey.PersonID) ([]staffkey.Person, error) {
	return tx.nearestAdministrators(organisation, maxNotified, " AND p.id <> $4 AND p.email <> ''", about)
}

// HasAdministratorsToTell reports whether [Tx.InsertAdministratorNotice] about a person of an organisation has anybody to tell.
func (tx *Tx) HasAdministratorsToTell(organisation staffkey.OrganisationID, about staffkey.PersonID) (bool, error) {
	list, err := tx.administratorsToTell(organisation, about)
	return len(list) > 0, err
}

// nearestAdministrators are the nearest Local Administrators among those who meet a further condition, whose arguments are $4 and up.
func (tx *Tx) nearestAdministrators(organisation staffkey.OrganisationID, limit int, condition string, args ...any) ([]staffkey.Person, error) {
	var people []staffkey.Person
	nearest := -1
	err := tx.rows(func(r scanner) error {
		var depth int
		p, err := scanPerson(r, &depth)
		if nearest < 0 {
			nearest = depth
		}
		if depth == nearest && len(people) < limit {
			people = append(people, p)
		}
		return err
	}, `SELECT `+personColumns+`, a.depth FROM organisation_ancestors a JOIN role_grants g ON g.organisation_id = a.ancestor_id
		JOIN people p ON p.id = g.person_id WHERE a.organisation_id = $1 AND g.role = $2 AND p.state = $3`+condition+`
		ORDER BY a.depth, p.name_folded, p.id LIMIT 20`,
		append([]any{organisation, staffkey.RoleLocalAdministrator, staffkey.PersonActive}, args...)...)
	return people, err
}

// SetLanguage notes the language that a person has chosen.
func (tx *Tx) SetLanguage(person staffkey.PersonID, language string) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE people SET language = $1 WHERE id = $2", language, person)
}

// LearnLanguage notes the language that a person reads; once they have chosen one it changes nothing.
func (tx *Tx) LearnLanguage(person staffkey.PersonID, language string) error {
	return tx.exec("UPDATE people SET language = $1 WHERE id = $2 AND language = ''", language, person)
}

// NoteAsked notes when a person was first asked to set up what policy asks for; later calls change nothing.
func (tx *Tx) NoteAsked(person staffkey.PersonID) error {
	return tx.exec("UPDATE people SET asked_at = $1 WHERE id = $2 AND asked_at IS NULL", tx.Now, person)
}

func utc(t sql.NullTime) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}
