package securitykey

import (
	"bytes"
	"context"
	"errors"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/securitykey/webauthn"
)

// FinishVerification verifies the answer of navigator.credentials.get() by WebAuthn Level 3 §7.2.
func (m *Method) FinishVerification(_ context.Context, v signin.Verifying, c staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	st, err := openState(c)
	if err != nil {
		return signin.Verified{}, err
	}
	parsed, err := webauthn.ParseAuthentication(answer)
	if err != nil {
		return signin.Verified{}, err
	}
	// Step 6: the credential must be known, and be the person's who is signing in.
	key, err := v.FindKey(parsed.RawID)
	if errors.Is(err, staffkey.ErrNotFound) {
		return signin.Verified{}, webauthn.CodeUnknownCredential.Refuse()
	}
	if err != nil {
		return signin.Verified{}, err
	}
	if err := m.belongs(key, v.Person.ID, st, parsed.UserHandle); err != nil {
		return signin.Verified{}, err
	}
	// A key that checked its person when it was registered must do so at every use: losing the ability would be a weaker key
	// under the same name.
	asked := webauthn.Asked{Challenge: st.Challenge, VerifyPerson: st.VerifyPerson || key.UserVerified}
	rp := m.rp
	if st.RPID != "" {
		rp.ID = st.RPID
	}
	data, err := rp.VerifyAuthentication(parsed, asked,
		webauthn.Credential{PublicKey: key.PublicKey, SignCount: key.SignCount, BackupEligible: key.BackupEligible})
	if err != nil {
		return signin.Verified{}, err
	}
	return signin.Verified{
		Person: key.Person, Key: key,
		Use: &signin.KeyUse{
			Key: key.ID, SeenCount: key.SignCount, Count: data.SignCount, BackupState: data.Flags.Has(webauthn.FlagBackupState),
			RPID: rp.ID, Reached: parsed.Attachment,
		},
		Proof: staffkey.Proof{
			Method: staffkey.MethodSecurityKey, Possession: true, VerifiedPerson: data.Flags.Has(webauthn.FlagUserVerified), PhishingResistant: true,
			HardwareBound: !key.BackupEligible, At: v.Now, SecurityKey: key.ID,
		},
	}, nil
}

// belongs checks whose key answered (§7.2 step 6), in the named and in the passwordless flow.
func (m *Method) belongs(key staffkey.SecurityKey, person staffkey.PersonID, st state, handle []byte) error {
	switch {
	case key.State == staffkey.SecurityKeyPending:
		return webauthn.CodePending.Refuse()
	case person != "" && key.Person != person:
		return webauthn.CodeOfAnother.Refuse()
	case st.Only != "" && key.ID != st.Only:
		return webauthn.CodeOtherKey.Refuse()
	case person == "" && len(handle) == 0:
		return webauthn.CodeNoUserHandle.Refuse()
	case len(handle) > 0 && !bytes.Equal(handle, key.UserHandle):
		return webauthn.CodeUserHandle.Refuse()
	}
	return nil
}
