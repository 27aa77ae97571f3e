//go:build conformance

package main

import (
	"slices"
	"testing"

	"staffkey/internal/ctap/softkey"
)

func init() {
	suites["Server-ServerPublicKeyCredentialCreationOptions-Req-1"] = map[string]conformanceCase{
		"P-1": {creationOptions, ""}, "P-2": {echoesNone, ""}, "P-3": {func(t *testing.T) string { return differs(t, "/attestation/options") }, ""},
		"P-4": {echoesVerification, ""},
	}
	suites["Server-ServerPublicKeyCredentialGetOptionsResponse-Req-1"] = map[string]conformanceCase{
		"P-1": {requestOptions, ""}, "P-2": {func(t *testing.T) string { return differs(t, "/assertion/options") }, ""},
	}
}

// random checks a base64url text of at least so many bytes.
func random(t *testing.T, what string, v any, least int) {
	t.Helper()
	text, _ := v.(string)
	if b, err := base64URL.DecodeString(text); err != nil || len(b) < least || len(b) > 64 {
		t.Errorf("%s is %v, want base64url of %d to 64 bytes", what, v, least)
	}
}

func creationOptions(t *testing.T) string {
	o := newTool(t).options("/attestation/options", map[string]any{
		"username": amara, "displayName": "Amara Okafor", "attestation": "direct", "extensions": map[string]any{"example.extension": true},
		"authenticatorSelection": map[string]any{"residentKey": "required", "userVerification": "preferred"},
	})
	user, _ := o["user"].(map[string]any)
	rp, _ := o["rp"].(map[string]any)
	random(t, "challenge", o["challenge"], 16)
	random(t, "user.id", user["id"], 1)
	if user["name"] != amara || user["displayName"] != "Amara Okafor" {
		t.Errorf("user %v", user)
	}
	if rp["id"] != rpID || rp["name"] == "" {
		t.Errorf("rp %v", rp)
	}
	if n, _ := o["timeout"].(float64); n <= 0 {
		t.Errorf("timeout %v", o["timeout"])
	}
	if o["attestation"] != "direct" || o["extensions"].(map[string]any)["example.extension"] != true {
		t.Errorf("attestation %v, extensions %v are not as asked", o["attestation"], o["extensions"])
	}
	offered, _ := o["pubKeyCredParams"].([]any)
	var algorithms []float64
	for _, p := range offered {
		parameter, _ := p.(map[string]any)
		alg, _ := parameter["alg"].(float64)
		if parameter["type"] != "public-key" {
			t.Errorf("parameter %v", parameter)
		}
		algorithms = append(algorithms, alg)
	}
	for _, alg := range []float64{-7, -257, -8} {
		if !slices.Contains(algorithms, alg) {
			t.Errorf("algorithm %v is not offered", alg)
		}
	}
	return ""
}

func echoesNone(t *testing.T) string {
	if o := newTool(t).options("/attestation/options", map[string]any{"username": amara, "displayName": "Amara", "attestation": "none"}); o["attestation"] != "none" {
		t.Errorf("attestation %v, want none", o["attestation"])
	}
	return ""
}

func echoesVerification(t *testing.T) string {
	o := newTool(t).creation()
	if selection, _ := o["authenticatorSelection"].(map[string]any); selection["userVerification"] != "required" {
		t.Errorf("selection %v, want verification required", selection)
	}
	return ""
}

func differs(t *testing.T, path string) string {
	c := newTool(t)
	if code := c.register(softkey.New(keyOptions()), nil); code != "" {
		return code
	}
	asked := map[string]any{"username": amara, "displayName": "Amara"}
	if a, b := c.options(path, asked), c.options(path, asked); a["challenge"] == b["challenge"] {
		t.Errorf("the challenge %v comes twice", a["challenge"])
	}
	return ""
}

func requestOptions(t *testing.T) string {
	c := newTool(t)
	key := softkey.New(keyOptions())
	if code := c.register(key, nil); code != "" {
		return code
	}
	o := c.options("/assertion/options", map[string]any{"username": amara, "userVerification": "required", "extensions": map[string]any{"example.extension": "x"}})
	random(t, "challenge", o["challenge"], 16)
	if n, _ := o["timeout"].(float64); n <= 0 || o["rpId"] != rpID || o["userVerification"] != "required" {
		t.Errorf("timeout %v, rpId %v, userVerification %v", o["timeout"], o["rpId"], o["userVerification"])
	}
	if extensions, _ := o["extensions"].(map[string]any); extensions["example.extension"] != "x" {
		t.Errorf("extensions %v are not as asked", o["extensions"])
	}
	allowed, _ := o["allowCredentials"].([]any)
	if len(allowed) != 1 {
		t.Fatalf("%d credentials are allowed, want 1", len(allowed))
	}
	if first, _ := allowed[0].(map[string]any); first["type"] != "public-key" || first["id"] != base64URL.EncodeToString(key.Credentials()[0].ID) {
		t.Errorf("allowed is %v, want the registered credential", first)
	}
	return ""
}
