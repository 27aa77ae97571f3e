package webauthn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"slices"
	"testing"
	"time"
)

var (
	pathFrom  = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	pathUntil = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	pathNow   = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
)

// issuer is a certificate with its private key.
type issuer struct {
	*x509.Certificate
	private *ecdsa.PrivateKey
}

// template is what a good attestation certificate says, with a change.
func template(t testing.TB, change func(*x509.Certificate)) *x509.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, NotBefore: pathFrom, NotAfter: pathUntil, BasicConstraintsValid: true,
		Subject: pkix.Name{Country: []string{"GB"}, Organization: []string{"Maker"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Model"},
	}
	change(c)
	return c
}

// certify issues a certificate; without a parent it is self-signed.
func certify(t testing.TB, parent *issuer, change func(*x509.Certificate)) *issuer {
	t.Helper()
	private := newEC(t, elliptic.P256())
	template := template(t, change)
	self := &issuer{template, private}
	if parent == nil {
		parent = self
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent.Certificate, private.Public(), parent.private)
	if err != nil {
		t.Fatal(err)
	}
	if self.Certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	return self
}

func authority(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject = true, x509.KeyUsageCertSign, pkix.Name{CommonName: name}
	}
}

func TestTrusted(t *testing.T) {
	t.Parallel()
	good := func(*x509.Certificate) {}
	root := certify(t, nil, authority("root"))
	middle := certify(t, root, authority("middle"))
	leaf := certify(t, middle, good)
	direct := certify(t, root, good)
	alone := certify(t, nil, good)
	other := certify(t, nil, authority("root")) // the same name, another key
	older := reissued(t, root)
	old := func(c *x509.Certificate) { c.NotAfter = pathNow.Add(-time.Second) }
	young := func(c *x509.Certificate) { c.NotBefore = pathNow.Add(time.Second) }
	oldMiddle := certify(t, root, func(c *x509.Certificate) { authority("old")(c); old(c) })
	notCA := certify(t, root, func(c *x509.Certificate) { c.Subject.CommonName = "no authority" })
	critical := func(c *x509.Certificate) {
		c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
	}
	named := func(c *x509.Certificate) { // as certificates of TPMs have it: a critical alternative name that is a directory name
		c.ExtraExtensions = []pkix.Extension{{Id: oidAlternativeName, Critical: true, Value: []byte{0x30, 4, 0xa4, 2, 0x30, 0}}}
	}
	list := func(issuers ...*issuer) []*x509.Certificate {
		var certificates []*x509.Certificate
		for _, i := range issuers {
			certificates = append(certificates, i.Certificate)
		}
		return certificates
	}
	tests := []struct {
		name    string
		path    []*x509.Certificate
		anchors []*x509.Certificate
		code    Code
	}{
		{"to the root", list(leaf, middle), list(root), ""},
		{"to the root, without one between", list(direct), list(root), ""},
		{"to one of several anchors", list(direct), list(alone, other, root), ""},
		{"the intermediate is the anchor, and not sent", list(leaf), list(middle), ""},
		{"the intermediate is the anchor, and sent", list(leaf, middle), list(middle), ""},
		{"the attestation certificate is the anchor", list(leaf), list(leaf), ""},
		{"a self-signed attestation certificate is the anchor", list(alone), list(alone), ""},
		{"a critical name of a TPM", list(certify(t, root, named)), list(root), ""},
		{"no certificates", nil, list(root), CodeTrustPath},
		{"no anchors", list(leaf, middle), nil, CodeTrustPath},
		{"another root of the same name", list(leaf, middle), list(other), CodeTrustPath},
		{"a self-signed certificate of whoever", list(alone), list(root), CodeTrustPath},
		{"the intermediate is missing", list(leaf), list(root), CodeTrustPath},
		{"with the root", list(leaf, middle, root), list(root), ""},
		{"with the root, among other anchors", list(leaf, middle, root), list(alone, other, root), ""},
		{"with the root, which its maker has issued anew", list(leaf, middle, older), list(root), ""},
		{"with a root that is no anchor", list(leaf, middle, root), list(middle), CodeTrustPathRoot},
		{"with another root of the same name", list(leaf, middle, other), list(root), CodeTrustPathRoot},
		{"with the root twice", list(leaf, middle, root, root), list(root), CodeTrustPathRoot},
		{"in another order", list(middle, leaf), list(root), CodeTrustPathOrder},
		{"with one too many", list(direct, middle), list(root), CodeTrustPathOrder},
		{"the same twice", list(leaf, middle, middle), list(root), CodeTrustPathOrder},
		{"the leaf has expired", list(certify(t, root, old)), list(root), CodeTrustPathTime},
		{"the leaf is not yet valid", list(certify(t, root, young)), list(root), CodeTrustPathTime},
		{"the intermediate has expired", list(certify(t, oldMiddle, good), oldMiddle), list(root), CodeTrustPathTime},
		{"issued by what is no authority", list(certify(t, notCA, good), notCA), list(root), CodeTrustPath},
		{"a critical extension that nobody knows", list(certify(t, root, critical)), list(root), CodeTrustPath},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check(t, Attestation{Type: AttestationBasic, TrustPath: test.path}.Trusted(test.anchors, pathNow), test.code)
		})
	}
	parts := func(paths ...[]*x509.Certificate) Attestation {
		a := Attestation{Format: "compound"}
		for _, path := range paths {
			a.Parts = append(a.Parts, Attestation{TrustPath: path})
			if a.TrustPath == nil {
				a.TrustPath = path
			}
		}
		return a
	}
	check(t, parts(list(direct), nil).Trusted(list(root), pathNow), "")
	check(t, parts(list(direct), list(alone)).Trusted(list(root), pathNow), CodeTrustPath)
	check(t, parts(nil, nil).Trusted(list(root), pathNow), CodeTrustPath)

	// The FIDO Alliance does not let a packed statement bring its root (conformance, packed F-10), inside a compound one neither; whoever
	// wants it to takes the anchor off first.
	packed := Attestation{Format: "packed", Type: AttestationBasic, TrustPath: list(leaf, middle, root)}
	check(t, packed.Trusted(list(root), pathNow), CodeTrustPathRoot)
	check(t, packed.WithoutAnchor(list(root)).Trusted(list(root), pathNow), "")
	check(t, packed.WithoutAnchor(list(other)).Trusted(list(root), pathNow), CodeTrustPathRoot)
	check(t, Attestation{Format: "compound", TrustPath: list(direct), Parts: []Attestation{packed}}.Trusted(list(root), pathNow), CodeTrustPathRoot)
	alone1 := Attestation{Format: "tpm", TrustPath: list(alone)}
	check(t, alone1.WithoutAnchor(list(alone)).Trusted(list(alone), pathNow), "") // the attestation certificate itself stays
}

