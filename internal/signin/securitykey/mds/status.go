package mds

import (
	"bytes"
	"crypto/x509"
	"slices"
	"time"
)

// Status is what a report says of a model (Service §3.1.4). There may be others than these, which say nothing to us: servers pass
// over what they do not know.
type Status string

// The statuses that are no certification.
const (
	NotCertified              Status = "NOT_FIDO_CERTIFIED"
	SelfAssertionSubmitted    Status = "SELF_ASSERTION_SUBMITTED"
	UserVerificationBypass    Status = "USER_VERIFICATION_BYPASS"
	AttestationKeyCompromise  Status = "ATTESTATION_KEY_COMPROMISE"
	UserKeyRemoteCompromise   Status = "USER_KEY_REMOTE_COMPROMISE"
	UserKeyPhysicalCompromise Status = "USER_KEY_PHYSICAL_COMPROMISE"
	UpdateAvailable           Status = "UPDATE_AVAILABLE"
	Retired                   Status = "RETIRED" // since v3.1.1: the maker wants it accepted no longer
	Revoked                   Status = "REVOKED"
)

// Mild reports whether a warning of this status is a piece of news and no reason to mistrust a key: there is an update.
func (s Status) Mild() bool { return s == UpdateAvailable }

// Level is how far a model is certified. Levels compare: a higher one includes the lower.
type Level int

// The levels of FIDO certification. The functional certification of old, FIDO_CERTIFIED, counts as L1, its successor.
const (
	LevelNone Level = iota
	L1
	L1Plus
	L2
	L2Plus
	L3
	L3Plus
)

// String is the level as the Alliance writes it: "L1", "L1+"; "" for none.
func (l Level) String() string {
	if l < LevelNone || l > L3Plus {
		return ""
	}
	return [...]string{"", "L1", "L1+", "L2", "L2+", "L3", "L3+"}[l]
}

var levels = map[Status]int{
	"FIDO_CERTIFIED": int(L1), "FIDO_CERTIFIED_L1": int(L1), "FIDO_CERTIFIED_L1plus": int(L1Plus), "FIDO_CERTIFIED_L2": int(L2),
	"FIDO_CERTIFIED_L2plus": int(L2Plus), "FIDO_CERTIFIED_L3": int(L3), "FIDO_CERTIFIED_L3plus": int(L3Plus),
}

var fipsLevels = map[Status]int{
	"FIPS140_CERTIFIED_L1": 1, "FIPS140_CERTIFIED_L2": 2, "FIPS140_CERTIFIED_L3": 3, "FIPS140_CERTIFIED_L4": 4,
}

// StatusReport is one thing that was said of a model (Service §3.1.3).
type StatusReport struct {
	Status Status
	// EffectiveDate is the day (midnight, UTC) since when, zero when that is not told; SunsetDate (since v3.1) is from when on no more.
	EffectiveDate, SunsetDate time.Time
	// AuthenticatorVersion is which firmware it is about, 0 when not told. Of a certification and of a flaw it is the lowest, of an
	// update the new one (Service §3.1.4).
	AuthenticatorVersion uint64
	// URL is where to read more. It is the Alliance's text: check its scheme before it becomes a link.
	URL string
	// What was certified, under which number and by which rules.
	CertificationDescriptor, CertificateNumber, PolicyVersion, RequirementsVersion string

	certificates []string // DER in base64: certificate and batchCertificate
}

// statusReport is how a report stands in the BLOB.
type statusReport struct {
	Status                  Status `json:"status"`
	EffectiveDate           day    `json:"effectiveDate"`
	SunsetDate              day    `json:"sunsetDate"`
	AuthenticatorVersion    uint64 `json:"authenticatorVersion"`
	Certificate             string `json:"certificate"`
	BatchCertificate        string `json:"batchCertificate"`
	URL                     string `json:"url"`
	CertificationDescriptor string `json:"certificationDescriptor"`
	CertificateNumber       string `json:"certificateNumber"`
	PolicyVersion           string `json:"certificationPolicyVersion"`
	RequirementsVersion     string `json:"certificationRequirementsVersion"`
}

func (r statusReport) report() StatusReport {
	given := slices.DeleteFunc([]string{r.Certificate, r.BatchCertificate}, func(text string) bool { return text == "" })
	return StatusReport{
		Status: r.Status, EffectiveDate: time.Time(r.EffectiveDate), SunsetDate: time.Time(r.SunsetDate),
		AuthenticatorVersion: r.AuthenticatorVersion, URL: r.URL, CertificationDescriptor: r.CertificationDescriptor,
		CertificateNumber: r.CertificateNumber, PolicyVersion: r.PolicyVersion, RequirementsVersion: r.RequirementsVersion,
		certificates: given,
	}
}

// Key is what is known of one key of a model. The zero value is a key of which only the model is known, to which everything may
// apply that applies to any: use it to speak of the model.
type Key struct {
	// Firmware is its version as authenticatorGetInfo would tell it; 0 when not known.
	Firmware uint64
	// Chain holds the certificates of its attestation, its own first, with or without the root.
	Chain []*x509.Certificate
}

