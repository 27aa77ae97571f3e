package webauthn

import (
	"bytes"
	"slices"
	"strings"
)

// maxClientData bounds clientDataJSON, in bytes; browsers send a few hundred.
const maxClientData = 16 << 10

// checkClientData checks client data (§5.8.1) for one ceremony: §7.1 steps 5 to 11, §7.2 steps 8 to 14.
func (rp RelyingParty) checkClientData(raw []byte, kind, challenge string) error {
	if rp.isPlain(raw, kind, challenge) {
		return nil
	}
	if len(raw) > maxClientData {
		return refuse(CodeClientData, "%d bytes", len(raw))
	}
	// Steps 5 and 8 say "UTF-8 decode", which drops one byte order mark (Encoding §6); the hash is over the bytes with it.
	var d clientData
	if err := members(bytes.TrimPrefix(raw, []byte("\ufeff")), d.visit); err != nil {
		return refuse(CodeClientData, "%v", err)
	}
	if text, ok := unquote(d.kind); !ok || text != kind {
		return refuse(CodeType, "type is %.40q, not %s", d.kind, kind)
	}
	if text, ok := unquote(d.challenge); !ok || text == "" || text != challenge {
		return refuse(CodeChallenge, "not the challenge of this ceremony")
	}
	origin, ok := unquote(d.origin)
	if !ok || !slices.Contains(rp.Origins, origin) {
		return refuse(CodeOrigin, "origin is %.200q", d.origin)
	}
	if err := rp.checkFrame(d); err != nil {
		return err
	}
	return d.checkTokenBinding()
}

// clientData is CollectedClientData (§5.8.1), with raw members.
type clientData struct {
	kind, challenge, origin, crossOrigin, topOrigin, tokenBinding []byte
}

func (d *clientData) visit(name string, value []byte) {
	switch name {
	case "type":
		d.kind = value
	case "challenge":
		d.challenge = value
	case "origin":
		d.origin = value
	case "crossOrigin":
		d.crossOrigin = value
	case "topOrigin":
		d.topOrigin = value
	case "tokenBinding":
		d.tokenBinding = value
	}
}

// isPlain reports that client data is, byte for byte, what a browser writes for a page of ours in a window of its own
// (§5.8.1.1). That is nearly all there is, and needs no parser (§5.8.1.2, without what follows the known members).
func (rp RelyingParty) isPlain(raw []byte, kind, challenge string) bool {
	if challenge == "" {
		return false
	}
	rest, ok := bytes.CutPrefix(raw, []byte(`{"type":"`))
	for _, expected := range []string{kind, `","challenge":"`, challenge, `","origin":"`} {
		if !ok {
			return false
		}
		rest, ok = bytes.CutPrefix(rest, []byte(expected))
	}
	if !ok {
		return false
	}
	for _, origin := range rp.Origins {
		if end, ok := bytes.CutPrefix(rest, []byte(origin)); ok && string(end) == `","crossOrigin":false}` {
			return !strings.ContainsAny(origin, `"\`)
		}
	}
	return false
}

// checkFrame checks whether the page may have been in a frame of another site (§7.1 steps 10 and 11).
func (rp RelyingParty) checkFrame(d clientData) error {
	embedded := false
	switch string(d.crossOrigin) {
	case "", "false":
	case "true":
		embedded = true
	default:
		return refuse(CodeClientData, "crossOrigin is %.40q", d.crossOrigin) // which says nothing of a frame
	}
	if embedded && !rp.Embedded {
		return refuse(CodeCrossOrigin, "in a frame of another site")
	}
	if d.topOrigin == nil {
		return nil
	}
	top, ok := unquote(d.topOrigin)
	if !ok {
		return refuse(CodeClientData, "topOrigin is %.40q", d.topOrigin)
	}
	if !embedded || !slices.Contains(rp.TopOrigins, top) {
		return refuse(CodeTopOrigin, "top origin is %.200q", d.topOrigin)
	}
	return nil
}

// checkTokenBinding checks the form of a member that Level 2 had (§5.8.1 there). Nothing of ours is bound to connections.
func (d clientData) checkTokenBinding() error {
	if d.tokenBinding == nil {
		return nil
	}
	var status []byte
	err := members(d.tokenBinding, func(name string, value []byte) {
		if name == "status" {
			status = value
		}
	})
	if err != nil {
		return refuse(CodeTokenBinding, "tokenBinding %v", err)
	}
	switch text, _ := unquote(status); text {
	case "present", "supported", "not-supported":
		return nil
	}
	return refuse(CodeTokenBinding, "status is %.40q", status)
}
