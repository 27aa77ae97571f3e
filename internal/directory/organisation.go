package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// OrganisationLine is an organisation in a list, with its depth below the first and how many people it has itself.
type OrganisationLine = store.OrganisationLine

// AddOrganisation adds an organisation below its parent and returns it with its id. Parent is an id or a code; it is
// empty for the first organisation, which is above all others. A second one without a parent, a code that is taken and a
// parent that is not there are ErrInvalid.
func (d *Directory) AddOrganisation(ctx context.Context, actor staffkey.Actor, o staffkey.Organisation) (staffkey.Organisation, error) {
	o = trimOrganisation(o)
	if err := staffkey.ValidateOrganisation(o); err != nil {
		return staffkey.Organisation{}, err
	}
	var added staffkey.Organisation
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventOrganisationAdded, actor), func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		added, err = addOrganisation(tx, may, o)
		return err
	})
	if err != nil {
		return staffkey.Organisation{}, fmt.Errorf("add organisation %s: %w", o.Code, err)
	}
	return added, nil
}

// addOrganisation adds one organisation in a change whose event it completes.
func addOrganisation(tx *store.Tx, may staffkey.Authority, o staffkey.Organisation) (staffkey.Organisation, error) {
	tx.Event.SubjectName = o.Name
	var chain policy.Chain
	if o.Parent == "" {
		switch _, err := tx.FindRootOrganisation(); {
		case err == nil:
			return o, staffkey.Invalid("parent", "organisation.second_root")
		case !errors.Is(err, staffkey.ErrNotFound):
			return o, err
		}
	} else {
		parent, err := organisationByReference(tx, "parent", o.Parent)
		if err != nil {
			return o, err
		}
		o.Parent = parent.ID
		tx.Event.Organisation = parent.ID
		if chain, err = chainOf(tx, parent.ID); err != nil {
			return o, err
		}
	}
	if err := policy.MayAddOrganisation(may, chain); err != nil {
		return o, err
	}
	switch _, err := tx.FindOrganisationByCode(o.Code); {
	case err == nil:
		return o, staffkey.Invalid("code", "organisation.code.taken", "Code", o.Code)
	case !errors.Is(err, staffkey.ErrNotFound):
		return o, err
	}
	o.ID, o.CreatedAt = store.NewID[staffkey.OrganisationID](), tx.Now
	tx.Event.Organisation, tx.Event.Subject = o.ID, string(o.ID)
	return o, tx.InsertOrganisation(o)
}

// ChangeOrganisation changes code, name and phone of the organisation with the id of o; the place in the tree stays.
func (d *Directory) ChangeOrganisation(ctx context.Context, actor staffkey.Actor, o staffkey.Organisation) error {
	o = trimOrganisation(o)
	if err := staffkey.ValidateOrganisation(o); err != nil {
		return err
	}
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventOrganisationEdit, actor), func(tx *store.Tx, may staffkey.Authority) error {
		current, err := tx.FindOrganisation(o.ID)
		if err != nil {
			return err
		}
		return changeOrganisation(tx, may, current, o)
	})
	if err != nil {
		return fmt.Errorf("change organisation %s: %w", o.Code, err)
	}
	return nil
}

// changeOrganisation changes one organisation in a change whose event it completes.
func changeOrganisation(tx *store.Tx, may staffkey.Authority, current, o staffkey.Organisation) error {
	tx.Event.Organisation, tx.Event.Subject, tx.Event.SubjectName = current.ID, string(current.ID), current.Name
	chain, err := chainOf(tx, current.ID)
	if err != nil {
		return err
	}
	if err := policy.MayChangeOrganisation(may, chain); err != nil {
		return err
	}
	changed := changedFields("code", current.Code, o.Code, "name", current.Name, o.Name, "phone", current.Phone, o.Phone)
	if changed == "" {
		return errUnchanged
	}
	switch other, err := tx.FindOrganisationByCode(o.Code); {
	case err == nil && other.ID != current.ID:
		return staffkey.Invalid("code", "organisation.code.taken", "Code", o.Code)
	case err != nil && !errors.Is(err, staffkey.ErrNotFound):
		return err
	}
	tx.Event.Detail = map[string]string{"changed": changed}
	current.Code, current.Name, current.Phone = o.Code, o.Name, o.Phone
	return tx.UpdateOrganisation(current)
}

