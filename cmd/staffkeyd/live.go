package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/portal"
	"staffkey/internal/store"
)

// probeToken is what a probe proves itself by.
type probeToken struct {
	ID    staffkey.CeremonyID `json:"id"`
	Until time.Time           `json:"until"`
}

// probeLife is how long a probe may be under way, with its body.
const probeLife = 2 * time.Minute

// newProbe makes a token that the servers of this installation take once.
func newProbe(sealer *store.Sealer, now time.Time) (string, error) {
	plain, err := json.Marshal(probeToken{store.NewID[staffkey.CeremonyID](), now.Add(probeLife)})
	if err != nil {
		return "", err
	}
	sealed, err := sealer.Seal("probe", plain)
	return base64.RawURLEncoding.EncodeToString(sealed), err
}

// takeProbe takes a token of newProbe, once on all nodes.
func takeProbe(s *store.Store, now func() time.Time) portal.TakeProbe {
	return func(ctx context.Context, token string) error {
		sealed, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return staffkey.ErrNotFound
		}
		plain, err := s.Sealer().Open("probe", sealed)
		var t probeToken
		if err != nil || json.Unmarshal(plain, &t) != nil || !now().Before(t.Until) {
			return staffkey.ErrNotFound
		}
		return s.Housekeep(ctx, func(tx *store.Tx) error { return tx.SpendCeremony(t.ID, t.Until) })
	}
}

// live is what doctor finds when it asks through the public address.
type live struct {
	address, at string
	sealer      *store.Sealer
	now         func() time.Time
}

// ask sends a probe with a body of so many bytes and returns its answer.
func (l live) ask(ctx context.Context, size int64, accepts string) (portal.Seen, http.Header, error) {
	token, err := newProbe(l.sealer, l.now())
	if err != nil {
		return portal.Seen{}, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, probeLife)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.address+portal.ProbePath, io.LimitReader(zeros{}, size))
	if err != nil {
		return portal.Seen{}, nil, err
	}
	r.ContentLength = size
	r.Header.Set(portal.ProbeHeader, token)
	r.Header.Set("Accept-Encoding", accepts)
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if l.at != "" {
		transport.DialContext = dialAt(l.at)
	}
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(r)
	if err != nil {
		return portal.Seen{}, nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return portal.Seen{}, nil, err
	}
	if res.StatusCode != http.StatusOK {
		return portal.Seen{}, res.Header, errStatus(res.StatusCode)
	}
	if res.Header.Get("Content-Encoding") != "" {
		return portal.Seen{}, res.Header, nil // what it says was asked before
	}
	seen, ok := portal.ReadProbe(string(body))
	if !ok {
		return seen, res.Header, errors.New("something else answered")
	}
	return seen, res.Header, nil
}

// dialAt connects to one place, whatever is asked for.
func dialAt(at string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, at)
	}
}

type errStatus int

func (e errStatus) Error() string {
	return fmt.Sprintf("the answer was %d %s", int(e), http.StatusText(int(e)))
}

// zeros is a body of nothing.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// liveBody is as large as the FIDO metadata becomes in a while.
const liveBody = 11 << 20

// behindProxy is where to read what to set.
const behindProxy = "The section Behind a proxy of docs/operating.md has blocks that do."

// run asks, and tells check what came of it.
func (l live) run(ctx context.Context, check func(what string, err error)) {
	seen, _, err := l.ask(ctx, 1, "identity")
	if err != nil {
		check("what the server sees", &problem{cause: lastCause(err) + ", not by a server of this installation", fix: "Check that the proxy passes all paths on, and that the server behind it has this database, sealing key and release.", err: err})
		return
	}
	check("Host", judgeHost(seen))
	check("client address", judgeClient(seen, l.address))
	_, header, err := l.ask(ctx, liveBody, "gzip, br, zstd")
	switch {
	case err != nil:
		check("a body of 11 MB", &problem{cause: lastCause(err), fix: "Let the proxy take bodies of 11 MB, for the FIDO metadata (nginx: client_max_body_size 70m). " + behindProxy, err: err})
	default:
		check("a body of 11 MB", nil)
		check("compression", judgeEncoding(header))
	}
}

func judgeHost(seen portal.Seen) error {
	if seen.OwnHost {
		return nil
	}
	return &problem{cause: fmt.Sprintf("the proxy passes on the name %q", staffkey.CleanText(seen.Host)), fix: "Let it pass on Host as it comes. " + behindProxy}
}

// judgeClient looks whether people behind a proxy are told apart.
func judgeClient(seen portal.Seen, address string) error {
	behind := !seen.TLS && strings.HasPrefix(address, "https:")
	switch {
	case seen.Trusted && seen.Client == "":
		return &problem{cause: "the proxy " + seen.Peer + " sends no X-Forwarded-For that can be read", fix: "Let it send the client's address. " + behindProxy}
	case !seen.Trusted && (behind || seen.Forwarded):
		return &problem{cause: "there is a proxy at " + seen.Peer + " that trusted-proxy does not name: everybody who comes by it counts as one", fix: "Add " + seen.Peer + " to --trusted-proxy, and let it send X-Forwarded-For. " + behindProxy}
	}
	return nil
}

func judgeEncoding(h http.Header) error {
	if encoding := h.Get("Content-Encoding"); encoding != "" {
		return &problem{cause: "the proxy compresses pages (" + staffkey.CleanText(encoding) + "), whose length then tells of secrets in them", fix: "Switch that off for this host (nginx: gzip off; Apache: SetEnv no-gzip 1). " + behindProxy}
	}
	return nil
}
