package browser

import (
	"strings"
	"testing"
)

// From an empty folder to a running service in five steps, by the link that the program prints.
func TestFirst_run(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		p, link := serve(t, engine)
		b := open(t, p.url)
		k := b.plugIn()

		b.goTo("/setup")
		b.at("/setup", "You need a set-up link")
		b.inspect()
		b.goTo(p.url + "/setup?t=wrong")
		b.at("/setup", "This set-up link has expired")

		b.goTo(link)
		b.at("/setup", "Set up Staffkey")
		if address := eval[string](b, "location.href"); strings.Contains(address, "t=") {
			t.Errorf("address bar: the link's secret is still there: %s", address)
		}
		b.inspect()
		b.reload()
		b.follow("main a", "About you")
		b.at("/setup/you", "About you")
		b.follow("#you-form button[name=save]")
		if n := len(b.texts("#error-summary li")); n < 1 {
			t.Error("an empty form: want errors, got none")
		}
		b.focused("#error-summary")
		b.inspect()
		b.fill("#name", "Margaret Ellison")
		b.fill("#email", "margaret@northmoor.example")
		b.fill("#username", "margaret")
		b.fill("#password", "quiet harbour lantern")
		b.away(func() { b.doubleClick("#you-form button[name=save]") })
		b.at("/setup", "Set up Staffkey")
		b.inspect()

		b.follow("main a", "Register your key")
		b.at("/me/tokens/register", "Register New Token")
		b.follow("button", "Start")
		b.named("Operator's key")
		b.follow("main a", "Finish")
		b.at("/setup", "Set up Staffkey")
		b.has(".task:nth-child(2)", "Done")

		b.follow("main a", "Your first organisation")
		b.at("/setup/organisation", "Your first organisation")
		b.fill("#name", "Northmoor Hospitals")
		b.fill("#code", "NMH")
		b.inspect()
		b.follow("button", "Save and continue")
		b.follow("main a", "How people sign in")
		b.at("/setup/methods", "How people sign in")
		b.inspect()
		b.follow("button", "Save and continue")
		b.follow("main a", "Check the address")
		b.at("/setup/address", "Check the address")
		b.has("main", p.url)
		b.inspect()
		b.follow("#address-form button")
		b.at("/setup", "Set up Staffkey")
		b.inspect()
		b.follow("#finish-form button")
		b.at("/setup/done", "Your service is running")
		b.inspect()
		if n := len(b.texts("#codes code")); n != 10 {
			t.Errorf("recovery codes of the operator: want 10, got %d", n)
		}
		b.follow("main a.button", "Go to Home")
		b.at("/me", "Home")

		// The link is used up, for this browser and for every other.
		b.goTo(link)
		b.at("/me", "Home")
		other := open(t, p.url)
		other.goTo(link)
		other.at("/setup", "This service is set up already")
		other.inspect()
		k.moveTo(other)
		other.goTo("/signin")
		other.follow("button", "Sign in with your key")
		other.at("/me", "Home")
		other.has("header", "Margaret Ellison")
	})
}
