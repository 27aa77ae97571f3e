package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha512" // makes SHA-384 available to ES384
	"encoding"
	"fmt"
	"math/big"

	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"github.com/fxamacker/cbor/v2"
)

// Algorithm is a COSE algorithm identifier (RFC 9053, RFC 8812).
type Algorithm int

// The algorithms that a key can have.
const (
	ES256   Algorithm = -7  // ECDSA on P-256 with SHA-256
	EdDSA   Algorithm = -8  // Ed25519
	ES384   Algorithm = -35 // ECDSA on P-384 with SHA-384
	MLDSA44 Algorithm = -48 // ML-DSA of FIPS 204 (draft-ietf-cose-dilithium), and the two below
	MLDSA65 Algorithm = -49
	MLDSA87 Algorithm = -50
	RS256   Algorithm = -257 // RSASSA-PKCS1-v1_5, 2048 bits, with SHA-256; making such a key pair takes a tenth of a second or more
)

// canonical encodes in the CTAP2 canonical CBOR form (CTAP §8).
var canonical = func() cbor.EncMode {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		panic("softkey: the CTAP2 encoding options of the CBOR library are invalid: " + err.Error())
	}
	return mode
}()

func (a Algorithm) known() bool {
	return a == ES256 || a == EdDSA || a == ES384 || a == RS256 || a.postQuantum()
}

// postQuantum reports the algorithms that browsers and crypto/x509 do not know.
func (a Algorithm) postQuantum() bool { return a == MLDSA44 || a == MLDSA65 || a == MLDSA87 }

// generate makes a key pair.
func (a Algorithm) generate() (crypto.Signer, error) {
	switch a {
	case ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	case RS256:
		return rsa.GenerateKey(rand.Reader, 2048)
	case MLDSA44:
		_, private, err := mldsa44.GenerateKey(rand.Reader)
		return private, err
	case MLDSA65:
		_, private, err := mldsa65.GenerateKey(rand.Reader)
		return private, err
	case MLDSA87:
		_, private, err := mldsa87.GenerateKey(rand.Reader)
		return private, err
	default:
		return nil, fmt.Errorf("algorithm %d: %w", a, ErrNotSupported)
	}
}

// sign signs message in the form that WebAuthn §6.5.5 asks for: DER for ECDSA, raw for the others.
func (a Algorithm) sign(signer crypto.Signer, message []byte) ([]byte, error) {
	hash := crypto.SHA256
	switch a {
	case ES384:
		hash = crypto.SHA384
	case EdDSA, MLDSA44, MLDSA65, MLDSA87:
		hash = crypto.Hash(0) // these take the message itself
	}
	return crypto.SignMessage(signer, rand.Reader, message, hash)
}

// The COSE_Key forms (RFC 9052 §7, RFC 9053 §7, RFC 8230 §4).
type (
	curveKey struct {
		KeyType   int       `cbor:"1,keyasint"`
		Algorithm Algorithm `cbor:"3,keyasint"`
		Curve     int       `cbor:"-1,keyasint"`
		X         []byte    `cbor:"-2,keyasint"`
		Y         []byte    `cbor:"-3,keyasint,omitempty"`
	}
	rsaKey struct {
		KeyType   int       `cbor:"1,keyasint"`
		Algorithm Algorithm `cbor:"3,keyasint"`
		Modulus   []byte    `cbor:"-1,keyasint"`
		Exponent  []byte    `cbor:"-2,keyasint"`
	}
	pairKey struct {
		KeyType   int       `cbor:"1,keyasint"`
		Algorithm Algorithm `cbor:"3,keyasint"`
		Public    []byte    `cbor:"-1,keyasint"`
	}
)

// coseKey encodes a public key of the algorithm as a COSE_Key.
func (a Algorithm) coseKey(public crypto.PublicKey) ([]byte, error) {
	const (
		typeOKP, typeEC2, typeRSA, typeAKP = 1, 2, 3, 7
		curveP256, curveP384, curve255     = 1, 2, 6
	)
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 0x04, x, y
		if err != nil {
			return nil, fmt.Errorf("encode public key: %w", err)
		}
		size := (len(point) - 1) / 2
		curve := curveP256
		if a == ES384 {
			curve = curveP384
		}
		return canonical.Marshal(curveKey{typeEC2, a, curve, point[1 : 1+size], point[1+size:]})
	case ed25519.PublicKey:
		return canonical.Marshal(curveKey{typeOKP, a, curve255, public, nil})
	case *rsa.PublicKey:
		exponent := big.NewInt(int64(public.E)).Bytes()
		return canonical.Marshal(rsaKey{typeRSA, a, public.N.Bytes(), exponent})
	case encoding.BinaryMarshaler: // of ML-DSA
		raw, err := public.MarshalBinary()
		if err != nil {
			return nil, fmt.Errorf("encode public key: %w", err)
		}
		return canonical.Marshal(pairKey{typeAKP, a, raw})
	default:
		return nil, fmt.Errorf("encode public key of type %T: %w", public, ErrNotSupported)
	}
}
