package mds

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/signin/securitykey/mds/mdstest"
)

// refusedOrFine fails a fuzz run on an error that is a fault: whatever comes from outside must be refused, never break us.
func refusedOrFine(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("got error %v, want a refusal or none", err)
	}
}

// FuzzVerify reads content as though it were signed, and takes the same bytes for a whole BLOB.
func FuzzVerify(f *testing.F) {
	entry := func(m mdstest.Model) string {
		text, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		return string(text)
	}
	root, _ := mdstest.AttestationRoot(f, "Maker", now)
	entries := []string{
		entry(mdstest.Model{AAGUID: aaguidA, Icon: mdstest.PNG(f), Firmware: 7}),
		entry(mdstest.Model{AAGUID: aaguidA, Reports: []mdstest.Report{{Status: "ATTESTATION_KEY_COMPROMISE", Certificate: mdstest.Base64(root)}, {Status: "UPDATE_AVAILABLE", Since: "2026-01-01"}}}),
		entry(mdstest.Model{KeyIdentifiers: []string{u2fKey}}), `{"aaid":"1234#5678","statusReports":[]}`, `{"aaguid":7}`, `[]`, `{"a":1,"A":2}`,
	}
	i := mdstest.New(f, now)
	f.Add(i.BLOB(f, 1, next))
	for _, list := range []string{"", strings.Join(entries, ","), entries[0] + "," + entries[0], "{", `"\ud800\u0000"`, "[[[[[]]]]]", "\"\xff\""} {
		f.Add([]byte(`{"no":1,"nextUpdate":"2026-12-01","legalHeader":"x","entries":[` + list + `]}`))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Verify(data, Trust{}, now, 0); err == nil {
			t.Error("accepted a BLOB of nobody")
		} else {
			refusedOrFine(t, err)
		}
		p, err := read(data)
		refusedOrFine(t, err)
		if err != nil {
			return
		}
		// What we take for JSON is JSON, and means the same to another reader.
		var seen struct {
			No      int
			Entries []json.RawMessage
		}
		if err := json.Unmarshal(data, &seen); err != nil || seen.No != p.No || len(seen.Entries) < p.Len()+len(p.Skipped) {
			t.Errorf("accepted %q, in which another reader sees number %d and %d entries (error %v)", data, seen.No, len(seen.Entries), err)
		}
		n := 0
		for e := range p.All() {
			n++
			found, ok := p.Find(e.AAGUID)
			if e.AAGUID == "" {
				found, ok = p.FindKeyIdentifier(e.KeyIdentifiers[0])
			}
			if !ok || found.Description != e.Description {
				t.Errorf("listed %+v, found %+v, %v", e, found, ok)
			}
			e.Level(now, Key{Firmware: 1})
			e.Warnings(now, Key{})
			e.Warnings(now, Key{Firmware: 1})
			e.FIPS(now, Key{})
			e.Icon()
			_, _ = e.AttestationRoots()
		}
		if n != p.Len() {
			t.Errorf("listed %d entries of %d", n, p.Len())
		}
	})
}
