package securitykey

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"staffkey"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// vector is one pair of ceremonies of the Test Vectors of WebAuthn Level 3 (testdata/NOTICE).
type vector struct {
	ID           string
	Title        string
	Registration struct {
		Challenge hexText
		Response  json.RawMessage
		Expected  struct {
			Format     string `json:"fmt"`
			UV, BE, BS bool
			AAGUID     hexText
			Credential hexText `json:"credentialId"`
			PublicKey  hexText `json:"credentialPublicKeyCose"`
		}
	}
	Authentication struct {
		Challenge hexText
		Response  json.RawMessage
	}
}

// hexText is bytes in hexadecimal.
type hexText []byte

func (h *hexText) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

func (h hexText) base64URL() string { return base64.RawURLEncoding.EncodeToString(h) }

// refusal is how a ceremony is refused on purpose: the rule, and words of the reason.
type refusal struct{ rule, reason, why string }

// The ceremonies that are valid and that our relying party refuses all the same.
var (
	refusedRegistrations = map[string]refusal{
		"none-es256-crossOrigin": {"cross_origin", "", "pages of ours are never in a frame of another site"},
		"none-es256-topOrigin":   {"cross_origin", "", "pages of ours are never in a frame of another site"},
		"packed-ed448":           {"registration_unverified", "algorithm", "Ed448 is not among the algorithms that we offer"},
		"tpm-es256":              {"registration_unverified", "Invalid TPM manufacturer", "the certificate names no maker of the TCG's list"},
		"android-key-es256":      {"registration_unverified", "x5c cert chain", "the library binds the format to Google's roots, and the vectors have their own"},
		"apple-es256":            {"registration_unverified", "x5c cert chain", "the library binds the format to Apple's root, and the vectors have their own"},
	}
	refusedAuthentications = map[string]refusal{
		"none-es256-crossOrigin": {"cross_origin", "", "pages of ours are never in a frame of another site"},
		"none-es256-topOrigin":   {"cross_origin", "", "pages of ours are never in a frame of another site"},
		"packed-ed448":           {"assertion_unverified", "", "such a key was never registered"},
		"packed-self-es256":      {"user_verification", "", "verified at registration and not any more"},
		"packed-es512":           {"user_verification", "", "verified at registration and not any more"},
		"packed-rs256":           {"user_verification", "", "verified at registration and not any more"},
		"android-key-es256":      {"user_verification", "", "verified at registration and not any more"},
	}
)

func TestVectors_of_the_standard(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/webauthn-level-3-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if got, want := len(file.Vectors), 15; got != want {
		t.Fatalf("%d vectors, want %d", got, want)
	}
	m := New(Config{ID: "example.org", Origins: []string{"https://example.org"}})
	for _, v := range file.Vectors {
		t.Run(v.ID+"/registration", func(t *testing.T) {
			t.Parallel()
			got, err := m.verifyRegistration(state{Challenge: v.Registration.Challenge.base64URL()}, v.Registration.Response)
			if refused, ok := refusedRegistrations[v.ID]; ok {
				refused.check(t, err)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			model, err := uuid.FromBytes(v.Registration.Expected.AAGUID)
			if err != nil {
				t.Fatal(err)
			}
			want := v.key()
			want.AAGUID, want.AttestationFormat = model.String(), v.Registration.Expected.Format
			got.AttestationObject, got.ClientDataJSON = nil, nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
		})
		t.Run(v.ID+"/authentication", func(t *testing.T) {
			t.Parallel()
			parsed, err := protocol.ParseCredentialRequestResponseBytes(v.Authentication.Response)
			if err != nil {
				t.Fatal(err)
			}
			err = m.verifyAssertion(v.key(), state{Challenge: v.Authentication.Challenge.base64URL()}, parsed)
			if refused, ok := refusedAuthentications[v.ID]; ok {
				refused.check(t, err)
				return
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// key is what a relying party that accepts the registration stores of it.
func (v vector) key() staffkey.SecurityKey {
	e := v.Registration.Expected
	return staffkey.SecurityKey{CredentialID: e.Credential, PublicKey: e.PublicKey, UserVerified: e.UV, BackupEligible: e.BE, BackupState: e.BS}
}

func (want refusal) check(t *testing.T, err error) {
	t.Helper()
	var got *staffkey.Refusal
	if !errors.As(err, &got) || got.Rule != want.rule || !strings.Contains(got.Reason, want.reason) {
		t.Errorf("got error %v, want a refusal by %s (%s), because %s", err, want.rule, want.reason, want.why)
	}
}
