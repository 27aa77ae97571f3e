package portal_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin"
	"staffkey/internal/store"
)

// What the people of these tests do, step by step, with a browser, a telephone and the mail.

var everyMethod = []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode}

// allow lets the people of an organisation use methods.
func (s *stack) allow(organisation string, kinds ...staffkey.MethodKind) {
	s.t.Helper()
	s.decide(organisation, staffkey.PolicySettings{Methods: &kinds})
}

func (s *stack) decide(organisation string, settings staffkey.PolicySettings) {
	s.t.Helper()
	if err := s.directory.ChangePolicy(s.t.Context(), staffkey.ConsoleActor(), staffkey.OrganisationID(organisation), "", settings, directory.Consent{NoOperator: true}); err != nil {
		s.t.Fatal(err)
	}
}

// administrator adds a Local Administrator of "north" with a key, and returns what they act as.
func (s *stack) administrator(username string) (*holder, staffkey.Actor) {
	s.t.Helper()
	h := s.add(username, "north")
	s.giveKey(h, "Lanyard")
	s.grant(h, staffkey.RoleLocalAdministrator, "north")
	return h, s.session(h).actorOf()
}

// actorOf is what the person of a session acts as.
func (b *browser) actorOf() staffkey.Actor {
	b.s.t.Helper()
	cur, err := b.s.signin.Find(b.s.t.Context(), staffkey.Origin{}, b.cookies["__Host-staffkey-session"])
	if err != nil {
		b.s.t.Fatal(err)
	}
	return cur.Actor
}

// byPassword signs in with a password alone, or gets as far as the second proof.
func (s *stack) byPassword(h *holder) *browser {
	s.t.Helper()
	b := s.browser()
	if a := b.givePassword(h, testPassword); a.StatusCode != http.StatusSeeOther {
		s.t.Fatalf("password of %s: %d, want %d", h.Username, a.StatusCode, http.StatusSeeOther)
	}
	return b
}

func (b *browser) givePassword(h *holder, password string) answer {
	b.s.t.Helper()
	return b.post("/signin", url.Values{"username": {h.Username}, "password": {password}})
}

// isSignedIn reports whether the browser has a live session.
func (b *browser) isSignedIn() bool {
	b.s.t.Helper()
	return b.get("/me/profile").StatusCode == http.StatusOK
}

var hiddenCeremony = regexp.MustCompile(`name="ceremony" value="([^"]*)"`)

// ceremony is the sealed ceremony in the form of a page.
func (a answer) ceremony() string {
	if m := hiddenCeremony.FindStringSubmatch(a.body); m != nil {
		return m[1]
	}
	return ""
}

// typeCode types a code into the form of a page.
func (b *browser) typeCode(path, code string) answer {
	b.s.t.Helper()
	return b.post(path, url.Values{"ceremony": {b.get(path).ceremony()}, "code": {code}})
}

var shownKey = regexp.MustCompile(`<code>([A-Z2-7 ]{32,})</code>`)

// app is an authenticator app.
type app struct {
	s   *stack
	key string
}

// scan sets an app up with what a page shows.
func (s *stack) scan(page answer) app {
	s.t.Helper()
	m := shownKey.FindStringSubmatch(page.body)
	if m == nil {
		s.t.Fatalf("status %d: the page shows no key for an app", page.StatusCode)
	}
	key := strings.ReplaceAll(m[1], " ", "")
	s.witness.secret("key of an app", key, m[1])
	return app{s, key}
}

// code is what the app shows (RFC 6238, six digits, 30 seconds).
func (a app) code() string {
	a.s.t.Helper()
	secret, err := base32.StdEncoding.DecodeString(a.key)
	if err != nil {
		a.s.t.Fatal(err)
	}
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, a.s.clock.Now().Unix()/30) // a hash never fails to write
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	code := fmt.Sprintf("%06d", (binary.BigEndian.Uint32(sum[offset:])&0x7fffffff)%1_000_000)
	a.s.witness.secret("code of an app", code)
	return code
}

