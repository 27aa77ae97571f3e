//go:build conformance

package main

import (
	"maps"
	"testing"

	"staffkey/internal/ctap/softkey"
)

func init() {
	const before, after = softkey.GetBeforeSigning, softkey.GetAfterSigning
	// The JSON of an answer.
	answer := map[string]conformanceCase{
		"P-1": {func(t *testing.T) string { return signIn(t, keyOptions(), "required", nil, nil) }, ""},
		"F-20": {func(t *testing.T) string {
			return signIn(t, keyOptions(), "required", at(after, func(p *softkey.Parts) { p.Signature[len(p.Signature)-1] ^= 1 }), nil)
		}, "signature"},
	}
	maps.Copy(answer, outerCases(func(t *testing.T, edit func(map[string]any)) string {
		return signIn(t, keyOptions(), "required", nil, edit)
	}))
	for id, c := range map[string]struct {
		member string
		value  any
		want   string
	}{
		"F-9": {"clientDataJSON", nil, "answer_client_data"}, "F-10": {"clientDataJSON", 5, "answer_client_data"}, "F-11": {"clientDataJSON", "", "answer_client_data"},
		"F-12": {"authenticatorData", nil, "answer_authenticator_data"}, "F-13": {"authenticatorData", true, "answer_authenticator_data"},
		"F-14": {"authenticatorData", "not base64url!", "answer_authenticator_data"}, "F-15": {"authenticatorData", "", "answer_authenticator_data"},
		"F-16": {"signature", nil, "answer_signature"}, "F-17": {"signature", []int{1}, "answer_signature"},
		"F-18": {"signature", "not base64url!", "answer_signature"}, "F-19": {"signature", "", "answer_signature"},
		"F-21": {"userHandle", 5, "answer_user_handle"},
	} {
		answer[id] = conformanceCase{func(t *testing.T) string {
			return signIn(t, keyOptions(), "required", nil, inResponse(c.member, c.value))
		}, c.want}
	}
	suites["Server-ServerAuthenticatorAssertionResponse-Resp-1"] = answer

	suites["Server-ServerAuthenticatorAssertionResponse-Resp-2"] = clientDataCases("webauthn.create", func(t *testing.T, edit func(map[string]any)) string {
		return signIn(t, keyOptions(), "required", clientData(t, before, edit), nil)
	})

	unable := keyOptions()
	unable.UserVerification = false
	still := keyOptions()
	still.Counter = softkey.Counter{}
	stuck := keyOptions()
	stuck.Counter = softkey.Counter{Start: 5}
	inData := func(change func(*softkey.Parts)) func(*testing.T) string {
		return func(t *testing.T) string { return signIn(t, keyOptions(), "required", at(before, change), nil) }
	}
	plain := func(o softkey.Options, verification string) func(*testing.T) string {
		return func(t *testing.T) string { return signIn(t, o, verification, nil, nil) }
	}
	suites["Server-ServerAuthenticatorAssertionResponse-Resp-3"] = map[string]conformanceCase{
		"P-1": {plain(still, "required"), ""}, "P-2": {plain(keyOptions(), "required"), ""}, "P-3": {plain(unable, "preferred"), ""},
		"P-4": {plain(keyOptions(), "preferred"), ""}, "P-5": {plain(unable, "discouraged"), ""}, "P-6": {plain(keyOptions(), "discouraged"), ""},
		"P-7": {inData(withExtension), ""},
		"F-1": {inData(func(p *softkey.Parts) { p.AuthenticatorData = append(p.AuthenticatorData, 0) }), "authenticator_data"},
		"F-2": {inData(func(p *softkey.Parts) { p.AuthenticatorData[0] ^= 1 }), "rp_id"},
		"F-3": {func(t *testing.T) string {
			return signIn(t, keyOptions(), "required", clientData(t, after, func(m map[string]any) { m["more"] = 1 }), nil)
		}, "signature"},
		"F-4": {plain(stuck, "required"), "counter_went_back"},
		"F-5": {inData(func(p *softkey.Parts) { p.AuthenticatorData[32] &^= 4 }), "user_verification"},
	}
}

