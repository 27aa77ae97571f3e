package policy

import (
	"errors"
	"testing"
	"time"

	"staffkey"

	"github.com/google/go-cmp/cmp"
)

const (
	modelA = "ee882879-721c-4913-9775-3dfcce97072a"
	modelB = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
)

func TestJudgeKey(t *testing.T) {
	t.Parallel()
	finding := func(kinds ...staffkey.FindingKind) staffkey.KeyFacts {
		f := staffkey.KeyFacts{Trust: staffkey.TrustProven, Model: staffkey.Model{AAGUID: modelA, Level: staffkey.Level2}}
		for _, k := range kinds {
			f.Model.Findings = append(f.Model.Findings, staffkey.Finding{Kind: k})
		}
		return f
	}
	proven := finding()
	claimed := func(trust staffkey.Trust) staffkey.KeyFacts {
		f := proven
		f.Trust = trust
		return f
	}
	models := func(others staffkey.ModelRule, rules map[string]staffkey.ModelRule) staffkey.KeyRules {
		return staffkey.KeyRules{Others: &others, Models: rules}
	}
	onlyA := models(staffkey.ModelDeny, map[string]staffkey.ModelRule{modelA: staffkey.ModelAllow})
	reviewA := models(staffkey.ModelAllow, map[string]staffkey.ModelRule{modelA: staffkey.ModelReview})
	reviewOthers := models(staffkey.ModelReview, map[string]staffkey.ModelRule{modelA: staffkey.ModelAllow})
	level := func(l staffkey.CertificationLevel) staffkey.KeyRules { return staffkey.KeyRules{Level: &l} }
	findings := func(kind staffkey.FindingKind, rule staffkey.FindingRule) staffkey.KeyRules {
		return staffkey.KeyRules{Findings: map[staffkey.FindingKind]staffkey.FindingRule{kind: rule}}
	}
	key := staffkey.SecurityKey{AAGUID: modelA, UserVerified: true, Firmware: "5.4.3", MinPINLength: 6}
	synced, unverified, other, untold, old := key, key, key, key, key
	synced.BackupEligible, unverified.UserVerified, other.AAGUID, untold.Firmware, old.Firmware = true, false, modelB, "", "5.2.9"
	short := key
	short.MinPINLength = 0
	ok, refused := Verdict{}, func(rule string) Verdict { return Verdict{Answer: Refuse, Rule: rule} }
	review := Verdict{Answer: Review, Rule: "model_review"}
	tests := []struct {
		name     string
		rules    staffkey.KeyRules
		key      staffkey.SecurityKey
		facts    staffkey.KeyFacts
		isNew    Verdict
		existing Verdict
	}{
		{"no rules", staffkey.KeyRules{}, key, proven, ok, ok},
		{"no rules, nothing known", staffkey.KeyRules{}, staffkey.SecurityKey{UserVerified: true}, staffkey.KeyFacts{}, ok, ok},
		{"no rules, nothing known, and only touched", staffkey.KeyRules{}, staffkey.SecurityKey{}, staffkey.KeyFacts{}, refused("model_verification"), refused("model_verification")},
		{"only touched, which may be", staffkey.KeyRules{VerifyPerson: new(false)}, unverified, proven, ok, ok},
		{"denied", models(staffkey.ModelAllow, map[string]staffkey.ModelRule{modelA: staffkey.ModelDeny}), key, proven, refused("model_denied"), refused("model_denied")},
		{"denied by its claim alone", models(staffkey.ModelAllow, map[string]staffkey.ModelRule{modelA: staffkey.ModelDeny}), key, claimed(staffkey.TrustNone), refused("model_denied"), refused("model_denied")},
		{"another is denied", models(staffkey.ModelAllow, map[string]staffkey.ModelRule{modelB: staffkey.ModelDeny}), key, proven, ok, ok},
		{"the allowed one", onlyA, key, proven, ok, ok},
		{"the allowed one, not proven", onlyA, key, claimed(staffkey.TrustNone), refused("model_others"), refused("model_others")},
		{"the allowed one, without trust anchors", onlyA, key, claimed(staffkey.TrustUnknown), refused("model_others"), refused("model_others")},
		{"the allowed one, broken", onlyA, key, claimed(staffkey.TrustBroken), refused("model_others"), refused("model_others")},
		{"the allowed one, not judged", onlyA, key, claimed(staffkey.TrustUnjudged), refused("model_others"), refused("model_others")},
		{"not the allowed one", onlyA, other, proven, refused("model_others"), refused("model_others")},
		{"needs a review", reviewA, key, proven, review, ok},
		{"another needs a review", reviewA, other, proven, ok, ok},
		{"all but one need a review: that one", reviewOthers, key, proven, ok, ok},
		{"all but one need a review: that one, claimed", reviewOthers, key, claimed(staffkey.TrustNone), review, ok},
		{"all but one need a review: another", reviewOthers, other, proven, review, ok},
		{"others are denied, this one reviewed", models(staffkey.ModelDeny, map[string]staffkey.ModelRule{modelA: staffkey.ModelReview}), key, claimed(staffkey.TrustNone), review, ok},
		{"level reached", level(staffkey.Level2), key, proven, ok, ok},
		{"level not reached", level(staffkey.Level2Plus), key, proven, refused("model_level"), refused("model_level")},
		{"level claimed", level(staffkey.Level1), key, claimed(staffkey.TrustNone), refused("model_level"), refused("model_level")},
		{"attestation proven", staffkey.KeyRules{Attestation: new(staffkey.AttestationProven)}, key, proven, ok, ok},
		{"attestation not proven", staffkey.KeyRules{Attestation: new(staffkey.AttestationProven)}, key, claimed(staffkey.TrustUnknown), refused("model_attestation"), refused("model_attestation")},
		{"synced, and may be", staffkey.KeyRules{}, synced, proven, ok, ok},
		{"synced, and may not be", staffkey.KeyRules{Synced: new(false)}, synced, proven, refused("model_synced"), refused("model_synced")},
		{"not synced", staffkey.KeyRules{Synced: new(false)}, key, proven, ok, ok},
		{"does not check its person", staffkey.KeyRules{VerifyPerson: new(true)}, unverified, proven, refused("model_verification"), refused("model_verification")},
		{"checks its person", staffkey.KeyRules{VerifyPerson: new(true)}, key, proven, ok, ok},
		{"PIN long enough", staffkey.KeyRules{MinPIN: new(6)}, key, proven, ok, ok},
		{"PIN too short", staffkey.KeyRules{MinPIN: new(8)}, key, proven, refused("model_pin"), ok},
		{"PIN not told", staffkey.KeyRules{MinPIN: new(4)}, short, proven, refused("model_pin"), ok},
		{"firmware too old", staffkey.KeyRules{Firmware: map[string]string{modelA: "5.4"}}, old, proven, refused("model_firmware"), refused("model_firmware")},
		{"firmware new enough", staffkey.KeyRules{Firmware: map[string]string{modelA: "5.4"}}, key, proven, ok, ok},
		{"firmware not told", staffkey.KeyRules{Firmware: map[string]string{modelA: "5.4"}}, untold, proven, ok, ok},
		{"firmware of another model", staffkey.KeyRules{Firmware: map[string]string{modelB: "9"}}, key, proven, ok, ok},
		{"revoked", staffkey.KeyRules{}, key, finding(staffkey.FindingRevoked),
			Verdict{Answer: Refuse, Rule: "model_finding", Finding: staffkey.FindingRevoked}, Verdict{Answer: Refuse, Rule: "model_finding", Finding: staffkey.FindingRevoked}},
		{"a finding that is ignored", findings(staffkey.FindingPhysicalCompromise, staffkey.FindingIgnore), key, finding(staffkey.FindingPhysicalCompromise), ok, ok},
		{"a finding that flags", findings(staffkey.FindingPhysicalCompromise, staffkey.FindingFlag), key, finding(staffkey.FindingPhysicalCompromise),
			Verdict{Answer: Review, Rule: "model_finding", Finding: staffkey.FindingPhysicalCompromise, Flagged: true}, Verdict{Finding: staffkey.FindingPhysicalCompromise, Flagged: true}},
		{"a finding that flags and one that refuses", findings(staffkey.FindingPhysicalCompromise, staffkey.FindingFlag), key, finding(staffkey.FindingPhysicalCompromise, staffkey.FindingRemoteCompromise),
			Verdict{Answer: Refuse, Rule: "model_finding", Finding: staffkey.FindingRemoteCompromise}, Verdict{Answer: Refuse, Rule: "model_finding", Finding: staffkey.FindingRemoteCompromise}},
		{"an update", staffkey.KeyRules{}, key, finding(staffkey.FindingUpdateAvailable), ok, ok},
	}
	for _, test := range tests {
		rules := Effective([]staffkey.PolicySettings{{Keys: &test.rules}}).Keys
		needs := func(v Verdict) Verdict { v.Needs = ""; return v } // which the words are made from
		got := needs(JudgeKey(rules, test.key, test.facts, true))
		got.unshown = false // see TestVerdict_of_a_key_that_shows_nothing
		if got != test.isNew {
			t.Errorf("%s: new: got %+v, want %+v", test.name, got, test.isNew)
		}
		if got := needs(JudgeKey(test.rules, test.key, test.facts, false)); got != test.existing {
			t.Errorf("%s: in use: got %+v, want %+v", test.name, got, test.existing)
		}
	}
}

