package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Message is a text message, a call or an e-mail that the demo sent.
type Message struct {
	// Number counts the messages of this start, from 1.
	Number int `json:"number"`
	// Kind is "text", "voice" or "email".
	Kind string `json:"kind"`
	// To is an e-mail address, or a telephone number as E.164 writes it.
	To       string   `json:"to"`
	Language string   `json:"language"`
	Subject  string   `json:"subject"`
	Text     string   `json:"text"`
	Spoken   []string `json:"spoken"`
	// Code is the code in a text message or call; empty when there is none.
	Code string `json:"code"`
}

// messageWithin is how long a message may take from the change that it tells of.
const messageWithin = 20 * time.Second

// ErrNoMessage is returned when a message does not come in time.
var ErrNoMessage = errors.New("no message came")

// LatestMessage returns the latest message to a recipient that came after the message of that number, and waits for one; after is 0 for
// any message.
func (p *Program) LatestMessage(ctx context.Context, to string, after int) (Message, error) {
	query := url.Values{"to": {to}, "after": {strconv.Itoa(after)}, "wait": {messageWithin.String()}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Gateway+"/messages?"+query.Encode(), nil)
	if err != nil {
		return Message{}, fmt.Errorf("latest message: %w", err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return Message{}, fmt.Errorf("latest message: %w", err)
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	var list []Message
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return Message{}, fmt.Errorf("latest message: %s: %w", res.Status, err)
	}
	if len(list) == 0 {
		return Message{}, ErrNoMessage
	}
	return list[0], nil
}
