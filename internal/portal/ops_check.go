package portal

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal/ui"
)

// mostOrganisations is how many organisations a check lists.
const mostOrganisations = 25

// effectBlock shows whom a change would concern. Ask is what a form carries to list who they are.
func effectBlock(w directory.WhatIf, ask []ui.Hidden) ui.EffectBlock {
	block := ui.EffectBlock{
		People: w.People, Total: ruleEffect(w.Total), OwnKeys: w.Own.Refused, OwnLeft: w.Own.Left, NoOperator: w.Operators > 0 && w.OperatorsLeft == 0, Ask: ask,
	}
	listed, more := atMost(w.Organisations, mostOrganisations)
	for _, e := range listed {
		block.Organisations = append(block.Organisations, ruleEffect(e))
	}
	block.More = more
	return block
}

func ruleEffect(e directory.Effect) ui.RuleEffect {
	return ui.RuleEffect{Where: whereOf(e.Organisation), Refused: e.Refused, Stranded: e.Stranded, ShutOut: e.ShutOut, Freed: e.Freed}
}

// consent is what a form says that its reader knows.
func consent(r *request) directory.Consent {
	return directory.Consent{OwnKey: r.PostFormValue("own") != ""}
}

// notAllowed is the error of a form whose change was refused because of the reader's own key, or because no operator could act after it.
// Nil when err is something else.
func notAllowed(err error) []ui.FieldError {
	refusal := asRefusal(err)
	if refusal == nil || refusal.Rule != "own_key" && refusal.Rule != "last_operator_key" {
		return nil
	}
	return []ui.FieldError{{Field: "own", Message: text(refusal.Message)}}
}

// rulesCheck is a change of rules that is looked at before it is saved.
type rulesCheck struct {
	o             staffkey.Organisation
	rules         *staffkey.KeyRules
	version, back string
	changed       bool
	errs          []ui.FieldError
}

// showRulesCheck shows what rules would change, with the button that saves them.
func (p *Portal) showRulesCheck(r *request, c rulesCheck) error {
	if c.rules != nil && c.rules.IsEmpty() {
		c.rules = nil
	}
	r.mayTake(countWait)
	preview, err := p.Directory.PreviewKeyRules(r.Context(), r.current.Actor, c.o.ID, c.rules)
	if err != nil {
		return err
	}
	rules, err := json.Marshal(c.rules)
	if err != nil {
		return err
	}
	page := ui.RulesCheckPage{
		Where: whereOf(c.o), Changes: p.ruleChanges(preview.Before.Keys, preview.After.Keys), Rules: string(rules), Version: c.version, Back: c.back, Changed: c.changed,
		Effect: effectBlock(preview, []ui.Hidden{{Name: "organisation", Value: c.o.Code}, {Name: "rules", Value: string(rules)}, {Name: "back", Value: c.back}}),
	}
	page.Errors = c.errs
	status := http.StatusOK
	if len(c.errs) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return p.renderOps(r, status, page)
}

// rulesOf reads rules that a form carries along.
func rulesOf(r *request) (*staffkey.KeyRules, error) {
	var rules *staffkey.KeyRules
	d := json.NewDecoder(strings.NewReader(r.PostFormValue("rules")))
	d.DisallowUnknownFields()
	if err := d.Decode(&rules); err != nil {
		return nil, &statusError{http.StatusBadRequest, "unreadable rules"}
	}
	return rules, nil
}

// opsBack is where a form of the operators' pages came from.
func opsBack(r *request, otherwise string) string {
	if back := localPath(r.FormValue("back"), otherwise); strings.HasPrefix(back, "/ops/") {
		return back
	}
	return otherwise
}

// saveRules saves rules that were checked.
func (p *Portal) saveRules(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	o, err := p.where(r)
	if err != nil {
		return err
	}
	rules, err := rulesOf(r)
	if err != nil {
		return err
	}
	back := opsBack(r, "/ops/rules")
	err = p.Directory.ChangeKeyRules(r.Context(), r.current.Actor, o.ID, r.PostFormValue("version"), rules, consent(r))
	if errs := notAllowed(err); errs != nil {
		return p.showRulesCheck(r, rulesCheck{o: o, rules: rules, version: r.PostFormValue("version"), back: back, errs: errs})
	}
	if errors.Is(err, staffkey.ErrExpired) {
		if refusal := asRefusal(err); refusal != nil && refusal.Rule == "rules_changed" {
			_, version, _, err := p.Directory.KeyRules(r.Context(), r.current.Actor, o.ID)
			if err != nil {
				return err
			}
			return p.showRulesCheck(r, rulesCheck{o: o, rules: rules, version: version, back: back, changed: true})
		}
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.rules"}); err != nil {
		return err
	}
	return r.redirect(back)
}
