package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/prometheus/client_golang/prometheus"
)

// secretFile makes a file with a secret.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestMessages_problems_are_reported_at_once(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	empty, key := secretFile(t, " \n"), secretFile(t, "hunter2")
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"everything at once": {
			[]string{
				"--smtp-host", "mail.example", "--smtp-user", "x", "--smtp-security", "none", "--text-provider", "http,twilio,govuk-notify,http", "--voice-provider", "twilio",
				"--http-provider-url", "http://gateway.example", "--twilio-token-file", empty, "--govuk-notify-key-file", key, "--twilio-from", "Northmoor",
			},
			[]string{
				"smtp-password-file: say which file", "mail-from: say which", "http-provider-token-file: say which file", "http-provider-url:", "over https only", "is empty",
				"text-provider govuk-notify: the API key", "text-provider http: is named twice", "voice-provider twilio:", "calls come from a number",
			},
		},
		"a plain relay elsewhere": {
			[]string{"--smtp-host", "mail.example", "--smtp-security", "none", "--mail-from", "a@signin.example"},
			[]string{"smtp-host:", "this machine only", "STARTTLS", "run a relay on this machine", "localhost"},
		},
		"greeting and roots": {
			[]string{"--smtp-host", "mail.example", "--mail-from", "a@signin.example", "--smtp-helo", "a b", "--smtp-roots", empty},
			[]string{"smtp-roots: " + empty + " holds no certificate", "smtp-host: greeting", "no name of a host"},
		},
		"roots not there":   {[]string{"--smtp-host", "mail.example", "--mail-from", "a@signin.example", "--smtp-roots", "/nope"}, []string{"smtp-roots: /nope cannot be read"}},
		"file not there":    {[]string{"--text-provider", "twilio", "--twilio-token-file", "/nope"}, []string{"twilio-token-file: /nope cannot be read"}},
		"user without host": {[]string{"--smtp-user", "x"}, []string{"smtp-host: say which mail server"}},
		"unknown provider":  {[]string{"--text-provider", "pigeon"}, []string{"text-provider", "pigeon"}},
		"calls by Notify":   {[]string{"--voice-provider", "govuk-notify"}, []string{"voice-provider", "govuk-notify"}},
		"unknown security":  {[]string{"--smtp-security", "maybe"}, []string{"smtp-security", "maybe"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, code := capture(t, append([]string{"serve", "--address", "https://signin.example", "--listen", "localhost:0", "--data", dir}, c.args...)...)
			if code != exitUsage {
				t.Errorf("exit code %d", code)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in:\n%s", want, out)
				}
			}
			if strings.Contains(out, "hunter2") {
				t.Errorf("tells a secret:\n%s", out)
			}
		})
	}
}

func TestDoctor_says_which_channels_there_are(t *testing.T) {
	t.Parallel()
	secret := secretFile(t, "hunter2\n")
	key := secretFile(t, "key-26785a09-ab16-4eb0-8407-a37497a57506-3d844edf-8d35-48ac-975b-e847b4f122b0")
	common := []string{"doctor", "--address", "https://signin.example", "--listen", "localhost:0", "--data", t.TempDir()}
	out, _ := capture(t, append(common, "--smtp-host", "mail.example", "--mail-from", "staffkey@signin.example", "--text-provider", "govuk-notify,http", "--http-provider-url", "https://gateway.example",
		"--http-provider-token-file", secret, "--govuk-notify-key-file", key, "--govuk-notify-template", "f33517ff")...)
	if want := "ok  messages: e-mail by smtp, text messages by notify and http, no calls\n"; !strings.Contains(out, want) || strings.Contains(out, "hunter2") {
		t.Errorf("want %q in:\n%s", want, out)
	}
	out, _ = capture(t, append(common, "--voice-provider", "twilio", "--twilio-account", "AC1", "--twilio-token-file", secret, "--twilio-from", "Northmoor", "--twilio-voice-from", "+441632960000")...)
	if want := "!   messages (no e-mail, no text messages, calls by twilio): no e-mail can be sent: "; !strings.Contains(out, want) || !strings.Contains(out, "--smtp-host HOST") {
		t.Errorf("want %q in:\n%s", want, out)
	}
}

// A name with letters beyond those of text messages is a choice that costs.
func TestDoctor_tells_of_dear_texts(t *testing.T) {
	t.Parallel()
	common := []string{"doctor", "--address", "https://signin.example", "--listen", "localhost:0", "--data", t.TempDir()}
	texts := []string{"--text-provider", "http", "--http-provider-url", "https://gateway.example", "--http-provider-token-file", secretFile(t, "x")}
	for _, tt := range []struct {
		args []string
		told bool
	}{
		{append(texts, "--rp-name", "Tŷ Iechyd"), true}, {texts, false}, {[]string{"--rp-name", "Tŷ Iechyd"}, false},
	} {
		out, _ := capture(t, append(common[:len(common):len(common)], tt.args...)...)
		if told := strings.Contains(out, "!   text messages: each text message with a code is sent, and paid for, as 2, because"); told != tt.told || tt.told && !strings.Contains(out, "(GSM 03.38): ŷ") {
			t.Errorf("%v: told %t, want %t:\n%s", tt.args, told, tt.told, out)
		}
	}
}

