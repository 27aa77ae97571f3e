package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"

	"github.com/google/go-cmp/cmp"
)

func TestLost_signed_in(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lara")
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		s.giveKey(h, "Spare")
		thief, b := s.session(h), s.session(h)
		path := "/me/tokens/" + string(h.keyID)
		s.clock.Advance(staffkey.ProofLife + time.Minute) // reporting a loss asks for no new proof
		b.get("/me/tokens").shows(t, "the list", http.StatusOK, `href="`+path+`/lost"`)
		b.get(path+"/lost").shows(t, "the page", http.StatusOK, "Stop ‘Lanyard’?", `name="reason"`)
		b.post(path+"/lost", nil).shows(t, "no reason", http.StatusUnprocessableEntity, "Choose what happened")
		b.post(path+"/lost", url.Values{"reason": {"frozen"}}).shows(t, "a reason that is not the person's", http.StatusUnprocessableEntity, "Choose what happened")
		b.post(path+"/lost", url.Values{"reason": {"stolen"}}).leads(t, "stolen", path+"/stopped")
		b.get(path+"/stopped").shows(t, "stopped", http.StatusOK, "‘Lanyard’ no longer signs you in", "We sent a message to your Local Administrator.", `<code class="code">`)
		if thief.isSignedIn() {
			t.Error("another session that the key opened goes on")
		}
		if !b.isSignedIn() {
			t.Fatal("the session that said so has ended")
		}
		if n := s.sent(h, "admin.key_stopped"); n != 1 {
			t.Errorf("%d mails to the Local Administrator, want 1", n)
		}
		stolen := s.browser()
		stolen.touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the stolen key", "/signin/outcome")
		stolen.get("/signin/outcome").shows(t, "its page", http.StatusOK, "This token is on hold")
		b.get(path+"/lost").leads(t, "the page once more", path+"/stopped")
		b.get("/me").shows(t, "home", http.StatusOK, "You have a token on hold")

		// Found: only by a fresh proof of another key, because this one was in other hands.
		b.get(path+"/found").shows(t, "found", http.StatusOK, "Make ‘Lanyard’ work again?", "Someone else may have had this key.")
		b.post(path+"/found", nil).leads(t, "with an old proof", "/me/confirm?next="+url.QueryEscape(path+"/found"))
		b.get("/me/confirm?next="+url.QueryEscape(path+"/found")).shows(t, "the confirmation", http.StatusOK, "Spare")
		b.touch(h.keys[1], "/me/confirm/options", "/me/confirm/key").leads(t, "confirmed by the other key", path+"/found")
		b.post(path+"/found", nil).leads(t, "with a fresh proof", "/me/tokens")
		b.get("/me/tokens").shows(t, "the list afterwards", http.StatusOK, "‘Lanyard’ works again.")
		if !s.session(h).isSignedIn() {
			t.Error("the key that was found does not sign in")
		}
		b.get(path+"/found").leads(t, "found once more", "/me/tokens")
	})
}

