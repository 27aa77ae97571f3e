package telephone

import (
	"encoding/base64"
	"encoding/xml"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"

	"github.com/google/go-cmp/cmp"
)

// spokenCall is what TwiML says, and what it asks for a key at, as Twilio reads it.
type spokenCall struct {
	Say    []spokenSay `xml:"Say"`
	Gather []struct {
		Input     string      `xml:"input,attr"`
		NumDigits string      `xml:"numDigits,attr"`
		Action    string      `xml:"action,attr"`
		Method    string      `xml:"method,attr"`
		Say       []spokenSay `xml:"Say"`
	} `xml:"Gather"`
	Hangup *struct{} `xml:"Hangup"`
}

type spokenSay struct {
	Voice    string `xml:"voice,attr"`
	Language string `xml:"language,attr"`
	Text     string `xml:",chardata"`
}

func readTwiML(t *testing.T, text string) (c spokenCall) {
	t.Helper()
	if err := xml.Unmarshal([]byte(text), &c); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return c
}

// place makes a call with the token of [newHooks] and returns how it begins.
func place(t *testing.T, m notify.Message) spokenCall {
	t.Helper()
	p := newProvider(t, http.StatusCreated, `{"sid":"CA1"}`)
	c, err := NewTwilio(staffkey.ChannelVoice, TwilioConfig{
		URL: p.url, Account: "AC1", Token: "twilio token", From: "+441632960000", StatusCallback: TwilioReceipts("https://signin.example"),
	})
	if ref, err := channel(t, c, err).Send(t.Context(), m); err != nil || ref != "CA1" {
		t.Fatalf("reference %q, %v", ref, err)
	}
	got := p.only(t)
	if got.path != "/2010-04-01/Accounts/AC1/Calls.json" {
		t.Errorf("path %s", got.path)
	}
	form, err := url.ParseQuery(got.body)
	if err != nil {
		t.Fatal(err)
	}
	text := form.Get("Twiml")
	form.Del("Twiml")
	want := url.Values{"To": {number}, "From": {"+441632960000"}, "TimeLimit": {"120"}, "StatusCallback": {"https://signin.example/hooks/messages/twilio"}}
	if diff := cmp.Diff(want, form); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(text) > 4000 {
		t.Errorf("the TwiML has %d characters, and Twilio takes 4,000", len(text))
	}
	for _, secret := range []string{"123456", "un, dau", "Eich cod"} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is said before the key:\n%s", secret, text)
		}
	}
	return readTwiML(t, text)
}

