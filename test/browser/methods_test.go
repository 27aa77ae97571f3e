package browser

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// app is an authenticator app with one secret (RFC 6238: HMAC-SHA-1, 6 digits, 30 seconds).
type app struct {
	t      testing.TB
	secret []byte
	last   int64 // time step of the latest code
}

// scan puts the secret that the page shows into an app.
func (b *tab) scan() *app {
	b.t.Helper()
	text := strings.ReplaceAll(b.text("#app-key"), " ", "")
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(text)
	if err != nil {
		b.t.Fatalf("key of the app %q: %v", text, err)
	}
	return &app{t: b.t, secret: secret}
}

// code returns the code that comes next. Each counts once, so after one that was just used it is that of the next half minute, which
// counts already (RFC 6238 §5.2). A third has to wait.
func (a *app) code() string {
	a.t.Helper()
	now := time.Now().Unix() / 30
	a.last = max(now, a.last+1)
	if a.last > now+1 {
		a.t.Fatal("the app has no further code yet")
	}
	mac := hmac.New(sha1.New, a.secret)
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(a.last)))
	sum := mac.Sum(nil)
	at := sum[len(sum)-1] & 0xf // dynamic truncation, RFC 4226 §5.3
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1_000_000)
}

// setUpApp sets up an authenticator app, beginning on the page that shows its secret.
func (b *tab) setUpApp() *app {
	b.t.Helper()
	b.at("/me/mfa/app-code", "Set up an authenticator app")
	a := b.scan()
	b.fill("#code", a.code())
	b.follow("#app-form button[name=save]")
	b.at("/me/mfa", "Sign-in methods")
	b.is("#flash", "Your authenticator app is set up.")
	return a
}

var phones atomic.Int64

// newPhone returns a mobile number that nobody has (Ofcom's range for drama), as a person types it and as messages are sent to it.
func newPhone() (typed, e164 string) {
	n := phones.Add(1)
	return fmt.Sprintf("07700 900%03d", n), fmt.Sprintf("+447700900%03d", n)
}

func TestApp(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.goTo("/me/mfa")
	b.at("/me/mfa", "Sign-in methods")
	b.inspect()
	b.count()
	b.follow("main td a", "Set up Authenticator app")
	b.at("/me/mfa/app-code", "Set up an authenticator app")
	if n := eval[int](b, `document.querySelectorAll("svg.qr path").length`); n != 1 {
		t.Errorf("QR codes: want 1, got %d", n)
	}
	b.inspect()
	key := b.text("#app-key")
	b.fill("#code", "12345x")
	b.follow("#app-form button[name=save]")
	b.focused("#error-summary")
	b.is("#error-summary li", "That code is wrong. Use the newest one in the app.")
	b.is("#app-key", key) // the app has it already
	b.goTo("/me/mfa/app-code")
	b.is("#app-key", key)
	b.count()
	a := b.setUpApp()
	b.took("end of setting up an app", 1, 1)
	b.has("tbody tr:nth-child(2)", "Authenticator app Set up")
	b.demo.mail(t, mailOf(b.account), "New way to sign in: authenticator app")

	b.signOut()
	b.password(b.account)
	b.follow("main a", "Authenticator app")
	b.at("/signin/app-code", "Sign in with your authenticator app")
	b.typeCode(a.code())
	b.at("/me", "Home")
	b.is("#flash", "You signed in without your key. If it was not you, say so at once under Activity.")
	b.demo.mail(t, mailOf(b.account), "Sign-in without your security key")
}

