package browser

import (
	"slices"
	"testing"
)

// value is what is in a field.
func (b *tab) value(selector string) string {
	b.t.Helper()
	return eval[string](b, element(selector)+".value")
}

// The other language is the same page with what was typed in it, except secrets.
func TestWelsh_keeps_the_page(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/request?reason=backup")
	b.click("label", "Mine is broken")
	b.fill("#place", "Ward 6, ŵŷ")
	b.fill("#note", "One with a large contact")
	b.count()
	b.follow("header button[lang=cy]")
	b.at("/me/request", "Gofyn am docyn")
	b.took("changing the language", 1, 1)
	if lang := eval[string](b, "document.documentElement.lang"); lang != "cy" {
		t.Errorf("language of the page: want cy, got %s", lang)
	}
	if got := b.value("#place") + "|" + b.value("#note"); got != "Ward 6, ŵŷ|One with a large contact" {
		t.Errorf("what was typed: want it kept, got %q", got)
	}
	if !eval[bool](b, `document.querySelector("#reason-broken").checked`) {
		t.Error("the choice is not kept")
	}
	b.inspect()
	b.fill("#place", "")
	b.follow("#request-form button")
	b.at("/me/request", "Gofyn am docyn")
	b.focused("#error-summary")
	b.fill("#note", "Arall")
	b.follow("header button[lang=en]") // the page answers the request now
	b.at("/me/request", "Ask for a token")
	if got := b.value("#place") + "|" + b.value("#note"); got != "|Arall" {
		t.Errorf("what was typed: want it kept, got %q", got)
	}
	b.follow("header button[lang=cy]")

	// Another browser asks the person in the language of their choice.
	other := open(t, b.base)
	moved := b.key.moveTo(other)
	other.goTo("/signin")
	other.follow("button", "Sign in with your key")
	other.at("/me", "Hafan")

	// What people call their keys is said in their language too.
	other.goTo("/me/tokens/register")
	moved.touch(false) // it stays plugged in, and nobody touches it
	other.plugIn()
	other.follow("#register-form button")
	if ideas := other.texts("[data-fill]"); !slices.Equal(ideas, []string{"Llinyn", "Desg", "Cartref", "Sbâr"}) {
		t.Errorf("ideas for a nickname: got %q", ideas)
	}
}
