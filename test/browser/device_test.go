package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
)

// checked waits until Check this device has its result, and returns the code.
func (b *tab) checked() string {
	b.t.Helper()
	b.wait("the code", `document.querySelector("[data-code-given]").checkVisibility()`)
	code := b.text("[data-code]")
	if !supportCode.MatchString(code) {
		b.t.Errorf("code: want XXXX-XX, got %q", code)
	}
	return code
}

// row returns what a row says.
func (b *tab) row(id string) string { return b.text(`[data-row="` + id + `"]`) }

// tried presses Try my key and waits for what it comes to.
func (b *tab) tried() {
	b.t.Helper()
	b.click("#try")
	b.wait("the end of the try", `!document.querySelector("#try").hasAttribute("aria-disabled") && document.querySelector('[data-row="key"] [data-answer="untried"]').hidden`)
}

// Somebody on the phone checks a device with a key, and the helpdesk opens what was found.
func TestDevice_with_a_key(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()

	b.goTo("/signin")
	b.follow("footer a", "Check this device")
	b.at("/device", "Check this device")
	code := b.checked()
	b.has("#device-result", "This device is ready")
	for row, want := range map[string]string{
		"script": "Ready", "secure": "Ready", "host": "Ready", "browser": "Ready", "api": "Ready", "frame": "Ready", "connection": "Ready",
		"clock": "Ready", "cookies": "Ready", "desktop": "Not known", "key": "Not tried yet",
	} {
		if got := b.row(row); !strings.Contains(got, want) {
			t.Errorf("row %s: want %q in it, got %q", row, want, got)
		}
	}
	if got := b.row("connection"); !strings.Contains(got, " ms to the service") || strings.Contains(got, "{") {
		t.Errorf("connection: want milliseconds, got %q", got)
	}
	if got := b.row("browser"); !strings.Contains(got, "Chrome ") || !strings.Contains(got, " on Linux: can use keys") {
		t.Errorf("browser: want name, version and system, got %q", got)
	}
	b.click("#capabilities summary")
	b.has("#capabilities", "userVerifyingPlatformAuthenticator")
	b.inspect()

	b.tried()
	if got := b.row("key"); !strings.Contains(got, "Ready") || !strings.Contains(got, "Your key answers") {
		t.Errorf("key: want that it answers, got %q", got)
	}
	b.click("#desktop label", "Yes")
	b.has("#device-result", "1 thing to fix")
	b.has("#device-result", "Security keys work in this browser.")
	b.wait("the newer report", `performance.getEntriesByType("resource").filter((r) => r.name.endsWith("/device/report") && r.responseEnd > 0).length === 3`)
	if again := b.checked(); again != code {
		t.Errorf("code after a try and an answer: want %s as before, got %s", code, again)
	}
	b.inspect()

	b.demo.run(t, "role", "grant", b.account.Username, "helpdesk", "--organisation", "NMH")
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.goTo("/device")
	b.checked()
	b.follow("footer a", "Open a support code")
	b.at("/support", "Open a support code")
	b.inspect()
	b.fill("#code", "ZZZZ-ZZ")
	b.follow("#support-form button")
	b.focused("#error-summary")
	b.has("#error-summary", "No code of people whom you look after")
	b.fill("#code", strings.ToLower(strings.ReplaceAll(code, "-", " ")))
	b.follow("#support-form button")
	b.at("/support/*", "Device check "+code)
	b.has("main .note", "1 thing to fix")
	if got := b.row("key"); !strings.Contains(got, "Your key answers") {
		t.Errorf("key as the helpdesk sees it: want that it answers, got %q", got)
	}
	if got := b.row("browser"); !strings.Contains(got, "Chrome ") {
		t.Errorf("browser as the helpdesk sees it: got %q", got)
	}
	b.inspect()
}

// The browser opens no window where there is no key and nowhere to plug one in; the page that says so leads here.
func TestDevice_without_a_key(t *testing.T) {
	t.Parallel()
	p := demo(t)
	b := open(t, p.url)
	b.fake("get", `Promise.reject(new DOMException("not allowed", "NotAllowedError"))`)
	b.goTo("/signin")
	b.follow("button", "Sign in with your key")
	b.has("#outcome", "Your browser could not open its key window")
	b.follow("main a", "Check this device")
	b.checked()
	b.tried()
	b.has("#device-result", "1 thing to fix")
	b.has("#device-result", "Security keys do not work here yet.")
	b.focused("#try")
	if got := b.row("key"); !strings.Contains(got, "To fix") || !strings.Contains(got, "could not open its key window") {
		t.Errorf("key: want that there was no window, got %q", got)
	}
}

