package webauthn

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"testing"
)

// tpm is a tpm statement before it is signed: the members of its structures, and what becomes of their bytes.
type tpm struct {
	subject
	aik       crypto.Signer
	certified crypto.PublicKey // in the certificate
	alg       Algorithm

	kind, nameAlg uint16
	key           []byte // parameters and unique
	area          func([]byte) []byte

	magic     uint32
	attest    uint16
	extra     []byte
	name      func([]byte) []byte
	info      func([]byte) []byte
	signature func([]byte) []byte

	leaf      func(*x509.Certificate)
	statement func(map[string]any)
}

func u16(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

// tpm2b is a buffer with its size before it.
func tpm2b(b []byte) []byte { return append(u16(len(b)), b...) }

// tpmKey encodes parameters and unique of a public area, for a key that signs and nothing else.
func tpmKey(t testing.TB, public crypto.PublicKey) (kind uint16, key []byte) {
	t.Helper()
	switch k := public.(type) {
	case *rsa.PublicKey:
		return tpmRSA, slices.Concat(u16(tpmNull), u16(tpmNull), u16(2048), []byte{0, 0, 0, 0}, tpm2b(k.N.Bytes()))
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		size := len(point) / 2
		curve := map[int]int{32: tpmP256, 48: tpmP384, 66: tpmP521}[size]
		return tpmECC, slices.Concat(u16(tpmNull), u16(tpmNull), u16(curve), u16(tpmNull), tpm2b(point[1:1+size]), tpm2b(point[1+size:]))
	}
	t.Fatalf("no key of a TPM: %T", public)
	return 0, nil
}

// tpmNames is an alternative name with the names of a TPM, of which some may be left out.
func tpmNames(t testing.TB, ids ...asn1.ObjectIdentifier) []byte {
	t.Helper()
	var sequence pkix.RDNSequence
	for _, id := range ids {
		sequence = append(sequence, pkix.RelativeDistinguishedNameSET{{Type: id, Value: "id:414D4400"}})
	}
	directory, err := asn1.Marshal(sequence)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: directory}})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// newTPM is a good statement about a key, by an attestation key and an algorithm.
func newTPM(t testing.TB, s subject, aik crypto.Signer, alg Algorithm) tpm {
	t.Helper()
	same := func(b []byte) []byte { return b }
	v := tpm{
		subject: s, aik: aik, certified: aik.Public(), alg: alg, nameAlg: tpmSHA256, area: same, magic: tpmGenerated, attest: tpmAttestCertify,
		name: same, info: same, signature: same, leaf: func(*x509.Certificate) {}, statement: func(map[string]any) {},
	}
	v.kind, v.key = tpmKey(t, s.private.Public())
	v.extra = tpmDigest(tpmSHA256, s.signed())
	if alg == RS1 {
		v.extra = tpmDigest(tpmSHA1, s.signed())
	}
	return v
}

func (v tpm) verify(t testing.TB, root *issuer) (Attestation, error) {
	t.Helper()
	area := v.area(slices.Concat(u16(int(v.kind)), u16(int(v.nameAlg)), []byte{0, 6, 4, 0x72}, tpm2b([]byte("policy")), v.key))
	name := v.name(append(u16(int(v.nameAlg)), tpmDigest(v.nameAlg, area)...))
	info := v.info(slices.Concat(
		binary.BigEndian.AppendUint32(nil, v.magic), u16(int(v.attest)), tpm2b([]byte("qualified signer")), tpm2b(v.extra), make([]byte, 17+8), tpm2b(name), tpm2b([]byte("qualified name"))))
	m := map[string]any{
		"ver": "2.0", "alg": v.alg, "sig": v.signature(sign(t, v.aik, v.alg, info)), "certInfo": info, "pubArea": area,
		"x5c": [][]byte{certifyKey(t, root, v.certified, func(c *x509.Certificate) {
			c.Subject = pkix.Name{}
			c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{oidAIKCertificate}
			c.ExtraExtensions = []pkix.Extension{{Id: oidAlternativeName, Critical: true, Value: tpmNames(t, oidTPMNames...)}}
			v.leaf(c)
		})},
	}
	v.statement(m)
	return v.subject.check(t, "tpm", m)
}

