package webauthn

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

// unquote returns the text of a JSON string, and false for another value.
func unquote(raw []byte) (string, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return "", false
	}
	if inside := raw[1 : len(raw)-1]; bytes.IndexByte(inside, '\\') < 0 {
		return string(inside), true
	}
	var text string
	return text, json.Unmarshal(raw, &text) == nil
}

// base64URL is the encoding of binary members: base64url without padding (RFC 4648 §5), whose unused bits are zero, so that
// there is one text for each value.
var base64URL = base64.RawURLEncoding.Strict()

// decode returns the bytes of a JSON string in base64url that is not empty.
func decode(raw []byte) ([]byte, string) {
	if raw == nil {
		return nil, "is missing"
	}
	if len(raw) < 2 || raw[0] != '"' {
		return nil, "is no string"
	}
	inside := raw[1 : len(raw)-1]
	if len(inside) == 0 {
		return nil, "is empty"
	}
	// The decoder skips line breaks; in a JSON string they would be escaped, and the backslash is no base64url.
	b := make([]byte, base64URL.DecodedLen(len(inside)))
	n, err := base64URL.Decode(b, inside)
	if err != nil {
		return nil, "is no base64url"
	}
	return b[:n], ""
}
