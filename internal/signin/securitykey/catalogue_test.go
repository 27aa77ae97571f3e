package securitykey

import (
	"crypto/x509"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

const testModel = "ee882879-721c-4913-9775-3dfcce97072a" // of goodKey

// catalogueWith is a catalogue that has loaded metadata with these models.
func catalogueWith(t *testing.T, models ...any) *Catalogue {
	t.Helper()
	issuer := mdstest.New(t, testNow)
	c := NewCatalogue(mds.Trust{Roots: issuer.Roots()}, func() time.Time { return testNow })
	issue, err := c.Verify(issuer.BLOB(t, 57, testNow.AddDate(0, 1, 0), models...), 0, testNow)
	if err != nil {
		t.Fatal(err)
	}
	issue.Use()
	if diff := cmp.Diff(issue.Metadata, c.Loaded()); diff != "" || issue.Number != 57 || issue.Models != len(models) {
		t.Errorf("loaded metadata (-verified +loaded), of %d models:\n%s", len(models), diff)
	}
	return c
}

// makersRoot is the root of the keys of these tests.
func makersRoot(t *testing.T) *x509.Certificate {
	t.Helper()
	i, err := softkey.DefaultIssuer()
	if err != nil {
		t.Fatal(err)
	}
	return i.Root()
}

func registeredKey(t *testing.T, attestation softkey.Attestation) staffkey.SecurityKey {
	t.Helper()
	o := goodKey()
	o.Attestation = attestation
	k := register(t, testMethod(), softkey.New(o))
	k.RegisteredAt = testNow
	return k
}

// F81: what an attestation is worth, by what the metadata says of its model.
func TestCatalogue_judges_attestations(t *testing.T) {
	t.Parallel()
	other, _ := mdstest.AttestationRoot(t, "Another maker", testNow)
	known := func(change func(*mdstest.Model)) mdstest.Model {
		m := mdstest.Model{AAGUID: testModel, Roots: []*x509.Certificate{makersRoot(t)}}
		change(&m)
		return m
	}
	same := func(*mdstest.Model) {}
	statement := func(name string, value any) func(*mdstest.Model) {
		return func(m *mdstest.Model) { m.Statement = map[string]any{name: value} }
	}
	packed := registeredKey(t, softkey.AttestationPacked)
	old := packed
	old.RegisteredAt = time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC) // before the certificates of softkey
	damaged := packed
	damaged.AttestationObject = damaged.AttestationObject[:40]
	tests := []struct {
		name  string
		model mdstest.Model
		key   staffkey.SecurityKey
		want  staffkey.Trust
	}{
		{"proven", known(same), packed, staffkey.TrustProven},
		{"another maker's root", known(func(m *mdstest.Model) { m.Roots = []*x509.Certificate{other} }), packed, staffkey.TrustBroken},
		{"no trust anchors", known(func(m *mdstest.Model) { m.Roots = nil }), packed, staffkey.TrustUnknown},
		{"a model that is not in the metadata", known(func(m *mdstest.Model) { m.AAGUID = "00000000-0000-0000-0000-000000000001" }), packed, staffkey.TrustUnknown},
		{"signed by itself", known(same), registeredKey(t, softkey.AttestationPackedSelf), staffkey.TrustNone},
		{"nothing said", known(same), registeredKey(t, softkey.AttestationNone), staffkey.TrustNone},
		{"a model that signs by itself only", known(statement("attestationTypes", []string{"basic_surrogate"})), packed, staffkey.TrustBroken},
		{"an algorithm that the model does not have", known(statement("authenticationAlgorithms", []string{"rsassa_pkcsv15_sha256_raw"})), packed, staffkey.TrustBroken},
		{"an algorithm that only its own description has", known(func(m *mdstest.Model) {
			m.Statement = map[string]any{"authenticationAlgorithms": []string{"rsassa_pkcsv15_sha256_raw"},
				"authenticatorGetInfo": map[string]any{"versions": []string{"FIDO_2_1"}, "algorithms": []map[string]any{{"type": "public-key", "alg": -7}}}}
		}), packed, staffkey.TrustProven},
		{"certificates not valid when it was registered", known(same), old, staffkey.TrustBroken},
		{"bytes that are damaged", known(same), damaged, staffkey.TrustBroken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			trust, number := catalogueWith(t, test.model).Judge(test.key)
			if trust != test.want || number != 57 {
				t.Errorf("trust %q by metadata %d, want %q by 57", trust, number, test.want)
			}
		})
	}
}

