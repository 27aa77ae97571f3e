package ui

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDeviceScriptIsSmall(t *testing.T) {
	t.Parallel()
	body, err := staticSources.ReadFile("static/device.js")
	if err != nil {
		t.Fatal(err)
	}
	z, err := compress(body)
	if err != nil {
		t.Fatal(err)
	}
	if len(z) > 3<<10 {
		t.Errorf("device.js is %d bytes, want at most %d", len(z), 3<<10)
	}
}

func TestDeviceAnswersInWords(t *testing.T) {
	t.Parallel()
	u, err := New()
	if err != nil {
		t.Fatal(err)
	}
	slow := DeviceAnswer{Row: "clock", ID: "slow", Value: "47"}
	for name, test := range map[string]struct {
		text Text
		want string
	}{
		"filled":  {slow.Text(), "This device is 47 seconds slow."},
		"to fill": {slow.Pattern(), "This device is {n} seconds slow."},
		"waiting": {DeviceAnswer{Row: "clock", ID: "waiting"}.Text(), "Not checked yet"},
		"link":    {DeviceAnswer{Row: "desktop", ID: "yes"}.Link(), "Three ways out"},
	} {
		if got := u.Text("en", test.text); !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: got %q, want it to begin with %q", name, got, test.want)
		}
	}
}

func TestDeviceCapabilityNamesBreakBeforeCapitals(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"conditionalGet": {"conditional", "Get"}, "extension": {"extension"}, "relatedOriginsToo": {"related", "Origins", "Too"},
	} {
		if diff := cmp.Diff(want, DeviceCapability{Name: name}.Pieces()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
