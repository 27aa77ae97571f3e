package softkey

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"fmt"
)

// Create registers: it makes a credential as navigator.credentials.create at origin would and returns the
// RegistrationResponseJSON to post. optionsJSON is a PublicKeyCredentialCreationOptionsJSON, that is the publicKey
// member itself. A discoverable credential takes the place of an earlier one with the same relying party and user.id;
// credentials with different user.id live side by side.
//
// The extensions credProps, credProtect, minPinLength and prf are answered; others are ignored, as by a browser that does
// not know them. The error is, or wraps, one of the DOMException values of this package.
func (k *Key) Create(origin string, optionsJSON []byte) (responseJSON []byte, err error) {
	options, err := parseCreationOptions(optionsJSON)
	if err != nil {
		return nil, err
	}
	rpID, err := checkOrigin(origin, options.RP.ID)
	if err != nil {
		return nil, err
	}
	if !k.options.Algorithm.known() || !k.options.Attestation.known() {
		return nil, fmt.Errorf("algorithm %d, attestation %q: %w", k.options.Algorithm, k.options.Attestation, ErrNotSupported)
	}
	discoverable, verified, counter, err := k.prepare(rpID, options)
	if err != nil {
		return nil, err
	}

	signer, err := k.options.Algorithm.generate()
	if err != nil {
		return nil, fmt.Errorf("generate credential: %w", err)
	}
	made := &credential{signer: signer, secrets: newSecrets(), Credential: Credential{
		ID:              make([]byte, 32),
		RPID:            rpID,
		UserID:          options.User.ID,
		UserName:        options.User.Name,
		UserDisplayName: options.User.DisplayName,
		Discoverable:    discoverable,
		Protection:      options.protection(),
		Counter:         counter,
	}}
	rand.Read(made.ID) // never fails
	responseJSON, err = k.answerCreate(origin, options, made, verified)
	if err != nil {
		return nil, err
	}
	k.keep(made)
	return responseJSON, nil
}

// prepare checks what the options require of the key, in the order in which a client picks an authenticator and the
// authenticator then looks at the request (WebAuthn §5.1.3, §6.3.2), and says how the credential is to be made.
func (k *Key) prepare(rpID string, options *creationOptions) (discoverable, verified bool, counter uint32, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	selection := options.AuthenticatorSelection
	required, wanted := options.discoverable()
	switch {
	case selection.AuthenticatorAttachment != "" && selection.AuthenticatorAttachment != k.attachment():
		err = fmt.Errorf("attachment %q: %w", selection.AuthenticatorAttachment, ErrNotAllowed)
	case required && !k.options.Resident:
		err = fmt.Errorf("discoverable credential: %w", ErrNotAllowed)
	case selection.UserVerification == "required" && !k.uv:
		err = fmt.Errorf("user verification: %w", ErrNotAllowed)
	case !options.accepts(k.options.Algorithm):
		err = fmt.Errorf("algorithm %d is not in pubKeyCredParams: %w", k.options.Algorithm, ErrNotSupported)
	}
	if err != nil {
		return false, false, 0, err
	}
	verified = k.uv && selection.UserVerification != "discouraged"
	for _, excluded := range options.ExcludeCredentials {
		if c := k.find(rpID, excluded); c != nil && c.usable(verified, true) {
			return false, false, 0, ErrExcluded
		}
	}
	counter = k.options.Counter.Start
	if k.options.Counter.Global {
		counter = k.counter
	}
	return wanted && k.options.Resident, verified, counter, nil
}

