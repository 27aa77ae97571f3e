package telephone

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"

	"github.com/google/go-cmp/cmp"
)

var receiptTime = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)

// hooks are the receipts of all providers, and what they noted.
type hooks struct {
	handler http.Handler
	noted   []notify.Receipt
	err     error
}

func newHooks() *hooks {
	h := &hooks{}
	h.handler = Receipts(ReceiptsConfig{
		Address: "https://signin.example", HTTPSecret: "http secret", TwilioToken: "twilio token", NotifyToken: "notify token",
		Note: func(_ context.Context, r notify.Receipt) error {
			h.noted = append(h.noted, r)
			return h.err
		},
		Now: func() time.Time { return receiptTime }, Log: slog.New(slog.DiscardHandler),
	})
	return h
}

// post sends a receipt by a request that claims another host, as an attacker or a proxy may.
func (h *hooks) post(path, body string, header map[string]string) int {
	r := httptest.NewRequest("POST", path, strings.NewReader(body))
	r.Host = "evil.example"
	r.Header.Set("X-Forwarded-Host", "evil.example")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w.Code
}

func signHTTP(secret, body string, at time.Time) map[string]string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "." + body))
	return map[string]string{"X-Staffkey-Timestamp": seconds, "X-Staffkey-Signature": hex.EncodeToString(mac.Sum(nil))}
}

func signTwilio(token, address string, form url.Values) map[string]string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		address += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	return map[string]string{"X-Twilio-Signature": base64.StdEncoding.EncodeToString(mac.Sum(nil)), "Content-Type": "application/x-www-form-urlencoded"}
}

