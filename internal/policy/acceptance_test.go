package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"

	"github.com/google/go-cmp/cmp"
)

var now = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)

// allow and deny are the lines of these tests: a decision, and for a "no" the rule that says it.
func allow(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: got error %v, want it allowed", what, err)
	}
}

func deny(t *testing.T, what, rule string, err error) {
	t.Helper()
	var r *staffkey.Refusal
	if !errors.As(err, &r) || r.Rule != rule || r.Message.ID == "" || !errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("%s: got error %v, want a refusal by %s with a message", what, err, rule)
	}
}

func invalid(t *testing.T, what, field string, err error) {
	t.Helper()
	var e *staffkey.InvalidError
	if !errors.As(err, &e) || e.Field != field {
		t.Errorf("%s: got error %v, want field %s invalid", what, err, field)
	}
}

func kinds(k ...staffkey.MethodKind) *[]staffkey.MethodKind { return &k }

func TestEffective(t *testing.T) {
	t.Parallel()
	zero, five, ten := 0, 5, 10
	resistant, forbid, notify := staffkey.StrengthPhishingResistant, staffkey.DowngradeForbid, staffkey.DowngradeNotify
	anyStrength := staffkey.StrengthAny
	abroad := []string{"IE", "GB"}
	strict := staffkey.SessionLimits{IdleAAL2: 30, AbsoluteAAL2: 600, IdleAAL3: 5, AbsoluteAAL3: 300}
	none := []staffkey.MethodKind(nil)
	with := func(change func(*staffkey.Policy)) staffkey.Policy {
		p := policy.Defaults()
		change(&p)
		return p
	}
	tests := []struct {
		name  string
		chain []staffkey.PolicySettings
		want  staffkey.Policy
	}{
		{"nobody has decided", nil, policy.Defaults()},
		{"empty settings", []staffkey.PolicySettings{{}, {}}, policy.Defaults()},
		{"the nearest wins", []staffkey.PolicySettings{{MaxKeys: &five}, {MaxKeys: &ten}}, with(func(p *staffkey.Policy) { p.MaxKeys = 5 })},
		{"what the nearest leaves open comes from above", []staffkey.PolicySettings{{}, {MaxKeys: &ten}, {Sessions: &strict}},
			with(func(p *staffkey.Policy) { p.MaxKeys, p.Sessions = 10, strict })},
		{"no methods is a decision", []staffkey.PolicySettings{{Methods: &none}}, with(func(p *staffkey.Policy) { p.Methods = nil })},
		{"every decision from another node", []staffkey.PolicySettings{
			{CoreMethods: kinds(staffkey.MethodTOTP)}, {Strength: &resistant}, {Downgrade: &forbid}, {GraceDays: &zero}, {Countries: &abroad}, {CodesPerDay: &zero},
		}, with(func(p *staffkey.Policy) {
			p.CoreMethods, p.Strength, p.Downgrade = []staffkey.MethodKind{staffkey.MethodTOTP}, resistant, forbid
			p.GraceDays, p.Countries, p.CodesPerDay = 0, abroad, 0
		})},
		{"the nearest decision stands against all above", []staffkey.PolicySettings{{CodesPerDay: &five}, {CodesPerDay: &zero}},
			with(func(p *staffkey.Policy) { p.CodesPerDay = 5 })},
		{"but how strong a sign-in must be, which becomes stricter only", []staffkey.PolicySettings{{Downgrade: &notify, Strength: &anyStrength}, {Downgrade: &forbid, Strength: &resistant}},
			with(func(p *staffkey.Policy) { p.Downgrade, p.Strength = forbid, resistant })},
		{"and what is locked", []staffkey.PolicySettings{{CodesPerDay: &five, MaxKeys: &ten, CoreMethods: kinds(staffkey.MethodTOTP), Methods: kinds(staffkey.MethodTOTP, staffkey.MethodRecoveryCode)}, {}, {
			CodesPerDay: &zero, MaxKeys: &five, Locks: staffkey.Lockable,
		}}, with(func(p *staffkey.Policy) {
			p.CodesPerDay, p.MaxKeys, p.Methods = 0, 5, []staffkey.MethodKind{staffkey.MethodRecoveryCode}
		})},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, policy.Effective(test.chain)); diff != "" {
			t.Errorf("%s: policy (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestDefaults_are_valid_settings(t *testing.T) {
	t.Parallel()
	d := policy.Defaults()
	allow(t, "defaults", policy.CheckSettings(staffkey.PolicySettings{
		Methods: &d.Methods, MaxKeys: &d.MaxKeys, Sessions: &d.Sessions, CoreMethods: &d.CoreMethods, Strength: &d.Strength,
		Downgrade: &d.Downgrade, GraceDays: &d.GraceDays, Countries: &d.Countries, CodesPerDay: &d.CodesPerDay,
	}))
}

func TestCheckSettings(t *testing.T) {
	t.Parallel()
	keys := func(n int) staffkey.PolicySettings { return staffkey.PolicySettings{MaxKeys: &n} }
	sessions := func(idle2, abs2, idle3, abs3 int) staffkey.PolicySettings {
		return staffkey.PolicySettings{Sessions: &staffkey.SessionLimits{IdleAAL2: idle2, AbsoluteAAL2: abs2, IdleAAL3: idle3, AbsoluteAAL3: abs3}}
	}
	allow(t, "nothing", policy.CheckSettings(staffkey.PolicySettings{}))
	allow(t, "2 keys", policy.CheckSettings(keys(2)))
	allow(t, "20 keys", policy.CheckSettings(keys(20)))
	invalid(t, "1 key, which leaves no backup", "max_keys", policy.CheckSettings(keys(1)))
	invalid(t, "0 keys", "max_keys", policy.CheckSettings(keys(0)))
	invalid(t, "21 keys", "max_keys", policy.CheckSettings(keys(21)))
	allow(t, "shortest sessions", policy.CheckSettings(sessions(5, 5, 5, 5)))
	allow(t, "longest sessions", policy.CheckSettings(sessions(60, 1440, 15, 720)))
	for name, s := range map[string]staffkey.PolicySettings{
		"idle at level 2": sessions(61, 1440, 15, 720), "in all at level 2": sessions(60, 1441, 15, 720),
		"idle at level 3": sessions(60, 1440, 16, 720), "in all at level 3": sessions(60, 1440, 15, 721),
		"zero": sessions(60, 1440, 0, 720), "negative": sessions(60, -1, 15, 720), "nothing set": sessions(0, 0, 0, 0), "idle so short that the warning is there at once": sessions(4, 1440, 15, 720), "the same at level 3": sessions(60, 1440, 4, 720),
		"in all shorter than idle": sessions(60, 30, 15, 720),
	} {
		invalid(t, name, "sessions", policy.CheckSettings(s))
	}
	allow(t, "recovery codes", policy.CheckSettings(staffkey.PolicySettings{Methods: kinds(staffkey.MethodRecoveryCode)}))
	allow(t, "no methods", policy.CheckSettings(staffkey.PolicySettings{Methods: kinds()}))
	invalid(t, "the password, which is always there", "methods", policy.CheckSettings(staffkey.PolicySettings{Methods: kinds(staffkey.MethodPassword)}))
	invalid(t, "the key, which is always there", "methods", policy.CheckSettings(staffkey.PolicySettings{Methods: kinds(staffkey.MethodRecoveryCode, staffkey.MethodSecurityKey)}))
	invalid(t, "the pass, which is an administrator's", "methods", policy.CheckSettings(staffkey.PolicySettings{Methods: kinds(staffkey.MethodPass)}))
}

func TestCheckSettings_of_rules(t *testing.T) {
	t.Parallel()
	core := func(k ...staffkey.MethodKind) error {
		return policy.CheckSettings(staffkey.PolicySettings{CoreMethods: &k})
	}
	allow(t, "the modern rule", core(staffkey.MethodSecurityKey))
	allow(t, "the classic rule", core(staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall))
	invalid(t, "no core method, so that nobody is ever done", "core_methods", core())
	for _, k := range []staffkey.MethodKind{staffkey.MethodPassword, staffkey.MethodRecoveryCode, staffkey.MethodPass, "telepathy", ""} {
		invalid(t, "core method "+string(k), "core_methods", core(staffkey.MethodTOTP, k))
	}
	strength := func(s staffkey.Strength) error { return policy.CheckSettings(staffkey.PolicySettings{Strength: &s}) }
	allow(t, "any strength", strength(staffkey.StrengthAny))
	allow(t, "keys only", strength(staffkey.StrengthPhishingResistant))
	invalid(t, "no strength", "strength", strength(""))
	invalid(t, "a strength of another release", "strength", strength("quantum"))
	downgrade := func(d staffkey.Downgrade) error { return policy.CheckSettings(staffkey.PolicySettings{Downgrade: &d}) }
	allow(t, "notify", downgrade(staffkey.DowngradeNotify))
	allow(t, "forbid", downgrade(staffkey.DowngradeForbid))
	invalid(t, "no downgrade", "downgrade", downgrade(""))
	invalid(t, "silence", "downgrade", downgrade("silent"))
	grace := func(n int) error { return policy.CheckSettings(staffkey.PolicySettings{GraceDays: &n}) }
	allow(t, "no grace", grace(0))
	allow(t, "a year", grace(365))
	invalid(t, "a day more", "grace_days", grace(366))
	invalid(t, "less than none", "grace_days", grace(-1))
	perDay := func(n int) error { return policy.CheckSettings(staffkey.PolicySettings{CodesPerDay: &n}) }
	allow(t, "no codes", perDay(0))
	allow(t, "a million codes", perDay(1_000_000))
	invalid(t, "one more", "codes_per_day", perDay(1_000_001))
	invalid(t, "less than no codes", "codes_per_day", perDay(-1))
	countries := func(c ...string) error { return policy.CheckSettings(staffkey.PolicySettings{Countries: &c}) }
	allow(t, "two countries", countries("GB", "IE"))
	allow(t, "no country", countries())
	for _, c := range []string{"", "G", "gb", "Gb", "GBR", "44", "G ", "ÄÖ", "UK", "EU", "ZZ", "SU", "XX", "AQ", " GB", "G\n"} {
		invalid(t, "country "+c, "countries", countries("GB", c))
	}
}

// The proofs that methods give.
var (
	knows  = staffkey.Proof{Method: staffkey.MethodPassword, Knowledge: true}
	code   = staffkey.Proof{Method: staffkey.MethodRecoveryCode, Possession: true}
	touch  = staffkey.Proof{Method: staffkey.MethodSecurityKey, Possession: true, PhishingResistant: true, HardwareBound: true}
	pin    = staffkey.Proof{Method: staffkey.MethodSecurityKey, Possession: true, PhishingResistant: true, HardwareBound: true, VerifiedPerson: true}
	synced = staffkey.Proof{Method: staffkey.MethodSecurityKey, Possession: true, PhishingResistant: true, VerifiedPerson: true}
	bare   = staffkey.Proof{Method: staffkey.MethodSecurityKey, Possession: true, PhishingResistant: true}
)

// Every set of proofs, and what NIST SP 800-63B-4 §2 makes of it.
func TestAssuranceOf(t *testing.T) {
	t.Parallel()
	all := []struct {
		name  string
		proof staffkey.Proof
	}{{"knows", knows}, {"code", code}, {"touch", touch}, {"pin", pin}, {"synced", synced}, {"bare", bare}}
	for set := range 1 << len(all) {
		var proofs []staffkey.Proof
		var names []string
		has := map[string]bool{}
		for i, p := range all {
			if set&(1<<i) != 0 {
				proofs, names = append(proofs, p.proof), append(names, p.name)
				has[p.name] = true
			}
		}
		anyKey := has["touch"] || has["pin"] || has["synced"] || has["bare"]
		hardware := has["touch"] || has["pin"]
		two := has["pin"] || has["synced"] || has["knows"] && (anyKey || has["code"])
		want := staffkey.Assurance{PhishingResistant: anyKey}
		switch {
		case two && hardware:
			want.Level = 3
		case two:
			want.Level = 2
		case set != 0:
			want.Level = 1
		}
		if got := policy.AssuranceOf(proofs...); got != want {
			t.Errorf("%s: got %+v, want %+v", strings.Join(names, "+"), got, want)
		}
		if len(proofs) > 1 { // in any order
			proofs[0], proofs[len(proofs)-1] = proofs[len(proofs)-1], proofs[0]
			if got := policy.AssuranceOf(proofs...); got != want {
				t.Errorf("%s in another order: got %+v, want %+v", strings.Join(names, "+"), got, want)
			}
		}
	}
	// A proof that claims more than it can: verification without possession is none.
	if got := policy.AssuranceOf(staffkey.Proof{Knowledge: true, VerifiedPerson: true}); got.Level != 1 {
		t.Errorf("verified person without possession: got %+v, want level 1", got)
	}
}

func TestSessionLife(t *testing.T) {
	t.Parallel()
	p := policy.Defaults()
	p.Sessions = staffkey.SessionLimits{IdleAAL2: 50, AbsoluteAAL2: 500, IdleAAL3: 10, AbsoluteAAL3: 300}
	tests := []struct{ level, idle, absolute int }{{0, 15, 60}, {1, 15, 60}, {2, 50, 500}, {3, 10, 300}, {4, 10, 300}}
	for _, test := range tests {
		idle, absolute := policy.SessionLife(p, staffkey.Assurance{Level: test.level})
		if idle != time.Duration(test.idle)*time.Minute || absolute != time.Duration(test.absolute)*time.Minute {
			t.Errorf("level %d: %v idle and %v in all, want %d and %d minutes", test.level, idle, absolute, test.idle, test.absolute)
		}
	}
}

// F6: a shared station forgets a person sooner, and never later.
func TestAtStation(t *testing.T) {
	t.Parallel()
	for idle, want := range map[time.Duration]time.Duration{
		time.Hour: 5 * time.Minute, 15 * time.Minute: 5 * time.Minute, 5 * time.Minute: 5 * time.Minute, time.Minute: time.Minute,
	} {
		if got := policy.AtStation(idle); got != want {
			t.Errorf("%v at a station: got %v, want %v", idle, got, want)
		}
	}
}

func TestLearnsLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, persons string
		from          staffkey.Origin
		want          bool
	}{
		{"none chosen, pages in Welsh", "", staffkey.Origin{Language: "cy"}, true},
		{"none chosen, pages in English", "", staffkey.Origin{Language: "en"}, false},
		{"none chosen, no pages", "", staffkey.Origin{}, false},
		{"English chosen", "en", staffkey.Origin{Language: "cy"}, false},
		{"a shared station in Welsh", "", staffkey.Origin{Language: "cy", Station: "ward-6"}, false},
	} {
		if got := policy.LearnsLanguage(staffkey.Person{Language: c.persons}, c.from); got != c.want {
			t.Errorf("%s: want %t, got %t", c.name, c.want, got)
		}
	}
}

