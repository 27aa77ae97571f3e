package webauthn

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // TPMs of many computers in use sign and name keys with SHA-1
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"slices"
)

// Constants of the TPM 2.0 Library, Part 2: Structures (§6.3 TPM_ALG_ID, §6.4 TPM_ECC_CURVE, §6.2 TPM_GENERATED, §6.9 TPM_ST).
const (
	tpmGenerated     = 0xff544347
	tpmAttestCertify = 0x8017

	tpmRSA, tpmECC                           = 0x0001, 0x0023
	tpmNull                                  = 0x0010
	tpmSHA1, tpmSHA256, tpmSHA384, tpmSHA512 = 0x0004, 0x000b, 0x000c, 0x000d
	tpmRSAES, tpmECDAA                       = 0x0015, 0x001a
	tpmP256, tpmP384, tpmP521                = 0x0003, 0x0004, 0x0005
	tpmDefaultExponent                       = 65537
)

// verifyTPM is §8.3. Which makers of TPMs there are is left to the trust path: a list of names inside us would only grow old.
func (s statement) verifyTPM() (Attestation, error) {
	a := Attestation{Type: AttestationAttCA}
	m, err := s.members()
	if err != nil {
		return a, err
	}
	var version string
	if !isText(m["ver"]) || strictCBOR.Unmarshal(m["ver"], &version) != nil || version != "2.0" {
		return a, refuse(CodeAttestationStatement, "ver is not 2.0")
	}
	if a.Algorithm, err = algorithmOf(m); err != nil {
		return a, err
	}
	signature, err := byteString(m, "sig")
	if err != nil {
		return a, err
	}
	info, err := byteString(m, "certInfo")
	if err != nil {
		return a, err
	}
	area, err := byteString(m, "pubArea")
	if err != nil {
		return a, err
	}
	if a.TrustPath, err = certificates(m); err != nil {
		return a, err
	}
	if len(m) > 6 {
		return a, refuse(CodeAttestationStatement, "%d members", len(m))
	}
	name, err := s.checkPublicArea(area)
	if err != nil {
		return a, err
	}
	if err := s.checkCertifyInfo(info, name, a.Algorithm); err != nil {
		return a, err
	}
	aik := a.TrustPath[0]
	if !verifyTPMSignature(a.Algorithm, aik.PublicKey, info, signature) {
		return a, refuse(CodeAttestationSignature, "does not verify with the AIK certificate by algorithm %d", a.Algorithm)
	}
	if err := checkAIKCertificate(aik); err != nil {
		return a, err
	}
	return a, s.checkModel(aik)
}

// checkPublicArea reads pubArea (TPMT_PUBLIC, Part 2 §12.2.4), which must be about the credential's key, and returns its name
// (Part 1 §16: the algorithm and the digest).
func (s statement) checkPublicArea(raw []byte) ([]byte, error) {
	r := tpmReader{raw: raw}
	kind, nameAlgorithm := r.u16(), r.u16()
	r.take(4) // objectAttributes
	r.sized() // authPolicy
	var key any
	switch kind {
	case tpmRSA:
		key = r.rsa()
	case tpmECC:
		key = r.ecc()
	default:
		return nil, refuse(CodeAttestationTPM, "pubArea of type %#x", kind)
	}
	if !r.done() {
		return nil, refuse(CodeAttestationTPM, "pubArea is malformed")
	}
	if k, ok := s.key.key.(interface{ Equal(crypto.PublicKey) bool }); !ok || key == nil || !k.Equal(key) {
		return nil, refuse(CodeAttestationKey, "pubArea is about another key")
	}
	digest := tpmDigest(nameAlgorithm, raw)
	if digest == nil {
		return nil, refuse(CodeAttestationTPM, "pubArea is named by algorithm %#x", nameAlgorithm)
	}
	return append(binary.BigEndian.AppendUint16(nil, nameAlgorithm), digest...), nil
}

// checkCertifyInfo reads certInfo (TPMS_ATTEST, Part 2 §10.12.8), which must be about this ceremony and the key of that name.
func (s statement) checkCertifyInfo(raw, name []byte, algorithm Algorithm) error {
	r := tpmReader{raw: raw}
	if magic := r.u32(); magic != tpmGenerated {
		return refuse(CodeAttestationTPM, "certInfo was not made by a TPM: magic %#x", magic)
	}
	if kind := r.u16(); kind != tpmAttestCertify {
		return refuse(CodeAttestationTPM, "certInfo certifies no key: type %#x", kind)
	}
	r.sized() // qualifiedSigner
	extra := r.sized()
	r.take(17 + 8) // clockInfo, firmwareVersion
	certified := r.sized()
	r.sized() // qualifiedName
	if !r.done() {
		return refuse(CodeAttestationTPM, "certInfo is malformed")
	}
	var expected []byte
	switch algorithm {
	case RS1:
		expected = tpmDigest(tpmSHA1, s.signed())
	case RS256, ES256:
		expected = tpmDigest(tpmSHA256, s.signed())
	default:
		return refuse(CodeAttestationAlgorithm, "algorithm %d", algorithm)
	}
	if !bytes.Equal(extra, expected) {
		return refuse(CodeAttestationChallenge, "certInfo is about another ceremony")
	}
	if !bytes.Equal(certified, name) {
		return refuse(CodeAttestationKey, "certInfo certifies another key")
	}
	return nil
}

