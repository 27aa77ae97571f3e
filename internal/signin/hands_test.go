package signin_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/pass"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/recoverycode"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/signin/telephone"
	"staffkey/internal/signin/totp"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// allMethods are every method that there is, over a store.
func allMethods(s *store.Store, passwords ...signin.Method) []signin.Method {
	keys := securitykey.New(securitykey.Config{ID: keyID, Name: "Staffkey", Origins: []string{keyOrigin}})
	return append([]signin.Method{
		keys, totp.New("Staffkey"), telephone.NewText(s.Sealer()), telephone.NewCall(s.Sealer()), recoverycode.New(s.Sealer()), pass.New(s.Sealer()),
	}, passwords...)
}

// eachEquipped is each in an installation with every method, all of which policy allows.
func eachEquipped(t *testing.T, body func(t *testing.T, w *installation)) {
	t.Helper()
	passwords, err := password.New(password.Options{Workers: 2, Queue: 200, Cheap: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		body(t, newEquipped(t, s, clock, passwords))
	})
}

// newEquipped makes an installation with every method on an empty store.
func newEquipped(t testing.TB, s *store.Store, clock *storetest.Clock, passwords signin.Method) *installation {
	t.Helper()
	w := &installation{signintest.NewWorld(t, s, clock, allMethods(s, passwords)...), passwords}
	w.policy(t, func(*staffkey.PolicySettings) {})
	return w
}

// policy decides something for the organisation, which allows every method.
func (w *installation) policy(t testing.TB, change func(*staffkey.PolicySettings)) {
	t.Helper()
	settings := staffkey.PolicySettings{Methods: &[]staffkey.MethodKind{
		staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode,
	}}
	change(&settings)
	w.Change(t, func(tx *store.Tx) error { return tx.PutPolicySettings(w.Organisation.ID, settings) })
}

// wallet is what one person has to sign in with besides keys.
type wallet struct {
	w      *installation
	person staffkey.Person
	secret []byte   // of the authenticator app
	codes  []string // on paper, those not used yet
	pass   string
}

// weaker are the methods that are weaker than a key and that people set up themselves.
var weaker = []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode}

// wallet sets methods up in a browser. Who has had the password alone until then goes on with the first method.
func (w *installation) wallet(t testing.TB, in signintest.Browser, kinds ...staffkey.MethodKind) *wallet {
	t.Helper()
	h := &wallet{w: w}
	w.Read(t, func(tx *store.Tx) (err error) {
		h.person, err = tx.FindPerson(in.Actor.Person)
		return err
	})
	for i, kind := range kinds {
		if err := h.setUp(t, in, kind); err != nil {
			t.Fatalf("set up %s: %v", kind, err)
		}
		if in.May.Assurance.Level == 1 && i+1 < len(kinds) {
			in = h.browserBy(t, kind)
		}
	}
	return h
}

// setUp sets one method up, again if it was.
func (h *wallet) setUp(t testing.TB, in signintest.Browser, kind staffkey.MethodKind) error {
	t.Helper()
	if kind == staffkey.MethodTextMessage || kind == staffkey.MethodPhoneCall {
		return h.setUpNumber(t, in, kind, "07700 900123")
	}
	b, err := h.w.Service.BeginEnrolment(t.Context(), in.Actor, kind, signin.EnrolOptions{})
	if err != nil {
		return err
	}
	var body []byte
	if kind == staffkey.MethodTOTP {
		h.secret = secretOfApp(t, b.Options)
		body = totpCode(h.secret, h.w.Clock.Now())
	}
	done, err := h.w.Service.FinishEnrolment(t.Context(), in.Actor, answer(b, kind, body))
	if kind == staffkey.MethodRecoveryCode {
		h.codes = done.Show
	}
	return err
}

