package telephone

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/notify"
)

const (
	// receiptsPath is where receipts are posted: /hooks/messages/<provider>.
	receiptsPath = "/hooks/messages/"
	maxReceipt   = 8 << 10 // bytes; they have a few hundred
	// receiptLife is how far the time of a receipt of the generic provider may be from ours.
	receiptLife = 5 * time.Minute
)

// TwilioReceipts returns the address that Twilio is to post receipts to, at an installation of that address. Twilio calls no address
// that only this machine knows; there it is empty.
func TwilioReceipts(address string) string {
	u, err := url.Parse(address)
	if err != nil || isLoopback(u.Hostname()) {
		return ""
	}
	return address + receiptsPath + nameTwilio
}

// ReceiptsConfig says how each provider proves that a receipt is its own. A provider whose secret is empty is not listened to.
type ReceiptsConfig struct {
	// Address is the configured public address; what a request says of its own is not believed.
	Address string
	// HTTPSecret signs the receipts of the generic provider.
	HTTPSecret string
	// TwilioToken is that of the account.
	TwilioToken string
	// NotifyToken is the bearer token that was given to GOV.UK Notify.
	NotifyToken string
	// Note is told of each receipt: notify.Service.NoteReceipt.
	Note func(context.Context, notify.Receipt) error
	Now  func() time.Time
	Log  *slog.Logger
}

// Receipts takes the receipts of providers, at POST /hooks/messages/<provider>. An answer of 204 means that the receipt was understood,
// even when the message is not known, so that a stranger learns nothing and a provider does not try again; 403 that it was not signed
// by the provider. It returns nil when no provider has a secret.
//
//   - http: JSON {"reference", "state": "delivered" or "failed", "problem"}, where problem is a short code. X-Staffkey-Timestamp is the
//     time in seconds since 1970, and X-Staffkey-Signature the HMAC-SHA256, in hexadecimal, of that time, a full stop and the body.
//   - twilio: the form of a status callback, with X-Twilio-Signature. Below it, Twilio asks what a call says when a key was pressed.
//   - notify: the JSON of a delivery receipt, with a bearer token.
func Receipts(c ReceiptsConfig) http.Handler {
	mux, listening := http.NewServeMux(), false
	for _, p := range []struct {
		name, secret string
		read         func(*http.Request, []byte) (receipt, error)
	}{{nameHTTP, c.HTTPSecret, c.readHTTP}, {nameTwilio, c.TwilioToken, c.readTwilio}, {nameNotify, c.NotifyToken, c.readNotify}} {
		if p.secret != "" {
			listening = true
			mux.Handle("POST "+receiptsPath+p.name, c.take(p.name, p.read))
			if p.name == nameTwilio {
				mux.HandleFunc("POST "+callPath, c.continueCall)
			}
		}
	}
	if !listening {
		return nil
	}
	return mux
}

// receipt is what was read; state is empty when the message is still on its way.
type receipt struct {
	reference, problem string
	state              staffkey.DeliveryState
}

var (
	errNotSigned   = errors.New("not signed by the provider")
	errNotReadable = errors.New("not a receipt")
)

func (c ReceiptsConfig) take(provider string, read func(*http.Request, []byte) (receipt, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, ok := readReceipt(w, r)
		if !ok {
			return
		}
		got, err := read(r, body)
		switch {
		case errors.Is(err, errNotSigned):
			w.WriteHeader(http.StatusForbidden)
		case err != nil:
			w.WriteHeader(http.StatusBadRequest)
		case !c.note(r.Context(), provider, got):
			w.WriteHeader(http.StatusServiceUnavailable) // the provider tries again
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}
}

// readReceipt reads what was posted, and answers itself what is too long.
func readReceipt(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReceipt))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
	}
	return body, err == nil
}

// note notes a receipt that says something, and reports whether that went well. A message that is not known is none of the provider's business.
func (c ReceiptsConfig) note(ctx context.Context, provider string, got receipt) bool {
	if got.state == "" || got.reference == "" {
		return true
	}
	err := c.Note(ctx, notify.Receipt{Provider: provider, Reference: got.reference, State: got.state, Problem: got.problem})
	if err == nil || errors.Is(err, staffkey.ErrNotFound) {
		return true
	}
	c.Log.LogAttrs(ctx, slog.LevelError, "receipt not noted", slog.String("provider", provider), slog.Any("error", err))
	return false
}

// isBearer reports whether the request shows the token. Digests are compared, so that its length cannot be measured either.
func isBearer(r *http.Request, token string) bool {
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	want, got := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(shown))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