// Whatever else is decided: a key whose attestation is not proven never gets in by an allow-list or by a level.
func TestJudgeKey_takes_no_claim_for_a_proof(t *testing.T) {
	t.Parallel()
	rules := []staffkey.ModelRule{staffkey.ModelAllow, staffkey.ModelReview, staffkey.ModelDeny}
	trusts := []staffkey.Trust{staffkey.TrustUnjudged, staffkey.TrustNone, staffkey.TrustUnknown, staffkey.TrustBroken}
	combinations := 0
	for _, others := range rules {
		for _, named := range append(rules, "") {
			for level := staffkey.NotCertified; level <= staffkey.Level3Plus; level++ {
				for _, trust := range trusts {
					for _, isNew := range []bool{false, true} {
						for _, synced := range []bool{false, true} {
							combinations++
							r := staffkey.KeyRules{Others: &others, Level: &level, Synced: &synced, Models: map[string]staffkey.ModelRule{modelA: named}}
							f := staffkey.KeyFacts{Trust: trust, Model: staffkey.Model{AAGUID: modelA, Level: staffkey.Level3Plus}}
							v := JudgeKey(r, staffkey.SecurityKey{AAGUID: modelA, UserVerified: true}, f, isNew)
							byList := others == staffkey.ModelDeny && named != staffkey.ModelReview
							if (byList || level > staffkey.NotCertified) && v.Answer != Refuse {
								t.Errorf("others %s, named %q, level %s, trust %q: got %+v, want a refusal", others, named, level, trust, v)
							}
							if others == staffkey.ModelReview && isNew && v.Answer == Accept {
								t.Errorf("others %s, named %q, trust %q: a new key is accepted without a review", others, named, trust)
							}
						}
					}
				}
			}
		}
	}
	if want := 3 * 4 * 7 * 4 * 2 * 2; combinations != want {
		t.Errorf("%d combinations, want %d", combinations, want)
	}
}

