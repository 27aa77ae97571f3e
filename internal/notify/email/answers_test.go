package email_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"staffkey/internal/notify"
	"staffkey/internal/notify/email"

	"github.com/emersion/go-smtp"
)

// Answers to RCPT TO and after it, as real servers give them: Postfix 3.7 and Exim 4.96 say there, too, what they think of whoever sends.
func TestSend_refusals(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	answer := func(code int, enhanced ...int) error {
		e := smtp.NoEnhancedCode
		if enhanced != nil {
			e = smtp.EnhancedCode(enhanced)
		}
		return &smtp.SMTPError{Code: code, EnhancedCode: e, Message: "<amara@nhs.example>: no"}
	}
	for name, tt := range map[string]struct {
		from, rcpt, data error
		permanent        bool
	}{
		"no such mailbox":                {nil, answer(550, 5, 1, 1), nil, true},
		"no such domain":                 {nil, answer(550, 5, 1, 2), nil, true},
		"bad name of a mailbox":          {nil, answer(553, 5, 1, 3), nil, true},
		"moved away":                     {nil, answer(551, 5, 1, 6), nil, true},
		"takes no mail":                  {nil, answer(556, 5, 1, 10), nil, true},
		"switched off":                   {nil, answer(550, 5, 2, 1), nil, true},
		"no such mailbox, at the end":    {nil, nil, answer(550, 5, 1, 1), true},
		"greylisted":                     {nil, answer(450, 4, 2, 0), nil, false},
		"full":                           {nil, answer(552, 5, 2, 2), nil, false},
		"full for ever":                  {nil, answer(550, 5, 2, 2), nil, false},
		"our greeting":                   {nil, answer(504, 5, 5, 2), nil, false},
		"our sender":                     {nil, answer(550, 5, 1, 8), nil, false},
		"our sender's form":              {nil, answer(553, 5, 1, 7), nil, false},
		"something of an address":        {nil, answer(550, 5, 1, 0), nil, false},
		"no words for it":                {nil, answer(550, 5, 0, 0), nil, false},
		"relaying, with a code":          {nil, answer(550, 5, 7, 1), nil, false},
		"relaying, without":              {nil, answer(550), nil, false},
		"without a code":                 {nil, answer(553), nil, false},
		"a code of another class":        {nil, answer(550, 4, 1, 1), nil, false},
		"a class of another code":        {nil, answer(450, 5, 1, 1), nil, false},
		"we must sign in":                {nil, answer(530, 5, 7, 0), nil, false},
		"we go":                          {nil, answer(421, 4, 3, 2), nil, false},
		"our sender, as if a mailbox":    {answer(550, 5, 1, 1), nil, nil, false},
		"later, at the end":              {nil, nil, answer(451, 4, 3, 0), false},
		"taken for spam":                 {nil, nil, answer(554, 5, 6, 0), false},
		"without a code, at the end":     {nil, nil, answer(550), false},
		"no such mailbox, later perhaps": {nil, answer(450, 4, 1, 1), nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{secure: email.StartTLS}
			s.from, s.rcpt, s.data = func() error { return tt.from }, func() error { return tt.rcpt }, func() error { return tt.data }
			s.start(t, a)
			_, err := newChannel(t, s.config(a)).Send(t.Context(), welcome)
			if err == nil || notify.IsPermanent(err) != tt.permanent || notify.IsUnsure(err) {
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

// A refusal without an enhanced code means the mailbox only at a server that has just taken a message for another mailbox of that domain:
// before, it may mean us (Exim 4.96 says "550 relay not permitted", OpenSMTPD 6.8 "550 Invalid recipient").
func TestSend_refused_without_a_code(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := &server{secure: email.StartTLS}
	s.rcpt = func() error {
		if s.last != "amara@nhs.example" {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.NoEnhancedCode, Message: "no"}
		}
		return nil
	}
	s.start(t, a)
	c := newChannel(t, s.config(a))
	send := func(to string) error {
		m := welcome
		m.To = to
		_, err := c.Send(t.Context(), m)
		return err
	}
	if err := send("nobody@nhs.example"); err == nil || notify.IsPermanent(err) {
		t.Errorf("before anybody is taken: got error %v, want one that is not permanent", err)
	}
	if err := send("amara@nhs.example"); err != nil {
		t.Fatal(err)
	}
	if err := send("nobody@NHS.example"); !notify.IsPermanent(err) {
		t.Errorf("after another of that domain is taken: got error %v, want a permanent one", err)
	}
	if err := send("nobody@elsewhere.example"); err == nil || notify.IsPermanent(err) {
		t.Errorf("of another domain: got error %v, want one that is not permanent", err)
	}
}

// A server that hangs before it has the message does not have it; one that has it and says nothing may.
func TestSend_a_server_that_hangs(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() }) // it has no connection to lose
	const soon, late = 100 * time.Millisecond, 5 * time.Minute
	for _, tt := range []struct {
		name             string
		hangs            string // where the server hangs; before its greeting when empty
		step, begin, end time.Duration
		// cancelled is when the server hangs, and not by a limit.
		cancelled bool
		// at is where it ends; anywhere before the end when empty, because the machine may be slow.
		at     string
		unsure bool
	}{
		{"at once", "", soon, late, late, false, "greeting", false},
		{"at once, in all", "", late, soon, late, false, "", false},
		{"at the recipient", "recipient", soon, late, late, false, "", false},
		{"at the recipient, in all", "recipient", late, soon, late, false, "", false},
		{"at the recipient, when the server stops", "recipient", late, late, late, true, "RCPT TO", false},
		{"at the end", "end", late, late, soon, false, "the end of the message", true},
		{"at the end, when the server stops", "end", late, late, late, true, "the end of the message", true},
	} {
		release, reached := make(chan struct{}), make(chan bool, 1)
		t.Cleanup(func() { close(release) })
		hang := func() error { reached <- true; <-release; return errors.New("late") }
		s := &server{secure: email.StartTLS}
		switch tt.hangs {
		case "recipient":
			s.rcpt = hang
		case "end":
			s.data = hang
		}
		s.start(t, a)
		cfg := s.config(a)
		cfg.Step, cfg.Begin, cfg.End = tt.step, tt.begin, tt.end
		if tt.hangs == "" {
			cfg.Port = silent.Addr().(*net.TCPAddr).Port
		}
		ctx, cancel := context.WithCancel(t.Context())
		if tt.cancelled {
			go func() { <-reached; cancel() }()
		}
		_, err := newChannel(t, cfg).Send(ctx, welcome)
		cancel()
		if err == nil || notify.IsPermanent(err) || notify.IsUnsure(err) != tt.unsure || !strings.HasSuffix(err.Error(), tt.at+": no answer in time") {
			t.Errorf("%s: got error %v, want one at %q that is unsure: %t", tt.name, err, tt.at, tt.unsure)
		}
	}
}

// A connection that breaks after the end of the message leaves open what became of it, as a time that is over does.
func TestSend_breaks_off_at_the_end(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := &server{secure: email.StartTLS}
	s.broken = true
	s.start(t, a)
	_, err := newChannel(t, s.config(a)).Send(t.Context(), welcome)
	if !notify.IsUnsure(err) || notify.IsPermanent(err) {
		t.Errorf("got error %v, want one after which the message may have gone", err)
	}
}

// A server that takes the message and stumbles afterwards has it; sending it again would bring it twice.
func TestSend_stumbles_over_the_goodbye(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, loopback)
	s := (&server{secure: email.StartTLS, rude: true}).start(t, a)
	if _, err := newChannel(t, s.config(a)).Send(t.Context(), welcome); err != nil {
		t.Errorf("got error %v, want none", err)
	}
	if got := s.messages(); len(got) != 1 {
		t.Errorf("the server got %d messages, want 1", len(got))
	}
}
