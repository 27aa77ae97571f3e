package store

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"staffkey"
)

const auditColumns = `id, at, kind, outcome, actor_id, actor_name, person_id, organisation_id, subject, subject_name, message,
	support_code, session_id, ip, browser, detail`

const (
	auditWidth   = 16
	insertEvents = "INSERT INTO audit_events (" + auditColumns + ") VALUES "
)

// Record adds events to the log, in the transaction of what they tell of. Id and time are set here. Names and browsers may be what somebody
// typed or sent: whatever is no text of one line goes no further, so that no event is kept out of the log or looks like another.
func (tx *Tx) Record(events ...staffkey.AuditEvent) error {
	for len(events) > 0 {
		n := min(len(events), tx.batch)
		args := make([]any, 0, n*auditWidth)
		for _, e := range events[:n] {
			e = e.Clean()
			detail := ""
			if len(e.Detail) > 0 {
				encoded, err := json.Marshal(e.Detail)
				if err != nil {
					return err
				}
				detail = string(encoded)
			}
			args = append(args, NewID[string](), tx.Now, e.Kind, e.Outcome, e.Actor, e.ActorName, e.Person, e.Organisation, e.Subject,
				e.SubjectName, e.Message, e.SupportCode, e.Session, e.IP, e.Browser, detail)
		}
		var err error
		if n == 1 {
			err = tx.insert(nil, insertEvents, "", args...)
		} else {
			err = tx.exec(insertEvents+placeholders(n, auditWidth), args...)
		}
		if err != nil {
			return fmt.Errorf("record %s: %w", events[0].Kind, err)
		}
		events = events[n:]
	}
	return nil
}

// AuditFilter narrows a list of events. Zero fields do not narrow.
type AuditFilter struct {
	Person   staffkey.PersonID
	Kind     staffkey.EventKind
	Code     string // support code
	From, To time.Time
	// Scope limits to organisations at or below these nodes; nil means no limit, an empty list means nothing.
	Scope []staffkey.OrganisationID
	// After (newer) and Before (older) are ids to page from.
	After, Before staffkey.AuditEventID
	// OldestFirst is the order of an export; lists show the newest first.
	OldestFirst bool
	Limit       int
}

// ListAuditEvents returns the events of a filter, cleaned: those of earlier releases may hold anything.
func (tx *Tx) ListAuditEvents(f AuditFilter) ([]staffkey.AuditEvent, error) {
	if f.Scope != nil && len(f.Scope) == 0 {
		return nil, nil
	}
	var where []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "?", dollar(len(args))))
	}
	if f.Person != "" {
		add("person_id = ?", f.Person)
	}
	if f.Kind != "" {
		add("kind = ?", f.Kind)
	}
	if f.Code != "" {
		add("support_code = ?", text(f.Code))
		where = append(where, "support_code <> ''") // the condition of its index
	}
	if !f.From.IsZero() {
		add("at >= ?", instant(f.From))
	}
	if !f.To.IsZero() {
		add("at < ?", instant(f.To))
	}
	if f.After != "" {
		add("id > ?", f.After)
	}
	if f.Before != "" {
		add("id < ?", f.Before)
	}
	if f.Scope != nil {
		marks := make([]string, len(f.Scope))
		for i, id := range f.Scope {
			args = append(args, id)
			marks[i] = dollar(len(args))
		}
		where = append(where, "organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id IN ("+strings.Join(marks, ", ")+"))")
	}
	query := "SELECT " + auditColumns + " FROM audit_events"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	if f.OldestFirst {
		query += " ORDER BY id"
	} else {
		query += " ORDER BY id DESC"
	}
	args = append(args, f.Limit)
	query += " LIMIT " + dollar(len(args))
	var events []staffkey.AuditEvent
	err := tx.rows(func(r scanner) error {
		var e staffkey.AuditEvent
		var detail string
		err := r.Scan(&e.ID, &e.At, &e.Kind, &e.Outcome, &e.Actor, &e.ActorName, &e.Person, &e.Organisation, &e.Subject, &e.SubjectName, &e.Message,
			&e.SupportCode, &e.Session, &e.IP, &e.Browser, &detail)
		if err != nil {
			return err
		}
		e.At = e.At.UTC()
		if detail != "" {
			if err := json.Unmarshal([]byte(detail), &e.Detail); err != nil {
				return err
			}
		}
		events = append(events, e.Clean())
		return nil
	}, query, args...)
	return events, err
}

func dollar(n int) string { return "$" + strconv.Itoa(n) }
