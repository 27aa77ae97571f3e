package gallery

import "staffkey/internal/portal/ui"

func setupStates() []State {
	tasks := func(states ...string) []ui.SetupTask {
		var all []ui.SetupTask
		for i, kind := range []string{"you", "key", "organisation", "methods", "address"} {
			all = append(all, ui.SetupTask{Kind: kind, State: states[i], Href: "/setup/" + kind})
		}
		return all
	}
	frame := ui.Frame{Lang: "en", Path: "/setup", Now: Now}
	presets := []ui.SetupPreset{{Value: "key-or-codes", Recommended: true}, {Value: "key-or-app"}, {Value: "key-app-text"}, {Value: "key-only"}}
	return []State{
		{"setup", frame, ui.SetupPage{Tasks: tasks("todo", "later", "later", "later", "later")}},
		{"setup-some", frame, ui.SetupPage{Tasks: tasks("done", "skipped", "done", "todo", "todo")}},
		{"setup-ready", frame, ui.SetupPage{Tasks: tasks("done", "skipped", "done", "done", "done"), Ready: true}},
		{"setup-no-mail", frame, ui.SetupPage{Tasks: tasks("done", "todo", "done", "todo", "todo"), NoMail: true}},
		{"setup-you", frame, ui.SetupYouPage{NewPassword: ui.NewPassword{Alone: true}}},
		{"setup-you-errors", frame, ui.SetupYouPage{NewPassword: ui.NewPassword{Alone: true}, Name: Markup, Email: "nobody", Username: "a b", Form: ui.Form{Errors: []ui.FieldError{
			{Field: "name", Message: ui.Text{ID: "person.name.empty"}}, {Field: "email", Message: ui.Text{ID: "email.bad"}},
			{Field: "username", Message: ui.Text{ID: "username.bad"}}, {Field: "password", Message: ui.Text{ID: "password.common"}}}}}},
		{"setup-organisation", frame, ui.SetupOrganisationPage{Name: "Northmoor Hospitals", Code: "NORTHMOOR"}},
		{"setup-organisation-errors", frame, ui.SetupOrganisationPage{Name: Markup, Code: "?", Form: ui.Form{Errors: []ui.FieldError{
			{Field: "name", Message: ui.Text{ID: "organisation.name.empty"}}, {Field: "code", Message: ui.Text{ID: "organisation.code.bad"}}}}}},
		{"setup-methods", frame, ui.SetupMethodsPage{Presets: presets, Chosen: "key-or-codes"}},
		{"setup-methods-error", frame, ui.SetupMethodsPage{Presets: presets, Form: problem("preset", "preset.empty")}},
		{"setup-address", frame, ui.SetupAddressPage{Origin: "https://signin.northmoor.example", Seen: "https://signin.northmoor.example", RPID: "signin.northmoor.example"}},
		{"setup-address-different", frame, ui.SetupAddressPage{Origin: "https://signin.northmoor.example", Seen: "http://10.0.0.5:8080", RPID: "signin.northmoor.example"}},
		{"setup-done", person(""), ui.SetupDonePage{Address: "https://signin.northmoor.example/signin", RecoveryCodes: codes()}},
		{"setup-done-no-codes", person(""), ui.SetupDonePage{Address: "https://signin.northmoor.example/signin"}},
		{"setup-done-no-mail", person(""), ui.SetupDonePage{Address: "https://signin.northmoor.example/signin", NoMail: true}},
		{"setup-link-done", frame, ui.SetupLinkPage{Problem: "done"}},
		{"setup-link-used", frame, ui.SetupLinkPage{Problem: "used"}},
		{"setup-link-expired", frame, ui.SetupLinkPage{Problem: "expired"}},
		{"setup-link-missing", frame, ui.SetupLinkPage{Problem: "missing"}},
	}
}

func problemStates() []State {
	home := &ui.Action{Href: "/me", Label: ui.Text{ID: "action.home"}}
	signIn := &ui.Action{Href: "/signin", Label: ui.Text{ID: "action.signin"}}
	retry := &ui.Action{Href: "/me", Label: ui.Text{ID: "action.retry"}}
	return []State{
		{"error-400", visitor(), ui.ErrorPage{Message: ui.StatusMessage(400), Action: signIn}},
		{"error-403", person("home"), ui.ErrorPage{Message: ui.StatusMessage(403), Action: home, SupportCode: "K7QF-2M"}},
		{"error-404", person("home"), ui.ErrorPage{Message: ui.StatusMessage(404), Action: home}},
		{"error-405", visitor(), ui.ErrorPage{Message: ui.StatusMessage(405), Action: signIn}},
		{"error-413", visitor(), ui.ErrorPage{Message: ui.StatusMessage(413)}},
		{"error-415", visitor(), ui.ErrorPage{Message: ui.StatusMessage(415)}},
		{"error-421", visitor(), ui.ErrorPage{Message: ui.StatusMessage(421)}},
		{"other-host", visitor(), ui.HostPage{Came: "127.0.0.1:8080", Own: "signin.northmoor.example", Address: "https://signin.northmoor.example"}},
		{"other-host-none", visitor(), ui.HostPage{Own: "signin.northmoor.example", Address: "https://signin.northmoor.example"}},
		{"error-429", visitor(), ui.ErrorPage{Message: ui.Counted("rate", 4), Action: signIn}},
		{"error-500", person("home"), ui.ErrorPage{Message: ui.StatusMessage(500), SupportCode: "K7QF-2M", Action: retry}},
		{"error-503", visitor(), ui.ErrorPage{Message: ui.Text{ID: "srv.503", Args: map[string]any{"Until": "22:30"}}}},
		{"error-busy", visitor(), ui.ErrorPage{Message: ui.Text{ID: "srv.busy"}}},
		{"error-store", visitor(), ui.ErrorPage{Message: ui.Text{ID: "srv.store"}, SupportCode: "K7QF-2M"}},
		{"error-unknown", visitor(), ui.ErrorPage{Message: ui.Text{ID: "srv.unknown"}, SupportCode: "K7QF-2M"}},
		{"error-503-open", visitor(), ui.ErrorPage{Message: ui.StatusMessage(503)}},
		{"error-session-lost", visitor(), ui.ErrorPage{Message: ui.Text{ID: "ses.lost"}, Action: signIn}},
		{"error-cookies", visitor(), ui.ErrorPage{Message: ui.Text{ID: "ses.cookies"}, Action: signIn}},
	}
}