func TestVerdict_says_which_model(t *testing.T) {
	t.Parallel()
	err := Verdict{Answer: Refuse, Rule: "model_denied"}.Err(staffkey.KeyFacts{Model: staffkey.Model{AAGUID: modelA, Name: "YubiKey 5"}})
	var r *staffkey.Refusal
	if !errors.As(err, &r) || r.Rule != "model_denied" || r.Message.ID != "key.model" || r.Message.Args["Model"] != "YubiKey 5" {
		t.Errorf("got %v, want a refusal that names the model", err)
	}
	if r.Message.Args["Why"] != "denied" {
		t.Errorf("the reason is told as %v", r.Message.Args["Why"])
	}
	// Nobody knows their key by its AAGUID.
	unnamed := Verdict{Answer: Refuse, Rule: "model_finding", Finding: staffkey.FindingRevoked}.Err(staffkey.KeyFacts{Model: staffkey.Model{AAGUID: modelA}})
	if !errors.As(unnamed, &r) || r.Message.Args["Model"] != "" || r.Message.Args["Why"] != "finding" {
		t.Errorf("a model without a name is told as %v", r.Message.Args)
	}
	low := JudgeKey(staffkey.KeyRules{Level: new(staffkey.Level2)}, staffkey.SecurityKey{UserVerified: true}, staffkey.KeyFacts{}, false)
	if !errors.As(low.Err(staffkey.KeyFacts{}), &r) || r.Message.Args["Why"] != "level" || r.Message.Args["Needs"] != "L2" {
		t.Errorf("a level that is not reached is told as %v", r.Message.Args)
	}
	if err := (Verdict{Answer: Review, Rule: "model_review"}).Err(staffkey.KeyFacts{}); err != nil {
		t.Errorf("a review is refused: %v", err)
	}
}

