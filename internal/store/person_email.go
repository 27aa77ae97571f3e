package store

import (
	"strings"

	"staffkey"
)

// FindPeopleByEmail returns those of the people of that e-mail address that exist, by folded address.
func (tx *Tx) FindPeopleByEmail(emails []string) (map[string]staffkey.Person, error) {
	people := make(map[string]staffkey.Person, len(emails))
	for len(emails) > 0 {
		n := min(len(emails), tx.batch)
		args := make([]any, n)
		for i, e := range emails[:n] {
			args[i] = Fold(e)
		}
		err := tx.rows(func(r scanner) error {
			p, err := scanPerson(r)
			people[Fold(p.Email)] = p
			return err
		}, "SELECT "+personColumns+" FROM people p WHERE p.email_folded IN ("+strings.Trim(placeholders(1, n), "()")+")", args...)
		if err != nil {
			return nil, err
		}
		emails = emails[n:]
	}
	return people, nil
}
