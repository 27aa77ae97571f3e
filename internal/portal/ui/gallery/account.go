package gallery

import (
	"time"

	"staffkey/internal/portal/ui"
)

func cards() []ui.TokenCard {
	return []ui.TokenCard{
		{ID: "t1", Nickname: "Blue lanyard key", Model: "YubiKey 5 NFC", Picture: Picture, Connects: ui.Connects([]string{"usb", "nfc"}),
			Registered: time.Date(2026, time.May, 12, 9, 0, 0, 0, time.UTC), LastUsed: ago(33 * time.Minute), LastWhere: "Ward 6 PC", Current: true},
		{ID: "t2", Nickname: "Spare in locker 14", Model: "Feitian ePass K40", Connects: ui.Connects([]string{"usb"}),
			Registered: ago(time.Hour), RegisteredBy: "Rhys Pugh", New: true},
	}
}

func recalledCards() []ui.TokenCard {
	all := cards()
	all[0].RecalledUntil, all[0].SuspectedAt = ago(-14*day), ago(day)
	all[1].RecalledUntil, all[1].RecallOver, all[1].Refused = ago(day), true, true
	return all
}

func manyCards() []ui.TokenCard {
	all := cards()
	all[1].SameKeyAs = []string{"Blue lanyard key", Markup}
	for i, name := range []string{Markup, Hebrew, Wide} {
		all = append(all, ui.TokenCard{ID: "h" + string(rune('1'+i)), Nickname: name, Connects: ui.Connects([]string{"internal"}),
			Registered: ago(900 * day), RegisteredBy: Hebrew, LastUsed: ago(27 * time.Hour), LastWhere: Long, Suspended: i == 1})
	}
	return all
}

func items() []ui.ActivityItem {
	nickname := map[string]any{"Nickname": "Blue lanyard key"}
	return []ui.ActivityItem{
		{ID: "e1", At: ago(33 * time.Minute), Sentence: ui.Text{ID: "activity.signin.key", Args: nickname}, Where: "Edge on Windows, 10.2.0.14", Result: "ok"},
		{ID: "e2", At: ago(40 * time.Minute), Sentence: ui.Text{ID: "activity.signin.noanswer"}, Where: "Edge on Windows, 10.2.0.14", Result: "noanswer"},
		{ID: "e21", At: ago(41 * time.Minute), Sentence: ui.Text{ID: "activity.signin.noanswer"}, Where: "Edge on Windows, 10.2.0.14", Result: "noanswer"},
		{ID: "e22", At: ago(47 * time.Minute), Sentence: ui.Text{ID: "activity.signin.noanswer"}, Where: "Edge on Windows, 10.2.0.14", Result: "noanswer"},
		{ID: "e3", At: ago(26 * time.Hour), Sentence: ui.Text{ID: "activity.signin.refused"}, Result: "refused"},
		{ID: "e4", At: ago(195 * day), Sentence: ui.Text{ID: "activity.token.renamed", Args: map[string]any{"From": Markup, "Nickname": Hebrew}}, Where: "Firefox on Linux", Result: "ok"},
	}
}

func otherMethods() []ui.MethodRow {
	return []ui.MethodRow{
		{Kind: "password", State: ui.Text{ID: "method.state.set-up", Args: map[string]any{"When": ago(195 * day)}}, Href: "/me/self-service", Action: ui.Text{ID: "method.action.change"}},
		{Kind: "recovery-code", State: ui.Text{ID: "method.state.left", Args: map[string]any{"Left": 8, "Total": 10}}, Href: "/me/recovery-codes", Action: ui.Text{ID: "method.action.see"}},
	}
}

