package portal_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
)

func TestUndoStandsForTenMinutes(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	s.giveKey(h, "Spare")
	who := s.session(h)
	path := "/me/tokens/" + string(h.keyID)
	if a := who.post(path+"/remove", url.Values{"remove": {"1"}}); a.location() != "/me/tokens" {
		t.Fatalf("removal: %d %s", a.StatusCode, a.location())
	}
	if body := who.get("/me/tokens").body; !strings.Contains(body, `id="undo-form"`) || strings.Contains(body, `id="removed"`) {
		t.Error("right after the removal, the notice offers to undo it, and only the notice")
	}
	s.clock.Advance(4 * time.Minute)
	if body := who.get("/me/tokens").body; !strings.Contains(body, `id="restore-form"`) {
		t.Error("four minutes later, the page still offers to undo it")
	}
	s.clock.Advance(6*time.Minute + time.Second)
	if body := who.get("/me/tokens").body; strings.Contains(body, `id="restore-form"`) {
		t.Error("after ten minutes, the page no longer offers it")
	}
	fresh := s.sessionWith(h, 1)
	if a := fresh.post(path+"/restore", url.Values{"undo": {"1"}}); a.location() != "/me/tokens" {
		t.Errorf("an undo that comes too late: %d %s", a.StatusCode, a.location())
	}
	if body := fresh.get("/me/tokens").body; !strings.Contains(body, "too late") {
		t.Error("nothing says that it is too late")
	}
}

// sessionWith signs a person in with the nth key that the test gave them.
func (s *stack) sessionWith(h *holder, n int) *browser {
	h.key, h.keyID = h.keys[n], ""
	return s.session(h)
}

func TestLastWayInIsKept(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	who := s.session(h)
	path := "/me/tokens/" + string(h.keyID) + "/remove"
	if a := who.get(path); a.StatusCode != http.StatusOK || strings.Contains(a.body, `id="remove-form"`) {
		t.Errorf("the page offers to remove the last key: %d", a.StatusCode)
	}
	if a := who.post(path, url.Values{"remove": {"1"}}); a.StatusCode != http.StatusConflict {
		t.Errorf("removing the last key: %d, want 409", a.StatusCode)
	}
	who.giveCodes()
	if a := who.post(path, url.Values{"remove": {"1"}}); a.location() != "/me/tokens" {
		t.Errorf("removing it with recovery codes at hand: %d", a.StatusCode)
	}
}

func TestPasswordlessGoesWhereThePersonWanted(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.browser()
	to := b.get("/me/activity").location()
	b.get(to)
	if next := b.signInWithKey(h, "/signin/passwordless"); next != "/me/activity" {
		t.Errorf("from %s the key leads to %q", to, next)
	}
}

func TestRecoveryCodeSignsInOnce(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.add("amara", "north")
	b := s.browser()
	b.post("/signin", url.Values{"username": {"amara"}, "password": {testPassword}})
	code := b.giveCodes()[0]
	again := b.post("/me/recovery-codes", url.Values{"make": {"1"}})
	if strings.Contains(again.body, `<code class="code">`) || !strings.Contains(again.body, `name="confirm"`) {
		t.Error("a second set is made without asking")
	}
	use := func(code string) answer {
		b := s.browser()
		b.post("/signin", url.Values{"username": {"amara"}, "password": {testPassword}})
		page := b.get("/signin/recovery-code").body
		_, rest, _ := strings.Cut(page, `name="ceremony" value="`)
		sealed, _, _ := strings.Cut(rest, `"`)
		return b.post("/signin/recovery-code", url.Values{"code": {code}, "ceremony": {sealed}})
	}
	if a := use("0000-0000-0000-0000"); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a wrong code: %d", a.StatusCode)
	}
	if a := use(strings.ToUpper(strings.ReplaceAll(code, "-", " "))); a.location() != "/me" {
		t.Errorf("a code: %d %s", a.StatusCode, a.location())
	}
	if a := use(code); a.StatusCode != http.StatusUnauthorized || !strings.Contains(a.body, "was used") {
		t.Errorf("the same code again: %d", a.StatusCode)
	}
}

// TestRefusalsHaveACode follows a refusal from the answer to the page and into the log.
func TestRefusalsHaveACode(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.browser()
	var options struct{ Ceremony, Options string }
	unmarshal(t, b.get("/signin/options").body, &options)
	h.key.SetUserVerification(false)
	if _, err := h.key.Get(address, []byte(options.Options)); err == nil {
		t.Error("the software key answers a demand to verify the person without doing so")
	}
	a := b.postJSON("/signin/outcome", `{"ceremony":"`+options.Ceremony+`","name":"NotAllowedError","ms":5000.5,"detail":"closed\nby <b>"}`)
	if a.location() != "/signin/outcome" {
		t.Fatalf("outcome leads to %q", a.location())
	}
	page := b.get("/signin/outcome").body
	_, rest, _ := strings.Cut(page, `<code class="code">`)
	code, _, _ := strings.Cut(rest, "<")
	if !strings.Contains(page, "We did not get an answer from your key") || len(code) != 7 {
		t.Errorf("the page shows code %q", code)
	}
	events, err := s.directory.ListAudit(t.Context(), staffkey.ConsoleActor(), auditKind(staffkey.EventPromptEnded), 10)
	if err != nil || len(events) != 1 || events[0].SupportCode != code || strings.Contains(events[0].Detail["detail"], "\n") {
		t.Errorf("the log has %+v, %v", events, err)
	}
}

