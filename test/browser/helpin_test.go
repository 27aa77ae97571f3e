package browser

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
)

// Whoever has stopped their only key meets names, numbers and every way that is left, and no loop (A3).
func TestLocked_out_by_the_only_key(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me")
	b.follow(".card-links a", "Lost or stolen Lanyard")
	b.click("label", "I lost it")
	b.follow("button", "Stop it working now")
	b.signOut()
	b.password(b.account)
	b.at("/signin/locked", "You have no way to sign in that still works")
	b.focused("#outcome")
	b.has("main .contacts", "Gareth Prŷs 01632 960101")
	for _, way := range []string{"I forgot the PIN of my key", "My key says that it is blocked", "I lost my key", "I have found my key again", "I have a temporary access pass", "another computer or a virtual desktop"} {
		b.has("section[aria-labelledby=help-in-heading]", way)
	}
	b.inspect()
	code := b.text("main p.quiet code")
	if out := b.demo.run(t, "audit", "list", "--code", strings.ToLower(code)); !strings.Contains(out, "signin.nothing") {
		t.Errorf("audit list --code %s: %s", code, out)
	}
	b.follow("main a", "I have found my key again")
	b.at("/signin/help", "I cannot sign in")
	b.has("main", "If you have found your key again")
	b.back()
	b.follow("main a", "I have a temporary access pass")
	b.at("/signin/pass", "Sign in with a temporary access pass")

	// The key itself says so, too.
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.at("/signin/outcome", "Sign in using a FIDO2 security key")
	b.is("#outcome strong", "This token is on hold")
	b.has("main .contacts", "Gareth Prŷs 01632 960101")
	b.inspect()
}

// The code that a page shows is what the Local Administrator types, however it was heard, and what comes up says what to do (A4).
func TestSupport_code_on_the_phone(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.failedPrompt("Lanyard")
	code := b.text("main p.quiet code")

	helper := open(t, b.base)
	helper.key = helper.plugIn()
	helper.account = helper.welcome(b.demo)
	helper.demo = b.demo
	helper.register("Lanyard")
	b.demo.run(t, "role", "grant", helper.account.Username, "local_administrator", "--organisation", "NMH")
	helper.signOut()
	helper.byKey("Lanyard")
	helper.follow("footer a", "Open a support code")
	helper.at("/support", "Open a support code")
	helper.inspect()
	helper.fill("#code", "K7Q")
	helper.follow("#support-form button")
	helper.has("#error-summary", "A code has 6 letters and digits")
	helper.fill("#code", " "+strings.ToLower(strings.ReplaceAll(code, "-", "–"))+".")
	helper.follow("#support-form button")
	helper.at("/support/case", "Support code "+code)
	for _, want := range []string{"Trying again may help", b.account.Name, "Lanyard", "Chrome on Linux", "Your browser could not open its key window"} {
		helper.has("main", want)
	}
	helper.inspect()
	helper.reload()
	helper.at("/support/case", "Support code "+code)
	if out := b.demo.run(t, "audit", "list", "--code", code); !strings.Contains(out, "wa.instant") {
		t.Errorf("audit list --code %s: %s", code, out)
	}
}

// Signed in by an app, somebody whose key is lost gets through a confirmation all the same (A13).
func TestConfirmation_without_the_key(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/mfa/app-code")
	app := b.setUpApp()
	b.signOut()
	b.password(b.account)
	b.follow("main a", "Authenticator app")
	b.typeCode(app.code())
	b.goTo("/me/confirm?next=/me/mfa/app-code")
	b.at("/me/confirm", "Confirm it is you")
	b.click("summary", "I do not have this key")
	b.inspect()
	b.follow("main a", "Stop ‘Lanyard’")
	b.at("/me/tokens/*/lost", "Stop ‘Lanyard’?")
	b.click("label", "I lost it")
	b.follow("button", "Stop it working now")
	b.goTo("/me/confirm?next=/me/mfa/app-code")
	b.at("/me/confirm", "Confirm it is you")
	b.has("main", "Authenticator app")
	b.inspect()
}

