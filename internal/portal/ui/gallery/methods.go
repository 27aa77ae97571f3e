package gallery

import (
	"image/color"
	"slices"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"

	"staffkey/internal/portal/ui"
)

// appURI is what an app reads from the QR code, of usual length.
const appURI = "otpauth://totp/Northmoor%20Hospitals:amara.okafor%40northmoor.example?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Northmoor%20Hospitals&algorithm=SHA1&digits=6&period=30"

// qrRows draws a QR code as the page gets it.
func qrRows(content string) []string {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return nil // a page without its picture, which a test looks for
	}
	rows := make([]string, code.Bounds().Dy())
	for y := range rows {
		var row strings.Builder
		for x := range code.Bounds().Dx() {
			if code.At(x, y) == color.Black {
				row.WriteByte('1')
			} else {
				row.WriteByte('0')
			}
		}
		rows[y] = row.String()
	}
	return rows
}

func text(id string) ui.Text { return ui.Text{ID: id} }

func allMethods() []ui.MethodRow {
	setUp, change := text("method.action.set-up"), text("method.action.change")
	return []ui.MethodRow{
		{Kind: "key", State: ui.Counted("method.state.tokens", 2), LastUsed: ago(33 * time.Minute), Href: "/me/tokens", Action: text("method.action.see")},
		{Kind: "app-code", State: ui.Text{ID: "method.state.set-up", Args: map[string]any{"When": ago(195 * day)}}, LastUsed: ago(30 * day), Href: "/me/mfa/app-code", Action: change, Remove: "/me/mfa/app-code/remove"},
		{Kind: "text", State: ui.Text{ID: "method.state.number", Args: map[string]any{"Last2": "77"}}, Href: "/me/mfa/text", Action: change, Remove: "/me/mfa/text/remove"},
		{Kind: "phone", State: text("method.state.not-set-up"), Href: "/me/mfa/phone", Action: setUp},
		{Kind: "recovery-code", State: ui.Text{ID: "method.state.left", Args: map[string]any{"Left": 2, "Total": 10}}, LastUsed: ago(400 * day), Href: "/me/recovery-codes", Action: text("method.action.see"), Warn: true},
	}
}

func choices(kinds ...string) []ui.OtherOption {
	var all []ui.OtherOption
	for _, kind := range kinds {
		all = append(all, ui.OtherOption{Kind: kind, Href: "/me/mfa/" + kind})
	}
	return all
}

