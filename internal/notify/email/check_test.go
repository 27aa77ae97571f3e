package email_test

import (
	"errors"
	"net"
	"strings"
	"testing"

	"staffkey/internal/notify/email"

	"github.com/emersion/go-smtp"
)

// Whoever sets a mail server up is told why it takes no mail from here, and what mends it, and no mail is sent for that.
func TestCheck(t *testing.T) {
	t.Parallel()
	ours, others, otherName := newAuthority(t, loopback), newAuthority(t, loopback), newAuthority(t, net.IPv4(127, 0, 0, 2))
	answer := func(code, class, subject, detail int, text string) func() error {
		return func() error {
			return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: text}
		}
	}
	plain := func() error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.NoEnhancedCode, Message: "relay not permitted"}
	}
	for name, tt := range map[string]struct {
		server     *server
		of         authority
		change     func(*email.Config)
		cause, fix string // both empty when all is well
	}{
		"well":                  {server: &server{secure: email.StartTLS}},
		"well, by TLS":          {server: &server{secure: email.TLS}},
		"well, without":         {server: &server{secure: email.None}},
		"well, with a password": {server: &server{secure: email.StartTLS, mechanisms: []string{"PLAIN"}}, change: func(c *email.Config) { c.User, c.Password = "staffkey", "correct horse" }},
		// Nobody has to read what is answered to our own address.
		"no mailbox of ours": {server: &server{secure: email.StartTLS, rcpt: answer(550, 5, 1, 1, "no such user")}},

		"another authority": {server: &server{secure: email.StartTLS}, of: others, cause: "authority that is not trusted", fix: "--smtp-roots"},
		"another name":      {server: &server{secure: email.TLS}, of: otherName, change: func(c *email.Config) { c.Roots = otherName.roots }, cause: "for other names", fix: "--smtp-host"},
		"no TLS":            {server: &server{secure: email.None}, change: func(c *email.Config) { c.Security = email.StartTLS }, cause: "offers no TLS", fix: "relay on this machine"},
		"TLS at once":       {server: &server{secure: email.None}, change: func(c *email.Config) { c.Security = email.TLS }, cause: "no protected connection", fix: "--smtp-security"},
		"a wrong password":  {server: &server{secure: email.StartTLS, mechanisms: []string{"PLAIN"}}, change: func(c *email.Config) { c.User, c.Password = "staffkey", "wrong" }, cause: "535", fix: "--smtp-password-file"},
		"no password":       {server: &server{secure: email.StartTLS, mechanisms: []string{"PLAIN"}}, cause: "MAIL FROM with 502", fix: "--smtp-user"},
		"our greeting": {
			server: &server{secure: email.StartTLS, rcpt: answer(504, 5, 5, 2, "<vm>: Helo command rejected: need fully-qualified hostname")},
			cause:  "RCPT TO with 504 5.5.2 <vm>: Helo command rejected", fix: "--smtp-helo",
		},
		"our greeting, unknown": {server: &server{secure: email.StartTLS, rcpt: answer(450, 4, 7, 1, "<x>: Helo command rejected: Host not found")}, cause: "450", fix: "--smtp-helo"},
		"our sender":            {server: &server{secure: email.StartTLS, rcpt: answer(550, 5, 1, 8, "Sender address rejected: Domain not found")}, cause: "5.1.8", fix: "--mail-from"},
		"our sender, at once":   {server: &server{secure: email.StartTLS, from: answer(553, 5, 7, 1, "not owned")}, cause: "MAIL FROM with 553", fix: "--mail-from"},
		"relaying":              {server: &server{secure: email.StartTLS, rcpt: plain}, cause: "550 relay not permitted", fix: "take mail from this machine"},
		"nobody there":          {server: &server{secure: email.StartTLS}, change: func(c *email.Config) { c.Port = closedPort(t) }, cause: "does not answer", fix: "--smtp-port"},
		"no such name":          {server: &server{secure: email.StartTLS}, change: func(c *email.Config) { c.Host = "mail.invalid" }, cause: "name of the mail server is not known", fix: "DNS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.of.config == nil {
				tt.of = ours
			}
			s := tt.server
			s.start(t, tt.of)
			cfg := s.config(ours)
			cfg.Hello = "relay.nhs.example"
			if tt.change != nil {
				tt.change(&cfg)
			}
			seen, err := newChannel(t, cfg).Check(t.Context())
			if got := s.messages(); len(got) != 0 {
				t.Errorf("the server got %d messages", len(got))
			}
			if tt.cause == "" {
				if err != nil || !strings.Contains(seen, "relay.nhs.example") {
					t.Errorf("got %q, %v, want what was seen", seen, err)
				}
				return
			}
			trouble, ok := errors.AsType[*email.Trouble](err)
			if !ok || !strings.Contains(trouble.Cause, tt.cause) || !strings.Contains(trouble.Fix, tt.fix) || strings.Contains(trouble.Cause, "wrong") {
				t.Errorf("got %#v, want the cause %q and the fix %q", err, tt.cause, tt.fix)
			}
		})
	}
}

// closedPort is a port of this machine where nobody listens.
func closedPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
