package policy_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"

	"github.com/google/go-cmp/cmp"
)

func active(id staffkey.SecurityKeyID) staffkey.SecurityKey {
	return staffkey.SecurityKey{ID: id, State: staffkey.SecurityKeyActive}
}

func suspended(id staffkey.SecurityKeyID) staffkey.SecurityKey {
	return staffkey.SecurityKey{ID: id, State: staffkey.SecurityKeySuspended}
}

// others are holdings without a key.
func others(k ...staffkey.MethodKind) policy.Holdings {
	return policy.Holdings{Others: k, SetUp: true}
}

// keys are holdings of keys, and of other methods beside them.
func keys(list []staffkey.SecurityKey, k ...staffkey.MethodKind) policy.Holdings {
	return policy.Holdings{Keys: list, Others: k, SetUp: true}
}

var (
	none     = policy.Holdings{}
	codes    = others(staffkey.MethodRecoveryCode)
	oneKey   = keys([]staffkey.SecurityKey{active("a")})
	twoKeys  = keys([]staffkey.SecurityKey{active("a"), active("b")})
	fiveKeys = keys([]staffkey.SecurityKey{active("a"), active("b"), active("c"), active("d"), active("e")})
	onHold   = keys([]staffkey.SecurityKey{suspended("a")})
	keyCodes = keys(oneKey.Keys, staffkey.MethodRecoveryCode)
)

func TestHoldings_strongest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		h    policy.Holdings
		want staffkey.Assurance
	}{
		{"nothing", none, staffkey.Assurance{}},
		{"all used up", policy.Holdings{SetUp: true}, staffkey.Assurance{}},
		{"codes", codes, staffkey.Assurance{Level: 2}},
		{"an app", others(staffkey.MethodTOTP), staffkey.Assurance{Level: 2}},
		{"a pass, which ends by itself", others(staffkey.MethodPass), staffkey.Assurance{}},
		{"a pass and a telephone", others(staffkey.MethodPass, staffkey.MethodTextMessage), staffkey.Assurance{Level: 2}},
		{"a key", oneKey, staffkey.Assurance{Level: 2, PhishingResistant: true}},
		{"a key and codes", keyCodes, staffkey.Assurance{Level: 2, PhishingResistant: true}},
		{"a key on hold", onHold, staffkey.Assurance{Level: 2, PhishingResistant: true}},
		{"a key on hold and an app", keys(onHold.Keys, staffkey.MethodTOTP), staffkey.Assurance{Level: 2, PhishingResistant: true}},
	}
	for _, test := range tests {
		if got := test.h.Strongest(); got != test.want {
			t.Errorf("%s: strongest %+v, want %+v", test.name, got, test.want)
		}
	}
	if got := len(keys([]staffkey.SecurityKey{suspended("a"), active("b"), suspended("c")}).ActiveKeys()); got != 1 {
		t.Errorf("%d keys in use, want 1", got)
	}
}

