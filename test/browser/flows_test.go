package browser

import (
	"testing"
)

// welcome makes a person who has just chosen a password and is signed in with it.
func (b *tab) welcome(p *installation) account {
	b.t.Helper()
	return b.welcomeTo(p, "NMH")
}

// welcomeTo is welcome of a person of another organisation.
func (b *tab) welcomeTo(p *installation, organisation string) account {
	b.t.Helper()
	a, link := p.newPersonOf(b.t, organisation)
	b.goTo(link)
	b.at("/welcome", "Choose your password")
	b.fill("#password", a.Password)
	b.follow("button", "Save and sign in")
	b.at("/me", "Home")
	return a
}

// newcomer is a new person of the demo, who sits at a tab that [arrive] opened.
type newcomer struct {
	demo    *installation
	account account
	key     *key
}

// arrive opens a browser of a person who has just chosen a password and is signed in with it. A key is plugged in, and registered under
// each nickname.
func arrive(t testing.TB, nicknames ...string) *tab {
	t.Helper()
	p := demo(t)
	b := open(t, p.url)
	b.newcomer = newcomer{demo: p, key: b.plugIn(), account: b.welcome(p)}
	for i, nickname := range nicknames {
		if i == 0 {
			b.register(nickname)
		} else {
			b.register2(nickname)
		}
	}
	return b
}

// password gives name and password on the sign-in page.
func (b *tab) password(a account) {
	b.t.Helper()
	b.goTo("/signin")
	b.at("/signin", "Sign in")
	b.give(a)
}

// give types name and password into the sign-in form that is open, and sends it.
func (b *tab) give(a account) {
	b.t.Helper()
	b.fill("#username", a.Username)
	b.fill("#password", a.Password)
	b.follow("#signin-form button[name=signin]")
}

func (b *tab) signOut() {
	b.t.Helper()
	b.follow("button", "Sign out")
	b.at("/signed-out", "You are signed out")
}

// byKey signs in with the password and the key that has a nickname.
func (b *tab) byKey(nickname string) {
	b.t.Helper()
	b.password(b.account)
	b.follow("#key-form button", nickname)
	b.at("/me", "Home")
}

// failedPrompt signs out, and in again as far as the key, which refuses the PIN.
func (b *tab) failedPrompt(nickname string) {
	b.t.Helper()
	b.signOut()
	b.key.refusePIN(true)
	b.password(b.account)
	b.follow("#key-form button", nickname)
	b.at("/signin/outcome", "Sign in using a FIDO2 security key")
}

// recover chooses Recovery code on a page that offers it, and comes in with one.
func (b *tab) recover(code string) {
	b.t.Helper()
	b.follow("main a", "Recovery code")
	b.at("/signin/recovery-code", "Sign in with a recovery code")
	b.fill("#code", code)
	b.follow("#code-form button")
}

// typeCode types a code of 6 digits into the field that has the cursor, and waits for the page to which it goes on by itself.
func (b *tab) typeCode(code string) {
	b.t.Helper()
	b.focused("#code")
	b.away(func() { b.keyboard(code) })
}

// register registers the key that is plugged in, beginning on the first page of the wizard.
func (b *tab) register(nickname string) {
	b.t.Helper()
	b.wizard()
	b.follow("button", "Start")
	b.named(nickname)
}

// wizard opens the first page of the registration of a new key.
func (b *tab) wizard() {
	b.t.Helper()
	b.goTo("/me/tokens/register")
	b.at("/me/tokens/register", "Register New Token")
}

// named goes through the rest of the wizard, from the touch on.
func (b *tab) named(nickname string) {
	b.t.Helper()
	b.at("/me/tokens/*/name", "Give this token a nickname")
	b.fill("#nickname", nickname)
	b.follow("#name-form button[name=save]")
	b.at("/me/tokens/*/try", "Try your new token")
	b.follow("#try-form button")
	b.at("/me/tokens/*/done", "‘"+nickname+"’ is ready")
}

// codes makes recovery codes and returns them.
func (b *tab) codes() []string {
	b.t.Helper()
	b.goTo("/me/recovery-codes")
	b.follow("#codes-form button")
	b.at("/me/recovery-codes/new", "Your recovery codes")
	return b.texts("#codes code")
}

// edit opens the dialog that renames a token.
func (b *tab) edit(nickname string) {
	b.t.Helper()
	b.click(".card-links a", "Edit "+nickname)
	b.wait("the dialog", `document.querySelector("dialog:modal")`)
}

// took checks how many presses and pages a task has taken since the last count: C and P of the table of flows.
func (b *tab) took(task string, presses, pages int) {
	b.t.Helper()
	if gotPresses, gotPages := b.count(); gotPresses != presses || gotPages != pages {
		b.t.Errorf("%s: want %d presses and %d pages, got %d and %d", task, presses, pages, gotPresses, gotPages)
	}
}

func TestFirst_token_and_sign_in(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		p := demoOn(t, engine)
		a := p.running.People[0]
		b := open(t, p.url)
		k := b.plugIn()
		b.password(a)
		b.at("/me", "Home")
		b.has("main", "You have no security token yet")

		b.count()
		b.follow("main a", "Register New Token")
		b.at("/me/tokens/register", "Register New Token")
		b.follow("button", "Start")
		b.at("/me/tokens/*/name", "Give this token a nickname")
		b.fill("#nickname", "Blue lanyard key")
		b.follow("#name-form button[name=save]")
		b.took("registering the first token", 3, 3)
		b.at("/me/tokens/*/try", "Try your new token")
		b.follow("#try-form button")
		b.at("/me/tokens/*/done", "‘Blue lanyard key’ is ready")
		b.has("main", "backup")
		// The touch of the try is proof enough to go on at once.
		b.follow("main a", "Register a backup")
		b.at("/me/tokens/register", "Register New Token")
		b.signOut()

		b.goTo("/signin")
		b.count()
		b.give(a)
		b.at("/signin/key", "Sign in using a FIDO2 security key")
		b.has("main", a.Username)
		b.has("#key-form", "last used on this computer")
		b.follow("#key-form button", "Blue lanyard key")
		b.at("/me", "Home")
		b.took("sign-in with a key", 2, 2)
		b.signOut()

		b.goTo("/signin")
		b.count()
		b.follow("button", "Sign in with your key")
		b.at("/me", "Home")
		b.took("passwordless sign-in", 1, 1)
		if n := len(k.credentials()); n != 1 {
			t.Errorf("credentials on the key: want 1, got %d", n)
		}
	})
}

// Short tasks take the fewest presses, by mouse as by keyboard (ux.md §3).
func TestRename_and_remove_from_Home(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")
	b.goTo("/me")
	b.count()
	b.edit("Lanyard")
	b.fill("dialog:modal input[name=nickname]", "Drawer")
	b.follow("dialog:modal button", "Save Changes")
	b.is("#flash", "Nickname changed to ‘Drawer’.")
	b.took("renaming a token", 2, 1)
	b.goTo("/me")
	b.count()
	b.follow(".card-links a", "Remove Desk")
	b.follow("#remove-form button")
	b.has("#flash", "‘Desk’ is removed.")
	b.took("removing a token", 2, 2)
}
