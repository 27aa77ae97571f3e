package ui

// SetupPage is /setup: the list of what the installer does.
type SetupPage struct {
	Tasks []SetupTask
	// Ready shows the button that finishes; it posts to /setup/finish.
	Ready bool
	// NoMail says that the service has no way to send e-mail, and what to do.
	NoMail bool
}

func (SetupPage) layout() (string, bool) { return "setup/setup", false }

// SetupTask is one line of the list. Texts are setup.task.<Kind>.title and
// setup.task.<Kind>.text.
type SetupTask struct {
	// Kind is "you", "key", "organisation", "methods" or "address".
	Kind string
	// State is "done", "todo", "skipped" or "later" (not possible yet).
	State string
	// Href is where to do it; ignored when State is "later".
	Href string
}

// SetupYouPage is /setup/you. It posts name, email, username and password.
type SetupYouPage struct {
	// Form has errors for the four fields.
	Form
	NewPassword
	Name, Email, Username string
}

func (SetupYouPage) layout() (string, bool) { return "setup/you", false }

// SetupOrganisationPage is /setup/organisation. It posts name and code.
type SetupOrganisationPage struct {
	// Form has errors for "name" and "code".
	Form
	Name, Code string
}

func (SetupOrganisationPage) layout() (string, bool) { return "setup/organisation", false }

// SetupMethodsPage is /setup/methods. It posts preset.
type SetupMethodsPage struct {
	// Form has errors for "preset".
	Form
	Presets []SetupPreset
	// Chosen is the Value that is on.
	Chosen string
}

func (SetupMethodsPage) layout() (string, bool) { return "setup/methods", false }

// SetupPreset is one choice of how people sign in. Texts are
// setup.preset.<Value>.title and setup.preset.<Value>.text; the values with
// texts are "key-or-codes", "key-or-app", "key-app-text" and "key-only".
type SetupPreset struct {
	Value string
	// Recommended marks the one to take when in doubt.
	Recommended bool
}

// SetupAddressPage is /setup/address. It posts nothing to /setup/address.
type SetupAddressPage struct {
	// Origin is the configured address, such as https://signin.example.
	Origin string
	// Seen is the address that the request used. The script compares with what
	// the browser itself says.
	Seen string
	// RPID is the relying party id that keys are bound to.
	RPID string
}

func (SetupAddressPage) layout() (string, bool) { return "setup/address", false }

// Same reports whether the server saw its own address.
func (p SetupAddressPage) Same() bool { return p.Origin == p.Seen }

// SetupDonePage is shown when the service runs.
type SetupDonePage struct {
	// Address is where people sign in.
	Address string
	// RecoveryCodes are the installer's, shown this once. May be empty.
	RecoveryCodes []string
	// NoMail is as on SetupPage; it is the first of the next steps then.
	NoMail bool
}

func (SetupDonePage) layout() (string, bool) { return "setup/done", false }

// SetupLinkPage is /setup without a link that works.
type SetupLinkPage struct {
	// Problem is "used", "expired" or "missing"; "done" when the set-up is over for ever.
	Problem string
}

func (SetupLinkPage) layout() (string, bool) { return "setup/link", false }