func TestHoldingsOf(t *testing.T) {
	t.Parallel()
	p := policy.Defaults()
	enrolled := []staffkey.Enrolment{
		{Method: staffkey.MethodPassword}, {Method: staffkey.MethodRecoveryCode, State: []byte("left")},
		{Method: "forbidden", State: []byte("left")}, {Method: staffkey.MethodSecurityKey, State: []byte("left")},
	}
	usable := func(e staffkey.Enrolment) bool { return len(e.State) > 0 && e.DisabledAt.IsZero() }
	once := staffkey.Person{ID: "amara", SetUpAt: now}
	if diff := cmp.Diff(keyCodes, policy.HoldingsOf(once, p, oneKey.Keys, enrolled, usable)); diff != "" {
		t.Errorf("holdings (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(onHold, policy.HoldingsOf(once, p, onHold.Keys, nil, usable)); diff != "" {
		t.Errorf("a key on hold: holdings (-want +got):\n%s", diff)
	}
	left := []byte("left")
	tests := []struct {
		name   string
		e      staffkey.Enrolment
		others []staffkey.MethodKind
	}{
		{"all codes used", staffkey.Enrolment{Method: staffkey.MethodRecoveryCode}, nil},
		{"an app that policy forbids now", staffkey.Enrolment{Method: staffkey.MethodTOTP, State: left}, nil},
		{"a method that is switched off", staffkey.Enrolment{Method: staffkey.MethodRecoveryCode, State: left, DisabledAt: now}, nil},
		{"a number that waits for its first code", staffkey.Enrolment{Method: staffkey.MethodTextMessage}, nil},
		{"the password alone", staffkey.Enrolment{Method: staffkey.MethodPassword, State: left, LastUsedAt: now}, nil},
		{"a pass, which no policy forbids", staffkey.Enrolment{Method: staffkey.MethodPass, State: left}, []staffkey.MethodKind{staffkey.MethodPass}},
	}
	for _, test := range tests {
		// That somebody has ever set up more than a password is remembered of the person, whatever has become of it.
		for _, person := range []staffkey.Person{{ID: "amara"}, once} {
			want := policy.Holdings{Others: test.others, SetUp: !person.SetUpAt.IsZero()}
			if diff := cmp.Diff(want, policy.HoldingsOf(person, p, nil, []staffkey.Enrolment{test.e}, usable)); diff != "" {
				t.Errorf("%s, set up %t: holdings (-want +got):\n%s", test.name, want.SetUp, diff)
			}
		}
	}
}

func lacks(t *testing.T, what string, want, got policy.Lack) {
	t.Helper()
	if got != want {
		t.Errorf("%s: lacks %q, want %q", what, got, want)
	}
}

// F45, the classic rule: a key counts only beside a core method.
func TestClassicRule(t *testing.T) {
	t.Parallel()
	p := policy.Defaults()
	p.CoreMethods = []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage}
	lacks(t, "nothing", policy.LackCore, policy.Lacking(p, none))
	lacks(t, "one key", policy.LackCore, policy.Lacking(p, oneKey))
	lacks(t, "two keys", policy.LackCore, policy.Lacking(p, twoKeys))
	lacks(t, "a key and codes", policy.LackCore, policy.Lacking(p, keyCodes))
	lacks(t, "a call, which is not a core method here", policy.LackCore, policy.Lacking(p, others(staffkey.MethodPhoneCall)))
	lacks(t, "a pass", policy.LackCore, policy.Lacking(p, others(staffkey.MethodPass)))
	lacks(t, "an app", policy.LackNothing, policy.Lacking(p, others(staffkey.MethodTOTP)))
	lacks(t, "a text message", policy.LackNothing, policy.Lacking(p, others(staffkey.MethodTextMessage)))
	lacks(t, "a key and an app", policy.LackNothing, policy.Lacking(p, keys(oneKey.Keys, staffkey.MethodTOTP)))
	p.Strength = staffkey.StrengthPhishingResistant
	lacks(t, "an app where a key is asked for", policy.LackKey, policy.Lacking(p, others(staffkey.MethodTOTP)))
	lacks(t, "a key alone where both are", policy.LackCore, policy.Lacking(p, oneKey))
	lacks(t, "a key and an app where both are", policy.LackNothing, policy.Lacking(p, keys(oneKey.Keys, staffkey.MethodTOTP)))
}

