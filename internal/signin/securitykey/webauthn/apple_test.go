package webauthn

import (
	"crypto"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// apple is an apple statement before its certificate is issued.
type apple struct {
	subject
	certified crypto.PublicKey
	nonce     []byte
	extension func([]byte) []byte // of the nonce's sequence
	oid       asn1.ObjectIdentifier
	statement func(map[string]any)
}

func TestApple_with_one_thing_changed(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	good := newSubject(t, newEC(t, elliptic.P256()), [16]byte{})
	nonce := sha256.Sum256(good.signed())
	tests := map[string]struct {
		change func(*apple)
		code   Code
	}{
		"nothing":                   {func(*apple) {}, ""},
		"another ceremony":          {func(a *apple) { a.clientDataHash[0] ^= 1 }, CodeAttestationChallenge},
		"other authenticator data":  {func(a *apple) { a.data.raw = append(a.data.raw[:len(a.data.raw):len(a.data.raw)], 0) }, CodeAttestationChallenge},
		"an empty nonce":            {func(a *apple) { a.nonce = nil }, CodeAttestationChallenge},
		"a nonce cut short":         {func(a *apple) { a.nonce = a.nonce[:31] }, CodeAttestationChallenge},
		"no nonce":                  {func(a *apple) { a.oid = asn1.ObjectIdentifier{1, 2, 3} }, CodeAttestationChallenge},
		"a nonce with bytes behind": {func(a *apple) { a.extension = func(b []byte) []byte { return append(b, 0) } }, CodeAttestationCertificate},
		"a nonce that is no ASN.1":  {func(a *apple) { a.extension = func([]byte) []byte { return []byte("nonce") } }, CodeAttestationCertificate},
		"a nonce that is a number":  {func(a *apple) { a.extension = func([]byte) []byte { return []byte{0x30, 5, 0xa1, 3, 2, 1, 5} } }, CodeAttestationCertificate},
		"another public key":        {func(a *apple) { a.certified = newEC(t, elliptic.P256()).Public() }, CodeAttestationKey},
		"a key of another kind":     {func(a *apple) { a.certified = newRSA(t).Public() }, CodeAttestationKey},
		"the algorithm, as in 2020": {func(a *apple) { a.statement = func(m map[string]any) { m["alg"] = ES256 } }, ""},
		"another algorithm":         {func(a *apple) { a.statement = func(m map[string]any) { m["alg"] = RS256 } }, CodeAttestationStatement},
		"an algorithm that is text": {func(a *apple) { a.statement = func(m map[string]any) { m["alg"] = "ES256" } }, CodeAttestationStatement},
		"a signature, as others":    {func(a *apple) { a.statement = func(m map[string]any) { m["sig"] = []byte{1} } }, CodeAttestationStatement},
	}
	for name, change := range statementMutations(false) {
		tests["statement: "+name] = struct {
			change func(*apple)
			code   Code
		}{func(a *apple) { a.statement = change }, CodeAttestationStatement}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := apple{subject: good, certified: good.private.Public(), nonce: nonce[:], oid: oidAppleNonce,
				extension: func(b []byte) []byte { return b }, statement: func(map[string]any) {}}
			test.change(&a)
			value, err := asn1.Marshal(struct {
				Nonce []byte `asn1:"tag:1,explicit"`
			}{a.nonce})
			if err != nil {
				t.Fatal(err)
			}
			m := map[string]any{"x5c": [][]byte{certifyKey(t, root, a.certified, func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: a.oid, Value: a.extension(value)}}
			})}}
			a.statement(m)
			got, err := a.subject.check(t, "apple", m)
			check(t, err, test.code)
			if err == nil && (got.Type != AttestationAnonCA || len(got.TrustPath) != 1) {
				t.Errorf("attestation %+v, want one of an anonymising CA", got)
			}
		})
	}
}
