package softkey_test

import (
	"testing"

	"staffkey/internal/ctap/softkey"
)

func BenchmarkCreate(b *testing.B) {
	for _, attestation := range []softkey.Attestation{softkey.AttestationNone, softkey.AttestationPacked} {
		b.Run("ES256 "+string(attestation), func(b *testing.B) {
			options := newRelyingParty().creation(b, "ann", object{"attestation": "direct"})
			b.ReportAllocs()
			for b.Loop() {
				// A fresh key each time: registering a million credentials on one key is not what is measured.
				if _, err := softkey.New(softkey.Options{Attestation: attestation}).Create(testOrigin, options); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	key := softkey.New(softkey.Options{})
	rp := newRelyingParty()
	created := rp.register(b, key, "ann", nil)
	options := rp.request(b, object{"allowCredentials": list(created.RawID)})
	b.Run("ES256", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := key.Get(testOrigin, options); err != nil {
				b.Fatal(err)
			}
		}
	})
}
