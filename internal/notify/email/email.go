// Package email sends messages by SMTP (RFC 5321) through the mail server of the organisation.
package email

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/notify"
)

// How a connection is protected.
const (
	StartTLS = "starttls" // in the clear, and then TLS before anything is said (RFC 3207); without it nothing is sent
	TLS      = "tls"      // TLS from the first byte (RFC 8314 §3.3)
	None     = "none"     // not at all: only to this machine
)

const (
	// stepWithin is how long a mail server may take over one step, and beginWithin over all before the end of the message, when the
	// configuration does not say. Servers keep strangers waiting at the greeting and at the recipient, some for 20 seconds.
	stepWithin  = 45 * time.Second
	beginWithin = 2 * time.Minute
	// endWithin is how long it may take to say that it has the message: it looks through it first, and who leaves earlier has it delivered
	// and sends it again (RFC 5321 §4.5.3.2.6 and §6.1).
	endWithin = 10 * time.Minute
	// byeWithin is for the goodbye, on which nothing depends.
	byeWithin = 2 * time.Second
)

// Config says which mail server, and who writes.
type Config struct {
	Host string
	// Port is 587 or 465, as Security says, when 0.
	Port int
	// User and Password sign in to the mail server; empty when it does not ask.
	User     string
	Password string
	// Security is "starttls", "tls" or "none"; "starttls" when empty.
	Security string
	// From is who writes: "noreply@signin.example", or with a name before it, "Staffkey <noreply@signin.example>".
	From string
	// Hello is the name by which we greet the mail server (RFC 5321 §4.1.1.1): that of this machine in the DNS, or its address in brackets.
	// The domain of From when empty.
	Hello string
	// Step, Begin and End bound the sending of one message: each step before its end, all of them, and the wait for the last answer. 45 s,
	// 2 min and 10 min when 0.
	Step, Begin, End time.Duration
	// Roots are the authorities that the mail server's certificate may come from; those of the machine when nil.
	Roots *x509.CertPool
}

// Channel sends e-mail.
type Channel struct {
	cfg Config
	// from has its domain in the form of DNS.
	from  *mail.Address
	taken *recipients
}

// New returns a channel, or says what is wrong with its configuration. It does not connect.
func New(cfg Config) (*Channel, error) {
	if cfg.Security == "" {
		cfg.Security = StartTLS
	}
	port := 587
	switch cfg.Security {
	case StartTLS:
	case TLS:
		port = 465
	case None:
		if !isLoopback(cfg.Host) {
			return nil, fmt.Errorf("mail server %q: without TLS, mail goes to this machine only. Have the mail server offer STARTTLS (its certificate may come from an authority of your own), "+
				"or run a relay on this machine that passes mail on to it, and name that: localhost", cfg.Host)
		}
	default:
		return nil, fmt.Errorf("mail server %q: security %q is none of %q, %q and %q", cfg.Host, cfg.Security, StartTLS, TLS, None)
	}
	if cfg.Host == "" {
		return nil, errors.New("mail server: no host")
	}
	if net.ParseIP(cfg.Host) == nil {
		host, err := staffkey.HostName(cfg.Host)
		if err != nil {
			return nil, fmt.Errorf("mail server: %w", err)
		}
		cfg.Host = host
	}
	if cfg.Port == 0 {
		cfg.Port = port
	}
	for _, limit := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&cfg.Step, stepWithin}, {&cfg.Begin, beginWithin}, {&cfg.End, endWithin}} {
		if *limit.value == 0 {
			*limit.value = limit.standard
		}
	}
	if err := oneLine("sender", cfg.From); err != nil {
		return nil, err
	}
	from, err := mail.ParseAddress(cfg.From)
	if err != nil {
		return nil, fmt.Errorf("sender of e-mail %q: %w", cfg.From, err)
	}
	if err := oneLine("name of the sender", from.Name); err != nil {
		return nil, err
	}
	if from.Address, err = inDNS(from.Address); err != nil || !isASCII(from.Address) {
		return nil, fmt.Errorf("sender of e-mail %q: its domain is none, or it has letters outside ASCII before the @", cfg.From)
	}
	if cfg.Hello == "" {
		cfg.Hello = domainOf(from.Address)
	}
	if cfg.Hello, err = hello(cfg.Hello); err != nil {
		return nil, err
	}
	return &Channel{cfg, from, &recipients{}}, nil
}

// hello returns the name of a greeting: a name of a host, or an address in brackets (RFC 5321 §4.1.3), "[192.0.2.1]" or "[IPv6:2001:db8::1]".
func hello(name string) (string, error) {
	literal, ok := strings.CutPrefix(name, "[")
	if ip := net.ParseIP(strings.TrimPrefix(strings.TrimSuffix(literal, "]"), "IPv6:")); ok && ip != nil && strings.HasSuffix(name, "]") {
		if ip.To4() == nil {
			return "[IPv6:" + ip.String() + "]", nil
		}
		return "[" + ip.String() + "]", nil
	}
	host, err := staffkey.HostName(name)
	if err != nil {
		return "", fmt.Errorf("greeting of the mail server: %w", err)
	}
	return host, nil
}

// Hello is the name by which the mail server is greeted.
func (c *Channel) Hello() string { return c.cfg.Hello }

// Kind is e-mail.
func (c *Channel) Kind() staffkey.ChannelKind { return staffkey.ChannelEmail }

// Name is that of the protocol.
func (c *Channel) Name() string { return "smtp" }

// Send hands a message to the mail server. Its reference is the Message-ID, which is the same each time, so that a mailbox may
// recognise a message that comes twice.
func (c *Channel) Send(ctx context.Context, m notify.Message) (string, error) {
	to, err := recipient(m.To)
	if err != nil {
		return "", notify.Permanent(err)
	}
	message, id, err := c.compose(m, to)
	if err != nil {
		return "", notify.Permanent(err)
	}
	s, err := c.open(ctx)
	if err != nil {
		return "", err
	}
	defer s.close()
	if err := s.envelope(to); err != nil {
		return "", c.verdict(to, err)
	}
	c.taken.note(domainOf(to), time.Now())
	if err := s.message(message); err != nil {
		return "", c.verdict(to, err)
	}
	return id, nil
}

// recipient returns an address as it travels, with its domain in the form of DNS: servers and mailboxes that know nothing of other letters
// (RFC 6531) get it, too.
func recipient(to string) (string, error) {
	if err := oneLine("recipient", to); err != nil {
		return "", err
	}
	parsed, err := mail.ParseAddress(to)
	if err != nil || parsed.Address != to {
		return "", errors.New("the recipient is no e-mail address")
	}
	address, err := inDNS(to)
	if err != nil {
		return "", errors.New("the recipient's domain is none")
	}
	return address, nil
}

// inDNS returns an address with its domain in the form of DNS. A domain in ASCII is left alone: there are some that are no names of hosts.
func inDNS(address string) (string, error) {
	domain := domainOf(address)
	if isASCII(domain) {
		return address, nil
	}
	host, err := staffkey.HostName(domain)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(address, domain) + host, nil
}

func domainOf(address string) string { return address[strings.LastIndex(address, "@")+1:] }

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > '~' }) < 0 }

// oneLine refuses a header value with CR, LF or NUL. The error does not repeat the value.
func oneLine(name, value string) error {
	if strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("the %s has a line break in it", name)
	}
	return nil
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
