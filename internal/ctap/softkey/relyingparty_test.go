package softkey_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"testing"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"staffkey/internal/ctap/softkey"
)

const (
	testRPID   = "staff.example.org"
	testOrigin = "https://staff.example.org"
)

// object is a JSON object, for options that a test spells out.
type object map[string]any

// relyingParty asks for ceremonies and checks the answers with the WebAuthn library.
type relyingParty struct {
	challenge []byte
	params    []protocol.CredentialParameter
}

func newRelyingParty() *relyingParty {
	rp := &relyingParty{challenge: make([]byte, 32)}
	rand.Read(rp.challenge)
	for _, a := range []softkey.Algorithm{softkey.ES256, softkey.EdDSA, softkey.ES384, softkey.RS256} {
		rp.params = append(rp.params, protocol.CredentialParameter{
			Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.COSEAlgorithmIdentifier(a),
		})
	}
	return rp
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// creation returns creation options for the user with overrides applied on top.
func (rp *relyingParty) creation(tb testing.TB, userID string, overrides object) []byte {
	tb.Helper()
	options := object{
		"rp":               object{"id": testRPID, "name": "Staff"},
		"user":             object{"id": encode([]byte(userID)), "name": "ann@example.org", "displayName": "Ann"},
		"challenge":        encode(rp.challenge),
		"pubKeyCredParams": rp.params,
	}
	return marshal(tb, options, overrides)
}

// request returns request options with overrides applied on top.
func (rp *relyingParty) request(tb testing.TB, overrides object) []byte {
	tb.Helper()
	return marshal(tb, object{"rpId": testRPID, "challenge": encode(rp.challenge)}, overrides)
}

func marshal(tb testing.TB, options, overrides object) []byte {
	tb.Helper()
	for name, value := range overrides {
		if value == nil {
			delete(options, name)
			continue
		}
		options[name] = value
	}
	body, err := json.Marshal(options)
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// list returns credential descriptors for the ids.
func list(ids ...[]byte) []object {
	descriptors := make([]object, 0, len(ids))
	for _, id := range ids {
		descriptors = append(descriptors, object{"type": "public-key", "id": encode(id)})
	}
	return descriptors
}

// registered verifies a registration response.
func (rp *relyingParty) registered(body []byte, userVerification bool) (*protocol.ParsedCredentialCreationData, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes(body)
	if err != nil {
		return nil, err
	}
	_, err = parsed.Verify(encode(rp.challenge), testRPID, []string{testOrigin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, userVerification, true, nil, rp.params,
		protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	return parsed, err
}

// signedIn verifies a sign-in response made with the COSE public key.
func (rp *relyingParty) signedIn(body, publicKey []byte, userVerification bool) (*protocol.ParsedCredentialAssertionData, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(body)
	if err != nil {
		return nil, err
	}
	return parsed, parsed.Verify(encode(rp.challenge), testRPID, "", []string{testOrigin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, userVerification, true, publicKey, protocol.SignaturePolicy{})
}

// register creates a credential that must verify, and returns it as the library parsed it.
func (rp *relyingParty) register(tb testing.TB, key *softkey.Key, userID string, overrides object) *protocol.ParsedCredentialCreationData {
	tb.Helper()
	body, err := key.Create(testOrigin, rp.creation(tb, userID, overrides))
	if err != nil {
		tb.Fatalf("Create: %v", err)
	}
	parsed, err := rp.registered(body, false)
	if err != nil {
		tb.Fatalf("verify registration: %s\n%s", explain(err), body)
	}
	return parsed
}

// signIn signs in with the registered credential, and the answer must verify.
func (rp *relyingParty) signIn(tb testing.TB, key *softkey.Key, credential *protocol.ParsedCredentialCreationData) *protocol.ParsedCredentialAssertionData {
	tb.Helper()
	body, err := key.Get(testOrigin, rp.request(tb, object{"allowCredentials": list(credential.RawID)}))
	if err != nil {
		tb.Fatalf("Get: %v", err)
	}
	parsed, err := rp.signedIn(body, credential.Response.AttestationObject.AuthData.AttData.CredentialPublicKey, false)
	if err != nil {
		tb.Fatalf("verify sign-in: %s\n%s", explain(err), body)
	}
	return parsed
}

// explain shows what the library keeps out of Error.
func explain(err error) string {
	var detailed *protocol.Error
	if errors.As(err, &detailed) {
		return detailed.Details + ": " + detailed.DevInfo
	}
	return err.Error()
}
