package browser

import (
	"testing"

	"github.com/chromedp/cdproto/webauthn"
)

func TestSame_key_under_two_nicknames(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")

	b.wizard()
	b.follow("button", "Start")
	b.at("/me/tokens/register/exists", "What do you want to do?")
	b.focused("#outcome")
	b.has("#outcome", "This key is already registered It is on your list as ‘Lanyard’.")
	b.inspect()
	b.reload()
	b.at("/me/tokens/register/exists", "What do you want to do?")
	b.follow("main a", "Register it again under another nickname")
	b.at("/me/tokens/register", "Register the same key again")
	b.follow("button", "Start")
	b.named("Desk")
	b.has("main", "Same key as ‘Lanyard’")
	b.has("main", "This is not a backup")
	b.goTo("/me/tokens")
	b.has(".card:has(h3:focus), .card:nth-child(1)", "Same key as")
	b.has(".card:nth-child(2)", "Same key as")
	if n := len(b.key.credentials()); n != 2 {
		t.Errorf("credentials on the key: want 2, because an earlier entry must not die silently, got %d", n)
	}
	for _, nickname := range []string{"Lanyard", "Desk"} {
		b.signOut()
		b.byKey(nickname)
		b.has(".card:has(.badge-good)", nickname)
	}
	b.signOut()
	b.byKey("I am not sure which one this is")
}

func TestSecond_key_is_a_backup(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.follow("main a", "Register a backup")
	b.key.touch(false) // it stays plugged in, and nobody touches it
	second := b.plugIn()
	b.follow("button", "Start")
	b.named("Home drawer")
	b.has("main", "You have 2 different keys. You can lose one key and still sign in.")
	if n := len(second.credentials()); n != 1 {
		t.Errorf("credentials on the second key: want 1, got %d", n)
	}
	b.goTo("/me")
	if texts := b.texts(".pick-name"); len(texts) > 1 {
		t.Errorf("to do: want recovery codes at most, got %q", texts)
	}
	b.signOut()
	b.byKey("Home drawer")
	b.has(".card:has(.badge-good)", "Home drawer")
}

// The wizard survives Back, reload, a second tab and a double press at each of its steps, and one touch makes one entry.
func TestRegistration_back_reload_and_twice(t *testing.T) {
	t.Parallel()
	b := arrive(t)

	b.key.touch(false)
	b.goTo("/me/tokens/register")
	b.reload()
	b.click("button", "Start")
	b.at("/me/tokens/register", "Touch your new key")
	b.focused(".waiting h1")
	b.click("button", "Stop and choose another way")
	b.wait("the first page of the wizard", `document.querySelector("#register-form").checkVisibility()`)
	b.focused("#register-form button")
	b.click("button", "Start")
	b.at("/me/tokens/register", "Touch your new key")
	eval[bool](b, "(history.back(), true)")
	b.wait("the first page of the wizard", `document.querySelector("#register-form").checkVisibility() && !document.querySelector(".waiting")`)
	b.at("/me/tokens/register", "Register New Token")

	b.key.touch(true)
	b.away(func() { b.doubleClick("button", "Start") })
	b.at("/me/tokens/*/name", "Give this token a nickname")
	name := eval[string](b, "location.pathname")
	b.back()
	b.at("/me/tokens/register", "Register New Token")
	b.goTo(name)
	b.reload()
	b.at("/me/tokens/*/name", "Give this token a nickname")
	b.fill("#nickname", " ")
	b.follow("#name-form button[name=save]")
	b.focused("#error-summary")
	b.is("#error-summary li", "Enter a nickname")
	b.has("#name-form", "Enter a nickname")
	b.click("#error-summary a") // leads to the field
	b.focused("#nickname")
	b.click(".chip", "Spare")
	b.focused("#nickname")

	second := b.another()
	second.goTo(name)
	b.away(func() { b.doubleClick("#name-form button[name=save]") })
	b.at("/me/tokens/*/try", "Try your new token")
	second.fill("#nickname", "Other tab")
	second.follow("#name-form button[name=save]")
	second.at("/me/tokens/*/try", "Try your new token")
	second.has("main", "‘Spare’")

	b.key.touch(false)
	b.click("#try-form button")
	b.at("/me/tokens/*/try", "Touch your security key")
	b.has(".waiting", "Waiting for ‘Spare’")
	b.click("button", "Stop and choose another way")
	b.follow("main a", "Skip")
	b.at("/me/tokens/*/done", "‘Spare’ is ready")
	b.goTo("/me/tokens")
	if cards := b.texts(".card h3"); len(cards) != 1 || cards[0] != "Spare" {
		t.Errorf("tokens: want one, Spare, got %q", cards)
	}
}

func TestRegistration_that_is_refused(t *testing.T) {
	t.Parallel()
	b := arrive(t)
	b.key.refusePIN(true)
	b.goTo("/me/tokens/register")
	b.follow("button", "Start")
	b.at("/me/outcome", "Register New Token")
	b.focused("#outcome")
	if title := eval[string](b, "document.title"); title[:len("Not registered yet:")] != "Not registered yet:" {
		t.Errorf("title: want it to begin with Not registered yet, got %q", title)
	}
	b.inspect()
	b.key.refusePIN(false)
	b.follow("button", "Try again")
	b.named("Lanyard")

	// A nickname is taken whatever the case.
	b.wizard()
	call(b, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: b.key.id})
	b.follow("button", "Start")
	b.at("/me/tokens/*/name", "Give this token a nickname")
	b.fill("#nickname", "LANYARD")
	b.follow("#name-form button[name=save]")
	b.is("#error-summary li", "You already have ‘LANYARD’")
	b.inspect()
}
