package webauthn

import (
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
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
