package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"staffkey/internal/portal"
)

// askWait bounds a question to a server that runs.
const askWait = 10 * time.Second

// checkPort looks whether the port is free, or held by a server of ours, and reports the latter: beside one that runs, what it says of itself
// is told.
func (c *serverConfig) checkPort(ctx context.Context, e *examination) (runs bool) {
	l, err := listen(ctx, listenFlag, c.Listen)
	if err == nil {
		e.check("port", l.Close())
		return false
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		e.check("port", err)
		return false
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	// The certificate is for the public name, and this asks the machine itself.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, Timeout: askWait, CheckRedirect: noRedirects}
	defer client.CloseIdleConnections()
	at := scheme + "://" + reachable(c.Listen)
	res, _, askErr := askServer(ctx, client, at+"/healthz")
	if askErr != nil || !isOurs(res) {
		e.check("port", err)
		return false
	}
	e.check("port: a Staffkey server has it", nil)
	res, text, err := askServer(ctx, client, at+"/readyz")
	switch {
	case err != nil:
		e.check("running server", err)
	case res.StatusCode != http.StatusOK:
		e.check("running server", &problem{cause: "it is not ready: " + strings.TrimSpace(text), fix: "Its log says why; see the database below, too."})
	default:
		e.check("running server", nil)
	}
	if res != nil && res.TLS != nil {
		if pair, err := readPair(c.TLSCert, c.TLSKey); err == nil && !pair.Leaf.Equal(res.TLS.PeerCertificates[0]) {
			e.note("running server", &problem{
				cause: "it shows another certificate than the one in " + c.TLSCert + ", which ends on " + day(res.TLS.PeerCertificates[0].NotAfter),
				fix:   "It looks at the files once a minute, and at SIGHUP; its log says why it does not take them.",
			})
		}
	}
	return true
}

// reachable is where this machine reaches what listens on an address: on all of its addresses means on its own, too.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

func isOurs(res *http.Response) bool { return res.Header.Get(portal.HealthHeader) != "" }

func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// askServer opens a page, and returns the beginning of what it says.
func askServer(ctx context.Context, client *http.Client, page string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd") // as browsers do, and then nothing is unpacked on the way
	res, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	return res, string(text), errors.Join(err, res.Body.Close())
}

// checkLive asks the public address, by the name and the certificates that browsers look at, where that leads or at another place (at). roots
// are those of the system when nil.
func (c *serverConfig) checkLive(ctx context.Context, e *examination, address, at string, roots *x509.CertPool) {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{RootCAs: roots}}
	if at != "" {
		transport.Proxy, transport.DialContext = nil, dialAt(at)
	}
	client := &http.Client{Transport: transport, Timeout: askWait, CheckRedirect: noRedirects}
	defer client.CloseIdleConnections()
	const what = "public address"
	res, _, err := askServer(ctx, client, address+"/healthz")
	if err != nil {
		e.check(what, liveProblem(address, err))
		return
	}
	if !isOurs(res) {
		e.check(what, &problem{cause: fmt.Sprintf("what answers at %s is no Staffkey server (%s)", address, res.Status), fix: "Check where the name leads, and that the proxy there passes all paths on."})
		return
	}
	res, _, err = askServer(ctx, client, address+"/signin")
	switch {
	case err != nil:
		e.check(what, liveProblem(address, err))
	case res.StatusCode >= 300 && res.StatusCode < 400:
		e.check(what, &problem{
			cause: fmt.Sprintf("%s/signin leads on to %s: the server does not see the host %s", address, res.Header.Get("Location"), hostOf(address)),
			fix:   "The proxy has to pass the Host header on as it came (docs/operating.md, Behind a proxy).",
		})
	case res.StatusCode != http.StatusOK:
		e.check(what, &problem{cause: fmt.Sprintf("%s/signin answers %s", address, res.Status), fix: "Look at the log of the server, and of the proxy."})
	case res.Header.Get("Content-Encoding") != "":
		e.check(what, &problem{
			cause: "the pages come compressed (" + res.Header.Get("Content-Encoding") + "), which lets a listener guess what is secret in them",
			fix:   "Switch compression off for this site in the proxy: gzip off; or SetEnv no-gzip 1.",
		})
	case res.Header.Get("Content-Security-Policy") == "":
		e.check(what, &problem{cause: "the pages come without their Content-Security-Policy", fix: "The proxy has to leave the headers of answers as they are."})
	default:
		e.check(what+": "+address, nil)
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

// liveProblem says why a browser would get no page.
func liveProblem(address string, err error) error {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var dns *net.DNSError
	p := &problem{cause: address + " does not answer: " + lastCause(err), fix: "Check where the name leads, the proxy and the firewall. This machine may reach it another way than browsers do.", err: err}
	switch {
	case errors.As(err, &unknown):
		p.fix = "Browsers need the whole chain: give the certificate that signed it after it in the same file. An authority of your own has to be known on each machine."
	case errors.As(err, &host):
		p.fix = "Get a certificate for the host of --address."
	case errors.As(err, &dns):
		p.fix = "Make the name known to the DNS, here too."
	}
	return p
}
