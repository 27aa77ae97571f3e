package mds

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Entry is what the Alliance publishes of one model (Service §3.1.1, Statement §4). Lists hold the names of the FIDO Registry of
// Predefined Values as they stand, known to us or not. It refers to the bytes of its [Payload], and keeps them alive.
type Entry struct {
	// AAGUID is the model's identifier as UUID text in lower case, or "" for a model of FIDO U2F.
	AAGUID string
	// KeyIdentifiers are those of its attestation certificates, in lower case, see [Payload.FindKeyIdentifier].
	KeyIdentifiers []string
	// Reports are what was said of its certification and its flaws, as they stand; [Entry.Level] and [Entry.Warnings] weigh them.
	Reports []StatusReport
	// LastStatusChange is the day (midnight, UTC) on which Reports became what they are.
	LastStatusChange time.Time

	// Description is a short name in English, up to 200 characters. It is a maker's text: show it as text.
	Description string
	// AlternativeDescriptions are the same by language (IETF language tag), and FriendlyNames the names in trade (since v3.1).
	AlternativeDescriptions, FriendlyNames map[string]string
	// ProtocolFamily is "fido2" or "u2f".
	ProtocolFamily string
	// AuthenticatorVersion is the lowest firmware version that the statement holds for, as trustworthy as it says.
	AuthenticatorVersion uint64
	// Schema is the version of the statement's form: 3.
	Schema int
	// UPV are the versions of the protocol that it speaks.
	UPV []Version
	// Algorithms are the ways it signs, such as "secp256r1_ecdsa_sha256_raw".
	Algorithms []string
	// AttestationTypes is how it proves its model: "basic_full", "attca", "anonca", "ecdaa", or "basic_surrogate", which proves nothing.
	AttestationTypes []string
	// UserVerification lists alternatives, of which each is a list of methods that are all needed, see [Entry.VerifiesPerson].
	UserVerification [][]VerificationMethod
	// KeyProtection and MatcherProtection are where it keeps keys and compares fingerprints: "hardware", "secure_element", "tee", "on_chip" ….
	KeyProtection, MatcherProtection []string
	// CryptoStrength is the strength of its keys in bits, 0 when not told.
	CryptoStrength int
	// AttachmentHint is how it is connected: "internal", "external", "wired", "nfc", "bluetooth" ….
	AttachmentHint []string
	// Info is what such a key says of itself, empty when the maker did not fill it in or filled it in wrongly.
	Info GetInfo

	roots []string // DER in base64
	icon  json.RawMessage
}

// Version is one version of a protocol (Statement §3.10).
type Version struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
}

// VerificationMethod is one way of verifying the person (Statement §3.5).
type VerificationMethod struct {
	Method string `json:"userVerificationMethod"`
}

// GetInfo is the part of an answer to authenticatorGetInfo (CTAP 2.1 §6.4) that says something of a model.
type GetInfo struct {
	Versions           []string           `json:"versions"`
	Extensions         []string           `json:"extensions"`
	Options            map[string]bool    `json:"options"`
	Transports         []string           `json:"transports"`
	MinPINLength       int                `json:"minPINLength"` // characters; 0 when not told
	FirmwareVersion    uint64             `json:"firmwareVersion"`
	Certifications     map[string]float64 `json:"certifications"`
	AttestationFormats []string           `json:"attestationFormats"`
	Algorithms         []Parameter        `json:"algorithms"`
	MaxMsgSize         int                `json:"maxMsgSize"` // bytes; 0 when not told
}

// Parameter is a kind of credential that a key offers (WebAuthn Level 3 §5.3).
type Parameter struct {
	Type      string `json:"type"`
	Algorithm int64  `json:"alg"` // COSE
}

// person are the methods that tell one person from another (FIDO Registry §3.1). Neither a touch nor a place does.
var person = []string{
	"fingerprint_internal", "passcode_internal", "voiceprint_internal", "faceprint_internal", "eyeprint_internal", "pattern_internal",
	"handprint_internal", "passcode_external", "pattern_external",
}

// VerifiesPerson reports whether such a key can verify the person by itself: there is a way that asks for a PIN or looks at the body.
func (e *Entry) VerifiesPerson() bool {
	return slices.ContainsFunc(e.UserVerification, func(all []VerificationMethod) bool {
		return slices.ContainsFunc(all, func(m VerificationMethod) bool { return slices.Contains(person, m.Method) })
	})
}

// attachments are the names of the FIDO Registry §3.4 that are transports of WebAuthn Level 3 §5.8.4 too.
var attachments = map[string]string{"wired": "usb", "nfc": "nfc", "bluetooth": "ble", "smart-card": "smart-card"}

// Transports are the ways in which such a key can be reached, in the names of WebAuthn Level 3 §5.8.4: what it says of itself, and what its
// maker says of it.
func (e *Entry) Transports() []string {
	var list []string
	add := func(t string) {
		if t != "" && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	for _, t := range e.Info.Transports {
		if t == "internal" || t == "hybrid" || slices.Contains(slices.Collect(maps.Values(attachments)), t) {
			add(t)
		}
	}
	for _, hint := range e.AttachmentHint {
		add(attachments[hint])
	}
	return list
}

// AttestationRoots returns the certificates that an attestation of this model leads to. A model whose makers gave leaves may list
// the certificates of the attestation themselves (Statement §4, attestationRootCertificates). The error tells which of them could
// not be read; the others are returned all the same.
func (e *Entry) AttestationRoots() ([]*x509.Certificate, error) {
	var roots []*x509.Certificate
	var wrong []error
	for i, text := range e.roots {
		c, err := parseCertificate(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("attestation root %d: %w", i, err))
			continue
		}
		roots = append(roots, c)
	}
	return roots, errors.Join(wrong...)
}

