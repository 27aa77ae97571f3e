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
	if err := checkAlgorithms(e, a, key); err != nil {
		return err
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

// checkAlgorithms compares what the key signs by with what the metadata says that it does. That speaks of the authenticator's own
// signatures, or of what such a key says of itself (authenticatorGetInfo): some makers list less than it offers. Packed and fido-u2f statements
// are an authenticator's own (WebAuthn Level 3 §8.2, §8.6); the credentials of a platform come from a part of it that its metadata does not
// describe: a TPM makes keys of either kind and attests by SHA-1 where it is old (§8.3), and a phone's key store serves every app.
func checkAlgorithms(e *mds.Entry, a webauthn.Attestation, key webauthn.Algorithm) error {
	if a.Format == "compound" {
		for _, part := range a.Parts {
			if err := checkAlgorithms(e, part, key); err != nil {
				return err
			}
		}
		return nil
	}
	if a.Format == "tpm" || a.Format == "android-key" || a.Format == "apple" || len(e.Algorithms) == 0 {
		return nil
	}
	// The certificate of a packed statement may be for a key of another kind than the credential's, so that its algorithm says nothing.
	listed := slices.ContainsFunc(e.Algorithms, func(name string) bool { return registry[name] == key }) ||
		slices.ContainsFunc(e.Info.Algorithms, func(p mds.Parameter) bool { return webauthn.Algorithm(p.Algorithm) == key })
	if !listed {
		return webauthn.CodeMetadataAlgorithm.Refuse().Because("algorithm %d is not among %v", key, e.Algorithms)
	}
	return nil
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
