package browser

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
)

// fake makes the browser's prompt end in a way of the test's choosing, on every page from now on.
func (b *tab) fake(kind, promise string) {
	b.t.Helper()
	// Only calls that a press made: the quiet offer in the user name field has a mediation of its own.
	call(b, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fmt.Sprintf(
		`navigator.credentials.%s = (options) => options.mediation ? new Promise(() => {}) : (%s);`, kind, promise)})
}

// fakeTime makes the page's clock run ahead by milliseconds while a prompt is open.
const fakeTime = `(() => { const now = performance.now.bind(performance); performance.now = () => now() + %d; })()`

// Every way in which a browser's prompt can end has its page (ux.md §4.1).
func TestEvery_end_of_a_prompt(t *testing.T) {
	t.Parallel()
	p := demo(t)
	home := open(t, p.url)
	home.plugIn()
	a := home.welcome(p)
	home.register("Lanyard")

	dom := func(name, message string) string {
		return fmt.Sprintf("Promise.reject(new DOMException(%q, %q))", message, name)
	}
	late := func(ms int, ending string) string { return fmt.Sprintf("("+fakeTime+", %s)", ms, ending) }
	for _, test := range []struct{ name, ending, title string }{
		{"closed window", late(5_000, dom("NotAllowedError", "The operation either timed out or was not allowed.")), "We did not get an answer from your key"},
		{"time ran out", late(119_000, dom("NotAllowedError", "The operation either timed out or was not allowed.")), "The time ran out"},
		{"time-out error", late(120_000, dom("TimeoutError", "")), "The time ran out"},
		{"no window", dom("NotAllowedError", "The operation either timed out or was not allowed."), "Your browser could not open its key window"},
		{"not focused", dom("NotAllowedError", "The document is not focused."), "Click once more"},
		{"already pending", dom("OperationError", "A request is already pending."), "A key window is already open"},
		{"invalid state", late(2_000, dom("InvalidStateError", "")), "We did not get an answer from your key"},
		{"wrong name of keys", dom("SecurityError", "This is an invalid domain."), "Keys cannot be used at this address"},
		{"not focused in Chromium", dom("NotAllowedError", "The operation is not allowed at this time because the page does not have focus."), "Click once more"},
		{"not supported", dom("NotSupportedError", ""), "This key is too old for this service"},
		{"no PIN possible", dom("ConstraintError", ""), "This key cannot check that it is you"},
		{"key stopped", dom("UnknownError", ""), "Your key stopped answering"},
		{"key unreadable", dom("NotReadableError", ""), "Your key stopped answering"},
		{"type error", "Promise.reject(new TypeError('x'))", "Your browser could not ask your key"},
		{"encoding error", dom("EncodingError", ""), "Your browser could not ask your key"},
		{"a text instead of an error", "Promise.reject('closed')", "Your browser could not ask your key"},
		{"nothing instead of an error", "Promise.reject(undefined)", "Your browser could not ask your key"},
		{"permissions policy", dom("NotAllowedError", "The 'publickey-credentials-get' feature is not enabled in this document. Permissions Policy may be used."), "This page is inside another page"},
		{"null instead of a credential", late(1_500, "Promise.resolve(null)"), "We did not get an answer from your key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := open(t, p.url)
			b.fake("get", test.ending)
			b.password(a)
			b.follow("#key-form button", "Lanyard")
			b.at("/signin/outcome", "Sign in using a FIDO2 security key")
			b.focused("#outcome")
			b.has("#outcome", test.title)
			if title := eval[string](b, "document.title"); !strings.HasPrefix(title, "Not signed in yet: "+test.title) {
				t.Errorf("title: want it to begin with the outcome, got %q", title)
			}
		})
	}
}

var supportCode = regexp.MustCompile(`^[2-9A-HJKMNP-TV-Z]{4}-[2-9A-HJKMNP-TV-Z]{2}$`)

func TestAfter_a_failed_prompt(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	code := b.codes()[0]
	b.failedPrompt("Lanyard")
	b.inspect()
	above := `(document.querySelector("#other-options").compareDocumentPosition(document.querySelector("#key-form")) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0`
	if eval[bool](b, above) {
		t.Error("other options are above Try again after the first failure")
	}
	b.press("Tab")
	b.reload()
	b.at("/signin/outcome", "Sign in using a FIDO2 security key")
	b.follow("#key-form button", "Try ‘Lanyard’ again")
	b.at("/signin/outcome", "Sign in using a FIDO2 security key")
	if !eval[bool](b, above) {
		t.Error("other options are below Try again after the second failure")
	}
	b.follow("#key-form button", "Try ‘Lanyard’ again")
	b.is("#ask", "Ask a Local Administrator")
	b.has(".contacts", "Gareth Prŷs 01632 960101")
	b.inspect()
	support := b.text("main p.quiet code")
	if !supportCode.MatchString(support) {
		t.Errorf("support code: want XXXX-XX, got %q", support)
	}
	export := b.demo.run(t, "audit", "export", "--format", "jsonl", "--person", b.account.Username)
	if !strings.Contains(export, `"support_code":"`+support+`"`) {
		t.Errorf("audit export: want the support code %s in it, got\n%s", support, export)
	}
	if !strings.Contains(export, `"message":"wa.instant"`) {
		t.Errorf("audit export: want the message of the page in it, got\n%s", export)
	}

	// The way out that is offered gets the person in.
	b.recover(code)
	b.at("/me", "Home")
	b.signOut()

	b.key.refusePIN(false)
	b.byKey("Lanyard")
}

// Stop and Back end the waiting, and leave everything as it was.
func TestNo_touch(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.signOut()
	b.password(b.account)

	b.key.touch(false)
	b.count()
	b.click("#key-form button", "Lanyard")
	b.at("/signin/key", "Touch your security key")
	b.focused(".waiting h1")
	if title := eval[string](b, "document.title"); title != "Touch your security key - Staffkey" {
		t.Errorf("title while waiting: want Touch your security key - Staffkey, got %q", title)
	}
	b.inspect()
	b.press("Tab")
	b.focused("[data-stop]")
	b.press("Enter")
	b.wait("the list of tokens", `document.querySelector("#key-form").checkVisibility()`)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	b.focused("#key-form button")

	b.click("#key-form button", "Lanyard")
	b.at("/signin/key", "Touch your security key")
	eval[bool](b, "(history.back(), true)")
	b.wait("the list of tokens", `document.querySelector("#key-form").checkVisibility()`)
	b.at("/signin/key", "Sign in using a FIDO2 security key")
	if _, loads := b.count(); loads != 0 {
		t.Errorf("pages loaded by stopping: want none, got %d", loads)
	}

	// A double press opens one prompt, and the sign-in goes on as ever.
	b.key.touch(true)
	b.away(func() { b.doubleClick("#key-form button", "Lanyard") })
	b.at("/me", "Home")
	b.reload()
	b.at("/me", "Home")
	b.back()
	if path := eval[string](b, "location.pathname"); strings.HasPrefix(path, "/signin/key") {
		b.at("/signin/key", "Sign in using a FIDO2 security key") // asks for nothing that would be lost
	}
}
