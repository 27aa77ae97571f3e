package store

import (
	"strings"

	"staffkey"
)

// StripPerson takes from a person, for good, all that they could sign in with or act by: keys, methods, passes, links, exceptions,
// sessions and roles. Their keys stay in the list of what was removed, where nothing puts them back. It returns how many keys there were.
func (tx *Tx) StripPerson(person staffkey.PersonID) (keys int64, err error) {
	if err := tx.DeletePendingKeys(person, ""); err != nil {
		return 0, err
	}
	keys, err = tx.affected(`UPDATE security_keys SET state = $1, state_before = '', removed_at = $2 WHERE person_id = $3 AND state IN ('active', 'suspended')`,
		staffkey.SecurityKeyRemoved, tx.Now, person)
	if err != nil {
		return 0, err
	}
	if err := tx.exec("UPDATE security_keys SET state_before = '' WHERE person_id = $1", person); err != nil { // removed a moment before
		return 0, err
	}
	if err := tx.exec("DELETE FROM enrolments WHERE person_id = $1", person); err != nil {
		return 0, err
	}
	if err := tx.exec("UPDATE one_time_links SET used_at = $1 WHERE person_id = $2 AND used_at IS NULL", tx.Now, person); err != nil {
		return 0, err
	}
	if err := tx.exec("UPDATE policy_exceptions SET expires_at = $1 WHERE person_id = $2 AND expires_at > $1", tx.Now, person); err != nil {
		return 0, err
	}
	if err := tx.exec("DELETE FROM role_grants WHERE person_id = $1", person); err != nil {
		return 0, err
	}
	_, err = tx.EndSessions(person, "")
	return keys, err
}

// FindPeopleByEmployeeNumber returns those who have one of the numbers, by number as it is written. Several may have one: organisations
// number their people each for themselves.
func (tx *Tx) FindPeopleByEmployeeNumber(numbers []string) (map[string][]staffkey.Person, error) {
	people := make(map[string][]staffkey.Person, len(numbers))
	for len(numbers) > 0 {
		n := min(len(numbers), tx.batch)
		args := make([]any, n)
		for i, number := range numbers[:n] {
			args[i] = number
		}
		err := tx.rows(func(r scanner) error {
			p, err := scanPerson(r)
			people[p.EmployeeNumber] = append(people[p.EmployeeNumber], p)
			return err
		}, "SELECT "+personColumns+" FROM people p WHERE p.employee_number <> '' AND p.employee_number IN ("+strings.Trim(placeholders(1, n), "()")+") ORDER BY p.id", args...)
		if err != nil {
			return nil, err
		}
		numbers = numbers[n:]
	}
	return people, nil
}
