package softkey

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// checkOrigin says which relying party id a ceremony at origin is for: rpID, or the origin's host when rpID is empty.
// It returns ErrSecurity unless origin is a serialised secure origin with a domain name and rpID is that name or a
// parent of it (WebAuthn §5.1.3, §5.1.4.1). There is no public suffix list here: a parent of one label, such as "uk",
// is refused, while "co.uk" passes.
func checkOrigin(origin, rpID string) (string, error) {
	u, err := url.Parse(origin)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrSecurity, err)
	}
	host := u.Hostname()
	if u.Scheme+"://"+u.Host != origin || strings.HasSuffix(u.Host, ":") || !isDomain(host) {
		return "", fmt.Errorf("origin %q is not a scheme, a domain name and perhaps a port: %w", origin, ErrSecurity)
	}
	local := host == "localhost" || strings.HasSuffix(host, ".localhost")
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "", fmt.Errorf("origin %q is not a secure context: %w", origin, ErrSecurity)
	}
	if rpID == "" {
		return host, nil
	}
	parent := strings.Contains(rpID, ".") && isDomain(rpID) && strings.HasSuffix(host, "."+rpID)
	if rpID != host && !parent {
		return "", fmt.Errorf("relying party id %q at %q: %w", rpID, origin, ErrSecurity)
	}
	return rpID, nil
}

// isDomain says whether host is a domain name as it stands in a serialised origin: lower case, ASCII, no IP address.
func isDomain(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}
