package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
)

// changed is the key of somebody that has begun to set a flag in its answers, as one after an update does (WebAuthn §6.1, BE).
func (s *stack) changed(h *holder, flags byte) *softkey.Key {
	s.t.Helper()
	on := false
	key := softkey.New(softkey.Options{UserVerification: true, Resident: true, Transports: []string{"usb"}, Tamper: func(stage softkey.Stage, p *softkey.Parts) {
		if on && stage == softkey.GetBeforeSigning {
			p.AuthenticatorData[32] |= flags
		}
	}})
	s.register(h, key, "Changed")
	on = true
	return key
}

// A key that does not answer as it did when it was registered never will: nobody is told to try again, nor that it is fine.
func TestOutcome_of_a_key_to_register_again(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lara")
		h := s.add("amara", "north")
		key := s.changed(h, 0x08)
		b := s.byPassword(h)
		for range 2 {
			b.touch(key, "/signin/key/options", "/signin/key").leads(t, "the answer", "/signin/outcome")
			page := b.get("/signin/outcome")
			page.shows(t, "the page", http.StatusOK, "This key must be registered again", "Name of lara", "Help me in", "Ask a Local Administrator", `href="/signin/key"`)
			page.lacks(t, "the page", "Try again", "Try ‘Changed’ again", "is fine", "our side", "Nothing was changed", `data-ceremony="get"`)
			page.codeOn(t)
		}
		alone := s.browser()
		alone.touch(key, "/signin/options", "/signin/passwordless").leads(t, "the answer without a name", "/signin/outcome")
		page := alone.get("/signin/outcome")
		page.shows(t, "its page", http.StatusOK, "This key must be registered again", "Help me in")
		page.lacks(t, "its page, which is of nobody who has proved anything", "Name of lara", "Try again")
	})
}

// Whoever is locked out most reads most: names and numbers, what to do with a pass, a key that was found, and a code.
func TestLocked_out(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lara")
		fullest := []string{
			"Name of lara", "lara@mail.example", "Help me in", `href="/pin?about=forgotten"`, `href="/pin?about=blocked"`, `href="/lost"`, `href="/signin/pass"`,
			`href="/signin/help#found"`, `href="/virtual-desktop"`, "Not you?",
		}
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		s.session(h).post("/me/tokens/"+string(h.keyID)+"/lost", url.Values{"reason": {"lost"}})
		b := s.browser()
		b.givePassword(h, testPassword).leads(t, "the only key on hold", "/signin/locked")
		page := b.get("/signin/locked")
		page.shows(t, "the only key on hold", http.StatusForbidden, append(fullest, "You have no way to sign in that still works")...)
		page.codeOn(t)
		if b.isSignedIn() {
			t.Error("signed in")
		}
		b.touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key on hold", "/signin/outcome")
		page = b.get("/signin/outcome")
		page.shows(t, "its page", http.StatusOK, "This token is on hold", "Name of lara", "Help me in", `href="/signin/help#found"`)
		page.lacks(t, "its page", "Try again")

		frozen := s.add("fred", "north")
		s.giveKey(frozen, "Lanyard")
		app := s.session(frozen)
		app.post("/me/activity/not-me", nil)
		of := s.browser()
		of.givePassword(frozen, testPassword).leads(t, "a frozen account", "/signin/locked")
		page = of.get("/signin/locked")
		page.shows(t, "a frozen account", http.StatusForbidden, append(fullest, "This account is frozen")...)
		page.codeOn(t)
		byKey := s.browser()
		byKey.touch(frozen.key, "/signin/options", "/signin/passwordless").leads(t, "the key of a frozen account", "/signin/outcome")
		byKey.get("/signin/outcome").shows(t, "its page", http.StatusOK, "This account is frozen", "Name of lara", "Help me in")
		wrong := s.browser().givePassword(frozen, "not the password")
		wrong.shows(t, "a wrong password of a frozen account", http.StatusUnauthorized, "Your email or password is wrong.")
		wrong.lacks(t, "its page", "Name of lara", "frozen")
	})
}

