package securitykey

import (
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"staffkey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/webauthn"

	"github.com/google/uuid"
)

// Catalogue is what is known of models of security keys: the FIDO metadata that was imported last, and the names of models.go. It is
// safe for concurrent use.
type Catalogue struct {
	trust mds.Trust
	now   func() time.Time
	// foresees: what is said for a day to come counts today.
	foresees bool
	in       atomic.Pointer[shelf]
	// recalls are those that hold.
	recalls atomic.Pointer[[]staffkey.Recall]
	// anchors are the trust anchors of the installation's own, by AAGUID.
	anchors atomic.Pointer[map[string][]*x509.Certificate]
	holds   atomic.Pointer[staffkey.Holds]
}

// shelf is one metadata BLOB with the models that were asked for.
type shelf struct {
	payload *mds.Payload
	apart   map[string]string // by AAGUID, see staffkey.Model
	models  sync.Map          // AAGUID, or key identifier of an attestation certificate, → *model
}

// model is an entry, read.
type model struct {
	entry      *mds.Entry // nil when the metadata has none
	plain      staffkey.Model
	transports []string
	// byKey says that findings or the level depend on the key's firmware or certificates, and not on the model alone.
	byKey bool
	// byCertificate says that they depend on the certificates, which only the registration's bytes have.
	byCertificate bool
	// timed says that they depend on the day: a report begins or ends later.
	timed bool
}

// noModel is the AAGUID of keys that do not tell their model, those of FIDO U2F among them.
const noModel = "00000000-0000-0000-0000-000000000000"

// NewCatalogue returns a catalogue without metadata. The zero Trust is the FIDO Alliance.
func NewCatalogue(trust mds.Trust, now func() time.Time) *Catalogue {
	return &Catalogue{trust: trust, now: now}
}

// Believe changes whom metadata must be signed by, before any is verified.
func (c *Catalogue) Believe(trust mds.Trust) { c.trust = trust }

// Verify checks a metadata BLOB at an instant; it must not be older than one of a number (0 for none). The issue changes nothing until it is
// used.
func (c *Catalogue) Verify(blob []byte, previous int, at time.Time) (staffkey.Issue, error) {
	p, err := mds.Verify(blob, c.trust, at, previous)
	if err != nil {
		return staffkey.Issue{}, err
	}
	next := &shelf{payload: p, apart: c.tellApart(p)}
	// A catalogue of its own, with nothing held, that knows today what the issue says for a day to come.
	then := &Catalogue{trust: c.trust, now: c.now, foresees: true}
	then.anchors.Store(c.anchors.Load())
	then.in.Store(&shelf{payload: p, apart: next.apart})
	return staffkey.Issue{
		Metadata: staffkey.Metadata{Number: p.No, NextUpdate: p.NextUpdate, Models: p.Len(), Skipped: len(p.Skipped)},
		Facts:    then.Facts, NeedsRegistration: then.NeedsRegistration, Judge: then.Judge, Speaks: then.speaks,
		Rejudges: func(k staffkey.SecurityKey) bool {
			return k.Trust == staffkey.TrustProven && !sameAnchors(c.of(k), then.of(k))
		},
		Use: func() { c.in.Store(next) },
	}, nil
}

// sameAnchors reports whether two entries let a key of the model prove itself in the same way.
func sameAnchors(a, b *model) bool {
	if a.entry == nil || b.entry == nil {
		return a.entry == b.entry
	}
	as, _ := a.entry.AttestationRoots() // those that cannot be read are no anchors
	bs, _ := b.entry.AttestationRoots()
	return slices.EqualFunc(as, bs, (*x509.Certificate).Equal) && slices.Equal(a.entry.AttestationTypes, b.entry.AttestationTypes)
}

// speaks implements staffkey.Issue.
func (c *Catalogue) speaks(h staffkey.Hold) bool {
	m := c.find(h.AAGUID)
	if s := c.in.Load(); h.Model != h.AAGUID {
		e, ok := s.payload.FindKeyIdentifier(h.Model)
		if !ok {
			e, ok = s.payload.Find(h.Model)
		}
		if ok {
			m = c.read(s, e)
		}
	}
	switch h.Kind {
	case staffkey.FindingLevelLowered:
		return m.plain.Level < h.Level
	case staffkey.FindingAnchorsChanged:
		return true // whether it still matters shows when it is released
	}
	return slices.ContainsFunc(m.plain.Findings, func(f staffkey.Finding) bool { return f.Kind == h.Kind && f.Firmware == h.Firmware })
}

