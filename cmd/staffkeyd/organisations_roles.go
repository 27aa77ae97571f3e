package main

import (
	"fmt"
	"strings"

	"staffkey"
)

// roleCommands are the commands about what people may do for others.
type roleCommands struct {
	Grant  roleGrant  `cmd:"" help:"Give a person a role at an organisation and everything below it."`
	Revoke roleRevoke `cmd:"" help:"Take a role back."`
	List   roleList   `cmd:"" help:"List who holds which role."`
}

// roleHeld names a role that somebody holds or is to hold.
type roleHeld struct {
	Person       string `arg:"" help:"Username or e-mail address."`
	Role         string `arg:"" help:"operator, local-administrator, helpdesk or auditor."`
	Organisation string `help:"Code of the organisation; the first one when left out." placeholder:"CODE" env:"-"`
}

// find returns the person, role and organisation that the arguments name.
func (c roleHeld) find(env *environment, actor staffkey.Actor) (staffkey.Person, staffkey.Role, staffkey.Organisation, error) {
	var o staffkey.Organisation
	role, err := staffkey.ParseRole(strings.ReplaceAll(strings.ToLower(c.Role), "-", "_"))
	if err != nil {
		return staffkey.Person{}, role, o, err
	}
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return p, role, o, err
	}
	if c.Organisation != "" {
		o, err = env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Organisation))
		return p, role, o, err
	}
	lines, err := env.directory.ListOrganisations(env.ctx, actor, "")
	if err == nil && len(lines) > 0 {
		o = lines[0].Organisation
	}
	return p, role, o, err
}

type roleGrant struct{ roleHeld }

// Run grants the role.
func (c *roleGrant) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, role, o, err := c.find(env, actor)
	if err == nil {
		err = env.directory.GrantRole(env.ctx, actor, p.ID, role, o.ID)
	}
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s (%s) is %s at %s.\n", p.Name, p.Username, roleName(role), o.Name)
	return err
}

type roleRevoke struct{ roleHeld }

// Run revokes the role.
func (c *roleRevoke) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, role, o, err := c.find(env, actor)
	if err == nil {
		err = env.directory.RevokeRole(env.ctx, actor, p.ID, role, o.ID)
	}
	if err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "%s (%s) is no longer %s at %s.\n", p.Name, p.Username, roleName(role), o.Name)
	return err
}

type roleList struct {
	Organisation string `arg:"" optional:"" help:"Code of the organisation whose roles to list, with those of all below it."`
	listFormat
}

// Run lists the roles.
func (c *roleList) Run(env *environment) error {
	lines, err := env.directory.ListRoles(env.ctx, staffkey.ConsoleActor(), staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	list, err := newListing(env, c.listFormat, "roles", column{"organisation", "ORGANISATION", 12}, column{"role", "ROLE", 19},
		column{"username", "USERNAME", 21}, column{"name", "NAME", 22})
	if err != nil {
		return err
	}
	for _, l := range lines {
		if err := list.line(l.OrganisationCode, string(l.Role), l.Username, l.PersonName); err != nil {
			return err
		}
	}
	return list.close()
}

// roleName is a role as people say it.
func roleName(r staffkey.Role) string {
	if r == staffkey.RoleLocalAdministrator {
		return "Local Administrator"
	}
	return string(r)
}
