//go:build conformance

package main

import (
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"
)

// chain is a maker's root, the authority under it, and the attestation certificate of a model.
type chain struct{ root, middle, leaf *issued }

// full registers a credential with packed attestation under a chain that may be changed, against metadata with that root.
func full(edit func(c *chain, members map[string]any, m *made), leaf, middle func(*x509.Certificate), metadata func(*chain) mdstest.Model) func(*testing.T) string {
	return func(t *testing.T) string {
		var c chain
		c.root = authority(t, nil, as)
		c.middle = authority(t, c.root, middle)
		c.leaf = certify(t, c.middle, newEC(t, elliptic.P256()), leaf)
		return newTool(t, metadata(&c)).registerMade(newMade(t, p256), func(t *testing.T, m *made) (string, map[string]any) {
			members := map[string]any{"alg": -7, "sig": sign(t, c.leaf.private, -7, m.signed()), "x5c": path(c.leaf, c.middle)}
			edit(&c, members, m)
			format := "packed"
			if f, ok := members["fmt"].(string); ok {
				format = f
				delete(members, "fmt")
			}
			return format, members
		})
	}
}

func init() {
	keep := func(*chain, map[string]any, *made) {}
	rooted := func(c *chain) mdstest.Model {
		return mdstest.Model{AAGUID: model, Description: "Made by hand", Roots: []*x509.Certificate{c.root.Certificate}}
	}
	with := func(statement map[string]any) func(*chain) mdstest.Model {
		return func(c *chain) mdstest.Model {
			m := rooted(c)
			m.Statement = statement
			return m
		}
	}
	edit := func(fn func(c *chain, m map[string]any, made *made)) func(*testing.T) string {
		return full(fn, as, as, rooted)
	}
	member := func(name string, value any) func(*testing.T) string {
		return edit(func(_ *chain, m map[string]any, _ *made) { change(m, name, value) })
	}
	expired := func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Minute) }
	young := func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }
	suites["Server-ServerAuthenticatorAttestationResponse-Resp-5"] = map[string]conformanceCase{
		"P-1": {func(t *testing.T) string { return newTool(t, soft(t, nil)).register(tampered(nil), nil) }, ""},
		"P-2": {full(keep, as, as, rooted), ""},
		"P-3": {full(keep, as, as, func(c *chain) mdstest.Model {
			m := rooted(c)
			m.Roots = []*x509.Certificate{c.leaf.Certificate}
			return m
		}), ""},
		"P-4": {func(t *testing.T) string { // as Go makes every authority: the test says so
			return full(func(c *chain, _ map[string]any, _ *made) {
				for _, e := range c.root.Extensions {
					if e.Id.String() == "2.5.29.19" && !e.Critical {
						t.Error("the root's basic constraints are not critical")
					}
				}
			}, as, as, rooted)(t)
		}, ""},
		"P-5": {full(keep, as, as, with(map[string]any{"authenticatorGetInfo": map[string]any{
			"versions": []string{"FIDO_2_1"}, "aaguid": "ee882879721c491397753dfcce97072a", "vendorPrototypeConfigCommands": []uint64{1<<63 + 5, 1<<64 - 1},
		}})), ""},
		"F-1": {member("fmt", "handmade"), "attestation_format"},
		"F-2": {edit(func(_ *chain, m map[string]any, _ *made) { m["sig"].([]byte)[12] ^= 1 }), "attestation_signature"},
		"F-3": {member("x5c", nil), "attestation_signature"}, // what is left is self attestation, by another key
		"F-4": {member("x5c", "text"), "attestation_statement"}, "F-5": {member("x5c", []any{}), "attestation_statement"},
		"F-6": {full(keep, expired, as, rooted), "attestation_path_expired"}, "F-7": {full(keep, young, as, rooted), "attestation_path_expired"},
		"F-8": {full(keep, as, as, with(map[string]any{"authenticationAlgorithms": []string{"rsassa_pkcsv15_sha256_raw"}})), "metadata_algorithm"},
		"F-9": {func(t *testing.T) string {
			other := authority(t, nil, as)
			return full(keep, as, as, func(*chain) mdstest.Model {
				return mdstest.Model{AAGUID: model, Roots: []*x509.Certificate{other.Certificate}}
			})(t)
		}, "attestation_path"},
		"F-10": {edit(func(c *chain, m map[string]any, _ *made) { m["x5c"] = path(c.leaf, c.middle, c.root) }), "attestation_path_root"},
		"F-11": {edit(func(c *chain, m map[string]any, _ *made) { m["x5c"] = path(c.leaf, c.root, c.middle) }), "attestation_path_order"},
		"F-12": {full(keep, as, expired, rooted), "attestation_path_expired"},
		"F-13": {func(t *testing.T) string {
			return edit(func(_ *chain, m map[string]any, made *made) {
				m["sig"] = sign(t, newEC(t, elliptic.P256()), -7, made.signed())
			})(t)
		}, "attestation_signature"},
		"F-14": {func(t *testing.T) string {
			return edit(func(_ *chain, m map[string]any, made *made) { m["sig"] = sign(t, made.private, -7, made.signed()) })(t)
		}, "attestation_signature"},
	}

	suites["Server-MDS3"] = map[string]conformanceCase{
		"P-1": {func(t *testing.T) string { return newTool(t, soft(t, nil)).register(tampered(nil), nil) }, ""},
		"F-1": {everyFinding, "model_finding"},
		"F-2": {func(t *testing.T) string {
			alliance := mdstest.New(t, now)
			blob := alliance.BLOB(t, 1, now, soft(t, nil))
			last := len(blob) - 20
			blob[last] = map[bool]byte{true: 'B', false: 'A'}[blob[last] == 'A']
			return verify(t, blob, mds.Trust{Roots: alliance.Roots()})
		}, "mds_signature"},
		"F-3": {func(t *testing.T) string {
			return verify(t, mdstest.New(t, now).BLOB(t, 1, now, soft(t, nil)), mds.Trust{Roots: mdstest.New(t, now).Roots()})
		}, "mds_chain"},
		"F-4": {func(t *testing.T) string { return revoked(t, true) }, "mds_revoked"},
		"F-5": {func(t *testing.T) string { return revoked(t, false) }, "mds_revoked"},
	}
}