// A person without a key sets up codes by phone call and recovery codes, and takes away first one and then, in vain, the other.
func TestPhone_call_and_removal(t *testing.T) {
	t.Parallel()
	b := arrive(t)
	typed, e164 := newPhone()
	b.goTo("/me/mfa/start")
	b.at("/me/mfa/start", "What do you have with you now?")
	b.count()
	b.click("main summary", "More ways, which are not enough by themselves")
	b.follow("main a", "Any other phone, such as the one on my desk")
	b.at("/me/mfa/phone", "Set up codes by phone call")
	b.fill("#number", "12")
	b.follow("#number-form button")
	b.has("#error-summary li", "Enter a phone number, like 07700 900123")
	b.fill("#number", typed)
	b.follow("#number-form button")
	b.at("/me/mfa/phone/code", "Type your code")
	b.has("main", "The call goes to the number ending "+typed[len(typed)-2:])
	code, _ := b.demo.code(t, "voice", e164, 0)
	b.fill("#code", code)
	b.follow("#number-code-form button")
	b.at("/me/mfa", "Sign-in methods")
	b.is("#flash", "Codes now go to the number ending "+typed[len(typed)-2:]+".")
	b.took("setting up codes by phone call, behind the ways that are enough, with one wrong number", 5, 4)
	b.demo.mail(t, mailOf(b.account), "New way to sign in: phone call")

	b.follow("main td a", "Remove Phone call")
	b.at("/me/mfa/phone/remove", "You would lock yourself out")
	b.follow("main a", "Set up another way to sign in")
	b.click("main summary", "More ways, which are not enough by themselves")
	b.follow("main a", "A printer, or a safe place for a note")
	b.follow("#codes-form button")
	b.at("/me/recovery-codes/new", "Your recovery codes")
	b.follow("main a", "I have saved them")

	b.goTo("/me/mfa")
	b.count()
	b.follow("main td a", "Remove Phone call")
	b.at("/me/mfa/phone/remove", "Stop codes by phone call?")
	b.follow("#remove-form button")
	b.at("/me/mfa", "Sign-in methods")
	b.is("#flash", "Phone call: removed. It no longer signs you in.")
	b.took("removing a method", 2, 2)
	b.demo.mail(t, mailOf(b.account), "Way to sign in removed: phone call")
	b.follow("main td a", "Remove Recovery code")
	b.at("/me/mfa/recovery-code/remove", "You would lock yourself out")
}

// Codes by text message: another one too early, the wait that ends by itself, and a sign-in with nothing but the keyboard.
func TestText_message(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	typed, e164 := newPhone()
	b.goTo("/me/mfa")
	b.follow("main td a", "Set up Text message")
	b.at("/me/mfa/text", "Set up codes by text message")
	b.fill("#number", "01632 960001")
	b.follow("#number-form button")
	b.has("#error-summary li", "Text messages do not reach this number.")
	b.fill("#number", typed)
	b.follow("#number-form button")
	b.at("/me/mfa/text/code", "Type your code")
	b.has("main", "The code goes to the number ending "+typed[len(typed)-2:])
	code, first := b.demo.code(t, "text", e164, 0)
	b.follow("button", "Send a new code")
	b.at("/me/mfa/text/code/again", "Type your code")
	b.has("#error-summary li", "for a new message.")
	b.waitFor(time.Minute, "the end of the wait", `!document.querySelector("#resend-wait").checkVisibility()`)
	b.fill("#code", code)
	b.follow("#number-code-form button")
	b.is("#flash", "Codes now go to the number ending "+typed[len(typed)-2:]+".")

	b.failedPrompt("Lanyard")
	b.count()
	b.tabTo("button[name=method][value=text]")
	b.away(func() { b.press("Enter") })
	b.at("/signin/text", "Sign in with a text message")
	b.has("main", "The code goes to the number ending "+typed[len(typed)-2:])
	code, _ = b.demo.code(t, "text", e164, first)
	b.typeCode(code)
	b.at("/me", "Home")
	b.took("a text message after a failed prompt", 1, 2)
}

// The recovery codes fill one sheet of paper, which says whose they are and has nothing of the page around them.
func TestRecovery_codes_on_paper(t *testing.T) {
	t.Parallel()
	b := arrive(t, "Lanyard")
	b.codes()
	if n := b.sheets(); n != 1 {
		t.Errorf("sheets of paper: want 1, got %d", n)
	}
	b.onPaper()
	if rest := b.texts("header nav, header .bar-end, footer, main button, main a"); len(rest) > 0 {
		t.Errorf("on paper: want nothing but the name on top and the codes, got %q", rest)
	}
	if codes := b.texts("#codes code"); len(codes) != 10 {
		t.Errorf("on paper: want 10 codes, got %q", codes)
	}
	b.has("main", "Codes of "+b.account.Name)
	b.has("main", "Tick a code when you have used it")
}
