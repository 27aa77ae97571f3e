package webauthn

import (
	"encoding/json"
	"errors"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
)

const (
	testID     = "staff.example.org"
	testOrigin = "https://staff.example.org"
	challenge  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
)

var (
	testAAGUID = [16]byte{0xee, 0x88, 0x28, 0x79, 0x72, 0x1c, 0x49, 0x13, 0x97, 0x75, 0x3d, 0xfc, 0xce, 0x97, 0x07, 0x2a}
	testParty  = RelyingParty{ID: testID, Origins: []string{testOrigin}, Algorithms: []Algorithm{ES256, EdDSA, ES384, ES512, RS256}}
	asked      = Asked{Challenge: challenge, VerifyPerson: true}
)

// codeOf returns the code of a refusal, and "" for none and for a fault.
func codeOf(err error) Code {
	var r *staffkey.Refusal
	if errors.As(err, &r) {
		return Code(r.Rule)
	}
	return ""
}

// check fails unless an error is a refusal by a code, or is none when the code is empty.
func check(t testing.TB, err error, want Code) {
	t.Helper()
	if got := codeOf(err); got != want || (err == nil) != (want == "") {
		t.Errorf("got error %v, want code %q", err, want)
	}
}

// goodKey are the options of a key as people have it: PIN, discoverable credentials, a counter, USB and NFC.
func goodKey() softkey.Options {
	return softkey.Options{
		AAGUID: testAAGUID, UserVerification: true, Resident: true, Attestation: softkey.AttestationPacked,
		Counter: softkey.Counter{Start: 1, Step: 1}, Transports: []string{"usb", "nfc"},
	}
}

// at makes a Tamper that changes one stage.
func at(stage softkey.Stage, change func(*softkey.Parts)) softkey.Tamper {
	return func(s softkey.Stage, p *softkey.Parts) {
		if s == stage {
			change(p)
		}
	}
}

// creation and request are options that ask for everything.
func creation(t testing.TB) []byte {
	t.Helper()
	var parameters []map[string]any
	for _, a := range testParty.Algorithms {
		parameters = append(parameters, map[string]any{"type": "public-key", "alg": a})
	}
	return marshal(t, map[string]any{
		"rp": map[string]any{"id": testID, "name": "Staffkey"}, "challenge": challenge, "pubKeyCredParams": parameters,
		"user":                   map[string]any{"id": "AAAA", "name": "amara", "displayName": "Amara Okafor"},
		"authenticatorSelection": map[string]any{"residentKey": "preferred", "userVerification": "required"},
		"attestation":            "direct",
		"extensions":             map[string]any{"credProps": true},
	})
}

func request(t testing.TB, credentialID []byte) []byte {
	t.Helper()
	return marshal(t, map[string]any{
		"challenge": challenge, "rpId": testID, "userVerification": "required",
		"allowCredentials": []any{map[string]any{"type": "public-key", "id": base64URL.EncodeToString(credentialID)}},
	})
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// create returns the answer of a key that is asked to register.
func create(t testing.TB, key *softkey.Key) []byte {
	t.Helper()
	answer, err := key.Create(testOrigin, creation(t))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// verified is a verified registration with what the browser said beside it.
type verified struct {
	Registration
	Answer RegistrationAnswer
}

func register(answer []byte) (verified, error) {
	parsed, err := ParseRegistration(answer)
	if err != nil {
		return verified{}, err
	}
	r, err := testParty.VerifyRegistration(parsed, asked)
	return verified{r, parsed}, err
}

// kept is what a relying party keeps of a registration.
func (v verified) kept() Credential {
	return Credential{PublicKey: v.PublicKey, SignCount: v.SignCount, BackupEligible: v.Flags.Has(FlagBackupEligible)}
}

func mustRegister(t testing.TB, key *softkey.Key) verified {
	t.Helper()
	v, err := register(create(t, key))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// get returns the answer of a key that is asked for a proof by a credential.
func get(t testing.TB, key *softkey.Key, v verified) []byte {
	t.Helper()
	answer, err := key.Get(testOrigin, request(t, v.CredentialID))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func authenticate(answer []byte, c Credential) (Authentication, error) {
	parsed, err := ParseAuthentication(answer)
	if err != nil {
		return Authentication{}, err
	}
	return testParty.VerifyAuthentication(parsed, asked, c)
}
