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

const newPassword = "a lamp beside the quiet river"

// resetLink asks for a new password for somebody and returns the path of the link in the mail.
func (s *stack) resetLink(h *holder) string {
	s.t.Helper()
	s.browser().post("/signin/reset", url.Values{"login": {h.Username}}).leads(s.t, "asking for a new password", "/signin/reset/sent")
	if _, err := s.signin.WorkResets(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	return s.link(h, "reset.link")
}

// told is what an answer tells: everything but what is random or was typed.
func told(a answer, typed string) map[string]string {
	all := map[string]string{"status": a.Status, "body": scrub(a.body, typed)}
	for name, values := range a.Header {
		if name != "Set-Cookie" && name != "Content-Length" { // the length is that of the body, with what was typed
			all[name] = strings.Join(values, "\n")
		}
	}
	for _, c := range a.Cookies() {
		all["cookie "+c.Name] = c.Path
	}
	return all
}

func TestReset_tells_nobody_who_is_there(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("amara", "north")
		gone := s.add("gone", "north")
		s.disable(gone)
		ask := func(login string) (map[string]string, map[string]string) {
			b := s.browser()
			asked := b.post("/signin/reset", url.Values{"login": {login}})
			return told(asked, login), told(b.get(asked.location()), login)
		}
		wantAsked, wantPage := ask("amara")
		for _, login := range []string{"nobody", "gone", "amara@mail.example", "nobody@mail.example", "AMARA", "a' OR 1=1", strings.Repeat("x", 60)} {
			asked, page := ask(login)
			if diff := cmp.Diff(wantAsked, asked); diff != "" {
				t.Errorf("%s: asking is answered otherwise (-amara +%s):\n%s", login, login, diff)
			}
			if diff := cmp.Diff(wantPage, page); diff != "" {
				t.Errorf("%s: the page afterwards is another (-amara +%s):\n%s", login, login, diff)
			}
		}
		if n := len(s.messages(h)); n != 0 {
			t.Errorf("%d messages were put out while somebody waited for the answer, want none", n)
		}
		n, err := s.signin.WorkResets(t.Context())
		if err != nil || n != 8 {
			t.Errorf("%d wishes were answered, %v; want 8", n, err)
		}
		if links, others := s.sent(h, "reset.link"), len(s.messages(gone)); links != 3 || others != 0 {
			t.Errorf("%d links to amara and %d messages to who has left, want 3 and none", links, others)
		}
		s.browser().post("/signin/reset", url.Values{"login": {" "}}).shows(t, "no name", http.StatusUnprocessableEntity, "Enter your email or username")
	})
}

// disable disables a person, as when they have left.
func (s *stack) disable(h *holder) {
	s.t.Helper()
	p := h.Person
	p.State = staffkey.PersonDisabled
	if err := s.directory.ChangePerson(s.t.Context(), staffkey.ConsoleActor(), p); err != nil {
		s.t.Fatal(err)
	}
}

func TestReset_by_the_link(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.witness.secret("password", newPassword)
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		signedIn := s.session(h)
		link := s.resetLink(h)
		b := s.browser()
		b.get(link).leads(t, "the link", "/reset")
		page := b.get("/reset")
		page.shows(t, "the page", http.StatusOK, "amara", `name="password"`)
		if strings.Contains(page.body, link) {
			t.Error("the page holds the link")
		}
		scanner := s.browser()
		for range 5 {
			scanner.get(link)
			scanner.get("/reset")
		}
		for password, text := range map[string]string{"": "password", "short": "8", "password1": "Many people use this password"} {
			b.post("/reset", url.Values{"password": {password}}).shows(t, "password "+password, http.StatusUnprocessableEntity, text, `id="reset-form"`)
		}
		b.post("/reset", url.Values{"password": {newPassword}}).leads(t, "a good password", "/signin")
		b.get("/signin").shows(t, "the sign-in page", http.StatusOK, "Your password is changed.")
		if b.isSignedIn() || signedIn.isSignedIn() {
			t.Error("the link signs in, or leaves a session as it was")
		}
		s.browser().givePassword(h, testPassword).shows(t, "the old password", http.StatusUnauthorized)
		in := s.browser()
		in.givePassword(h, newPassword).leads(t, "the new password, to the second proof", "/signin/key")
		if in.isSignedIn() {
			t.Error("a new password takes the second proof away")
		}

		again := s.browser()
		again.get(link).leads(t, "the link once more", "/reset")
		again.get("/reset").shows(t, "the page of a used link", http.StatusGone, "Send me a new link")
		again.post("/reset", url.Values{"password": {newPassword}}).shows(t, "a password by a used link", http.StatusGone)
		scanner.post("/reset", url.Values{"password": {newPassword}}).shows(t, "a password by a link that was opened before", http.StatusGone)

		first, second := s.resetLink(h), s.resetLink(h)
		if first == second {
			t.Fatal("two wishes give one link")
		}
		old := s.browser()
		old.get(first)
		old.get("/reset").shows(t, "a link that a newer one ends", http.StatusGone)
		late := s.browser()
		late.get(second)
		s.clock.Advance(30 * time.Minute)
		late.get("/reset").shows(t, "a link after half an hour", http.StatusGone)
		if n := s.sent(h, "notice.password_reset"); n != 1 {
			t.Errorf("%d mails tell of it, want 1", n)
		}
	})
}