// nextCode waits until the app shows another code.
func (a app) nextCode() string {
	a.s.clock.Advance(30 * time.Second)
	return a.code()
}

// wrong is a code that is none of those.
func wrong(codes ...string) string {
	for n := range 1_000_000 {
		text := fmt.Sprintf("%06d", n)
		same := false
		for _, code := range codes {
			same = same || code == text
		}
		if !same {
			return text
		}
	}
	panic("all codes are taken")
}

// giveApp sets an app up for the person of a session.
func (b *browser) giveApp() app {
	b.s.t.Helper()
	page := b.get("/me/mfa/app-code")
	a := b.s.scan(page)
	done := b.post("/me/mfa/app-code", url.Values{"ceremony": {page.ceremony()}, "code": {a.code()}})
	if done.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("set an app up: %d, want %d", done.StatusCode, http.StatusSeeOther)
	}
	return a
}

// giveNumber sets a number up for the person of a session; kind is the name of the method in paths.
func (b *browser) giveNumber(h *holder, kind, number string) {
	b.s.t.Helper()
	if a := b.post("/me/mfa/"+kind, url.Values{"number": {number}}); a.location() != "/me/mfa/"+kind+"/code" {
		b.s.t.Fatalf("send a code to a new number: %d to %q", a.StatusCode, a.location())
	}
	if a := b.typeCode("/me/mfa/"+kind+"/code", b.s.code(h)); a.StatusCode != http.StatusSeeOther {
		b.s.t.Fatalf("type the code of a new number: %d, want %d", a.StatusCode, http.StatusSeeOther)
	}
}

var shownCode = regexp.MustCompile(`<code class="code">([^<]+)</code>`)

// giveCodes makes recovery codes for the person of a session.
func (b *browser) giveCodes() []string {
	b.s.t.Helper()
	var codes []string
	b.post("/me/recovery-codes", url.Values{"make": {"1"}})
	made := b.get("/me/recovery-codes/new")
	for _, m := range shownCode.FindAllStringSubmatch(made.body, -1) {
		codes = append(codes, m[1])
	}
	if len(codes) != staffkey.RecoveryCodes {
		b.s.t.Fatalf("make recovery codes: %d with %d codes, want %d", made.StatusCode, len(codes), staffkey.RecoveryCodes)
	}
	b.s.witness.secret("recovery code", codes...)
	return codes
}

