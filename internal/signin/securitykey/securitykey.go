// Package securitykey is the sign-in method that Staffkey exists for: WebAuthn (Level 3) with FIDO2 security keys. It makes
// the options of ceremonies and says whose answer it must be; package webauthn below it verifies the answer. It knows the
// models of keys by AAGUID (models.go).
package securitykey

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/securitykey/webauthn"
)

// Config is the relying party.
type Config struct {
	// ID is the RP ID, a host name; Name is shown by browsers. Origins are compared as exact strings.
	ID      string
	Name    string
	Origins []string
	// Reaches are the transports that the metadata has of a model, by its AAGUID; nil for none.
	Reaches func(aaguid string) []string
}

// Method is the security key method.
type Method struct {
	name    string
	rp      webauthn.RelyingParty
	reaches func(aaguid string) []string
}

// New returns the method. Pages of ours are never in a frame of another site.
func New(c Config) *Method {
	m := &Method{name: c.Name, rp: webauthn.RelyingParty{ID: c.ID, Origins: c.Origins}, reaches: c.Reaches}
	if m.reaches == nil {
		m.reaches = func(string) []string { return nil }
	}
	return m
}

// algorithms in the order of preference (F80), and with those that resist a quantum computer in front, where policy says so. ML-DSA-44 stands
// last: a firmware in use has another algorithm under its number, and would choose that before what everybody understands.
var (
	algorithms  = []webauthn.Algorithm{webauthn.ES256, webauthn.EdDSA, webauthn.ES384, webauthn.ES512, webauthn.RS256}
	postQuantum = slices.Concat([]webauthn.Algorithm{webauthn.MLDSA65, webauthn.MLDSA87}, algorithms, []webauthn.Algorithm{webauthn.MLDSA44})
)

// offered are the algorithms of a registration.
func offered(pq bool) []webauthn.Algorithm {
	if pq {
		return postQuantum
	}
	return algorithms
}

const (
	challengeBytes  = 32 // WebAuthn Level 3 §13.4.3 asks for at least 16
	userHandleBytes = 64 // §14.6.1 recommends 64 random bytes
)

// state is what a ceremony remembers.
type state struct {
	Challenge string `json:"c"`
	// UserHandle is the fresh random user.id of a registration.
	UserHandle []byte `json:"h,omitempty"`
	// VerifyPerson says that the answer must carry the authenticator's own check of the person.
	VerifyPerson bool `json:"v,omitempty"`
	// Only is the one entry that may answer.
	Only staffkey.SecurityKeyID `json:"k,omitempty"`
	// RPID is whom the keys were asked for, when it is not us by our own name.
	RPID string `json:"r,omitempty"`
	// PostQuantum says that ML-DSA was offered.
	PostQuantum bool `json:"q,omitempty"`
	// Again lists the entries that the same key may be on, for a key registered again.
	Again bool `json:"g,omitempty"`
}

func newState() (state, string) {
	raw := make([]byte, challengeBytes)
	_, _ = rand.Read(raw) // never fails: crypto/rand.Read ends the program instead
	c := base64.RawURLEncoding.EncodeToString(raw)
	return state{Challenge: c}, c
}

// Kind implements signin.Method.
func (m *Method) Kind() staffkey.MethodKind { return staffkey.MethodSecurityKey }

// Remaining implements signin.Method.
func (m *Method) Remaining([]byte) int { return -1 }

// The options below are PublicKeyCredentialCreationOptionsJSON and PublicKeyCredentialRequestOptionsJSON (WebAuthn
// Level 3 §5.1.8 and §5.1.10).

type descriptor struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"`
	Transports []string `json:"transports,omitempty"`
}

// parameter is PublicKeyCredentialParameters (§5.3).
type parameter struct {
	Type      string             `json:"type"`
	Algorithm webauthn.Algorithm `json:"alg"`
}

