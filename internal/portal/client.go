package portal

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// clientIP is the address of the peer, or behind trusted proxies the nearest address in X-Forwarded-For that is not one of them. The header of
// anybody else says nothing. What a trusted proxy writes and we cannot read is no address: counted as its own, all people behind it would be
// one. Operators see it in the log, once in seldomEvery, and in the metrics.
func (p *Portal) clientIP(r *http.Request) string {
	header := strings.Join(r.Header.Values("X-Forwarded-For"), ",")
	ip, hop, ok := clientOf(r.RemoteAddr, header, p.TrustedProxies)
	if !ok {
		p.Metrics.unreadable.Inc()
		if p.unreadable.due(p.Now()) {
			p.Log.LogAttrs(r.Context(), slog.LevelWarn, "no client address: a trusted proxy sent an X-Forwarded-For that cannot be read, or none (Forwarded is not read)",
				slog.String("proxy", r.RemoteAddr), slog.String("header", clipped(header, 200)), slog.String("hop", clipped(hop, 100)))
		}
	}
	if header != "" && isNear(ip) && p.isPeer(r, ip) && p.untrusted.due(p.Now()) {
		p.Log.LogAttrs(r.Context(), slog.LevelWarn, "X-Forwarded-For from an address that is not in trusted-proxy: everybody who comes by it counts as one",
			slog.String("peer", r.RemoteAddr), slog.String("header", clipped(header, 200)))
	}
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

// isNear reports an address of this machine or of a private network: where a proxy of one's own is, that somebody has forgotten to name.
func isNear(ip netip.Addr) bool { return ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() }

// isPeer reports whether the address of a request is that of its connection, and not a trusted proxy's word.
func (p *Portal) isPeer(r *http.Request, ip netip.Addr) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	peer, parseErr := netip.ParseAddr(host)
	return err == nil && parseErr == nil && peer.Unmap() == ip && !isTrusted(ip, p.TrustedProxies)
}

// seldomEvery is how often the log tells of what a proxy in front does wrong.
const seldomEvery = time.Hour

// seldom says when something that happens often is due to be told.
type seldom struct {
	mu   sync.Mutex
	next time.Time
}

func (s *seldom) due(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Before(s.next) {
		return false
	}
	s.next = now.Add(seldomEvery)
	return true
}

// clientOf follows the header from its end, hop by hop, as long as the address before it is a trusted proxy's. It is false, with the hop, when a
// trusted proxy's word cannot be read.
func clientOf(peer, header string, trusted []netip.Prefix) (ip netip.Addr, hop string, ok bool) {
	host, _, err := net.SplitHostPort(peer)
	if err != nil {
		return ip, "", true
	}
	if ip, err = netip.ParseAddr(host); err != nil {
		return netip.Addr{}, "", true
	}
	ip = ip.Unmap()
	hops := strings.Split(header, ",")
	read := 0
	for i := len(hops) - 1; i >= 0 && isTrusted(ip, trusted); i-- {
		hop := strings.TrimSpace(hops[i])
		if hop == "" { // an empty element of a list says nothing (RFC 9110 §5.6.1.2)
			continue
		}
		next, ok := parseHop(hop)
		if !ok {
			return netip.Addr{}, hop, false
		}
		ip, read = next, read+1
	}
	if read == 0 && isTrusted(ip, trusted) {
		return netip.Addr{}, "", false
	}
	return ip, "", true
}

func isTrusted(ip netip.Addr, trusted []netip.Prefix) bool {
	for _, t := range trusted {
		if t.Contains(ip) {
			return true
		}
	}
	return false
}

// parseHop reads a hop as proxies and gateways write it: an address alone, or a node of RFC 7239 §6, which may have a port, brackets and quotes. A
// node that is "unknown" or hidden ("_name") is no address.
func parseHop(hop string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(hop, `"`); ok {
		if hop, ok = strings.CutSuffix(inner, `"`); !ok {
			return netip.Addr{}, false
		}
	}
	host, port, hasPort := hop, "", false
	if inner, ok := strings.CutPrefix(hop, "["); ok {
		if host, port, ok = strings.Cut(inner, "]"); !ok {
			return netip.Addr{}, false
		}
		if port != "" {
			if port, hasPort = strings.CutPrefix(port, ":"); !hasPort {
				return netip.Addr{}, false
			}
		}
	} else if strings.Count(hop, ":") == 1 {
		host, port, hasPort = strings.Cut(hop, ":")
	}
	if hasPort && !isPort(port) {
		return netip.Addr{}, false
	}
	ip, err := netip.ParseAddr(host)
	return ip.Unmap().WithZone(""), err == nil
}

// isPort reports a port of RFC 7239 §6.2: up to five digits, or a hidden one.
func isPort(s string) bool {
	hidden := strings.HasPrefix(s, "_")
	if len(s) < 1 || !hidden && len(s) > 5 || hidden && len(s) < 2 {
		return false
	}
	for _, c := range strings.TrimPrefix(s, "_") {
		digit := '0' <= c && c <= '9'
		if !digit && !(hidden && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '.' || c == '_' || c == '-')) {
			return false
		}
	}
	return true
}
