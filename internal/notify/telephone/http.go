package telephone

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"staffkey"
	"staffkey/internal/notify"
)

// nameHTTP is the name of the generic provider, in the outbox and in the path of its receipts.
const nameHTTP = "http"

// HTTPConfig says where a gateway of one's own is.
type HTTPConfig struct {
	// URL takes the messages; https, or http on this machine.
	URL string
	// Token is sent as the bearer token (RFC 6750 §2.1).
	Token string
}

// httpChannel hands messages to any gateway that speaks our JSON.
type httpChannel struct {
	kind   staffkey.ChannelKind
	config HTTPConfig
	client *http.Client
}

// httpMessage is the JSON that a gateway gets. docs/operating.md describes it for those who write one.
type httpMessage struct {
	ID       staffkey.OutgoingID  `json:"id"`
	Kind     staffkey.ChannelKind `json:"kind"`
	To       string               `json:"to"`
	Language string               `json:"language"`
	Text     string               `json:"text,omitempty"`
	// A call says what it asks, waits for the key, and says what is spoken only when that was pressed.
	Asked  []string `json:"asked,omitempty"`
	Key    string   `json:"key,omitempty"`
	Spoken []string `json:"spoken,omitempty"`
	Code   string   `json:"code,omitempty"` // for gateways that speak digits in a way of their own
}

// NewHTTP returns the provider of texts or calls that posts JSON to a gateway. Each request carries the message's id as Idempotency-Key,
// so that the gateway knows a message that it has had before. Any answer of 2xx means that the gateway has the message; its JSON may
// name a reference. 422 blames the number and is permanent: all others may be about an address, a token or a form that somebody will mend.
func NewHTTP(kind staffkey.ChannelKind, c HTTPConfig) (notify.Channel, error) {
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	return &httpChannel{kind, c, newClient()}, nil
}

// Kind implements notify.Channel.
func (c *httpChannel) Kind() staffkey.ChannelKind { return c.kind }

// Name implements notify.Channel.
func (c *httpChannel) Name() string { return nameHTTP }

// Send implements notify.Channel.
func (c *httpChannel) Send(ctx context.Context, m notify.Message) (string, error) {
	message := httpMessage{ID: m.ID, Kind: c.kind, To: m.To, Language: m.Language, Text: m.Text, Asked: m.Asked, Spoken: m.Spoken, Code: m.Args["Code"]}
	if c.kind == staffkey.ChannelVoice {
		message.Key = notify.Key
	}
	body, err := json.Marshal(message)
	if err != nil {
		return "", err
	}
	a, err := post(ctx, c.client, c.config.URL, "application/json", string(body), func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+c.config.Token)
		r.Header.Set("Idempotency-Key", string(m.ID))
	})
	if err != nil {
		return "", err
	}
	if a.taken() {
		var taken struct{ Reference string }
		a.decode(&taken)
		return reference(taken.Reference), nil
	}
	err = fmt.Errorf("the gateway answered %d", a.status)
	if a.status == http.StatusUnprocessableEntity {
		return "", notify.Permanent(err)
	}
	return "", a.failed(err)
}
