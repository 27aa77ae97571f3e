package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
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
	list, err := p.messages(ctx, to, after)
	if err != nil {
		return Message{}, err
	}
	return list[0], nil
}

// FindMessage returns the latest message to a recipient that fits, and waits for one.
func (p *Program) FindMessage(ctx context.Context, to string, fits func(Message) bool) (Message, error) {
	for after := 0; ; {
		list, err := p.messages(ctx, to, after)
		if err != nil {
			return Message{}, err
		}
		if i := slices.IndexFunc(list, fits); i >= 0 {
			return list[i], nil
		}
		after = list[0].Number
	}
}

// messages returns the messages to a recipient that came after one, newest first, and waits for the first of them.
func (p *Program) messages(ctx context.Context, to string, after int) ([]Message, error) {
	query := url.Values{"to": {to}, "after": {strconv.Itoa(after)}, "wait": {messageWithin.String()}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.Gateway+"/messages?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("messages to %s: %w", to, err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, fmt.Errorf("messages to %s: %w", to, err)
	}
	defer func() { _ = res.Body.Close() }() // it has been read
	var list []Message
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("messages to %s: %s: %w", to, res.Status, err)
	}
	if len(list) == 0 {
		return nil, ErrNoMessage
	}
	return list, nil
}
