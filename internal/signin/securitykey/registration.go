package securitykey

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/signin"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/google/uuid"
)

// FinishEnrolment verifies the answer of navigator.credentials.create() by WebAuthn Level 3 §7.1 and returns the key.
// Attestation statements are verified for what they say of themselves; whether their root is trusted, metadata decides.
func (m *Method) FinishEnrolment(_ context.Context, _ signin.Enrolling, c staffkey.Ceremony, answer []byte) (signin.Enrolled, error) {
	st, err := openState(c)
	if err != nil {
		return signin.Enrolled{}, err
	}
	k, err := m.verifyRegistration(st, answer)
	if err != nil {
		return signin.Enrolled{}, err
	}
	k.UserHandle = st.UserHandle
	return signin.Enrolled{Key: &k, Again: st.Again}, nil
}

func (m *Method) verifyRegistration(st state, answer []byte) (staffkey.SecurityKey, error) {
	var k staffkey.SecurityKey
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return k, unreadable(err)
	}
	raw := parsed.Raw.AttestationResponse
	if err := checkClientData(raw.ClientDataJSON, m.rp.Origins); err != nil {
		return k, err
	}
	data := parsed.Response.AttestationObject.AuthData
	_, err = parsed.Verify(st.Challenge, m.rp.ID, m.rp.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		false, true, nil, algorithms, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return k, unverified("registration", err)
	}
	if st.VerifyPerson && !data.Flags.HasUserVerified() { // §7.1 step 17
		return k, staffkey.Refused("user_verification", "key.uv")
	}
	if err := checkFlags(data.Flags); err != nil {
		return k, err
	}
	if err := checkPublicKey(data.AttData.CredentialPublicKey); err != nil {
		return k, err
	}
	model, err := uuid.FromBytes(data.AttData.AAGUID)
	if err != nil {
		return k, staffkey.Refused("aaguid", "wa.data").Because("AAGUID of %d bytes", len(data.AttData.AAGUID))
	}
	return staffkey.SecurityKey{
		CredentialID: bytes.Clone(data.AttData.CredentialID), PublicKey: bytes.Clone(data.AttData.CredentialPublicKey),
		SignCount: data.Counter, AAGUID: model.String(), Transports: transports(raw.Transports),
		UserVerified: data.Flags.HasUserVerified(), BackupEligible: data.Flags.HasBackupEligible(), BackupState: data.Flags.HasBackupState(),
		Discoverable:      isDiscoverable(parsed.ClientExtensionResults),
		AttestationFormat: parsed.Response.AttestationObject.Format,
		AttestationObject: bytes.Clone(raw.AttestationObject), ClientDataJSON: bytes.Clone(raw.ClientDataJSON),
	}, nil
}

// knownTransports of WebAuthn Level 3 §5.8.4; anything else that a browser sends is left out.
var knownTransports = []string{"usb", "nfc", "ble", "hybrid", "internal", "smart-card"}

func transports(sent []string) []string {
	var list []string
	for _, t := range sent {
		if t == "cable" { // what browsers sent before "hybrid" had its name
			t = "hybrid"
		}
		if slices.Contains(knownTransports, t) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// isDiscoverable reads credProps.rk (§10.1.3). A browser that does not say leaves it open: then it is not counted on.
func isDiscoverable(extensions protocol.AuthenticationExtensionsClientOutputs) bool {
	return extensions.CredProps != nil && extensions.CredProps.RK != nil && *extensions.CredProps.RK
}

// unreadable and unverified keep the library's words for the log.
func unreadable(err error) error {
	return staffkey.Refused("answer_unreadable", "wa.data").Because("%s", describe(err))
}

func unverified(what string, err error) error {
	return staffkey.Refused(what+"_unverified", "wa.data").Because("%s", describe(err))
}

func describe(err error) string {
	text := err.Error()
	var e *protocol.Error
	if errors.As(err, &e) {
		text = strings.TrimSpace(e.Type + ": " + e.Details + " " + e.DevInfo)
	}
	if len(text) > 300 {
		text = strings.ToValidUTF8(text[:300], "")
	}
	return text
}
