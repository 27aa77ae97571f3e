package main

import (
	"fmt"

	"staffkey"
	"staffkey/internal/directory"
)

// personCommands are the commands about people.
type personCommands struct {
	Add      personAdd      `cmd:"" help:"Add a person and print the link with which they choose their first password."`
	Import   personImport   `cmd:"" help:"Add and change people from a CSV file. The same file may be imported again."`
	List     personList     `cmd:"" help:"List people."`
	Link     personLink     `cmd:"" help:"Print a new link with which a person chooses a first password."`
	Keys     personKeys     `cmd:"" help:"List a person's keys: model, serial number, firmware, and how far they prove it."`
	Unfreeze personUnfreeze `cmd:"" help:"Open an account again that was frozen by \"This was not me\"."`
	Resume   personResume   `cmd:"" help:"Put a token that is on hold back in use."`
}

type personAdd struct {
	Username       string `arg:"" help:"Name to sign in with, such as amara.okafor; unique without regard to case."`
	Name           string `required:"" help:"Name as people say it: \"Amara Okafor\"." env:"-"`
	Organisation   string `required:"" help:"Code of the organisation." placeholder:"CODE" env:"-"`
	Email          string `help:"E-mail address; unique." env:"-"`
	EmployeeNumber string `help:"Number in the staff records." placeholder:"NUMBER" env:"-"`
	Phone          string `help:"Telephone number; shown to others for Local Administrators only." env:"-"`
	NoLink         bool   `help:"Print no link; \"person link\" makes one later." env:"-"`
}

// Run adds the person.
func (c *personAdd) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.AddPerson(env.ctx, actor, staffkey.Person{
		Username: c.Username, Name: c.Name, Organisation: staffkey.OrganisationID(c.Organisation), Email: c.Email,
		EmployeeNumber: c.EmployeeNumber, Phone: c.Phone,
	})
	if err != nil {
		return explain(err)
	}
	fmt.Fprintf(env.stdout, "Added %s (%s).\n", p.Name, p.Username)
	if c.NoLink {
		return nil
	}
	return printLink(env, actor, p)
}

type personLink struct {
	Person string `arg:"" help:"Username or e-mail address."`
}

// Run prints a new link.
func (c *personLink) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	return printLink(env, actor, p)
}

func printLink(env *environment, actor staffkey.Actor, p staffkey.Person) error {
	link, err := env.signin.IssueFirstPasswordLink(env.ctx, actor, p.ID)
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "Link to choose a first password; it works once, so give it to %s and nobody else:\n%s\n", p.Name, link)
	return err
}

type personImport struct {
	File string `arg:"" help:"CSV file with a header: username, name and organisation (a code), and optionally email, employee_number, phone and state (active or disabled). \"-\" reads standard input."`
	JSON bool   `help:"Print the result as one JSON object." env:"-"`
	fileForm

	IgnoreColumn   []string `help:"Column of the file that is not for Staffkey. May be repeated." placeholder:"COLUMN" env:"-"`
	NewHolder      []string `help:"The username is another person's now: whoever had it before is put aside, with all that they signed in with. May be repeated." placeholder:"USERNAME" env:"-"`
	SamePerson     []string `help:"The row of this username is about who had it, or its employee number, before: they keep what they sign in with. May be repeated." placeholder:"USERNAME" env:"-"`
	Renumbered     bool     `help:"The employee numbers are new ones: who has the same name or e-mail address is who they were." env:"-"`
	RenameByNumber bool     `help:"An unknown username with the employee number of somebody of the same organisation is their new one, if their own is not in the file. For files of everybody." env:"-"`
}

// Run imports the file.
func (c *personImport) Run(env *environment) error {
	file, closeFile, err := c.open(env, c.File)
	if err != nil {
		return explain(err)
	}
	defer closeFile()
	progress := newProgressLine(env)
	said := directory.Confirmed{IgnoreColumns: c.IgnoreColumn, NewHolders: c.NewHolder, SamePeople: c.SamePerson, Renumbered: c.Renumbered, RenameByNumber: c.RenameByNumber}
	report, err := env.directory.ImportPeopleConfirmed(env.ctx, staffkey.ConsoleActor(), file, said, progress.report)
	progress.clear()
	return finishImport(env, report, c.JSON, err)
}

type personList struct {
	Prefix       string `arg:"" optional:"" help:"Beginning of a name, username or e-mail address."`
	Organisation string `help:"Code of the organisation whose people to list, with those of all below it." placeholder:"CODE" env:"-"`
	listFormat
}

// Run lists people, a page at a time.
func (c *personList) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	codes, err := organisationCodes(env, actor)
	if err != nil {
		return explain(err)
	}
	columns := []column{{"username", "USERNAME", 24}, {"name", "NAME", 30}, {"organisation", "ORGANISATION", 12}, {"state", "STATE", 8}}
	if c.CSV || c.JSON { // for programs the columns of an import, so that a list can be changed and imported again
		columns = []column{{name: "username"}, {name: "name"}, {name: "organisation"}, {name: "email"}, {name: "employee_number"}, {name: "phone"}, {name: "state"}}
	}
	list, err := newListing(env, c.listFormat, "people", columns...)
	if err != nil {
		return err
	}
	query := directory.PersonQuery{Prefix: c.Prefix, Organisation: staffkey.OrganisationID(c.Organisation), Limit: 1000}
	for {
		page, err := env.directory.ListPeople(env.ctx, actor, query)
		if err != nil {
			return explain(err)
		}
		for _, p := range page.People {
			values := []any{p.Username, p.Name, codes[p.Organisation], string(p.State)}
			if c.CSV || c.JSON {
				values = []any{p.Username, p.Name, codes[p.Organisation], p.Email, p.EmployeeNumber, p.Phone, string(p.State)}
			}
			if err := list.line(values...); err != nil {
				return err
			}
		}
		if !page.More {
			return list.close()
		}
		query.After = &page.People[len(page.People)-1]
	}
}

// organisationCodes returns the codes of all organisations by id.
func organisationCodes(env *environment, actor staffkey.Actor) (map[staffkey.OrganisationID]string, error) {
	lines, err := env.directory.ListOrganisations(env.ctx, actor, "")
	codes := make(map[staffkey.OrganisationID]string, len(lines))
	for _, l := range lines {
		codes[l.ID] = l.Code
	}
	return codes, err
}
