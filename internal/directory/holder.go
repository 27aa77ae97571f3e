package directory

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// ReplacePerson gives the username of the person with the id of p to somebody else, whom the rest of p is about, and returns that new
// person. They begin with nothing. The one before is put aside: disabled, under another username, without an e-mail address, and without
// keys, methods, sessions and roles for good; what they did stays theirs in the log. It needs the rights of [Directory.ChangePerson],
// and is refused for the last operator.
func (d *Directory) ReplacePerson(ctx context.Context, actor staffkey.Actor, p staffkey.Person) (staffkey.Person, error) {
	p = trimPerson(p)
	if err := validatePerson(p); err != nil {
		return staffkey.Person{}, err
	}
	var added staffkey.Person
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventPersonReplaced, actor), func(tx *store.Tx, may staffkey.Authority) error {
		current, err := tx.FindPerson(p.ID)
		if err != nil {
			return err
		}
		tx.Event.Person, tx.Event.Organisation, tx.Event.SubjectName = current.ID, current.Organisation, p.Name
		o, err := organisationByReference(tx, "organisation", p.Organisation)
		if err != nil {
			return err
		}
		next := p
		next.Organisation = o.ID
		if err := mayChangePerson(tx, may, current, next); err != nil {
			return err
		}
		if err := isFree(tx, next); err != nil {
			return err
		}
		var events []staffkey.AuditEvent
		if added, _, events, err = replacePerson(tx, staffkey.Event(staffkey.EventPersonReplaced, actor), current, next); err != nil {
			return err
		}
		tx.Event = events[0]
		if err := tx.InsertPeople(added); err != nil {
			return err
		}
		return tx.Record(events[1:]...)
	})
	if err != nil {
		return staffkey.Person{}, fmt.Errorf("replace person %s: %w", p.Username, err)
	}
	return added, nil
}

// replacePerson puts a person aside and returns who takes their place, to be added, the one put aside, and the events of it all. Base is
// an event of the actor.
//
// The new holder is a person of their own and not the old one without keys: everything that will ever be found under the old id, here,
// in the log and in applications, is somebody else's.
func replacePerson(tx *store.Tx, base staffkey.AuditEvent, current, told staffkey.Person) (added, aside staffkey.Person, events []staffkey.AuditEvent, err error) {
	if added, err = newPerson(told); err != nil {
		return added, aside, nil, err
	}
	added.ID, added.CreatedAt, added.Language = store.NewID[staffkey.PersonID](), tx.Now, ""
	if err = keepsAnOperator(tx, current); err != nil {
		return added, aside, nil, err
	}
	grants, err := tx.ListRoleGrants(current.ID)
	if err != nil {
		return added, aside, nil, err
	}
	if aside, err = policy.ChangeState(current, policy.ActDisable, tx.Now); err != nil {
		return added, aside, nil, err
	}
	if aside.Username, err = asideName(tx, current.Username); err != nil {
		return added, aside, nil, err
	}
	aside.Email = ""
	if err = updatePerson(tx, current, aside); err != nil {
		return added, aside, nil, err
	}
	keys, err := tx.StripPerson(current.ID)
	if err != nil {
		return added, aside, nil, err
	}
	event := func(kind staffkey.EventKind, about staffkey.Person, subject, name string, detail map[string]string) {
		e := base
		e.Kind, e.Outcome, e.Person, e.Organisation, e.Subject, e.SubjectName = kind, staffkey.OutcomeDone, about.ID, about.Organisation, subject, name
		e.Detail = maps.Clone(detail)
		events = append(events, e)
	}
	event(staffkey.EventPersonReplaced, current, string(added.ID), added.Name, map[string]string{
		"person": current.Name, "username": current.Username, "put_aside": aside.Username, "keys": strconv.FormatInt(keys, 10),
	})
	for _, g := range grants {
		event(staffkey.EventRoleRevoked, current, string(g.Role), "", map[string]string{"person": current.Name})
		events[len(events)-1].Organisation = g.Organisation
	}
	event(staffkey.EventPersonAdded, added, "", added.Name, nil)
	return added, aside, events, nil
}

// asideName is a free username for somebody who is put aside: theirs, and the day. It is no e-mail address any more.
func asideName(tx *store.Tx, username string) (string, error) {
	base := []rune(strings.NewReplacer("@", ".", "\uFF20", ".", "\uFE6B", ".").Replace(username))
	day := "~" + tx.Now.Format("2006-01-02")
	for n := 1; ; n++ {
		suffix := day
		if n > 1 {
			suffix += "." + strconv.Itoa(n)
		}
		name := string(base[:min(len(base), staffkey.MaxUsername-len(suffix))]) + suffix
		taken, err := tx.FindPeopleByUsername([]string{name})
		if err != nil || len(taken) == 0 {
			return name, err
		}
	}
}
