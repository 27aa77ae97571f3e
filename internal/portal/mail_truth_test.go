package portal_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/portal"
)

// promisesMail matches what a page says of mails that were sent or will be. That a name may be an e-mail address is another thing.
var promisesMail = regexp.MustCompile(`(?i)\b(by|an?|your|the|in|spam or junk) (e-?)?mail\b|we (send|sent|told) |gets? a message|has been told|is told|are told|mailed`)

// withoutMail is a stack that cannot send e-mail.
func withoutMail(t *testing.T) *stack {
	t.Helper()
	s := newStack(t, address)
	s.reaches = func(channel staffkey.ChannelKind) bool { return channel != staffkey.ChannelEmail }
	s.wire(address)
	return s
}

// TestTruth_without_mail_nobody_is_promised_any walks all pages of an installation that cannot send e-mail (A8).
func TestTruth_without_mail_nobody_is_promised_any(t *testing.T) {
	t.Parallel()
	s := withoutMail(t)
	s.allow("top", everyMethod...)
	s.administrator("lena")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	s.giveKey(h, "Spare")
	operator := s.add("root", "top")
	s.giveKey(operator, "Root key")
	s.grant(operator, staffkey.RoleOperator, "top")
	read := func(who, path string, a answer) {
		t.Helper()
		for _, line := range strings.Split(html.UnescapeString(a.body), "\n") {
			if found := promisesMail.FindString(line); found != "" && !strings.Contains(line, "value=") && !strings.Contains(line, "nobody is told") {
				t.Errorf("%s, %s: %q in %q", who, path, found, strings.TrimSpace(line))
			}
		}
	}
	in := s.session(h)
	pages := 0
	for who, b := range map[string]*browser{"visitor": s.browser(), "person": in, "operator": s.session(operator)} {
		for _, route := range portal.Routes() {
			if route.Method != http.MethodGet {
				continue
			}
			path := fillPath(route.Pattern, h.keyID)
			if a := b.get(path); a.StatusCode == http.StatusOK && strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
				pages++
				read(who, path, a)
			}
		}
	}
	if pages < 50 {
		t.Errorf("read %d pages, want more", pages)
	}

	// What is only shown after something was done.
	path := "/me/tokens/" + string(h.keyID)
	in.post(path+"/lost", url.Values{"reason": {"stolen"}}).leads(t, "stolen", path+"/stopped")
	read("person", "stopped", in.get(path+"/stopped"))
	in.get(path+"/stopped").shows(t, "stopped", http.StatusOK, "Tell your Local Administrator now.")
	in.get("/me/request").shows(t, "asking for a token", http.StatusOK, "Requests cannot be sent from here.")
	in.post("/me/request", url.Values{"reason": {"lost"}, "place": {"Ward 6"}}).leads(t, "asking all the same", "/me/request")
	if n := s.sent(h, "admin.replacement"); n != 0 {
		t.Errorf("%d requests that nobody gets", n)
	}
	in.get("/me/mfa").lacks(t, "methods", "We send you an email when one of these changes.")
	in.get(path+"/found").lacks(t, "found", "We tell you by email.")
	visitor := s.browser()
	visitor.get("/signin/help").lacks(t, "help", "We send you a link by email to choose a new one")
	visitor.get("/signin").lacks(t, "signing in", "/signin/reset")
	visitor.get("/signin/reset").shows(t, "a forgotten password", http.StatusOK, "This service sends no email. A Local Administrator can give you a link")
	visitor.post("/signin/reset", url.Values{"login": {"amara"}}).leads(t, "asking for a link all the same", "/signin/reset")
	visitor.givePassword(h, testPassword)
	read("visitor", "/lost/token", visitor.get("/lost/token"))
	visitor.get("/lost/token").lacks(t, "a lost key", "A Local Administrator is told.", "We sent a message to your Local Administrator.")
	a := in.post("/me/activity/not-me", url.Values{"event": {""}})
	if a.location() != "/not-me/done" {
		t.Fatalf("frozen: %d to %q", a.StatusCode, a.location())
	}
	read("person", "frozen", in.get("/not-me/done"))
	in.get("/not-me/done").lacks(t, "frozen", "We sent a message to your Local Administrators.", "Your Local Administrators get a message.")
}

// TestTruth_who_is_told: with a mail server, a page says that Local Administrators are told only when there is one with an address who is
// somebody else.
func TestTruth_who_is_told(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("lena", "north")
	s.giveKey(h, "Lanyard")
	s.grant(h, staffkey.RoleLocalAdministrator, "north")
	in := s.session(h)
	path := "/me/tokens/" + string(h.keyID)
	in.get(path+"/lost").lacks(t, "the only administrator stops a key", "gets a message")
	in.get("/me/tokens").lacks(t, "the only administrator", "Your Local Administrators") // herself would be no help
	s.administrator("rhys")
	in.get(path+"/lost").shows(t, "with another administrator", http.StatusOK, "your Local Administrator gets a message")
	in.get("/me/tokens").shows(t, "with another administrator", http.StatusOK, "Your Local Administrators")
	in.get("/me/tokens").lacks(t, "with another administrator", "lena@")
	in.post(path+"/lost", url.Values{"reason": {"lost"}}).leads(t, "stopped", path+"/stopped")
	in.get(path+"/stopped").shows(t, "stopped", http.StatusOK, "We sent a message to your Local Administrator.")
	in.post("/me/request", url.Values{"reason": {"lost"}, "place": {"Ward 6"}}).leads(t, "asking for a token", "/me/request/sent")
	in.get("/me/request/sent").shows(t, "asked", http.StatusOK, "We sent your request to your Local Administrator.")
	if n := s.sent(h, "admin.key_stopped"); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}
