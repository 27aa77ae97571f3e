package browser

import "testing"

// What was typed is on the page again after the session was lost and its person has signed in (ux §4.4).
func TestTyped_goes_on_over_a_lost_session(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/request")
	b.at("/me/request", "Ask for a token")
	b.click("#reason-lost")
	b.fill("#place", "Ward 6 “café” <desk>")
	other := b.another()
	other.goTo("/me")
	other.signOut()
	b.follow("#request-form button")
	b.at("/me/request", "You were signed out")
	b.has("main", "what you typed is kept")
	b.keep()
	b.follow("main a.button", "Sign in")
	b.at("/signin", "Sign in")
	b.give(b.account)
	b.follow("#key-form button", "Lanyard")
	b.at("/me/request", "Ask for a token")
	b.is("#flash", "What you typed is still here. It is not sent yet.")
	if got := b.value("#place"); got != "Ward 6 “café” <desk>" {
		t.Errorf("what was typed: got %q", got)
	}
	b.wait("the reason", `document.querySelector("#reason-lost").checked`)
	b.inspect()
	b.follow("#request-form button")
	b.at("/me/request/sent", "Your request is sent")
}
