package gallery

import (
	"strings"
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
		{Name: "synced", Standard: "backupEligible (BE)", Choices: []string{"yes", "no"}, Above: "yes"}, {Name: "verify_person", Choices: []string{"yes", "no"}, Above: "no"}, {Name: "post_quantum", Choices: []string{"yes", "no"}, Above: "no"},
		{Name: "conveyance", Choices: []string{"none", "indirect", "direct", "enterprise"}, Above: "direct"},
	}
	for _, kind := range []string{"revoked", "user_key_remote_compromise", "user_verification_bypass", "user_key_physical_compromise", "attestation_key_compromise"} {
		findings = append(findings, ui.RuleField{Name: "finding_" + kind, Finding: kind, Standard: strings.ToUpper(kind), Choices: []string{"refuse", "flag", "ignore"}, Above: "refuse"})
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
			{Kind: "user_verification_bypass", Standard: "USER_VERIFICATION_BYPASS", Since: ago(40 * day), Firmware: "328706", URL: "https://fidoalliance.org/advisory", Rule: "refuse"},
			{Kind: "user_key_remote_compromise", Standard: "USER_KEY_REMOTE_COMPROMISE", Rule: "refuse", Hold: "/ops/hold?model=x"}, {Kind: "update_available", Standard: "UPDATE_AVAILABLE"},
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
	effect := ui.EffectBlock{
		People: 1310, Total: ui.RuleEffect{Refused: 15, Stranded: 3, ShutOut: 1, Freed: 1}, More: 12, Ask: []ui.Hidden{{Name: "rules", Value: `{"others":"deny"}`}},
		Organisations: []ui.RuleEffect{{Where: ui.Where{Code: "RX1", Name: "Northmoor Hospitals"}, Refused: 14, Stranded: 3, ShutOut: 1}, {Where: ui.Where{Code: "RX2", Name: Hebrew}, Refused: 1, Freed: 1}},
	}
	check := ui.RulesCheckPage{
		Where: root, Back: "/ops/rules", Rules: `{"others":"deny"}`, Version: "v", Effect: effect,
		Changes: []ui.RuleChange{
			{What: ui.Text{ID: "ops.rules.others"}, Before: ui.Text{ID: "ops.rules.others.allow"}, After: ui.Text{ID: "ops.rules.others.deny"}},
			{Model: Markup, What: ui.Text{ID: "ops.rules.firmware"}, Before: ui.Text{ID: "ops.model.firmware.any"}, After: ui.Text{ID: "ops.rules.value", Args: map[string]any{"Value": "5.4.3"}}},
		},
	}
	nothing := ui.RulesCheckPage{Where: root, Back: "/ops/rules", Rules: "null", Effect: ui.EffectBlock{People: 1310}}
	own, lockedOut := check, check
	own.Effect.OwnKeys, own.Effect.OwnLeft, own.Form = []string{"Blue lanyard key", Markup}, true, problem("own", "ops.own_key")
	lockedOut.Effect.OwnKeys, lockedOut.Effect.NoOperator = []string{"Blue lanyard key"}, true
	causes := []ui.Cause{
		{Model: modelLines()[0], Finding: "user_key_remote_compromise", Standard: "USER_KEY_REMOTE_COMPROMISE", People: 1204, Held: true},
		{Model: modelLines()[3], Finding: "certification_lowered", Standard: "CERTIFICATION_LOWERED", People: 2},
		{Model: modelLines()[2], Finding: "trust_anchors_changed", Standard: "TRUST_ANCHORS_CHANGED", People: 1},
	}
	now := effect
	now.OwnKeys = []string{"Blue lanyard key"}
	metadataCheck := ui.MetadataCheckPage{Number: 143, Models: 402, Source: "blob.jwt", Causes: causes, Held: ui.EffectBlock{People: 1310, Total: ui.RuleEffect{Refused: 3}}, Now: now, Choice: "hold"}
	small := ui.MetadataCheckPage{Number: 143, Models: 1, Source: Markup, Causes: causes[1:], Held: now, Now: now, Choice: "hold", Form: problem("own", "ops.own_key")}
	held := []ui.HoldLine{
		{Cause: causes[0], Href: "/ops/hold?model=x", Number: 143, State: "open"}, {Cause: causes[1], Href: "/ops/hold?model=y", Number: 143, State: "recalled"},
		{Cause: causes[2], Href: "/ops/hold?model=z", Number: 142, State: "taken"},
	}
	hold := ui.HoldPage{HoldLine: held[0], Effect: now, Ask: []ui.Hidden{{Name: "model", Value: aaguid}}, Recall: "/ops/recall?model=x"}
	taken := ui.HoldPage{HoldLine: held[2], Effect: effect, TakenBy: Hebrew, Recall: "/ops/recall?model=x", Decision: "refuse", Form: problem("decision", "ops.hold.empty")}
	people := ui.PeoplePage{Heading: ui.Text{ID: "ops.people.refused"}, Method: "post", Action: "/ops/people", Ask: []ui.Hidden{{Name: "rules", Value: "null"}}, After: "x", First: true, Back: "/ops/rules", Rows: []ui.PersonRow{
		{Name: "Amara Okafor", Username: "amara.okafor", Where: ui.Where{Code: "RX1", Name: "Northmoor Hospitals"}, Keys: []string{"Blue lanyard key", Hebrew}, Left: "key"},
		{Name: Markup, Username: Long, Where: ui.Where{Code: "RX2", Name: Hebrew}, Keys: []string{Long}, Left: "no-key"}, {Name: "Rajesh Patel", Username: "rajesh", Where: root, Keys: []string{"Key"}, Left: "nothing"},
	}}
	choose := ui.OrganisationsPage{Query: "north", To: "/ops/rules", More: 3, Found: []ui.OrganisationRow{
		{Where: ui.Where{Code: "RX1", Name: "Northmoor Hospitals"}, Href: "/ops/rules?organisation=RX1"}, {Where: ui.Where{Code: "RX2", Name: Markup}, Href: "/ops/rules?organisation=RX2"}}}
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
			{Kind: "overdue", Href: "/ops/metadata"}, {Kind: "problem", Href: "/ops/metadata"}, {Kind: "held", Count: 1204, Name: "YubiKey 5 Series with NFC", Href: "/ops/hold?model=x"},
			{Kind: "messages", Count: 12, Href: "/ops"}, {Kind: "finding", Count: 2, Href: "/ops/models"}, {Kind: "review", Count: 1, Href: "/ops/reviews"},
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
		{"ops-rules-check-own", operator(), own},
		{"ops-rules-check-locked-out", operator(), lockedOut},
		{"ops-people", operator(), people},
		{"ops-people-none", hostileOps, ui.PeoplePage{Heading: ui.Text{ID: "ops.people.recall"}, Method: "get", Action: "/ops/people", First: true, Back: "/ops/rules"}},
		{"ops-people-end", operator(), ui.PeoplePage{Heading: ui.Text{ID: "ops.people.model"}, Method: "get", Action: "/ops/people", Back: "/ops/rules"}},
		{"ops-organisations", operator(), choose},
		{"ops-organisations-none", hostileOps, ui.OrganisationsPage{Query: Markup, To: "/ops/rules"}},
		{"ops-metadata-check", operator(), metadataCheck},
		{"ops-metadata-check-small", hostileOps, small},
		{"ops-metadata-held", operator(), ui.MetadataPage{MetadataFacts: metadata, MaxMB: 64, Holds: held}},
		{"ops-hold", operator(), hold},
		{"ops-hold-taken", hostileOps, taken},
		{"ops-review-refuse", operator(), ui.ReviewRefusePage{Row: ui.ReviewRow{Key: "k1", Person: "p1", Name: "Amara Okafor", Nickname: "Blue lanyard key"}}},
		{"ops-review-refuse-wrong", hostileOps, ui.ReviewRefusePage{Row: ui.ReviewRow{Key: "k2", Person: "p2", Name: Markup, Nickname: Hebrew}, Form: problem("reason", "field.empty")}},
		{"ops-metadata", operator(), ui.MetadataPage{MetadataFacts: metadata, MaxMB: 64}},
		{"ops-metadata-late", hostileOps, ui.MetadataPage{MetadataFacts: late, MaxMB: 64}},
		{"ops-anchors", operator(), ui.AnchorsPage{MaxKB: 256, Anchors: anchors}},
		{"ops-anchors-none", hostileOps, ui.AnchorsPage{MaxKB: 256, Typed: Markup, Form: problem("model", "policy.keys.aaguid")}},
		{"ops-anchors-file", operator(), ui.AnchorsPage{MaxKB: 256, AAGUID: aaguid, Model: "YubiKey 5 NFC", Form: problem("file", "anchors.none")}},
		{"ops-anchors-check", operator(), ui.AnchorsCheckPage{AAGUID: anchors[0].AAGUID, Model: anchors[0].Model, Source: "apple.pem", Anchors: anchors, Keys: 1204, Proven: 3, Would: 1180, People: 990}},
		{"ops-metadata-none", operator(), ui.MetadataPage{MaxMB: 64, Form: problem("file", "mds.chain")}},
		{"ops-recalls", operator(), ui.RecallsPage{Recalls: []ui.RecallLine{line, over, undone}}},
		{"ops-recalls-none", operator(), ui.RecallsPage{}},
		{"ops-recall-new", operator(), ui.RecallNewPage{RecallForm: form, Model: modelLines()[0], Where: root, Elsewhere: "/ops/organisations"}},
		{"ops-recall-new-choose", operator(), ui.RecallNewPage{Models: modelLines(), Where: root, Elsewhere: "/ops/organisations"}},
		{"ops-recall-new-wrong", hostileOps, ui.RecallNewPage{RecallForm: ui.RecallForm{Reason: Markup}, Models: modelLines(), Where: ui.Where{Code: Markup, Name: Markup}, Elsewhere: "/ops/organisations", Form: ui.Form{Errors: []ui.FieldError{
			{Field: "aaguid", Message: ui.Text{ID: "policy.keys.aaguid"}}, {Field: "firmware", Message: ui.Text{ID: "recall.firmware"}},
			{Field: "organisation", Message: ui.Text{ID: "ops.where.unknown", Args: map[string]any{"Code": Markup}}}, {Field: "until", Message: ui.Text{ID: "ops.recall.until.empty"}},
			{Field: "reason", Message: ui.Text{ID: "field.empty"}}}}}},
		{"ops-recall-check", operator(), ui.RecallCheckPage{Typed: form, RecallLine: line, Where: root, Total: total, Organisations: recallCounts(), More: 1, OwnKeys: []string{"Blue lanyard key"}, NoOperator: true}},
		{"ops-recall-check-nobody", hostileOps, ui.RecallCheckPage{Typed: form, RecallLine: undone, Where: root}},
		{"ops-recall", with(operator(), &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.recall"}}), progress},
		{"ops-recall-undone", hostileOps, back},
		{"ops-recall-undo", operator(), ui.RecallUndoPage{RecallLine: line, Total: total}},
		{"ops-reviews", with(operator(), &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.reviewed", Args: map[string]any{"Name": Hebrew}}}), ui.ReviewsPage{Rows: waiting, More: true}},
		{"ops-reviews-none", operator(), ui.ReviewsPage{}},
	}
}
