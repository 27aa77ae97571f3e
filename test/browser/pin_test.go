package browser

import (
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
)

// reset gives the key back its factory state: no PIN and nothing on it.
func (k *key) reset() {
	k.tab.t.Helper()
	call(k.tab, webauthn.ClearCredentials, webauthn.ClearCredentialsParams{AuthenticatorID: k.id})
}

// onWindows makes the tab call itself Edge on Windows.
func (b *tab) onWindows() {
	b.t.Helper()
	call(b, emulation.SetUserAgentOverride, emulation.SetUserAgentOverrideParams{
		UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36 Edg/148.0.0.0",
	})
}

// The steps for one's own system come first, 2 clicks from Home. The rest is done in its settings.
func TestPIN_change(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	for _, system := range []struct {
		name, first string
		be          func()
	}{
		{"Linux", "On Linux, with Chrome or Chromium", func() {}},
		{"Windows", "On Windows", b.onWindows},
	} {
		system.be()
		b.goTo("/me")
		b.count()
		b.follow(".card-links a", "PIN help Lanyard")
		b.at("/me/tokens/*/pin", "Help with the PIN of your key")
		b.follow("main a", "I want to change it")
		b.at("/me/tokens/*/pin", "Change the PIN of your key")
		b.took("to the steps on "+system.name, 2, 2)
		b.is("main > p:not(.quiet) > strong", system.first)
		if others := b.texts("details"); len(others) < 3 {
			t.Errorf("other systems on %s: want 3 or more to open, got %q", system.name, others)
		}
	}
	if href := eval[string](b, element("main li a")+".href"); href != "ms-settings:signinoptions" {
		t.Errorf("settings of Windows: want ms-settings:signinoptions, got %s", href)
	}
	b.click("summary", "On a Mac")
	b.has("details[open]", "chrome://settings/securityKeys")
	b.inspect()
}

// replace goes from the help with the PIN of a token through the reset of its key to its new entry. One press starts the prompt.
func (b *tab) replace(nickname, heading string, reset *key) {
	b.t.Helper()
	b.goTo("/me")
	b.follow(".card-links a", "PIN help "+nickname)
	b.at("/me/tokens/*/pin", "Help with the PIN of your key")
	b.count()
	b.follow("main a", "I forgot it")
	b.at("/me/tokens/*/replace", heading)
	b.is("#replace-form li:nth-child(2) p strong", "On Linux, with Chrome or Chromium")
	b.has(".note-warn", "Reset also removes entries of other services on this key.")
	b.inspect()
	reset.reset()
	b.follow("button", "I have reset it")
	b.at("/me/tokens/*/name", "Give this token a nickname")
	if got := eval[string](b, `document.querySelector("#nickname").value`); got != nickname {
		b.t.Errorf("nickname in place of an entry: want %q kept, got %q", nickname, got)
	}
	b.follow("#name-form button[name=save]")
	b.at("/me/tokens/*/try", "Try your new token")
	b.follow("#try-form button")
	b.at("/me/tokens/*/done", "‘"+nickname+"’ is ready")
	b.took("a forgotten PIN", 4, 4)
	b.demo.mail(b.t, mailOf(b.account), "Token registered again: "+nickname)
}

// A person who has forgotten the PIN comes in by a recovery code, resets the key and registers it in place of its old entry.
func TestPIN_forgotten_with_a_recovery_code(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	code := b.codes()[0]
	b.failedPrompt("Lanyard")
	b.recover(code)
	b.at("/me", "Home")
	b.key.refusePIN(false) // it has a new one after the reset
	b.replace("Lanyard", "Reset ‘Lanyard’ and register it again", b.key)
	b.goTo("/me/tokens")
	if cards := b.texts(".card h3"); len(cards) != 1 || cards[0] != "Lanyard" {
		t.Errorf("tokens: want the new Lanyard alone, got %q", cards)
	}
	b.signOut()
	b.byKey("Lanyard")
}

// backup registers a second key, under Drawer, and signs in with it. The first stays plugged in, and nobody touches it.
func (b *tab) backup() *key {
	b.t.Helper()
	b.wizard()
	b.key.touch(false)
	second := b.plugIn()
	b.follow("button", "Start")
	b.named("Drawer")
	b.signOut()
	b.byKey("Drawer")
	return second
}

func TestPIN_forgotten_with_a_second_key(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.backup().touch(false)
	b.key.touch(true)
	b.replace("Lanyard", "Reset a key and register it again", b.key)
	b.goTo("/me/tokens")
	if cards := b.texts(".card h3"); len(cards) != 2 {
		t.Errorf("tokens: want 2, got %q", cards)
	}
	b.has("main", "Drawer")
}

// Somebody who was signed out comes back to the page, says there which of two tokens it is, and stops the prompt before it is done.
func TestPIN_forgotten_signed_out(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	second := b.backup()
	b.signOut()
	b.goTo("/pin")
	b.follow("main a", "I forgot it")
	b.at("/pin", "You forgot the PIN of your key")
	b.inspect()
	b.follow("main a", "Sign in")
	b.give(b.account)
	b.follow("#key-form button", "Drawer")
	b.at("/pin", "Reset a key and register it again")
	b.inspect()
	b.click("button", "I have reset it")
	if !eval[bool](b, `document.querySelector("#token").matches(":has(:invalid)") && document.querySelector("#replace-form").checkVisibility()`) {
		t.Error("without a choice the page goes on")
	}
	second.touch(false)
	b.click("label", "Lanyard")
	b.click("button", "I have reset it")
	b.at("/pin", "Touch your new key")
	b.wait("the prompt", `document.querySelector("#replace-form").dataset.outcome.includes("replaces=")`)
	b.click("button", "Stop and choose another way")
	b.at("/pin", "Reset a key and register it again")
	b.key.reset()
	b.key.touch(true)
	b.follow("button", "I have reset it")
	b.at("/me/tokens/*/name", "Give this token a nickname")
	b.follow("#name-form button[name=save]")
	b.goTo("/me/tokens")
	if cards := b.texts(".card h3"); len(cards) != 2 {
		t.Errorf("tokens: want 2, got %q", cards)
	}
}

// Without another way in the page sends nobody into a reset that would lock them out.
func TestPIN_blocked_without_another_way(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.goTo("/signin/help")
	b.follow("main a[href='/pin']")
	b.at("/pin", "Help with the PIN of your key")
	b.follow("main a", "The key is blocked")
	b.at("/pin", "If your key is blocked")
	b.has("main .note", "Take the key out and put it back first.")
	if resets := b.texts("main a[href*=replace]"); len(resets) != 0 {
		t.Errorf("signed out: want no way to reset, got %q", resets)
	}
}
