package telephone

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey/internal/notify"
)

// Signatures that Twilio's own library makes (RequestValidator.compute_signature of twilio-python 9.13.0, run with the token "twilio token");
// twilio-node 5.10.2 makes the same. Both take a request that is signed with the port of the address or without, whichever the address has.
func TestTwilio_signatures(t *testing.T) {
	t.Parallel()
	status := func(address, target, body, signature string) int {
		hooks := Receipts(ReceiptsConfig{
			Address: address, TwilioToken: "twilio token", Now: time.Now, Log: slog.New(slog.DiscardHandler),
			Note: func(context.Context, notify.Receipt) error { return nil },
		})
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", u.RequestURI(), strings.NewReader(body))
		r.Header.Set("X-Twilio-Signature", signature)
		w := httptest.NewRecorder()
		hooks.ServeHTTP(w, r)
		return w.Code
	}
	for _, tt := range []struct{ name, address, signed, body, signature string }{
		{"as configured", "https://signin.example", "https://signin.example/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered", "FRW+Gb7sxRPTp0UKLK76IaqffOQ="},
		{"with the port that https implies", "https://signin.example", "https://signin.example:443/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered", "Ob20R7bH1DcEOfb2XaWBMUY7odI="},
		{"with the port of the address", "https://signin.example:8443", "https://signin.example:8443/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered", "o1DgHU1q4T54roV0A95FwSV5Mt0="},
		{"without the port of the address", "https://signin.example:8443", "https://signin.example/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered", "FRW+Gb7sxRPTp0UKLK76IaqffOQ="},
		{"an empty field", "https://signin.example", "https://signin.example/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered&ErrorCode=", "SdoK811fqrXWKGdEy5/hX2cvtqw="},
		{"letters", "https://signin.example", "https://signin.example/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered&Body=Si%C3%A2n+%26+%C5%B5+%E6%BC%A2", "MA2vk1irsI16zparmQ+BObasjtw="},
		{"a query", "https://signin.example", "https://signin.example/hooks/messages/twilio?a=b%20c&d=%C3%A2", "MessageSid=SM1&MessageStatus=delivered", "Ouwjq03KdBkUYqxYAiSds/yQyyc="},
		{"a field twice", "https://signin.example", "https://signin.example/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered&x=b&x=a&x=b", "7SYIwAA+iTwmVu0I0Bd1KEfVSxk="},
	} {
		if got := status(tt.address, tt.signed, tt.body, tt.signature); got != http.StatusNoContent {
			t.Errorf("%s: %d, want 204", tt.name, got)
		}
		if got := status("https://other.example", tt.signed, tt.body, tt.signature); got != http.StatusForbidden {
			t.Errorf("%s, at another address: %d, want 403", tt.name, got)
		}
	}
	const target, body = "/hooks/messages/twilio", "MessageSid=SM1&MessageStatus=delivered"
	for signed, signature := range map[string]string{
		"http://signin.example": "Kl37gWfh4C23Iwvj326Nlft0Kmk=", "https://signin.example:8444": "IfAn8RCxT//icgXR9T/YdlHolyw=", "https://evil.example": "gBrl5W3bV7cCXeIVpf0e2AKelhk=",
		"https://signin.example.:443": "hUOGFSOUfz40mypM78Irl80QUJA=", "nothing": "", "no base64": "%",
	} {
		if got := status("https://signin.example:8443", target, body, signature); got != http.StatusForbidden {
			t.Errorf("signed for %s: %d, want 403", signed, got)
		}
	}
}
