package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

func TestApp_is_set_up_and_signs_in(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("north", everyMethod...)
		h := s.add("amara", "north")
		b := s.byPassword(h)
		page := b.get("/me/mfa/app-code")
		page.shows(t, "the page", http.StatusOK, `<svg class="qr"`, "otpauth://totp/Staffkey:amara?secret=", "Scan this picture")
		phone := s.scan(page)

		refused := b.post("/me/mfa/app-code", url.Values{"ceremony": {page.ceremony()}, "code": {wrong(phone.code())}})
		refused.shows(t, "a wrong code", http.StatusUnprocessableEntity, "That code is wrong. Use the newest one in the app.", `<svg class="qr"`)
		if again := s.scan(refused); again.key != phone.key {
			t.Error("after a wrong code the page shows another key: the app has the first")
		}
		empty := b.post("/me/mfa/app-code", url.Values{"ceremony": {refused.ceremony()}})
		empty.shows(t, "no code", http.StatusUnprocessableEntity)
		if again := s.scan(empty); again.key != phone.key {
			t.Error("after no code the page shows another key")
		}
		if same := s.scan(b.get("/me/mfa/app-code")); same.key != phone.key {
			t.Error("the page loaded again shows another key: the app has the first")
		}
		welsh := b.press(t, empty.body)
		welsh.leads(t, "the page in Welsh", "/me/mfa/app-code")
		if same := s.scan(b.get(welsh.location())); same.key != phone.key {
			t.Error("in another language the page shows another key")
		}
		b.chooses("en")
		stranger := s.byPassword(s.add("ben", "north"))
		taken := stranger.post("/me/mfa/app-code", url.Values{"ceremony": {empty.ceremony()}})
		if got := s.scan(taken); got.key == phone.key {
			t.Error("another person sees the key that amara's page was for")
		}
		done := b.post("/me/mfa/app-code", url.Values{"ceremony": {empty.ceremony()}, "code": {phone.code()}})
		done.leads(t, "the right code", "/me/mfa")
		b.get("/me/mfa").shows(t, "the list", http.StatusOK, "Your authenticator app is set up.", `href="/me/mfa/app-code/remove"`)
		if n := s.sent(h, "notice.method_added"); n != 1 {
			t.Errorf("%d mails tell of it, want 1", n)
		}

		in := s.byPassword(h)
		if in.isSignedIn() {
			t.Fatal("the password alone signs in a person who has an app")
		}
		in.get("/signin/key").leads(t, "with an app as the only other way", "/signin/app-code")
		in.typeCode("/signin/app-code", phone.code()).shows(t, "the code of the set-up once more", http.StatusUnauthorized, "That code was used already.")
		in.typeCode("/signin/app-code", phone.nextCode()).leads(t, "the next code", "/me")
		in.get("/me/sessions").shows(t, "the sessions", http.StatusOK, "Password and authenticator app")
		in.get("/me/activity").shows(t, "the activity", http.StatusOK, "Authenticator app")
	})
}

