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

	// Whose credential it is (§7.2 steps 5 and 6), as the method finds it.
	CodeUnknownCredential Code = "credential_unknown"
	CodePending           Code = "key_pending"          // registered, and not yet named
	CodeOfAnother         Code = "key_of_another"       // another person's
	CodeOtherKey          Code = "other_key_than_asked" // this person's, but not the one that was to answer
	CodeNoUserHandle      Code = "user_handle_missing"  // without a name, nobody is named
	CodeUserHandle        Code = "user_handle_differs"  // not that of the registration

	// What metadata says against an attestation that is correct in itself.
	CodeMetadataAlgorithm   Code = "metadata_algorithm"   // the model does not sign by this algorithm
	CodeMetadataAttestation Code = "metadata_attestation" // the model does not attest in this way

	// The public key (§5.8.5, RFC 9052 §7) and its signature.
	CodePublicKey Code = "public_key" // malformed, off its curve, or weak
	CodeAlgorithm Code = "algorithm"  // not among the algorithms that we offer
	CodeStoredKey Code = "stored_key" // the key that was stored at registration is not one of ours any more
	CodeKeyType   Code = "key_type"   // of another type than its algorithm's
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

// told is what a refusal says to the person, and what may help.
type told struct {
	remedy  staffkey.Remedy
	message string
}

// The texts that most codes share. A malformed answer came from a program between the page and the key, which browsers allow to answer
// (password managers do); what a key says wrongly of itself it says every time, and nobody at a ward can mend it.
var (
	toldAnswer   = told{staffkey.RemedyRetry, "wa.answer"}
	toldRegister = told{staffkey.RemedyRegister, "key.again"}
	toldReport   = told{staffkey.RemedyReport, "wa.data"}
)

// tell has the text and the remedy of every code.
var tell = map[Code]told{
	CodeAnswer: toldAnswer, CodeAnswerID: toldAnswer, CodeAnswerType: toldAnswer, CodeAnswerResponse: toldAnswer, CodeAnswerClientData: toldAnswer,
	CodeAnswerAttestation: toldAnswer, CodeAnswerAuthenticatorData: toldAnswer, CodeAnswerSignature: toldAnswer, CodeAnswerUserHandle: toldAnswer,
	CodeAnswerExtensions: toldAnswer,

	CodeClientData: toldAnswer, CodeType: toldAnswer, CodeChallenge: toldAnswer, CodeTokenBinding: toldAnswer,
	CodeOrigin:      {staffkey.RemedyReport, "wa.domain"},
	CodeCrossOrigin: {staffkey.RemedyRetry, "wa.perm"}, CodeTopOrigin: {staffkey.RemedyRetry, "wa.perm"},

	CodeAuthenticatorData: toldReport, CodeAttestedData: toldReport, CodeAttestedDataMissing: toldReport, CodeAttestedDataUnasked: toldReport,
	CodeExtensions: toldReport, CodeCredentialID: toldAnswer, CodeRPID: toldReport,
	CodeUserPresence: toldAnswer, CodeUserVerification: {staffkey.RemedyRetry, "key.uv"},
	CodeBackupState: toldReport, CodeBackupEligibility: toldRegister, CodeCounter: {staffkey.RemedyRegister, "key.clone"},

	CodeUnknownCredential: {staffkey.RemedyRegister, "key.unknown"}, CodePending: {staffkey.RemedyRegister, "key.unknown"},
	CodeOfAnother: {staffkey.RemedyRetry, "key.other"}, CodeOtherKey: {staffkey.RemedyRetry, "key.another"},
	CodeNoUserHandle: {staffkey.RemedyRegister, "key.unknown"}, CodeUserHandle: {staffkey.RemedyRegister, "key.unknown"},

	CodeMetadataAlgorithm: toldReport, CodeMetadataAttestation: toldReport,

	CodePublicKey: toldReport, CodeAlgorithm: toldReport, CodeKeyType: toldReport, CodeStoredKey: toldRegister, CodeSignature: toldRegister,

	CodeAttestationObject: toldReport, CodeAttestationFormat: toldReport, CodeAttestationStatement: toldReport, CodeAttestationAlgorithm: toldReport,
	CodeAttestationSignature: toldReport, CodeAttestationCertificate: toldReport, CodeAttestationAAGUID: toldReport, CodeAttestationKey: toldReport,
	CodeAttestationChallenge: toldReport, CodeAttestationTPM: toldReport, CodeAttestationHardware: toldReport,
	CodeTrustPath: toldReport, CodeTrustPathTime: toldReport, CodeTrustPathRoot: toldReport, CodeTrustPathOrder: toldReport,
}

// Remedy is what may help against a refusal by this code.
func (c Code) Remedy() staffkey.Remedy { return tell[c].remedy }

// Message is the id of the text that a person reads.
func (c Code) Message() string { return tell[c].message }

func refuse(code Code, format string, args ...any) error {
	return code.Refuse().Because(format, args...)
}

// Refuse returns the refusal by this code, for what is found beside the answer.
func (c Code) Refuse() *staffkey.Refusal {
	r := staffkey.Refused(string(c), c.Message())
	r.Remedy = c.Remedy()
	return r
}
