package directory

import (
	"context"
	"errors"
	"fmt"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// ModelUse is a model with how many use it and what policy says of it.
type ModelUse struct {
	staffkey.Model
	// Keys and People use it, of those whom the actor sees.
	Keys, People int
	// Rule is what policy says of it for the organisation asked about; "" when it is not named.
	Rule staffkey.ModelRule
}

// ListModels returns the models in use among those whom the actor sees, most used first, and then those of the metadata that nobody uses.
// Rules are those that hold for an organisation, by id or code.
func (d *Directory) ListModels(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID) ([]ModelUse, error) {
	var list []ModelUse
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		list = nil
		scope, err := scopeBelow(tx, may, organisation)
		if err != nil {
			return err
		}
		if len(scope) == 0 {
			return staffkey.ErrNotFound
		}
		counts, err := tx.CountModels(scope, "")
		if err != nil {
			return err
		}
		p, err := effectivePolicy(tx, scope[0])
		if err != nil {
			return err
		}
		seen := make(map[string]bool, len(counts))
		for _, c := range counts {
			seen[c.AAGUID] = true
			list = append(list, ModelUse{Model: d.models.Model(c.AAGUID), Keys: c.Keys, People: c.People, Rule: p.Keys.Models[c.AAGUID]})
		}
		for _, m := range d.models.Models() {
			if !seen[m.AAGUID] {
				list = append(list, ModelUse{Model: m, Rule: p.Keys.Models[m.AAGUID]})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list models: %w", err)
	}
	return list, nil
}

// ModelDetail is one model with how many use it, of those whom the actor sees, and what holds for it in an organisation.
type ModelDetail struct {
	ModelUse
	Where staffkey.Organisation
	// Own is what the organisation decides itself about keys, nil when nothing, with its version; Holds what holds there.
	Own     *staffkey.KeyRules
	Version string
	Holds   staffkey.KeyRules
}

// FindModel returns a model, known or not: anybody may have a key that says it is of it. The organisation is given by id or code.
// ErrNotFound: there is no such organisation where the actor sees.
func (d *Directory) FindModel(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, aaguid string) (ModelDetail, error) {
	if !policy.IsAAGUID(aaguid) {
		return ModelDetail{}, staffkey.ErrNotFound
	}
	m := ModelDetail{ModelUse: ModelUse{Model: d.models.Model(aaguid)}}
	m.AAGUID = aaguid
	var err error
	if m.Own, m.Version, m.Holds, err = d.KeyRules(ctx, actor, organisation); err != nil {
		return m, err
	}
	m.Rule = m.Holds.Models[aaguid]
	err = d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeBelow(tx, may, organisation)
		if err != nil {
			return err
		}
		if m.Where, err = tx.FindOrganisation(scope[0]); err != nil {
			return err
		}
		counts, err := tx.CountModels(scope, aaguid)
		for _, c := range counts {
			m.Keys, m.People = c.Keys, c.People
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("model %s: %w", aaguid, err)
	}
	return m, nil
}

// ModelPicture returns the picture of a model with its media type, if the metadata has one.
func (d *Directory) ModelPicture(aaguid string) (picture []byte, mediaType string, ok bool) {
	return d.models.Icon(aaguid)
}

// Model returns what is known of a model as such.
func (d *Directory) Model(aaguid string) staffkey.Model { return d.models.Model(aaguid) }

// KeyHolder is somebody with keys of a model, and what they call them.
type KeyHolder struct {
	store.Holder
	Keys []string
}

// EachWithModel calls fn for each person whom the actor sees in an organisation, by id or code, and below, and who has a key of a model on their
// list: after one (or from the beginning), in the order of organisation and name, at most so many; 0 is all.
func (d *Directory) EachWithModel(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, aaguid string, after staffkey.PersonID, limit int, fn func(KeyHolder, staffkey.Organisation) error) error {
	err := d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeBelow(tx, may, organisation)
		if err != nil {
			return err
		}
		return eachKeyHolder(tx, scope, aaguid, after, limit, func(staffkey.SecurityKey) bool { return true }, fn)
	})
	if err != nil {
		return fmt.Errorf("people with model %s: %w", aaguid, err)
	}
	return nil
}