func TestLost_signed_out(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lara")
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		s.giveKey(h, "Spare")
		s.add("ben", "north") // has no token
		s.disable(s.add("gone", "north"))
		open := s.session(h)
		report := func(username, password string) answer {
			return s.browser().post("/lost", url.Values{"username": {username}, "password": {password}})
		}
		want := told(report("amara", "wrong password"), "amara")
		for _, c := range [][2]string{{"nobody", testPassword}, {"ben", "wrong password"}, {"gone", testPassword}, {"amara", ""}} {
			got := told(report(c[0], c[1]), c[0])
			if c[1] == "" { // nothing to check: only the status tells so
				got["status"] = want["status"]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: the answer is another (-wrong password +%s):\n%s", c[0], c[0], diff)
			}
		}
		b := s.browser()
		b.get("/lost/token").leads(t, "the tokens without a password", "/lost")
		b.post("/lost/token", url.Values{"token": {string(h.keyID)}, "reason": {"lost"}}).leads(t, "a report without a password", "/lost")
		b.post("/lost", url.Values{"username": {"amara"}, "password": {testPassword}}).leads(t, "a right password", "/lost/token")
		if b.isSignedIn() {
			t.Fatal("reporting a loss signs in")
		}
		b.get("/lost/token").shows(t, "the tokens", http.StatusOK, "Lanyard", "Spare", "put on hold")
		b.post("/lost/token", nil).shows(t, "nothing chosen", http.StatusUnprocessableEntity, "Choose a token", "Choose what happened")
		others := s.add("cara", "north")
		s.giveKey(others, "Hers")
		if a := b.post("/lost/token", url.Values{"token": {string(others.keyID)}, "reason": {"lost"}}); a.StatusCode != http.StatusNotFound {
			t.Errorf("another person's token: %d, want %d", a.StatusCode, http.StatusNotFound)
		}
		b.post("/lost/token", url.Values{"token": {string(h.keyID)}, "reason": {"lost"}}).leads(t, "chosen", "/lost/done")
		b.get("/lost/done").shows(t, "done", http.StatusOK, "‘Lanyard’ no longer signs anybody in.", "Nothing is removed.", `<code class="code">`)
		if open.isSignedIn() {
			t.Error("a session that the key opened goes on")
		}
		keys := s.keys(h)
		if len(keys) != 2 || keys[0].State == keys[1].State {
			t.Errorf("the keys are %v, want one on hold and one in use", keys)
		}
		if n := s.sent(h, "admin.key_suspended"); n != 1 {
			t.Errorf("%d mails to the Local Administrator, want 1", n)
		}
		b.get("/lost/token").leads(t, "the tokens once more", "/lost")

		second := s.browser()
		second.post("/lost", url.Values{"username": {"amara"}, "password": {testPassword}}).leads(t, "the password again", "/lost/token")
		var left staffkey.SecurityKeyID
		for _, k := range keys {
			if k.ID != h.keyID {
				left = k.ID
			}
		}
		second.post("/lost/token", url.Values{"token": {string(left)}, "reason": {"lost"}}).
			shows(t, "a second key on one day", http.StatusTooManyRequests, "You have reported a key today already.")
		if keys := s.keys(h); keys[0].State == keys[1].State {
			t.Error("a second key on one day is on hold too")
		}
	})
}

const (
	windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
	mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15"
	linux   = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
	android = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Mobile Safari/537.36"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1"
	chrome  = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)

func TestPINHelp_begins_with_this_system(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for _, test := range []struct{ agent, hint, want string }{
		{windows, "", "On Windows"}, {mac, "", "On a Mac, with Chrome"}, {linux, "", "On Linux, with Chrome or Chromium"}, {android, "", "On an Android phone or tablet"},
		{iphone, "", "On an iPhone or iPad"}, {chrome, "", "On a Chromebook"}, {"curl/8.0", "", ""},
		{linux, `"Windows"`, "On Windows"}, {windows, `"Chrome OS"`, "On a Chromebook"}, {windows, `"macOS"`, "On a Mac, with Chrome"}, {windows, `"Plan 9"`, "On Windows"},
	} {
		for _, path := range []string{"/pin?about=change", "/me/tokens/" + string(h.keyID) + "/pin?about=change"} {
			b := s.session(h)
			r := b.request("GET", path, "", "")
			r.Header.Set("User-Agent", test.agent)
			if test.hint != "" {
				r.Header.Set("Sec-CH-UA-Platform", test.hint)
			}
			page := b.send(r)
			_, first, _ := strings.Cut(page.body, "<p><strong>")
			first, _, _ = strings.Cut(first, "</strong>")
			if page.StatusCode != http.StatusOK || first != test.want {
				t.Errorf("%s by %.40q, %s: %d with %q first, want %q", path, test.agent, test.hint, page.StatusCode, first, test.want)
			}
			if strings.Contains(page.body, `type="password"`) {
				t.Errorf("%s asks for a PIN", path)
			}
		}
	}
	for about, text := range map[string]string{"": "The PIN is only on your key.", "forgotten": "We never see your PIN.", "blocked": "Take the key out and put it back first.", "<b>": "The PIN is only on your key."} {
		s.browser().get("/pin?about="+url.QueryEscape(about)).shows(t, "PIN help about "+about, http.StatusOK, text)
	}
}