func accountStates() []State {
	registered := &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.registered", Args: map[string]any{"Nickname": "Spare in locker 14"}}}
	removed := &ui.Flash{Kind: "success", Message: ui.Text{ID: "flash.removed", Args: map[string]any{"Nickname": Markup}},
		Undo: &ui.UndoButton{Action: "/me/tokens/t2/restore", Label: ui.Text{ID: "flash.undo"}}}
	codeUsed := &ui.Flash{Kind: "warn", Message: ui.Counted("flash.recovery-used", 1)}
	tokens := ui.TokensPage{Tokens: cards(), Usable: 2, Limit: 5, Methods: otherMethods()}
	long := ui.Form{Errors: []ui.FieldError{{Field: "nickname", Message: ui.Counted("name.long", 12)}}}
	wrong := tokens
	wrong.Form, wrong.Edit = long, &ui.EditForm{ID: "t2", Nickname: "A nickname that is much longer than forty characters"}
	renamed := tokens
	renamed.Signals = []ui.Signal{{Kind: "details", RPID: "localhost", UserID: "dXNlcg", Name: amara, DisplayName: "Blue lanyard key"}}
	todo := []ui.ToDo{{Kind: "backup", Href: "/me/tokens/register"}, {Kind: "recovery-codes", Href: "/me/recovery-codes"}}
	return []State{
		{"home", ending(person("home")), ui.HomePage{Tokens: cards(), Limit: 5, SignIns: items()[:2]}},
		{"home-todo", with(person("home"), codeUsed), ui.HomePage{Tokens: cards()[:1], Limit: 5, ToDo: todo, SignIns: items()}},
		{"home-recalled", person("home"), ui.HomePage{Tokens: recalledCards(), Limit: 5, ToDo: []ui.ToDo{{Kind: "copied", Href: "/me/tokens/t1/lost"}, {Kind: "recalled", Href: "/me/tokens/register", Day: ago(-14 * day), Reason: "Advisory 26-3"}}, SignIns: items()}},
		{"home-empty", person("home"), ui.HomePage{Limit: 5}},
		{"home-many", hostile("home"), ui.HomePage{Tokens: manyCards(), Limit: 5, SignIns: items()}},

		{"profile", person("profile"), ui.ProfilePage{Name: "Amara Okafor", Email: amara, Username: "aokafor", EmployeeNumber: "20419931",
			Role: "Staff nurse, Ward 6", Source: "Electronic Staff Record", Organisation: "Northmoor Hospitals", Joined: ago(2000 * day)}},
		{"profile-least", hostile("profile"), ui.ProfilePage{Name: Markup, Username: Hebrew}},
		{"self-service", person("selfservice"), ui.SelfServicePage{Tokens: 2, Usable: 2, Sessions: 3, CodesLeft: 8, CodesTotal: 10}},
		{"self-service-empty", person("selfservice"), ui.SelfServicePage{Sessions: 1}},

		{"tokens", with(person("selfservice"), registered), tokens},
		{"tokens-one", person("selfservice"), ui.TokensPage{Tokens: cards()[:1], Usable: 1, Limit: 5, Methods: otherMethods()}},
		{"tokens-empty", person("selfservice"), ui.TokensPage{Limit: 5}},
		{"tokens-removed", person("selfservice"), ui.TokensPage{Tokens: cards()[:1], Usable: 1, Limit: 5, Removed: &ui.UndoRemoval{
			Nickname: "Spare in locker 14", Undo: ui.UndoButton{Action: "/me/tokens/x/restore", Label: ui.Text{ID: "flash.undo"}},
		}}},
		{"tokens-full", with(hostile("selfservice"), removed), ui.TokensPage{Tokens: manyCards(), Usable: 4, Limit: 5, Methods: otherMethods()}},
		{"tokens-edit-error", person("selfservice"), wrong},
		{"tokens-renamed", person("selfservice"), renamed},
		{"edit", person("selfservice"), ui.EditPage{ID: "t1", Nickname: "Blue lanyard key", Value: "Blue lanyard key"}},
		{"edit-taken", hostile("selfservice"), ui.EditPage{ID: "t1", Nickname: Markup, Value: Hebrew, Form: ui.Form{Errors: []ui.FieldError{
			{Field: "nickname", Message: ui.Text{ID: "name.taken", Args: map[string]any{"Nickname": Hebrew}}}}}}},
		{"remove", person("selfservice"), ui.RemovePage{ID: "t2", Nickname: "Spare in locker 14", Tokens: []string{"Blue lanyard key"},
			Methods: []string{"recovery-code"}, Usable: true, Undo: true, NoBackup: true, Advice: "give the key back to your Local Administrator, Rhys Pugh, level 2."}},
		{"remove-current", hostile("selfservice"), ui.RemovePage{ID: "t1", Nickname: Markup, Usable: true, Undo: true, Tokens: []string{Hebrew, Wide}, Current: true, SameKeyAs: []string{Long}}},
		{"remove-blocked", person("selfservice"), ui.RemovePage{ID: "t1", Nickname: "Blue lanyard key", Usable: true, Blocked: true}},
		{"remove-blocked-stopped", person("selfservice"), ui.RemovePage{ID: "t1", Nickname: "Blue lanyard key", Blocked: true}},
		{"remove-reset", person("selfservice"), ui.RemovePage{ID: "t1", Nickname: "Blue lanyard key", Tokens: []string{"Spare in locker 14"}, NoBackup: true}},
		{"limit", person("selfservice"), ui.LimitPage{Limit: 5}},

		{"sessions", person("selfservice"), ui.SessionsPage{Sessions: []ui.SessionRow{
			{ID: "s1", Device: "Edge on Windows", Where: "10.2.0.14", Method: ui.Text{ID: "session.method.key-nickname", Args: map[string]any{"Nickname": "Blue lanyard key"}}, Started: ago(33 * time.Minute), LastUse: ago(time.Minute), Current: true},
			{ID: "s2", Device: "Safari on iPhone", Method: ui.Text{ID: "session.method.recovery-code"}, Started: ago(30 * time.Hour), LastUse: ago(20 * time.Hour)},
			{ID: "s3", Device: Markup, Where: Long, Method: ui.Text{ID: "session.method.password"}, Started: ago(400 * day), LastUse: ago(390 * day)}}}},
		{"sessions-one", person("selfservice"), ui.SessionsPage{Sessions: []ui.SessionRow{
			{ID: "s1", Device: "Edge on Windows", Where: "10.2.0.14", Method: ui.Text{ID: "session.method.key"}, Started: ago(33 * time.Minute), LastUse: ago(time.Minute), Current: true}}}},
		{"activity", person("activity"), ui.ActivityPage{Items: items(), Newer: "/me/activity?before=9", Older: "/me/activity?after=1"}},
		{"activity-empty", person("activity"), ui.ActivityPage{}},

		{"recovery-codes", person("selfservice"), ui.RecoveryCodesPage{Left: 8, Total: 10, MadeAt: ago(195 * day)}},
		{"recovery-codes-few", person("selfservice"), ui.RecoveryCodesPage{Left: 2, Total: 10}},
		{"recovery-codes-none", person("selfservice"), ui.RecoveryCodesPage{}},
		{"recovery-codes-confirm", person("selfservice"), ui.RecoveryCodesPage{Left: 8, Total: 10, Confirm: true}},
		{"recovery-codes-fresh", person("selfservice"), ui.RecoveryCodesPage{Left: 10, Total: 10, Codes: codes()}},
	}
}

