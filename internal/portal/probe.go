package portal

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"staffkey"
)

// The probe is how "staffkeyd doctor --live" learns what the proxies in front make of a request: it asks through the public address, and the
// server says what came. Nobody else can ask: the request carries a token that is sealed with the installation's key and good once.
const (
	// ProbePath is asked by POST, with the token in ProbeHeader.
	ProbePath   = "/.well-known/staffkey-probe"
	ProbeHeader = "X-Staffkey-Probe"
	// ProbeBody is how much of a body the probe takes.
	ProbeBody = staffkey.MaxMetadata
)

// Seen is what came of a probe.
type Seen struct {
	Host    string `json:"host"`
	OwnHost bool   `json:"own_host"` // it is the name of the address
	TLS     bool   `json:"tls"`      // the server itself ended TLS
	Peer    string `json:"peer"`     // who has the connection
	Trusted bool   `json:"trusted"`  // and is in trusted-proxy
	// Forwarded is whether there was an X-Forwarded-For, and Client whom the request counts as, or "".
	Forwarded bool   `json:"forwarded"`
	Client    string `json:"client"`
	Body      int64  `json:"body"` // bytes that arrived
}

// probe answers what came of a request. Who brings no token finds no page.
func (p *Portal) probe(w http.ResponseWriter, r *http.Request) {
	token := r.Header.Get(ProbeHeader)
	if r.Method != http.MethodPost || token == "" || p.TakeProbe == nil || p.TakeProbe(r.Context(), token) != nil {
		p.serveNoRoute(w, r, func(*request) error { return &statusError{http.StatusNotFound, "no such page"} })
		return
	}
	seen := Seen{Host: r.Host, OwnHost: p.isOwnHost(r.Host), TLS: r.TLS != nil, Forwarded: r.Header.Get("X-Forwarded-For") != "", Client: p.clientIP(r)}
	seen.Peer, _, _ = net.SplitHostPort(r.RemoteAddr)
	if peer, err := netip.ParseAddr(seen.Peer); err == nil {
		seen.Trusted = isTrusted(peer.Unmap(), p.TrustedProxies)
	}
	if body, ok := r.Body.(*boundBody); ok {
		// Where there is no such limit, as in a test, there is none to move.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadWait))
		seen.Body, _ = io.Copy(io.Discard, io.LimitReader(body.whole, ProbeBody)) // what came is the answer
	}
	text, err := json.Marshal(seen)
	if err != nil { // plain values have a JSON form
		panic(err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8") // what proxies compress
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(w, "<!DOCTYPE html><title>Probe</title><pre>"+html.EscapeString(string(text))+"</pre>"+strings.Repeat("\n<!-- as long as a page -->", 200))
}

// ReadProbe reads the answer of a probe; false when it is none.
func ReadProbe(body string) (Seen, bool) {
	var seen Seen
	_, text, ok := strings.Cut(body, "<title>Probe</title><pre>")
	text, _, end := strings.Cut(text, "</pre>")
	ok = ok && end && json.Unmarshal([]byte(html.UnescapeString(text)), &seen) == nil
	return seen, ok
}

// TakeProbe spends the token of a probe, or says that it is none.
type TakeProbe func(ctx context.Context, token string) error
