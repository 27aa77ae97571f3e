package webauthn

import (
	"crypto/elliptic"
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// §8.9: of a compound statement all parts must be good, and it is worth what its first part with certificates is.
func TestCompound(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	s := newSubject(t, newEC(t, elliptic.P256()), testAAGUID)
	maker := newEC(t, elliptic.P256())
	type part struct {
		Format    string `cbor:"fmt"`
		Statement any    `cbor:"attStmt"`
	}
	self := part{"packed", map[string]any{"alg": ES256, "sig": sign(t, s.private, ES256, s.signed())}}
	full := part{"packed", map[string]any{"alg": ES256, "sig": sign(t, maker, ES256, s.signed()), "x5c": [][]byte{certifyKey(t, root, maker.Public(), func(*x509.Certificate) {})}}}
	forged := part{"packed", map[string]any{"alg": ES256, "sig": sign(t, maker, ES256, s.signed())}}
	none := part{"none", map[string]any{}}
	for name, test := range map[string]struct {
		parts any
		code  Code
		kind  AttestationType
	}{
		"self and full":       {[]part{self, full}, "", AttestationBasic},
		"none and self":       {[]part{none, self}, "", AttestationNone},
		"one":                 {[]part{full}, CodeAttestationStatement, ""},
		"none at all":         {[]part{}, CodeAttestationStatement, ""},
		"nine":                {[]part{none, none, none, none, none, none, none, none, none}, CodeAttestationStatement, ""},
		"a map":               {map[string]any{"fmt": "none"}, CodeAttestationStatement, ""},
		"one that is forged":  {[]part{full, forged}, CodeAttestationSignature, ""},
		"one that is unknown": {[]part{full, {"handmade", map[string]any{}}}, CodeAttestationFormat, ""},
		"compound in it":      {[]part{full, {"compound", []part{full, self}}}, CodeAttestationStatement, ""},
		"a statement missing": {[]any{full, map[string]any{"fmt": "packed"}}, CodeAttestationStatement, ""},
	} {
		a, err := s.check(t, "compound", test.parts)
		t.Run(name, func(t *testing.T) {
			check(t, err, test.code)
			if a.Type != test.kind && err == nil {
				t.Errorf("type %q, want %q", a.Type, test.kind)
			}
		})
	}
}

// §8.2.2 and what makers add: the serial number of an enterprise attestation, and the firmware.
func TestPacked_tells_serial_and_firmware(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	s := newSubject(t, newEC(t, elliptic.P256()), testAAGUID)
	maker := newEC(t, elliptic.P256())
	long := make([]byte, 65)
	for name, test := range map[string]struct {
		extensions []pkix.Extension
		code       Code
		serial     []byte
		firmware   string
	}{
		"neither":              {nil, "", nil, ""},
		"serial":               {[]pkix.Extension{{Id: oidSerial, Value: []byte{4, 3, 1, 2, 3}}}, "", []byte{1, 2, 3}, ""},
		"serial, critical":     {[]pkix.Extension{{Id: oidSerial, Critical: true, Value: []byte{4, 3, 1, 2, 3}}}, CodeAttestationCertificate, nil, ""},
		"serial, empty":        {[]pkix.Extension{{Id: oidSerial, Value: []byte{4, 0}}}, CodeAttestationCertificate, nil, ""},
		"serial, a number":     {[]pkix.Extension{{Id: oidSerial, Value: []byte{2, 1, 5}}}, CodeAttestationCertificate, nil, ""},
		"serial, bytes behind": {[]pkix.Extension{{Id: oidSerial, Value: []byte{4, 1, 5, 0}}}, CodeAttestationCertificate, nil, ""},
		"serial, too long":     {[]pkix.Extension{{Id: oidSerial, Value: append([]byte{4, 65}, long...)}}, CodeAttestationCertificate, nil, ""},
		"firmware":             {[]pkix.Extension{{Id: oidYubicoFirmware, Value: []byte{4, 3, 5, 4, 3}}}, "", nil, "5.4.3"},
		"firmware as text":     {[]pkix.Extension{{Id: oidYubicoFirmware, Value: []byte("\x04\x055.7.1")}}, "", nil, "5.7.1"},
		"firmware, nonsense":   {[]pkix.Extension{{Id: oidYubicoFirmware, Value: []byte("\x04\x05hello")}}, "", nil, ""},
		"firmware, a number":   {[]pkix.Extension{{Id: oidYubicoFirmware, Value: []byte{2, 1, 5}}}, "", nil, ""},
		"both": {[]pkix.Extension{{Id: oidYubicoFirmware, Value: []byte{4, 3, 5, 4, 3}}, {Id: oidSerial, Value: []byte{4, 1, 9}}},
			"", []byte{9}, "5.4.3"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := s.check(t, "packed", map[string]any{
				"alg": ES256, "sig": sign(t, maker, ES256, s.signed()),
				"x5c": [][]byte{certifyKey(t, root, maker.Public(), func(c *x509.Certificate) { c.ExtraExtensions = test.extensions })},
			})
			check(t, err, test.code)
			if err == nil && (a.Firmware != test.firmware || !cmp.Equal(a.Serial, test.serial)) {
				t.Errorf("serial %x, firmware %q, want %x, %q", a.Serial, a.Firmware, test.serial, test.firmware)
			}
		})
	}
}
