package portal

import (
	"cmp"
	"net/http"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal/ui"
)

// Browsers keep lists of passkeys of their own. What they are told of ours (WebAuthn Level 3 §5.1.10) makes some of them delete a passkey for
// good, so they are told that one has gone only when it cannot come back: not while a removal can be undone, nor of an entry that waits
// for its nickname or is on hold. A key in the hand ignores all of it.

// Cookies of what the browser is told, and of what it has been told.
const (
	cookieSignal = "staffkey-signal" // about a key that was just renamed or brought back
	cookieGone   = "staffkey-gone"   // up to when it knows which keys of a person have gone
)

// mostGone bounds how many keys that have gone one page tells of.
const mostGone = 10

// goneTold is up to when a browser knows which keys of a person have gone.
type goneTold struct {
	Person staffkey.PersonID `json:"p"`
	At     time.Time         `json:"t"`
}

// signals are what a page with the person's list of keys tells the browser: what was just changed, and what has gone since the last time.
func (p *Portal) signals(r *request, list directory.KeyList) ([]ui.Signal, error) {
	if r.Method == http.MethodHead { // nobody reads it
		return nil, nil
	}
	var signals []ui.Signal
	var just ui.Signal
	if r.openSealed(cookieSignal, &just) {
		r.dropCookie(cookieSignal)
		signals = append(signals, just)
	}
	var told goneTold
	if !r.openSealed(cookieGone, &told) || told.Person != r.current.Person.ID {
		told = goneTold{Person: r.current.Person.ID}
	}
	before := told.At
	for _, k := range list.Gone[max(0, len(list.Gone)-mostGone):] {
		if k.RemovedAt.After(before) {
			signals = append(signals, ui.Signal{Kind: "accepted", RPID: cmp.Or(k.RPID, p.RPID), UserID: encodeID(k.UserHandle)})
			told.At = k.RemovedAt
		}
	}
	if told.At.Equal(before) {
		return signals, nil
	}
	return signals, r.putSealed(cookieGone, told, deviceLife)
}

// signalName has the browser show a token by its nickname from now on.
func (p *Portal) signalName(r *request, k staffkey.SecurityKey, nickname string) error {
	return r.putSealed(cookieSignal, ui.Signal{
		Kind: "details", RPID: cmp.Or(k.RPID, p.RPID), UserID: encodeID(k.UserHandle), Name: r.current.Person.Username, DisplayName: nickname,
	}, 0)
}

// signalBack has the browser show a token again that was brought back.
func (p *Portal) signalBack(r *request, k staffkey.SecurityKey) error {
	return r.putSealed(cookieSignal, ui.Signal{Kind: "accepted", RPID: cmp.Or(k.RPID, p.RPID), UserID: encodeID(k.UserHandle), Credential: encodeID(k.CredentialID)}, 0)
}

// forgets reports whether a browser may delete the passkey whose answer was refused: there is no entry of it in any state, or it was taken
// off the list so long ago that this cannot be undone. An entry that waits for its nickname, one on hold, and one whose answer came with
// another user handle than ours may all work again.
func (p *Portal) forgets(refusal *staffkey.Refusal) bool {
	switch refusal.Rule {
	case "credential_unknown":
		return true
	case "key_removed":
		removed, known := refusal.Message.Args["When"].(time.Time)
		return known && p.Now().Sub(removed) > staffkey.UndoRemovalFor
	}
	return false
}
