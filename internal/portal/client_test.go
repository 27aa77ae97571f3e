package portal

import (
	"net/netip"
	"testing"
)

// Every usual way in which gateways write an address is read; what cannot be read is no address, and never the proxy's own.
func TestClientOf(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	const unreadable = "unreadable"
	for _, test := range []struct{ peer, header, want string }{
		{"192.0.2.7:1", "", "192.0.2.7"},
		{"192.0.2.7:1", "203.0.113.8:51008", "192.0.2.7"},
		{"[2001:db8::7]:1", "", "2001:db8::7"},
		{"no address", "203.0.113.8", ""},

		{"10.0.0.1:1", "203.0.113.8", "203.0.113.8"},
		{"10.0.0.1:1", "203.0.113.8:51008", "203.0.113.8"},
		{"10.0.0.1:1", `"203.0.113.8:51008"`, "203.0.113.8"},
		{"10.0.0.1:1", "203.0.113.8:_hidden", "203.0.113.8"},
		{"10.0.0.1:1", "2001:db8::1", "2001:db8::1"},
		{"10.0.0.1:1", "[2001:db8::1]", "2001:db8::1"},
		{"10.0.0.1:1", "[2001:db8::1]:443", "2001:db8::1"},
		{"10.0.0.1:1", `"[2001:db8::1]:443"`, "2001:db8::1"},
		{"10.0.0.1:1", `"[2001:db8::1]"`, "2001:db8::1"},
		{"10.0.0.1:1", "2001:DB8:0:0::1", "2001:db8::1"},
		{"10.0.0.1:1", "::ffff:203.0.113.8", "203.0.113.8"},
		{"10.0.0.1:1", "[::ffff:203.0.113.8]:443", "203.0.113.8"},
		{"10.0.0.1:1", "fe80::1%eth0", "fe80::1"},
		{"[::ffff:10.0.0.1]:1", "2001:db8::1", "2001:db8::1"},
		{"[fd00::1]:1", "203.0.113.8", "203.0.113.8"},

		{"10.0.0.1:1", "1.2.3.4, 203.0.113.8:51008, 10.9.9.9:443", "203.0.113.8"},
		{"10.0.0.1:1", "1.2.3.4,203.0.113.8 ,, 10.9.9.9 , ", "203.0.113.8"},
		{"10.0.0.1:1", "nonsense, 203.0.113.8", "203.0.113.8"}, // nobody trusted has said it
		{"10.0.0.1:1", "10.1.2.3, 10.9.9.9", "10.1.2.3"},       // somebody in the network of the proxies

		{"10.0.0.1:1", "", unreadable},
		{"10.0.0.1:1", " , ", unreadable},
		{"10.0.0.1:1", "unknown", unreadable},
		{"10.0.0.1:1", "_hidden", unreadable},
		{"10.0.0.1:1", `"_SEVKISEK"`, unreadable},
		{"10.0.0.1:1", "203.0.113.8, localhost", unreadable},
		{"10.0.0.1:1", "203.0.113.8, unknown, 10.9.9.9", unreadable},
		{"10.0.0.1:1", "nonsense", unreadable},
		{"10.0.0.1:1", "999.1.1.1", unreadable},
		{"10.0.0.1:1", `"203.0.113.8`, unreadable},
		{"10.0.0.1:1", "[2001:db8::1", unreadable},
		{"10.0.0.1:1", "[2001:db8::1]443", unreadable},
		{"10.0.0.1:1", "203.0.113.8:", unreadable},
		{"10.0.0.1:1", "203.0.113.8:123456", unreadable},
		{"10.0.0.1:1", "203.0.113.8:x", unreadable},
		{"10.0.0.1:1", "203.0.113.8:_", unreadable},
	} {
		ip, _, ok := clientOf(test.peer, test.header, trusted)
		got := ""
		if ip.IsValid() {
			got = ip.String()
		}
		if !ok {
			if got != "" {
				t.Errorf("peer %s, header %q: an unreadable hop gave %s, want no address", test.peer, test.header, got)
			}
			got = unreadable
		}
		if got != test.want {
			t.Errorf("peer %s, header %q: got %s, want %s", test.peer, test.header, got, test.want)
		}
	}
}

func FuzzParseHop(f *testing.F) {
	for _, hop := range []string{"203.0.113.8:51008", `"[2001:db8::1]:443"`, "_hidden", "[", "]:", `"`, "1:2:3"} {
		f.Add(hop)
	}
	f.Fuzz(func(t *testing.T, hop string) {
		ip, ok := parseHop(hop)
		if !ok {
			return
		}
		if again, ok := parseHop(ip.String()); !ok || again != ip {
			t.Errorf("%q is read as %s, and that as %s", hop, ip, again)
		}
	})
}
