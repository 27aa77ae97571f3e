package main

import (
	"errors"
	"fmt"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

// These commands help people back in, at the console: whoever can read the database and the sealing key may.

type passCommands struct {
	Issue  passIssue  `cmd:"" help:"Make a temporary access pass for a person and print it once."`
	Revoke passRevoke `cmd:"" help:"Take a person's pass back, and end what it has opened."`
}

type passIssue struct {
	Person string        `arg:"" help:"Username or e-mail address."`
	Reason string        `required:"" help:"Why, for the audit log: \"lost key, identity checked in person\"." env:"-"`
	For    time.Duration `help:"How long it works, from 10m to 8h." default:"1h" env:"-" placeholder:"TIME"`
	Many   bool          `help:"It may be used until it ends, instead of once." env:"-"`
}

// Run prints the pass.
func (c *passIssue) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	now := env.now()
	terms := signin.PassTerms{StartsAt: now, ExpiresAt: now.Add(c.For), Many: c.Many}
	code, err := env.service.IssuePass(env.ctx, actor, p.ID, terms, c.Reason)
	if err != nil {
		return explain(err)
	}
	uses := "once"
	if c.Many {
		uses = "as often as needed"
	}
	_, err = fmt.Fprintf(env.stdout, "Temporary access pass for %s, until %s, %s:\n  %s\nIt is shown this once. They use it with their user name at the sign-in page.\n",
		p.Name, terms.ExpiresAt.Local().Format("15:04"), uses, code)
	return err
}

type passRevoke struct {
	Person  string `arg:"" help:"Username or e-mail address."`
	Earlier bool   `help:"Also end what passes of the last 7 days led to that were replaced or used up since." env:"-"`
}

// Run takes the pass back.
func (c *passRevoke) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	ended, err := env.service.RevokePass(env.ctx, actor, p.ID, c.Earlier)
	if errors.Is(err, staffkey.ErrNotFound) {
		return fmt.Errorf("%s has no pass now; --earlier ends what passes of the last 7 days led to", p.Name)
	}
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "No pass of %s works any more. Sessions by a pass that ended now: %d.\n", p.Name, ended.Sessions)
	for _, k := range ended.Keys {
		_, err = fmt.Fprintf(env.stdout, "On hold, because it was set up by whoever came in by the pass: %s\n", k.Nickname)
	}
	for _, m := range ended.Methods {
		_, err = fmt.Fprintf(env.stdout, "Switched off, for the same reason: %s\n", m)
	}
	return err
}

type personUnfreeze struct {
	Person string `arg:"" help:"Username or e-mail address."`
	Reason string `required:"" help:"What was found, for the audit log." env:"-"`
}

// Run opens a frozen account.
func (c *personUnfreeze) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	if err := env.service.Unfreeze(env.ctx, actor, p.ID, c.Reason); err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s can sign in again. Whatever was set up in the week before stays off, and the password has to be chosen anew:\n"+
		"  staffkeyd pass issue %s --reason ...   lets them in to do so.\n", p.Name, p.Username)
	return err
}

type personResume struct {
	Person   string `arg:"" help:"Username or e-mail address."`
	Nickname string `arg:"" help:"Nickname of the token that is on hold."`
}

// Run puts a token that is on hold back in use.
func (c *personResume) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	id, err := env.service.FindStoppedKey(env.ctx, actor, p.ID, c.Nickname)
	if err != nil {
		return explain(err)
	}
	if err := env.service.ResumeKeyFor(env.ctx, actor, p.ID, id); err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "%q of %s works again.\n", c.Nickname, p.Name)
	return err
}

type exceptionCommands struct {
	Grant exceptionGrant `cmd:"" help:"Let a person off, for a while, what policy asks them to set up."`
	List  exceptionList  `cmd:"" help:"List the exceptions that count for a person now."`
	End   exceptionEnd   `cmd:"" help:"End a person's exceptions now."`
}

type exceptionGrant struct {
	Person string        `arg:"" help:"Username or e-mail address."`
	Reason string        `required:"" help:"Why, for the audit log." env:"-"`
	For    time.Duration `help:"How long, at most 180 days (4320h)." default:"24h" env:"-" placeholder:"TIME"`
}

// Run grants the exception.
func (c *exceptionGrant) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	e, err := env.directory.GrantException(env.ctx, actor, p.ID, c.Reason, c.For)
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s is let off until %s.\n", p.Name, e.ExpiresAt.Local().Format("2 January 2006 15:04"))
	return err
}

type exceptionList struct {
	Person string `arg:"" help:"Username or e-mail address."`
	listFormat
}

// Run lists the exceptions.
func (c *exceptionList) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	exceptions, err := env.directory.Exceptions(env.ctx, actor, p.ID)
	if err != nil {
		return explain(err)
	}
	list, err := newListing(env, c.listFormat, "exceptions", column{"until", "UNTIL", 20}, column{"owner", "OWNER", 20}, column{"reason", "REASON", 40})
	if err != nil {
		return err
	}
	for _, e := range exceptions {
		if err := list.line(e.ExpiresAt.Format(time.RFC3339), e.OwnerName, e.Reason); err != nil {
			return err
		}
	}
	return list.close()
}

type exceptionEnd struct {
	Person string `arg:"" help:"Username or e-mail address."`
}

// Run ends the exceptions.
func (c *exceptionEnd) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	n, err := env.directory.EndExceptions(env.ctx, actor, p.ID)
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "Ended: %d.\n", n)
	return err
}

type stationCommands struct {
	Link   stationLink   `cmd:"" help:"Print a link that makes the browser that opens it a shared station."`
	List   stationList   `cmd:"" help:"List shared stations."`
	Revoke stationRevoke `cmd:"" help:"Make a station an ordinary browser again and end the sessions on it."`
}

type stationLink struct {
	Organisation string `arg:"" help:"Code of the organisation."`
	Name         string `required:"" help:"What people call the computer: \"Ward 6, desk\"." env:"-"`
}

// Run prints the link.
func (c *stationLink) Run(env *environment) error {
	o, err := env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	link, err := env.service.IssueStationLink(env.ctx, staffkey.ConsoleActor(), o.ID, c.Name)
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "Open this once within 24 hours, in the browser that is to be %q of %s:\n%s\n", c.Name, o.Name, link)
	return err
}

type stationList struct {
	Organisation string `arg:"" help:"Code of the organisation whose stations to list, with those of all below it."`
	listFormat
}

// Run lists stations.
func (c *stationList) Run(env *environment) error {
	o, err := env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	stations, err := env.service.ListStations(env.ctx, staffkey.ConsoleActor(), o.ID)
	if err != nil {
		return explain(err)
	}
	list, err := newListing(env, c.listFormat, "stations", column{"id", "ID", 36}, column{"name", "NAME", 30}, column{"since", "SINCE", 20})
	if err != nil {
		return err
	}
	for _, s := range stations {
		if err := list.line(string(s.ID), s.Name, s.CreatedAt.Format(time.RFC3339)); err != nil {
			return err
		}
	}
	return list.close()
}

type stationRevoke struct {
	ID string `arg:"" help:"Id of the station, as the list shows it."`
}

// Run revokes the station.
func (c *stationRevoke) Run(env *environment) error {
	if err := env.service.RevokeStation(env.ctx, staffkey.ConsoleActor(), staffkey.StationID(c.ID)); err != nil {
		return explain(err)
	}
	_, err := fmt.Fprintln(env.stdout, "It is an ordinary browser again, within half a minute.")
	return err
}
