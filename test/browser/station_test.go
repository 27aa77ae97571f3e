package browser

import "testing"

// station opens a browser that a Local Administrator's link has made a shared station.
func station(t testing.TB, name string) (*installation, *tab) {
	t.Helper()
	return stationOf(t, "NMH", name)
}

// stationOf is station in another organisation.
func stationOf(t testing.TB, organisation, name string) (*installation, *tab) {
	t.Helper()
	p := demo(t)
	b := open(t, p.url)
	link := p.linkIn(t, p.run(t, "station", "link", organisation, "--name", name))
	b.goTo(link)
	b.at("/station", "Make this a shared computer?")
	b.has("main", name)
	b.follow("button", "Make it a shared computer")
	b.at("/station", "This is a shared computer now")
	b.is(".station-name", "Shared computer: "+name+". Nobody is remembered here.")
	other := open(t, p.url)
	other.goTo(link)
	other.at("/station", "We do not know this link")
	return p, b
}

func TestShared_station(t *testing.T) {
	t.Parallel()
	owner := arrive(t, "Lanyard")
	owner.signOut()
	_, b := station(t, "Ward 6, desk")
	owner.key.moveTo(b)

	b.goTo("/signin")
	b.count()
	b.follow("button", "Sign in with your key")
	b.at("/me", "Home")
	b.took("sign-in at a shared station", 1, 1)
	b.is(".station-name", "Shared computer: Ward 6, desk.")
	b.inspect()
	b.goTo("/signin") // the next person, who sees that somebody is here
	b.at("/signin", owner.account.Name+" is signed in here")
	b.follow("main a", "Go on as "+owner.account.Name)
	b.at("/me", "Home")

	stale := b.another()
	stale.goTo("/me/tokens")
	b.count()
	b.follow("header button", "Switch person")
	b.at("/signin", "Sign in")
	b.took("switching person", 1, 1)
	stale.reload()
	stale.at("/signin", "Sign in")
	if name := eval[string](b, `document.querySelector("#username").value`); name != "" {
		t.Errorf("user name at a shared station: want none, got %q", name)
	}
	b.password(owner.account)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	if here := b.texts(".pick-first"); len(here) != 0 {
		t.Errorf("keys used at a shared station: want none remembered, got %q", here)
	}
	b.follow("#key-form button", "Lanyard")
	b.at("/me", "Home")

	b.follow("header button", "Finished? Sign out")
	b.at("/signed-out", "You are signed out")
	b.wait("the countdown", `document.querySelector("[data-left]").textContent.includes("0:0")`)
	b.click("button", "Stop")
	b.has("[data-seconds]", "Stopped. This page stays.")
	b.focused("[data-seconds]")
	b.inspect()
	b.follow("main a", "Sign in again")
	b.follow("button", "Sign in with your key")
	b.follow("header button", "Finished? Sign out")
	b.wait("the sign-in, which comes by itself", `location.pathname === "/signin" && document.readyState === "complete"`)
	b.at("/signin", "Sign in")
}

// At a station the sign-in asks for no conditional prompt and offers nobody's name, and a person's own choice of device is not asked for.
func TestShared_station_is_nobodys_own(t *testing.T) {
	t.Parallel()
	p, b := station(t, "Reception")
	_, link := p.newPerson(t)
	b.goTo(link)
	b.at("/welcome", "Choose your password")
	b.fill("#password", "quiet harbour lantern")
	b.follow("button", "Save and sign in")
	b.at("/me", "Home")
	b.goTo("/me/self-service")
	if own := b.texts("#device-form"); len(own) != 0 {
		t.Errorf("own device at a shared station: want no question, got %q", own)
	}
	b.follow("header button", "Switch person")
	if complete := eval[string](b, `document.querySelector("#username").autocomplete`); complete != "username" {
		t.Errorf("autocomplete of the user name: want username, got %q", complete)
	}
}