func TestOddIDsNameNothing(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	who := s.session(h)
	for _, path := range []string{"/me/tokens/%ff/remove", "/me/tokens/x/edit", "/me/tokens/" + strings.ToUpper(string(h.keyID)) + "/remove", "/me/tokens/%00/name"} {
		if a := who.get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", path, a.StatusCode)
		}
	}
	for _, query := range []string{"before=%ff", "after=%00", "before=' OR 1=1"} {
		if a := who.get("/me/activity?" + strings.ReplaceAll(query, " ", "%20")); a.StatusCode != http.StatusOK {
			t.Errorf("activity?%s: %d", query, a.StatusCode)
		}
	}
	if a := who.post("/me/sessions/%ff/end", url.Values{"end": {"1"}}); a.StatusCode != http.StatusNotFound {
		t.Errorf("ending an odd session: %d", a.StatusCode)
	}
}

// TestEndedSessionHoldsNothingBack ends a session while the rest of a request of its is held back.
func TestEndedSessionHoldsNothingBack(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	who := s.session(h)
	r := who.request("POST", "/me/recovery-codes", "application/x-www-form-urlencoded", "")
	r.Body = &heldBack{rest: strings.NewReader("make=1"), before: func() {
		if a := who.post("/signout", nil); a.StatusCode != http.StatusSeeOther {
			t.Errorf("sign out: %d", a.StatusCode)
		}
	}}
	r.ContentLength = int64(len("make=1"))
	r.AddCookie(&http.Cookie{Name: "__Host-staffkey-session", Value: who.cookies["__Host-staffkey-session"]})
	if a := s.browser().send(r); a.StatusCode != http.StatusUnauthorized || strings.Contains(a.body, `class="code"`) {
		t.Errorf("a request whose session ended before its last byte: %d", a.StatusCode)
	}
}

// heldBack is a body whose first byte comes after something else has happened.
type heldBack struct {
	rest   *strings.Reader
	before func()
}

func (b *heldBack) Read(p []byte) (int, error) {
	if b.before != nil {
		b.before()
		b.before = nil
	}
	return b.rest.Read(p)
}

func (b *heldBack) Close() error { return nil }

// A browser that offers a key we do not know is told to forget it (WebAuthn Level 3 §5.1.10.1); of a key that is refused otherwise it is not.
func TestUnknownKey_is_told_to_the_browser(t *testing.T) {
	t.Parallel()
	s, elsewhere := newStack(t, address), newStack(t, address)
	h, stranger := s.add("amara", "north"), elsewhere.add("ben", "north")
	s.giveKey(h, "Lanyard")
	elsewhere.giveKey(stranger, "Lanyard")
	b := s.browser()
	b.touch(stranger.key, "/signin/options", "/signin/passwordless").leads(t, "the stranger's key", "/signin/outcome")
	credential := base64.RawURLEncoding.EncodeToString(elsewhere.keys(stranger)[0].CredentialID)
	b.get("/signin/outcome").shows(t, "an unknown key", http.StatusOK, "We do not know this key", `data-signal="unknown" data-rp-id="signin.example" data-credential="`+credential+`"`)
	if _, err := s.signin.StopKey(t.Context(), s.session(h).actorOf(), h.keyID, staffkey.StopLost, signin.Kept{}); err != nil {
		t.Fatal(err)
	}
	tried := func(what, shown string, forgotten bool) {
		t.Helper()
		out := s.browser()
		out.touch(h.key, "/signin/options", "/signin/passwordless")
		page := out.get("/signin/outcome")
		page.shows(t, what, http.StatusOK, shown)
		if strings.Contains(page.body, `data-signal="unknown"`) != forgotten {
			t.Errorf("%s: the browser is told to forget it: %t, want %t", what, !forgotten, forgotten)
		}
	}
	tried("a key on hold", "This token is on hold", false)
	// One that waits for its nickname, and one that comes with another user handle than ours, may work yet.
	owner := s.add("sian", "north")
	s.giveKey(owner, "Lanyard")
	in := s.session(owner)
	var begun struct{ Ceremony, Options string }
	unmarshal(t, in.get("/me/tokens/register/options").body, &begun)
	pending := softkey.New(softkey.Options{UserVerification: true, Resident: true, Transports: []string{"usb"}, Counter: softkey.Counter{Step: 1}})
	made, err := pending.Create(s.origin(), []byte(begun.Options))
	if err != nil {
		t.Fatal(err)
	}
	in.postJSON("/me/tokens/register", `{"ceremony":"`+begun.Ceremony+`","credential":`+string(made)+`}`)
	for what, alter := range map[string]func(*browser) answer{
		"a key that waits for its nickname": func(out *browser) answer { return out.touch(pending, "/signin/options", "/signin/passwordless") },
		"a key with another user handle": func(out *browser) answer {
			unmarshal(t, out.get("/signin/options").body, &begun)
			credential, err := owner.key.Get(s.origin(), []byte(begun.Options))
			if err != nil {
				t.Fatal(err)
			}
			other := regexp.MustCompile(`"userHandle":"[^"]*"`).ReplaceAll(credential, []byte(`"userHandle":"b3RoZXI"`))
			return out.postJSON("/signin/passwordless", `{"ceremony":"`+begun.Ceremony+`","credential":`+string(other)+`}`)
		},
	} {
		out := s.browser()
		alter(out).leads(t, what, "/signin/outcome")
		out.get("/signin/outcome").shows(t, what, http.StatusOK, "We do not know this key")
		out.get("/signin/outcome").lacks(t, what, "data-signal")
	}
}

