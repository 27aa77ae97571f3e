package portal

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"staffkey"
)

// contentPolicy allows what our own pages need and nothing else: no inline script or style, no frames, no plug-ins.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'"

func setSecurityHeaders(h http.Header, secure bool) {
	for name, value := range securityHeaders {
		h[name] = value // shared by all answers: Set replaces it, and Add finds no room in it
	}
	if secure {
		h["Strict-Transport-Security"] = strictTransport
	}
}

var (
	securityHeaders = http.Header{
		"Content-Security-Policy":      {contentPolicy},
		"Permissions-Policy":           {"publickey-credentials-get=(self), publickey-credentials-create=(self)"},
		"Referrer-Policy":              {"same-origin"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
	}
	strictTransport = []string{"max-age=63072000; includeSubDomains"}
)

// wrap puts around all routes what holds for all of them.
func (p *Portal) wrap(routes http.Handler) (http.Handler, error) {
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(p.Address); err != nil {
		return nil, err
	}
	deny := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.serveNoRoute(w, r, func(r *request) error {
			return &statusError{http.StatusForbidden, "cross-site request"}
		})
	})
	guard.SetDenyHandler(deny)
	guarded := guard.Handler(routes)
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.isOtherOrigin(r) {
			deny(w, r)
			return
		}
		guarded.ServeHTTP(w, r)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setSecurityHeaders(w.Header(), p.secure)
		start := time.Now()
		r.Body = &boundBody{http.MaxBytesReader(w, r.Body, maxForm), r.Body}
		counted := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		switch {
		case r.URL.Path == "/healthz" || r.URL.Path == "/readyz":
			inner.ServeHTTP(counted, r) // asked by address, not by name
		case r.URL.Path == relatedOriginsPath:
			inner.ServeHTTP(counted, r) // asked where the address was before
		case r.URL.Path == ProbePath:
			p.probe(counted, r) // asks by which name it came
		case strings.HasPrefix(r.URL.Path, "/static/"):
			inner.ServeHTTP(counted, r) // of the page that says that the name is wrong, too
		case p.isOwnHost(r.Host):
			p.ownHost(counted, r, inner)
		default:
			p.otherHost(counted, r)
		}
		p.Metrics.observeRequest(r.Pattern, counted.status, time.Since(start))
	}), nil
}

// isOtherOrigin reports a change that a browser without fetch metadata asks for from another origin than ours. The guard compares names
// alone for those, and whoever sits on the network can serve a page of our name without TLS. Browsers that send no Origin with a form
// (Internet Explorer, Firefox before 70) say in Referer whose page it is on.
//
// With none of the three it is let through. Internet Explorer sends none where its Referer has been switched off or taken out by a proxy,
// and /unsupported promises that codes work there; programs send none either. Then SameSite=Lax keeps our cookies out of another site's
// form, which Internet Explorer knows since Windows 10 and every browser since 2018. What is left open are those older than that which
// also send no Referer.
func (p *Portal) isOtherOrigin(r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead || r.Header.Get("Sec-Fetch-Site") != "" {
		return false
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		return origin != p.Address
	}
	referer := r.Header.Get("Referer")
	if referer == "" {
		return false
	}
	u, err := url.Parse(referer)
	return err != nil || u.Scheme+"://"+u.Host != p.Address
}

type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// serveNoRoute answers what is no route of ours, or may not reach one: it is no use of a session, for anybody can make a browser ask.
func (p *Portal) serveNoRoute(w http.ResponseWriter, hr *http.Request, handle handler) {
	p.serve(w, hr, Route{Passive: true}, anyone, handle)
}

// isPrefetch reports a page that the browser loads in case that somebody wants to see it.
func isPrefetch(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Sec-Purpose"), "prefetch") || strings.Contains(r.Header.Get("Purpose"), "prefetch")
}

// serve runs one handler: it finds the session, asks the requirement, and turns whatever goes wrong into a page. A passive request does not
// make the session last longer (Route.Passive).
func (p *Portal) serve(w http.ResponseWriter, hr *http.Request, route Route, needs requirement, handle handler) {
	r := &request{Request: hr, w: w, p: p, origin: p.originOf(hr), passive: route.Passive || isPrefetch(hr), route: route}
	defer func() {
		if v := recover(); v != nil {
			if v == http.ErrAbortHandler {
				panic(v)
			}
			p.Log.LogAttrs(hr.Context(), slog.LevelError, "handler panicked", slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
			p.showError(r, errors.New("panic"))
		}
	}()
	// The body comes first: a session that ends while somebody holds the rest of a request back is not in it any more.
	defer r.giveBody()
	if err := p.takeBody(r, needs); err != nil {
		p.showError(r, err)
		return
	}
	if err := p.findSession(r); err != nil {
		p.showError(r, err)
		return
	}
	if err := p.findPlace(r); err != nil {
		p.showError(r, err)
		return
	}
	if r.asksLanguage() {
		needs, handle = anyone, p.changeLanguage
	}
	if id := r.PathValue("id"); id != "" && !isID(id) {
		p.showError(r, staffkey.ErrNotFound)
		return
	}
	if err := needs(r); err != nil {
		p.showError(r, err)
		return
	}
	if err := handle(r); err != nil {
		p.showError(r, err)
	}
}

func (p *Portal) findSession(r *request) error {
	secret := r.cookie(cookieSession)
	if secret == "" {
		return nil
	}
	find := p.SignIn.Find
	if r.passive {
		find = p.SignIn.Look
	}
	cur, err := find(r.Context(), r.origin, secret)
	switch {
	case errors.Is(err, staffkey.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	r.current, r.signedIn = cur, true
	return nil
}

// originOf tells where a request came from.
func (p *Portal) originOf(r *http.Request) staffkey.Origin {
	return staffkey.Origin{IP: p.clientIP(r), Browser: describeBrowser(r.UserAgent()), RequestID: rand.Text()}
}

// health answers that the process runs, and ready that it can serve.
func (p *Portal) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set(HealthHeader, "staffkey")
	writePlain(w, http.StatusOK, "ok")
}

// HealthHeader is in the answer of /healthz, so that whoever asks knows that it is ours. It says no version.
const HealthHeader = "X-Service"

// relatedOriginsPath is where browsers look for whose pages may use keys that are bound to a name (WebAuthn Level 3 §5.11.1).
const relatedOriginsPath = "/.well-known/webauthn"

// relatedOrigins lets pages at the configured address use keys that are bound to another name, which leads here too: where the
// address was before. There is nothing to tell when that name is the address's own or above it.
func (p *Portal) relatedOrigins(w http.ResponseWriter, _ *http.Request) {
	host, _, _ := strings.Cut(p.host, ":")
	if host == p.RPID || strings.HasSuffix(host, "."+p.RPID) {
		writePlain(w, http.StatusNotFound, "no related origins")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string][]string{"origins": {p.Address}}) // fails only when nobody listens any more
}

func (p *Portal) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := p.Health(ctx); err != nil {
		p.Log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.Any("error", err))
		writePlain(w, http.StatusServiceUnavailable, "database does not answer, or takes no changes")
		return
	}
	writePlain(w, http.StatusOK, "ready")
}

func writePlain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)+1))
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // a monitor that has gone needs no answer
}
