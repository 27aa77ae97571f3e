package portal_test

import (
	"context"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"sync"

	"staffkey"
	"staffkey/internal/directory"
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
	if r.URL.Query().Get("t") == "" { // a link that arrives holds its secret
		w.addresses = append(w.addresses, r.URL.String(), a.location())
	} else if r.Host != "" && a.Header.Get("Location") != "" {
		w.addresses = append(w.addresses, a.location())
	}
	for _, c := range a.Cookies() {
		if strings.HasSuffix(c.Name, "staffkey-session") && c.Value != "" {
			w.secrets = append(w.secrets, knownSecret{"session", c.Value, regexp.MustCompile(regexp.QuoteMeta(c.Value))})
		}
	}
	for _, m := range anAddress.FindAllStringSubmatch(a.body, -1) {
		if href := html.UnescapeString(m[1]); !strings.HasPrefix(href, "otpauth:") {
			w.addresses = append(w.addresses, href)
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
	w.mu.Lock()
	defer w.mu.Unlock()
	addresses, bodies := strings.Join(w.addresses, "\n"), strings.Join(w.bodies, "\n")
	for _, known := range w.secrets {
		for where, text := range map[string]string{"the server's log": w.log.String(), "the audit log": audit.String(), "an address": addresses} {
			if known.whole.MatchString(text) {
				s.t.Errorf("%s: a %s, %q, is in it", where, known.what, known.text)
			}
		}
		if (known.what == "password" || known.what == "session") && known.whole.MatchString(bodies) {
			s.t.Errorf("a page shows a %s, %q", known.what, known.text)
		}
	}
}
