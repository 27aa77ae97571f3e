package telephone

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/notify"
)

// A call by Twilio first asks for a key, so that no answering machine takes a code down. What it says then, Twilio asks at [callPath], because only an
// answer there can depend on a key. The question carries it, sealed: any node can answer, and nothing about the call is stored here.

const (
	// callPath is below the path of Twilio's receipts.
	callPath = receiptsPath + nameTwilio + "/call"
	// callLimit ends a call, in seconds, however often a wrong key is pressed.
	callLimit = "120"
	// timesAsked is how often a call asks, for whoever was still lifting the telephone to their ear, and keyWait for how many seconds each time.
	timesAsked = 2
	keyWait    = 6
)

// The parts of a call. The order of the elements is the order in which they happen.
type (
	twimlResponse struct {
		XMLName xml.Name `xml:"Response"`
		Steps   []any
	}
	twimlGather struct {
		XMLName xml.Name `xml:"Gather"`
		Input   string   `xml:"input,attr"`
		Digits  int      `xml:"numDigits,attr"`
		Timeout int      `xml:"timeout,attr"` // seconds
		Action  string   `xml:"action,attr"`
		Method  string   `xml:"method,attr"`
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
	twimlHangup struct {
		XMLName xml.Name `xml:"Hangup"`
	}
)

// call is what a call says, as the question carries it.
type call struct {
	Language string    `json:"l"`
	Asked    []string  `json:"a"`
	Spoken   []string  `json:"s"`
	Until    time.Time `json:"u"`
}

// ask writes how a call begins.
func (t *twilio) ask(m notify.Message) (string, error) {
	if len(m.Asked) == 0 || len(m.Spoken) == 0 {
		return "", errors.New("a call with nothing to say")
	}
	c := call{m.Language, m.Asked, m.Spoken, m.ExpiresAt.UTC()}
	sealed, err := c.seal(t.config.Token)
	if err != nil {
		return "", err
	}
	return c.question(t.config.StatusCallback+strings.TrimPrefix(callPath, receiptsPath+nameTwilio)+"?m="+url.QueryEscape(sealed), timesAsked)
}

// question asks for the key some times; nothing is said after it.
func (c call) question(action string, times int) (string, error) {
	var steps []any
	for range times {
		steps = append(steps, twimlGather{Input: "dtmf", Digits: 1, Timeout: keyWait, Action: action, Method: http.MethodPost, Steps: c.say(c.Asked)})
	}
	return twiML(append(steps, twimlHangup{}))
}

// answer says what was asked for. The sentences say the digits twice, for whoever had no pen.
func (c call) answer() (string, error) { return twiML(append(c.say(c.Spoken), twimlHangup{})) }

// say are sentences with a pause after each.
func (c call) say(sentences []string) []any {
	say := twimlSay{Language: "en-GB"}
	if c.Language == "cy" {
		say.Language, say.Voice = "cy-GB", "Polly.Gwyneth" // the default voices speak no Welsh
	}
	var steps []any
	for _, sentence := range sentences {
		say.Text = sentence
		steps = append(steps, say, twimlPause{Length: 1})
	}
	return steps
}

func twiML(steps []any) (string, error) {
	text, err := xml.Marshal(twimlResponse{Steps: steps})
	return string(text), err
}

// callCipher seals what a call says with a key that all nodes can make of the account's token: Twilio hears it anyway, and whoever only sees the
// addresses that it asks for (a proxy and its log) learns nothing.
func callCipher(token string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(token), nil, "staffkey twilio call", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (c call) seal(token string) (string, error) {
	aead, err := callCipher(token)
	if err != nil {
		return "", err
	}
	plain, err := json.Marshal(c)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(aead.Seal(nil, nil, plain, nil)), nil
}

func openCall(token, sealed string) (c call, err error) {
	aead, err := callCipher(token)
	if err != nil {
		return c, err
	}
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return c, errNotReadable
	}
	plain, err := aead.Open(nil, nil, raw, nil)
	if err != nil {
		return c, errNotReadable
	}
	return c, json.Unmarshal(plain, &c)
}

// continueCall answers Twilio what a call says after a key: the code when it is the right one, and the question again after another. That
// somebody has heard the code is its receipt, because a machine that takes a call takes it to its end as well.
func (c ReceiptsConfig) continueCall(w http.ResponseWriter, r *http.Request) {
	body, ok := readReceipt(w, r)
	if !ok {
		return
	}
	form, err := c.twilioForm(r, body)
	if err != nil {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	said, err := openCall(c.TwilioToken, r.URL.Query().Get("m"))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var text string
	switch {
	case !c.Now().Before(said.Until):
		text, err = twiML([]any{twimlHangup{}})
	case form.Get("Digits") == notify.Key:
		c.note(r.Context(), nameTwilio, receipt{reference: form.Get("CallSid"), state: staffkey.DeliveryDelivered})
		text, err = said.answer()
	default:
		text, err = said.question(c.Address+r.URL.RequestURI(), 1)
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write([]byte(text)) // a caller who has gone hears nothing
}
