package securitykey

import (
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"staffkey"

	"github.com/go-webauthn/webauthn/protocol/webauthncose"
)

// refusedOrFine fails a fuzz run on an error that is a fault: whatever comes from outside must be refused, never break us.
func refusedOrFine(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("got error %v, want a refusal or none", err)
	}
}

// vectors are the ceremonies of the standard, as seeds.
func vectors(f *testing.F) []vector {
	f.Helper()
	text, err := os.ReadFile("testdata/webauthn-level-3-vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		f.Fatal(err)
	}
	return file.Vectors
}

func FuzzRegistrationAnswer(f *testing.F) {
	m := New(Config{ID: "example.org", Origins: []string{"https://example.org"}})
	all := vectors(f)
	for i, v := range all {
		f.Add(byte(i), []byte(v.Registration.Response))
	}
	f.Fuzz(func(t *testing.T, i byte, answer []byte) {
		v := all[int(i)%len(all)]
		k, err := m.verifyRegistration(state{Challenge: v.Registration.Challenge.base64URL()}, answer)
		refusedOrFine(t, err)
		if err == nil && checkPublicKey(k.PublicKey) != nil {
			t.Error("accepted a key that is none")
		}
	})
}

func FuzzAssertionAnswer(f *testing.F) {
	m := New(Config{ID: "example.org", Origins: []string{"https://example.org"}})
	all := vectors(f)
	for i, v := range all {
		f.Add(byte(i), []byte(v.Authentication.Response))
	}
	f.Fuzz(func(t *testing.T, i byte, answer []byte) {
		v := all[int(i)%len(all)]
		st, err := json.Marshal(state{Challenge: v.Authentication.Challenge.base64URL()})
		if err != nil {
			t.Fatal(err)
		}
		k := v.key()
		k.Person = amara.ID
		_, err = finishVerification(t.Context(), m, staffkey.Ceremony{Person: amara.ID, State: st}, answer, k)
		refusedOrFine(t, err)
	})
}

func FuzzClientData(f *testing.F) {
	for _, seed := range []string{
		`{"type":"webauthn.get","challenge":"AAAA","origin":"https://staff.example.org","crossOrigin":false}`,
		`{"origin":"https://staff.example.org","\u006frigin":"https://evil.example"}`,
		`{"a":[{"b":{"c":[]}}],"origin":"https://staff.example.org"}`, `{`, "", "\xff", `{"origin":"https://staff.example.org"}{}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := checkClientData(data, []string{testOrigin})
		refusedOrFine(t, err)
		if err != nil {
			return
		}
		// What was accepted reads the same for a reader that takes names without regard to case.
		var seen struct{ Origin string }
		if err := json.Unmarshal(data, &seen); err != nil || seen.Origin != testOrigin {
			t.Errorf("accepted %q, in which another reader sees origin %q (error %v)", data, seen.Origin, err)
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
		err := checkPublicKey(raw)
		refusedOrFine(t, err)
		if err != nil {
			return
		}
		if _, err := webauthncose.ParsePublicKey(raw); err != nil {
			t.Errorf("accepted %x, which no signature can be verified with: %v", raw, err)
		}
	})
}
