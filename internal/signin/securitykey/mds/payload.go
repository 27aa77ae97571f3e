package mds

import (
	"crypto/sha1" //nolint:gosec // RFC 5280 §4.2.1.2 names keys by it
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Payload is the content of a BLOB (Service §3.1.6). It keeps the bytes and knows where each entry begins: entries are read when
// somebody asks. It never changes, so that any number of goroutines may ask.
type Payload struct {
	// No is the serial number; it grows with every change.
	No int
	// NextUpdate is the day (midnight, UTC) by which the Alliance publishes the next one.
	NextUpdate time.Time
	// LegalHeader is under which conditions the Alliance gives the data away.
	LegalHeader string
	// Known says that this is the BLOB that the caller has already: number and [Verify]'s previous are equal.
	Known bool
	// Skipped are the entries that could not be read. A model in here is one that nothing is known of.
	Skipped []Skipped

	entries         []json.RawMessage
	byAAGUID        map[[16]byte]int
	byKeyIdentifier map[string]int
}

// Skipped is an entry that could not be read.
type Skipped struct {
	// Index is where it stands in the list, from 0.
	Index int
	// AAGUID is whose it is, as it stands, as far as it could be read.
	AAGUID string
	// Reason is for the log.
	Reason string
}

// Find returns what is said about the model with this AAGUID (UUID text).
func (p *Payload) Find(aaguid string) (*Entry, bool) {
	id, ok := parseAAGUID(aaguid)
	if !ok {
		return nil, false
	}
	i, ok := p.byAAGUID[id]
	return p.at(i, ok)
}

// FindKeyIdentifier returns what is said about the model whose attestation certificate has this key identifier, in hexadecimal: the
// SHA-1 of its public key (RFC 5280 §4.2.1.2, method 1). That is how models of FIDO U2F are found, which have no AAGUID.
func (p *Payload) FindKeyIdentifier(identifier string) (*Entry, bool) {
	i, ok := p.byKeyIdentifier[strings.ToLower(identifier)]
	return p.at(i, ok)
}

// KeyIdentifier returns the key identifier of a certificate, as FindKeyIdentifier takes it.
func KeyIdentifier(c *x509.Certificate) string {
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		Key       asn1.BitString
	}
	if _, err := asn1.Unmarshal(c.RawSubjectPublicKeyInfo, &info); err != nil {
		return "" // crypto/x509 has read it, so this is not reached
	}
	sum := sha1.Sum(info.Key.Bytes) //nolint:gosec // a name, not a proof: the path is verified to the model's trust anchors
	return hex.EncodeToString(sum[:])
}

func (p *Payload) at(i int, ok bool) (*Entry, bool) {
	if !ok {
		return nil, false
	}
	e, err := readEntry(p.entries[i])
	return e, err == nil
}

// Len returns how many entries can be found.
func (p *Payload) Len() int { return len(p.entries) }

// All yields the entries that can be found, in the order of the BLOB. Each is read as it is asked for.
func (p *Payload) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for i := range p.entries {
			if e, ok := p.at(i, true); ok && !yield(e) {
				return
			}
		}
	}
}

// read reads the content of a BLOB, whose signature has been checked.
func read(content []byte) (*Payload, error) {
	p := &Payload{byAAGUID: map[[16]byte]int{}, byKeyIdentifier: map[string]int{}}
	s := scanner{data: content}
	if err := p.read(&s); err != nil {
		return nil, rulePayload.refuse().Because("%v", err)
	}
	return p, nil
}

func (p *Payload) read(s *scanner) error {
	members := make(map[string]json.RawMessage)
	listed := false
	err := s.object(1, func(name []byte) error {
		if string(name) == "entries" && s.space() == '[' {
			listed = true
			return p.readEntries(s)
		}
		raw, err := s.raw(2)
		members[string(name)] = raw
		return err
	})
	if err == nil {
		err = s.end()
	}
	switch {
	case err != nil:
		return err
	case s.repeated != "":
		return fmt.Errorf("names %s twice", s.repeated)
	case !listed:
		return errors.New("has no list of entries")
	}
	if err := json.Unmarshal(members["no"], &p.No); err != nil || p.No <= 0 {
		return fmt.Errorf("no is %.40q", members["no"])
	}
	var next string
	if err := json.Unmarshal(members["nextUpdate"], &next); err != nil {
		return fmt.Errorf("nextUpdate is %.40q", members["nextUpdate"])
	}
	if p.NextUpdate, err = time.Parse(time.DateOnly, next); err != nil {
		return fmt.Errorf("nextUpdate is %.40q", next)
	}
	if legal, ok := members["legalHeader"]; ok {
		if err := json.Unmarshal(legal, &p.LegalHeader); err != nil {
			return fmt.Errorf("legalHeader is %.40q", legal)
		}
	}
	return nil
}

// readEntries finds the entries. Each is read once, so that one that is wrong is known at once and told, and forgotten again.
func (p *Payload) readEntries(s *scanner) error {
	repeated, index := s.repeated, 0
	err := s.list(2, func() error {
		if index == MaxEntries {
			return errors.New("has too many entries")
		}
		// What stands twice in an entry spoils that entry alone.
		s.repeated = ""
		s.space()
		start := s.pos
		fields, err := s.fields(3)
		if err != nil {
			return err
		}
		p.add(index, s.data[start:s.pos:s.pos], fields, s.repeated)
		index++
		return nil
	})
	s.repeated = repeated
	return err
}

// add takes an entry in, or notes why not.
func (p *Payload) add(index int, raw []byte, fields fields, repeated string) {
	e, err := fields.entry()
	switch {
	case repeated != "":
		err = fmt.Errorf("names %s twice", repeated)
	case err != nil:
	case e.AAGUID == "" && len(e.KeyIdentifiers) == 0 && fields.entryMembers["aaid"] != nil:
		return // a model of FIDO UAF, which no browser speaks
	case e.AAGUID == "" && len(e.KeyIdentifiers) == 0:
		err = errors.New("says of no model")
	default:
		err = p.index(e, len(p.entries))
	}
	if err != nil {
		p.Skipped = append(p.Skipped, Skipped{index, fields.aaguid(), err.Error()})
		return
	}
	p.entries = append(p.entries, raw)
}

// index makes an entry findable. When two entries say of one model, the first counts, and the second is noted: nobody can tell which
// of them the Alliance means, and a model that is unknown of a sudden would lock people out.
func (p *Payload) index(e *Entry, at int) error {
	id, ok := parseAAGUID(e.AAGUID)
	if _, twice := p.byAAGUID[id]; ok && twice {
		return errors.New("a second entry of this aaguid")
	}
	for _, k := range e.KeyIdentifiers {
		if _, twice := p.byKeyIdentifier[k]; twice {
			return fmt.Errorf("a second entry of the key identifier %.40q", k)
		}
	}
	if ok {
		p.byAAGUID[id] = at
	}
	for _, k := range e.KeyIdentifiers {
		p.byKeyIdentifier[k] = at
	}
	return nil
}

// parseAAGUID reads the text of a UUID. The one of zeros is no model's: it is what keys say that do not tell.
func parseAAGUID(text string) (id [16]byte, ok bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(text[:8]+text[9:13]+text[14:18]+text[19:23]+text[24:]))
	return id, err == nil && id != [16]byte{}
}
