package telephone

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"staffkey"
	"staffkey/internal/notify"
)

const (
	nameTwilio = "twilio"
	// twilioVersion is the version of the API, part of each path.
	twilioVersion = "/2010-04-01/Accounts/"
)

// TwilioConfig is an account at Twilio, or at a service that speaks as Twilio does.
type TwilioConfig struct {
	URL     string // such as https://api.twilio.com
	Account string // its SID
	Token   string
	// From is the number, the name or the messaging service (its SID, MG…) that texts come from; for calls, the number.
	From string
	// StatusCallback is where receipts are sent, and what is below it asked during calls: [TwilioReceipts]. None are sent when it is empty, and
	// no calls are made.
	StatusCallback string
}

type twilio struct {
	kind   staffkey.ChannelKind
	config TwilioConfig
	client *http.Client
}

// NewTwilio returns the provider of texts or calls at an account of Twilio. Twilio has no way to recognise a message that it gets twice.
func NewTwilio(kind staffkey.ChannelKind, c TwilioConfig) (notify.Channel, error) {
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	if kind == staffkey.ChannelVoice && !strings.HasPrefix(c.From, "+") {
		return nil, fmt.Errorf("%q: calls come from a number, as in +441632960000", c.From)
	}
	if kind == staffkey.ChannelVoice && c.StatusCallback == "" {
		return nil, errors.New("calls need an address that Twilio can reach: when a key was pressed, it asks there what to say")
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	return &twilio{kind, c, newClient()}, nil
}

// Kind implements notify.Channel.
func (t *twilio) Kind() staffkey.ChannelKind { return t.kind }

// Name implements notify.Channel.
func (t *twilio) Name() string { return nameTwilio }

// badNumbers are Twilio's error codes that blame the number, whoever sends to it.
var badNumbers = []int{
	21211, // "to" is no number
	21214, // the number cannot be called
	21217, // it looks like no number
	21610, // whoever has it asked to get no more
	21614, // it is no mobile
}

// Send implements notify.Channel.
func (t *twilio) Send(ctx context.Context, m notify.Message) (string, error) {
	form, err := t.form(m)
	if err != nil {
		return "", err
	}
	resource := "/Messages.json"
	if t.kind == staffkey.ChannelVoice {
		resource = "/Calls.json"
	}
	address := t.config.URL + twilioVersion + url.PathEscape(t.config.Account) + resource
	a, err := post(ctx, t.client, address, "application/x-www-form-urlencoded", form.Encode(), func(r *http.Request) {
		r.SetBasicAuth(t.config.Account, t.config.Token)
	})
	if err != nil {
		return "", err
	}
	if a.taken() {
		var taken struct {
			SID string `json:"sid"`
		}
		a.decode(&taken)
		return reference(taken.SID), nil
	}
	var refused struct{ Code int }
	a.decode(&refused)
	err = fmt.Errorf("the service answered %d, code %d", a.status, refused.Code)
	if a.status == http.StatusBadRequest && slices.Contains(badNumbers, refused.Code) {
		return "", notify.Permanent(err)
	}
	return "", a.failed(err)
}

func (t *twilio) form(m notify.Message) (url.Values, error) {
	form := url.Values{"To": {m.To}}
	if t.config.StatusCallback != "" {
		form.Set("StatusCallback", t.config.StatusCallback)
	}
	if t.kind == staffkey.ChannelVoice {
		text, err := t.ask(m)
		form.Set("From", t.config.From)
		form.Set("Twiml", text)
		form.Set("TimeLimit", callLimit)
		return form, err
	}
	if strings.HasPrefix(t.config.From, "MG") && len(t.config.From) == sidLength {
		form.Set("MessagingServiceSid", t.config.From)
	} else {
		form.Set("From", t.config.From)
	}
	form.Set("Body", m.Text)
	return form, nil
}

// sidLength tells the SID of a messaging service from the name of a sender, which has at most 11 characters.
const sidLength = 34