// Loaded returns what the metadata in use says of itself; the zero value without any.
func (c *Catalogue) Loaded() staffkey.Metadata {
	s := c.in.Load()
	if s == nil {
		return staffkey.Metadata{}
	}
	return staffkey.Metadata{Number: s.payload.No, NextUpdate: s.payload.NextUpdate, Models: s.payload.Len(), Skipped: len(s.payload.Skipped)}
}

// Model returns what is known of a model as such.
func (c *Catalogue) Model(aaguid string) staffkey.Model {
	m := c.find(aaguid)
	plain := m.plain
	plain.Attestation = plain.Attestation || len(c.own(aaguid)) > 0
	if m.timed {
		plain.Level, plain.Findings = c.weigh(m.entry, mds.Key{})
	}
	return c.held().Apply(plain)
}

// SetAnchors says which trust anchors the installation has of its own. One that cannot be read, which was read when it was added, is none.
func (c *Catalogue) SetAnchors(anchors []staffkey.TrustAnchor) {
	byModel := make(map[string][]*x509.Certificate)
	for _, a := range anchors {
		if certificate, err := x509.ParseCertificate(a.Certificate); err == nil {
			byModel[a.AAGUID] = append(byModel[a.AAGUID], certificate)
		}
	}
	c.anchors.Store(&byModel)
}

func (c *Catalogue) own(aaguid string) []*x509.Certificate {
	if anchors := c.anchors.Load(); anchors != nil {
		return (*anchors)[aaguid]
	}
	return nil
}

// ProvenBy reports whether a key's attestation leads to one of some trust anchors, at the time at which it was registered. It may bring the
// anchor itself, in every format: the FIDO Alliance's rule about that is for its own metadata.
func (c *Catalogue) ProvenBy(k staffkey.SecurityKey, anchors []*x509.Certificate) bool {
	a, _, err := webauthn.Reattest(k.AttestationObject, k.ClientDataJSON)
	return err == nil && len(anchors) > 0 && a.WithoutAnchor(anchors).Trusted(anchors, k.RegisteredAt) == nil
}

// Models returns all models of the metadata, in its order.
func (c *Catalogue) Models() []staffkey.Model {
	s := c.in.Load()
	if s == nil {
		return nil
	}
	var list []staffkey.Model
	for e := range s.payload.All() {
		if e.AAGUID != "" {
			list = append(list, c.held().Apply(c.read(s, e).plain))
		}
	}
	return list
}

// SetHolds says what of the metadata waits for an operator to decide. Before metadata with something to hold is used, it is set.
func (c *Catalogue) SetHolds(holds staffkey.Holds) { c.holds.Store(&holds) }

// Undecided counts what waits.
func (c *Catalogue) Undecided() int {
	n := 0
	for _, h := range c.held() {
		if h.TakenAt.IsZero() {
			n++
		}
	}
	return n
}

func (c *Catalogue) held() staffkey.Holds {
	if h := c.holds.Load(); h != nil {
		return *h
	}
	return nil
}

// SetRecalls says which recalls hold.
func (c *Catalogue) SetRecalls(recalls []staffkey.Recall) { c.recalls.Store(&recalls) }

// RecallsOf implements signin.Models.
func (c *Catalogue) RecallsOf(k staffkey.SecurityKey) []staffkey.Recall {
	all := c.recalls.Load()
	if all == nil {
		return nil
	}
	var concerned []staffkey.Recall
	for _, r := range *all {
		if r.Concerns(k.AAGUID, k.ProvenFirmware()) {
			concerned = append(concerned, r)
		}
	}
	return concerned
}

// Transports are the ways in which keys of a model can be reached, in the names of WebAuthn Level 3 §5.8.4, as far as the metadata says.
func (c *Catalogue) Transports(aaguid string) []string {
	if m := c.find(aaguid); m.entry != nil {
		return m.transports
	}
	return nil
}

// Icon returns the picture of a model with its media type, if there is one.
func (c *Catalogue) Icon(aaguid string) (picture []byte, mediaType string, ok bool) {
	if m := c.find(aaguid); m.entry != nil {
		return m.entry.Icon()
	}
	return nil, "", false
}