// setUpNumber has a code sent to a number and types it.
func (h *wallet) setUpNumber(t testing.TB, in signintest.Browser, kind staffkey.MethodKind, number string) error {
	t.Helper()
	h.w.Clock.Advance(time.Minute)
	if err := h.w.Service.SendEnrolmentCode(t.Context(), in.Actor, kind, number, ""); err != nil {
		return err
	}
	b, err := h.w.Service.BeginEnrolment(t.Context(), in.Actor, kind, signin.EnrolOptions{})
	if err != nil {
		return err
	}
	_, err = h.w.Service.FinishEnrolment(t.Context(), in.Actor, answer(b, kind, []byte(h.w.LatestCode(t, h.person.ID))))
	return err
}

// issue has the console hand out a pass that works from now for eight hours.
func (h *wallet) issue(t testing.TB, many bool) {
	t.Helper()
	h.pass = h.w.issuePass(t, h.person, signin.PassTerms{StartsAt: h.w.Clock.Now(), ExpiresAt: h.w.Clock.Now().Add(8 * time.Hour), Many: many})
}

func (w *installation) issuePass(t testing.TB, p staffkey.Person, terms signin.PassTerms) string {
	t.Helper()
	code, err := w.Service.IssuePass(t.Context(), staffkey.ConsoleActor(), p.ID, terms, "lost everything")
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// answer is a right answer of a method, made or sent just now.
func (h *wallet) answer(t testing.TB, kind staffkey.MethodKind) []byte {
	t.Helper()
	switch kind {
	case staffkey.MethodTOTP:
		h.w.Clock.Advance(30 * time.Second)
		return totpCode(h.secret, h.w.Clock.Now())
	case staffkey.MethodTextMessage, staffkey.MethodPhoneCall:
		h.w.Clock.Advance(4 * time.Minute) // no more than three in ten minutes
		if err := h.w.Service.SendCode(t.Context(), h.w.Attempt(h.person), origin, kind); err != nil {
			t.Fatalf("send a code: %v", err)
		}
		return []byte(h.w.LatestCode(t, h.person.ID))
	case staffkey.MethodRecoveryCode:
		code := h.codes[0]
		h.codes = h.codes[1:]
		return []byte(code)
	}
	return []byte(h.pass)
}

// wrong is an answer of a method that is none of the right ones.
func (h *wallet) wrong(kind staffkey.MethodKind) []byte {
	switch kind {
	case staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall:
		return []byte("12345") // a digit too few
	case staffkey.MethodRecoveryCode:
		return []byte("0000-0000-0000-000")
	}
	return []byte("0000-0000-A")
}

// signInBy signs in by password and a right answer.
func (h *wallet) signInBy(t testing.TB, kind staffkey.MethodKind) (signin.SignedIn, error) {
	t.Helper()
	return h.try(t, kind, h.answer(t, kind))
}

// try signs in by password and an answer.
func (h *wallet) try(t testing.TB, kind staffkey.MethodKind, body []byte) (signin.SignedIn, error) {
	t.Helper()
	a := h.w.Attempt(h.person)
	b, err := h.w.Service.BeginSignIn(t.Context(), a, kind)
	if err != nil {
		t.Fatal(err)
	}
	return h.w.Service.FinishSignIn(t.Context(), origin, a, answer(b, kind, body), nowhere)
}

// browserBy signs in by password and a right answer, which must work.
func (h *wallet) browserBy(t testing.TB, kind staffkey.MethodKind) signintest.Browser {
	t.Helper()
	in, err := h.signInBy(t, kind)
	if err != nil {
		t.Fatalf("sign in by %s: %v", kind, err)
	}
	return h.w.Browser(t, in)
}

// signInByPass signs in by a name and a pass alone.
func (w *installation) signInByPass(t testing.TB, login, code string) (signin.SignedIn, error) {
	t.Helper()
	return w.signInByPassFrom(t, origin, login, code)
}

func (w *installation) signInByPassFrom(t testing.TB, from staffkey.Origin, login, code string) (signin.SignedIn, error) {
	t.Helper()
	sealed, err := w.Service.BeginPass()
	if err != nil {
		t.Fatal(err)
	}
	return w.Service.FinishPass(t.Context(), from, login, sealed, code, nowhere)
}

// secretOfApp reads what an authenticator app reads from the QR code.
func secretOfApp(t testing.TB, options json.RawMessage) []byte {
	t.Helper()
	var o struct{ URI string }
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(o.URI)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(u.Query().Get("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

// totpCode is what an app shows (RFC 6238 §4).
func totpCode(secret []byte, now time.Time) []byte {
	mac := hmac.New(sha1.New, secret)
	_ = binary.Write(mac, binary.BigEndian, now.Unix()/30)
	sum := mac.Sum(nil)
	at := sum[19] & 0xf
	return fmt.Appendf(nil, "%06d", (binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff)%1_000_000)
}

// messages are the messages to a person, or about one, oldest first; of one template when it is given.
func (w *installation) messages(t testing.TB, p staffkey.Person, template string) (list []staffkey.Outgoing) {
	t.Helper()
	w.Read(t, func(tx *store.Tx) error {
		all, err := tx.ListOutgoing(store.OutgoingFilter{Person: p.ID})
		list = nil
		for _, m := range all {
			if template == "" || m.Template == template {
				list = append(list, m)
			}
		}
		return err
	})
	return list
}

// told checks how many messages of a template there are about a person.
func (w *installation) told(t testing.TB, p staffkey.Person, template string, want int) {
	t.Helper()
	if got := len(w.messages(t, p, template)); got != want {
		t.Errorf("%d messages %s about %s, want %d", got, template, p.Username, want)
	}
}

// linkIn is the secret of the link in the latest message of a template.
func (w *installation) linkIn(t testing.TB, p staffkey.Person, template, path string) string {
	t.Helper()
	list := w.messages(t, p, template)
	if len(list) == 0 {
		t.Fatalf("no message %s about %s", template, p.Username)
	}
	secret, ok := strings.CutPrefix(list[len(list)-1].Args["Link"], path+"?t=")
	if !ok || len(secret) < 26 {
		t.Fatalf("link %q, want %s with a secret of at least 128 bits", list[len(list)-1].Args["Link"], path)
	}
	return secret
}

// events are the events of a kind, oldest first, refused ones too.
func (w *installation) events(t testing.TB, kind staffkey.EventKind) (list []staffkey.AuditEvent) {
	t.Helper()
	w.Read(t, func(tx *store.Tx) (err error) {
		list, err = tx.ListAuditEvents(store.AuditFilter{Kind: kind, OldestFirst: true, Limit: 10_000})
		return err
	})
	return list
}

// organisation adds an organisation below the one of the world, or beside it.
func (w *installation) organisation(t testing.TB, code string, parent staffkey.OrganisationID) staffkey.Organisation {
	t.Helper()
	o := staffkey.Organisation{ID: store.NewID[staffkey.OrganisationID](), Parent: parent, Code: code, Name: "Organisation " + code, CreatedAt: w.Clock.Now()}
	w.Change(t, func(tx *store.Tx) error { return tx.InsertOrganisation(o) })
	return o
}

// officer adds a person with a role who has signed in by key.
func (w *installation) officer(t testing.TB, username string, role staffkey.Role, at staffkey.OrganisationID) (staffkey.Person, staffkey.Actor) {
	t.Helper()
	p := w.AddPerson(t, username)
	g := staffkey.RoleGrant{Person: p.ID, Role: role, Organisation: at, GrantedAt: w.Clock.Now()}
	w.Change(t, func(tx *store.Tx) error {
		_, err := tx.InsertRoleGrant(g)
		return err
	})
	return p, storetest.SignIn(t, w.Store, p, storetest.Strong, w.Clock.Now())
}

// plain adds a person without a role who has signed in by key.
func (w *installation) plain(t testing.TB, username string) staffkey.Actor {
	t.Helper()
	return storetest.SignIn(t, w.Store, w.AddPerson(t, username), storetest.Strong, w.Clock.Now())
}

// raceRounds is how often a race is run: 5 times, or as often as STAFFKEY_RACE_ROUNDS says.
func raceRounds(t testing.TB) int {
	t.Helper()
	text := os.Getenv("STAFFKEY_RACE_ROUNDS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("STAFFKEY_RACE_ROUNDS=%s, want a number of rounds", text)
	}
	return n
}