// halves are credentials as password managers hand them out: what becomes of a good one on its way to the page.
var halves = map[string]string{
	"toJSON throws":                    `({toJSON() { throw new Error("no"); }})`,
	"toJSON is no function":            `({toJSON: undefined})`,
	"toJSON gives nothing":             `({toJSON() {}})`,
	"toJSON gives null":                `({toJSON: () => null})`,
	"toJSON gives an empty object":     `({toJSON: () => ({})})`,
	"toJSON gives null for extensions": `({toJSON: () => ({...real.toJSON(), clientExtensionResults: null})})`,
	"toJSON without rawId":             `({toJSON: () => { const j = real.toJSON(); delete j.rawId; return j; }})`,
	"toJSON in plain base64":           `({toJSON: () => { const j = real.toJSON(); for (const k in j.response) if (typeof j.response[k] === "string") j.response[k] = j.response[k].replace(/-/g, "+").replace(/_/g, "/") + "="; return j; }})`,
	"no getClientExtensionResults":     `({getClientExtensionResults: undefined, toJSON: undefined})`,
	"getClientExtensionResults throws": `({getClientExtensionResults() { throw new TypeError("Illegal invocation"); }})`,
	"extension results null":           `({getClientExtensionResults: () => null, toJSON: undefined})`,
	"getTransports throws":             `({response: {getTransports() { throw new Error("no"); }}, toJSON: undefined})`,
	"no getTransports":                 `({response: {getTransports: undefined}, toJSON: undefined})`,
	"no rawId":                         `({rawId: undefined, toJSON: undefined})`,
	"rawId is a text":                  `({rawId: real.id, toJSON: undefined})`,
	"no id":                            `({id: undefined, toJSON: undefined})`,
	"id in plain base64":               `({id: real.id.replace(/-/g, "+").replace(/_/g, "/"), rawId: undefined, toJSON: undefined})`,
	"no type":                          `({type: undefined, toJSON: undefined})`,
	"no attachment":                    `({get authenticatorAttachment() { throw new Error("no"); }, toJSON: undefined})`,
	"parts are views":                  `({response: {clientDataJSON: new Uint8Array(real.response.clientDataJSON)}, toJSON: undefined})`,
	"parts are texts":                  `({response: {clientDataJSON: real.toJSON().response.clientDataJSON}, toJSON: undefined})`,
	"the parts are in toJSON alone":    `({response: undefined, rawId: undefined, toJSON: () => real.toJSON()})`,
	"a part throws and toJSON has it":  `({response: {get clientDataJSON() { throw new Error("no"); }}, toJSON: () => real.toJSON()})`,
}

// half makes the browser's answers halves from now on: of a good credential, with some members other or missing.
func (b *tab) half(change string) {
	b.t.Helper()
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(`(() => {
		const as = (real, change) => new Proxy(real, {get(_, name) {
			if (name in change) {
				const value = change[name];
				return name === "response" && value ? as(real.response, value) : value;
			}
			const value = real[name];
			return typeof value === "function" ? value.bind(real) : value;
		}});
		for (const kind of ["get", "create"]) {
			const ask = navigator.credentials[kind].bind(navigator.credentials);
			navigator.credentials[kind] = async (options) => {
				if (options.mediation) return new Promise(() => {});
				const real = await ask(options);
				return as(real, %s);
			};
		}
	})()`, change)})
}

