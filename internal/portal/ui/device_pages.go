package ui

import (
	"time"
	"unicode"
)

// DevicePage is /device, Check this device. Each row holds every answer that
// there can be, and device.js shows the right one, so that no text is made in
// the browser. The script posts what it finds to /device/report.
type DevicePage struct {
	Rows []DeviceRow
	// Capabilities are the client capabilities that are told, in order.
	Capabilities []DeviceCapability
	// Browser, Address and IP are what the server sees by itself.
	Browser, Address, IP string
}

func (DevicePage) layout() (string, bool) { return "help/device", false }

// Fixes are the numbers of things to fix that there can be: each row counts once.
func (p DevicePage) Fixes() []int {
	list := make([]int, len(p.Rows))
	for i := range list {
		list[i] = i + 1
	}
	return list
}

// DeviceRow is one thing that is looked at. Its name is the message device.<ID>.
type DeviceRow struct {
	ID      string
	Answers []DeviceAnswer
}

// DeviceAnswer is one answer of a row. Its text is the message
// device.<row>.<ID>, and device.waiting for the answer "waiting".
type DeviceAnswer struct {
	Row, ID string
	// Verdict is "ok", "fix" or "unknown".
	Verdict string
	// Blocks says that no key works until it is fixed.
	Blocks bool
	// Value fills the placeholder N: a number, or a name of the server's. Pattern
	// is the same with "{n}" for the script to fill in.
	Value string
	// Script lets the script fill in the value.
	Script bool
	// Shown is true for the answer that stands.
	Shown bool
	// Href is where to go from here, or "". The link's text is the answer's
	// message with .link.
	Href string
}

// Text is the answer in words.
func (a DeviceAnswer) Text() Text { return a.filled(a.Value) }

// Pattern is the answer with {n} in the place of the value.
func (a DeviceAnswer) Pattern() Text { return a.filled("{n}") }

func (a DeviceAnswer) filled(value string) Text {
	if a.ID == "waiting" {
		return Text{ID: "device.waiting"}
	}
	return Text{ID: "device." + a.Row + "." + a.ID, Args: map[string]any{"N": value}}
}

// Link is the words of the link.
func (a DeviceAnswer) Link() Text { return Text{ID: "device." + a.Row + "." + a.ID + ".link"} }

// DeviceCapability is what a browser says of one thing that it can do (WebAuthn
// Level 3, section 5.8.7). Its description is the message device.capability.<Name>.
type DeviceCapability struct {
	Name string
	// Told is "yes", "no" or "untold".
	Told string
}

// Pieces cuts the name before its capitals, where a line may break.
func (c DeviceCapability) Pieces() []string {
	var pieces []string
	start := 0
	for i, r := range c.Name {
		if unicode.IsUpper(r) {
			pieces = append(pieces, c.Name[start:i])
			start = i
		}
	}
	return append(pieces, c.Name[start:])
}

// DeviceResultPage is a saved check, as the person who helps sees it.
type DeviceResultPage struct {
	Code               string
	Checked, OpenUntil time.Time
	Rows               []DeviceRow
	// Capabilities is empty when the browser tells none.
	Capabilities []DeviceCapability
	// Fixes counts the things to fix; Blocked says that no key works until then.
	Fixes   int
	Blocked bool
}

func (DeviceResultPage) layout() (string, bool) { return "help/device-result", false }
