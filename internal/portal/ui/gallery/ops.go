package gallery

import (
	"time"

	"staffkey/internal/portal/ui"
)

const aaguid = "ee882879-721c-4913-9775-3dfcce97072a"

// Picture is where a server of the gallery has the picture of a model.
const Picture = "/models/" + aaguid + "/picture"

// operator is a frame for an operator of the whole installation.
func operator() ui.Frame {
	f := person("ops")
	f.Operator, f.PersonName, f.Path = true, "Mair Evans", "/ops"
	return f
}

func modelLines() []ui.ModelLine {
	return []ui.ModelLine{
		{AAGUID: aaguid, Name: "YubiKey 5 Series with NFC", Picture: Picture, Level: "L1", Known: true, People: 1204, Rule: "allow"},
		{AAGUID: "833b721a-ff5f-4d00-bb2e-bdda3ec01e29", Name: "Feitian ePass FIDO2", Level: "L1+", Known: true, People: 12, Findings: []string{"user_verification_bypass", "update_available"}, Rule: "review"},
		{AAGUID: "0bb43545-fd2c-4185-87dd-feb0b2916ace", Name: Markup, Level: "none", Known: true, People: 1, Findings: []string{"revoked"}, Rule: "deny"},
		{AAGUID: "00000000-0000-0000-0000-000000000000", Level: "none", People: 2},
	}
}

func filters() []ui.ModelFilter {
	return []ui.ModelFilter{
		{Kind: "used", Count: 4, Href: "/ops/models?show=used", Current: true}, {Kind: "faults", Count: 2, Href: "/ops/models?show=faults"},
		{Kind: "named", Count: 3, Href: "/ops/models?show=named"}, {Kind: "all", Count: 1204, Href: "/ops/models?show=all"},
	}
}

func ruleFields() (fields, findings []ui.RuleField) {
	fields = []ui.RuleField{
		{Name: "others", Choices: []string{"allow", "review", "deny"}, Above: "allow", Value: "review", Root: true},
		{Name: "attestation", Choices: []string{"any", "proven"}, Above: "any"},
		{Name: "level", Choices: []string{"none", "L1", "L1+", "L2", "L2+", "L3", "L3+"}, Above: "L1", Value: "L2"},
		{Name: "synced", Choices: []string{"yes", "no"}, Above: "yes"}, {Name: "verify_person", Choices: []string{"yes", "no"}, Above: "no"}, {Name: "post_quantum", Choices: []string{"yes", "no"}, Above: "no"},
		{Name: "conveyance", Choices: []string{"none", "indirect", "direct", "enterprise"}, Above: "direct"},
	}
	for _, kind := range []string{"revoked", "user_key_remote_compromise", "user_verification_bypass", "user_key_physical_compromise", "attestation_key_compromise"} {
		findings = append(findings, ui.RuleField{Name: "finding_" + kind, Finding: kind, Choices: []string{"refuse", "flag", "ignore"}, Above: "refuse"})
	}
	return fields, findings
}

func recallCounts() []ui.RecallCount {
	return []ui.RecallCount{
		{Where: ui.Where{Code: "RX1", Name: "Northmoor Hospitals"}, Affected: 1204, Left: 310}, {Where: ui.Where{Code: "RX2", Name: Markup}, Affected: 3},
		{Where: ui.Where{Code: "Y Bont", Name: Hebrew}, Affected: 1, Left: 1},
	}
}

func recallLine() ui.RecallLine {
	return ui.RecallLine{ID: "0190f0e0-0000-7000-8000-000000000001", Model: "YubiKey 5 Series with NFC", AAGUID: aaguid, Below: "5.7", Until: ago(-14 * day), State: "running", Reason: "Advisory 26-3"}
}

