package browser

import "testing"

// "This was not me" by the link in a notice, in any browser and signed out; and back, when it was pressed by mistake.
func TestNot_me_by_mail_and_undo(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	link := b.demo.linkIn(t, b.demo.mail(t, mailOf(b.account), "New token: Lanyard"))
	phone := open(t, b.base)
	phone.goTo(link)
	phone.at("/not-me", "This was not me")
	phone.has("main", "A security key was added to your account.")
	b.goTo("/me/tokens") // to open the link is no press
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	phone.count()
	phone.follow("button", "Freeze my account")
	phone.at("/not-me/done", "Your account is frozen")
	phone.took("freezing an account", 1, 1)
	phone.has("main .contacts", "Gareth Prŷs 01632 960101")
	reference := phone.text("main .panel code")
	phone.inspect()
	b.demo.mail(t, mailOf(b.account), "Your account is frozen")
	b.demo.tellsAdministrators(t, "Account frozen: "+b.account.Name, reference)
	b.reload()
	b.at("/session-ended", "Your session has ended")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.is("#outcome strong", "This account is frozen")

	phone.follow("button", "Undo: it was me")
	phone.at("/not-me/undo", "Your account works again")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.at("/me", "Home")
	phone.goTo(link)
	phone.at("/not-me", "We do not know this link")
}

// The same from the list of activity, and back by a Local Administrator: then what was new stays off.
func TestNot_me_from_activity(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/activity")
	b.count()
	b.follow("button", "This was not me : You registered ‘Lanyard’")
	b.at("/not-me/done", "Your account is frozen")
	b.took("freezing an account", 1, 1)
	b.password(b.account)
	b.has("main", "This account is frozen")
	b.demo.run(t, "person", "unfreeze", b.account.Username, "--reason", "called back, identity checked")
	b.demo.mail(t, mailOf(b.account), "Your account is open again")
	b.pass("")
	b.at("/me/mfa/start", "What do you have with you now?")
	b.goTo("/me/tokens")
	b.has(".card", "On hold since your account was frozen")
	b.inspect()
}