func TestCatalogue_facts(t *testing.T) {
	t.Parallel()
	reports := []mdstest.Report{
		{Status: "FIDO_CERTIFIED_L2", Since: "2026-01-05"},
		{Status: "USER_VERIFICATION_BYPASS", Since: "2026-02-01", Firmware: staffkey.FirmwareNumber("5.2"), URL: "https://maker.example/advisory"},
		{Status: "UPDATE_AVAILABLE", Since: "2026-03-01", Firmware: staffkey.FirmwareNumber("5.4.3")},
	}
	c := catalogueWith(t, mdstest.Model{AAGUID: testModel, Reports: reports, Icon: mdstest.PNG(t), Roots: []*x509.Certificate{makersRoot(t)}},
		mdstest.Model{AAGUID: "00000000-0000-0000-0000-000000000001", Description: "A name of its own"})
	m := c.Model(testModel)
	if !m.Known || m.Name != "YubiKey 5" || m.Apart != "" || m.Level != staffkey.Level2 || !m.Verifies || !m.Attestation || !m.Icon {
		t.Errorf("model %+v, want a known one of level 2 that checks its person, with attestation and a picture", m)
	}
	if png, mediaType, ok := c.Icon(testModel); !ok || len(png) == 0 || mediaType != "image/png" {
		t.Error("there is no picture")
	}
	kinds := func(firmware string, trust staffkey.Trust) (list []staffkey.FindingKind) {
		for _, f := range c.Facts(staffkey.SecurityKey{AAGUID: testModel, Firmware: firmware, Trust: trust}).Model.Findings {
			list = append(list, f.Kind)
		}
		return list
	}
	bypass, update := staffkey.FindingVerificationBypass, staffkey.FindingUpdateAvailable
	for firmware, want := range map[string][]staffkey.FindingKind{"": {update, bypass}, "5.2.4": {update, bypass}, "5.4.3": nil, "5.7": nil} {
		got := kinds(firmware, staffkey.TrustProven)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("firmware %q: findings %v, want %v", firmware, got, want)
		}
		if got := kinds(firmware, staffkey.TrustBroken); len(got) != 2 {
			t.Errorf("firmware %q that is claimed only: findings %v, want both", firmware, got)
		}
	}
	if got := c.Model("00000000-0000-0000-0000-000000000001").Name; got != "A name of its own" {
		t.Errorf("name %q, want the description", got)
	}
	if got := len(c.Models()); got != 2 {
		t.Errorf("%d models, want 2", got)
	}
}

// V7: the metadata tells models apart that share a name among people, and operators' lists tell those that share it there too.
func TestCatalogue_names(t *testing.T) {
	t.Parallel()
	series := func(aaguid string, firmware uint64, reports ...mdstest.Report) mdstest.Model {
		return mdstest.Model{AAGUID: aaguid, Description: "Series", Firmware: firmware, Reports: reports}
	}
	l2 := mdstest.Report{Status: "FIDO_CERTIFIED_L2", Since: "2026-01-05"}
	c := catalogueWith(t,
		mdstest.Model{AAGUID: "08987058-cadc-4b81-b6e1-30de50dcbe96", Description: "Windows Hello Hardware Authenticator"},
		mdstest.Model{AAGUID: "6028b017-b1d4-4c02-b4b3-afcdafc96bb2", Description: "Windows Hello Software Authenticator"},
		mdstest.Model{AAGUID: testModel, Description: "  YubiKey 5\u202e  Series\n"},
		mdstest.Model{AAGUID: "2fc0579f-8113-47ea-b116-bb5a8db9202a", Description: ""},
		series("00000000-0000-0000-0000-000000000001", 0x050402), series("00000000-0000-0000-0000-000000000002", 0x050700),
		series("00000000-0000-0000-0000-000000000003", 0x050402), series("00000000-0000-0000-0000-000000000004", 7, l2),
	)
	for aaguid, want := range map[string]string{
		"08987058-cadc-4b81-b6e1-30de50dcbe96": "Windows Hello (TPM)", "6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello (software)",
		testModel: "YubiKey 5 Series", "2fc0579f-8113-47ea-b116-bb5a8db9202a": "YubiKey 5 NFC",
		"9ddd1817-af5a-4672-a2b9-3e3dd95000a9": "Windows Hello (VBS)", // not in it
		"00000000-0000-0000-0000-000000000001": "Series (5.4.2, L1, …0001)", "00000000-0000-0000-0000-000000000002": "Series (5.7.0, L1)",
		"00000000-0000-0000-0000-000000000003": "Series (5.4.2, L1, …0003)", "00000000-0000-0000-0000-000000000004": "Series (L2)",
	} {
		if got := c.Model(aaguid).FullName(); got != want {
			t.Errorf("%s: %q, want %q", aaguid, got, want)
		}
	}
	if got := c.Model("00000000-0000-0000-0000-000000000001").Name; got != "Series" {
		t.Errorf("people read %q", got)
	}
}

func TestCatalogue_without_metadata(t *testing.T) {
	t.Parallel()
	c := NewCatalogue(mds.Trust{}, time.Now)
	if got := c.Model(testModel).Name; got != "YubiKey 5" {
		t.Errorf("name %q, want that of the table", got)
	}
	if trust, number := c.Judge(registeredKey(t, softkey.AttestationPacked)); trust != staffkey.TrustUnknown || number != 0 {
		t.Errorf("trust %q by %d, want unknown by 0", trust, number)
	}
	if f := c.Facts(staffkey.SecurityKey{AAGUID: uuid.NewString(), Trust: staffkey.TrustNone}); f.Model.Name != "" || f.Model.Known || f.Trust != staffkey.TrustNone {
		t.Errorf("facts %+v about a model that nobody knows", f)
	}
	if len(c.Models()) != 0 {
		t.Error("there are models")
	}
}

// What a sign-in asks must not cost it anything to speak of.
func BenchmarkFacts(b *testing.B) {
	c := NewCatalogue(mds.Trust{}, time.Now)
	k := staffkey.SecurityKey{AAGUID: testModel}
	b.ReportAllocs()
	for b.Loop() {
		c.Facts(k)
	}
}
