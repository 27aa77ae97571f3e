package policy

import (
	"cmp"
	"maps"
	"slices"

	"staffkey"
)

// lay lays what an organisation has decided over what holds above it. A setting that is locked above becomes the stricter of both, so that
// what was decided below before the lock does not get around it.
func lay(above staffkey.Policy, own staffkey.PolicySettings, locked []staffkey.Setting) staffkey.Policy {
	p := above
	is := func(s staffkey.Setting) bool { return slices.Contains(locked, s) }
	decide(&p.Methods, own.Methods, is(staffkey.SettingMethods), common)
	decide(&p.MaxKeys, own.MaxKeys, is(staffkey.SettingMaxKeys), lower)
	decide(&p.Sessions, own.Sessions, is(staffkey.SettingSessions), shorter)
	decide(&p.CoreMethods, own.CoreMethods, is(staffkey.SettingCore), commonCore)
	decide(&p.Strength, own.Strength, true, stronger)
	decide(&p.Downgrade, own.Downgrade, true, harder)
	decide(&p.GraceDays, own.GraceDays, is(staffkey.SettingGraceDays), lower)
	decide(&p.Countries, own.Countries, is(staffkey.SettingCountries), common)
	decide(&p.CodesPerDay, own.CodesPerDay, is(staffkey.SettingCodesPerDay), lower)
	if own.Keys != nil {
		if is(staffkey.SettingKeys) {
			p.Keys = stricterKeys(p.Keys, *own.Keys)
		} else {
			p.Keys = mergeKeyRules(p.Keys, *own.Keys)
		}
	}
	return p
}

func decide[T any](value *T, own *T, locked bool, stricter func(above, own T) T) {
	switch {
	case own == nil:
	case locked:
		*value = stricter(*value, *own)
	default:
		*value = *own
	}
}

func lower(above, own int) int { return min(above, own) }

// common are those of both, in the order of the organisation's own.
func common[T comparable](above, own []T) []T {
	both := make([]T, 0, len(own))
	for _, v := range own {
		if slices.Contains(above, v) {
			both = append(both, v)
		}
	}
	return both
}

// commonCore are the core methods of both. When they have none in common, what holds above stays: nobody could ever be done with none.
func commonCore(above, own []staffkey.MethodKind) []staffkey.MethodKind {
	if both := common(above, own); len(both) > 0 {
		return both
	}
	return above
}

func shorter(above, own staffkey.SessionLimits) staffkey.SessionLimits {
	return staffkey.SessionLimits{
		IdleAAL2: min(above.IdleAAL2, own.IdleAAL2), AbsoluteAAL2: min(above.AbsoluteAAL2, own.AbsoluteAAL2),
		IdleAAL3: min(above.IdleAAL3, own.IdleAAL3), AbsoluteAAL3: min(above.AbsoluteAAL3, own.AbsoluteAAL3),
	}
}

func stronger(above, own staffkey.Strength) staffkey.Strength {
	if above == staffkey.StrengthPhishingResistant {
		return above
	}
	return own
}

func harder(above, own staffkey.Downgrade) staffkey.Downgrade {
	if above == staffkey.DowngradeForbid {
		return above
	}
	return own
}

// stricterKeys lays own rules for keys over those above, each only as far as it is stricter.
func stricterKeys(above, own staffkey.KeyRules) staffkey.KeyRules {
	p := mergeKeyRules(above, own)
	p.Models = maps.Clone(above.Models)
	if p.Models == nil {
		p.Models = make(map[string]staffkey.ModelRule)
	}
	p.Others = new(strictestModel(*above.Others, *p.Others))
	for aaguid, rule := range own.Models {
		was, named := above.Models[aaguid]
		if !named {
			was = *above.Others
		}
		p.Models[aaguid] = strictestModel(was, rule)
	}
	p.Level = new(max(*above.Level, *p.Level))
	p.MinPIN = new(max(*above.MinPIN, *p.MinPIN))
	p.Synced = new(*above.Synced && *p.Synced)
	p.PostQuantum = new(*above.PostQuantum && *p.PostQuantum)
	p.VerifyPerson = new(*above.VerifyPerson || *p.VerifyPerson)
	if *above.Attestation == staffkey.AttestationProven {
		p.Attestation = above.Attestation
	}
	for kind, rule := range above.Findings {
		if slices.Index(findingRules, rule) > slices.Index(findingRules, p.Findings[kind]) {
			p.Findings[kind] = rule
		}
	}
	return p
}

