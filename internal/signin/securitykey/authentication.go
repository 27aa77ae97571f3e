package securitykey

import (
	"bytes"
	"context"
	"errors"

	"staffkey"
	"staffkey/internal/signin"

	"github.com/go-webauthn/webauthn/protocol"
)

// FinishVerification verifies the answer of navigator.credentials.get() by WebAuthn Level 3 §7.2.
func (m *Method) FinishVerification(_ context.Context, v signin.Verifying, c staffkey.Ceremony, answer []byte) (signin.Verified, error) {
	st, err := openState(c)
	if err != nil {
		return signin.Verified{}, err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return signin.Verified{}, unreadable(err)
	}
	// Step 6: the credential must be known, and be the person's who is signing in.
	key, err := v.FindKey(parsed.RawID)
	if errors.Is(err, staffkey.ErrNotFound) {
		return signin.Verified{}, staffkey.Refused("credential_unknown", "key.unknown")
	}
	if err != nil {
		return signin.Verified{}, err
	}
	if err := m.belongs(key, v.Person.ID, st, parsed.Response.UserHandle); err != nil {
		return signin.Verified{}, err
	}
	if err := m.verifyAssertion(key, st, parsed); err != nil {
		return signin.Verified{}, err
	}
	data := parsed.Response.AuthenticatorData
	return signin.Verified{
		Person: key.Person, Key: key,
		Use: &signin.KeyUse{Key: key.ID, SeenCount: key.SignCount, Count: data.Counter, BackupState: data.Flags.HasBackupState()},
		Proof: staffkey.Proof{
			Method: staffkey.MethodSecurityKey, Possession: true, VerifiedPerson: data.Flags.HasUserVerified(), PhishingResistant: true,
			HardwareBound: !key.BackupEligible, At: v.Now, SecurityKey: key.ID,
		},
	}, nil
}

// belongs checks whose key answered (§7.2 step 6), in the named and in the passwordless flow.
func (m *Method) belongs(key staffkey.SecurityKey, person staffkey.PersonID, st state, handle []byte) error {
	switch {
	case key.State == staffkey.SecurityKeyPending:
		return staffkey.Refused("key_pending", "key.unknown")
	case person != "" && key.Person != person:
		return staffkey.Refused("key_of_another", "key.other")
	case st.Only != "" && key.ID != st.Only:
		return staffkey.Refused("other_key_than_asked", "key.another")
	case person == "" && len(handle) == 0:
		return staffkey.Refused("user_handle_missing", "key.unknown")
	case len(handle) > 0 && !bytes.Equal(handle, key.UserHandle):
		return staffkey.Refused("user_handle_differs", "key.unknown")
	}
	return nil
}

func (m *Method) verifyAssertion(key staffkey.SecurityKey, st state, parsed *protocol.ParsedCredentialAssertionData) error {
	if err := checkClientData(parsed.Raw.AssertionResponse.ClientDataJSON, m.rp.Origins); err != nil {
		return err
	}
	err := parsed.Verify(st.Challenge, m.rp.ID, "", m.rp.Origins, nil, nil, protocol.TopOriginExplicitVerificationMode, false,
		false, true, key.PublicKey, protocol.SignaturePolicy{})
	if err != nil {
		return unverified("assertion", err)
	}
	data := parsed.Response.AuthenticatorData
	// Step 17: the authenticator checked the person, where that was asked for. A key that did so when it was registered
	// must do so at every use: losing the ability would be a weaker key under the same name.
	if (st.VerifyPerson || key.UserVerified) && !data.Flags.HasUserVerified() {
		return staffkey.Refused("user_verification", "key.uv")
	}
	if err := checkFlags(data.Flags); err != nil {
		return err
	}
	// Step 21 item 1: backup eligibility never changes.
	if data.Flags.HasBackupEligible() != key.BackupEligible {
		return staffkey.Refused("backup_eligibility_changed", "wa.data")
	}
	// Step 22: the counter never stands still or goes back, unless the key has none.
	if (data.Counter != 0 || key.SignCount != 0) && data.Counter <= key.SignCount {
		return staffkey.Refused("counter_went_back", "key.clone").Because("counter %d after %d", data.Counter, key.SignCount)
	}
	return nil
}
