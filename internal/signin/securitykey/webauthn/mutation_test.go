package webauthn

import (
	"bytes"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"staffkey/internal/ctap/softkey"

	"github.com/google/go-cmp/cmp"
)

// Where things stand in authenticator data (§6.1, §6.5.1) with a credential id of 32 bytes.
const (
	flagsAt, counterAt, aaguidAt, idLengthAt, idAt, keyAt = 32, 33, 37, 53, 55, 87

	up, uv, be, bs, attested, extended = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
)

// mutation is one change to a good answer, and the code that must refuse it; "" where it must not matter.
type mutation struct {
	name   string
	stage  softkey.Stage
	change func(*softkey.Parts)
	code   Code
}

// inClientData replaces a piece of the client data.
func inClientData(old, new string) func(*softkey.Parts) {
	return func(p *softkey.Parts) {
		p.ClientDataJSON = bytes.Replace(p.ClientDataJSON, []byte(old), []byte(new), 1)
	}
}

// flags sets and clears flags.
func flags(set, clear byte) func(*softkey.Parts) {
	return func(p *softkey.Parts) { p.AuthenticatorData[flagsAt] = p.AuthenticatorData[flagsAt]&^clear | set }
}

// flip changes one bit of the authenticator data.
func flip(i int) func(*softkey.Parts) {
	return func(p *softkey.Parts) { p.AuthenticatorData[i] ^= 0x80 }
}

// withPublicKey puts another public key into the attested credential data.
func withPublicKey(raw []byte) func(*softkey.Parts) {
	return func(p *softkey.Parts) { p.AuthenticatorData = append(p.AuthenticatorData[:keyAt:keyAt], raw...) }
}

// mutations are those that a registration and an authentication have in common; stage is before signing, and signature the code of
// a signature that does not verify.
func mutations(stage softkey.Stage, signature Code) []mutation {
	// What is empty is refused where it is read: in the answer, or in the attestation object.
	none, empty := CodeAnswerSignature, CodeAnswerAuthenticatorData
	if stage == softkey.CreateBeforeSigning {
		none, empty = CodeAttestationStatement, CodeAttestationObject
	}
	return []mutation{
		{"another origin", stage, inClientData("staff.example.org", "evil.example.org"), "origin"},
		{"http", stage, inClientData("https://", "http://"), "origin"},
		{"a port", stage, inClientData(`.org"`, `.org:8443"`), "origin"},
		{"an origin that begins like ours", stage, inClientData(`.org"`, `.org.evil"`), "origin"},
		{"a slash behind the origin", stage, inClientData(`.org"`, `.org/"`), "origin"},
		{"an origin in capitals", stage, inClientData("https://staff", "HTTPS://STAFF"), "origin"},
		{"in a frame of another site", stage, inClientData(`"crossOrigin":false`, `"crossOrigin":true`), "cross_origin"},
		{"a top origin", stage, inClientData(`"crossOrigin":false`, `"crossOrigin":false,"topOrigin":"https://evil.example"`), "top_origin"},
		{"a type of nothing", stage, inClientData("webauthn.", "payment."), CodeType},
		{"another challenge", stage, func(p *softkey.Parts) {
			i := bytes.Index(p.ClientDataJSON, []byte(`"challenge":"`)) + len(`"challenge":"`)
			copy(p.ClientDataJSON[i:], "BBBB")
		}, CodeChallenge},
		{"an empty challenge", stage, func(p *softkey.Parts) {
			i := bytes.Index(p.ClientDataJSON, []byte(`"challenge":"`)) + len(`"challenge":"`)
			p.ClientDataJSON = append(p.ClientDataJSON[:i:i], p.ClientDataJSON[i+43:]...)
		}, CodeChallenge},
		{"a second challenge", stage, inClientData(`"crossOrigin"`, `"challenge":"AAAA","crossOrigin"`), "client_data"},
		{"no client data", stage, func(p *softkey.Parts) { p.ClientDataJSON = nil }, CodeAnswerClientData},
		{"client data that is no JSON", stage, func(p *softkey.Parts) { p.ClientDataJSON = []byte("hello") }, CodeClientData},
		{"client data with bytes behind it", stage, func(p *softkey.Parts) { p.ClientDataJSON = append(p.ClientDataJSON, ' ', '{') }, CodeClientData},
		{"client data with members of the future", stage, inClientData(`"crossOrigin":false`, `"crossOrigin":false,"later":[1]`), ""},
		{"client data changed after signing", stage + 1, inClientData(`"crossOrigin":false`, `"crossOrigin":false `), signature},
		{"no signature", stage + 1, func(p *softkey.Parts) { p.Signature = nil }, none},
		{"an empty signature", stage + 1, func(p *softkey.Parts) { p.Signature = []byte{} }, none},
		{"another signature", stage + 1, func(p *softkey.Parts) { p.Signature[len(p.Signature)-1] ^= 1 }, signature},
		{"a signature with bytes behind it", stage + 1, func(p *softkey.Parts) { p.Signature = append(p.Signature, 0) }, signature},
		{"another relying party", stage, flip(0), CodeRPID},
		{"no touch", stage, flags(0, up), CodeUserPresence},
		{"person not verified", stage, flags(0, uv), "user_verification"},
		{"backed up without being eligible", stage, flags(bs, be), "backup_flags"},
		{"a reserved flag", stage, flags(0x02, 0), ""},
		{"another reserved flag", stage, flags(0x20, 0), ""},
		{"a flag for extensions that are not there", stage, flags(extended, 0), CodeExtensions},
		{"bytes behind the authenticator data", stage, func(p *softkey.Parts) { p.AuthenticatorData = append(p.AuthenticatorData, 0) }, CodeAuthenticatorData},
		{"authenticator data cut short", stage, func(p *softkey.Parts) { p.AuthenticatorData = p.AuthenticatorData[:counterAt+3] }, CodeAuthenticatorData},
		{"no authenticator data", stage, func(p *softkey.Parts) { p.AuthenticatorData = nil }, empty},
		{"extensions that nobody asked for", stage, func(p *softkey.Parts) {
			p.AuthenticatorData[flagsAt] |= extended
			p.AuthenticatorData = append(p.AuthenticatorData, 0xa1, 0x68, 'u', 'n', 'a', 's', 'k', 'e', 'd', '!', 0xf5)
		}, ""},
	}
}

