package portal_test

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
	"staffkey/internal/signin/pass"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/recoverycode"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/telephone"
	"staffkey/internal/signin/totp"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

const address = "https://signin.example"

// stack is the whole server on an empty database, with a few people.
type stack struct {
	t         *testing.T
	config    store.Config
	store     *store.Store
	clock     *storetest.Clock
	signin    *signin.Service
	directory *directory.Directory
	models    *securitykey.Catalogue
	rpID      string // that of the address when empty
	probe     portal.TakeProbe
	// reaches is by which channels messages can be sent; nil is all.
	reaches func(staffkey.ChannelKind) bool
	// watch puts something between the directory and the catalogue; may be nil.
	watch   func(directory.Models) directory.Models
	handler http.Handler
	metrics *portal.Metrics
	people  map[string]*holder
	witness *witness
}

// holder is a person of the test with a key in the hand.
type holder struct {
	staffkey.Person
	keys  []*softkey.Key
	key   *softkey.Key
	keyID staffkey.SecurityKeyID
	// keyIDs are the entries of keys.
	keyIDs []staffkey.SecurityKeyID
}

// newStack builds the server for an address with one organisation "top" and two below it, "north" and "south".
func newStack(t *testing.T, publicAddress string) *stack {
	t.Helper()
	return newStackOn(t, "sqlite", publicAddress)
}

// each runs body with a server on each engine.
func each(t *testing.T, body func(t *testing.T, s *stack)) {
	t.Helper()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			body(t, newStackOn(t, engine, address))
		})
	}
}