func TestReceipts_are_beside_the_pages(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, "sqlite", time.Now)
	set := settled{address: "https://signin.example", rpID: "signin.example", location: time.UTC, workers: 1, messages: messages{httpSecret: "secret"}}
	status := func(set settled, path, body string) int {
		srv, err := wire(s, &serverConfig{RPName: "Staffkey", PasswordQueue: 1}, set, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		at := strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte("secret"))
		mac.Write([]byte(at + "." + body))
		r := httptest.NewRequest("POST", "https://signin.example"+path, strings.NewReader(body))
		r.Header.Set("X-Staffkey-Timestamp", at)
		r.Header.Set("X-Staffkey-Signature", hex.EncodeToString(mac.Sum(nil)))
		w := httptest.NewRecorder()
		srv.public.ServeHTTP(w, r)
		return w.Code
	}
	const receipt = `{"reference":"r","state":"delivered"}`
	if got := status(set, "/hooks/messages/http", receipt); got != http.StatusNoContent {
		t.Errorf("a receipt: want 204, got %d", got)
	}
	if got := status(set, "/hooks/messages/twilio", receipt); got != http.StatusNotFound {
		t.Errorf("a receipt of a provider that is not used: want 404, got %d", got)
	}
	if got := status(set, "/signin", ""); got == http.StatusNotFound || got == http.StatusNoContent {
		t.Errorf("the pages: %d", got)
	}
	set.messages = messages{}
	if got := status(set, "/hooks/messages/http", receipt); got == http.StatusNoContent {
		t.Error("a receipt is taken though no provider sends any")
	}
	if service, err := (messages{}).newService(notify.Deps{Address: "::"}); err == nil {
		t.Errorf("a service without address: %v", service)
	}
}

// Whoever starts a service that cannot send e-mail reads so in the log, before anybody waits for a mail.
func TestServe_warns_without_mail(t *testing.T) {
	t.Parallel()
	const none = "no e-mail can be sent"
	for _, with := range []bool{false, true} {
		args := []string{"serve", "--address", "https://signin.example", "--listen", "localhost:0", "--data", t.TempDir()}
		if with {
			args = append(args, "--smtp-host", "mail.example", "--mail-from", "noreply@signin.example")
		}
		_, stop := start(t, args...)
		if _, log := stop(); strings.Contains(log, none) == with {
			t.Errorf("with a mail server: %t; the log says %q:\n%s", with, none, log)
		}
	}
}

// The greeting is the host of the address, as DNS has it, unless another is set.
func TestMessages_greeting(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ address, helo, want string }{
		{"https://signin.example:8443", "", "signin.example"}, {"https://mewngofnodi.ŵy.example", "", "mewngofnodi.xn--y-9na.example"},
		{"https://signin.example", "relay.nhs.example", "relay.nhs.example"}, {"https://signin.example", "[192.0.2.1]", "[192.0.2.1]"}, {"http://localhost:8080", "", "mail.example"},
	} {
		c := messageConfig{SMTPHost: "relay.example", MailFrom: "Staffkey <noreply@mail.example>", SMTPHelo: tt.helo}
		m := c.settle(tt.address, func(format string, args ...any) { t.Errorf(format, args...) })
		if m.mail == nil || m.mail.Hello() != tt.want {
			t.Errorf("at %s with %q: want the greeting %s, got %+v", tt.address, tt.helo, tt.want, m.mail)
		}
	}
}

// What waits is in the metrics, so that an alarm can tell of what nobody sends.
func TestMetrics_of_what_waits(t *testing.T) {
	t.Parallel()
	s := storetest.Open(t, "sqlite", time.Now)
	registry := prometheus.NewRegistry()
	observeOutbox(registry, s, slog.New(slog.DiscardHandler))
	read := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, f := range families {
			for _, m := range f.GetMetric() {
				values[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
			}
		}
		return values
	}
	if got := read(); len(got) != 3 || got["staffkey_messages_waiting email"] != 0 {
		t.Errorf("nothing waits: %v", got)
	}
	before := time.Now().Unix()
	err := s.Housekeep(t.Context(), func(tx *store.Tx) error {
		return tx.InsertOutgoing(staffkey.Outgoing{Channel: staffkey.ChannelEmail, To: "a@x.example", Template: "reset.ask", ExpiresAt: tx.Now.Add(time.Hour)})
	})
	if err != nil {
		t.Fatal(err)
	}
	got := read()
	since := got["staffkey_messages_oldest_timestamp_seconds email"]
	if got["staffkey_messages_waiting email"] != 1 || since < float64(before) || since > float64(time.Now().Unix()) || len(got) != 4 {
		t.Errorf("one waits: %v", got)
	}
}
