package webauthn

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"math/big"
	"slices"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/fxamacker/cbor/v2"
)

// Algorithm is a COSE algorithm identifier (RFC 9053, IANA COSE Algorithms).
type Algorithm int64

// The algorithms of credential keys.
const (
	ES256 Algorithm = -7   // ECDSA with SHA-256, on P-256 only (§5.8.5)
	EdDSA Algorithm = -8   // on Ed25519 only (§5.8.5)
	ES384 Algorithm = -35  // on P-384 only
	ES512 Algorithm = -36  // on P-521 only
	Ed448 Algorithm = -53  // RFC 9864
	RS256 Algorithm = -257 // RSASSA-PKCS1-v1_5 with SHA-256

	// ML-DSA of FIPS 204, without a context, as draft-ietf-cose-dilithium has it and IANA has registered it.
	MLDSA44 Algorithm = -48
	MLDSA65 Algorithm = -49
	MLDSA87 Algorithm = -50
)

// RS1 is RSASSA-PKCS1-v1_5 with SHA-1 (RFC 8812 §5). TPMs sign attestations with it, and nothing else may.
const RS1 Algorithm = -65535

// The key types and curves of RFC 9053 §7 and RFC 8230 §4, and the key type "algorithm key pair" of draft-ietf-cose-dilithium §3.
const (
	typeOKP, typeEC2, typeRSA, typeAKP = 1, 2, 3, 7

	curveP256, curveP384, curveP521      = 1, 2, 3
	curveNumberEd25519, curveNumberEd448 = 6, 7
)

// Bounds of an RSA modulus, in bits.
const minRSA, maxRSA = 2048, 4096

// publicKey is a credential public key that signatures can be verified with.
type publicKey struct {
	algorithm Algorithm
	// key is *ecdsa.PublicKey, ed25519.PublicKey, ed448.PublicKey, *rsa.PublicKey or a verifier of ML-DSA.
	key crypto.PublicKey
}

// coseKey has the members of a COSE_Key (RFC 9052 §7) that a credential public key may have. What stands at -1 to -3 depends
// on the type.
type coseKey struct {
	Type      int             `cbor:"1,keyasint"`
	Algorithm Algorithm       `cbor:"3,keyasint"`
	M1        cbor.RawMessage `cbor:"-1,keyasint,omitempty"`
	M2        cbor.RawMessage `cbor:"-2,keyasint,omitempty"`
	M3        cbor.RawMessage `cbor:"-3,keyasint,omitempty"`
}

// known are the algorithms of credential keys.
var known = []Algorithm{ES256, EdDSA, ES384, ES512, Ed448, RS256, MLDSA44, MLDSA65, MLDSA87}

// canonicalCBOR is the CTAP2 canonical form (CTAP 2.2 §8).
var canonicalCBOR = func() cbor.EncMode {
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// parseNewPublicKey reads the public key of a new credential. Beyond what parsePublicKey asks, it must be written in the one
// way that §6.5.1.1 allows (canonical CBOR, no optional members), and must not be a key under which anybody can sign.
func parseNewPublicKey(raw []byte) (publicKey, error) {
	k, err := parsePublicKey(raw)
	if err != nil {
		return k, err
	}
	var members coseKey
	if err := strictCBOR.Unmarshal(raw, &members); err != nil {
		return k, refuse(CodePublicKey, "is no COSE key: %v", err)
	}
	again, err := canonicalCBOR.Marshal(members)
	if err != nil {
		return k, refuse(CodePublicKey, "is no COSE key: %v", err)
	}
	// Writing type and algorithm again shows their form, the order, and members that should not be; the others were written as they came.
	if !bytes.Equal(raw, again) || !isShortest(members.M1) || !isShortest(members.M2) || !isShortest(members.M3) {
		return k, refuse(CodePublicKey, "is not in canonical form, or has members beside those of its type")
	}
	switch key := k.key.(type) {
	case ed25519.PublicKey:
		if !isEdwards25519(key) {
			return k, refuse(CodePublicKey, "is no point of edwards25519")
		}
		if isSmallOrder(key) {
			return k, refuse(CodePublicKey, "is a point of small order")
		}
	case ed448.PublicKey:
		if !isEdwards448(key) {
			return k, refuse(CodePublicKey, "is no point of edwards448, or one of small order")
		}
	}
	return k, nil
}

// parsePublicKey reads a COSE_Key of one of our algorithms: the length of everything, points on their curves.
func parsePublicKey(raw []byte) (publicKey, error) {
	var k coseKey
	if err := strictCBOR.Unmarshal(raw, &k); err != nil {
		return publicKey{}, refuse(CodePublicKey, "is no COSE key: %v", err)
	}
	p := publicKey{algorithm: k.Algorithm}
	var err error
	switch {
	case k.Type == typeEC2 && k.Algorithm == ES256:
		p.key, err = k.ecdsa(elliptic.P256(), curveP256)
	case k.Type == typeEC2 && k.Algorithm == ES384:
		p.key, err = k.ecdsa(elliptic.P384(), curveP384)
	case k.Type == typeEC2 && k.Algorithm == ES512:
		p.key, err = k.ecdsa(elliptic.P521(), curveP521)
	case k.Type == typeOKP && k.Algorithm == EdDSA:
		var x []byte
		x, err = k.edwards(curveNumberEd25519, ed25519.PublicKeySize)
		p.key = ed25519.PublicKey(x)
	case k.Type == typeOKP && k.Algorithm == Ed448:
		var x []byte
		x, err = k.edwards(curveNumberEd448, ed448.PublicKeySize)
		p.key = ed448.PublicKey(x)
	case k.Type == typeRSA && k.Algorithm == RS256:
		p.key, err = k.rsa()
	case k.Type == typeAKP && isMLDSA(k.Algorithm):
		if k.M2 != nil || k.M3 != nil {
			return p, refuse(CodePublicKey, "is no key of algorithm %d", k.Algorithm)
		}
		p.key, err = newMLDSA(k.Algorithm, bytesOf(k.M1))
	case slices.Contains(known, k.Algorithm):
		// A firmware in use makes keys of a curve of its own under the number of ML-DSA-44 (CanoKey, git 26dc6e8: key type 2, curve 9).
		err = refuse(CodeKeyType, "algorithm %d with key type %d", k.Algorithm, k.Type)
	default:
		err = refuse(CodeAlgorithm, "algorithm %d with key type %d", k.Algorithm, k.Type)
	}
	return p, err
}

// isShortest reports a number or a byte string whose head is as short as can be (CTAP 2.2 §8), or nothing.
func isShortest(item cbor.RawMessage) bool {
	if len(item) == 0 {
		return true
	}
	switch argument := item[1:]; item[0] & 0x1f {
	case 24:
		return argument[0] >= 24
	case 25:
		return argument[0] != 0
	case 26, 27: // nothing in a key is that large
		return false
	}
	return true
}

// bytesOf returns a member that is a byte string, nil when it is something else: the reader takes a list of small numbers for one.
func bytesOf(item cbor.RawMessage) (b []byte) {
	if !isBytes(item) || strictCBOR.Unmarshal(item, &b) != nil {
		return nil
	}
	return b
}

// ecdsa reads an uncompressed point (§5.8.5: compressed ones are not allowed).
func (k coseKey) ecdsa(curve elliptic.Curve, number int) (*ecdsa.PublicKey, error) {
	var crv int
	x, y := bytesOf(k.M2), bytesOf(k.M3)
	if strictCBOR.Unmarshal(k.M1, &crv) != nil || x == nil || y == nil || crv != number {
		return nil, refuse(CodePublicKey, "is no uncompressed key on the curve of algorithm %d", k.Algorithm)
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return nil, refuse(CodePublicKey, "coordinates of %d and %d bytes", len(x), len(y))
	}
	point := make([]byte, 0, 1+2*66)
	point = append(append(append(point, 4), x...), y...)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, refuse(CodePublicKey, "is not on its curve")
	}
	return key, nil
}

