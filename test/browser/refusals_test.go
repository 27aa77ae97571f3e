package browser

import (
	"encoding/base64"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
)

// The server knows more than the browser: it says what it knows (ux.md §4.2).
func TestKeys_that_are_refused(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard", "Desk")
	credentials := b.key.credentials()

	t.Run("removed token", func(t *testing.T) {
		b.goTo("/me/tokens")
		b.follow(".card-links a", "Remove Desk")
		b.follow("#remove-form button")
		b.signOut()
		// A browser may hide or forget the entry. A key of hardware does not listen, so it is on the key, and alone.
		b.password(b.account)
		kept := eval[string](b, `document.querySelector("#key-form button[data-nickname]").dataset.credential`)
		for _, c := range b.key.credentials() {
			b.key.remove(c)
		}
		for _, c := range credentials {
			if base64.RawURLEncoding.EncodeToString(c.CredentialID) != kept {
				b.key.add(c)
			}
		}
		b.goTo("/signin")
		b.follow("button", "Sign in with your key")
		b.at("/signin/outcome", "Sign in using a FIDO2 security key")
		b.has("#outcome", "This token was removed")
		b.inspect()
	})

	t.Run("unknown key", func(t *testing.T) {
		unknown := *credentials[0]
		unknown.CredentialID = append([]byte("not known here"), unknown.CredentialID...)[:32]
		for _, c := range b.key.credentials() {
			b.key.remove(c)
		}
		b.key.add(&unknown)
		b.goTo("/signin")
		b.follow("button", "Sign in with your key")
		b.at("/signin/outcome", "Sign in using a FIDO2 security key")
		b.has("#outcome", "We do not know this key")
		if got, want := eval[string](b, `document.querySelector("[data-signal=unknown]").dataset.credential`), base64.RawURLEncoding.EncodeToString(unknown.CredentialID); got != want {
			t.Errorf("the browser is told to forget %q, want %q", got, want)
		}
		b.inspect()
	})

	t.Run("someone else's key", func(t *testing.T) {
		other := open(t, b.base)
		theirs := other.plugIn()
		other.welcome(b.demo)
		other.register("Theirs")
		theirs.moveTo(b)
		b.key.touch(false)
		b.password(b.account)
		b.at("/signin/key", "Sign in using a FIDO2 security key")
		// The page is made to allow any key, as a page of somebody who tampers with it would.
		eval[bool](b, `(() => { const f = document.querySelector("#key-form"), o = JSON.parse(f.dataset.options); delete o.allowCredentials; f.dataset.options = JSON.stringify(o); return true; })()`)
		b.follow("#key-form button", "Lanyard")
		b.at("/signin/outcome", "Sign in using a FIDO2 security key")
		b.is("#outcome strong", "This key belongs to someone else")
		b.inspect()
	})
}

// A broken or forged answer opens nothing.
func TestAnswers_that_are_wrong(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	yes := true
	for _, test := range []struct {
		name, title string
		wrong       webauthn.SetResponseOverrideBitsParams
	}{
		{"signature", "This key must be registered again", webauthn.SetResponseOverrideBitsParams{AuthenticatorID: b.key.id, IsBogusSignature: &yes}},
		{"person not verified", "Your key did not ask who you are", webauthn.SetResponseOverrideBitsParams{AuthenticatorID: b.key.id, IsBadUV: &yes}},
		{"nobody there", "The answer did not come from your key as it should", webauthn.SetResponseOverrideBitsParams{AuthenticatorID: b.key.id, IsBadUP: &yes}},
	} {
		t.Run(test.name, func(t *testing.T) {
			call(b, webauthn.SetResponseOverrideBits, test.wrong)
			b.password(b.account)
			b.follow("#key-form button", "Lanyard")
			b.at("/signin/outcome", "Sign in using a FIDO2 security key")
			b.is("#outcome strong", test.title)
			b.goTo("/me")
			b.at("/signin", "Sign in")
		})
	}
	call(b, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: b.key.id})
	b.byKey("Lanyard")
}

// The proof that a change needs can fail as well; then the way back to the change stays.
func TestConfirmation(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.follow("a", "Sign in again")
	b.follow("button", "Sign in with your key")

	// Proofs are young here: the page of the confirmation is opened by hand.
	b.key.refusePIN(true)
	b.goTo("/me/confirm?next=/me/tokens/register")
	b.at("/me/confirm", "Confirm it is you")
	b.has("main", "You are about to register a token.")
	b.inspect()
	before := b.cookies()
	b.follow("#key-form button", "Lanyard")
	b.at("/me/outcome", "Confirm it is you")
	b.focused("#outcome")
	b.inspect()
	b.follow("main a", "Cancel")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.back()
	b.key.refusePIN(false)
	b.follow("button", "Try ‘Lanyard’ again")
	b.at("/me/tokens/register", "Register New Token")
	if after := b.cookies(); after["staffkey-session"] == "" || after["staffkey-session"] == before["staffkey-session"] {
		t.Error("the session kept its identifier when its assurance was renewed")
	}
	b.goTo("/me/confirm?next=https://elsewhere.example/")
	b.follow("#key-form button", "Lanyard")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
}

// cookies returns the cookies of the profile, also those that no script sees.
func (b *tab) cookies() map[string]string {
	b.t.Helper()
	values := map[string]string{}
	for _, c := range call(b, network.GetCookies, network.GetCookiesParams{}).Cookies {
		values[c.Name] = c.Value
		if !c.HTTPOnly && c.Name != "staffkey-theme" {
			b.t.Errorf("cookie %s: want it out of reach of scripts", c.Name)
		}
	}
	return values
}

// While the network is gone the answer of the key is kept, and sent again.
func TestAnswer_without_network(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.goTo("/signin")
	eval[bool](b, `(() => { const real = fetch; let lost = 0; window.fetch = (...call) => lost++ ? real(...call) : Promise.reject(new TypeError("network")); return true; })()`)
	b.away(func() {
		b.click("button", "Sign in with your key")
		b.wait("the notice", `document.querySelector("[data-status]").textContent.includes("The service did not answer")`)
	})
	b.at("/me", "Home")
}

// An answer counts once. Whoever sends it again gets nothing.
func TestAnswer_sent_twice(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.password(b.account)
	// The page keeps what it sends, so that it can be sent once more.
	eval[bool](b, `(() => { const real = fetch; window.fetch = (url, init) => { sessionStorage.setItem("sent", JSON.stringify([String(url), init.body])); return real(url, init); }; return true; })()`)
	b.follow("#key-form button", "Lanyard")
	b.at("/me", "Home")
	b.signOut()
	b.password(b.account)
	next := eval[string](b, `(async () => {
		const [url, body] = JSON.parse(sessionStorage.getItem("sent"));
		const answer = await fetch(url, { method: "POST", headers: { Accept: "application/json", "Content-Type": "application/json" }, body });
		return (await answer.json()).next;
	})()`)
	if next != "/signin/outcome" {
		t.Errorf("second time: want to be led to /signin/outcome, got %s", next)
	}
	b.goTo(next)
	b.is("#outcome strong", "This page was used already") // and not that the key was copied
	b.inspect()
	b.goTo("/me")
	b.at("/signin", "Sign in")
}