func TestNumber_is_set_up_and_changed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("north", everyMethod...)
		h := s.add("amara", "north")
		b := s.byPassword(h)
		for number, text := range map[string]string{
			"": "Enter a phone number", "12": "like 07700 900123", "01632 960001": "Text messages do not reach this number", "+33 6 12 34 56 78": "We cannot send codes to numbers that begin with +33", "07797 712345": "belongs to Jersey", "0800 123456": "such as 0800", "020 7946 0018 x5": "with an extension",
			strings.Repeat("9", 5000): "like 07700 900123", "07700 900 <b>": "like 07700 900123",
		} {
			b.post("/me/mfa/text", url.Values{"number": {number}}).shows(t, "number "+number[:min(20, len(number))], http.StatusUnprocessableEntity, text, `id="number-form"`)
		}
		b.get("/me/mfa/text/code").leads(t, "the page for a code that nobody asked for", "/me/mfa/text")
		if n := len(s.messages(h)); n != 0 {
			t.Fatalf("%d messages were sent, want none yet", n)
		}

		b.post("/me/mfa/text", url.Values{"number": {"07700 900123"}}).leads(t, "a number", "/me/mfa/text/code")
		if m := s.messages(h); len(m) != 1 || m[0].To != "+447700900123" || m[0].Template != "code.text" {
			t.Fatalf("sent: %+v", m)
		}
		first := s.code(h)
		page := b.get("/me/mfa/text/code")
		page.shows(t, "the page", http.StatusOK, "number ending 23", "The code is on its way.", "You can ask for a new code in 30 seconds.", `action="/me/mfa/text/code/again"`)
		b.post("/me/mfa/text/code/again", nil).shows(t, "a code again at once", http.StatusTooManyRequests, "Wait 30 seconds for a new message.", `id="number-code-form"`, "number ending 23")
		b.post("/me/mfa/text", url.Values{"number": {"07700 900456"}}).shows(t, "another number at once", http.StatusTooManyRequests, "Wait 30 seconds", `id="number-form"`)
		s.clock.Advance(30 * time.Second)
		b.post("/me/mfa/text/code/again", nil).leads(t, "a code again after half a minute", "/me/mfa/text/code")
		second := s.code(h)
		b.typeCode("/me/mfa/text/code", wrong(first, second)).shows(t, "a wrong code", http.StatusUnprocessableEntity, "That code is wrong.", `id="number-code-form"`)
		if first != second {
			b.typeCode("/me/mfa/text/code", first).shows(t, "the code before the latest", http.StatusUnprocessableEntity, "That code is wrong.")
		}
		b.post("/me/mfa/text/code", url.Values{"ceremony": {page.ceremony()}}).shows(t, "no code", http.StatusUnprocessableEntity)
		b.typeCode("/me/mfa/text/code", second).leads(t, "the right code", "/me/mfa")
		b.get("/me/mfa").shows(t, "the list", http.StatusOK, "Codes now go to the number ending 23.", "Number ending 23")

		// A new number is proved like the first, and the old one is told.
		s.clock.Advance(staffkey.ProofLife + time.Second)
		b.get("/me/mfa/text").leads(t, "a change with an old proof", "/me/confirm?next="+url.QueryEscape("/me/mfa/text"))
		b.get("/me/confirm?next=/me/mfa/text").shows(t, "the confirmation", http.StatusOK, `action="/me/confirm/text/send"`, "number ending 23")
		b.post("/me/confirm/phone/send", nil).shows(t, "a call without a number", http.StatusUnprocessableEntity)
		b.post("/me/confirm/text/send", nil).leads(t, "a code for the confirmation", "/me/confirm/text")
		b.typeCode("/me/confirm/text", s.code(h)).leads(t, "confirmed", "/me/mfa/text")
		b.get("/me/mfa/text").shows(t, "the page with a number", http.StatusOK, "Codes go to the number ending 23 until the new one is set up.")
		s.clock.Advance(30 * time.Second)
		b.giveNumber(h, "text", "+44 7700 900456")
		if n := s.sent(h, "number.changed"); n != 1 {
			t.Errorf("%d messages to the old number, want 1", n)
		}
		for _, m := range s.messages(h) {
			if m.Template == "number.changed" && m.To != "+447700900123" {
				t.Errorf("the old number's message goes to another, ending %s", m.To[len(m.To)-2:])
			}
		}
		in := s.byPassword(h)
		s.clock.Advance(time.Minute)
		in.post("/signin/text/send", nil).shows(t, "a code to a number of today", http.StatusUnauthorized, "Codes to your new number work", `id="code-form"`)
		s.clock.Advance(25 * time.Hour)
		in = s.byPassword(h)
		in.post("/signin/text/send", nil).leads(t, "a code to it a day later", "/signin/text")
		in.typeCode("/signin/text", s.code(h)).leads(t, "its code", "/me")
	})
}

