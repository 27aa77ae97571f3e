package totp

import (
	"encoding/base32"
	"fmt"
	"image/color"
	"net/url"
	"strings"

	"github.com/boombuler/barcode/qr"
)

// offer is what a page shows to set the app up.
type offer struct {
	// URI is for an app on the same device.
	URI string `json:"uri"`
	// Key is the secret to type where no camera is, in groups of four.
	Key string `json:"key"`
	// QR holds the rows of the QR code of URI, a "1" for each dark module, without the quiet zone around it.
	QR []string `json:"qr"`
}

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

func (m *Method) offer(secret []byte, username string) (offer, error) {
	text := encoding.EncodeToString(secret)
	o := offer{URI: m.uri(text, username), Key: grouped(text)}
	var err error
	o.QR, err = modules(o.URI)
	return o, err
}

// What the names in a URI may take of it, in bytes as they are written there, so that the QR code always fits and stays readable (version 30
// at level M, ISO/IEC 18004 table 7, has 1,370). An e-mail address of 254 characters fits whole.
const (
	maxIssuer  = 240 // twice
	maxAccount = 600
)

// named is a name as it stands in a URI: without colons, at which apps split, and cut where it is too long.
func named(s string, most int) string {
	s = strings.ReplaceAll(s, ":", "")
	whole := escape(s)
	if len(whole) <= most {
		return whole
	}
	ellipsis := escape("…")
	var cut strings.Builder
	for _, r := range s {
		letter := escape(string(r))
		if cut.Len()+len(letter)+len(ellipsis) > most {
			break
		}
		cut.WriteString(letter)
	}
	return cut.String() + ellipsis
}

// uri is the form that apps have agreed on, the "Key Uri Format" of Google Authenticator. What it says of algorithm,
// digits and period is what apps take for granted; some read only the secret.
func (m *Method) uri(secret, username string) string {
	issuer := named(m.issuer, maxIssuer)
	return "otpauth://totp/" + issuer + ":" + named(username, maxAccount) +
		"?secret=" + secret + "&issuer=" + issuer + "&algorithm=SHA1&digits=6&period=30"
}

// escape percent-encodes all but the unreserved characters of RFC 3986 §2.3: a "+" for a space, as forms have it, would be
// shown as a plus.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// grouped puts a space after each four characters.
func grouped(s string) string {
	var groups []string
	for ; len(s) > 4; s = s[4:] {
		groups = append(groups, s[:4])
	}
	return strings.Join(append(groups, s), " ")
}

// modules draws a QR code at level M, which a scratched screen does not spoil.
func modules(content string) ([]string, error) {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		// Not the library's own error: it repeats the text, which holds the secret.
		return nil, fmt.Errorf("a QR code of %d bytes cannot be drawn", len(content))
	}
	bounds := code.Bounds()
	var rows []string
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		var row strings.Builder
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if code.At(x, y) == color.Black {
				row.WriteByte('1')
			} else {
				row.WriteByte('0')
			}
		}
		rows = append(rows, row.String())
	}
	return rows, nil
}
