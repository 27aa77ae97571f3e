package securitykey

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/descope/virtualwebauthn"
	"github.com/google/go-cmp/cmp"
)

func TestExercise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		options softkey.Options
		level   int
	}{
		{"key with a PIN", goodKey(), 3},
		{"key without a counter", softkey.Options{UserVerification: true, Resident: true}, 3},
		{"synced passkey", softkey.Options{UserVerification: true, Resident: true, BackupEligible: true, BackupState: true, Algorithm: softkey.EdDSA}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			signintest.Exercise(t, signintest.Subject{
				New: func(testing.TB, *store.Store) signin.Method { return testMethod() },
				Hand: func(t testing.TB, _ *store.Store, _ *storetest.Clock) signintest.Hand {
					return hand(t, softkey.New(test.options))
				},
				Level: test.level, PhishingResistant: true, Always: true,
				Wrong: "challenge", Replayed: "challenge", Another: "key_of_another",
				Skip: map[string]string{signintest.WrittenOtherwise: "nobody types what a key answers"},
			})
		})
	}
}

// hand holds a key.
func hand(t testing.TB, key *softkey.Key) signintest.Hand {
	answer := func(options json.RawMessage) []byte {
		body, err := key.Get(testOrigin, options)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	return signintest.Hand{
		Enrol: func(options json.RawMessage) []byte {
			body, err := key.Create(testOrigin, options)
			if err != nil {
				t.Fatal(err)
			}
			return body
		},
		Answer: answer,
		// Wrong is an answer to a challenge that was not ours; an enrolment's options name no keys, so any of the relying
		// party's is taken.
		Wrong: func(options json.RawMessage) []byte {
			var o map[string]any
			if err := json.Unmarshal(options, &o); err != nil {
				t.Fatal(err)
			}
			o["challenge"] = base64.RawURLEncoding.EncodeToString(make([]byte, challengeBytes))
			o["rpId"] = testID
			changed, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			return answer(changed)
		},
	}
}

func TestVerification_of_a_copied_key(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		from, to uint32 // the counter on record, and the one that the answer has
		rule     string
	}{
		{"one more", 41, 42, ""},
		{"many more", 41, 4000, ""},
		{"the same", 41, 41, "counter_went_back"},
		{"one less", 41, 40, "counter_went_back"},
		{"back to zero", 41, 0, "counter_went_back"},
		{"none, as ever", 0, 0, ""},
		{"beginning to count", 0, 1, ""},
		{"wrapped around", 1<<32 - 1, 0, "counter_went_back"},
		{"to the largest", 1<<32 - 2, 1<<32 - 1, ""},
	}
	m := testMethod()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			o := goodKey()
			o.Counter = softkey.Counter{}
			key := softkey.New(o)
			k := register(t, m, key)
			k.SignCount = test.from
			key.SetCounter(test.to)
			v, err := signIn(t, m, key, k)
			if got := signintest.RuleOf(err); got != test.rule || err != nil && got == "" {
				t.Fatalf("got error %v, want rule %q", err, test.rule)
			}
			if err != nil {
				return
			}
			want := &signin.KeyUse{Key: k.ID, SeenCount: test.from, Count: test.to, RPID: testID, Reached: "cross-platform"}
			if diff := cmp.Diff(want, v.Use); diff != "" {
				t.Errorf("use (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRegistration_keeps_what_the_key_says(t *testing.T) {
	t.Parallel()
	m := testMethod()
	for name, algorithm := range map[string]softkey.Algorithm{"ES256": softkey.ES256, "ES384": softkey.ES384, "EdDSA": softkey.EdDSA, "RS256": softkey.RS256} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := goodKey()
			o.Algorithm = algorithm
			key := softkey.New(o)
			got := register(t, m, key)
			held := key.Credentials()[0]
			want := staffkey.SecurityKey{
				ID: "blue", Person: amara.ID, State: staffkey.SecurityKeyActive, CredentialID: held.ID, UserHandle: held.UserID, SignCount: 1,
				AAGUID: "ee882879-721c-4913-9775-3dfcce97072a", Transports: []string{"nfc", "usb"}, UserVerified: true, Discoverable: true,
				AttestationFormat: "packed", AttestationType: "basic", CredProtect: 3, RPID: testID,
			}
			if len(got.PublicKey) == 0 || len(got.AttestationObject) == 0 || len(got.ClientDataJSON) == 0 {
				t.Error("public key, attestation object or client data are not kept")
			}
			got.PublicKey, got.AttestationObject, got.ClientDataJSON = nil, nil, nil
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("key (-want +got):\n%s", diff)
			}
			if got, want := ModelName(got.AAGUID), "YubiKey 5"; got != want {
				t.Errorf("model %q, want %q", got, want)
			}
		})
	}
}

