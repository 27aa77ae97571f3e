package webauthn

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
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

// everywhere is a relying party that accepts all that the vectors have: frames, and Ed448.
var everywhere = RelyingParty{
	ID: "example.org", Origins: []string{"https://example.org"}, Embedded: true, TopOrigins: []string{"https://example.com"},
	Algorithms: []Algorithm{ES256, ES384, ES512, EdDSA, Ed448, RS256}, Lenient: true,
}

func readVectors(t testing.TB) []vector {
	t.Helper()
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
	return file.Vectors
}

// The types of attestation in the vectors, which their text tells.
var vectorTypes = map[string]AttestationType{
	"none": AttestationNone, "packed": AttestationBasic, "tpm": AttestationAttCA, "android-key": AttestationBasic,
	"apple": AttestationAnonCA, "fido-u2f": AttestationBasic,
}

func TestVectors_of_the_standard(t *testing.T) {
	t.Parallel()
	root := readRoot(t)
	for _, v := range readVectors(t) {
		t.Run(v.ID+"/registration", func(t *testing.T) {
			t.Parallel()
			parsed, err := ParseRegistration(v.Registration.Response)
			if err != nil {
				t.Fatal(err)
			}
			got, err := everywhere.VerifyRegistration(parsed, Asked{Challenge: v.Registration.Challenge.base64URL(), VerifyPerson: v.Registration.Expected.UV})
			if err != nil {
				t.Fatal(err)
			}
			attestation := got.Attestation
			want := v.registration(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("registration (-want +got):\n%s", diff)
			}
			err = attestation.Trusted([]*x509.Certificate{root}, pathNow)
			if attestation.Doubt != nil {
				if err != attestation.Doubt {
					t.Errorf("doubted: got error %v, want %v", err, attestation.Doubt)
				}
				err = checkPath(attestation.TrustPath, []*x509.Certificate{root}, pathNow)
			}
			if len(attestation.TrustPath) > 0 && err != nil || len(attestation.TrustPath) == 0 && codeOf(err) != CodeTrustPath {
				t.Errorf("trust path of %d certificates: got error %v", len(attestation.TrustPath), err)
			}
			again, algorithm, err := Reattest(parsed.AttestationObject, parsed.ClientDataJSON)
			if err != nil || algorithm != got.Algorithm || again.Type != attestation.Type || len(again.TrustPath) != len(attestation.TrustPath) {
				t.Errorf("attested again: got %v, error %v", again, err)
			}
		})
		t.Run(v.ID+"/authentication", func(t *testing.T) {
			t.Parallel()
			parsed, err := ParseAuthentication(v.Authentication.Response)
			if err != nil {
				t.Fatal(err)
			}
			e := v.Registration.Expected
			_, err = everywhere.VerifyAuthentication(parsed, Asked{Challenge: v.Authentication.Challenge.base64URL()}, Credential{PublicKey: []byte(e.PublicKey), BackupEligible: e.BE})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// registration is what a vector's registration must be read as. What it leaves open is taken from got.
func (v vector) registration(got Registration) Registration {
	e := v.Registration.Expected
	want := Registration{CredentialID: e.Credential, PublicKey: e.PublicKey, AAGUID: [16]byte(e.AAGUID), Flags: FlagUserPresent | FlagAttested}
	for flag, set := range map[Flags]bool{FlagUserVerified: e.UV, FlagBackupEligible: e.BE, FlagBackupState: e.BS} {
		if set {
			want.Flags |= flag
		}
	}
	want.Attestation, want.Algorithm = got.Attestation, got.Algorithm
	want.Attestation.Format, want.Attestation.Type = e.Format, vectorTypes[e.Format]
	if strings.HasPrefix(v.ID, "packed-self") {
		want.Attestation.Type = AttestationSelf
	}
	return want
}

// The ceremonies of the vectors as our own relying party takes them: no frames, no Ed448, no doubts.
func TestVectors_by_our_own_rules(t *testing.T) {
	t.Parallel()
	ours := everywhere
	ours.Embedded, ours.TopOrigins, ours.Algorithms, ours.Lenient = false, nil, testParty.Algorithms, false
	refused := map[string]Code{"none-es256-crossOrigin": CodeCrossOrigin, "none-es256-topOrigin": CodeCrossOrigin, "packed-ed448": CodeAlgorithm,
		"fido-u2f-es256": CodeAttestationAAGUID, "android-key-es256": CodeAttestationHardware}
	for _, v := range readVectors(t) {
		parsed, err := ParseRegistration(v.Registration.Response)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ours.VerifyRegistration(parsed, Asked{Challenge: v.Registration.Challenge.base64URL()})
		if got := codeOf(err); got != refused[v.ID] || (err == nil) != (got == "") {
			t.Errorf("%s: got error %v, want code %q", v.ID, err, refused[v.ID])
		}
	}
}

func readRoot(t testing.TB) *x509.Certificate {
	t.Helper()
	text, err := os.ReadFile("testdata/webauthn-level-3-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Root hexText `json:"attestation_root"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(file.Root)
	if err != nil {
		t.Fatal(err)
	}
	return root
}
