package telephone

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
)

func TestHTTP_posts_the_message(t *testing.T) {
	t.Parallel()
	for _, kind := range []staffkey.ChannelKind{staffkey.ChannelText, staffkey.ChannelVoice} {
		p := newProvider(t, http.StatusAccepted, `{"reference":"r-1"}`)
		c, err := NewHTTP(kind, HTTPConfig{URL: p.url + "/messages", Token: "secret"})
		m := codeMessage()
		ref, err := channel(t, c, err).Send(t.Context(), m)
		if err != nil || ref != "r-1" || c.Kind() != kind || c.Name() != "http" {
			t.Errorf("%s: reference %q of %s, %v", kind, ref, c.Name(), err)
		}
		got := p.only(t)
		if got.method != "POST" || got.path != "/messages" || got.header.Get("Authorization") != "Bearer secret" ||
			got.header.Get("Idempotency-Key") != string(m.ID) || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: request %+v", kind, got)
		}
		var body map[string]any
		if err := json.Unmarshal([]byte(got.body), &body); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"id": string(m.ID), "kind": string(kind), "to": number, "language": "cy", "text": m.Text, "asked": []any{m.Asked[0]}, "spoken": []any{m.Spoken[0], m.Spoken[1]}, "code": "123456",
		}
		if kind == staffkey.ChannelVoice {
			want["key"] = "1"
		}
		if diff := cmp.Diff(want, body); diff != "" {
			t.Errorf("%s (-want +got):\n%s", kind, diff)
		}
	}
}

func TestTwilio_sends_a_text(t *testing.T) {
	t.Parallel()
	service := "MG" + strings.Repeat("0", 32)
	for from, field := range map[string]string{"+441632960000": "From", "Northmoor": "From", "MGH": "From", service: "MessagingServiceSid"} {
		p := newProvider(t, http.StatusCreated, `{"sid":"SM1","status":"queued"}`)
		c, err := NewTwilio(staffkey.ChannelText, TwilioConfig{URL: p.url + "/", Account: "AC1", Token: "secret", From: from, StatusCallback: "https://signin.example/hooks/messages/twilio"})
		ref, err := channel(t, c, err).Send(t.Context(), codeMessage())
		if err != nil || ref != "SM1" {
			t.Errorf("%s: reference %q, %v", from, ref, err)
		}
		got := p.only(t)
		r := http.Request{Header: got.header}
		if user, password, _ := r.BasicAuth(); got.path != "/2010-04-01/Accounts/AC1/Messages.json" || user != "AC1" || password != "secret" {
			t.Errorf("%s: request %+v", from, got)
		}
		form, err := url.ParseQuery(got.body)
		if err != nil {
			t.Fatal(err)
		}
		want := url.Values{"To": {number}, field: {from}, "Body": {codeMessage().Text}, "StatusCallback": {"https://signin.example/hooks/messages/twilio"}}
		if diff := cmp.Diff(want, form); diff != "" {
			t.Errorf("%s (-want +got):\n%s", from, diff)
		}
	}
}

func TestNotify_sends_a_text(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)
	p := newProvider(t, http.StatusCreated, `{"id":"n-1","reference":"ours"}`)
	c, err := NewNotify(NotifyConfig{URL: p.url + "/", Key: notifyKey, Template: "f33517ff", Now: func() time.Time { return now }})
	m := codeMessage()
	if ref, err := channel(t, c, err).Send(t.Context(), m); err != nil || ref != "n-1" {
		t.Errorf("reference %q, %v", ref, err)
	}
	got := p.only(t)
	if got.path != "/v2/notifications/sms" {
		t.Errorf("path %s", got.path)
	}
	var body map[string]any
	if err := json.Unmarshal([]byte(got.body), &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"phone_number": number, "template_id": "f33517ff", "reference": string(m.ID), "personalisation": map[string]any{"body": m.Text, "code": "123456"},
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	token, err := jwt.ParseSigned(strings.TrimPrefix(got.header.Get("Authorization"), "Bearer "), []jose.SignatureAlgorithm{jose.HS256})
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := token.Claims([]byte(notifySecret), &claims); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"iss": notifyService, "iat": float64(now.Unix())}, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if typ := token.Headers[0].ExtraHeaders["typ"]; typ != "JWT" {
		t.Errorf("typ: want JWT, got %v", typ)
	}
	delete(m.Args, "Code")
	if _, err := c.Send(t.Context(), m); err != nil || strings.Contains(p.requests()[1].body, `"code"`) {
		t.Errorf("a text without code: %s, %v", p.requests()[1].body, err)
	}
}

