package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// The next way in is on the page that says why the key did not work.
func TestOther_option_after_a_failed_prompt(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/mfa/app-code")
	a := b.setUpApp()
	b.signOut()
	b.key.refusePIN(true)
	b.password(b.account)
	b.follow("#key-form button", "Lanyard")
	b.at("/signin/outcome", "Sign in using a FIDO2 security key")
	b.count()
	b.follow("main a", "Authenticator app")
	b.at("/signin/app-code", "Sign in with your authenticator app")
	b.took("from a failed prompt to the code", 1, 1)
	b.fill("#code", a.code())
	b.follow("#code-form button")
	b.at("/me", "Home")
	b.took("from the code to Home", 1, 1)
}

// A browser that cannot open its key window at once is most often one on a virtual desktop: the page has the three ways in.
func TestVirtual_desktop(t *testing.T) {
	t.Parallel()
	b := open(t, demo(t).url)
	b.fake("get", `Promise.reject(new DOMException("not allowed", "NotAllowedError"))`)
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.is("#outcome strong", "Your browser could not open its key window")
	b.follow("main a", "I am on a virtual or remote desktop")
	b.at("/virtual-desktop", "Virtual and remote desktops")
	if ways := b.texts(".task h2"); len(ways) != 3 {
		t.Errorf("ways in: want 3, got %q", ways)
	}
	b.click("summary", "For IT teams")
	b.has("details table", "redirectwebauthn:i:1")
	b.inspect()
	b.follow("main a", "I have a pass")
	b.at("/signin/pass", "Sign in with a temporary access pass")
}

// Internet Explorer runs none of our script. A person who has a code gets in all the same.
func TestInternet_Explorer_and_a_code(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	code := b.codes()[0]
	b.signOut()

	b.script(false)
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{UserAgent: internetExplorer})
	b.goTo("/signin")
	b.at("/unsupported", "Internet Explorer cannot use security keys")
	b.has("body", "You can still sign in with your password and a code.")
	b.follow("a[href*=anyway]")
	b.at("/signin", "Sign in")
	b.fill("#username", b.account.Username)
	b.fill("#password", b.account.Password)
	b.follow("#signin-form button[name=signin]")
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	b.follow("main a", "Recovery code")
	b.fill("#code", code)
	b.follow("#code-form button")
	b.at("/me", "Home")
	b.follow("header a[hreflang=cy]")
	b.at("/me", "Hafan")
	b.follow("header a[hreflang=en]")
	b.signOut()
}
