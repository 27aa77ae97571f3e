package directory

import (
	"context"
	"errors"
	"fmt"
	"io"

	"staffkey"
	"staffkey/internal/store"
)

// The columns of a file of organisations.
var (
	requiredOrganisationColumns = []string{"code", "name", "parent"}
	optionalOrganisationColumns = []string{"phone"}
	ignoredOrganisationColumns  = []string{"people"} // of our own lists, which count them
)

// organisationRow is a row of the file with what it says.
type organisationRow struct {
	line         int
	organisation staffkey.Organisation
	hasPhone     bool
	read         row
}

// ImportOrganisations adds and changes organisations from a CSV file with a header: code, name, parent (a code; empty for
// the one that is above all) and optionally phone. Organisations are recognised by their code, and parents may come later
// in the file than their children. The place of one that exists is not changed. Report, errors and progress are those of
// [Directory.ImportPeople].
func (d *Directory) ImportOrganisations(ctx context.Context, actor staffkey.Actor, file io.Reader, progress func(done int)) (Report, error) {
	var report Report
	table, err := openTable(file, requiredOrganisationColumns, optionalOrganisationColumns, ignoredOrganisationColumns)
	if err != nil {
		return report, fmt.Errorf("import organisations: %w", err)
	}
	rows, err := readOrganisations(table, &report)
	if err != nil {
		return report, fmt.Errorf("import organisations: %w", err)
	}
	done := report.Refused
	for start := 0; start < len(rows); start += importBatch {
		batch := rows[start:min(start+importBatch, len(rows))]
		if err := d.loadOrganisations(ctx, actor, batch, &report); err != nil {
			return report, fmt.Errorf("import organisations: %w", err)
		}
		done += len(batch)
		if progress != nil {
			progress(done)
		}
	}
	report.sort()
	return report, nil
}

// readOrganisations reads the whole file, which is as long as there are organisations, and returns its good rows with
// parents before their children.
func readOrganisations(t *table, report *Report) ([]organisationRow, error) {
	var rows []organisationRow
	lines := map[string]int{} // line by folded code
	for {
		r, err := t.next()
		if errors.Is(err, io.EOF) {
			return parentsFirst(rows, report), nil
		}
		if err != nil && r.line == 0 {
			return nil, err
		}
		report.Rows++
		var o organisationRow
		if err == nil {
			o, err = readOrganisation(r)
		}
		if line, again := lines[store.Fold(o.organisation.Code)]; err == nil && again {
			err = staffkey.Invalid("code", "import.duplicate", "Line", line)
		}
		if err != nil {
			report.refuse(r.line, err)
			continue
		}
		lines[store.Fold(o.organisation.Code)] = r.line
		rows = append(rows, o)
	}
}

func readOrganisation(r row) (organisationRow, error) {
	o := organisationRow{line: r.line, read: r}
	o.organisation.Code, _ = r.get("code")
	o.organisation.Name, _ = r.get("name")
	o.organisation.Phone, o.hasPhone = r.get("phone")
	parent, _ := r.get("parent")
	o.organisation.Parent = staffkey.OrganisationID(parent)
	return o, staffkey.ValidateOrganisation(o.organisation)
}

// parentsFirst orders rows so that each parent of the file comes before its children, in the order of the file otherwise.
// What is below itself is refused.
func parentsFirst(rows []organisationRow, report *Report) []organisationRow {
	index := make(map[string]int, len(rows))
	for i, r := range rows {
		index[store.Fold(r.organisation.Code)] = i
	}
	const (
		unseen = iota
		under  // a parent of this one is being placed
		placed
		refused
	)
	state := make([]int, len(rows))
	ordered := make([]organisationRow, 0, len(rows))
	for i := range rows {
		// The way up from this row to one that is placed, or that is not in the file.
		var path []int
		at, ok := i, true
		for ok && state[at] == unseen {
			state[at] = under
			path = append(path, at)
			at, ok = index[store.Fold(string(rows[at].organisation.Parent))]
		}
		loop := ok && (state[at] == under || state[at] == refused)
		for n := len(path) - 1; n >= 0; n-- {
			r := rows[path[n]]
			if loop {
				state[path[n]] = refused
				report.refuse(r.line, staffkey.Invalid("parent", "organisation.parent.refused", "Code", string(r.organisation.Parent)))
				continue
			}
			state[path[n]] = placed
			ordered = append(ordered, r)
		}
	}
	return ordered
}

