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
			Registered: k.RegisteredAt, RegisteredBy: list.Names[k.RegisteredBy], LastUsed: k.LastUsedAt, LastWhere: p.browserNamed(r, k.LastUsedWhere),
			SameKeyAs: sameKey(k, list.Keys), Current: k.ID == r.current.Session.SecurityKey,
			New:       p.Now().Sub(k.RegisteredAt) < staffkey.UndoRemovalFor && k.LastUsedAt.IsZero(),
			Suspended: k.State == staffkey.SecurityKeySuspended, StopReason: string(k.StopReason), StoppedAt: k.StoppedAt, Findable: isFindable(k),
			Refused:       slices.Contains(list.Refused, k.ID),
			SuspectedAt:   k.SuspectedAt,
			RecalledUntil: recall.Until, RecallOver: !recall.Until.IsZero() && p.Now().After(recall.Until),
		})
	}
	return cards
}

func nicknames(keys []staffkey.SecurityKey) []string {
	var names []string
	for _, k := range keys {
		names = append(names, k.Nickname)
	}
	return names
}

// isFindable reports a token on hold that its owner may put back in use when it is found.
func isFindable(k staffkey.SecurityKey) bool {
	switch k.StopReason {
	case staffkey.StopLost, staffkey.StopStolen, staffkey.StopMisused, staffkey.StopMade:
		return k.State == staffkey.SecurityKeySuspended
	}
	return false
}

// sameKey names the other entries that are known to be the same key.
func sameKey(k staffkey.SecurityKey, keys []staffkey.SecurityKey) []string {
	var same []staffkey.SecurityKey
	for _, o := range keys {
		if o.ID != k.ID && staffkey.AreOneKey(k, o) {
			same = append(same, o)
		}
	}
	return nicknames(same)
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
