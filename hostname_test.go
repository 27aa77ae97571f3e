package staffkey_test

import (
	"strings"
	"testing"

	"staffkey"
)

func TestHostName(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"signin.example": "signin.example", "SIGNIN.Example": "signin.example", "signin.example.": "signin.example", "localhost": "localhost",
		"mewngofnodi.tŷ-iechyd.example": "mewngofnodi.xn--t-iechyd-t2b.example", "MEWNGOFNODI.TŶ-IECHYD.EXAMPLE": "mewngofnodi.xn--t-iechyd-t2b.example",
		"mewngofnodi.ty\u0302-iechyd.example": "mewngofnodi.xn--t-iechyd-t2b.example", "mewngofnodi.xn--t-iechyd-t2b.example": "mewngofnodi.xn--t-iechyd-t2b.example",
		"faß.example": "xn--fa-hia.example", "ｓｉｇｎｉｎ.example": "signin.example", "signin。example": "signin.example", "sign\u00adin.example": "signin.example",
		"r3---sn-5.example": "r3---sn-5.example", "例え.テスト": "xn--r8jz45g.xn--zckzah",
		strings.Repeat("a", 63) + ".example": strings.Repeat("a", 63) + ".example",
	} {
		got, err := staffkey.HostName(in)
		if err != nil || got != want {
			t.Errorf("HostName(%+q) = %q, %v, want %q", in, got, err, want)
		}
		if again, err := staffkey.HostName(got); again != got {
			t.Errorf("%q becomes %q, %v", got, again, err)
		}
	}
	for _, bad := range []string{
		"", ".", "..", "a..example", ".example", "a b.example", "a_b.example", "a/b", "a:443", "user@a.example", "-", "xn--a", "xn--\u0300.example", "192.0.2.1", "2001:db8::1", "[2001:db8::1]",
		strings.Repeat("a", 64) + ".example", strings.Repeat("a.", 130) + "example", "\xff.example", "a\x00.example",
	} {
		if got, err := staffkey.HostName(bad); err == nil {
			t.Errorf("HostName(%q) = %q", bad, got)
		}
	}
}