// loadOrganisations stores a batch in one transaction, or row by row when somebody else took a code meanwhile.
func (d *Directory) loadOrganisations(ctx context.Context, actor staffkey.Actor, rows []organisationRow, report *Report) error {
	done, err := d.loadOrganisationsOnce(ctx, actor, rows)
	if errors.Is(err, staffkey.ErrConflict) && len(rows) > 1 {
		for i := range rows {
			if err := d.loadOrganisations(ctx, actor, rows[i:i+1], report); err != nil {
				return err
			}
		}
		return nil
	}
	if errors.Is(err, staffkey.ErrConflict) {
		done, err = Report{}, nil
		done.refuse(rows[0].line, staffkey.ErrConflict)
	}
	report.add(done)
	return err
}

func (d *Directory) loadOrganisationsOnce(ctx context.Context, actor staffkey.Actor, rows []organisationRow) (Report, error) {
	var done Report
	err := d.store.ChangeAs(ctx, actor, staffkey.Event(staffkey.EventOrganisationAdded, actor), func(tx *store.Tx, may staffkey.Authority) error {
		done = Report{} // the function may run again
		var events []staffkey.AuditEvent
		for _, r := range rows {
			event, err := takeOrganisation(tx, may, r, &done)
			var refusal *staffkey.Refusal
			switch {
			case errors.As(err, &refusal) && errors.Is(refusal, staffkey.ErrRefused):
				events = append(events, event.RefusedBy(refusal))
				done.refuse(r.line, err)
			case errors.Is(err, staffkey.ErrInvalid):
				done.refuse(r.line, err)
			case errors.Is(err, errUnchanged):
				done.Unchanged++
			case err != nil:
				return fmt.Errorf("line %d: %w", r.line, err)
			default:
				events = append(events, event)
				done.doubt(r.read)
			}
		}
		if len(events) == 0 {
			return errUnchanged
		}
		tx.Event = events[0]
		return tx.Record(events[1:]...)
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return done, err
}

// takeOrganisation adds or changes the organisation of one row and returns its event.
func takeOrganisation(tx *store.Tx, may staffkey.Authority, r organisationRow, done *Report) (staffkey.AuditEvent, error) {
	current, err := tx.FindOrganisationByCode(r.organisation.Code)
	if errors.Is(err, staffkey.ErrNotFound) {
		tx.Event = staffkey.Event(staffkey.EventOrganisationAdded, may.Actor)
		_, err := addOrganisation(tx, may, r.organisation)
		if err == nil {
			done.Added++
		}
		return tx.Event, err
	}
	if err != nil {
		return tx.Event, err
	}
	if err := isPlacedAs(tx, current, r.organisation.Parent); err != nil {
		return tx.Event, err
	}
	next := r.organisation
	if !r.hasPhone {
		next.Phone = current.Phone
	}
	tx.Event = staffkey.Event(staffkey.EventOrganisationEdit, may.Actor)
	err = changeOrganisation(tx, may, current, next)
	if err == nil {
		done.Changed++
	}
	return tx.Event, err
}

// isPlacedAs refuses a row that names another parent than the organisation has.
func isPlacedAs(tx *store.Tx, current staffkey.Organisation, parent staffkey.OrganisationID) error {
	var placed staffkey.OrganisationID
	if parent != "" {
		o, err := organisationByReference(tx, "parent", parent)
		if err != nil {
			return err
		}
		placed = o.ID
	}
	if placed != current.Parent {
		return staffkey.Invalid("parent", "organisation.parent.fixed")
	}
	return nil
}
