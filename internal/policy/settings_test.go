package policy_test

import (
	"errors"
	"testing"

	"staffkey"
	"staffkey/internal/policy"
)

// settings makes settings by a function.
func settings(change func(*staffkey.PolicySettings)) staffkey.PolicySettings {
	var s staffkey.PolicySettings
	change(&s)
	return s
}

func says(t *testing.T, what string, err error, field, message string, args ...string) {
	t.Helper()
	var wrong *staffkey.InvalidError
	if !errors.As(err, &wrong) || wrong.Field != field || wrong.Message.ID != message {
		t.Errorf("%s: got %v, want %s wrong by %s", what, err, field, message)
		return
	}
	for i := 0; i+1 < len(args); i += 2 {
		if wrong.Message.Args[args[i]] != args[i+1] {
			t.Errorf("%s: %s is %v, want %s", what, args[i], wrong.Message.Args[args[i]], args[i+1])
		}
	}
}

// Names that nothing has are refused, with the one that may have been meant (A7).
func TestCheckSettings_names_what_was_meant(t *testing.T) {
	t.Parallel()
	methods := func(k ...staffkey.MethodKind) error {
		return policy.CheckSettings(staffkey.PolicySettings{Methods: &k})
	}
	for written, meant := range map[staffkey.MethodKind]string{
		"text": "text_message", "sms": "text_message", "SMS": "text_message", "text-message": "text_message", "call": "phone_call", "voice": "phone_call",
		"authenticator_app": "totp", "authenticator-app": "totp", "app": "totp", "TOTP": "totp", " totp": "totp", "recovery-codes": "recovery_code", "codes": "recovery_code",
	} {
		says(t, string(written), methods(staffkey.MethodTOTP, written), "methods", "policy.method.meant", "Method", string(written), "Meant", meant)
	}
	for _, written := range []staffkey.MethodKind{"telepathy", "", "totpx", "webauthn"} {
		says(t, string(written), methods(written), "methods", "policy.method.unknown", "Methods", "totp, text_message, phone_call, recovery_code")
	}
	says(t, "a core method", policy.CheckSettings(staffkey.PolicySettings{CoreMethods: kinds("passkey")}), "core_methods", "policy.method.meant", "Meant", "security_key")
	for written, meant := range map[string]string{"UK": "GB", "gb": "GB", "GBR": "GB", "ie": "IE", "DD": "DE"} {
		countries := []string{written}
		says(t, written, policy.CheckSettings(staffkey.PolicySettings{Countries: &countries}), "countries", "policy.country.meant", "Country", written, "Meant", meant)
	}
}

