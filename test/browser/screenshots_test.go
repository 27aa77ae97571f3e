package browser

import (
	"os"
	"path/filepath"
	"testing"
)

// illustrate writes a picture of the page for the README and the guides: down to its footer, and not higher than two screens.
func (b *tab) illustrate(name string) {
	b.t.Helper()
	const width, lowest, highest = 1000, 420, 1440
	b.window(width, lowest)
	b.window(width, min(highest, max(lowest, eval[int64](b, `Math.floor(document.querySelector("footer").getBoundingClientRect().top + scrollY)`))))
	eval[bool](b, "(scrollTo(0, 0), true)")
	b.picture(filepath.Join("..", "..", "docs", "images", name+".png"))
	b.window(1200, 900)
}

// visit opens a path and takes its picture.
func (b *tab) visit(path, name string) {
	b.t.Helper()
	b.goTo(path)
	b.illustrate(name)
}

// The pictures of the README and of the guides, made anew with UPDATE_SCREENSHOTS=1, each of one step of a flow.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	if os.Getenv("UPDATE_SCREENSHOTS") == "" {
		t.Skip("UPDATE_SCREENSHOTS=1 makes the pictures")
	}
	p := demoOn(t, "sqlite")
	amara, _ := p.running.Person("amara.okafor")
	b := open(t, p.url)
	b.newcomer = newcomer{demo: p, account: amara, key: b.plugIn()}
	b.illustrateSignedIn()
	b.illustrateSignIn()
	b.illustrateLost()
	b.illustrateHelp()
	b.illustrateShared()
}

// illustrateSignedIn takes the pictures of registration and of the other methods, and leaves two keys and every method set up.
func (b *tab) illustrateSignedIn() {
	b.password(b.account)
	b.illustrate("home-empty")
	b.wizard()
	b.illustrate("register-ready")
	b.key.touch(false)
	b.click("button", "Start")
	b.illustrate("register-touch")
	b.click("button", "Stop and choose another way")
	b.key.touch(true)
	b.follow("button", "Start")
	b.illustrate("register-name")
	b.fill("#nickname", "Blue lanyard key")
	b.follow("#name-form button[name=save]")
	b.illustrate("register-try")
	b.follow("#try-form button")
	b.illustrate("register-done")

	b.wizard()
	b.key.touch(false)
	second := b.plugIn()
	b.follow("button", "Start")
	b.named("Spare in locker 14")
	second.touch(false)
	b.key.touch(true)
	b.visit("/me/mfa/start", "method-choose")
	b.visit("/me/mfa/app-code", "app")
	b.setUpApp()
	b.goTo("/me/mfa/text")
	typed, e164 := newPhone()
	b.fill("#number", typed)
	b.illustrate("text-number")
	b.follow("#number-form button")
	code, _ := b.demo.code(b.t, "text", e164, 0)
	b.fill("#code", code)
	b.illustrate("text-code")
	b.follow("#number-code-form button")
	b.goTo("/me/recovery-codes")
	b.follow("#codes-form button")
	b.illustrate("recovery-codes")
	b.follow("main a", "I have saved them")
	b.illustrate("self-service")
	b.visit("/me/mfa", "methods")
	b.visit("/me/password", "password")
	b.visit("/me/activity", "activity")
	b.visit("/me/tokens", "tokens")
	b.click(".card-links a", "Edit Blue lanyard key")
	b.wait("the dialog", `document.querySelector("dialog:modal")`)
	b.illustrate("edit")
	b.press("Escape")
	b.follow(".card-links a", "Remove Spare in locker 14")
	b.illustrate("remove")
	b.signOut()
}

// illustrateSignIn takes the pictures of the ways in.
func (b *tab) illustrateSignIn() {
	b.visit("/signin", "signin")
	b.password(b.account)
	b.illustrate("signin-key")
	b.key.touch(false)
	b.click("#key-form button", "Blue lanyard key")
	b.illustrate("signin-touch")
	b.click("button", "Stop and choose another way")
	b.key.touch(true)
	b.key.refusePIN(true)
	b.follow("#key-form button", "Blue lanyard key")
	b.illustrate("signin-no-answer")
	b.key.refusePIN(false)
	b.follow("main a", "Authenticator app")
	b.illustrate("signin-app")
	b.visit("/signin/pass", "signin-pass")
	b.visit("/signin/help", "signin-help")
	b.visit("/signin/reset", "reset")
}

// illustrateLost takes the pictures of a key that is lost, of a forgotten PIN, and of an account that is frozen.
func (b *tab) illustrateLost() {
	b.goTo("/lost")
	b.illustrate("lost-signed-out")
	b.fill("#username", b.account.Username)
	b.fill("#password", b.account.Password)
	b.follow("#lost-form button[name=continue]")
	b.illustrate("lost-choose")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.at("/me", "Home")
	b.illustrate("home")
	b.follow(".card-links a", "PIN help Spare in locker 14")
	b.illustrate("pin")
	b.follow("main a", "I want to change it")
	b.illustrate("pin-change")
	b.back()
	b.follow("main a", "I forgot it")
	b.illustrate("pin-forgotten")
	b.goTo("/me/tokens")
	b.follow(".card-links a", "Lost or stolen Spare in locker 14")
	b.illustrate("lost")
	b.click("label", "I lost it")
	b.follow("button", "Stop it working now")
	b.illustrate("lost-done")
	b.follow("main a", "Found again")
	b.illustrate("found")
	b.visit("/me/request?reason=lost", "request")
}

// illustrateHelp takes the pictures of what helps when nothing works.
func (b *tab) illustrateHelp() {
	b.visit("/virtual-desktop", "virtual-desktop")
	b.goTo("/device")
	b.checked()
	b.illustrate("device")
	b.goTo(b.demo.linkIn(b.t, b.demo.mail(b.t, b.account.Username+"@northmoor-hospitals.example", "Token on hold: Spare in locker 14")))
	b.illustrate("not-me")
	b.follow("button", "Freeze my account")
	b.illustrate("frozen")
	b.follow("button", "Undo: it was me")
}

// illustrateShared takes the pictures of a shared station.
func (b *tab) illustrateShared() {
	b.goTo(b.demo.linkIn(b.t, b.demo.run(b.t, "station", "link", "NMH", "--name", "Ward 6, desk")))
	b.illustrate("station")
	b.follow("button", "Make it a shared computer")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.visit("/me", "station-home")
	b.visit("/signin", "station-someone")
}
