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
func holds(actor staffkey.Authority, chain Chain, roles ...staffkey.Role) bool {
	for _, g := range actor.Grants {
		if slices.Contains(roles, g.Role) && slices.Contains(chain, g.Organisation) {
			return true
		}
	}
	return false
}

// NotYours is the rule that what was asked for belongs to people whom the actor does not look after.
const NotYours = "scope"

func notYours() error { return staffkey.Refused(NotYours, "perm.organisation") }

// strongEnough: whoever acts for others must have proved it with something that cannot be phished (F60).
func strongEnough(actor staffkey.Authority) error {
	if actor.Console || actor.Assurance.PhishingResistant && actor.Assurance.Level >= 2 {
		return nil
	}
	return staffkey.Refused(NeedsKey, "perm.key")
}

// NeedsKey is the refusal of somebody who has a role and has not proved it by a key.
const NeedsKey = "role_needs_key"

// MayAddOrganisation: operators, below any organisation that they look after.
func MayAddOrganisation(actor staffkey.Authority, parent Chain) error {
	return mayRun(actor, parent, staffkey.RoleOperator)
}

// MayChangeOrganisation: operators, for the organisation and those below.
func MayChangeOrganisation(actor staffkey.Authority, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator)
}

// MayChangePolicy: operators.
func MayChangePolicy(actor staffkey.Authority, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator)
}

// MayRunMetadata: operators of the organisation above all, for what is known of the models of security keys.
func MayRunMetadata(actor staffkey.Authority, root Chain) error {
	return mayRun(actor, root, staffkey.RoleOperator)
}

// MayRecall: operators of the organisation that it holds for.
func MayRecall(actor staffkey.Authority, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator)
}

// MayOperate: whoever is an operator somewhere, for the operators' pages. What they may do there, each operation asks.
func MayOperate(actor staffkey.Authority) error {
	if !IsOperator(actor) {
		return notYours()
	}
	return strongEnough(actor)
}

// IsOperator reports whether somebody is an operator anywhere, to show the way to the operators' pages.
func IsOperator(actor staffkey.Authority) bool {
	return slices.ContainsFunc(actor.Grants, func(g staffkey.RoleGrant) bool { return g.Role == staffkey.RoleOperator })
}

// MayManagePeople: adding and changing people, by operators and Local Administrators of their organisation.
func MayManagePeople(actor staffkey.Authority, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator, staffkey.RoleLocalAdministrator)
}

