package email_test

import (
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
	deliver(staffkey.DeliveryWaiting, "smtp: RCPT TO: 450 4.2.0")
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
		"letters in a domain": {email.Config{Host: "post.ŵy.example", From: "noreply@ŵy.example", Hello: "ŵy.example"}, true},
		"letters before it":   {email.Config{Host: "mail.example", From: "ŵy@signin.example"}, false},
		"greets by address":   {email.Config{Host: "mail.example", From: "a@signin.example", Hello: "[192.0.2.1]"}, true},
		"greets by IPv6":      {email.Config{Host: "mail.example", From: "a@signin.example", Hello: "[IPv6:2001:db8::1]"}, true},
		"greets by a number":  {email.Config{Host: "mail.example", From: "a@signin.example", Hello: "192.0.2.1"}, false},
		"greets by two names": {email.Config{Host: "mail.example", From: "a@signin.example", Hello: "a.example b.example"}, false},
		"greets by two lines": {email.Config{Host: "mail.example", From: "a@signin.example", Hello: "a.example\r\nRSET"}, false},
		"bad host":            {email.Config{Host: "mail example", From: "a@signin.example"}, false},
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

// The mail server is greeted by the name that is set, and otherwise by the domain of whoever writes: never by what the machine is called
// for itself, which a mail server may refuse (RFC 5321 §4.1.4).
func TestSend_greets(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	for set, want := range map[string]string{
		"": "signin.example", "Relay.NHS.example": "relay.nhs.example", "ŵy.example": "xn--y-9na.example", "[192.0.2.1]": "[192.0.2.1]", "[IPv6:2001:db8::01]": "[IPv6:2001:db8::1]",
	} {
		s := (&server{secure: email.StartTLS}).start(t, a)
		cfg := s.config(a)
		cfg.Hello = set
		c := newChannel(t, cfg)
		if _, err := c.Send(t.Context(), welcome); err != nil {
			t.Fatal(err)
		}
		if got := s.messages()[0].hello; got != want || c.Hello() != want {
			t.Errorf("%q: the server is greeted by %q, want %q", set, got, want)
		}
	}
}

// A domain travels as DNS has it, so that every server and mailbox can get it; only what stands before the @ may need more (RFC 6531), and
// that is asked of servers that can.
func TestSend_addresses_outside_ASCII(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	for _, tt := range []struct {
		beyond, ok, utf8 bool
		to, travels      string
	}{
		{false, true, false, "post@ŵy.example", "post@xn--y-9na.example"},
		{true, true, false, "post@ŵy.example", "post@xn--y-9na.example"},
		{true, true, true, "ŵy@ŵy.example", "ŵy@xn--y-9na.example"},
		{false, false, false, "ŵy@ŵy.example", ""},
		{true, true, false, "amara@nhs.example", "amara@nhs.example"},
		{true, true, false, "amara@x_y.example", "amara@x_y.example"},
	} {
		s := (&server{secure: email.StartTLS, beyond: tt.beyond}).start(t, a)
		m := welcome
		m.To = tt.to
		cfg := s.config(a)
		cfg.From = "Staffkey <noreply@TŶ.example>"
		_, err := newChannel(t, cfg).Send(t.Context(), m)
		got := s.messages()
		if !tt.ok {
			if err == nil || notify.IsPermanent(err) || len(got) != 0 {
				t.Errorf("%s: got %+v, %v, want an error that is not permanent", tt.to, got, err)
			}
			continue
		}
		if err != nil || len(got) != 1 || got[0].to[0] != tt.travels || got[0].utf8 != tt.utf8 || !strings.Contains(got[0].raw, "\r\nTo: <"+tt.travels+">\r\n") {
			t.Errorf("%s: got %+v, %v, want one message to %s, announced as UTF-8: %t", tt.to, got, err, tt.travels, tt.utf8)
		}
		if got[0].from != "noreply@xn--t-foa.example" || !strings.Contains(got[0].raw, "\r\nFrom: \"Staffkey\" <noreply@xn--t-foa.example>\r\n") {
			t.Errorf("from %s:\n%s", got[0].from, got[0].raw)
		}
	}
}

// What a person wrote is read as they wrote it, and no line of a header is empty or long (RFC 2047 §2; RFC 5322 §2.1.1).
func TestSend_subjects(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := (&server{secure: email.StartTLS}).start(t, a)
	cfg := s.config(a)
	cfg.From = "Gwasanaeth Mewngofnodi Diogel Ysbytai a Meddygfeydd Gogledd Cymru – Tŷ Iechyd <noreply@signin.example>"
	c := newChannel(t, cfg)
	for _, subject := range []string{
		"New token: Lanyard", "Tocyn newydd: Llinyn Siân", "=?utf-8?q?x?=", "New token: =?utf-8?q?x?=", "New token: =?", strings.Repeat("ŵ", 78), strings.Repeat("x", 78), strings.Repeat("x ", 39) + "x",
		"New token: " + strings.Repeat("漢", 67), "👩‍⚕️ " + strings.Repeat("é", 60), "a_b=c?d", "\"quoted\" (and more), <x>", "tab\tin it", strings.Repeat("y", 66), strings.Repeat("y", 68),
	} {
		m := welcome
		m.Subject = subject
		if _, err := c.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		list := s.messages()
		raw := list[len(list)-1].raw
		header, _, _ := strings.Cut(raw, "\r\n\r\n")
		for line := range strings.SplitSeq(header, "\r\n") {
			name, rest, isField := strings.Cut(line, ":")
			if len(line) > 78 || strings.TrimSpace(line) == "" || isField && !strings.HasPrefix(line, " ") && strings.TrimSpace(rest) == "" {
				t.Errorf("%q: line %q of %s has %d characters, or nothing in it", subject, line, name, len(line))
			}
		}
		read, err := mail.ReadMessage(strings.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); err != nil || got != subject {
			t.Errorf("subject %q is read as %q, %v", subject, got, err)
		}
		from, err := mail.ParseAddress(read.Header.Get("From"))
		if err != nil || from.Name != "Gwasanaeth Mewngofnodi Diogel Ysbytai a Meddygfeydd Gogledd Cymru – Tŷ Iechyd" || from.Address != "noreply@signin.example" {
			t.Errorf("from %+v, %v", from, err)
		}
	}
}
