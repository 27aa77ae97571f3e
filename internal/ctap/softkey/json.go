package softkey

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// bytesJSON is a Base64URLString of WebAuthn §5.1: base64url without padding.
type bytesJSON []byte

// MarshalText encodes the bytes.
func (b bytesJSON) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, b), nil
}

// UnmarshalText decodes the bytes; anything but base64url without padding is an error.
func (b *bytesJSON) UnmarshalText(text []byte) error {
	decoded, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		return err
	}
	*b = decoded
	return nil
}

// descriptor is PublicKeyCredentialDescriptorJSON (WebAuthn §5.8.3).
type descriptor struct {
	Type string    `json:"type"`
	ID   bytesJSON `json:"id"`
}

// publicKeyType is the only credential type there is; entries of other types are skipped (WebAuthn §5.8.2).
const publicKeyType = "public-key"

// creationOptions is what the key heeds of PublicKeyCredentialCreationOptionsJSON (WebAuthn §5.1.8).
type creationOptions struct {
	RP struct {
		ID string `json:"id"`
	} `json:"rp"`
	User struct {
		ID          bytesJSON `json:"id"`
		Name        string    `json:"name"`
		DisplayName string    `json:"displayName"`
	} `json:"user"`
	Challenge        *bytesJSON `json:"challenge"`
	PubKeyCredParams []struct {
		Type string    `json:"type"`
		Alg  Algorithm `json:"alg"`
	} `json:"pubKeyCredParams"`
	ExcludeCredentials     []descriptor `json:"excludeCredentials"`
	AuthenticatorSelection struct {
		AuthenticatorAttachment string `json:"authenticatorAttachment"`
		ResidentKey             string `json:"residentKey"`
		RequireResidentKey      bool   `json:"requireResidentKey"`
		UserVerification        string `json:"userVerification"`
	} `json:"authenticatorSelection"`
	Attestation string `json:"attestation"`
	Extensions  struct {
		CredProps                  bool       `json:"credProps"`
		MinPINLength               bool       `json:"minPinLength"`
		CredentialProtectionPolicy string     `json:"credentialProtectionPolicy"`
		PRF                        *prfInputs `json:"prf"`
	} `json:"extensions"`
}

// requestOptions is what the key heeds of PublicKeyCredentialRequestOptionsJSON (WebAuthn §5.1.9).
type requestOptions struct {
	Challenge        *bytesJSON   `json:"challenge"`
	RPID             string       `json:"rpId"`
	AllowCredentials []descriptor `json:"allowCredentials"`
	UserVerification string       `json:"userVerification"`
	Extensions       struct {
		PRF *prfInputs `json:"prf"`
	} `json:"extensions"`
}

func parseCreationOptions(optionsJSON []byte) (*creationOptions, error) {
	var options creationOptions
	if err := json.Unmarshal(optionsJSON, &options); err != nil {
		return nil, fmt.Errorf("creation options: %w: %w", ErrInvalidOptions, err)
	}
	if options.Challenge == nil {
		return nil, fmt.Errorf("creation options without challenge: %w", ErrInvalidOptions)
	}
	if n := len(options.User.ID); n < 1 || n > 64 {
		return nil, fmt.Errorf("creation options with user.id of %d bytes: %w", n, ErrInvalidOptions)
	}
	return &options, nil
}

func parseRequestOptions(optionsJSON []byte) (*requestOptions, error) {
	var options requestOptions
	if err := json.Unmarshal(optionsJSON, &options); err != nil {
		return nil, fmt.Errorf("request options: %w: %w", ErrInvalidOptions, err)
	}
	if options.Challenge == nil {
		return nil, fmt.Errorf("request options without challenge: %w", ErrInvalidOptions)
	}
	return &options, nil
}

// publicKeyCredential is RegistrationResponseJSON or AuthenticationResponseJSON (WebAuthn §5.1).
type publicKeyCredential struct {
	ID                      bytesJSON      `json:"id"`
	RawID                   bytesJSON      `json:"rawId"`
	Type                    string         `json:"type"`
	AuthenticatorAttachment string         `json:"authenticatorAttachment"`
	Response                any            `json:"response"`
	ClientExtensionResults  map[string]any `json:"clientExtensionResults"`
}

// attestationResponse is AuthenticatorAttestationResponseJSON.
type attestationResponse struct {
	ClientDataJSON     bytesJSON `json:"clientDataJSON"`
	AuthenticatorData  bytesJSON `json:"authenticatorData"`
	Transports         []string  `json:"transports"`
	PublicKey          bytesJSON `json:"publicKey,omitempty"`
	PublicKeyAlgorithm Algorithm `json:"publicKeyAlgorithm"`
	AttestationObject  bytesJSON `json:"attestationObject"`
}

// assertionResponse is AuthenticatorAssertionResponseJSON.
type assertionResponse struct {
	ClientDataJSON    bytesJSON `json:"clientDataJSON"`
	AuthenticatorData bytesJSON `json:"authenticatorData"`
	Signature         bytesJSON `json:"signature"`
	UserHandle        bytesJSON `json:"userHandle,omitempty"`
}

// encode builds the JSON that the page posts.
func (k *Key) encode(parts *Parts, response any, extensions map[string]any) ([]byte, error) {
	body, err := json.Marshal(publicKeyCredential{
		ID:                      parts.CredentialID,
		RawID:                   parts.CredentialID,
		Type:                    publicKeyType,
		AuthenticatorAttachment: k.attachment(),
		Response:                response,
		ClientExtensionResults:  extensions,
	})
	if err != nil {
		return nil, fmt.Errorf("encode response: %w", err)
	}
	return body, nil
}
