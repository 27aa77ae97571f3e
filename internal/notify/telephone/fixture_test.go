package telephone

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
)

// request is what a provider of a test was sent.
type request struct {
	method, path, body string
	header             http.Header
}

// provider answers as it is told and keeps what it was sent.
type provider struct {
	url     string
	mu      sync.Mutex
	status  int
	answer  string
	header  http.Header
	request []request
}

func newProvider(t *testing.T, status int, answer string) *provider {
	t.Helper()
	p := &provider{status: status, answer: answer, header: http.Header{}}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// ServeHTTP implements http.Handler.
func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	p.request = append(p.request, request{r.Method, r.URL.Path, string(body), r.Header.Clone()})
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, p.answer) // a client that has gone fails its own test
}

// requests returns what the provider was sent so far.
func (p *provider) requests() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.request
}

// only returns the one request that the provider was sent.
func (p *provider) only(t *testing.T) request {
	t.Helper()
	all := p.requests()
	if len(all) != 1 {
		t.Fatalf("requests: want 1, got %d", len(all))
	}
	return all[0]
}

const number = "+447700900123"

func codeMessage() notify.Message {
	return notify.Message{
		ID: "0190f0e0-0000-7000-8000-000000000001", To: number, Language: "cy", Text: "123456 yw eich cod & <mwy>",
		Asked: []string{"Pwyswch <1>."}, Spoken: []string{"Eich cod yw", "un, dau, <tri>"}, ExpiresAt: receiptTime.Add(10 * time.Minute), Template: "code", Args: map[string]string{"Code": "123456"},
	}
}

// channel returns what a constructor made.
func channel(t *testing.T, c notify.Channel, err error) notify.Channel {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// each is one of every provider, at one address.
func each(t *testing.T, address string) []notify.Channel {
	t.Helper()
	text, err := NewHTTP(staffkey.ChannelText, HTTPConfig{URL: address, Token: "t"})
	list := []notify.Channel{channel(t, text, err)}
	for _, kind := range []staffkey.ChannelKind{staffkey.ChannelText, staffkey.ChannelVoice} {
		c, err := NewTwilio(kind, TwilioConfig{URL: address, Account: "AC1", Token: "t", From: "+441632960000", StatusCallback: TwilioReceipts("https://signin.example")})
		list = append(list, channel(t, c, err))
	}
	c, err := NewNotify(NotifyConfig{URL: address, Key: notifyKey, Template: "x"})
	return append(list, channel(t, c, err))
}

const (
	notifyService = "26785a09-ab16-4eb0-8407-a37497a57506"
	notifySecret  = "3d844edf-8d35-48ac-975b-e847b4f122b0"
	notifyKey     = "my-test_key-" + notifyService + "-" + notifySecret
)
