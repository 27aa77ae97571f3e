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
