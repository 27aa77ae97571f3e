package policy

import (
	"slices"
	"time"

	"staffkey"
)

// Chain is an organisation and all above it, nearest first: what a role must reach.
type Chain []staffkey.OrganisationID

// rank orders roles; a higher one is never touched by a lower one.
func rank(r staffkey.Role) int {
	return len(staffkey.Roles) - slices.Index(staffkey.Roles, r)
}

// holds reports whether an actor has one of the roles at a node of the chain.
func holds(actor staffkey.Actor, chain Chain, roles ...staffkey.Role) bool {
	for _, g := range actor.Grants {
		if slices.Contains(roles, g.Role) && slices.Contains(chain, g.Organisation) {
			return true
		}
	}
	return false
}

func notYours() error { return staffkey.Refused("scope", "perm.organisation") }

// strongEnough: whoever acts for others must have proved it with something that cannot be phished (F60).
func strongEnough(actor staffkey.Actor) error {
	if actor.Console || actor.Assurance.PhishingResistant && actor.Assurance.Level >= 2 {
		return nil
	}
	return staffkey.Refused("role_needs_key", "perm.key")
}

// MayAddOrganisation: operators, below any organisation that they look after.
func MayAddOrganisation(actor staffkey.Actor, parent Chain) error {
	return mayRun(actor, parent, staffkey.RoleOperator)
}

// MayChangeOrganisation: operators, for the organisation and those below.
func MayChangeOrganisation(actor staffkey.Actor, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator)
}

// MayChangePolicy: operators.
func MayChangePolicy(actor staffkey.Actor, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator)
}

// MayManagePeople: adding and changing people, by operators and Local Administrators of their organisation.
func MayManagePeople(actor staffkey.Actor, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator, staffkey.RoleLocalAdministrator)
}

// MayIssueFirstPassword: a link to choose a first password, for the people whom the actor manages, and never for
// somebody of the same or a higher rank unless at the console.
func MayIssueFirstPassword(actor staffkey.Actor, chain Chain, target []staffkey.RoleGrant) error {
	if err := MayManagePeople(actor, chain); err != nil || actor.Console {
		return err
	}
	if err := outranks(actor, target); err != nil {
		return err
	}
	// Where the target's roles are held is not told here, so only an operator reaches somebody who has any.
	if len(target) > 0 && !holds(actor, chain, staffkey.RoleOperator) {
		return staffkey.Refused("rank", "perm.rank")
	}
	return nil
}

func mayRun(actor staffkey.Actor, chain Chain, roles ...staffkey.Role) error {
	if actor.Console {
		return nil
	}
	if !holds(actor, chain, roles...) {
		return notYours()
	}
	return strongEnough(actor)
}

// outranks refuses unless every role of the target is below the actor's highest.
func outranks(actor staffkey.Actor, target []staffkey.RoleGrant) error {
	for _, t := range target {
		if !slices.ContainsFunc(actor.Grants, func(g staffkey.RoleGrant) bool { return rank(g.Role) > rank(t.Role) }) {
			return staffkey.Refused("rank", "perm.rank")
		}
	}
	return nil
}

// MayGrantRole: operators grant any role at or below their node; Local Administrators those below their own rank; nobody
// to themselves.
func MayGrantRole(actor staffkey.Actor, person staffkey.PersonID, role staffkey.Role, chain Chain) error {
	if actor.Console {
		return nil
	}
	if actor.Person == person {
		return staffkey.Refused("self_grant", "perm.self")
	}
	if holds(actor, chain, staffkey.RoleOperator) {
		return strongEnough(actor)
	}
	if !holds(actor, chain, staffkey.RoleLocalAdministrator) {
		return notYours()
	}
	if rank(role) >= rank(staffkey.RoleLocalAdministrator) {
		return staffkey.Refused("rank", "perm.rank")
	}
	return strongEnough(actor)
}

// MaySetUp: the operator above all, while the first-run set-up is under way. It is the one time that a role works without
// a key, because registering one is part of it.
func MaySetUp(actor staffkey.Actor, root Chain, finished bool) error {
	if !holds(actor, root, staffkey.RoleOperator) {
		return notYours()
	}
	if finished {
		return staffkey.Refused("set_up_done", "setup.done_already")
	}
	return nil
}

// MayManageKeys: a person's own list of keys.
func MayManageKeys(actor staffkey.Actor, person staffkey.PersonID) error {
	if actor.Person == "" || actor.Person != person {
		return notYours()
	}
	return nil
}

// MaySeeActivity: one's own.
func MaySeeActivity(actor staffkey.Actor, person staffkey.PersonID) error {
	if actor.Console {
		return nil
	}
	return MayManageKeys(actor, person)
}

// StepUp is the refusal that a fresh proof would lift. Whoever sees it asks for the proof and comes back.
const StepUp = "step_up"

// IsFresh: a change of sign-in methods needs a proof at most five minutes old and as strong as the strongest method that
// the person has (F10).
func IsFresh(actor staffkey.Actor, strongest staffkey.Assurance, now time.Time) error {
	if now.Sub(actor.ProvedAt) > staffkey.ProofLife || !actor.Assurance.AtLeast(strongest) {
		return staffkey.Refused(StepUp, "confirm.why")
	}
	return nil
}