// Rules in the order of their strictness.
var (
	modelRules   = []staffkey.ModelRule{staffkey.ModelAllow, staffkey.ModelReview, staffkey.ModelDeny}
	findingRules = []staffkey.FindingRule{staffkey.FindingIgnore, staffkey.FindingFlag, staffkey.FindingRefuse}
)

func strictestModel(a, b staffkey.ModelRule) staffkey.ModelRule {
	if cmp.Compare(slices.Index(modelRules, a), slices.Index(modelRules, b)) >= 0 {
		return a
	}
	return b
}

// checkLocks refuses what an organisation decides weaker than it may, and names who has locked it.
func checkLocks(own staffkey.PolicySettings, above []Decided) error {
	chain := settingsOf(above)
	holds := Effective(chain)
	for _, c := range []struct {
		setting staffkey.Setting
		field   string
		weaker  bool
	}{
		{staffkey.SettingMethods, "methods", own.Methods != nil && !contains(holds.Methods, *own.Methods)},
		{staffkey.SettingMaxKeys, "max_keys", own.MaxKeys != nil && *own.MaxKeys > holds.MaxKeys},
		{staffkey.SettingSessions, "sessions", own.Sessions != nil && shorter(holds.Sessions, *own.Sessions) != *own.Sessions},
		{staffkey.SettingCore, "core_methods", own.CoreMethods != nil && !contains(holds.CoreMethods, *own.CoreMethods)},
		{staffkey.SettingGraceDays, "grace_days", own.GraceDays != nil && *own.GraceDays > holds.GraceDays},
		{staffkey.SettingCountries, "countries", own.Countries != nil && !contains(holds.Countries, *own.Countries)},
		{staffkey.SettingCodesPerDay, "codes_per_day", own.CodesPerDay != nil && *own.CodesPerDay > holds.CodesPerDay},
		{staffkey.SettingKeys, "keys", own.Keys != nil && !sameKeys(stricterKeys(holds.Keys, *own.Keys), mergeKeyRules(holds.Keys, *own.Keys))},
	} {
		i := slices.IndexFunc(above, func(d Decided) bool { return slices.Contains(d.Settings.Locks, c.setting) })
		if c.weaker && i >= 0 {
			return staffkey.Invalid(c.field, "policy.locked", "Name", above[i].Name, "Code", above[i].Code, "Setting", string(c.setting))
		}
	}
	strength := func(d Decided) bool {
		return d.Settings.Strength != nil && *d.Settings.Strength == staffkey.StrengthPhishingResistant
	}
	if i := slices.IndexFunc(above, strength); i >= 0 && own.Strength != nil && *own.Strength != holds.Strength {
		return staffkey.Invalid("strength", "policy.weaker", "Name", above[i].Name, "Code", above[i].Code, "Value", string(holds.Strength))
	}
	forbids := func(d Decided) bool {
		return d.Settings.Downgrade != nil && *d.Settings.Downgrade == staffkey.DowngradeForbid
	}
	if i := slices.IndexFunc(above, forbids); i >= 0 && own.Downgrade != nil && *own.Downgrade != holds.Downgrade {
		return staffkey.Invalid("downgrade", "policy.weaker", "Name", above[i].Name, "Code", above[i].Code, "Value", string(holds.Downgrade))
	}
	return nil
}

func contains[T comparable](all, some []T) bool {
	return !slices.ContainsFunc(some, func(v T) bool { return !slices.Contains(all, v) })
}

// sameKeys reports whether two rules that hold say the same.
func sameKeys(a, b staffkey.KeyRules) bool {
	return maps.Equal(a.Models, b.Models) && maps.Equal(a.Firmware, b.Firmware) && maps.Equal(a.Findings, b.Findings) && *a.Others == *b.Others && *a.Level == *b.Level &&
		*a.Attestation == *b.Attestation && *a.Synced == *b.Synced && *a.VerifyPerson == *b.VerifyPerson && *a.MinPIN == *b.MinPIN && *a.Conveyance == *b.Conveyance && *a.PostQuantum == *b.PostQuantum
}
