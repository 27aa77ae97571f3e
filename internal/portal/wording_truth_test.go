package portal_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"staffkey"
)

// TestTruth_what_is_enough_is_marked: what does not satisfy the rule is not offered as if it did (A14).
func TestTruth_what_is_enough_is_marked(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.decide("north", staffkey.PolicySettings{
		Methods:     &everyMethod,
		CoreMethods: &[]staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP},
	})
	h := s.add("sian", "north")
	in := s.byPassword(h)
	first, more, found := strings.Cut(html.UnescapeString(in.get("/me/mfa/start").body), "<details")
	if !found {
		t.Fatal("the page hides nothing")
	}
	for _, want := range []struct{ part, choice, share string }{
		{first, "My smartphone", "This is all you need."},
		{first, "A security key", "It counts together with one more."},
		{more, "A mobile phone that gets text messages", "It counts together with one more."},
		{more, "A printer, or a safe place for a note", "It counts together with one more."},
	} {
		_, after, found := strings.Cut(want.part, want.choice)
		row, _, _ := strings.Cut(after, "</li>")
		if !found || !strings.Contains(row, want.share) {
			t.Errorf("%s: %q, want %q", want.choice, row, want.share)
		}
	}
	in.giveApp()
	in.get("/me/mfa").lacks(t, "after the one that is enough", "Something is missing")

	// Where only the app counts, the rest is extra, and says so.
	s.decide("south", staffkey.PolicySettings{
		Methods: &[]staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage}, CoreMethods: &[]staffkey.MethodKind{staffkey.MethodTOTP},
	})
	ben := s.byPassword(s.add("ben", "south"))
	first, more, _ = strings.Cut(html.UnescapeString(ben.get("/me/mfa/start").body), "<details")
	if !strings.Contains(first, "This is all you need.") || strings.Contains(first, "text messages") || !strings.Contains(more, "As an extra: you need something else as well.") {
		t.Errorf("by the classic rule, the first choices are\n%s\nand the others\n%s", first, more)
	}
}

// TestTruth_activity_says_what: each line says what happened, in the language of the page (A15).
func TestTruth_activity_says_what(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	in := s.byPassword(h)
	form := in.get("/me/mfa/app-code")
	in.post("/me/mfa/app-code", url.Values{"ceremony": {form.ceremony()}, "code": {wrong(s.scan(form).code())}}).shows(t, "a mistyped code", http.StatusUnprocessableEntity)
	in.post("/language", url.Values{"lang": {"cy"}, "return": {"/me"}})
	r := in.request("POST", "/language", "application/x-www-form-urlencoded", "lang=en&return=%2Fme")
	r.Header.Set("User-Agent", linux)
	in.send(r)
	in.get("/me/activity").shows(t, "activity", http.StatusOK, "Setting up a way to sign in was refused: Authenticator app", "You chose another language", "Firefox on Linux")
	in.get("/me/activity").lacks(t, "activity", "A change to how you sign in was refused", "What we know about you")
	in.post("/language", url.Values{"lang": {"cy"}, "return": {"/me"}})
	in.get("/me/activity").shows(t, "activity in Welsh", http.StatusOK, "Dewisoch iaith arall", "Firefox ar Linux")
	in.get("/me/activity").lacks(t, "activity in Welsh", "Firefox on Linux")

	person := h.Person
	person.Name, person.Phone = "Amara N. Okafor", "01632 960123"
	if err := s.directory.ChangePerson(t.Context(), staffkey.ConsoleActor(), person); err != nil {
		t.Fatal(err)
	}
	in.post("/language", url.Values{"lang": {"en"}, "return": {"/me"}})
	in.get("/me/activity").shows(t, "what was changed", http.StatusOK, "changed your details: name, phone")
}

// TestTruth_pin_help_claims_nothing_of_the_key: how many tries a key has left only the key knows (A15).
func TestTruth_pin_help_claims_nothing_of_the_key(t *testing.T) {
	t.Parallel()
	page := newStack(t, address).browser().get("/pin?about=blocked")
	page.shows(t, "the help", http.StatusOK, "If your key is blocked", "If it asks for a PIN again after that, it is not blocked.")
	page.lacks(t, "the help", "This key is blocked", "you have 5 tries left", "It is not blocked yet")
}
