package directory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// Limits of a recall's date: sooner, people cannot get another key; later, it is no recall.
const (
	leastRecall   = time.Hour
	longestRecall = 366 * 24 * time.Hour
)

// RecallCount is how far a recall has come in an organisation.
type RecallCount struct {
	Organisation staffkey.Organisation
	// Affected is how many people had such a key when the recall started, or have one now; Left how many still have one. The others have
	// replaced theirs.
	Affected, Left int
}

// RecallProgress is a recall and how far it has come where the actor sees people, the organisation with most left first.
type RecallProgress struct {
	staffkey.Recall
	Model         staffkey.Model
	Where         staffkey.Organisation
	Total         RecallCount
	Organisations []RecallCount
	// OwnKeys are the actor's own keys that it would concern, and NoOperator says that every operator who can act now would need another key
	// by its date. Both are told before it starts.
	OwnKeys    []string
	NoOperator bool
}

// PreviewRecall says who a recall would concern, and changes nothing. It asks what [Directory.StartRecall] asks.
func (d *Directory) PreviewRecall(ctx context.Context, actor staffkey.Actor, r staffkey.Recall) (RecallProgress, error) {
	var progress RecallProgress
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		if r, err = d.mayRecall(tx, may, r); err != nil {
			return err
		}
		r.StartedAt = tx.Now
		if progress, err = d.progress(tx, r, []staffkey.OrganisationID{r.Organisation}); err != nil {
			return err
		}
		c := d.recallChange(tx, r)
		own, err := c.own(actor)
		if err != nil {
			return err
		}
		able, left, err := c.operators()
		progress.OwnKeys, progress.NoOperator = own.Keys, able > 0 && left == 0
		return err
	})
	if err != nil {
		return RecallProgress{}, fmt.Errorf("preview recall: %w", err)
	}
	return progress, nil
}

// recallChange is what a recall will have done when its date has passed.
func (d *Directory) recallChange(tx *store.Tx, r staffkey.Recall) *change {
	c := &change{d: d, tx: tx, rules: newRulebook(tx, r.Organisation, nil), chains: make(map[staffkey.OrganisationID]policy.Chain)}
	c.before, c.after = c.known, c.known
	c.over = func(chain policy.Chain, k staffkey.SecurityKey) bool {
		return slices.Contains(chain, r.Organisation) && r.Concerns(k.AAGUID, k.ProvenFirmware())
	}
	return c
}

// StartRecall recalls a model, or some firmware of it, in an organisation and all below, for operators there (F83): until the date its
// keys are taken as something that is had, beside a password, and after it not at all. Other nodes and their people follow within half
// a minute. The organisation is given by id or code.
func (d *Directory) StartRecall(ctx context.Context, actor staffkey.Actor, r staffkey.Recall) (staffkey.Recall, error) {
	event := staffkey.Event(staffkey.EventRecallStarted, actor)
	event.Subject = r.AAGUID
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		if r, err = d.mayRecall(tx, may, r); err != nil {
			return err
		}
		r.ID, r.StartedAt, r.StartedBy, r.StartedName = store.NewID[staffkey.RecallID](), tx.Now, actor.Person, actor.Name
		tx.Event.SubjectName = d.models.Model(r.AAGUID).Name
		tx.Event.Detail = map[string]string{
			"recall": string(r.ID), "reason": r.Reason, "until": r.Until.Format(time.RFC3339), "from": r.FirmwareFrom, "below": r.FirmwareBelow,
		}
		return tx.InsertRecall(r)
	})
	if err != nil {
		return staffkey.Recall{}, fmt.Errorf("start recall: %w", err)
	}
	return r, d.RefreshRecalls(ctx)
}

// mayRecall checks a recall and asks whether the actor may start it. It returns the recall with its organisation's id.
func (d *Directory) mayRecall(tx *store.Tx, may staffkey.Authority, r staffkey.Recall) (staffkey.Recall, error) {
	o, err := organisationByReference(tx, "organisation", r.Organisation)
	if err != nil {
		return r, err
	}
	chain, err := chainOf(tx, o.ID)
	if err != nil {
		return r, err
	}
	tx.Event.Organisation = o.ID // unused in a read
	if err := policy.MayRecall(may, chain); err != nil {
		return r, err
	}
	r.Organisation = o.ID
	return r, checkRecall(r, tx.Now)
}