// everyFinding registers a key of a model with each of the findings that refuse.
func everyFinding(t *testing.T) string {
	codes := map[string]bool{}
	for _, kind := range staffkey.FindingKinds {
		m := soft(t, nil)
		m.Reports = []mdstest.Report{{Status: string(kind), Since: now.AddDate(0, 0, -2).Format(time.DateOnly)}}
		codes[newTool(t, m).register(tampered(nil), nil)] = true
	}
	if len(staffkey.FindingKinds) != 5 || len(codes) != 1 {
		t.Errorf("%d findings give codes %v, want five and one", len(staffkey.FindingKinds), codes)
	}
	for code := range codes {
		return code
	}
	return ""
}

func verify(t *testing.T, blob []byte, trust mds.Trust) string {
	t.Helper()
	_, err := mds.Verify(blob, trust, now, 0)
	var refusal *staffkey.Refusal
	if errors.As(err, &refusal) {
		return refusal.Rule
	}
	if err != nil {
		t.Fatal(err)
	}
	return ""
}

// revoked verifies a BLOB whose authority, or whose signing certificate, was revoked, after it was good without the lists.
func revoked(t *testing.T, authority bool) string {
	t.Helper()
	root := mdstest.New(t, now)
	issuer, between := root.Under(t)
	blob := issuer.BLOB(t, 1, now, soft(t, nil))
	trust := mds.Trust{Roots: root.Roots()}
	if code := verify(t, blob, trust); code != "" {
		t.Fatalf("without lists: refused by %s", code)
	}
	trust.Revoked = []*x509.RevocationList{issuer.Revoke(t, issuer.Certificate())}
	if authority {
		trust.Revoked = []*x509.RevocationList{root.Revoke(t, between)}
	}
	return verify(t, blob, trust)
}
