package email

import (
	"errors"
	"slices"

	"github.com/wneessen/go-mail/smtp"
)

// signIn signs in to the mail server by PLAIN (RFC 4616), or by LOGIN where a server has only that. Both say the password, so they
// refuse to before the connection is protected.
type signIn struct {
	cfg    Config
	chosen smtp.Auth
}

// Start chooses the mechanism.
func (s *signIn) Start(server *smtp.ServerInfo) (mechanism string, first []byte, err error) {
	switch {
	case slices.Contains(server.Auth, "PLAIN"):
		s.chosen = smtp.PlainAuth("", s.cfg.User, s.cfg.Password, s.cfg.Host, false)
	case slices.Contains(server.Auth, "LOGIN"):
		s.chosen = smtp.LoginAuth(s.cfg.User, s.cfg.Password, s.cfg.Host, false)
	default:
		return "", nil, errors.New("the mail server takes no password")
	}
	return s.chosen.Start(server)
}

// Next answers what the server asks.
func (s *signIn) Next(asked []byte, more bool) ([]byte, error) { return s.chosen.Next(asked, more) }