// press answers as Twilio does when keys were pressed, or none.
func (h *hooks) press(t *testing.T, action, digits, token string) *httptest.ResponseRecorder {
	t.Helper()
	form := url.Values{"CallSid": {"CA1"}, "CallStatus": {"in-progress"}, "Digits": {digits}, "To": {number}}
	r := httptest.NewRequest("POST", strings.TrimPrefix(action, "https://signin.example"), strings.NewReader(form.Encode()))
	for name, value := range signTwilio(token, action, form) {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.handler.ServeHTTP(w, r)
	return w
}

// A call says the code when its key is pressed, and never before: to no answering machine.
func TestTwilio_calls(t *testing.T) {
	t.Parallel()
	welsh := func(texts ...string) (list []spokenSay) {
		for _, text := range texts {
			list = append(list, spokenSay{"Polly.Gwyneth", "cy-GB", text})
		}
		return list
	}
	begun := place(t, codeMessage())
	if len(begun.Say) != 0 || begun.Hangup == nil || len(begun.Gather) != 2 || begun.Gather[0].Action != begun.Gather[1].Action {
		t.Fatalf("the call begins with %+v, want it to ask twice, and nothing after that", begun)
	}
	ask := begun.Gather[0]
	if diff := cmp.Diff(welsh("Pwyswch <1>."), ask.Say); diff != "" || ask.Input != "dtmf" || ask.NumDigits != "1" || ask.Method != "POST" {
		t.Errorf("asks %+v (-want +got):\n%s", ask, diff)
	}

	h := newHooks()
	for _, digits := range []string{"2", "", "11", "*"} {
		w := h.press(t, ask.Action, digits, "twilio token")
		again := readTwiML(t, w.Body.String())
		if w.Code != http.StatusOK || len(again.Say) != 0 || len(again.Gather) != 1 || again.Gather[0].Action != ask.Action || len(h.noted) != 0 {
			t.Errorf("after %q: %d, %+v, noted %+v; want it asked again", digits, w.Code, again, h.noted)
		}
	}
	w := h.press(t, ask.Action, "1", "twilio token")
	said := readTwiML(t, w.Body.String())
	if diff := cmp.Diff(welsh("Eich cod yw", "un, dau, <tri>"), said.Say); diff != "" || len(said.Gather) != 0 {
		t.Errorf("says %+v (-want +got):\n%s", said, diff)
	}
	if got := w.Header(); !strings.HasPrefix(got.Get("Content-Type"), "text/xml") || got.Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", got)
	}
	if diff := cmp.Diff([]notify.Receipt{{Provider: "twilio", Reference: "CA1", State: staffkey.DeliveryDelivered}}, h.noted); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}

	// Whoever waits for the code hears it, also when the receipt cannot be noted.
	h.err = errors.New("the database is away")
	if said := readTwiML(t, h.press(t, ask.Action, "1", "twilio token").Body.String()); len(said.Say) != 2 {
		t.Errorf("without a database: says %+v", said)
	}

	english := codeMessage()
	english.Language = "en"
	if say := place(t, english).Gather[0].Say[0]; say.Language != "en-GB" || say.Voice != "" {
		t.Errorf("English: %+v", say)
	}
	for name, m := range map[string]notify.Message{"nothing": {}, "no question": {Spoken: []string{"x"}}, "no answer": {Asked: []string{"x"}}} {
		if _, err := (&twilio{}).ask(m); err == nil {
			t.Errorf("%s: the call is made", name)
		}
	}
}

// Only Twilio hears what a call says, and only as long as it is of any use.
func TestTwilio_calls_that_are_refused(t *testing.T) {
	t.Parallel()
	action := place(t, codeMessage()).Gather[0].Action
	before, sealed, _ := strings.Cut(action, "?m=")
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	other, err := call{Spoken: []string{"x"}, Asked: []string{"x"}, Until: receiptTime.Add(time.Hour)}.seal("another token")
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		action, token string
		want          int
	}{
		"another's signature": {action, "another token", http.StatusForbidden},
		"no signature":        {action, "", http.StatusForbidden},
		"changed":             {before + "?m=" + base64.RawURLEncoding.EncodeToString(raw), "twilio token", http.StatusBadRequest},
		"another's seal":      {before + "?m=" + other, "twilio token", http.StatusBadRequest},
		"cut short":           {action[:len(action)-40], "twilio token", http.StatusBadRequest},
		"no base64":           {before + "?m=.", "twilio token", http.StatusBadRequest},
		"nothing":             {before, "twilio token", http.StatusBadRequest},
	} {
		h := newHooks()
		if w := h.press(t, tt.action, "1", tt.token); w.Code != tt.want || w.Body.Len() != 0 || len(h.noted) != 0 {
			t.Errorf("%s: %d %q, noted %+v; want %d and nothing said", name, w.Code, w.Body, h.noted, tt.want)
		}
	}
	late := codeMessage()
	late.ExpiresAt = receiptTime
	h := newHooks()
	w := h.press(t, place(t, late).Gather[0].Action, "1", "twilio token")
	if said := readTwiML(t, w.Body.String()); w.Code != http.StatusOK || len(said.Say) != 0 || said.Hangup == nil || len(h.noted) != 0 {
		t.Errorf("after its time: %d, %+v, noted %+v; want it to hang up", w.Code, said, h.noted)
	}
}
