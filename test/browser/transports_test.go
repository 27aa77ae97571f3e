package browser

import (
	"testing"

	"github.com/chromedp/cdproto/webauthn"
)

// B24: a key that was registered by USB signs in when it is held to a reader, and is known when it is registered there again. Chromium looks
// for it in no other ways than it is told of.
func TestKey_registered_by_USB_works_by_NFC(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Desk key")
	b.key = b.key.moveToBy(b, webauthn.AuthenticatorTransportNfc)
	b.signOut()
	b.byKey("Desk key")
	b.wizard()
	b.follow("button", "Start")
	b.at("/me/tokens/register/exists", "What do you want to do?")
}