func checkRecall(r staffkey.Recall, now time.Time) error {
	if err := staffkey.ValidateText("reason", r.Reason, staffkey.MaxReason); err != nil {
		return err
	}
	for _, v := range []string{r.FirmwareFrom, r.FirmwareBelow} {
		if v != "" && !policy.IsFirmware(v) {
			return staffkey.Invalid("firmware", "recall.firmware")
		}
	}
	switch length := r.Until.Sub(now); {
	case !policy.IsAAGUID(r.AAGUID):
		return staffkey.Invalid("aaguid", "policy.keys.aaguid")
	case r.FirmwareFrom != "" && r.FirmwareBelow != "" && staffkey.CompareFirmware(r.FirmwareFrom, r.FirmwareBelow) >= 0:
		return staffkey.Invalid("firmware", "recall.firmware.order")
	case length < leastRecall || length > longestRecall:
		return staffkey.Invalid("until", "recall.until", "Max", int(longestRecall/(24*time.Hour)))
	}
	return nil
}

// UndoRecall takes a recall back before its date, for operators where it holds; people who were told of it are told so. ErrExpired: its
// date has passed, or it was taken back already.
func (d *Directory) UndoRecall(ctx context.Context, actor staffkey.Actor, id staffkey.RecallID) error {
	event := staffkey.Event(staffkey.EventRecallUndone, actor)
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		r, err := tx.FindRecall(id)
		if err != nil {
			return err
		}
		tx.Event.Organisation, tx.Event.Subject, tx.Event.SubjectName = r.Organisation, r.AAGUID, d.models.Model(r.AAGUID).Name
		tx.Event.Detail = map[string]string{"recall": string(id)}
		chain, err := chainOf(tx, r.Organisation)
		if err != nil {
			return err
		}
		if err := policy.MayRecall(may, chain); err != nil {
			return err
		}
		if err := tx.UndoRecall(id); !errors.Is(err, staffkey.ErrExpired) {
			return err
		}
		return staffkey.Expired("recall_over", "recall.over")
	})
	if err != nil {
		return fmt.Errorf("undo recall: %w", err)
	}
	return d.RefreshRecalls(ctx)
}

// ListRecalls returns the recalls that hold or held for people whom the actor sees, newest first.
func (d *Directory) ListRecalls(ctx context.Context, actor staffkey.Actor) ([]staffkey.Recall, error) {
	var list []staffkey.Recall
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		all, err := tx.ListRecalls()
		if err != nil {
			return err
		}
		list = all[:0]
		for _, r := range all {
			scope, err := seenOf(tx, may, r)
			if err != nil {
				return err
			}
			if len(scope) > 0 {
				list = append(list, r)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list recalls: %w", err)
	}
	return list, nil
}

// FindRecall returns a recall with its progress among the people whom the actor sees; ErrNotFound when it concerns none of them.
func (d *Directory) FindRecall(ctx context.Context, actor staffkey.Actor, id staffkey.RecallID) (RecallProgress, error) {
	var progress RecallProgress
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		r, err := tx.FindRecall(id)
		if err != nil {
			return err
		}
		scope, err := seenOf(tx, may, r)
		if err != nil {
			return err
		}
		if len(scope) == 0 {
			return staffkey.ErrNotFound
		}
		progress, err = d.progress(tx, r, scope)
		return err
	})
	if err != nil {
		return RecallProgress{}, fmt.Errorf("recall: %w", err)
	}
	return progress, nil
}

// EachRecalled calls fn for each person whom the actor sees and who still has a recalled key: after one (or from the beginning), in the order of
// organisation and name, at most so many; 0 is all. ErrNotFound: the recall concerns none whom the actor sees.
func (d *Directory) EachRecalled(ctx context.Context, actor staffkey.Actor, id staffkey.RecallID, after staffkey.PersonID, limit int, fn func(KeyHolder, staffkey.Organisation) error) error {
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		r, err := tx.FindRecall(id)
		if err != nil {
			return err
		}
		scope, err := seenOf(tx, may, r)
		if err != nil {
			return err
		}
		if len(scope) == 0 {
			return staffkey.ErrNotFound
		}
		return eachKeyHolder(tx, scope, r.AAGUID, after, limit, func(k staffkey.SecurityKey) bool { return r.Covers(k.ProvenFirmware()) }, fn)
	})
	if err != nil {
		return fmt.Errorf("people with a recalled key: %w", err)
	}
	return nil
}

// seenOf returns where an actor sees people under a recall: at the recall's organisation, or below it where they have a role.
func seenOf(tx *store.Tx, may staffkey.Authority, r staffkey.Recall) ([]staffkey.OrganisationID, error) {
	scope, err := scopeOf(tx, may)
	if err != nil {
		return nil, err
	}
	var seen []staffkey.OrganisationID
	for _, id := range scope {
		if whole, err := tx.IsWithin(r.Organisation, id); err != nil {
			return nil, err
		} else if whole {
			return []staffkey.OrganisationID{r.Organisation}, nil
		}
		part, err := tx.IsWithin(id, r.Organisation)
		if err != nil {
			return nil, err
		}
		if part {
			seen = append(seen, id)
		}
	}
	return seen, nil
}

