package email_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"staffkey/internal/notify/email"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// received is a message as the mail server got it.
type received struct {
	from string
	to   []string
	raw  string
	user string // who had signed in
	tls  bool
	// hello is the name in the greeting, and utf8 whether letters outside ASCII were announced.
	hello string
	utf8  bool
}

// server is a mail server in this process that does what a test says.
type server struct {
	// secure is "starttls", "tls" or "none", and mechanisms what it lets people sign in by; none when empty.
	secure     string
	mechanisms []string
	// from, rcpt and data answer those commands, and the end of the message; all is well when nil. last is the latest recipient.
	from, rcpt, data func() error
	last             string
	// broken servers take the message and break the connection before they say so, and rude ones before they say goodbye.
	broken, rude bool
	// beyond servers take addresses with letters outside ASCII.
	beyond bool

	mu   sync.Mutex
	got  []received
	port int
}

// start runs the server until the test ends, with a certificate of the authority.
func (s *server) start(t *testing.T, a authority) *server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.port = listener.Addr().(*net.TCPAddr).Port
	backend := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &session{server: s, conn: c}, nil }))
	backend.EnableSMTPUTF8 = s.beyond
	backend.Domain, backend.AllowInsecureAuth, backend.ErrorLog = "mail.example", true, log.New(io.Discard, "", 0)
	switch s.secure {
	case email.StartTLS:
		backend.TLSConfig = a.config
	case email.TLS:
		listener = tls.NewListener(listener, a.config)
	}
	done := make(chan error, 1)
	go func() { done <- backend.Serve(listener) }()
	t.Cleanup(func() {
		_ = backend.Close() // also when a connection was closed before
		if err := <-done; err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Errorf("mail server: %v", err)
		}
	})
	return s
}

// config is how to reach the server.
func (s *server) config(a authority) email.Config {
	return email.Config{Host: "127.0.0.1", Port: s.port, Security: s.secure, From: "Staffkey <noreply@signin.example>", Step: 10 * time.Second, End: 10 * time.Second, Roots: a.roots}
}

// messages are what the server has got.
func (s *server) messages() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

type session struct {
	server *server
	conn   *smtp.Conn
	now    received
	user   string
}

func (s *session) Logout() error { return nil }

func (s *session) Reset() {
	s.now = received{}
	if s.server.rude && len(s.server.messages()) > 0 {
		_ = s.conn.Conn().Close() // it is the client that is tested
	}
}

func (s *session) Mail(from string, o *smtp.MailOptions) error {
	if len(s.server.mechanisms) > 0 && s.user == "" {
		return smtp.ErrAuthRequired
	}
	s.now.from, s.now.utf8, s.now.hello = from, o.UTF8, s.conn.Hostname()
	if s.server.from != nil {
		return s.server.from()
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.now.to = append(s.now.to, to)
	s.server.last = to
	if s.server.rcpt != nil {
		return s.server.rcpt()
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(r); err != nil {
		return err
	}
	if s.server.data != nil {
		if err := s.server.data(); err != nil {
			return err
		}
	}
	s.now.raw, s.now.user = raw.String(), s.user
	_, s.now.tls = s.conn.TLSConnectionState()
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.got = append(s.server.got, s.now)
	if s.server.broken {
		return s.conn.Conn().Close()
	}
	return nil
}

func (s *session) AuthMechanisms() []string { return s.server.mechanisms }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	check := func(_, user, password string) error {
		if user != "staffkey" || password != "correct horse" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}
	if mechanism == sasl.Login {
		return &login{check: check}, nil
	}
	return sasl.NewPlainServer(check), nil
}

// login is the server's side of LOGIN.
type login struct {
	check func(identity, user, password string) error
	said  []string
}

func (l *login) Next(response []byte) (challenge []byte, done bool, err error) {
	if response != nil {
		l.said = append(l.said, string(response))
	}
	switch len(l.said) {
	case 0:
		return []byte("Username:"), false, nil
	case 1:
		return []byte("Password:"), false, nil
	}
	return nil, true, l.check("", l.said[0], l.said[1])
}

// authority is an authority for certificates, and a server's certificate of it for 127.0.0.1.
type authority struct {
	roots  *x509.CertPool
	config *tls.Config
}

func newAuthority(t *testing.T, names ...net.IP) authority {
	t.Helper()
	key := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	issue := func(c, parent *x509.Certificate, of, by *ecdsa.PrivateKey) *x509.Certificate {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, of.Public(), by)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	rootKey, serverKey := key(), key()
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	root = issue(root, root, rootKey, rootKey)
	leaf := issue(&x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail.example"}, IPAddresses: names, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, root, serverKey, rootKey)
	a := authority{x509.NewCertPool(), &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{leaf.Raw}, PrivateKey: serverKey}}}}
	a.roots.AddCert(root)
	return a
}

var loopback = net.IPv4(127, 0, 0, 1)
