package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strings"

	"staffkey"
)

// Trouble is why the mail server takes no mail from here, and what mends it.
type Trouble struct{ Cause, Fix string }

// Error is the cause.
func (t *Trouble) Error() string { return t.Cause }

// Check goes as far with the mail server as a message does, without sending any: it connects, greets, signs in, and says who would write to the
// sender's own address, because servers say what they think of a greeting and a sender no earlier. It returns what was said and seen, for
// whoever set it up, or a *[Trouble].
func (c *Channel) Check(ctx context.Context) (string, error) {
	s, err := c.open(ctx)
	if err != nil {
		return "", c.trouble(err)
	}
	defer s.close()
	protection := "without TLS"
	if state, ok := s.client.TLSConnectionState(); ok {
		protection = "by " + tls.VersionName(state.Version)
	}
	if err := s.envelope(c.from.Address); err != nil {
		if p, ok := errors.AsType[*problem](err); !ok || p.enhanced != "5.1.1" || p.step != stepTo { // nobody reads what is answered
			return "", c.trouble(err)
		}
	}
	return fmt.Sprintf("%s takes mail from here (%s, greeting %s)", c.cfg.Host, protection, c.cfg.Hello), nil
}

// trouble finds the cause of a problem. What the server says is shown: it holds no address but our own.
func (c *Channel) trouble(err error) error {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		return &Trouble{err.Error(), "Check --smtp-host."}
	}
	said := p.Error()
	if answer, ok := errors.AsType[*textproto.Error](p.err); ok {
		said = fmt.Sprintf("the mail server answers %s with %d %s", p.step, answer.Code, staffkey.CleanText(strings.ReplaceAll(answer.Msg, "\n", " ")))
	}
	_, isUnknown := errors.AsType[x509.UnknownAuthorityError](p.err)
	name, isName := errors.AsType[x509.HostnameError](p.err)
	dns, isDNS := errors.AsType[*net.DNSError](p.err)
	switch {
	case isDNS:
		return &Trouble{"the name of the mail server is not known: " + dns.Name, "Check --smtp-host, and the DNS of this machine."}
	case p.step == stepConnect:
		return &Trouble{"the mail server does not answer: " + said, "Check --smtp-host and --smtp-port, and that a firewall lets this machine through to it."}
	case isUnknown:
		return &Trouble{"the certificate of the mail server comes from an authority that is not trusted here", "If it is your own, give its certificate: --smtp-roots FILE."}
	case isName:
		return &Trouble{"the certificate of the mail server is for other names: " + strings.Join(name.Certificate.DNSNames, ", "), "Name the mail server in --smtp-host as its certificate does."}
	case errors.Is(p.err, errNoTLS):
		return &Trouble{errNoTLS.Error(), "Have it offer STARTTLS, try --smtp-security=tls, or run a relay on this machine that passes mail on to it: --smtp-host=localhost --smtp-security=none."}
	case p.step == stepTLS, p.step == stepStartTLS:
		return &Trouble{"no protected connection to the mail server: " + said, "Check --smtp-security (starttls is port 587 or 25, tls is port 465) and --smtp-port."}
	case p.code == 530, p.enhanced == "5.7.0" && c.cfg.User == "": // RFC 4954 §6
		return &Trouble{said, "It wants a name and a password: set --smtp-user and --smtp-password-file."}
	case p.step == stepSignIn:
		return &Trouble{"the mail server does not let us in: " + said, "Check --smtp-user and the password in --smtp-password-file."}
	case isAboutHello(p):
		return &Trouble{said, "It may not like the greeting " + c.cfg.Hello + ": set --smtp-helo to the name that this machine has in the DNS."}
	case p.step == stepFrom, p.enhanced == "5.1.7", p.enhanced == "5.1.8":
		return &Trouble{said, "It may not like the sender " + c.from.Address + ": check --mail-from, and that its domain is in the DNS."}
	}
	return &Trouble{said, "Have whoever runs it take mail from this machine, or from --smtp-user, to everybody (relaying)."}
}

// isAboutHello reports whether an answer is about our greeting: given to it, or later with its code (Postfix: 504 5.5.2) or in its words.
func isAboutHello(p *problem) bool {
	return p.step == stepHello || p.code == 504 || p.enhanced == "5.5.2" || p.err != nil && strings.Contains(strings.ToLower(p.err.Error()), "helo")
}