func verifyTPMSignature(algorithm Algorithm, key crypto.PublicKey, message, signature []byte) bool {
	if algorithm != RS1 {
		return verifySignature(algorithm, key, message, signature)
	}
	k, ok := key.(*rsa.PublicKey)
	return ok && rsa.VerifyPKCS1v15(k, crypto.SHA1, tpmDigest(tpmSHA1, message), signature) == nil
}

func tpmDigest(algorithm uint16, message []byte) []byte {
	switch algorithm {
	case tpmSHA1:
		sum := sha1.Sum(message) //nolint:gosec // as above
		return sum[:]
	case tpmSHA256:
		sum := sha256.Sum256(message)
		return sum[:]
	case tpmSHA384:
		sum := sha512.Sum384(message)
		return sum[:]
	case tpmSHA512:
		sum := sha512.Sum512(message)
		return sum[:]
	}
	return nil
}

// tpmReader reads the structures of a TPM: big-endian numbers, and buffers with their size before them. What is not there reads as
// zero, and the reader is not done then.
type tpmReader struct {
	raw   []byte
	short bool
}

func (r *tpmReader) take(n int) []byte {
	if n > len(r.raw) {
		r.short, r.raw = true, nil
		return make([]byte, min(n, 64))
	}
	taken := r.raw[:n]
	r.raw = r.raw[n:]
	return taken
}

func (r *tpmReader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }
func (r *tpmReader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

// sized reads a buffer (TPM2B).
func (r *tpmReader) sized() []byte { return r.take(int(r.u16())) }

// done reports that everything was there, and nothing more.
func (r *tpmReader) done() bool { return !r.short && len(r.raw) == 0 }

// scheme reads an algorithm with its details: for most a hash (Part 2 §11.2).
func (r *tpmReader) scheme() {
	switch r.u16() {
	case tpmNull, tpmRSAES:
	case tpmECDAA:
		r.take(4)
	default:
		r.take(2)
	}
}

// symmetric reads an algorithm with key size and mode; signing keys have none (Part 2 §11.1.6).
func (r *tpmReader) symmetric() {
	if r.u16() != tpmNull {
		r.take(4)
	}
}

// rsa reads the parameters and the modulus of an RSA key (TPMS_RSA_PARMS, Part 2 §12.2.3.5).
func (r *tpmReader) rsa() any {
	r.symmetric()
	r.scheme()
	r.take(2) // keyBits
	exponent := int(r.u32())
	if exponent == 0 {
		exponent = tpmDefaultExponent
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(r.sized()), E: exponent}
}

// ecc reads the parameters and the point of an ECC key (TPMS_ECC_PARMS, Part 2 §12.2.3.6); nil when it is none.
func (r *tpmReader) ecc() any {
	r.symmetric()
	r.scheme()
	curve := map[uint16]elliptic.Curve{tpmP256: elliptic.P256(), tpmP384: elliptic.P384(), tpmP521: elliptic.P521()}[r.u16()]
	r.scheme() // kdf
	x, y := r.sized(), r.sized()
	if curve == nil {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	if len(x) > size || len(y) > size {
		return nil
	}
	point := make([]byte, 1+2*size) // a TPM may leave out zeros in front
	point[0] = 4
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil
	}
	return key
}

// Identifiers of the TCG (EK Credential Profile 2.0 §3.1.2, §3.2.9): the purpose of AIK certificates and the three names of a TPM.
var (
	oidAIKCertificate = asn1.ObjectIdentifier{2, 23, 133, 8, 3}
	oidTPMNames       = []asn1.ObjectIdentifier{{2, 23, 133, 2, 1}, {2, 23, 133, 2, 2}, {2, 23, 133, 2, 3}}
)

// checkAIKCertificate holds the certificate of the attestation key to §8.3.1.
func checkAIKCertificate(c *x509.Certificate) error {
	bad := func(what string) error { return refuse(CodeAttestationCertificate, "the AIK certificate %s", what) }
	switch {
	case c.Version != 3:
		return bad("is not of version 3")
	case len(c.Subject.Names) > 0:
		return bad("has a subject")
	case !slices.ContainsFunc(c.UnknownExtKeyUsage, oidAIKCertificate.Equal):
		return bad("is not for that purpose")
	case !c.BasicConstraintsValid || c.IsCA:
		return bad("may issue certificates, or does not say that it may not")
	}
	for _, e := range c.Extensions {
		if e.Id.Equal(oidAlternativeName) {
			if namesTPM(e.Value) {
				return nil
			}
			return bad("does not name maker, model and version of the TPM")
		}
	}
	return bad("has no alternative name")
}

// namesTPM reports whether a subject alternative name (RFC 5280 §4.2.1.6) has a directory name with the three names of a TPM.
func namesTPM(raw []byte) bool {
	var names []asn1.RawValue
	if rest, err := asn1.Unmarshal(raw, &names); err != nil || len(rest) > 0 {
		return false
	}
	found := make(map[string]bool)
	for _, name := range names {
		if name.Class != asn1.ClassContextSpecific || name.Tag != 4 { // directoryName
			continue
		}
		var sequence pkix.RDNSequence
		if rest, err := asn1.Unmarshal(name.Bytes, &sequence); err != nil || len(rest) > 0 {
			return false
		}
		for _, set := range sequence {
			for _, attribute := range set {
				if text, ok := attribute.Value.(string); ok && text != "" {
					found[attribute.Type.String()] = true
				}
			}
		}
	}
	return !slices.ContainsFunc(oidTPMNames, func(id asn1.ObjectIdentifier) bool { return !found[id.String()] })
}
