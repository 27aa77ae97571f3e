package gallery

import (
	"time"

	"staffkey/internal/portal/ui"
)

// station is a frame of a shared computer, with somebody signed in or not.
func station(f ui.Frame) ui.Frame { return stationNamed(f, "Ward 6, nurses’ desk") }

// ending is a frame whose page knows when the session ends.
func ending(f ui.Frame) ui.Frame {
	f.SessionEndsAt, f.SessionIdle = Now.Add(time.Hour), time.Hour
	return f
}

func stationNamed(f ui.Frame, name string) ui.Frame {
	f.Station = name
	return f
}

// everyOption is every other way to sign in, with a number where a code is sent to one.
func everyOption() []ui.OtherOption {
	return []ui.OtherOption{
		{Kind: "app-code", Href: "/signin/app-code", LastHere: true},
		{Kind: "text", Href: "/signin/text/send", Post: true, Last2: "77"},
		{Kind: "phone", Href: "/signin/phone/send", Post: true, Last2: "77"},
		{Kind: "recovery-code", Href: "/signin/recovery-code"},
		{Kind: "pass", Href: "/signin/pass"},
	}
}

// otherWayStates are those of signing in by something else than a key.
func otherWayStates() []State {
	resend := func(kind, state string, wait int) *ui.Resend {
		return &ui.Resend{Action: "/signin/" + kind + "/send", Wait: wait, State: ui.Text{ID: "code.state." + state}}
	}
	code := func(kind string) ui.CodePage {
		return ui.CodePage{Kind: kind, Action: "/signin/" + kind, Username: amara, Sealed: "c2VhbGVk"}
	}
	app, text, phone, pass := code("app-code"), code("text"), code("phone"), code("pass")
	app.Form, app.Options = problem("code", "code.empty"), everyOption()[1:]
	text.Last2, text.Resend, text.Options = "77", resend("text", "sent", 40), []ui.OtherOption{{Kind: "key", Href: "/signin/key"}}
	failed := text
	failed.Resend = resend("text", "failed", 0)
	unsure := text
	unsure.Resend = resend("text", "unsure", 0)
	phone.Last2, phone.Resend = "08", resend("phone", "waiting", 1)
	confirm := code("text")
	confirm.Action, confirm.Last2, confirm.Resend, confirm.Username = "/me/confirm/text", "77", resend("text", "delivered", 0), Markup
	confirm.Options = everyOption()[:1]
	noConfirm := ui.OutcomePage{Purpose: "signin", Message: ui.Text{ID: "wa.none"}, Username: amara, Options: everyOption(), Failures: 1}
	mine := ui.SignInPage{Key: passwordless(), Conditional: true}
	return []State{
		{"signin-own-device", visitor(), mine},
		{"signin-rate-source", visitor(), ui.SignInPage{Key: passwordless(), Username: amara, Form: ui.Form{Errors: []ui.FieldError{{Message: ui.Counted("rate.source", 15)}}}}},
		{"method-every", known(), ui.MethodPage{Username: amara, Methods: append([]ui.OtherOption{{Kind: "key", Href: "/signin/key"}}, everyOption()...)}},
		{"key-every-option", known(), ui.KeyPage{Username: amara, Tokens: rows(), Ceremony: get("signin"), Options: everyOption()}},
		{"outcome-every-option", known(), noConfirm},
		{"code-app", visitor(), app},
		{"code-text", visitor(), text},
		{"code-text-failed", visitor(), failed},
		{"code-text-unsure", visitor(), unsure},
		{"code-phone", visitor(), phone},
		{"code-pass", visitor(), pass},
		{"code-confirm", hostile("selfservice"), confirm},
		{"pass", known(), ui.PassPage{Sealed: "c2VhbGVk"}},
		{"pass-empty", visitor(), ui.PassPage{Username: Markup, Form: ui.Form{Errors: []ui.FieldError{
			{Field: "username", Message: ui.Text{ID: "username.empty"}}, {Field: "code", Message: ui.Text{ID: "code.empty"}}}}}},
		{"session-ended-station", station(visitor()), ui.SessionEndedPage{Reason: "idle", Seconds: 10}},
		{"session-goes-on", ending(hostile("")), ui.SomeoneHerePage{PersonName: Hebrew}},
	}
}

