package browser

import (
	"strings"
	"testing"
)

// pass signs in with a temporary access pass that is issued at the console, or with one that is known.
func (b *tab) pass(code string) string {
	b.t.Helper()
	if code == "" {
		out := b.demo.run(b.t, "pass", "issue", b.account.Username, "--reason", "lost key, identity checked in person")
		for line := range strings.Lines(out) {
			if found, ok := strings.CutPrefix(line, "  "); ok {
				code = strings.TrimSpace(found)
			}
		}
	}
	b.goTo("/signin/pass")
	b.at("/signin/pass", "Sign in with a temporary access pass")
	b.fill("#username", b.account.Username)
	b.fill("#code", strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	b.follow("#pass-form button[name=signin]")
	return code
}

// A pass lets a person in who has nothing with them, and leads to a key.
func TestPass_leads_to_a_key(t *testing.T) {
	t.Parallel()
	b := arrive(t)
	b.signOut()
	b.goTo("/signin/help")
	b.follow("main a", "I have a temporary access pass")
	b.at("/signin/pass", "Sign in with a temporary access pass")
	b.inspect()
	b.fill("#username", b.account.Username)
	b.fill("#code", "0000-0000-00")
	b.follow("#pass-form button[name=signin]")
	b.focused("#error-summary")
	b.is("#error-summary li", "That pass is wrong. Check it against what you were given.")
	b.count()
	code := b.pass("")
	b.at("/me/mfa/start", "What do you have with you now?")
	b.follow("main a", "A security key")
	b.at("/me/tokens/register", "Register New Token")
	b.follow("button", "Start")
	b.took("from a pass to the touch of a new key", 3, 4)
	b.named("Lanyard")
	b.demo.mail(t, mailOf(b.account), "A temporary pass for your account")
	b.signOut()
	b.pass(code)
	b.at("/signin/pass", "Sign in with a temporary access pass")
	b.has("#error-summary li", "This pass was used")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.at("/me", "Home")
}
