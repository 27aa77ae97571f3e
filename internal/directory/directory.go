// Package directory is what exists and who looks after it: organisations, people, roles, policies, the list of a
// person's security keys, and the audit log. How people prove who they are is not its business; signin does that, and
// the two never import each other.
//
// Every operation reads load, decide, change and record, return: it loads what it needs inside the transaction that
// changes it, asks package policy, and leaves exactly one audit event per thing changed. A change that policy refuses is
// recorded as well, in a transaction of its own, before the refusal is returned. Input that is wrong
// ([staffkey.ErrInvalid]) is not recorded, because nobody was denied anything. The actor is always an argument.
package directory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Deps is what a [Directory] works with.
type Deps struct {
	Store *store.Store
	// Usable reports whether a method that a person has set up still signs them in (recovery codes left, say). Only the
	// method itself can tell from its state. Nil counts no enrolment as usable.
	Usable func(staffkey.Enrolment) bool
	// Refused tells which of a person's keys in use no sign-in takes, because of their model. Nil counts none.
	Refused func(tx *store.Tx, person staffkey.Person, p staffkey.Policy, keys []staffkey.SecurityKey) ([]staffkey.SecurityKeyID, error)
	// Number is the confirmed telephone number of a method, for messages that matter, or "". Nil knows none.
	Number func(staffkey.Enrolment) string
	// Models is the catalogue of models of security keys. Nil knows none.
	Models Models
	// Hold says when what new metadata says against keys waits for an operator; the zero value is [policy.DefaultHoldLimits].
	Hold policy.HoldLimits
}

// Directory holds the operations. It is safe for concurrent use.
type Directory struct {
	store  *store.Store
	usable func(staffkey.Enrolment) bool
	// refused is Deps.Refused
	refused func(tx *store.Tx, person staffkey.Person, p staffkey.Policy, keys []staffkey.SecurityKey) ([]staffkey.SecurityKeyID, error)
	number  func(staffkey.Enrolment) string
	models  Models
	// recalls is held while those that hold are read and passed on, so that what was read first is not passed on last.
	recalls sync.Mutex
	// anchorsMu is that of trust anchors, and guards anchors: the fingerprints by model that were passed on last, nil before the first.
	anchorsMu sync.Mutex
	anchors   map[string]string
	// anchorsPassed counts how often others were passed on.
	anchorsPassed atomic.Int64
	// metadata is the same for metadata and what is held of it.
	metadata sync.Mutex
	hold     policy.HoldLimits
}

// New returns the directory of a store.
func New(deps Deps) *Directory {
	d := &Directory{store: deps.Store, usable: deps.Usable, refused: deps.Refused, number: deps.Number, models: deps.Models}
	if d.models == nil {
		d.models = noModels{}
	}
	d.SetHoldLimits(deps.Hold)
	if d.usable == nil {
		d.usable = func(staffkey.Enrolment) bool { return false }
	}
	if d.refused == nil {
		d.refused = func(*store.Tx, staffkey.Person, staffkey.Policy, []staffkey.SecurityKey) ([]staffkey.SecurityKeyID, error) {
			return nil, nil
		}
	}
	if d.number == nil {
		d.number = func(staffkey.Enrolment) string { return "" }
	}
	return d
}

// SetHoldLimits says when what new metadata says against keys waits for an operator, before any is imported. The zero value is
// [policy.DefaultHoldLimits].
func (d *Directory) SetHoldLimits(l policy.HoldLimits) {
	if l == (policy.HoldLimits{}) {
		l = policy.DefaultHoldLimits
	}
	d.hold = l
}

// errUnchanged ends a change that has nothing to do: nothing is written, and nothing is recorded.
var errUnchanged = errors.New("nothing to change")

// conflictTries is how often a change is run when somebody else was faster with a name that must be unique. The next run
// sees what the other has stored and gives the precise answer.
const conflictTries = 3