// A provider that had a code and gave no answer: what nobody knows is not said.
func TestNumber_of_whose_code_nobody_knows(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	b := s.byPassword(h)
	b.post("/me/mfa/text", url.Values{"number": {"07700 900123"}}).leads(t, "a number", "/me/mfa/text/code")
	sent := s.messages(h)[0]
	err := s.store.Housekeep(t.Context(), func(tx *store.Tx) error { return tx.EndOutgoing(sent.ID, staffkey.DeliveryUnsure, "no answer") })
	if err != nil {
		t.Fatal(err)
	}
	b.get("/me/mfa/text/code").shows(t, "the page", http.StatusOK, "We do not know whether the code was sent.")
}

func TestCall_reads_the_code(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	s.byPassword(h).giveNumber(h, "phone", "01632 960123")
	s.clock.Advance(time.Minute)
	in := s.byPassword(h)
	in.get("/signin/key").leads(t, "with a telephone as the only other way", "/signin/method")
	in.get("/signin/method").shows(t, "the choice", http.StatusOK, `action="/signin/phone/send"`, "number ending 23")
	in.post("/signin/phone/send", nil).leads(t, "a call", "/signin/phone")
	page := in.get("/signin/phone")
	page.shows(t, "the page", http.StatusOK, "The call goes to the number ending 23", `action="/signin/phone/send"`)
	in.post("/signin/phone/send", nil).shows(t, "a second call at once", http.StatusTooManyRequests, "Wait 30 seconds", `id="code-form"`, "number ending 23")
	if in.isSignedIn() {
		t.Error("a call alone signs in")
	}
	in.typeCode("/signin/phone", s.code(h)).leads(t, "the code that was read out", "/me")
	for _, m := range s.messages(h) {
		if m.Args["Code"] != "" && m.Channel != staffkey.ChannelVoice {
			t.Errorf("a code went out by %s", m.Channel)
		}
	}
}

func TestRecoveryCodes_are_shown_once(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	codes := b.giveCodes()
	page := b.get("/me/recovery-codes")
	page.shows(t, "the page afterwards", http.StatusOK)
	for _, code := range codes {
		if strings.Contains(page.body, code) {
			t.Fatal("the page shows a code again")
		}
	}
	b.get("/me/mfa").shows(t, "the list", http.StatusOK, "10 of 10")
	in := s.byPassword(h)
	in.get("/signin/key").shows(t, "the key and the other way", http.StatusOK, `href="/signin/recovery-code"`)
	in.typeCode("/signin/recovery-code", codes[3]).leads(t, "a code", "/me")
	in.get("/me").shows(t, "home", http.StatusOK, "You used a recovery code.", "You have 9 left.")
	if n := s.sent(h, "notice.code_used"); n != 1 {
		t.Errorf("%d mails tell of it, want 1", n)
	}
	in.get("/me/mfa").shows(t, "the list after that", http.StatusOK, "9 of 10")
	b.post("/me/recovery-codes", url.Values{"make": {"1"}, "confirm": {"1"}}).leads(t, "a new set", "/me/recovery-codes/new")
	again := b.get("/me/recovery-codes/new")
	if n := strings.Count(again.body, `<code class="code">`); n != staffkey.RecoveryCodes {
		t.Fatalf("a new set has %d codes, want %d", n, staffkey.RecoveryCodes)
	}
	old := s.byPassword(h)
	old.typeCode("/signin/recovery-code", codes[4]).shows(t, "a code of the set before", http.StatusUnauthorized, "That code is wrong.")
}

