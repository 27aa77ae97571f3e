package softkey_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"staffkey/internal/ctap/softkey"
)

func TestTamperStages(t *testing.T) {
	t.Parallel()
	var got []softkey.Stage
	key := softkey.New(softkey.Options{Resident: true, Attestation: softkey.AttestationPacked, Tamper: func(stage softkey.Stage, parts *softkey.Parts) {
		got = append(got, stage)
		signed := stage != softkey.CreateBeforeSigning && stage != softkey.GetBeforeSigning
		if has := parts.Signature != nil; has != signed {
			t.Errorf("stage %d has a signature: %t, want %t", stage, has, signed)
		}
		if has, want := parts.AttestationObject != nil, stage == softkey.CreateEncoded; has != want {
			t.Errorf("stage %d has an attestation object: %t, want %t", stage, has, want)
		}
		if len(parts.ClientDataJSON) == 0 || len(parts.AuthenticatorData) == 0 || len(parts.CredentialID) == 0 {
			t.Errorf("stage %d lacks client data, authenticator data or credential id", stage)
		}
	}})
	rp := newRelyingParty()
	rp.signIn(t, key, rp.register(t, key, "ann", with(discoverable, "attestation", "direct")))
	want := []softkey.Stage{
		softkey.CreateBeforeSigning, softkey.CreateAfterSigning, softkey.CreateEncoded,
		softkey.GetBeforeSigning, softkey.GetAfterSigning,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stages (-want +got):\n%s", diff)
	}
}

func TestTamperWithRegistration(t *testing.T) {
	t.Parallel()
	const userPresent = 0x01
	withoutTouch := func(parts *softkey.Parts) { parts.AuthenticatorData[32] &^= userPresent }
	reserved := func(parts *softkey.Parts) { parts.AuthenticatorData[32] |= 0x02 }
	tests := []struct {
		name   string
		at     softkey.Stage
		change func(*softkey.Parts)
		valid  bool
	}{
		{"harmless change before signing is signed", softkey.CreateBeforeSigning, reserved, true},
		{"harmless change after signing breaks the signature", softkey.CreateAfterSigning, reserved, false},
		{"missing touch is signed and still refused", softkey.CreateBeforeSigning, withoutTouch, false},
		{"another origin", softkey.CreateBeforeSigning, func(p *softkey.Parts) {
			p.ClientDataJSON = bytes.Replace(p.ClientDataJSON, []byte("staff.example.org"), []byte("evil.example.org"), 1)
		}, false},
		{"no signature", softkey.CreateAfterSigning, func(p *softkey.Parts) { p.Signature = nil }, false},
		{"certificate left out", softkey.CreateAfterSigning, func(p *softkey.Parts) { delete(p.Statement, "x5c") }, false},
		{"certificate damaged in place", softkey.CreateAfterSigning, func(p *softkey.Parts) { clear(p.Statement["x5c"].([][]byte)[0]) }, false},
		{"format none without a statement", softkey.CreateAfterSigning, func(p *softkey.Parts) {
			p.Format, p.Statement, p.Signature = "none", nil, nil
		}, true},
		{"signature in a nil statement", softkey.CreateAfterSigning, func(p *softkey.Parts) { p.Statement = nil }, false},
		{"attestation object cut short", softkey.CreateEncoded, func(p *softkey.Parts) {
			p.AttestationObject = p.AttestationObject[:len(p.AttestationObject)-1]
		}, false},
		{"another credential id", softkey.CreateEncoded, func(p *softkey.Parts) { p.CredentialID[0] ^= 1 }, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			key := softkey.New(softkey.Options{AAGUID: testAAGUID, Attestation: softkey.AttestationPacked, Tamper: func(stage softkey.Stage, parts *softkey.Parts) {
				if stage == test.at {
					test.change(parts)
				}
			}})
			rp := newRelyingParty()
			body, err := key.Create(testOrigin, rp.creation(t, "ann", object{"attestation": "direct"}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = rp.registered(body, false)
			if got := err == nil; got != test.valid {
				t.Errorf("accepted = %t (%v), want %t", got, err, test.valid)
			}
			// What a hostile key does to one answer must not leak into the next key of the same model.
			rp.register(t, softkey.New(softkey.Options{AAGUID: testAAGUID, Attestation: softkey.AttestationPacked}), "ann", object{"attestation": "direct"})
		})
	}
}

func TestTamperWithSignIn(t *testing.T) {
	t.Parallel()
	setCounter := func(parts *softkey.Parts) { parts.AuthenticatorData[36] = 9 }
	tests := []struct {
		name   string
		at     softkey.Stage
		change func(*softkey.Parts)
		valid  bool
	}{
		{"counter changed before signing", softkey.GetBeforeSigning, setCounter, true},
		{"counter changed after signing", softkey.GetAfterSigning, setCounter, false},
		{"signature damaged", softkey.GetAfterSigning, func(p *softkey.Parts) { p.Signature[len(p.Signature)-1] ^= 1 }, false},
		{"user handle of someone else", softkey.GetAfterSigning, func(p *softkey.Parts) { p.UserHandle = []byte("eve") }, true},
		{"ceremony type changed", softkey.GetBeforeSigning, func(p *softkey.Parts) {
			p.ClientDataJSON = bytes.Replace(p.ClientDataJSON, []byte("webauthn.get"), []byte("webauthn.create"), 1)
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			key := softkey.New(softkey.Options{Tamper: func(stage softkey.Stage, parts *softkey.Parts) {
				if stage == test.at {
					test.change(parts)
				}
			}})
			rp := newRelyingParty()
			created := rp.register(t, key, "ann", nil)
			body, err := key.Get(testOrigin, rp.request(t, object{"allowCredentials": list(created.RawID)}))
			if err != nil {
				t.Fatal(err)
			}
			_, err = rp.signedIn(body, created.Response.AttestationObject.AuthData.AttData.CredentialPublicKey, false)
			if got := err == nil; got != test.valid {
				t.Errorf("accepted = %t (%v), want %t", got, err, test.valid)
			}
		})
	}
}