// A removal is told to the browser only when it cannot be undone any more: it may delete the passkey for good (A11, B28). Then it is told
// on the next page with the list, once.
func TestRemoval_is_told_to_the_browser_when_it_is_final(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		s.giveKey(h, "Desk")
		b := s.sessionWith(h, 1)
		user := base64.RawURLEncoding.EncodeToString(s.keys(h)[0].UserHandle)
		gone := `data-signal="accepted" data-rp-id="signin.example" data-credential="" data-user-id="` + user + `"`
		b.post("/me/tokens/"+string(h.keyIDs[0])+"/remove", url.Values{"remove": {"1"}}).leads(t, "removed", "/me/tokens")
		tried := func(what string, forgotten bool) {
			t.Helper()
			out := s.browser()
			out.touch(h.keys[0], "/signin/options", "/signin/passwordless").leads(t, what, "/signin/outcome")
			page := out.get("/signin/outcome")
			page.shows(t, what, http.StatusOK, "This token was removed")
			if strings.Contains(page.body, `data-signal="unknown"`) != forgotten {
				t.Errorf("%s: the browser is told to forget it: %t, want %t", what, !forgotten, forgotten)
			}
		}
		for _, page := range []string{"/me/tokens", "/me"} {
			b.get(page).lacks(t, page+" while it can be undone", "data-signal")
		}
		tried("used while it can be undone", false)
		s.clock.Advance(staffkey.UndoRemovalFor + time.Second)
		tried("used when it is final", true)
		b.get("/me").shows(t, "home when it is final", http.StatusOK, gone)
		b.get("/me").lacks(t, "home once more", "data-signal")
		b.get("/me/tokens").lacks(t, "the list after it", "data-signal")
	})
}

// What has changed on the list is told to the browser, once, so that it can tidy its own (WebAuthn Level 3 §5.1.10).
func TestChanges_are_told_to_the_browser(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	s.giveKey(h, "Desk")
	b := s.session(h)
	path := "/me/tokens/" + string(h.keyIDs[0])
	keys := s.keys(h)
	k := keys[slices.IndexFunc(keys, func(k staffkey.SecurityKey) bool { return k.ID == h.keyID })]
	about := func(kind, credential, name, displayName string) string {
		id := base64.RawURLEncoding.EncodeToString
		if credential != "" {
			credential = id(k.CredentialID)
		}
		user := id(k.UserHandle)
		return `data-signal="` + kind + `" data-rp-id="signin.example" data-credential="` + credential + `" data-user-id="` + user + `" data-name="` + name + `" data-display-name="` + displayName + `"`
	}
	for _, change := range []struct {
		name, path string
		form       url.Values
		want       string
	}{
		{"renamed", path + "/edit", url.Values{"nickname": {" Locker "}}, about("details", "", "amara", "Locker")},
		{"removed", path + "/remove", url.Values{}, ""},
		{"brought back", path + "/restore", url.Values{"undo": {"1"}}, about("accepted", "yes", "", "")},
	} {
		if a := b.post(change.path, change.form); a.location() != "/me/tokens" {
			t.Fatalf("%s: leads to %q", change.name, a.location())
		}
		b.get("/me/tokens").shows(t, change.name, http.StatusOK, change.want)
		if body := b.get("/me/tokens").body; strings.Contains(body, "data-signal") {
			t.Errorf("%s: told twice", change.name)
		}
	}
}