// F81: asked for enterprise attestation, a key tells its serial number, and it is kept; asked for less, it does not.
func TestRegistration_with_a_serial_number(t *testing.T) {
	t.Parallel()
	o := goodKey()
	o.EnterpriseSerial = []byte{0x15, 0x44, 0x28, 0x71}
	for conveyance, want := range map[staffkey.Conveyance]string{staffkey.ConveyEnterprise: "15442871", staffkey.ConveyDirect: "", staffkey.ConveyNone: ""} {
		m := testMethod()
		e := signin.Enrolling{Subject: signin.Subject{Person: amara, Policy: staffkey.Policy{Keys: staffkey.KeyRules{Conveyance: &conveyance}}}, Now: testNow}
		begun, err := m.BeginEnrolment(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := softkey.New(o).Create(testOrigin, begun.Options)
		if err != nil {
			t.Fatal(err)
		}
		k, err := finishEnrolment(t.Context(), m, staffkey.Ceremony{Purpose: staffkey.PurposeEnrol, State: begun.State}, answer)
		if err != nil || k.Serial != want {
			t.Errorf("%s: serial number %q, error %v, want %q", conveyance, k.Serial, err, want)
		}
	}
}

// An authenticator written by others reads our options and is read by us.
func TestCeremonies_with_an_independent_authenticator(t *testing.T) {
	t.Parallel()
	for name, keyType := range map[string]virtualwebauthn.KeyType{"EC2": virtualwebauthn.KeyTypeEC2, "RSA": virtualwebauthn.KeyTypeRSA} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := testMethod()
			rp := virtualwebauthn.RelyingParty{ID: testID, Name: "Staffkey", Origin: testOrigin}
			authenticator := virtualwebauthn.NewAuthenticator()
			credential := virtualwebauthn.NewCredential(keyType)
			c, raw := beginEnrolment(t, m)
			creation, err := virtualwebauthn.ParseAttestationOptions(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			k, err := finishEnrolment(t.Context(), m, c, []byte(virtualwebauthn.CreateAttestationResponse(rp, authenticator, credential, *creation)))
			if err != nil {
				t.Fatal(err)
			}
			if got := string(k.CredentialID); got != string(credential.ID) {
				t.Errorf("credential id %x, want %x", got, credential.ID)
			}
			authenticator.Options.UserHandle = []byte(creation.UserID)
			authenticator.AddCredential(credential)
			c, raw = beginVerification(t, m, k)
			request, err := virtualwebauthn.ParseAssertionOptions(string(raw))
			if err != nil {
				t.Fatal(err)
			}
			if found := authenticator.FindAllowedCredential(*request); found == nil {
				t.Fatal("the options do not allow the credential")
			}
			v, err := finishVerification(t.Context(), m, c, []byte(virtualwebauthn.CreateAssertionResponse(rp, authenticator, credential, *request)), k)
			if err != nil {
				t.Fatal(err)
			}
			want := staffkey.Proof{
				Method: staffkey.MethodSecurityKey, Possession: true, VerifiedPerson: true, PhishingResistant: true, HardwareBound: true,
				At: testNow, SecurityKey: k.ID,
			}
			if diff := cmp.Diff(want, v.Proof); diff != "" {
				t.Errorf("proof (-want +got):\n%s", diff)
			}
		})
	}
}
