package webauthn

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
)

// oidKeyDescription is Android's extension that describes a key (https://source.android.com/docs/security/features/keystore/attestation).
var oidKeyDescription = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}

// Members of an authorization list, by their tags, and values of them.
const (
	tagPurpose         = 1
	tagAllApplications = 600
	tagOrigin          = 702

	purposeSign     = 2 // KM_PURPOSE_SIGN
	originGenerated = 0 // KM_ORIGIN_GENERATED
)

// keyDescription is the extension's value.
type keyDescription struct {
	AttestationVersion       int
	AttestationSecurityLevel asn1.Enumerated
	KeymasterVersion         int
	KeymasterSecurityLevel   asn1.Enumerated
	Challenge                []byte
	UniqueID                 []byte
	SoftwareEnforced         []asn1.RawValue
	TEEEnforced              []asn1.RawValue
}

// verifyAndroidKey is §8.4. Of the authorization lists, the standard lets the relying party take what a trusted execution environment
// enforces alone, or together with what software does: ours takes both, and leaves to the trust path which devices count.
func (s statement) verifyAndroidKey() (Attestation, error) {
	a := Attestation{Type: AttestationBasic}
	m, err := s.members()
	if err != nil {
		return a, err
	}
	if a.Algorithm, err = algorithmOf(m); err != nil {
		return a, err
	}
	signature, err := byteString(m, "sig")
	if err != nil {
		return a, err
	}
	if a.TrustPath, err = certificates(m); err != nil {
		return a, err
	}
	if len(m) > 3 {
		return a, refuse(CodeAttestationStatement, "%d members", len(m))
	}
	certificate := a.TrustPath[0]
	if !verifySignature(a.Algorithm, certificate.PublicKey, s.signed(), signature) {
		return a, refuse(CodeAttestationSignature, "does not verify with the attestation certificate by algorithm %d", a.Algorithm)
	}
	if !s.key.equals(certificate) {
		return a, refuse(CodeAttestationKey, "the certificate is for another key")
	}
	description, err := describe(certificate)
	if err != nil {
		return a, err
	}
	if !bytes.Equal(description.Challenge, s.clientDataHash[:]) {
		return a, refuse(CodeAttestationChallenge, "the key was made for another ceremony")
	}
	made, signs, err := description.check()
	if err == nil && (!made || !signs) { // §8.4 compares what is there
		a.Doubt = refuse(CodeAttestationHardware, "where the key came from is told %t, that it signs %t", made, signs)
	}
	return a, err
}

func describe(c *x509.Certificate) (keyDescription, error) {
	var d keyDescription
	for _, e := range c.Extensions {
		if !e.Id.Equal(oidKeyDescription) {
			continue
		}
		if rest, err := asn1.Unmarshal(e.Value, &d); err != nil || len(rest) > 0 {
			return d, refuse(CodeAttestationCertificate, "the description of the key is malformed")
		}
		return d, nil
	}
	return d, refuse(CodeAttestationCertificate, "the key is not described")
}

// check holds the description to §8.4: the key was made in the key store, signs and does nothing
// else, and is not for all applications. It returns whether the first two are told.
func (d keyDescription) check() (made, signs bool, err error) {
	for _, list := range [][]asn1.RawValue{d.SoftwareEnforced, d.TEEEnforced} {
		for _, v := range list {
			if v.Class != asn1.ClassContextSpecific {
				return false, false, refuse(CodeAttestationCertificate, "the description of the key is malformed")
			}
			switch v.Tag {
			case tagAllApplications:
				return false, false, refuse(CodeAttestationHardware, "all applications may use the key")
			case tagOrigin:
				var origin int
				if rest, err := asn1.Unmarshal(v.Bytes, &origin); err != nil || len(rest) > 0 {
					return false, false, refuse(CodeAttestationCertificate, "the description of the key is malformed")
				}
				if origin != originGenerated {
					return false, false, refuse(CodeAttestationHardware, "the key came from elsewhere: origin %d", origin)
				}
				made = true
			case tagPurpose:
				var purposes []int
				if rest, err := asn1.UnmarshalWithParams(v.Bytes, &purposes, "set"); err != nil || len(rest) > 0 {
					return false, false, refuse(CodeAttestationCertificate, "the description of the key is malformed")
				}
				for _, p := range purposes {
					if p != purposeSign {
						return false, false, refuse(CodeAttestationHardware, "the key does more than sign: purposes %v", purposes)
					}
					signs = true
				}
			}
		}
	}
	return made, signs, nil
}
