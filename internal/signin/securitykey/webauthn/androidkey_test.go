package webauthn

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// androidKey is an android-key statement before it is signed and its certificate issued.
type androidKey struct {
	subject
	signer    crypto.Signer
	certified crypto.PublicKey
	alg       Algorithm
	signed    []byte
	// description is the extension, and encoded what becomes of its bytes.
	description keyDescription
	encoded     func([]byte) []byte
	oid         asn1.ObjectIdentifier
	statement   func(map[string]any)
}

// authorization is a member of an authorization list.
func authorization(t testing.TB, tag int, value any) asn1.RawValue {
	t.Helper()
	var inner []byte
	var err error
	if purposes, ok := value.([]int); ok {
		inner, err = asn1.MarshalWithParams(purposes, "set")
	} else {
		inner, err = asn1.Marshal(value)
	}
	if err != nil {
		t.Fatal(err)
	}
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: inner}
}

func TestAndroidKey_with_one_thing_changed(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	private := newEC(t, elliptic.P256())
	good := newSubject(t, private, [16]byte{})
	null := asn1.RawValue{Tag: asn1.TagNull}
	software := func(v ...asn1.RawValue) func(*androidKey) {
		return func(a *androidKey) { a.description.SoftwareEnforced = append(a.description.SoftwareEnforced, v...) }
	}
	tee := func(v ...asn1.RawValue) func(*androidKey) {
		return func(a *androidKey) { a.description.TEEEnforced = v }
	}
	sign2, made := authorization(t, tagPurpose, []int{purposeSign}), authorization(t, tagOrigin, originGenerated)
	tests := map[string]struct {
		change      func(*androidKey)
		code, doubt Code
	}{
		"nothing": {func(*androidKey) {}, "", ""},
		"enforced by software": {func(a *androidKey) {
			a.description.SoftwareEnforced, a.description.TEEEnforced = a.description.TEEEnforced, nil
		}, "", ""},
		"members that nobody knows":     {software(authorization(t, 701, 5)), "", ""},
		"another ceremony":              {func(a *androidKey) { a.description.Challenge = bytes.Repeat([]byte{1}, 32) }, CodeAttestationChallenge, ""},
		"no challenge":                  {func(a *androidKey) { a.description.Challenge = nil }, CodeAttestationChallenge, ""},
		"for all applications":          {software(authorization(t, tagAllApplications, null)), CodeAttestationHardware, ""},
		"for all, by the environment":   {tee(sign2, made, authorization(t, tagAllApplications, null)), CodeAttestationHardware, ""},
		"imported":                      {tee(sign2, authorization(t, tagOrigin, 2)), CodeAttestationHardware, ""},
		"imported, by software":         {software(authorization(t, tagOrigin, 2)), CodeAttestationHardware, ""},
		"for encrypting":                {tee(authorization(t, tagPurpose, []int{0}), made), CodeAttestationHardware, ""},
		"for signing and decrypting":    {tee(authorization(t, tagPurpose, []int{1, purposeSign}), made), CodeAttestationHardware, ""},
		"an origin that is no number":   {tee(sign2, authorization(t, tagOrigin, "x")), CodeAttestationCertificate, ""},
		"a purpose that is no set":      {tee(authorization(t, tagPurpose, 2), made), CodeAttestationCertificate, ""},
		"a member of another class":     {software(asn1.RawValue{Tag: asn1.TagNull}), CodeAttestationCertificate, ""},
		"no origin told":                {tee(sign2), "", CodeAttestationHardware},
		"no purpose told":               {tee(made), "", CodeAttestationHardware},
		"an empty set of purposes":      {tee(authorization(t, tagPurpose, []int{}), made), "", CodeAttestationHardware},
		"a description that is no list": {func(a *androidKey) { a.encoded = func([]byte) []byte { return []byte{5, 0} } }, CodeAttestationCertificate, ""},
		"a description with bytes behind": {func(a *androidKey) {
			a.encoded = func(b []byte) []byte { return append(b, 0) }
		}, CodeAttestationCertificate, ""},
		"no description":                {func(a *androidKey) { a.oid = asn1.ObjectIdentifier{1, 2, 3} }, CodeAttestationCertificate, ""},
		"a certificate for another key": {func(a *androidKey) { a.signer = newEC(t, elliptic.P256()); a.certified = a.signer.Public() }, CodeAttestationKey, ""},
		"signed by another key":         {func(a *androidKey) { a.signer = newEC(t, elliptic.P256()) }, CodeAttestationSignature, ""},
		"another message":               {func(a *androidKey) { a.signed = append(a.signed, 0) }, CodeAttestationSignature, ""},
		"another algorithm":             {func(a *androidKey) { a.alg = ES384 }, CodeAttestationSignature, ""},
		"an unknown algorithm":          {func(a *androidKey) { a.alg = -47 }, CodeAttestationSignature, ""},
		"an algorithm that is text":     {func(a *androidKey) { a.statement = func(m map[string]any) { m["alg"] = "ES256" } }, CodeAttestationStatement, ""},
		"no algorithm":                  {func(a *androidKey) { a.statement = func(m map[string]any) { delete(m, "alg") } }, CodeAttestationStatement, ""},
	}
	for name, change := range statementMutations(true) {
		tests["statement: "+name] = struct {
			change      func(*androidKey)
			code, doubt Code
		}{func(a *androidKey) { a.statement = change }, CodeAttestationStatement, ""}
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := androidKey{
				subject: good, signer: private, certified: private.Public(), alg: ES256, signed: good.signed(), oid: oidKeyDescription,
				description: keyDescription{
					AttestationVersion: 200, AttestationSecurityLevel: 1, KeymasterVersion: 200, KeymasterSecurityLevel: 1,
					Challenge: good.clientDataHash[:], TEEEnforced: []asn1.RawValue{sign2, made},
				},
				encoded: func(b []byte) []byte { return b }, statement: func(map[string]any) {},
			}
			test.change(&a)
			value, err := asn1.Marshal(a.description)
			if err != nil {
				t.Fatal(err)
			}
			m := map[string]any{
				"alg": a.alg, "sig": sign(t, a.signer, ES256, a.signed),
				"x5c": [][]byte{certifyKey(t, root, a.certified, func(c *x509.Certificate) {
					c.ExtraExtensions = []pkix.Extension{{Id: a.oid, Value: a.encoded(value)}}
				})},
			}
			a.statement(m)
			got, err := a.subject.check(t, "android-key", m)
			check(t, err, test.code)
			check(t, got.Doubt, test.doubt)
			if err == nil && (got.Type != AttestationBasic || got.Algorithm != ES256 || len(got.TrustPath) != 1) {
				t.Errorf("attestation %+v, want basic", got)
			}
		})
	}
}
