package portal

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"staffkey"
	"staffkey/internal/portal/ui"
)

// ruleField is a rule for keys as a form has it: how to read it from rules, and how to write a choice into them. An empty choice
// leaves it to the organisation above.
type ruleField struct {
	name    string
	finding staffkey.FindingKind
	choices []string
	read    func(staffkey.KeyRules) string
	write   func(*staffkey.KeyRules, string)
}

// yesNo are the choices of a rule that is on or off.
var yesNo = []string{"yes", "no"}

// choice makes a field of a rule that is a word.
func choice[T ~string](name string, of func(*staffkey.KeyRules) **T, choices ...T) ruleField {
	f := ruleField{
		name: name,
		read: func(r staffkey.KeyRules) string {
			if v := *of(&r); v != nil {
				return string(*v)
			}
			return ""
		},
		write: func(r *staffkey.KeyRules, v string) {
			if *of(r) = nil; v != "" {
				*of(r) = new(T(v))
			}
		},
	}
	for _, c := range choices {
		f.choices = append(f.choices, string(c))
	}
	return f
}

// onOff makes a field of a rule that is on or off.
func onOff(name string, of func(*staffkey.KeyRules) **bool) ruleField {
	return ruleField{
		name: name, choices: yesNo,
		read: func(r staffkey.KeyRules) string {
			switch v := *of(&r); {
			case v == nil:
				return ""
			case *v:
				return yesNo[0]
			}
			return yesNo[1]
		},
		write: func(r *staffkey.KeyRules, v string) {
			if *of(r) = nil; v != "" {
				*of(r) = new(v == yesNo[0])
			}
		},
	}
}

// ruleFields are the fields of the form, in its order; those of findings after them.
var ruleFields = func() []ruleField {
	level := ruleField{
		name: "level",
		read: func(r staffkey.KeyRules) string {
			if r.Level == nil {
				return ""
			}
			return r.Level.String()
		},
		write: func(r *staffkey.KeyRules, v string) {
			if r.Level = nil; v != "" {
				r.Level = new(staffkey.CertificationLevel(-1)) // refused, unless it is one
				_ = r.Level.UnmarshalText([]byte(v))
			}
		},
	}
	for l := staffkey.NotCertified; l <= staffkey.Level3Plus; l++ {
		level.choices = append(level.choices, l.String())
	}
	fields := []ruleField{
		choice("others", func(r *staffkey.KeyRules) **staffkey.ModelRule { return &r.Others }, staffkey.ModelAllow, staffkey.ModelReview, staffkey.ModelDeny),
		choice("attestation", func(r *staffkey.KeyRules) **staffkey.AttestationRule { return &r.Attestation }, staffkey.AttestationAny, staffkey.AttestationProven),
		level,
		onOff("synced", func(r *staffkey.KeyRules) **bool { return &r.Synced }),
		onOff("verify_person", func(r *staffkey.KeyRules) **bool { return &r.VerifyPerson }),
		onOff("post_quantum", func(r *staffkey.KeyRules) **bool { return &r.PostQuantum }),
		choice("conveyance", func(r *staffkey.KeyRules) **staffkey.Conveyance { return &r.Conveyance },
			staffkey.ConveyNone, staffkey.ConveyIndirect, staffkey.ConveyDirect, staffkey.ConveyEnterprise),
	}
	for _, kind := range staffkey.FindingKinds {
		fields = append(fields, ruleField{
			name: "finding_" + strings.ToLower(string(kind)), finding: kind,
			choices: []string{string(staffkey.FindingRefuse), string(staffkey.FindingFlag), string(staffkey.FindingIgnore)},
			read:    func(r staffkey.KeyRules) string { return string(r.Findings[kind]) },
			write: func(r *staffkey.KeyRules, v string) {
				if delete(r.Findings, kind); v != "" {
					r.Findings[kind] = staffkey.FindingRule(v)
				}
			},
		})
	}
	return fields
}()

// standards are the names that WebAuthn and CTAP have for what a rule is about.
var standards = map[string]string{
	"attestation": "attestation", "level": "FIDO Authenticator Certification", "synced": "backupEligible (BE)", "verify_person": "userVerification (UV)",
	"conveyance": "attestation conveyance", "min_pin": "minPinLength", "post_quantum": "ML-DSA (FIPS 204)",
}

// standard is what the standards call it; a finding is called by the status of the FIDO Alliance.
func (f ruleField) standard() string {
	if f.finding != "" {
		return string(f.finding)
	}
	return standards[f.name]
}

// page is the field on a page, with what an organisation has decided itself and what holds above it.
func (f ruleField) page(own *staffkey.KeyRules, above staffkey.KeyRules, root bool) ui.RuleField {
	shown := ui.RuleField{Name: f.name, Root: root, Standard: f.standard(), Finding: strings.ToLower(string(f.finding)), Choices: f.choices, Above: f.read(above)}
	if own != nil {
		shown.Value = f.read(*own)
	}
	return shown
}

// rulesPage shows the rules of an organisation for keys.
func (p *Portal) rulesPage(r *request) error {
	page, _, _, err := p.keyRules(r)
	if err != nil {
		return err
	}
	return p.renderOps(r, http.StatusOK, page)
}

