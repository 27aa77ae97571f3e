package policy_test

import (
	"testing"

	"staffkey"
	"staffkey/internal/policy"
)

func TestSeeingDeviceChecks(t *testing.T) {
	t.Parallel()
	may := policy.MaySeeDeviceCheck
	allow(t, "console", may(console))
	for _, r := range staffkey.Roles {
		allow(t, string(r), may(with(r, "trust")))
		allow(t, string(r)+" without a key", may(proved(with(r, "trust"), phished)))
	}
	deny(t, "a person without a role", "role", may(staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}, Assurance: strong}))
	deny(t, "a role that we do not know", "role", may(with("superuser", "root")))
	deny(t, "nobody", "role", may(staffkey.Authority{}))
}

func TestSeeingOutcomes(t *testing.T) {
	t.Parallel()
	may := func(a staffkey.Authority) error {
		return policy.MaySeeOutcome(a, policy.Chain{"ward", "trust", "root"})
	}
	allow(t, "console", may(console))
	for _, r := range staffkey.Roles {
		allow(t, string(r)+" above", may(with(r, "trust")))
		deny(t, string(r)+" elsewhere", "scope", may(with(r, "other")))
		deny(t, string(r)+" without a key", "role_needs_key", may(proved(with(r, "trust"), phished)))
	}
	deny(t, "a person without a role", "scope", may(staffkey.Authority{Actor: staffkey.Actor{Person: "amara"}, Assurance: strong}))
	deny(t, "nobody", "scope", may(staffkey.Authority{}))
}