func TestReplace_keeps_the_nickname(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		s.giveKey(h, "Spare")
		old := h.keyID
		b := s.sessionWith(h, 1)
		path := "/me/tokens/" + string(old)
		b.get(path+"/pin").shows(t, "help with the PIN", http.StatusOK, `href="`+path+`/replace"`)
		b.get(path+"/pin?about=forgotten").leads(t, "the PIN is forgotten", path+"/replace")
		b.get(path+"/replace").shows(t, "the page", http.StatusOK, "Reset a key and register it again", "Reset also removes entries of other services",
			`data-first="/me/tokens/{token}/replace"`, `value="`+string(old)+`" required aria-describedby="token-1-hint" checked`)
		b.get("/pin?about=blocked").shows(t, "a key is blocked", http.StatusOK, `href="/pin?about=forgotten"`)
		b.get("/pin?about=forgotten").shows(t, "the page without a choice", http.StatusOK, "Reset a key and register it again", `id="token-1"`)
		if state := stateOf(s, h, old); state != staffkey.SecurityKeyActive {
			t.Fatalf("looking at the page makes the token %s", state)
		}
		b.get("/me/tokens/register/options?replaces="+string(old)).shows(t, "replacing a token in use", http.StatusForbidden)
		for range 2 { // the second press, after a prompt without an answer, is as good as the first
			b.postJSON(path+"/replace", "{}").shows(t, "reset", http.StatusOK, `"options":"{`, `"outcome":"/me/tokens/register/outcome?replaces=`+string(old))
		}
		b.get("/me/tokens/register?replaces="+string(old)).shows(t, "the wizard", http.StatusOK, "replaces="+string(old))
		if state := stateOf(s, h, old); state != staffkey.SecurityKeySuspended {
			t.Errorf("the token of the key that was reset is %s, want it on hold until the new one works", state)
		}
		key, id := b.register("?replaces="+string(old), "Lanyard")
		if state := stateOf(s, h, old); state != "" {
			t.Errorf("the old token is %s, want it gone", state)
		}
		if len(s.keys(h)) != 2 {
			t.Errorf("the keys are %v, want two", s.keys(h))
		}
		if n := s.sent(h, "notice.key_replaced"); n != 1 {
			t.Errorf("%d mails tell of it, want 1", n)
		}
		h.key, h.keyID = key, id
		if !s.session(h).isSignedIn() {
			t.Error("the key that was registered again does not sign in")
		}
		b.get("/me/tokens/register/options?replaces="+string(old)).shows(t, "replacing it once more", http.StatusForbidden)
	})
}

// stateOf is the state of a token on a person's list, or empty when it is not on it.
func stateOf(s *stack, h *holder, id staffkey.SecurityKeyID) staffkey.SecurityKeyState {
	s.t.Helper()
	for _, k := range s.keys(h) {
		if k.ID == id {
			return k.State
		}
	}
	return ""
}

func TestReplace_of_the_only_token(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	path := "/me/tokens/" + string(h.keyID) + "/replace"
	visitor := s.browser()
	visitor.get("/pin?about=forgotten").shows(t, "signed out", http.StatusOK, `href="/signin?next=%2Fpin%3Fabout%3Dforgotten"`)
	b := s.session(h)
	b.get("/pin?about=forgotten").leads(t, "the only token", path)
	b.get(path).shows(t, "its page", http.StatusOK, "Reset ‘Lanyard’ and register it again", `name="token" value="`+string(h.keyID)+`"`)
	s.clock.Advance(staffkey.ProofLife + time.Minute) // a reset takes its time
	r := b.request("POST", path, "application/json", "{}")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("Referer", address+path)
	b.send(r).leads(t, "an old proof", "/me/confirm?next="+url.QueryEscape(path))
	b.get("/me/confirm?next="+url.QueryEscape(path)).shows(t, "why", http.StatusOK, "register")
}

