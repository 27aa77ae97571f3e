package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"staffkey"
)

// policyCommands are the commands about what an organisation has decided.
type policyCommands struct {
	Show policyShow `cmd:"" help:"Show what holds for the people of an organisation."`
	Set  policySet  `cmd:"" help:"Decide something for an organisation and all below it."`
}

type policyShow struct {
	Organisation string `arg:"" help:"Code of the organisation."`
	JSON         bool   `help:"Print one JSON object." env:"-"`
}

// Run shows the policy and which of it the organisation has decided itself.
func (c *policyShow) Run(env *environment) error {
	o, err := env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	own, err := env.directory.PolicySettings(env.ctx, staffkey.ConsoleActor(), o.ID)
	if err != nil {
		return explain(err)
	}
	p, err := env.directory.EffectivePolicy(env.ctx, o.ID)
	if err != nil {
		return explain(err)
	}
	if c.JSON {
		return json.NewEncoder(env.stdout).Encode(struct {
			Organisation string                  `json:"organisation"`
			Effective    staffkey.PolicySettings `json:"effective"`
			Decided      staffkey.PolicySettings `json:"decided_here"`
		}{o.Code, staffkey.PolicySettings{Methods: &p.Methods, MaxKeys: &p.MaxKeys, Sessions: &p.Sessions}, own})
	}
	methods := make([]string, len(p.Methods))
	for i, m := range p.Methods {
		methods[i] = string(m)
	}
	l := p.Sessions
	_, err = fmt.Fprintf(env.stdout, "max-keys   %d%s\nmethods    password, security_key%s%s\nsessions   %d,%d,%d,%d%s (minutes: idle and in all at AAL2, idle and in all at AAL3)\n",
		p.MaxKeys, here(own.MaxKeys != nil), prefixed(methods), here(own.Methods != nil),
		l.IdleAAL2, l.AbsoluteAAL2, l.IdleAAL3, l.AbsoluteAAL3, here(own.Sessions != nil))
	return err
}

func here(decided bool) string {
	if decided {
		return " (decided here)"
	}
	return ""
}

func prefixed(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", " + strings.Join(names, ", ")
}

type policySet struct {
	Organisation string   `arg:"" help:"Code of the organisation."`
	MaxKeys      *int     `help:"The most security keys of a person." placeholder:"N" env:"-"`
	Methods      []string `help:"Methods besides the password and the security key, such as recovery_code." placeholder:"METHOD" env:"-"`
	Sessions     []int    `help:"Limits in minutes: idle and in all at AAL2, idle and in all at AAL3, as in 60,1440,15,720." placeholder:"MINUTES" env:"-"`
	Inherit      []string `help:"Leave these to the organisation above again: max-keys, methods, sessions." enum:"max-keys,methods,sessions" placeholder:"SETTING" env:"-"`
}

// Run changes the settings that are named and leaves the others.
func (c *policySet) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	if c.Sessions != nil && len(c.Sessions) != 4 {
		return fmt.Errorf("--sessions: four numbers are needed, not %d", len(c.Sessions))
	}
	o, err := env.directory.Organisation(env.ctx, staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	settings, err := env.directory.PolicySettings(env.ctx, actor, o.ID)
	if err != nil {
		return explain(err)
	}
	if slices.Contains(c.Inherit, "max-keys") {
		settings.MaxKeys = nil
	}
	if slices.Contains(c.Inherit, "methods") {
		settings.Methods = nil
	}
	if slices.Contains(c.Inherit, "sessions") {
		settings.Sessions = nil
	}
	if c.MaxKeys != nil {
		settings.MaxKeys = c.MaxKeys
	}
	if c.Methods != nil {
		methods := []staffkey.MethodKind{}
		for _, m := range c.Methods {
			if m != "" { // --methods= allows none
				methods = append(methods, staffkey.MethodKind(m))
			}
		}
		settings.Methods = &methods
	}
	if n := c.Sessions; n != nil {
		settings.Sessions = &staffkey.SessionLimits{IdleAAL2: n[0], AbsoluteAAL2: n[1], IdleAAL3: n[2], AbsoluteAAL3: n[3]}
	}
	if err := env.directory.ChangePolicy(env.ctx, actor, o.ID, settings); err != nil {
		return explain(err)
	}
	return (&policyShow{Organisation: c.Organisation}).Run(env)
}
