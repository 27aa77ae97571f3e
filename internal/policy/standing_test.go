package policy_test

import (
	"errors"
	"slices"
	"testing"

	"staffkey"
	"staffkey/internal/policy"
)

// How somebody stands is told as a sign-in would answer: by what lets them in, what is refused, and whether they can act for others.
func TestStandingOf(t *testing.T) {
	t.Parallel()
	const model = "ee882879-721c-4913-9775-3dfcce97072a"
	key := func(change func(*policy.JudgedKey)) policy.JudgedKey {
		k := policy.JudgedKey{Key: staffkey.SecurityKey{ID: "k", AAGUID: model, State: staffkey.SecurityKeyActive, UserVerified: true}}
		if change != nil {
			change(&k)
		}
		return k
	}
	with := func(change func(*staffkey.Policy)) staffkey.Policy {
		p := policy.Defaults()
		p.Methods = []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodRecoveryCode}
		if change != nil {
			change(&p)
		}
		return p
	}
	denied := with(func(p *staffkey.Policy) {
		p.Keys = policy.Effective([]staffkey.PolicySettings{{Keys: &staffkey.KeyRules{Models: map[string]staffkey.ModelRule{model: staffkey.ModelDeny}}}}).Keys
	})
	forbidden := denied
	forbidden.Downgrade = staffkey.DowngradeForbid
	app := []staffkey.MethodKind{staffkey.MethodTOTP}
	for name, c := range map[string]struct {
		policy         staffkey.Policy
		keys           []policy.JudgedKey
		others         []staffkey.MethodKind
		who            policy.Holder
		taken, refused int
		methods        []staffkey.MethodKind
		strong         bool
	}{
		"a key":                   {with(nil), []policy.JudgedKey{key(nil)}, nil, policy.Holder{}, 1, 0, nil, true},
		"a key of a denied model": {denied, []policy.JudgedKey{key(nil)}, nil, policy.Holder{}, 0, 1, nil, false},
		"and an app":              {denied, []policy.JudgedKey{key(nil)}, app, policy.Holder{}, 0, 1, app, false},
		"an app, where a key forbids weaker ways, though it is refused": {forbidden, []policy.JudgedKey{key(nil)}, app, policy.Holder{}, 0, 1, nil, false},
		"the same with an exception":                                    {forbidden, []policy.JudgedKey{key(nil)}, app, policy.Holder{Excepted: true}, 0, 1, app, false},
		"recovery codes, which nothing forbids":                         {forbidden, []policy.JudgedKey{key(nil)}, []staffkey.MethodKind{staffkey.MethodRecoveryCode}, policy.Holder{}, 0, 1, []staffkey.MethodKind{staffkey.MethodRecoveryCode}, false},
		"a method that policy forbids":                                  {policy.Defaults(), nil, app, policy.Holder{}, 0, 0, nil, false},
		"texts":                                                         {with(nil), nil, []staffkey.MethodKind{staffkey.MethodTextMessage}, policy.Holder{}, 0, 0, []staffkey.MethodKind{staffkey.MethodTextMessage}, false},
		"texts of somebody who acts for others":                         {with(nil), nil, []staffkey.MethodKind{staffkey.MethodTextMessage}, policy.Holder{Privileged: true}, 0, 0, nil, false},
		"a key on hold":                                                 {with(nil), []policy.JudgedKey{key(func(k *policy.JudgedKey) { k.Key.State = staffkey.SecurityKeySuspended })}, app, policy.Holder{}, 0, 0, app, false},
		"a key that is being recalled, beside a password":               {with(nil), []policy.JudgedKey{key(func(k *policy.JudgedKey) { k.Recall = policy.RecallRunning })}, nil, policy.Holder{}, 1, 0, nil, true},
		"a key whose recall is over":                                    {with(nil), []policy.JudgedKey{key(func(k *policy.JudgedKey) { k.Recall = policy.RecallOver })}, nil, policy.Holder{}, 0, 1, nil, false},
		"a key with a fault": {with(nil), []policy.JudgedKey{key(func(k *policy.JudgedKey) {
			k.Facts.Model.Findings = []staffkey.Finding{{Kind: staffkey.FindingRemoteCompromise}}
		})}, nil, policy.Holder{}, 0, 1, nil, false},
		"a fault that is held": {with(nil), []policy.JudgedKey{key(func(k *policy.JudgedKey) {
			k.Facts.Model.Findings = []staffkey.Finding{{Kind: staffkey.FindingRemoteCompromise, Held: true}}
		})}, nil, policy.Holder{}, 1, 0, nil, true},
	} {
		s := policy.StandingOf(c.policy, c.keys, c.others, c.who)
		if len(s.Taken) != c.taken || len(s.Refused) != c.refused || !slices.Equal(s.Methods, c.methods) || s.Strong != c.strong || s.WayIn() != (c.taken+len(c.methods) > 0) {
			t.Errorf("%s: stands as %+v, want %d taken, %d refused, methods %v, strong %t", name, s, c.taken, c.refused, c.methods, c.strong)
		}
	}
	shift := policy.ShiftOf(policy.StandingOf(with(nil), []policy.JudgedKey{key(nil)}, app, policy.Holder{}), policy.StandingOf(forbidden, []policy.JudgedKey{key(nil)}, app, policy.Holder{}))
	if len(shift.Refused) != 1 || !slices.Equal(shift.Lost, app) || !shift.Stranded || !shift.ShutOut || !shift.Disarmed || !shift.Concerned() {
		t.Errorf("the change is %+v", shift)
	}
	if same := policy.ShiftOf(policy.Standing{Taken: []staffkey.SecurityKeyID{"k"}}, policy.Standing{Taken: []staffkey.SecurityKeyID{"k"}}); same.Concerned() {
		t.Errorf("no change is %+v", same)
	}
}

// The last operator who can act stays one, whoever changes what; and nobody's own key is refused before they have said that they know (A5).
func TestShutsOutOperators(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		able, left int
		overruled  bool
		refused    bool
	}{{2, 1, false, false}, {1, 1, false, false}, {1, 0, false, true}, {3, 0, false, true}, {3, 0, true, false}, {0, 0, false, false}} {
		err := policy.ShutsOutOperators(c.able, c.left, c.overruled)
		if errors.Is(err, staffkey.ErrRefused) != c.refused {
			t.Errorf("%+v: got %v", c, err)
		}
	}
	own := policy.Shift{Refused: []staffkey.SecurityKeyID{"k"}}
	if !errors.Is(policy.TakesOwnKey(own, false), staffkey.ErrRefused) || policy.TakesOwnKey(own, true) != nil || policy.TakesOwnKey(policy.Shift{}, false) != nil {
		t.Error("one's own key is not asked about")
	}
}

// A small, urgent report counts at once; what would refuse many waits.
func TestHoldLimits(t *testing.T) {
	t.Parallel()
	l := policy.DefaultHoldLimits
	for _, c := range []struct {
		people, all int
		want        bool
	}{{0, 0, false}, {1, 1, false}, {2, 4, true}, {4, 4, true}, {2, 100, false}, {10, 100, false}, {11, 100, true}, {25, 1_500_000, false}, {26, 1_500_000, true}} {
		if l.Exceeded(c.people, c.all) != c.want {
			t.Errorf("%d of %d: held is %t", c.people, c.all, !c.want)
		}
	}
}
