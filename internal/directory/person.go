package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// AddPerson adds a person and returns them with their id. Organisation is an id or a code; an empty state is active. A
// username or e-mail address that is taken is ErrInvalid on that field.
func (d *Directory) AddPerson(ctx context.Context, actor staffkey.Actor, p staffkey.Person) (staffkey.Person, error) {
	p = trimPerson(p)
	if err := validatePerson(p); err != nil {
		return staffkey.Person{}, err
	}
	var added staffkey.Person
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventPersonAdded, actor), func(tx *store.Tx, may staffkey.Authority) error {
		added = p
		tx.Event.SubjectName = p.Name
		o, err := organisationByReference(tx, "organisation", p.Organisation)
		if err != nil {
			return err
		}
		tx.Event.Organisation = o.ID
		if err := mayManagePeopleOf(tx, may, o.ID); err != nil {
			return err
		}
		added.Organisation = o.ID
		if err := isFree(tx, added); err != nil {
			return err
		}
		added.ID, added.CreatedAt = store.NewID[staffkey.PersonID](), tx.Now
		tx.Event.Person = added.ID
		return tx.InsertPeople(added)
	})
	if err != nil {
		return staffkey.Person{}, fmt.Errorf("add person %s: %w", p.Username, err)
	}
	return added, nil
}

// ChangePerson changes everything about the person with the id of p, organisation (id or code) and state included. A
// move needs the right to manage people on both sides. Disabling ends the person's sessions at once, and is refused for
// the last operator.
func (d *Directory) ChangePerson(ctx context.Context, actor staffkey.Actor, p staffkey.Person) error {
	p = trimPerson(p)
	if err := validatePerson(p); err != nil {
		return err
	}
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventPersonChanged, actor), func(tx *store.Tx, may staffkey.Authority) error {
		current, err := tx.FindPerson(p.ID)
		if err != nil {
			return err
		}
		tx.Event.Person, tx.Event.Organisation, tx.Event.SubjectName = current.ID, current.Organisation, current.Name
		o, err := organisationByReference(tx, "organisation", p.Organisation)
		if err != nil {
			return err
		}
		next := p
		next.Organisation, next.CreatedAt = o.ID, current.CreatedAt
		if err := mayChangePerson(tx, may, current, next); err != nil {
			return err
		}
		changed := personChanges(current, next)
		if changed == "" {
			return errUnchanged
		}
		if err := isFree(tx, next); err != nil {
			return err
		}
		tx.Event.Organisation = next.Organisation
		tx.Event.Detail = personDetail(current, next, changed)
		return updatePerson(tx, current, next)
	})
	if err != nil {
		return fmt.Errorf("change person %s: %w", p.Username, err)
	}
	return nil
}

// mayManagePeopleOf asks whether the actor looks after the people of an organisation.
func mayManagePeopleOf(tx *store.Tx, may staffkey.Authority, organisation staffkey.OrganisationID) error {
	chain, err := chainOf(tx, organisation)
	if err != nil {
		return err
	}
	return policy.MayManagePeople(may, chain)
}

// mayChangePerson asks whether the actor looks after the person where they are and where they go. Somebody who holds
// roles is changed only by who could have granted them: otherwise a Local Administrator could take over an operator's
// account through its e-mail address.
func mayChangePerson(tx *store.Tx, may staffkey.Authority, current, next staffkey.Person) error {
	if err := mayManagePeopleOf(tx, may, current.Organisation); err != nil {
		return err
	}
	if next.Organisation != current.Organisation {
		if err := mayManagePeopleOf(tx, may, next.Organisation); err != nil {
			return err
		}
	}
	if may.Console { // above every rule, and an import need not load what decides nothing
		return nil
	}
	grants, err := tx.ListRoleGrants(current.ID)
	if err != nil {
		return err
	}
	for _, g := range grants {
		chain, err := chainOf(tx, g.Organisation)
		if err != nil {
			return err
		}
		if err := policy.MayGrantRole(may, current.ID, g.Role, chain); err != nil {
			return err
		}
	}
	return nil
}

// updatePerson stores a changed person. Who is disabled is signed out everywhere, and the last operator stays active.
func updatePerson(tx *store.Tx, current, next staffkey.Person) error {
	disabled := policy.IsActive(current) == nil && policy.IsActive(next) != nil
	if !disabled {
		return tx.UpdatePerson(next)
	}
	grants, err := tx.ListRoleGrants(current.ID)
	if err != nil {
		return err
	}
	before := 0
	if len(grants) > 0 { // most leavers hold no role, and need no count
		if before, err = tx.CountOperators(); err != nil {
			return err
		}
	}
	if err := tx.UpdatePerson(next); err != nil {
		return err
	}
	if before > 0 {
		if err := leavesAnOperator(tx, before); err != nil {
			return err
		}
	}
	_, err = tx.EndSessions(next.ID, "")
	return err
}

// isFree refuses a username or e-mail address that somebody else has.
func isFree(tx *store.Tx, p staffkey.Person) error {
	named, err := tx.FindPeopleByUsername([]string{p.Username})
	if err != nil {
		return err
	}
	if other, taken := named[store.Fold(p.Username)]; taken && other.ID != p.ID {
		return staffkey.Invalid("username", "username.taken", "Username", p.Username)
	}
	if p.Email == "" {
		return nil
	}
	switch other, err := tx.FindPersonByLogin(p.Email); {
	case errors.Is(err, staffkey.ErrNotFound):
		return nil
	case err != nil:
		return err
	case other.ID != p.ID:
		return staffkey.Invalid("email", "email.taken", "Email", p.Email)
	}
	return nil
}

