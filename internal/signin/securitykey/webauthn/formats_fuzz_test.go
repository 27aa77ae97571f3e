package webauthn

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"testing"
)

// The structures of a TPM are read to their last byte, or refused; and what is about another key or ceremony is never taken.
func FuzzTPM(f *testing.F) {
	s := newSubject(f, newEC(f, elliptic.P256()), testAAGUID)
	v := newTPM(f, s, newRSA(f), RS256)
	area := slices.Concat(u16(tpmECC), u16(tpmSHA256), []byte{0, 6, 4, 0x72}, tpm2b([]byte("policy")), v.key)
	name := append(u16(tpmSHA256), tpmDigest(tpmSHA256, area)...)
	info := slices.Concat([]byte{0xff, 0x54, 0x43, 0x47}, u16(tpmAttestCertify), tpm2b(nil), tpm2b(v.extra), make([]byte, 25), tpm2b(name), tpm2b(nil))
	rsaKind, rsaKey := tpmKey(f, newRSA(f).Public())
	f.Add(area, info)
	f.Add(slices.Concat(u16(int(rsaKind)), u16(tpmSHA1), make([]byte, 4), tpm2b(nil), rsaKey), info)
	f.Add([]byte{}, []byte{})
	other := newSubject(f, newEC(f, elliptic.P256()), testAAGUID)
	f.Fuzz(func(t *testing.T, area, info []byte) {
		name, err := s.checkPublicArea(area)
		refusedOrFine(t, err)
		if err == nil {
			if _, err := other.checkPublicArea(area); err == nil {
				t.Errorf("public area %x is of two keys", area)
			}
		}
		err = s.checkCertifyInfo(info, name, RS256)
		refusedOrFine(t, err)
		if err == nil && s.checkCertifyInfo(append(slices.Clone(info), 0), name, RS256) == nil {
			t.Errorf("certInfo %x is taken with a byte behind it", info)
		}
	})
}

// What stands in the extensions of certificates is from strangers.
func FuzzCertificateExtensions(f *testing.F) {
	f.Add(tpmNames(f, oidTPMNames...))
	f.Add([]byte{4, 3, 5, 4, 3})
	f.Add([]byte{0x30, 5, 0xa1, 3, 4, 1, 5})
	description, err := asn1.Marshal(keyDescription{
		Challenge: make([]byte, 32), TEEEnforced: []asn1.RawValue{authorization(f, tagPurpose, []int{purposeSign}), authorization(f, tagOrigin, originGenerated)},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(description)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, value []byte) {
		c := &x509.Certificate{}
		for _, id := range []asn1.ObjectIdentifier{oidKeyDescription, oidAAGUID, oidSerial, oidYubicoFirmware} {
			c.Extensions = append(c.Extensions, pkix.Extension{Id: id, Value: value})
		}
		if d, err := describe(c); err == nil {
			_, _, err = d.check()
			refusedOrFine(t, err)
		} else {
			refusedOrFine(t, err)
		}
		serial, err := serialOf(c)
		refusedOrFine(t, err)
		if err == nil && len(serial) > 64 {
			t.Errorf("serial number of %d bytes", len(serial))
		}
		firmware, err := firmwareOf(c)
		if err != nil || firmware != "" && !isVersion(firmware) {
			t.Errorf("firmware %q, error %v", firmware, err)
		}
		namesTPM(value)
	})
}
