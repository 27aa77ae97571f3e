// Package mdstest makes BLOBs like those of the FIDO Metadata Service for tests, signed under a root of its own. It does not know
// package mds, so that the tests of that package can use it too.
package mdstest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"image"
	"image/png"
	"maps"
	"math/big"
	"testing"
	"time"
)

// Name is whom the signing certificate is issued to, unless a test changes it.
const Name = "mds.fidoalliance.org"

// Issuer signs BLOBs.
type Issuer struct {
	at         time.Time
	root, leaf *x509.Certificate
	rootKey    *ecdsa.PrivateKey
	leafKey    crypto.Signer
	sign       func(signed []byte) ([]byte, error)
	algorithm  string
	between    []*x509.Certificate // authorities between root and leaf
}

// New makes an issuer with a root and a signing certificate that are valid for a year before and after an instant.
func New(t testing.TB, at time.Time) *Issuer {
	t.Helper()
	i := &Issuer{at: at, rootKey: newKey(t)}
	template := i.template("Metadata test root")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	i.root = issue(t, template, template, &i.rootKey.PublicKey, i.rootKey)
	key := newKey(t)
	return i.WithLeaf(t, "ES256", key, func(signed []byte) ([]byte, error) {
		sum := sha256.Sum256(signed)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			return nil, err
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), nil
	}, func(*x509.Certificate) {})
}

// WithLeaf returns an issuer under the same root that signs with another key and certificate: algorithm is what the header calls
// the way of signing, and change is called with the certificate before it is made.
func (i *Issuer) WithLeaf(t testing.TB, algorithm string, key crypto.Signer, sign func(signed []byte) ([]byte, error), change func(*x509.Certificate)) *Issuer {
	t.Helper()
	template := i.template(Name)
	template.DNSNames = []string{Name}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	change(template)
	other := *i
	other.algorithm, other.leafKey, other.sign = algorithm, key, sign
	other.leaf = issue(t, template, i.root, key.Public(), i.rootKey)
	return &other
}

// WithCertificate returns an issuer that differs in its signing certificate only.
func (i *Issuer) WithCertificate(t testing.TB, change func(*x509.Certificate)) *Issuer {
	t.Helper()
	return i.WithLeaf(t, i.algorithm, i.leafKey, i.sign, change)
}

// Under returns an issuer whose signing certificate was issued by an authority between the root and it, which its BLOBs hold too; and the
// certificate of that authority.
func (i *Issuer) Under(t testing.TB) (*Issuer, *x509.Certificate) {
	t.Helper()
	between := *i
	between.rootKey = newKey(t)
	template := i.template("Metadata test authority")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	authority := issue(t, template, i.root, &between.rootKey.PublicKey, i.rootKey)
	between.root = authority
	other := between.WithCertificate(t, func(*x509.Certificate) {})
	other.between = []*x509.Certificate{authority}
	return other, authority
}

// Revoke returns a list of certificates that the issuer's authority has revoked.
func (i *Issuer) Revoke(t testing.TB, certificates ...*x509.Certificate) *x509.RevocationList {
	t.Helper()
	template := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: i.at, NextUpdate: i.at.AddDate(0, 1, 0)}
	for _, c := range certificates {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: c.SerialNumber, RevocationTime: i.at})
	}
	der, err := x509.CreateRevocationList(rand.Reader, template, i.root, i.rootKey)
	if err != nil {
		t.Fatal(err)
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Certificate returns the signing certificate.
func (i *Issuer) Certificate() *x509.Certificate { return i.leaf }

// Roots returns the root that the issuer's BLOBs lead to.
func (i *Issuer) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.root)
	return pool
}

// RootPEM returns the same root as the text of a file.
func (i *Issuer) RootPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.root.Raw})
}

// BLOB returns a signed BLOB of entries, each of which is a [Model] or whatever else makes JSON.
func (i *Issuer) BLOB(t testing.TB, no int, nextUpdate time.Time, entries ...any) []byte {
	t.Helper()
	if entries == nil {
		entries = []any{}
	}
	return i.Sign(t, nil, encode(t, map[string]any{
		"legalHeader": "For tests only.", "no": no, "nextUpdate": nextUpdate.Format(time.DateOnly), "entries": entries,
	}))
}

// Sign returns a payload signed by the issuer; header is laid over the members that the header would have.
func (i *Issuer) Sign(t testing.TB, header map[string]any, payload []byte) []byte {
	t.Helper()
	chain := []string{Base64(i.leaf)}
	for _, c := range i.between {
		chain = append(chain, Base64(c))
	}
	whole := map[string]any{"alg": i.algorithm, "typ": "JWT", "x5c": chain}
	maps.Copy(whole, header)
	return i.SignHeader(t, encode(t, whole), payload)
}

// SignHeader returns a payload signed by the issuer, with a header as it stands.
func (i *Issuer) SignHeader(t testing.TB, header, payload []byte) []byte {
	t.Helper()
	b64 := base64.RawURLEncoding
	signed := append(b64.AppendEncode(nil, header), '.')
	signed = b64.AppendEncode(signed, payload)
	signature, err := i.sign(signed)
	if err != nil {
		t.Fatal(err)
	}
	return b64.AppendEncode(append(signed, '.'), signature)
}

func (i *Issuer) template(name string) *x509.Certificate {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: name}, NotBefore: i.at.AddDate(-1, 0, 0), NotAfter: i.at.AddDate(1, 0, 0),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func issue(t testing.TB, template, parent *x509.Certificate, public crypto.PublicKey, private crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, private)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func encode(t testing.TB, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// AttestationRoot returns the root of an attestation by name, and a certificate of a key that was issued under it.
func AttestationRoot(t testing.TB, name string, at time.Time) (root, key *x509.Certificate) {
	t.Helper()
	i := New(t, at)
	template := i.template(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	root = issue(t, template, template, &i.rootKey.PublicKey, i.rootKey)
	return root, issue(t, i.template(name+" key"), root, i.leafKey.Public(), i.rootKey)
}

// PNG returns a picture, which is one grey dot.
func PNG(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1))); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
