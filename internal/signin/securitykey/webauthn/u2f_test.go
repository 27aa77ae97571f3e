package webauthn

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"maps"
	"slices"
	"testing"
)

// u2f is a fido-u2f statement before it is signed.
type u2f struct {
	subject
	maker     crypto.Signer // of the certificate
	certified crypto.PublicKey
	signed    []byte
	statement func(map[string]any)
}

func TestU2F_with_one_thing_changed(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	maker := newEC(t, elliptic.P256())
	good := newSubject(t, newEC(t, elliptic.P256()), [16]byte{})
	point, err := good.private.Public().(interface{ Bytes() ([]byte, error) }).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	signed := slices.Concat([]byte{0}, good.data.RPIDHash[:], good.clientDataHash[:], good.data.CredentialID, point)
	tests := map[string]struct {
		change func(*u2f)
		code   Code
	}{
		"nothing":                    {func(*u2f) {}, ""},
		"another reserved byte":      {func(u *u2f) { u.signed[0] = 1 }, CodeAttestationSignature},
		"another relying party":      {func(u *u2f) { u.signed[1] ^= 1 }, CodeAttestationSignature},
		"another ceremony":           {func(u *u2f) { u.signed[33] ^= 1 }, CodeAttestationSignature},
		"another credential id":      {func(u *u2f) { u.signed[65] ^= 1 }, CodeAttestationSignature},
		"another public key":         {func(u *u2f) { u.signed[len(u.signed)-1] ^= 1 }, CodeAttestationSignature},
		"bytes behind":               {func(u *u2f) { u.signed = append(u.signed, 0) }, CodeAttestationSignature},
		"signed by another key":      {func(u *u2f) { u.maker = newEC(t, elliptic.P256()) }, CodeAttestationSignature},
		"a certificate on P-384":     {func(u *u2f) { u.certified = newEC(t, elliptic.P384()).Public() }, CodeAttestationCertificate},
		"an RSA certificate":         {func(u *u2f) { u.certified = newRSA(t).Public() }, CodeAttestationCertificate},
		"a credential key on P-384":  {func(u *u2f) { u.subject = newSubject(t, newEC(t, elliptic.P384()), [16]byte{}) }, CodeAttestationKey},
		"a credential key of RSA":    {func(u *u2f) { u.subject = newSubject(t, newRSA(t), [16]byte{}) }, CodeAttestationKey},
		"two certificates":           {func(u *u2f) { u.statement = twoCertificates }, CodeAttestationStatement},
		"a statement that is no map": {func(u *u2f) { u.statement = nil }, CodeAttestationStatement},
	}
	for name, change := range statementMutations(true) {
		tests["statement: "+name] = struct {
			change func(*u2f)
			code   Code
		}{func(u *u2f) { u.statement = change }, CodeAttestationStatement}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := u2f{subject: good, maker: maker, certified: maker.Public(), signed: slices.Clone(signed), statement: func(map[string]any) {}}
			test.change(&u)
			m := map[string]any{
				"sig": sign(t, u.maker, ES256, u.signed),
				"x5c": [][]byte{certifyKey(t, root, u.certified, func(*x509.Certificate) {})},
			}
			var members any = []any{}
			if u.statement != nil {
				u.statement(m)
				members = maps.Clone(m)
			}
			a, err := u.subject.check(t, "fido-u2f", members)
			check(t, err, test.code)
			if err == nil && (a.Type != AttestationBasic || a.Doubt != nil || len(a.TrustPath) != 1) {
				t.Errorf("attestation %+v, want basic with one certificate and no doubt", a)
			}
		})
	}
}

func twoCertificates(m map[string]any) {
	path := m["x5c"].([][]byte)
	m["x5c"] = slices.Concat(path, path)
}

// A model in the authenticator data is in doubt: no authenticator of FIDO U2F names one.
func TestU2F_that_names_a_model(t *testing.T) {
	t.Parallel()
	root, maker := certify(t, nil, authority("root")), newEC(t, elliptic.P256())
	s := newSubject(t, newEC(t, elliptic.P256()), testAAGUID)
	point, err := s.private.Public().(interface{ Bytes() ([]byte, error) }).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	signed := slices.Concat([]byte{0}, s.data.RPIDHash[:], s.clientDataHash[:], s.data.CredentialID, point)
	a, err := s.check(t, "fido-u2f", map[string]any{"sig": sign(t, maker, ES256, signed), "x5c": [][]byte{certifyKey(t, root, maker.Public(), func(*x509.Certificate) {})}})
	if err != nil {
		t.Fatal(err)
	}
	check(t, a.Doubt, CodeAttestationAAGUID)
}

// Certificates of the batches whose signature says that bits of it are unused are read as they were meant, and no others.
func TestMended(t *testing.T) {
	t.Parallel()
	authorityKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	made := func(name string) []byte {
		parent := template(t, authority("Yubico U2F Root CA Serial 457200631"))
		der, err := x509.CreateCertificate(rand.Reader, template(t, func(c *x509.Certificate) { c.Subject = pkix.Name{CommonName: name} }), parent,
			newEC(t, elliptic.P256()).Public(), authorityKey)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	for name, want := range map[string]bool{"Yubico U2F EE Serial 13831167861": true, "Yubico U2F EE Serial 138311678617": false, "Another maker": false} {
		good := made(name)
		if got := mended(good); !bytes.Equal(got, good) {
			t.Errorf("%s: a good certificate was changed", name)
		}
		wrong := bytes.Clone(good)
		wrong[len(wrong)-257] = 2
		sent := bytes.Clone(wrong)
		got := mended(wrong)
		if bytes.Equal(got, good) != want || !bytes.Equal(wrong, sent) {
			t.Errorf("%s: mended %t, want %t; what came was changed: %t", name, bytes.Equal(got, good), want, !bytes.Equal(wrong, sent))
		}
		if !want {
			continue
		}
		wrong[100] ^= 1
		if !bytes.Equal(mended(wrong)[:len(wrong)-257], wrong[:len(wrong)-257]) {
			t.Errorf("%s: more than the count of unused bits was changed", name)
		}
	}
	for _, odd := range [][]byte{nil, {0x30}, make([]byte, 257), bytes.Repeat([]byte{3}, 300)} {
		if got := mended(odd); !bytes.Equal(got, odd) {
			t.Errorf("%d bytes of no certificate were changed", len(odd))
		}
	}
}

func TestCertifiedModel(t *testing.T) {
	t.Parallel()
	named := func(value []byte) *x509.Certificate {
		return &x509.Certificate{Extensions: []pkix.Extension{{Id: oidAAGUID, Value: value}}}
	}
	if got, ok := CertifiedModel(named(append([]byte{4, 16}, testAAGUID[:]...))); !ok || got != testAAGUID {
		t.Errorf("got %x, %t, want %x", got, ok, testAAGUID)
	}
	for _, c := range []*x509.Certificate{{}, named([]byte{4, 1, 1}), named(testAAGUID[:])} {
		if got, ok := CertifiedModel(c); ok {
			t.Errorf("model %x of a certificate that names none", got)
		}
	}
}
