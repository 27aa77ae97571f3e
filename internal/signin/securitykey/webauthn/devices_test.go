package webauthn

import (
	"encoding/json"
	"os"
	"testing"
)

// Registrations that devices of people have made, each verified for the relying party and challenge that it was made for, and for no other.
func TestRegistrations_of_real_devices(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/devices.json")
	if err != nil {
		t.Fatal(err)
	}
	var devices []struct {
		Device, Format          string
		Type                    AttestationType
		RPID, Origin, Challenge string
		ClientDataJSON          string
		AttestationObject       string
	}
	if err := json.Unmarshal(raw, &devices); err != nil {
		t.Fatal(err)
	}
	formats := map[string]bool{}
	for _, d := range devices {
		formats[d.Format] = true
		t.Run(d.Device, func(t *testing.T) {
			t.Parallel()
			object, err := base64URL.DecodeString(d.AttestationObject)
			if err != nil {
				t.Fatal(err)
			}
			client, err := base64URL.DecodeString(d.ClientDataJSON)
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := parseAttestationObject(object)
			if err != nil {
				t.Fatal(err)
			}
			party := testParty
			party.ID, party.Origins = d.RPID, []string{d.Origin}
			answer := RegistrationAnswer{RawID: parsed.data.CredentialID, ClientDataJSON: client, AttestationObject: object}
			r, err := party.VerifyRegistration(answer, Asked{Challenge: d.Challenge})
			if err != nil || r.Attestation.Format != d.Format || r.Attestation.Type != d.Type {
				t.Errorf("%s attestation of type %s, error %v, want %s of type %s", r.Attestation.Format, r.Attestation.Type, err, d.Format, d.Type)
			}
			_, err = party.VerifyRegistration(answer, Asked{Challenge: challenge})
			check(t, err, CodeChallenge)
			_, err = testParty.VerifyRegistration(answer, Asked{Challenge: d.Challenge})
			check(t, err, CodeOrigin)
		})
	}
	if len(devices) != 7 || len(formats) != 6 {
		t.Errorf("%d devices of %d formats, want 7 of 6", len(devices), len(formats))
	}
}
