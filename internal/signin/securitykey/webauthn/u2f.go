package webauthn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"slices"
)

// verifyU2F is §8.6: what authenticators of FIDO U2F say through a browser that speaks CTAP1 to them.
func (s statement) verifyU2F() (Attestation, error) {
	a := Attestation{Type: AttestationBasic, Algorithm: ES256}
	m, err := s.members()
	if err != nil {
		return a, err
	}
	signature, err := byteString(m, "sig")
	if err != nil {
		return a, err
	}
	if a.TrustPath, err = certificates(m); err != nil {
		return a, err
	}
	if len(a.TrustPath) != 1 || len(m) > 2 {
		return a, refuse(CodeAttestationStatement, "%d certificates in %d members", len(a.TrustPath), len(m))
	}
	certified, ok := a.TrustPath[0].PublicKey.(*ecdsa.PublicKey)
	if !ok || certified.Curve != elliptic.P256() {
		return a, refuse(CodeAttestationCertificate, "the certificate is not for a key on P-256")
	}
	// FIDO U2F knows no models: a browser fills in zeros (CTAP 2.2 §7.1.4), and an authenticator that names one has another format.
	if s.data.AAGUID != [16]byte{} {
		a.Doubt = refuse(CodeAttestationAAGUID, "names model %x", s.data.AAGUID)
	}
	key, ok := s.key.key.(*ecdsa.PublicKey)
	if !ok || s.key.algorithm != ES256 {
		return a, refuse(CodeAttestationKey, "the credential's key is not on P-256")
	}
	point, err := key.Bytes()
	if err != nil {
		return a, refuse(CodeAttestationKey, "%v", err)
	}
	signed := slices.Concat([]byte{0}, s.data.RPIDHash[:], s.clientDataHash[:], s.data.CredentialID, point)
	if !verifySignature(ES256, certified, signed, signature) {
		return a, refuse(CodeAttestationSignature, "does not verify with the attestation certificate")
	}
	return a, nil
}