type creationOptions struct {
	RP struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"rp"`
	User struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		DisplayName string `json:"displayName"`
	} `json:"user"`
	Challenge   string              `json:"challenge"`
	Parameters  []parameter         `json:"pubKeyCredParams"`
	Timeout     int64               `json:"timeout"`
	Exclude     []descriptor        `json:"excludeCredentials"`
	Selection   map[string]any      `json:"authenticatorSelection"`
	Hints       []string            `json:"hints"`
	Attestation staffkey.Conveyance `json:"attestation"`
	Extensions  map[string]any      `json:"extensions"`
}

type requestOptions struct {
	Challenge        string       `json:"challenge"`
	Timeout          int64        `json:"timeout"`
	RPID             string       `json:"rpId"`
	Allow            []descriptor `json:"allowCredentials"`
	UserVerification string       `json:"userVerification"`
	Hints            []string     `json:"hints"`
}

func (m *Method) descriptors(keys []staffkey.SecurityKey) []descriptor {
	list := make([]descriptor, 0, len(keys))
	for _, k := range keys {
		list = append(list, descriptor{Type: "public-key", ID: base64.RawURLEncoding.EncodeToString(k.CredentialID), Transports: m.transports(k)})
	}
	return list
}

// transports are the ways in which a browser should look for a key. It looks in no others, and what it told at the registration is the plug
// that was used then: a key in the hand that was registered by USB is held to a phone or a reader on the desk next week. So a key that is
// carried is looked for by USB and by NFC, and by whatever else its own list and its model's have; the keys of a platform are where they are.
// None stays none: then browsers look everywhere.
func (m *Method) transports(k staffkey.SecurityKey) []string {
	if !slices.ContainsFunc(k.Transports, isCarried) {
		return k.Transports
	}
	list := slices.Clone(k.Transports)
	for _, t := range append([]string{"usb", "nfc"}, m.reaches(k.AAGUID)...) {
		if isCarried(t) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// isCarried reports a transport of keys in the hand (WebAuthn Level 3 §5.8.4).
func isCarried(transport string) bool {
	return transport == "usb" || transport == "nfc" || transport == "ble" || transport == "smart-card"
}

// BeginEnrolment makes the options of a registration. Every registration gets a fresh random user handle: with one per
// person, a second registration of the same key would silently replace the first on the key itself (F24). The exclude
// list is left out only when the person has said that the key is on the list and is to be registered again.
func (m *Method) BeginEnrolment(_ context.Context, e signin.Enrolling) (signin.Challenge, error) {
	st, challenge := newState()
	st.UserHandle = make([]byte, userHandleBytes)
	_, _ = rand.Read(st.UserHandle) // never fails, as above
	st.VerifyPerson, st.Again = !e.TouchOnly, e.Again
	var o creationOptions
	o.RP.ID, o.RP.Name = m.rp.ID, m.name
	o.User.ID = base64.RawURLEncoding.EncodeToString(st.UserHandle)
	o.User.Name = e.Person.Username
	// The nickname comes after the touch; until then the browser's chooser shows which entry of the list this is.
	o.User.DisplayName = fmt.Sprintf("%s (%d)", e.Person.Name, len(e.Keys)+1)
	st.PostQuantum = e.Policy.Keys.PostQuantum != nil && *e.Policy.Keys.PostQuantum
	for _, a := range offered(st.PostQuantum) {
		o.Parameters = append(o.Parameters, parameter{Type: "public-key", Algorithm: a})
	}
	o.Challenge, o.Timeout = challenge, signin.RegisterTimeout.Milliseconds()
	o.Exclude = []descriptor{}
	if !e.Again {
		o.Exclude = m.descriptors(m.registeredFor(m.rp.ID, e.Keys))
	}
	verification, protection, resident := "required", "userVerificationRequired", "preferred"
	if !st.VerifyPerson {
		// A key that has no PIN could not be used again. Nor can it sign anybody in without a name, and Chromium turns one away that could keep a
		// credential for that and has no PIN to keep it under.
		verification, protection, resident = "preferred", "userVerificationOptionalWithCredentialIDList", "discouraged"
	}
	o.Selection = map[string]any{"residentKey": resident, "requireResidentKey": false, "userVerification": verification}
	o.Hints, o.Attestation = []string{"security-key"}, staffkey.ConveyDirect
	if c := e.Policy.Keys.Conveyance; c != nil {
		o.Attestation = *c
	}
	// credProps tells whether the credential is discoverable (§10.1.3); the protection makes a key that can refuse to be used
	// without checking its person do so (CTAP 2.2 §12.1), and is not enforced, because older keys do not have it; minPinLength tells
	// how long its PIN must be to the relying parties that the key's owner allows it (§12.4).
	o.Extensions = map[string]any{
		"credProps": true, "minPinLength": true,
		"credentialProtectionPolicy": protection, "enforceCredentialProtectionPolicy": false,
	}
	return challengeOf(o, st)
}

// BeginVerification makes the options of a proof. Where every key on the list checked its person at registration, each
// must do so now; a list with an older key asks for it where the key can.
func (m *Method) BeginVerification(_ context.Context, v signin.Verifying) (signin.Challenge, error) {
	st, challenge := newState()
	o := requestOptions{
		Challenge: challenge, Timeout: signin.SignInTimeout.Milliseconds(), RPID: m.rp.ID, Allow: []descriptor{},
		UserVerification: "required", Hints: []string{"security-key"},
	}
	st.Only = v.Only
	if o.RPID = m.rpFor(v.Keys); o.RPID != m.rp.ID {
		st.RPID = o.RPID
	}
	for _, k := range m.registeredFor(o.RPID, v.Keys) {
		if k.State != staffkey.SecurityKeyActive || v.Only != "" && k.ID != v.Only {
			continue
		}
		o.Allow = append(o.Allow, m.descriptors([]staffkey.SecurityKey{k})...)
		if !k.UserVerified {
			o.UserVerification = "preferred"
		}
	}
	st.VerifyPerson = o.UserVerification == "required"
	return challengeOf(o, st)
}

// registeredFor returns the keys that answer for an RP ID; all, where none does: a browser that finds none of them can be told from one
// that was asked for nothing.
func (m *Method) registeredFor(rpID string, keys []staffkey.SecurityKey) []staffkey.SecurityKey {
	var list []staffkey.SecurityKey
	for _, k := range keys {
		if k.RPID == "" || k.RPID == rpID {
			list = append(list, k)
		}
	}
	if list == nil {
		return keys
	}
	return list
}

// rpFor is the RP ID that a person's keys are asked for: ours, or, where all of them were registered for another that the browser lets our
// pages use, that one (§5.1.4.1 step 7: our own host or a domain above it).
func (m *Method) rpFor(keys []staffkey.SecurityKey) string {
	other := elsewhere(m.rp.ID, keys)
	for _, origin := range m.rp.Origins {
		u, err := url.Parse(origin)
		if other == "" || err != nil || u.Hostname() != other && !strings.HasSuffix(u.Hostname(), "."+other) {
			return m.rp.ID
		}
	}
	return other
}

// Elsewhere returns the RP ID that all keys in use were registered for, if our pages cannot use it; "" when some of them may work.
func (m *Method) Elsewhere(keys []staffkey.SecurityKey) string {
	other := elsewhere(m.rp.ID, keys)
	if other == m.rpFor(keys) {
		return ""
	}
	return other
}

// elsewhere returns the one RP ID that all keys in use were registered for, if it is another than a given one; otherwise "".
func elsewhere(rpID string, keys []staffkey.SecurityKey) (other string) {
	for _, k := range keys {
		if k.State != staffkey.SecurityKeyActive {
			continue
		}
		if k.RPID == "" || k.RPID == rpID || other != "" && k.RPID != other {
			return ""
		}
		other = k.RPID
	}
	return other
}

func challengeOf(options any, st state) (signin.Challenge, error) {
	var c signin.Challenge
	var err error
	if c.Options, err = json.Marshal(options); err != nil {
		return c, err
	}
	c.State, err = json.Marshal(st)
	return c, err
}

func openState(c staffkey.Ceremony) (state, error) {
	var st state
	if err := json.Unmarshal(c.State, &st); err != nil {
		return st, fmt.Errorf("state of ceremony: %w", err)
	}
	if st.Challenge == "" {
		return st, errors.New("state of ceremony: no challenge")
	}
	return st, nil
}
