package softkey

import (
	"bytes"
	"fmt"
	"maps"
)

// Attestation is what a key can say about its origin.
type Attestation string

// The kinds of attestation (WebAuthn §6.5.3, §8.2, §8.7).
const (
	// AttestationNone says nothing.
	AttestationNone Attestation = "none"
	// AttestationPacked is signed by the model's attestation key, with a certificate chain up to the Issuer's root.
	AttestationPacked Attestation = "packed"
	// AttestationPackedSelf is signed by the new credential itself.
	AttestationPackedSelf Attestation = "packed-self"
)

func (a Attestation) known() bool {
	return a == AttestationNone || a == AttestationPacked || a == AttestationPackedSelf
}

// conveyed says what reaches the relying party of the key's attestation and AAGUID. When the relying party does not
// ask, browsers replace both; self attestation with a zero AAGUID identifies nothing and stays (WebAuthn §5.1.3).
func (k *Key) conveyed(preference string) (Attestation, [16]byte) {
	kind, aaguid := k.options.Attestation, k.options.AAGUID
	switch preference {
	case "indirect", "direct", "enterprise":
		return kind, aaguid
	}
	if kind == AttestationPackedSelf && aaguid == [16]byte{} {
		return kind, aaguid
	}
	return AttestationNone, [16]byte{}
}

// attest fills the attestation format, statement and signature of parts.
func (k *Key) attest(parts *Parts, kind Attestation, preference string, made *credential) error {
	parts.Format, parts.Statement = "none", map[string]any{}
	if kind == AttestationNone {
		return nil
	}
	signer, algorithm := made.signer, k.options.Algorithm
	parts.Format = "packed"
	if kind == AttestationPacked {
		var serial []byte
		if preference == "enterprise" {
			serial = k.options.EnterpriseSerial
		}
		key, err := k.attestationKey(serial)
		if err != nil {
			return err
		}
		signer, algorithm = key.signer, ES256   // makers sign with P-256 whatever the credential's algorithm is
		chain := make([][]byte, len(key.chain)) // copies, because a Tamper function may write to them
		for i, certificate := range key.chain {
			chain[i] = bytes.Clone(certificate)
		}
		parts.Statement["x5c"] = chain
	}
	parts.Statement["alg"] = int(algorithm)
	signature, err := algorithm.sign(signer, signedMessage(parts.AuthenticatorData, parts.ClientDataJSON))
	if err != nil {
		return fmt.Errorf("sign attestation: %w", err)
	}
	parts.Signature = signature
	return nil
}

func (k *Key) attestationKey(serial []byte) (*attestationKey, error) {
	issuer := k.options.Issuer
	if issuer == nil {
		var err error
		if issuer, err = DefaultIssuer(); err != nil {
			return nil, fmt.Errorf("make attestation issuer: %w", err)
		}
	}
	return issuer.attestationKey(k.options.AAGUID, serial)
}

// encodeAttestationObject builds the attestation object of parts (WebAuthn §6.5.4).
func encodeAttestationObject(parts *Parts) ([]byte, error) {
	statement := maps.Clone(parts.Statement)
	if parts.Signature != nil {
		if statement == nil {
			statement = make(map[string]any, 1)
		}
		statement["sig"] = parts.Signature
	}
	object, err := canonical.Marshal(struct {
		Format            string         `cbor:"fmt"`
		Statement         map[string]any `cbor:"attStmt"`
		AuthenticatorData []byte         `cbor:"authData"`
	}{parts.Format, statement, parts.AuthenticatorData})
	if err != nil {
		return nil, fmt.Errorf("encode attestation object: %w", err)
	}
	return object, nil
}
