//go:build conformance

package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"staffkey"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/webauthn"

	"github.com/google/uuid"
)

// Codes of refusals that are this interface's own.
const (
	codeSession  = "session"          // no ceremony is under way in this session
	codeRequest  = "request"          // the request for options cannot be read
	codeUser     = "user_unknown"     // nobody of that name has registered anything
	codeUnknown  = "credential"       // the credential is not known, or not this user's
	codeExists   = "credential_known" // the credential id is registered already
	codeModel    = "metadata_unknown" // the model is not in the metadata
	codeFinding  = "model_finding"    // the metadata warns of the model
	cookieName   = "conformance"
	sessionBytes = 16
)

var base64URL = base64.RawURLEncoding

// server keeps everything in memory, for one run.
type server struct {
	party    webauthn.RelyingParty
	name     string
	metadata *mds.Payload // nil: every model is taken
	now      func() time.Time

	mu       sync.Mutex
	users    map[string]*user
	sessions map[string]ceremony
}

type user struct {
	name, display string
	handle        []byte
	keys          []key
}

type key struct {
	id []byte
	webauthn.Credential
}

// ceremony is what the options of a session asked for. It is spent by the first answer, good or bad.
type ceremony struct {
	register bool
	user     string
	asked    webauthn.Asked
}

func newServer(party webauthn.RelyingParty, metadata *mds.Payload, now func() time.Time) *server {
	return &server{party: party, name: "Staffkey", metadata: metadata, now: now, users: make(map[string]*user), sessions: make(map[string]ceremony)}
}

// handler has the four endpoints of the interface.
func (s *server) handler() http.Handler {
	mux := http.NewServeMux()
	for path, fn := range map[string]func(w http.ResponseWriter, body []byte, session string) (map[string]any, error){
		"POST /attestation/options": s.attestationOptions, "POST /attestation/result": s.attestationResult,
		"POST /assertion/options": s.assertionOptions, "POST /assertion/result": s.assertionResult,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, webauthn.MaxAnswer))
			var session string
			if c, cookieErr := r.Cookie(cookieName); cookieErr == nil {
				session = c.Value
			}
			var answer map[string]any
			if err == nil {
				answer, err = fn(w, body, session)
			}
			reply(w, answer, err)
		})
	}
	return mux
}

// reply writes an answer, or a refusal with its code and reason.
func reply(w http.ResponseWriter, answer map[string]any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if answer == nil {
		answer = make(map[string]any)
	}
	answer["status"], answer["errorMessage"] = "ok", ""
	var refusal *staffkey.Refusal
	switch {
	case errors.As(err, &refusal):
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]any{"status": "failed", "errorMessage": refusal.Error()}
	case err != nil:
		w.WriteHeader(http.StatusInternalServerError)
		answer = map[string]any{"status": "failed", "errorMessage": "fault: " + err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer) // fails only when nobody listens any more
}

func refuse(code, format string, args ...any) error {
	return staffkey.Refused(code, "wa.data").Because(format, args...)
}

// begin keeps what is asked of a session and sets its cookie.
func (s *server) begin(w http.ResponseWriter, c ceremony) {
	id := make([]byte, sessionBytes)
	_, _ = rand.Read(id) // never fails
	session := base64URL.EncodeToString(id)
	s.sessions[session] = c
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
}

// spend ends the ceremony of a session.
func (s *server) spend(session string, register bool) (ceremony, error) {
	c, ok := s.sessions[session]
	delete(s.sessions, session)
	if !ok || c.register != register {
		return c, refuse(codeSession, "no ceremony is under way")
	}
	return c, nil
}

func newChallenge() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return base64URL.EncodeToString(b)
}

const timeout = 120_000 // milliseconds