// The number of the helpdesk is for everybody, before anybody has said who they are; names are not.
func TestHelpdesk_of_visitors(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.administrator("lara")
	s.browser().get("/signin").lacks(t, "the sign-in without a number", "tel:")
	top, err := s.directory.Organisation(t.Context(), "top")
	if err != nil {
		t.Fatal(err)
	}
	top.Phone = "01632 960 100"
	if err := s.directory.ChangeOrganisation(t.Context(), staffkey.ConsoleActor(), top); err != nil {
		t.Fatal(err)
	}
	s.clock.Advance(time.Minute)
	for _, path := range []string{"/signin", "/signin/help", "/signin/pass", "/lost"} {
		page := s.browser().get(path)
		page.shows(t, path, http.StatusOK, "IT helpdesk", "01632 960 100", "tel:")
		page.lacks(t, path, "Name of lara")
	}
	page := s.browser().get("/signin")
	page.shows(t, "the sign-in", http.StatusOK, "Help me in", `href="/signin/help"`)
	h, stranded := s.add("amara", "north"), s.add("sol", "south")
	s.giveKey(h, "Lanyard")
	s.giveKey(stranded, "Lanyard")
	s.byPassword(h).get("/signin/key").shows(t, "after the password", http.StatusOK, "Name of lara")
	s.byPassword(stranded).get("/signin/key").shows(t, "after the password, where nobody administers", http.StatusOK, "01632 960 100")
}

// Tabs of one browser agree on who is signed in.
func TestTabs_agree(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h, other := s.add("amara", "north"), s.add("ben", "north")
		s.giveKey(h, "Lanyard")
		s.giveKey(other, "Lanyard")
		older := func() (b *browser, press func() answer) {
			b = s.byPassword(h)
			var begun struct{ Ceremony, Options string }
			unmarshal(t, b.get("/signin/key/options").body, &begun)
			return b, func() answer {
				credential, err := h.key.Get(address, []byte(begun.Options))
				if err != nil {
					t.Fatal(err)
				}
				return b.postJSON("/signin/key", `{"ceremony":"`+begun.Ceremony+`","credential":`+string(credential)+`}`)
			}
		}
		b, press := older()
		b.touch(h.key, "/signin/key/options", "/signin/key").leads(t, "the newer tab", "/me")
		press().leads(t, "the key in the older tab", "/me")
		b.post("/signin", url.Values{"username": {"AMARA"}, "password": {testPassword}, "next": {"/me/tokens"}}).leads(t, "the form of the older tab", "/me/tokens")
		b.post("/signin/app-code", url.Values{"code": {"123456"}}).leads(t, "a code in the older tab", "/signin?someone=1")

		b, press = older()
		delete(b.cookies, "__Host-staffkey-attempt")
		b.touch(other.key, "/signin/options", "/signin/passwordless").leads(t, "somebody else in the newer tab", "/me")
		press().leads(t, "the key in the older tab", "/signin?someone=1")
		b.post("/signin", url.Values{"username": {"amara"}, "password": {testPassword}}).leads(t, "the form of the older tab", "/signin?someone=1")
		b.get("/signin?someone=1").shows(t, "who it is", http.StatusOK, "Name of ben is signed in here", "Go on as Name of ben", "Switch person")
		if !b.isSignedIn() {
			t.Error("the session has ended by that")
		}
		s.browser().get("/signin?someone=1").shows(t, "with nobody there", http.StatusOK, "Sign in")

		// Confirmed in another tab: where it leads asks again if that is not enough.
		b = s.session(h)
		b.get("/me/confirm?next=/me/tokens/register")
		var begun struct{ Ceremony, Options string }
		unmarshal(t, b.get("/me/confirm/options").body, &begun)
		b.touch(h.key, "/me/confirm/options", "/me/confirm/key")
		credential, err := h.key.Get(address, []byte(begun.Options))
		if err != nil {
			t.Fatal(err)
		}
		b.get("/me/confirm?next=/me/recovery-codes")
		b.postJSON("/me/confirm/key", `{"ceremony":"`+begun.Ceremony+`","credential":`+string(credential)+`}`).leads(t, "the confirmation of the older tab", "/me/recovery-codes")
	})
}

