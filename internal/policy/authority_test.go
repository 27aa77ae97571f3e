package policy_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
)

// chain is a ward in a trust in a region, nearest first.
var chain = policy.Chain{"trust", "region", "root"}

var (
	strong  = staffkey.Assurance{Level: 3, PhishingResistant: true}
	enough  = staffkey.Assurance{Level: 2, PhishingResistant: true}
	phished = staffkey.Assurance{Level: 2}
	weak    = staffkey.Assurance{Level: 1, PhishingResistant: true}
	console = staffkey.Authority{Actor: staffkey.ConsoleActor()}
)

// with is an actor with a role at a node.
func with(r staffkey.Role, at staffkey.OrganisationID) staffkey.Authority {
	return staffkey.Authority{Actor: staffkey.Actor{Person: "actor"}, Assurance: strong, ProvedAt: now, Grants: []staffkey.RoleGrant{{Person: "actor", Role: r, Organisation: at}}}
}

func proved(a staffkey.Authority, s staffkey.Assurance) staffkey.Authority {
	a.Assurance = s
	return a
}

func TestMayOperate(t *testing.T) {
	t.Parallel()
	allow(t, "operator", policy.MayOperate(with(staffkey.RoleOperator, "root")))
	deny(t, "operator without a key", "role_needs_key", policy.MayOperate(proved(with(staffkey.RoleOperator, "root"), phished)))
	for _, r := range []staffkey.Role{staffkey.RoleLocalAdministrator, staffkey.RoleHelpdesk, staffkey.RoleAuditor, ""} {
		deny(t, "as "+string(r), "scope", policy.MayOperate(with(r, "root")))
	}
	deny(t, "nobody", "scope", policy.MayOperate(staffkey.Authority{}))
}

func TestRunning(t *testing.T) {
	t.Parallel()
	operators := map[string]func(staffkey.Authority, policy.Chain) error{
		"add organisation": policy.MayAddOrganisation, "change organisation": policy.MayChangeOrganisation, "change policy": policy.MayChangePolicy,
	}
	for what, may := range operators {
		allow(t, what+": console", may(console, chain))
		allow(t, what+": operator there", may(with(staffkey.RoleOperator, "trust"), chain))
		allow(t, what+": operator above", may(with(staffkey.RoleOperator, "root"), chain))
		deny(t, what+": operator elsewhere", "scope", may(with(staffkey.RoleOperator, "other"), chain))
		deny(t, what+": operator below", "scope", may(with(staffkey.RoleOperator, "ward"), chain))
		deny(t, what+": operator over nothing", "scope", may(with(staffkey.RoleOperator, "root"), nil))
		for _, r := range []staffkey.Role{staffkey.RoleLocalAdministrator, staffkey.RoleHelpdesk, staffkey.RoleAuditor, "", "superuser"} {
			deny(t, what+": "+string(r), "scope", may(with(r, "root"), chain))
		}
		deny(t, what+": nobody", "scope", may(staffkey.Authority{}, chain))
	}
	may := policy.MayManagePeople
	allow(t, "console", may(console, chain))
	for _, r := range []staffkey.Role{staffkey.RoleOperator, staffkey.RoleLocalAdministrator} {
		allow(t, string(r)+" there", may(with(r, "trust"), chain))
		allow(t, string(r)+" above", may(with(r, "region"), chain))
		deny(t, string(r)+" elsewhere", "scope", may(with(r, "other"), chain))
		deny(t, string(r)+" below", "scope", may(with(r, "ward"), chain))
	}
	deny(t, "helpdesk", "scope", may(with(staffkey.RoleHelpdesk, "trust"), chain))
	deny(t, "auditor", "scope", may(with(staffkey.RoleAuditor, "root"), chain))
}

// F60: whoever acts for others has proved it with something that cannot be phished.
func TestRoles_need_a_key(t *testing.T) {
	t.Parallel()
	operator, administrator := with(staffkey.RoleOperator, "root"), with(staffkey.RoleLocalAdministrator, "root")
	for what, may := range map[string]func(staffkey.Authority) error{
		"add organisation":    func(a staffkey.Authority) error { return policy.MayAddOrganisation(a, chain) },
		"change organisation": func(a staffkey.Authority) error { return policy.MayChangeOrganisation(a, chain) },
		"change policy":       func(a staffkey.Authority) error { return policy.MayChangePolicy(a, chain) },
		"manage people":       func(a staffkey.Authority) error { return policy.MayManagePeople(a, chain) },
		"first password":      func(a staffkey.Authority) error { return policy.MayIssueFirstPassword(a, chain, nil) },
		"grant role":          func(a staffkey.Authority) error { return policy.MayGrantRole(a, "other", staffkey.RoleHelpdesk, chain) },
	} {
		allow(t, what+" with a key", may(proved(operator, enough)))
		deny(t, what+" without", "role_needs_key", may(proved(operator, phished)))
		deny(t, what+" with a key that verified nobody", "role_needs_key", may(proved(operator, weak)))
		deny(t, what+" with nothing", "role_needs_key", may(proved(operator, staffkey.Assurance{})))
	}
	deny(t, "Local Administrator grants without", "role_needs_key", policy.MayGrantRole(proved(administrator, phished), "other", staffkey.RoleHelpdesk, chain))
}