func TestPass_opens_setting_up(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		_, la := s.administrator("lara")
		h := s.add("amara", "north")
		code := s.issuePass(la, h, false)
		b := s.browser()
		b.get("/signin/pass").shows(t, "the page", http.StatusOK, `name="username"`, `name="code"`)
		b.post("/signin/pass", nil).shows(t, "nothing typed", http.StatusUnprocessableEntity, `id="pass-form"`)
		b.usePass(h.Username, "0000-0000-00").shows(t, "a wrong pass", http.StatusUnauthorized, "That pass is wrong.", `value="amara"`)
		b.usePass(h.Username, strings.ToLower(strings.ReplaceAll(code, "-", " "))).leads(t, "a pass as people type it", "/me/mfa/start")
		b.get("/me/mfa/start").shows(t, "the start", http.StatusOK, "What do you have with you now?", `href="/me/tokens/register"`, `href="/me/recovery-codes"`)
		if body := b.get("/me/mfa/start").body; strings.Contains(body, "app-code") {
			t.Error("the start offers what policy does not allow")
		}
		s.clock.Advance(10 * time.Minute) // finding a key takes its time
		key, id := b.register("", "Lanyard")
		b.get("/me/tokens").shows(t, "the list", http.StatusOK, "Lanyard")
		h.key, h.keyID = key, id
		if in := s.session(h); !in.isSignedIn() {
			t.Error("the key that was registered with a pass does not sign in")
		}
		s.browser().usePass(h.Username, code).shows(t, "the pass once more", http.StatusUnauthorized, "This pass was used")
		if kind := s.sent(h, "notice.pass_issued"); kind != 1 {
			t.Errorf("%d mails tell of the pass, want 1", kind)
		}
	})
}

// A password that has another proof beside it may be shorter than one that stands alone (NIST SP 800-63B-4 §3.1.1.2).
func TestPassword_beside_a_key_may_be_shorter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		b := s.session(h)
		b.get("/me/password").shows(t, "the page", http.StatusOK, `id="password-form"`, "At least 8 characters.")
		b.post("/me/password", url.Values{"current": {testPassword}, "password": {"oak tab"}}).
			shows(t, "seven characters", http.StatusUnprocessableEntity, "Use at least 8 characters")
		b.post("/me/password", url.Values{"current": {testPassword}, "password": {"blue tram nine"}}).leads(t, "fourteen characters", "/me/self-service")
	})
}

func TestPassword_is_changed(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		b, elsewhere := s.byPassword(h), s.byPassword(h)
		const next = "a lamp beside the quiet river"
		s.witness.secret("password", next, "not my password")
		b.get("/me/password").shows(t, "the page", http.StatusOK, `id="password-form"`, `name="current"`, "At least 15 characters.")
		for _, test := range []struct{ current, password, text string }{
			{"", next, "Enter your current password"}, {testPassword, "", "password"}, {"not my password", next, "Your current password is wrong"},
			{testPassword, "blue tram nine", "Use at least 15 characters"}, {testPassword, "passwordpassword", "Many people use this password"}, {testPassword, testPassword, "This is your current password."},
		} {
			b.post("/me/password", url.Values{"current": {test.current}, "password": {test.password}}).
				shows(t, "change with "+test.text, http.StatusUnprocessableEntity, test.text, `id="password-form"`)
		}
		if !elsewhere.isSignedIn() {
			t.Fatal("a change that was refused ends another session")
		}
		b.post("/me/password", url.Values{"current": {testPassword}, "password": {next}}).leads(t, "a good one", "/me/self-service")
		b.get("/me/self-service").shows(t, "self-service", http.StatusOK, "Your password is changed.")
		if elsewhere.isSignedIn() {
			t.Error("another session goes on with the password of before")
		}
		s.browser().givePassword(h, testPassword).shows(t, "the old password", http.StatusUnauthorized)
		if a := s.browser().givePassword(h, next); a.location() != "/me" {
			t.Errorf("the new password: %d to %q, want /me", a.StatusCode, a.location())
		}
		if n := s.sent(h, "notice.password_changed"); n != 1 {
			t.Errorf("%d mails tell of it, want 1", n)
		}
		s.clock.Advance(staffkey.ProofLife + time.Second)
		b.post("/me/password", url.Values{"current": {next}, "password": {testPassword}}).
			leads(t, "a change with an old proof", "/me/confirm?next="+url.QueryEscape("/me/password"))
	})
}

