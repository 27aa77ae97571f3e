package webauthn

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"slices"
	"time"
)

// Trusted checks the trust path of an attestation (§7.1 step 24): whether it leads, by certificates that are valid at an
// instant, to one of the trust anchors. An anchor may be a root, an intermediate, or the attestation certificate itself (FIDO
// Metadata Statement §3.6, attestationRootCertificates). The types none and self have no path, and are never trusted. Of a
// compound attestation, every part with a path must lead there, and one must have a path.
//
// A path may end in the trust anchor itself, as those of phones do and as step 24 allows; that of a packed statement may not, which is
// the FIDO Alliance's rule for servers (its conformance tests, packed F-10), see [Attestation.WithoutAnchor].
func (a Attestation) Trusted(anchors []*x509.Certificate, at time.Time) error {
	if a.Doubt != nil {
		return a.Doubt
	}
	if a.Format != "packed" {
		a = a.WithoutAnchor(anchors)
	}
	if len(a.Parts) == 0 {
		return checkPath(a.TrustPath, anchors, at)
	}
	if len(a.TrustPath) == 0 {
		return refuse(CodeTrustPath, "no part has a path")
	}
	for _, p := range a.Parts {
		if len(p.TrustPath) == 0 {
			continue
		}
		if err := p.Trusted(anchors, at); err != nil {
			return err
		}
	}
	return nil
}

// WithoutAnchor returns an attestation whose path does not end in its own root, where that is one of the trust anchors: the same
// certificate, or another for the same name and key, because makers issue theirs anew before they expire and keys in use bring the old one.
// A root that is no anchor stays, and is refused.
func (a Attestation) WithoutAnchor(anchors []*x509.Certificate) Attestation {
	if n := len(a.TrustPath); n > 1 && isSelfSigned(a.TrustPath[n-1]) {
		root := a.TrustPath[n-1]
		if slices.ContainsFunc(anchors, func(c *x509.Certificate) bool {
			return bytes.Equal(c.RawSubject, root.RawSubject) && bytes.Equal(c.RawSubjectPublicKeyInfo, root.RawSubjectPublicKeyInfo)
		}) {
			a.TrustPath = a.TrustPath[:n-1]
		}
	}
	return a
}

func checkPath(path, anchors []*x509.Certificate, at time.Time) error {
	if len(path) == 0 {
		return refuse(CodeTrustPath, "no certificates")
	}
	if len(anchors) == 0 {
		return refuse(CodeTrustPath, "no trust anchors for this model")
	}
	if len(path) > 1 && isSelfSigned(path[len(path)-1]) {
		return refuse(CodeTrustPathRoot, "the path ends in its own root, %q", path[len(path)-1].Subject)
	}
	for i := range path[1:] {
		if !bytes.Equal(path[i].RawIssuer, path[i+1].RawSubject) {
			return refuse(CodeTrustPathOrder, "certificate %d is not issued by the one after it", i+1)
		}
	}
	o := x509.VerifyOptions{
		Roots: x509.NewCertPool(), Intermediates: x509.NewCertPool(), CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	}
	for _, c := range anchors {
		o.Roots.AddCert(c)
	}
	for _, c := range path[1:] {
		o.Intermediates.AddCert(withoutKnownExtensions(c))
	}
	chains, err := withoutKnownExtensions(path[0]).Verify(o)
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return refuse(CodeTrustPathTime, "%v", err)
	}
	if err != nil {
		return refuse(CodeTrustPath, "%v", err)
	}
	for _, chain := range chains {
		if startsAs(chain, path) {
			return nil
		}
	}
	return refuse(CodeTrustPathOrder, "certificates that the path does not need")
}

// startsAs reports that a chain to an anchor goes along the path: all of it and on to the anchor, or up to an anchor on it.
func startsAs(chain, path []*x509.Certificate) bool {
	for i, c := range chain {
		if i >= len(path) {
			return true
		}
		if !c.Equal(path[i]) {
			return false
		}
	}
	return true
}

func isSelfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, c.RawSubject)
}

// Extensions that may be critical in attestation certificates and that crypto/x509 leaves to us: the names of a TPM's maker
// and model (§8.3.1, an alternative name without a DNS name), which the format's procedure reads.
var oidAlternativeName = asn1.ObjectIdentifier{2, 5, 29, 17}

func withoutKnownExtensions(c *x509.Certificate) *x509.Certificate {
	if len(c.UnhandledCriticalExtensions) != 1 || !c.UnhandledCriticalExtensions[0].Equal(oidAlternativeName) {
		return c
	}
	known := *c
	known.UnhandledCriticalExtensions = nil
	return &known
}
