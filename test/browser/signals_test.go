package browser

import (
	"slices"
	"testing"

	"github.com/chromedp/cdproto/page"
)

// The list that the browser keeps follows ours: names when a token is named, what is gone when one is removed (WebAuthn Level 3 §5.1.10).
func TestBrowser_is_told_of_changes(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")
	shown := func() (names []string) {
		for _, c := range b.key.credentials() {
			names = append(names, c.UserDisplayName)
		}
		slices.Sort(names)
		return names
	}
	b.goTo("/me/tokens") // Desk was named last
	if got := shown(); !slices.Contains(got, "Desk") {
		t.Errorf("after naming it: the browser shows %q, want Desk", got)
	}
	b.edit("Desk")
	b.fill("dialog:modal input[name=nickname]", "Locker")
	b.follow("dialog:modal button", "Save Changes")
	b.is("#flash", "Nickname changed to ‘Locker’.")
	if got := shown(); !slices.Contains(got, "Locker") || slices.Contains(got, "Desk") {
		t.Errorf("after a rename: the browser shows %q, want Locker", got)
	}
	b.follow(".card-links a", "Remove Locker")
	b.follow("#remove-form button")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	if got := shown(); !slices.Contains(got, "Locker") {
		t.Errorf("after a removal that can be undone: the browser shows %q, want Locker still", got)
	}
}

// An undo brings back a key that signs in, also when it was used and refused meanwhile: what the browser keeps of it must not be gone by then
// (A11, B28).
func TestUndo_brings_back_a_key_that_works(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")
	b.goTo("/me/tokens")
	b.follow(".card-links a", "Remove Desk")
	b.follow("#remove-form button")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	if n := len(b.key.credentials()); n != 2 {
		t.Fatalf("after the removal the browser knows %d entries, want 2", n)
	}
	b.follow("#undo-form button")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.is("#flash", "‘Desk’ is back.")
	if n := len(b.key.credentials()); n != 2 {
		t.Errorf("after the undo the browser knows %d entries, want 2", n)
	}
	b.follow(".card-links a", "Remove Lanyard") // Desk alone has to sign in now
	b.follow("#remove-form button")
	b.signOut()
	b.password(b.account)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	b.follow("#key-form button", "Desk")
	b.at("/me", "Home")
}

// A browser without these functions is told nothing, and nothing fails.
func TestBrowser_that_cannot_be_told(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")
	call(b, page.Enable, page.EnableParams{})
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `for (const name of Object.getOwnPropertyNames(PublicKeyCredential)) if (name.startsWith("signal")) delete PublicKeyCredential[name];`})
	b.goTo("/me/tokens")
	b.follow(".card-links a", "Remove Desk")
	b.follow("#remove-form button")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.has("#flash", "‘Desk’ is removed.")
	b.follow("#undo-form button")
	b.is("#flash", "‘Desk’ is back.")
	if eval[bool](b, `"signalAllAcceptedCredentials" in PublicKeyCredential || !document.querySelector("[data-signal=accepted]")`) {
		t.Error("the browser can be told, or nothing is to be told")
	}
	if n := len(b.key.credentials()); n != 2 {
		t.Errorf("entries that the browser knows: want 2, got %d", n)
	}
}
