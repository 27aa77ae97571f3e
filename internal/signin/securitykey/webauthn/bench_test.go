package webauthn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"staffkey/internal/ctap/softkey"
)

// What verifying costs beside the signatures that it is about: compare with BenchmarkSignature of the same run.
func BenchmarkAuthentication(b *testing.B) {
	o := goodKey()
	o.Counter = softkey.Counter{} // so that one answer is good every time
	key := softkey.New(o)
	v := mustRegister(b, key)
	answer, kept := get(b, key, v), v.kept()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := authenticate(answer, kept); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRegistration(b *testing.B) {
	for _, attestation := range []softkey.Attestation{softkey.AttestationNone, softkey.AttestationPackedSelf, softkey.AttestationPacked} {
		b.Run(string(attestation), func(b *testing.B) {
			o := goodKey()
			o.Attestation = attestation
			answer := create(b, softkey.New(o))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := register(answer); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The bare check of a P-256 signature.
func BenchmarkSignature(b *testing.B) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if !ecdsa.VerifyASN1(&private.PublicKey, sum[:], signature) {
			b.Fatal("signature does not verify")
		}
	}
}
