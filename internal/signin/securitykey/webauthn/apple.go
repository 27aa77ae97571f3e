package webauthn

import (
	"bytes"
	"crypto/sha256"
	"encoding/asn1"
)

// oidAppleNonce is the extension of §8.8 that ties a certificate to one ceremony.
var oidAppleNonce = asn1.ObjectIdentifier{1, 2, 840, 113635, 100, 8, 2}

// verifyApple is §8.8: Apple certifies each new credential by itself, for this ceremony, and signs nothing else.
func (s statement) verifyApple() (Attestation, error) {
	a := Attestation{Type: AttestationAnonCA}
	m, err := s.members()
	if err != nil {
		return a, err
	}
	if a.TrustPath, err = certificates(m); err != nil {
		return a, err
	}
	// Devices of 2020 name the algorithm of the credential's key too, as other formats do.
	others := 1
	if _, named := m["alg"]; named {
		others++
		if alg, err := algorithmOf(m); err != nil || alg != s.key.algorithm {
			return a, refuse(CodeAttestationStatement, "alg is not that of the credential")
		}
	}
	if len(m) > others {
		return a, refuse(CodeAttestationStatement, "%d members", len(m))
	}
	certificate := a.TrustPath[0]
	var extension struct {
		Nonce []byte `asn1:"tag:1,explicit"`
	}
	for _, e := range certificate.Extensions {
		if !e.Id.Equal(oidAppleNonce) {
			continue
		}
		if rest, err := asn1.Unmarshal(e.Value, &extension); err != nil || len(rest) > 0 {
			return a, refuse(CodeAttestationCertificate, "the nonce is malformed")
		}
	}
	if nonce := sha256.Sum256(s.signed()); !bytes.Equal(extension.Nonce, nonce[:]) {
		return a, refuse(CodeAttestationChallenge, "the nonce is of another ceremony, or missing")
	}
	if !s.key.equals(certificate) {
		return a, refuse(CodeAttestationKey, "the certificate is for another key")
	}
	return a, nil
}