func newStackOn(t *testing.T, engine, publicAddress string) *stack {
	t.Helper()
	s := newEmptyStack(t, engine, publicAddress)
	for _, o := range []staffkey.Organisation{{Code: "top", Name: "Top"}, {Code: "north", Name: "North", Parent: "top"}, {Code: "south", Name: "South", Parent: "top"}} {
		if _, err := s.directory.AddOrganisation(t.Context(), staffkey.ConsoleActor(), o); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// newEmptyStack builds the server for an address with nobody and nothing in it.
func newEmptyStack(t *testing.T, engine, publicAddress string) *stack {
	t.Helper()
	s := &stack{t: t, clock: storetest.NewClock(), people: map[string]*holder{}, witness: &witness{}, config: storetest.Config(t, engine)}
	s.config.Now = s.clock.Now
	s.store = storetest.OpenConfig(t, s.config)
	s.wire(publicAddress)
	s.witness.secret("password", testPassword)
	t.Cleanup(func() { s.witness.testify(s) })
	return s
}

// setUp is the browser of the first operator, who has begun to set up an empty installation.
func (s *stack) setUp() *browser {
	s.t.Helper()
	link, err := s.signin.IssueSetUpLink(s.t.Context(), staffkey.ConsoleActor())
	if err != nil {
		s.t.Fatal(err)
	}
	b := s.browser()
	b.get(strings.TrimPrefix(link, address)).leads(s.t, "the set-up link", "/setup")
	b.post("/setup/you", url.Values{"name": {"Olu Adeyemi"}, "email": {"olu@mail.example"}, "username": {"olu"}, "password": {testPassword}}).leads(s.t, "About you", "/setup")
	return b
}

// parsed are the pages, which all servers of these tests share: they never change.
var parsed = sync.OnceValues(ui.New)

// wire connects one node of the server.
func (s *stack) wire(publicAddress string) {
	t := s.t
	t.Helper()
	pw, err := password.New(password.Options{Workers: 2, Queue: 16, Cheap: true})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(publicAddress)
	if err != nil {
		t.Fatal(err)
	}
	rpID := cmp.Or(s.rpID, u.Hostname())
	s.models = securitykey.NewCatalogue(mds.Trust{}, s.clock.Now)
	known := directory.Models(s.models)
	if s.watch != nil {
		known = s.watch(known)
	}
	s.signin = signin.New(signin.Deps{
		Store: s.store, Address: publicAddress, Now: s.clock.Now, Models: s.models, HasChannel: s.reaches,
		Methods: []signin.Method{
			securitykey.New(securitykey.Config{ID: rpID, Name: "Staffkey", Origins: []string{publicAddress}}), totp.New("Staffkey"),
			telephone.NewText(s.store.Sealer()), telephone.NewCall(s.store.Sealer()), recoverycode.New(s.store.Sealer()), pass.New(s.store.Sealer()), pw,
		},
	})
	s.directory = directory.New(directory.Deps{Store: s.store, Usable: s.signin.Usable, Refused: s.signin.RefusedKeys, Models: known})
	pages, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	s.metrics = portal.NewMetrics()
	s.handler, err = portal.New(portal.Deps{TakeProbe: s.probe,
		Metrics: s.metrics,
		SignIn:  s.signin, Directory: s.directory, Sealer: s.store.Sealer(), UI: pages, Address: publicAddress, RPID: rpID,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Health: s.store.Health, Now: s.clock.Now,
		Log: slog.New(slog.NewJSONHandler(s.witness, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// otherNode is a second node on the same database.
func (s *stack) otherNode() *stack {
	s.t.Helper()
	other := *s
	other.wire(address)
	return &other
}

const testPassword = "orbit velvet canyon moss"

// add adds a person with a password.
func (s *stack) add(username, organisation string) *holder {
	s.t.Helper()
	return s.addPerson(staffkey.Person{
		Username: username, Name: "Name of " + username, Email: username + "@mail.example", Organisation: staffkey.OrganisationID(organisation),
	})
}

func (s *stack) addPerson(p staffkey.Person) *holder {
	s.t.Helper()
	p, err := s.directory.AddPerson(s.t.Context(), staffkey.ConsoleActor(), p)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.signin.SetPassword(s.t.Context(), staffkey.ConsoleActor(), p.ID, testPassword); err != nil {
		s.t.Fatal(err)
	}
	h := &holder{Person: p}
	s.people[p.Username] = h
	return h
}

func (s *stack) grant(h *holder, role staffkey.Role, organisation string) {
	s.t.Helper()
	if err := s.directory.GrantRole(s.t.Context(), staffkey.ConsoleActor(), h.ID, role, staffkey.OrganisationID(organisation)); err != nil {
		s.t.Fatal(err)
	}
}

// giveKey registers a key of a person through the service.
func (s *stack) giveKey(h *holder, nickname string) *softkey.Key {
	s.t.Helper()
	return s.giveKeyOf(h, nickname, [16]byte{1})
}

// giveKeyOf is giveKey for a key of a model.
func (s *stack) giveKeyOf(h *holder, nickname string, aaguid [16]byte) *softkey.Key {
	s.t.Helper()
	key := softkey.New(softkey.Options{UserVerification: true, Resident: true, Transports: []string{"usb"}, Counter: softkey.Counter{Step: 1}, AAGUID: aaguid})
	s.register(h, key, nickname)
	return key
}

// register registers a certain key of a person through the service.
func (s *stack) register(h *holder, key *softkey.Key, nickname string) {
	s.t.Helper()
	ctx := s.t.Context()
	actor := storetest.SignIn(s.t, s.store, h.Person, storetest.Strong, s.clock.Now())
	begun, err := s.signin.BeginEnrolment(ctx, actor, staffkey.MethodSecurityKey, signin.EnrolOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := key.Create(s.origin(), begun.Options)
	if err != nil {
		s.t.Fatal(err)
	}
	done, err := s.signin.FinishEnrolment(ctx, actor, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodSecurityKey, Body: body})
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.signin.NameKey(ctx, actor, done.Key.ID, nickname); err != nil {
		s.t.Fatal(err)
	}
	h.keys, h.keyIDs = append(h.keys, key), append(h.keyIDs, done.Key.ID)
	if h.key == nil {
		h.key, h.keyID = key, done.Key.ID
	}
}

func (s *stack) origin() string { return address }

// session signs a person in with their key and returns a browser with that session.
func (s *stack) session(h *holder) *browser {
	s.t.Helper()
	b := s.browser()
	begun, err := s.signin.BeginSignIn(context.Background(), signin.Attempt{}, staffkey.MethodSecurityKey)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := h.key.Get(s.origin(), begun.Options)
	if err != nil {
		s.t.Fatal(err)
	}
	in, err := s.signin.FinishSignIn(context.Background(), staffkey.Origin{}, signin.Attempt{}, signin.Answer{Sealed: begun.Sealed, Method: staffkey.MethodSecurityKey, Body: body}, staffkey.Session{})
	if err != nil {
		s.t.Fatal(err)
	}
	b.cookies["__Host-staffkey-session"] = in.Secret
	return b
}

// browser keeps cookies and sends what a browser sends.
type browser struct {
	s       *stack
	cookies map[string]string
}

func (s *stack) browser() *browser { return &browser{s: s, cookies: map[string]string{}} }

type answer struct {
	*http.Response
	body string
}

func (b *browser) get(path string) answer { return b.send(b.request("GET", path, "", "")) }

func (b *browser) post(path string, form url.Values) answer {
	return b.send(b.request("POST", path, "application/x-www-form-urlencoded", form.Encode()))
}

func (b *browser) postJSON(path, body string) answer {
	r := b.request("POST", path, "application/json", body)
	r.Header.Set("Accept", "application/json")
	return b.send(r)
}

func (b *browser) request(method, path, contentType, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = strings.TrimPrefix(address, "https://")
	r.RemoteAddr = "192.0.2.7:4711"
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36")
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func (b *browser) send(r *http.Request) answer {
	b.s.t.Helper()
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	rec := httptest.NewRecorder()
	b.s.handler.ServeHTTP(rec, r)
	res := rec.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c.Value
		}
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.s.t.Fatal(err)
	}
	a := answer{res, string(body)}
	b.s.witness.hear(r, a)
	return a
}

// location is where an answer leads, by redirect or by JSON.
func (a answer) location() string {
	if l := a.Header.Get("Location"); l != "" {
		return l
	}
	_, rest, _ := strings.Cut(a.body, `"next":"`)
	next, _, _ := strings.Cut(rest, `"`)
	return next
}
