package webauthn

import (
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"
)

// Flags of authenticator data (§6.1).
type Flags byte

// The flags. The two others are reserved, and ignored.
const (
	FlagUserPresent    Flags = 0x01
	FlagUserVerified   Flags = 0x04
	FlagBackupEligible Flags = 0x08
	FlagBackupState    Flags = 0x10
	FlagAttested       Flags = 0x40
	FlagExtensions     Flags = 0x80
)

// Has reports whether a flag is set.
func (f Flags) Has(flag Flags) bool { return f&flag != 0 }

// maxCredentialID is the longest credential id, in bytes (§7.1 step 25).
const maxCredentialID = 1023

// authenticatorData is what an authenticator says and signs (§6.1).
type authenticatorData struct {
	raw       []byte
	RPIDHash  [32]byte
	Flags     Flags
	SignCount uint32
	// Of attested credential data (§6.5.1), when FlagAttested is set.
	AAGUID       [16]byte
	CredentialID []byte
	PublicKey    []byte
	Extensions   Extensions
}

// Extensions are outputs of authenticator extensions that are kept, as the authenticator signed them. Others are ignored,
// also those that nobody asked for (§7.1 step 28, §7.2 step 23).
type Extensions struct {
	// CredProtect is the protection level of the credential, 1 to 3; 0 when not told (CTAP 2.2 §12.1).
	CredProtect int
	// MinPINLength is the least length that the authenticator accepts for a PIN, in code points; 0 when not told (CTAP 2.2 §12.4).
	MinPINLength int
	// HMACSecret says that the credential can evaluate pseudo-random functions (CTAP 2.2 §12.5).
	HMACSecret bool
}

// strictCBOR reads what authenticators send: definite lengths, no tags, no key twice (CTAP 2.2 §8, message encoding).
var strictCBOR = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 8,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return mode
}()

// parseAuthenticatorData takes authenticator data apart, to its last byte. What it returns points into raw.
func parseAuthenticatorData(raw []byte) (authenticatorData, error) {
	d := authenticatorData{raw: raw}
	if len(raw) < 37 {
		return d, refuse(CodeAuthenticatorData, "%d bytes", len(raw))
	}
	copy(d.RPIDHash[:], raw)
	d.Flags, d.SignCount = Flags(raw[32]), binary.BigEndian.Uint32(raw[33:])
	rest, err := raw[37:], error(nil)
	if d.Flags.Has(FlagAttested) {
		if rest, err = d.parseAttested(rest); err != nil {
			return d, err
		}
	}
	if d.Flags.Has(FlagExtensions) {
		if rest, err = d.parseExtensions(rest); err != nil {
			return d, err
		}
	}
	if len(rest) > 0 {
		return d, refuse(CodeAuthenticatorData, "%d bytes behind the end", len(rest))
	}
	return d, nil
}

// parseAttested takes attested credential data apart and returns what follows it.
func (d *authenticatorData) parseAttested(raw []byte) ([]byte, error) {
	if len(raw) < 18 {
		return nil, refuse(CodeAttestedData, "%d bytes", len(raw))
	}
	copy(d.AAGUID[:], raw)
	length := int(binary.BigEndian.Uint16(raw[16:]))
	raw = raw[18:]
	if length == 0 || length > maxCredentialID {
		return nil, refuse(CodeCredentialID, "credential id of %d bytes", length)
	}
	if length > len(raw) {
		return nil, refuse(CodeAttestedData, "credential id of %d bytes in %d", length, len(raw))
	}
	d.CredentialID = raw[:length:length]
	raw = raw[length:]
	var key cbor.RawMessage
	rest, err := strictCBOR.UnmarshalFirst(raw, &key)
	if err != nil {
		return nil, refuse(CodeAttestedData, "public key: %v", err)
	}
	d.PublicKey = raw[: len(raw)-len(rest) : len(raw)-len(rest)]
	return rest, nil
}

// parseExtensions reads the map of extension outputs and returns what follows it.
func (d *authenticatorData) parseExtensions(raw []byte) ([]byte, error) {
	var outputs map[string]cbor.RawMessage
	rest, err := strictCBOR.UnmarshalFirst(raw, &outputs)
	if err != nil || outputs == nil {
		return nil, refuse(CodeExtensions, "extension data is no map: %v", err)
	}
	e := &d.Extensions
	for name, into := range map[string]any{"credProtect": &e.CredProtect, "minPinLength": &e.MinPINLength} {
		if raw, ok := outputs[name]; ok {
			if err := strictCBOR.Unmarshal(raw, into); err != nil {
				return nil, refuse(CodeExtensions, "%s: %v", name, err)
			}
		}
	}
	if e.CredProtect < 0 || e.CredProtect > 3 || e.MinPINLength < 0 || e.MinPINLength > 63 {
		return nil, refuse(CodeExtensions, "credProtect %d, minPinLength %d", e.CredProtect, e.MinPINLength)
	}
	// At registration it is a boolean, and at authentication the encrypted outputs, which are for the platform.
	_ = strictCBOR.Unmarshal(outputs["hmac-secret"], &e.HMACSecret)
	return rest, nil
}
