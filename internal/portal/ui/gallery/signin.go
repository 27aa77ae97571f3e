package gallery

import (
	"time"

	"staffkey/internal/portal/ui"
)

const amara = "amara.okafor@northmoor.example"

func signInStates() []State {
	signIn := ui.SignInPage{Key: passwordless()}
	edit := func(change func(*ui.SignInPage)) ui.SignInPage {
		p := signIn
		change(&p)
		return p
	}
	noOrganisation := visitor()
	noOrganisation.Organisation = ""
	rate := ui.Form{Errors: []ui.FieldError{{Message: ui.Counted("rate.name", 4)}}}
	return []State{
		{"signin", visitor(), signIn},
		{"signin-no-organisation", noOrganisation, signIn},
		{"signin-seen-here", visitor(), edit(func(p *ui.SignInPage) { p.SeenHere = true; p.Username = amara })},
		{"signin-application", visitor(), edit(func(p *ui.SignInPage) { p.Application = "Ward list"; p.Next = "sealed-next" })},
		{"signin-wrong-password", visitor(), edit(func(p *ui.SignInPage) { p.Username = amara; p.Form = problem("password", "pw.wrong") })},
		{"signin-empty", visitor(), edit(func(p *ui.SignInPage) {
			p.Errors = []ui.FieldError{{Field: "username", Message: ui.Text{ID: "username.empty"}}, {Field: "password", Message: ui.Text{ID: "password.empty"}}}
		})},
		{"signin-rate", visitor(), edit(func(p *ui.SignInPage) { p.Username = amara; p.Form = rate })},
		{"signin-hostile", hostile(""), edit(func(p *ui.SignInPage) { p.Username, p.Application = Markup, Markup })},

		{"method", known(), ui.MethodPage{Username: amara, Methods: []ui.OtherOption{
			{Kind: "key", Href: "/signin/key", LastHere: true}, {Kind: "recovery-code", Href: "/signin/recovery-code"}}}},
		{"method-none", visitor(), ui.MethodPage{Username: amara}},

		{"key", known(), ui.KeyPage{Username: amara, Tokens: rows(), Ceremony: get("signin"), Options: codesOption()}},
		{"key-one", known(), ui.KeyPage{Username: "amara", Tokens: rows()[1:2], Ceremony: get("signin")}},
		{"key-none", visitor(), ui.KeyPage{Username: amara, Options: codesOption()}},
		{"key-none-at-all", known(), ui.KeyPage{Username: amara}},
		{"key-hostile", hostile(""), ui.KeyPage{Username: Markup, Tokens: hostileRows(), Ceremony: get("signin"), Options: codesOption()}},

		{"code", visitor(), ui.CodePage{Kind: "recovery-code", Action: "/signin/recovery-code", Username: amara}},
		{"code-used", visitor(), ui.CodePage{Kind: "recovery-code", Action: "/signin/recovery-code", Username: amara,
			Options: []ui.OtherOption{{Kind: "key", Href: "/signin/key"}},
			Form: ui.Form{Errors: []ui.FieldError{{Field: "code", Message: ui.Text{ID: "rec.used", Count: new(7),
				Args: map[string]any{"When": ago(112 * day)}}}}}}},

		{"locked-nothing", known(), ui.LockedPage{Message: ui.Text{ID: "signin.nothing"}, Username: amara, SupportCode: "K7QF-2M"}},
		{"locked-frozen", desk(), ui.LockedPage{Message: ui.Text{ID: "person.frozen"}, Username: "amara", SupportCode: "K7QF-2M"}},
		{"locked-unknown", visitor(), ui.LockedPage{Message: ui.Text{ID: "person.frozen"}, Username: Hebrew}},
		{"signin-helpdesk", desk(), signIn},
		{"cannot-helpdesk", desk(), ui.CannotSignInPage{}},

		{"signed-out", visitor(), ui.SignedOutPage{}},
		{"session-ended", visitor(), ui.SessionEndedPage{Reason: "idle"}},
		{"session-ended-limit", visitor(), ui.SessionEndedPage{Reason: "limit"}},
		{"session-ended-elsewhere", visitor(), ui.SessionEndedPage{Reason: "ended"}},
		{"cannot", known(), ui.CannotSignInPage{}},
		{"cannot-unknown", visitor(), ui.CannotSignInPage{}},

		{"confirm", person("selfservice"), ui.ConfirmPage{Reason: ui.Text{ID: "confirm.reason.remove"}, Username: amara, Tokens: rows(),
			Ceremony: get("confirm"), Options: codesOption(), Cancel: "/me/tokens"}},
		{"confirm-password", person("selfservice"), ui.ConfirmPage{Reason: ui.Text{ID: "confirm.reason.register"}, Username: amara,
			Password: true, Next: "sealed", Cancel: "/me/tokens", Form: problem("password", "confirm.wrong")}},
		{"confirm-everything", hostile(""), ui.ConfirmPage{Username: Markup, Tokens: hostileRows(), Password: true, Ceremony: get("confirm"), Options: codesOption()}},

		{"welcome", visitor(), ui.FirstPasswordPage{NewPassword: ui.NewPassword{Alone: true}, PersonName: "Amara Okafor", Username: amara, Action: "/welcome", Secret: "secret"}},
		{"welcome-short", visitor(), ui.FirstPasswordPage{NewPassword: ui.NewPassword{Alone: true}, PersonName: Hebrew, Username: amara, Action: "/welcome",
			Form: ui.Form{Errors: []ui.FieldError{{Field: "password", Message: ui.Counted("password.short", 15)}}}}},
		{"link-used", known(), ui.LinkProblemPage{Problem: "used", At: ago(2 * time.Hour)}},
		{"link-expired", visitor(), ui.LinkProblemPage{Problem: "expired", At: ago(30 * day)}},
		{"link-unknown", visitor(), ui.LinkProblemPage{Problem: "unknown"}},
	}
}

