// Package mds reads what the FIDO Alliance publishes about authenticator models: the BLOB of its Metadata Service, version 3
// (FIDO Metadata Service v3.0 and v3.1, FIDO Metadata Statement v3.0 and v3.1, named "Service" and "Statement" in this package).
//
// [Verify] decides whether a BLOB is the Alliance's and not older than the last one. [Payload] finds a model in it by AAGUID or by
// the key identifier of its attestation certificate, and [Entry] says how far the model is certified and what is known against it.
//
// The package has no clock and does no input or output: the bytes, the instant and the last number are handed in, so that a site
// without a way to the Internet imports the same file from a disk. For the same reason it fetches no lists of revoked certificates (Service §3.2 steps 4
// and 5): they are handed in where there are any.
//
// What it knows, it says; what follows from it for a key is policy's to decide.
package mds

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"time"

	"staffkey"
)

// The limits of a BLOB. The one of the Alliance has about 10 MB and 300 entries.
const (
	MaxSize         = staffkey.MaxMetadata // bytes of the BLOB as it comes
	MaxEntries      = 20_000
	maxDepth        = 32       // of objects and lists within one another
	maxMembers      = 256      // of one object
	maxHeader       = 64 << 10 // bytes of the header, in base64url
	maxCertificates = 8        // in x5c
)

// DefaultName is the name that the certificate of the signature is issued to (Service §3.2 step 1).
const DefaultName = "mds.fidoalliance.org"

// Trust is whom we believe. The zero value believes the FIDO Alliance.
type Trust struct {
	// Roots are what the chain of the signature has to end at; nil stands for [Roots].
	Roots *x509.CertPool
	// Name is the dNSName that the signing certificate has to hold, letter for letter; "" stands for [DefaultName].
	Name string
	// Revoked are lists of certificates that their authorities have revoked, as an operator has fetched them. A list that is out of date
	// counts too: what is on it stays revoked.
	Revoked []*x509.RevocationList
}

// Verify returns the content of a BLOB that was signed by the one whom we trust, with a certificate that is valid at now (Service
// §3.2). Previous is the number of the last BLOB that was accepted, zero when there is none: an older one is refused, and the same
// one is told by [Payload.Known]. That its next update is due does not refuse a BLOB, since old metadata is better than none: the
// caller compares [Payload.NextUpdate] with its clock.
//
// The errors are refusals, whose rules are listed in refusal.go. The payload holds no part of blob.
func Verify(blob []byte, trust Trust, now time.Time, previous int) (*Payload, error) {
	if len(blob) > MaxSize {
		return nil, ruleSize.refuse("Max", MaxSize>>20).Because("%d bytes", len(blob))
	}
	// An editor may have left a line break at the end. Inside there is none: Go's decoder would pass over it, others not.
	blob = bytes.TrimSpace(blob)
	if i := bytes.IndexAny(blob, "\r\n"); i >= 0 {
		return nil, ruleForm.refuse().Because("line break at byte %d", i)
	}
	signed, err := split(blob)
	if err != nil {
		return nil, err
	}
	if err := signed.verify(trust, now); err != nil {
		return nil, err
	}
	content := make([]byte, base64.RawURLEncoding.DecodedLen(len(signed.payload)))
	if _, err := base64URL.Decode(content, signed.payload); err != nil {
		return nil, ruleForm.refuse().Because("payload: %v", err)
	}
	p, err := read(content)
	if err != nil {
		return nil, err
	}
	if p.No < previous {
		return nil, ruleRollback.refuse("No", p.No, "Previous", previous).Because("number %d after %d", p.No, previous)
	}
	p.Known = p.No == previous
	return p, nil
}