// opsStates is the operators' pages.
func opsStates() []State {
	root := ui.Where{Code: "NHS", Name: "Health Service"}
	hostileOps := hostile("ops")
	hostileOps.Operator = true
	metadata := ui.MetadataFacts{Number: 142, Models: 402, NextUpdate: ago(-9 * day), ImportedAt: ago(20 * day), Source: "blob.jwt"}
	late := metadata
	late.Overdue, late.Skipped, late.Problem, late.CheckedAt = true, 2, "https://mds3.fidoalliance.org/ answered 503", ago(time.Hour)
	list := ui.ModelsPage{Where: root, Show: "used", Filters: filters(), Models: modelLines(), Found: 1204, Earlier: "/ops/models?page=0", Later: "/ops/models?page=2"}
	model := ui.ModelPage{
		Where: root, Model: modelLines()[1], Verifies: true, Attestation: true, Rule: "review", Firmware: "5.4.3", Holds: "review", HoldsFirmware: "5.4.3", Others: "allow", Version: "v",
		Findings: []ui.ModelFinding{
			{Kind: "user_verification_bypass", Since: ago(40 * day), Firmware: "328706", URL: "https://fidoalliance.org/advisory", Rule: "refuse"}, {Kind: "update_available"},
		}, Recalls: []ui.RecallLine{recallLine()},
	}
	unknown := ui.ModelPage{Where: root, Model: ui.ModelLine{AAGUID: aaguid, Level: "none"}, Others: "deny", Firmware: Markup, Form: problem("firmware", "policy.keys.firmware")}
	fields, findings := ruleFields()
	rules := ui.KeyRulesPage{
		Where: root, Fields: fields, Findings: findings, MinPIN: "6", Named: []ui.NamedModel{
			{AAGUID: aaguid, Name: "YubiKey 5 Series with NFC", Rule: "allow", Own: true}, {AAGUID: aaguid, Name: Markup, Rule: "deny", Firmware: "5.4.3"},
		}, Version: "v",
	}
	wrong := ui.KeyRulesPage{Where: root, Fields: fields, Findings: findings, MinPIN: "many", Form: ui.Form{Errors: []ui.FieldError{
		{Field: "min_pin", Message: ui.Text{ID: "policy.keys.min_pin", Args: map[string]any{"Max": 63}}}}}}
	check := ui.RulesCheckPage{
		Where: root, Back: "/ops/rules", Rules: `{"others":"deny"}`, Version: "v", People: 1310, Total: ui.RuleEffect{Refused: 15, Stranded: 3, Freed: 1}, More: 12,
		Changes: []ui.RuleChange{
			{What: ui.Text{ID: "ops.rules.others"}, Before: ui.Text{ID: "ops.rules.others.allow"}, After: ui.Text{ID: "ops.rules.others.deny"}},
			{Model: Markup, What: ui.Text{ID: "ops.rules.firmware"}, Before: ui.Text{ID: "ops.model.firmware.any"}, After: ui.Text{ID: "ops.rules.value", Args: map[string]any{"Value": "5.4.3"}}},
		},
		Organisations: []ui.RuleEffect{{Where: ui.Where{Code: "RX1", Name: "Northmoor Hospitals"}, Refused: 14, Stranded: 3}, {Where: ui.Where{Code: "RX2", Name: Hebrew}, Refused: 1, Freed: 1}},
	}
	nothing := ui.RulesCheckPage{Where: root, Back: "/ops/rules", Rules: "null", People: 1310}
	changed := check
	changed.Changed = true
	line := recallLine()
	over, undone := line, line
	over.State, undone.State, undone.From, undone.Model = "over", "undone", "5.2", ""
	form := ui.RecallForm{AAGUID: aaguid, FirmwareBelow: "5.7", Organisation: "NHS", Until: "2026-12-07", Reason: "Advisory 26-3"}
	total := ui.RecallCount{Affected: 1208, Left: 311}
	progress := ui.RecallPage{RecallLine: line, Where: root, StartedAt: ago(3 * day), StartedBy: "Mair Evans", Total: total, Organisations: recallCounts(), Later: "/ops/recalls/x?page=1"}
	back := ui.RecallPage{RecallLine: undone, Where: root, StartedAt: ago(3 * day), UndoneAt: ago(time.Hour)}
	waiting := []ui.ReviewRow{
		{Key: "k1", Person: "p1", Name: "Amara Okafor", Nickname: "Blue lanyard key", Organisation: "Northmoor Hospitals", Model: modelLines()[1], Serial: "15442871", Proven: true, Registered: ago(time.Hour)},
		{Key: "k2", Person: "p2", Name: Markup, Nickname: Hebrew, Organisation: Long, Model: modelLines()[3], Registered: ago(3 * day)},
	}
	anchors := []ui.AnchorLine{
		{ID: "a1", AAGUID: "f24a8e70-d0d3-f82c-2937-32523cc4de5a", Model: "Apple device", Subject: "CN=Apple WebAuthn Root CA,O=Apple Inc.,ST=California", Source: "apple.pem", Until: ago(-7000 * day), AddedAt: ago(day)},
		{ID: "a2", AAGUID: aaguid, Model: Long, Subject: Markup, Source: Hebrew, Until: ago(day), AddedAt: ago(30 * day)},
	}
	return []State{
		{"ops", operator(), ui.OpsPage{Models: 4, Running: 1, Metadata: metadata, Tasks: []ui.OpsTask{
			{Kind: "overdue", Href: "/ops/metadata"}, {Kind: "problem", Href: "/ops/metadata"}, {Kind: "finding", Count: 2, Href: "/ops/models"}, {Kind: "review", Count: 1, Href: "/ops/reviews"},
			{Kind: "recall", Count: 311, Name: "YubiKey 5 Series with NFC", Day: line.Until, Href: "/ops/recalls/x"}}}},
		{"ops-new", operator(), ui.OpsPage{Tasks: []ui.OpsTask{{Kind: "no-metadata", Href: "/ops/metadata"}}}},
		{"ops-nothing", hostileOps, ui.OpsPage{Models: 1204, Metadata: metadata}},
		{"ops-models", operator(), list},
		{"ops-models-none", hostileOps, ui.ModelsPage{Where: ui.Where{Code: "X", Name: Markup}, Query: Markup, Show: "all", Filters: filters()[3:], NoMetadata: true}},
		{"ops-model", operator(), model},
		{"ops-model-unknown", operator(), unknown},
		{"ops-rules", with(operator(), &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.rules"}}), rules},
		{"ops-rules-wrong", operator(), wrong},
		{"ops-rules-check", operator(), check},
		{"ops-rules-check-changed", hostileOps, changed},
		{"ops-rules-check-nothing", operator(), nothing},
		{"ops-metadata", operator(), ui.MetadataPage{MetadataFacts: metadata, MaxMB: 64}},
		{"ops-metadata-late", hostileOps, ui.MetadataPage{MetadataFacts: late, MaxMB: 64}},
		{"ops-anchors", operator(), ui.AnchorsPage{MaxKB: 256, Anchors: anchors}},
		{"ops-anchors-none", hostileOps, ui.AnchorsPage{MaxKB: 256, Typed: Markup, Form: problem("model", "policy.keys.aaguid")}},
		{"ops-anchors-file", operator(), ui.AnchorsPage{MaxKB: 256, AAGUID: aaguid, Model: "YubiKey 5 NFC", Form: problem("file", "anchors.none")}},
		{"ops-anchors-check", operator(), ui.AnchorsCheckPage{AAGUID: anchors[0].AAGUID, Model: anchors[0].Model, Source: "apple.pem", Anchors: anchors, Keys: 1204, Proven: 3, Would: 1180, People: 990}},
		{"ops-metadata-none", operator(), ui.MetadataPage{MaxMB: 64, Form: problem("file", "mds.chain")}},
		{"ops-recalls", operator(), ui.RecallsPage{Recalls: []ui.RecallLine{line, over, undone}}},
		{"ops-recalls-none", operator(), ui.RecallsPage{}},
		{"ops-recall-new", operator(), ui.RecallNewPage{RecallForm: form, Model: line.Model}},
		{"ops-recall-new-wrong", hostileOps, ui.RecallNewPage{RecallForm: ui.RecallForm{Reason: Markup}, Form: ui.Form{Errors: []ui.FieldError{
			{Field: "aaguid", Message: ui.Text{ID: "policy.keys.aaguid"}}, {Field: "firmware", Message: ui.Text{ID: "recall.firmware"}},
			{Field: "organisation", Message: ui.Text{ID: "ops.where.unknown", Args: map[string]any{"Code": Markup}}}, {Field: "until", Message: ui.Text{ID: "ops.recall.until.empty"}},
			{Field: "reason", Message: ui.Text{ID: "field.empty"}}}}}},
		{"ops-recall-check", operator(), ui.RecallCheckPage{Typed: form, RecallLine: line, Where: root, Total: total, Organisations: recallCounts(), More: 1}},
		{"ops-recall-check-nobody", hostileOps, ui.RecallCheckPage{Typed: form, RecallLine: undone, Where: root}},
		{"ops-recall", with(operator(), &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.recall"}}), progress},
		{"ops-recall-undone", hostileOps, back},
		{"ops-recall-undo", operator(), ui.RecallUndoPage{RecallLine: line, Total: total}},
		{"ops-reviews", with(operator(), &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.reviewed", Args: map[string]any{"Name": Hebrew}}}), ui.ReviewsPage{Rows: waiting, More: true}},
		{"ops-reviews-none", operator(), ui.ReviewsPage{}},
	}
}
