package securitykey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // key identifiers are made by it
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"
)

// u2fMaker attests keys as FIDO U2F does: one certificate for a batch, and no AAGUID.
type u2fMaker struct {
	private     *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newU2FMaker(t *testing.T) u2fMaker {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "Batch 7"}, NotBefore: testNow.AddDate(-1, 0, 0), NotAfter: testNow.AddDate(20, 0, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return u2fMaker{private, c}
}

// identifier is the key identifier of the maker's certificate.
func (m u2fMaker) identifier(t *testing.T) string {
	t.Helper()
	point, err := m.private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha1.Sum(point) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// options are those of a key of this maker.
func (m u2fMaker) options(t *testing.T) softkey.Options {
	t.Helper()
	o := goodKey()
	o.AAGUID, o.Attestation = [16]byte{}, softkey.AttestationPackedSelf
	o.Tamper = at(softkey.CreateAfterSigning, func(p *softkey.Parts) {
		rp, rest := p.AuthenticatorData[:32], p.AuthenticatorData[55:]
		client, n := sha256.Sum256(p.ClientDataJSON), len(p.CredentialID)
		key := rest[n:] // a5, 01 02, 03 26, 20 01, 21 58 20 and x, 22 58 20 and y
		sum := sha256.Sum256(slices.Concat([]byte{0}, rp, client[:], rest[:n], []byte{4}, key[10:42], key[45:77]))
		signature, err := ecdsa.SignASN1(rand.Reader, m.private, sum[:])
		if err != nil {
			t.Error(err)
		}
		p.Format, p.Statement, p.Signature = "fido-u2f", map[string]any{"x5c": [][]byte{bytes.Clone(m.certificate.Raw)}}, signature
	})
	return o
}

// register registers a key of this maker.
func (m u2fMaker) register(t *testing.T) staffkey.SecurityKey {
	t.Helper()
	k := register(t, testMethod(), softkey.New(m.options(t)))
	k.RegisteredAt = testNow
	if k.AttestationFormat != "fido-u2f" || k.AAGUID != noModel {
		t.Fatalf("format %q of model %s, want fido-u2f of none", k.AttestationFormat, k.AAGUID)
	}
	return k
}

// F80, F81: keys of FIDO U2F have no AAGUID; the metadata knows them by their attestation certificate.
func TestCatalogue_of_FIDO_U2F(t *testing.T) {
	t.Parallel()
	maker, other := newU2FMaker(t), newU2FMaker(t)
	revoked := mdstest.Model{
		KeyIdentifiers: []string{maker.identifier(t)}, Description: "Batch of old", Roots: []*x509.Certificate{maker.certificate},
		Reports: []mdstest.Report{{Status: "FIDO_CERTIFIED", Since: "2018-01-01"}, {Status: "REVOKED", Since: "2026-01-01"}},
	}
	c := catalogueWith(t, revoked, mdstest.Model{KeyIdentifiers: []string{other.identifier(t)}, Roots: []*x509.Certificate{maker.certificate}})
	k, wrong, unknown := maker.register(t), other.register(t), newU2FMaker(t).register(t)
	for _, test := range []struct {
		name string
		key  staffkey.SecurityKey
		want staffkey.Trust
	}{{"its own anchor", k, staffkey.TrustProven}, {"another maker's anchor", wrong, staffkey.TrustBroken}, {"not in the metadata", unknown, staffkey.TrustUnknown}} {
		if got, _ := c.Judge(test.key); got != test.want {
			t.Errorf("%s: trust %q, want %q", test.name, got, test.want)
		}
	}
	k.Trust = staffkey.TrustProven
	if f := c.Facts(k).Model; f.Name != "Batch of old" || !f.Known || len(f.Findings) != 1 || f.Findings[0].Kind != staffkey.FindingRevoked {
		t.Errorf("model %+v, want the batch, which is revoked", f)
	}
	stored := k
	stored.AttestationObject, stored.ClientDataJSON = nil, nil
	if !c.NeedsRegistration(stored) {
		t.Error("its model is told without the bytes of its registration")
	}
	if f := c.Facts(unknown).Model; f.Known || len(f.Findings) != 0 {
		t.Errorf("model %+v of an unknown batch", f)
	}
	if !catalogueWith(t, mdstest.Model{AAGUID: testModel}).NeedsRegistration(stored) {
		t.Error("no bytes are asked for where the certificate may name a model")
	}
}

// V10: later keys name their model in the certificate when they are registered by FIDO U2F too, and the metadata may know it by that alone.
func TestCatalogue_of_FIDO_U2F_by_the_model_in_the_certificate(t *testing.T) {
	t.Parallel()
	maker := newU2FMaker(t)
	template := *maker.certificate
	template.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}, Value: append([]byte{4, 16}, testAAGUID[:]...)}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &maker.private.PublicKey, maker.private)
	if err != nil {
		t.Fatal(err)
	}
	if maker.certificate, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	k := maker.register(t)
	c := catalogueWith(t, mdstest.Model{AAGUID: testModel, Description: "Key of the model", Roots: []*x509.Certificate{maker.certificate}})
	if got, _ := c.Judge(k); got != staffkey.TrustProven {
		t.Errorf("trust %q, want proven", got)
	}
	k.Trust = staffkey.TrustProven
	if f := c.Facts(k).Model; f.Name == "" || f.Level != staffkey.Level1 || f.AAGUID != noModel {
		t.Errorf("model %+v, want a name, level 1, and the AAGUID that the key told", f)
	}
	other := catalogueWith(t, mdstest.Model{AAGUID: testModel, Roots: []*x509.Certificate{newU2FMaker(t).certificate}})
	if got, _ := other.Judge(k); got != staffkey.TrustBroken {
		t.Errorf("trust %q where the model has another root, want broken: anybody can write a model into a certificate", got)
	}
}

