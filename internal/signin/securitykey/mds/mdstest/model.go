package mdstest

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"maps"
)

// Model is an entry of a BLOB. What a test leaves out has the values of a usual FIDO2 key with a PIN.
type Model struct {
	AAGUID         string   // UUID text; "" for a model of FIDO U2F
	KeyIdentifiers []string // of attestation certificates, for a model of FIDO U2F
	Description    string
	Firmware       uint64              // authenticatorVersion of the statement
	Roots          []*x509.Certificate // of the attestation
	Icon           []byte              // PNG
	Reports        []Report            // nil stands for one: certified at L1
	// Members and Statement are laid over the members of the entry and of its statement; nil takes one away.
	Members, Statement map[string]any
}

// Report is a status report. Dates are written as 2006-01-02; what is empty is left out.
type Report struct {
	Status      string `json:"status"`
	Since       string `json:"effectiveDate,omitempty"`
	Until       string `json:"sunsetDate,omitempty"`
	Firmware    uint64 `json:"authenticatorVersion,omitempty"`
	Certificate string `json:"certificate,omitempty"` // see [Base64]
	Batch       string `json:"batchCertificate,omitempty"`
	URL         string `json:"url,omitempty"`
	Number      string `json:"certificateNumber,omitempty"`
}

// Base64 returns a certificate as BLOBs hold it.
func Base64(c *x509.Certificate) string { return base64.StdEncoding.EncodeToString(c.Raw) }

// MarshalJSON writes the entry (FIDO Metadata Service v3.0 §3.1.1, FIDO Metadata Statement v3.0 §4).
func (m Model) MarshalJSON() ([]byte, error) {
	family, versions := "fido2", []string{"U2F_V2", "FIDO_2_0", "FIDO_2_1"}
	if m.AAGUID == "" {
		family, versions = "u2f", []string{"U2F_V2"}
	}
	roots := []string{}
	for _, c := range m.Roots {
		roots = append(roots, Base64(c))
	}
	statement := map[string]any{
		"legalHeader":              "For tests only.",
		"description":              m.Description,
		"authenticatorVersion":     m.Firmware,
		"protocolFamily":           family,
		"schema":                   3,
		"upv":                      []map[string]int{{"major": 1, "minor": 1}},
		"authenticationAlgorithms": []string{"secp256r1_ecdsa_sha256_raw"},
		"publicKeyAlgAndEncodings": []string{"cose"},
		"attestationTypes":         []string{"basic_full"},
		"userVerificationDetails": [][]map[string]any{
			{{"userVerificationMethod": "presence_internal"}, {"userVerificationMethod": "passcode_external", "caDesc": map[string]int{"base": 64, "minLength": 4, "maxRetries": 8}}},
			{{"userVerificationMethod": "none"}},
		},
		"keyProtection":               []string{"hardware", "secure_element"},
		"matcherProtection":           []string{"on_chip"},
		"cryptoStrength":              128,
		"attachmentHint":              []string{"external", "wired", "nfc"},
		"tcDisplay":                   []string{},
		"attestationRootCertificates": roots,
		"authenticatorGetInfo":        map[string]any{"versions": versions, "options": map[string]bool{"rk": true, "clientPin": true}, "minPINLength": 4},
	}
	entry := map[string]any{"statusReports": m.Reports, "timeOfLastStatusChange": "2026-01-05"}
	if m.Reports == nil {
		entry["statusReports"] = []Report{{Status: "FIDO_CERTIFIED_L1", Since: "2026-01-05"}}
	}
	if m.AAGUID != "" {
		entry["aaguid"], statement["aaguid"] = m.AAGUID, m.AAGUID
	}
	if m.KeyIdentifiers != nil {
		entry["attestationCertificateKeyIdentifiers"] = m.KeyIdentifiers
		statement["attestationCertificateKeyIdentifiers"] = m.KeyIdentifiers
	}
	if m.Icon != nil {
		statement["icon"] = "data:image/png;base64," + base64.StdEncoding.EncodeToString(m.Icon)
	}
	entry["metadataStatement"] = overlay(statement, m.Statement)
	return json.Marshal(overlay(entry, m.Members))
}

func overlay(members, over map[string]any) map[string]any {
	maps.Copy(members, over)
	maps.DeleteFunc(members, func(_ string, value any) bool { return value == nil })
	return members
}
