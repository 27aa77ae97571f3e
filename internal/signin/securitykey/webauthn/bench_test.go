package webauthn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"staffkey/internal/ctap/softkey"
)

// beside runs what is measured and a bare check of a P-256 signature by turns, and reports how many times the one takes the other: the
// median, so that what else the machine does is on both sides.
func beside(b *testing.B, measured func()) {
	b.Helper()
	bare := bareSignature(b)
	var ours, theirs []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		start := time.Now()
		measured()
		ours = append(ours, time.Since(start))
		b.StopTimer()
		start = time.Now()
		bare()
		theirs = append(theirs, time.Since(start))
		b.StartTimer()
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	b.ReportMetric(float64(ours[len(ours)/2])/float64(theirs[len(theirs)/2]), "×signature")
}

// What verifying costs beside the signatures that it is about.
func BenchmarkAuthentication(b *testing.B) {
	o := goodKey()
	o.Counter = softkey.Counter{} // so that one answer is good every time
	key := softkey.New(o)
	v := mustRegister(b, key)
	answer, kept := get(b, key, v), v.kept()
	beside(b, func() {
		if _, err := authenticate(answer, kept); err != nil {
			b.Fatal(err)
		}
	})
}

func BenchmarkRegistration(b *testing.B) {
	for _, attestation := range []softkey.Attestation{softkey.AttestationNone, softkey.AttestationPackedSelf, softkey.AttestationPacked} {
		b.Run(string(attestation), func(b *testing.B) {
			o := goodKey()
			o.Attestation = attestation
			answer := create(b, softkey.New(o))
			beside(b, func() {
				if _, err := register(answer); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

func BenchmarkSignature(b *testing.B) {
	bare := bareSignature(b)
	b.ReportAllocs()
	for b.Loop() {
		bare()
	}
}

// bareSignature returns the bare check of a P-256 signature.
func bareSignature(b *testing.B) func() {
	b.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	sum := sha256.Sum256([]byte("message"))
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		b.Fatal(err)
	}
	return func() {
		if !ecdsa.VerifyASN1(&private.PublicKey, sum[:], signature) {
			b.Fatal("signature does not verify")
		}
	}
}
