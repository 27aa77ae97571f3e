package portal

import (
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"

	"staffkey"
	"staffkey/internal/portal/ui"
)

// A browser asks for a name, and a proxy in front of us passes on the name that came to it, or another one. Keys work by one name only, so
// a visitor by another is sent to it; where that does not help, because the proxy writes the other name, a page says so.

// moved marks the address that a visitor by another name was sent to: whoever comes with it, and by another name still, was not helped.
const moved = "moved"

// isOwnHost reports whether a Host header names the public address, in any spelling: with the port that its scheme implies, in capitals, with
// the final dot of a full name, or with letters outside ASCII.
func (p *Portal) isOwnHost(host string) bool {
	if host == p.host {
		return true
	}
	name, port := host, ""
	if h, n, err := net.SplitHostPort(host); err == nil {
		name, port = h, n
	}
	name, err := staffkey.HostName(name)
	if err != nil {
		return false
	}
	if port != "" && port != p.impliedPort() {
		name += ":" + port
	}
	return name == p.host
}

// impliedPort is the port that the scheme of the address stands for.
func (p *Portal) impliedPort() string {
	if p.secure {
		return "443"
	}
	return "80"
}

// isDotted reports a page that a browser has loaded by the full name with its final dot, which is another origin to it: keys would not
// work there. Proxies that write the dot themselves bring the mark back, and are let through.
func isDotted(r *http.Request) bool {
	host, _, _ := strings.Cut(r.Host, ":")
	return strings.HasSuffix(host, ".") && r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Method == http.MethodGet && !r.URL.Query().Has(moved)
}

// ownHost serves what came by our name. The mark of another name has done its work.
func (p *Portal) ownHost(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	dotted := isDotted(r)
	if !dotted && r.Host == p.host && r.Method == http.MethodGet && strings.Contains(r.URL.RawQuery, moved) {
		if query := r.URL.Query(); query.Has(moved) {
			query.Del(moved)
			redirectTo(w, r, p.Address+addressOf(r.URL.EscapedPath(), query))
			return
		}
	}
	if dotted {
		redirectTo(w, r, p.Address+marked(r.URL))
		return
	}
	r.Host = p.host // whatever compares it again
	inner.ServeHTTP(w, r)
}

// otherHost sends a visitor who came by another name or by number to the configured address: keys work only there. When that was tried, or
// the request is no page, it says which name came and which should.
func (p *Portal) otherHost(w http.ResponseWriter, r *http.Request) {
	p.Metrics.otherHost.Inc()
	if p.otherHosts.due(p.Now()) {
		p.Log.LogAttrs(r.Context(), slog.LevelWarn, "a request by another name: the proxy in front must pass on the Host header as the browser sends it",
			slog.String("host", clipped(r.Host, 200)), slog.String("own", p.host), slog.String("peer", r.RemoteAddr))
	}
	isPage := r.Method == http.MethodGet || r.Method == http.MethodHead
	if isPage && !r.URL.Query().Has(moved) {
		redirectTo(w, r, p.Address+marked(r.URL))
		return
	}
	p.serveNoRoute(w, r, func(r *request) error {
		if r.wantsJSON() {
			return &statusError{http.StatusMisdirectedRequest, "other host name"}
		}
		return p.render(r, http.StatusMisdirectedRequest, "", ui.HostPage{Came: clipped(r.Host, 200), Own: p.host, Address: p.Address})
	})
}

// marked is the path and query of an address with the mark.
func marked(u *url.URL) string {
	query := u.Query()
	query.Set(moved, "1")
	return localPath(addressOf(u.EscapedPath(), query), "/?"+moved+"=1")
}

// redirectTo has the browser ask again elsewhere, this time only.
func redirectTo(w http.ResponseWriter, r *http.Request, address string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, address, http.StatusTemporaryRedirect)
}