// OutcomeIDs are the messages that an [ui.OutcomePage] can carry.
var OutcomeIDs = []string{
	"wa.noanswer", "wa.timeout", "wa.instant", "wa.focus", "wa.busy", "wa.exists", "wa.domain", "wa.unsup", "wa.constraint",
	"wa.unknown", "wa.data", "wa.answer", "wa.error", "wa.bound", "wa.filter", "wa.perm", "wa.none", "wa.nojs",
	"key.unknown", "key.other", "key.removed", "key.suspended", "key.model", "key.unproven", "key.recalled", "key.recall-alone", "key.uv", "key.clone", "key.again", "key.elsewhere", "key.late",
	"key.before", "key.spent", "key.changed", "key.password", "key.review", "key.another",
}

func outcomeStates() []State {
	retry, again := get("signin"), create("register")
	row := rows()[0]
	page := func(id string) ui.OutcomePage {
		return ui.OutcomePage{Purpose: "signin", Message: ui.Text{ID: id}, Username: amara, Retry: &retry, RetryToken: row,
			ChooseAnother: "/signin/key", Options: codesOption(), Failures: 1, SupportCode: "K7QF-2M"}
	}
	var all []State
	for _, id := range OutcomeIDs {
		p := page(id)
		switch id {
		case "wa.domain":
			p.Message.Args = map[string]any{"Host": "http://signin.northmoor.example", "Name": "https://signin.northmoor.example"}
			p.Address, p.Retry = "https://signin.northmoor.example/signin", nil
		case "wa.perm":
			p.NewWindow, p.Retry = "/signin", nil
		case "key.removed":
			p.Message.Args = map[string]any{"When": ago(112 * day), "By": "Rhys Pugh"}
			p.Retry, p.Helpless = nil, true
		case "key.suspended":
			p.Message.Args = map[string]any{"By": "Rhys Pugh"}
			p.Retry = nil
		case "key.recalled":
			p.Message.Args = map[string]any{"Model": "YubiKey 5 NFC", "When": ago(2 * day), "Reason": "Advisory 26-3"}
			p.Retry = nil
		case "key.model":
			p.Message.Args = map[string]any{"Model": "ePass K40", "Why": "finding"}
		case "key.elsewhere":
			p.Message.Args = map[string]any{"Name": "signin.old.example"}
			p.Retry, p.StartAgain, p.Helpless = nil, "/signin/key", true
		case "key.late", "key.before", "key.spent", "key.changed", "key.password", "wa.nojs", "wa.filter":
			p.Retry, p.StartAgain = nil, "/signin/key"
		case "key.clone", "key.again", "key.review":
			p.Retry, p.StartAgain, p.Helpless = nil, "/signin/key", true
		case "wa.data", "wa.bound":
			p.Message.Args = map[string]any{"RPID": "northmoor.example"}
			p.Retry, p.StartAgain, p.Helpless, p.Reported = nil, "/signin/key", true, true
		case "key.unknown":
			p.Signal = &ui.Signal{Kind: "unknown", RPID: "localhost", Credential: "Y3JlZGVudGlhbC0x"}
		}
		all = append(all, State{"outcome-" + id, known(), p})
	}
	second, third, any := page("wa.noanswer"), page("wa.timeout"), page("wa.noanswer")
	second.Failures, third.Failures = 2, 3
	any.RetryToken, any.Username, any.Options, any.ChooseAnother = ui.TokenRow{}, "", nil, ""
	discoverable := passwordless()
	any.Retry = &discoverable
	odd := page("wa.noanswer")
	odd.RetryToken.Nickname, odd.Username = Markup, Hebrew
	return append(all,
		State{"outcome-second", known(), second},
		State{"outcome-third", known(), third},
		State{"outcome-third-unknown", visitor(), third},
		State{"outcome-passwordless", visitor(), any},
		State{"outcome-hostile", hostile(""), odd},
		State{"outcome-confirm", person("selfservice"), ui.OutcomePage{Purpose: "confirm", Message: ui.Text{ID: "wa.noanswer"}, Retry: &retry,
			RetryToken: row, ChooseAnother: "/me/confirm", Failures: 1, Cancel: "/me/tokens", SupportCode: "K7QF-2M", Tokens: rows()}},
		State{"outcome-register", person("selfservice"), ui.OutcomePage{Purpose: "register", Message: ui.Text{ID: "wa.timeout"}, Retry: &again,
			Failures: 1, Cancel: "/me/tokens", SupportCode: "K7QF-2M"}},
		State{"outcome-try", person("selfservice"), ui.OutcomePage{Purpose: "try", Message: ui.Text{ID: "wa.noanswer"}, Retry: &retry,
			RetryToken: row, Failures: 1, Cancel: "/me/tokens/t1/done", SupportCode: "K7QF-2M"}},
	)
}