func TestAcceptsKey(t *testing.T) {
	t.Parallel()
	under := func(rules staffkey.KeyRules, id int, verified bool) error {
		return policy.AcceptsKey(rules, staffkey.SecurityKey{CredentialID: make([]byte, id), UserVerified: verified})
	}
	key := func(id int, verified bool) error { return under(policy.Effective(nil).Keys, id, verified) }
	allow(t, "shortest credential id", key(1, true))
	allow(t, "longest credential id", key(staffkey.MaxCredentialID, true))
	deny(t, "no credential id", "credential_id_length", key(0, true))
	deny(t, "credential id too long", "credential_id_length", key(staffkey.MaxCredentialID+1, true))
	deny(t, "person not verified", "user_verification", key(32, false))
	deny(t, "person not verified, by settings that were not laid together", "user_verification", under(staffkey.KeyRules{}, 32, false))
	deny(t, "person not verified, which is asked for", "user_verification", under(staffkey.KeyRules{VerifyPerson: new(true)}, 32, false))
	allow(t, "person not verified, where policy takes such keys", under(staffkey.KeyRules{VerifyPerson: new(false)}, 32, false))
}

func TestSignsIn(t *testing.T) {
	t.Parallel()
	key := func(s staffkey.SecurityKeyState) error { return policy.SignsIn(staffkey.SecurityKey{State: s}) }
	allow(t, "active", key(staffkey.SecurityKeyActive))
	deny(t, "pending", "key_pending", key(staffkey.SecurityKeyPending))
	deny(t, "suspended", "key_suspended", key(staffkey.SecurityKeySuspended))
	deny(t, "removed", "key_removed", key(staffkey.SecurityKeyRemoved))
	deny(t, "a state of another release", "key_pending", key("lent"))
	deny(t, "no state", "key_pending", key(""))
}

