package email_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/notify/email"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

var welcome = notify.Message{
	ID: "0199f0a1-0000-7000-8000-000000000001", To: "amara@nhs.example", Language: "cy", Subject: "Tocyn newydd: Llinyn Siân",
	Text: "Mae'r tocyn \"Llinyn Siân\" ŵŷ.\n.\nFrom here = on\nhttps://signin.example/not-me?t=ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZ\n",
}

func newChannel(t *testing.T, cfg email.Config) *email.Channel {
	t.Helper()
	c, err := email.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSend(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	for _, secure := range []string{email.StartTLS, email.TLS, email.None} {
		t.Run(secure, func(t *testing.T) {
			t.Parallel()
			s := (&server{secure: secure}).start(t, a)
			reference, err := newChannel(t, s.config(a)).Send(t.Context(), welcome)
			if err != nil {
				t.Fatal(err)
			}
			list := s.messages()
			if len(list) != 1 {
				t.Fatalf("the server got %d messages, want 1", len(list))
			}
			got := list[0]
			if got.from != "noreply@signin.example" || !slices.Equal(got.to, []string{"amara@nhs.example"}) || got.tls != (secure != email.None) {
				t.Errorf("from %q to %q, protected %t", got.from, got.to, got.tls)
			}
			m, err := mail.ReadMessage(strings.NewReader(got.raw))
			if err != nil {
				t.Fatal(err)
			}
			if date, err := m.Header.Date(); err != nil || time.Since(date).Abs() > time.Minute {
				t.Errorf("date %v, %v, want now", date, err)
			}
			subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
			if err != nil || subject != welcome.Subject {
				t.Errorf("subject %q, %v, want %q", subject, err, welcome.Subject)
			}
			delete(m.Header, "Date")
			delete(m.Header, "Subject")
			id := "<0199f0a1-0000-7000-8000-000000000001@signin.example>"
			want := mail.Header{
				"From": {`"Staffkey" <noreply@signin.example>`}, "To": {"<amara@nhs.example>"}, "Message-Id": {id}, "Mime-Version": {"1.0"},
				"Auto-Submitted": {"auto-generated"}, "X-Auto-Response-Suppress": {"All"}, "Content-Language": {"cy"},
				"Content-Type": {"text/plain; charset=UTF-8"}, "Content-Transfer-Encoding": {"quoted-printable"},
			}
			if diff := cmp.Diff(want, m.Header); diff != "" {
				t.Errorf("header (-want +got)\n%s", diff)
			}
			body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
			if got := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || strings.TrimSpace(got) != strings.TrimSpace(welcome.Text) {
				t.Errorf("body %q, %v, want %q", got, err, welcome.Text)
			}
			if reference != id {
				t.Errorf("reference %q, want %q", reference, id)
			}
			for _, r := range got.raw {
				if r > '~' {
					t.Errorf("%q travels as it is", r)
				}
			}
		})
	}
}

func TestSend_unprotected_connections_are_refused(t *testing.T) {
	t.Parallel()
	ours, others := newAuthority(t, loopback), newAuthority(t, loopback)
	otherName := newAuthority(t, net.IPv4(127, 0, 0, 2))
	for name, tt := range map[string]struct {
		offers, asks string
		of           authority // whose certificate the server has
		trusted      authority
	}{
		"no STARTTLS":                         {email.None, email.StartTLS, ours, ours},
		"another authority, STARTTLS":         {email.StartTLS, email.StartTLS, others, ours},
		"another authority, TLS":              {email.TLS, email.TLS, others, ours},
		"certificate of another host":         {email.StartTLS, email.StartTLS, otherName, otherName},
		"certificate of another host for TLS": {email.TLS, email.TLS, otherName, otherName},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&server{secure: tt.offers, mechanisms: []string{"PLAIN"}}).start(t, tt.of)
			cfg := s.config(tt.trusted)
			cfg.Security, cfg.User, cfg.Password = tt.asks, "staffkey", "correct horse"
			_, err := newChannel(t, cfg).Send(t.Context(), welcome)
			if err == nil || notify.IsPermanent(err) {
				t.Errorf("got error %v, want one that is not permanent", err)
			}
			if got := s.messages(); len(got) != 0 {
				t.Errorf("the server got %d messages", len(got))
			}
		})
	}
}