func (k coseKey) edwards(number, size int) ([]byte, error) {
	var crv int
	x := bytesOf(k.M2)
	if strictCBOR.Unmarshal(k.M1, &crv) != nil || crv != number || len(x) != size || k.M3 != nil {
		return nil, refuse(CodePublicKey, "is no key on the curve of algorithm %d", k.Algorithm)
	}
	return x, nil
}

func (k coseKey) rsa() (*rsa.PublicKey, error) {
	n, e := bytesOf(k.M1), bytesOf(k.M2)
	if n == nil || e == nil || k.M3 != nil {
		return nil, refuse(CodePublicKey, "is no RSA key")
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if len(n) == 0 || n[0] == 0 || modulus.BitLen() < minRSA || modulus.BitLen() > maxRSA || modulus.Bit(0) == 0 {
		return nil, refuse(CodePublicKey, "modulus of %d bits", modulus.BitLen())
	}
	if len(e) == 0 || e[0] == 0 || exponent.BitLen() > 31 || exponent.Int64() < 3 || exponent.Bit(0) == 0 {
		return nil, refuse(CodePublicKey, "exponent is not odd and small")
	}
	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

// verifies reports whether a signature over a message is the key's (§6.5.5).
func (p publicKey) verifies(message, signature []byte) bool {
	return verifySignature(p.algorithm, p.key, message, signature)
}

// verifySignature verifies by an algorithm with a key, which need not be of that algorithm's type: then nothing verifies.
// ECDSA takes any curve here, for certificates.
func verifySignature(algorithm Algorithm, key crypto.PublicKey, message, signature []byte) bool {
	switch algorithm {
	case ES256, ES384, ES512:
		k, ok := key.(*ecdsa.PublicKey)
		return ok && ecdsa.VerifyASN1(k, digest(algorithm, message), signature)
	case EdDSA:
		k, ok := key.(ed25519.PublicKey)
		return ok && len(k) == ed25519.PublicKeySize && ed25519.Verify(k, message, signature)
	case Ed448:
		k, ok := key.(ed448.PublicKey)
		return ok && ed448.Verify(k, message, signature, "")
	case RS256:
		k, ok := key.(*rsa.PublicKey)
		return ok && rsa.VerifyPKCS1v15(k, crypto.SHA256, digest(algorithm, message), signature) == nil
	case MLDSA44, MLDSA65, MLDSA87:
		k, ok := key.(mldsaKey)
		return ok && k.algorithm == algorithm && k.verify(message, signature)
	}
	return false
}

func digest(algorithm Algorithm, message []byte) []byte {
	switch algorithm {
	case ES384:
		sum := sha512.Sum384(message)
		return sum[:]
	case ES512:
		sum := sha512.Sum512(message)
		return sum[:]
	}
	sum := sha256.Sum256(message)
	return sum[:]
}

// equals reports whether a certificate is for this key.
func (p publicKey) equals(c *x509.Certificate) bool {
	k, ok := p.key.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(c.PublicKey)
}