func (c *Catalogue) find(aaguid string) *model {
	s := c.in.Load()
	if s == nil {
		return &model{plain: staffkey.Model{AAGUID: aaguid, Identifier: aaguid, Name: ModelName(aaguid)}}
	}
	if m, ok := s.models.Load(aaguid); ok {
		return m.(*model)
	}
	m := &model{plain: staffkey.Model{AAGUID: aaguid, Identifier: aaguid, Name: ModelName(aaguid)}}
	if e, ok := s.payload.Find(aaguid); ok {
		m = c.read(s, e)
	} else if m.plain.Name == "" {
		return m // whatever a key may claim to be is not kept
	}
	s.models.Store(aaguid, m)
	return m
}

func (c *Catalogue) read(s *shelf, e *mds.Entry) *model {
	m := &model{entry: e, plain: staffkey.Model{AAGUID: e.AAGUID, Identifier: e.AAGUID, Name: nameOf(e), Apart: s.apart[e.AAGUID], Known: true, Verifies: e.VerifiesPerson()}}
	roots, _ := e.AttestationRoots() // those that cannot be read are no anchors
	m.plain.Attestation = len(roots) > 0
	_, _, m.plain.Icon = e.Icon()
	m.transports = e.Transports()
	m.plain.Level, m.plain.Findings = c.weigh(e, mds.Key{})
	for _, r := range e.Reports {
		m.byCertificate = m.byCertificate || r.Status == mds.AttestationKeyCompromise
		m.timed = m.timed || r.EffectiveDate.After(c.now()) || !r.SunsetDate.IsZero()
		m.byKey = m.byKey || m.byCertificate || m.timed || r.AuthenticatorVersion != 0
	}
	return m
}

// nameOf is the name of a model: its maker's, which tells models apart, except where ours was chosen in its place.
func nameOf(e *mds.Entry) string {
	name := strings.Join(strings.Fields(staffkey.CleanText(e.Description)), " ")
	if own := models()[e.AAGUID]; own.better || name == "" {
		return own.name
	}
	return name
}

// tellApart returns what differs between the models that share a name, by their AAGUID: firmware and level, and the end of the AAGUID, or all
// of it, where that is not enough.
func (c *Catalogue) tellApart(p *mds.Payload) map[string]string {
	same := make(map[string][]*mds.Entry)
	for e := range p.All() {
		if e.AAGUID != "" {
			same[nameOf(e)] = append(same[nameOf(e)], e)
		}
	}
	mark := func(e *mds.Entry) string {
		level, _ := c.weigh(e, mds.Key{})
		// A byte for each part is usual, and left to makers (FIDO Metadata Statement §4, authenticatorVersion).
		if v := e.AuthenticatorVersion; v >= 1<<16 && v < 1<<24 {
			return fmt.Sprintf("%d.%d.%d, %s", v>>16, v>>8&0xff, v&0xff, level)
		}
		return level.String()
	}
	tail := func(e *mds.Entry) string { return mark(e) + ", …" + e.AAGUID[len(e.AAGUID)-4:] }
	apart := make(map[string]string)
	for _, list := range same {
		marks := make(map[string]int)
		for _, e := range list {
			marks[mark(e)]++
			marks[tail(e)]++
		}
		for _, e := range list {
			switch {
			case len(list) == 1:
			case marks[mark(e)] == 1:
				apart[e.AAGUID] = mark(e)
			case marks[tail(e)] == 1:
				apart[e.AAGUID] = tail(e)
			default:
				apart[e.AAGUID] = e.AAGUID
			}
		}
	}
	return apart
}

// of returns the model of a key: by its AAGUID, or by its attestation certificate, where the key was registered by FIDO U2F.
func (c *Catalogue) of(k staffkey.SecurityKey) *model {
	if s := c.in.Load(); s != nil && k.AAGUID == noModel {
		if chain := chainOf(k); len(chain) > 0 {
			return c.certifiedBy(s, chain[0])
		}
	}
	return c.find(k.AAGUID)
}

