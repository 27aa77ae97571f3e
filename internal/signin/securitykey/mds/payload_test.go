package mds

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"staffkey/internal/signin/securitykey/mds/mdstest"

	"github.com/google/go-cmp/cmp"
)

// payload returns the content of a BLOB of these entries.
func payload(t *testing.T, entries ...any) *Payload {
	t.Helper()
	i := mdstest.New(t, now)
	p, err := Verify(i.BLOB(t, 1, next, entries...), trusting(i), now, 0)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPayload_finds_models(t *testing.T) {
	t.Parallel()
	p := payload(t,
		mdstest.Model{AAGUID: strings.ToUpper(aaguidA), Description: "First"},
		mdstest.Model{Description: "Old", KeyIdentifiers: []string{strings.ToUpper(u2fKey)}},
		mdstest.Model{Description: "UAF", Members: map[string]any{"aaid": "1234#5678"}},
		mdstest.Model{AAGUID: aaguidB, Description: "Second"},
	)
	for _, aaguid := range []string{aaguidA, strings.ToUpper(aaguidA)} {
		e, ok := p.Find(aaguid)
		if !ok || e.Description != "First" || e.AAGUID != aaguidA || e.ProtocolFamily != "fido2" {
			t.Errorf("find %s: got %+v, %v", aaguid, e, ok)
		}
	}
	for _, identifier := range []string{u2fKey, strings.ToUpper(u2fKey)} {
		e, ok := p.FindKeyIdentifier(identifier)
		if !ok || e.Description != "Old" || e.AAGUID != "" || e.ProtocolFamily != "u2f" || !slices.Equal(e.KeyIdentifiers, []string{u2fKey}) {
			t.Errorf("find key identifier %s: got %+v, %v", identifier, e, ok)
		}
	}
	for _, aaguid := range []string{"", "00000000-0000-0000-0000-000000000000", aaguidA[:35], strings.ReplaceAll(aaguidA, "-", ""), "19083c3d-8383-4b18-bc03-8f1c9ab2fd1b"} {
		if e, ok := p.Find(aaguid); ok {
			t.Errorf("find %q: got %+v, want none", aaguid, e)
		}
	}
	if e, ok := p.FindKeyIdentifier(""); ok {
		t.Errorf("find no key identifier: got %+v, want none", e)
	}
	var got []string
	for e := range p.All() {
		got = append(got, e.Description)
	}
	if diff := cmp.Diff([]string{"First", "Old", "Second"}, got); diff != "" || p.Len() != 3 || len(p.Skipped) != 0 {
		t.Errorf("all (-want +got):\n%s%d entries, skipped %v", diff, p.Len(), p.Skipped)
	}
	for e := range p.All() { // and stops when asked to
		if e.Description != "First" {
			t.Errorf("got %s after the loop was left", e.Description)
		}
		break
	}
}

func TestPayload_answers_many_at_once(t *testing.T) {
	t.Parallel()
	p := payload(t, mdstest.Model{AAGUID: aaguidA, Description: "First"}, mdstest.Model{AAGUID: aaguidB})
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if e, ok := p.Find(aaguidA); !ok || e.Description != "First" || e.Level(now, Key{}) != L1 {
				t.Errorf("got %+v, %v", e, ok)
			}
			if n := len(slices.Collect(p.All())); n != 2 {
				t.Errorf("got %d entries, want 2", n)
			}
		})
	}
	wait.Wait()
}