func TestMayIssueFirstPassword(t *testing.T) {
	t.Parallel()
	grants := func(roles ...staffkey.Role) (list []staffkey.RoleGrant) {
		for _, r := range roles {
			list = append(list, staffkey.RoleGrant{Person: "target", Role: r, Organisation: "elsewhere"})
		}
		return list
	}
	may := policy.MayIssueFirstPassword
	operator, administrator := with(staffkey.RoleOperator, "root"), with(staffkey.RoleLocalAdministrator, "trust")
	allow(t, "for anybody", may(administrator, chain, nil))
	deny(t, "for helpdesk, maybe of more than theirs", "rank", may(administrator, chain, grants(staffkey.RoleHelpdesk)))
	deny(t, "for an auditor, maybe of more than theirs", "rank", may(administrator, chain, grants(staffkey.RoleAuditor)))
	allow(t, "operator for helpdesk", may(operator, chain, grants(staffkey.RoleHelpdesk)))
	deny(t, "for another Local Administrator", "rank", may(administrator, chain, grants(staffkey.RoleLocalAdministrator)))
	deny(t, "for an operator", "rank", may(administrator, chain, grants(staffkey.RoleOperator)))
	deny(t, "for one who is an operator too", "rank", may(administrator, chain, grants(staffkey.RoleAuditor, staffkey.RoleOperator)))
	allow(t, "operator for a Local Administrator", may(operator, chain, grants(staffkey.RoleLocalAdministrator)))
	deny(t, "operator for an operator", "rank", may(operator, chain, grants(staffkey.RoleOperator)))
	allow(t, "console for an operator", may(console, chain, grants(staffkey.RoleOperator)))
	deny(t, "helpdesk", "scope", may(with(staffkey.RoleHelpdesk, "trust"), chain, nil))
	deny(t, "elsewhere", "scope", may(with(staffkey.RoleLocalAdministrator, "other"), chain, nil))
}

func TestMayGrantRole(t *testing.T) {
	t.Parallel()
	may := func(a staffkey.Authority, to staffkey.PersonID, r staffkey.Role) error {
		return policy.MayGrantRole(a, to, r, chain)
	}
	operator, administrator := with(staffkey.RoleOperator, "region"), with(staffkey.RoleLocalAdministrator, "trust")
	for _, r := range staffkey.Roles {
		allow(t, "console grants "+string(r), may(console, "target", r))
		allow(t, "operator grants "+string(r), may(operator, "target", r))
		deny(t, "operator to themselves "+string(r), "self_grant", may(operator, "actor", r))
		deny(t, "operator elsewhere "+string(r), "scope", may(with(staffkey.RoleOperator, "other"), "target", r))
		deny(t, "helpdesk grants "+string(r), "scope", may(with(staffkey.RoleHelpdesk, "root"), "target", r))
		deny(t, "auditor grants "+string(r), "scope", may(with(staffkey.RoleAuditor, "root"), "target", r))
		deny(t, "nobody grants "+string(r), "scope", may(staffkey.Authority{Actor: staffkey.Actor{Person: "actor"}, Assurance: strong}, "target", r))
	}
	allow(t, "Local Administrator grants helpdesk", may(administrator, "target", staffkey.RoleHelpdesk))
	allow(t, "Local Administrator grants auditor", may(administrator, "target", staffkey.RoleAuditor))
	deny(t, "Local Administrator grants their own role", "rank", may(administrator, "target", staffkey.RoleLocalAdministrator))
	deny(t, "Local Administrator grants operator", "rank", may(administrator, "target", staffkey.RoleOperator))
	deny(t, "Local Administrator grants a role that is none", "rank", may(administrator, "target", "superuser"))
	deny(t, "Local Administrator to themselves", "self_grant", may(administrator, "actor", staffkey.RoleAuditor))
	deny(t, "Local Administrator elsewhere", "scope", may(with(staffkey.RoleLocalAdministrator, "other"), "target", staffkey.RoleHelpdesk))
}

func TestOwn(t *testing.T) {
	t.Parallel()
	own := staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}}
	allow(t, "own keys", policy.MayManageKeys(own.Actor, "amara"))
	deny(t, "another's keys", "scope", policy.MayManageKeys(own.Actor, "ben"))
	deny(t, "nobody's keys by nobody", "scope", policy.MayManageKeys(staffkey.Actor{}, ""))
	deny(t, "keys at the console", "scope", policy.MayManageKeys(console.Actor, "amara"))
	deny(t, "keys by an operator", "scope", policy.MayManageKeys(with(staffkey.RoleOperator, "root").Actor, "amara"))
	allow(t, "own activity", policy.MaySeeActivity(own.Actor, "amara"))
	allow(t, "activity at the console", policy.MaySeeActivity(console.Actor, "amara"))
	deny(t, "another's activity", "scope", policy.MaySeeActivity(own.Actor, "ben"))
}