func (c ReceiptsConfig) readHTTP(r *http.Request, body []byte) (receipt, error) {
	at := r.Header.Get("X-Staffkey-Timestamp")
	signature, err := hex.DecodeString(r.Header.Get("X-Staffkey-Signature"))
	mac := hmac.New(sha256.New, []byte(c.HTTPSecret))
	mac.Write([]byte(at + "."))
	mac.Write(body)
	if err != nil || !hmac.Equal(signature, mac.Sum(nil)) {
		return receipt{}, errNotSigned
	}
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || c.Now().Sub(time.Unix(seconds, 0)).Abs() > receiptLife {
		return receipt{}, errNotSigned
	}
	var said struct{ Reference, State, Problem string }
	if json.Unmarshal(body, &said) != nil {
		return receipt{}, errNotReadable
	}
	switch staffkey.DeliveryState(said.State) {
	case staffkey.DeliveryDelivered:
		return receipt{reference: said.Reference, state: staffkey.DeliveryDelivered}, nil
	case staffkey.DeliveryFailed:
		return receipt{reference: said.Reference, state: staffkey.DeliveryFailed, problem: problemCode(said.Problem)}, nil
	}
	return receipt{}, errNotReadable
}

// readTwilio reads a status callback.
func (c ReceiptsConfig) readTwilio(r *http.Request, body []byte) (receipt, error) {
	form, err := c.twilioForm(r, body)
	if err != nil {
		return receipt{}, err
	}
	if sid := form.Get("CallSid"); sid != "" {
		return callReceipt(sid, form.Get("CallStatus"), form.Get("AnsweredBy")), nil
	}
	return twilioReceipt(form.Get("MessageSid"), form.Get("MessageStatus"), form.Get("ErrorCode")), nil
}

// twilioForm reads a form that Twilio has signed: by the HMAC-SHA1, in base64, of the address that it was posted to and of all fields in the
// order of their names, name and value without anything between them, each value once. Twilio signs the address with its port or without, also
// where there is none, and is not consistent about it: its own libraries try both (twilio-python 9.13.0, request_validator.py).
func (c ReceiptsConfig) twilioForm(r *http.Request, body []byte) (url.Values, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, errNotSigned
	}
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil {
		return nil, errNotSigned
	}
	path := r.URL.EscapedPath()
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	var fields strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Compact(slices.Sorted(slices.Values(form[name])))
		for _, value := range values {
			fields.WriteString(name + value)
		}
	}
	for _, address := range withAndWithoutPort(c.Address) {
		mac := hmac.New(sha1.New, []byte(c.TwilioToken))
		mac.Write([]byte(address + path + fields.String()))
		if hmac.Equal(signature, mac.Sum(nil)) {
			return form, nil
		}
	}
	return nil, errNotSigned
}

// withAndWithoutPort lists the ways to write an address: without its port, and with it, also where it is the one that its scheme implies.
func withAndWithoutPort(address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		return []string{address}
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[u.Scheme]
	}
	bare := strings.TrimSuffix(u.Host, ":"+u.Port())
	return []string{u.Scheme + "://" + bare, u.Scheme + "://" + bare + ":" + port}
}

// callReceipt is what the end of a call says. A call that was taken and is over has brought nothing by that: whoever heard the code has pressed a
// key, which was noted then and holds.
func callReceipt(reference, status, by string) receipt {
	if status != "completed" {
		return twilioReceipt(reference, status, "")
	}
	problem := "no-key"
	if strings.HasPrefix(by, "machine") || by == "fax" {
		problem = "machine"
	}
	return receipt{reference: reference, state: staffkey.DeliveryFailed, problem: problem}
}

func twilioReceipt(reference, status, code string) receipt {
	switch status {
	case "delivered", "read":
		return receipt{reference: reference, state: staffkey.DeliveryDelivered}
	case "failed", "undelivered", "canceled", "busy", "no-answer":
		if code == "" {
			return receipt{reference: reference, state: staffkey.DeliveryFailed, problem: status}
		}
		return receipt{reference: reference, state: staffkey.DeliveryFailed, problem: problemCode(status + "-" + code)}
	}
	return receipt{} // on its way
}

func (c ReceiptsConfig) readNotify(r *http.Request, body []byte) (receipt, error) {
	if !isBearer(r, c.NotifyToken) {
		return receipt{}, errNotSigned
	}
	var said struct{ ID, Status string }
	if json.Unmarshal(body, &said) != nil {
		return receipt{}, errNotReadable
	}
	switch said.Status {
	case "delivered":
		return receipt{reference: said.ID, state: staffkey.DeliveryDelivered}, nil
	case "permanent-failure", "temporary-failure", "technical-failure":
		return receipt{reference: said.ID, state: staffkey.DeliveryFailed, problem: said.Status}, nil
	}
	return receipt{}, nil
}

// codes are letters first and then up to five digits: too few for a telephone number or a code of ours.
var codes = regexp.MustCompile(`^[a-zA-Z][a-zA-Z_-]{0,39}[0-9]{0,5}$`)

// problemCode keeps what a provider calls a problem when it is a short code. A sentence may repeat the number, which is not stored.
func problemCode(s string) string {
	if codes.MatchString(s) {
		return s
	}
	return "refused"
}
