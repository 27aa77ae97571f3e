package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/policy"
)

// The proofs of the other methods.
var (
	app   = staffkey.Proof{Method: staffkey.MethodTOTP, Possession: true}
	text  = staffkey.Proof{Method: staffkey.MethodTextMessage, Possession: true, Restricted: true}
	call  = staffkey.Proof{Method: staffkey.MethodPhoneCall, Possession: true, Restricted: true}
	saved = staffkey.Proof{Method: staffkey.MethodRecoveryCode, Possession: true, Recovery: staffkey.RecoveryCode}
	slip  = staffkey.Proof{Method: staffkey.MethodPass, Possession: true, Recovery: staffkey.RecoveryPass}
)

// situation is what decides about a sign-in beside its proofs, in words.
type situation struct {
	downgrade  staffkey.Downgrade
	strength   staffkey.Strength
	privileged bool
	excepted   bool
	has        string // nothing, used up, on hold, a key
}

func (s situation) entering() policy.Entering {
	e := policy.Entering{Policy: policy.Defaults(), Privileged: s.privileged, Excepted: s.excepted}
	e.Policy.Downgrade, e.Policy.Strength = s.downgrade, s.strength
	switch s.has {
	case "used up":
		e.Holdings = policy.Holdings{SetUp: true}
	case "on hold":
		e.Holdings = policy.Holdings{Keys: []staffkey.SecurityKey{suspended("a")}, SetUp: true}
	case "a key":
		e.Holdings = policy.Holdings{Keys: []staffkey.SecurityKey{suspended("a"), active("b")}, SetUp: true}
	}
	return e
}

// situations lists every one.
func situations() (all []situation) {
	for _, d := range []staffkey.Downgrade{staffkey.DowngradeNotify, staffkey.DowngradeForbid} {
		for _, s := range []staffkey.Strength{staffkey.StrengthAny, staffkey.StrengthPhishingResistant} {
			for _, has := range []string{"nothing", "used up", "on hold", "a key"} {
				for flags := range 4 {
					all = append(all, situation{d, s, flags&1 != 0, flags&2 != 0, has})
				}
			}
		}
	}
	return all
}

// ruling is what the rules of F4, F11, F41, F44 and F46 say in words of a set of proofs: a level, or the rule that refuses.
func ruling(s situation, gave map[string]bool) (level int, rule string) {
	key := gave["pin"] || gave["touch"] || gave["synced"]
	recovery := gave["saved"] || gave["slip"]
	device := key || recovery || gave["app"] || gave["text"] || gave["call"]
	// Codes over the telephone are not for people who act for others, whatever they are given beside.
	if s.privileged && (gave["text"] || gave["call"]) {
		return 0, "restricted"
	}
	// Two factors: a key that has checked the person, or the password and something that the person has.
	if gave["pin"] || gave["synced"] || gave["knows"] && device {
		// Who has a key comes in by a key, where policy says so, also while it is on hold: a password puts it there. A means of
		// recovery and an exception are the ways out.
		strict := s.downgrade == staffkey.DowngradeForbid || s.strength == staffkey.StrengthPhishingResistant
		if (s.has == "a key" || s.has == "on hold") && !key && !recovery && strict && !s.excepted {
			return 0, "downgrade"
		}
		if gave["pin"] || gave["touch"] {
			return 3, ""
		}
		return 2, ""
	}
	switch {
	case gave["slip"]: // a pass alone opens setting up
		return 1, ""
	case gave["knows"] && s.has == "nothing": // so does the password of somebody who never had more
		return 1, ""
	case key:
		return 0, "user_verification"
	}
	return 0, policy.NeedsSecond
}

func TestAcceptsSignIn_of_every_combination(t *testing.T) {
	t.Parallel()
	methods := []struct {
		name  string
		proof staffkey.Proof
	}{
		{"knows", knows}, {"pin", pin}, {"touch", touch}, {"synced", synced}, {"app", app}, {"text", text}, {"call", call}, {"saved", saved}, {"slip", slip},
	}
	all := situations()
	for set := range 1 << len(methods) {
		var proofs []staffkey.Proof
		var names []string
		gave := map[string]bool{}
		for i, m := range methods {
			if set&(1<<i) != 0 {
				proofs, names = append(proofs, m.proof), append(names, m.name)
				gave[m.name] = true
			}
		}
		for _, s := range all {
			level, rule := ruling(s, gave)
			want := staffkey.Assurance{Level: level, PhishingResistant: level > 0 && (gave["pin"] || gave["touch"] || gave["synced"])}
			got, err := policy.AcceptsSignIn(proofs, s.entering())
			var r *staffkey.Refusal
			switch {
			case rule == "" && err != nil, got != want:
				t.Errorf("%s in %+v: got %+v and error %v, want %+v", strings.Join(names, "+"), s, got, err, want)
			case rule != "" && (!errors.As(err, &r) || r.Rule != rule || r.Message.ID == ""):
				t.Errorf("%s in %+v: got error %v, want a refusal by %s with a message", strings.Join(names, "+"), s, err, rule)
			}
			slices.Reverse(proofs) // in another order
			if again, errAgain := policy.AcceptsSignIn(proofs, s.entering()); again != got || (errAgain == nil) != (err == nil) {
				t.Errorf("%s in another order in %+v: got %+v and error %v, want %+v and %v", strings.Join(names, "+"), s, again, errAgain, got, err)
			}
		}
	}
}

func TestIsDowngrade(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		a    staffkey.Assurance
		h    policy.Holdings
		want bool
	}{
		{"by key", strong, oneKey, false},
		{"by a synced key", enough, oneKey, false},
		{"by code beside a key", phished, oneKey, true},
		{"by pass beside a key", staffkey.Assurance{Level: 1}, oneKey, true},
		{"by code with the key on hold", phished, onHold, true},
		{"by code without a key", phished, codes, false},
	}
	for _, test := range tests {
		if got := policy.IsDowngrade(test.a, test.h); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

func TestRecoveryOf(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		proofs []staffkey.Proof
		want   staffkey.Recovery
	}{
		{"nothing", nil, staffkey.RecoveryNone},
		{"password and app", []staffkey.Proof{knows, app}, staffkey.RecoveryNone},
		{"password and code", []staffkey.Proof{knows, saved}, staffkey.RecoveryCode},
		{"code and password", []staffkey.Proof{saved, knows}, staffkey.RecoveryCode},
		{"pass", []staffkey.Proof{slip}, staffkey.RecoveryPass},
		{"code and pass", []staffkey.Proof{saved, slip}, staffkey.RecoveryPass},
		{"pass and code", []staffkey.Proof{slip, saved, knows}, staffkey.RecoveryPass},
	}
	for _, test := range tests {
		if got := policy.RecoveryOf(test.proofs); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}
