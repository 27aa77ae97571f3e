package portal

import (
	"testing"

	"staffkey"
)

// V9: the second question is said where it may come, and nowhere else.
func TestAsksTwice(t *testing.T) {
	t.Parallel()
	const firefox, phone = "Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0", "Mozilla/5.0 (Android 16; Mobile; rv:153.0) Gecko/153.0 Firefox/153.0"
	const chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
	const iPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/153.0 Mobile/15E148 Safari/605.1.15"
	for _, test := range []struct {
		agent string
		what  *staffkey.Conveyance
		want  bool
	}{
		{firefox, nil, true}, {firefox, new(staffkey.ConveyDirect), true}, {firefox, new(staffkey.ConveyEnterprise), true}, {firefox, new(staffkey.ConveyNone), false},
		{phone, nil, false}, {chrome, nil, false}, {iPhone, nil, false}, {"", nil, false},
	} {
		if got := asksTwice(test.agent, staffkey.KeyRules{Conveyance: test.what}); got != test.want {
			t.Errorf("%s: got %t, want %t", test.agent, got, test.want)
		}
	}
}
