package telephone

import (
	"context"
	"encoding/xml"
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
	// StatusCallback is where receipts are sent; none are when it is empty.
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
		text, err := twiML(m)
		form.Set("From", t.config.From)
		form.Set("Twiml", text)
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

// The parts of a call. The order of the elements is the order in which they happen.
type (
	twimlResponse struct {
		XMLName xml.Name `xml:"Response"`
		Steps   []any
	}
	twimlSay struct {
		XMLName  xml.Name `xml:"Say"`
		Voice    string   `xml:"voice,attr,omitempty"`
		Language string   `xml:"language,attr"`
		Text     string   `xml:",chardata"`
	}
	twimlPause struct {
		XMLName xml.Name `xml:"Pause"`
		Length  int      `xml:"length,attr"` // seconds
	}
)

// twiML writes what a call says: its sentences, with a pause after each. They say the digits twice, for whoever had no pen.
func twiML(m notify.Message) (string, error) {
	if len(m.Spoken) == 0 {
		return "", errors.New("a call with nothing to say")
	}
	say := twimlSay{Language: "en-GB"}
	if m.Language == "cy" {
		say.Language, say.Voice = "cy-GB", "Polly.Gwyneth" // the default voices speak no Welsh
	}
	var response twimlResponse
	for _, sentence := range m.Spoken {
		say.Text = sentence
		response.Steps = append(response.Steps, say, twimlPause{Length: 1})
	}
	text, err := xml.Marshal(response)
	return string(text), err
}