func wizardStates() []State {
	suggestions := []string{"Lanyard", "Desk", "Home", "Spare", "YubiKey 5 NFC, Ward 6"}
	taken := ui.Form{Errors: []ui.FieldError{{Field: "nickname", Message: ui.Text{ID: "name.taken", Args: map[string]any{"Nickname": "Lanyard"}}}}}
	twice := create("register")
	twice.AsksTwice = true
	return []State{
		{"register", person("selfservice"), ui.RegisterPage{Ceremony: create("register")}},
		{"register-firefox", person("selfservice"), ui.RegisterPage{Ceremony: twice}},
		{"register-again", person("selfservice"), ui.RegisterPage{Ceremony: create("register"), Again: true}},
		{"register-setup", visitor(), ui.RegisterPage{Ceremony: create("register"), Back: "/setup", Skip: "/setup/key/skip"}},
		{"exists", person("selfservice"), ui.ExistsPage{Nicknames: []string{"Blue lanyard key"}}},
		{"exists-several", hostile("selfservice"), ui.ExistsPage{Nicknames: []string{Markup, Hebrew}}},
		{"name", person("selfservice"), ui.NamePage{ID: "t2", Value: "YubiKey 5 NFC - Ward 6", Suggestions: suggestions}},
		{"name-taken", person("selfservice"), ui.NamePage{ID: "t2", Value: "Lanyard", Suggestions: suggestions, Form: taken}},
		{"name-empty", person("selfservice"), ui.NamePage{ID: "t2", Form: problem("nickname", "name.empty")}},
		{"name-hostile", hostile("selfservice"), ui.NamePage{ID: "t2", Value: Markup, Suggestions: []string{Hebrew, Wide, Markup}}},
		{"try", person("selfservice"), ui.TryPage{ID: "t2", Nickname: "Spare in locker 14", Credential: "Y3JlZGVudGlhbC0y", Ceremony: get("try")}},
		{"done", person("selfservice"), ui.DonePage{ID: "t2", Nickname: "Spare in locker 14", Keys: 2, Tried: true, RecoveryCodes: true}},
		{"done-first", person("selfservice"), ui.DonePage{ID: "t1", Nickname: Hebrew, Keys: 1}},
		{"done-codes", person("selfservice"), ui.DonePage{ID: "t1", Nickname: "Blue lanyard key", Keys: 1, RecoveryCodes: true, Next: "/setup"}},
		{"done-same-key", person("selfservice"), ui.DonePage{ID: "t2", Nickname: Markup, Keys: 1, SameKeyAs: []string{"Blue lanyard key"}, Tried: true}},
	}
}
