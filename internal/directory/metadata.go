package directory

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Models is what the directory needs of the catalogue of models.
type Models interface {
	// Verify checks FIDO metadata, not older than one of a number, and returns what it says of itself and how to use it from now on.
	Verify(blob []byte, previous int, at time.Time) (staffkey.Metadata, func(), error)
	// Loaded is the metadata in use.
	Loaded() staffkey.Metadata
	Model(aaguid string) staffkey.Model
	Models() []staffkey.Model
	// Icon is the picture of a model with its media type, if there is one.
	Icon(aaguid string) (picture []byte, mediaType string, ok bool)
	Facts(k staffkey.SecurityKey) staffkey.KeyFacts
	Judge(k staffkey.SecurityKey) (staffkey.Trust, int)
	// ProvenBy reports whether a key's attestation leads to one of some trust anchors.
	ProvenBy(k staffkey.SecurityKey, anchors []*x509.Certificate) bool
	// SetAnchors says which trust anchors the installation has of its own.
	SetAnchors([]staffkey.TrustAnchor)
	// SetRecalls says which recalls hold.
	SetRecalls([]staffkey.Recall)
}

// Metadata returns the FIDO metadata that the installation has (F81).
func (d *Directory) Metadata(ctx context.Context) (staffkey.Metadata, error) {
	var m staffkey.Metadata
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		m, err = tx.FindMetadata()
		return err
	})
	if errors.Is(err, staffkey.ErrNotFound) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("metadata: %w", err)
	}
	if loaded := d.models.Loaded(); loaded.Number == m.Number {
		m.Models, m.Skipped = loaded.Models, loaded.Skipped
	}
	return m, nil
}

// ImportMetadata verifies and stores FIDO metadata from a source, for operators of the whole installation. The same issue once more
// changes nothing; an older one is refused, also when two are imported at once.
func (d *Directory) ImportMetadata(ctx context.Context, actor staffkey.Actor, blob []byte, source string) (staffkey.Metadata, error) {
	event := staffkey.Event(staffkey.EventMetadataImported, actor)
	event.SubjectName = source
	var about staffkey.Metadata
	var load func()
	wrong := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		current, err := tx.FindMetadata()
		if err != nil && !errors.Is(err, staffkey.ErrNotFound) {
			return err
		}
		about, load, err = d.models.Verify(blob, current.Number, tx.Now)
		return err
	})
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil || wrong != nil {
			return errors.Join(err, wrong)
		}
		about.Source, about.ImportedBy, about.ImportedAt = source, actor.Person, tx.Now
		tx.Event.Subject = strconv.Itoa(about.Number)
		tx.Event.Detail = map[string]string{
			"models": strconv.Itoa(about.Models), "skipped": strconv.Itoa(about.Skipped), "next_update": about.NextUpdate.Format(time.DateOnly),
		}
		err := tx.PutMetadata(about, blob)
		if !errors.Is(err, staffkey.ErrConflict) {
			return err
		}
		if current, err := tx.FindMetadata(); err != nil || current.Number == about.Number { // the same once more
			return errors.Join(err, errUnchanged)
		}
		return staffkey.Refused("mds_rollback", "mds.rollback", "No", about.Number)
	})
	if err != nil {
		return staffkey.Metadata{}, fmt.Errorf("import metadata: %w", err)
	}
	load()
	return about, nil
}

// retryMetadata is how soon metadata is looked for again after it could not be had: a source that is away for a minute must not cost a day.
const retryMetadata = time.Hour

// FetchMetadata looks for newer metadata, unless another node has within the interval, or within an hour after a try that went wrong: get
// fetches it from a source. What goes wrong is kept for those who look, and told in the log once for each thing that went wrong.
func (d *Directory) FetchMetadata(ctx context.Context, interval time.Duration, source string, get func(context.Context) ([]byte, error)) error {
	var mine bool
	var before staffkey.Metadata
	err := d.store.Housekeep(ctx, func(tx *store.Tx) error {
		var err error
		if before, err = tx.FindMetadata(); err != nil && !errors.Is(err, staffkey.ErrNotFound) {
			return err
		}
		wait := interval
		if before.Problem != "" {
			wait = min(wait, retryMetadata)
		}
		mine, err = tx.TakeMetadataCheck(tx.Now.Add(-wait))
		return err
	})
	if err != nil || !mine {
		return err
	}
	blob, err := get(ctx)
	if err == nil {
		schedule := staffkey.ConsoleActor()
		schedule.Name = "metadata schedule"
		_, err = d.ImportMetadata(ctx, schedule, blob, source)
	}
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	if problem == before.Problem {
		return err
	}
	note := func(tx *store.Tx) error { return tx.NoteMetadataProblem(problem) }
	if problem == "" {
		return d.store.Housekeep(ctx, note)
	}
	event := staffkey.Event(staffkey.EventMetadataFailed, staffkey.Actor{Name: "metadata schedule"})
	event.SubjectName, event.Detail = source, map[string]string{"problem": problem}
	return errors.Join(err, d.store.Change(ctx, event, note))
}