// answerCreate builds the response for a new credential.
func (k *Key) answerCreate(origin string, options *creationOptions, made *credential, verified bool) ([]byte, error) {
	kind, aaguid := k.conveyed(options.Attestation)
	coseKey, err := k.options.Algorithm.coseKey(made.signer.Public())
	if err != nil {
		return nil, err
	}
	// Of a key that a browser does not know it hands out none (WebAuthn §5.2.1.1).
	var publicKey []byte
	if !k.options.Algorithm.postQuantum() {
		if publicKey, err = x509.MarshalPKIXPublicKey(made.signer.Public()); err != nil {
			return nil, fmt.Errorf("encode public key: %w", err)
		}
	}
	tail, flags := attestedData(aaguid, made.ID, coseKey), byte(flagAttestedData)
	if outputs := k.extensionOutputs(options); len(outputs) > 0 {
		encoded, err := canonical.Marshal(outputs)
		if err != nil {
			return nil, fmt.Errorf("encode extension outputs: %w", err)
		}
		tail, flags = append(tail, encoded...), flags|flagExtensionOutputs
	}
	parts := &Parts{
		ClientDataJSON:    clientData("webauthn.create", *options.Challenge, origin),
		AuthenticatorData: k.authenticatorData(made.RPID, verified, made.Counter, flags, tail),
		CredentialID:      bytes.Clone(made.ID),
	}
	k.options.Tamper.at(CreateBeforeSigning, parts)
	if err := k.attest(parts, kind, options.Attestation, made); err != nil {
		return nil, err
	}
	k.options.Tamper.at(CreateAfterSigning, parts)
	if parts.AttestationObject, err = encodeAttestationObject(parts); err != nil {
		return nil, err
	}
	k.options.Tamper.at(CreateEncoded, parts)

	results := map[string]any{}
	if options.Extensions.CredProps {
		results["credProps"] = map[string]bool{"rk": made.Discoverable}
	}
	if options.Extensions.PRF != nil {
		results["prf"] = map[string]any{"enabled": k.options.PRF}
	}
	return k.encode(parts, attestationResponse{
		ClientDataJSON:     parts.ClientDataJSON,
		AuthenticatorData:  parts.AuthenticatorData,
		Transports:         k.options.Transports,
		PublicKey:          publicKey,
		PublicKeyAlgorithm: k.options.Algorithm,
		AttestationObject:  parts.AttestationObject,
	}, results)
}

// keep stores a new credential, in place of the one that a discoverable credential overwrites (CTAP §6.1.2).
func (k *Key) keep(made *credential) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if made.Discoverable {
		for _, c := range k.credentials {
			if c.Discoverable && c.RPID == made.RPID && bytes.Equal(c.UserID, made.UserID) {
				k.remove(c)
				break // there is never more than one
			}
		}
	}
	k.add(made)
}

// extensionOutputs are the outputs that become part of the authenticator data (CTAP §12.1, §12.4, §12.5).
func (k *Key) extensionOutputs(options *creationOptions) map[string]any {
	outputs := map[string]any{}
	if options.Extensions.CredentialProtectionPolicy != "" {
		outputs["credProtect"] = uint(options.protection())
	}
	if options.Extensions.MinPINLength && k.options.MinPINLength > 0 {
		outputs["minPinLength"] = k.options.MinPINLength
	}
	if options.Extensions.PRF != nil && k.options.PRF {
		outputs["hmac-secret"] = true
	}
	return outputs
}

// accepts says whether pubKeyCredParams has the algorithm; an empty list means ES256 and RS256 (WebAuthn §5.1.3).
func (o *creationOptions) accepts(algorithm Algorithm) bool {
	for _, param := range o.PubKeyCredParams {
		if param.Type == publicKeyType && param.Alg == algorithm {
			return true
		}
	}
	return len(o.PubKeyCredParams) == 0 && (algorithm == ES256 || algorithm == RS256)
}

// discoverable says whether the options require, and whether they would like, a discoverable credential; residentKey
// takes precedence over requireResidentKey, the form of Level 1 (WebAuthn §5.4.4).
func (o *creationOptions) discoverable() (required, wanted bool) {
	switch o.AuthenticatorSelection.ResidentKey {
	case "required":
		return true, true
	case "preferred":
		return false, true
	case "discouraged":
		return false, false
	default:
		required = o.AuthenticatorSelection.RequireResidentKey
		return required, required
	}
}

// protection is the credential protection level asked for; unknown policies mean the weakest.
func (o *creationOptions) protection() Protection {
	switch o.Extensions.CredentialProtectionPolicy {
	case "userVerificationRequired":
		return ProtectionRequired
	case "userVerificationOptionalWithCredentialIDList":
		return ProtectionOptionalWithID
	default:
		return ProtectionOptional
	}
}
