package portal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"staffkey"
	"staffkey/internal/directory"

	"github.com/google/go-cmp/cmp"
)

// witness hears what every test makes the server say where it would be kept: its log, the audit log, and the addresses that browsers,
// proxies and referrers see. When the test ends, none of the secrets of the test may be in any of it.
type witness struct {
	mu        sync.Mutex
	log       strings.Builder
	addresses []string
	bodies    []string
	secrets   []knownSecret
}

// knownSecret is a secret that a test used. Whole is how it would be recognised anywhere.
type knownSecret struct {
	what, text string
	whole      *regexp.Regexp
}

// Write takes a line of the server's log.
func (w *witness) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(line)
}

// said is the server's log.
func (w *witness) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.String()
}

// secret tells the witness of a secret. Short ones are recognised as words, because ids and sealed texts hold all kinds of letters.
func (w *witness) secret(what string, texts ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, text := range texts {
		pattern := regexp.QuoteMeta(text)
		if len(text) < 10 {
			pattern = `(^|[^0-9A-Za-z_-])` + pattern + `($|[^0-9A-Za-z_-])`
		}
		w.secrets = append(w.secrets, knownSecret{what, text, regexp.MustCompile(pattern)})
	}
}

// anAddress finds the addresses in a page. The one of an authenticator app holds the secret that the page shows.
var anAddress = regexp.MustCompile(`(?:href|action|src|data-next)="([^"]*)"`)

// hear notes an answer.
func (w *witness) hear(r *http.Request, a answer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bodies = append(w.bodies, a.body)
	arriving := r.URL.Query().Get("t") // a link that arrives holds its secret, and so do the addresses of the same page
	note := func(address string) {
		if arriving == "" || !strings.Contains(address, "t="+arriving) || !strings.HasPrefix(address, r.URL.Path+"?") {
			w.addresses = append(w.addresses, address)
		}
	}
	note(r.URL.String())
	note(a.location())
	for _, c := range a.Cookies() {
		if strings.HasSuffix(c.Name, "staffkey-session") && c.Value != "" {
			w.secrets = append(w.secrets, knownSecret{"session", c.Value, regexp.MustCompile(regexp.QuoteMeta(c.Value))})
		}
	}
	for _, m := range anAddress.FindAllStringSubmatch(a.body, -1) {
		if href := html.UnescapeString(m[1]); !strings.HasPrefix(href, "otpauth:") {
			note(href)
		}
	}
}

// testify fails the test if a secret of it is anywhere where it would be kept, or on a page that never shows such a secret.
func (w *witness) testify(s *stack) {
	s.t.Helper()
	events, err := s.directory.ListAudit(context.Background(), staffkey.ConsoleActor(), directory.AuditFilter{}, 1000)
	if err != nil {
		s.t.Errorf("list the audit log: %v", err)
	}
	var audit strings.Builder
	for _, e := range events {
		if err := json.NewEncoder(&audit).Encode([]any{e.Detail, e.SubjectName, e.ActorName, e.Browser}); err != nil {
			s.t.Error(err)
		}
	}
	for _, leak := range w.leaks(audit.String()) {
		s.t.Error(leak)
	}
}

// leaks tells where the witness has heard a secret.
func (w *witness) leaks(audit string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	addresses, bodies := strings.Join(w.addresses, "\n"), strings.Join(w.bodies, "\n")
	for _, known := range w.secrets {
		for where, text := range map[string]string{"the server's log": w.log.String(), "the audit log": audit, "an address": addresses} {
			if known.whole.MatchString(text) {
				found = append(found, where+" holds a "+known.what)
			}
		}
		if (known.what == "password" || known.what == "session") && known.whole.MatchString(bodies) {
			found = append(found, "a page shows a "+known.what)
		}
	}
	return found
}

func TestWitness_hears_secrets(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("QUIETRIVER", 2)
	for name, test := range map[string]struct {
		do   func(*witness) string
		want []string
	}{
		"nothing":             {func(*witness) string { return "" }, nil},
		"the server's log":    {func(w *witness) string { fmt.Fprintf(w, "{\"error\":\"code 123456: wrong\"}\n"); return "" }, []string{"the server's log holds a code"}},
		"a longer number":     {func(w *witness) string { fmt.Fprintf(w, "{\"id\":\"0123456-a\"}\n"); return "" }, nil},
		"the audit log":       {func(*witness) string { return `{"detail":"123456"}` }, []string{"the audit log holds a code"}},
		"where a page leads":  {hearing("/signin", `<a href="/reset?t=`+secret+`">`), []string{"an address holds a link"}},
		"a link that arrives": {hearing("/reset?t="+secret, `<a href="/reset?x=1&amp;t=`+secret+`">`), nil},
		"a link that goes on": {hearing("/reset?t="+secret, `<form action="/signin?t=`+secret+`">`), []string{"an address holds a link"}},
		"a page":              {hearing("/signin", `<input value="horse battery staple">`), []string{"a page shows a password"}},
	} {
		w := &witness{}
		w.secret("code", "123456")
		w.secret("link", secret)
		w.secret("password", "horse battery staple")
		if diff := cmp.Diff(test.want, w.leaks(test.do(w))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// hearing has a witness hear a page.
func hearing(path, body string) func(*witness) string {
	return func(w *witness) string {
		w.hear(httptest.NewRequest(http.MethodGet, path, nil), answer{&http.Response{Header: http.Header{}}, body})
		return ""
	}
}