// F10: at most five minutes old, and as strong as the strongest.
func TestIsFresh(t *testing.T) {
	t.Parallel()
	fresh := func(a staffkey.Assurance, age time.Duration, strongest staffkey.Assurance) error {
		return policy.IsFresh(staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}, Assurance: a, ProvedAt: now.Add(-age)}, strongest, now)
	}
	const limit = staffkey.ProofLife
	allow(t, "just now", fresh(strong, 0, enough))
	allow(t, "exactly five minutes", fresh(strong, limit, enough))
	deny(t, "a moment more", policy.StepUp, fresh(strong, limit+1, enough))
	allow(t, "as strong", fresh(enough, 0, enough))
	deny(t, "not phishing-resistant", policy.StepUp, fresh(phished, 0, enough))
	deny(t, "level 1", policy.StepUp, fresh(weak, 0, enough))
	allow(t, "codes for codes", fresh(phished, 0, phished))
	allow(t, "a key for codes", fresh(strong, 0, phished))
	allow(t, "password of somebody with nothing", fresh(staffkey.Assurance{Level: 1}, 0, staffkey.Assurance{}))
	pass := func(age time.Duration) error {
		return policy.IsFresh(staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}, Assurance: weak, Recovery: staffkey.RecoveryPass, ProvedAt: now.Add(-age)}, staffkey.Assurance{Level: 1}, now)
	}
	allow(t, "a pass of half an hour ago", pass(staffkey.PassProofLife))
	deny(t, "a pass of a moment more", policy.StepUp, pass(staffkey.PassProofLife+1))
	deny(t, "never proved", policy.StepUp, policy.IsFresh(staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}, Assurance: strong}, none.Strongest(), now))
}

func TestChanging_methods(t *testing.T) {
	t.Parallel()
	p := policy.Defaults()
	own := staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}, Assurance: strong, ProvedAt: now}
	stale := own
	stale.ProvedAt = now.Add(-staffkey.ProofLife - 1)
	byCode := proved(own, phished)
	for what, may := range map[string]func(a staffkey.Authority, h policy.Holdings) error{
		"enrol key": func(a staffkey.Authority, h policy.Holdings) error {
			return policy.MayEnrolKey(a, "amara", p, h, "", now)
		},
		"restore key": func(a staffkey.Authority, h policy.Holdings) error {
			return policy.MayRestoreKey(a, "amara", p, h, now)
		},
		"remove key": func(a staffkey.Authority, h policy.Holdings) error {
			return policy.MayRemoveKey(a, "amara", "a", h, now)
		},
		"enrol a method": func(a staffkey.Authority, h policy.Holdings) error {
			return policy.MayEnrolMethod(a, "amara", staffkey.MethodRecoveryCode, p, h, now)
		},
	} {
		allow(t, what, may(own, twoKeys))
		deny(t, what+" with an old proof", policy.StepUp, may(stale, twoKeys))
		deny(t, what+" by code beside a key", policy.StepUp, may(byCode, keyCodes))
		deny(t, what+" of another", "scope", may(staffkey.Authority{Actor: staffkey.Actor{Person: "ben"}, Assurance: strong, ProvedAt: now}, twoKeys))
		deny(t, what+" at the console", "scope", may(console, twoKeys))
	}
	allow(t, "fifth key", policy.MayEnrolKey(own, "amara", p, policy.Holdings{Keys: fiveKeys.Keys[:4]}, "", now))
	deny(t, "sixth key", "key_limit", policy.MayEnrolKey(own, "amara", p, fiveKeys, "", now))
	deny(t, "restore a sixth key", "key_limit", policy.MayRestoreKey(own, "amara", p, fiveKeys, now))
	allow(t, "first key with a password", policy.MayEnrolKey(proved(own, staffkey.Assurance{Level: 1}), "amara", p, none, "", now))
	allow(t, "first key by code", policy.MayEnrolKey(byCode, "amara", p, codes, "", now))
	deny(t, "a method that policy does not name", "method_not_allowed", policy.MayEnrolMethod(own, "amara", "telepathy", p, none, now))
	allow(t, "the password, whatever policy names", policy.MayEnrolMethod(own, "amara", staffkey.MethodPassword, staffkey.Policy{}, none, now))

	remove := func(h policy.Holdings) error { return policy.MayRemoveKey(own, "amara", "a", h, now) }
	allow(t, "one of two keys", remove(twoKeys))
	allow(t, "the only key beside codes", remove(keyCodes))
	deny(t, "the only key", "last_method", remove(oneKey))
	deny(t, "the only key that is not suspended", "last_method", remove(policy.Holdings{Keys: []staffkey.SecurityKey{active("a"), suspended("b")}}))
	allow(t, "a suspended key beside one in use", remove(policy.Holdings{Keys: []staffkey.SecurityKey{suspended("a"), active("b")}}))
}
