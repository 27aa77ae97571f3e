package main

import (
	"cmp"
	"fmt"
	"strings"

	"staffkey"
)

// organisationCommands are the commands about organisations.
type organisationCommands struct {
	Add    organisationAdd    `cmd:"" help:"Add an organisation."`
	Change organisationChange `cmd:"" help:"Change the name or the helpdesk's number of an organisation."`
	Import organisationImport `cmd:"" help:"Add and change organisations from a CSV file. The same file may be imported again."`
	List   organisationList   `cmd:"" help:"List organisations."`
}

type organisationAdd struct {
	Code   string `arg:"" help:"Short name that files and people use, such as RX1; unique without regard to case."`
	Name   string `required:"" help:"Name as people say it." env:"-"`
	Parent string `help:"Code of the organisation above; the first organisation has none." placeholder:"CODE" env:"-"`
	Phone  string `help:"Telephone number of the local helpdesk. Everybody sees that of the nearest organisation that has one, before signing in that of the first." env:"-"`
}

// Run adds the organisation.
func (c *organisationAdd) Run(env *environment) error {
	o, err := env.directory.AddOrganisation(env.ctx, staffkey.ConsoleActor(),
		staffkey.Organisation{Code: c.Code, Name: c.Name, Parent: staffkey.OrganisationID(c.Parent), Phone: c.Phone})
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "Added %s (%s).\n", o.Name, o.Code)
	return err
}

type organisationChange struct {
	Code  string  `arg:"" help:"Code of the organisation."`
	Name  *string `help:"Name as people say it." env:"-"`
	Phone *string `help:"Telephone number of the local helpdesk; \"\" takes it away." env:"-"`
}

// Run changes what is given, and nothing else.
func (c *organisationChange) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	o, err := env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Code))
	if err != nil {
		return explain(err)
	}
	if c.Name != nil {
		o.Name = *c.Name
	}
	if c.Phone != nil {
		o.Phone = *c.Phone
	}
	if err := env.directory.ChangeOrganisation(env.ctx, actor, o); err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s (%s): helpdesk %s\n", o.Name, o.Code, cmp.Or(o.Phone, "none"))
	return err
}

type organisationImport struct {
	File string `arg:"" help:"CSV file with a header: code, name, parent (a code; empty for the one above all) and optionally phone. \"-\" reads standard input."`
	JSON bool   `help:"Print the result as one JSON object." env:"-"`
	fileForm
}

// Run imports the file.
func (c *organisationImport) Run(env *environment) error {
	file, closeFile, err := c.open(env, c.File)
	if err != nil {
		return explain(err)
	}
	defer closeFile()
	progress := newProgressLine(env)
	report, err := env.directory.ImportOrganisations(env.ctx, staffkey.ConsoleActor(), file, progress.report)
	progress.clear()
	return finishImport(env, report, c.JSON, err)
}

type organisationList struct {
	Below string `arg:"" optional:"" help:"Code of the organisation to begin with."`
	listFormat
}

// Run lists organisations as a tree, or for programs with the code of the one above.
func (c *organisationList) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	lines, err := env.directory.ListOrganisations(env.ctx, actor, staffkey.OrganisationID(c.Below))
	if err != nil {
		return explain(err)
	}
	codes, err := organisationCodes(env, actor)
	if err != nil {
		return explain(err)
	}
	columns := []column{{"code", "CODE", 16}, {"name", "NAME", 44}, {"people", "PEOPLE", 9}}
	if c.CSV || c.JSON {
		columns = []column{{name: "code"}, {name: "name"}, {name: "parent"}, {name: "phone"}, {name: "people"}}
	}
	list, err := newListing(env, c.listFormat, "organisations", columns...)
	if err != nil {
		return err
	}
	if c.CSV || c.JSON {
		for _, l := range lines {
			if err := list.line(l.Code, l.Name, codes[l.Parent], l.Phone, l.People); err != nil {
				return err
			}
		}
		return list.close()
	}
	// The lines come level by level; a tree reads downwards.
	below := map[staffkey.OrganisationID][]int{}
	known := map[staffkey.OrganisationID]bool{}
	for _, l := range lines {
		known[l.ID] = true
	}
	for i, l := range lines {
		parent := l.Parent
		if !known[parent] {
			parent = ""
		}
		below[parent] = append(below[parent], i)
	}
	var tree func(parent staffkey.OrganisationID, depth int) error
	tree = func(parent staffkey.OrganisationID, depth int) error {
		for _, i := range below[parent] {
			l := lines[i]
			if err := list.line(l.Code, strings.Repeat("  ", depth)+l.Name, grouped(l.People)); err != nil {
				return err
			}
			if err := tree(l.ID, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := tree("", 0); err != nil {
		return err
	}
	return list.close()
}
