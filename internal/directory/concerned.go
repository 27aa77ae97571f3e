package directory

import (
	"errors"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// errEnough ends a list that is long enough.
var errEnough = errors.New("enough")

// Group is one of the groups of people that a change concerns.
type Group string

// The groups, as [Effect] counts them.
const (
	GroupRefused  Group = "refused"
	GroupStranded Group = "stranded"
	GroupFreed    Group = "freed"
	GroupLost     Group = "lost"
	GroupShutOut  Group = "shut_out"
	GroupAsked    Group = "asked"
)

// Has reports whether somebody is in the group.
func (g Group) Has(s policy.Shift) bool {
	var e Effect
	e.add(s)
	switch g {
	case GroupRefused:
		return e.Refused > 0
	case GroupStranded:
		return e.Stranded > 0
	case GroupFreed:
		return e.Freed > 0
	case GroupLost:
		return e.Lost > 0
	case GroupShutOut:
		return e.ShutOut > 0
	case GroupAsked:
		return e.Asked > 0
	}
	return false
}

func (c *change) list(below staffkey.OrganisationID, group Group, after staffkey.PersonID, limit int, fn func(Concern, staffkey.Organisation) error) error {
	from, err := placeOf(c.tx, after)
	if err != nil {
		return err
	}
	n := 0
	var o staffkey.Organisation
	err = c.each(below, from, func(concern Concern) error {
		if !group.Has(concern.Shift) {
			return nil
		}
		if o.ID != concern.Organisation {
			var err error
			if o, err = c.tx.FindOrganisation(concern.Organisation); err != nil {
				return err
			}
		}
		if err := fn(concern, o); err != nil {
			return err
		}
		if n++; n == limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

// placeOf is where a list goes on after a person: from the beginning after nobody.
func placeOf(tx *store.Tx, after staffkey.PersonID) (store.Holder, error) {
	if after == "" {
		return store.Holder{}, nil
	}
	return tx.FindHolder(after)
}
