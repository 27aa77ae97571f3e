package directory

import (
	"context"
	"errors"
	"fmt"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// RoleLine is a role that somebody holds, in a list.
type RoleLine = store.RoleLine

// GrantRole gives a person a role at an organisation, by id or code, and everything below it. Giving it again changes
// nothing. An operator runs the whole installation, so that role exists at the first organisation only.
func (d *Directory) GrantRole(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, role staffkey.Role, organisation staffkey.OrganisationID) error {
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventRoleGranted, actor), func(tx *store.Tx, may staffkey.Authority) error {
		o, err := decideRole(tx, may, person, role, organisation)
		if err != nil {
			return err
		}
		if role == staffkey.RoleOperator && o.Parent != "" {
			return staffkey.Invalid("organisation", "role.operator_root")
		}
		added, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: person, Role: role, Organisation: o.ID, GrantedAt: tx.Now, GrantedBy: actor.Person})
		if err == nil && !added {
			return errUnchanged
		}
		if err != nil {
			return err
		}
		// A link or a pass that was given to somebody without a role must not open the account of somebody with one.
		if err := tx.CancelLinks(store.LinkFirstPassword, person); err != nil {
			return err
		}
		if err := tx.CancelLinks(store.LinkReset, person); err != nil {
			return err
		}
		if _, err := tx.EndSessionsFrom(person, staffkey.PassAncestor(""), ""); err != nil { // of whichever pass
			return err
		}
		if err := tx.DeleteEnrolment(person, staffkey.MethodPass); err != nil && !errors.Is(err, staffkey.ErrNotFound) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("grant %s: %w", role, err)
	}
	return nil
}

// RevokeRole takes a role back. The last operator keeps theirs (rule last_operator): without one, nobody could grant any
// role but from the console. ErrNotFound: the person does not hold it there.
func (d *Directory) RevokeRole(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, role staffkey.Role, organisation staffkey.OrganisationID) error {
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventRoleRevoked, actor), func(tx *store.Tx, may staffkey.Authority) error {
		o, err := decideRole(tx, may, person, role, organisation)
		if err != nil {
			return err
		}
		before, err := tx.CountOperators()
		if err != nil {
			return err
		}
		if err := tx.DeleteRoleGrant(person, role, o.ID); err != nil {
			return err
		}
		return leavesAnOperator(tx, before)
	})
	if err != nil {
		return fmt.Errorf("revoke %s: %w", role, err)
	}
	return nil
}

// decideRole loads what a change of roles is about, completes its event and asks policy.
func decideRole(tx *store.Tx, may staffkey.Authority, person staffkey.PersonID, role staffkey.Role, organisation staffkey.OrganisationID) (staffkey.Organisation, error) {
	tx.Event.Person, tx.Event.Subject = person, string(role)
	if _, err := staffkey.ParseRole(string(role)); err != nil {
		return staffkey.Organisation{}, err
	}
	o, err := organisationByReference(tx, "organisation", organisation)
	if err != nil {
		return o, err
	}
	tx.Event.Organisation, tx.Event.SubjectName = o.ID, o.Name
	p, err := tx.FindPerson(person)
	if err != nil {
		return o, err
	}
	tx.Event.Detail = map[string]string{"person": p.Name}
	chain, err := chainOf(tx, o.ID)
	if err != nil {
		return o, err
	}
	return o, policy.MayGrantRole(may, person, role, chain)
}

// leavesAnOperator refuses a change after which no active operator is left, where there was one before. It is asked
// inside the change, so that of two at once one is refused.
func leavesAnOperator(tx *store.Tx, before int) error {
	after, err := tx.CountOperators()
	if err == nil && before > 0 && after == 0 {
		err = lastOperator()
	}
	return err
}

func lastOperator() error { return staffkey.Refused("last_operator", "role.last_operator") }

// ListRoles returns who holds which role at or below an organisation, by id or code, that the actor sees; empty below is
// everything that the actor sees.
func (d *Directory) ListRoles(ctx context.Context, actor staffkey.Actor, below staffkey.OrganisationID) ([]RoleLine, error) {
	var list []RoleLine
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeBelow(tx, may, below)
		if err != nil {
			return err
		}
		list, err = tx.ListRolesWithin(scope)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	return list, nil
}

// shownAdministrators is how many Local Administrators a page names.
const shownAdministrators = 3

// LocalAdministratorsOf returns whom somebody of an organisation calls: the active Local Administrators of the nearest
// organisation at or above it that has any besides themself. Everybody may know them. Who is empty for nobody in particular.
func (d *Directory) LocalAdministratorsOf(ctx context.Context, organisation staffkey.OrganisationID, who staffkey.PersonID) ([]staffkey.Person, error) {
	var people []staffkey.Person
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		people, err = tx.ListNearestAdministrators(organisation, shownAdministrators, who)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("administrators of %s: %w", organisation, err)
	}
	return people, nil
}

// HasAdministratorsToTell reports whether a message to the Local Administrators about somebody of an organisation goes to anybody.
func (d *Directory) HasAdministratorsToTell(ctx context.Context, organisation staffkey.OrganisationID, about staffkey.PersonID) (bool, error) {
	var has bool
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		has, err = tx.HasAdministratorsToTell(organisation, about)
		return err
	})
	return has, err
}