func (p *Portal) keyRules(r *request) (ui.KeyRulesPage, staffkey.Organisation, *staffkey.KeyRules, error) {
	o, err := p.where(r)
	if err != nil {
		return ui.KeyRulesPage{}, o, nil, err
	}
	own, version, holds, err := p.Directory.KeyRules(r.Context(), r.current.Actor, o.ID)
	if err != nil {
		return ui.KeyRulesPage{}, o, nil, err
	}
	above, err := p.Directory.KeyRulesAbove(r.Context(), r.current.Actor, o.ID)
	if err != nil {
		return ui.KeyRulesPage{}, o, nil, err
	}
	page := ui.KeyRulesPage{Where: whereOf(o), Version: version, MinPINAbove: *above.MinPIN, Named: p.namedModels(own, holds)}
	for _, f := range ruleFields {
		if f.finding != "" {
			page.Findings = append(page.Findings, f.page(own, above, o.Parent == ""))
		} else {
			page.Fields = append(page.Fields, f.page(own, above, o.Parent == ""))
		}
	}
	if own != nil && own.MinPIN != nil {
		page.MinPIN = decimal(*own.MinPIN)
	}
	return page, o, own, nil
}

// checkRules asks what other rules would do.
func (p *Portal) checkRules(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	page, o, own, err := p.keyRules(r)
	if err != nil {
		return err
	}
	rules := own.Copy()
	for _, fields := range [][]ui.RuleField{page.Fields, page.Findings} {
		for i := range fields {
			fields[i].Value = r.PostFormValue(fields[i].Name)
			f := ruleFields[slices.IndexFunc(ruleFields, func(f ruleField) bool { return f.name == fields[i].Name })]
			if f.write(&rules, fields[i].Value); fields[i].Value != "" && !slices.Contains(f.choices, fields[i].Value) {
				page.Errors = append(page.Errors, ui.FieldError{Field: f.name, Message: ui.Text{ID: "policy.keys.rule"}})
			}
		}
	}
	page.MinPIN = strings.TrimSpace(r.PostFormValue("min_pin"))
	if rules.MinPIN = nil; page.MinPIN != "" {
		n, err := strconv.Atoi(page.MinPIN)
		if err != nil {
			n = -1 // refused
		}
		rules.MinPIN = &n
	}
	if len(page.Errors) == 0 {
		err := p.showRulesCheck(r, rulesCheck{o: o, rules: &rules, version: r.PostFormValue("version"), back: page.Where.In("/ops/rules")})
		if page.Errors = fieldError(err); page.Errors == nil {
			return err
		}
		if page.Errors[0].Field = "others"; page.Errors[0].Message.ID == "policy.keys.min_pin" { // all others are choices, wrong together
			page.Errors[0].Field = "min_pin"
		}
	}
	return p.renderOps(r, http.StatusUnprocessableEntity, page)
}

// ruleChanges tells what differs between two sets of rules that hold.
func (p *Portal) ruleChanges(before, after staffkey.KeyRules) []ui.RuleChange {
	var changes []ui.RuleChange
	for _, f := range ruleFields {
		was, is := f.read(before), f.read(after)
		if was == is {
			continue
		}
		shown := f.page(nil, before, false)
		what := ui.Text{ID: "ops.rules." + f.name}
		if f.finding != "" {
			what.ID = "ops.finding." + shown.Finding
		}
		changes = append(changes, ui.RuleChange{What: what, Before: shown.ChoiceText(was), After: shown.ChoiceText(is)})
	}
	value := func(v string) ui.Text { return ui.Text{ID: "ops.rules.value", Args: map[string]any{"Value": v}} }
	if *before.MinPIN != *after.MinPIN {
		changes = append(changes, ui.RuleChange{What: ui.Text{ID: "ops.rules.min_pin"}, Before: value(decimal(*before.MinPIN)), After: value(decimal(*after.MinPIN))})
	}
	rule := func(v staffkey.ModelRule) ui.Text {
		if v == "" {
			return ui.Text{ID: "ops.rule.none"}
		}
		return ui.Text{ID: "ops.rule." + string(v)}
	}
	firmware := func(v string) ui.Text {
		if v == "" {
			return ui.Text{ID: "ops.model.firmware.any"}
		}
		return value(v)
	}
	both := staffkey.KeyRules{Models: before.Models, Firmware: before.Firmware}
	both = both.Copy()
	for aaguid := range after.Models {
		both.Models[aaguid] = ""
	}
	for aaguid := range after.Firmware {
		both.Firmware[aaguid] = ""
	}
	for _, m := range p.namedModels(nil, both) {
		name := m.Name
		if name == "" {
			name = m.AAGUID
		}
		if was, is := before.Models[m.AAGUID], after.Models[m.AAGUID]; was != is {
			changes = append(changes, ui.RuleChange{Model: name, What: ui.Text{ID: "ops.rules.model"}, Before: rule(was), After: rule(is)})
		}
		if was, is := before.Firmware[m.AAGUID], after.Firmware[m.AAGUID]; was != is {
			changes = append(changes, ui.RuleChange{Model: name, What: ui.Text{ID: "ops.rules.firmware"}, Before: firmware(was), After: firmware(is)})
		}
	}
	return changes
}