// What nobody could satisfy is refused, by itself or with what holds above (A7).
func TestCheck_refuses_what_cannot_work(t *testing.T) {
	t.Parallel()
	deny, none, proven := staffkey.ModelDeny, staffkey.ConveyNone, staffkey.AttestationProven
	resistant, l1 := staffkey.StrengthPhishingResistant, staffkey.Level1
	const model = "ee882879-721c-4913-9775-3dfcce97072a"
	noCountry, zero := []string{}, 0
	app := settings(func(s *staffkey.PolicySettings) {
		s.Methods, s.CoreMethods = kinds(staffkey.MethodTOTP), kinds(staffkey.MethodTOTP)
	})
	above := func(s staffkey.PolicySettings) []policy.Decided {
		return []policy.Decided{{Code: "R", Name: "Root", Settings: s}}
	}
	for name, c := range map[string]struct {
		own            staffkey.PolicySettings
		above          []policy.Decided
		field, message string
	}{
		"a core method that is not allowed":  {staffkey.PolicySettings{CoreMethods: kinds(staffkey.MethodTOTP)}, nil, "core_methods", "policy.core_methods.allowed"},
		"one of two":                         {staffkey.PolicySettings{CoreMethods: kinds(staffkey.MethodSecurityKey, staffkey.MethodTOTP)}, nil, "core_methods", "policy.core_methods.allowed"},
		"methods taken away from under core": {staffkey.PolicySettings{Methods: kinds(staffkey.MethodRecoveryCode)}, above(app), "core_methods", "policy.core_methods.allowed"},
		"telephones of no country": {settings(func(s *staffkey.PolicySettings) {
			s.Methods, s.CoreMethods, s.Countries = kinds(staffkey.MethodTextMessage), kinds(staffkey.MethodTextMessage), &noCountry
		}), nil, "core_methods", "policy.core_methods.no_codes"},
		"no codes in a day": {settings(func(s *staffkey.PolicySettings) {
			s.Methods, s.CoreMethods, s.CodesPerDay = kinds(staffkey.MethodPhoneCall), kinds(staffkey.MethodPhoneCall), &zero
		}), nil, "core_methods", "policy.core_methods.no_codes"},
		"no key is taken": {staffkey.PolicySettings{Keys: &staffkey.KeyRules{Others: &deny}}, nil, "core_methods", "policy.core_methods.no_key"},
		"one by its name, which no key can prove": {staffkey.PolicySettings{Keys: &staffkey.KeyRules{
			Others: &deny, Models: map[string]staffkey.ModelRule{model: staffkey.ModelAllow}, Conveyance: &none}}, nil, "core_methods", "policy.core_methods.no_key"},
		"proof that nobody asks for":   {staffkey.PolicySettings{Keys: &staffkey.KeyRules{Attestation: &proven, Conveyance: &none}}, nil, "core_methods", "policy.core_methods.no_key"},
		"a level that nobody asks for": {staffkey.PolicySettings{Keys: &staffkey.KeyRules{Level: &l1, Conveyance: &none}}, nil, "core_methods", "policy.core_methods.no_key"},
		"keys only, and none": {settings(func(s *staffkey.PolicySettings) {
			*s = app
			s.Strength, s.Keys = &resistant, &staffkey.KeyRules{Others: &deny}
		}), nil, "strength", "policy.strength.no_key"},
	} {
		says(t, name, policy.Check(staffkey.PolicySettings{}, c.own, c.above), c.field, c.message)
	}
	for name, own := range map[string]staffkey.PolicySettings{
		"the app": app,
		"the app and no keys": settings(func(s *staffkey.PolicySettings) {
			*s = app
			s.Keys = &staffkey.KeyRules{Others: &deny}
		}),
		"named models only":               {Keys: &staffkey.KeyRules{Others: &deny, Models: map[string]staffkey.ModelRule{model: staffkey.ModelAllow}}},
		"models to review, without proof": {Keys: &staffkey.KeyRules{Others: &deny, Models: map[string]staffkey.ModelRule{model: staffkey.ModelReview}, Conveyance: &none}},
		"a key or texts of no country": settings(func(s *staffkey.PolicySettings) {
			s.Methods, s.CoreMethods, s.Countries = kinds(staffkey.MethodTextMessage), kinds(staffkey.MethodSecurityKey, staffkey.MethodTextMessage), &noCountry
		}),
	} {
		allow(t, name, policy.Check(staffkey.PolicySettings{}, own, nil))
	}
	broken := staffkey.PolicySettings{CoreMethods: kinds(staffkey.MethodTOTP)} // as an earlier release took it
	allow(t, "what was there before, with something else changed", policy.Check(broken, settings(func(s *staffkey.PolicySettings) { *s = broken; s.MaxKeys = new(7) }), nil))
	allow(t, "and mended", policy.Check(broken, app, nil))
	says(t, "broken in another way", policy.Check(broken, settings(func(s *staffkey.PolicySettings) { s.CoreMethods = kinds(staffkey.MethodTextMessage) }), nil), "core_methods", "policy.core_methods.allowed")
	short := staffkey.PolicySettings{Sessions: &staffkey.SessionLimits{IdleAAL2: 1, AbsoluteAAL2: 1, IdleAAL3: 1, AbsoluteAAL3: 1}}
	allow(t, "limits of an earlier release, with something else changed", policy.Check(short, settings(func(s *staffkey.PolicySettings) { *s = short; s.MaxKeys = new(7) }), nil))
}

