package webauthn

import (
	"bytes"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"testing"

	"staffkey"
)

// refusedOrFine fails a fuzz run on an error that is a fault: whatever comes from outside must be refused, never break us.
func refusedOrFine(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("got error %v, want a refusal or none", err)
	}
}

func FuzzRegistrationAnswer(f *testing.F) {
	all := readVectors(f)
	for i, v := range all {
		f.Add(byte(i), []byte(v.Registration.Response))
	}
	f.Fuzz(func(t *testing.T, i byte, answer []byte) {
		parsed, err := ParseRegistration(answer)
		refusedOrFine(t, err)
		if err != nil {
			return
		}
		r, err := everywhere.VerifyRegistration(parsed, Asked{Challenge: all[int(i)%len(all)].Registration.Challenge.base64URL()})
		refusedOrFine(t, err)
		if err == nil && isRefused(parseNewPublicKey(r.PublicKey)) {
			t.Error("accepted a key that is none")
		}
	})
}

func FuzzAuthenticationAnswer(f *testing.F) {
	all := readVectors(f)
	for i, v := range all {
		f.Add(byte(i), []byte(v.Authentication.Response))
	}
	f.Fuzz(func(t *testing.T, i byte, answer []byte) {
		v := all[int(i)%len(all)]
		parsed, err := ParseAuthentication(answer)
		refusedOrFine(t, err)
		if err != nil {
			return
		}
		e := v.Registration.Expected
		_, err = everywhere.VerifyAuthentication(parsed, Asked{Challenge: v.Authentication.Challenge.base64URL()}, Credential{PublicKey: []byte(e.PublicKey), BackupEligible: e.BE})
		refusedOrFine(t, err)
	})
}

func FuzzAuthenticatorData(f *testing.F) {
	for _, v := range readVectors(f) {
		if a, err := ParseRegistration(v.Registration.Response); err == nil {
			if o, err := parseAttestationObject(a.AttestationObject); err == nil {
				f.Add(o.data.raw)
			}
		}
		if a, err := ParseAuthentication(v.Authentication.Response); err == nil {
			f.Add(a.AuthenticatorData)
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := parseAuthenticatorData(raw)
		refusedOrFine(t, err)
		if err == nil && d.Flags.Has(FlagAttested) && (len(d.CredentialID) == 0 || len(d.CredentialID) > maxCredentialID || len(d.PublicKey) == 0) {
			t.Errorf("read a credential id of %d bytes and a key of %d", len(d.CredentialID), len(d.PublicKey))
		}
	})
}

func FuzzAttestationObject(f *testing.F) {
	for _, v := range readVectors(f) {
		if a, err := ParseRegistration(v.Registration.Response); err == nil {
			f.Add(a.AttestationObject, a.ClientDataJSON)
		}
	}
	f.Fuzz(func(t *testing.T, object, clientData []byte) {
		a, _, err := Reattest(object, clientData)
		refusedOrFine(t, err)
		if err == nil && (a.Type == AttestationNone || a.Type == AttestationSelf) != (len(a.TrustPath) == 0) {
			t.Errorf("attestation of type %s with %d certificates", a.Type, len(a.TrustPath))
		}
	})
}

func FuzzClientData(f *testing.F) {
	for _, seed := range []string{
		`{"type":"webauthn.get","challenge":"AAAA","origin":"https://staff.example.org","crossOrigin":false}`,
		`{"type":"webauthn.get","challenge":"AAAA","origin":"https://staff.example.org","\u006frigin":"https://evil.example"}`,
		`{"a":[{"b":{"c":[]}}],"origin":"https://staff.example.org"}`, `{`, "", "\xff", `{"origin":"https://staff.example.org"}{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := testParty.checkClientData(data, "webauthn.get", "AAAA")
		refusedOrFine(t, err)
		if err != nil {
			return
		}
		// What was accepted reads the same for a reader that takes names without regard to case.
		var seen struct{ Type, Challenge, Origin string }
		if err := json.Unmarshal(data, &seen); err != nil || seen.Origin != testOrigin || seen.Challenge != "AAAA" || seen.Type != "webauthn.get" {
			t.Errorf("accepted %q, in which another reader sees %+v (error %v)", data, seen, err)
		}
	})
}

// What our scanner takes is JSON to others, and what others take and it refuses has one of the reasons that it gives.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, `{"a":[1,-0.5e+7,"\u00e9\n",true,false,null,{"b":{}}]}`, `{"a":1,"A":2}`, `{"a":01}`, `{"a":"` + "\x01" + `"}`, ` { } `, `{"a":1}x`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := members(data, func(_ string, value []byte) {
			if !json.Valid(value) {
				t.Errorf("value %q is no JSON", value)
			}
		})
		if err == nil && !json.Valid(data) {
			t.Errorf("accepted %q, which is no JSON", data)
		}
		if errors.Is(err, errJSON) && json.Valid(data) && bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{")) && bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= maxDepth {
			t.Errorf("refused %q: %v", data, err)
		}
	})
}

func FuzzPublicKey(f *testing.F) {
	for _, seed := range [][]byte{
		ecKey(f, elliptic.P256(), -7, 1).encode(f), ecKey(f, elliptic.P384(), -35, 2).encode(f), ecKey(f, elliptic.P521(), -36, 3).encode(f),
		edKey(f).encode(f), rsaKey(2048, 1, 0, 1).encode(f), {0xa0}, nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := parseNewPublicKey(raw)
		refusedOrFine(t, err)
		if err == nil && k.verifies([]byte("message"), make([]byte, 64)) {
			t.Errorf("zeros are a signature under %x", raw)
		}
	})
}
