package webauthn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"slices"
	"testing"

	"github.com/fxamacker/cbor/v2"
)

// The mutation tests of softkey's own formats are in mutation_test.go. Those of formats that no key of ours makes begin with a statement
// made by hand, which must verify, and change one thing in it at a time, signing again where it is signed.

// subject is the credential and the ceremony that a statement is about.
type subject struct {
	private crypto.Signer
	statement
}

// newSubject makes a credential of a private key, of a model.
func newSubject(t testing.TB, private crypto.Signer, aaguid [16]byte) subject {
	t.Helper()
	var key cose
	switch public := private.Public().(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		size := len(point) / 2
		alg, crv := map[int]int{32: -7, 48: -35, 66: -36}[size], map[int]int{32: 1, 48: 2, 66: 3}[size]
		key = cose{1: 2, 3: alg, -1: crv, -2: point[1 : 1+size], -3: point[1+size:]}
	case *rsa.PublicKey:
		key = cose{1: 3, 3: -257, -1: public.N.Bytes(), -2: []byte{1, 0, 1}}
	}
	s := subject{private: private}
	rpID := sha256.Sum256([]byte(testID))
	raw := slices.Concat(rpID[:], []byte{up | uv | attested, 0, 0, 0, 1}, aaguid[:], []byte{0, 32}, make([]byte, 32), key.encode(t))
	raw[idAt] = 7
	var err error
	if s.data, err = parseAuthenticatorData(raw); err != nil {
		t.Fatal(err)
	}
	if s.key, err = parsePublicKey(key.encode(t)); err != nil {
		t.Fatal(err)
	}
	s.clientDataHash = sha256.Sum256([]byte("client data"))
	return s
}

// check verifies a statement of the subject.
func (s subject) check(t testing.TB, format string, members any) (Attestation, error) {
	t.Helper()
	raw, err := cbor.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	twin := s.statement
	twin.raw = raw
	return twin.verify(format)
}

func newEC(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func newRSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// sign signs as an algorithm says, whether we take it or not.
func sign(t testing.TB, private crypto.Signer, algorithm Algorithm, message []byte) []byte {
	t.Helper()
	hash, digest := crypto.SHA256, []byte(nil)
	switch algorithm {
	case RS1:
		sum := sha1.Sum(message)
		hash, digest = crypto.SHA1, sum[:]
	case ES384:
		sum := sha512.Sum384(message)
		hash, digest = crypto.SHA384, sum[:]
	default:
		sum := sha256.Sum256(message)
		digest = sum[:]
	}
	signature, err := private.Sign(rand.Reader, digest, hash)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// certifyKey issues a certificate for a key; see certify.
func certifyKey(t testing.TB, parent *issuer, public crypto.PublicKey, change func(*x509.Certificate)) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template(t, change), parent.Certificate, public, parent.private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// statementMutations are what every format with certificates refuses in the same way.
func statementMutations(signed bool) map[string]func(map[string]any) {
	all := map[string]func(map[string]any){
		"no certificates":       func(m map[string]any) { delete(m, "x5c") },
		"an empty list":         func(m map[string]any) { m["x5c"] = [][]byte{} },
		"a damaged certificate": func(m map[string]any) { m["x5c"] = [][]byte{{0x30, 0}} },
		"certificates as text":  func(m map[string]any) { m["x5c"] = []string{"MII"} },
		"a member of its own":   func(m map[string]any) { m["more"] = 1 },
		"certificates as bytes": func(m map[string]any) { m["x5c"] = []byte{1} },
	}
	if signed {
		all["no signature"] = func(m map[string]any) { delete(m, "sig") }
		all["an empty signature"] = func(m map[string]any) { m["sig"] = []byte{} }
		all["a signature as text"] = func(m map[string]any) { m["sig"] = "MEUC" }
	}
	return all
}
