package policy

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"staffkey"
)

// defaultKeyRules are what holds where nobody has decided: every key is taken that checks its person, except of models with a finding
// that lets others use it.
var defaultKeyRules = staffkey.KeyRules{
	Others: new(staffkey.ModelAllow), Level: new(staffkey.NotCertified), Attestation: new(staffkey.AttestationAny),
	Synced: new(true), VerifyPerson: new(true), MinPIN: new(0), Conveyance: new(staffkey.ConveyDirect), PostQuantum: new(false),
	Findings: map[staffkey.FindingKind]staffkey.FindingRule{
		staffkey.FindingRevoked: staffkey.FindingRefuse, staffkey.FindingRemoteCompromise: staffkey.FindingRefuse,
		staffkey.FindingVerificationBypass: staffkey.FindingRefuse, staffkey.FindingPhysicalCompromise: staffkey.FindingRefuse,
		staffkey.FindingAttestationKey: staffkey.FindingRefuse,
	},
}

// mergeKeyRules lays what an organisation decides over what holds above it: the nearest wins, member by member and model by model,
// but a model that is denied above stays denied, and a firmware that is asked for above is the least that may be asked for.
func mergeKeyRules(above, own staffkey.KeyRules) staffkey.KeyRules {
	merged := above
	merged.Models, merged.Firmware, merged.Findings = maps.Clone(above.Models), maps.Clone(above.Firmware), maps.Clone(above.Findings)
	for aaguid, rule := range own.Models {
		if merged.Models == nil {
			merged.Models = make(map[string]staffkey.ModelRule)
		}
		if merged.Models[aaguid] != staffkey.ModelDeny {
			merged.Models[aaguid] = rule
		}
	}
	for aaguid, version := range own.Firmware {
		if merged.Firmware == nil {
			merged.Firmware = make(map[string]string)
		}
		if staffkey.CompareFirmware(version, merged.Firmware[aaguid]) > 0 {
			merged.Firmware[aaguid] = version
		}
	}
	maps.Copy(merged.Findings, own.Findings)
	merged.Others = nearest(own.Others, above.Others)
	merged.Level = nearest(own.Level, above.Level)
	merged.Attestation = nearest(own.Attestation, above.Attestation)
	merged.Synced = nearest(own.Synced, above.Synced)
	merged.VerifyPerson = nearest(own.VerifyPerson, above.VerifyPerson)
	merged.MinPIN = nearest(own.MinPIN, above.MinPIN)
	merged.Conveyance = nearest(own.Conveyance, above.Conveyance)
	merged.PostQuantum = nearest(own.PostQuantum, above.PostQuantum)
	return merged
}

func nearest[T any](own, above *T) *T {
	if own != nil {
		return own
	}
	return above
}

