// Package telephone sends text messages and makes phone calls (F41, F42) by whoever does so for the installation: any gateway
// that speaks our small JSON over HTTP ([NewHTTP]), a service that speaks as Twilio does ([NewTwilio]), or one that speaks as
// GOV.UK Notify does ([NewNotify]). [Receipts] takes what they say later about messages that they took.
//
// An attempt is one request. Its error is permanent (notify.Permanent) only when the number is surely to blame; a wrong password, a limit, a
// template that is not there or a service that is down is between us and that provider, and another may do better. A provider's
// Retry-After is not followed: the outbox tries the next provider at once, and waits longer each time that all have failed. Errors hold
// status and code and never the provider's words, because those repeat the number.
package telephone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"staffkey/internal/notify"
)

const (
	sendWithin   = 10 * time.Second
	maxAnswer    = 64 << 10 // bytes of a provider's answer that are read
	maxReference = 200      // characters; a longer one is none, for no receipt could be matched
)

// newClient returns a client that follows no redirects: they would carry number and code to wherever they point.
func newClient() *http.Client {
	return &http.Client{
		Timeout:       sendWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// checkURL accepts the addresses that secrets may be sent to: https, or http on this machine.
func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.Fragment != "":
		return fmt.Errorf("%q is no address such as https://gateway.example/messages", address)
	case u.Scheme == "http" && isLoopback(u.Hostname()), u.Scheme == "https":
		return nil
	}
	return fmt.Errorf("%q: codes travel over https only (or http on this machine)", address)
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// answer is what a provider said.
type answer struct {
	status int
	body   []byte
}

// taken reports whether the provider has the message. From then on there is no error: whatever else is odd about the answer, to try
// again would send the message twice.
func (a answer) taken() bool { return a.status >= 200 && a.status < 300 }

// failed is what an answer that does not take the message means. A gateway before the provider that waited in vain for it (504) leaves
// open what became of the message.
func (a answer) failed(err error) error {
	if a.status == http.StatusGatewayTimeout {
		return notify.Unsure(err)
	}
	return err
}

// decode reads the answer as JSON into v, and leaves v as it is where there is none.
func (a answer) decode(v any) { _ = json.Unmarshal(a.body, v) }

// post sends one request and reads the answer. Without one the message may have gone (notify.Unsure), unless the request never went out.
func post(ctx context.Context, client *http.Client, address, contentType, body string, authorise func(*http.Request)) (answer, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		return answer{}, errors.New("the provider's address cannot be used")
	}
	var wrote atomic.Bool
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(i httptrace.WroteRequestInfo) { wrote.Store(wrote.Load() || i.Err == nil) }}))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Staffkey")
	authorise(r)
	res, err := client.Do(r)
	if err != nil {
		err = fmt.Errorf("the provider does not answer: %w", withoutAddress(err))
		if wrote.Load() {
			err = notify.Unsure(err)
		}
		return answer{}, err
	}
	defer func() { _ = res.Body.Close() }() // what was needed of it has been read
	a := answer{status: res.StatusCode}
	if a.body, err = io.ReadAll(io.LimitReader(res.Body, maxAnswer)); err != nil && !a.taken() {
		return a, fmt.Errorf("the provider's answer breaks off: %w", withoutAddress(err))
	}
	return a, nil
}

// withoutAddress takes the address off an error of the client: it may hold the name of an account.
func withoutAddress(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// reference returns a provider's reference if it is one that receipts can be matched by.
func reference(s string) string {
	if len(s) > maxReference {
		return ""
	}
	return s
}
