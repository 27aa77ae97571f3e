package webauthn

import (
	"bytes"
	"encoding/json"
	"slices"
)

// MaxAnswer bounds an answer, in bytes. The longest that are known, with a chain of TPM certificates, have about 12 KB.
const MaxAnswer = 64 << 10

// RegistrationAnswer is RegistrationResponseJSON (§5.1.8) taken apart.
type RegistrationAnswer struct {
	RawID             []byte
	ClientDataJSON    []byte
	AttestationObject []byte
	// Transports by which the browser says the authenticator can be reached, of those that the standard names.
	Transports []string
	// Attachment is "platform", "cross-platform" or "".
	Attachment string
	Results    ClientResults
}

// AuthenticationAnswer is AuthenticationResponseJSON (§5.1.9) taken apart.
type AuthenticationAnswer struct {
	RawID             []byte
	ClientDataJSON    []byte
	AuthenticatorData []byte
	Signature         []byte
	// UserHandle is nil when the authenticator returned none.
	UserHandle []byte
	Attachment string
}

// ClientResults are outputs of client extensions (§10.1) that are kept. Nothing signs them.
type ClientResults struct {
	// Discoverable is credProps.rk (§10.1.3); false also when the browser does not say.
	Discoverable bool
	// PRF says that the credential can evaluate pseudo-random functions (§10.1.4).
	PRF bool
}

// ParseRegistration takes the JSON of an answer apart.
func ParseRegistration(answer []byte) (RegistrationAnswer, error) {
	var r RegistrationAnswer
	outer, err := parseAnswer(answer)
	if err != nil {
		return r, err
	}
	var clientData, object, transports []byte
	err = outer.parseResponse(func(name string, value []byte) {
		switch name {
		case "clientDataJSON":
			clientData = value
		case "attestationObject":
			object = value
		case "transports":
			transports = value
		}
	})
	if err != nil {
		return r, err
	}
	r.RawID, r.Attachment = outer.id, outer.attachment
	if r.ClientDataJSON, err = member("clientDataJSON", clientData, CodeAnswerClientData); err != nil {
		return r, err
	}
	if r.AttestationObject, err = member("attestationObject", object, CodeAnswerAttestation); err != nil {
		return r, err
	}
	r.Transports = parseTransports(transports)
	r.Results = parseResults(outer.results)
	return r, nil
}

// ParseAuthentication takes the JSON of an answer apart.
func ParseAuthentication(answer []byte) (AuthenticationAnswer, error) {
	var a AuthenticationAnswer
	outer, err := parseAnswer(answer)
	if err != nil {
		return a, err
	}
	var clientData, data, signature, handle []byte
	err = outer.parseResponse(func(name string, value []byte) {
		switch name {
		case "clientDataJSON":
			clientData = value
		case "authenticatorData":
			data = value
		case "signature":
			signature = value
		case "userHandle":
			handle = value
		}
	})
	if err != nil {
		return a, err
	}
	a.RawID, a.Attachment = outer.id, outer.attachment
	if a.ClientDataJSON, err = member("clientDataJSON", clientData, CodeAnswerClientData); err != nil {
		return a, err
	}
	if a.AuthenticatorData, err = member("authenticatorData", data, CodeAnswerAuthenticatorData); err != nil {
		return a, err
	}
	if a.Signature, err = member("signature", signature, CodeAnswerSignature); err != nil {
		return a, err
	}
	// Browsers leave it out, or write null or "" for none.
	if handle != nil && !bytes.Equal(handle, []byte("null")) && !bytes.Equal(handle, []byte(`""`)) {
		if a.UserHandle, err = member("userHandle", handle, CodeAnswerUserHandle); err != nil {
			return a, err
		}
	}
	return a, nil
}

// outerAnswer is what both answers have in common.
type outerAnswer struct {
	id                []byte
	attachment        string
	response, results []byte
}

func parseAnswer(answer []byte) (outerAnswer, error) {
	var o outerAnswer
	if len(answer) > MaxAnswer {
		return o, refuse(CodeAnswer, "%d bytes", len(answer))
	}
	var id, rawID, kind, attachment []byte
	err := members(answer, func(name string, value []byte) {
		switch name {
		case "id":
			id = value
		case "rawId":
			rawID = value
		case "type":
			kind = value
		case "response":
			o.response = value
		case "clientExtensionResults":
			o.results = value
		case "authenticatorAttachment":
			attachment = value
		}
	})
	if err != nil {
		return o, refuse(CodeAnswer, "%v", err)
	}
	if o.id, err = member("id", id, CodeAnswerID); err != nil {
		return o, err
	}
	if !bytes.Equal(id, rawID) {
		return o, refuse(CodeAnswerID, "rawId is not id")
	}
	if text, ok := unquote(kind); !ok || text != "public-key" {
		return o, refuse(CodeAnswerType, "type is %.40q", kind)
	}
	if o.results != nil && o.results[0] != '{' {
		return o, refuse(CodeAnswerExtensions, "clientExtensionResults is no object")
	}
	o.attachment, _ = unquote(attachment) // for display only, and null when the browser does not know
	if o.attachment != "platform" && o.attachment != "cross-platform" {
		o.attachment = ""
	}
	return o, nil
}

// parseResponse visits the members of the response. That they are JSON, the scan of the whole answer has shown.
func (o outerAnswer) parseResponse(visit func(name string, value []byte)) error {
	if o.response == nil {
		return refuse(CodeAnswerResponse, "response is missing")
	}
	if err := members(o.response, visit); err != nil {
		return refuse(CodeAnswerResponse, "response %v", err)
	}
	return nil
}

// member decodes a binary member of an answer.
func member(name string, raw []byte, code Code) ([]byte, error) {
	b, problem := decode(raw)
	if problem != "" {
		return nil, refuse(code, "%s %s", name, problem)
	}
	return b, nil
}

// knownTransports of §5.8.4; anything else that a browser sends is left out.
var knownTransports = []string{"usb", "nfc", "ble", "hybrid", "internal", "smart-card"}

func parseTransports(raw []byte) []string {
	var sent []string
	if json.Unmarshal(raw, &sent) != nil {
		return nil // they are hints: nothing rests on them
	}
	var list []string
	for _, t := range sent {
		if t == "cable" { // what browsers sent before "hybrid" had its name
			t = "hybrid"
		}
		if slices.Contains(knownTransports, t) && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	return list
}

// parseResults reads the outputs that are kept. Others, asked for or not, are left alone (§7.1 step 28).
func parseResults(raw []byte) ClientResults {
	var known struct {
		CredProps json.RawMessage `json:"credProps"`
		PRF       json.RawMessage `json:"prf"`
	}
	var props struct {
		RK bool `json:"rk"`
	}
	var prf struct {
		Enabled bool `json:"enabled"`
	}
	_ = json.Unmarshal(raw, &known) // an output in another shape says nothing, as one that is not there
	_ = json.Unmarshal(known.CredProps, &props)
	_ = json.Unmarshal(known.PRF, &prf)
	return ClientResults{Discoverable: props.RK, PRF: prf.Enabled}
}
