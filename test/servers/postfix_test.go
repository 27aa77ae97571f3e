//go:build linux

package servers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/notify/email"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
	"staffkey/test/program"
)

// postfix is a mail server that keeps what it gets for amara@nhs.example. Its ports differ in what they do not like. Seen with Postfix 3.7.11
// (Debian 12): it says what it thinks of a greeting and of a sender when it is told the recipient (smtpd_delay_reject).
type postfix struct {
	box   string
	ports map[string]int
	// authority is the file with the certificate that its own comes from.
	authority string
	roots     *x509.CertPool
}

// postfixPorts are what each port is set to besides.
var postfixPorts = map[string]string{
	"plain":   "",
	"greeted": "-o smtpd_helo_required=yes -o smtpd_helo_restrictions=reject_non_fqdn_helo_hostname",
	"sender":  "-o smtpd_sender_restrictions=check_sender_access,static:{550 5.1.8 Sender address rejected}",
	"slow":    "-o smtpd_end_of_data_restrictions=sleep,6",
	"tls":     "-o smtpd_tls_security_level=encrypt",
	"smtps":   "-o smtpd_tls_wrappermode=yes -o smtpd_tls_security_level=encrypt",
}

const postfixServices = `
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
`

// startPostfix starts the mail server, which wants to be started by root and gives root's rights up itself.
func startPostfix(t *testing.T) *postfix {
	t.Helper()
	control := need(t, "postfix")
	if os.Geteuid() != 0 {
		if os.Getenv("STAFFKEY_SERVERS") == "required" {
			t.Fatal("postfix is started by root only")
		}
		t.Skip("postfix is started by root only")
	}
	dir := folder(t, nil)
	p := &postfix{box: filepath.Join(dir, "box"), ports: map[string]int{}}
	for _, name := range []string{dir, p.box, filepath.Join(dir, "conf"), filepath.Join(dir, "queue"), filepath.Join(dir, "lib")} {
		if err := errors.Join(os.MkdirAll(name, 0o755), os.Chmod(name, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	as := unprivileged(t)
	own(t, p.box, as)
	setting := func(name string) string {
		value, status := finish(t, startWithin, need(t, "postconf"), "-dh", name)
		if status != 0 {
			t.Fatalf("postconf %s: %s", name, value)
		}
		return strings.TrimSpace(value)
	}
	chown(t, filepath.Join(dir, "lib"), setting("mail_owner"))
	p.authority = p.certify(t, dir)
	main := `compatibility_level = 3.6
config_directory = DIR/conf
queue_directory = DIR/queue
data_directory = DIR/lib
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.nhs.example
mydestination =
mynetworks =
alias_maps =
local_recipient_maps =
smtp_dns_support_level = disabled
smtpd_relay_restrictions = reject_unauth_destination
smtpd_tls_chain_files = DIR/server.pem
virtual_mailbox_domains = nhs.example, xn--y-9na.example
virtual_mailbox_base = DIR/box
virtual_mailbox_maps = inline:{ { amara@nhs.example = amara/ }, { post@xn--y-9na.example = welsh/ } }
virtual_minimum_uid = 1
` + fmt.Sprintf("virtual_uid_maps = static:%d\nvirtual_gid_maps = static:%d\n", as.Uid, as.Gid)
	services := postfixServices
	for name, options := range postfixPorts {
		port := freePort(t)
		p.ports[name], _ = strconv.Atoi(port)
		services += "127.0.0.1:" + port + " inet n - n - - smtpd\n  " + options + "\n"
	}
	file(t, nil, filepath.Join(dir, "conf"), "main.cf", strings.ReplaceAll(main, "DIR", dir))
	file(t, nil, filepath.Join(dir, "conf"), "master.cf", services)
	for _, name := range []string{"main.cf", "master.cf"} {
		if err := os.Chmod(filepath.Join(dir, "conf", name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, status := finish(t, startWithin, control, "-c", filepath.Join(dir, "conf"), "check"); status != 0 {
		t.Fatalf("postfix check: %s", out)
	}
	// What "postfix start-fg" does in the end; by itself it leaves the server to another process.
	master := launch(t, nil, []string{"MAIL_CONFIG=" + filepath.Join(dir, "conf"), "MAIL_LOGTAG=postfix"},
		filepath.Join(setting("daemon_directory"), "master"), "-c", filepath.Join(dir, "conf"), "-s")
	for name, port := range p.ports {
		master.await(t, func() error {
			if err := listens(net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err != nil {
				return fmt.Errorf("port %s: %w", name, err)
			}
			return nil
		})
	}
	return p
}

func chown(t *testing.T, path, name string) {
	t.Helper()
	if out, status := finish(t, startWithin, need(t, "chown"), name, path); status != 0 {
		t.Fatal(out)
	}
}

// certify gives the server a certificate of a private authority, and returns the file with the authority's.
func (p *postfix) certify(t *testing.T, dir string) string {
	t.Helper()
	var keys [2]*ecdsa.PrivateKey
	for i := range keys {
		var err error
		if keys[i], err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	root := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Northmoor authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mail.nhs.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: root.NotBefore, NotAfter: root.NotAfter,
	}
	rootDER, err1 := x509.CreateCertificate(rand.Reader, root, root, keys[0].Public(), keys[0])
	leafDER, err2 := x509.CreateCertificate(rand.Reader, leaf, root, keys[1].Public(), keys[0])
	keyDER, err3 := x509.MarshalPKCS8PrivateKey(keys[1])
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})
	p.roots = x509.NewCertPool()
	p.roots.AppendCertsFromPEM(authority)
	var chain bytes.Buffer
	chain.Write(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	chain.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leafDER}))
	file(t, nil, dir, "server.pem", chain.String())
	return file(t, nil, dir, "authority.pem", string(authority))
}

// mails are the texts of the mails that a mailbox has got.
func (p *postfix) mails(t *testing.T, mailbox string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(p.box, mailbox, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, string(text))
	}
	return list
}

func (p *postfix) config(port string) email.Config {
	return email.Config{Host: "127.0.0.1", Port: p.ports[port], Security: email.None, From: "Staffkey <noreply@signin.example>", Roots: p.roots}
}

// outbox delivers mails by way of the mail server, and forgets nothing in between.
type outbox struct {
	t     *testing.T
	store *store.Store
	clock *storetest.Clock
}

func newOutbox(t *testing.T) outbox {
	t.Helper()
	clock := storetest.NewClock()
	return outbox{t, storetest.Open(t, "sqlite", clock.Now), clock}
}

func (o outbox) put(to string) {
	o.t.Helper()
	err := o.store.Housekeep(o.t.Context(), func(tx *store.Tx) error {
		return tx.InsertOutgoing(staffkey.Outgoing{
			Channel: staffkey.ChannelEmail, To: to, Template: "notice.key_added", Args: map[string]string{"Nickname": "Llinyn Siân"}, Language: "cy", Person: "amara",
			ExpiresAt: o.clock.Now().Add(72 * time.Hour),
		})
	})
	if err != nil {
		o.t.Fatal(err)
	}
}

// deliver tries what is due once, and tells how the latest mail fares.
func (o outbox) deliver(cfg email.Config) (state staffkey.DeliveryState, problem string) {
	o.t.Helper()
	channel, err := email.New(cfg)
	if err != nil {
		o.t.Fatal(err)
	}
	service, err := notify.New(notify.Deps{
		Store: o.store, Channels: []notify.Channel{channel}, Address: "https://signin.example", ServiceName: "Staffkey", Now: o.clock.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := service.Deliver(o.t.Context()); err != nil {
		o.t.Fatal(err)
	}
	var d store.Delivery
	err = o.store.Read(o.t.Context(), func(tx *store.Tx) (err error) {
		d, err = tx.FindLatestDelivery("amara", staffkey.ChannelEmail)
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return d.State, d.Problem
}

// What the mail server does not like about us waits, and goes when that is mended; what it says of the mailbox is the end.
func TestPostfix_refusals(t *testing.T) {
	t.Parallel()
	p := startPostfix(t)
	greeting := func(cfg email.Config) email.Config { cfg.Hello = "vm"; return cfg }
	secure := func(cfg email.Config, security string) email.Config { cfg.Security = security; return cfg }
	untrusted := secure(p.config("tls"), email.StartTLS)
	untrusted.Roots = x509.NewCertPool()
	for _, tt := range []struct {
		name, to      string
		first, mended email.Config
		state         staffkey.DeliveryState
		problem       string
	}{
		{"our greeting", "amara@nhs.example", greeting(p.config("greeted")), p.config("greeted"), staffkey.DeliveryWaiting, "smtp: RCPT TO: 504 5.5.2"},
		{"our sender", "amara@nhs.example", p.config("sender"), p.config("plain"), staffkey.DeliveryWaiting, "smtp: RCPT TO: 550 5.1.8"},
		{"its certificate", "amara@nhs.example", untrusted, secure(p.config("tls"), email.StartTLS), staffkey.DeliveryWaiting, "smtp: STARTTLS: tls: failed to verify certificate: x509: certificate signed by unknown authority"},
		{"no TLS there", "amara@nhs.example", secure(p.config("plain"), email.StartTLS), secure(p.config("smtps"), email.TLS), staffkey.DeliveryWaiting, "smtp: STARTTLS: the mail server offers no TLS"},
		{"relaying", "amara@elsewhere.example", p.config("plain"), email.Config{}, staffkey.DeliveryWaiting, "smtp: RCPT TO: 554 5.7.1"},
		{"no such mailbox", "nobody@nhs.example", p.config("plain"), email.Config{}, staffkey.DeliveryFailed, "smtp: RCPT TO: 550 5.1.1"},
	} {
		o := newOutbox(t)
		o.put(tt.to)
		if state, problem := o.deliver(tt.first); state != tt.state || problem != tt.problem {
			t.Errorf("%s: %s with %q, want %s with %q", tt.name, state, problem, tt.state, tt.problem)
		}
		if tt.mended.Host == "" {
			continue
		}
		o.clock.Advance(time.Minute)
		if state, problem := o.deliver(tt.mended); state != staffkey.DeliverySent {
			t.Errorf("%s, mended: %s with %q, want it sent", tt.name, state, problem)
		}
	}
	if err := until(startWithin, func() error {
		if got := len(p.mails(t, "amara")); got != 4 {
			return fmt.Errorf("%d mails, want the 4 that were mended", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// A mail server that takes its time over the end of a message gets it once, and nobody calls what it says too late a failure.
func TestPostfix_takes_its_time(t *testing.T) {
	t.Parallel()
	p := startPostfix(t)
	patient := p.config("slow")
	patient.Step, patient.Begin = 4*time.Second, 30*time.Second // a step is shorter than it takes for the end
	o := newOutbox(t)
	o.put("amara@nhs.example")
	if state, problem := o.deliver(patient); state != staffkey.DeliverySent {
		t.Errorf("%s with %q, want it sent", state, problem)
	}

	hasty := p.config("slow")
	hasty.End = 500 * time.Millisecond
	o.put("amara@nhs.example")
	const perhaps = "smtp: the end of the message: no answer in time"
	if state, problem := o.deliver(hasty); state != staffkey.DeliveryWaiting || problem != perhaps {
		t.Errorf("%s with %q, want it waiting with %q", state, problem, perhaps)
	}
	o.clock.Advance(14 * time.Minute)
	if state, problem := o.deliver(hasty); state != staffkey.DeliveryWaiting || problem != perhaps {
		t.Errorf("after 14 minutes: %s with %q, want it waiting still", state, problem)
	}
	o.clock.Advance(time.Minute)
	if state, problem := o.deliver(p.config("plain")); state != staffkey.DeliverySent {
		t.Errorf("after 15 minutes: %s with %q, want it sent", state, problem)
	}
	// The first, and the second once or twice, as the server will have it; a mailbox can tell by the Message-ID.
	var ids []string
	err := until(startWithin, func() error {
		ids = nil
		for _, text := range p.mails(t, "amara") {
			_, rest, _ := strings.Cut(text, "\nMessage-ID: ")
			id, _, _ := strings.Cut(rest, "\n")
			ids = append(ids, id)
		}
		if len(ids) < 2 {
			return fmt.Errorf("%d mails, want 2 or 3", len(ids))
		}
		return nil
	})
	different := map[string]bool{}
	for _, id := range ids {
		different[id] = true
	}
	if err != nil || len(ids) > 3 || len(different) != 2 {
		t.Errorf("mails %q, %v, want two, and one of them twice at most", ids, err)
	}
}

// A domain with letters outside ASCII travels as DNS has it, so that it is the same mailbox everywhere.
func TestPostfix_domains_outside_ASCII(t *testing.T) {
	t.Parallel()
	p := startPostfix(t)
	o := newOutbox(t)
	o.put("post@ŵy.example")
	if state, problem := o.deliver(p.config("plain")); state != staffkey.DeliverySent {
		t.Errorf("%s with %q, want it sent", state, problem)
	}
	if err := until(startWithin, func() error {
		if got := p.mails(t, "welsh"); len(got) != 1 || !strings.Contains(got[0], "\nTo: <post@xn--y-9na.example>\n") || !strings.Contains(got[0], "\nSubject: =?utf-8?q?Tocyn_newydd") {
			return fmt.Errorf("mails %q", got)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
}

// The doctor says what the mail server says, and what mends it.
func TestPostfix_doctor(t *testing.T) {
	t.Parallel()
	p := startPostfix(t)
	doctor := func(port string, more ...string) string {
		t.Helper()
		args := append([]string{"doctor", "--address", "https://signin.example", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--mail-from", "noreply@nhs.example", "--smtp-host", "127.0.0.1", "--smtp-port", strconv.Itoa(p.ports[port])}, more...)
		out, _ := finish(t, startWithin, program.Build(t), args...)
		return out
	}
	for _, tt := range []struct {
		port string
		args []string
		want []string
	}{
		{"plain", []string{"--smtp-security", "none"}, []string{"ok  127.0.0.1 takes mail from here (without TLS, greeting signin.example)"}},
		{"tls", []string{"--smtp-roots", p.authority}, []string{"ok  127.0.0.1 takes mail from here (by TLS 1.3, greeting signin.example)"}},
		{"smtps", []string{"--smtp-roots", p.authority, "--smtp-security", "tls"}, []string{"ok  127.0.0.1 takes mail from here (by TLS 1.3"}},
		{"tls", nil, []string{"x   mail server: the certificate of the mail server comes from an authority that is not trusted here", "--smtp-roots FILE"}},
		{"greeted", []string{"--smtp-security", "none", "--smtp-helo", "vm"}, []string{"x   mail server: the mail server answers RCPT TO with 504 5.5.2 <vm>: Helo command rejected: need fully-qualified hostname", "--smtp-helo"}},
		{"sender", []string{"--smtp-security", "none"}, []string{"RCPT TO with 550 5.1.8", "--mail-from"}},
		{"plain", []string{"--smtp-security", "none", "--mail-from", "noreply@elsewhere.example"}, []string{"RCPT TO with 554 5.7.1 <noreply@elsewhere.example>: Relay access denied", "take mail from this machine"}},
	} {
		out := doctor(tt.port, tt.args...)
		for _, want := range tt.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s %v: no %q in\n%s", tt.port, tt.args, want, out)
			}
		}
	}
}