func TestPayload_skips_what_it_cannot_read(t *testing.T) {
	t.Parallel()
	over := func(pairs ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = pairs[i+1]
		}
		return m
	}
	entry := func(members map[string]any) any { return mdstest.Model{AAGUID: aaguidA, Members: members} }
	statement := func(members map[string]any) any { return mdstest.Model{AAGUID: aaguidA, Statement: members} }
	for name, bad := range map[string]any{
		"a number":                                7,
		"null":                                    nil,
		"a list":                                  []any{},
		"of nothing":                              map[string]any{},
		"of no model":                             entry(over("aaguid", nil)),
		"aaguid of a number":                      entry(over("aaguid", 7)),
		"aaguid of zeros":                         entry(over("aaguid", "00000000-0000-0000-0000-000000000000")),
		"aaguid without hyphens":                  entry(over("aaguid", strings.ReplaceAll(aaguidA, "-", ""))),
		"aaguid of letters":                       entry(over("aaguid", strings.Replace(aaguidA, "c", "x", 1))),
		"statement of another aaguid":             statement(over("aaguid", aaguidB)),
		"statement is a list":                     entry(over("metadataStatement", []any{})),
		"no reports":                              entry(over("statusReports", nil)),
		"reports is an object":                    entry(over("statusReports", map[string]any{})),
		"a report is text":                        entry(over("statusReports", []any{"REVOKED"})),
		"status is a number":                      entry(over("statusReports", []any{map[string]any{"status": 7}})),
		"effective date is none":                  entry(over("statusReports", []any{map[string]any{"status": "REVOKED", "effectiveDate": "soon"}})),
		"version is text":                         entry(over("statusReports", []any{map[string]any{"status": "REVOKED", "authenticatorVersion": "5"}})),
		"version is negative":                     statement(over("authenticatorVersion", -1)),
		"last change is none":                     entry(over("timeOfLastStatusChange", "2026-02-30")),
		"key identifier too short":                entry(over("attestationCertificateKeyIdentifiers", []string{u2fKey[1:]})),
		"key identifier of letters":               entry(over("attestationCertificateKeyIdentifiers", []string{"g" + u2fKey[1:]})),
		"key identifier not ASCII":                entry(over("attestationCertificateKeyIdentifiers", []string{"é" + u2fKey[2:]})),
		"description is a list":                   statement(over("description", []string{"A key"})),
		"roots are text":                          statement(over("attestationRootCertificates", "AAAA")),
		"user verification is flat":               statement(over("userVerificationDetails", []any{map[string]any{"userVerificationMethod": "none"}})),
		"a member twice":                          json.RawMessage(`{"aaguid":"` + aaguidA + `","statusReports":[],"statusReports":[]}`),
		"a member twice in the statement":         json.RawMessage(`{"aaguid":"` + aaguidA + `","statusReports":[],"metadataStatement":{"description":"a","description":"b"}}`),
		"a member twice in a report":              json.RawMessage(`{"aaguid":"` + aaguidA + `","statusReports":[{"status":"REVOKED","Status":"FIDO_CERTIFIED"}]}`),
		"a member twice, the second in an escape": json.RawMessage(`{"aaguid":"` + aaguidA + `","statusReports":[{"status":"REVOKED","statu\u0073":"FIDO_CERTIFIED"}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := payload(t, mdstest.Model{AAGUID: aaguidB}, bad, mdstest.Model{KeyIdentifiers: []string{u2fKey}})
			if _, ok := p.Find(aaguidA); ok || p.Len() != 2 {
				t.Errorf("found it: %v; %d entries, want 2", ok, p.Len())
			}
			if len(p.Skipped) != 1 || p.Skipped[0].Index != 1 || p.Skipped[0].Reason == "" {
				t.Errorf("skipped %+v, want the one at 1 with its reason", p.Skipped)
			}
			_, before := p.Find(aaguidB)
			_, behind := p.FindKeyIdentifier(u2fKey)
			if !before || !behind {
				t.Errorf("found the one before: %v, the one behind: %v, want both", before, behind)
			}
		})
	}
	t.Run("and says whose it was", func(t *testing.T) {
		t.Parallel()
		p := payload(t, entry(over("statusReports", nil)))
		if len(p.Skipped) != 1 || p.Skipped[0].AAGUID != aaguidA {
			t.Errorf("skipped %+v, want the one of %s", p.Skipped, aaguidA)
		}
	})
}

func TestPayload_keeps_the_first_of_two(t *testing.T) {
	t.Parallel()
	p := payload(t,
		mdstest.Model{AAGUID: aaguidA, Description: "First"},
		mdstest.Model{AAGUID: strings.ToUpper(aaguidA), Description: "Second"},
		mdstest.Model{KeyIdentifiers: []string{u2fKey}, Description: "Old"},
		mdstest.Model{AAGUID: aaguidB, KeyIdentifiers: []string{u2fKey}, Description: "Older"},
	)
	if e, ok := p.Find(aaguidA); !ok || e.Description != "First" {
		t.Errorf("got %+v, %v, want the first", e, ok)
	}
	if e, ok := p.FindKeyIdentifier(u2fKey); !ok || e.Description != "Old" {
		t.Errorf("got %+v, %v, want the first of the key identifier", e, ok)
	}
	if e, ok := p.Find(aaguidB); ok {
		t.Errorf("got %+v, want none: it was skipped for its key identifier", e)
	}
	var got []int
	for _, s := range p.Skipped {
		got = append(got, s.Index)
	}
	if diff := cmp.Diff([]int{1, 3}, got); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
}

func TestEntry(t *testing.T) {
	t.Parallel()
	root, _ := mdstest.AttestationRoot(t, "Maker", now)
	wrapped := mdstest.Base64(root)
	wrapped = " " + wrapped[:64] + "\r\n" + wrapped[64:] + "\n"
	picture := mdstest.PNG(t)
	p := payload(t, mdstest.Model{
		AAGUID: aaguidA, Description: "A key", Firmware: 328706, Icon: picture,
		Reports: []mdstest.Report{{Status: "FIDO_CERTIFIED_L2", Since: "2025-03-01", Until: "2030-03-01", Firmware: 5, URL: "https://example.org", Number: "FIDO-1"}},
		Statement: map[string]any{
			"alternativeDescriptions": map[string]string{"cy-GB": "Allwedd"}, "attestationRootCertificates": []string{wrapped, "!", "AAAA"},
			"authenticatorGetInfo": map[string]any{
				"versions": []string{"FIDO_2_1"}, "extensions": []string{"credProtect"}, "options": map[string]bool{"alwaysUv": true}, "transports": []string{"usb"},
				"minPINLength": 6, "firmwareVersion": 328706, "certifications": map[string]int{"FIPS-CMVP-3": 2}, "attestationFormats": []string{"packed"}, "maxMsgSize": 2048,
				"unheardOf": []any{1, "two"},
			},
		},
	})
	e, ok := p.Find(aaguidA)
	if !ok {
		t.Fatalf("not found; skipped %+v", p.Skipped)
	}
	roots, err := e.AttestationRoots()
	if len(roots) != 1 || !roots[0].Equal(root) || err == nil || !strings.Contains(err.Error(), "root 1") || !strings.Contains(err.Error(), "root 2") {
		t.Errorf("got %d roots, error %v, want the one that can be read, and the others told", len(roots), err)
	}
	if png, mediaType, ok := e.Icon(); !ok || mediaType != "image/png" || !slices.Equal(png, picture) {
		t.Errorf("got picture of %d bytes, %v, want the one that was given", len(png), ok)
	}
	day := func(y, m, d int) time.Time { return time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC) }
	got := *e
	got.roots, got.icon = nil, nil
	want := Entry{
		AAGUID: aaguidA, LastStatusChange: day(2026, 1, 5), Description: "A key", AlternativeDescriptions: map[string]string{"cy-GB": "Allwedd"},
		Reports: []StatusReport{{
			Status: "FIDO_CERTIFIED_L2", EffectiveDate: day(2025, 3, 1), SunsetDate: day(2030, 3, 1), AuthenticatorVersion: 5,
			URL: "https://example.org", CertificateNumber: "FIDO-1",
		}},
		ProtocolFamily: "fido2", AuthenticatorVersion: 328706, Schema: 3, UPV: []Version{{1, 1}},
		Algorithms: []string{"secp256r1_ecdsa_sha256_raw"}, AttestationTypes: []string{"basic_full"},
		UserVerification: [][]VerificationMethod{{{"presence_internal"}, {"passcode_external"}}, {{"none"}}},
		KeyProtection:    []string{"hardware", "secure_element"}, MatcherProtection: []string{"on_chip"}, CryptoStrength: 128,
		AttachmentHint: []string{"external", "wired", "nfc"},
		Info: GetInfo{
			Versions: []string{"FIDO_2_1"}, Extensions: []string{"credProtect"}, Options: map[string]bool{"alwaysUv": true}, Transports: []string{"usb"},
			MinPINLength: 6, FirmwareVersion: 328706, Certifications: map[string]float64{"FIPS-CMVP-3": 2}, AttestationFormats: []string{"packed"}, MaxMsgSize: 2048,
		},
	}
	byText := cmp.Comparer(func(a, b StatusReport) bool { return fmt.Sprintf("%+v", a) == fmt.Sprintf("%+v", b) })
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Entry{}), byText); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEntry_survives_what_a_key_says_of_itself(t *testing.T) {
	t.Parallel()
	p := payload(t, mdstest.Model{AAGUID: aaguidA, Reports: []mdstest.Report{{Status: "REVOKED"}}, Statement: map[string]any{
		"authenticatorGetInfo": map[string]any{"versions": []string{"FIDO_2_1"}, "options": "many"},
	}})
	e, ok := p.Find(aaguidA)
	if !ok {
		t.Fatalf("not found; skipped %+v", p.Skipped)
	}
	if diff := cmp.Diff(GetInfo{}, e.Info); diff != "" || len(e.Warnings(now, Key{})) != 1 {
		t.Errorf("info (-want +got):\n%swarnings %v, want that it is revoked", diff, e.Warnings(now, Key{}))
	}
}

func TestEntry_VerifiesPerson(t *testing.T) {
	t.Parallel()
	for methods, want := range map[string]bool{
		`[[{"userVerificationMethod":"passcode_external"}]]`:                                                 true,
		`[[{"userVerificationMethod":"fingerprint_internal","baDesc":{"maxTemplates":5}}]]`:                  true,
		`[[{"userVerificationMethod":"none"}],[{"userVerificationMethod":"passcode_internal"}]]`:             true,
		`[[{"userVerificationMethod":"presence_internal"},{"userVerificationMethod":"faceprint_internal"}]]`: true,
		`[[{"userVerificationMethod":"presence_internal"}]]`:                                                 false,
		`[[{"userVerificationMethod":"location_internal"},{"userVerificationMethod":"presence_internal"}]]`:  false,
		`[[{"userVerificationMethod":"none"}]]`:                                                              false,
		`[[{"userVerificationMethod":"telepathy_internal"}]]`:                                                false,
		`[[]]`: false,
		`[]`:   false,
		`null`: false,
	} {
		e, ok := payload(t, mdstest.Model{AAGUID: aaguidA, Statement: map[string]any{"userVerificationDetails": json.RawMessage(methods)}}).Find(aaguidA)
		if !ok || e.VerifiesPerson() != want {
			t.Errorf("%s: found %v, want verifies the person: %v", methods, ok, want)
		}
	}
}