func (c *Catalogue) certifiedBy(s *shelf, certificate *x509.Certificate) *model {
	identifier := mds.KeyIdentifier(certificate)
	if m, ok := s.models.Load(identifier); ok {
		return m.(*model)
	}
	own := identifier // what tells the model from others
	e, ok := s.payload.FindKeyIdentifier(identifier)
	if aaguid, named := webauthn.CertifiedModel(certificate); !ok && named {
		own = uuid.UUID(aaguid).String()
		e, ok = s.payload.Find(own)
	}
	if !ok {
		return &model{plain: staffkey.Model{AAGUID: noModel, Identifier: noModel}}
	}
	m := c.read(s, e)
	m.plain.AAGUID, m.plain.Identifier = noModel, own
	s.models.Store(identifier, m)
	return m
}

// NeedsRegistration implements signin.Models.
func (c *Catalogue) NeedsRegistration(k staffkey.SecurityKey) bool {
	s := c.in.Load()
	if s == nil || k.Trust == staffkey.TrustNone {
		return false
	}
	return k.AAGUID == noModel || c.find(k.AAGUID).byCertificate
}

// weigh returns the level and the findings that count for a key of a model.
func (c *Catalogue) weigh(e *mds.Entry, k mds.Key) (staffkey.CertificationLevel, []staffkey.Finding) {
	now := c.now()
	days := []time.Time{now}
	if c.foresees {
		for _, r := range e.Reports {
			if r.EffectiveDate.After(now) {
				days = append(days, r.EffectiveDate)
			}
		}
	}
	var findings []staffkey.Finding
	level := staffkey.Level3Plus
	for _, day := range days {
		for _, r := range e.Warnings(day, k) {
			f := staffkey.Finding{Kind: staffkey.FindingKind(r.Status), Since: r.EffectiveDate, Firmware: r.AuthenticatorVersion, URL: r.URL}
			if !slices.Contains(findings, f) {
				findings = append(findings, f)
			}
		}
		level = min(level, staffkey.CertificationLevel(e.Level(day, k)))
	}
	return level, findings
}

// Facts implements signin.Models.
func (c *Catalogue) Facts(k staffkey.SecurityKey) staffkey.KeyFacts { return c.FactsUnder(k, c.held()) }

// FactsUnder is Facts under other holds than those that are set.
func (c *Catalogue) FactsUnder(k staffkey.SecurityKey, holds staffkey.Holds) staffkey.KeyFacts {
	m := c.of(k)
	f := staffkey.KeyFacts{Model: m.plain, Trust: k.Trust}
	if m.byKey {
		about := mds.Key{Firmware: staffkey.FirmwareNumber(k.ProvenFirmware()), Chain: chainOf(k)}
		f.Model.Level, f.Model.Findings = c.weigh(m.entry, about)
	}
	f.Model = holds.Apply(f.Model)
	return f
}

// chainOf returns the certificates of a key's attestation, nil when its bytes were not read or have none: then everything may concern it.
func chainOf(k staffkey.SecurityKey) []*x509.Certificate {
	if len(k.AttestationObject) == 0 {
		return nil
	}
	a, _, err := webauthn.Reattest(k.AttestationObject, k.ClientDataJSON)
	if err != nil {
		return nil
	}
	return a.TrustPath
}

// Judge implements signin.Models: it holds a key's attestation to the metadata, at the time at which the key was registered, and returns
// the number of the metadata.
func (c *Catalogue) Judge(k staffkey.SecurityKey) (staffkey.Trust, int) {
	number := c.Loaded().Number
	a, algorithm, err := webauthn.Reattest(k.AttestationObject, k.ClientDataJSON)
	switch {
	case err != nil: // it was verified when it was registered, by an earlier release
		return staffkey.TrustBroken, number
	case a.Type == webauthn.AttestationNone || a.Type == webauthn.AttestationSelf:
		return staffkey.TrustNone, number
	}
	own := c.own(k.AAGUID)
	if c.ProvenBy(k, own) {
		return staffkey.TrustProven, number
	}
	m := c.of(k)
	proven := m.entry != nil && m.plain.Attestation && CheckAttestation(m.entry, a, algorithm, k.RegisteredAt) == nil
	switch {
	case proven, k.Trust == staffkey.TrustProven && c.held().KeepsTrust(m.plain.Identifier):
		return staffkey.TrustProven, number
	case (m.entry == nil || !m.plain.Attestation) && len(own) == 0:
		return staffkey.TrustUnknown, number
	}
	return staffkey.TrustBroken, number
}