func TestSend_signs_in(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	for name, tt := range map[string]struct {
		secure     string
		mechanisms []string
		password   string
		ok         bool
	}{
		"PLAIN":                {email.StartTLS, []string{"PLAIN", "LOGIN"}, "correct horse", true},
		"PLAIN in TLS":         {email.TLS, []string{"PLAIN"}, "correct horse", true},
		"LOGIN":                {email.StartTLS, []string{"LOGIN"}, "correct horse", true},
		"wrong password":       {email.StartTLS, []string{"PLAIN"}, "wrong", false},
		"wrong for LOGIN":      {email.StartTLS, []string{"LOGIN"}, "wrong", false},
		"no mechanism of ours": {email.StartTLS, []string{"XOAUTH2"}, "correct horse", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&server{secure: tt.secure, mechanisms: tt.mechanisms}).start(t, a)
			cfg := s.config(a)
			cfg.User, cfg.Password = "staffkey", tt.password
			_, err := newChannel(t, cfg).Send(t.Context(), welcome)
			if tt.ok {
				if got := s.messages(); err != nil || len(got) != 1 || got[0].user != "staffkey" {
					t.Errorf("got %+v, %v, want one message from somebody who signed in", got, err)
				}
				return
			}
			// It is our password that is wrong, not the message.
			if err == nil || notify.IsPermanent(err) || strings.Contains(err.Error(), tt.password+" ") {
				t.Errorf("got error %v, want one that is not permanent", err)
			}
		})
	}
}

func TestSend_refusals(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	answer := func(code int, enhanced smtp.EnhancedCode) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: "<amara@nhs.example>: no"}
	}
	for name, tt := range map[string]struct {
		rcpt, data error
		permanent  bool
	}{
		"no such mailbox":       {answer(550, smtp.EnhancedCode{5, 1, 1}), nil, true},
		"bad name of a mailbox": {answer(553, smtp.EnhancedCode{5, 1, 3}), nil, true},
		"greylisted":            {answer(450, smtp.EnhancedCode{4, 2, 0}), nil, false},
		"full":                  {answer(552, smtp.EnhancedCode{5, 2, 2}), nil, false},
		"we may not relay":      {answer(550, smtp.EnhancedCode{5, 7, 1}), nil, false},
		"we must sign in":       {answer(530, smtp.EnhancedCode{5, 7, 0}), nil, false},
		"later, at the end":     {nil, answer(451, smtp.EnhancedCode{4, 3, 0}), false},
		"taken for spam":        {nil, answer(554, smtp.EnhancedCode{5, 6, 0}), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := (&server{secure: email.StartTLS, rcpt: func() error { return tt.rcpt }, data: func() error { return tt.data }}).start(t, a)
			_, err := newChannel(t, s.config(a)).Send(t.Context(), welcome)
			if err == nil || notify.IsPermanent(err) != tt.permanent {
				t.Errorf("got error %v, want one that is permanent: %t", err, tt.permanent)
			}
			if err != nil && strings.Contains(err.Error(), "amara") {
				t.Errorf("the error holds the address: %v", err)
			}
			if got := s.messages(); len(got) != 0 {
				t.Errorf("the server got %d messages", len(got))
			}
		})
	}
}

// A server that takes the message and stumbles afterwards has it; sending it again would bring it twice.
func TestSend_stumbles_over_the_goodbye(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := &server{secure: email.StartTLS}
	s.reset = func(c *smtp.Conn) {
		if len(s.messages()) > 0 {
			_ = c.Conn().Close() // it is the client that is tested
		}
	}
	s.start(t, a)
	if _, err := newChannel(t, s.config(a)).Send(t.Context(), welcome); err != nil {
		t.Errorf("got error %v, want none", err)
	}
	if got := s.messages(); len(got) != 1 {
		t.Errorf("the server got %d messages, want 1", len(got))
	}
}

func TestSend_a_server_that_hangs(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() }) // it has no connection to lose
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	slow := (&server{secure: email.StartTLS, data: func() error { <-release; return errors.New("late") }}).start(t, a)
	for name, port := range map[string]int{"at once": silent.Addr().(*net.TCPAddr).Port, "at the end": slow.port} {
		const soon, late = 300 * time.Millisecond, time.Minute
		for limit, times := range map[string]struct{ config, context time.Duration }{"timeout": {soon, late}, "context": {late, soon}} {
			cfg := slow.config(a)
			cfg.Port, cfg.Timeout = port, times.config
			ctx, cancel := context.WithTimeout(t.Context(), times.context)
			begun := time.Now()
			_, err := newChannel(t, cfg).Send(ctx, welcome)
			cancel()
			if err == nil || notify.IsPermanent(err) {
				t.Errorf("%s, %s: got error %v, want one that is not permanent", name, limit, err)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("%s, %s: took %v", name, limit, took)
			}
		}
	}
}

