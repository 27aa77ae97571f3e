package directory_test

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"
	"staffkey/internal/store"
)

// V5: what the metadata does not know, operators can trust themselves: whose keys would be proven is said first, keys on lists are judged
// again, also where another node has judged them meanwhile by what it knew, and taking it back takes it back.
func TestAnchors(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		amara := w.person(t, "amara", "A1")
		k := w.attestedKey(t, amara)
		maker, err := softkey.DefaultIssuer()
		if err != nil {
			t.Fatal(err)
		}
		other, _ := mdstest.AttestationRoot(t, "Another maker", w.clock.Now())
		second := directory.New(directory.Deps{Store: w.store, Models: securitykey.NewCatalogue(mds.Trust{}, w.clock.Now)})
		is := func(when string, d *directory.Directory, want staffkey.Trust) {
			t.Helper()
			if _, err := d.JudgeKeys(t.Context()); err != nil {
				t.Error(err)
			}
			err := w.store.Read(t.Context(), func(tx *store.Tx) error {
				got, err := tx.FindSecurityKey(amara.ID, k.ID)
				if got.Trust != want {
					t.Errorf("%s: trust %q, want %q", when, got.Trust, want)
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
		}
		is("before", w.Directory, staffkey.TrustUnknown)
		is("before, on the other node", second, staffkey.TrustUnknown)
		for _, test := range []struct {
			roots []*x509.Certificate
			would int
		}{{[]*x509.Certificate{other}, 0}, {[]*x509.Certificate{other, maker.Root()}, 1}} {
			p, err := w.PreviewAnchors(t.Context(), console, test.roots, strings.ToUpper(testModel)+" ")
			if err != nil || p.Keys != 1 || p.Proven != 0 || p.Would != test.would || p.People != test.would {
				t.Errorf("preview %+v, error %v, want %d of one", p, err, test.would)
			}
		}
		is("after a look", w.Directory, staffkey.TrustUnknown)
		add := func(root *x509.Certificate) {
			t.Helper()
			if err := w.AddAnchors(t.Context(), console, []*x509.Certificate{root}, testModel, "roots.pem"); err != nil {
				t.Fatal(err)
			}
		}
		add(other)
		is("by another maker's", w.Directory, staffkey.TrustBroken)
		add(maker.Root())
		add(maker.Root()) // once more changes nothing
		is("by its maker's", second, staffkey.TrustProven)
		if p, err := w.PreviewAnchors(t.Context(), console, []*x509.Certificate{maker.Root()}, testModel); err != nil || p.Proven != 1 || p.Would != 0 || !p.Model.Attestation {
			t.Errorf("preview %+v, error %v, want what is proven already", p, err)
		}
		list, err := w.ListAnchors(t.Context(), console)
		if err != nil || len(list) != 2 || list[0].AAGUID != testModel || list[0].Source != "roots.pem" || len(list[0].Fingerprint) != 64 {
			t.Fatalf("anchors %+v, error %v, want two", list, err)
		}
		at := slices.IndexFunc(list, func(a staffkey.TrustAnchor) bool { return string(a.Certificate) == string(maker.Root().Raw) })
		if err := second.RemoveAnchor(t.Context(), console, list[at].ID); err != nil {
			t.Fatal(err)
		}
		is("without its maker's", w.Directory, staffkey.TrustBroken)
		if err := w.RemoveAnchor(t.Context(), console, list[at].ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("removing it again: error %v, want not found", err)
		}
		if n := len(w.events(t, staffkey.EventAnchorAdded, staffkey.OutcomeDone)); n != 2 {
			t.Errorf("%d events of adding, want 2", n)
		}
		if e := w.events(t, staffkey.EventAnchorRemoved, staffkey.OutcomeDone); len(e) != 1 || e[0].Subject != testModel || e[0].Detail["certificates"] != list[at].Fingerprint {
			t.Errorf("events of removing %+v", e)
		}
	})
}

// Trust anchors concern the whole installation: whoever does not run it neither adds, looks nor takes away, and is recorded.
func TestAnchors_by_whom(t *testing.T) {
	t.Parallel()
	eachWithMetadata(t, func(t *testing.T, w *alliance) {
		root, _ := mdstest.AttestationRoot(t, "Maker", w.clock.Now())
		certificates := []*x509.Certificate{root}
		if err := w.AddAnchors(t.Context(), console, certificates, testModel, "roots.pem"); err != nil {
			t.Fatal(err)
		}
		list, err := w.ListAnchors(t.Context(), console)
		if err != nil {
			t.Fatal(err)
		}
		actor := w.actor(t, w.person(t, "amara", "A1"))
		for what, do := range map[string]func() error{
			"adding": func() error { return w.AddAnchors(t.Context(), actor, certificates, testModel, "x") },
			"looking": func() error {
				_, err := w.PreviewAnchors(t.Context(), actor, certificates, testModel)
				return err
			},
			"listing":  func() error { return only(w.ListAnchors(t.Context(), actor)) },
			"removing": func() error { return w.RemoveAnchor(t.Context(), actor, list[0].ID) },
		} {
			if err := do(); !errors.Is(err, staffkey.ErrRefused) {
				t.Errorf("%s: error %v, want a refusal", what, err)
			}
		}
		for _, aaguid := range []string{"", "YubiKey", testModel + "0"} {
			if err := w.AddAnchors(t.Context(), console, certificates, aaguid, "x"); !errors.Is(err, staffkey.ErrInvalid) {
				t.Errorf("model %q: error %v, want invalid", aaguid, err)
			}
		}
		if after, err := w.ListAnchors(t.Context(), console); err != nil || len(after) != 1 {
			t.Errorf("anchors %+v, error %v, want one", after, err)
		}
	})
}

func TestReadAnchors(t *testing.T) {
	t.Parallel()
	root, leaf := mdstest.AttestationRoot(t, "Maker", time.Now())
	in := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for name, test := range map[string]struct {
		file []byte
		want int
	}{
		"PEM": {in("CERTIFICATE", root.Raw), 1}, "two of them": {slices.Concat([]byte("Maker's roots\r\n"), in("CERTIFICATE", root.Raw), in("CERTIFICATE", leaf.Raw)), 2},
		"DER": {root.Raw, 1}, "a key beside it": {append(in("CERTIFICATE", root.Raw), in("PRIVATE KEY", []byte{1})...), 0},
		"nothing": {nil, 0}, "text": {[]byte("roots"), 0}, "cut short": {in("CERTIFICATE", root.Raw)[:200], 0}, "the second cut short": {append(in("CERTIFICATE", root.Raw), in("CERTIFICATE", leaf.Raw)[:100]...), 0},
		"no certificate inside": {in("CERTIFICATE", []byte{1}), 0}, "too long": {make([]byte, directory.MaxAnchorFile+1), 0},
		"too many": {[]byte(strings.Repeat(string(in("CERTIFICATE", root.Raw)), 51)), 0},
	} {
		list, err := directory.ReadAnchors(test.file)
		if len(list) != test.want || (err == nil) != (test.want > 0) || err != nil && !errors.Is(err, staffkey.ErrInvalid) {
			t.Errorf("%s: %d certificates, error %v, want %d", name, len(list), err, test.want)
		}
	}
}
