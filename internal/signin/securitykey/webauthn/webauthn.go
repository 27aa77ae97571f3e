// Package webauthn verifies the ceremonies of Web Authentication Level 3 (https://www.w3.org/TR/webauthn-3/) for a relying
// party: registrations (§7.1), authentications (§7.2) and attestation statements (§8). It is pure: time, trust anchors and
// what was stored before are arguments, and it neither reads nor writes anything.
//
// It is stricter than it must be in one direction only: whatever a browser and an authenticator that follow the standard
// never send is refused, because two readers could understand it differently. Each refusal is a [staffkey.Refusal] whose
// rule is one of the codes of refusal.go. One file stands for each thing that is verified: the answer's JSON (answer.go),
// client data (clientdata.go), authenticator data (authenticatordata.go), the public key and its signatures (publickey.go),
// attestation statements (attestation.go and one file per format) and their trust path (trustpath.go).
package webauthn

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
)

// RelyingParty is who asks: what every answer is held against.
type RelyingParty struct {
	// ID is the RP ID, a host name. Origins are compared as exact strings.
	ID      string
	Origins []string
	// Embedded lets pages of ours ask in a frame of another site; TopOrigins are the sites that may have the frame.
	Embedded   bool
	TopOrigins []string
	// Algorithms that a new credential may have, as offered in pubKeyCredParams.
	Algorithms []Algorithm
	// Lenient takes attestations in spite of their Doubt, as the standard does: its own test vectors have two.
	Lenient bool
}

// Asked is what the options of a ceremony asked for.
type Asked struct {
	// Challenge is the base64url text of the options.
	Challenge string
	// VerifyPerson says that userVerification was "required".
	VerifyPerson bool
}

// Credential is what a relying party keeps of a registered credential, as far as a later authentication is held against it.
type Credential struct {
	PublicKey      []byte // the COSE_Key as the authenticator sent it
	SignCount      uint32
	BackupEligible bool
}

// Registration is a verified registration.
type Registration struct {
	CredentialID []byte
	PublicKey    []byte
	Algorithm    Algorithm
	AAGUID       [16]byte
	Flags        Flags
	SignCount    uint32
	Extensions   Extensions
	Attestation  Attestation
}

// VerifyRegistration verifies the answer of navigator.credentials.create() by §7.1. Whether the attestation's trust path
// ends at a trust anchor (step 24) is a question for [Attestation.Trusted]; whether the credential is new (step 26) for
// whoever stores it.
func (rp RelyingParty) VerifyRegistration(answer RegistrationAnswer, asked Asked) (Registration, error) {
	var r Registration
	if err := rp.checkClientData(answer.ClientDataJSON, "webauthn.create", asked.Challenge); err != nil { // steps 5 to 11
		return r, err
	}
	object, err := parseAttestationObject(answer.AttestationObject) // steps 12 and 13
	if err != nil {
		return r, err
	}
	data := object.data
	if err := rp.checkAuthenticatorData(data, asked); err != nil { // steps 14 to 18
		return r, err
	}
	if !data.Flags.Has(FlagAttested) {
		return r, refuse(CodeAttestedDataMissing, "no attested credential data")
	}
	if !bytes.Equal(data.CredentialID, answer.RawID) {
		return r, refuse(CodeCredentialID, "the id of the answer is not the id in the authenticator data")
	}
	key, err := parseNewPublicKey(data.PublicKey) // step 20, with §5.8.5 and §6.5.1.1
	if err != nil {
		return r, err
	}
	if !slices.Contains(rp.Algorithms, key.algorithm) {
		return r, refuse(CodeAlgorithm, "algorithm %d was not offered", key.algorithm)
	}
	r.Algorithm = key.algorithm
	r.Attestation, err = object.verify(sha256.Sum256(answer.ClientDataJSON), key) // steps 21 and 22
	if err != nil {
		return r, err
	}
	if r.Attestation.Doubt != nil && !rp.Lenient {
		return r, r.Attestation.Doubt
	}
	r.CredentialID, r.PublicKey, r.AAGUID = data.CredentialID, data.PublicKey, data.AAGUID
	r.Flags, r.SignCount, r.Extensions = data.Flags, data.SignCount, data.Extensions
	return r, nil
}

