package directory

import (
	"context"
	"fmt"
	"slices"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// ActivityQuery is a page of what happened to a person.
type ActivityQuery struct {
	// Before asks for what is older than an event, After for what is newer; at most one of them. Neither is the newest page.
	Before, After staffkey.AuditEventID
	// Limit is the most events of a page; 50 when zero, at most 1,000.
	Limit int
}

// ActivityPage is one page of events, newest first.
type ActivityPage struct {
	Events []staffkey.AuditEvent
	// Newer and Older say that there are pages on that side: ask After the first event, or Before the last.
	Newer, Older bool
}

// Activity returns what happened to a person (F30).
func (d *Directory) Activity(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, q ActivityQuery) (ActivityPage, error) {
	if err := policy.MaySeeActivity(actor, person); err != nil {
		return ActivityPage{}, fmt.Errorf("activity: %w", err)
	}
	limit := pageSize(q.Limit)
	var page ActivityPage
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		filter := store.AuditFilter{Person: person, Before: q.Before, After: q.After, OldestFirst: q.After != "", Limit: limit + 1}
		events, err := tx.ListAuditEvents(filter)
		if err != nil {
			return err
		}
		more := len(events) > limit
		page.Events = events[:min(len(events), limit)]
		if q.After != "" {
			slices.Reverse(page.Events)
		}
		if len(page.Events) == 0 {
			return nil
		}
		// On the side that the page was asked from, more is known; on the other side one event answers.
		if q.After != "" {
			page.Newer = more
			page.Older, err = hasEvent(tx, store.AuditFilter{Person: person, Before: page.Events[len(page.Events)-1].ID})
			return err
		}
		page.Older = more
		if q.Before != "" {
			page.Newer, err = hasEvent(tx, store.AuditFilter{Person: person, After: page.Events[0].ID})
		}
		return err
	})
	if err != nil {
		return ActivityPage{}, fmt.Errorf("activity: %w", err)
	}
	return page, nil
}

func hasEvent(tx *store.Tx, filter store.AuditFilter) (bool, error) {
	filter.Limit = 1
	events, err := tx.ListAuditEvents(filter)
	return len(events) > 0, err
}

// AuditFilter narrows the audit log. Zero fields do not narrow.
type AuditFilter struct {
	Person staffkey.PersonID
	Kind   staffkey.EventKind
	// Code is the support code that the event was recorded under ([staffkey.ParseSupportCode]).
	Code string
	// From is the first instant, To the first one after.
	From, To time.Time
}

// ListAudit returns the newest events of a filter in the organisations that the actor sees, newest first; at most 1,000.
func (d *Directory) ListAudit(ctx context.Context, actor staffkey.Actor, filter AuditFilter, limit int) ([]staffkey.AuditEvent, error) {
	var events []staffkey.AuditEvent
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		f, err := scopedFilter(tx, may, filter)
		if err != nil {
			return err
		}
		f.Limit = pageSize(limit)
		events, err = tx.ListAuditEvents(f)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list audit events: %w", err)
	}
	return events, nil
}

// exportPage is how many events an export holds in memory.
const exportPage = 1000

// ExportAudit calls each with the events of a filter in the organisations that the actor sees, oldest first, a page at a
// time, so that a log of any length passes through little memory and holds no transaction open. It stops at the first
// error of each and returns it.
func (d *Directory) ExportAudit(ctx context.Context, actor staffkey.Actor, filter AuditFilter, each func(staffkey.AuditEvent) error) error {
	var last staffkey.AuditEventID
	for {
		var events []staffkey.AuditEvent
		err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
			f, err := scopedFilter(tx, may, filter)
			if err != nil {
				return err
			}
			f.After, f.OldestFirst, f.Limit = last, true, exportPage
			events, err = tx.ListAuditEvents(f)
			return err
		})
		if err != nil {
			return fmt.Errorf("export audit events: %w", err)
		}
		for _, e := range events {
			if err := each(e); err != nil {
				return fmt.Errorf("export audit events: %w", err)
			}
		}
		if len(events) < exportPage {
			return nil
		}
		last = events[len(events)-1].ID
	}
}

// scopedFilter adds what the actor sees to a filter. The console sees what concerns no organisation, too.
func scopedFilter(tx *store.Tx, may staffkey.Authority, f AuditFilter) (store.AuditFilter, error) {
	filter := store.AuditFilter{Person: f.Person, Kind: f.Kind, Code: f.Code, From: f.From, To: f.To}
	if may.Console {
		return filter, nil
	}
	scope, err := scopeOf(tx, may)
	filter.Scope = append([]staffkey.OrganisationID{}, scope...) // never nil, which would not limit
	return filter, err
}