// MayIssueFirstPassword: a link to choose a first password, for the people whom the actor manages, and never for
// somebody of the same or a higher rank unless at the console.
func MayIssueFirstPassword(actor staffkey.Authority, chain Chain, target []staffkey.RoleGrant) error {
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

// MayRecover: helping somebody back in (a pass, opening a frozen account, a key back in use), with the reach of
// [MayIssueFirstPassword].
func MayRecover(actor staffkey.Authority, chain Chain, target []staffkey.RoleGrant) error {
	return MayIssueFirstPassword(actor, chain, target)
}

// MayIssuePass: whoever may recover somebody, for 10 minutes to 8 hours (F44), and never for themselves.
func MayIssuePass(actor staffkey.Authority, person staffkey.PersonID, chain Chain, target []staffkey.RoleGrant, ahead, life time.Duration) error {
	if actor.Person == person && !actor.Console {
		return staffkey.Refused("self_pass", "perm.self")
	}
	if err := MayRecover(actor, chain, target); err != nil {
		return err
	}
	if ahead > MaxPassAhead || ahead < -MinPassLife {
		return staffkey.Invalid("starts", "pass.starts", "Max", int(MaxPassAhead/time.Hour))
	}
	if life < MinPassLife || life > MaxPassLife {
		return staffkey.Invalid("length", "pass.length", "Min", int(MinPassLife/time.Minute), "Max", int(MaxPassLife/time.Hour))
	}
	return nil
}

// The shortest and the longest pass (F44).
const (
	MinPassLife = 10 * time.Minute
	MaxPassLife = 8 * time.Hour
	// MaxPassAhead is how long before it works a pass may be made: for tomorrow's new starter, not for next year.
	MaxPassAhead = 24 * time.Hour
)

// MayGrantException: Local Administrators for a day, operators and the console for half a year (F46); never to themselves.
func MayGrantException(actor staffkey.Authority, person staffkey.PersonID, chain Chain, target []staffkey.RoleGrant, length time.Duration) error {
	if actor.Person == person && !actor.Console {
		return staffkey.Refused("self_grant", "perm.self")
	}
	if err := MayRecover(actor, chain, target); err != nil {
		return err
	}
	longest := staffkey.MaxExceptionByAdministrator
	if actor.Console || holds(actor, chain, staffkey.RoleOperator) {
		longest = staffkey.MaxExceptionByOperator
	}
	if length <= 0 || length > longest {
		return staffkey.Invalid("length", "exception.length", "Max", int(longest/time.Hour))
	}
	return nil
}

// MayRunStation: making a browser a shared station of an organisation, and undoing it.
func MayRunStation(actor staffkey.Authority, chain Chain) error {
	return mayRun(actor, chain, staffkey.RoleOperator, staffkey.RoleLocalAdministrator)
}

// MayResetByMail: a new password by a link to the person's own address. It needs something stronger beside it, or no role: a mailbox
// alone must never lead to other people's keys.
func MayResetByMail(p staffkey.Person, grants []staffkey.RoleGrant, h Holdings) error {
	if err := IsActive(p); err != nil {
		return err
	}
	if len(grants) > 0 && !h.SetUp {
		return staffkey.Refused("role_needs_key", "perm.key")
	}
	return nil
}

func mayRun(actor staffkey.Authority, chain Chain, roles ...staffkey.Role) error {
	if actor.Console {
		return nil
	}
	if !holds(actor, chain, roles...) {
		return notYours()
	}
	return strongEnough(actor)
}

// outranks refuses unless every role of the target is below the actor's highest.
func outranks(actor staffkey.Authority, target []staffkey.RoleGrant) error {
	for _, t := range target {
		if !slices.ContainsFunc(actor.Grants, func(g staffkey.RoleGrant) bool { return rank(g.Role) > rank(t.Role) }) {
			return staffkey.Refused("rank", "perm.rank")
		}
	}
	return nil
}

// MayGrantRole: operators grant any role at or below their node; Local Administrators those below their own rank; nobody
// to themselves.
func MayGrantRole(actor staffkey.Authority, person staffkey.PersonID, role staffkey.Role, chain Chain) error {
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
func MaySetUp(actor staffkey.Authority, root Chain, finished bool) error {
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

// MaySeeDeviceCheck: whoever helps others, by any role anywhere. A check tells nothing about a person, so no key is asked for.
func MaySeeDeviceCheck(actor staffkey.Authority) error {
	if actor.Console || slices.ContainsFunc(actor.Grants, func(g staffkey.RoleGrant) bool { return slices.Contains(staffkey.Roles, g.Role) }) {
		return nil
	}
	return staffkey.Refused("role", "http.403")
}

// MaySeeOutcome: what a person met, by the code that they read out: whoever helps the people of their organisation, by any role.
func MaySeeOutcome(actor staffkey.Authority, chain Chain) error {
	return mayRun(actor, chain, staffkey.Roles...)
}

// StepUp is the refusal that a fresh proof would lift. Whoever sees it asks for the proof and comes back.
const StepUp = "step_up"

// IsFresh: a change of sign-in methods needs a proof at most five minutes old and as strong as the strongest method that
// the person has (F10).
func IsFresh(actor staffkey.Authority, strongest staffkey.Assurance, now time.Time) error {
	life := staffkey.ProofLife
	if actor.Recovery == staffkey.RecoveryPass {
		life = staffkey.PassProofLife
	}
	if now.Sub(actor.ProvedAt) > life || !actor.Assurance.AtLeast(strongest) {
		return staffkey.Refused(StepUp, "confirm.why")
	}
	return nil
}