// Without the key, a confirmation is no dead end: the key is stopped, and then the next strongest way counts.
func TestConfirmation_without_the_key(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lara")
		s.allow("north", everyMethod...)
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		b := s.session(h)
		app := b.giveApp()
		s.clock.Advance(time.Hour)
		b = s.byPassword(h)
		b.typeCode("/signin/app-code", app.code()).leads(t, "in by the app", "/me")
		page := b.get("/me/confirm?next=/me/mfa/app-code")
		page.shows(t, "the confirmation", http.StatusOK, "I do not have this key", `href="/me/tokens/`+string(h.keyID)+`/lost"`, "Stop ‘Lanyard’", "Name of lara", "go on with “I do not have this key”")
		page.lacks(t, "the confirmation", "You can still sign in another way")
		b.postJSON("/me/confirm/outcome", `{"token":"`+string(h.keyID)+`","name":"NotAllowedError","ms":9000}`)
		b.get("/me/outcome").shows(t, "its outcome", http.StatusOK, "I do not have this key", "Stop ‘Lanyard’", `href="/pin?about=forgotten"`)
		b.post("/me/tokens/"+string(h.keyID)+"/lost", url.Values{"reason": {"lost"}})
		page = b.get("/me/confirm?next=/me/mfa/app-code")
		page.shows(t, "the confirmation afterwards", http.StatusOK, `href="/me/confirm/app-code"`)
		page.lacks(t, "the confirmation afterwards", "I do not have this key")
		b.get("/me/confirm/app-code")
		b.typeCode("/me/confirm/app-code", app.nextCode()).leads(t, "confirmed by the app", "/me/mfa/app-code")
	})
}

// A browser that blames the address is told of by what differs; on the right one the service is at fault, and says so.
func TestOutcome_of_addresses(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for _, c := range []struct{ name, origin, says, lacks string }{
		{"SecurityError", "https://signin.example", "does not let this page use the keys of signin.example", "You are on"},
		{"SecurityError", "", "does not let this page use the keys of signin.example", "You are on"},
		{"SecurityError", "http://signin.example", "You are on http://signin.example, but keys work only on https://signin.example.", "not your key"},
		{"SecurityError", "https://signin.internal:8443/x?y", "You are on https://signin.internal:8443, but keys work only on https://signin.example.", ""},
		{"SecurityError", "javascript:alert(1)", "does not let this page use the keys of signin.example", "javascript:"},
		{"none", "http://signin.example", "You are on http://signin.example, but keys work only on https://signin.example.", "cannot use security keys"},
		{"none", "https://signin.example", "This browser cannot use security keys", ""},
		{"TypeError", "https://signin.example", "Your browser could not ask your key", "our side"},
		{"program", "https://signin.example", "A password manager or another program may have answered in its place", "our side"},
	} {
		b := s.byPassword(h)
		b.postJSON("/signin/outcome", `{"token":"","name":"`+c.name+`","ms":3,"detail":"x","origin":"`+c.origin+`"}`).leads(t, c.name, "/signin/outcome")
		page := b.get("/signin/outcome")
		page.shows(t, c.name+" at "+c.origin, http.StatusOK, c.says)
		if c.lacks != "" {
			page.lacks(t, c.name+" at "+c.origin, c.lacks)
		}
	}
	b := s.byPassword(h)
	b.postJSON("/signin/outcome", `{"name":"NotAllowedError","ms":1,"detail":"The operation is not allowed at this time because the page does not have focus.","origin":"https://signin.example"}`)
	page := b.get("/signin/outcome")
	page.shows(t, "a page without focus", http.StatusOK, "Click once more", `data-ceremony="get"`)
	page.lacks(t, "a page without focus", "virtual desktops")
}

// What a filter kept back is recorded once something gets through, under the code that the page has shown meanwhile.
func TestOutcome_of_a_filter(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		b := s.byPassword(h)
		page := b.get("/signin/key")
		_, rest, _ := strings.Cut(page.body, `data-code="`)
		shown, _, _ := strings.Cut(rest, `"`)
		if staffkey.ParseSupportCode(shown) != shown || shown == "" {
			t.Fatalf("the page has code %q", shown)
		}
		b.postJSON("/signin/outcome", `{"ceremony":"`+page.ceremony()+`","name":"filter","ms":0,"detail":"403"}`).leads(t, "told", "/signin/outcome")
		told := b.get("/signin/outcome")
		told.shows(t, "its page", http.StatusOK, "Something between you and the service answered in its place", "Help me in", shown)
		found, err := s.signin.OpenSupportCode(t.Context(), staffkey.ConsoleActor(), shown)
		if err != nil || found.Person.ID != h.ID || found.Event.Message != "wa.filter" || found.Event.Detail["detail"] != "403" {
			t.Errorf("under the code: %+v and %v", found, err)
		}
		// A page that has no ceremony of ours has no say in the code.
		b.postJSON("/signin/outcome", `{"ceremony":"AAAA","name":"filter","ms":0,"detail":"403"}`)
		if code := b.get("/signin/outcome").codeOn(t); code == shown {
			t.Error("the code is that of another page")
		}
	})
}
