package softkey

// DOMException is the refusal of a ceremony as the page's script would see it. The sentinels of this package are of
// this type; errors.As gives a test the name that the script would report.
type DOMException struct {
	// Name is the DOMException name, or "TypeError", that navigator.credentials would reject with.
	Name string
	// Reason is for the reader of a test log. A browser tells the page less: it hides why a request was not allowed.
	Reason string
}

// Error returns the name and the reason.
func (e *DOMException) Error() string { return e.Name + ": " + e.Reason }

// The ways in which Create and Get refuse. Test with errors.Is; the errors returned may add details.
var (
	// ErrExcluded says that excludeCredentials names a credential of this key.
	ErrExcluded = &DOMException{"InvalidStateError", "the key already holds an excluded credential"}
	// ErrNotAllowed says that the key lacks what the options require: user verification, discoverable credentials or
	// the attachment.
	ErrNotAllowed = &DOMException{"NotAllowedError", "the key cannot do what the options require"}
	// ErrNoCredential says that the key holds no credential that the request would take.
	ErrNoCredential = &DOMException{"NotAllowedError", "the key holds no matching credential"}
	// ErrNotSupported says that pubKeyCredParams lacks the algorithm of the key, or that Options named an unknown
	// algorithm or attestation.
	ErrNotSupported = &DOMException{"NotSupportedError", "the key does not support what is asked"}
	// ErrSecurity says that the origin is not a secure web origin, or may not use the relying party id.
	ErrSecurity = &DOMException{"SecurityError", "the origin may not use the relying party id"}
	// ErrInvalidOptions says that the options are not what parseCreationOptionsFromJSON or
	// parseRequestOptionsFromJSON accept (WebAuthn §5.1.8 and §5.1.9).
	ErrInvalidOptions = &DOMException{"TypeError", "the options cannot be read"}
)
