package webauthn

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
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

// CertifiedModel returns the AAGUID in an attestation certificate (§8.2.1), which keys of later models have also when they are registered
// by FIDO U2F, where they name none themselves.
func CertifiedModel(c *x509.Certificate) (aaguid [16]byte, ok bool) {
	named, err := octets(c, oidAAGUID)
	if err != nil || len(named) != len(aaguid) {
		return aaguid, false
	}
	return [16]byte(named), true
}

// wrongBits are the subjects of the first batches of Yubico's U2F keys, whose certificates say in the head of their signature that some of its
// last bits are unused, which they are not: no library verifies that, and some read none of it. Yubico published the list with its U2F server
// libraries, which mend the same byte.
var wrongBits = [][]byte{
	[]byte("Yubico U2F EE Serial 364846018"), []byte("Yubico U2F EE Serial 776137165"), []byte("Yubico U2F EE Serial 1086591525"),
	[]byte("Yubico U2F EE Serial 1973679733"), []byte("Yubico U2F EE Serial 13503277888"), []byte("Yubico U2F EE Serial 13831167861"),
	[]byte("Yubico U2F EE Serial 14803321578"),
}

// signatureHead is the head of the BIT STRING of an RSA signature of 2048 bits, up to the count of its unused bits.
var signatureHead = []byte{0x03, 0x82, 0x01, 0x01}

// mended returns a certificate as it was meant, see wrongBits; every other as it is. The byte is no part of what is signed, so that the
// signature proves what it did.
func mended(der []byte) []byte {
	unused := len(der) - 256 - 1
	if unused < len(signatureHead) || der[unused] == 0 || !bytes.Equal(der[unused-len(signatureHead):unused], signatureHead) ||
		!slices.ContainsFunc(wrongBits, func(name []byte) bool { return bytes.Contains(der, append(name[:len(name):len(name)], 0x30)) }) {
		return der // 0x30 is the head of what follows the name, so that one is not the beginning of another
	}
	der = bytes.Clone(der)
	der[unused] = 0
	return der
}