func TestReceipts_are_noted(t *testing.T) {
	t.Parallel()
	delivered, failed := staffkey.DeliveryDelivered, staffkey.DeliveryFailed
	bearer := map[string]string{"Authorization": "Bearer notify token"}
	for name, c := range map[string]struct {
		provider, body string
		header         map[string]string // of twilio and http: made here when nil
		want           []notify.Receipt
	}{
		"http delivered":   {"http", `{"reference":"r","state":"delivered","problem":"x"}`, nil, []notify.Receipt{{Provider: "http", Reference: "r", State: delivered}}},
		"http failed":      {"http", `{"reference":"r","state":"failed","problem":"switched_off"}`, nil, []notify.Receipt{{Provider: "http", Reference: "r", State: failed, Problem: "switched_off"}}},
		"http talks":       {"http", `{"reference":"r","state":"failed","problem":"+447700900123 said no"}`, nil, []notify.Receipt{{Provider: "http", Reference: "r", State: failed, Problem: "refused"}}},
		"http number":      {"http", `{"reference":"r","state":"failed","problem":"n447700900123"}`, nil, []notify.Receipt{{Provider: "http", Reference: "r", State: failed, Problem: "refused"}}},
		"http no one":      {"http", `{"state":"delivered"}`, nil, nil},
		"text delivered":   {"twilio", "MessageSid=SM1&MessageStatus=delivered&To=%2B447700900123", nil, []notify.Receipt{{Provider: "twilio", Reference: "SM1", State: delivered}}},
		"text undelivered": {"twilio", "MessageSid=SM1&MessageStatus=undelivered&ErrorCode=30003", nil, []notify.Receipt{{Provider: "twilio", Reference: "SM1", State: failed, Problem: "undelivered-30003"}}},
		"text sent":        {"twilio", "MessageSid=SM1&MessageStatus=sent", nil, nil},
		"call is over":     {"twilio", "CallSid=CA1&CallStatus=completed", nil, []notify.Receipt{{Provider: "twilio", Reference: "CA1", State: failed, Problem: "no-key"}}},
		"call of a person": {"twilio", "CallSid=CA1&CallStatus=completed&AnsweredBy=human", nil, []notify.Receipt{{Provider: "twilio", Reference: "CA1", State: failed, Problem: "no-key"}}},
		"call, a machine":  {"twilio", "CallSid=CA1&CallStatus=completed&AnsweredBy=machine_end_beep", nil, []notify.Receipt{{Provider: "twilio", Reference: "CA1", State: failed, Problem: "machine"}}},
		"call, a fax":      {"twilio", "CallSid=CA1&CallStatus=completed&AnsweredBy=fax", nil, []notify.Receipt{{Provider: "twilio", Reference: "CA1", State: failed, Problem: "machine"}}},
		"call not taken":   {"twilio", "CallSid=CA1&CallStatus=no-answer", nil, []notify.Receipt{{Provider: "twilio", Reference: "CA1", State: failed, Problem: "no-answer"}}},
		"call rings":       {"twilio", "CallSid=CA1&CallStatus=ringing", nil, nil},
		"notify delivered": {"notify", `{"id":"n","reference":"ours","to":"07700900123","status":"delivered"}`, bearer, []notify.Receipt{{Provider: "notify", Reference: "n", State: delivered}}},
		"notify failed":    {"notify", `{"id":"n","status":"permanent-failure"}`, bearer, []notify.Receipt{{Provider: "notify", Reference: "n", State: failed, Problem: "permanent-failure"}}},
		"notify sending":   {"notify", `{"id":"n","status":"sending"}`, bearer, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			switch c.provider {
			case "http":
				c.header = signHTTP("http secret", c.body, receiptTime.Add(4*time.Minute))
			case "twilio":
				form, err := url.ParseQuery(c.body)
				if err != nil {
					t.Fatal(err)
				}
				c.header = signTwilio("twilio token", "https://signin.example/hooks/messages/twilio", form)
			}
			h := newHooks()
			if got := h.post("/hooks/messages/"+c.provider, c.body, c.header); got != http.StatusNoContent {
				t.Errorf("status: want 204, got %d", got)
			}
			if diff := cmp.Diff(c.want, h.noted); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReceipts_that_are_refused(t *testing.T) {
	t.Parallel()
	const body = `{"reference":"r","state":"delivered"}`
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	good := signTwilio("twilio token", "https://signin.example/hooks/messages/twilio", form)
	moved := signHTTP("http secret", body, receiptTime)
	moved["X-Staffkey-Timestamp"] = strconv.FormatInt(receiptTime.Unix()+1, 10)
	for name, c := range map[string]struct {
		path, body string
		header     map[string]string
		want       int
	}{
		"http without signature":     {"http", body, nil, 403},
		"http by another secret":     {"http", body, signHTTP("other", body, receiptTime), 403},
		"http without secret":        {"http", body, signHTTP("", body, receiptTime), 403},
		"http with another body":     {"http", body + " ", signHTTP("http secret", body, receiptTime), 403},
		"http of long ago":           {"http", body, signHTTP("http secret", body, receiptTime.Add(-6*time.Minute)), 403},
		"http of tomorrow":           {"http", body, signHTTP("http secret", body, receiptTime.Add(6*time.Minute)), 403},
		"http with a moved time":     {"http", body, moved, 403},
		"http no JSON":               {"http", "x", signHTTP("http secret", "x", receiptTime), 400},
		"http of no state":           {"http", `{"reference":"r"}`, signHTTP("http secret", `{"reference":"r"}`, receiptTime), 400},
		"http too long":              {"http", strings.Repeat("x", maxReceipt+1), signHTTP("http secret", strings.Repeat("x", maxReceipt+1), receiptTime), 413},
		"twilio without signature":   {"twilio", form.Encode(), nil, 403},
		"twilio by another token":    {"twilio", form.Encode(), signTwilio("other", "https://signin.example/hooks/messages/twilio", form), 403},
		"twilio for the Host header": {"twilio", form.Encode(), signTwilio("twilio token", "https://evil.example/hooks/messages/twilio", form), 403},
		"twilio with a query":        {"twilio?x=y", form.Encode(), good, 403},
		"twilio with another field":  {"twilio", form.Encode() + "&ErrorCode=1", good, 403},
		"twilio with a broken form":  {"twilio", "%zz", good, 403},
		"notify without token":       {"notify", `{"id":"n","status":"delivered"}`, nil, 403},
		"notify by another token":    {"notify", `{"id":"n","status":"delivered"}`, map[string]string{"Authorization": "Bearer notify"}, 403},
		"notify by another scheme":   {"notify", `{"id":"n","status":"delivered"}`, map[string]string{"Authorization": "Basic notify token"}, 403},
		"notify no JSON":             {"notify", "x", map[string]string{"Authorization": "bearer notify token"}, 400},
		"of nobody":                  {"letters", body, nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHooks()
			if got := h.post("/hooks/messages/"+c.path, c.body, c.header); got != c.want {
				t.Errorf("status: want %d, got %d", c.want, got)
			}
			if len(h.noted) > 0 {
				t.Errorf("noted %+v", h.noted)
			}
		})
	}
}

func TestReceipts_of_messages_that_are_not_known(t *testing.T) {
	t.Parallel()
	const body = `{"reference":"r","state":"delivered"}`
	h := newHooks()
	h.err = staffkey.ErrNotFound
	if got := h.post("/hooks/messages/http", body, signHTTP("http secret", body, receiptTime)); got != http.StatusNoContent {
		t.Errorf("status: want 204, got %d", got)
	}
	h.err = errors.New("the database is away")
	if got := h.post("/hooks/messages/http", body, signHTTP("http secret", body, receiptTime)); got != http.StatusServiceUnavailable {
		t.Errorf("status of our own fault: want 503, got %d", got)
	}
}

func TestReceipts_only_of_providers_with_a_secret(t *testing.T) {
	t.Parallel()
	if Receipts(ReceiptsConfig{Address: "https://signin.example"}) != nil {
		t.Error("receipts are taken though nobody can sign one")
	}
	h := &hooks{handler: Receipts(ReceiptsConfig{Address: "https://signin.example", HTTPSecret: "s"})}
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}
	if got := h.post("/hooks/messages/twilio", form.Encode(), signTwilio("", "https://signin.example/hooks/messages/twilio", form)); got != http.StatusNotFound {
		t.Errorf("status: want 404, got %d", got)
	}
	if got := h.post("/hooks/messages/notify", "{}", map[string]string{"Authorization": "Bearer "}); got != http.StatusNotFound {
		t.Errorf("status: want 404, got %d", got)
	}
	for address, want := range map[string]string{"https://signin.example": "https://signin.example/hooks/messages/twilio", "http://localhost:8080": ""} {
		if got := TwilioReceipts(address); got != want {
			t.Errorf("TwilioReceipts(%s): want %q, got %q", address, want, got)
		}
	}
}
