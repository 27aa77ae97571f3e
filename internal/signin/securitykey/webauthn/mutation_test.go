package securitykey

import (
	"bytes"
	"crypto/elliptic"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin/signintest"

	"github.com/google/go-cmp/cmp"
)

// Where things stand in authenticator data (§6.1, §6.5.1) with a credential id of 32 bytes.
const (
	flagsAt, counterAt, aaguidAt, idLengthAt, idAt, keyAt = 32, 33, 37, 53, 55, 87

	up, uv, be, bs, attested, extended = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
)

// mutation is one change to a good answer, and the rule that must refuse it; "" where it must not matter.
type mutation struct {
	name   string
	stage  softkey.Stage
	change func(*softkey.Parts)
	rule   string
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

// publicKey puts another public key into the attested credential data.
func publicKey(raw []byte) func(*softkey.Parts) {
	return func(p *softkey.Parts) { p.AuthenticatorData = append(p.AuthenticatorData[:keyAt:keyAt], raw...) }
}

// clientDataMutations are those that a registration and a proof have in common; stage is before signing.
func clientDataMutations(stage softkey.Stage, verified string) []mutation {
	return []mutation{
		{"another origin", stage, inClientData("staff.example.org", "evil.example.org"), "origin"},
		{"http", stage, inClientData("https://", "http://"), "origin"},
		{"a port", stage, inClientData(`.org"`, `.org:8443"`), "origin"},
		{"an origin that begins like ours", stage, inClientData(`.org"`, `.org.evil"`), "origin"},
		{"a slash behind the origin", stage, inClientData(`.org"`, `.org/"`), "origin"},
		{"an origin in capitals", stage, inClientData("https://staff", "HTTPS://STAFF"), "origin"},
		{"in a frame of another site", stage, inClientData(`"crossOrigin":false`, `"crossOrigin":true`), "cross_origin"},
		{"a top origin", stage, inClientData(`"crossOrigin":false`, `"crossOrigin":false,"topOrigin":"https://evil.example"`), "top_origin"},
		{"a type of nothing", stage, inClientData("webauthn.", "payment."), verified},
		{"another challenge", stage, func(p *softkey.Parts) {
			i := bytes.Index(p.ClientDataJSON, []byte(`"challenge":"`)) + len(`"challenge":"`)
			copy(p.ClientDataJSON[i:], "AAAA")
		}, verified},
		{"an empty challenge", stage, func(p *softkey.Parts) {
			i := bytes.Index(p.ClientDataJSON, []byte(`"challenge":"`)) + len(`"challenge":"`)
			p.ClientDataJSON = append(p.ClientDataJSON[:i:i], p.ClientDataJSON[i+43:]...)
		}, verified},
		{"a second challenge", stage, inClientData(`"crossOrigin"`, `"challenge":"AAAA","crossOrigin"`), "client_data"},
		{"no client data", stage, func(p *softkey.Parts) { p.ClientDataJSON = nil }, "answer_unreadable"},
		{"client data that is no JSON", stage, func(p *softkey.Parts) { p.ClientDataJSON = []byte("hello") }, "answer_unreadable"},
		{"client data with bytes behind it", stage, func(p *softkey.Parts) { p.ClientDataJSON = append(p.ClientDataJSON, ' ', '{') }, "answer_unreadable"},
		{"client data with members of the future", stage, inClientData(`"crossOrigin":false`, `"crossOrigin":false,"later":[1]`), ""},
		{"client data changed after signing", stage + 1, inClientData(`"crossOrigin":false`, `"crossOrigin":false `), verified},
		{"no signature", stage + 1, func(p *softkey.Parts) { p.Signature = nil }, verified},
		{"an empty signature", stage + 1, func(p *softkey.Parts) { p.Signature = []byte{} }, verified},
		{"another signature", stage + 1, func(p *softkey.Parts) { p.Signature[len(p.Signature)-1] ^= 1 }, verified},
		{"a signature with bytes behind it", stage + 1, func(p *softkey.Parts) { p.Signature = append(p.Signature, 0) }, verified},
		{"another relying party", stage, flip(0), verified},
		{"no touch", stage, flags(0, up), verified},
		{"person not verified", stage, flags(0, uv), "user_verification"},
		{"backed up without being eligible", stage, flags(bs, be), "backup_flags"},
		{"a reserved flag", stage, flags(0x02, 0), ""},
		{"another reserved flag", stage, flags(0x20, 0), ""},
		{"a flag for extensions that are not there", stage, flags(extended, 0), "answer_unreadable"},
		{"bytes behind the authenticator data", stage, func(p *softkey.Parts) { p.AuthenticatorData = append(p.AuthenticatorData, 0) }, "answer_unreadable"},
		{"authenticator data cut short", stage, func(p *softkey.Parts) { p.AuthenticatorData = p.AuthenticatorData[:counterAt+3] }, "answer_unreadable"},
		{"no authenticator data", stage, func(p *softkey.Parts) { p.AuthenticatorData = nil }, "answer_unreadable"},
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
	mutations := append(clientDataMutations(before, "registration_unverified"), []mutation{
		{"nothing", before, func(*softkey.Parts) {}, ""},
		{"a proof in place of a registration", before, inClientData("webauthn.create", "webauthn.get"), "registration_unverified"},
		{"eligible for backup", before, flags(be, 0), ""},
		{"eligible and backed up", before, flags(be|bs, 0), ""},
		{"no attested credential", before, flags(0, attested), "answer_unreadable"},
		{"a model that the certificate does not name", before, flip(aaguidAt), "registration_unverified"},
		{"model changed after signing", after, flip(aaguidAt), "registration_unverified"},
		{"a counter that is high", before, flip(counterAt), ""},
		{"a credential id that is longer than what is there", before, flip(idLengthAt), "answer_unreadable"},
		{"another credential id outside", encoded, func(p *softkey.Parts) { p.CredentialID[0] ^= 1 }, "registration_unverified"},
		{"no credential id", before, func(p *softkey.Parts) { p.CredentialID = nil }, "answer_unreadable"},
		{"a format that nobody knows", after, func(p *softkey.Parts) { p.Format = "handmade" }, "registration_unverified"},
		{"the format of another statement", after, func(p *softkey.Parts) { p.Format = "fido-u2f" }, "registration_unverified"},
		{"none with a statement", after, func(p *softkey.Parts) { p.Format = "none" }, "registration_unverified"},
		{"none", after, func(p *softkey.Parts) { p.Format, p.Statement, p.Signature = "none", map[string]any{}, nil }, ""},
		{"no algorithm in the statement", after, func(p *softkey.Parts) { delete(p.Statement, "alg") }, "registration_unverified"},
		{"another algorithm in the statement", after, func(p *softkey.Parts) { p.Statement["alg"] = -257 }, "registration_unverified"},
		{"no certificate", after, func(p *softkey.Parts) { p.Statement["x5c"] = [][]byte{} }, "registration_unverified"},
		{"a damaged certificate", after, func(p *softkey.Parts) { clear(p.Statement["x5c"].([][]byte)[0]) }, "registration_unverified"},
		{"object cut short", encoded, func(p *softkey.Parts) { p.AttestationObject = p.AttestationObject[:len(p.AttestationObject)-1] }, "answer_unreadable"},
		{"object with bytes behind it", encoded, func(p *softkey.Parts) { p.AttestationObject = append(p.AttestationObject, 0) }, "answer_unreadable"},
		{"no object", encoded, func(p *softkey.Parts) { p.AttestationObject = nil }, "answer_unreadable"},
		{"ES256K, which we do not offer", before, publicKey(p256.but(3, -47).but(-1, 8).encode(t)), "registration_unverified"},
		{"RS1, which we do not offer", before, publicKey(rsaKey(2048, 1, 0, 1).but(3, -65535).encode(t)), "registration_unverified"},
	}...)
	// Keys without attestation say of their public key whatever they like, so that the statement cannot be what refuses it.
	unattested := []mutation{
		{"public key: ES256K", before, publicKey(p256.but(3, -47).but(-1, 8).encode(t)), "registration_unverified"},
		{"public key: RS1", before, publicKey(rsaKey(2048, 1, 0, 1).but(3, -65535).encode(t)), "registration_unverified"},
		{"public key: zero", before, publicKey(p256.but(-2, make([]byte, 32)).but(-3, make([]byte, 32)).encode(t)), "public_key"},
		{"public key: RSA of 1024 bits", before, publicKey(rsaKey(1024, 1, 0, 1).encode(t)), "public_key"},
		{"public key: of small order", before, publicKey(edKey(t).but(-2, smallOrder[1]).encode(t)), "public_key"},
		{"public key: another curve", before, publicKey(ecKey(t, elliptic.P384(), -7, 2).encode(t)), "public_key"},
		{"public key: a label twice", before, publicKey(twice(t, p256)), "answer_unreadable"},
		{"public key: of no stated length", before, publicKey(indefinite(t, p256)), "answer_unreadable"},
		{"public key: tagged", before, publicKey(tagged(t, p256)), "answer_unreadable"},
		{"public key: none", before, publicKey(nil), "answer_unreadable"},
		{"public key: another good one", before, publicKey(p256.encode(t)), ""},
		{"no credential id inside", before, func(p *softkey.Parts) {
			p.AuthenticatorData = append(append(p.AuthenticatorData[:idLengthAt:idLengthAt], 0, 0), p.AuthenticatorData[keyAt:]...)
		}, "registration_unverified"},
	}
	run := func(attestation softkey.Attestation, test mutation) {
		t.Run(string(attestation)+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			o := goodKey()
			o.Attestation, o.Tamper = attestation, at(test.stage, test.change)
			m := testMethod()
			c, options := beginEnrolment(t, m)
			answer, err := softkey.New(o).Create(testOrigin, options)
			if err != nil {
				t.Fatal(err)
			}
			_, err = finishEnrolment(t.Context(), m, c, answer)
			if got := signintest.RuleOf(err); got != test.rule || (err == nil) != (test.rule == "") {
				t.Errorf("got error %v, want rule %q", err, test.rule)
			}
		})
	}
	for _, test := range mutations {
		run(softkey.AttestationPacked, test)
	}
	for _, test := range unattested {
		run(softkey.AttestationNone, test)
	}
}

func TestProof_with_one_thing_changed(t *testing.T) {
	t.Parallel()
	const before, after = softkey.GetBeforeSigning, softkey.GetAfterSigning
	mutations := append(clientDataMutations(before, "assertion_unverified"), []mutation{
		{"nothing", before, func(*softkey.Parts) {}, ""},
		{"a registration in place of a proof", before, inClientData("webauthn.get", "webauthn.create"), "assertion_unverified"},
		{"eligible for backup all at once", before, flags(be, 0), "backup_eligibility_changed"},
		{"backed up all at once", before, flags(be|bs, 0), "backup_eligibility_changed"},
		{"counter zero", before, func(p *softkey.Parts) { clear(p.AuthenticatorData[counterAt:aaguidAt]) }, "counter_went_back"},
		{"counter changed after signing", after, flip(counterAt), "assertion_unverified"},
		{"another credential", before, func(p *softkey.Parts) { p.CredentialID[0] ^= 1 }, "credential_unknown"},
		{"no credential", before, func(p *softkey.Parts) { p.CredentialID = nil }, "answer_unreadable"},
		{"another user handle", before, func(p *softkey.Parts) { p.UserHandle[0] ^= 1 }, "user_handle_differs"},
		{"a user handle cut short", before, func(p *softkey.Parts) { p.UserHandle = p.UserHandle[:8] }, "user_handle_differs"},
		{"no user handle", before, func(p *softkey.Parts) { p.UserHandle = nil }, ""}, // §7.2 step 6: it may be missing when the person is known
		{"an attested credential in a proof", before, flags(attested, 0), "answer_unreadable"},
	}...)
	for _, test := range mutations {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := goodKey()
			o.Tamper = at(test.stage, test.change)
			m, key := testMethod(), softkey.New(o)
			_, err := signIn(t, m, key, register(t, m, key))
			if got := signintest.RuleOf(err); got != test.rule || (err == nil) != (test.rule == "") {
				t.Errorf("got error %v, want rule %q", err, test.rule)
			}
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

func TestRegistration_body(t *testing.T) {
	t.Parallel()
	response := func(body map[string]any) map[string]any { return body["response"].(map[string]any) }
	tests := []struct {
		name   string
		change func(body map[string]any)
		rule   string
		want   func(*staffkey.SecurityKey)
	}{
		{"nothing changed", func(map[string]any) {}, "", func(*staffkey.SecurityKey) {}},
		{"members of the future", func(b map[string]any) { b["later"] = true; response(b)["later"] = 1 }, "", func(*staffkey.SecurityKey) {}},
		{"outputs of extensions that nobody asked for", func(b map[string]any) {
			b["clientExtensionResults"] = map[string]any{"appid": true, "prf": map[string]any{"enabled": true}, "unasked": []int{1}, "credProps": map[string]any{"rk": true}}
		}, "", func(*staffkey.SecurityKey) {}},
		{"no outputs of extensions", func(b map[string]any) { delete(b, "clientExtensionResults") }, "", func(k *staffkey.SecurityKey) { k.Discoverable = false }},
		{"credProps that does not say", func(b map[string]any) { b["clientExtensionResults"] = map[string]any{"credProps": map[string]any{}} }, "",
			func(k *staffkey.SecurityKey) { k.Discoverable = false }},
		{"transports that nobody knows", func(b map[string]any) { response(b)["transports"] = []string{"usb", "telepathy", "usb", "", "nfc"} }, "",
			func(k *staffkey.SecurityKey) { k.Transports = []string{"usb", "nfc"} }},
		{"the old name of hybrid", func(b map[string]any) { response(b)["transports"] = []string{"cable", "internal", "hybrid"} }, "",
			func(k *staffkey.SecurityKey) { k.Transports = []string{"hybrid", "internal"} }},
		{"no transports", func(b map[string]any) { delete(response(b), "transports") }, "", func(k *staffkey.SecurityKey) { k.Transports = nil }},
		{"another type", func(b map[string]any) { b["type"] = "password" }, "answer_unreadable", nil},
		{"id that is not the raw id", func(b map[string]any) { b["id"] = "AAAA" }, "answer_unreadable", nil},
		{"id that is no base64url", func(b map[string]any) { b["id"] = "++++" }, "answer_unreadable", nil},
		{"no response", func(b map[string]any) { delete(b, "response") }, "answer_unreadable", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			m, key := testMethod(), softkey.New(goodKey())
			c, options := beginEnrolment(t, m)
			answer, err := key.Create(testOrigin, options)
			if err != nil {
				t.Fatal(err)
			}
			want, err := finishEnrolment(t.Context(), m, c, answer)
			if err != nil {
				t.Fatal(err)
			}
			got, err := finishEnrolment(t.Context(), m, c, change(t, answer, test.change))
			if rule := signintest.RuleOf(err); rule != test.rule || (err == nil) != (test.rule == "") {
				t.Fatalf("got error %v, want rule %q", err, test.rule)
			}
			if err != nil {
				return
			}
			test.want(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswers_that_are_no_answers(t *testing.T) {
	t.Parallel()
	m, key := testMethod(), softkey.New(goodKey())
	k := register(t, m, key)
	for _, body := range []string{"", "null", "[]", "{}", `"x"`, "{", strings.Repeat("[", 100_000), `{"id":"AAAA","rawId":"AAAA","type":"public-key"}`, "\xff"} {
		c, options := beginEnrolment(t, m)
		if _, err := finishEnrolment(t.Context(), m, c, []byte(body)); signintest.RuleOf(err) != "answer_unreadable" {
			t.Errorf("registration %.20q: got error %v, want a refusal by answer_unreadable", body, err)
		}
		answer, err := softkey.New(goodKey()).Create(testOrigin, options)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := finishEnrolment(t.Context(), m, c, append(answer, "{}"...)); signintest.RuleOf(err) != "answer_unreadable" {
			t.Errorf("registration with something behind it: got error %v, want a refusal by answer_unreadable", err)
		}
		v, options := beginVerification(t, m, k)
		if _, err := finishVerification(t.Context(), m, v, []byte(body), k); signintest.RuleOf(err) != "answer_unreadable" {
			t.Errorf("proof %.20q: got error %v, want a refusal by answer_unreadable", body, err)
		}
		if answer, err = key.Get(testOrigin, options); err != nil {
			t.Fatal(err)
		}
		if _, err := finishVerification(t.Context(), m, v, append(answer, "{}"...), k); signintest.RuleOf(err) != "answer_unreadable" {
			t.Errorf("proof with something behind it: got error %v, want a refusal by answer_unreadable", err)
		}
	}
}

func TestCeremony_without_a_challenge_is_a_fault(t *testing.T) {
	t.Parallel()
	m := testMethod()
	empty := base64.RawURLEncoding.EncodeToString(nil)
	for _, state := range []string{"", "{", "{}", `{"c":"` + empty + `"}`} {
		c := staffkey.Ceremony{State: []byte(state)}
		if _, err := finishEnrolment(t.Context(), m, c, nil); err == nil || signintest.RuleOf(err) != "" {
			t.Errorf("registration with state %q: got error %v, want a fault", state, err)
		}
		if _, err := finishVerification(t.Context(), m, c, nil); err == nil || signintest.RuleOf(err) != "" {
			t.Errorf("proof with state %q: got error %v, want a fault", state, err)
		}
	}
}
