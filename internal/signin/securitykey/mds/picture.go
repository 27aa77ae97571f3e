package mds

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image"
	_ "image/jpeg" // its header is read
	_ "image/png"  // its header is read
	"strings"
)

// Bounds of the picture of a model. The Alliance asks for few kilobytes; some send photographs.
const (
	MaxIcon   = 1 << 20 // bytes
	maxPixels = 8 << 20
)

// Icon returns the picture of the model with its media type, if there is one that is nothing but a picture: PNG, JPEG, or an SVG of which
// what draws was taken over (since v3.1 a statement may hold one; see drawing). What it is, its first bytes say: makers label JPEG as PNG.
func (e *Entry) Icon() (picture []byte, mediaType string, ok bool) {
	var uri string
	if json.Unmarshal(e.icon, &uri) != nil {
		return nil, "", false
	}
	label, text, found := strings.Cut(uri, ";base64,")
	text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=") // some makers leave out what fills it up, or break lines
	if !found || !strings.HasPrefix(label, "data:image/") || base64.RawStdEncoding.DecodedLen(len(text)) > MaxIcon {
		return nil, "", false
	}
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, "", false
	}
	if strings.HasPrefix(label, "data:image/svg+xml") {
		picture, err = drawing(raw)
		return picture, "image/svg+xml", err == nil
	}
	c, format, err := image.DecodeConfig(bytes.NewReader(raw))
	if err != nil || c.Width <= 0 || c.Height <= 0 || c.Width > maxPixels/c.Height {
		return nil, "", false
	}
	return raw, "image/" + format, true
}