// F81: a leak of the attestation key of one batch concerns the keys of that batch, once the bytes of a registration tell which it is.
func TestCatalogue_of_a_leaked_attestation_key(t *testing.T) {
	t.Parallel()
	k := registeredKey(t, softkey.AttestationPacked)
	k.Trust = staffkey.TrustProven
	stored := k
	stored.AttestationObject, stored.ClientDataJSON = nil, nil
	_, another := mdstest.AttestationRoot(t, "Another batch", testNow)
	leak := func(of *x509.Certificate) *Catalogue {
		return catalogueWith(t, mdstest.Model{AAGUID: testModel, Roots: []*x509.Certificate{makersRoot(t)}, Reports: []mdstest.Report{
			{Status: "ATTESTATION_KEY_COMPROMISE", Since: "2026-02-01", Certificate: mdstest.Base64(of)},
		}})
	}
	for _, test := range []struct {
		name  string
		c     *Catalogue
		key   staffkey.SecurityKey
		found int
	}{
		{"of its own", leak(chainOf(k)[0]), k, 1},
		{"of its own, without the bytes", leak(chainOf(k)[0]), stored, 1},
		{"of another batch", leak(another), k, 0},
		{"of another batch, without the bytes", leak(another), stored, 1},
	} {
		if got := test.c.Facts(test.key).Model.Findings; len(got) != test.found || !test.c.NeedsRegistration(stored) {
			t.Errorf("%s: findings %v, bytes are asked for %t, want %d and true", test.name, got, test.c.NeedsRegistration(stored), test.found)
		}
	}
	stored.Trust = staffkey.TrustNone
	if leak(another).NeedsRegistration(stored) {
		t.Error("a key without certificates needs none")
	}
	if catalogueWith(t, mdstest.Model{AAGUID: testModel}).NeedsRegistration(stored) || NewCatalogue(mds.Trust{}, time.Now).NeedsRegistration(stored) {
		t.Error("bytes are asked for where nothing leaked")
	}
}
