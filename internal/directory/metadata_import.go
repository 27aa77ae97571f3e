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

// ImportChoice is how metadata is imported.
type ImportChoice struct {
	// RefuseNow lets all that the issue says count at once. Otherwise what would refuse the keys of many is held until an operator decides.
	RefuseNow bool
	Consent
}

// Cause is something that an issue newly says and by which keys that are taken now would be refused.
type Cause struct {
	staffkey.HoldKey
	Model staffkey.Model
	// People would have a key refused by it.
	People int
	// Held says that it waits for an operator, unless they want it at once.
	Held bool
	// level is what the model counted as before.
	level staffkey.CertificationLevel
}

// MetadataPreview is what an issue of metadata would do.
type MetadataPreview struct {
	staffkey.Metadata
	// Known says that it is in use already.
	Known bool
	// Causes are in the order of how many they concern, most first.
	Causes []Cause
	// People have a key. Held is what the import does, Now what it would do if everything counted at once.
	Held, Now WhatIf
}

// PreviewMetadata verifies metadata and says whom it would concern. It asks what [Directory.ImportMetadata] asks, and changes nothing.
func (d *Directory) PreviewMetadata(ctx context.Context, actor staffkey.Actor, blob []byte) (MetadataPreview, error) {
	issue, current, err := d.verify(ctx, actor, blob)
	p := MetadataPreview{Metadata: issue.Metadata, Known: issue.Number == current}
	if err == nil && !p.Known {
		err = d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
			if err := d.mayRunMetadata(tx, may); err != nil {
				return err
			}
			return d.previewIssue(tx, actor, issue, &p)
		})
	}
	if err != nil {
		return MetadataPreview{}, fmt.Errorf("preview metadata: %w", err)
	}
	return p, nil
}

func (d *Directory) previewIssue(tx *store.Tx, actor staffkey.Actor, issue staffkey.Issue, p *MetadataPreview) error {
	root, err := tx.FindRootOrganisation()
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	plan, err := d.planIssue(tx, issue, root)
	if err != nil {
		return err
	}
	p.Causes = plan.listed()
	for _, held := range []struct {
		into  *WhatIf
		holds staffkey.Holds
	}{{&p.Now, plan.kept}, {&p.Held, plan.holds()}} {
		c, err := d.issueChange(tx, root, issue, held.holds)
		if err != nil {
			return err
		}
		if *held.into, err = c.whatIf(root, actor); err != nil {
			return err
		}
	}
	return nil
}

// verify checks metadata for somebody who may import it, and returns the number of what is in use.
func (d *Directory) verify(ctx context.Context, actor staffkey.Actor, blob []byte) (issue staffkey.Issue, current int, err error) {
	var now time.Time
	err = d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		if err := d.mayRunMetadata(tx, may); err != nil {
			return err
		}
		m, err := tx.FindMetadata()
		if err != nil && !errors.Is(err, staffkey.ErrNotFound) {
			return err
		}
		current, now = m.Number, tx.Now
		return nil
	})
	if err != nil {
		return staffkey.Issue{}, 0, err
	}
	issue, err = d.models.Verify(blob, current, now)
	return issue, current, err
}

// ImportMetadata verifies and stores FIDO metadata from a source, for operators of the whole installation. The same issue once more
// changes nothing; an older one is refused, also when two are imported at once. What it says against models so that many people would have
// a key refused, or no operator could act any more, is held: the keys go on being taken, operators are told, and decide
// ([Directory.DecideHold]).
func (d *Directory) ImportMetadata(ctx context.Context, actor staffkey.Actor, blob []byte, source string, choice ImportChoice) (staffkey.Metadata, error) {
	event := staffkey.Event(staffkey.EventMetadataImported, actor)
	event.SubjectName = source
	issue, current, wrong := d.verify(ctx, actor, blob)
	plan := &issuePlan{issue: issue}
	if wrong == nil && issue.Number != current {
		err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
			root, err := tx.FindRootOrganisation()
			if errors.Is(err, staffkey.ErrNotFound) {
				return nil
			}
			if err == nil {
				plan, err = d.planIssue(tx, issue, root)
			}
			return err
		})
		if err != nil {
			return staffkey.Metadata{}, fmt.Errorf("import metadata: count whom it concerns: %w", err)
		}
	}
	about := issue.Metadata
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
		switch {
		case err == nil:
			return d.holdBack(tx, actor, plan, choice)
		case !errors.Is(err, staffkey.ErrConflict):
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
	return about, d.RefreshMetadata(ctx)
}