// parseCertificate reads DER in base64, into which some makers put line breaks and spaces.
func parseCertificate(text string) (*x509.Certificate, error) {
	der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// fields are the members of an entry and of its statement, as they stand.
type fields struct {
	entryMembers, statement map[string]json.RawMessage
}

// fields passes over an entry. What is no object has no members.
func (s *scanner) fields(depth int) (fields, error) {
	var f fields
	if s.space() != '{' {
		return f, s.value(depth)
	}
	f.entryMembers = make(map[string]json.RawMessage)
	err := s.object(depth, func(name []byte) (err error) {
		if string(name) == "metadataStatement" && s.space() == '{' {
			f.statement, err = s.members(depth + 1)
			return err
		}
		raw, err := s.raw(depth + 1)
		f.entryMembers[string(name)] = raw
		return err
	})
	return f, err
}

// readEntry reads an entry from its bytes.
func readEntry(raw []byte) (*Entry, error) {
	s := scanner{data: raw}
	f, err := s.fields(3)
	if err != nil {
		return nil, err
	}
	return f.entry()
}

// aaguid returns whose the entry is, as far as that can be read.
func (f fields) aaguid() string {
	var text string
	if json.Unmarshal(f.entryMembers["aaguid"], &text) != nil || len(text) > 36 {
		return ""
	}
	return text
}

// entry reads the members that we know. Any of another type than the specification says spoils the entry, because nobody can tell
// what else in it is wrong; only authenticatorGetInfo, which makers copy from their keys, must not hide what is known of a model.
func (f fields) entry() (*Entry, error) {
	if f.entryMembers == nil {
		return nil, errors.New("is no object")
	}
	e, in, of := &Entry{}, reader{members: f.entryMembers}, reader{members: f.statement}
	if raw := in.members["metadataStatement"]; raw != nil && string(raw) != "null" {
		return nil, errors.New("metadataStatement is no object")
	}
	var reports []statusReport
	in.read("aaguid", &e.AAGUID)
	in.read("attestationCertificateKeyIdentifiers", &e.KeyIdentifiers)
	in.read("statusReports", &reports)
	in.read("timeOfLastStatusChange", (*day)(&e.LastStatusChange))
	if in.err == nil && in.members["statusReports"] == nil {
		in.err = errors.New("has no statusReports")
	}

	var aaguid string
	of.read("aaguid", &aaguid)
	of.read("description", &e.Description)
	of.read("alternativeDescriptions", &e.AlternativeDescriptions)
	of.read("friendlyNames", &e.FriendlyNames)
	of.read("protocolFamily", &e.ProtocolFamily)
	of.read("authenticatorVersion", &e.AuthenticatorVersion)
	of.read("schema", &e.Schema)
	of.read("upv", &e.UPV)
	of.read("authenticationAlgorithms", &e.Algorithms)
	of.read("attestationTypes", &e.AttestationTypes)
	of.read("userVerificationDetails", &e.UserVerification)
	of.read("keyProtection", &e.KeyProtection)
	of.read("matcherProtection", &e.MatcherProtection)
	of.read("cryptoStrength", &e.CryptoStrength)
	of.read("attachmentHint", &e.AttachmentHint)
	of.read("attestationRootCertificates", &e.roots)
	if err := errors.Join(in.err, of.err); err != nil {
		return nil, err
	}
	e.icon = of.members["icon"] // looked at by who asks for it
	if raw := of.members["authenticatorGetInfo"]; raw != nil && json.Unmarshal(raw, &e.Info) != nil {
		e.Info = GetInfo{}
	}
	for _, r := range reports {
		e.Reports = append(e.Reports, r.report())
	}
	return e, e.identify(aaguid)
}

// identify brings what names the model into one form, or says what is wrong with it.
func (e *Entry) identify(statement string) error {
	if e.AAGUID != "" {
		if _, ok := parseAAGUID(e.AAGUID); !ok {
			return fmt.Errorf("aaguid %.40q is no model's", e.AAGUID)
		}
		if statement != "" && !strings.EqualFold(statement, e.AAGUID) {
			return fmt.Errorf("the statement is of another aaguid, %.40q", statement)
		}
		e.AAGUID = strings.ToLower(e.AAGUID)
	}
	for i, k := range e.KeyIdentifiers {
		if len(k) != 40 || strings.IndexFunc(k, func(r rune) bool { return r > 'f' || !isHex(byte(r)) }) >= 0 {
			return fmt.Errorf("key identifier %.60q is no SHA-1", k)
		}
		e.KeyIdentifiers[i] = strings.ToLower(k)
	}
	return nil
}

// reader reads members until one is wrong.
type reader struct {
	members map[string]json.RawMessage
	err     error
}

func (r *reader) read(name string, into any) {
	raw, ok := r.members[name]
	if !ok || r.err != nil {
		return
	}
	if err := json.Unmarshal(raw, into); err != nil {
		r.err = fmt.Errorf("%s: %w", name, err)
	}
}

// day is a date of ISO 8601, read as its midnight in UTC; zero when it is empty.
type day time.Time

// UnmarshalText reads the text of a day.
func (d *day) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	t, err := time.Parse(time.DateOnly, string(text))
	*d = day(t)
	return err
}