func methodStates() []State {
	keys := text("methods.rule.keys")
	core := ui.Text{ID: "methods.rule.core", Args: map[string]any{"Methods": "two security keys, an authenticator app or codes by text message"}}
	off := allMethods()[:2]
	off[1].State, off[1].Warn = text("method.state.off"), true
	all := choices("key", "app-code", "text", "phone", "recovery-code")
	app := ui.AppPage{QR: qrRows(appURI), Key: "JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP", URI: appURI, Sealed: "c2VhbGVk"}
	slow := app
	slow.Replacing, slow.Form = true, ui.Form{Errors: []ui.FieldError{{Field: "code", Message: ui.Counted("totp.slow", 3)}}}
	late := app
	late.Form = problem("code", "code.app-late")
	sent := ui.Resend{Action: "/me/mfa/text/again", Wait: 40, State: text("code.state.waiting")}
	wait := ui.Form{Errors: []ui.FieldError{{Message: ui.Counted("code.wait", 40)}}}
	removed := &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.method-removed", Args: map[string]any{"Method": text("method.phone.name")}}}
	return []State{
		{"methods", person("selfservice"), ui.MethodsPage{Rows: allMethods(), Rule: keys, Complete: true, Mails: true}},
		{"methods-incomplete", with(person("selfservice"), removed), ui.MethodsPage{Rows: off, Rule: core, Exception: Now.Add(3 * day)}},
		{"methods-hostile", hostile("selfservice"), ui.MethodsPage{Rows: allMethods()[:1], Rule: text("methods.rule.key-required"), Complete: true}},
		{"methods-first", visitor(), ui.MethodsPage{Rows: allMethods()[3:4]}},

		{"choose-shares", person("selfservice"), ui.ChooseMethodPage{Asked: true, Rule: core, Later: true, DaysLeft: 13,
			Choices: []ui.OtherOption{{Kind: "app-code", Href: "/me/mfa/app-code", Share: "all"}, {Kind: "key", Href: "/me/tokens/register", Share: "part"}},
			More:    []ui.OtherOption{{Kind: "text", Href: "/me/mfa/text", Share: "part"}, {Kind: "recovery-code", Href: "/me/recovery-codes", Share: "extra"}}}},
		{"choose-method", person("selfservice"), ui.ChooseMethodPage{Choices: all}},
		{"choose-method-asked", person(""), ui.ChooseMethodPage{Choices: all[:2], Asked: true, Rule: keys, Later: true, DaysLeft: 6}},
		{"choose-method-last-day", person(""), ui.ChooseMethodPage{Choices: all[1:], Asked: true, Rule: core, Later: true}},
		{"choose-method-now", hostile(""), ui.ChooseMethodPage{Choices: all[:1], Asked: true}},
		{"choose-method-none", person("selfservice"), ui.ChooseMethodPage{}},

		{"app", person("selfservice"), app},
		{"app-slow-clock", person("selfservice"), slow},
		{"app-late", person("selfservice"), late},
		{"number-text", person("selfservice"), ui.NumberPage{Kind: "text"}},
		{"number-text-landline", hostile("selfservice"), ui.NumberPage{Kind: "text", Number: "01632 960 123", Last2: "77", Form: problem("number", "number.landline")}},
		{"number-phone", person("selfservice"), ui.NumberPage{Kind: "phone", Last2: "23"}},
		{"number-text-country", person("selfservice"), ui.NumberPage{Kind: "text", Number: "07797 712345", Form: problem("number", "number.country.JE")}},
		{"number-phone-hostile", person("selfservice"), ui.NumberPage{Kind: "phone", Number: Markup, Form: problem("number", "number.invalid")}},
		{"number-code", person("selfservice"), ui.NumberCodePage{Kind: "text", Last2: "77", Sealed: "c2VhbGVk", Resend: sent}},
		{"number-code-wrong", person("selfservice"), ui.NumberCodePage{Kind: "text", Last2: "77", Resend: ui.Resend{Action: sent.Action, State: text("code.state.failed")}, Form: problem("code", "code.wrong")}},
		{"number-code-wait", person("selfservice"), ui.NumberCodePage{Kind: "phone", Last2: "23", Resend: ui.Resend{Action: "/me/mfa/phone/again", Wait: 1}, Form: wait}},
		{"method-remove", person("selfservice"), ui.MethodRemovePage{Kind: "app-code", Tokens: []string{"Blue lanyard key", Hebrew}, Methods: []string{"password", "text", "recovery-code"}}},
		{"method-remove-incomplete", hostile("selfservice"), ui.MethodRemovePage{Kind: "phone", Tokens: []string{Markup}, Incomplete: true}},
		{"method-remove-blocked", person("selfservice"), ui.MethodRemovePage{Kind: "text", Blocked: true}},
		{"password", person("selfservice"), ui.PasswordPage{Username: amara, ChangedAt: ago(195 * day)}},
		{"password-by-pass", person("selfservice"), ui.PasswordPage{Username: amara, NoCurrent: true}},
		{"password-wrong", hostile("selfservice"), ui.PasswordPage{Username: Hebrew, Form: ui.Form{Errors: []ui.FieldError{
			{Field: "current", Message: text("password.current")}, {Field: "password", Message: ui.Counted("password.short", 8)}}}}},
		{"self-service-all", with(person("selfservice"), &ui.Flash{Kind: "success", Message: text("flash.device-marked")}),
			ui.SelfServicePage{Tokens: 1, Usable: 1, Sessions: 1, Methods: 3, CodesLeft: 10, CodesTotal: 10, PersonalDevice: true}},
		{"self-service-station", person("selfservice"), ui.SelfServicePage{Tokens: 1, Sessions: 1, Methods: 1, Station: true}},
		{"recovery-codes-paper", hostile("selfservice"), ui.RecoveryCodesPage{Left: 10, Total: 10, MadeAt: ago(time.Minute), Codes: codes(), Next: "/me/mfa", Username: amara, Address: "https://staffkey.northmoor-hospitals.example"}},
	}
}

// stoppedCards are tokens on hold, for each reason.
func stoppedCards() []ui.TokenCard {
	all := cards()[:1]
	for i, reason := range []string{"lost", "stolen", "misused", "reset", "frozen", "made", ""} {
		all = append(all, ui.TokenCard{ID: "s" + string(rune('1'+i)), Nickname: "Spare in locker 14", Connects: ui.Connects([]string{"usb"}),
			Registered: ago(300 * day), LastUsed: ago(100 * day), Suspended: true, StopReason: reason, Findable: !slices.Contains([]string{"reset", "frozen", ""}, reason), StoppedAt: ago(time.Duration(i) * day)})
	}
	return all
}

