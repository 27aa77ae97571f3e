package directory

import (
	"context"
	"fmt"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// GrantException lets a person, for a reason that is recorded, off what policy asks them to set up (F46).
func (d *Directory) GrantException(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, reason string, length time.Duration) (staffkey.Exception, error) {
	var e staffkey.Exception
	if err := staffkey.ValidateText("reason", reason, staffkey.MaxReason); err != nil {
		return e, err
	}
	event := staffkey.Event(staffkey.EventExceptionGranted, actor)
	event.Person, event.Detail = person, map[string]string{"reason": reason, "length": length.String()}
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		chain, grants, err := reach(tx, person)
		if err != nil {
			return err
		}
		if err := policy.MayGrantException(may, person, chain, grants, length); err != nil {
			return err
		}
		e = staffkey.Exception{
			ID: store.NewID[string](), Person: person, Reason: reason, Owner: actor.Person, OwnerName: actor.Name, GrantedAt: tx.Now, ExpiresAt: tx.Now.Add(length),
		}
		return tx.InsertException(e)
	})
	if err != nil {
		return staffkey.Exception{}, fmt.Errorf("grant exception: %w", err)
	}
	return e, nil
}

// EndExceptions ends the exceptions of a person now, and returns how many counted.
func (d *Directory) EndExceptions(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID) (int64, error) {
	event := staffkey.Event(staffkey.EventExceptionEnded, actor)
	event.Person = person
	var n int64
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		chain, grants, err := reach(tx, person)
		if err != nil {
			return err
		}
		if err := policy.MayRecover(may, chain, grants); err != nil {
			return err
		}
		if n, err = tx.EndExceptions(person); err == nil && n == 0 {
			return errUnchanged
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("end exceptions: %w", err)
	}
	return n, nil
}

// Exceptions returns those that count for a person now, for whoever may see the person.
func (d *Directory) Exceptions(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID) ([]staffkey.Exception, error) {
	var list []staffkey.Exception
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		sees, err := seesPerson(tx, may, p)
		if err != nil {
			return err
		}
		if !sees {
			return staffkey.ErrNotFound
		}
		list, err = tx.ListExceptions(person)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("exceptions: %w", err)
	}
	return list, nil
}

// reach reads what decides about acting for a person, and notes their organisation in the event.
func reach(tx *store.Tx, person staffkey.PersonID) (policy.Chain, []staffkey.RoleGrant, error) {
	p, err := tx.FindPerson(person)
	if err != nil {
		return nil, nil, err
	}
	tx.Event.Organisation = p.Organisation
	chain, err := chainOf(tx, p.Organisation)
	if err != nil {
		return nil, nil, err
	}
	grants, err := tx.ListRoleGrants(person)
	return chain, grants, err
}

// SetLanguage notes the language that the actor has chosen for pages and messages. Whoever changes it to and fro changes only that of the
// browser after a while: each change is an event.
func (d *Directory) SetLanguage(ctx context.Context, actor staffkey.Actor, lang string) error {
	if lang != "en" && lang != "cy" {
		return staffkey.Invalid("lang", "language.unknown")
	}
	event := staffkey.Event(staffkey.EventPersonChanged, actor)
	event.Person, event.Detail = actor.Person, map[string]string{"language": lang}
	if !d.store.MayNote(event) {
		return nil
	}
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := tx.FindPerson(actor.Person)
		if err != nil {
			return err
		}
		if p.Language == lang {
			return errUnchanged
		}
		tx.Event.Organisation = p.Organisation
		return tx.SetLanguage(actor.Person, lang)
	})
	if err != nil {
		return fmt.Errorf("set language: %w", err)
	}
	return nil
}
