package directory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Limits of a file of trust anchors.
const (
	MaxAnchorFile = 256 << 10 // bytes
	maxAnchors    = 50        // certificates of one model
)

// ReadAnchors reads certificates from a file, PEM or DER. Anything else in it refuses all of it: whoever takes a wrong file should hear of it.
func ReadAnchors(file []byte) ([]*x509.Certificate, error) {
	if len(file) == 0 || len(file) > MaxAnchorFile {
		return nil, staffkey.Invalid("file", "anchors.file", "Max", MaxAnchorFile>>10)
	}
	if !bytes.Contains(file, []byte("-----BEGIN")) {
		list, err := x509.ParseCertificates(file)
		if err != nil || len(list) == 0 {
			return nil, staffkey.Invalid("file", "anchors.none")
		}
		return checkAnchors(list)
	}
	var list []*x509.Certificate
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if bytes.Contains(rest, []byte("-----BEGIN")) {
				return nil, staffkey.Invalid("file", "anchors.none")
			}
			return checkAnchors(list)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, staffkey.Invalid("file", "anchors.none")
		}
		list = append(list, c)
	}
}

func checkAnchors(list []*x509.Certificate) ([]*x509.Certificate, error) {
	switch {
	case len(list) == 0:
		return nil, staffkey.Invalid("file", "anchors.none")
	case len(list) > maxAnchors:
		return nil, staffkey.Invalid("file", "anchors.many", "Max", maxAnchors)
	}
	return list, nil
}

// AnchorPreview is whom trust anchors would concern.
type AnchorPreview struct {
	Model staffkey.Model
	// Keys of the model are on lists; Proven of them are proven now, and Would would be so by these anchors and are not yet, of People.
	Keys, Proven, Would, People int
}

// PreviewAnchors says which keys of a model would be proven by certificates, and changes nothing. It asks what [Directory.AddAnchors] asks.
func (d *Directory) PreviewAnchors(ctx context.Context, actor staffkey.Actor, certificates []*x509.Certificate, aaguid string) (AnchorPreview, error) {
	aaguid = strings.ToLower(strings.TrimSpace(aaguid))
	p := AnchorPreview{Model: d.models.Model(aaguid)}
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		p.Keys, p.Proven, p.Would, p.People = 0, 0, 0, 0
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		if !policy.IsAAGUID(aaguid) {
			return staffkey.Invalid("aaguid", "policy.keys.aaguid")
		}
		var last staffkey.PersonID
		return tx.EachRegistration(aaguid, func(k staffkey.SecurityKey) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			p.Keys++
			switch {
			case k.Trust == staffkey.TrustProven:
				p.Proven++
			case d.models.ProvenBy(k, certificates):
				if p.Would++; k.Person != last {
					p.People++
				}
				last = k.Person
			}
			return nil
		})
	})
	if err != nil {
		return AnchorPreview{}, fmt.Errorf("preview trust anchors: %w", err)
	}
	return p, nil
}

// AddAnchors trusts certificates to attest the keys of a model, for operators of the whole installation; source is the file's name. Keys on
// lists are judged again within half a minute. What the model has already changes nothing.
func (d *Directory) AddAnchors(ctx context.Context, actor staffkey.Actor, certificates []*x509.Certificate, aaguid, source string) error {
	aaguid = strings.ToLower(strings.TrimSpace(aaguid))
	event := staffkey.Event(staffkey.EventAnchorAdded, actor)
	event.Subject, event.SubjectName = aaguid, d.models.Model(aaguid).FullName()
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		if !policy.IsAAGUID(aaguid) {
			return staffkey.Invalid("aaguid", "policy.keys.aaguid")
		}
		list, err := tx.ListTrustAnchors()
		if err != nil {
			return err
		}
		has := make(map[string]bool)
		for _, a := range list {
			if a.AAGUID == aaguid {
				has[a.Fingerprint] = true
			}
		}
		var added []string
		for _, c := range certificates {
			a := staffkey.TrustAnchor{
				ID: store.NewID[staffkey.TrustAnchorID](), AAGUID: aaguid, Certificate: c.Raw, Fingerprint: fingerprint(c.Raw), Source: source,
				AddedBy: actor.Person, AddedAt: tx.Now,
			}
			if has[a.Fingerprint] {
				continue
			}
			has[a.Fingerprint] = true
			if err := tx.InsertTrustAnchor(a); err != nil {
				return err
			}
			added = append(added, a.Fingerprint)
		}
		if len(has) > maxAnchors {
			return staffkey.Invalid("file", "anchors.many", "Max", maxAnchors)
		}
		if added == nil {
			return errUnchanged
		}
		tx.Event.Detail = map[string]string{"source": staffkey.CleanText(source), "certificates": strings.Join(added, " ")}
		return tx.JudgeModelAgain(aaguid)
	})
	if err != nil {
		return fmt.Errorf("add trust anchors: %w", err)
	}
	return d.RefreshAnchors(ctx)
}

// RemoveAnchor trusts a certificate no more, for operators of the whole installation. Keys that it has proven are judged again.
func (d *Directory) RemoveAnchor(ctx context.Context, actor staffkey.Actor, id staffkey.TrustAnchorID) error {
	event := staffkey.Event(staffkey.EventAnchorRemoved, actor)
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		a, err := tx.DeleteTrustAnchor(id)
		if err != nil {
			return err
		}
		tx.Event.Subject, tx.Event.SubjectName = a.AAGUID, d.models.Model(a.AAGUID).FullName()
		tx.Event.Detail = map[string]string{"source": a.Source, "certificates": a.Fingerprint}
		return tx.JudgeModelAgain(a.AAGUID)
	})
	if err != nil {
		return fmt.Errorf("remove trust anchor: %w", err)
	}
	return d.RefreshAnchors(ctx)
}

// ListAnchors returns the trust anchors of the installation's own, for operators of the whole installation.
func (d *Directory) ListAnchors(ctx context.Context, actor staffkey.Actor) ([]staffkey.TrustAnchor, error) {
	var list []staffkey.TrustAnchor
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		var err error
		list, err = tx.ListTrustAnchors()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list trust anchors: %w", err)
	}
	return list, nil
}

// RefreshAnchors loads the trust anchors that another node or a command may have changed. Until a node has, it judges new keys by what it
// knew: keys of the models that changed are judged again.
func (d *Directory) RefreshAnchors(ctx context.Context) error {
	d.anchorsMu.Lock()
	defer d.anchorsMu.Unlock()
	var list []staffkey.TrustAnchor
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		list, err = tx.ListTrustAnchors()
		return err
	})
	if err != nil {
		return fmt.Errorf("load trust anchors: %w", err)
	}
	now := make(map[string]string, len(list)) // fingerprints by model
	for _, a := range list {
		now[a.AAGUID] += a.Fingerprint + " "
	}
	before := d.anchors
	if before != nil && maps.Equal(before, now) {
		return nil
	}
	d.models.SetAnchors(list)
	d.anchorsPassed.Add(1) // before keys are judged again, see JudgeKeys
	if before != nil {
		both := slices.Concat(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(now)))
		err = d.store.Housekeep(ctx, func(tx *store.Tx) error {
			var errs []error
			for _, aaguid := range both {
				if before[aaguid] != now[aaguid] {
					errs = append(errs, tx.JudgeModelAgain(aaguid))
				}
			}
			return errors.Join(errs...)
		})
		if err != nil {
			return fmt.Errorf("judge keys again: %w", err)
		}
	}
	d.anchors = now
	return nil
}

func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}