// holdBack stores what of an issue waits for an operator, in the change that imports it, and tells them.
func (d *Directory) holdBack(tx *store.Tx, actor staffkey.Actor, plan *issuePlan, choice ImportChoice) error {
	if err := tx.DeleteOffered(plan.issue.Number); err != nil {
		return err
	}
	root, err := tx.FindRootOrganisation()
	if errors.Is(err, staffkey.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if plan.kept, err = keptHolds(tx, plan.issue); err != nil {
		return err
	}
	if choice.RefuseNow {
		for _, cause := range plan.causes {
			cause.Held = false
		}
	} else if err := d.holdForOperators(tx, root, plan); err != nil {
		return err
	}
	c, err := d.issueChange(tx, root, plan.issue, plan.holds())
	if err != nil {
		return err
	}
	if err := c.allow(actor, choice.Consent); err != nil {
		return err
	}
	before, err := tx.ListHolds()
	if err != nil {
		return err
	}
	for key := range before { // what the issue does not say any more
		if _, ok := plan.kept[key]; !ok {
			if err := tx.DeleteHold(key); err != nil {
				return err
			}
		}
	}
	held, most := 0, 0
	for _, cause := range plan.listed() {
		if !cause.Held {
			continue
		}
		held, most = held+1, max(most, cause.People)
		h := staffkey.Hold{HoldKey: cause.HoldKey, AAGUID: cause.Model.AAGUID, Level: cause.level, Number: plan.issue.Number, People: cause.People, At: tx.Now}
		if err := tx.InsertHold(h); err != nil {
			return err
		}
		event := staffkey.Event(staffkey.EventMetadataHeld, actor)
		event.Organisation, event.Subject, event.SubjectName = root.ID, h.AAGUID, cause.Model.Name
		event.Detail = map[string]string{"finding": string(h.Kind), "people": strconv.Itoa(h.People), "metadata": strconv.Itoa(h.Number)}
		if err := tx.Record(event); err != nil {
			return err
		}
	}
	if held == 0 {
		return nil
	}
	tx.Event.Detail["held"] = strconv.Itoa(held)
	return tx.InsertOperatorNotice("operator.metadata_held", map[string]string{"Number": strconv.Itoa(plan.issue.Number), "Held": strconv.Itoa(held), "People": strconv.Itoa(most)})
}

// holdForOperators holds what would leave no operator who can act, however few it concerns.
func (d *Directory) holdForOperators(tx *store.Tx, root staffkey.Organisation, plan *issuePlan) error {
	c, err := d.issueChange(tx, root, plan.issue, plan.holds())
	if err != nil {
		return err
	}
	able, left, err := c.operators()
	if err != nil || able == 0 || left > 0 {
		return err
	}
	holders, err := tx.ListOperators()
	if err != nil {
		return err
	}
	concerns, err := c.weigh(holders)
	if err != nil {
		return err
	}
	for _, concern := range concerns {
		for key, k := range causesOf(concern) {
			plan.cause(key, k).Held = true
		}
	}
	return nil
}

// issueChange is what an issue would change under holds.
func (d *Directory) issueChange(tx *store.Tx, root staffkey.Organisation, issue staffkey.Issue, holds staffkey.Holds) (*change, error) {
	c := &change{d: d, tx: tx, rules: newRulebook(tx, root.ID, nil), chains: make(map[staffkey.OrganisationID]policy.Chain)}
	c.before = c.known
	if issue.Facts == nil { // nothing new
		c.after = c.known
		return c, nil
	}
	c.after = func(k staffkey.SecurityKey) (staffkey.KeyFacts, error) {
		again := issue.Rejudges(k)
		k, err := c.withRegistration(k, func(k staffkey.SecurityKey) bool { return again || issue.NeedsRegistration(k) })
		if err != nil {
			return staffkey.KeyFacts{}, err
		}
		f := issue.Facts(k)
		if again && !holds.KeepsTrust(f.Model.Identifier) {
			f.Trust, _ = issue.Judge(k)
		}
		f.Model = holds.Apply(f.Model)
		return f, nil
	}
	return c, nil
}

// issuePlan is what of an issue would refuse whom.
type issuePlan struct {
	issue staffkey.Issue
	// kept are holds from before that the issue still speaks of.
	kept   staffkey.Holds
	causes map[staffkey.HoldKey]*Cause
}

// holds are those under which the issue is used.
func (p *issuePlan) holds() staffkey.Holds {
	holds := maps.Clone(p.kept)
	if holds == nil {
		holds = make(staffkey.Holds)
	}
	for key, cause := range p.causes {
		if cause.Held {
			holds[key] = staffkey.Hold{HoldKey: key, Level: cause.level}
		}
	}
	return holds
}

// listed are the causes, most people first.
func (p *issuePlan) listed() []Cause {
	list := make([]Cause, 0, len(p.causes))
	for _, cause := range p.causes {
		list = append(list, *cause)
	}
	slices.SortFunc(list, func(a, b Cause) int {
		return cmp.Or(b.People-a.People, cmp.Compare(a.HoldKey.Model, b.HoldKey.Model), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Firmware, b.Firmware))
	})
	return list
}