func lostStates() []State {
	stopped := &ui.Flash{Kind: "warn", Message: text("flash.weaker")}
	todo := []ui.ToDo{{Kind: "methods", Href: "/me/mfa/start"}, {Kind: "stopped", Href: "/me/tokens"}}
	pin := func(question, system string, replace bool) ui.PINPage {
		return ui.PINPage{ID: "t1", Nickname: "Blue lanyard key", Question: question, System: system, Base: "/me/tokens/t1/pin", CanReplace: replace}
	}
	replace := func(system string, tokens ...ui.TokenRow) ui.ReplacePage {
		return ui.ReplacePage{Tokens: tokens, Token: tokens[0].ID, System: system, Back: "/me/tokens/t1/pin", Ceremony: create("register"), Next: "/me/tokens/{token}/replace"}
	}
	missing := ui.Form{Errors: []ui.FieldError{{Field: "reason", Message: text("request.reason.empty")}, {Field: "place", Message: text("request.place.empty")},
		{Field: "note", Message: ui.Counted("request.note.long", 215)}}}
	return []State{
		{"home-stopped", with(person("home"), stopped), ui.HomePage{Tokens: stoppedCards()[:3], Limit: 5, ToDo: todo}},
		{"home-reset", person("home"), ui.HomePage{Tokens: stoppedCards()[4:5], Limit: 5, ToDo: []ui.ToDo{{Kind: "reset", Href: "/me/tokens/s4/replace"}, {Kind: "no-key", Href: "/me/tokens/register"}}}},
		{"tokens-stopped", person("selfservice"), ui.TokensPage{Tokens: stoppedCards(), Usable: 1, Limit: 8, Methods: allMethods()[1:]}},
		{"lost", person("selfservice"), ui.LostPage{ID: "t1", Nickname: "Blue lanyard key", Told: true}},
		{"lost-last", hostile("selfservice"), ui.LostPage{ID: "t1", Nickname: Markup, SameKeyAs: []string{Hebrew}, Last: true, Methods: []string{"app-code", "recovery-code"},
			Made: []ui.MadeItem{{Value: "key:t2", Nickname: Markup, SetUp: ago(day), Mine: true}, {Value: "method:totp:x", Method: "app-code", SetUp: ago(day)}}}},
		{"lost-nothing-left", person("selfservice"), ui.LostPage{ID: "t1", Nickname: Hebrew, Last: true, Form: problem("reason", "lost.reason.empty")}},
		{"lost-done", person("selfservice"), ui.LostDonePage{ID: "t1", Nickname: "Blue lanyard key", Reason: "lost", Reference: "K7QF-2M", Told: true, CanAdd: true}},
		{"lost-done-stolen", hostile("selfservice"), ui.LostDonePage{ID: "t1", Nickname: Markup, Reason: "stolen", Reference: "K7QF-2M",
			Ended: ui.Ended{Twins: []string{Hebrew}, Sessions: 2, Tokens: []string{Markup, "Spare"}, Methods: []string{"app-code"}}}},
		{"found", person("selfservice"), ui.FoundPage{ID: "t1", Nickname: "Blue lanyard key", SameKeyAs: []string{"Second name"}, Mails: true, Reason: "lost", StoppedAt: ago(2 * time.Hour)}},
		{"found-stolen", hostile("selfservice"), ui.FoundPage{ID: "t1", Nickname: Hebrew, Reason: "stolen", StoppedAt: ago(9 * day)}},
		{"found-other", person("selfservice"), ui.FoundPage{ID: "t1", Nickname: Wide, StoppedAt: ago(9 * day)}},

		{"pin", person("selfservice"), pin("", "windows", true)},
		{"pin-visitor", visitor(), ui.PINPage{Base: "/pin"}},
		{"pin-change-windows", person("selfservice"), pin("change", "windows", true)},
		{"pin-change-linux", known(), ui.PINPage{Base: "/pin", Question: "change", System: "linux"}},
		{"pin-change-ios", hostile("selfservice"), ui.PINPage{ID: "t1", Nickname: Markup, Base: "/me/tokens/t1/pin", Question: "change", System: "ios"}},
		{"pin-change-unknown", visitor(), ui.PINPage{Base: "/pin", Question: "change"}},
		{"pin-forgotten", person("selfservice"), pin("forgotten", "macos", true)},
		{"pin-forgotten-ask", person("selfservice"), pin("forgotten", "macos", false)},
		{"pin-forgotten-visitor", visitor(), ui.PINPage{Base: "/pin", Question: "forgotten"}},
		{"pin-blocked", person("selfservice"), pin("blocked", "windows", true)},
		{"pin-blocked-ask", known(), ui.PINPage{Base: "/pin", Question: "blocked"}},
		{"pin-blocked-any", person("selfservice"), ui.PINPage{Base: "/pin", Question: "blocked", CanReplace: true}},
		{"replace", person("selfservice"), replace("windows", rows()[:1]...)},
		{"replace-chromeos", hostile("selfservice"), replace("chromeos", hostileRows()[:1]...)},
		{"replace-several", person("selfservice"), replace("linux", rows()...)},
		{"replace-unknown", hostile("selfservice"), ui.ReplacePage{Tokens: hostileRows(), Together: []string{Markup + ", " + Hebrew}, Back: "/pin", Ceremony: create("register"), Next: "/me/tokens/{token}/replace"}},
		{"request", person("selfservice"), ui.RequestPage{}},
		{"request-empty", hostile("selfservice"), ui.RequestPage{Note: Markup, Form: missing}},
		{"request-blocked", person("selfservice"), ui.RequestPage{Reason: "blocked", Place: Hebrew, Note: "One with a large contact", Token: "t1", Nickname: Wide}},
		{"request-unsent", person("selfservice"), ui.RequestPage{Unsent: true}},
		{"request-done", person("selfservice"), ui.RequestDonePage{Reference: "R4TN-8C"}},
	}
}
