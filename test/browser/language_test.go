package browser

import (
	"testing"
)

// changedLanguage is what a page tells of its language, and of its name field.
const changedLanguage = `document.documentElement.lang + "|" + document.querySelector("#username").value + "|" + document.querySelector("#password").value`

// The language changes on the page where one is, with what was typed, with script and without.
func TestLanguage(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for name, script := range map[string]bool{"with script": true, "without script": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, p.url)
			b.script(script)
			b.goTo("/signin?next=%2Fme%2Ftokens")
			b.fill("#username", "amara")
			b.fill("#password", "secret words")
			b.follow(".bar button[lang=cy]", "Cymraeg")
			b.at("/signin", "Mewngofnodi")
			want := "cy|amara|"
			if !script { // the form alone takes nothing along
				want = "cy||"
			}
			if got := eval[string](b, changedLanguage); got != want {
				t.Errorf("page after the first change: want %q, got %q", want, got)
			}
			b.fill("#username", "amara")
			b.fill("#password", "secret words")
			b.follow("#signin-form button[name=signin]")
			b.at("/signin", "Mewngofnodi")
			b.has("#error-summary", "anghywir")
			b.fill("#username", "amara.okafor")
			b.fill("#password", "secret words")
			b.follow("#language-form button", "English")
			b.at("/signin", "Sign in")
			want = "en|amara.okafor|"
			if !script { // what the server was told before
				want = "en|amara|"
			}
			if got := eval[string](b, changedLanguage); got != want {
				t.Errorf("page after the second: want %q, got %q", want, got)
			}
			if next := eval[string](b, `document.querySelector("[name=next]").value`); next != "/me/tokens" {
				t.Errorf("place to go on to after sign-in: want /me/tokens, got %q", next)
			}
			for _, fault := range b.takeFaults() {
				t.Errorf("the browser's console: %s", fault)
			}
		})
	}
}