// reissued returns a root for the same name and key that was valid earlier.
func reissued(t testing.TB, root *issuer) *issuer {
	t.Helper()
	earlier := template(t, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject, c.NotBefore = true, x509.KeyUsageCertSign, root.Subject, pathFrom.AddDate(-1, 0, 0)
	})
	der, err := x509.CreateCertificate(rand.Reader, earlier, earlier, root.private.Public(), root.private)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{c, root.private}
}

// §8.2.1 and §8.2.2.
func TestPackedCertificate(t *testing.T) {
	t.Parallel()
	root := certify(t, nil, authority("root"))
	tests := []struct {
		name   string
		change func(*x509.Certificate)
		code   Code
	}{
		{"as it should be", func(*x509.Certificate) {}, ""},
		{"no country", func(c *x509.Certificate) { c.Subject.Country = nil }, CodeAttestationCertificate},
		{"a country of three letters", func(c *x509.Certificate) { c.Subject.Country = []string{"GBR"} }, CodeAttestationCertificate},
		{"no organisation", func(c *x509.Certificate) { c.Subject.Organization = nil }, CodeAttestationCertificate},
		{"another unit", func(c *x509.Certificate) { c.Subject.OrganizationalUnit = []string{"Web servers"} }, CodeAttestationCertificate},
		{"no unit", func(c *x509.Certificate) { c.Subject.OrganizationalUnit = nil }, CodeAttestationCertificate},
		{"no name", func(c *x509.Certificate) { c.Subject.CommonName = "" }, CodeAttestationCertificate},
		{"an authority", func(c *x509.Certificate) { c.IsCA = true }, CodeAttestationCertificate},
		{"no word whether it is an authority", func(c *x509.Certificate) { c.BasicConstraintsValid = false }, CodeAttestationCertificate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check(t, checkPackedCertificate(certify(t, root, test.change).Certificate), test.code)
		})
	}
}

func TestCertificateExtensions(t *testing.T) {
	t.Parallel()
	octetString := func(b ...byte) []byte { return append([]byte{4, byte(len(b))}, b...) }
	of := func(e ...pkix.Extension) *x509.Certificate { return &x509.Certificate{Extensions: e} }
	model := statement{data: authenticatorData{AAGUID: testAAGUID}}

	check(t, model.checkModel(of()), "")
	check(t, model.checkModel(of(pkix.Extension{Id: oidAAGUID, Value: octetString(testAAGUID[:]...)})), "")
	check(t, model.checkModel(of(pkix.Extension{Id: oidAAGUID, Value: octetString(make([]byte, 16)...)})), CodeAttestationAAGUID)
	check(t, model.checkModel(of(pkix.Extension{Id: oidAAGUID, Value: testAAGUID[:]})), CodeAttestationCertificate)
	check(t, model.checkModel(of(pkix.Extension{Id: oidAAGUID, Critical: true, Value: octetString(testAAGUID[:]...)})), CodeAttestationCertificate)
	check(t, model.checkModel(of(pkix.Extension{Id: oidAAGUID, Value: append(octetString(testAAGUID[:]...), 0)})), CodeAttestationCertificate)

	serial, err := serialOf(of(pkix.Extension{Id: oidSerial, Value: octetString(0x12, 0x34)}))
	if err != nil || !slices.Equal(serial, []byte{0x12, 0x34}) {
		t.Errorf("serial number: got %x, error %v, want 1234", serial, err)
	}
	_, err = serialOf(of(pkix.Extension{Id: oidSerial, Value: octetString(make([]byte, 65)...)}))
	check(t, err, CodeAttestationCertificate)

	for _, test := range []struct {
		value []byte
		want  string
	}{
		{octetString(5, 4, 3), "5.4.3"}, {octetString([]byte("5.7.1")...), "5.7.1"}, {octetString([]byte("five")...), ""},
		{[]byte("broken"), ""}, {octetString(5, 4), ""},
	} {
		if got, err := firmwareOf(of(pkix.Extension{Id: oidYubicoFirmware, Value: test.value})); got != test.want || err != nil {
			t.Errorf("firmware %x: got %q, error %v, want %q", test.value, got, err, test.want)
		}
	}
}
