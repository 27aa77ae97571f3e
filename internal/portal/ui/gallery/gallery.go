// Package gallery holds every page of the portal in every state that a person
// can meet: empty, in error, after success, with long names, with markup and
// right-to-left words in names, with one entry and with many. Tests walk it,
// with and without a browser. No program imports it.
package gallery

import (
	"time"

	"staffkey/internal/portal/ui"
)

// State is one page in one state.
type State struct {
	// Name is unique and fit for a file name, such as "signin-wrong-password".
	Name  string
	Frame ui.Frame
	Page  ui.Page
}

// Now is the time of every frame: 23 November 2026, 07:45 in London.
var Now = time.Date(2026, time.November, 23, 7, 45, 0, 0, time.UTC)

// Names that pages must survive.
const (
	// Markup would run if a template forgot to escape.
	Markup = `<script>alert("x")</script>`
	// Hebrew is right-to-left, with a bracket that turns.
	Hebrew = "מפתח כחול (מחלקה 6)"
	// Wide is 40 characters of 4 bytes each: the longest nickname.
	Wide = "🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝🔑🔒🔓🗝"
	// Long has no place to break a line.
	Long = "Llanfairpwllgwyngyllgogerychwyrndrobwllll"
)

// Gallery returns all states, in the order of the page map.
func Gallery() []State {
	var all []State
	all = append(all, signInStates()...)
	all = append(all, outcomeStates()...)
	all = append(all, otherWayStates()...)
	all = append(all, recoveryStates()...)
	all = append(all, accountStates()...)
	all = append(all, wizardStates()...)
	all = append(all, methodStates()...)
	all = append(all, lostStates()...)
	all = append(all, setupStates()...)
	all = append(all, problemStates()...)
	all = append(all, deviceStates()...)
	all = append(all, supportStates()...)
	all = append(all, opsStates()...)
	return all
}

// visitor is a frame without a person.
func visitor() ui.Frame {
	return ui.Frame{Lang: "en", Organisation: "Northmoor Hospitals", Path: "/signin", Now: Now}
}

// noMail is a frame of an installation that sends no e-mail.
func noMail(f ui.Frame) ui.Frame {
	f.NoMail = true
	return f
}

// person is a frame for someone who is signed in, on the tab nav.
func person(nav string) ui.Frame {
	f := visitor()
	f.SignedIn, f.PersonName, f.Nav, f.Path = true, "Amara Okafor", nav, "/me"
	f.Administrators = contacts()
	return f
}

func contacts() []ui.Contact {
	return []ui.Contact{
		{Name: "Rhys Pugh", Phone: "01632 960 123", Email: "rhys.pugh@northmoor.example"},
		{Name: "Siân Llewellyn-Bartholomew", Phone: "01632 960 145"},
	}
}

// known is a visitor whose Local Administrators are known.
func known() ui.Frame {
	f := visitor()
	f.Administrators = contacts()
	return f
}

// desk is a visitor who may know the helpdesk's number and no names.
func desk() ui.Frame {
	f := visitor()
	f.Helpdesk = ui.Contact{Name: "Northmoor Hospitals", Phone: "01632 960 100"}
	return f
}

// hostile is a frame whose every text is awkward.
func hostile(nav string) ui.Frame {
	f := person(nav)
	f.Organisation, f.PersonName = "Ysbyty "+Long+" "+Markup, Hebrew
	f.Administrators = []ui.Contact{{Name: Markup, Phone: "01632 960 199", Email: "a@b.example"}}
	return f
}

func with(f ui.Frame, flash *ui.Flash) ui.Frame {
	f.Flash = flash
	return f
}

func problem(field, id string) ui.Form {
	return ui.Form{Errors: []ui.FieldError{{Field: field, Message: ui.Text{ID: id}}}}
}

func ago(d time.Duration) time.Time { return Now.Add(-d) }

const day = 24 * time.Hour

func get(step string) ui.Ceremony {
	return ui.Ceremony{
		Kind: "get", Action: "/ceremony/" + step, Outcome: "/ceremony/" + step + "/outcome",
		Refresh: "/ceremony/" + step + "/options", Step: step, Sealed: "c2VhbGVkLXN0YXRlLW9mLXRoZS1zZXJ2ZXI",
		Options: `{"challenge":"ZGVtb25zdHJhdGlvbi1jaGFsbGVuZ2UtMDEyMzQ1Njc","timeout":120000,"rpId":"localhost","userVerification":"required","hints":["security-key"],"allowCredentials":[{"type":"public-key","id":"Y3JlZGVudGlhbC0x","transports":["usb","nfc"]},{"type":"public-key","id":"Y3JlZGVudGlhbC0y","transports":["usb"]}]}`,
	}
}

// passwordless is get without a list of credentials: any key of this service.
func passwordless() ui.Ceremony {
	c := get("signin")
	c.Options = `{"challenge":"ZGVtb25zdHJhdGlvbi1jaGFsbGVuZ2UtMDEyMzQ1Njc","timeout":120000,"rpId":"localhost","userVerification":"required","hints":["security-key"]}`
	return c
}

func create(step string) ui.Ceremony {
	c := get(step)
	c.Kind = "create"
	c.Options = `{"rp":{"id":"localhost","name":"Staffkey"},"user":{"id":"dXNlci1oYW5kbGU","name":"amara.okafor","displayName":"Blue lanyard key"},"challenge":"ZGVtb25zdHJhdGlvbi1jaGFsbGVuZ2UtMDEyMzQ1Njc","pubKeyCredParams":[{"type":"public-key","alg":-7},{"type":"public-key","alg":-257}],"timeout":180000,"excludeCredentials":[],"authenticatorSelection":{"residentKey":"required","userVerification":"required"},"hints":["security-key"],"attestation":"direct"}`
	return c
}

func rows() []ui.TokenRow {
	return []ui.TokenRow{
		{ID: "t1", Nickname: "Blue lanyard key", Credential: "Y3JlZGVudGlhbC0x", Connects: ui.Connects([]string{"usb", "nfc"}), LastUsed: ago(33 * time.Minute), LastHere: true},
		{ID: "t2", Nickname: "Spare in locker 14", Credential: "Y3JlZGVudGlhbC0y", Connects: ui.Connects([]string{"usb"}), LastUsed: ago(112 * day)},
		{ID: "t3", Nickname: "Fingerprint key", Credential: "Y3JlZGVudGlhbC0z", Connects: ui.Connects([]string{"usb"})},
	}
}

func hostileRows() []ui.TokenRow {
	var all []ui.TokenRow
	for i, name := range []string{Markup, Hebrew, Wide, Long, `"><img src=x onerror=alert(1)>`} {
		all = append(all, ui.TokenRow{ID: "h" + string(rune('1'+i)), Nickname: name, Credential: "Y3Jl", Connects: ui.Connects(nil), LastUsed: ago(400 * day)})
	}
	return all
}

func codesOption() []ui.OtherOption {
	return []ui.OtherOption{{Kind: "recovery-code", Href: "/signin/recovery-code"}}
}

func codes() []string {
	return []string{"4TJ9-QX2M-8VKD", "7RWC-H3NP-5YGA", "K2F8-BZ6T-J9XE", "W5MD-4QRV-N8HC", "9XPT-G7KJ-2BWF",
		"C3VN-Y8DZ-6RMQ", "H6BK-5TWG-P4XJ", "Q8ZF-2NCR-7KVD", "M4YJ-9HGP-T3BW", "D7XR-K5QV-8ZNC"}
}
