package policy

import (
	"reflect"
	"slices"
	"strings"

	"staffkey"
)

// Effective combines the settings of an organisation and all above it, nearest first: the nearest that decides wins, except that what is
// locked above, and how strong a sign-in must be, can only become stricter on the way down ([stricter]).
func Effective(chain []staffkey.PolicySettings) staffkey.Policy {
	p := Defaults()
	var locked []staffkey.Setting
	for _, s := range slices.Backward(chain) {
		p = lay(p, s, locked)
		locked = append(locked, s.Locks...)
	}
	return p
}

// Decided is what one organisation has decided, for telling who stands in the way of a decision below.
type Decided struct {
	Code, Name string
	Settings   staffkey.PolicySettings
}

// Check refuses what an organisation wants to decide when it cannot work: by itself, with what holds above, or because it is weaker than
// what was locked above. The organisations above come nearest first. Pages, commands and imports all ask it. What stays as it was before
// is not asked again: an organisation that was overtaken by a lock, or by a later release, can still change everything else.
func Check(before, own staffkey.PolicySettings, above []Decided) error {
	changed := without(own, before)
	if err := CheckSettings(changed); err != nil {
		return err
	}
	if err := checkLocks(changed, above); err != nil {
		return err
	}
	chain := settingsOf(above)
	err := Workable(Effective(append([]staffkey.PolicySettings{own}, chain...)))
	asked := changed
	asked.Keys, asked.MaxKeys, asked.Sessions, asked.Downgrade, asked.GraceDays, asked.Locks = nil, nil, nil, nil, nil, nil
	if err != nil && reflect.DeepEqual(asked, staffkey.PolicySettings{}) &&
		reflect.DeepEqual(err, Workable(Effective(append([]staffkey.PolicySettings{before}, chain...)))) {
		return nil
	}
	return err
}

// without returns settings as far as they differ from others.
func without(s, others staffkey.PolicySettings) staffkey.PolicySettings {
	forget(&s.Methods, others.Methods)
	forget(&s.MaxKeys, others.MaxKeys)
	forget(&s.Sessions, others.Sessions)
	forget(&s.CoreMethods, others.CoreMethods)
	forget(&s.Strength, others.Strength)
	forget(&s.Downgrade, others.Downgrade)
	forget(&s.GraceDays, others.GraceDays)
	forget(&s.Countries, others.Countries)
	forget(&s.CodesPerDay, others.CodesPerDay)
	forget(&s.Keys, others.Keys)
	return s
}

func forget[T any](value **T, other *T) {
	if *value != nil && other != nil && reflect.DeepEqual(**value, *other) {
		*value = nil
	}
}

func settingsOf(above []Decided) []staffkey.PolicySettings {
	list := make([]staffkey.PolicySettings, len(above))
	for i, d := range above {
		list[i] = d.Settings
	}
	return list
}

// CheckSettings refuses settings that are wrong whatever holds above: names that nothing has, and limits outside of their bounds.
func CheckSettings(s staffkey.PolicySettings) error {
	if s.MaxKeys != nil && (*s.MaxKeys < 2 || *s.MaxKeys > 20) {
		return staffkey.Invalid("max_keys", "policy.max_keys", "Min", 2, "Max", 20)
	}
	if s.Sessions != nil {
		if err := checkSessions(*s.Sessions); err != nil {
			return err
		}
	}
	if s.Methods != nil {
		for _, m := range *s.Methods {
			if m == staffkey.MethodPassword || m == staffkey.MethodSecurityKey || m == staffkey.MethodPass {
				return staffkey.Invalid("methods", "policy.methods")
			}
			if !slices.Contains(staffkey.ChosenMethods, m) {
				return unknownMethod("methods", m, staffkey.ChosenMethods)
			}
		}
	}
	for _, lock := range s.Locks {
		if !slices.Contains(staffkey.Lockable, lock) {
			return staffkey.Invalid("lock", "policy.lock")
		}
	}
	if s.Keys != nil {
		if err := checkKeyRules(*s.Keys); err != nil {
			return err
		}
	}
	return checkRules(s)
}

