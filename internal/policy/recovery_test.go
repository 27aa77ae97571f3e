package policy_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
)

// roles are grants of somebody who is to be helped.
func roles(r ...staffkey.Role) (list []staffkey.RoleGrant) {
	for _, role := range r {
		list = append(list, staffkey.RoleGrant{Person: "target", Role: role, Organisation: "trust"})
	}
	return list
}

// F44 and F46: whom an administrator may help back in, alike for a pass, an exception and the rest.
func TestRecovering_reaches_the_own_people_only(t *testing.T) {
	t.Parallel()
	operator, administrator := with(staffkey.RoleOperator, "root"), with(staffkey.RoleLocalAdministrator, "trust")
	for what, may := range map[string]func(staffkey.Authority, []staffkey.RoleGrant) error{
		"recover": func(a staffkey.Authority, g []staffkey.RoleGrant) error { return policy.MayRecover(a, chain, g) },
		"issue a pass": func(a staffkey.Authority, g []staffkey.RoleGrant) error {
			return policy.MayIssuePass(a, "target", chain, g, 0, time.Hour)
		},
		"grant an exception": func(a staffkey.Authority, g []staffkey.RoleGrant) error {
			return policy.MayGrantException(a, "target", chain, g, time.Hour)
		},
	} {
		allow(t, what+": administrator", may(administrator, nil))
		allow(t, what+": administrator above", may(with(staffkey.RoleLocalAdministrator, "region"), nil))
		deny(t, what+": administrator elsewhere", "scope", may(with(staffkey.RoleLocalAdministrator, "other"), nil))
		deny(t, what+": administrator below", "scope", may(with(staffkey.RoleLocalAdministrator, "ward"), nil))
		deny(t, what+": helpdesk", "scope", may(with(staffkey.RoleHelpdesk, "trust"), nil))
		deny(t, what+": auditor", "scope", may(with(staffkey.RoleAuditor, "root"), nil))
		deny(t, what+": nobody", "scope", may(staffkey.Authority{}, nil))
		deny(t, what+": administrator without a key", "role_needs_key", may(proved(administrator, phished), nil))
		for _, r := range staffkey.Roles {
			deny(t, what+": administrator for "+string(r), "rank", may(administrator, roles(r)))
			allow(t, what+": console for "+string(r), may(console, roles(r)))
		}
		for _, r := range staffkey.Roles[1:] {
			allow(t, what+": operator for "+string(r), may(operator, roles(r)))
		}
		deny(t, what+": operator for an operator", "rank", may(operator, roles(staffkey.RoleOperator)))
	}
	deny(t, "a pass for oneself", "self_pass", policy.MayIssuePass(operator, "actor", chain, nil, 0, time.Hour))
	deny(t, "an exception for oneself", "self_grant", policy.MayGrantException(operator, "actor", chain, nil, time.Hour))
}

func TestMayIssuePass_for_a_bounded_time(t *testing.T) {
	t.Parallel()
	may := func(ahead, life time.Duration) error {
		return policy.MayIssuePass(with(staffkey.RoleLocalAdministrator, "trust"), "target", chain, nil, ahead, life)
	}
	allow(t, "ten minutes", may(0, 10*time.Minute))
	allow(t, "eight hours", may(0, 8*time.Hour))
	allow(t, "tomorrow", may(24*time.Hour, 8*time.Hour))
	allow(t, "on a form that was filled in for ten minutes", may(-10*time.Minute, time.Hour))
	invalid(t, "less", "length", may(0, 10*time.Minute-1))
	invalid(t, "more", "length", may(0, 8*time.Hour+1))
	invalid(t, "backwards", "length", may(0, -time.Hour))
	invalid(t, "later than tomorrow", "starts", may(24*time.Hour+1, time.Hour))
	invalid(t, "from the past", "starts", may(-10*time.Minute-1, time.Hour))
	invalid(t, "more, at the console", "length", policy.MayIssuePass(console, "target", chain, nil, 0, 9*time.Hour))
}

func TestMayGrantException_for_a_bounded_time(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	may := func(a staffkey.Authority, length time.Duration) error {
		return policy.MayGrantException(a, "target", chain, nil, length)
	}
	operator, administrator := with(staffkey.RoleOperator, "root"), with(staffkey.RoleLocalAdministrator, "trust")
	allow(t, "a day by an administrator", may(administrator, day))
	invalid(t, "more by an administrator", "length", may(administrator, day+1))
	allow(t, "half a year by an operator", may(operator, 180*day))
	allow(t, "half a year at the console", may(console, 180*day))
	for name, a := range map[string]staffkey.Authority{"operator": operator, "console": console} {
		invalid(t, "more by "+name, "length", may(a, 180*day+1))
		invalid(t, "none by "+name, "length", may(a, 0))
		invalid(t, "less than none by "+name, "length", may(a, -day))
	}
}

// F48: a mailbox alone never leads to other people's keys.
func TestMayResetByMail(t *testing.T) {
	t.Parallel()
	p := staffkey.Person{ID: "target", State: staffkey.PersonActive}
	may := func(p staffkey.Person, g []staffkey.RoleGrant, h policy.Holdings) error {
		return policy.MayResetByMail(p, g, h)
	}
	allow(t, "somebody without a role and with nothing else", may(p, nil, none))
	allow(t, "somebody without a role and with a key", may(p, nil, oneKey))
	for _, r := range staffkey.Roles {
		deny(t, string(r)+" with nothing else", "role_needs_key", may(p, roles(r), none))
		deny(t, string(r)+" with a pass only", "role_needs_key", may(p, roles(r), policy.Holdings{Others: []staffkey.MethodKind{staffkey.MethodPass}}))
		allow(t, string(r)+" with a key", may(p, roles(r), oneKey))
		allow(t, string(r)+" with codes that are used up, which the password does not replace", may(p, roles(r), policy.Holdings{SetUp: true}))
	}
	frozen, gone := p, p
	frozen.State, gone.State = staffkey.PersonFrozen, staffkey.PersonDisabled
	deny(t, "somebody frozen", "person_frozen", may(frozen, nil, oneKey))
	deny(t, "somebody disabled", "person_disabled", may(gone, nil, oneKey))
}

func TestMayRunStation(t *testing.T) {
	t.Parallel()
	may := policy.MayRunStation
	allow(t, "console", may(console, chain))
	for _, r := range []staffkey.Role{staffkey.RoleOperator, staffkey.RoleLocalAdministrator} {
		allow(t, string(r)+" there", may(with(r, "trust"), chain))
		allow(t, string(r)+" above", may(with(r, "root"), chain))
		deny(t, string(r)+" elsewhere", "scope", may(with(r, "other"), chain))
		deny(t, string(r)+" without a key", "role_needs_key", may(proved(with(r, "trust"), phished), chain))
	}
	deny(t, "helpdesk", "scope", may(with(staffkey.RoleHelpdesk, "trust"), chain))
	deny(t, "auditor", "scope", may(with(staffkey.RoleAuditor, "trust"), chain))
}