// ListOrganisations returns an organisation, given by id or code, and all below it, parents before children; empty below
// lists everything that the actor sees. ErrNotFound: there is no such organisation where the actor sees.
func (d *Directory) ListOrganisations(ctx context.Context, actor staffkey.Actor, below staffkey.OrganisationID) ([]OrganisationLine, error) {
	var list []OrganisationLine
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeBelow(tx, may, below)
		if err != nil {
			return err
		}
		seen := map[staffkey.OrganisationID]bool{}
		for _, node := range scope {
			lines, err := tx.ListOrganisations(node)
			if err != nil {
				return err
			}
			for _, l := range lines {
				if !seen[l.ID] {
					seen[l.ID] = true
					list = append(list, l)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list organisations: %w", err)
	}
	return list, nil
}

// Organisation returns an organisation by id or code. What an organisation is called is no secret. ErrNotFound: there is
// none.
func (d *Directory) Organisation(ctx context.Context, reference staffkey.OrganisationID) (staffkey.Organisation, error) {
	var o staffkey.Organisation
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		o, err = organisationByReference(tx, "organisation", reference)
		if errors.Is(err, staffkey.ErrInvalid) {
			return staffkey.ErrNotFound
		}
		return err
	})
	if err != nil {
		return staffkey.Organisation{}, fmt.Errorf("find organisation %s: %w", reference, err)
	}
	return o, nil
}

// SearchOrganisations returns the organisations that the actor sees whose name or code has every word of a query, by name, at most so many, and
// how many there are in all.
func (d *Directory) SearchOrganisations(ctx context.Context, actor staffkey.Actor, query string, limit int) (found []staffkey.Organisation, all int, err error) {
	lines, err := d.ListOrganisations(ctx, actor, "")
	if err != nil {
		return nil, 0, err
	}
	words := strings.Fields(store.FoldForSearch(query))
	for _, l := range lines {
		text := store.FoldForSearch(l.Name + " " + l.Code)
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(text, word) }) {
			found = append(found, l.Organisation)
		}
	}
	slices.SortStableFunc(found, func(a, b staffkey.Organisation) int {
		return cmp.Or(cmp.Compare(store.FoldForSearch(a.Name), store.FoldForSearch(b.Name)), cmp.Compare(a.Code, b.Code))
	})
	return found[:min(limit, len(found))], len(found), nil
}

// HasOrganisation reports whether there is any organisation: before the first, the installation is not set up.
func (d *Directory) HasOrganisation(ctx context.Context) (bool, error) {
	var has bool
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		_, err := tx.FindRootOrganisation()
		has = err == nil
		if errors.Is(err, staffkey.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		return false, fmt.Errorf("find the first organisation: %w", err)
	}
	return has, nil
}

func trimOrganisation(o staffkey.Organisation) staffkey.Organisation {
	o.Code, o.Name, o.Phone = strings.TrimSpace(o.Code), strings.TrimSpace(o.Name), strings.TrimSpace(o.Phone)
	o.Parent = staffkey.OrganisationID(strings.TrimSpace(string(o.Parent)))
	return o
}

// changedFields names the fields whose values differ, from triples of name, old and new value. An event tells which fields
// changed and not what was in them: the log is read by more people than the field.
func changedFields(triples ...string) string {
	var names []string
	for i := 0; i+2 < len(triples); i += 3 {
		if triples[i+1] != triples[i+2] {
			names = append(names, triples[i])
		}
	}
	return strings.Join(names, ", ")
}
