package securitykey

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"staffkey/internal/ctap/softkey"

	"github.com/go-webauthn/webauthn/protocol"
)

// What a proof costs beside the one signature that it is about.
func BenchmarkVerifyAssertion(b *testing.B) {
	b.Run("whole", func(b *testing.B) {
		m := testMethod()
		o := goodKey()
		o.Counter = softkey.Counter{} // so that one answer is good every time
		key := softkey.New(o)
		k := register(b, m, key)
		c, options := beginVerification(b, m, k)
		answer, err := key.Get(testOrigin, options)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := finishVerification(b.Context(), m, c, answer, k); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parsing", func(b *testing.B) {
		m, key := testMethod(), softkey.New(goodKey())
		_, options := beginVerification(b, m, register(b, m, key))
		answer, err := key.Get(testOrigin, options)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := protocol.ParseCredentialRequestResponseBytes(answer); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare signature", func(b *testing.B) {
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
	})
}