// notice makes the server send amara a notice, and returns the path of the link in it.
func (s *stack) notice(h *holder) string {
	s.t.Helper()
	s.session(h).giveCodes()
	return s.link(h, "notice.codes_made")
}

func TestNotMe_by_the_link_of_a_mail(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		lara, _ := s.administrator("lara")
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		link := s.notice(h)
		signedIn := s.session(h)

		scanner := s.browser() // mail scanners open every link, and press nothing
		for range 5 {
			scanner.get(link).leads(t, "the link, opened", "/not-me")
			scanner.get("/not-me").shows(t, "the page", http.StatusOK, "New recovery codes were made.", "Name of amara, was it not you?", `id="not-me-form"`)
			r := scanner.request("HEAD", link, "", "")
			scanner.send(r)
		}
		if !signedIn.isSignedIn() || s.sent(h, "notice.frozen") != 0 {
			t.Fatal("opening the link froze the account")
		}

		b := s.browser()
		b.get(link)
		b.post("/not-me", nil).leads(t, "the button", "/not-me/done")
		done := b.get("/not-me/done")
		done.shows(t, "done", http.StatusOK, "Nobody can sign in to it now.", `action="/not-me/undo"`)
		reference := shownCode.FindStringSubmatch(done.body)
		if reference == nil {
			t.Fatal("the page shows no reference")
		}
		if signedIn.isSignedIn() {
			t.Error("a session of the account goes on")
		}
		locked := s.browser()
		locked.givePassword(h, testPassword).leads(t, "the right password of a frozen account", "/signin/locked")
		locked.get("/signin/locked").shows(t, "its page", http.StatusForbidden, "This account is frozen")
		s.browser().givePassword(h, "not my password").shows(t, "a wrong password of a frozen account", http.StatusUnauthorized, "Your email or password is wrong.")
		keyed := s.browser()
		keyed.touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key of a frozen account", "/signin/outcome")
		keyed.get("/signin/outcome").shows(t, "its page", http.StatusOK, "This account is frozen")
		var administrators []string
		for _, m := range s.messages(h) {
			if m.Template == "admin.frozen" {
				administrators = append(administrators, m.To+" "+m.Args["Reference"])
			}
		}
		if diff := cmp.Diff([]string{lara.Email + " " + reference[1]}, administrators); diff != "" {
			t.Errorf("the Local Administrators told (-want +got):\n%s", diff)
		}

		thief := s.browser()
		thief.post("/not-me/undo", nil).shows(t, "undo by another browser", http.StatusGone)
		b.post("/not-me/undo", nil).shows(t, "undo", http.StatusOK, "Your account works again")
		b.post("/not-me/undo", nil).shows(t, "undo once more", http.StatusGone)
		if !s.session(h).isSignedIn() {
			t.Error("after the undo the key does not sign in")
		}
		again := s.browser()
		again.get(link)
		again.get("/not-me").shows(t, "the used link", http.StatusGone)
		again.post("/not-me", nil).shows(t, "the button of a used link", http.StatusGone)
		if !s.session(h).isSignedIn() {
			t.Error("a used link freezes the account")
		}
	})
}

func TestNotMe_from_the_activity(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	thief, b := s.session(h), s.session(h)
	b.get("/me/activity").shows(t, "the activity", http.StatusOK, `action="/me/activity/not-me"`)
	b.post("/me/activity/not-me", nil).leads(t, "the button", "/not-me/done")
	b.get("/not-me/done").shows(t, "done", http.StatusOK, "Your account is frozen", `action="/not-me/undo"`)
	if b.isSignedIn() || thief.isSignedIn() {
		t.Error("a session goes on")
	}
	s.clock.Advance(10 * time.Minute)
	b.post("/not-me/undo", nil).shows(t, "undo after ten minutes", http.StatusGone)
	if a := s.browser().touch(h.key, "/signin/options", "/signin/passwordless"); a.location() != "/signin/outcome" {
		t.Errorf("the key leads to %q, want the page that says why not", a.location())
	}
}

func TestSecretOfALink_leaves_the_address(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	for path, cookie := range map[string]string{"/reset": "__Host-staffkey-reset", "/not-me": "__Host-staffkey-notme", "/station": "__Host-staffkey-offered"} {
		b := s.browser()
		secret := "PLANTEDSECRET" + strings.Repeat("A", 500)
		a := b.get(path + "?t=" + secret)
		a.leads(t, path+" with any secret", path)
		if v := b.cookies[cookie]; v == "" || strings.Contains(v, "PLANTED") || len(v) > 400 {
			t.Errorf("%s keeps %q", path, v)
		}
		b.get(path).shows(t, path+" with a secret that is none", http.StatusGone)
		planted := s.browser()
		planted.cookies[cookie] = strings.Repeat("A", 100)
		planted.get(path).shows(t, path+" with a cookie that is none of ours", http.StatusGone)
	}
}
