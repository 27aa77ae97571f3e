package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"staffkey"
	"staffkey/internal/directory"
)

// auditCommands are the commands about the audit log.
type auditCommands struct {
	List   auditList   `cmd:"" help:"List the newest events."`
	Export auditExport `cmd:"" help:"Write all events, oldest first."`
}

// auditFilter narrows the log from the command line.
type auditFilter struct {
	From   moment `help:"First day (2026-11-23, UTC) or instant (RFC 3339)." placeholder:"TIME" env:"-"`
	To     moment `help:"Day or instant before which to stop." placeholder:"TIME" env:"-"`
	Person string `help:"Username or e-mail address of the person concerned." placeholder:"PERSON" env:"-"`
	Kind   string `help:"Kind of event, such as key_removed." placeholder:"KIND" env:"-"`
	Code   string `help:"Support code that somebody reads out, such as K7QF-2M." placeholder:"CODE" env:"-"`
}

func (f auditFilter) resolve(env *environment, actor staffkey.Actor) (directory.AuditFilter, error) {
	filter := directory.AuditFilter{From: f.From.Time, To: f.To.Time}
	if f.Kind != "" {
		var err error
		if filter.Kind, err = staffkey.ParseEventKind(f.Kind); err != nil {
			return filter, err
		}
	}
	if !filter.From.IsZero() && !filter.To.IsZero() && !filter.From.Before(filter.To) {
		return filter, errors.New("--from must be before --to")
	}
	if f.Code != "" {
		if filter.Code = staffkey.ParseSupportCode(f.Code); filter.Code == "" {
			return filter, fmt.Errorf("--code %q: a support code has 6 letters and digits, such as K7QF-2M", f.Code)
		}
	}
	if f.Person == "" {
		return filter, nil
	}
	p, err := env.directory.FindPerson(env.ctx, actor, f.Person)
	filter.Person = p.ID
	return filter, err
}

// moment is a day or an instant on the command line.
type moment struct{ time.Time }

// UnmarshalText reads a day as its beginning in UTC, or an instant as in RFC 3339.
func (m *moment) UnmarshalText(text []byte) error {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, string(text)); err == nil {
			m.Time = t
			return nil
		}
	}
	return fmt.Errorf("%q is neither a day (2026-11-23) nor an instant (2026-11-23T07:12:00Z)", text)
}

// mostListed is how many events a list has at most.
const mostListed = 1000

type auditList struct {
	Limit int `help:"The most events, up to 1,000." default:"50" env:"-"`
	auditFilter
	listFormat
}

// Run lists events, newest first.
func (c *auditList) Run(env *environment) error {
	if c.Limit < 1 || c.Limit > mostListed {
		return fmt.Errorf("--limit must be between 1 and %d: audit export writes them all", mostListed)
	}
	actor := staffkey.ConsoleActor()
	filter, err := c.resolve(env, actor)
	if err != nil {
		return explain(err)
	}
	events, err := env.directory.ListAudit(env.ctx, actor, filter, c.Limit)
	if err != nil {
		return explain(err)
	}
	columns := []column{{"at", "AT (UTC)", 19}, {"actor_name", "WHO", 20}, {"kind", "KIND", 20}, {"outcome", "OUTCOME", 7}, {"subject_name", "SUBJECT", 28}}
	if c.Code != "" {
		columns = append(columns, column{"message", "TOLD", 20}, column{"browser", "BROWSER", 24})
	}
	if c.CSV || c.JSON {
		columns = auditColumns
	}
	list, err := newListing(env, c.listFormat, "events", columns...)
	if err != nil {
		return err
	}
	for _, e := range events {
		values := []any{e.At.Format(time.DateTime), cmp.Or(e.ActorName, "-"), e.Kind, e.Outcome, e.SubjectName}
		if c.Code != "" {
			values = append(values, e.Message, e.Browser)
		}
		if c.CSV || c.JSON {
			values = auditValues(e, c.CSV)
		}
		if err := list.line(values...); err != nil {
			return err
		}
	}
	return list.close()
}

type auditExport struct {
	Format string `help:"csv, or jsonl for one JSON object a line." enum:"csv,jsonl" default:"csv" env:"-"`
	auditFilter
}

// Run writes the events as they are read, so that a log of any length passes.
func (c *auditExport) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	filter, err := c.resolve(env, actor)
	if err != nil {
		return explain(err)
	}
	out := bufio.NewWriter(env.stdout)
	write, finish := exportLines(out)
	if c.Format == "csv" {
		if write, finish, err = exportTable(env, out); err != nil {
			return err
		}
	}
	if err := env.directory.ExportAudit(env.ctx, actor, filter, write); err != nil {
		return explain(err)
	}
	return finish()
}

// exportLines writes events as JSON Lines.
func exportLines(out *bufio.Writer) (write func(staffkey.AuditEvent) error, finish func() error) {
	return func(e staffkey.AuditEvent) error {
		if err := writeObject(out, auditColumns, auditValues(e, false)); err != nil {
			return err
		}
		return out.WriteByte('\n')
	}, out.Flush
}

// exportTable writes events as CSV.
func exportTable(env *environment, out *bufio.Writer) (write func(staffkey.AuditEvent) error, finish func() error, err error) {
	table := newCSV(env, out)
	var names []string
	for _, c := range auditColumns {
		names = append(names, c.name)
	}
	write = func(e staffkey.AuditEvent) error {
		var cells []string
		for _, v := range auditValues(e, true) {
			cells = append(cells, fmt.Sprint(v))
		}
		return writeCSV(table, cells)
	}
	finish = func() error {
		table.Flush()
		if err := table.Error(); err != nil {
			return err
		}
		return out.Flush()
	}
	return write, finish, table.Write(names)
}

// auditColumns are the columns of an export. New ones are added at the end only: programs read them.
var auditColumns = []column{
	{name: "id"}, {name: "at"}, {name: "kind"}, {name: "outcome"}, {name: "actor_id"}, {name: "actor_name"}, {name: "person_id"},
	{name: "organisation_id"}, {name: "subject"}, {name: "subject_name"}, {name: "message"}, {name: "support_code"}, {name: "session_id"},
	{name: "ip"}, {name: "browser"}, {name: "detail"},
}

// auditValues are the values of [auditColumns]; flat makes the detail one text.
func auditValues(e staffkey.AuditEvent, flat bool) []any {
	detail := any(e.Detail)
	if e.Detail == nil {
		detail = map[string]string{}
	}
	if flat {
		detail = ""
		if len(e.Detail) > 0 {
			text, err := json.Marshal(e.Detail)
			if err != nil { // a map of texts always has a JSON form
				panic(err)
			}
			detail = string(text)
		}
	}
	return []any{
		e.ID, e.At.Format(time.RFC3339Nano), e.Kind, e.Outcome, e.Actor, e.ActorName, e.Person, e.Organisation, e.Subject, e.SubjectName,
		e.Message, e.SupportCode, e.Session, e.IP, e.Browser, detail,
	}
}