func TestEffective_of_key_rules(t *testing.T) {
	t.Parallel()
	above := staffkey.KeyRules{
		Models:   map[string]staffkey.ModelRule{modelA: staffkey.ModelDeny, modelB: staffkey.ModelReview},
		Firmware: map[string]string{modelA: "5.4"}, MinPIN: new(6), Synced: new(false),
		Findings: map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingRevoked: staffkey.FindingFlag},
	}
	own := staffkey.KeyRules{
		Models:   map[string]staffkey.ModelRule{modelA: staffkey.ModelAllow, modelB: staffkey.ModelAllow},
		Firmware: map[string]string{modelA: "5.2", modelB: "1"}, MinPIN: new(4), Level: new(staffkey.Level1),
	}
	got := Effective([]staffkey.PolicySettings{{Keys: &own}, {}, {Keys: &above}}).Keys
	want := defaultKeyRules
	want.Models = map[string]staffkey.ModelRule{modelA: staffkey.ModelDeny, modelB: staffkey.ModelAllow} // what is denied above stays so
	want.Firmware = map[string]string{modelA: "5.4", modelB: "1"}
	want.MinPIN, want.Synced, want.Level = new(4), new(false), new(staffkey.Level1)
	want.Findings = map[staffkey.FindingKind]staffkey.FindingRule{
		staffkey.FindingRevoked: staffkey.FindingFlag, staffkey.FindingRemoteCompromise: staffkey.FindingRefuse,
		staffkey.FindingVerificationBypass: staffkey.FindingRefuse, staffkey.FindingPhysicalCompromise: staffkey.FindingRefuse,
		staffkey.FindingAttestationKey: staffkey.FindingRefuse,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(defaultKeyRules, Effective(nil).Keys); diff != "" || defaultKeyRules.Findings[staffkey.FindingRevoked] != staffkey.FindingRefuse {
		t.Errorf("the defaults were changed:\n%s", diff)
	}
}

func TestCheckSettings_of_key_rules(t *testing.T) {
	t.Parallel()
	allow := []staffkey.KeyRules{
		{}, {Models: map[string]staffkey.ModelRule{modelA: staffkey.ModelReview}}, {Firmware: map[string]string{modelA: "5.7.1"}},
		{Level: new(staffkey.Level3Plus)}, {MinPIN: new(63)}, {Conveyance: new(staffkey.ConveyEnterprise)},
		{Findings: map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingRevoked: staffkey.FindingIgnore}},
	}
	deny := []staffkey.KeyRules{
		{Models: map[string]staffkey.ModelRule{"EE882879-721c-4913-9775-3dfcce97072a": staffkey.ModelAllow}},
		{Models: map[string]staffkey.ModelRule{modelA: "perhaps"}}, {Models: map[string]staffkey.ModelRule{"": staffkey.ModelDeny}},
		{Firmware: map[string]string{modelA: "new"}}, {Firmware: map[string]string{"yubikey": "5"}}, {Level: new(staffkey.Level3Plus + 1)},
		{Level: new(staffkey.CertificationLevel(-1))}, {MinPIN: new(64)}, {MinPIN: new(-1)}, {Conveyance: new(staffkey.Conveyance("all"))},
		{Others: new(staffkey.ModelRule("some"))}, {Attestation: new(staffkey.AttestationRule("self"))},
		{Findings: map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingUpdateAvailable: staffkey.FindingRefuse}},
		{Findings: map[staffkey.FindingKind]staffkey.FindingRule{staffkey.FindingRevoked: "shrug"}},
	}
	for i, r := range allow {
		if err := CheckSettings(staffkey.PolicySettings{Keys: &r}); err != nil {
			t.Errorf("allowed rules %d: got error %v", i, err)
		}
	}
	for i, r := range deny {
		if err := CheckSettings(staffkey.PolicySettings{Keys: &r}); !errors.Is(err, staffkey.ErrInvalid) {
			t.Errorf("rules %d that make no sense: got error %v", i, err)
		}
	}
}

func TestRecallOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)
	chain := Chain{"ward", "trust", "root"}
	recall := func(id staffkey.RecallID, change func(*staffkey.Recall)) staffkey.Recall {
		r := staffkey.Recall{ID: id, AAGUID: modelA, Organisation: "root", StartedAt: now.Add(-time.Hour), Until: now.Add(time.Hour)}
		change(&r)
		return r
	}
	same := func(*staffkey.Recall) {}
	key := staffkey.SecurityKey{AAGUID: modelA, Firmware: "5.4.3", Trust: staffkey.TrustProven}
	claimed := key
	claimed.Trust = staffkey.TrustBroken
	tests := []struct {
		name    string
		recalls []staffkey.Recall
		key     staffkey.SecurityKey
		id      staffkey.RecallID
		phase   RecallPhase
	}{
		{"none", nil, key, "", NotRecalled},
		{"running", []staffkey.Recall{recall("a", same)}, key, "a", RecallRunning},
		{"at its last instant", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.Until = now })}, key, "a", RecallRunning},
		{"over", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.Until = now.Add(-time.Second) })}, key, "a", RecallOver},
		{"taken back", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.UndoneAt = now })}, key, "", NotRecalled},
		{"another model", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.AAGUID = modelB })}, key, "", NotRecalled},
		{"another organisation", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.Organisation = "elsewhere" })}, key, "", NotRecalled},
		{"their organisation alone", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.Organisation = "ward" })}, key, "a", RecallRunning},
		{"firmware below", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.FirmwareBelow = "5.7" })}, key, "a", RecallRunning},
		{"firmware not below", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.FirmwareBelow = "5.4.3" })}, key, "", NotRecalled},
		{"firmware from", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.FirmwareFrom = "5.4.3" })}, key, "a", RecallRunning},
		{"firmware before", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.FirmwareFrom = "5.5" })}, key, "", NotRecalled},
		{"firmware not told", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.FirmwareBelow = "5.0" })}, staffkey.SecurityKey{AAGUID: modelA}, "a", RecallRunning},
		{"firmware claimed only", []staffkey.Recall{recall("a", func(r *staffkey.Recall) { r.FirmwareBelow = "5.0" })}, claimed, "a", RecallRunning},
		{"the one that ends first", []staffkey.Recall{recall("a", same), recall("b", func(r *staffkey.Recall) { r.Until = now.Add(time.Minute) })}, key, "b", RecallRunning},
	}
	for _, test := range tests {
		r, phase := RecallOf(test.recalls, chain, test.key, now)
		if r.ID != test.id || phase != test.phase {
			t.Errorf("%s: got recall %q in phase %d, want %q in %d", test.name, r.ID, phase, test.id, test.phase)
		}
	}
}

// V9: a new key that shows nothing, where something has to be shown, may have been kept back by its browser; one in use has no such way out.
func TestVerdict_of_a_key_that_shows_nothing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rules staffkey.KeyRules
		trust staffkey.Trust
		isNew bool
		want  string
	}{
		"new, proof is asked for":      {staffkey.KeyRules{Attestation: new(staffkey.AttestationProven)}, staffkey.TrustNone, true, "key.unproven"},
		"new, a level is asked for":    {staffkey.KeyRules{Level: new(staffkey.Level2)}, staffkey.TrustNone, true, "key.unproven"},
		"in use":                       {staffkey.KeyRules{Attestation: new(staffkey.AttestationProven)}, staffkey.TrustNone, false, "key.model"},
		"of a model that nobody knows": {staffkey.KeyRules{Attestation: new(staffkey.AttestationProven)}, staffkey.TrustUnknown, true, "key.model"},
		"denied":                       {staffkey.KeyRules{Others: new(staffkey.ModelDeny)}, staffkey.TrustNone, true, "key.model"},
	} {
		f := staffkey.KeyFacts{Trust: test.trust}
		err := JudgeKey(mergeKeyRules(defaultKeyRules, test.rules), staffkey.SecurityKey{UserVerified: true}, f, test.isNew).Err(f)
		var r *staffkey.Refusal
		if !errors.As(err, &r) || r.Message.ID != test.want {
			t.Errorf("%s: error %+v, want %s", name, err, test.want)
		}
	}
}