// Reattest verifies the attestation of a registration again that was accepted before, from what was stored of it.
// The algorithm is that of the credential's key.
func Reattest(attestationObject, clientDataJSON []byte) (Attestation, Algorithm, error) {
	object, err := parseAttestationObject(attestationObject)
	if err != nil {
		return Attestation{}, 0, err
	}
	key, err := parseNewPublicKey(object.data.PublicKey)
	if err != nil {
		return Attestation{}, 0, err
	}
	a, err := object.verify(sha256.Sum256(clientDataJSON), key)
	return a, key.algorithm, err
}

// ModelOf returns the AAGUID in an attestation object that was accepted before.
func ModelOf(attestationObject []byte) ([16]byte, error) {
	object, err := parseAttestationObject(attestationObject)
	return object.data.AAGUID, err
}

// Authentication is a verified authentication.
type Authentication struct {
	Flags      Flags
	SignCount  uint32
	Extensions Extensions
}

// VerifyAuthentication verifies the answer of navigator.credentials.get() by §7.2. Whose credential it is (steps 5 and 6)
// is asked by whoever found c.
func (rp RelyingParty) VerifyAuthentication(answer AuthenticationAnswer, asked Asked, c Credential) (Authentication, error) {
	var a Authentication
	if err := rp.checkClientData(answer.ClientDataJSON, "webauthn.get", asked.Challenge); err != nil { // steps 8 to 14
		return a, err
	}
	data, err := parseAuthenticatorData(answer.AuthenticatorData)
	if err != nil {
		return a, err
	}
	if err := rp.checkAuthenticatorData(data, asked); err != nil { // steps 15 to 18
		return a, err
	}
	if data.Flags.Has(FlagAttested) { // §6.3.3 step 10: an assertion's authenticator data has none
		return a, refuse(CodeAttestedDataUnasked, "attested credential data in an authentication")
	}
	if data.Flags.Has(FlagBackupEligible) != c.BackupEligible { // step 19
		return a, refuse(CodeBackupEligibility, "eligible %t, at registration %t", data.Flags.Has(FlagBackupEligible), c.BackupEligible)
	}
	key, err := parsePublicKey(c.PublicKey)
	if err != nil {
		return a, refuse(CodeStoredKey, "%v", err)
	}
	hash := sha256.Sum256(answer.ClientDataJSON) // steps 20 and 21
	signed := append(answer.AuthenticatorData[:len(answer.AuthenticatorData):len(answer.AuthenticatorData)], hash[:]...)
	if !key.verifies(signed, answer.Signature) {
		return a, refuse(CodeSignature, "signature of %d bytes does not verify", len(answer.Signature))
	}
	// Step 22. The standard leaves the answer to the relying party: a counter that stands still or goes back means that
	// somebody else has the private key too, so ours is to refuse.
	if (data.SignCount != 0 || c.SignCount != 0) && data.SignCount <= c.SignCount {
		return a, refuse(CodeCounter, "counter %d after %d", data.SignCount, c.SignCount)
	}
	return Authentication{Flags: data.Flags, SignCount: data.SignCount, Extensions: data.Extensions}, nil
}

// checkAuthenticatorData checks what §7.1 steps 14 to 18 and §7.2 steps 15 to 18 ask in the same words.
func (rp RelyingParty) checkAuthenticatorData(data authenticatorData, asked Asked) error {
	id := sha256.Sum256([]byte(rp.ID))
	if subtle.ConstantTimeCompare(data.RPIDHash[:], id[:]) != 1 {
		return refuse(CodeRPID, "made for another relying party")
	}
	if !data.Flags.Has(FlagUserPresent) {
		return refuse(CodeUserPresence, "nobody touched the authenticator")
	}
	if asked.VerifyPerson && !data.Flags.Has(FlagUserVerified) {
		return refuse(CodeUserVerification, "the authenticator did not verify the person")
	}
	if data.Flags.Has(FlagBackupState) && !data.Flags.Has(FlagBackupEligible) {
		return refuse(CodeBackupState, "backed up, but not eligible")
	}
	return nil
}
