package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// The next way in is on the page that says why the key did not work.
func TestOther_option_after_a_failed_prompt(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/mfa/app-code")
	a := b.setUpApp()
	b.failedPrompt("Lanyard")
	b.count()
	b.follow("main a", "Authenticator app")
	b.at("/signin/app-code", "Sign in with your authenticator app")
	b.has("#code-hint", "It goes on by itself after the last digit.")
	b.typeCode(a.code())
	b.at("/me", "Home")
	b.took("an app after a failed prompt", 1, 2)
}

// A code goes on by itself once, when it is complete; after a wrong one the next goes by the button.
func TestCode_goes_on_by_itself_once(t *testing.T) {
	t.Parallel()
	b := arrive(t)
	b.goTo("/me/mfa/app-code")
	a := b.setUpApp()
	b.signOut()
	b.password(b.account)
	b.at("/signin/app-code", "Sign in with your authenticator app")
	b.inspect()
	b.keyboard("12345x7")
	b.is("[role=status]", "")
	right := a.code()
	b.fill("#code", "")
	b.typeCode(other(right))
	b.at("/signin/app-code", "Sign in with your authenticator app")
	b.focused("#error-summary")
	b.is("#error-summary li", "That code is wrong. Use the newest one in the app.")
	if hint := b.text("#code-hint"); strings.Contains(hint, "by itself") {
		t.Errorf("hint after a wrong code: want no word of going on, got %q", hint)
	}
	b.fill("#code", right)
	if sent := eval[bool](b, `!!document.querySelector("#code-form").dataset.sent`); sent {
		t.Error("after a wrong code the next went on by itself")
	}
	b.follow("#code-form button")
	b.at("/me", "Home")
}

// other returns a code of 6 digits that another is not, nor any of its time steps by more than chance.
func other(code string) string {
	wrong := []byte(code)
	wrong[5] = '0' + (wrong[5]-'0'+5)%10
	return string(wrong)
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
	b.give(b.account)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	b.recover(code)
	b.at("/me", "Home")
	b.follow("header button[lang=cy]")
	b.at("/me", "Hafan")
	b.follow("header button[lang=en]")
	b.signOut()
}