func (s *server) attestationOptions(w http.ResponseWriter, body []byte, _ string) (map[string]any, error) {
	var asked struct {
		Username, DisplayName string
		Selection             map[string]any `json:"authenticatorSelection"`
		Attestation           string
		Extensions            map[string]any
	}
	if json.Unmarshal(body, &asked) != nil || asked.Username == "" {
		return nil, refuse(codeRequest, "username is missing")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[asked.Username]
	if u == nil {
		u = &user{name: asked.Username, display: asked.DisplayName, handle: make([]byte, 32)}
		_, _ = rand.Read(u.handle) // never fails
		s.users[asked.Username] = u
	}
	if asked.Attestation == "" {
		asked.Attestation = "none"
	}
	challenge := newChallenge()
	s.begin(w, ceremony{register: true, user: u.name, asked: webauthn.Asked{Challenge: challenge, VerifyPerson: asked.Selection["userVerification"] == "required"}})
	var parameters []any
	for _, a := range s.party.Algorithms {
		parameters = append(parameters, map[string]any{"type": "public-key", "alg": a})
	}
	options := map[string]any{
		"rp": map[string]any{"name": s.name, "id": s.party.ID}, "challenge": challenge, "pubKeyCredParams": parameters, "timeout": timeout,
		"user":               map[string]any{"name": u.name, "displayName": u.display, "id": base64URL.EncodeToString(u.handle)},
		"excludeCredentials": descriptors(u), "attestation": asked.Attestation,
	}
	if asked.Selection != nil {
		options["authenticatorSelection"] = asked.Selection
	}
	if asked.Extensions != nil {
		options["extensions"] = asked.Extensions
	}
	return options, nil
}

func descriptors(u *user) []any {
	list := []any{}
	for _, k := range u.keys {
		list = append(list, map[string]any{"type": "public-key", "id": base64URL.EncodeToString(k.id)})
	}
	return list
}

func (s *server) attestationResult(_ http.ResponseWriter, body []byte, session string) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.spend(session, true)
	if err != nil {
		return nil, err
	}
	answer, err := webauthn.ParseRegistration(body)
	if err != nil {
		return nil, err
	}
	r, err := s.party.VerifyRegistration(answer, c.asked)
	if err != nil {
		return nil, err
	}
	if err := s.judge(r); err != nil {
		return nil, err
	}
	for _, u := range s.users {
		if _, ok := u.find(r.CredentialID); ok {
			return nil, refuse(codeExists, "the credential id is registered already")
		}
	}
	u := s.users[c.user]
	u.keys = append(u.keys, key{r.CredentialID, webauthn.Credential{
		PublicKey: r.PublicKey, SignCount: r.SignCount, BackupEligible: r.Flags.Has(webauthn.FlagBackupEligible),
	}})
	return nil, nil
}

func (u *user) find(id []byte) (int, bool) {
	for i, k := range u.keys {
		if string(k.id) == string(id) {
			return i, true
		}
	}
	return 0, false
}

// judge holds a registration to the metadata. Models that are not in it are taken when they prove nothing, or when there is no metadata.
func (s *server) judge(r webauthn.Registration) error {
	if s.metadata == nil {
		return nil
	}
	proves := r.Attestation.Type != webauthn.AttestationNone && r.Attestation.Type != webauthn.AttestationSelf
	e, ok := s.metadata.Find(uuid.UUID(r.AAGUID).String())
	switch {
	case !ok && proves:
		return refuse(codeModel, "model %x is not in the metadata", r.AAGUID)
	case !ok:
		return nil
	}
	for _, w := range e.Warnings(s.now(), mds.Key{Chain: r.Attestation.TrustPath}) {
		if w.Status != mds.Status(staffkey.FindingUpdateAvailable) {
			return refuse(codeFinding, "%s since %s", w.Status, w.EffectiveDate.Format(time.DateOnly))
		}
	}
	return securitykey.CheckAttestation(e, r.Attestation, r.Algorithm, s.now())
}

func (s *server) assertionOptions(w http.ResponseWriter, body []byte, _ string) (map[string]any, error) {
	var asked struct {
		Username         string
		UserVerification string
		Extensions       map[string]any
	}
	if json.Unmarshal(body, &asked) != nil {
		return nil, refuse(codeRequest, "the request cannot be read")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[asked.Username]
	if u == nil || len(u.keys) == 0 {
		return nil, refuse(codeUser, "nobody of that name has registered anything")
	}
	if asked.UserVerification == "" {
		asked.UserVerification = "preferred"
	}
	challenge := newChallenge()
	s.begin(w, ceremony{user: u.name, asked: webauthn.Asked{Challenge: challenge, VerifyPerson: asked.UserVerification == "required"}})
	options := map[string]any{
		"challenge": challenge, "timeout": timeout, "rpId": s.party.ID, "allowCredentials": descriptors(u), "userVerification": asked.UserVerification,
	}
	if asked.Extensions != nil {
		options["extensions"] = asked.Extensions
	}
	return options, nil
}

func (s *server) assertionResult(_ http.ResponseWriter, body []byte, session string) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.spend(session, false)
	if err != nil {
		return nil, err
	}
	answer, err := webauthn.ParseAuthentication(body)
	if err != nil {
		return nil, err
	}
	u := s.users[c.user]
	i, ok := u.find(answer.RawID)
	if !ok {
		return nil, refuse(codeUnknown, "the credential is not this user's")
	}
	if answer.UserHandle != nil && string(answer.UserHandle) != string(u.handle) {
		return nil, refuse(codeUnknown, "the user handle is another user's")
	}
	a, err := s.party.VerifyAuthentication(answer, c.asked, u.keys[i].Credential)
	if err != nil {
		return nil, err
	}
	u.keys[i].SignCount = a.SignCount
	return nil, nil
}