// TestRefusals are permanent only where the number is to blame, and never tell number, code or the provider's words.
func TestRefusals(t *testing.T) {
	t.Parallel()
	notifyError := func(kind, field string) string {
		return `{"status_code":400,"errors":[{"error":"` + kind + `","message":"` + field + ` ` + number + ` is not valid"}]}`
	}
	twilioError := func(code string) string {
		return `{"code":` + code + `,"message":"The 'To' number ` + number + ` is not a valid phone number.","status":400}`
	}
	for name, c := range map[string]struct {
		status int
		answer string
		// permanent and unsure are the names of the providers for whom it is.
		permanent, unsure string
	}{
		"bad request":         {400, "", "", ""},
		"not found":           {404, "no " + number, "", ""},
		"not allowed":         {405, "", "", ""},
		"too large":           {413, "", "", ""},
		"unprocessable":       {422, "", "http", ""},
		"wrong token":         {401, "", "", ""},
		"forbidden":           {403, notifyError("AuthError", "phone_number"), "", ""},
		"late":                {408, "", "", ""},
		"too many":            {429, twilioError("20429"), "", ""},
		"down":                {503, "<html>" + number, "", ""},
		"waited in vain":      {504, "", "", "http twilio notify"},
		"redirect":            {302, "", "", ""},
		"not changed":         {304, "", "", ""},
		"number is none":      {400, twilioError("21211"), "twilio", ""},
		"asked for no more":   {400, twilioError("21610"), "twilio", ""},
		"no mobile":           {400, twilioError("21614"), "twilio", ""},
		"sender is not ours":  {400, twilioError("21606"), "", ""},
		"no such country":     {400, twilioError("21408"), "", ""},
		"bad number, but 429": {429, twilioError("21211"), "", ""},
		"notify: number":      {400, notifyError("ValidationError", "phone_number"), "notify", ""},
		"notify: template":    {400, notifyError("BadRequestError", "phone_number"), "", ""},
		"notify: template id": {400, notifyError("ValidationError", "template_id"), "", ""},
		"broken JSON":         {400, `{"errors":[`, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProvider(t, c.status, c.answer)
			p.header.Set("Location", p.url+"/elsewhere")
			p.header.Set("Retry-After", "86400")
			for i, ch := range each(t, p.url) {
				_, err := ch.Send(t.Context(), codeMessage())
				if err == nil {
					t.Fatalf("%s: no error", ch.Name())
				}
				if got, want := notify.IsPermanent(err), strings.Contains(c.permanent, ch.Name()); got != want {
					t.Errorf("%s: permanent %t, want %t: %v", ch.Name(), got, want, err)
				}
				if got, want := notify.IsUnsure(err), strings.Contains(c.unsure, ch.Name()); got != want {
					t.Errorf("%s: unsure %t, want %t: %v", ch.Name(), got, want, err)
				}
				for _, secret := range []string{"7700900123", "123456", "127.0.0.1", "AC1"} {
					if strings.Contains(err.Error(), secret) {
						t.Errorf("%s tells %q: %v", ch.Name(), secret, err)
					}
				}
				if got := len(p.requests()); got != i+1 {
					t.Errorf("%s: %d requests, want 1: a redirect was followed", ch.Name(), got-i)
				}
			}
		})
	}
}

// TestTaken: an answer of 2xx is no error whatever its body is, or the message would be sent again.
func TestTaken_whatever_the_answer_says(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"empty": "", "no JSON": "OK", "other JSON": `["sid"]`, "long reference": `{"reference":"` + strings.Repeat("x", 201) + `"}`,
		"endless": strings.Repeat(" ", 2*maxAnswer) + `{"reference":"late"}`,
	} {
		p := newProvider(t, http.StatusOK, answer)
		for _, ch := range each(t, p.url) {
			if ref, err := ch.Send(t.Context(), codeMessage()); err != nil || ref != "" {
				t.Errorf("%s, %s: reference %q, %v", name, ch.Name(), ref, err)
			}
		}
	}
}

func TestSilence(t *testing.T) {
	t.Parallel()
	release, arrived := make(chan struct{}), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- true
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, address := range []string{server.URL, gone.URL} {
		for _, ch := range each(t, address) {
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				select {
				case <-arrived:
					cancel() // as when its time is over
				case <-ctx.Done():
				}
			}()
			_, err := ch.Send(ctx, codeMessage())
			cancel()
			if err == nil || notify.IsPermanent(err) || strings.Contains(err.Error(), "http://") || notify.IsUnsure(err) != (address == server.URL) {
				t.Errorf("%s: %v, want it unsure where the provider had the message", ch.Name(), err)
			}
		}
	}
	if newClient().Timeout != 10*time.Second {
		t.Error("without a deadline of the caller, a silent provider is waited for too long")
	}
}

func TestConfigurations_that_are_refused(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "gateway.example", "http://gateway.example", "http://127.0.0.1.example/", "ftp://localhost", "https://", "https://u:p@gateway.example", "https://gateway.example/#x", "http://10.0.0.1"} {
		if _, err := NewHTTP(staffkey.ChannelText, HTTPConfig{URL: address}); err == nil {
			t.Errorf("http: %q is accepted", address)
		}
		if _, err := NewTwilio(staffkey.ChannelText, TwilioConfig{URL: address}); err == nil {
			t.Errorf("twilio: %q is accepted", address)
		}
		if _, err := NewNotify(NotifyConfig{URL: address, Key: notifyKey, Template: "x"}); err == nil {
			t.Errorf("notify: %q is accepted", address)
		}
	}
	for _, address := range []string{"https://gateway.example/x?y=z", "http://localhost:1/", "http://127.0.0.1", "http://[::1]:80"} {
		if _, err := NewHTTP(staffkey.ChannelText, HTTPConfig{URL: address}); err != nil {
			t.Error(err)
		}
	}
	if _, err := NewTwilio(staffkey.ChannelVoice, TwilioConfig{URL: "https://api.example", From: "Northmoor", StatusCallback: "https://signin.example/hooks/messages/twilio"}); err == nil {
		t.Error("calls from a name are accepted")
	}
	if _, err := NewTwilio(staffkey.ChannelVoice, TwilioConfig{URL: "https://api.example", From: "+441632960000", StatusCallback: TwilioReceipts("http://localhost:8080")}); err == nil {
		t.Error("calls are accepted though Twilio cannot ask what to say")
	}
	for _, key := range []string{"", "x", notifyService + "_" + notifySecret, notifyService} {
		if _, err := NewNotify(NotifyConfig{URL: "https://api.example", Key: key, Template: "x"}); err == nil {
			t.Errorf("key %q is accepted", key)
		} else if key != "" && key != "x" && strings.Contains(err.Error(), key) {
			t.Errorf("the error tells the key: %v", err)
		}
	}
	if _, err := NewNotify(NotifyConfig{URL: "https://api.example", Key: notifyKey}); err == nil {
		t.Error("no template is accepted")
	}
}
