package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"staffkey/internal/notify"

	"github.com/wneessen/go-mail/smtp"
)

// session is one conversation with the mail server: a message, and goodbye.
type session struct {
	cfg    Config
	from   string
	conn   net.Conn // without TLS
	client *smtp.Client
	end    time.Time // of all that comes before the end of the message
	silent bool      // a step had no answer
	stop   func() bool

	mu    sync.Mutex
	ended bool // by its context
}

// The steps of a session, as problems name them.
const (
	stepConnect  = "connecting"
	stepTLS      = "TLS"
	stepGreeting = "greeting"
	stepHello    = "EHLO"
	stepStartTLS = "STARTTLS"
	stepSignIn   = "AUTH"
	stepFrom     = "MAIL FROM"
	stepTo       = "RCPT TO"
	stepData     = "DATA"
	stepEnd      = "the end of the message"
)

// problem is what went wrong at a step. Its text has codes and never the server's words, which repeat the address.
type problem struct {
	step string
	err  error
	// code and enhanced are those of the answer (RFC 5321 §4.2, RFC 3463): 0 and "" when there was none.
	code     int
	enhanced string
}

// enhancedCode is that at the beginning of an answer's text (RFC 2034 §4).
var enhancedCode = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}(?:\s|$)`)

func newProblem(step string, err error) *problem {
	p := &problem{step: step, err: err}
	if answer, ok := errors.AsType[*textproto.Error](err); ok {
		p.code, p.enhanced = answer.Code, strings.TrimSpace(enhancedCode.FindString(answer.Msg))
	}
	return p
}

// Error names the step, and the answer's codes or what the network says.
func (p *problem) Error() string {
	timeout, isNet := errors.AsType[net.Error](p.err)
	switch {
	case p.code != 0:
		return strings.TrimSpace(fmt.Sprintf("%s: %d %s", p.step, p.code, p.enhanced))
	case isNet && timeout.Timeout(), errors.Is(p.err, context.DeadlineExceeded):
		return p.step + ": no answer in time"
	}
	return p.step + ": " + p.err.Error()
}

func (p *problem) Unwrap() error { return p.err }

// open connects, greets, protects the connection and signs in. It ends when ctx does.
func (c *Channel) open(ctx context.Context) (*session, error) {
	s := &session{cfg: c.cfg, from: c.from.Address, end: time.Now().Add(c.cfg.Begin)}
	config := &tls.Config{ServerName: c.cfg.Host, MinVersion: tls.VersionTLS12, RootCAs: c.cfg.Roots}
	dialling, cancel := context.WithTimeout(ctx, c.cfg.Step)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(dialling, "tcp", net.JoinHostPort(c.cfg.Host, strconv.Itoa(c.cfg.Port)))
	if err != nil {
		return nil, newProblem(stepConnect, err)
	}
	s.conn = conn
	s.stop = context.AfterFunc(ctx, func() { // what is waited for ends, as it does when its time is over
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = true
		_ = conn.SetDeadline(time.Unix(1, 0)) // of an open connection it does not fail
	})
	if err := s.begin(config); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// begin is all of a session before its message.
func (s *session) begin(config *tls.Config) error {
	conn := s.conn
	if s.cfg.Security == TLS {
		secure := tls.Client(s.conn, config)
		if err := s.step(stepTLS, secure.Handshake); err != nil {
			return err
		}
		conn = secure
	}
	err := s.step(stepGreeting, func() (err error) {
		s.client, err = smtp.NewClient(conn, s.cfg.Host)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.step(stepHello, func() error { return s.client.Hello(s.cfg.Hello) }); err != nil {
		return err
	}
	if s.cfg.Security == StartTLS {
		if ok, _ := s.client.Extension("STARTTLS"); !ok {
			return newProblem(stepStartTLS, errNoTLS)
		}
		if err := s.step(stepStartTLS, func() error { return s.client.StartTLS(config) }); err != nil {
			return err
		}
	}
	if s.cfg.User == "" {
		return nil
	}
	return s.step(stepSignIn, func() error { return s.client.Auth(&signIn{s.cfg, nil}) })
}

var (
	errNoTLS  = errors.New("the mail server offers no TLS")
	errNoUTF8 = errors.New("the mail server takes no addresses with letters outside ASCII before the @")
)

// step does one step within its time.
func (s *session) step(name string, do func() error) error {
	end := time.Now().Add(s.cfg.Step)
	if s.end.Before(end) {
		end = s.end
	}
	return s.by(name, end, do)
}

// by does one step until an instant.
func (s *session) by(name string, end time.Time, do func() error) error {
	err := s.limit(end)
	if err == nil {
		err = do()
	}
	if err != nil {
		p := newProblem(name, err)
		s.silent = p.code == 0
		return p
	}
	return nil
}

// limit has what waits for the server end at an instant, unless the context has ended it before.
func (s *session) limit(end time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return os.ErrDeadlineExceeded
	}
	return s.conn.SetDeadline(end)
}

// envelope says who writes to whom.
func (s *session) envelope(to string) error {
	beyond, _ := s.client.Extension("SMTPUTF8")
	if !isASCII(to) && !beyond {
		return newProblem(stepTo, errNoUTF8)
	}
	// Asked for without need, it makes a server that has it refuse to pass the message on to one that has not (RFC 6531 §3.1).
	s.client.SkipSMTPUTF8(isASCII(to))
	if err := s.step(stepFrom, func() error { return s.client.Mail("<" + s.from + ">") }); err != nil {
		return err
	}
	return s.step(stepTo, func() error { return s.client.Rcpt("<" + to + ">") })
}

// message says the message. A server that has all of it and does not answer may have it: that is [notify.Unsure].
func (s *session) message(text []byte) error {
	// DATA, the text and its end.
	var w interface {
		Write([]byte) (int, error)
		Close() error
	}
	err := s.step(stepData, func() (err error) {
		if w, err = s.client.Data(); err == nil {
			_, err = w.Write(text)
		}
		return err
	})
	if err != nil {
		return err
	}
	err = s.by(stepEnd, time.Now().Add(s.cfg.End), w.Close)
	if p, ok := errors.AsType[*problem](err); ok && p.code == 0 {
		return notify.Unsure(err)
	}
	return err
}

// close says goodbye, when there is somebody to say it to, and ends the connection.
func (s *session) close() {
	if s.client != nil && !s.silent {
		_ = s.by("QUIT", time.Now().Add(byeWithin), s.client.Quit) // what was to be done is done, or has failed
	}
	s.stop()
	_ = s.conn.Close()
}

// aboutMailbox are the codes of RFC 3463 §3.2 and §3.3, and of RFC 7505, that say something of the recipient's mailbox and nothing of us:
// no such mailbox, domain or form of address, moved away, takes no mail at all, switched off.
var aboutMailbox = []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"}

// verdict is what a session's problem means for the message. It is permanent only where the answer is surely about the mailbox: servers put
// what they think of us (our name, our sender, whether we may relay) into answers to RCPT TO, too.
func (c *Channel) verdict(to string, err error) error {
	p, ok := errors.AsType[*problem](err)
	if !ok || p.code < 500 || p.step == stepFrom {
		return err
	}
	if slices.Contains(aboutMailbox, p.enhanced) {
		return notify.Permanent(err)
	}
	// Without an enhanced code, "no such mailbox" and "you may not relay" look the same: but not at a server that has just taken a message for
	// another mailbox there.
	if p.step == stepTo && p.enhanced == "" && (p.code == 550 || p.code == 553) && c.taken.lately(domainOf(to), time.Now()) {
		return notify.Permanent(err)
	}
	return err
}

// recipients remembers for which domains the mail server has taken a recipient.
type recipients struct {
	mu sync.Mutex
	at map[string]time.Time
}

const (
	// recently is how long that says something, and mostDomains how many are kept.
	recently    = 10 * time.Minute
	mostDomains = 1000
)

func (r *recipients) note(domain string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.at) >= mostDomains || r.at == nil {
		r.at = map[string]time.Time{}
	}
	r.at[strings.ToLower(domain)] = now
}

func (r *recipients) lately(domain string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.at[strings.ToLower(domain)]
	return ok && now.Sub(at) < recently
}
