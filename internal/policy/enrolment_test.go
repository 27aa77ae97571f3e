package policy_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"

	"github.com/google/go-cmp/cmp"
)

// session is an actor whose own session was opened at a strength, just now, by a means of recovery or none.
func session(a staffkey.Assurance, r staffkey.Recovery) staffkey.Authority {
	return staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}, Assurance: a, Recovery: r, ProvedAt: now}
}

var (
	byKey  = session(strong, staffkey.RecoveryNone)
	byApp  = session(phished, staffkey.RecoveryNone)
	bySave = session(phished, staffkey.RecoveryCode)
	bySlip = session(staffkey.Assurance{Level: 1}, staffkey.RecoveryPass)
	byWord = session(staffkey.Assurance{Level: 1}, staffkey.RecoveryNone)
)

// F10: what adds a method, by how the session was opened and by what the person has.
func TestCanAdd(t *testing.T) {
	t.Parallel()
	holdings := []struct {
		name string
		h    policy.Holdings
		may  map[string]bool
	}{
		{"nothing", none, map[string]bool{"key": true, "app": true, "code": true, "pass": true, "password": true}},
		{"an app", others(staffkey.MethodTOTP), map[string]bool{"key": true, "app": true, "code": true, "pass": true}},
		{"a key in use", oneKey, map[string]bool{"key": true, "pass": true}},
		{"a key in use and an app", keys(oneKey.Keys, staffkey.MethodTOTP), map[string]bool{"key": true, "pass": true}},
		{"one key in use and one on hold", keys([]staffkey.SecurityKey{active("a"), suspended("b")}), map[string]bool{"key": true, "pass": true}},
		{"all keys on hold", keys(onHold.Keys, staffkey.MethodTOTP), map[string]bool{"key": true, "code": true, "pass": true}},
	}
	sessions := map[string]staffkey.Authority{"key": byKey, "app": byApp, "code": bySave, "pass": bySlip, "password": byWord}
	p := policy.Defaults()
	p.Methods = []staffkey.MethodKind{staffkey.MethodRecoveryCode, staffkey.MethodTOTP}
	for _, held := range holdings {
		for by, actor := range sessions {
			for what, err := range map[string]error{
				"can add":           policy.CanAdd(actor, p, held.h),
				"enrol key":         policy.MayEnrolKey(actor, "amara", p, held.h, "", now),
				"enrol app":         policy.MayEnrolMethod(actor, "amara", staffkey.MethodTOTP, p, held.h, now),
				"choose a password": policy.MayChangePassword(actor, "amara", p, held.h, now),
				"resume found":      policy.MayResumeKey(actor, "amara", staffkey.SecurityKey{StopReason: staffkey.StopLost}, p, held.h, now),
			} {
				if held.may[by] {
					allow(t, what+" beside "+held.name+" by "+by, err)
				} else {
					deny(t, what+" beside "+held.name+" by "+by, policy.StepUp, err)
				}
			}
		}
	}
}

// A recovery code stands in for a key of nobody who acts for others, as what can be phished must not lead to other people's keys, nor
// where policy asks for keys.
func TestCodesRecover(t *testing.T) {
	t.Parallel()
	lost := suspended("a")
	lost.StopReason = staffkey.StopLost
	check := func(what string, p staffkey.Policy, actor staffkey.Authority, may bool) {
		t.Helper()
		if got := policy.CodesRecover(actor, p); got != may {
			t.Errorf("%s: codes recover %t, want %t", what, got, may)
		}
		for does, err := range map[string]error{
			"adds": policy.CanAdd(actor, p, onHold), "enrols a key": policy.MayEnrolKey(actor, "amara", p, onHold, "", now),
			"resumes": policy.MayResumeKey(actor, "amara", lost, p, onHold, now), "changes the password": policy.MayChangePassword(actor, "amara", p, onHold, now),
		} {
			if may {
				allow(t, what+" "+does, err)
			} else {
				deny(t, what+" "+does, policy.StepUp, err)
			}
		}
		slip := bySlip
		slip.Grants = actor.Grants
		allow(t, what+" adds by pass", policy.CanAdd(slip, p, onHold))
	}
	check("a person", policy.Defaults(), bySave, true)
	for _, r := range staffkey.Roles {
		officer := bySave
		officer.Grants = []staffkey.RoleGrant{{Person: "amara", Role: r, Organisation: "trust"}}
		check(string(r), policy.Defaults(), officer, false)
	}
	forbid, strict := policy.Defaults(), policy.Defaults()
	forbid.Downgrade, strict.Strength = staffkey.DowngradeForbid, staffkey.StrengthPhishingResistant
	check("where weaker sign-ins are forbidden", forbid, bySave, false)
	check("where keys are asked for", strict, bySave, false)
}

