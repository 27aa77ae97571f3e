package signin_test

import (
	"encoding/json"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/recoverycode"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

const (
	keyID     = "staff.example.org"
	keyOrigin = "https://staff.example.org"

	goodPassword = "orbit velvet canyon moss"
)

var (
	origin  = signintest.Origin
	nowhere staffkey.Session // the browser had no session before
)

// installation has the methods that every installation has, and passwords that people know.
type installation struct {
	*signintest.World
	passwords signin.Method
}

func newInstallation(t testing.TB, s *store.Store, clock *storetest.Clock) *installation {
	t.Helper()
	passwords, err := password.New(password.Options{Workers: 2, Queue: 200, Cheap: true})
	if err != nil {
		t.Fatal(err)
	}
	return newInstallationWith(t, s, clock, passwords)
}

func newInstallationWith(t testing.TB, s *store.Store, clock *storetest.Clock, passwords signin.Method) *installation {
	t.Helper()
	keys := securitykey.New(securitykey.Config{ID: keyID, Name: "Staffkey", Origins: []string{keyOrigin}})
	return &installation{signintest.NewWorld(t, s, clock, keys, recoverycode.New(s.Sealer()), passwords), passwords}
}

// each runs body in an installation of its own on each engine.
func each(t *testing.T, body func(t *testing.T, w *installation)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) { body(t, newInstallation(t, s, clock)) })
}

// person adds a person with goodPassword.
func (w *installation) person(t testing.TB, username string) staffkey.Person {
	t.Helper()
	p := w.AddPerson(t, username)
	if err := w.Service.SetPassword(t.Context(), staffkey.ConsoleActor(), p.ID, goodPassword); err != nil {
		t.Fatal(err)
	}
	return p
}

// check tries a password at sign-in.
func (w *installation) check(t testing.TB, login, password string) error {
	return w.checkFrom(t, origin, login, password)
}

// checkFrom tries a password at sign-in from somewhere.
func (w *installation) checkFrom(t testing.TB, from staffkey.Origin, login, password string) error {
	_, err := w.Service.CheckPassword(t.Context(), from, signin.Attempt{}, login, password)
	return err
}

// newKey is a key in the hand: with a PIN, discoverable credentials and a counter.
func newKey() *softkey.Key { return softkey.New(keyOptions()) }

func keyOptions() softkey.Options {
	return softkey.Options{
		AAGUID: [16]byte{1}, UserVerification: true, Resident: true, Attestation: softkey.AttestationPacked,
		Counter: softkey.Counter{Start: 1, Step: 1}, Transports: []string{"usb"},
	}
}

// register registers a key up to the point where it waits for its nickname.
func (w *installation) register(t testing.TB, in signintest.Browser, key *softkey.Key, again bool) (staffkey.SecurityKey, error) {
	t.Helper()
	b, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodSecurityKey, signin.EnrolOptions{Again: again})
	if err != nil {
		return staffkey.SecurityKey{}, err
	}
	done, err := w.Service.FinishEnrolment(t.Context(), in.Actor, answer(b, staffkey.MethodSecurityKey, create(t, key, b.Options)))
	return done.Key, err
}

// addKey registers and names a key.
func (w *installation) addKey(t testing.TB, in signintest.Browser, key *softkey.Key, nickname string) staffkey.SecurityKey {
	t.Helper()
	k, err := w.register(t, in, key, false)
	if err == nil {
		err = w.Service.NameKey(t.Context(), in.Actor, k.ID, nickname)
	}
	if err != nil {
		t.Fatalf("add key %q: %v", nickname, err)
	}
	return k
}

// withKey adds a person who has a password and a key.
func (w *installation) withKey(t testing.TB, username string) (staffkey.Person, *softkey.Key) {
	t.Helper()
	p, key := w.person(t, username), newKey()
	w.addKey(t, w.Enter(t, p), key, "Blue lanyard")
	return p, key
}

// codes sets recovery codes up.
func (w *installation) codes(t testing.TB, in signintest.Browser) []string {
	t.Helper()
	b, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodRecoveryCode, signin.EnrolOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := w.Service.FinishEnrolment(t.Context(), in.Actor, answer(b, staffkey.MethodRecoveryCode, nil))
	if err != nil {
		t.Fatal(err)
	}
	return done.Show
}

// signIn signs in by an attempt and a key; an empty attempt is passwordless.
func (w *installation) signIn(t testing.TB, a signin.Attempt, key *softkey.Key) (signin.SignedIn, error) {
	t.Helper()
	b := w.begin(t, a)
	return w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options)), nowhere)
}

// signInWithCode signs in by password and recovery code.
func (w *installation) signInWithCode(t testing.TB, p staffkey.Person, code string) signintest.Browser {
	t.Helper()
	a := w.Attempt(p)
	b, err := w.Service.BeginSignIn(t.Context(), a, staffkey.MethodRecoveryCode)
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodRecoveryCode, []byte(code)), nowhere)
	if err != nil {
		t.Fatal(err)
	}
	return w.Browser(t, in)
}

// browser signs in by password and key and returns the browser.
func (w *installation) browser(t testing.TB, p staffkey.Person, key *softkey.Key) signintest.Browser {
	t.Helper()
	in, err := w.signIn(t, w.Attempt(p), key)
	if err != nil {
		t.Fatal(err)
	}
	return w.Browser(t, in)
}

func (w *installation) begin(t testing.TB, a signin.Attempt) signin.Begun {
	t.Helper()
	b, err := w.Service.BeginSignIn(t.Context(), a, staffkey.MethodSecurityKey)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// keys lists a person's keys in all states.
func (w *installation) keys(t testing.TB, p staffkey.Person) (keys []staffkey.SecurityKey) {
	t.Helper()
	w.Read(t, func(tx *store.Tx) (err error) {
		keys, err = tx.ListSecurityKeys(p.ID, staffkey.SecurityKeyPending, staffkey.SecurityKeyActive, staffkey.SecurityKeySuspended, staffkey.SecurityKeyRemoved)
		return err
	})
	return keys
}

// alive reports whether a cookie's session is alive.
func (w *installation) alive(t testing.TB, secret string) bool {
	t.Helper()
	_, err := w.Service.Find(t.Context(), origin, secret)
	if err != nil && err != staffkey.ErrNotFound {
		t.Fatal(err)
	}
	return err == nil
}

func answer(b signin.Begun, method staffkey.MethodKind, body []byte) signin.Answer {
	return signin.Answer{Sealed: b.Sealed, Method: method, Body: body}
}

// create has a key answer the options of a registration.
func create(t testing.TB, key *softkey.Key, options json.RawMessage) []byte {
	t.Helper()
	body, err := key.Create(keyOrigin, options)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// get has a key answer the options of a proof.
func get(t testing.TB, key *softkey.Key, options json.RawMessage) []byte {
	t.Helper()
	body, err := key.Get(keyOrigin, options)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// anyKey changes options so that any key of the relying party answers, as a hostile browser would.
func anyKey(t testing.TB, options json.RawMessage) json.RawMessage {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	o["allowCredentials"] = []any{}
	changed, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}
