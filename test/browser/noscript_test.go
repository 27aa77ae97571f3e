package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
)

// script switches JavaScript off or on, for the pages that load from now on.
func (b *tab) script(on bool) {
	b.t.Helper()
	call(b, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
}

// Everything but touching a key works without script.
func TestWithout_script(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")
	codes := b.codes()
	b.signOut()

	b.script(false)
	b.goTo("/signin")
	b.at("/signin", "Sign in")
	if keys := b.texts("#key-form button"); len(keys) != 0 {
		t.Errorf("sign-in without script: want no key button, got %q", keys)
	}
	b.has("main", "Security keys need JavaScript")
	if shown := eval[int](b, `[...document.querySelectorAll("[data-reveal]")].filter((e) => e.checkVisibility()).length`); shown != 0 {
		t.Errorf("%d buttons that show the password, which would do nothing", shown)
	}
	b.fill("#username", b.account.Username)
	b.fill("#password", "wrong")
	b.follow("#signin-form button[name=signin]")
	b.at("/signin", "Sign in")
	b.is("#error-summary li", "Your email or password is wrong.")
	if kept := eval[string](b, `document.querySelector("#username").value + "|" + document.querySelector("#password").value`); kept != b.account.Username+"|" {
		t.Errorf("form after a wrong password: want the name kept and the password gone, got %q", kept)
	}
	b.fill("#password", b.account.Password)
	b.follow("#signin-form button[name=signin]")
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	b.follow("#key-form button", "Lanyard")
	b.at("/signin/outcome", "Sign in using a FIDO2 security key")
	b.has("#outcome", "Security keys need JavaScript")
	b.recover(codes[0])
	b.at("/me", "Home")

	for _, page := range []struct{ path, heading string }{
		{"/me/tokens", "Manage FIDO2 Tokens"}, {"/me/profile", "Profile"}, {"/me/self-service", "Self-Service"}, {"/me/sessions", "Where you are signed in"},
		{"/me/activity", "Activity"}, {"/me/recovery-codes", "Recovery codes"},
	} {
		b.goTo(page.path)
		b.at(page.path, page.heading)
	}
	b.goTo("/me/tokens")
	b.follow(".card-links a", "Edit Desk")
	b.at("/me/tokens/*/edit", "Edit ‘Desk’")
	b.fill("#nickname", "")
	b.follow("button", "Save Changes")
	b.at("/me/tokens/*/edit", "Edit ‘Desk’")
	b.is("#error-summary li", "Enter a nickname")
	b.fill("#nickname", "Drawer")
	b.follow("button", "Save Changes")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.is("#flash", "Nickname changed to ‘Drawer’.")

	// A change of methods needs a proof by key here, which has to wait for a browser with script; the page says so.
	b.follow(".card-links a", "Remove Drawer")
	b.at("/me/tokens/*/remove", "Remove ‘Drawer’?")
	b.follow("#remove-form button")
	b.at("/me/confirm", "Confirm it is you")
	b.has("main", "JavaScript is switched off here, and keys need it.")
	b.signOut()

	// With a young proof it needs none.
	b.script(true)
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.script(false)
	b.goTo("/me/tokens")
	b.follow(".card-links a", "Remove Drawer")
	b.follow("#remove-form button")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.has("#flash", "‘Drawer’ is removed.")
	b.follow("#undo-form button", "Undo")
	b.is("#flash", "‘Drawer’ is back.")
	b.follow("#theme-form button", "Dark")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
}

// A person without keys makes recovery codes and signs in with one.
func TestWithout_script_and_key(t *testing.T) {
	t.Parallel()
	p := demo(t)
	b := open(t, p.url)
	b.script(false)
	a := b.welcome(p)
	b.goTo("/me/tokens/register")
	b.has("main", "Security keys need JavaScript")
	b.follow("#register-form button", "Start")
	b.at("/me/outcome", "Register New Token")
	b.has("#outcome", "Security keys need JavaScript")
	code := b.codes()[0]
	b.signOut()
	b.password(a)
	b.at("/signin/recovery-code", "Sign in with a recovery code")
	b.fill("#code", code)
	b.follow("#code-form button")
	b.at("/me", "Home")
}