// F45, the modern rule: two keys, or one key and recovery codes, are enough; no phone.
func TestModernRule(t *testing.T) {
	t.Parallel()
	p := policy.Defaults()
	twin := active("b")
	twin.SameKeyAs = "a"
	lacks(t, "nothing", policy.LackKey, policy.Lacking(p, none))
	lacks(t, "codes alone", policy.LackKey, policy.Lacking(p, codes))
	lacks(t, "an app alone", policy.LackKey, policy.Lacking(p, others(staffkey.MethodTOTP)))
	lacks(t, "one key", policy.LackBackup, policy.Lacking(p, oneKey))
	lacks(t, "one key and one on hold", policy.LackBackup, policy.Lacking(p, keys([]staffkey.SecurityKey{active("a"), suspended("b")})))
	lacks(t, "one key twice on the list", policy.LackBackup, policy.Lacking(p, keys([]staffkey.SecurityKey{active("a"), twin})))
	lacks(t, "a key and a pass, which ends", policy.LackBackup, policy.Lacking(p, keys(oneKey.Keys, staffkey.MethodPass)))
	lacks(t, "a key on hold", policy.LackKey, policy.Lacking(p, onHold))
	lacks(t, "two keys", policy.LackNothing, policy.Lacking(p, twoKeys))
	lacks(t, "a key and codes", policy.LackNothing, policy.Lacking(p, keyCodes))
	lacks(t, "a key and an app", policy.LackNothing, policy.Lacking(p, keys(oneKey.Keys, staffkey.MethodTOTP)))
	p.CoreMethods = append(p.CoreMethods, staffkey.MethodTOTP)
	lacks(t, "an app where it is a core method too", policy.LackNothing, policy.Lacking(p, others(staffkey.MethodTOTP)))
	lacks(t, "nothing where there is a choice", policy.LackCore, policy.Lacking(p, none))
	lacks(t, "one key where there is a choice", policy.LackBackup, policy.Lacking(p, oneKey))
	p.Strength = staffkey.StrengthPhishingResistant
	lacks(t, "an app where a key is asked for", policy.LackKey, policy.Lacking(p, others(staffkey.MethodTOTP)))
}

// F46: grace begins when a person is first asked; an exception lets them off until it ends.
func TestAsksFor(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	p := policy.Defaults()
	asked := func(at time.Time) staffkey.Person { return staffkey.Person{ID: "amara", AskedAt: at} }
	until := func(ends ...time.Time) (list []staffkey.Exception) {
		for _, e := range ends {
			list = append(list, staffkey.Exception{ExpiresAt: e})
		}
		return list
	}
	started := now.Add(-14 * day)
	tests := []struct {
		name       string
		h          policy.Holdings
		person     staffkey.Person
		exceptions []staffkey.Exception
		want       policy.SetUpState
	}{
		{"never asked", none, asked(time.Time{}), nil, policy.SetUpState{Lack: policy.LackKey, Until: now.Add(14 * day)}},
		{"asked a moment less than the grace ago", none, asked(started.Add(1)), nil, policy.SetUpState{Lack: policy.LackKey, Until: now.Add(1)}},
		{"asked exactly the grace ago", none, asked(started), nil, policy.SetUpState{Lack: policy.LackKey, Until: now, Must: true}},
		{"let off", none, asked(started), until(now.Add(day)), policy.SetUpState{Lack: policy.LackKey, Until: now, Exception: now.Add(day)}},
		{"let off by the longest of several", none, asked(started), until(now.Add(day), now.Add(3*day), now.Add(2*day)),
			policy.SetUpState{Lack: policy.LackKey, Until: now, Exception: now.Add(3 * day)}},
		{"let off until now", none, asked(started), until(now), policy.SetUpState{Lack: policy.LackKey, Until: now, Must: true}},
		{"nothing lacking", twoKeys, asked(started), nil, policy.SetUpState{}},
		{"nothing lacking and let off", twoKeys, asked(started), until(now.Add(day)), policy.SetUpState{Exception: now.Add(day)}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, policy.AsksFor(p, test.h, test.person, test.exceptions, now)); diff != "" {
			t.Errorf("%s: state (-want +got):\n%s", test.name, diff)
		}
	}
	p.GraceDays = 0
	if got := policy.AsksFor(p, none, asked(time.Time{}), nil, now); !got.Must {
		t.Errorf("without grace: got %+v, want it a must at once", got)
	}
}
