package webauthn

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"regexp"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// verifyPacked is §8.2.
func (s statement) verifyPacked() (Attestation, error) {
	a := Attestation{Type: AttestationBasic}
	m, err := s.members()
	if err != nil {
		return a, err
	}
	if a.Algorithm, err = algorithmOf(m); err != nil {
		return a, err
	}
	signature, err := byteString(m, "sig")
	if err != nil {
		return a, err
	}
	if _, ok := m["x5c"]; !ok {
		return s.verifySelf(m, a, signature)
	}
	if len(m) > 3 {
		return a, refuse(CodeAttestationStatement, "%d members", len(m)) // ecdaaKeyId, too: Level 2 took it out
	}
	if a.TrustPath, err = certificates(m); err != nil {
		return a, err
	}
	certificate := a.TrustPath[0]
	if !verifySignature(a.Algorithm, certifiedKey(certificate), s.signed(), signature) {
		return a, refuse(CodeAttestationSignature, "does not verify with the attestation certificate by algorithm %d", a.Algorithm)
	}
	if err := checkPackedCertificate(certificate); err != nil {
		return a, err
	}
	if err := s.checkModel(certificate); err != nil {
		return a, err
	}
	if a.Serial, err = serialOf(certificate); err != nil {
		return a, err
	}
	a.Firmware, err = firmwareOf(certificate)
	return a, err
}

// verifySelf is the part of §8.2 for self attestation: signed by the credential itself.
func (s statement) verifySelf(m map[string]cbor.RawMessage, a Attestation, signature []byte) (Attestation, error) {
	a.Type = AttestationSelf
	if len(m) > 2 {
		return a, refuse(CodeAttestationStatement, "%d members", len(m))
	}
	if a.Algorithm != s.key.algorithm {
		return a, refuse(CodeAttestationAlgorithm, "algorithm %d, the key's is %d", a.Algorithm, s.key.algorithm)
	}
	if !s.key.verifies(s.signed(), signature) {
		return a, refuse(CodeAttestationSignature, "does not verify with the credential's key")
	}
	return a, nil
}

// Certificate extensions of §8.2.1 and §8.2.2, and of makers.
var (
	oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4} // id-fido-gen-ce-aaguid
	oidSerial = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2} // id-fido-gen-ce-sernum
	// Yubico writes the firmware of the key into its certificate, as three bytes or as digits with dots.
	oidYubicoFirmware = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 41482, 13, 1}
)

// checkPackedCertificate holds an attestation certificate to §8.2.1.
func checkPackedCertificate(c *x509.Certificate) error {
	bad := func(what string) error { return refuse(CodeAttestationCertificate, "%s", what) }
	switch {
	case c.Version != 3:
		return bad("is not of version 3")
	case len(c.Subject.Country) != 1 || !isCountry(c.Subject.Country[0]):
		return bad("names no country")
	case len(c.Subject.Organization) != 1 || c.Subject.Organization[0] == "":
		return bad("names no organisation")
	case !slices.Equal(c.Subject.OrganizationalUnit, []string{"Authenticator Attestation"}):
		return bad("is not for attestation")
	case c.Subject.CommonName == "":
		return bad("has no common name")
	case !c.BasicConstraintsValid || c.IsCA:
		return bad("may issue certificates, or does not say that it may not")
	}
	return nil
}

// isCountry reports two letters (ISO 3166).
var isCountry = regexp.MustCompile(`^[A-Za-z]{2}$`).MatchString

// checkModel compares the AAGUID of the authenticator data with the one in the certificate, where there is one (§8.2).
func (s statement) checkModel(c *x509.Certificate) error {
	named, err := octets(c, oidAAGUID)
	if err != nil || named == nil {
		return err
	}
	if string(named) != string(s.data.AAGUID[:]) {
		return refuse(CodeAttestationAAGUID, "certificate names model %x, the authenticator data %x", named, s.data.AAGUID)
	}
	return nil
}

// octets returns the octet string in an extension of a certificate, nil when it has no such extension. §8.2.1: such
// extensions are not critical.
func octets(c *x509.Certificate, id asn1.ObjectIdentifier) ([]byte, error) {
	for _, e := range c.Extensions {
		if !e.Id.Equal(id) {
			continue
		}
		var value []byte
		if rest, err := asn1.Unmarshal(e.Value, &value); err != nil || len(rest) > 0 || e.Critical || len(value) == 0 {
			return nil, refuse(CodeAttestationCertificate, "extension %v is malformed or critical", id)
		}
		return value, nil
	}
	return nil, nil
}

// serialOf returns the serial number of an enterprise attestation certificate (§8.2.2).
func serialOf(c *x509.Certificate) ([]byte, error) {
	serial, err := octets(c, oidSerial)
	if err == nil && len(serial) > 64 {
		err = refuse(CodeAttestationCertificate, "serial number of %d bytes", len(serial))
	}
	return serial, err
}

// firmwareOf returns the firmware version that a maker has put into the certificate.
func firmwareOf(c *x509.Certificate) (string, error) {
	version, err := octets(c, oidYubicoFirmware)
	if err != nil || version == nil {
		return "", nil // the maker's own: nothing rests on how it is written
	}
	if len(version) == 3 {
		return fmt.Sprintf("%d.%d.%d", version[0], version[1], version[2]), nil
	}
	if text := string(version); isVersion(text) {
		return text, nil
	}
	return "", nil
}

var isVersion = regexp.MustCompile(`^[0-9]{1,5}(\.[0-9]{1,5}){0,3}$`).MatchString
