// Package email sends messages by SMTP (RFC 5321) through the mail server of the organisation.
package email

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/notify"

	gomail "github.com/wneessen/go-mail"
)

// How a connection is protected.
const (
	StartTLS = "starttls" // in the clear, and then TLS before anything is said (RFC 3207); without it nothing is sent
	TLS      = "tls"      // TLS from the first byte (RFC 8314 §3.3)
	None     = "none"     // not at all: only to this machine
)

// defaultTimeout is how long a mail server may take over one message when the configuration does not say.
const defaultTimeout = 15 * time.Second

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
	// Timeout bounds the sending of one message; 15 s when 0.
	Timeout time.Duration
	// Roots are the authorities that the mail server's certificate may come from; those of the machine when nil.
	Roots *x509.CertPool
}

// Channel sends e-mail.
type Channel struct {
	cfg  Config
	from *mail.Address
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
			return nil, fmt.Errorf("mail server %q: security %q is for this machine only", cfg.Host, None)
		}
	default:
		return nil, fmt.Errorf("mail server %q: security %q is none of %q, %q and %q", cfg.Host, cfg.Security, StartTLS, TLS, None)
	}
	if cfg.Host == "" {
		return nil, errors.New("mail server: no host")
	}
	if cfg.Port == 0 {
		cfg.Port = port
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
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
	return &Channel{cfg, from}, nil
}

// Kind is e-mail.
func (c *Channel) Kind() staffkey.ChannelKind { return staffkey.ChannelEmail }

// Name is that of the protocol.
func (c *Channel) Name() string { return "smtp" }

// Send hands a message to the mail server. Its reference is the Message-ID, which is the same each time, so that a mailbox may
// recognise a message that comes twice.
func (c *Channel) Send(ctx context.Context, m notify.Message) (string, error) {
	message, err := c.compose(m)
	if err != nil {
		return "", notify.Permanent(err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	client, closeAll, err := c.client()
	if err != nil {
		return "", err
	}
	defer closeAll()
	// A server that has the message may still stumble over the goodbye: then the message is sent all the same.
	err = client.DialAndSendWithContext(ctx, message)
	if message.IsDelivered() {
		return message.GetMessageID(), nil
	}
	if ctx.Err() != nil {
		return "", fmt.Errorf("the mail server did not answer in time: %w", ctx.Err())
	}
	return "", refusal(err)
}

// compose makes the message as it travels. What would end a header line is refused before any library sees it.
func (c *Channel) compose(m notify.Message) (*gomail.Msg, error) {
	for name, value := range map[string]string{"recipient": m.To, "subject": m.Subject, "language": m.Language, "id": string(m.ID)} {
		if err := oneLine(name, value); err != nil {
			return nil, err
		}
	}
	to, err := mail.ParseAddress(m.To)
	if err != nil || to.Address != m.To {
		return nil, errors.New("the recipient is no e-mail address")
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	message.FromMailAddress(c.from)
	message.ToMailAddress(to)
	message.Subject(m.Subject)
	message.SetDate()
	domain := c.from.Address[strings.LastIndex(c.from.Address, "@")+1:]
	message.SetMessageIDWithValue(string(m.ID) + "@" + domain)
	// Nobody's out-of-office note is to answer (RFC 3834 §5); Exchange wants to be told in its own way.
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetGenHeader("X-Auto-Response-Suppress", "All")
	message.SetGenHeader("Content-Language", m.Language)
	message.SetBodyString(gomail.TypeTextPlain, m.Text)
	return message, nil
}

// oneLine refuses a header value with CR, LF or NUL. The error does not repeat the value.
func oneLine(name, value string) error {
	if strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("the %s has a line break in it", name)
	}
	return nil
}

// client returns a client for one message, and what ends its connection whatever happens: the library leaves it open when the mail
// server turns out to be unfit before the first message.
func (c *Channel) client() (client *gomail.Client, closeAll func(), err error) {
	var open net.Conn
	closeAll = func() {
		if open != nil {
			_ = open.Close() // usually closed already
		}
	}
	config := &tls.Config{ServerName: c.cfg.Host, MinVersion: tls.VersionTLS12, RootCAs: c.cfg.Roots}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		raw, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		open = raw
		end, _ := ctx.Deadline()
		limited := &limitedConn{raw, end}
		if c.cfg.Security != TLS {
			return limited, nil
		}
		secure := tls.Client(limited, config)
		return secure, secure.HandshakeContext(ctx)
	}
	policy := gomail.NoTLS
	if c.cfg.Security == StartTLS {
		policy = gomail.TLSMandatory
	}
	options := []gomail.Option{
		gomail.WithPort(c.cfg.Port), gomail.WithTimeout(c.cfg.Timeout), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(config),
		gomail.WithDialContextFunc(dial), gomail.WithoutNoop(),
	}
	if c.cfg.User != "" {
		options = append(options, gomail.WithSMTPAuthCustom(&signIn{c.cfg, nil}))
	}
	client, err = gomail.NewClient(c.cfg.Host, options...)
	if err != nil {
		return nil, nil, fmt.Errorf("mail server %s: %w", net.JoinHostPort(c.cfg.Host, strconv.Itoa(c.cfg.Port)), err)
	}
	return client, closeAll, nil
}

// limitedConn is a connection that ends when the time for the message is over, however often the library grants more.
type limitedConn struct {
	net.Conn
	end time.Time
}

func (c *limitedConn) SetDeadline(t time.Time) error {
	if t.IsZero() || t.After(c.end) {
		t = c.end
	}
	return c.Conn.SetDeadline(t)
}

// isLoopback reports whether a host is this machine.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// refusal is what a mail server's answer means for the message. Only a recipient who is refused for good is permanent: whether we may
// send at all (530, and 5.7 of RFC 3463 §3.8) and how full a mailbox is (552) may change, and everything else is between the server
// and us. The server's own words are left out, because they repeat the address.
func refusal(err error) error {
	sent, ok := errors.AsType[*gomail.SendError](err)
	if !ok {
		return err
	}
	code := sent.ErrorCode()
	answer := errors.New(strings.TrimSpace(fmt.Sprintf("%s: %d %s", sent.Reason, code, sent.EnhancedStatusCode())))
	switch {
	case sent.Reason != gomail.ErrSMTPRcptTo, code < 500, code == 530, code == 552, strings.HasPrefix(sent.EnhancedStatusCode(), "5.7."):
		return answer
	}
	return notify.Permanent(answer)
}
