//go:build conformance

package main

import (
	"crypto"
	"crypto/elliptic"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"slices"
	"testing"
)

func init() {
	u2f := func(edit func(*made), wrong func([]byte)) func(*testing.T) string {
		return func(t *testing.T) string {
			m := newMade(t, p256)
			m.aaguid = [16]byte{}
			edit(m)
			leaf := certify(t, authority(t, nil, as), newEC(t, elliptic.P256()), as)
			return newTool(t).registerMade(m, func(t *testing.T, m *made) (string, map[string]any) {
				sig := sign(t, leaf.private, -7, slices.Concat([]byte{0}, m.authData[:32], m.hash[:], m.authData[55:87], m.point()))
				wrong(sig)
				return "fido-u2f", map[string]any{"sig": sig, "x5c": path(leaf)}
			})
		}
	}
	suites["Server-ServerAuthenticatorAttestationResponse-Resp-8"] = map[string]conformanceCase{
		"P-1": {u2f(func(*made) {}, func([]byte) {}), ""},
		"F-1": {u2f(func(m *made) { m.aaguid = aaguid }, func([]byte) {}), "attestation_aaguid"},
		"F-2": {u2f(func(*made) {}, func(sig []byte) { sig[12] ^= 1 }), "attestation_signature"},
	}

	same := func(*tpm) {}
	suites["Server-ServerAuthenticatorAttestationResponse-Resp-9"] = map[string]conformanceCase{
		"P-1": {byTPM(-257, same), ""}, "P-2": {byTPM(-65535, same), ""}, "P-4": {byTPM(-7, same), ""},
		"F-1": {byTPM(-257, func(v *tpm) { v.turned = true }), "attestation_signature"},
		"F-2": {byTPM(-257, func(v *tpm) { v.extra[0] ^= 1 }), "attestation_challenge"},
		"F-3": {byTPM(-257, func(v *tpm) { v.magic++ }), "attestation_tpm"},
		"F-4": {byTPM(-257, func(v *tpm) { v.other = true }), "attestation_key"},
	}

	suites["Server-ServerAuthenticatorAttestationResponse-Resp-A"] = map[string]conformanceCase{
		"P-1": {android(func(*androidKey) {}), ""},
		"F-1": {android(func(a *androidKey) { a.challenge[0] ^= 1 }), "attestation_challenge"},
		"F-2": {android(func(a *androidKey) { a.other = true }), "attestation_key"},
		"F-3": {android(func(a *androidKey) { a.turned = true }), "attestation_signature"},
	}
}

// tpm is what may be wrong in the statement of a TPM.
type tpm struct {
	magic  uint32
	extra  []byte
	other  bool // pubArea is about another key
	turned bool // the certificates stand the other way round
}

// sized is a buffer with its size before it (TPM 2.0 Library, Part 2 §10.4).
func sized(b []byte) []byte { return append(number(len(b)), b...) }

func number(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

// byTPM registers a credential with the attestation of a TPM that signs by an algorithm (WebAuthn Level 3 §8.3).
func byTPM(alg int, edit func(*tpm)) func(*testing.T) string {
	return func(t *testing.T) string {
		names, err := asn1.Marshal(pkix.RDNSequence{
			{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 1}, Value: "id:414D4400"}}, {{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 2}, Value: "model"}},
			{{Type: asn1.ObjectIdentifier{2, 23, 133, 2, 3}, Value: "id:13"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		alternative, err := asn1.Marshal([]asn1.RawValue{{Class: asn1.ClassContextSpecific, Tag: 4, IsCompound: true, Bytes: names}})
		if err != nil {
			t.Fatal(err)
		}
		var private crypto.Signer = newEC(t, elliptic.P256())
		if alg != -7 {
			private = newRSA(t)
		}
		ca := authority(t, nil, as)
		aik := certify(t, ca, private, func(c *x509.Certificate) {
			c.Subject, c.UnknownExtKeyUsage = pkix.Name{}, []asn1.ObjectIdentifier{{2, 23, 133, 8, 3}}
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Critical: true, Value: alternative}}
		})
		return newTool(t).registerMade(newMade(t, p256), func(t *testing.T, m *made) (string, map[string]any) {
			sum := sha256.Sum256(m.signed())
			v := tpm{magic: 0xff544347, extra: sum[:]}
			if alg == -65535 {
				sum := sha1.Sum(m.signed())
				v.extra = sum[:]
			}
			edit(&v)
			point := m.point()
			if v.other {
				point = newMade(t, p256).point()
			}
			const sha256ID, null = 0x000b, 0x0010
			area := slices.Concat(number(0x0023), number(sha256ID), []byte{0, 6, 4, 0x72}, sized(nil), number(null), number(null), number(3), number(null), sized(point[1:33]), sized(point[33:]))
			name := sha256.Sum256(area)
			info := slices.Concat(binary.BigEndian.AppendUint32(nil, v.magic), number(0x8017), sized(nil), sized(v.extra), make([]byte, 25), sized(append(number(sha256ID), name[:]...)), sized(nil))
			x5c := path(aik, ca)
			if v.turned {
				slices.Reverse(x5c)
			}
			return "tpm", map[string]any{"ver": "2.0", "alg": alg, "x5c": x5c, "sig": sign(t, aik.private, alg, info), "certInfo": info, "pubArea": area}
		})
	}
}

// androidKey is what may be wrong in the statement of an Android key store.
type androidKey struct {
	challenge []byte
	other     bool // the certificate is for another key
	turned    bool
}

// android registers a credential with the attestation of an Android key store (WebAuthn Level 3 §8.4).
func android(edit func(*androidKey)) func(*testing.T) string {
	return func(t *testing.T) string {
		ca := authority(t, nil, as)
		return newTool(t).registerMade(newMade(t, p256), func(t *testing.T, m *made) (string, map[string]any) {
			a := androidKey{challenge: slices.Clone(m.hash[:])}
			edit(&a)
			private := m.private
			if a.other {
				private = newEC(t, elliptic.P256())
			}
			explicit := func(tag int, inner ...byte) asn1.RawValue {
				return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: inner}
			}
			description, err := asn1.Marshal(struct {
				Version       int
				Level         asn1.Enumerated
				KeyMint       int
				KeyMintLevel  asn1.Enumerated
				Challenge, ID []byte
				Software, TEE []asn1.RawValue
			}{200, 1, 200, 1, a.challenge, nil, nil, []asn1.RawValue{explicit(1, 0x31, 3, 2, 1, 2), explicit(702, 2, 1, 0)}})
			if err != nil {
				t.Fatal(err)
			}
			leaf := certify(t, ca, private, func(c *x509.Certificate) {
				c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 11129, 2, 1, 17}, Value: description}}
			})
			x5c := path(leaf, ca)
			if a.turned {
				slices.Reverse(x5c)
			}
			return "android-key", map[string]any{"alg": -7, "sig": sign(t, private, -7, m.signed()), "x5c": x5c}
		})
	}
}