// change runs fn with its audit event. When policy refuses, nothing is kept but a record of the refusal, with what fn had
// put into the event until then.
func (d *Directory) change(ctx context.Context, actor staffkey.Actor, event staffkey.AuditEvent, fn func(*store.Tx, staffkey.Authority) error) error {
	var reached staffkey.AuditEvent
	run := func(tx *store.Tx, may staffkey.Authority) error {
		err := fn(tx, may)
		reached = tx.Event
		return err
	}
	err := d.store.ChangeAs(ctx, actor, event, run)
	for try := 1; try < conflictTries && errors.Is(err, staffkey.ErrConflict); try++ {
		err = d.store.ChangeAs(ctx, actor, event, run)
	}
	if errors.Is(err, errUnchanged) {
		return nil
	}
	var refusal *staffkey.Refusal
	if errors.As(err, &refusal) && errors.Is(refusal, staffkey.ErrRefused) {
		refusal.SupportCode = staffkey.NewSupportCode()
		reached.SupportCode = refusal.SupportCode
		if lost := d.store.Note(ctx, reached.RefusedBy(refusal), func(*store.Tx) error { return nil }); lost != nil {
			return errors.Join(err, fmt.Errorf("record the refusal: %w", lost))
		}
	}
	return err
}

// organisationByReference finds an organisation by its id or its code: an id is longer than any code may be, so that one
// is never taken for the other. ErrInvalid on the given field says that there is none.
func organisationByReference(tx *store.Tx, field string, reference staffkey.OrganisationID) (staffkey.Organisation, error) {
	if strings.ContainsRune(string(reference), 0) || !utf8.ValidString(string(reference)) { // PostgreSQL takes no such text, not even to look for it
		return staffkey.Organisation{}, staffkey.Invalid(field, "organisation.unknown", "Code", strings.ToValidUTF8(strings.ReplaceAll(string(reference), "\x00", ""), ""))
	}
	o, err := tx.FindOrganisation(reference)
	if errors.Is(err, staffkey.ErrNotFound) {
		o, err = tx.FindOrganisationByCode(string(reference))
	}
	if errors.Is(err, staffkey.ErrNotFound) {
		return o, staffkey.Invalid(field, "organisation.unknown", "Code", string(reference))
	}
	return o, err
}

// chainOf returns what a role must reach to count for an organisation.
func chainOf(tx *store.Tx, organisation staffkey.OrganisationID) (policy.Chain, error) {
	ancestors, err := tx.ListAncestors(organisation)
	return policy.Chain(ancestors), err
}

// scopeOf returns the nodes of the tree at and below which the actor sees things; none means nothing. The console stands
// at the root.
func scopeOf(tx *store.Tx, may staffkey.Authority) ([]staffkey.OrganisationID, error) {
	if may.Console {
		root, err := tx.FindRootOrganisation()
		if errors.Is(err, staffkey.ErrNotFound) {
			return nil, nil
		}
		return []staffkey.OrganisationID{root.ID}, err
	}
	var nodes []staffkey.OrganisationID
	for _, g := range may.Grants {
		if !slices.Contains(nodes, g.Organisation) {
			nodes = append(nodes, g.Organisation)
		}
	}
	return nodes, nil
}

// scopeBelow narrows what the actor sees to an organisation, given by id or code, and what is below it. ErrNotFound says
// that it is not there, or that the actor does not see it: the two look alike on purpose.
func scopeBelow(tx *store.Tx, may staffkey.Authority, below staffkey.OrganisationID) ([]staffkey.OrganisationID, error) {
	scope, err := scopeOf(tx, may)
	if err != nil || below == "" {
		return scope, err
	}
	o, err := organisationByReference(tx, "organisation", below)
	if errors.Is(err, staffkey.ErrInvalid) {
		return nil, staffkey.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	ancestors, err := tx.ListAncestors(o.ID)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(ancestors, func(a staffkey.OrganisationID) bool { return slices.Contains(scope, a) }) {
		return nil, staffkey.ErrNotFound
	}
	return []staffkey.OrganisationID{o.ID}, nil
}

// seesPerson reports whether the actor may look a person up: themselves, or somebody at or below a node where they hold a
// role.
func seesPerson(tx *store.Tx, may staffkey.Authority, p staffkey.Person) (bool, error) {
	if may.Console || may.Person != "" && may.Person == p.ID {
		return true, nil
	}
	for _, g := range may.Grants {
		if within, err := tx.IsWithin(p.Organisation, g.Organisation); within || err != nil {
			return within, err
		}
	}
	return false, nil
}