func TestIsActive(t *testing.T) {
	t.Parallel()
	allow(t, "active", policy.IsActive(staffkey.Person{State: staffkey.PersonActive}))
	deny(t, "frozen", "person_frozen", policy.IsActive(staffkey.Person{State: staffkey.PersonFrozen}))
	deny(t, "disabled", "person_disabled", policy.IsActive(staffkey.Person{State: staffkey.PersonDisabled}))
	deny(t, "nobody", "person_disabled", policy.IsActive(staffkey.Person{}))
}

func TestSameKey(t *testing.T) {
	t.Parallel()
	added := staffkey.SecurityKey{ID: "new", AAGUID: "m1"}
	of := func(id, model, same string) staffkey.SecurityKey {
		return staffkey.SecurityKey{ID: staffkey.SecurityKeyID(id), AAGUID: model, SameKeyAs: staffkey.SecurityKeyID(same)}
	}
	tests := []struct {
		name     string
		existing []staffkey.SecurityKey
		want     staffkey.SecurityKeyID
	}{
		{"nothing there", nil, ""},
		{"one of the model", []staffkey.SecurityKey{of("a", "m1", ""), of("b", "m2", "")}, "a"},
		{"none of the model", []staffkey.SecurityKey{of("b", "m2", "")}, ""},
		{"two of the model", []staffkey.SecurityKey{of("a", "m1", ""), of("b", "m1", "")}, ""},
		{"two entries of one key", []staffkey.SecurityKey{of("a", "m1", ""), of("b", "m1", "a")}, "a"},
		{"an entry of a key that is gone", []staffkey.SecurityKey{of("b", "m1", "a")}, "a"},
		{"itself", []staffkey.SecurityKey{of("new", "m1", "")}, ""},
	}
	for _, test := range tests {
		if got := policy.SameKey(added, test.existing); got != test.want {
			t.Errorf("%s: same as %q, want %q", test.name, got, test.want)
		}
	}
}