// Every kind of key and algorithm that TPMs of computers in use have.
func TestTPM_of_every_kind(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	rsaAIK, ecAIK := newRSA(t), newEC(t, elliptic.P256())
	for name, s := range map[string]subject{
		"RSA": newSubject(t, newRSA(t), testAAGUID), "P-256": newSubject(t, newEC(t, elliptic.P256()), testAAGUID),
		"P-384": newSubject(t, newEC(t, elliptic.P384()), testAAGUID), "P-521": newSubject(t, newEC(t, elliptic.P521()), testAAGUID),
	} {
		for _, alg := range []Algorithm{RS1, RS256, ES256} {
			for _, nameAlg := range []uint16{tpmSHA1, tpmSHA256, tpmSHA384, tpmSHA512} {
				aik := crypto.Signer(rsaAIK)
				if alg == ES256 {
					aik = ecAIK
				}
				v := newTPM(t, s, aik, alg)
				v.nameAlg = nameAlg
				a, err := v.verify(t, root)
				if err != nil || a.Type != AttestationAttCA || a.Algorithm != alg || len(a.TrustPath) != 1 {
					t.Errorf("%s, algorithm %d, named by %#x: %+v, error %v", name, alg, nameAlg, a, err)
				}
			}
		}
	}
}

func TestTPM_with_one_thing_changed(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	ec, rsaSubject := newSubject(t, newEC(t, elliptic.P256()), testAAGUID), newSubject(t, newRSA(t), testAAGUID)
	aik := newRSA(t)
	put := func(at int, b ...byte) func([]byte) []byte {
		return func(raw []byte) []byte { copy(raw[at:], b); return raw }
	}
	behind := func(raw []byte) []byte { return append(raw, 0) }
	short := func(raw []byte) []byte { return raw[:len(raw)-1] }
	member := func(name string, value any) func(*tpm) {
		return func(v *tpm) { v.statement = func(m map[string]any) { m[name] = value } }
	}
	without := func(name string) func(*tpm) {
		return func(v *tpm) { v.statement = func(m map[string]any) { delete(m, name) } }
	}
	certificate := func(change func(*x509.Certificate)) func(*tpm) { return func(v *tpm) { v.leaf = change } }
	alternative := func(value []byte) func(*tpm) {
		return certificate(func(c *x509.Certificate) { c.ExtraExtensions[0].Value = value })
	}
	tests := map[string]struct {
		change func(*tpm)
		code   Code
	}{
		"nothing":                     {func(*tpm) {}, ""},
		"version 1.2":                 {member("ver", "1.2"), CodeAttestationStatement},
		"a version that is bytes":     {member("ver", []byte("2.0")), CodeAttestationStatement},
		"no version":                  {without("ver"), CodeAttestationStatement},
		"no algorithm":                {without("alg"), CodeAttestationStatement},
		"no certInfo":                 {without("certInfo"), CodeAttestationStatement},
		"no pubArea":                  {without("pubArea"), CodeAttestationStatement},
		"an empty pubArea":            {member("pubArea", []byte{}), CodeAttestationStatement},
		"another kind of key":         {func(v *tpm) { v.kind = 0x0008 }, CodeAttestationTPM},
		"pubArea with bytes behind":   {func(v *tpm) { v.area = behind }, CodeAttestationTPM},
		"pubArea cut short":           {func(v *tpm) { v.area = short }, CodeAttestationTPM},
		"a policy longer than it is":  {func(v *tpm) { v.area = put(8, 0xff, 0xff) }, CodeAttestationTPM},
		"a name by MD5":               {func(v *tpm) { v.nameAlg = 0x0003 }, CodeAttestationTPM},
		"pubArea of another key":      {func(v *tpm) { _, v.key = tpmKey(t, newEC(t, elliptic.P256()).Public()) }, CodeAttestationKey},
		"pubArea of another curve":    {func(v *tpm) { _, v.key = tpmKey(t, newEC(t, elliptic.P384()).Public()) }, CodeAttestationKey},
		"pubArea of an RSA key":       {func(v *tpm) { v.kind, v.key = tpmKey(t, newRSA(t).Public()) }, CodeAttestationKey},
		"a point off its curve":       {func(v *tpm) { v.key[len(v.key)-1] ^= 1 }, CodeAttestationKey},
		"a curve that nobody knows":   {func(v *tpm) { v.key[5] = 0x10 }, CodeAttestationKey},
		"a coordinate that is longer": {func(v *tpm) { v.key = slices.Concat(v.key[:8], tpm2b(make([]byte, 33)), v.key[8+2+32:]) }, CodeAttestationKey},
		"a scheme with its hash":      {func(v *tpm) { v.key = slices.Concat(v.key[:2], u16(0x0018), u16(tpmSHA256), v.key[4:]) }, ""},
		"a scheme with its count":     {func(v *tpm) { v.key = slices.Concat(v.key[:2], u16(tpmECDAA), u16(tpmSHA256), u16(1), v.key[4:]) }, ""},
		"symmetric details":           {func(v *tpm) { v.key = slices.Concat(u16(0x0006), u16(128), u16(0x0043), v.key[2:]) }, ""},
		"not made by a TPM":           {func(v *tpm) { v.magic++ }, CodeAttestationTPM},
		"a quote in its place":        {func(v *tpm) { v.attest = 0x8018 }, CodeAttestationTPM},
		"certInfo with bytes behind":  {func(v *tpm) { v.info = behind }, CodeAttestationTPM},
		"certInfo cut short":          {func(v *tpm) { v.info = short }, CodeAttestationTPM},
		"a signer longer than it is":  {func(v *tpm) { v.info = put(6, 0xff, 0xff) }, CodeAttestationTPM},
		"another ceremony":            {func(v *tpm) { v.extra[0] ^= 1 }, CodeAttestationChallenge},
		"no ceremony":                 {func(v *tpm) { v.extra = nil }, CodeAttestationChallenge},
		"a ceremony hashed otherwise": {func(v *tpm) { v.extra = tpmDigest(tpmSHA1, v.signed()) }, CodeAttestationChallenge},
		"the name of another key":     {func(v *tpm) { v.name = put(5, 1, 2, 3) }, CodeAttestationKey},
		"a name by another algorithm": {func(v *tpm) { v.name = put(0, 0, tpmSHA1) }, CodeAttestationKey},
		"no name":                     {func(v *tpm) { v.name = func([]byte) []byte { return nil } }, CodeAttestationKey},
		"another signature":           {func(v *tpm) { v.signature = put(10, 1, 2, 3) }, CodeAttestationSignature},
		"signed by another key":       {func(v *tpm) { v.aik = newRSA(t) }, CodeAttestationSignature},
		"ES256 by an RSA key":         {member("alg", ES256), CodeAttestationSignature},
		"SHA-1 by a key on a curve":   {func(v *tpm) { *v = newTPM(t, ec, newEC(t, elliptic.P256()), RS1) }, CodeAttestationSignature},
		"an algorithm not of TPMs":    {member("alg", EdDSA), CodeAttestationAlgorithm},
		"a certificate of version 1": {func(v *tpm) {
			v.statement = func(m map[string]any) { m["x5c"] = [][]byte{versionOne(t, m["x5c"].([][]byte)[0])} }
		}, CodeAttestationCertificate},
		"a certificate with subject": {certificate(func(c *x509.Certificate) { c.Subject.CommonName = "AIK" }), CodeAttestationCertificate},
		"for another purpose":        {certificate(func(c *x509.Certificate) { c.UnknownExtKeyUsage = []asn1.ObjectIdentifier{{1, 2, 3}} }), CodeAttestationCertificate},
		"for no purpose":             {certificate(func(c *x509.Certificate) { c.UnknownExtKeyUsage = nil }), CodeAttestationCertificate},
		"an authority's certificate": {certificate(func(c *x509.Certificate) { c.IsCA = true }), CodeAttestationCertificate},
		"no basic constraints":       {certificate(func(c *x509.Certificate) { c.BasicConstraintsValid = false }), CodeAttestationCertificate},
		"no alternative name":        {certificate(func(c *x509.Certificate) { c.ExtraExtensions = nil }), CodeAttestationCertificate},
		"no maker":                   {alternative(tpmNames(t, oidTPMNames[1:]...)), CodeAttestationCertificate},
		"no model":                   {alternative(tpmNames(t, oidTPMNames[0], oidTPMNames[2])), CodeAttestationCertificate},
		"no firmware version":        {alternative(tpmNames(t, oidTPMNames[:2]...)), CodeAttestationCertificate},
		"another model":              {certificate(withModel(1)), CodeAttestationAAGUID},
		"the same model":             {certificate(withModel(0)), ""},
	}
	for name, change := range statementMutations(true) {
		tests["statement: "+name] = struct {
			change func(*tpm)
			code   Code
		}{func(v *tpm) { v.statement = change }, CodeAttestationStatement}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newTPM(t, ec, aik, RS256)
			test.change(&v)
			_, err := v.verify(t, root)
			check(t, err, test.code)
		})
	}
	t.Run("another exponent", func(t *testing.T) {
		t.Parallel()
		v := newTPM(t, rsaSubject, aik, RS256)
		v.key[9] = 3
		_, err := v.verify(t, root)
		check(t, err, CodeAttestationKey)
	})
}

// withModel puts the AAGUID of the tests, or one that differs in its last byte, into a certificate.
func withModel(differs byte) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		aaguid := testAAGUID
		aaguid[15] ^= differs
		c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: oidAAGUID, Value: append([]byte{4, 16}, aaguid[:]...)})
	}
}

// versionOne is a certificate with the version of the first ones: its signature, which is not what this is about, does not verify any more.
func versionOne(t testing.TB, der []byte) []byte {
	t.Helper()
	at := slices.Index(der, 0xa0)
	if at < 0 || der[at+4] != 2 {
		t.Fatal("no version in the certificate")
	}
	twin := slices.Clone(der)
	twin[at+4] = 1 // version 2: of those that may have extensions at all, the one that is not the third
	return twin
}
