package staffkey

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// hostNames is how browsers read a host name (WHATWG URL Standard §3.3, "domain to ASCII"; UTS 46, not transitional), with the lengths of DNS
// and the letters of host names (RFC 1123 §2.1), because these names are also asked for.
var hostNames = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.Transitional(false), idna.CheckHyphens(false), idna.StrictDomainName(true), idna.VerifyDNSLength(true))

// HostName brings the name of a host to the form in which browsers, mail servers and DNS have it: in small letters, as A-labels where it has
// letters outside ASCII (RFC 5890 §2.3.2.1; "tŷ.example" is "xn--t-foa.example"), and without the final dot of a full name. Every name of a
// host that somebody sets or sends goes through here before it is compared. An address is no name.
func HostName(s string) (string, error) {
	name := strings.TrimSuffix(s, ".")
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return "", fmt.Errorf("%q is an address, no name of a host", CleanText(s))
	}
	ascii, err := hostNames.ToASCII(name)
	dotted := "." + ascii + "." // no label begins or ends with a hyphen
	if err != nil || ascii == "" || !utf8.ValidString(s) || strings.Contains(dotted, ".-") || strings.Contains(dotted, "-.") {
		return "", fmt.Errorf("%q is no name of a host", CleanText(s))
	}
	return ascii, nil
}
