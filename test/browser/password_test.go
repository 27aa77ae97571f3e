package browser

import (
	"strings"
	"testing"
)

func TestPassword_change(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	elsewhere := open(t, b.base)
	elsewhereKey := b.key.moveTo(elsewhere)
	elsewhere.goTo("/signin")
	elsewhere.follow("button", "Sign in with your key")
	elsewhere.at("/me", "Home")
	b.key = elsewhereKey.moveTo(b)

	b.goTo("/me/self-service")
	b.count()
	b.follow("main a[href='/me/password']")
	b.at("/me/password", "Change your password")
	b.inspect()
	b.fill("#current", "not this one")
	b.fill("#password", "harbour lantern quiet")
	b.follow("#password-form button[name=save]")
	b.focused("#error-summary")
	b.is("#error-summary li", "Your current password is wrong")
	b.fill("#current", b.account.Password)
	b.fill("#password", "password1234")
	b.follow("#password-form button[name=save]")
	b.has("#error-summary li", "Many people use this password")
	b.fill("#current", b.account.Password)
	b.account.Password = "harbour lantern quiet"
	b.fill("#password", b.account.Password)
	b.follow("#password-form button[name=save]")
	b.at("/me/self-service", "Self-Service")
	b.is("#flash", "Your password is changed. You are signed out everywhere else.")
	b.took("password change, with two refusals", 4, 4)
	elsewhere.goTo("/me/tokens")
	elsewhere.at("/session-ended", "Your session has ended")
	b.demo.mail(t, mailOf(b.account), "Your password was changed")
	b.signOut()
	b.password(b.account)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
}

// A new password by a link in the mail, and the same answer for a name that nobody has.
func TestPassword_by_mail(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.goTo("/signin")
	b.count()
	b.follow("main a", "Forgot your password?")
	b.at("/signin/reset", "Choose a new password")
	b.fill("#login", "nobody-has-this-name")
	b.follow("#reset-form button")
	b.at("/signin/reset/sent", "Look in your email")
	same := b.text("main")
	b.follow("main a", "Send it again")
	b.fill("#login", mailOf(b.account))
	b.follow("#reset-form button")
	b.at("/signin/reset/sent", "Look in your email")
	b.is("main", same)
	b.took("asking twice for a link", 4, 4)
	link := b.demo.linkIn(t, b.demo.mail(t, mailOf(b.account), "Choose a new password"))
	b.goTo(link)
	b.at("/reset", "Choose your new password")
	if address := eval[string](b, "location.href"); strings.Contains(address, "t=") {
		t.Errorf("address bar: the link's secret is still there: %s", address)
	}
	b.inspect()
	b.follow("#reset-form button[name=save]")
	b.is("#error-summary li", "Choose a password")
	b.account.Password = "lantern harbour quiet"
	b.fill("#password", b.account.Password)
	b.follow("#reset-form button[name=save]")
	b.at("/signin", "Sign in")
	b.is("#flash", "Your password is changed. You are signed out everywhere else.")
	b.demo.mail(t, mailOf(b.account), "Your password was replaced")
	b.byKey("Lanyard")
	b.signOut()
	b.goTo(link)
	b.at("/reset", "We do not know this link")
}