func TestRegistration_with_one_thing_changed(t *testing.T) {
	t.Parallel()
	const before, after, encoded = softkey.CreateBeforeSigning, softkey.CreateAfterSigning, softkey.CreateEncoded
	p256 := ecKey(t, elliptic.P256(), -7, 1)
	attested := append(mutations(before, CodeAttestationSignature), []mutation{
		{"nothing", before, func(*softkey.Parts) {}, ""},
		{"a proof in place of a registration", before, inClientData("webauthn.create", "webauthn.get"), CodeType},
		{"eligible for backup", before, flags(be, 0), ""},
		{"eligible and backed up", before, flags(be|bs, 0), ""},
		{"no attested credential", before, flags(0, attested), CodeAuthenticatorData},
		{"no attested credential, nor bytes of one", before, func(p *softkey.Parts) {
			p.AuthenticatorData = p.AuthenticatorData[:aaguidAt]
			p.AuthenticatorData[flagsAt] &^= attested
		}, CodeAttestedDataMissing},
		{"an attested credential that is not there", before, func(p *softkey.Parts) { p.AuthenticatorData = p.AuthenticatorData[:aaguidAt] }, CodeAttestedData},
		{"a model that the certificate does not name", before, flip(aaguidAt), CodeAttestationAAGUID},
		{"model changed after signing", after, flip(aaguidAt), CodeAttestationSignature},
		{"a counter that is high", before, flip(counterAt), ""},
		{"a credential id that is longer than may be", before, flip(idLengthAt), CodeCredentialID},
		{"a credential id that is longer than what is there", before, func(p *softkey.Parts) { p.AuthenticatorData[idLengthAt] = 1 }, CodeAttestedData},
		{"another credential id outside", encoded, func(p *softkey.Parts) { p.CredentialID[0] ^= 1 }, CodeCredentialID},
		{"no credential id", before, func(p *softkey.Parts) { p.CredentialID = nil }, CodeAnswerID},
		{"a format that nobody knows", after, func(p *softkey.Parts) { p.Format = "handmade" }, CodeAttestationFormat},
		{"a format in capitals", after, func(p *softkey.Parts) { p.Format = "Packed" }, CodeAttestationFormat},
		{"the format of another statement", after, func(p *softkey.Parts) { p.Format = "tpm" }, CodeAttestationStatement},
		{"none with a statement", after, func(p *softkey.Parts) { p.Format = "none" }, CodeAttestationStatement},
		{"none", after, func(p *softkey.Parts) { p.Format, p.Statement, p.Signature = "none", map[string]any{}, nil }, ""},
		{"no algorithm in the statement", after, func(p *softkey.Parts) { delete(p.Statement, "alg") }, CodeAttestationStatement},
		{"an algorithm that is no number", after, func(p *softkey.Parts) { p.Statement["alg"] = "ES256" }, CodeAttestationStatement},
		{"another algorithm in the statement", after, func(p *softkey.Parts) { p.Statement["alg"] = -257 }, CodeAttestationSignature},
		{"a member that packed does not have", after, func(p *softkey.Parts) { p.Statement["ecdaaKeyId"] = []byte{1} }, CodeAttestationStatement},
		{"no certificate", after, func(p *softkey.Parts) { p.Statement["x5c"] = [][]byte{} }, CodeAttestationStatement},
		{"certificates that are no array", after, func(p *softkey.Parts) { p.Statement["x5c"] = []byte{1} }, CodeAttestationStatement},
		{"a certificate that is text", after, func(p *softkey.Parts) { p.Statement["x5c"] = []string{"MII"} }, CodeAttestationStatement},
		{"a damaged certificate", after, func(p *softkey.Parts) { clear(p.Statement["x5c"].([][]byte)[0]) }, CodeAttestationStatement},
		{"too many certificates", after, func(p *softkey.Parts) {
			p.Statement["x5c"] = slices.Repeat(p.Statement["x5c"].([][]byte)[:1], maxPath+1)
		}, CodeAttestationStatement},
		{"object cut short", encoded, func(p *softkey.Parts) { p.AttestationObject = p.AttestationObject[:len(p.AttestationObject)-1] }, CodeAttestationObject},
		{"object with bytes behind it", encoded, func(p *softkey.Parts) { p.AttestationObject = append(p.AttestationObject, 0) }, CodeAttestationObject},
		{"object that is no map", encoded, func(p *softkey.Parts) { p.AttestationObject = []byte{0x80} }, CodeAttestationObject},
		{"no object", encoded, func(p *softkey.Parts) { p.AttestationObject = nil }, CodeAnswerAttestation},
		{"ES256K, which we do not offer", before, publicKey256K(t, p256), CodeAlgorithm},
		{"RS1, which we do not offer", before, withPublicKey(rsaKey(2048, 1, 0, 1).but(3, -65535).encode(t)), CodeAlgorithm},
	}...)
	// Keys without attestation say of their public key whatever they like, so that the statement cannot be what refuses it.
	unattested := []mutation{
		{"public key: ES256K", before, publicKey256K(t, p256), CodeAlgorithm},
		{"public key: RS1", before, withPublicKey(rsaKey(2048, 1, 0, 1).but(3, -65535).encode(t)), CodeAlgorithm},
		{"public key: Ed448, which we do not offer", before, withPublicKey(ed448TestKey(t).encode(t)), CodeAlgorithm},
		{"public key: zero", before, withPublicKey(p256.but(-2, make([]byte, 32)).but(-3, make([]byte, 32)).encode(t)), CodePublicKey},
		{"public key: RSA of 1024 bits", before, withPublicKey(rsaKey(1024, 1, 0, 1).encode(t)), CodePublicKey},
		{"public key: of small order", before, withPublicKey(edKey(t).but(-2, smallOrder[1]).encode(t)), CodePublicKey},
		{"public key: another curve", before, withPublicKey(ecKey(t, elliptic.P384(), -7, 2).encode(t)), CodePublicKey},
		{"public key: a label twice", before, withPublicKey(twice(t, p256)), CodePublicKey},
		{"public key: of no stated length", before, withPublicKey(indefinite(t, p256)), CodeAttestedData},
		{"public key: tagged", before, withPublicKey(tagged(t, p256)), CodeAttestedData},
		{"public key: none", before, withPublicKey(nil), CodeAttestedData},
		{"public key: members in another order", before, withPublicKey(reordered(t, p256)), CodePublicKey},
		{"public key: another good one", before, withPublicKey(p256.encode(t)), ""},
		{"no credential id inside", before, func(p *softkey.Parts) {
			p.AuthenticatorData = append(append(p.AuthenticatorData[:idLengthAt:idLengthAt], 0, 0), p.AuthenticatorData[keyAt:]...)
		}, CodeCredentialID},
		{"extensions that are no map", before, func(p *softkey.Parts) {
			p.AuthenticatorData[flagsAt] |= extended
			p.AuthenticatorData = append(p.AuthenticatorData, 0x80)
		}, CodeExtensions},
		{"a protection level that there is not", before, extension("credProtect", 4), CodeExtensions},
		{"a protection level", before, extension("credProtect", 2), ""},
		{"a protection level as text", before, extension("credProtect", "high"), CodeExtensions},
		{"a least PIN of no length", before, extension("minPinLength", -1), CodeExtensions},
	}
	selfAttested := []mutation{
		{"nothing", before, func(*softkey.Parts) {}, ""},
		{"another algorithm", after, func(p *softkey.Parts) { p.Statement["alg"] = -8 }, CodeAttestationAlgorithm},
		{"another signature", after, func(p *softkey.Parts) { p.Signature[len(p.Signature)-1] ^= 1 }, CodeAttestationSignature},
		{"a further member", after, func(p *softkey.Parts) { p.Statement["ver"] = "2.0" }, CodeAttestationStatement},
		{"another public key", before, withPublicKey(p256.encode(t)), CodeAttestationSignature},
	}
	run := func(attestation softkey.Attestation, test mutation) {
		t.Run(string(attestation)+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			o := goodKey()
			o.Attestation, o.Tamper = attestation, at(test.stage, test.change)
			_, err := register(create(t, softkey.New(o)))
			check(t, err, test.code)
		})
	}
	for _, test := range attested {
		run(softkey.AttestationPacked, test)
	}
	for _, test := range unattested {
		run(softkey.AttestationNone, test)
	}
	for _, test := range selfAttested {
		run(softkey.AttestationPackedSelf, test)
	}
}