// leastIdle is the shortest idle limit in minutes: the pages warn two minutes before it, and a form takes longer to fill in.
const leastIdle = 5

func checkSessions(l staffkey.SessionLimits) error {
	d := Defaults().Sessions
	for _, v := range []struct{ idle, mostIdle, all, mostAll, level int }{
		{l.IdleAAL2, d.IdleAAL2, l.AbsoluteAAL2, d.AbsoluteAAL2, 2}, {l.IdleAAL3, d.IdleAAL3, l.AbsoluteAAL3, d.AbsoluteAAL3, 3},
	} {
		switch {
		case v.idle < leastIdle || v.idle > v.mostIdle:
			return staffkey.Invalid("sessions", "policy.sessions.idle", "Level", v.level, "Min", leastIdle, "Max", v.mostIdle)
		case v.all < v.idle || v.all > v.mostAll:
			return staffkey.Invalid("sessions", "policy.sessions.all", "Level", v.level, "Min", v.idle, "Max", v.mostAll)
		}
	}
	return nil
}

// maxGraceDays and maxCodesPerDay bound what an organisation may decide: longer or more is no rule any more.
const (
	maxGraceDays   = 365
	maxCodesPerDay = 1_000_000
)

// coreMethods are the methods that may stand alone: codes on paper run out, a pass ends, and a password is one factor.
var coreMethods = []staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall}

// checkRules checks what an organisation asks its people for.
func checkRules(s staffkey.PolicySettings) error {
	if s.CoreMethods != nil {
		if len(*s.CoreMethods) == 0 { // nobody could ever be done
			return staffkey.Invalid("core_methods", "policy.core_methods")
		}
		for _, m := range *s.CoreMethods {
			switch {
			case slices.Contains(coreMethods, m):
			case m == staffkey.MethodRecoveryCode || m == staffkey.MethodPass || m == staffkey.MethodPassword:
				return staffkey.Invalid("core_methods", "policy.core_methods")
			default:
				return unknownMethod("core_methods", m, coreMethods)
			}
		}
	}
	switch {
	case s.Strength != nil && *s.Strength != staffkey.StrengthAny && *s.Strength != staffkey.StrengthPhishingResistant:
		return staffkey.Invalid("strength", "policy.strength")
	case s.Downgrade != nil && *s.Downgrade != staffkey.DowngradeNotify && *s.Downgrade != staffkey.DowngradeForbid:
		return staffkey.Invalid("downgrade", "policy.downgrade")
	case s.GraceDays != nil && (*s.GraceDays < 0 || *s.GraceDays > maxGraceDays):
		return staffkey.Invalid("grace_days", "policy.grace_days", "Max", maxGraceDays)
	case s.CodesPerDay != nil && (*s.CodesPerDay < 0 || *s.CodesPerDay > maxCodesPerDay):
		return staffkey.Invalid("codes_per_day", "policy.codes_per_day", "Max", maxCodesPerDay)
	}
	if s.Countries != nil {
		for _, c := range *s.Countries {
			if staffkey.IsCountry(c) {
				continue
			}
			if meant := staffkey.CountryMeant(c); meant != "" {
				return staffkey.Invalid("countries", "policy.country.meant", "Country", c, "Meant", meant)
			}
			return staffkey.Invalid("countries", "policy.countries", "Country", c)
		}
	}
	return nil
}