// Only who was let in by a pass, because they have no password or do not know it, chooses one without the present one.
func TestPasswordStandsAlone(t *testing.T) {
	t.Parallel()
	if !policy.PasswordStandsAlone(staffkey.Person{}) {
		t.Error("who has set nothing up has the password alone")
	}
	if policy.PasswordStandsAlone(staffkey.Person{SetUpAt: now}) {
		t.Error("who has set something up once needs it beside the password for good")
	}
}

func TestNeedsPassword(t *testing.T) {
	t.Parallel()
	for by, actor := range map[string]staffkey.Authority{"key": byKey, "app": byApp, "code": bySave, "password": byWord} {
		if !policy.NeedsPassword(actor) {
			t.Errorf("by %s: the present password is not asked for, want it asked for", by)
		}
	}
	if policy.NeedsPassword(bySlip) {
		t.Error("by pass: the present password is asked for, want not")
	}
}

// F10: what takes a method away. A means of recovery sets up again what is lost, and takes nothing.
func TestTakingAway_needs_the_strongest(t *testing.T) {
	t.Parallel()
	p := policy.Defaults()
	for name, h := range map[string]policy.Holdings{
		"beside two keys":           keys(twoKeys.Keys, staffkey.MethodTOTP, staffkey.MethodRecoveryCode),
		"beside one key on hold":    keys(onHold.Keys, staffkey.MethodTOTP, staffkey.MethodRecoveryCode),
		"beside a key and one held": keys([]staffkey.SecurityKey{active("a"), suspended("b")}, staffkey.MethodTOTP, staffkey.MethodRecoveryCode),
	} {
		for what, may := range map[string]func(staffkey.Authority) error{
			"remove key": func(a staffkey.Authority) error { return policy.MayRemoveKey(a, "amara", "a", h, now) },
			"remove app": func(a staffkey.Authority) error {
				return policy.MayRemoveMethod(a, "amara", staffkey.MethodTOTP, h, now)
			},
			"restore key": func(a staffkey.Authority) error { return policy.MayRestoreKey(a, "amara", p, h, now) },
		} {
			allow(t, what+" "+name+" by key", may(byKey))
			for by, actor := range map[string]staffkey.Authority{"app": byApp, "code": bySave, "pass": bySlip, "password": byWord} {
				deny(t, what+" "+name+" by "+by, policy.StepUp, may(actor))
			}
			stale := byKey
			stale.ProvedAt = now.Add(-staffkey.ProofLife - 1)
			deny(t, what+" "+name+" by an old proof", policy.StepUp, may(stale))
			other := byKey
			other.Person = "ben"
			deny(t, what+" "+name+" by another", "scope", may(other))
		}
	}
}

func TestLeavesAMethod(t *testing.T) {
	t.Parallel()
	const app, text, saved, pass = staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodRecoveryCode, staffkey.MethodPass
	allow(t, "beside a key", policy.LeavesAMethod(app, keys(oneKey.Keys, app)))
	allow(t, "beside another", policy.LeavesAMethod(app, others(app, text)))
	allow(t, "one that is of no use", policy.LeavesAMethod(text, others(app)))
	allow(t, "one that is of no use, with nothing else", policy.LeavesAMethod(text, policy.Holdings{SetUp: true}))
	deny(t, "the only one", "last_method", policy.LeavesAMethod(app, others(app)))
	deny(t, "beside a pass, which ends", "last_method", policy.LeavesAMethod(app, others(app, pass)))
	deny(t, "beside a key on hold", "last_method", policy.LeavesAMethod(saved, keys(onHold.Keys, saved)))
	deny(t, "a key beside a pass", "last_method", policy.LeavesAWayIn("a", keys(oneKey.Keys, pass)))
	allow(t, "a key beside an app", policy.LeavesAWayIn("a", keys(oneKey.Keys, app)))
}

// F27: a key takes the place of one on hold, and of no other.
func TestMayReplace(t *testing.T) {
	t.Parallel()
	h := keys([]staffkey.SecurityKey{active("a"), suspended("b")})
	allow(t, "one on hold", policy.MayReplace(h, "b"))
	deny(t, "one in use", "not_replaceable", policy.MayReplace(h, "a"))
	deny(t, "another's", "not_replaceable", policy.MayReplace(h, "theirs"))
	deny(t, "nothing", "not_replaceable", policy.MayReplace(h, ""))
	p := policy.Defaults()
	deny(t, "a sixth key", "key_limit", policy.HasRoom(p, fiveKeys, ""))
	allow(t, "in the place of the fifth", policy.HasRoom(p, fiveKeys, "e"))
	allow(t, "in the place of the fifth, asked whole", policy.MayEnrolKey(byKey, "amara", p, fiveKeys, "e", now))
}

