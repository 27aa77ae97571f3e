package softkey

import "fmt"

// Get signs in: it answers navigator.credentials.get at origin and returns the AuthenticationResponseJSON to post.
// optionsJSON is a PublicKeyCredentialRequestOptionsJSON, that is the publicKey member itself. With allowCredentials
// the first of them that the key holds answers; without, the newest discoverable credential of the relying party.
// userHandle is given for discoverable credentials and left out for others. Of the extensions, prf is answered.
//
// The error is, or wraps, one of the DOMException values of this package.
func (k *Key) Get(origin string, optionsJSON []byte) (responseJSON []byte, err error) {
	options, err := parseRequestOptions(optionsJSON)
	if err != nil {
		return nil, err
	}
	rpID, err := checkOrigin(origin, options.RPID)
	if err != nil {
		return nil, err
	}
	chosen, verified, err := k.choose(rpID, options)
	if err != nil {
		return nil, err
	}
	outputs, results, err := k.evaluate(options, chosen, verified)
	if err != nil {
		return nil, err
	}
	flags := byte(0)
	if len(outputs) > 0 {
		flags = flagExtensionOutputs
	}
	parts := &Parts{
		ClientDataJSON:    clientData("webauthn.get", *options.Challenge, origin),
		AuthenticatorData: k.authenticatorData(rpID, verified, chosen.Counter, flags, outputs),
		CredentialID:      chosen.ID,
	}
	if chosen.Discoverable {
		parts.UserHandle = chosen.UserID
	}
	k.options.Tamper.at(GetBeforeSigning, parts)
	message := signedMessage(parts.AuthenticatorData, parts.ClientDataJSON)
	if parts.Signature, err = k.options.Algorithm.sign(chosen.signer, message); err != nil {
		return nil, fmt.Errorf("sign assertion: %w", err)
	}
	k.options.Tamper.at(GetAfterSigning, parts)
	return k.encode(parts, assertionResponse{
		ClientDataJSON:    parts.ClientDataJSON,
		AuthenticatorData: parts.AuthenticatorData,
		Signature:         parts.Signature,
		UserHandle:        parts.UserHandle,
	}, results)
}

// choose picks the credential that answers, counts, and returns a copy, so that signing needs no lock.
func (k *Key) choose(rpID string, options *requestOptions) (chosen *credential, verified bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if options.UserVerification == "required" && !k.uv {
		return nil, false, fmt.Errorf("user verification: %w", ErrNotAllowed)
	}
	verified = k.uv && options.UserVerification != "discouraged"
	found := k.candidate(rpID, options.AllowCredentials, verified)
	if found == nil {
		return nil, false, fmt.Errorf("relying party %q: %w", rpID, ErrNoCredential)
	}
	if k.options.Counter.Global {
		k.counter += k.options.Counter.Step
		found.Counter = k.counter
	} else {
		found.Counter += k.options.Counter.Step
	}
	return found.copy(), verified, nil
}

// candidate finds the credential to use, or nil. The caller holds the lock.
func (k *Key) candidate(rpID string, allowed []descriptor, verified bool) *credential {
	for _, d := range allowed {
		if c := k.find(rpID, d); c != nil && c.usable(verified, true) {
			return c
		}
	}
	if len(allowed) > 0 {
		return nil
	}
	for i := len(k.credentials) - 1; i >= 0; i-- {
		c := k.credentials[i]
		if c.Discoverable && c.RPID == rpID && c.usable(verified, false) {
			return c
		}
	}
	return nil
}

// find returns the credential that a descriptor names, if it belongs to the relying party, or nil. The caller holds
// the lock.
func (k *Key) find(rpID string, d descriptor) *credential {
	c := k.byID[string(d.ID)]
	if c == nil || c.RPID != rpID || d.Type != publicKeyType {
		return nil
	}
	return c
}
