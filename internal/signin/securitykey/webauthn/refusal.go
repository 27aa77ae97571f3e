package webauthn

import "staffkey"

// Code names why an answer was refused. It is the rule of the [staffkey.Refusal], and stands in the audit log.
type Code string

// The codes, in the order in which a ceremony meets them. docs/webauthn.md tells for each step of the standard which of
// them it has.
const (
	// The answer's JSON (§5.1).
	CodeAnswer                  Code = "answer"                    // no JSON object, or a member stands twice
	CodeAnswerID                Code = "answer_id"                 // id or rawId is missing, malformed, or they differ
	CodeAnswerType              Code = "answer_type"               // type is not "public-key"
	CodeAnswerResponse          Code = "answer_response"           // response is missing or no object
	CodeAnswerClientData        Code = "answer_client_data"        // clientDataJSON is missing or malformed
	CodeAnswerAttestation       Code = "answer_attestation_object" // attestationObject is missing or malformed
	CodeAnswerAuthenticatorData Code = "answer_authenticator_data" // authenticatorData is missing or malformed
	CodeAnswerSignature         Code = "answer_signature"          // signature is missing or malformed
	CodeAnswerUserHandle        Code = "answer_user_handle"        // userHandle is malformed
	CodeAnswerExtensions        Code = "answer_extensions"         // clientExtensionResults is no object

	// Client data (§5.8.1).
	CodeClientData   Code = "client_data"              // no UTF-8, no JSON object, or a member stands twice
	CodeType         Code = "client_data_type"         // made for another kind of ceremony
	CodeChallenge    Code = "challenge"                // not the challenge of this ceremony
	CodeOrigin       Code = "origin"                   // not exactly one of our origins
	CodeCrossOrigin  Code = "cross_origin"             // in a frame of another site
	CodeTopOrigin    Code = "top_origin"               // in a frame of a site that may not have it
	CodeTokenBinding Code = "client_data_tokenbinding" // malformed (Level 2 §5.8.1)

	// Authenticator data (§6.1).
	CodeAuthenticatorData   Code = "authenticator_data"      // cut short, or bytes behind it
	CodeAttestedData        Code = "attested_data"           // attested credential data is malformed
	CodeAttestedDataMissing Code = "attested_data_missing"   // none in a registration
	CodeAttestedDataUnasked Code = "attested_data_unasked"   // some in an authentication
	CodeExtensions          Code = "authenticator_extension" // the extension data is no CBOR map, or an answer we asked for is malformed
	CodeCredentialID        Code = "credential_id"           // too long, empty, or not that of the answer
	CodeRPID                Code = "rp_id"                   // made for another relying party
	CodeUserPresence        Code = "user_presence"           // nobody touched the authenticator
	CodeUserVerification    Code = "user_verification"       // the authenticator did not verify the person
	CodeBackupState         Code = "backup_flags"            // backed up without being eligible
	CodeBackupEligibility   Code = "backup_eligibility_changed"
	CodeCounter             Code = "counter_went_back"

	// The public key (§5.8.5, RFC 9052 §7) and its signature.
	CodePublicKey Code = "public_key" // malformed, off its curve, or weak
	CodeAlgorithm Code = "algorithm"  // not among the algorithms that we offer
	CodeSignature Code = "signature"

	// Attestation (§6.5.4, §8).
	CodeAttestationObject      Code = "attestation_object"       // no CBOR map with fmt, attStmt and authData
	CodeAttestationFormat      Code = "attestation_format"       // unknown
	CodeAttestationStatement   Code = "attestation_statement"    // malformed for its format
	CodeAttestationAlgorithm   Code = "attestation_algorithm"    // unknown, or not the key's
	CodeAttestationSignature   Code = "attestation_signature"    // does not verify
	CodeAttestationCertificate Code = "attestation_certificate"  // does not meet the format's requirements
	CodeAttestationAAGUID      Code = "attestation_aaguid"       // the certificate names another model
	CodeAttestationKey         Code = "attestation_key"          // is about another public key
	CodeAttestationChallenge   Code = "attestation_challenge"    // is about another ceremony
	CodeAttestationTPM         Code = "attestation_tpm"          // the TPM's structures are malformed
	CodeAttestationHardware    Code = "attestation_key_keeping"  // the key may have come from elsewhere, or be used by others
	CodeTrustPath              Code = "attestation_path"         // the certificates do not lead to a trust anchor
	CodeTrustPathTime          Code = "attestation_path_expired" // one of them was not valid at that time
	CodeTrustPathRoot          Code = "attestation_path_root"    // the path includes its own root
	CodeTrustPathOrder         Code = "attestation_path_order"   // the certificates are not in order
)

// messages are what the person is told where it is not "Your key's answer could not be checked".
var messages = map[Code]string{
	CodeOrigin: "wa.domain", CodeCrossOrigin: "wa.perm", CodeTopOrigin: "wa.perm", CodeUserVerification: "key.uv", CodeCounter: "key.clone",
}

func refuse(code Code, format string, args ...any) error {
	message, ok := messages[code]
	if !ok {
		message = "wa.data"
	}
	return staffkey.Refused(string(code), message).Because(format, args...)
}
