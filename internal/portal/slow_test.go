package portal_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"staffkey"
)

// slowly lets time pass while a page is open and its person uses another one.
func (b *browser) slowly(d time.Duration) {
	b.s.t.Helper()
	for d > 0 {
		step := min(d, 4*time.Minute)
		b.s.clock.Advance(step)
		d -= step
		if !b.isSignedIn() {
			b.s.t.Fatal("the session has ended")
		}
	}
}

// Who opens the page of the app with a fresh proof, reads the help, finds the phone and types the right code, has an app.
func TestApp_is_set_up_slowly(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	b := s.byPassword(s.add("amara", "north"))
	page := b.get("/me/mfa/app-code")
	phone := s.scan(page)
	b.slowly(staffkey.ProofLife + 10*time.Second)
	wrongOne := b.post("/me/mfa/app-code", url.Values{"ceremony": {page.ceremony()}, "code": {wrong(phone.code())}})
	wrongOne.shows(t, "a wrong code after five minutes", http.StatusUnprocessableEntity, "That code is wrong.")
	if same := s.scan(wrongOne); same.key != phone.key {
		t.Error("the page shows another key than the app has")
	}
	b.post("/me/mfa/app-code", url.Values{"ceremony": {wrongOne.ceremony()}, "code": {phone.code()}}).leads(t, "the right code", "/me/mfa")
}

// Who has to prove again who they are finds the secret that the app has.
func TestApp_keeps_its_secret_while_its_person_confirms(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	b := s.byPassword(s.add("amara", "north"))
	phone := s.scan(b.get("/me/mfa/app-code"))
	for range 3 { // longer than what was begun is good for without a use
		b.slowly(staffkey.ProofLife)
	}
	confirmed := b.post("/me/confirm", url.Values{"next": {"/me/mfa/app-code"}, "password": {testPassword}})
	confirmed.leads(t, "the password again", "/me/mfa/app-code")
	page := b.get("/me/mfa/app-code")
	if same := s.scan(page); same.key != phone.key {
		t.Fatal("after the confirmation the page shows another key than the app has")
	}
	b.post("/me/mfa/app-code", url.Values{"ceremony": {page.ceremony()}, "code": {phone.code()}}).leads(t, "the right code", "/me/mfa")
	if other := s.scan(b.get("/me/mfa/app-code")); other.key == phone.key {
		t.Error("the key that is in use is shown again")
	}
}

// A number and a password that were typed slowly are taken.
func TestNumber_and_password_are_typed_slowly(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	b := s.byPassword(h)
	number, password := b.get("/me/mfa/text"), b.get("/me/password")
	b.slowly(staffkey.ProofLife + time.Minute)
	b.post("/me/password", url.Values{"ceremony": {password.ceremony()}, "current": {testPassword}, "password": {"five other words of mine"}}).
		leads(t, "a new password", "/me/self-service")
	s.witness.secret("password", "five other words of mine")
	b.post("/me/mfa/text", url.Values{"ceremony": {number.ceremony()}, "number": {"07700 900123"}}).leads(t, "the number", "/me/mfa/text/code")
	code := b.get("/me/mfa/text/code")
	code.shows(t, "the page for its code", http.StatusOK)
	b.slowly(time.Minute)
	again := b.post("/me/mfa/text/code/again", url.Values{})
	again.leads(t, "the code sent again", "/me/mfa/text/code")
	b.post("/me/mfa/text/code", url.Values{"ceremony": {code.ceremony()}, "code": {s.code(h)}}).leads(t, "the code", "/me/mfa")
}

// A page that stayed open for too long says what to do with the entry in the app.
func TestApp_page_open_too_long(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	b := s.byPassword(s.add("amara", "north"))
	page := b.get("/me/mfa/app-code")
	phone := s.scan(page)
	b.slowly(staffkey.EnrolmentLife)
	b.post("/me/confirm", url.Values{"password": {testPassword}})
	late := b.post("/me/mfa/app-code", url.Values{"ceremony": {page.ceremony()}, "code": {phone.code()}})
	late.shows(t, "the right code, too late", http.StatusUnprocessableEntity, "Remove the entry that you made in the app")
	b.post("/me/mfa/app-code", url.Values{"ceremony": {late.ceremony()}, "code": {s.scan(late).code()}}).leads(t, "the new entry", "/me/mfa")
}
