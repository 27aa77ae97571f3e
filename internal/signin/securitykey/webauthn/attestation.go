package webauthn

import (
	"crypto/x509"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// AttestationType is what an attestation statement says of the authenticator's origin (§6.5.3).
type AttestationType string

// The attestation types. A chain does not tell whether its key is a batch's (Basic) or one authenticator's, certified by a CA
// (AttCA); the formats do.
const (
	AttestationNone   AttestationType = "none"
	AttestationSelf   AttestationType = "self"
	AttestationBasic  AttestationType = "basic"
	AttestationAttCA  AttestationType = "attca"
	AttestationAnonCA AttestationType = "anonca"
)

// Attestation is what a verified statement says. Nothing of it can be relied on before its trust path is (Trusted), and of
// the types none and self never: whoever makes the credential can make those.
type Attestation struct {
	Format string
	Type   AttestationType
	// Algorithm that the statement was signed with; 0 for none.
	Algorithm Algorithm
	// TrustPath has the attestation certificate first; empty for none and self.
	TrustPath []*x509.Certificate
	// Serial identifies this one authenticator (enterprise attestation, §8.2.2); nil when it is not told.
	Serial []byte
	// Firmware is the version of the authenticator's firmware, as its certificate tells it; "" when it does not.
	Firmware string
	// Doubt is why a statement that §8 takes is not taken by us: no device is known that makes such. It is a refusal, or nil.
	Doubt error
	// Parts are the statements of a compound attestation (§8.9).
	Parts []Attestation
}

// attestationObject is an attestation object (§6.5.4) taken apart.
type attestationObject struct {
	format    string
	statement cbor.RawMessage
	data      authenticatorData
}

func parseAttestationObject(raw []byte) (attestationObject, error) {
	var o attestationObject
	var members map[string]cbor.RawMessage
	if err := strictCBOR.Unmarshal(raw, &members); err != nil || members == nil {
		return o, refuse(CodeAttestationObject, "is no CBOR map: %v", err)
	}
	var data []byte
	if !isText(members["fmt"]) || strictCBOR.Unmarshal(members["fmt"], &o.format) != nil {
		return o, refuse(CodeAttestationObject, "fmt is no text")
	}
	if !isBytes(members["authData"]) || strictCBOR.Unmarshal(members["authData"], &data) != nil {
		return o, refuse(CodeAttestationObject, "authData is no byte string")
	}
	if o.statement = members["attStmt"]; o.statement == nil {
		return o, refuse(CodeAttestationObject, "no attStmt")
	}
	if len(members) > 3 {
		return o, refuse(CodeAttestationObject, "%d members", len(members))
	}
	var err error
	o.data, err = parseAuthenticatorData(data)
	return o, err
}

// isText and isBytes report the major type of a CBOR item (RFC 8949 §3.1): the reader would take one for the other.
func isText(item cbor.RawMessage) bool  { return len(item) > 0 && item[0]>>5 == 3 }
func isBytes(item cbor.RawMessage) bool { return len(item) > 0 && item[0]>>5 == 2 }

// verify runs the verification procedure of the statement's format.
func (o attestationObject) verify(clientDataHash [32]byte, key publicKey) (Attestation, error) {
	return statement{raw: o.statement, data: o.data, clientDataHash: clientDataHash, key: key}.verify(o.format)
}

// statement is what the verification procedure of a format is given (§6.5.4).
type statement struct {
	raw            cbor.RawMessage // attStmt
	data           authenticatorData
	clientDataHash [32]byte
	key            publicKey // the credential's
	// inside a compound statement
	inside bool
}

// signed is what most formats sign: authenticator data and the hash of the client data.
func (s statement) signed() []byte {
	return slices.Concat(s.data.raw, s.clientDataHash[:])
}

// verify finds the procedure by the format's registered name (IANA WebAuthn Attestation Statement Format Identifiers),
// which are compared as they are (§7.1 step 21).
func (s statement) verify(format string) (Attestation, error) {
	var a Attestation
	var err error
	switch format {
	case "none":
		a, err = s.verifyNone()
	case "packed":
		a, err = s.verifyPacked()
	case "fido-u2f":
		a, err = s.verifyU2F()
	case "tpm":
		a, err = s.verifyTPM()
	case "android-key":
		a, err = s.verifyAndroidKey()
	case "apple":
		a, err = s.verifyApple()
	case "compound":
		a, err = s.verifyCompound()
	default:
		return a, refuse(CodeAttestationFormat, "format %.40q", format)
	}
	a.Format = format
	return a, err
}

// verifyNone is §8.7.
func (s statement) verifyNone() (Attestation, error) {
	if string(s.raw) != "\xa0" {
		return Attestation{}, refuse(CodeAttestationStatement, "none, with a statement")
	}
	return Attestation{Type: AttestationNone}, nil
}

// verifyCompound is §8.9. The standard leaves it to the relying party how many must be good: ours wants all.
func (s statement) verifyCompound() (Attestation, error) {
	var parts []struct {
		Format    string          `cbor:"fmt"`
		Statement cbor.RawMessage `cbor:"attStmt"`
	}
	if s.inside {
		return Attestation{}, refuse(CodeAttestationStatement, "compound in compound")
	}
	if err := strictCBOR.Unmarshal(s.raw, &parts); err != nil || len(parts) < 2 || len(parts) > 8 {
		return Attestation{}, refuse(CodeAttestationStatement, "compound of %d: %v", len(parts), err)
	}
	var a Attestation
	for _, part := range parts {
		one := s
		one.raw, one.inside = part.Statement, true
		p, err := one.verify(part.Format)
		if err != nil {
			return a, err
		}
		a.Parts = append(a.Parts, p)
		if a.Doubt == nil {
			a.Doubt = p.Doubt
		}
	}
	// The whole is worth what its first part with certificates is; Trusted looks at all parts.
	a.Type = a.Parts[0].Type
	for _, p := range a.Parts {
		if len(p.TrustPath) > 0 {
			a.Type, a.Algorithm, a.TrustPath, a.Serial, a.Firmware = p.Type, p.Algorithm, p.TrustPath, p.Serial, p.Firmware
			break
		}
	}
	return a, nil
}

// members reads a statement that is a map of text to anything.
func (s statement) members() (map[string]cbor.RawMessage, error) {
	var m map[string]cbor.RawMessage
	if err := strictCBOR.Unmarshal(s.raw, &m); err != nil || m == nil {
		return nil, refuse(CodeAttestationStatement, "is no map: %v", err)
	}
	return m, nil
}

// byteString reads a member that must be a byte string with something in it.
func byteString(m map[string]cbor.RawMessage, name string) ([]byte, error) {
	var b []byte
	if !isBytes(m[name]) || strictCBOR.Unmarshal(m[name], &b) != nil || len(b) == 0 {
		return nil, refuse(CodeAttestationStatement, "%s is no byte string", name)
	}
	return b, nil
}

// algorithmOf reads the alg of a statement.
func algorithmOf(m map[string]cbor.RawMessage) (Algorithm, error) {
	var alg Algorithm
	if item := m["alg"]; len(item) == 0 || item[0]>>5 > 1 || strictCBOR.Unmarshal(item, &alg) != nil {
		return 0, refuse(CodeAttestationStatement, "alg is no number")
	}
	return alg, nil
}

// maxPath bounds the certificates of a statement.
const maxPath = 8

// certificates reads the x5c of a statement: an array of certificates, the attestation certificate first.
func certificates(m map[string]cbor.RawMessage) ([]*x509.Certificate, error) {
	var items []cbor.RawMessage
	if err := strictCBOR.Unmarshal(m["x5c"], &items); err != nil || len(items) == 0 || len(items) > maxPath {
		return nil, refuse(CodeAttestationStatement, "x5c is no array of 1 to %d", maxPath)
	}
	path := make([]*x509.Certificate, 0, len(items))
	for _, item := range items {
		var der []byte
		if !isBytes(item) || strictCBOR.Unmarshal(item, &der) != nil {
			return nil, refuse(CodeAttestationStatement, "x5c has something else than certificates")
		}
		c, err := x509.ParseCertificate(mended(der))
		if err != nil {
			return nil, refuse(CodeAttestationStatement, "x5c: %v", err)
		}
		path = append(path, c)
	}
	return path, nil
}
