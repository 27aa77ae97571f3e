package gallery

import (
	"slices"
	"strings"
	"time"

	"staffkey/internal/portal/ui"
)

// deviceStates is Check this device: before its script has run, which is also how it stays without one, and as a helpdesk
// sees it later.
func deviceStates() []State {
	row := func(id, verdict string, answers ...string) ui.DeviceRow {
		r := ui.DeviceRow{ID: id}
		for i, a := range answers {
			r.Answers = append(r.Answers, ui.DeviceAnswer{Row: id, ID: a, Verdict: verdict, Value: "47", Script: true, Shown: i == 0})
		}
		return r
	}
	linked := row("desktop", "fix", "yes")
	linked.Answers[0].Href = "/virtual-desktop"
	capabilities := []ui.DeviceCapability{
		{Name: "conditionalGet", Told: "yes"}, {Name: "hybridTransport", Told: "no"}, {Name: "userVerifyingPlatformAuthenticator", Told: "untold"},
	}
	start := ui.DevicePage{
		Rows: []ui.DeviceRow{
			row("script", "fix", "off", "on"), row("secure", "ok", "ok", "not"), row("host", "ok", "ok"), row("browser", "unknown", "unknown"),
			row("api", "unknown", "waiting", "ok", "missing"), row("frame", "unknown", "waiting", "ok", "untold"),
			row("connection", "unknown", "waiting", "ok", "offline"), row("clock", "unknown", "waiting", "ok", "slow", "untold"),
			row("cookies", "unknown", "waiting", "ok", "off"), row("desktop", "unknown", "unasked"), row("key", "unknown", "untried"),
		},
		Capabilities: capabilities, Address: "https://signin.northmoor.example", IP: "2001:db8:1234:5678:9abc:def0:1234:5678",
	}
	helper := start
	helper.Browser = "Edge 141 on Windows 11"
	helping := person("")
	helping.Helps = true
	result := ui.DeviceResultPage{
		Code: "K7QF-2M", Checked: ago(5 * time.Minute), OpenUntil: ago(5 * time.Minute).Add(day), Fixes: 2, Capabilities: capabilities,
		Rows: []ui.DeviceRow{row("browser", "ok", "ok"), row("connection", "ok", "ok"), row("clock", "fix", "slow"), linked, row("key", "unknown", "untried")},
	}
	result.Rows[0].Answers[0].Value = "Edge 141 on Windows 11"
	blocked, fine := result, result
	blocked.Fixes, blocked.Blocked, blocked.Rows = 1, true, []ui.DeviceRow{row("api", "fix", "missing")}
	fine.Fixes, fine.Rows, fine.Capabilities = 0, []ui.DeviceRow{row("key", "ok", "answered")}, nil
	return []State{
		{"device", visitor(), start}, {"device-helper", helping, helper},
		{"device-result", person(""), result}, {"device-result-blocked", person(""), blocked}, {"device-result-ready", hostile(""), fine},
	}
}

// supportStates are the box for support codes and what it opens: each class of outcome, and what is known of nobody.
func supportStates() []State {
	helping := person("")
	helping.Helps = true
	wrong := ui.SupportCodePage{Form: problem("code", "support.code.unknown"), Code: "K7QF-2N"}
	all := []State{
		{"support", helping, ui.SupportCodePage{}}, {"support-unknown", helping, wrong},
		{"support-waits", helping, ui.SupportCodePage{Form: ui.Form{Errors: []ui.FieldError{{Field: "code", Message: ui.Counted("support.rate", 7)}}}}},
	}
	for remedy, message := range map[string]string{
		"retry": "wa.noanswer", "register": "key.again", "report": "wa.data", "elsewhere": "wa.none", "decided": "key.suspended", "restart": "key.late",
		"reference": "", "other": "pw.wrong",
	} {
		all = append(all, State{"support-" + remedy, helping, ui.SupportCasePage{
			Code: "K7QF-2M", At: ago(4 * time.Minute), Kind: ui.Text{ID: "support.kind.sign_in_refused"}, Read: ui.Text{ID: message}, Remedy: remedy,
			Person: "Amara Okafor", Username: amara, Nickname: "Blue lanyard key", Where: "Chrome on Windows",
			Facts: []ui.SupportFact{{Name: "name", Value: "NotAllowedError"}, {Name: "ms", Value: "5012"}, {Name: "rule", Value: "backup_eligibility_changed"}},
		}})
	}
	slices.SortFunc(all[3:], func(a, b State) int { return strings.Compare(a.Name, b.Name) })
	return append(all,
		State{"support-nobody", helping, ui.SupportCasePage{Code: "K7QF-2M", At: ago(4 * time.Minute), Kind: ui.Text{ID: "support.kind.prompt_ended"}, Remedy: "retry"}},
		State{"support-hostile", hostile(""), ui.SupportCasePage{
			Code: "K7QF-2M", At: ago(4 * time.Minute), Kind: ui.Text{ID: "support.kind.other"}, Remedy: "other", Person: Hebrew, Username: Markup, Nickname: Wide,
			Where: Markup, Facts: []ui.SupportFact{{Name: "name", Value: Markup}},
		}})
}
