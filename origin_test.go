package staffkey_test

import (
	"testing"

	"staffkey"
)

func TestOrigin_Source(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"192.0.2.7":            "192.0.2.7",
		"::ffff:192.0.2.7":     "192.0.2.7", // as a socket for both families writes it
		"2001:db8:1:2:3:4:5:6": "2001:db8:1:2::",
		"2001:db8:1:2:ffff::1": "2001:db8:1:2::",
		"2001:db8:1:3:3:4:5:6": "2001:db8:1:3::",
		"fe80::1:2:3:4%eth0":   "fe80::",
		"":                     "invalid IP",
		"unknown":              "invalid IP",
	} {
		if got := (staffkey.Origin{IP: ip}).Source().String(); got != want {
			t.Errorf("%q counts as %s, want %s", ip, got, want)
		}
	}
}
