package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

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
	p, err := newPerson(p)
	if err != nil {
		return staffkey.Person{}, err
	}
	var added staffkey.Person
	err = d.change(ctx, actor, staffkey.Event(staffkey.EventPersonAdded, actor), func(tx *store.Tx, may staffkey.Authority) error {
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

// ChangePerson changes everything about the person with the id of p, organisation (id or code) and state included; an empty state stays
// what it is. A move needs the right to manage people on both sides. Disabling ends the person's sessions at once, and is refused for
// the last operator. A frozen person is disabled by it and never opened: told to be active, they stay frozen. A change that would turn
// one person into another is refused by other_person: see [Directory.ChangeSamePerson] and [Directory.ReplacePerson].
func (d *Directory) ChangePerson(ctx context.Context, actor staffkey.Actor, p staffkey.Person) error {
	return d.changePerson(ctx, actor, p, false)
}

// ChangeSamePerson is ChangePerson by somebody who says that the person is who they were, whatever their number, name and address:
// what they sign in with stays.
func (d *Directory) ChangeSamePerson(ctx context.Context, actor staffkey.Actor, p staffkey.Person) error {
	return d.changePerson(ctx, actor, p, true)
}

func (d *Directory) changePerson(ctx context.Context, actor staffkey.Actor, p staffkey.Person, same bool) error {
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
		next := laidOver(current, p)
		next.Organisation = o.ID
		if err := mayChangePerson(tx, may, current, next); err != nil {
			return err
		}
		if next, err = policy.TellState(next, p.State, tx.Now); err != nil {
			return err
		}
		changed := personChanges(current, next)
		if changed == "" {
			return errUnchanged
		}
		tx.Event.Detail = personDetail(current, next, changed)
		if err := policy.IsSamePerson(current, next, next); err != nil {
			if !same {
				return err
			}
			tx.Event.Detail["confirmed"] = "same_person"
		}
		if err := isFree(tx, next); err != nil {
			return err
		}
		tx.Event.Organisation = next.Organisation
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

// updatePerson stores a changed person, their state by the statement that is for it. Who may not sign in any more is signed out
// everywhere, and the last operator stays active.
func updatePerson(tx *store.Tx, current, next staffkey.Person) error {
	if next.State != current.State {
		if err := keepsAnOperator(tx, current); err != nil {
			return err
		}
		if err := tx.PutPersonState(current, next); err != nil {
			return err
		}
		if policy.IsActive(next) != nil {
			if _, err := tx.EndSessions(next.ID, ""); err != nil {
				return err
			}
		}
	}
	return tx.UpdatePerson(next)
}

// keepsAnOperator refuses to take an active person away who is the last active operator. It is asked inside the change, so that of two
// at once one is refused.
func keepsAnOperator(tx *store.Tx, p staffkey.Person) error {
	if policy.IsActive(p) != nil {
		return nil
	}
	grants, err := tx.ListRoleGrants(p.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(grants, func(g staffkey.RoleGrant) bool { return g.Role == staffkey.RoleOperator }) {
		return nil // most leavers hold no role, and need no count
	}
	n, err := tx.CountOperators()
	if err == nil && n == 1 {
		err = lastOperator()
	}
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

// trimPerson removes the spaces that forms and files leave around values.
func trimPerson(p staffkey.Person) staffkey.Person {
	p.Username, p.Email, p.Name = strings.TrimSpace(p.Username), strings.TrimSpace(p.Email), strings.TrimSpace(p.Name)
	p.EmployeeNumber, p.Phone = strings.TrimSpace(p.EmployeeNumber), strings.TrimSpace(p.Phone)
	p.Organisation = staffkey.OrganisationID(strings.TrimSpace(string(p.Organisation)))
	return p
}

// newPerson is a person as they are added: active unless told to be disabled, and with nothing that somebody else did.
func newPerson(told staffkey.Person) (staffkey.Person, error) {
	state := told.State
	if state == "" {
		state = staffkey.PersonActive
	}
	told.State, told.FrozenAt, told.AskedAt, told.SetUpAt = staffkey.PersonDisabled, time.Time{}, time.Time{}, time.Time{}
	return policy.TellState(told, state, time.Time{})
}

// laidOver is a stored person with what is told of them: all but the state, and what they did themselves.
func laidOver(current, told staffkey.Person) staffkey.Person {
	current.Organisation, current.Username, current.Email, current.Name = told.Organisation, told.Username, told.Email, told.Name
	current.EmployeeNumber, current.Phone = told.EmployeeNumber, told.Phone
	return current
}

func validatePerson(p staffkey.Person) error {
	if err := staffkey.ValidatePerson(p); err != nil {
		return err
	}
	if p.Organisation == "" {
		return staffkey.Invalid("organisation", "field.empty")
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
