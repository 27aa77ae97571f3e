package softkey

// Tamper alters an answer while it is made, to play a broken or hostile key or browser. It is called once per stage,
// in the goroutine of Create or Get and without the key's lock held, and may replace any field of parts that the stage
// has filled; fields that a stage leaves empty are set later and what is written to them then is lost. A function that
// is used with several goroutines must be safe for that.
//
// Changing what is signed before signing gives an answer whose signature is right and whose content is wrong; the same
// change after signing gives a wrong signature. Slices are the key's own copies and may be changed in place.
type Tamper func(stage Stage, parts *Parts)

// Stage is a moment in the making of an answer.
type Stage int

// The stages, in the order in which they happen in each ceremony.
const (
	// CreateBeforeSigning has ClientDataJSON, AuthenticatorData and CredentialID. The attestation signature, where
	// there is one, will cover the first two as they are left.
	CreateBeforeSigning Stage = iota + 1
	// CreateAfterSigning also has Format, Statement and Signature, from which, with AuthenticatorData, the attestation
	// object will be encoded.
	CreateAfterSigning
	// CreateEncoded also has AttestationObject, and changes to Format, Statement and Signature are too late.
	CreateEncoded
	// GetBeforeSigning has ClientDataJSON, AuthenticatorData, CredentialID and UserHandle. The signature will cover
	// the first two as they are left.
	GetBeforeSigning
	// GetAfterSigning also has Signature.
	GetAfterSigning
)

// Parts are the pieces of an answer.
type Parts struct {
	// ClientDataJSON is the serialised client data (WebAuthn §5.8.1.1).
	ClientDataJSON []byte
	// AuthenticatorData is the authenticator data (WebAuthn §6.1).
	AuthenticatorData []byte
	// CredentialID is what the answer gives as id and rawId. The copy inside the authenticator data is apart from it.
	CredentialID []byte
	// UserHandle is what a sign-in gives as userHandle; empty leaves it out. Unused in Create.
	UserHandle []byte
	// Format is the attestation statement format. Unused in Get.
	Format string
	// Statement is the attestation statement without its signature. Unused in Get.
	Statement map[string]any
	// Signature is the signature over AuthenticatorData and the hash of ClientDataJSON. In Create it becomes sig in
	// the statement; nil leaves sig out, as it must be for the format none.
	Signature []byte
	// AttestationObject is the encoded attestation object (WebAuthn §6.5.4). Unused in Get.
	AttestationObject []byte
}

// at calls the function, if there is one.
func (t Tamper) at(stage Stage, parts *Parts) {
	if t != nil {
		t(stage, parts)
	}
}