// mayRunMetadata asks whether the actor may change what holds for the whole installation. Before there is an organisation, the console may.
func (d *Directory) mayRunMetadata(tx *store.Tx, may staffkey.Authority) error {
	root, err := tx.FindRootOrganisation()
	if errors.Is(err, staffkey.ErrNotFound) && may.Console {
		return nil
	}
	if err != nil {
		return err
	}
	tx.Event.Organisation = root.ID // unused in a read
	return policy.MayRunMetadata(may, policy.Chain{root.ID})
}

// RefreshModels loads what is known of models, before the first sign-in: the recalls that hold, trust anchors, and the metadata.
func (d *Directory) RefreshModels(ctx context.Context) error {
	return errors.Join(d.RefreshRecalls(ctx), d.RefreshAnchors(ctx), d.RefreshMetadata(ctx))
}

// RefreshMetadata loads the metadata that another node or a command has imported. It was verified when it was imported, so its certificates
// need to have been valid then.
func (d *Directory) RefreshMetadata(ctx context.Context) error {
	var m staffkey.Metadata
	var blob []byte
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if m, err = tx.FindMetadata(); err != nil || m.Number <= d.models.Loaded().Number {
			return err
		}
		blob, err = tx.FindMetadataBlob()
		return err
	})
	if errors.Is(err, staffkey.ErrNotFound) || err == nil && blob == nil {
		return nil
	}
	if err == nil {
		var load func()
		if _, load, err = d.models.Verify(blob, 0, m.ImportedAt); err == nil {
			load()
			return nil
		}
	}
	return fmt.Errorf("load metadata number %d, imported from %s: %w", m.Number, m.Source, err)
}

// judgeBatch is how many keys are judged in one transaction: so many that the commit costs little for each, and so few that nobody who
// signs in meanwhile notices it.
const judgeBatch = 500

// JudgeKeys judges the attestations of keys anew that older metadata was used for, and returns how many. It is called until it returns
// none; a stop at any instant loses nothing but the batch. A key of which another thing is true now leaves an audit event.
func (d *Directory) JudgeKeys(ctx context.Context) (int, error) {
	if err := d.RefreshAnchors(ctx); err != nil {
		return 0, err
	}
	number, passed := d.models.Loaded().Number, d.anchorsPassed.Load()
	var keys []staffkey.SecurityKey
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		keys, err = tx.ListKeysToJudge(number, judgeBatch)
		return err
	})
	if err != nil || len(keys) == 0 {
		return 0, err
	}
	type verdict struct {
		trust staffkey.Trust
		by    int // newer metadata may have come since
	}
	verdicts := make(map[verdict][]staffkey.SecurityKeyID)
	changed := make(map[staffkey.SecurityKeyID]staffkey.AuditEvent)
	for _, k := range keys {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		trust, by := d.models.Judge(k)
		verdicts[verdict{trust, by}] = append(verdicts[verdict{trust, by}], k.ID)
		if trust != k.Trust && k.Trust != staffkey.TrustUnjudged {
			event := staffkey.Event(staffkey.EventKeyJudged, staffkey.Actor{})
			event.Person, event.Subject, event.SubjectName = k.Person, string(k.ID), k.Nickname
			event.Detail = map[string]string{"before": string(k.Trust), "after": string(trust), "metadata": strconv.Itoa(by)}
			changed[k.ID] = event
		}
	}
	err = d.store.Housekeep(ctx, func(tx *store.Tx) error {
		if d.anchorsPassed.Load() != passed {
			return nil // these verdicts are by others than hold: the keys are judged in the next batch
		}
		var events []staffkey.AuditEvent
		for v, ids := range verdicts {
			noted, err := tx.NoteTrust(v.trust, v.by, ids...)
			if err != nil {
				return err
			}
			for _, id := range noted {
				if event, ok := changed[id]; ok {
					events = append(events, event)
				}
			}
		}
		return tx.Record(events...)
	})
	if err != nil {
		return 0, fmt.Errorf("judge keys: %w", err)
	}
	return len(keys), nil
}
