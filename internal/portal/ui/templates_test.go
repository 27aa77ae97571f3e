package ui

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQRPath(t *testing.T) {
	t.Parallel()
	rows := []string{"1101", "0000", "0111"}
	if got, want := qrPath(rows), "M0 0h2v1h-2zM3 0h1v1h-1zM1 2h3v1h-3z"; got != want {
		t.Errorf("path is %q, want %q", got, want)
	}
	if got, want := qrBox(rows), "-4 -4 11 11"; got != want {
		t.Errorf("box is %q, want %q", got, want)
	}
}

func TestOtpauthLink(t *testing.T) {
	t.Parallel()
	const good = "otpauth://totp/Northmoor:amara?secret=JBSWY3DP"
	if got := otpauthLink(good); string(got) != good {
		t.Errorf("link is %q, want %q", got, good)
	}
	for _, bad := range []string{"", "javascript:alert(1)", "otpauth://hotp/x", " otpauth://totp/x", "https://otpauth://totp/"} {
		if got := otpauthLink(bad); got != "" {
			t.Errorf("link to %q is %q, want none", bad, got)
		}
	}
}

func TestSystems_begin_with_that_of_the_browser(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		system string
		want   []string
	}{
		{"linux", []string{"linux", "windows", "macos", "chromeos", "android", "ios"}},
		{"windows", []string{"windows", "macos", "linux", "chromeos", "android", "ios"}},
		{"", []string{"windows", "macos", "linux", "chromeos", "android", "ios"}},
	} {
		if diff := cmp.Diff(tt.want, PINPage{System: tt.system}.Systems()); diff != "" {
			t.Errorf("PIN page on %q (-want +got):\n%s", tt.system, diff)
		}
		if diff := cmp.Diff(tt.want, ReplacePage{System: tt.system}.Systems()); diff != "" {
			t.Errorf("replace page on %q (-want +got):\n%s", tt.system, diff)
		}
	}
}