// note counts a person among those whom causes concern.
func (p *issuePlan) note(concern Concern) {
	for key, k := range causesOf(concern) {
		p.cause(key, k).People++
	}
}

func (p *issuePlan) cause(key staffkey.HoldKey, k lostKey) *Cause {
	if p.causes == nil {
		p.causes = make(map[staffkey.HoldKey]*Cause)
	}
	cause, ok := p.causes[key]
	if !ok {
		cause = &Cause{HoldKey: key, Model: k.after.Model}
		p.causes[key] = cause
	}
	cause.level = max(cause.level, k.before.Model.Level)
	return cause
}

func keptHolds(tx *store.Tx, issue staffkey.Issue) (staffkey.Holds, error) {
	holds, err := tx.ListHolds()
	if issue.Speaks != nil {
		maps.DeleteFunc(holds, func(_ staffkey.HoldKey, h staffkey.Hold) bool { return !issue.Speaks(h) })
	}
	return holds, err
}

// planIssue counts whom what an issue newly says would concern, and decides what is held: of all causes, those with fewest people count at
// once as long as together they do not refuse too many.
func (d *Directory) planIssue(tx *store.Tx, issue staffkey.Issue, root staffkey.Organisation) (*issuePlan, error) {
	plan := &issuePlan{issue: issue}
	var err error
	if plan.kept, err = keptHolds(tx, issue); err != nil {
		return nil, err
	}
	c, err := d.issueChange(tx, root, issue, plan.kept)
	if err != nil {
		return nil, err
	}
	if err := c.rules.readBelow(); err != nil {
		return nil, err
	}
	people := 0
	err = c.each(root.ID, store.Holder{}, func(concern Concern) error {
		if concern.hasKey {
			people++
		}
		plan.note(concern)
		return nil
	})
	if err != nil {
		return nil, err
	}
	total := 0
	for _, cause := range slices.Backward(plan.listed()) {
		total += cause.People
		plan.causes[cause.HoldKey].Held = d.hold.Exceeded(total, people)
	}
	return plan, nil
}

// lostKey is a key that would be refused, with what is known of it before and after, and the rules by which it is judged.
type lostKey struct {
	key           staffkey.SecurityKey
	before, after staffkey.KeyFacts
	rules         staffkey.KeyRules
}

// causesOf tells by what the keys of a person would be refused: all that has to be held for them to be taken.
func causesOf(concern Concern) map[staffkey.HoldKey]lostKey {
	causes := make(map[staffkey.HoldKey]lostKey)
	for _, lost := range concern.lost {
		facts := lost.after
		id := facts.Model.Identifier
		for range len(facts.Model.Findings) + 3 { // each turn takes one cause away
			verdict := policy.JudgeKey(lost.rules, lost.key, facts, false)
			if verdict.Answer != policy.Refuse {
				break
			}
			key := staffkey.HoldKey{Model: id, Kind: verdict.Finding}
			switch {
			case verdict.Finding != "":
				i := slices.IndexFunc(facts.Model.Findings, func(f staffkey.Finding) bool { return f.Kind == verdict.Finding && !f.Held })
				key.Firmware = facts.Model.Findings[i].Firmware
				facts.Model = staffkey.Holds{key: {HoldKey: key}}.Apply(facts.Model)
			case lost.before.Trust == staffkey.TrustProven && facts.Trust != staffkey.TrustProven:
				key.Kind, facts.Trust = staffkey.FindingAnchorsChanged, staffkey.TrustProven
			case facts.Model.Level < lost.before.Model.Level:
				key.Kind, facts.Model.Level = staffkey.FindingLevelLowered, lost.before.Model.Level
			}
			if key.Kind == "" {
				break // by nothing that an issue says
			}
			causes[key] = lost
		}
	}
	return causes
}
