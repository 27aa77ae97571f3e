package policy_test

import (
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
)

// A password alone opens nothing beside a key or a method in use, whatever is noted of its person; what waits, is on hold or ends by itself
// is no such thing.
func TestAcceptsSignIn_of_a_bare_password(t *testing.T) {
	t.Parallel()
	enter := func(h policy.Holdings) error {
		_, err := policy.AcceptsSignIn([]staffkey.Proof{knows}, policy.Entering{Policy: policy.Defaults(), Holdings: h})
		return err
	}
	key := func(s staffkey.SecurityKeyState, r staffkey.StopReason) policy.Holdings {
		return policy.Holdings{Keys: []staffkey.SecurityKey{{ID: "a", State: s, StopReason: r}}}
	}
	allow(t, "nothing set up", enter(policy.Holdings{}))
	allow(t, "a key in review", enter(key(staffkey.SecurityKeySuspended, staffkey.StopReview)))
	allow(t, "a pass", enter(policy.Holdings{Others: []staffkey.MethodKind{staffkey.MethodPass}}))
	deny(t, "noted", policy.NeedsSecond, enter(policy.Holdings{SetUp: true}))
	deny(t, "a key in use that nobody noted", policy.NeedsSecond, enter(key(staffkey.SecurityKeyActive, "")))
	deny(t, "an app that nobody noted", policy.NeedsSecond, enter(policy.Holdings{Others: []staffkey.MethodKind{staffkey.MethodTOTP}}))
}

func TestRestsOn(t *testing.T) {
	t.Parallel()
	at := func(p staffkey.Proof, ago time.Duration) staffkey.Proof {
		p.At = now.Add(-ago)
		return p
	}
	for name, test := range map[string]struct {
		proofs []staffkey.Proof
		want   time.Duration
	}{
		"a key alone":                             {[]staffkey.Proof{at(pin, 0)}, 0},
		"an old password and a new code":          {[]staffkey.Proof{at(knows, 5*time.Hour), at(app, 0)}, 5 * time.Hour},
		"an old password and a key for a touch":   {[]staffkey.Proof{at(knows, 5*time.Hour), at(touch, time.Minute)}, 5 * time.Hour},
		"an old password beside a key with a PIN": {[]staffkey.Proof{at(knows, 5*time.Hour), at(pin, time.Minute)}, time.Minute},
	} {
		if got := policy.RestsOn(test.proofs, policy.AssuranceOf(test.proofs...), now); !got.Equal(now.Add(-test.want)) {
			t.Errorf("%s: got %v, want %v ago", name, got, test.want)
		}
	}
}
