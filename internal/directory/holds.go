package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// HoldLine is a hold in a list.
type HoldLine struct {
	staffkey.Hold
	Model staffkey.Model
	// Recalled: a recall of the model runs, or has ended, for the whole installation, so that nothing is left to decide.
	Recalled bool
}

// Open reports whether an operator has to decide.
func (h HoldLine) Open() bool { return h.TakenAt.IsZero() && !h.Recalled }

// ListHolds returns what of the metadata is held, for operators of the whole installation: what is to be decided first, most people first.
func (d *Directory) ListHolds(ctx context.Context, actor staffkey.Actor) ([]HoldLine, error) {
	var list []HoldLine
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		list = nil
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		holds, err := tx.ListHolds()
		if err != nil || len(holds) == 0 {
			return err
		}
		recalls, err := tx.ListRecalls()
		if err != nil {
			return err
		}
		root, err := tx.FindRootOrganisation()
		if err != nil {
			return err
		}
		for _, h := range holds {
			line := HoldLine{Hold: h, Model: d.models.Model(h.AAGUID)}
			line.Recalled = slices.ContainsFunc(recalls, func(r staffkey.Recall) bool {
				return r.Organisation == root.ID && r.AAGUID == h.AAGUID && r.UndoneAt.IsZero() && r.FirmwareFrom == "" && r.FirmwareBelow == ""
			})
			list = append(list, line)
		}
		slices.SortFunc(list, func(a, b HoldLine) int {
			open := map[bool]int{true: 0, false: 1}
			return cmp.Or(open[a.Open()]-open[b.Open()], b.People-a.People, cmp.Compare(a.HoldKey.Model, b.HoldKey.Model), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Firmware, b.Firmware))
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list what is held: %w", err)
	}
	return list, nil
}

// HoldDecision is what an operator decides about a hold.
type HoldDecision string

// The decisions. A recall of the model is the third, between them: the keys are taken until its date ([Directory.StartRecall]).
const (
	HoldRefuse HoldDecision = "refuse" // what the metadata says counts from now on
	HoldTake   HoldDecision = "take"   // the keys go on being taken; new ones need a review
)

// DecideHold decides about what was held, for operators of the whole installation. What is refused needs the same as a change of rules: an
// operator who can act after it, and the actor's word when it is their own key. ErrExpired: it was decided meanwhile.
func (d *Directory) DecideHold(ctx context.Context, actor staffkey.Actor, key staffkey.HoldKey, decision HoldDecision, consent Consent) error {
	err := d.change(ctx, actor, staffkey.Event(staffkey.EventMetadataDecided, actor), func(tx *store.Tx, may staffkey.Authority) error {
		root, err := d.mayHold(tx, may)
		if err != nil {
			return err
		}
		holds, err := tx.ListHolds()
		if err != nil {
			return err
		}
		h, ok := holds[key]
		if !ok {
			return holdGone()
		}
		tx.Event.Organisation, tx.Event.Subject, tx.Event.SubjectName = root.ID, h.AAGUID, d.models.Model(h.AAGUID).Name
		tx.Event.Detail = map[string]string{"finding": string(key.Kind), "decision": string(decision), "metadata": strconv.Itoa(h.Number)}
		switch decision {
		case HoldTake:
			err = tx.TakeHold(key, actor)
		case HoldRefuse:
			if err = d.releaseChange(tx, root, holds, key).allow(actor, consent); err != nil {
				return err
			}
			if key.Kind == staffkey.FindingAnchorsChanged {
				err = tx.JudgeAgain(h.AAGUID)
			}
			if err == nil {
				err = tx.DeleteHold(key)
			}
		default:
			return staffkey.Invalid("decision", "ops.hold.empty")
		}
		if errors.Is(err, staffkey.ErrConflict) {
			return holdGone()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("decide about what is held: %w", err)
	}
	return d.RefreshMetadata(ctx)
}

func holdGone() error { return staffkey.Expired("hold_gone", "ops.hold.gone") }

func (d *Directory) mayHold(tx *store.Tx, may staffkey.Authority) (staffkey.Organisation, error) {
	if err := d.mayRunMetadata(tx, may); err != nil {
		return staffkey.Organisation{}, err
	}
	return tx.FindRootOrganisation()
}

// releaseChange is what happens when a hold is taken away.
func (d *Directory) releaseChange(tx *store.Tx, root staffkey.Organisation, holds staffkey.Holds, key staffkey.HoldKey) *change {
	c := &change{d: d, tx: tx, rules: newRulebook(tx, root.ID, nil), chains: make(map[staffkey.OrganisationID]policy.Chain)}
	rest := maps.Clone(holds)
	delete(rest, key)
	c.before = c.known
	c.after = func(k staffkey.SecurityKey) (staffkey.KeyFacts, error) {
		anchors := key.Kind == staffkey.FindingAnchorsChanged && k.Trust == staffkey.TrustProven && d.models.Facts(k).Model.Identifier == key.Model
		k, err := c.withRegistration(k, func(k staffkey.SecurityKey) bool { return anchors || d.models.NeedsRegistration(k) })
		if err != nil {
			return staffkey.KeyFacts{}, err
		}
		f := d.models.FactsUnder(k, rest)
		if anchors {
			k.Trust = staffkey.TrustUnjudged // nothing is kept
			f.Trust, _ = d.models.Judge(k)
		}
		return f, nil
	}
	return c
}

// Question is a change that is asked about: other rules for keys of an organisation, a hold that would be taken away, or metadata that was
// sent ([Directory.OfferMetadata]). Exactly one is.
type Question struct {
	// Organisation, by id or code, would have the rules Keys, nil for none of its own.
	Organisation staffkey.OrganisationID
	Keys         *staffkey.KeyRules
	Hold         *staffkey.HoldKey
	// Offered is the number of an issue.
	Offered int
}

// ask calls fn with the change and the organisation below which it holds, if the actor may make it.
func (d *Directory) ask(ctx context.Context, actor staffkey.Actor, q Question, fn func(*change, staffkey.Organisation) error) error {
	switch {
	case q.Hold != nil:
		return d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
			root, err := d.mayHold(tx, may)
			if err != nil {
				return err
			}
			holds, err := tx.ListHolds()
			if err != nil {
				return err
			}
			if _, ok := holds[*q.Hold]; !ok {
				return staffkey.ErrNotFound
			}
			return fn(d.releaseChange(tx, root, holds, *q.Hold), root)
		})
	case q.Offered != 0:
		_, blob, err := d.offered(ctx, actor, q.Offered)
		if err != nil {
			return err
		}
		issue, _, err := d.verify(ctx, actor, blob)
		if err != nil {
			return err
		}
		return d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
			root, err := d.mayHold(tx, may)
			if err != nil {
				return err
			}
			kept, err := keptHolds(tx, issue)
			if err != nil {
				return err
			}
			c, err := d.issueChange(tx, root, issue, kept)
			if err != nil {
				return err
			}
			return fn(c, root)
		})
	}
	return d.surveyPolicy(ctx, actor, q.Organisation, withKeys(q.Keys), func(c *change, o staffkey.Organisation, _ string) error { return fn(c, o) })
}

