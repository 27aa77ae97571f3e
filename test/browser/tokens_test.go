package browser

import (
	"strings"
	"testing"
)

func TestRename_by_dialog(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")

	b.goTo("/me")
	b.count()
	b.edit("Lanyard")
	b.focused("dialog:modal #" + b.dialogField())
	b.inspect()
	b.press("Escape")
	b.wait("no dialog", `!document.querySelector("dialog:modal")`)
	b.focused(".card-links a[data-dialog]")
	if got := eval[string](b, "document.activeElement.textContent"); got != "Edit Lanyard" {
		t.Errorf("focus after Escape: want it on Edit Lanyard, got %q", got)
	}
	b.count()

	b.edit("Lanyard")
	b.fill("dialog:modal input[name=nickname]", "desk")
	b.follow("dialog:modal button", "Save Changes")
	b.wait("the dialog with the error", `document.querySelector("dialog:modal")`)
	b.has("dialog:modal", "You already have ‘desk’")
	b.focused("dialog:modal input[name=nickname]")
	b.inspect()
	b.fill("dialog:modal input[name=nickname]", "Blue <b>lanyard</b>")
	b.count()
	b.away(func() { b.doubleClick("dialog:modal button", "Save Changes") })
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.is("#flash", "Nickname changed to ‘Blue <b>lanyard</b>’.")
	b.focused("#flash")
	if dialogs := eval[int](b, `document.querySelectorAll("dialog[open]").length`); dialogs != 0 {
		t.Errorf("open dialogs: want none, got %d", dialogs)
	}
	b.reload()
	if flash := b.texts("#flash"); len(flash) != 0 {
		t.Errorf("notice after reload: want none, got %q", flash)
	}

	// Two tabs: the later change wins, and each page shows what there is.
	second := b.another()
	second.goTo("/me/tokens")
	b.follow("a", "Home")
	b.edit("Desk")
	second.edit("Desk")
	second.fill("dialog:modal input[name=nickname]", "Locker")
	second.follow("dialog:modal button", "Save Changes")
	b.fill("dialog:modal input[name=nickname]", "Drawer")
	b.follow("dialog:modal button", "Save Changes")
	b.is("#flash", "Nickname changed to ‘Drawer’.")
	b.back()
	b.reload()
	b.has("main", "Drawer")

	b.signOut()
	b.follow("a", "Sign in again")
	b.follow("button", "Sign in with your key")
	b.at("/me", "Home")
}

// register2 registers the key that is on the list already under a second nickname.
func (b *tab) register2(nickname string) {
	b.t.Helper()
	b.goTo("/me/tokens/register?again=1")
	b.at("/me/tokens/register", "Register the same key again")
	b.follow("button", "Start")
	b.named(nickname)
}

// dialogField is the id of the nickname field in the dialog that is open.
func (b *tab) dialogField() string {
	b.t.Helper()
	return eval[string](b, `document.querySelector("dialog:modal input[name=nickname]").id`)
}

func TestRemove_and_undo(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")

	b.goTo("/me")
	b.count()
	b.follow(".card-links a", "Remove Desk")
	b.at("/me/tokens/*/remove", "Remove ‘Desk’?")
	b.has("main", "‘Lanyard’ is the same key: it stays, and still works")
	b.inspect()
	b.reload()
	b.count()
	b.away(func() { b.doubleClick("#remove-form button") })
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.has("#flash", "‘Desk’ is removed.")
	b.focused("#flash")
	if cards := b.texts(".card h3"); len(cards) != 1 {
		t.Errorf("tokens after removal: want 1, got %q", cards)
	}
	b.inspect()
	if n := len(b.key.credentials()); n != 2 {
		t.Errorf("entries that the browser knows: want 2, because the removal can be undone, got %d", n)
	}
	b.follow("#undo-form button", "Undo")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.is("#flash", "‘Desk’ is back.")
	if cards := b.texts(".card h3"); len(cards) != 2 {
		t.Errorf("tokens after undo: want 2, got %q", cards)
	}

	// Back after a removal, and a second tab that still shows the question, find out that the token has gone.
	second := b.another()
	second.goTo("/me/tokens")
	second.follow(".card-links a", "Remove Desk")
	b.follow(".card-links a", "Remove Desk")
	b.follow("#remove-form button")
	b.back()
	b.at("/me/tokens/*/remove", "This token is not on your list")
	b.inspect()
	second.follow("#remove-form button")
	second.at("/me/tokens/*/remove", "This token is not on your list")
	second.follow("main a", "Manage FIDO2 Tokens")
	second.at("/me/tokens", "Manage FIDO2 Tokens")
	b.goTo("/me/tokens")
	if cards := b.texts(".card h3"); len(cards) != 1 || cards[0] != "Lanyard" {
		t.Errorf("tokens: want Lanyard, got %q", cards)
	}

	// The last way in stays.
	b.follow(".card-links a", "Remove Lanyard")
	b.at("/me/tokens/*/remove", "You would lock yourself out")
	b.inspect()
	b.follow("main a", "Cancel")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.signOut()
	b.password(b.account)
	if rows := b.texts("#key-form .pick-name"); len(rows) != 1 || rows[0] != "Lanyard" {
		t.Errorf("tokens to choose from: want Lanyard, got %q", rows)
	}
}