// F25: a key that was lost comes back with what adding a key takes; one that was in other hands not.
func TestMayResumeKey(t *testing.T) {
	t.Parallel()
	of := func(r staffkey.StopReason) staffkey.SecurityKey {
		k := suspended("a")
		k.StopReason = r
		return k
	}
	h := keys([]staffkey.SecurityKey{suspended("a")}, staffkey.MethodTOTP)
	for _, r := range []staffkey.StopReason{staffkey.StopLost, staffkey.StopStolen, staffkey.StopMisused, staffkey.StopFrozen, ""} {
		may := func(a staffkey.Authority) error {
			return policy.MayResumeKey(a, "amara", of(r), policy.Defaults(), h, now)
		}
		allow(t, string(r)+" by another key", may(byKey))
		allow(t, string(r)+" by pass", may(bySlip))
		deny(t, string(r)+" by app", policy.StepUp, may(byApp))
		deny(t, string(r)+" by password", policy.StepUp, may(byWord))
		if r == staffkey.StopLost {
			allow(t, "lost by recovery code, with no key in use", may(bySave))
		} else {
			deny(t, string(r)+" by recovery code", policy.StepUp, may(bySave))
		}
		other := byKey
		other.Person = "ben"
		deny(t, string(r)+" by another", "scope", may(other))
	}
	two := keys([]staffkey.SecurityKey{suspended("a"), active("b")})
	deny(t, "lost by recovery code beside a key in use", policy.StepUp, policy.MayResumeKey(bySave, "amara", of(staffkey.StopLost), policy.Defaults(), two, now))
}

func TestMayStopKey_at_any_age_of_the_proof(t *testing.T) {
	t.Parallel()
	old := byWord
	old.ProvedAt = now.Add(-24 * time.Hour)
	allow(t, "own", policy.MayStopKey(old.Actor, "amara"))
	deny(t, "another's", "scope", policy.MayStopKey(old.Actor, "ben"))
	deny(t, "at the console", "scope", policy.MayStopKey(console.Actor, "amara"))
}

func TestMayEnrolMethod(t *testing.T) {
	t.Parallel()
	p := policy.Defaults()
	p.Methods = []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall}
	administrator := byKey
	administrator.Grants = []staffkey.RoleGrant{{Person: "amara", Role: staffkey.RoleHelpdesk, Organisation: "trust"}}
	may := func(a staffkey.Authority, k staffkey.MethodKind) error {
		return policy.MayEnrolMethod(a, "amara", k, p, oneKey, now)
	}
	for _, k := range p.Methods {
		allow(t, string(k), may(byKey, k))
	}
	deny(t, "what policy does not name", "method_not_allowed", may(byKey, staffkey.MethodRecoveryCode))
	deny(t, "a pass, which is issued", "method_not_allowed", may(byKey, staffkey.MethodPass))
	allow(t, "an app of somebody with a role", may(administrator, staffkey.MethodTOTP))
	deny(t, "text messages of somebody with a role", "restricted", may(administrator, staffkey.MethodTextMessage))
	deny(t, "calls of somebody with a role", "restricted", may(administrator, staffkey.MethodPhoneCall))
}

func TestOffered(t *testing.T) {
	t.Parallel()
	has := []staffkey.MethodKind{
		staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode,
		staffkey.MethodPass, staffkey.MethodPassword,
	}
	p := policy.Defaults()
	offered := func(name string, privileged bool, want ...staffkey.MethodKind) {
		t.Helper()
		if diff := cmp.Diff(want, policy.Offered(p, has, privileged)); diff != "" {
			t.Errorf("%s: methods (-want +got):\n%s", name, diff)
		}
	}
	offered("modern", false, staffkey.MethodSecurityKey, staffkey.MethodRecoveryCode)
	p.Methods = []staffkey.MethodKind{staffkey.MethodPhoneCall, staffkey.MethodTOTP, "telepathy", staffkey.MethodTextMessage}
	offered("in the order of the installation", false, staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall)
	offered("to somebody with a role", true, staffkey.MethodSecurityKey, staffkey.MethodTOTP)
	p.Methods, has = nil, nil
	offered("of an installation without methods", false)
}
