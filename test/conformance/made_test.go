//go:build conformance

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"slices"
	"testing"
	"time"
)

// made is a credential made by hand, for attestations that softkey does not make.
type made struct {
	private crypto.Signer
	alg     int
	aaguid  [16]byte
	// authData and hash of the client data are known when a statement is made.
	authData []byte
	hash     [32]byte
}

func p256() elliptic.Curve { return elliptic.P256() }
func p521() elliptic.Curve { return elliptic.P521() }

func newMade(t *testing.T, curve func() elliptic.Curve) *made {
	t.Helper()
	private := newEC(t, curve())
	return &made{private: private, alg: map[int]int{256: -7, 521: -36}[private.Params().BitSize], aaguid: aaguid}
}

func newEC(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// point is the public key, uncompressed.
func (m *made) point() []byte {
	point, err := m.private.Public().(*ecdsa.PublicKey).Bytes()
	if err != nil {
		panic(err) // it was generated
	}
	return point
}

func (m *made) signed() []byte { return slices.Concat(m.authData, m.hash[:]) }

// statement makes a format's attestation statement about a credential.
type statement func(t *testing.T, m *made) (format string, members map[string]any)

// registerMade registers a credential made by hand and returns the code.
func (c *tool) registerMade(m *made, attest statement) string {
	c.t.Helper()
	options := c.creation()
	client := encode(c.t, map[string]any{"type": "webauthn.create", "challenge": options["challenge"], "origin": origin, "crossOrigin": false})
	m.hash = sha256.Sum256(client)
	point := m.point()
	size := len(point) / 2
	key, err := canonical.Marshal(map[int]any{1: 2, 3: m.alg, -1: map[int]int{32: 1, 66: 3}[size], -2: point[1 : 1+size], -3: point[1+size:]})
	if err != nil {
		c.t.Fatal(err)
	}
	id := bytes.Repeat([]byte{7}, 32)
	rp := sha256.Sum256([]byte(rpID))
	m.authData = slices.Concat(rp[:], []byte{0x45, 0, 0, 0, 1}, m.aaguid[:], []byte{0, 32}, id, key)
	format, members := attest(c.t, m)
	object, err := canonical.Marshal(map[string]any{"fmt": format, "attStmt": members, "authData": m.authData})
	if err != nil {
		c.t.Fatal(err)
	}
	_, code := c.post("/attestation/result", map[string]any{
		"id": base64URL.EncodeToString(id), "rawId": base64URL.EncodeToString(id), "type": "public-key",
		"response": map[string]any{"clientDataJSON": base64URL.EncodeToString(client), "attestationObject": base64URL.EncodeToString(object)},
	})
	return code
}

// sign signs as a COSE algorithm says.
func sign(t *testing.T, private crypto.Signer, alg int, message []byte) []byte {
	t.Helper()
	hash, digest := crypto.SHA256, []byte(nil)
	switch alg {
	case -65535:
		sum := sha1.Sum(message)
		hash, digest = crypto.SHA1, sum[:]
	case -36:
		sum := sha512.Sum512(message)
		hash, digest = crypto.SHA512, sum[:]
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

// selfStatement is packed self attestation.
func selfStatement(t *testing.T, m *made) (string, map[string]any) {
	return "packed", map[string]any{"alg": m.alg, "sig": sign(t, m.private, m.alg, m.signed())}
}

// issued is a certificate with its private key.
type issued struct {
	*x509.Certificate
	private crypto.Signer
}

// authority is a certificate that issues others; without a parent it is a root.
func authority(t *testing.T, parent *issued, change func(*x509.Certificate)) *issued {
	t.Helper()
	return certify(t, parent, newEC(t, elliptic.P256()), func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject = true, x509.KeyUsageCertSign, pkix.Name{CommonName: "Maker's authority " + c.SerialNumber.String()}
		change(c)
	})
}

// certify issues a certificate for a key: that of a packed attestation, unless it is changed.
func certify(t *testing.T, parent *issued, private crypto.Signer, change func(*x509.Certificate)) *issued {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), BasicConstraintsValid: true,
		Subject: pkix.Name{Country: []string{"GB"}, Organization: []string{"Maker"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Model"},
	}
	change(c)
	self := &issued{c, private}
	if parent == nil {
		parent = self
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent.Certificate, private.Public(), parent.private)
	if err != nil {
		t.Fatal(err)
	}
	if self.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return self
}

func as(*x509.Certificate) {}

func newRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// path is the x5c of a statement.
func path(certificates ...*issued) [][]byte {
	var list [][]byte
	for _, c := range certificates {
		list = append(list, c.Raw)
	}
	return list
}
