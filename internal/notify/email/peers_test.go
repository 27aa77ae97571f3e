package email_test

import (
	"io"
	"mime"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"

	"staffkey/internal/notify/email"
)

// A mail is plain text and nothing else, so what somebody put into their name or a nickname is read and never shown as a page.
func TestPeer_CVE_2024_41953(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := (&server{secure: email.StartTLS}).start(t, a)
	c := newChannel(t, s.config(a))
	const markup = `<a href="https://evil.example">Sign in here</a><img src="https://evil.example/x.png"><style>*{display:none}</style>`
	m := welcome
	m.Subject, m.Text = "New token: "+markup, "The token \""+markup+"\" was added.\n\n<html><body>"+markup+"</body></html>\n"
	if _, err := c.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	got := s.messages()
	if len(got) != 1 {
		t.Fatalf("the server got %d messages, want 1", len(got))
	}
	read, err := mail.ReadMessage(strings.NewReader(got[0].raw))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(read.Header.Get("Content-Type"))
	if err != nil || kind != "text/plain" || !strings.EqualFold(params["charset"], "utf-8") || params["boundary"] != "" {
		t.Errorf("content type %q, want one part of plain text", read.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(quotedprintable.NewReader(read.Body))
	if err != nil || !strings.Contains(string(body), markup) {
		t.Errorf("body %q, %v; want the markup to be read as it is", body, err)
	}
}
