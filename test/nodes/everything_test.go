package nodes

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/test/program"

	"golang.org/x/net/html"
)

// number is that of the person who gets codes by text message, of the range that Ofcom keeps for drama.
const number = "+447700900321"

var (
	codeText  = regexp.MustCompile(`\b([0-9]{6})\b`)
	resetLink = regexp.MustCompile(`(/reset\?t=[A-Z2-7]+)`)
	notMeLink = regexp.MustCompile(`(/not-me\?t=[A-Z2-7]+)`)
)

var everything = []once{
	{name: "recovery code", event: staffkey.EventSignedIn, ready: recoveryCode, won: opensSession},
	{name: "pass", event: staffkey.EventSignedIn, ready: pass, won: opensSession},
	{name: "app code", event: staffkey.EventSignedIn, ready: appCode, won: opensSession},
	{name: "text code", event: staffkey.EventSignedIn, setUp: enrolNumber, ready: textCode, won: opensSession},
	{name: "reset link", event: staffkey.EventPasswordReset, ready: reset, won: leadsTo("/signin")},
	{name: "not-me link", event: staffkey.EventPersonFrozen, ready: notMe, won: leadsTo("/not-me/done")},
	{name: "key ceremony", event: staffkey.EventSignedIn, ready: ceremony, won: opensSession},
}

func recoveryCode(t *testing.T, p *pair, s *someone) []try {
	codes, err := p.signedIn(t, s).MakeRecoveryCodes(t.Context())
	must(t, "MakeRecoveryCodes", err)
	return p.forms(t, p.visitor(t, s), "/signin/recovery-code", "code-form", map[string]string{"code": codes[0]})
}

func pass(t *testing.T, p *pair, s *someone) []try {
	return p.forms(t, p.stranger(t), "/signin/pass", "pass-form", map[string]string{"username": s.username, "code": issuePass(t, p, s)})
}

// issuePass makes a pass at the console, as an operator does.
func issuePass(t *testing.T, p *pair, s *someone) string {
	t.Helper()
	out, err := p.nodes[0].Command("", "pass", "issue", s.username, "--reason", "lost key, identity checked in person")
	must(t, "pass issue", err)
	lines := strings.Split(string(out), "\n")
	return strings.TrimSpace(lines[1])
}

// appCode sets the app up anew, so that the code of the next half minute has not counted yet.
func appCode(t *testing.T, p *pair, s *someone) []try {
	c := p.signedIn(t, s)
	page, err := c.Get(t.Context(), "/me/mfa/app-code")
	must(t, "open the page of the app", err)
	secret := appKey(t, page)
	form, ok := page.Form("app-form")
	if !ok {
		t.Fatalf("no app-form on %s, %q", page.URL.Path, page.Heading())
	}
	step := time.Now().Unix() / 30
	page, err = c.Submit(t.Context(), page, form, map[string]string{"code": codeAt(secret, step)})
	must(t, "set the app up", err)
	if page.URL.Path != "/me/mfa" {
		t.Fatalf("set the app up: got to %s, %q", page.URL.Path, page.Heading())
	}
	return p.forms(t, p.visitor(t, s), "/signin/app-code", "code-form", map[string]string{"code": codeAt(secret, step+1)})
}

// appKey reads the secret that the page tells the app.
func appKey(t *testing.T, page *program.Page) []byte {
	t.Helper()
	for n := range page.Root.Descendants() {
		if n.Type != html.TextNode || n.Parent.Data != "code" {
			continue
		}
		secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(strings.ToUpper(strings.ReplaceAll(n.Data, " ", "")))
		must(t, "read the app's key", err)
		return secret
	}
	t.Fatalf("no key for the app on %s, %q", page.URL.Path, page.Heading())
	return nil
}

// codeAt is the code of a half minute (RFC 6238 §4.2, RFC 4226 §5.3).
func codeAt(secret []byte, step int64) string {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes everything
	sum := mac.Sum(nil)
	from := sum[len(sum)-1] & 0xf
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[from:])&0x7fffffff%1e6)
}

func enrolNumber(t *testing.T, p *pair, s *someone) {
	c := p.signedIn(t, s)
	submit(t, c, "/me/mfa/text", "number-form", map[string]string{"number": number})
	page := submit(t, c, "/me/mfa/text/code", "number-code-form", map[string]string{"code": p.message(t, number, codeText)})
	if page.URL.Path != "/me/mfa" {
		t.Fatalf("set the number up: got to %s, %q", page.URL.Path, page.Heading())
	}
}

func textCode(t *testing.T, p *pair, s *someone) []try {
	c := p.visitor(t, s)
	page, err := c.Submit(t.Context(), nil, &program.Form{Action: "/signin/text/send"}, map[string]string{"send": "1"})
	must(t, "have a code sent", err)
	if page.URL.Path != "/signin/text" || page.Status != 200 {
		t.Fatalf("have a code sent: got to %s, status %d, %q", page.URL.Path, page.Status, page.Text())
	}
	return p.forms(t, c, "/signin/text", "code-form", map[string]string{"code": p.message(t, number, codeText)})
}

func reset(t *testing.T, p *pair, s *someone) []try {
	c := p.stranger(t)
	submit(t, c, "/signin/reset", "reset-form", map[string]string{"login": s.username})
	return p.forms(t, c, p.message(t, s.email, resetLink), "reset-form", map[string]string{"password": s.password})
}

// notMe takes the link from the mail about a pass, and opens the account again that the round before has frozen.
func notMe(t *testing.T, p *pair, s *someone) []try {
	if p.recorded(t, s, staffkey.EventPersonFrozen) > 0 {
		_, err := p.nodes[0].Command("", "person", "unfreeze", s.username, "--reason", "looked at")
		must(t, "person unfreeze", err)
	}
	issuePass(t, p, s)
	var link string
	for link == "" { // the mail that the account is open again has none
		link = p.message(t, s.email, notMeLink)
	}
	return p.forms(t, p.stranger(t), link, "not-me-form", nil)
}

// ceremony has the key answer one ceremony, for each node with the node's own address.
func ceremony(t *testing.T, p *pair, s *someone) []try {
	c := p.stranger(t)
	page, err := c.Get(t.Context(), "/signin")
	must(t, "open /signin", err)
	form, ok := page.Form("key-form")
	if !ok || form.Ceremony == nil {
		t.Fatalf("no ceremony on %s, %q", page.URL.Path, page.Heading())
	}
	list := make([]try, tries)
	for i := range list {
		address := p.nodes[i%len(p.nodes)].URL
		credential, err := s.key.Get(address, []byte(form.Ceremony.Options))
		must(t, "have the key answer", err)
		body, err := json.Marshal(map[string]any{"ceremony": form.Ceremony.Sealed, "token": "", "credential": json.RawMessage(credential)})
		must(t, "write the answer", err)
		u, err := url.JoinPath(address, form.Ceremony.Action)
		must(t, "read the address", err)
		list[i] = try{url: u, kind: "application/json", body: string(body), origin: address}
	}
	return list
}
