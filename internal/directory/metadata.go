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
	// Verify checks FIDO metadata, not older than one of a number. The issue changes nothing until it is used.
	Verify(blob []byte, previous int, at time.Time) (staffkey.Issue, error)
	// Loaded is the metadata in use.
	Loaded() staffkey.Metadata
	Model(aaguid string) staffkey.Model
	Models() []staffkey.Model
	// Icon is the picture of a model with its media type, if there is one.
	Icon(aaguid string) (picture []byte, mediaType string, ok bool)
	Facts(k staffkey.SecurityKey) staffkey.KeyFacts
	// FactsUnder is Facts under other holds than those that are set.
	FactsUnder(k staffkey.SecurityKey, holds staffkey.Holds) staffkey.KeyFacts
	// NeedsRegistration reports whether Facts needs the bytes of a key's registration.
	NeedsRegistration(k staffkey.SecurityKey) bool
	Judge(k staffkey.SecurityKey) (staffkey.Trust, int)
	// ProvenBy reports whether a key's attestation leads to one of some trust anchors.
	ProvenBy(k staffkey.SecurityKey, anchors []*x509.Certificate) bool
	// SetAnchors says which trust anchors the installation has of its own.
	SetAnchors([]staffkey.TrustAnchor)
	// RecallsOf returns the recalls that concern a key, wherever they hold.
	RecallsOf(k staffkey.SecurityKey) []staffkey.Recall
	// SetRecalls says which recalls hold, SetHolds what of the metadata waits for a decision.
	SetRecalls([]staffkey.Recall)
	SetHolds(staffkey.Holds)
}

// noModels knows no models.
type noModels struct{}

func (noModels) Verify([]byte, int, time.Time) (staffkey.Issue, error) {
	return staffkey.Issue{}, errors.New("there is no catalogue of models")
}
func (noModels) Loaded() staffkey.Metadata                               { return staffkey.Metadata{} }
func (noModels) Model(aaguid string) staffkey.Model                      { return staffkey.Model{AAGUID: aaguid} }
func (noModels) Models() []staffkey.Model                                { return nil }
func (noModels) Icon(string) ([]byte, string, bool)                      { return nil, "", false }
func (noModels) NeedsRegistration(staffkey.SecurityKey) bool             { return false }
func (noModels) RecallsOf(staffkey.SecurityKey) []staffkey.Recall        { return nil }
func (noModels) ProvenBy(staffkey.SecurityKey, []*x509.Certificate) bool { return false }
func (noModels) SetAnchors([]staffkey.TrustAnchor)                       {}
func (noModels) SetRecalls([]staffkey.Recall)                            {}
func (noModels) SetHolds(staffkey.Holds)                                 {}
func (noModels) Facts(k staffkey.SecurityKey) staffkey.KeyFacts {
	return staffkey.KeyFacts{Model: staffkey.Model{AAGUID: k.AAGUID}, Trust: k.Trust}
}
func (m noModels) FactsUnder(k staffkey.SecurityKey, _ staffkey.Holds) staffkey.KeyFacts {
	return m.Facts(k)
}
func (noModels) Judge(staffkey.SecurityKey) (staffkey.Trust, int) { return staffkey.TrustUnjudged, -1 }

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
		_, err = d.ImportMetadata(ctx, schedule, blob, source, ImportChoice{})
	}
	problem := ""
	if err != nil {
		problem = metadataProblem(err)
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

// metadataProblem says in English what was wrong with metadata that was fetched.
func metadataProblem(err error) string {
	var refusal *staffkey.Refusal
	if errors.As(err, &refusal) {
		return "the metadata that was fetched " + English(refusal.Message)
	}
	return err.Error()
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

// RefreshMetadata loads the metadata that another node or a command has imported, with what is held of it: never the one without the other.
// The metadata was verified when it was imported, so its certificates need to have been valid then.
func (d *Directory) RefreshMetadata(ctx context.Context) error {
	d.metadata.Lock()
	defer d.metadata.Unlock()
	var m staffkey.Metadata
	var blob []byte
	var holds staffkey.Holds
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		if holds, err = tx.ListHolds(); err != nil {
			return err
		}
		blob = nil
		if m, err = tx.FindMetadata(); errors.Is(err, staffkey.ErrNotFound) {
			return nil
		}
		if err != nil || m.Number <= d.models.Loaded().Number {
			return err
		}
		blob, err = tx.FindMetadataBlob()
		return err
	})
	if err == nil {
		d.models.SetHolds(holds)
		if blob == nil {
			return nil
		}
		var issue staffkey.Issue
		if issue, err = d.models.Verify(blob, 0, m.ImportedAt); err == nil {
			issue.Use()
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
