package browser

import (
	"strings"
	"testing"
)

// lacks fails the test when the page shows a text.
func (b *tab) lacks(words ...string) {
	b.t.Helper()
	shown := b.text("main")
	for _, w := range words {
		if strings.Contains(shown, w) {
			b.t.Errorf("the page says %q", w)
		}
	}
}

// Whoever replaces a lost key has one key, and reads so on the page where that counts (A2).
func TestTruth_a_key_on_hold_is_no_backup(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Key A")
	b.goTo("/me")
	b.follow(".card-links a", "Lost or stolen Key A")
	b.click("label", "I lost it")
	b.follow("button", "Stop it working now")
	b.at("/me/tokens/*/stopped", "‘Key A’ no longer signs you in")
	b.has("main", "Ask for one")
	b.key.touch(false)
	b.plugIn()
	b.follow("main a", "Register another key")
	b.at("/me/tokens/register", "Register New Token")
	b.follow("button", "Start")
	b.named("Key B")
	b.lacks("different keys", "You can lose one key")
	b.has("main", "Register a backup now")
	b.inspect()
	b.goTo("/me")
	b.has("main", "Register a backup key")
	b.goTo("/me/tokens")
	b.has("main", "2 of 5 tokens are on your list. 1 of them does not sign you in at present.")
	b.goTo("/me/mfa")
	b.has("main", "1 token")
}

// A forgotten PIN is no loss: all nicknames of the key go together, nobody is alarmed, and nothing is offered that a reset has destroyed (A6).
func TestTruth_a_reset_is_no_loss(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Helen key", "Helen key (2)")
	spare := b.backup()
	spare.touch(false)
	b.key.touch(true)
	b.goTo("/me")
	b.follow(".card-links a", "PIN help Helen key")
	b.follow("main a", "I forgot it")
	b.at("/me/tokens/*/replace", "Reset a key and register it again")
	b.has("main", "One key has several nicknames: Helen key, Helen key (2).")
	b.inspect()
	b.key.reset()
	b.key.touch(false) // the prompt is stopped
	b.click("button", "I have reset it")
	other := b.another()
	for range 100 { // until the press has reached the server
		if other.goTo("/me/tokens"); strings.Contains(other.text("main"), "The key was reset") {
			break
		}
	}
	b.click("button", "Stop and choose another way")
	b.goTo("/me/tokens")
	b.has("main", "The key was reset")
	b.lacks("because it is lost", "Found again")
	b.inspect()
	b.key.touch(true)
	b.follow(".card-links a", "Register it again Helen key")
	b.at("/me/tokens/*/replace", "Reset a key and register it again")
	b.follow("button", "I have reset it")
	b.named("Helen key")
	b.has("main", "You have 2 different keys.")
	b.goTo("/me/tokens")
	if cards := b.texts(".card h3"); len(cards) != 2 {
		t.Errorf("tokens: want Helen key and Drawer, got %q", cards)
	}
	b.lacks("Undo", "was removed")
	b.demo.mail(t, mailOf(b.account), "Security key reset: Helen key")
	b.signOut()
	b.byKey("Helen key")
}
