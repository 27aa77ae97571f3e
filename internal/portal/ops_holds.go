package portal

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal/ui"
)

// holdPath is where to decide about something that the metadata says and that is held.
func holdPath(key staffkey.HoldKey) string {
	return "/ops/hold?" + url.Values{"model": {key.Model}, "finding": {string(key.Kind)}, "firmware": {strconv.FormatUint(key.Firmware, 10)}}.Encode()
}

// holdKey reads which one an address or a form means.
func holdKey(r *request) (staffkey.HoldKey, error) {
	key := staffkey.HoldKey{Model: r.FormValue("model"), Kind: staffkey.FindingKind(r.FormValue("finding"))}
	n, err := strconv.ParseUint(r.FormValue("firmware"), 10, 64)
	if err != nil {
		return key, staffkey.ErrNotFound
	}
	key.Firmware = n
	return key, nil
}

// holdLine shows a hold in a list.
func (p *Portal) holdLine(h directory.HoldLine) ui.HoldLine {
	line := ui.HoldLine{
		Cause: ui.Cause{Model: p.modelLine(h.Model), Finding: strings.ToLower(string(h.Kind)), Standard: string(h.Kind), People: h.People, Held: true},
		Href:  holdPath(h.HoldKey), Number: h.Number, State: "open",
	}
	switch {
	case h.Recalled:
		line.State = "recalled"
	case !h.TakenAt.IsZero():
		line.State = "taken"
	}
	return line
}

// holdPage shows what is held and what deciding would do.
func (p *Portal) holdPage(r *request) error { return p.showHold(r, http.StatusOK, nil) }

func (p *Portal) showHold(r *request, status int, errs []ui.FieldError) error {
	key, err := holdKey(r)
	if err != nil {
		return err
	}
	list, err := p.Directory.ListHolds(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(h directory.HoldLine) bool { return h.HoldKey == key })
	if i < 0 {
		return staffkey.ErrNotFound
	}
	r.mayTake(countWait)
	effect, err := p.Directory.Ask(r.Context(), r.current.Actor, directory.Question{Hold: &key})
	if err != nil {
		return err
	}
	h := list[i]
	ask := []ui.Hidden{{Name: "model", Value: key.Model}, {Name: "finding", Value: string(key.Kind)}, {Name: "firmware", Value: strconv.FormatUint(key.Firmware, 10)}}
	page := ui.HoldPage{
		HoldLine: p.holdLine(h), Ask: ask, TakenBy: h.TakenName, Decision: r.FormValue("decision"),
		Effect: effectBlock(effect, append(slices.Clone(ask), ui.Hidden{Name: "back", Value: holdPath(key)})),
		Recall: "/ops/recall?" + url.Values{"model": {h.AAGUID}}.Encode(),
	}
	page.Model.People = effect.Total.Refused
	page.Errors = errs
	return p.renderOps(r, status, page)
}

// decideHold decides about what is held. A recall begins on its own page.
func (p *Portal) decideHold(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	key, err := holdKey(r)
	if err != nil {
		return err
	}
	decision := directory.HoldDecision(r.PostFormValue("decision"))
	err = p.Directory.DecideHold(r.Context(), r.current.Actor, key, decision, consent(r))
	if errs := notAllowed(err); errs != nil {
		return p.showHold(r, http.StatusUnprocessableEntity, errs)
	}
	if errs := fieldError(err); errs != nil {
		return p.showHold(r, http.StatusUnprocessableEntity, errs)
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.hold-" + string(decision)}); err != nil {
		return err
	}
	return r.redirect("/ops/metadata")
}
