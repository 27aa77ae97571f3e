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
	if got := shown(); len(got) != 1 || got[0] == "Locker" {
		t.Errorf("after a removal: the browser shows %q, want the other alone", got)
	}
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
	if eval[bool](b, `"signalAllAcceptedCredentials" in PublicKeyCredential || !document.querySelector("[data-signal=accepted]")`) {
		t.Error("the browser can be told, or nothing is to be told")
	}
	if n := len(b.key.credentials()); n != 2 {
		t.Errorf("entries that the browser knows: want 2, got %d", n)
	}
}