// otherNames are what people call methods elsewhere.
var otherNames = map[string]staffkey.MethodKind{
	"text": staffkey.MethodTextMessage, "texts": staffkey.MethodTextMessage, "sms": staffkey.MethodTextMessage, "txt": staffkey.MethodTextMessage,
	"message": staffkey.MethodTextMessage, "text_messages": staffkey.MethodTextMessage,
	"call": staffkey.MethodPhoneCall, "calls": staffkey.MethodPhoneCall, "phone": staffkey.MethodPhoneCall, "voice": staffkey.MethodPhoneCall,
	"telephone": staffkey.MethodPhoneCall, "phone_calls": staffkey.MethodPhoneCall,
	"app": staffkey.MethodTOTP, "authenticator": staffkey.MethodTOTP, "authenticator_app": staffkey.MethodTOTP, "otp": staffkey.MethodTOTP, "app_code": staffkey.MethodTOTP,
	"codes": staffkey.MethodRecoveryCode, "recovery": staffkey.MethodRecoveryCode, "recovery_codes": staffkey.MethodRecoveryCode, "backup_codes": staffkey.MethodRecoveryCode,
	"backup_code": staffkey.MethodRecoveryCode,
	"key":         staffkey.MethodSecurityKey, "keys": staffkey.MethodSecurityKey, "security_keys": staffkey.MethodSecurityKey, "token": staffkey.MethodSecurityKey,
	"fido": staffkey.MethodSecurityKey, "fido2": staffkey.MethodSecurityKey, "passkey": staffkey.MethodSecurityKey, "webauthn": staffkey.MethodSecurityKey,
}

// unknownMethod refuses a method that there is not, and names the one that may have been meant.
func unknownMethod(field string, written staffkey.MethodKind, known []staffkey.MethodKind) error {
	names := make([]string, len(known))
	for i, k := range known {
		names[i] = string(k)
	}
	plain := strings.NewReplacer("-", "_", " ", "_").Replace(strings.ToLower(strings.TrimSpace(string(written))))
	meant, ok := otherNames[plain]
	if !ok {
		meant = staffkey.MethodKind(plain)
	}
	if slices.Contains(known, meant) {
		return staffkey.Invalid(field, "policy.method.meant", "Method", string(written), "Meant", string(meant))
	}
	return staffkey.Invalid(field, "policy.method.unknown", "Method", string(written), "Methods", strings.Join(names, ", "))
}

// Workable refuses a policy that nobody could ever satisfy: they would be asked, day after day, for what their pages do not offer.
func Workable(p staffkey.Policy) error {
	phone := func(k staffkey.MethodKind) bool {
		return k == staffkey.MethodTextMessage || k == staffkey.MethodPhoneCall
	}
	noCodes := len(p.Countries) == 0 || p.CodesPerDay == 0
	works := false
	for _, m := range p.CoreMethods {
		switch {
		case !p.Allows(m):
			return staffkey.Invalid("core_methods", "policy.core_methods.allowed", "Method", string(m))
		case m == staffkey.MethodSecurityKey:
			works = works || takesKeys(p.Keys)
		case phone(m):
			works = works || !noCodes
		default:
			works = true
		}
	}
	switch {
	case p.Strength == staffkey.StrengthPhishingResistant && !takesKeys(p.Keys):
		return staffkey.Invalid("strength", "policy.strength.no_key")
	case works:
		return nil
	case slices.ContainsFunc(p.CoreMethods, phone):
		return staffkey.Invalid("core_methods", "policy.core_methods.no_codes")
	}
	return staffkey.Invalid("core_methods", "policy.core_methods.no_key")
}

// takesKeys reports whether rules let any new key be registered at all.
func takesKeys(r staffkey.KeyRules) bool {
	named := func(rule staffkey.ModelRule) bool {
		for _, is := range r.Models {
			if is == rule {
				return true
			}
		}
		return false
	}
	// Without attestation no key proves its model (JudgeKey), so that what is allowed by its name is not known when it comes.
	proves := *r.Conveyance != staffkey.ConveyNone
	if !proves && (*r.Attestation == staffkey.AttestationProven || *r.Level > staffkey.NotCertified) {
		return false
	}
	return *r.Others != staffkey.ModelDeny || named(staffkey.ModelReview) || named(staffkey.ModelAllow) && proves
}

// SameButKeys reports whether settings say the same of everything but the rules for keys.
func SameButKeys(a, b staffkey.PolicySettings) bool {
	a.Keys, b.Keys = nil, nil
	return reflect.DeepEqual(without(a, b), without(b, a)) && reflect.DeepEqual(a.Locks, b.Locks)
}