// Forms of an AAGUID and of a firmware version in settings.
var (
	isAAGUID   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`).MatchString
	isFirmware = regexp.MustCompile(`^[0-9]{1,5}(\.[0-9]{1,5}){0,3}$`).MatchString
)

// maxPIN is the longest least length that a PIN can have (CTAP 2.2 §6.4, in bytes).
const maxPIN = 63

// IsAAGUID reports whether a text is an AAGUID, in small letters.
func IsAAGUID(s string) bool { return isAAGUID(s) }

// IsFirmware reports whether a text is a firmware version: up to four numbers with dots between them.
func IsFirmware(s string) bool { return isFirmware(s) }

func checkKeyRules(r staffkey.KeyRules) error {
	for aaguid, rule := range r.Models {
		if !isAAGUID(aaguid) {
			return staffkey.Invalid("keys", "policy.keys.aaguid")
		}
		if !isModelRule(rule) {
			return staffkey.Invalid("keys", "policy.keys.rule")
		}
	}
	for aaguid, version := range r.Firmware {
		if !isAAGUID(aaguid) || !isFirmware(version) {
			return staffkey.Invalid("keys", "policy.keys.firmware")
		}
	}
	for kind, rule := range r.Findings {
		if !slices.Contains(staffkey.FindingKinds, kind) || rule != staffkey.FindingRefuse && rule != staffkey.FindingFlag && rule != staffkey.FindingIgnore {
			return staffkey.Invalid("keys", "policy.keys.finding")
		}
	}
	switch {
	case r.Others != nil && !isModelRule(*r.Others):
		return staffkey.Invalid("keys", "policy.keys.rule")
	case r.Level != nil && (*r.Level < staffkey.NotCertified || *r.Level > staffkey.Level3Plus):
		return staffkey.Invalid("keys", "policy.keys.level")
	case r.Attestation != nil && *r.Attestation != staffkey.AttestationAny && *r.Attestation != staffkey.AttestationProven:
		return staffkey.Invalid("keys", "policy.keys.attestation")
	case r.MinPIN != nil && (*r.MinPIN < 0 || *r.MinPIN > maxPIN):
		return staffkey.Invalid("keys", "policy.keys.min_pin", "Max", maxPIN)
	case r.Conveyance != nil && !slices.Contains([]staffkey.Conveyance{staffkey.ConveyNone, staffkey.ConveyIndirect, staffkey.ConveyDirect, staffkey.ConveyEnterprise}, *r.Conveyance):
		return staffkey.Invalid("keys", "policy.keys.conveyance")
	}
	return nil
}

func isModelRule(r staffkey.ModelRule) bool {
	return r == staffkey.ModelAllow || r == staffkey.ModelReview || r == staffkey.ModelDeny
}

// AsksForPerson reports whether a new key must check its person (F4). Keys of FIDO U2F cannot: who wants them has to say so (F80), and
// they count as possession only.
func AsksForPerson(rules staffkey.KeyRules) bool {
	return rules.VerifyPerson == nil || *rules.VerifyPerson
}

// Answer is what becomes of a key.
type Answer int

// The answers, from the kindest.
const (
	Accept Answer = iota
	Review        // a new key waits on hold; one that is in use goes on
	Refuse
)

// Verdict is how a key stands with the rules for keys.
type Verdict struct {
	Answer Answer
	// Rule says which rule it was, "" for an accepted key.
	Rule string
	// Finding is the finding that it was, or that a key is flagged by though it is accepted.
	Finding staffkey.FindingKind
	Flagged bool
	// unshown: it is new, and something has to be proved.
	unshown bool
	// Needs is what the rule asks for, where that is a level, a length or a version.
	Needs string
}

// Err is the refusal of a verdict, nil unless it refuses. It tells the person of which kind the reason is, and the model by its name, or not
// at all: nobody knows their key by its AAGUID.
func (v Verdict) Err(f staffkey.KeyFacts) error {
	if v.Answer != Refuse {
		return nil
	}
	message := "key.model"
	// A new key that proved nothing, where something has to be proved: the browser may have kept it back, because the person told it to.
	if v.unshown && f.Trust == staffkey.TrustNone {
		message = "key.unproven"
	}
	return staffkey.Refused(v.Rule, message, "Model", f.Model.Name, "Why", strings.TrimPrefix(v.Rule, "model_"), "Needs", v.Needs).Because("model %s, %s, attestation %q %s", f.Model.AAGUID, f.Model.Level, f.Trust, v.Finding)
}

// JudgeKey says what rules make of a key (F82): one that is new, or one that is in use and is judged again. It is pure, so that asking
// what a rule would do is the same as having it.
//
// What a key says of its model is a claim until its attestation is proven: anybody can put any AAGUID into a credential. So claims are
// enough to be refused by, and never enough to be let in by: a model that is allowed while others are not, and a level of certification,
// count for proven attestations only.
func JudgeKey(rules staffkey.KeyRules, k staffkey.SecurityKey, f staffkey.KeyFacts, isNew bool) Verdict {
	if rules.Others == nil || rules.Findings == nil { // not from Effective
		rules = mergeKeyRules(defaultKeyRules, rules)
	}
	proven := f.Trust == staffkey.TrustProven
	refuse := func(rule string) Verdict { return Verdict{Answer: Refuse, Rule: rule} }
	named := rules.Models[k.AAGUID]
	switch {
	case named == staffkey.ModelDeny:
		return refuse("model_denied")
	case named == staffkey.ModelAllow && proven:
	case named != staffkey.ModelReview && *rules.Others == staffkey.ModelDeny:
		return refuse("model_others")
	}
	switch {
	case *rules.Attestation == staffkey.AttestationProven && !proven:
		return Verdict{Answer: Refuse, Rule: "model_attestation", unshown: isNew}
	case *rules.Level > staffkey.NotCertified && (!proven || f.Model.Level < *rules.Level):
		return Verdict{Answer: Refuse, Rule: "model_level", Needs: rules.Level.String(), unshown: isNew}
	case !*rules.Synced && k.BackupEligible:
		return refuse("model_synced")
	case AsksForPerson(rules) && !k.UserVerified:
		return refuse("model_verification")
	case isNew && k.MinPINLength < *rules.MinPIN:
		return Verdict{Answer: Refuse, Rule: "model_pin", Needs: strconv.Itoa(*rules.MinPIN)}
	case k.Firmware != "" && staffkey.CompareFirmware(k.Firmware, rules.Firmware[k.AAGUID]) < 0:
		return Verdict{Answer: Refuse, Rule: "model_firmware", Needs: rules.Firmware[k.AAGUID]}
	}
	v := judgeFindings(rules, f, isNew)
	if v.Answer != Accept || !isNew {
		return v
	}
	if named == staffkey.ModelReview || *rules.Others == staffkey.ModelReview && !(named == staffkey.ModelAllow && proven) {
		v.Answer, v.Rule = Review, "model_review"
	}
	return v
}

func judgeFindings(rules staffkey.KeyRules, f staffkey.KeyFacts, isNew bool) Verdict {
	var v Verdict
	for _, finding := range f.Model.Findings {
		rule := rules.Findings[finding.Kind]
		if rule == staffkey.FindingRefuse && finding.Held { // it would refuse many: an operator decides first
			rule = staffkey.FindingFlag
		}
		switch rule {
		case staffkey.FindingRefuse:
			return Verdict{Answer: Refuse, Rule: "model_finding", Finding: finding.Kind}
		case staffkey.FindingFlag:
			v.Flagged, v.Finding = true, finding.Kind
			if isNew {
				v.Answer, v.Rule = Review, "model_finding"
			}
		}
	}
	return v
}

// RecallPhase is how far a recall has come for a key.
type RecallPhase int

// The phases.
const (
	NotRecalled   RecallPhase = iota
	RecallRunning             // the key is taken as something that is had, and nothing more: OnRecall
	RecallOver                // it is refused
)

// RecallOf returns the recall that a key of somebody in an organisation is under, the one that ends first, and how far that is. The
// chain is the organisation and all above it.
func RecallOf(recalls []staffkey.Recall, chain Chain, k staffkey.SecurityKey, now time.Time) (staffkey.Recall, RecallPhase) {
	var first staffkey.Recall
	for _, r := range recalls {
		if !r.Concerns(k.AAGUID, k.ProvenFirmware()) || !slices.Contains(chain, r.Organisation) {
			continue
		}
		if first.ID == "" || r.Until.Before(first.Until) {
			first = r
		}
	}
	switch {
	case first.ID == "":
		return first, NotRecalled
	case now.After(first.Until):
		return first, RecallOver
	}
	return first, RecallRunning
}

// TakesKey reports whether a sign-in by a key in use would be taken now, as far as that hangs on its model: rules do not refuse it, and no
// recall of it is over.
func TakesKey(rules staffkey.KeyRules, k staffkey.SecurityKey, f staffkey.KeyFacts, recall RecallPhase) bool {
	return recall != RecallOver && JudgeKey(rules, k, f, false).Answer != Refuse
}

// OnRecall is what the proof of a key is worth while it is recalled: something that is had. That it has checked its person, and that its
// key cannot leave it, is no longer believed, so that a password has to stand beside it. It is still bound to our address, and with
// a password it is enough to register the key that replaces it.
func OnRecall(p staffkey.Proof) staffkey.Proof {
	p.VerifiedPerson, p.HardwareBound, p.Recalled = false, false, true
	return p
}