// messages returns what was sent about a person, oldest first.
func (s *stack) messages(h *holder) []staffkey.Outgoing {
	s.t.Helper()
	var list []staffkey.Outgoing
	err := s.store.Read(s.t.Context(), func(tx *store.Tx) error {
		var err error
		list, err = tx.ListOutgoing(store.OutgoingFilter{Person: h.ID})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, m := range list {
		if code := m.Args["Code"]; code != "" {
			s.witness.secret("code that was sent", code)
		}
		if m.Channel != staffkey.ChannelEmail {
			s.witness.secret("telephone number", m.To, m.To[3:], "0"+m.To[3:])
		}
		if _, secret, ok := strings.Cut(m.Args["Link"], "?t="); ok {
			s.witness.secret("secret of a link", secret)
		}
	}
	return list
}

// sent counts the messages of a template about a person.
func (s *stack) sent(h *holder, template string) int {
	s.t.Helper()
	n := 0
	for _, m := range s.messages(h) {
		if m.Template == template {
			n++
		}
	}
	return n
}

// code is the latest code that was sent to a person.
func (s *stack) code(h *holder) string {
	s.t.Helper()
	code := ""
	for _, m := range s.messages(h) {
		if m.Args["Code"] != "" {
			code = m.Args["Code"]
		}
	}
	if code == "" {
		s.t.Fatalf("no code was sent to %s", h.Username)
	}
	return code
}

// link is the path in the latest mail of a template about a person.
func (s *stack) link(h *holder, template string) string {
	s.t.Helper()
	link := ""
	for _, m := range s.messages(h) {
		if m.Template == template && m.Args["Link"] != "" {
			link = m.Args["Link"]
		}
	}
	if link == "" {
		s.t.Fatalf("no link in a mail %s to %s", template, h.Username)
	}
	return link
}

// issuePass has an administrator make a pass that works for an hour.
func (s *stack) issuePass(by staffkey.Actor, h *holder, many bool) string {
	s.t.Helper()
	now := s.clock.Now()
	code, err := s.signin.IssuePass(s.t.Context(), by, h.ID, signin.PassTerms{StartsAt: now, ExpiresAt: now.Add(time.Hour), Many: many}, "first day")
	if err != nil {
		s.t.Fatal(err)
	}
	s.witness.secret("pass", code)
	return code
}

func (b *browser) usePass(username, code string) answer {
	b.s.t.Helper()
	return b.post("/signin/pass", url.Values{"username": {username}, "code": {code}, "ceremony": {b.get("/signin/pass").ceremony()}})
}

// register registers a key through the pages, under a nickname; query is that of the wizard's address, such as "?replaces=…".
func (b *browser) register(query, nickname string) (*softkey.Key, staffkey.SecurityKeyID) {
	b.s.t.Helper()
	key := softkey.New(softkey.Options{UserVerification: true, Resident: true, Transports: []string{"usb"}, Counter: softkey.Counter{Step: 1}})
	return key, b.registerWith(key, query, nickname)
}

// again registers a key under one more nickname.
func (b *browser) again(key *softkey.Key, nickname string) staffkey.SecurityKeyID {
	b.s.t.Helper()
	return b.registerWith(key, "?again=1", nickname)
}

func (b *browser) registerWith(key *softkey.Key, query, nickname string) staffkey.SecurityKeyID {
	b.s.t.Helper()
	var begun struct{ Ceremony, Options string }
	unmarshal(b.s.t, b.get("/me/tokens/register/options"+query).body, &begun)
	credential, err := key.Create(b.s.origin(), []byte(begun.Options))
	if err != nil {
		b.s.t.Fatal(err)
	}
	next := b.postJSON("/me/tokens/register", `{"ceremony":"`+begun.Ceremony+`","credential":`+string(credential)+`}`).location()
	if !strings.HasSuffix(next, "/name") {
		b.s.t.Fatalf("a new key leads to %q, want the page for its nickname", next)
	}
	if a := b.post(next, url.Values{"nickname": {nickname}}); !strings.HasSuffix(a.location(), "/try") {
		b.s.t.Fatalf("nickname %q: %d to %q", nickname, a.StatusCode, a.location())
	}
	return staffkey.SecurityKeyID(strings.Split(next, "/")[3])
}

// touch answers the ceremony at an address with a key and posts the answer.
func (b *browser) touch(key *softkey.Key, options, action string) answer {
	b.s.t.Helper()
	var begun struct{ Ceremony, Options string }
	unmarshal(b.s.t, b.get(options).body, &begun)
	credential, err := key.Get(b.s.origin(), []byte(begun.Options))
	if err != nil {
		b.s.t.Fatal(err)
	}
	return b.postJSON(action, `{"ceremony":"`+begun.Ceremony+`","credential":`+string(credential)+`}`)
}

// shows fails the test unless a page has that status and all texts.
func (a answer) shows(t *testing.T, what string, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s: status %d, want %d", what, a.StatusCode, status)
	}
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(a.body), text) {
			t.Errorf("%s: the page does not show %q", what, text)
		}
	}
}

// lacks fails the test when a page has one of the texts.
func (a answer) lacks(t *testing.T, what string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(html.UnescapeString(a.body), text) {
			t.Errorf("%s: the page shows %q", what, text)
		}
	}
}

// leads fails the test unless an answer leads to an address.
func (a answer) leads(t *testing.T, what, to string) {
	t.Helper()
	if a.location() != to {
		t.Errorf("%s: %d to %q, want %q", what, a.StatusCode, a.location(), to)
	}
}

// keys returns the list of a person's keys.
func (s *stack) keys(h *holder) []staffkey.SecurityKey {
	s.t.Helper()
	list, err := s.directory.ListKeys(s.t.Context(), staffkey.Actor{Person: h.ID}, h.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return list.Keys
}
