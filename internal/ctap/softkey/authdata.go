package softkey

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// The flags of authenticator data (WebAuthn §6.1).
const (
	flagUserPresent      = 0x01
	flagUserVerified     = 0x04
	flagBackupEligible   = 0x08
	flagBackupState      = 0x10
	flagAttestedData     = 0x40
	flagExtensionOutputs = 0x80
)

// authenticatorData builds the authenticator data that says who was asked and what the key saw, followed by tail:
// attested credential data and extension outputs, which extra flags announce.
func (k *Key) authenticatorData(rpID string, verified bool, counter uint32, extra byte, tail []byte) []byte {
	flags := flagUserPresent | extra
	if verified {
		flags |= flagUserVerified
	}
	if k.options.BackupEligible {
		flags |= flagBackupEligible
	}
	if k.options.BackupState {
		flags |= flagBackupState
	}
	hash := sha256.Sum256([]byte(rpID))
	data := make([]byte, 0, len(hash)+5+len(tail))
	data = append(data, hash[:]...)
	data = append(data, flags)
	data = binary.BigEndian.AppendUint32(data, counter)
	return append(data, tail...)
}

// attestedData builds the attested credential data (WebAuthn §6.5.2).
func attestedData(aaguid [16]byte, id, coseKey []byte) []byte {
	data := make([]byte, 0, len(aaguid)+2+len(id)+len(coseKey))
	data = append(data, aaguid[:]...)
	data = binary.BigEndian.AppendUint16(data, uint16(len(id)))
	data = append(data, id...)
	return append(data, coseKey...)
}

// clientData serialises the client data as WebAuthn §5.8.1.1 prescribes, byte for byte. Neither string needs escaping:
// challenge is base64url here and checkOrigin has limited the characters of origin.
func clientData(ceremony string, challenge []byte, origin string) []byte {
	data := make([]byte, 0, 256)
	data = append(data, `{"type":"`...)
	data = append(data, ceremony...)
	data = append(data, `","challenge":"`...)
	data = base64.RawURLEncoding.AppendEncode(data, challenge)
	data = append(data, `","origin":"`...)
	data = append(data, origin...)
	return append(data, `","crossOrigin":false}`...)
}
