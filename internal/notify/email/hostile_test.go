package email_test

import (
	"io"
	"mime/quotedprintable"
	"net/mail"
	"slices"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/notify/email"
)

// Whatever is put into a message, it has one recipient and the header lines that we wrote.
func TestSend_hostile_values(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := (&server{secure: email.StartTLS}).start(t, a)
	c := newChannel(t, s.config(a))
	refused := func(name string, m notify.Message) {
		t.Helper()
		_, err := c.Send(t.Context(), m)
		if !notify.IsPermanent(err) {
			t.Errorf("%s: got error %v, want a permanent one", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "evil") || strings.ContainsAny(err.Error(), "\r\n\x00")) {
			t.Errorf("%s: the error repeats the value: %q", name, err)
		}
	}
	for _, end := range []string{"\r\n", "\n", "\r", "\x00"} {
		m := welcome
		m.Subject = "Hello" + end + "Bcc: evil@nhs.example"
		refused("subject", m)
		m = welcome
		m.To = "amara@nhs.example" + end + "RCPT TO:<evil@nhs.example>"
		refused("recipient", m)
		m = welcome
		m.Language = "cy" + end + "Bcc: evil@nhs.example"
		refused("language", m)
		m = welcome
		m.ID = staffkey.OutgoingID("1" + end + "Bcc: evil@nhs.example")
		refused("id", m)
	}
	for _, to := range []string{
		"", "amara", "amara@nhs.example, evil@nhs.example", "amara@nhs.example evil@nhs.example", "Evil <evil@nhs.example>", "<evil@nhs.example>",
		"amara@nhs.example (evil)", "a: evil@nhs.example;", "amara@nhs.example> SIZE=1 <evil@nhs.example", "@evil.example:amara@nhs.example",
	} {
		m := welcome
		m.To = to
		refused("recipient "+to, m)
	}
	if got := s.messages(); len(got) != 0 {
		t.Fatalf("the server got %d messages, want none", len(got))
	}

	// What is odd and does no harm arrives as it is, inside one line or the body.
	m := welcome
	m.Subject = "=?utf-8?q?Bcc:_evil?= \u2028 \u0085 " + strings.Repeat("Bcc: evil@nhs.example ", 60)
	m.Text = "Hello\r\n.\r\nRCPT TO:<evil@nhs.example>\r\n\r\n--\r\nBcc: evil@nhs.example\r\n" + strings.Repeat("x", 5000)
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.messages()
	if len(got) != 1 || !slices.Equal(got[0].to, []string{"amara@nhs.example"}) {
		t.Fatalf("the server got %+v, want one message to one person", got)
	}
	read, err := mail.ReadMessage(strings.NewReader(got[0].raw))
	if err != nil {
		t.Fatal(err)
	}
	if read.Header.Get("Bcc") != "" || len(read.Header) != 11 {
		t.Errorf("header %v, want our 11 lines", read.Header)
	}
	for line := range strings.SplitSeq(got[0].raw, "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d octets, want 998 at most (RFC 5322 §2.1.1)", len(line))
		}
	}
	body, err := io.ReadAll(quotedprintable.NewReader(read.Body))
	if err != nil || !strings.Contains(string(body), "\r\n.\r\nRCPT TO:<evil@nhs.example>") {
		t.Errorf("body %q, %v", body, err)
	}
}
