package browser

import (
	"strings"
	"testing"
)

// Somebody without their key, at any browser, stops it with their password. It is on hold and not removed.
func TestLost_signed_out(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	elsewhere := open(t, b.base)
	elsewhere.goTo("/signin/help")
	elsewhere.at("/signin/help", "I cannot sign in")
	elsewhere.follow("main a", "I lost my key")
	elsewhere.at("/lost", "Report a lost or stolen key")
	elsewhere.count()
	elsewhere.fill("#username", b.account.Username)
	elsewhere.fill("#password", b.account.Password)
	elsewhere.follow("#lost-form button[name=continue]")
	elsewhere.at("/lost/token", "Which key is it?")
	elsewhere.inspect()
	elsewhere.click("label", "I lost it")
	elsewhere.follow("button", "Stop it working now")
	elsewhere.at("/lost/done", "Your key is on hold")
	elsewhere.took("a lost key, signed out", 3, 2)
	elsewhere.has("#outcome", "‘Lanyard’ no longer signs anybody in.")
	elsewhere.has("main .contacts", "Gareth Prŷs 01632 960101")
	reference := elsewhere.text("main .panel code")
	if !supportCode.MatchString(reference) {
		t.Errorf("reference: want XXXX-XX, got %q", reference)
	}
	b.demo.mail(t, mailOf(b.account), "Token on hold: Lanyard")
	b.demo.tellsAdministrators(t, "Token on hold: "+b.account.Name, reference)

	b.goTo("/me/tokens")
	b.at("/session-ended", "Your session has ended")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.at("/signin/outcome", "Sign in using a FIDO2 security key")

	// A Local Administrator who has looked puts it back in use.
	b.demo.run(t, "person", "resume", b.account.Username, "Lanyard")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.at("/me", "Home")
}

// Lost, found, stolen, and what a stolen key takes to come back.
func TestLost_and_found(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me")
	b.follow(".card-links a", "Lost or stolen Lanyard")
	b.at("/me/tokens/*/lost", "Stop ‘Lanyard’?")
	b.follow("button", "Stop it working now")
	b.at("/me/tokens/*/lost", "Stop ‘Lanyard’?")
	b.is("#error-summary li", "Choose what happened")
	b.count()
	b.click("label", "I lost it")
	b.follow("button", "Stop it working now")
	b.at("/me/tokens/*/stopped", "‘Lanyard’ no longer signs you in")
	b.took("stopping a token", 2, 1)
	reference := b.text("main .panel code")
	b.demo.tellsAdministrators(t, "Token on hold: "+b.account.Name, reference)
	b.follow("main a", "Manage FIDO2 Tokens")
	b.has(".card", "because it is lost.")
	b.inspect()

	b.goTo("/me")
	b.count()
	b.follow(".card-links a", "Found again Lanyard")
	b.at("/me/tokens/*/found", "Make ‘Lanyard’ work again?")
	b.follow("#found-form button")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.is("#flash", "‘Lanyard’ works again.")
	b.took("a token found again", 2, 2)
	b.demo.mail(t, mailOf(b.account), "Token works again: Lanyard")

	b.follow(".card-links a", "Lost or stolen Lanyard")
	b.click("label", "It was stolen")
	b.follow("button", "Stop it working now")
	b.at("/me/tokens/*/stopped", "‘Lanyard’ no longer signs you in")
	b.follow("main a", "Found again")
	b.at("/me/tokens/*/found", "Make ‘Lanyard’ work again?")
	b.has("main .note", "Someone else may have had this key.")
}

// F25: what was set up by a stolen key stops with it, but for what the person says is theirs, and the page says what it did.
func TestLost_with_what_it_has_set_up(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/mfa/app-code")
	b.setUpApp()
	b.wizard()
	b.key.touch(false)
	second := b.plugIn()
	b.follow("button", "Start")
	b.named("Drawer")
	second.touch(false)
	b.key.touch(true)
	b.signOut()
	b.byKey("Lanyard") // what it was opened by is theirs: the drawer's key is asked about
	b.goTo("/me/tokens")
	b.follow("li.card:nth-of-type(1) .card-links a", "Lost or stolen Lanyard")
	b.at("/me/tokens/*/lost", "Stop ‘Lanyard’?")
	b.has("#mine legend", "Which of these did you set up yourself?")
	b.has("#mine", "Token ‘Drawer’, set up")
	b.has("#mine", "Authenticator app, set up")
	b.click("#mine label", "Token ‘Drawer’")
	b.inspect()
	b.follow("button", "Stop it working now") // without a reason: what is ticked stays ticked
	b.at("/me/tokens/*/lost", "Stop ‘Lanyard’?")
	if !eval[bool](b, "document.querySelector('#mine input').checked") {
		t.Error("the tick is lost with the mistake")
	}
	b.click("label", "It was stolen")
	b.follow("button", "Stop it working now")
	b.at("/me/tokens/*/stopped", "‘Lanyard’ no longer signs you in")
	b.has("main", "Switched off for the same reason: Authenticator app.")
	b.inspect()
	b.demo.mail(t, mailOf(b.account), "Token on hold: Lanyard")
	b.follow("main a", "Manage FIDO2 Tokens")
	if on := eval[int](b, "document.querySelectorAll('li.card:not(.card-off)').length"); on != 1 {
		t.Errorf("%d tokens are in use, want the one that was ticked", on)
	}
	b.goTo("/me/mfa")
	b.has("main", "Switched off")
}

func TestRequest_for_a_token(t *testing.T) {
	t.Parallel()
	b := arrive(t)
	b.goTo("/me")
	b.count()
	b.follow("main a", "Ask for a token")
	b.at("/me/request", "Ask for a token")
	b.click("label", "I have none yet")
	place := "Ward of " + b.account.Username
	b.fill("#place", place)
	b.fill("#note", strings.Repeat("x", 201))
	b.has("#note-count", "1 too many")
	b.follow("#request-form button")
	b.focused("#error-summary")
	b.is("#error-summary li", "Use 200 characters or fewer (you have 201)")
	b.fill("#note", "One with a large contact")
	b.follow("#request-form button")
	b.at("/me/request/sent", "Your request is sent")
	b.took("a request, with one refusal", 4, 3)
	b.demo.tellsAdministrators(t, b.account.Name+" needs a new security key", place)
}
