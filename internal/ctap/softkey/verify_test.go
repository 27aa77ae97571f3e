package softkey_test

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-webauthn/webauthn/protocol"
	"github.com/google/go-cmp/cmp"

	"staffkey/internal/ctap/softkey"
)

var testAAGUID = [16]byte{0x5f, 0x1e, 15: 0x01}

func TestCeremonies(t *testing.T) {
	t.Parallel()
	algorithms := []softkey.Algorithm{softkey.ES256, softkey.EdDSA, softkey.ES384, softkey.RS256}
	attestations := map[softkey.Attestation]string{
		softkey.AttestationNone:       "none",
		softkey.AttestationPacked:     "basic_full",
		softkey.AttestationPackedSelf: "basic_surrogate",
	}
	for _, algorithm := range algorithms {
		for attestation, wantType := range attestations {
			t.Run(fmt.Sprintf("algorithm %d with attestation %s", algorithm, attestation), func(t *testing.T) {
				t.Parallel()
				key := softkey.New(softkey.Options{
					AAGUID: testAAGUID, Algorithm: algorithm, Attestation: attestation, UserVerification: true,
					Transports: []string{"usb", "nfc", "usb"}, BackupEligible: true,
				})
				rp := newRelyingParty()
				created := rp.register(t, key, "ann", object{"attestation": "direct"})
				if got := created.Response.AttestationObject.Type; got != wantType {
					t.Errorf("attestation type = %q, want %q", got, wantType)
				}
				data := created.Response.AttestationObject.AuthData
				if diff := cmp.Diff(testAAGUID[:], data.AttData.AAGUID); diff != "" {
					t.Errorf("AAGUID (-want +got):\n%s", diff)
				}
				if got, want := data.Flags, protocol.AuthenticatorFlags(0x4d); got != want {
					t.Errorf("registration flags = %#x, want %#x", got, want)
				}
				wantTransports := []protocol.AuthenticatorTransport{"nfc", "usb"}
				if diff := cmp.Diff(wantTransports, created.Response.Transports); diff != "" {
					t.Errorf("transports (-want +got):\n%s", diff)
				}
				checkConvenienceMembers(t, created, algorithm)
				checkCanonical(t, created)

				signedIn := rp.signIn(t, key, created)
				if got, want := signedIn.Response.AuthenticatorData.Flags, protocol.AuthenticatorFlags(0x0d); got != want {
					t.Errorf("sign-in flags = %#x, want %#x", got, want)
				}
			})
		}
	}
}

// checkConvenienceMembers compares the members that repeat what is in the attestation object (WebAuthn §5.2.1.1).
func checkConvenienceMembers(t *testing.T, created *protocol.ParsedCredentialCreationData, algorithm softkey.Algorithm) {
	t.Helper()
	response := created.Raw.AttestationResponse
	if !bytes.Equal(response.AuthenticatorData, created.Response.AttestationObject.RawAuthData) {
		t.Error("authenticatorData differs from the attestation object's")
	}
	if got, want := response.PublicKeyAlgorithm, int64(algorithm); got != want {
		t.Errorf("publicKeyAlgorithm = %d, want %d", got, want)
	}
	if _, err := x509.ParsePKIXPublicKey(response.PublicKey); err != nil {
		t.Errorf("publicKey: %v", err)
	}
	if got, want := created.Raw.AuthenticatorAttachment, "cross-platform"; got != want {
		t.Errorf("authenticatorAttachment = %q, want %q", got, want)
	}
}

// checkCanonical encodes the attestation object and the public key again in CTAP2 canonical form: nothing may change.
func checkCanonical(t *testing.T, created *protocol.ParsedCredentialCreationData) {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]byte{
		"attestation object": created.Raw.AttestationResponse.AttestationObject,
		"public key":         created.Response.AttestationObject.AuthData.AttData.CredentialPublicKey,
	} {
		var value any
		if err := cbor.Unmarshal(want, &value); err != nil {
			t.Fatalf("decode %s: %v", name, err)
		}
		got, err := mode.Marshal(value)
		if err != nil {
			t.Fatalf("encode %s: %v", name, err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not canonical:\n got %x\nwant %x", name, want, got)
		}
	}
}

func TestClientDataIsSerialisedAsPrescribed(t *testing.T) {
	t.Parallel()
	rp := newRelyingParty()
	created := rp.register(t, softkey.New(softkey.Options{}), "ann", nil)
	got := string(created.Raw.AttestationResponse.ClientDataJSON)
	want := `{"type":"webauthn.create","challenge":"` + encode(rp.challenge) + `","origin":"` + testOrigin + `","crossOrigin":false}`
	if got != want {
		t.Errorf("client data = %s, want %s", got, want)
	}
}