// A greylisting server takes the message the second time, under the same id.
func TestDeliver_greylisted(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := &server{secure: email.StartTLS}
	tries := 0
	s.rcpt = func() error {
		if tries++; tries == 1 {
			return &smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 0}, Message: "Greylisted <amara@nhs.example>, come back later"}
		}
		return nil
	}
	s.start(t, a)
	clock := storetest.NewClock()
	db := storetest.Open(t, "sqlite", clock.Now)
	service, err := notify.New(notify.Deps{
		Store: db, Channels: []notify.Channel{newChannel(t, s.config(a))}, Address: "https://signin.example", ServiceName: "Staffkey", Now: clock.Now,
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Housekeep(t.Context(), func(tx *store.Tx) error {
		return tx.InsertOutgoing(staffkey.Outgoing{
			Channel: staffkey.ChannelEmail, To: "amara@nhs.example", Template: "notice.key_added", Args: map[string]string{"Nickname": "Lanyard"},
			Person: "amara", ExpiresAt: clock.Now().Add(time.Hour),
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(want staffkey.DeliveryState, problem string) {
		t.Helper()
		if n, err := service.Deliver(t.Context()); n != 1 || err != nil {
			t.Errorf("Deliver = %d, %v, want 1 message", n, err)
		}
		err := db.Read(t.Context(), func(tx *store.Tx) error {
			d, err := tx.FindLatestDelivery("amara", staffkey.ChannelEmail)
			if d.State != want || d.Problem != problem {
				t.Errorf("the message is %s with problem %q, want %s with %q", d.State, d.Problem, want, problem)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	deliver(staffkey.DeliveryWaiting, "smtp: sending SMTP RCPT TO command: 450 4.2.0")
	clock.Advance(6 * time.Second)
	deliver(staffkey.DeliverySent, "")
	if got := s.messages(); len(got) != 1 || !strings.Contains(got[0].raw, "New token: Lanyard") {
		t.Errorf("the server got %+v, want the message once", got)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cfg email.Config
		ok  bool
	}{
		"least":               {email.Config{Host: "mail.example", From: "noreply@signin.example"}, true},
		"TLS":                 {email.Config{Host: "mail.example", From: "noreply@signin.example", Security: email.TLS}, true},
		"none to localhost":   {email.Config{Host: "localhost", From: "noreply@signin.example", Security: email.None}, true},
		"none to ::1":         {email.Config{Host: "::1", From: "noreply@signin.example", Security: email.None}, true},
		"none to elsewhere":   {email.Config{Host: "mail.example", From: "noreply@signin.example", Security: email.None}, false},
		"none to an address":  {email.Config{Host: "192.0.2.1", From: "noreply@signin.example", Security: email.None}, false},
		"unknown security":    {email.Config{Host: "mail.example", From: "noreply@signin.example", Security: "ssl"}, false},
		"no host":             {email.Config{From: "noreply@signin.example"}, false},
		"no sender":           {email.Config{Host: "mail.example"}, false},
		"two senders":         {email.Config{Host: "mail.example", From: "a@signin.example, b@signin.example"}, false},
		"a header in it":      {email.Config{Host: "mail.example", From: "Staffkey\r\nBcc: evil@nhs.example <a@signin.example>"}, false},
		"one that is encoded": {email.Config{Host: "mail.example", From: "=?utf-8?q?Staffkey=0D=0ABcc:_evil?= <a@signin.example>"}, false},
	} {
		if _, err := email.New(tt.cfg); (err == nil) != tt.ok {
			t.Errorf("%s: got error %v, want none: %t", name, err, tt.ok)
		}
	}
	c := newChannel(t, email.Config{Host: "mail.example", From: "noreply@signin.example"})
	if c.Kind() != staffkey.ChannelEmail || c.Name() != "smtp" {
		t.Errorf("kind %q, name %q", c.Kind(), c.Name())
	}
}