// recoveryStates are those of coming back in.
func recoveryStates() []State {
	tokens := rows()
	awkward := hostileRows()
	lostErrors := ui.Form{Errors: []ui.FieldError{{Field: "token", Message: ui.Text{ID: "lost.token.empty"}}, {Field: "reason", Message: ui.Text{ID: "lost.reason.empty"}}}}
	return []State{
		{"reset-ask", visitor(), ui.ResetAskPage{}},
		{"reset-ask-no-mail", noMail(visitor()), ui.ResetAskPage{}},
		{"signin-no-mail", noMail(visitor()), ui.SignInPage{Key: passwordless()}},
		{"help-no-mail", noMail(known()), ui.CannotSignInPage{}},
		{"reset-ask-empty", visitor(), ui.ResetAskPage{Form: problem("login", "reset.empty")}},
		{"reset-ask-rate", visitor(), ui.ResetAskPage{Login: Markup, Form: ui.Form{Errors: []ui.FieldError{{Message: ui.Counted("rate.links", 4)}}}}},
		{"reset-sent", known(), ui.ResetSentPage{}},
		{"reset", visitor(), ui.ResetPage{Username: amara}},
		{"reset-short", visitor(), ui.ResetPage{Username: Hebrew, Form: ui.Form{Errors: []ui.FieldError{{Field: "password", Message: ui.Counted("password.short", 8)}}}}},

		{"lost-out", known(), ui.LostOutPage{}},
		{"lost-out-wrong", visitor(), ui.LostOutPage{Username: amara, Form: problem("password", "pw.wrong")}},
		{"lost-choose", known(), ui.LostChoosePage{Username: amara, Tokens: tokens, Token: "t1", Reason: "lost", Others: true, Told: true}},
		{"lost-choose-one", known(), ui.LostChoosePage{Username: amara, Tokens: tokens[:1], Token: "t1", Reason: "stolen"}},
		{"lost-choose-empty", hostile(""), ui.LostChoosePage{Username: Markup, Tokens: awkward, Form: lostErrors}},
		{"lost-choose-none", known(), ui.LostChoosePage{Username: amara}},
		{"lost-out-done", known(), ui.LostOutDonePage{Nickname: "Blue lanyard key", Told: true, Reference: "K7QF-2M"}},
		{"lost-out-done-hostile", hostile(""), ui.LostOutDonePage{Nickname: Markup, Reference: "K7QF-2M"}},

		{"not-me", visitor(), ui.NotMePage{Notice: ui.Text{ID: "notme.about.key_added"}, Name: "Amara Okafor", Told: true}},
		{"not-me-hostile", hostile(""), ui.NotMePage{Notice: ui.Text{ID: "notme.about.activity"}, Name: Markup}},
		{"not-me-done", known(), ui.NotMeDonePage{Reference: "K7QF-2M", Undo: true, Told: true}},
		{"not-me-done-operator", known(), ui.NotMeDonePage{Reference: "K7QF-2M", Undo: true, LastOperator: true}},
		{"not-me-done-late", visitor(), ui.NotMeDonePage{Reference: "K7QF-2M"}},
		{"not-me-undone", visitor(), ui.NotMeUndonePage{}},

		{"virtual-desktop", known(), ui.VirtualDesktopPage{}},

		{"link-reset-expired", known(), ui.LinkProblemPage{For: "reset", Problem: "expired", At: ago(2 * time.Hour)}},
		{"link-not-me-used", known(), ui.LinkProblemPage{For: "not-me", Problem: "used", At: ago(2 * time.Hour)}},
		{"link-station-unknown", visitor(), ui.LinkProblemPage{For: "station", Problem: "unknown"}},

		{"station", visitor(), ui.StationPage{Name: "Ward 6, nurses’ desk", Organisation: "Northmoor Hospitals", Expires: Now.Add(time.Hour)}},
		{"station-hostile", hostile(""), ui.StationPage{Name: Markup, Organisation: Hebrew, Expires: Now.Add(time.Hour)}},
		{"station-done", station(visitor()), ui.StationDonePage{Name: "Ward 6, nurses’ desk"}},
		{"station-signin", station(visitor()), ui.SignInPage{Key: passwordless(), SeenHere: true}},
		{"station-home", ending(station(person("home"))), ui.HomePage{Tokens: cards(), Limit: 5, SignIns: items()[:2]}},
		{"station-someone", station(person("")), ui.SomeoneHerePage{PersonName: "Amara Okafor"}},
		{"station-someone-hostile", stationNamed(hostile(""), Markup+Long), ui.SomeoneHerePage{PersonName: Hebrew}},
		{"station-signed-out", station(visitor()), ui.SignedOutPage{Seconds: 10}},
	}
}