func TestAttestationConveyance(t *testing.T) {
	t.Parallel()
	zero := [16]byte{}
	tests := []struct {
		name        string
		attestation softkey.Attestation
		aaguid      [16]byte
		conveyance  any
		wantFormat  string
		wantAAGUID  [16]byte
	}{
		{"packed is hidden when not mentioned", softkey.AttestationPacked, testAAGUID, nil, "none", zero},
		{"packed is hidden for none", softkey.AttestationPacked, testAAGUID, "none", "none", zero},
		{"packed is hidden for an unknown preference", softkey.AttestationPacked, testAAGUID, "please", "none", zero},
		{"packed is shown for indirect", softkey.AttestationPacked, testAAGUID, "indirect", "packed", testAAGUID},
		{"packed is shown for enterprise", softkey.AttestationPacked, testAAGUID, "enterprise", "packed", testAAGUID},
		{"self attestation is hidden for none", softkey.AttestationPackedSelf, testAAGUID, "none", "none", zero},
		{"anonymous self attestation stays for none", softkey.AttestationPackedSelf, zero, "none", "packed", zero},
		{"a key without attestation keeps its AAGUID for direct", softkey.AttestationNone, testAAGUID, "direct", "none", testAAGUID},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			key := softkey.New(softkey.Options{AAGUID: test.aaguid, Attestation: test.attestation})
			created := newRelyingParty().register(t, key, "ann", object{"attestation": test.conveyance})
			if got := created.Response.AttestationObject.Format; got != test.wantFormat {
				t.Errorf("format = %q, want %q", got, test.wantFormat)
			}
			if diff := cmp.Diff(test.wantAAGUID[:], created.Response.AttestationObject.AuthData.AttData.AAGUID); diff != "" {
				t.Errorf("AAGUID (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAttestationCertificates(t *testing.T) {
	t.Parallel()
	issuer, err := softkey.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	options := softkey.Options{
		AAGUID: testAAGUID, Attestation: softkey.AttestationPacked, Issuer: issuer, EnterpriseSerial: []byte("SK-0001"),
	}
	leaf := func(t *testing.T, options softkey.Options, conveyance string) *x509.Certificate {
		t.Helper()
		created := newRelyingParty().register(t, softkey.New(options), "ann", object{"attestation": conveyance})
		chain := created.Response.AttestationObject.AttStatement["x5c"].([]any)
		certificates := make([]*x509.Certificate, len(chain))
		intermediates := x509.NewCertPool()
		for i, der := range chain {
			certificate, err := x509.ParseCertificate(der.([]byte))
			if err != nil {
				t.Fatal(err)
			}
			certificates[i] = certificate
			intermediates.AddCert(certificate)
		}
		roots := x509.NewCertPool()
		roots.AddCert(issuer.Root())
		if _, err := certificates[0].Verify(x509.VerifyOptions{
			Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
		}); err != nil {
			t.Errorf("chain does not lead to the issuer's root: %v", err)
		}
		return certificates[0]
	}
	octets := func(t *testing.T, certificate *x509.Certificate, last int) []byte {
		t.Helper()
		for _, extension := range certificate.Extensions {
			if extension.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, last}) {
				var value []byte
				if _, err := asn1.Unmarshal(extension.Value, &value); err != nil {
					t.Fatal(err)
				}
				return value
			}
		}
		return nil
	}

	first, second := leaf(t, options, "direct"), leaf(t, options, "direct")
	if !first.Equal(second) {
		t.Error("two keys of one model have different certificates, want the same")
	}
	if diff := cmp.Diff(testAAGUID[:], octets(t, first, 4)); diff != "" {
		t.Errorf("AAGUID extension (-want +got):\n%s", diff)
	}
	if got := octets(t, first, 2); got != nil {
		t.Errorf("serial extension without enterprise attestation = %q, want none", got)
	}
	if got, want := string(octets(t, leaf(t, options, "enterprise"), 2)), "SK-0001"; got != want {
		t.Errorf("serial extension = %q, want %q", got, want)
	}
}

func TestDefaultIssuer(t *testing.T) {
	t.Parallel()
	first, err := softkey.DefaultIssuer()
	if err != nil {
		t.Fatal(err)
	}
	if second, _ := softkey.DefaultIssuer(); second != first {
		t.Error("DefaultIssuer made a second issuer, want one for the process")
	}
}

func TestExtensions(t *testing.T) {
	t.Parallel()
	key := softkey.New(softkey.Options{Resident: true, MinPINLength: 6})
	rp := newRelyingParty()
	body, err := key.Create(testOrigin, rp.creation(t, "ann", object{
		"authenticatorSelection": object{"residentKey": "preferred"},
		"extensions": object{
			"credProps": true, "minPinLength": true, "credentialProtectionPolicy": "userVerificationOptionalWithCredentialIDList",
			"largeBlob": object{"support": "preferred"},
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	created, err := rp.registered(body, false)
	if err != nil {
		t.Fatal(explain(err))
	}
	data := created.Response.AttestationObject.AuthData
	if !data.Flags.HasExtensions() {
		t.Error("extension flag is not set")
	}
	var got map[string]uint
	if err := cbor.Unmarshal(data.ExtData, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]uint{"credProtect": 2, "minPinLength": 6}, got); diff != "" {
		t.Errorf("authenticator extension outputs (-want +got):\n%s", diff)
	}
	var response struct {
		ClientExtensionResults object `json:"clientExtensionResults"`
	}
	if err := json.Unmarshal(body, &response); err != nil {
		t.Fatal(err)
	}
	want := object{"credProps": map[string]any{"rk": true}}
	if diff := cmp.Diff(want, response.ClientExtensionResults); diff != "" {
		t.Errorf("client extension results (-want +got):\n%s", diff)
	}
}