// progress counts people, an organisation after the other, so that it needs memory for organisations and not for people.
func (d *Directory) progress(tx *store.Tx, r staffkey.Recall, scope []staffkey.OrganisationID) (RecallProgress, error) {
	p := RecallProgress{Recall: r, Model: d.models.Model(r.AAGUID)}
	var err error
	if p.Where, err = tx.FindOrganisation(r.Organisation); err != nil {
		return p, err
	}
	var person staffkey.PersonID
	var concerned, left bool
	var last staffkey.OrganisationID
	finish := func() {
		if !concerned {
			return
		}
		if n := len(p.Organisations); n == 0 || p.Organisations[n-1].Organisation.ID != last {
			p.Organisations = append(p.Organisations, RecallCount{Organisation: staffkey.Organisation{ID: last}})
		}
		count := &p.Organisations[len(p.Organisations)-1]
		count.Affected++
		if left {
			count.Left++
		}
	}
	err = tx.EachRecalledKey(r, scope, func(k store.RecalledKey) error {
		if k.Person != person {
			finish()
			person, last, concerned, left = k.Person, k.Organisation, false, false
		}
		if r.Covers(k.Firmware) {
			concerned, left = true, left || k.OnList
		}
		return nil
	})
	finish()
	if err != nil {
		return p, err
	}
	for i := range p.Organisations {
		count := &p.Organisations[i]
		if count.Organisation, err = tx.FindOrganisation(count.Organisation.ID); err != nil {
			return p, err
		}
		p.Total.Affected += count.Affected
		p.Total.Left += count.Left
	}
	slices.SortFunc(p.Organisations, func(a, b RecallCount) int {
		return cmp.Or(b.Left-a.Left, cmp.Compare(a.Organisation.Name, b.Organisation.Name))
	})
	return p, nil
}

// tellBatch is how many keys are read between two commits while people are told.
const tellBatch = 200

// TellOfRecalls tells people whose keys are recalled, or are not any more, and returns how many recalls there is still somebody to tell
// of. It is called until there is none; a stop at any instant tells nobody twice and leaves nobody out.
func (d *Directory) TellOfRecalls(ctx context.Context) (int, error) {
	var recalls []staffkey.Recall
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		recalls, err = tx.ListRecallsToTell()
		return err
	})
	for _, r := range recalls {
		if err == nil {
			err = d.store.Housekeep(ctx, func(tx *store.Tx) error { return d.tellBatch(tx, r) })
		}
		if errors.Is(err, staffkey.ErrConflict) { // another node is at it
			err = nil
		}
	}
	if err != nil {
		return 0, fmt.Errorf("tell of recalls: %w", err)
	}
	return len(recalls), nil
}

// tellBatch tells the next people of a recall, and moves on.
func (d *Directory) tellBatch(tx *store.Tx, r staffkey.Recall) error {
	keys, err := tx.ListRecalledKeys(r, tellBatch)
	if err != nil {
		return err
	}
	var to staffkey.PersonID // empty when these are the last
	if len(keys) == tellBatch {
		last := keys[len(keys)-1].Person // whose other keys may not be here
		if first := slices.IndexFunc(keys, func(k store.RecalledKey) bool { return k.Person == last }); first > 0 {
			keys = keys[:first]
		}
		to = keys[len(keys)-1].Person
	}
	if err := tx.RecallTold(r, to); err != nil {
		return err
	}
	template := "notice.key_recalled"
	if !r.UndoneAt.IsZero() {
		template = "notice.recall_undone"
	}
	for _, k := range keys {
		if !r.Covers(k.Firmware) {
			continue
		}
		p, err := tx.FindPerson(k.Person)
		if err != nil {
			return err
		}
		if err := tx.InsertNotice(template, p, map[string]string{"Nickname": k.Nickname, "Until": r.Until.Format(time.RFC3339), "Reason": r.ToldReason}); err != nil {
			return err
		}
	}
	return nil
}

// RefreshRecalls makes the recalls that hold known to this node. It reads a few rows, and waits for nothing else that is known of models.
func (d *Directory) RefreshRecalls(ctx context.Context) error {
	d.recalls.Lock()
	defer d.recalls.Unlock()
	var holding []staffkey.Recall
	err := d.store.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.ListRecalls()
		holding = slices.DeleteFunc(all, func(r staffkey.Recall) bool { return !r.UndoneAt.IsZero() })
		return err
	})
	if err != nil {
		return fmt.Errorf("load recalls: %w", err)
	}
	d.models.SetRecalls(holding)
	return nil
}