// inForce returns the reports that hold at an instant, oldest first. The list is meant to be in that order, but is not always, so
// it is ordered by date. A report without a date is "effective while present" (Service §3.1.3), and stays behind the one before it.
func (e *Entry) inForce(at time.Time) []StatusReport {
	type dated struct {
		since  time.Time
		report StatusReport
	}
	var list []dated
	var since time.Time
	for _, r := range e.Reports {
		if !r.EffectiveDate.IsZero() {
			since = r.EffectiveDate
		}
		if !r.EffectiveDate.After(at) && (r.SunsetDate.IsZero() || at.Before(r.SunsetDate)) {
			list = append(list, dated{since, r})
		}
	}
	slices.SortStableFunc(list, func(a, b dated) int { return a.since.Compare(b.since) })
	reports := make([]StatusReport, len(list))
	for i, d := range list {
		reports[i] = d.report
	}
	return reports
}

// Level returns how far a key of this model is certified at an instant: the highest certification in force that covers its firmware,
// which is the one certified and everything later (Service §3.1.3). That a model is not certified, or revoked, undoes what was
// before. A flaw undoes no certification: ask [Entry.Warnings] too.
func (e *Entry) Level(at time.Time, k Key) Level { return Level(e.certified(at, k, levels)) }

// FIPS returns the overall level of FIPS 140 that a key of this model is certified at, from 1 to 4, or 0 (statuses since v3.1).
func (e *Entry) FIPS(at time.Time, k Key) int { return e.certified(at, k, fipsLevels) }

func (e *Entry) certified(at time.Time, k Key, by map[Status]int) int {
	highest := 0
	for _, r := range e.inForce(at) {
		switch {
		case r.Status == NotCertified || r.Status == Revoked:
			highest = 0
		case k.Firmware == 0 || k.Firmware >= r.AuthenticatorVersion:
			highest = max(highest, by[r.Status])
		}
	}
	return highest
}

// Warnings returns what is known against a key of this model at an instant, oldest first. What follows from the specification, and
// where it leaves open who is concerned, everybody is:
//
//   - REVOKED and RETIRED concern all keys of the model. An update lifts neither, though Service §3.1.4 speaks of that: makers
//     publish updates, and whom the Alliance does not trust for any reason cannot restore that by himself.
//   - ATTESTATION_KEY_COMPROMISE concerns the keys whose chain holds the certificate of the report or was issued under it, and all
//     keys when it names none or the chain is not known. The firmware is not asked: who has the attestation key can claim any.
//   - USER_VERIFICATION_BYPASS, USER_KEY_REMOTE_COMPROMISE and USER_KEY_PHYSICAL_COMPROMISE concern the firmware of the report, which
//     is the lowest affected, and everything later. An update that is published after it "is intended to address at least all
//     previous issues" (Service §3.1.3): then they concern every firmware lower than the new one (Statement §4,
//     authenticatorVersion), and none from there on.
//   - UPDATE_AVAILABLE concerns every firmware lower than the new one.
//
// A key whose firmware is not known may have any. A warning goes when its report does, or reaches its sunset.
func (e *Entry) Warnings(at time.Time, k Key) []StatusReport {
	var warnings []StatusReport
	reports := e.inForce(at)
	for i, r := range reports {
		if e.concerns(r, reports[i+1:], k) {
			warnings = append(warnings, r)
		}
	}
	return warnings
}

func (e *Entry) concerns(r StatusReport, later []StatusReport, k Key) bool {
	switch r.Status {
	case Revoked, Retired:
		return true
	case AttestationKeyCompromise:
		return r.namesOneOf(k.Chain)
	case UpdateAvailable:
		return e.outdated(r, k)
	case UserVerificationBypass, UserKeyRemoteCompromise, UserKeyPhysicalCompromise:
		updates := slices.DeleteFunc(slices.Clone(later), func(r StatusReport) bool { return r.Status != UpdateAvailable })
		if len(updates) > 0 {
			return !slices.ContainsFunc(updates, func(u StatusReport) bool { return !e.outdated(u, k) })
		}
		return k.Firmware == 0 || k.Firmware >= r.AuthenticatorVersion
	}
	return false
}

// outdated reports whether a key lacks an update. The version of report and statement must be the same (Service §3.1.4); when they
// are not, the higher counts, and when there is none nobody is known to have it.
func (e *Entry) outdated(update StatusReport, k Key) bool {
	version := max(update.AuthenticatorVersion, e.AuthenticatorVersion)
	return k.Firmware == 0 || version == 0 || k.Firmware < version
}

// namesOneOf reports whether a report concerns a key with this chain, by the certificates that it names.
func (r StatusReport) namesOneOf(chain []*x509.Certificate) bool {
	if len(chain) == 0 {
		return true
	}
	for _, text := range r.certificates {
		c, err := parseCertificate(text)
		// One that cannot be read may be any.
		if err != nil || slices.ContainsFunc(chain, func(of *x509.Certificate) bool { return of.Equal(c) || issued(c, of) }) {
			return true
		}
	}
	return len(r.certificates) == 0
}

// issued reports whether a certificate was signed with the key of another. Chains come without their root, so a root that is named
// is recognised by what it signed.
func issued(by, c *x509.Certificate) bool {
	return bytes.Equal(c.RawIssuer, by.RawSubject) &&
		by.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}
