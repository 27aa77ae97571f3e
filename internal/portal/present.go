package portal

import (
	"slices"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// tokenRows turns keys into the list to choose from: last used in this browser first, then by last use.
func (p *Portal) tokenRows(r *request, keys []staffkey.SecurityKey) []ui.TokenRow {
	active := slices.DeleteFunc(slices.Clone(keys), func(k staffkey.SecurityKey) bool { return k.State != staffkey.SecurityKeyActive })
	return p.allRows(r, active)
}

// allRows is tokenRows with those on hold as well. It sorts keys.
func (p *Portal) allRows(r *request, keys []staffkey.SecurityKey) []ui.TokenRow {
	here := r.device().Keys
	place := func(k staffkey.SecurityKey) int {
		if i := slices.Index(here, k.ID); i >= 0 {
			return i
		}
		return len(here)
	}
	slices.SortStableFunc(keys, func(a, b staffkey.SecurityKey) int {
		if c := place(a) - place(b); c != 0 {
			return c
		}
		return b.LastUsedAt.Compare(a.LastUsedAt)
	})
	rows := make([]ui.TokenRow, 0, len(keys))
	for i, k := range keys {
		rows = append(rows, ui.TokenRow{
			ID: string(k.ID), Nickname: k.Nickname, Credential: encodeID(k.CredentialID), Connects: ui.Connects(k.Transports),
			LastUsed: k.LastUsedAt, LastHere: i == 0 && len(here) > 0 && place(k) < len(here),
		})
	}
	return rows
}

// cards turns a person's keys into the cards of their list.
func (p *Portal) cards(r *request, list directory.KeyList, mine signin.Mine) []ui.TokenCard {
	cards := make([]ui.TokenCard, 0, len(list.Keys))
	for _, k := range list.Keys {
		recall := mine.Recalls[k.ID]
		model := p.Directory.Model(k.AAGUID)
		cards = append(cards, ui.TokenCard{
			ID: string(k.ID), Nickname: k.Nickname, Model: model.Name, Picture: p.picturePath(model), Connects: ui.Connects(k.Transports),
			Registered: k.RegisteredAt, RegisteredBy: list.Names[k.RegisteredBy], LastUsed: k.LastUsedAt, LastWhere: k.LastUsedWhere,
			SameKeyAs: sameKey(k, list.Keys), Current: k.ID == r.current.Session.SecurityKey,
			New:       p.Now().Sub(k.RegisteredAt) < staffkey.UndoRemovalFor && k.LastUsedAt.IsZero(),
			Suspended: k.State == staffkey.SecurityKeySuspended, StopReason: string(k.StopReason), StoppedAt: k.StoppedAt,
			SuspectedAt:   k.SuspectedAt,
			RecalledUntil: recall.Until, RecallOver: !recall.Until.IsZero() && p.Now().After(recall.Until),
		})
	}
	return cards
}

// sameKey names the other entries that are known to be the same key.
func sameKey(k staffkey.SecurityKey, keys []staffkey.SecurityKey) []string {
	root := keyRoot(k)
	var names []string
	for _, o := range keys {
		if o.ID != k.ID && keyRoot(o) == root {
			names = append(names, o.Nickname)
		}
	}
	return names
}

func keyRoot(k staffkey.SecurityKey) staffkey.SecurityKeyID {
	if k.SameKeyAs != "" {
		return k.SameKeyAs
	}
	return k.ID
}

// findKey returns the key of that id on a list, or ErrNotFound.
func findKey(list directory.KeyList, id string) (staffkey.SecurityKey, error) {
	for _, k := range list.Keys {
		if string(k.ID) == id {
			return k, nil
		}
	}
	return staffkey.SecurityKey{}, staffkey.ErrNotFound
}