// publicKey256K is ES256K (RFC 8812), on a curve of its own.
func publicKey256K(t *testing.T, p256 cose) func(*softkey.Parts) {
	return withPublicKey(p256.but(3, -47).but(-1, 8).encode(t))
}

// extension adds one output of an authenticator extension.
func extension(name string, value any) func(*softkey.Parts) {
	return func(p *softkey.Parts) {
		raw, err := canonicalCBOR.Marshal(map[string]any{name: value})
		if err != nil {
			panic(err) // the values of the tests can be encoded
		}
		p.AuthenticatorData[flagsAt] |= extended
		p.AuthenticatorData = append(p.AuthenticatorData, raw...)
	}
}

func TestAuthentication_with_one_thing_changed(t *testing.T) {
	t.Parallel()
	const before, after = softkey.GetBeforeSigning, softkey.GetAfterSigning
	list := append(mutations(before, CodeSignature), []mutation{
		{"nothing", before, func(*softkey.Parts) {}, ""},
		{"a registration in place of a proof", before, inClientData("webauthn.get", "webauthn.create"), CodeType},
		{"eligible for backup all at once", before, flags(be, 0), CodeBackupEligibility},
		{"backed up all at once", before, flags(be|bs, 0), CodeBackupEligibility},
		{"counter zero", before, func(p *softkey.Parts) { clear(p.AuthenticatorData[counterAt:aaguidAt]) }, CodeCounter},
		{"counter as it was", before, func(p *softkey.Parts) { copy(p.AuthenticatorData[counterAt:], []byte{0, 0, 0, 1}) }, CodeCounter},
		{"counter changed after signing", after, flip(counterAt), CodeSignature},
		{"no credential", before, func(p *softkey.Parts) { p.CredentialID = nil }, CodeAnswerID},
		{"no user handle", before, func(p *softkey.Parts) { p.UserHandle = nil }, ""}, // §7.2 step 6: it may be missing when the person is known
		{"an attested credential that is not there", before, flags(attested, 0), CodeAttestedData},
		{"an attested credential", before, func(p *softkey.Parts) {
			p.AuthenticatorData[flagsAt] |= attested
			p.AuthenticatorData = slices.Concat(p.AuthenticatorData, make([]byte, 16), []byte{0, 1, 7}, ecKey(t, elliptic.P256(), -7, 1).encode(t))
		}, CodeAttestedDataUnasked},
	}...)
	for _, test := range list {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := goodKey()
			o.Tamper = at(test.stage, test.change)
			key := softkey.New(o)
			v := mustRegister(t, key)
			_, err := authenticate(get(t, key, v), v.kept())
			check(t, err, test.code)
		})
	}
}