// Half objects of password managers register and sign in like whole ones, as long as all is in them somewhere (B8).
func TestCredentials_by_halves(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for name, change := range halves {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, p.url)
			b.newcomer = newcomer{demo: p, key: b.plugIn(), account: b.welcome(p)}
			b.half(change)
			b.register("Lanyard")
			b.signOut()
			b.byKey("Lanyard")
		})
	}
	t.Run("nothing in it", func(t *testing.T) {
		t.Parallel()
		b := open(t, p.url)
		b.newcomer = newcomer{demo: p, key: b.plugIn(), account: b.welcome(p)}
		b.register("Lanyard")
		b.signOut()
		b.half(`({response: undefined, toJSON: undefined})`)
		b.password(b.account)
		b.follow("#key-form button", "Lanyard")
		b.at("/signin/outcome", "Sign in using a FIDO2 security key")
		b.is("#outcome strong", "The answer did not come from your key as it should")
		b.inspect()
	})
	t.Run("the browser's own reading of options throws", func(t *testing.T) {
		t.Parallel()
		b := open(t, p.url)
		b.newcomer = newcomer{demo: p, key: b.plugIn(), account: b.welcome(p)}
		call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
			for (const name of ["parseCreationOptionsFromJSON", "parseRequestOptionsFromJSON"]) PublicKeyCredential[name] = () => { throw new DOMException("", "NotSupportedError"); };`})
		b.register("Lanyard")
		b.signOut()
		b.byKey("Lanyard")
	})
}

// What answers in the place of the server is told by its status, with a code and a way on, and not by "the connection works" (B26).
func TestFilter_in_the_way(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for name, test := range map[string]struct{ script, status string }{
		"403 with HTML": {`new Response("<html>Blocked</html>", {status: 403, headers: {"Content-Type": "text/html"}})`, "403"},
		"413 with HTML": {`new Response("<html>Too large</html>", {status: 413})`, "413"},
		"200 with HTML": {`new Response("<html>Sign in to the network</html>", {status: 200})`, "200"},
		"a redirect":    {`Response.redirect("https://portal.example/")`, "302"},
		"other JSON":    {`new Response('{"blocked":true}', {status: 200})`, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t, p.url)
			b.newcomer = newcomer{demo: p, key: b.plugIn(), account: b.welcome(p)}
			b.register("Lanyard")
			b.signOut()
			b.password(b.account)
			eval[bool](b, fmt.Sprintf(`(() => {
				const real = fetch, pause = setTimeout;
				window.blocked = true;
				window.setTimeout = (go, ms) => pause(go, ms / 100);
				window.fetch = (url, init) => init?.method === "POST" && window.blocked ? Promise.resolve(%s) : real(url, init);
				return true;
			})()`, test.script))
			b.click("#key-form button", "Lanyard")
			b.wait("the notice", `document.querySelector("[data-net-status]")`)
			b.is(".waiting h1", "This page cannot reach the service")
			b.is("[data-net-status]", test.status)
			b.focused(".waiting h1")
			code := b.text("[data-net-code]")
			if !supportCode.MatchString(code) {
				t.Errorf("support code: %q", code)
			}
			b.has(".waiting", "Sign in another way, without this window")
			b.inspect()
			b.away(func() { eval[bool](b, `(window.blocked = false, true)`) })
			b.at("/signin/outcome", "Sign in using a FIDO2 security key")
			b.is("#outcome strong", "Something between you and the service answered in its place")
			b.has("main", code)
			b.inspect()
			if out := p.run(t, "audit", "list", "--code", code); !strings.Contains(out, "wa.filter") {
				t.Errorf("audit list --code %s: %s", code, out)
			}
		})
	}
}

// While the server restarts, a proxy says 502 in HTML: that is no filter, and the answer gets there (B26).
func TestProxy_without_server(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.password(b.account)
	eval[bool](b, `(() => {
		const real = fetch, pause = setTimeout; let lost = 0;
		window.setTimeout = (go, ms) => pause(go, ms / 100);
		window.fetch = (...call) => lost++ < 4 ? Promise.resolve(new Response("<html>Bad Gateway</html>", {status: 502})) : real(...call);
		return true;
	})()`)
	b.follow("#key-form button", "Lanyard")
	b.at("/me", "Home")
}

// also plugs a copy of the key into another tab of the same profile: the browser's keys are each tab's own.
func (k *key) also(b *tab) *key {
	b.t.Helper()
	other := b.plugIn()
	for _, c := range k.credentials() {
		other.add(c)
	}
	return other
}

// Tabs of one profile agree on who is signed in (B30).
func TestTabs_agree(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.password(b.account)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	newer := b.another()
	copied := b.key.also(newer)
	newer.goTo("/signin/key")
	newer.follow("#key-form button", "Lanyard")
	newer.at("/me", "Home")
	b.follow("#key-form button", "Lanyard")
	b.at("/me", "Home")

	// Somebody else has come in meanwhile.
	newer.signOut()
	b.goTo("/signin")
	b.give(b.account)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	other := open(t, b.base)
	otherKey := other.plugIn()
	theirs := other.welcome(b.demo)
	other.register("Theirs")
	copied.unplug()
	otherKey.also(newer)
	newer.goTo("/signin")
	newer.give(theirs)
	newer.follow("#key-form button", "Theirs")
	newer.at("/me", "Home")
	b.follow("#key-form button", "Lanyard")
	b.at("/signin", theirs.Name+" is signed in here")
	b.inspect()
	b.follow("main a", "Go on as "+theirs.Name)
	b.at("/me", "Home")
}
