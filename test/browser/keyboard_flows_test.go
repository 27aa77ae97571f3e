package browser

import "testing"

// enter presses Enter on the element of a selector, which Tab reaches, and waits for the page that this leads to.
func (b *tab) enter(selector string) {
	b.t.Helper()
	b.tabTo(selector)
	b.away(func() { b.press("Enter") })
}

// typeInto types into the field of a selector, which Tab reaches.
func (b *tab) typeInto(selector, text string) {
	b.t.Helper()
	b.tabTo(selector)
	b.keyboard(text)
}

// stopByKeyboard chooses the first reason on the page that stops a token, and presses the button.
func (b *tab) stopByKeyboard() {
	b.t.Helper()
	b.tabTo("input[name=reason]")
	b.press(" ")
	b.enter("button[name=stop]")
}

// An app set up, and used after a failed prompt, with nothing but the keyboard.
func TestKeyboard_app_after_a_failed_prompt(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/mfa")
	b.enter("main td a[href='/me/mfa/app-code']")
	b.at("/me/mfa/app-code", "Set up an authenticator app")
	a := b.scan()
	b.typeInto("#code", a.code())
	b.away(func() { b.press("Enter") })
	b.at("/me/mfa", "Sign-in methods")
	b.focused("#flash")
	b.failedPrompt("Lanyard")
	b.focused("#outcome")
	b.count()
	b.enter("main a[href='/signin/app-code']")
	b.at("/signin/app-code", "Sign in with your authenticator app")
	b.keyboard("000")
	b.away(func() { b.press("Enter") })
	b.focused("#error-summary")
	b.tabTo("#error-summary a")
	b.moves(func() { b.press("Enter") }, "#code")
	b.keyboard(a.code())
	b.away(func() { b.press("Enter") })
	b.at("/me", "Home")
	b.focused("#flash")
	b.took("an app after a failed prompt, with one wrong code", 4, 3)
}

// PIN help, the reset and the new entry in place of the old one.
func TestKeyboard_forgotten_PIN(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/recovery-codes")
	b.enter("#codes-form button")
	code := b.texts("#codes code")[0]
	b.enter("main a.button")
	b.signOut()
	b.key.refusePIN(true)
	b.password(b.account)
	b.enter("#key-form li button")
	b.enter("main a[href='/signin/recovery-code']")
	b.keyboard(code)
	b.away(func() { b.press("Enter") })
	b.at("/me", "Home")
	b.key.refusePIN(false)

	b.count()
	b.enter(".card-links a[href$='/pin']")
	b.enter("main a[href$='about=change']")
	b.at("/me/tokens/*/pin", "Change the PIN of your key")
	b.took("to the steps that change a PIN, by keyboard", 2, 2)
	b.tabTo("details summary")
	b.press("Enter")
	b.wait("the steps of another system", `document.querySelector("details[open]")`)
	b.enter(".back a")
	b.count()
	b.enter("main a[href$='/replace']")
	b.key.reset()
	b.enter("#replace-form button")
	b.at("/me/tokens/*/name", "Give this token a nickname")
	b.tabTo("#nickname")
	b.away(func() { b.press("Enter") })
	b.at("/me/tokens/*/try", "Try your new token")
	b.enter("#try-form button")
	b.at("/me/tokens/*/done", "‘Lanyard’ is ready")
	b.took("a forgotten PIN by keyboard", 4, 4)
}

// A lost key stopped signed out, and signed in; found again; and a request for another.
func TestKeyboard_lost_key(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	elsewhere := open(t, b.base)
	elsewhere.goTo("/signin")
	elsewhere.enter("main a[href='/signin/help']")
	elsewhere.enter("main a[href='/lost']")
	elsewhere.count()
	elsewhere.typeInto("#username", b.account.Username)
	elsewhere.typeInto("#password", b.account.Password)
	elsewhere.away(func() { elsewhere.press("Enter") })
	elsewhere.at("/lost/token", "Which key is it?")
	elsewhere.stopByKeyboard()
	elsewhere.at("/lost/done", "Your key is on hold")
	elsewhere.focused("#outcome")
	elsewhere.took("a lost key, signed out", 3, 2)
	b.demo.run(t, "person", "resume", b.account.Username, "Lanyard")

	b.goTo("/signin")
	b.enter("#key-form button")
	b.at("/me", "Home")
	b.enter(".card-links a[href$='/lost']")
	b.stopByKeyboard()
	b.at("/me/tokens/*/stopped", "‘Lanyard’ no longer signs you in")
	b.enter("main a[href$='/found']")
	b.enter("#found-form button")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.focused("#flash")
	b.enter("main a[href='/me/request']")
	b.tabTo("input[name=reason]")
	b.press(" ")
	b.typeInto("#place", "Ward 6")
	b.away(func() { b.press("Enter") })
	b.at("/me/request/sent", "Your request is sent")
}

// A pass, a person switched at a shared station, and an account frozen and opened again.
func TestKeyboard_station_and_freeze(t *testing.T) {
	t.Parallel()
	_, b := station(t, "Ward 7, desk")
	owner := arrive(t, "Lanyard")
	owner.key.moveTo(b)
	b.goTo("/signin")
	b.count()
	b.enter("#key-form button")
	b.at("/me", "Home")
	b.took("sign-in at a shared station by keyboard", 1, 1)
	b.enter("header button[name=switch]")
	b.at("/signin", "Sign in")
	b.enter("#key-form button")
	b.enter("header button[name=signout]")
	b.at("/signed-out", "You are signed out")
	b.tabTo("[data-stay]")
	b.moves(func() { b.press("Enter") }, "[data-seconds]")

	owner.goTo("/me/activity")
	owner.enter("table button")
	owner.at("/not-me/done", "Your account is frozen")
	owner.focused("#outcome")
	owner.enter("#undo-form button")
	owner.at("/not-me/undo", "Your account works again")
}