// What is locked above is made stricter below or not at all, and it is said who has locked it; how strong a sign-in must be always is
// (A7). What was decided below before gets around no lock.
func TestCheck_keeps_locks(t *testing.T) {
	t.Parallel()
	resistant, anything, forbid, notify := staffkey.StrengthPhishingResistant, staffkey.StrengthAny, staffkey.DowngradeForbid, staffkey.DowngradeNotify
	sessions := func(idle int) *staffkey.SessionLimits {
		return &staffkey.SessionLimits{IdleAAL2: idle, AbsoluteAAL2: 600, IdleAAL3: 10, AbsoluteAAL3: 600}
	}
	keys := func(change func(*staffkey.KeyRules)) *staffkey.KeyRules {
		var r staffkey.KeyRules
		change(&r)
		return &r
	}
	const model, other = "ee882879-721c-4913-9775-3dfcce97072a", "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	abroad := []string{"GB", "IE"}
	root := settings(func(s *staffkey.PolicySettings) {
		s.Methods, s.CoreMethods = kinds(staffkey.MethodTOTP, staffkey.MethodRecoveryCode), kinds(staffkey.MethodSecurityKey, staffkey.MethodTOTP)
		s.MaxKeys, s.GraceDays, s.CodesPerDay, s.Countries, s.Sessions = new(5), new(7), new(100), &abroad, sessions(30)
		s.Strength, s.Downgrade, s.Locks = &resistant, &forbid, staffkey.Lockable
		s.Keys = keys(func(r *staffkey.KeyRules) {
			r.Others, r.MinPIN, r.Synced = new(staffkey.ModelReview), new(6), new(false)
			r.Models = map[string]staffkey.ModelRule{model: staffkey.ModelAllow}
			r.Findings = map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingPhysicalCompromise: staffkey.FindingFlag}
		})
	})
	above := []policy.Decided{{Code: "A", Name: "A Trust"}, {Code: "R", Name: "Root", Settings: root}}
	type set = func(*staffkey.PolicySettings)
	for name, c := range map[string]struct {
		setting, field string
		weaker         set
		stricter       set
	}{
		"methods":   {"methods", "methods", func(s *staffkey.PolicySettings) { s.Methods = kinds(staffkey.MethodTOTP, staffkey.MethodTextMessage) }, func(s *staffkey.PolicySettings) { s.Methods = kinds(staffkey.MethodTOTP) }},
		"core":      {"core", "core_methods", func(s *staffkey.PolicySettings) { s.CoreMethods = kinds(staffkey.MethodTextMessage) }, func(s *staffkey.PolicySettings) { s.CoreMethods = kinds(staffkey.MethodSecurityKey) }},
		"max keys":  {"max-keys", "max_keys", func(s *staffkey.PolicySettings) { s.MaxKeys = new(6) }, func(s *staffkey.PolicySettings) { s.MaxKeys = new(2) }},
		"sessions":  {"sessions", "sessions", func(s *staffkey.PolicySettings) { s.Sessions = sessions(31) }, func(s *staffkey.PolicySettings) { s.Sessions = sessions(5) }},
		"grace":     {"grace-days", "grace_days", func(s *staffkey.PolicySettings) { s.GraceDays = new(8) }, func(s *staffkey.PolicySettings) { s.GraceDays = new(0) }},
		"countries": {"countries", "countries", func(s *staffkey.PolicySettings) { s.Countries = &[]string{"FR"} }, func(s *staffkey.PolicySettings) { s.Countries = &[]string{"IE"} }},
		"codes":     {"codes-per-day", "codes_per_day", func(s *staffkey.PolicySettings) { s.CodesPerDay = new(101) }, func(s *staffkey.PolicySettings) { s.CodesPerDay = new(0) }},
		"keys": {"keys", "keys", func(s *staffkey.PolicySettings) {
			s.Keys = keys(func(r *staffkey.KeyRules) { r.Others = new(staffkey.ModelAllow) })
		},
			func(s *staffkey.PolicySettings) {
				s.Keys = keys(func(r *staffkey.KeyRules) { r.Others, r.MinPIN = new(staffkey.ModelDeny), new(8) })
			}},
		"a shorter PIN": {"keys", "keys", func(s *staffkey.PolicySettings) { s.Keys = keys(func(r *staffkey.KeyRules) { r.MinPIN = new(4) }) },
			func(s *staffkey.PolicySettings) { s.Keys = keys(func(r *staffkey.KeyRules) { r.MinPIN = new(6) }) }},
		"copies": {"keys", "keys", func(s *staffkey.PolicySettings) { s.Keys = keys(func(r *staffkey.KeyRules) { r.Synced = new(true) }) },
			func(s *staffkey.PolicySettings) {
				s.Keys = keys(func(r *staffkey.KeyRules) { r.VerifyPerson = new(true) })
			}},
		"a model let in by its name": {"keys", "keys", func(s *staffkey.PolicySettings) {
			s.Keys = keys(func(r *staffkey.KeyRules) { r.Models = map[string]staffkey.ModelRule{other: staffkey.ModelAllow} })
		},
			func(s *staffkey.PolicySettings) {
				s.Keys = keys(func(r *staffkey.KeyRules) {
					r.Models = map[string]staffkey.ModelRule{model: staffkey.ModelDeny, other: staffkey.ModelReview}
				})
			}},
		"a fault passed over": {"keys", "keys", func(s *staffkey.PolicySettings) {
			s.Keys = keys(func(r *staffkey.KeyRules) {
				r.Findings = map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingPhysicalCompromise: staffkey.FindingIgnore}
			})
		}, func(s *staffkey.PolicySettings) {
			s.Keys = keys(func(r *staffkey.KeyRules) {
				r.Findings = map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingPhysicalCompromise: staffkey.FindingRefuse}
			})
		}},
	} {
		weaker := settings(c.weaker)
		says(t, name, policy.Check(staffkey.PolicySettings{}, weaker, above), c.field, "policy.locked", "Name", "Root", "Code", "R", "Setting", c.setting)
		allow(t, name+", stricter", policy.Check(staffkey.PolicySettings{}, settings(c.stricter), above))
		allow(t, name+", not locked", policy.CheckLocks(weaker, []policy.Decided{{Code: "R", Name: "Root", Settings: settings(func(s *staffkey.PolicySettings) { *s = root; s.Locks = nil })}}))
		allow(t, name+", as it was before the lock, with something else changed", policy.CheckLocks(policy.Without(settings(func(s *staffkey.PolicySettings) { *s = weaker }), weaker), above))
		// What was decided before the lock does not get around it.
		got, want := policy.Effective([]staffkey.PolicySettings{weaker, root}), policy.Effective([]staffkey.PolicySettings{root})
		if policy.CheckLocks(asSettings(got), above) != nil {
			t.Errorf("%s: %+v holds below a lock of %+v", name, got, want)
		}
	}
	says(t, "strength", policy.Check(staffkey.PolicySettings{}, staffkey.PolicySettings{Strength: &anything}, above), "strength", "policy.weaker", "Name", "Root", "Code", "R", "Value", "phishing_resistant")
	says(t, "downgrade", policy.Check(staffkey.PolicySettings{}, staffkey.PolicySettings{Downgrade: &notify}, above), "downgrade", "policy.weaker", "Name", "Root", "Code", "R", "Value", "forbid")
	allow(t, "as strong", policy.Check(staffkey.PolicySettings{}, staffkey.PolicySettings{Strength: &resistant, Downgrade: &forbid}, above))
	says(t, "no setting", policy.Check(staffkey.PolicySettings{}, staffkey.PolicySettings{Locks: []staffkey.Setting{"strength"}}, nil), "lock", "policy.lock")
}

// asSettings decides all that holds.
func asSettings(p staffkey.Policy) staffkey.PolicySettings {
	return staffkey.PolicySettings{
		Methods: &p.Methods, MaxKeys: &p.MaxKeys, Sessions: &p.Sessions, CoreMethods: &p.CoreMethods, Strength: &p.Strength, Downgrade: &p.Downgrade,
		GraceDays: &p.GraceDays, Countries: &p.Countries, CodesPerDay: &p.CodesPerDay, Keys: &p.Keys,
	}
}