// Ask counts whom a change would concern, and changes nothing.
func (d *Directory) Ask(ctx context.Context, actor staffkey.Actor, q Question) (WhatIf, error) {
	var w WhatIf
	err := d.ask(ctx, actor, q, func(c *change, o staffkey.Organisation) error {
		var err error
		w, err = c.whatIf(o, actor)
		return err
	})
	if err != nil {
		return WhatIf{}, fmt.Errorf("whom it concerns: %w", err)
	}
	return w, nil
}

// EachConcerned calls fn for each person in a group of those whom a change would concern, after one (or from the beginning), in the order of
// organisation and name, at most so many; 0 is all. It takes the memory of a page of people, however many there are.
func (d *Directory) EachConcerned(ctx context.Context, actor staffkey.Actor, q Question, group Group, after staffkey.PersonID, limit int, fn func(Concern, staffkey.Organisation) error) error {
	err := d.ask(ctx, actor, q, func(c *change, o staffkey.Organisation) error { return c.list(o.ID, group, after, limit, fn) })
	if err != nil {
		return fmt.Errorf("people concerned: %w", err)
	}
	return nil
}

// lateAfter is how long a message may wait to go out before an operator is shown it.
const lateAfter = 15 * time.Minute

// LateMessages counts the messages that have waited long to go out, for whoever sees people anywhere; nobody else is told a number.
func (d *Directory) LateMessages(ctx context.Context, actor staffkey.Actor) (n int, err error) {
	err = d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		if scope, err := scopeOf(tx, may); err != nil || len(scope) == 0 {
			return err
		}
		n, err = tx.CountLate(tx.Now.Add(-lateAfter))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("count late messages: %w", err)
	}
	return n, nil
}

// offerLife is how long metadata that was sent waits for the word to use it.
const offerLife = time.Hour

// OfferMetadata verifies metadata and keeps it for [Directory.ImportOffered], so that an operator sees first whom it would concern.
func (d *Directory) OfferMetadata(ctx context.Context, actor staffkey.Actor, blob []byte, source string) (MetadataPreview, error) {
	p, err := d.PreviewMetadata(ctx, actor, blob)
	if err != nil || p.Known || len(p.Causes) == 0 {
		return p, err
	}
	p.Source = source
	event := staffkey.Event(staffkey.EventMetadataOffered, actor)
	event.Subject, event.SubjectName = strconv.Itoa(p.Number), source
	err = d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		return tx.PutOffered(actor.Person, p.Metadata, blob)
	})
	if err != nil {
		return MetadataPreview{}, fmt.Errorf("keep metadata: %w", err)
	}
	return p, nil
}

// PreviewOffered is [Directory.PreviewMetadata] of what the actor has sent. ErrExpired: that was too long ago, or it was something else.
func (d *Directory) PreviewOffered(ctx context.Context, actor staffkey.Actor, number int) (MetadataPreview, error) {
	m, blob, err := d.offered(ctx, actor, number)
	if err != nil {
		return MetadataPreview{}, err
	}
	p, err := d.PreviewMetadata(ctx, actor, blob)
	p.Source = m.Source
	return p, err
}

// ImportOffered imports the metadata of a number that the actor has sent.
func (d *Directory) ImportOffered(ctx context.Context, actor staffkey.Actor, number int, choice ImportChoice) (staffkey.Metadata, error) {
	m, blob, err := d.offered(ctx, actor, number)
	if err != nil {
		return staffkey.Metadata{}, err
	}
	return d.ImportMetadata(ctx, actor, blob, m.Source, choice)
}

func (d *Directory) offered(ctx context.Context, actor staffkey.Actor, number int) (m staffkey.Metadata, blob []byte, err error) {
	err = d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		var err error
		m, blob, err = tx.FindOffered(actor.Person, number)
		if errors.Is(err, staffkey.ErrNotFound) || err == nil && tx.Now.Sub(m.ImportedAt) > offerLife {
			return staffkey.Expired("offer_gone", "ops.metadata.offer.gone")
		}
		return err
	})
	if err != nil {
		return m, nil, fmt.Errorf("metadata that was sent: %w", err)
	}
	return m, blob, nil
}
