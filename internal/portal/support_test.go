package portal_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"staffkey"
)

var readAloud = regexp.MustCompile(`<code class="code">([0-9A-Z]{4}-[0-9A-Z]{2})</code>`)

// codeOn is the support code that a page shows.
func (a answer) codeOn(t testing.TB) string {
	t.Helper()
	m := readAloud.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("status %d: the page shows no support code", a.StatusCode)
	}
	return m[1]
}

// openCode types a support code into the box and follows it to what it opens.
func (b *browser) openCode(code string) answer {
	b.s.t.Helper()
	a := b.post("/support", url.Values{"code": {code}})
	if a.StatusCode != http.StatusSeeOther {
		return a
	}
	if a.location() != "/support/case" {
		b.s.t.Errorf("a code leads to %q", a.location())
	}
	return b.get(a.location())
}

// The code of every outcome opens in the one box: what it was, its class, when, the browser, what to say and what to do.
func TestSupport_codes_of_outcomes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		amara, helper := s.add("amara", "north"), s.add("helper", "north")
		s.giveKey(amara, "Blue <lanyard>")
		s.giveKey(helper, "Lanyard")
		s.grant(helper, staffkey.RoleLocalAdministrator, "north")
		far := s.add("far", "south")
		s.giveKey(far, "Lanyard")
		s.grant(far, staffkey.RoleLocalAdministrator, "south")
		who, other := s.session(helper), s.session(far)

		caller := s.byPassword(amara)
		caller.postJSON("/signin/outcome", `{"token":"`+string(amara.keyID)+`","name":"NotAllowedError","ms":5012,"detail":"x"}`)
		code := caller.get("/signin/outcome").codeOn(t)

		page := who.openCode(" " + strings.ToLower(strings.ReplaceAll(code, "-", "–")))
		if again := who.get("/support/case"); again.body != page.body {
			t.Error("the page cannot be loaded again")
		}
		for _, want := range []string{
			"Support code " + code, "Trying again may help", "Have the key in your hand", "key window ended without an answer", "Name of amara", "Blue &lt;lanyard&gt;",
			"Chrome on Windows", "We did not get an answer from your key", "NotAllowedError", "5012",
		} {
			if !strings.Contains(page.body, want) {
				t.Errorf("who helps does not see %q", want)
			}
		}
		if strings.Contains(page.body, "192.0.2.7") {
			t.Error("who helps sees the address on the network")
		}
		if a := other.openCode(code); a.StatusCode != http.StatusNotFound || strings.Contains(a.body, "amara") {
			t.Errorf("who helps elsewhere: %d, want as if there were no such code", a.StatusCode)
		}
		if a := s.session(amara).openCode(code); a.StatusCode != http.StatusForbidden {
			t.Errorf("who helps nobody: %d, want 403", a.StatusCode)
		}
		// The reference of a report is a code like others.
		lost := s.session(amara)
		lost.post("/me/tokens/"+string(amara.keyID)+"/lost", url.Values{"reason": {"lost"}})
		reference := lost.get("/me/tokens/" + string(amara.keyID) + "/stopped").codeOn(t)
		if a := who.openCode(reference); a.StatusCode != http.StatusOK || !strings.Contains(a.body, "A token was reported and put on hold") {
			t.Errorf("a reference: %d, want what it is", a.StatusCode)
		}
	})
}

func TestSupport_box_answers_what_is_no_code(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("helper", "north")
	s.giveKey(h, "Lanyard")
	s.grant(h, staffkey.RoleHelpdesk, "north")
	who := s.session(h)
	for typed, want := range map[string]struct {
		status int
		says   string
	}{
		"":        {http.StatusUnprocessableEntity, "Enter the code"},
		" \u200b": {http.StatusUnprocessableEntity, "A code has 6 letters and digits"},
		"K7QF-2":  {http.StatusUnprocessableEntity, "A code has 6 letters and digits"}, "<script>": {http.StatusUnprocessableEntity, "A code has 6 letters and digits"},
		"\xff\x00": {http.StatusUnprocessableEntity, "A code has 6 letters and digits"}, strings.Repeat("K", 4000): {http.StatusUnprocessableEntity, "A code has 6 letters and digits"},
	} {
		if a := who.post("/support", url.Values{"code": {typed}}); a.StatusCode != want.status || !strings.Contains(a.body, want.says) {
			t.Errorf("%.20q: %d, want %d and %q", typed, a.StatusCode, want.status, want.says)
		}
	}
	for range 31 {
		who.openCode("ZZZZ-ZZ")
	}
	if a := who.openCode("ZZZZ-ZZ"); a.StatusCode != http.StatusTooManyRequests || !strings.Contains(a.body, "Wait 10 minutes. Too many codes in a row opened nothing.") {
		t.Errorf("after 30 wrong codes: %d", a.StatusCode)
	}
	if a := who.get("/device/result"); a.location() != "/support" {
		t.Errorf("where the box was before leads to %q", a.location())
	}
	for _, path := range []string{"/me", "/me/tokens"} {
		if !strings.Contains(who.get(path).body, `href="/support"`) {
			t.Errorf("%s does not show the way to the box", path)
		}
	}
}

// A fault of ours says nothing that is not known, and its code opens in the box and is in the log.
func TestSupport_code_of_a_fault(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("helper", "north")
		s.giveKey(h, "Lanyard")
		s.grant(h, staffkey.RoleHelpdesk, "north")
		if _, err := s.raw().Exec("ALTER TABLE one_time_links RENAME TO gone"); err != nil {
			t.Fatal(err)
		}
		b := s.browser()
		b.get("/reset?t=" + strings.Repeat("A", 26))
		page := b.get("/reset")
		page.shows(t, "the fault", http.StatusInternalServerError, "Something went wrong", "Look whether your last step is there before you do it again.")
		page.lacks(t, "the fault", "our side", "Nothing was changed", "one_time_links")
		code := page.codeOn(t)
		s.session(h).openCode(code).shows(t, "its code", http.StatusOK, "A page ended by a fault of the service", "The service did not understand what came", "GET /reset")
		if !strings.Contains(s.witness.said(), code) {
			t.Error("the log does not have the code")
		}
	})
}
