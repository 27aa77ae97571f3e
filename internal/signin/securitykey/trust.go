package securitykey

import (
	"slices"
	"time"

	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/webauthn"
)

// CheckAttestation holds an attestation, whose statement is verified, to what the metadata says of the model: the way of attesting
// (FIDO Metadata Statement §4, attestationTypes), the algorithms (authenticationAlgorithms), and the trust anchors at an instant. A
// model that proves nothing by its metadata is refused nothing but proofs. The error is a refusal with its code.
func CheckAttestation(e *mds.Entry, a webauthn.Attestation, key webauthn.Algorithm, at time.Time) error {
	for _, alg := range []webauthn.Algorithm{key, a.Algorithm} {
		if alg != 0 && len(e.Algorithms) > 0 && !slices.ContainsFunc(e.Algorithms, func(name string) bool { return registry[name] == alg }) {
			return webauthn.CodeMetadataAlgorithm.Refuse().Because("algorithm %d is not among %v", alg, e.Algorithms)
		}
	}
	if a.Type == webauthn.AttestationNone {
		return nil
	}
	if !slices.ContainsFunc(attestationTypes[a.Type], func(name string) bool { return slices.Contains(e.AttestationTypes, name) }) {
		return webauthn.CodeMetadataAttestation.Refuse().Because("%s is not among %v", a.Type, e.AttestationTypes)
	}
	if a.Type == webauthn.AttestationSelf {
		return nil
	}
	anchors, err := e.AttestationRoots()
	if len(anchors) == 0 && err != nil {
		return webauthn.CodeTrustPath.Refuse().Because("trust anchors: %v", err)
	}
	return a.Trusted(anchors, at)
}

// attestationTypes are the names of the FIDO Registry of Predefined Values §3.6 that fit a type. What is told from a chain as basic
// may be one authenticator's own, certified by a CA.
var attestationTypes = map[webauthn.AttestationType][]string{
	webauthn.AttestationSelf:   {"basic_surrogate"},
	webauthn.AttestationBasic:  {"basic_full", "attca"},
	webauthn.AttestationAttCA:  {"attca", "basic_full"},
	webauthn.AttestationAnonCA: {"anonca"},
}

// registry has the signature algorithms of the FIDO Registry of Predefined Values §3.6.1 that COSE has too.
var registry = map[string]webauthn.Algorithm{
	"secp256r1_ecdsa_sha256_raw": webauthn.ES256, "secp256r1_ecdsa_sha256_der": webauthn.ES256,
	"secp384r1_ecdsa_sha384_raw": webauthn.ES384, "secp521r1_ecdsa_sha512_raw": webauthn.ES512,
	"ed25519_eddsa_sha512_raw": webauthn.EdDSA, "ed448_eddsa_sha512_raw": webauthn.Ed448,
	"rsassa_pkcsv15_sha256_raw": webauthn.RS256, "rsassa_pkcsv15_sha1_raw": webauthn.RS1,
}