// withExtension puts the output of an extension that nobody asked for into authenticator data.
func withExtension(p *softkey.Parts) {
	p.AuthenticatorData[32] |= 0x80
	p.AuthenticatorData = append(p.AuthenticatorData, 0xa1, 0x67, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0xf5)
}

// signIn registers a key and returns the code of its answer to a request; tamper and edit are for that alone.
func signIn(t *testing.T, o softkey.Options, verification string, tamper softkey.Tamper, edit func(map[string]any)) string {
	t.Helper()
	c := newTool(t)
	o.Tamper = func(stage softkey.Stage, p *softkey.Parts) {
		if tamper != nil && stage >= softkey.GetBeforeSigning {
			tamper(stage, p)
		}
	}
	key := softkey.New(o)
	options := c.options("/attestation/options", map[string]any{"username": amara, "displayName": "Amara", "attestation": "direct"})
	answer, err := key.Create(origin, encode(t, options))
	if err != nil {
		t.Fatal(err)
	}
	if _, code := c.post("/attestation/result", answer); code != "" {
		t.Fatalf("registration refused by %s", code)
	}
	return c.authenticate(key, verification, edit)
}

// inResponse changes a member of the response, or takes it away when the value is nil.
func inResponse(member string, value any) func(map[string]any) {
	return func(m map[string]any) { change(m["response"].(map[string]any), member, value) }
}

func change(m map[string]any, member string, value any) {
	m[member] = value
	if value == nil {
		delete(m, member)
	}
}

// outerCases are those about id, type and response of an answer, F-1 to F-8 of two suites.
func outerCases(run func(*testing.T, func(map[string]any)) string) map[string]conformanceCase {
	cases := make(map[string]conformanceCase)
	for id, c := range map[string]struct {
		member string
		value  any
		want   string
	}{
		"F-1": {"id", nil, "answer_id"}, "F-2": {"id", 5, "answer_id"}, "F-3": {"id", "not base64url!", "answer_id"},
		"F-4": {"type", nil, "answer_type"}, "F-5": {"type", 5, "answer_type"}, "F-6": {"type", "private-key", "answer_type"},
		"F-7": {"response", nil, "answer_response"}, "F-8": {"response", "text", "answer_response"},
	} {
		cases[id] = conformanceCase{func(t *testing.T) string { return run(t, func(m map[string]any) { change(m, c.member, c.value) }) }, c.want}
	}
	return cases
}

// clientDataCases are those about client data, F-1 to F-17 of two suites; other is the type of the other ceremony.
func clientDataCases(other string, run func(*testing.T, func(map[string]any)) string) map[string]conformanceCase {
	cases := make(map[string]conformanceCase)
	for id, c := range map[string]struct {
		member string
		value  any
		want   string
	}{
		"F-1": {"type", nil, "client_data_type"}, "F-2": {"type", 5, "client_data_type"}, "F-3": {"type", "", "client_data_type"},
		"F-4": {"type", "payment.get", "client_data_type"}, "F-5": {"type", other, "client_data_type"},
		"F-6": {"challenge", nil, "challenge"}, "F-7": {"challenge", 5, "challenge"}, "F-8": {"challenge", "", "challenge"},
		"F-9": {"challenge", "not base64url!", "challenge"}, "F-10": {"challenge", newChallenge(), "challenge"},
		"F-11": {"origin", nil, "origin"}, "F-12": {"origin", 5, "origin"}, "F-13": {"origin", "", "origin"}, "F-14": {"origin", "https://evil.example", "origin"},
		"F-15": {"tokenBinding", "supported", "client_data_tokenbinding"}, "F-16": {"tokenBinding", map[string]any{}, "client_data_tokenbinding"},
		"F-17": {"tokenBinding", map[string]any{"status": "maybe"}, "client_data_tokenbinding"},
	} {
		cases[id] = conformanceCase{func(t *testing.T) string { return run(t, func(m map[string]any) { change(m, c.member, c.value) }) }, c.want}
	}
	return cases
}
