//go:build conformance

package main

import (
	"maps"
	"testing"

	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin/securitykey/mds/mdstest"

	"github.com/fxamacker/cbor/v2"
)

const algorithmSuite = "Server-ServerAuthenticatorAttestationResponse-Resp-4"

func init() {
	const before, after = softkey.CreateBeforeSigning, softkey.CreateAfterSigning
	one := func(tamper softkey.Tamper, edit func(map[string]any)) func(*testing.T) string {
		return func(t *testing.T) string { return newTool(t).register(tampered(tamper), edit) }
	}

	answer := map[string]conformanceCase{
		"P-1": {registersOnce, ""}, "F-15": {one(at(before, func(p *softkey.Parts) { p.AuthenticatorData[32] &^= 4 }), nil), "user_verification"},
	}
	maps.Copy(answer, outerCases(func(t *testing.T, edit func(map[string]any)) string { return newTool(t).register(tampered(nil), edit) }))
	for id, c := range map[string]struct {
		member string
		value  any
		want   string
	}{
		"F-9": {"clientDataJSON", nil, "answer_client_data"}, "F-10": {"clientDataJSON", 5, "answer_client_data"}, "F-11": {"clientDataJSON", "", "answer_client_data"},
		"F-12": {"attestationObject", nil, "answer_attestation_object"}, "F-13": {"attestationObject", 5, "answer_attestation_object"},
		"F-14": {"attestationObject", "", "answer_attestation_object"},
	} {
		answer[id] = conformanceCase{one(nil, inResponse(c.member, c.value)), c.want}
	}
	suites["Server-ServerAuthenticatorAttestationResponse-Resp-1"] = answer

	suites["Server-ServerAuthenticatorAttestationResponse-Resp-2"] = clientDataCases("webauthn.get", func(t *testing.T, edit func(map[string]any)) string {
		return newTool(t).register(tampered(clientData(t, before, edit)), nil)
	})

	inObject := func(member string, value any) func(*testing.T) string {
		return func(t *testing.T) string {
			return newTool(t).register(tampered(object(t, func(m map[string]any) { change(m, member, value) })), nil)
		}
	}
	inStatement := func(edit func(*softkey.Parts)) func(*testing.T) string { return one(at(after, edit), nil) }
	inData := func(edit func(*softkey.Parts)) func(*testing.T) string { return one(at(before, edit), nil) }
	suites["Server-ServerAuthenticatorAttestationResponse-Resp-3"] = map[string]conformanceCase{
		"P-1": {inData(withExtension), ""},
		"F-1": {one(at(softkey.CreateEncoded, func(p *softkey.Parts) { p.AttestationObject = []byte{0x80} }), nil), "attestation_object"},
		"F-2": {inObject("fmt", nil), "attestation_object"}, "F-3": {inObject("fmt", 5), "attestation_object"},
		"F-4": {inObject("attStmt", nil), "attestation_object"}, "F-5": {inObject("attStmt", []byte{1}), "attestation_statement"},
		"F-6": {inObject("authData", nil), "attestation_object"}, "F-7": {inObject("authData", "text"), "attestation_object"},
		"F-8": {inObject("authData", []byte{}), "authenticator_data"},
		"F-9": {inData(func(p *softkey.Parts) { p.AuthenticatorData[32] &^= 0x40 }), "authenticator_data"},
		"F-10": {inData(func(p *softkey.Parts) {
			p.AuthenticatorData = p.AuthenticatorData[:37]
			p.AuthenticatorData[32] &^= 0x40
		}), "attested_data_missing"},
		"F-11": {inData(func(p *softkey.Parts) { p.AuthenticatorData = p.AuthenticatorData[:37] }), "attested_data"},
		"F-12": {inData(func(p *softkey.Parts) { p.AuthenticatorData = append(p.AuthenticatorData, 0) }), "authenticator_data"},
		"F-13": {inStatement(func(p *softkey.Parts) { p.Statement, p.Signature = map[string]any{}, nil }), "attestation_statement"},
		"F-14": {inStatement(func(p *softkey.Parts) { delete(p.Statement, "alg") }), "attestation_statement"},
		"F-15": {inStatement(func(p *softkey.Parts) { p.Statement["alg"] = "ES256" }), "attestation_statement"},
		"F-16": {func(t *testing.T) string {
			return newTool(t, soft(t, map[string]any{"authenticationAlgorithms": []string{"secp384r1_ecdsa_sha384_raw"}})).register(tampered(nil), nil)
		}, "metadata_algorithm"},
		"F-17": {inStatement(func(p *softkey.Parts) { p.Signature = nil }), "attestation_statement"},
		"F-18": {inStatement(func(p *softkey.Parts) { p.Signature, p.Statement["sig"] = nil, "text" }), "attestation_statement"},
		"F-19": {inStatement(func(p *softkey.Parts) { p.Signature = []byte{} }), "attestation_statement"},
	}

	self := func(alg softkey.Algorithm, tamper softkey.Tamper, models ...any) func(*testing.T) string {
		return func(t *testing.T) string {
			o := keyOptions()
			o.Attestation, o.Algorithm, o.Tamper = softkey.AttestationPackedSelf, alg, tamper
			return newTool(t, models...).register(softkey.New(o), nil)
		}
	}
	refused := func(key map[int]any) func(*testing.T) string {
		return self(softkey.ES256, at(before, func(p *softkey.Parts) {
			raw, err := canonical.Marshal(key)
			if err != nil {
				panic(err) // the keys of this file can be encoded
			}
			p.AuthenticatorData = append(p.AuthenticatorData[:87:87], raw...)
		}))
	}
	rsaKey := func(alg int) map[int]any {
		n := make([]byte, 256)
		n[0], n[255] = 0x80, 1
		return map[int]any{1: 3, 3: alg, -1: n, -2: []byte{1, 0, 1}}
	}
	coordinate := make([]byte, 32)
	suites[algorithmSuite] = map[string]conformanceCase{
		"P-1": {refused(map[int]any{1: 2, 3: -47, -1: 8, -2: coordinate, -3: coordinate}), "algorithm"},
		"P-2": {refused(rsaKey(-37)), "algorithm"}, "P-3": {refused(rsaKey(-38)), "algorithm"}, "P-4": {refused(rsaKey(-39)), "algorithm"},
		"P-5": {self(softkey.RS256, nil), ""}, "P-6": {refused(rsaKey(-258)), "algorithm"}, "P-7": {refused(rsaKey(-259)), "algorithm"},
		"P-8": {self(softkey.ES256, nil), ""}, // what the tool sends as RS1
		"P-9": {self(softkey.ES256, nil), ""}, "P-10": {self(softkey.ES384, nil), ""},
		"P-11": {func(t *testing.T) string { return newTool(t).registerMade(newMade(t, p521), selfStatement) }, ""},
		"P-12": {self(softkey.EdDSA, nil), ""},
	}

	suites["Server-ServerAuthenticatorAttestationResponse-Resp-6"] = map[string]conformanceCase{
		"P-1": {func(t *testing.T) string { return self(0, nil, surrogate())(t) }, ""},
		"F-1": {self(0, at(after, func(p *softkey.Parts) { p.Signature[len(p.Signature)-1] ^= 1 })), "attestation_signature"},
		"F-2": {func(t *testing.T) string { return newTool(t, surrogate()).register(tampered(nil), nil) }, "metadata_attestation"},
		"F-3": {self(0, at(after, func(p *softkey.Parts) { p.Format = "handmade" })), "attestation_format"},
	}

	none := keyOptions()
	none.Attestation = softkey.AttestationNone
	suites["Server-ServerAuthenticatorAttestationResponse-Resp-7"] = map[string]conformanceCase{
		"P-1": {func(t *testing.T) string { return newTool(t).register(softkey.New(none), nil) }, ""},
		"P-2": {selfThoughNone, ""},
		"F-1": {inStatement(func(p *softkey.Parts) { p.Format = "none" }), "attestation_statement"},
	}
}

