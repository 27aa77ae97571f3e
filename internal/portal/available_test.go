package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"staffkey/internal/store"
)

// A database that takes no changes is a service that cannot be used now, and says so: nothing was saved, and nobody did anything wrong.
func TestDatabase_that_takes_no_changes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.browser().get("/readyz").shows(t, "before", http.StatusOK, "ready")
		node, config := *s, s.config
		if config.PostgreSQL != "" { // a server that follows another
			config.PostgreSQL += map[bool]string{true: "&", false: "?"}[strings.Contains(config.PostgreSQL, "?")] + "default_transaction_read_only=on"
		}
		var err error
		if node.store, err = store.Open(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		node.wire(address)
		if config.PostgreSQL == "" {
			if err := node.store.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			defer node.store.Close()
		}
		b := node.browser()
		b.get("/readyz").shows(t, "readiness", http.StatusServiceUnavailable, "takes no changes")
		page := b.post("/signin", url.Values{"username": {h.Username}, "password": {testPassword}, "signin": {"1"}})
		page.shows(t, "a sign-in", http.StatusServiceUnavailable, "cannot save anything at the moment", "Your last step may not be saved. Look before you try it again later.")
		page.shows(t, "its code, which only the log has", http.StatusServiceUnavailable, "finds what happened in its log, under the code")
		page.lacks(t, "the page", "Give this code to your Local Administrator")
		if strings.Contains(page.body, "We have saved") || page.Header.Get("Retry-After") == "" {
			t.Errorf("headers %v, page\n%s", page.Header, page.body)
		}
		s.browser().get("/readyz").shows(t, "the other node", http.StatusOK, "ready")
	})
}