// change decodes an answer, changes it and encodes it again, for what the browser and not the key says.
func change(t testing.TB, answer []byte, fn func(body map[string]any)) []byte {
	t.Helper()
	var body map[string]any
	if err := json.Unmarshal(answer, &body); err != nil {
		t.Fatal(err)
	}
	fn(body)
	changed, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestRegistration_answer(t *testing.T) {
	t.Parallel()
	response := func(body map[string]any) map[string]any { return body["response"].(map[string]any) }
	same := func(*RegistrationAnswer) {}
	tests := []struct {
		name   string
		change func(body map[string]any)
		code   Code
		want   func(*RegistrationAnswer)
	}{
		{"nothing changed", func(map[string]any) {}, "", same},
		{"members of the future", func(b map[string]any) { b["later"] = true; response(b)["later"] = 1 }, "", same},
		{"outputs of extensions that nobody asked for", func(b map[string]any) {
			b["clientExtensionResults"] = map[string]any{"appid": true, "prf": map[string]any{"enabled": true}, "unasked": []int{1}, "credProps": map[string]any{"rk": true}}
		}, "", func(a *RegistrationAnswer) { a.Results.PRF = true }},
		{"no outputs of extensions", func(b map[string]any) { delete(b, "clientExtensionResults") }, "", func(a *RegistrationAnswer) { a.Results.Discoverable = false }},
		{"outputs that are no object", func(b map[string]any) { b["clientExtensionResults"] = []int{} }, CodeAnswerExtensions, nil},
		{"credProps that does not say", func(b map[string]any) { b["clientExtensionResults"] = map[string]any{"credProps": map[string]any{}} }, "",
			func(a *RegistrationAnswer) { a.Results.Discoverable = false }},
		{"credProps of another shape", func(b map[string]any) { b["clientExtensionResults"] = map[string]any{"credProps": true} }, "",
			func(a *RegistrationAnswer) { a.Results.Discoverable = false }},
		{"transports that nobody knows", func(b map[string]any) { response(b)["transports"] = []string{"usb", "telepathy", "usb", "", "nfc"} }, "",
			func(a *RegistrationAnswer) { a.Transports = []string{"usb", "nfc"} }},
		{"the old name of hybrid", func(b map[string]any) { response(b)["transports"] = []string{"cable", "internal", "hybrid"} }, "",
			func(a *RegistrationAnswer) { a.Transports = []string{"hybrid", "internal"} }},
		{"no transports", func(b map[string]any) { delete(response(b), "transports") }, "", func(a *RegistrationAnswer) { a.Transports = nil }},
		{"an attachment that nobody knows", func(b map[string]any) { b["authenticatorAttachment"] = "glued" }, "", func(a *RegistrationAnswer) { a.Attachment = "" }},
		{"no attachment", func(b map[string]any) { b["authenticatorAttachment"] = nil }, "", func(a *RegistrationAnswer) { a.Attachment = "" }},
		{"no type", func(b map[string]any) { delete(b, "type") }, CodeAnswerType, nil},
		{"type that is no text", func(b map[string]any) { b["type"] = 1 }, CodeAnswerType, nil},
		{"another type", func(b map[string]any) { b["type"] = "password" }, CodeAnswerType, nil},
		{"no id", func(b map[string]any) { delete(b, "id") }, CodeAnswerID, nil},
		{"no raw id", func(b map[string]any) { delete(b, "rawId") }, CodeAnswerID, nil},
		{"id that is no text", func(b map[string]any) { b["id"] = 7 }, CodeAnswerID, nil},
		{"id that is not the raw id", func(b map[string]any) { b["id"] = "AAAA" }, CodeAnswerID, nil},
		{"id that is no base64url", func(b map[string]any) { b["id"], b["rawId"] = "++++", "++++" }, CodeAnswerID, nil},
		{"id with padding", func(b map[string]any) { b["id"], b["rawId"] = "AA==", "AA==" }, CodeAnswerID, nil},
		{"id whose last bits are not zero", func(b map[string]any) { b["id"], b["rawId"] = "AB", "AB" }, CodeAnswerID, nil},
		{"id with a line break", func(b map[string]any) { b["id"], b["rawId"] = "AA\nAA", "AA\nAA" }, CodeAnswerID, nil},
		{"no response", func(b map[string]any) { delete(b, "response") }, CodeAnswerResponse, nil},
		{"response that is no object", func(b map[string]any) { b["response"] = "x" }, CodeAnswerResponse, nil},
		{"no client data", func(b map[string]any) { delete(response(b), "clientDataJSON") }, CodeAnswerClientData, nil},
		{"client data that is no text", func(b map[string]any) { response(b)["clientDataJSON"] = []int{1} }, CodeAnswerClientData, nil},
		{"client data that is empty", func(b map[string]any) { response(b)["clientDataJSON"] = "" }, CodeAnswerClientData, nil},
		{"no attestation object", func(b map[string]any) { delete(response(b), "attestationObject") }, CodeAnswerAttestation, nil},
		{"an attestation object that is no text", func(b map[string]any) { response(b)["attestationObject"] = true }, CodeAnswerAttestation, nil},
		{"more members than anybody writes", func(b map[string]any) {
			for n := range maxMembers {
				response(b)[fmt.Sprintf("later %d", n)] = n
			}
		}, CodeAnswer, nil},
		{"an answer that is too long", func(b map[string]any) { b["later"] = strings.Repeat("x", MaxAnswer) }, CodeAnswer, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			answer := create(t, softkey.New(goodKey()))
			want, err := ParseRegistration(answer)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ParseRegistration(change(t, answer, test.change))
			check(t, err, test.code)
			if test.want == nil {
				return
			}
			test.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAuthentication_answer(t *testing.T) {
	t.Parallel()
	key := softkey.New(goodKey())
	v := mustRegister(t, key)
	answer := get(t, key, v)
	tests := []struct {
		name   string
		change func(body, response map[string]any)
		code   Code
	}{
		{"nothing changed", func(_, _ map[string]any) {}, ""},
		{"no client data", func(_, r map[string]any) { delete(r, "clientDataJSON") }, CodeAnswerClientData},
		{"no authenticator data", func(_, r map[string]any) { delete(r, "authenticatorData") }, CodeAnswerAuthenticatorData},
		{"authenticator data that is no text", func(_, r map[string]any) { r["authenticatorData"] = 1 }, CodeAnswerAuthenticatorData},
		{"authenticator data in base64", func(_, r map[string]any) { r["authenticatorData"] = "++//" }, CodeAnswerAuthenticatorData},
		{"no signature", func(_, r map[string]any) { delete(r, "signature") }, CodeAnswerSignature},
		{"a signature that is no text", func(_, r map[string]any) { r["signature"] = map[string]any{} }, CodeAnswerSignature},
		{"a signature in base64", func(_, r map[string]any) { r["signature"] = "MEUC+/==" }, CodeAnswerSignature},
		{"a user handle that is no text", func(_, r map[string]any) { r["userHandle"] = 1 }, CodeAnswerUserHandle},
		{"a user handle that is no base64url", func(_, r map[string]any) { r["userHandle"] = "ä" }, CodeAnswerUserHandle},
		{"a user handle that is null", func(_, r map[string]any) { r["userHandle"] = nil }, ""},
		{"a user handle that is empty", func(_, r map[string]any) { r["userHandle"] = "" }, ""},
		{"another type", func(b, _ map[string]any) { b["type"] = "publickey" }, CodeAnswerType},
		{"no response", func(b, _ map[string]any) { b["response"] = nil }, CodeAnswerResponse},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			changed := change(t, answer, func(b map[string]any) { test.change(b, b["response"].(map[string]any)) })
			_, err := authenticate(changed, v.kept())
			check(t, err, test.code)
		})
	}
}

func TestAnswers_that_are_no_answers(t *testing.T) {
	t.Parallel()
	good := string(create(t, softkey.New(goodKey())))
	for _, body := range []string{
		"", "null", "[]", `"x"`, "{", "\xff", good + "{}", good + " x", strings.Repeat("[", 60_000), strings.Replace(good, `"type"`, `"Type":"x","type"`, 1),
		strings.Replace(good, `"response":{`, `"response":{"x":{"y":1,"y":2},`, 1),
	} {
		if _, err := ParseRegistration([]byte(body)); codeOf(err) != CodeAnswer {
			t.Errorf("registration %.40q: got error %v, want a refusal by %s", body, err, CodeAnswer)
		}
		if _, err := ParseAuthentication([]byte(body)); codeOf(err) != CodeAnswer {
			t.Errorf("authentication %.40q: got error %v, want a refusal by %s", body, err, CodeAnswer)
		}
	}
}