func TestReplace_without_another_way_in_asks_for_a_key(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	s.administrator("lena")
	h := s.add("amara", "north")
	b := s.byPassword(h)
	phone := b.giveApp()
	b.register("", "Lanyard")
	in := s.byPassword(h)
	in.get("/signin/key").shows(t, "the second proof", http.StatusOK, `href="/signin/app-code"`)
	in.typeCode("/signin/app-code", phone.nextCode()).leads(t, "the app", "/me")
	in.get("/me").shows(t, "home", http.StatusOK, "You signed in without your key.")
	path := "/me/tokens/" + string(s.keys(h)[0].ID)
	request := "/me/request?reason=blocked&token=" + string(s.keys(h)[0].ID)
	in.get(path+"/pin?about=blocked").shows(t, "blocked", http.StatusOK, request)
	in.get(path+"/replace").leads(t, "replacing it by an app", request)
	in.post(path+"/replace", nil).leads(t, "saying so all the same", request)
	in.get(request).shows(t, "asking", http.StatusOK, "About <strong><bdi>Lanyard")
	if state := stateOf(s, h, s.keys(h)[0].ID); state != staffkey.SecurityKeyActive {
		t.Errorf("the only token is %s, want it in use", state)
	}
	in.get("/me/tokens/register").leads(t, "registering a key by an app", "/me/confirm?next="+url.QueryEscape("/me/tokens/register"))
}

func TestRequest_reaches_the_administrator(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.administrator("lara")
	h := s.add("amara", "north")
	b := s.byPassword(h)
	b.register("", "Lanyard")
	b.get("/me/request?reason=lost&token="+url.QueryEscape("<b>Lanyard")).shows(t, "the page", http.StatusOK, "Ask for a token", `value="lost" id="reason-lost" checked`)
	b.get("/me/request/sent").leads(t, "sent before anything is", "/me/request")
	ask := func(reason, place string) answer {
		return b.post("/me/request", url.Values{"reason": {reason}, "place": {place}, "token": {string(s.keys(h)[0].ID)}, "note": {"by noon"}})
	}
	ask("", "Ward 6").shows(t, "no reason", http.StatusUnprocessableEntity, "Choose why you need it", "Ward 6")
	ask("lost", "").shows(t, "no place", http.StatusUnprocessableEntity, "Enter where we can bring it")
	ask("lost", strings.Repeat("w", 500)).shows(t, "a long place", http.StatusUnprocessableEntity, "characters or fewer for the place (you have 500)")
	for i := range 3 {
		ask("lost", "Ward 6").leads(t, "request "+string(rune('1'+i)), "/me/request/sent")
	}
	sent := b.get("/me/request/sent")
	sent.shows(t, "sent", http.StatusOK, "Your request is sent")
	ask("lost", "Ward 6").shows(t, "a fourth in a day", http.StatusTooManyRequests, "You have asked several times today.")
	reference := shownCode.FindStringSubmatch(sent.body)
	// Whoever writes a name of their own instead of an entry of theirs writes it nowhere.
	forged := "x\x1b[2K\r\n2026-11-28 09:00:00  role_granted"
	other := s.byPassword(s.add("mallory", "north"))
	other.post("/me/request", url.Values{"reason": {"lost"}, "place": {"Ward 7"}, "token": {forged}}).leads(t, "a name of one's own", "/me/request/sent")
	other.post("/me/request", url.Values{"reason": {"lost"}, "place": {"Ward 8"}, "token": {string(s.keys(h)[0].ID)}}).leads(t, "an entry of another", "/me/request/sent")
	events, err := s.directory.ListAudit(t.Context(), staffkey.ConsoleActor(), auditKind(staffkey.EventReplacementAsked), 10)
	if err != nil || len(events) != 6 {
		t.Fatalf("%d requests in the log, %v, want 6", len(events), err)
	}
	for _, e := range events {
		if e.Outcome == staffkey.OutcomeDone && (e.Person == h.ID) != (e.SubjectName == "Lanyard") {
			t.Errorf("the log says %+v", e)
		}
	}
	var last staffkey.Outgoing
	for _, m := range s.messages(h) {
		if m.Template == "admin.replacement" {
			last = m
		}
	}
	if reference == nil || last.Args["Reference"] != reference[1] || last.Args["Place"] != "Ward 6" || last.To != "lara@mail.example" {
		t.Errorf("the page names %v, the mail is %+v", reference, last)
	}
}