func TestRecovery_codes(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/recovery-codes")
	b.at("/me/recovery-codes", "Recovery codes")
	b.away(func() { b.doubleClick("#codes-form button") })
	b.at("/me/recovery-codes/new", "Your recovery codes")
	codes := b.texts("#codes code")
	if len(codes) != 10 {
		t.Fatalf("recovery codes: want 10, got %q", codes)
	}
	b.inspect()
	b.follow("main a", "I have saved them")
	b.has("main", "10 of 10 codes left")
	b.signOut()

	b.key.touch(false)
	use := func(code string) {
		t.Helper()
		b.password(b.account)
		b.at("/signin/key", "Sign in using a FIDO2 security key")
		b.inspect()
		b.recover(code)
	}
	use(strings.ToLower(strings.ReplaceAll(codes[3], "-", " ")))
	b.at("/me", "Home")
	b.is("#flash", "You used a recovery code. You have 9 left.")
	b.signOut()
	use(codes[3])
	b.at("/signin/recovery-code", "Sign in with a recovery code")
	b.has("#error-summary li", "That recovery code was used")
	b.has("#error-summary li", "You have 9 left")
	b.focused("#error-summary")
	b.inspect()
	b.fill("#code", "AAAA-AAAA-AAAA")
	b.follow("#code-form button")
	b.has("#error-summary li", "That code is wrong")
	b.fill("#code", codes[4])
	b.follow("#code-form button")
	b.at("/me", "Home")

	b.goTo("/me/recovery-codes")
	b.has("main", "8 of 10 codes left")
	b.follow("#codes-form button")
	// Signed in with a code, a person who has a key proves it by key before methods change.
	b.at("/me/recovery-codes", "Replace your recovery codes?")
	b.inspect()
	b.follow("#codes-form button")
	b.at("/me/confirm", "Confirm it is you")
	b.inspect()
	b.key.touch(true)
	b.follow("#key-form button", "Lanyard")
	b.at("/me/recovery-codes", "Recovery codes")
}

func TestSessions(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	other := open(t, b.base)
	k2 := b.key.moveTo(other)
	other.password(b.account)
	other.follow("#key-form button", "Lanyard")
	other.at("/me", "Home")
	other.goTo("/me/sessions")
	other.at("/me/sessions", "Where you are signed in")
	if cards := other.texts(".card"); len(cards) != 2 || !strings.Contains(cards[0], "This one") {
		t.Fatalf("sessions: want this one first and another, got %q", cards)
	}
	other.inspect()
	other.follow("button", "End this session")
	other.is("#flash", "That session has ended.")
	other.is("main > p:last-child", "You are signed in nowhere else.")
	b.goTo("/me/tokens")
	b.at("/session-ended", "Your session has ended")
	b.has("main", "from another device")
	b.inspect()
	b.follow("a", "Sign in again")
	b.at("/signin", "Sign in")

	k2.moveTo(b)
	b.follow("button", "Sign in with your key")
	b.at("/me/tokens", "Manage FIDO2 Tokens") // where it was
	b.goTo("/me/sessions")
	b.follow("button", "End all other sessions")
	b.is("#flash", "All other sessions have ended.")
	other.follow("a", "Activity")
	other.at("/session-ended", "Your session has ended")
	b.goTo("/me/activity")
	b.at("/me/activity", "Activity")
	for _, want := range []string{"You ended a session", "You ended all other sessions", "You signed in with ‘Lanyard’", "You registered ‘Lanyard’", "You chose a password"} {
		b.has("table", want)
	}
	b.inspect()
}