// What the rows say where something is wrong, and that a list which could not be saved has no code.
func TestDevice_with_things_to_fix(t *testing.T) {
	t.Parallel()
	p := demo(t)
	for _, test := range []struct{ name, source, row, says, result string }{
		{"slow clock", "{ const now = Date.now; Date.now = () => now() - 47000; }", "clock", "47 seconds slow", "1 thing to fix"},
		{"fast clock", "{ const now = Date.now; Date.now = () => now() + 7200000; }", "clock", "120 minutes fast", "1 thing to fix"},
		{"right enough", "{ const now = Date.now; Date.now = () => now() + 15000; }", "clock", "Right", "This device is ready"},
		{"no keys", "delete window.PublicKeyCredential;", "api", "cannot ask for a key", "2 things to fix"},
		{"no cookies", `Object.defineProperty(Navigator.prototype, "cookieEnabled", { get: () => false });`, "cookies", "blocks cookies", "1 thing to fix"},
		{"blocked", `Object.defineProperty(Document.prototype, "featurePolicy", { get: () => ({ allowsFeature: () => false }) });`, "frame", "Keys are blocked", "1 thing to fix"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, p.url)
			call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: test.source})
			b.goTo("/device")
			b.checked()
			b.has("#device-result", test.result)
			if got := b.row(test.row); !strings.Contains(got, test.says) {
				t.Errorf("%s: want %q, got %q", test.row, test.says, got)
			}
		})
	}
	t.Run("service not reached", func(t *testing.T) {
		t.Parallel()
		b := open(t, p.url)
		call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `window.fetch = () => Promise.reject(new TypeError("offline"));`})
		b.goTo("/device")
		b.wait("the end", `document.querySelector("[data-code-none]").checkVisibility()`)
		b.has("#device-result", "1 thing to fix")
		if got := b.row("connection"); !strings.Contains(got, "We cannot reach the service") {
			t.Errorf("connection: got %q", got)
		}
		if n := len(b.texts("#try")); n != 0 {
			t.Error("a key can be tried without the service")
		}
	})
}

func TestDevice_without_script(t *testing.T) {
	t.Parallel()
	b := open(t, demo(t).url)
	b.script(false)
	b.goTo("/device")
	b.at("/device", "Check this device")
	b.has("#device-result", "The checks need JavaScript")
	b.has("main noscript", "Switch JavaScript on")
	b.click("main summary", "What we see from here")
	b.has("main .pairs", "Chrome")
	b.has("main .pairs", b.base)
	if got := b.row("script"); !strings.Contains(got, "To fix") {
		t.Errorf("script: want that it is to fix, got %q", got)
	}
	if n := len(b.texts("#try")) + len(b.texts("#desktop")); n != 0 {
		t.Error("without script there is a button or a question that does nothing")
	}
}

// By keyboard alone, and on paper.
func TestDevice_by_keyboard_and_on_paper(t *testing.T) {
	t.Parallel()
	b := open(t, demo(t).url)
	b.fake("get", `Promise.reject(new DOMException("", "SecurityError"))`)
	b.goTo("/device")
	b.checked()
	b.tabTo("#desktop-yes")
	b.press(" ")
	b.has("#device-result", "1 thing to fix")
	b.tabTo("#try")
	b.press("Enter")
	b.wait("the end of the try", `!document.querySelector('[data-row="key"] [data-answer="domain"]').hidden`)
	b.has("#device-result", "2 things to fix")
	printed := call(b, page.PrintToPDF, page.PrintToPDFParams{})
	if !strings.HasPrefix(string(printed.Data), "%PDF-") || len(printed.Data) < 3000 {
		t.Errorf("on paper: want a PDF, got %d bytes", len(printed.Data))
	}
	call(b, cdp.Command[struct {
		Media string `json:"media"`
	}, cdp.Empty]{Method: "Emulation.setEmulatedMedia"}, struct {
		Media string `json:"media"`
	}{"print"})
	if controls := b.texts("footer a, main .button, main input"); len(controls) > 0 {
		t.Errorf("on paper: want no controls, got %q", controls)
	}
	if got := b.texts("[data-code]"); len(got) != 1 {
		t.Errorf("on paper: want the code, got %q", got)
	}
}