// eachKeyHolder lists who has keys of a model that are meant, a page of people after the other.
func eachKeyHolder(tx *store.Tx, scope []staffkey.OrganisationID, aaguid string, after staffkey.PersonID, limit int, means func(staffkey.SecurityKey) bool, fn func(KeyHolder, staffkey.Organisation) error) error {
	from, err := placeOf(tx, after)
	if err != nil {
		return err
	}
	var o staffkey.Organisation
	for n := 0; ; {
		holders, err := tx.ListHoldersOf(scope, aaguid, from, holdersPage)
		if err != nil || len(holders) == 0 {
			return err
		}
		ids := make([]staffkey.PersonID, len(holders))
		for i, h := range holders {
			ids[i] = h.Person
		}
		keys, err := tx.ListKeysToWeigh(ids)
		if err != nil {
			return err
		}
		named := make(map[staffkey.PersonID][]string, len(holders))
		for _, k := range keys {
			if k.AAGUID == aaguid && means(k) {
				named[k.Person] = append(named[k.Person], k.Nickname)
			}
		}
		for _, h := range holders {
			if len(named[h.Person]) == 0 {
				continue
			}
			if o.ID != h.Organisation {
				if o, err = tx.FindOrganisation(h.Organisation); err != nil {
					return err
				}
			}
			if err := fn(KeyHolder{h, named[h.Person]}, o); err != nil {
				return err
			}
			if n++; n == limit {
				return nil
			}
		}
		from = holders[len(holders)-1]
	}
}

// WaitingKey is a new key that waits for a review.
type WaitingKey struct {
	Key          staffkey.SecurityKey
	Person       staffkey.Person
	Organisation staffkey.Organisation
	Facts        staffkey.KeyFacts
}

// ListKeysInReview returns the keys that wait for a review among those of people whom the actor sees, those that wait longest first, at most so
// many, and how many there are. Who looks at one puts it in use by signin.ResumeKeyFor.
func (d *Directory) ListKeysInReview(ctx context.Context, actor staffkey.Actor, limit int) (list []WaitingKey, all int, err error) {
	err = d.store.SurveyAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		scope, err := scopeOf(tx, may)
		if err != nil {
			return err
		}
		var waiting []store.WaitingKey
		if waiting, all, err = tx.ListKeysInReview(scope, limit); err != nil {
			return err
		}
		list = make([]WaitingKey, len(waiting))
		for i, w := range waiting {
			if list[i], err = d.waitingKey(tx, w.Key, w.Person); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list keys in review: %w", err)
	}
	return list, all, nil
}

func (d *Directory) waitingKey(tx *store.Tx, k staffkey.SecurityKey, p staffkey.Person) (WaitingKey, error) {
	w := WaitingKey{Key: k, Person: p, Facts: d.models.Facts(k)}
	var err error
	w.Organisation, err = tx.FindOrganisation(p.Organisation)
	return w, err
}

// FindKeyInReview returns a key that waits for a review, of somebody whom the actor sees. ErrNotFound: there is no such person or key, or it does
// not wait any more.
func (d *Directory) FindKeyInReview(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID, key staffkey.SecurityKeyID) (WaitingKey, error) {
	var w WaitingKey
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		p, err := tx.FindPerson(person)
		if err != nil {
			return err
		}
		if sees, err := seesPerson(tx, may, p); err != nil || !sees {
			return errors.Join(err, staffkey.ErrNotFound)
		}
		k, err := tx.FindSecurityKey(person, key)
		if err != nil {
			return err
		}
		if k.State != staffkey.SecurityKeySuspended || k.StopReason != staffkey.StopReview {
			return staffkey.ErrNotFound
		}
		w, err = d.waitingKey(tx, k, p)
		return err
	})
	if err != nil {
		return WaitingKey{}, fmt.Errorf("key in review: %w", err)
	}
	return w, nil
}
