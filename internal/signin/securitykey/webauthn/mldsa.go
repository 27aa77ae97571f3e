package webauthn

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
)

func isMLDSA(a Algorithm) bool { return a == MLDSA44 || a == MLDSA65 || a == MLDSA87 }

// mldsaKey is a public key of ML-DSA (FIPS 204), of one of its three strengths.
type mldsaKey struct {
	algorithm Algorithm
	verify    func(message, signature []byte) bool
}

// newMLDSA reads the raw public key of an algorithm: 1312, 1952 or 2592 bytes, all of which mean something (FIPS 204 §7.2).
func newMLDSA(a Algorithm, raw []byte) (mldsaKey, error) {
	k := mldsaKey{algorithm: a}
	var err error
	switch a {
	case MLDSA44:
		var p mldsa44.PublicKey
		err = p.UnmarshalBinary(raw)
		k.verify = func(message, signature []byte) bool { return mldsa44.Verify(&p, message, nil, signature) }
	case MLDSA65:
		var p mldsa65.PublicKey
		err = p.UnmarshalBinary(raw)
		k.verify = func(message, signature []byte) bool { return mldsa65.Verify(&p, message, nil, signature) }
	case MLDSA87:
		var p mldsa87.PublicKey
		err = p.UnmarshalBinary(raw)
		k.verify = func(message, signature []byte) bool { return mldsa87.Verify(&p, message, nil, signature) }
	}
	if err != nil {
		return k, refuse(CodePublicKey, "of algorithm %d has %d bytes", a, len(raw))
	}
	return k, nil
}

// The object identifiers of ML-DSA in certificates (RFC 9881 §2).
var mldsaOIDs = map[Algorithm]asn1.ObjectIdentifier{
	MLDSA44: {2, 16, 840, 1, 101, 3, 4, 3, 17}, MLDSA65: {2, 16, 840, 1, 101, 3, 4, 3, 18}, MLDSA87: {2, 16, 840, 1, 101, 3, 4, 3, 19},
}

// certifiedKey returns the public key of a certificate, those of ML-DSA too, which crypto/x509 does not read. Nor does it verify certificates
// that are signed by them: a path that has such proves nothing here.
func certifiedKey(c *x509.Certificate) crypto.PublicKey {
	if c.PublicKey != nil {
		return c.PublicKey
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil || len(rest) > 0 || info.Key.BitLength != 8*len(info.Key.Bytes) {
		return nil
	}
	for a, id := range mldsaOIDs {
		if info.Algorithm.Algorithm.Equal(id) && len(info.Algorithm.Parameters.FullBytes) == 0 {
			if k, err := newMLDSA(a, info.Key.Bytes); err == nil {
				return k
			}
		}
	}
	return nil
}
