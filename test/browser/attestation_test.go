package browser

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
)

// registered is what the log tells of the newest registration of a person.
func (b *tab) registered() (outcome string, detail map[string]string) {
	b.t.Helper()
	var list struct {
		Events []struct {
			Outcome string            `json:"outcome"`
			Detail  map[string]string `json:"detail"`
		} `json:"events"`
	}
	out := b.demo.run(b.t, "audit", "list", "--kind", "key_registered", "--person", b.account.Username, "--limit", "1", "--json")
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Events) != 1 {
		b.t.Fatalf("log of registrations %q: %v", out, err)
	}
	return list.Events[0].Outcome, list.Events[0].Detail
}

// Kinds of virtual keys: as they say what they are, the browser makes another attestation.
var (
	ctap20   = webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap20, Transport: webauthn.AuthenticatorTransportNfc, HasUserVerification: true, IsUserVerified: true}
	ctap21   = webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportUsb, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true}
	platform = webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, DefaultBackupEligibility: true, DefaultBackupState: true}
	noPIN    = webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21, Transport: webauthn.AuthenticatorTransportUsb, HasResidentKey: true}
	u2f      = webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolU2f, Transport: webauthn.AuthenticatorTransportUsb}
)

// holding does something with a key of a kind plugged in.
func (b *tab) holding(options webauthn.VirtualAuthenticatorOptions, do func()) {
	b.t.Helper()
	options.AutomaticPresenceSimulation = true
	call(b, webauthn.Enable, webauthn.EnableParams{})
	added := call(b, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &options})
	do()
	call(b, webauthn.RemoveVirtualAuthenticator, webauthn.RemoveVirtualAuthenticatorParams(added))
}

// F80, F81, F82: every attestation that the browser's keys make arrives as the organisation asks for it, and is judged.
func TestAttestation_of_every_kind(t *testing.T) {
	t.Parallel()
	p := demoOn(t, "sqlite") // of its own, because the rules of an organisation change
	b := open(t, p.url)
	b.newcomer = newcomer{demo: p, account: b.welcome(p)}
	policy := func(flags ...string) {
		t.Helper()
		p.run(t, append([]string{"policy", "set", "NMH"}, flags...)...)
	}
	const model, noModel = "01020304-0506-0708-0102-030405060708", "00000000-0000-0000-0000-000000000000"

	// Where nobody has decided, a key that only knows a touch is not even asked.
	b.holding(u2f, func() {
		b.wizard()
		b.follow("button", "Start")
		b.at("/me/outcome", "Register New Token")
	})

	policy("--keys-verify-person=false", "--max-keys", "20")
	type want struct{ format, model, trust string }
	packed, u2fKey, nothing := want{"packed", model, "unknown"}, want{"fido-u2f", noModel, "unknown"}, want{"none", noModel, "none"}
	for _, test := range []struct {
		conveyance string
		key        webauthn.VirtualAuthenticatorOptions
		want       want
	}{
		{"none", ctap20, nothing}, {"none", ctap21, nothing}, {"none", platform, want{"none", model, "none"}}, {"none", u2f, nothing},
		{"indirect", ctap21, packed}, {"indirect", u2f, u2fKey},
		// A key that could keep a credential and has no PIN to keep it under: Chromium 156 turns it away at once when it is asked to.
		{"direct", noPIN, packed},
		{"direct", ctap20, packed}, {"direct", ctap21, packed}, {"direct", platform, packed}, {"direct", u2f, u2fKey},
		{"enterprise", ctap21, packed}, {"enterprise", u2f, u2fKey},
	} {
		policy("--keys-conveyance", test.conveyance)
		b.holding(test.key, func() {
			b.wizard()
			b.follow("button", "Start")
			b.at("/me/tokens/*/name", "Give this token a nickname")
		})
		outcome, d := b.registered()
		if got := (want{d["attestation"], d["aaguid"], d["trust"]}); outcome != "done" || got != test.want {
			t.Errorf("%s, %s key by %s: %s %+v, want done %+v", test.conveyance, test.key.Protocol, test.key.Transport, outcome, got, test.want)
		}
	}

	// What cannot prove where it comes from is refused where that is asked for, and a model that is denied by its name.
	for flag, rule := range map[string]string{"--keys-attestation=proven": "model_attestation", "--keys-deny=" + model: "model_denied"} {
		policy(flag)
		b.holding(ctap21, func() {
			b.wizard()
			b.follow("button", "Start")
			b.at("/me/outcome", "Register New Token")
		})
		if outcome, d := b.registered(); outcome != "refused" || d["rule"] != rule {
			t.Errorf("%s: %s by %q, want refused by %s", flag, outcome, d["rule"], rule)
		}
		policy("--keys-attestation=any", "--keys-unname="+model)
	}

	b.holding(u2f, func() {
		b.register("Old one")
		b.signOut()
		b.byKey("Old one")
	})
	if out := p.run(t, "person", "keys", b.account.Username, "--csv"); !strings.Contains(out, ",Old one,active,"+noModel+",,,,fido-u2f,unknown,") {
		t.Errorf("keys of the person:\n%s\nwant the old one by fido-u2f", out)
	}
}
