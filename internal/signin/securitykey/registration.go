package securitykey

import (
	"bytes"
	"context"
	"encoding/hex"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/securitykey/webauthn"

	"github.com/google/uuid"
)

// FinishEnrolment verifies the answer of navigator.credentials.create() by WebAuthn Level 3 §7.1 and returns the key.
// Attestation statements are verified for what they say of themselves; whether their root is trusted, metadata decides.
func (m *Method) FinishEnrolment(_ context.Context, _ signin.Enrolling, c staffkey.Ceremony, answer []byte) (signin.Enrolled, error) {
	st, err := openState(c)
	if err != nil {
		return signin.Enrolled{}, err
	}
	parsed, err := webauthn.ParseRegistration(answer)
	if err != nil {
		return signin.Enrolled{}, err
	}
	rp := m.rp
	rp.Algorithms = offered(st.PostQuantum)
	r, err := rp.VerifyRegistration(parsed, webauthn.Asked{Challenge: st.Challenge, VerifyPerson: st.VerifyPerson})
	if err != nil {
		return signin.Enrolled{}, err
	}
	k := registered(r, parsed)
	k.UserHandle, k.RPID = st.UserHandle, m.rp.ID
	return signin.Enrolled{Key: &k, Again: st.Again}, nil
}

// registered is a verified registration as it is kept. The answer's bytes are shared by what was read from them, so that
// each value gets memory of its own.
func registered(r webauthn.Registration, answer webauthn.RegistrationAnswer) staffkey.SecurityKey {
	return staffkey.SecurityKey{
		CredentialID: bytes.Clone(r.CredentialID), PublicKey: bytes.Clone(r.PublicKey),
		SignCount: r.SignCount, AAGUID: uuid.UUID(r.AAGUID).String(), Transports: answer.Transports,
		UserVerified:   r.Flags.Has(webauthn.FlagUserVerified),
		BackupEligible: r.Flags.Has(webauthn.FlagBackupEligible), BackupState: r.Flags.Has(webauthn.FlagBackupState),
		Discoverable:      answer.Results.Discoverable,
		AttestationFormat: r.Attestation.Format, AttestationType: string(r.Attestation.Type),
		AttestationObject: answer.AttestationObject, ClientDataJSON: answer.ClientDataJSON,
		Serial: hex.EncodeToString(r.Attestation.Serial), Firmware: r.Attestation.Firmware,
		CredProtect: r.Extensions.CredProtect, MinPINLength: r.Extensions.MinPINLength,
		PRF: r.Extensions.HMACSecret || answer.Results.PRF,
	}
}