// PersonQuery narrows a list of people.
type PersonQuery struct {
	// Prefix of a name, username or e-mail address, without regard to case and accents; empty for everybody.
	Prefix string
	// Organisation, by id or code, and what is below it; empty for everything that the actor sees.
	Organisation staffkey.OrganisationID
	// After is the last person of the page before; nil for the first page.
	After *staffkey.Person
	// Limit is the most people of a page; 50 when zero, at most 1,000.
	Limit int
}

// PersonPage is one page of a list of people, ordered by name.
type PersonPage struct {
	People []staffkey.Person
	// More says that another page follows: ask for it with the last person of this one.
	More bool
}

// ListPeople returns a page of the people whom the actor sees. An actor without a role sees nobody.
func (d *Directory) ListPeople(ctx context.Context, actor staffkey.Actor, q PersonQuery) (PersonPage, error) {
	limit := pageSize(q.Limit)
	var page PersonPage
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeBelow(tx, may, q.Organisation)
		if err != nil {
			return err
		}
		page.People, err = tx.ListPeople(scope, strings.TrimSpace(q.Prefix), q.After, limit+1)
		return err
	})
	if err != nil {
		return PersonPage{}, fmt.Errorf("list people: %w", err)
	}
	if len(page.People) > limit {
		page.People, page.More = page.People[:limit], true
	}
	return page, nil
}

// pageSize bounds the number of lines that a caller asks for.
func pageSize(limit int) int {
	if limit <= 0 {
		return 50
	}
	return min(limit, 1000)
}

// FindPerson returns the person whom a username or e-mail address means. ErrNotFound: nobody has it, or somebody whom
// the actor does not see.
func (d *Directory) FindPerson(ctx context.Context, actor staffkey.Actor, login string) (staffkey.Person, error) {
	var p staffkey.Person
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		if p, err = tx.FindPersonByLogin(strings.TrimSpace(login)); err != nil {
			return err
		}
		return hideUnlessSeen(tx, may, p)
	})
	if err != nil {
		return staffkey.Person{}, fmt.Errorf("find person %s: %w", login, err)
	}
	return p, nil
}

// Profile is a person with their organisation and what they may do for others.
type Profile struct {
	staffkey.Person
	OrganisationName string
	OrganisationCode string
	Roles            []staffkey.RoleGrant
}

// Profile returns what is known about a person: the actor themselves or somebody whom the actor sees; otherwise
// ErrNotFound.
func (d *Directory) Profile(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID) (Profile, error) {
	var profile Profile
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		if profile.Person, err = tx.FindPerson(person); err != nil {
			return err
		}
		if err := hideUnlessSeen(tx, may, profile.Person); err != nil {
			return err
		}
		o, err := tx.FindOrganisation(profile.Person.Organisation)
		if err != nil {
			return err
		}
		profile.OrganisationName, profile.OrganisationCode = o.Name, o.Code
		profile.Roles, err = tx.ListRoleGrants(person)
		return err
	})
	if err != nil {
		return Profile{}, fmt.Errorf("profile of %s: %w", person, err)
	}
	return profile, nil
}

func hideUnlessSeen(tx *store.Tx, may staffkey.Authority, p staffkey.Person) error {
	seen, err := seesPerson(tx, may, p)
	if err == nil && !seen {
		return staffkey.ErrNotFound
	}
	return err
}

// trimPerson removes the spaces that forms and files leave around values, and makes a person without a state active.
func trimPerson(p staffkey.Person) staffkey.Person {
	p.Username, p.Email, p.Name = strings.TrimSpace(p.Username), strings.TrimSpace(p.Email), strings.TrimSpace(p.Name)
	p.EmployeeNumber, p.Phone = strings.TrimSpace(p.EmployeeNumber), strings.TrimSpace(p.Phone)
	p.Organisation = staffkey.OrganisationID(strings.TrimSpace(string(p.Organisation)))
	if p.State == "" {
		p.State = staffkey.PersonActive
	}
	return p
}

// personStates are the states that a form or file may name.
var personStates = []staffkey.PersonState{staffkey.PersonActive, staffkey.PersonDisabled}

func validatePerson(p staffkey.Person) error {
	if err := staffkey.ValidatePerson(p); err != nil {
		return err
	}
	if p.Organisation == "" {
		return staffkey.Invalid("organisation", "field.empty")
	}
	if !slices.Contains(personStates, p.State) {
		return staffkey.Invalid("state", "person.state", "State", string(p.State))
	}
	return nil
}

// personChanges names the fields in which two versions of a person differ.
func personChanges(a, b staffkey.Person) string {
	return changedFields("username", a.Username, b.Username, "name", a.Name, b.Name, "organisation", string(a.Organisation), string(b.Organisation),
		"email", a.Email, b.Email, "employee_number", a.EmployeeNumber, b.EmployeeNumber, "phone", a.Phone, b.Phone, "state", string(a.State), string(b.State))
}

// personDetail tells an event which fields changed. Where somebody was and whether they may sign in are told with their
// new values: the questions of later are about these.
func personDetail(current, next staffkey.Person, changed string) map[string]string {
	detail := map[string]string{"changed": changed}
	if current.Organisation != next.Organisation {
		detail["moved_from"] = string(current.Organisation)
	}
	if current.State != next.State {
		detail["state"] = string(next.State)
	}
	return detail
}