// canonical is the form in which authenticators write public keys (CTAP 2.2 §8).
var canonical = func() cbor.EncMode {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		panic(err) // the options are the library's own
	}
	return mode
}()

// soft is the metadata of the model that softkey plays, with members of its statement changed.
func soft(t *testing.T, statement map[string]any) mdstest.Model {
	t.Helper()
	maker, err := softkey.DefaultIssuer()
	if err != nil {
		t.Fatal(err)
	}
	m := mdstest.Model{AAGUID: model, Description: "Software key", Statement: statement}
	m.Roots = append(m.Roots, maker.Root())
	return m
}

// surrogate is metadata of a model that proves nothing.
func surrogate() mdstest.Model {
	return mdstest.Model{AAGUID: model, Description: "Self", Statement: map[string]any{"attestationTypes": []string{"basic_surrogate"}, "attestationRootCertificates": []string{}}}
}

// registersOnce registers a key, which the next options exclude.
func registersOnce(t *testing.T) string {
	c := newTool(t)
	key := softkey.New(keyOptions())
	if code := c.register(key, nil); code != "" {
		return code
	}
	excluded, _ := c.creation()["excludeCredentials"].([]any)
	if len(excluded) != 1 {
		t.Fatalf("%d credentials are excluded, want 1", len(excluded))
	}
	if first, _ := excluded[0].(map[string]any); first["type"] != "public-key" || first["id"] != base64URL.EncodeToString(key.Credentials()[0].ID) {
		t.Errorf("excluded is %v, want the registered credential", first)
	}
	return ""
}

// selfThoughNone sends self attestation where none was asked for.
func selfThoughNone(t *testing.T) string {
	c := newTool(t)
	options := c.options("/attestation/options", map[string]any{"username": amara, "displayName": "Amara", "attestation": "none"})
	options["attestation"] = "direct" // a browser would take the statement away
	o := keyOptions()
	o.Attestation = softkey.AttestationPackedSelf
	answer, err := softkey.New(o).Create(origin, encode(t, options))
	if err != nil {
		t.Fatal(err)
	}
	_, code := c.post("/attestation/result", answer)
	return code
}