func TestMethod_is_removed(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	b := s.byPassword(h)
	before := b.cookies["__Host-staffkey-session"]
	b.giveApp()
	if b.cookies["__Host-staffkey-session"] == before {
		t.Error("the session goes on under the same secret when it has become stronger")
	}
	b.get("/me/mfa/pass/remove").shows(t, "a pass, which is nobody's to remove", http.StatusNotFound)
	b.get("/me/mfa/text/remove").shows(t, "what is not set up", http.StatusNotFound)

	b.get("/me/mfa/app-code/remove").shows(t, "the last method", http.StatusOK, "This is the last way you can sign in.")
	b.post("/me/mfa/app-code/remove", nil).shows(t, "removing the last method", http.StatusConflict, "This is the last way you can sign in.", `href="/me/mfa/start"`)

	b.giveCodes()
	b.get("/me/mfa/app-code/remove").shows(t, "one of two", http.StatusOK, `id="remove-form"`, "recovery codes")
	b.post("/me/mfa/app-code/remove", nil).leads(t, "removing one of two", "/me/mfa")
	b.get("/me/mfa").shows(t, "the list", http.StatusOK, "Authenticator app: removed.")
	if n := s.sent(h, "notice.method_removed"); n != 1 {
		t.Errorf("%d mails tell of it, want 1", n)
	}
	b.post("/me/mfa/app-code/remove", nil).shows(t, "removing it once more", http.StatusNotFound)
	s.byPassword(h).get("/signin/key").leads(t, "what is left", "/signin/recovery-code")

	weak := s.byPassword(s.add("ben", "north"))
	weak.giveCodes()
	weak.post("/me/mfa/recovery-code/remove", nil).leads(t, "with the password alone", "/me/confirm?next="+url.QueryEscape("/me/mfa/recovery-code/remove"))
}

// The page of fresh codes may be loaded again, printed and saved: what is on paper stays good. It is one session's, and not for long.
func TestRecoveryCodes_page_is_loaded_again(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	codes := b.giveCodes()
	for range 2 {
		page := b.get("/me/recovery-codes/new")
		page.shows(t, "the page again", http.StatusOK, append(codes, "amara", address)...)
	}
	file := b.get("/me/recovery-codes/new.txt")
	file.shows(t, "the file", http.StatusOK, append(codes, "Name of amara (amara)", address)...)
	if got := file.Header.Get("Content-Disposition"); got != `attachment; filename="staffkey-recovery-codes.txt"` {
		t.Errorf("the file is sent as %q", got)
	}
	for _, a := range []answer{file, b.get("/me/recovery-codes/new")} {
		if got := a.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
			t.Errorf("Cache-Control of codes: %q", got)
		}
	}
	other := s.session(h)
	other.take(b, "staffkey-codes")
	other.get("/me/recovery-codes/new").leads(t, "in another session", "/me/recovery-codes")
	s.clock.Advance(14 * time.Minute)
	b.get("/me/recovery-codes/new").shows(t, "a quarter of an hour later, nearly", http.StatusOK, codes[0])
	s.clock.Advance(time.Minute)
	b.get("/me/recovery-codes/new").leads(t, "a quarter of an hour later", "/me/recovery-codes")
	b.get("/me/recovery-codes/new.txt").leads(t, "the file by then", "/me/recovery-codes")
	s.byPassword(h).typeCode("/signin/recovery-code", codes[0]).leads(t, "a code that was printed", "/me")

	left := s.session(h)
	left.post("/me/recovery-codes", url.Values{"make": {"1"}, "confirm": {"1"}})
	left.get("/me/recovery-codes").shows(t, "the list of codes", http.StatusOK)
	left.get("/me/recovery-codes/new").leads(t, "Back to codes that were left", "/me/recovery-codes")
}
